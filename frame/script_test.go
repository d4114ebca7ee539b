package frame_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/script"
	"github.com/weft-data/weft/sched/local"
)

// A room is a way to run the scripts that must not change their answers.
type room struct {
	name    string
	threads int
	pool    int64
	off     []string // passes of the optimizer
	source  string   // "csv" in tiny blocks, "whole" csv, "records", "parquet"
	workers int      // of a cluster, so that plans are written down and read and blocks travel; 0: this process
	cut     bool     // layers are cut wherever they can be
}

// open makes the runner of a room.
func (m room) open(t *testing.T) graph.Runner {
	if m.cut {
		m.cut = false
		return cutting{m.open(t)}
	}
	if m.workers == 0 {
		r := local.New(local.Options{Threads: m.threads, Pool: m.pool, SpillDir: t.TempDir()})
		t.Cleanup(func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		return r
	}
	s, err := cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for range m.workers {
		w, err := cluster.Join(context.Background(), s.Addr(), cluster.WorkerOptions{Threads: m.threads, Pool: m.pool, SpillDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close() })
	}
	c, err := cluster.Dial(context.Background(), s.Addr(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// passes that can be left out; lower must run.
var passes = []string{"cull", "merge", "filter", "prune", "absorb", "flatten", "project", "limit", "serve", "unite", "remerge", "weld", "fuse", "order", "divide", "memory"}

func rooms() []room {
	const roomy, tiny = 256 << 20, 64 << 20
	out := []room{
		{name: "plain", threads: 2, pool: roomy, source: "whole"},
		{name: "blocks", threads: 2, pool: roomy, source: "csv"},
		{name: "thread", threads: 1, pool: roomy, source: "csv"},
		{name: "crowd", threads: 8, pool: roomy, source: "csv"},
		{name: "cramped", threads: 3, pool: tiny, source: "csv"},
		{name: "records", threads: 3, pool: roomy, source: "records"},
		{name: "parquet", threads: 2, pool: roomy, source: "parquet"},
		{name: "cluster", threads: 2, pool: roomy, source: "csv", workers: 2},
		{name: "cut", threads: 2, pool: roomy, source: "csv", cut: true},
		{name: "without-all", threads: 2, pool: roomy, off: passes, source: "csv"},
	}
	for _, p := range passes {
		out = append(out, room{name: "without-" + p, threads: 2, pool: roomy, off: []string{p}, source: "csv"})
	}
	return out
}

// TestScripts runs testdata/*.txt in every room. The commands are
//
//	table NAME [types in the header as name:type]   rows as CSV; a quoted "" is empty text, nothing is null
//	run [unordered]                                 verbs, one per line, see verb; rows or an error
//	schema                                          as run, but the columns
//	error                                           as schema or run, but only a mistake; not in all rooms
func TestScripts(t *testing.T) {
	for _, m := range effort.Some(2, rooms()) {
		t.Run(m.name, func(t *testing.T) {
			if script.Rewriting() && m.name != "plain" {
				t.Skip("answers are written by the first room")
			}
			r := m.open(t)
			script.RunEach(t, filepath.Join("testdata", "*.txt"), func(t *testing.T) script.Handler {
				h := &hall{room: m, r: r, dir: t.TempDir(), tables: map[string]*frame.Frame{}}
				return h.stanza
			})
		})
	}
}

// A hall runs the stanzas of one file in a room.
type hall struct {
	room
	r      graph.Runner
	dir    string
	tables map[string]*frame.Frame
	ctx    context.Context // nil: nothing is cancelled
}

func (h *hall) stanza(t *testing.T, d *script.Stanza) string {
	switch d.Cmd {
	case "table":
		f, err := h.table(d.Words()[0], d.Input)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		h.tables[d.Words()[0]] = f
		return ""
	case "error":
		if h.name != "plain" && h.name != "without-all" {
			return d.Want // where a mistake is met may name blocks and files
		}
		return h.run(d)
	case "schema":
		f, err := h.chain(d.Input)
		if err == nil {
			err = f.Err()
		}
		if err != nil {
			return "error: " + h.anywhere(err)
		}
		return words(f.Schema())
	case "run":
		return h.run(d)
	}
	t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
	return ""
}

// words lists columns.
func words(s dtype.Schema) string {
	var b strings.Builder
	for _, f := range s {
		fmt.Fprintf(&b, "%s %s\n", f.Name, f.Type)
	}
	return b.String()
}

// patience is how long a stanza may take: one that hangs is an answer, too.
const patience = time.Minute

// run gives the rows of a chain of verbs.
func (h *hall) run(d *script.Stanza) string {
	f, err := h.chain(d.Input)
	var t *frame.Table
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		t, err = f.Collect(ctx, h.r, frame.Without(h.off...))
		cancel()
	}
	if err != nil {
		return "error: " + h.anywhere(err)
	}
	rows := lines(t)
	if d.Has("unordered") {
		slices.Sort(rows)
	}
	return strings.Join(append([]string{strings.Join(t.Schema.Names(), " ")}, rows...), "\n")
}

// lines words the rows of a table, one line each.
func lines(t *frame.Table) []string {
	out := []string{}
	for _, rec := range t.Records {
		one := frame.Table{Schema: t.Schema, Records: []arrow.Record{rec}}
		for i := range int(rec.NumRows()) {
			row := make([]string, len(t.Schema))
			for c, v := range one.Row(i) {
				row[c] = cell(v, t.Schema[c].Type)
			}
			out = append(out, strings.Join(row, " "))
		}
	}
	return out
}

// cell words a value so that text is never mistaken for null, nor two cells for
// three.
func cell(v any, t dtype.Type) string {
	if s, ok := v.(string); ok && t.Kind != dtype.Decimal128 && (s == "" || s == "null" || strings.ContainsAny(s, " \n\"")) {
		return strconv.Quote(s)
	}
	return frame.Word(v, t)
}

var position = regexp.MustCompile(`(verbs|script|further)_test\.go:\d+`)

// anywhere takes positions and folders out of an error.
func (h *hall) anywhere(err error) string {
	s := position.ReplaceAllString(err.Error(), "FILE:LINE")
	s = strings.ReplaceAll(s, h.dir+string(filepath.Separator), "")
	return s
}

// table makes the frame of a table stanza in the way of the room.
func (h *hall) table(name, text string) (*frame.Frame, error) {
	head, body, _ := strings.Cut(text, "\n")
	o := frame.CSVOptions{Header: 1, Types: map[string]dtype.Type{}}
	var names []string
	for _, w := range strings.Split(head, ",") {
		n, kind, ok := strings.Cut(w, ":")
		typ, err := typeNamed(kind)
		if !ok || err != nil {
			return nil, fmt.Errorf("column %q: want name:type: %v", w, err)
		}
		names = append(names, n)
		o.Types[n] = typ
	}
	path := filepath.Join(h.dir, name+".csv")
	if err := os.WriteFile(path, []byte(strings.Join(names, ",")+"\n"+body), 0o600); err != nil {
		return nil, err
	}
	if h.source == "csv" {
		o.SplitBytes, o.BlockBytes = 8, 24
	}
	f := frame.ReadCSVWith(o, path)
	switch h.source {
	case "records":
		return h.records(f)
	case "parquet":
		out := filepath.Join(h.dir, name+".parquet")
		_, err := f.WriteParquetWith(context.Background(), h.r, out, frame.ParquetOptions{RowGroupRows: 2, Codec: "none"})
		if err != nil {
			return nil, err
		}
		return frame.ReadParquet(out), nil
	}
	return f, f.Err()
}

// records is the same table in memory, three rows to a record.
func (h *hall) records(f *frame.Frame) (*frame.Frame, error) {
	t, err := f.Collect(context.Background(), h.r)
	if err != nil {
		return nil, err
	}
	whole := t.Records
	t.Records = nil
	for _, rec := range whole {
		for i := int64(0); i < rec.NumRows(); i += 3 {
			t.Records = append(t.Records, rec.NewSlice(i, min(i+3, rec.NumRows())))
		}
	}
	return t.Frame(), nil
}

// typeNamed reads a type as expressions write it.
func typeNamed(s string) (dtype.Type, error) {
	e, err := expr.Parse("cast(x, " + s + ")")
	if err != nil {
		return dtype.Type{}, err
	}
	return e.N.(expr.Cast).To, nil
}

// chain builds the frame of a list of verbs.
func (h *hall) chain(text string) (f *frame.Frame, err error) {
	for line := range strings.Lines(text) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		if verb == "from" {
			if f = h.tables[rest]; f == nil {
				return nil, fmt.Errorf("no table %q", rest)
			}
			continue
		}
		if f == nil {
			return nil, errors.New("the first verb must be from")
		}
		if f, err = h.verb(f, verb, rest); err != nil {
			return nil, fmt.Errorf("%s: %w", verb, err)
		}
	}
	return f, nil
}

// number reads the count in front of an argument.
func number(rest string) (int64, string) {
	word, rest, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		n = math.MinInt64
	}
	return n, rest
}
