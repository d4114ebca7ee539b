package csv

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

func TestPredicatesInTheReader(t *testing.T) {
	var text strings.Builder
	text.WriteString("i,f,s,b,d,n,u\n")
	for i := range 20_000 {
		n := ""
		if i%3 > 0 {
			n = strconv.Itoa(i % 7)
		}
		fmt.Fprintf(&text, "%d,%d.5,\"s%d\",%t,2024-01-%02d,%s,%d\n", i, i%100, i%50, i%2 == 0, 1+i%28, n, i%200)
	}
	path := writeFile(t, "x.csv", text.String())
	p := describe(t, Options{SplitBytes: 50_000, Types: map[string]dtype.Type{"u": dtype.Of(dtype.Uint8)}}, path)
	all := mustCollect(t, p)
	num := func(s string) int { n, _ := strconv.Atoi(s); return n }
	for _, c := range []struct {
		pred expr.Expr
		keep func(r []string) bool
		cols []string
	}{
		{expr.Col("i").Lt(10), func(r []string) bool { return num(r[0]) < 10 }, nil},
		{expr.Col("i").Ge(0), func(r []string) bool { return true }, nil},
		{expr.Col("i").Lt(0), func(r []string) bool { return false }, nil},
		{expr.Col("s").Eq("s7"), func(r []string) bool { return r[2] == "s7" }, nil},
		{expr.Col("n").Gt(3).And(expr.Col("f").Lt(50)), func(r []string) bool { return num(r[5]) > 3 && num(strings.TrimSuffix(r[1], ".5")) < 50 }, nil},
		{expr.Col("b"), func(r []string) bool { return r[3] == "true" }, nil},
		{expr.Col("b").And(expr.Col("u").Ne(5)), func(r []string) bool { return r[3] == "true" && r[6] != "5" }, []string{"u", "d"}},
		{expr.Col("n").IsNull(), func(r []string) bool { return r[5] == null }, []string{"i"}},
		{expr.Col("i").Lt(5), func(r []string) bool { return num(r[0]) < 5 }, []string{}},
	} {
		q, rest := filter(p, c.pred)
		if !rest.None() {
			t.Fatalf("%s: %s is left", c.pred, rest)
		}
		at := []int{0, 1, 2, 3, 4, 5, 6}
		if c.cols != nil {
			q, at = project(q, c.cols), nil
			for _, name := range c.cols {
				i, _ := p.schema().Find(name)
				at = append(at, i)
			}
		}
		var want [][]string
		for _, r := range all {
			if c.keep(r) {
				row := []string(nil)
				for _, i := range at {
					row = append(row, r[i])
				}
				want = append(want, row)
			}
		}
		if got := mustCollect(t, q); table(got) != table(want) {
			t.Errorf("%s: %d rows, want %d", c.pred, len(got), len(want))
		}
		if n := len(want); n > 10 {
			q.Limit = 10
			if got := mustCollect(t, q); len(got) < 10 || table(got[:10]) != table(want[:10]) {
				t.Errorf("%s with a limit: %d rows", c.pred, len(got))
			}
		}
	}
	// Two predicates are both applied; one on top of a limit stays above.
	q, _ := filter(p, expr.Col("i").Lt(100))
	q, _ = filter(q, expr.Col("b"))
	if got := mustCollect(t, q); len(got) != 50 {
		t.Errorf("two predicates: %d rows", len(got))
	}
	q, _ = limit(p, 10)
	if _, rest := filter(q, expr.Col("b")); rest.None() {
		t.Error("a predicate went below a limit")
	}
	for _, bad := range []expr.Expr{expr.Col("nope").Gt(1), expr.Col("i").Add(1)} {
		q, _ := filter(p, bad)
		if _, err := inferRead(q, nil); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestFaultsInKeptRowsOnly(t *testing.T) {
	path := writeFile(t, "x.csv", "k,v\n1,1\n2,x\n3,3\n4,y\n5,5\n")
	p := describe(t, Options{Types: map[string]dtype.Type{"v": dtype.Of(dtype.Int64)}}, path)
	q, _ := filter(p, expr.Col("k").Ne(2).And(expr.Col("k").Ne(4)))
	if got := mustCollect(t, q); len(got) != 3 {
		t.Errorf("%d rows", len(got))
	}
	q, _ = filter(p, expr.Col("k").Gt(2))
	if _, err := collect(t, q, 0, nil); err == nil || !strings.HasSuffix(err.Error(), `x.csv:5: column "v": "y" is not int64`) {
		t.Errorf("got %v", err)
	}
}

// TestParamsTravel encodes and decodes the parameters with everything set.
func TestParamsTravel(t *testing.T) {
	path := writeFile(t, "x.csv", numbered(100))
	p := describe(t, Options{SplitBytes: 100, BlockBytes: 300}, path)
	p, _ = filter(p, expr.Col("n").Lt(50))
	p, _ = limit(project(keepBlocks(p, []int{0, 1}), []string{"n", "text"}), 20)
	call, m, err := Read.Call(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Schema.String(); got != "n int64?, text utf8?" {
		t.Errorf("schema %s", got)
	}
	q, err := Read.Decode(call)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := mustCollect(t, q), mustCollect(t, p); table(got[:20]) != table(want[:20]) {
		t.Errorf("decoded parameters read %q, want %q", got[:20], want[:20])
	}
	e := op.Of(call)
	if n := e.Blocks(call.Params); n != 2 {
		t.Errorf("%d blocks", n)
	}
	if s := e.Text(call.Params); !strings.Contains(s, "columns=n,text (2 of 3)") || !strings.Contains(s, "limit=20") || !strings.Contains(s, "where n < 50") {
		t.Errorf("text %q", s)
	}
	for _, spoil := range []func(*ReadParams){
		func(p *ReadParams) { p.SplitBytes = 0 }, func(p *ReadParams) { p.Cols = []int32{9} }, func(p *ReadParams) { p.Types = nil },
		func(p *ReadParams) { p.Delimiter = '\n' }, func(p *ReadParams) { p.BlockBytes = 1 }, func(p *ReadParams) { p.MaxRecord = 0 },
	} {
		bad := q
		spoil(&bad)
		if _, _, err := Read.Call(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}
