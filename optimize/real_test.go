package optimize_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/format/csv"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/internal/script"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/group"
	"github.com/weft-data/weft/op/order"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/optimize"
)

// TestRealOperators runs testdata/real/*.txt: plans of the operators that users
// have, over two files. Commands are those of TestScripts, with the verbs csv,
// group, order (descending), head and concat, and
//
//	run name            the rows, sorted; equal with all passes and with none
func TestRealOperators(t *testing.T) {
	scripts, err := filepath.Abs("testdata/real/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	var trips, zones strings.Builder
	trips.WriteString("id,zone,fare,tip,note\n")
	for i := range 5000 {
		fmt.Fprintf(&trips, "%d,%d,%d.5,%d,note %d\n", i, i%7, i%40, i%3, i)
	}
	zones.WriteString("zone,name,borough\n")
	for i := range 7 {
		fmt.Fprintf(&zones, "%d,zone %d,%s\n", i, i, []string{"north", "south"}[i%2])
	}
	for name, text := range map[string]string{"trips.csv": trips.String(), "zones.csv": zones.String()} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script.RunEach(t, scripts, func(t *testing.T) script.Handler {
		s := &scripted{names: map[string]graph.LayerID{}}
		return func(t *testing.T, d *script.Stanza) string {
			if d.Cmd == "run" {
				return s.run(t, s.names[d.Words()[0]])
			}
			return s.handle(t, d)
		}
	})
}

// run returns the rows of a layer.
func (s *scripted) run(t *testing.T, want graph.LayerID) string {
	got, rep, err := optest.Collect(t, optest.Options{Threads: 2}, &s.g, want)
	if err != nil {
		return "error: " + err.Error()
	}
	for _, text := range []string{rep.Before, rep.After, rep.Picture} {
		if text == "" {
			t.Error("the report lacks a text")
		}
	}
	var off []string
	for _, p := range optimize.Passes {
		if !p.Must {
			off = append(off, p.Name)
		}
	}
	plain, _, err := optest.Collect(t, optest.Options{Off: off}, &s.g, want)
	if err != nil {
		return "error: " + err.Error()
	}
	optest.SameRows(t, got, plain)
	lines := make([]string, len(got))
	for i, r := range got {
		lines[i] = strings.TrimSuffix(fmt.Sprintln(r...), "\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// realCall makes the calls of the verbs that only the real scripts have.
func realCall(verb string, a map[string]string, in []op.Meta) (op.Call, op.Meta, error) {
	switch verb {
	case "csv":
		p, _, err := csv.Describe(context.Background(), []string{a["file"]}, csv.Options{})
		if err != nil {
			return op.Call{}, op.Meta{}, err
		}
		return csv.Read.Call(p)
	case "group":
		p := group.Params{Keys: list(a["by"])}
		for _, x := range list(a["agg"]) {
			fn, col, _ := strings.Cut(x, ":")
			p.Aggs = append(p.Aggs, group.Agg{Fn: fn, Col: col, As: strings.TrimSuffix(fn+"_"+col, "_")})
		}
		return group.By.Call(p, in...)
	case "order":
		return order.Sort.Call(order.SortParams{Keys: []op.SortKey{{Col: a["by"], Desc: true}}}, in...)
	case "concat":
		return rows.Concat.Call(rows.ConcatParams{Cols: in[0].Schema.Names()}, in...)
	case "head":
		n, err := strconv.ParseInt(a["rows"], 10, 64)
		if err != nil {
			return op.Call{}, op.Meta{}, err
		}
		return order.Limit.Call(order.LimitParams{N: n}, in...)
	}
	return op.Call{}, op.Meta{}, fmt.Errorf("unknown verb %s", verb)
}
