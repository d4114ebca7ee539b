// Package optest runs single operators in tests: tables in, rows out, along the
// whole road (optimizer, scheduler, tasks, spilling), with a given number of
// threads and a given memory budget. It also has jobs whose tasks linger, for what every
// runner must hold to when a job ends.
package optest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/sched/local"
)

// A Table is an input: batches of one schema, divided into Blocks blocks (0
// means 1).
type Table struct {
	Schema  dtype.Schema
	Batches []*chunk.Batch
	Blocks  int
}

// Options of a run.
type Options struct {
	Threads int
	Memory  int64 // budget of the whole process as a user would give it; 0 means none
	Pool    int64 // budget of the buffer pool alone, instead of Memory
	Off     []string
	Ordered bool
}

// Rows makes a table from rows of Go values: nil is null; other values must have
// the Go type that stores the column (string for utf8, int32 for date …). Rows
// are cut into batches of at most per rows (0 means one batch).
func Rows(schema dtype.Schema, rows [][]any, per int) Table {
	if per <= 0 {
		per = max(1, len(rows))
	}
	t := Table{Schema: schema}
	for lo := 0; lo < len(rows); lo += per {
		part := rows[lo:min(len(rows), lo+per)]
		b := &chunk.Batch{N: len(part)}
		for c, f := range schema {
			b.Cols = append(b.Cols, column(f.Type, part, c))
		}
		t.Batches = append(t.Batches, b)
	}
	return t
}

func column(typ dtype.Type, part [][]any, c int) chunk.Vec {
	n := len(part)
	v := chunk.Vec{Type: typ, N: n, Valid: make([]uint64, chunk.Words(n)+8)}
	var str []byte
	v.Off = append(v.Off, 0)
	bits := make([]uint64, chunk.Words(n)+8)
	data := make([]byte, n*max(1, typ.Width())+64)
	for i, r := range part {
		if r[c] != nil {
			v.Valid[i>>6] |= 1 << (i & 63)
		}
		switch x := r[c].(type) {
		case nil:
		case string:
			str = append(str, x...)
		case bool:
			if x {
				bits[i>>6] |= 1 << (i & 63)
			}
		case int8:
			data[i] = byte(x)
		case uint8:
			data[i] = x
		case int16:
			chunk.Slice[int16](data, n)[i] = x
		case uint16:
			chunk.Slice[uint16](data, n)[i] = x
		case int32:
			chunk.Slice[int32](data, n)[i] = x
		case uint32:
			chunk.Slice[uint32](data, n)[i] = x
		case int64:
			chunk.Slice[int64](data, n)[i] = x
		case uint64:
			chunk.Slice[uint64](data, n)[i] = x
		case float32:
			chunk.Slice[float32](data, n)[i] = x
		case float64:
			chunk.Slice[float64](data, n)[i] = x
		case [16]byte:
			chunk.Slice[[16]byte](data, n)[i] = x
		default:
			panic(fmt.Sprintf("optest: a %T cannot be stored", x))
		}
		v.Off = append(v.Off, int32(len(str)))
	}
	switch {
	case typ.Kind == dtype.Null:
		v.Off, v.Valid = nil, nil
	case typ.Kind.IsVar():
		v.Str = str
	case typ.Kind == dtype.Bool:
		v.Off, v.Data = nil, chunk.Bytes(bits)
	default:
		v.Off, v.Data = nil, data[:n*typ.Width()]
	}
	if typ.Kind != dtype.Null && v.Nulls() == 0 {
		v.Valid = nil
	}
	return v
}

// Run applies an operator, which build makes from the inputs' descriptions, and
// returns its rows in block order.
func Run(t testing.TB, o Options, in []Table, build func(in []op.Meta) (op.Call, op.Meta, error)) ([][]any, graph.Report, error) {
	t.Helper()
	g := &graph.Graph{}
	var metas []op.Meta
	var edges []graph.Edge
	for _, x := range in {
		p := rows.Keep(x.Schema, x.Batches)
		defer rows.Drop(p.ID)
		p.Blocks = max(1, x.Blocks)
		c, m, err := rows.Memory.Call(p)
		if err != nil {
			t.Fatal(err)
		}
		metas = append(metas, m)
		edges = append(edges, graph.Edge{From: g.Add(graph.Layer{Call: c, Out: m})})
	}
	c, m, err := build(metas)
	if err != nil {
		return nil, graph.Report{}, err
	}
	want := g.Add(graph.Layer{Call: c, In: edges, Out: m})
	return Collect(t, o, g, want)
}

// Collect runs a graph and returns the rows of one layer, in block order.
func Collect(t testing.TB, o Options, g *graph.Graph, want graph.LayerID) ([][]any, graph.Report, error) {
	t.Helper()
	r := local.New(local.Options{Threads: max(1, o.Threads), Memory: o.Memory, Pool: o.Pool, SpillDir: t.TempDir()})
	defer func() {
		if used := r.Node().Pool().Used(); used != 0 && !t.Failed() {
			t.Errorf("%d bytes of the pool were not freed", used)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	defer r.Wait()
	var out [][]any
	q := graph.Request{Graph: g, Want: want, Ordered: true, Off: o.Off}
	rep, err := graph.Each(context.Background(), r, q, nil, func(d graph.Delivered) (err error) {
		out, err = Read(out, d.Value)
		return err
	})
	if err != nil {
		out = nil
	}
	return out, rep, err
}

// Read appends the rows of a value.
func Read(dst [][]any, v chunk.Value) ([][]any, error) {
	err := chunk.EachOfAll(v, func(b *chunk.Batch) error {
		for i := range b.N {
			row := make([]any, len(b.Cols))
			for c := range b.Cols {
				row[c] = Value(&b.Cols[c], i)
			}
			dst = append(dst, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return dst, nil
}

// Value returns value i of a vector as the Go type that stores it.
func Value(v *chunk.Vec, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch v.Type.Kind {
	case dtype.Bool:
		return v.Bool(i)
	case dtype.Int8:
		return chunk.Values[int8](v)[i]
	case dtype.Int16:
		return chunk.Values[int16](v)[i]
	case dtype.Int32, dtype.Date:
		return chunk.Values[int32](v)[i]
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return chunk.Values[int64](v)[i]
	case dtype.Uint8:
		return chunk.Values[uint8](v)[i]
	case dtype.Uint16:
		return chunk.Values[uint16](v)[i]
	case dtype.Uint32:
		return chunk.Values[uint32](v)[i]
	case dtype.Uint64:
		return chunk.Values[uint64](v)[i]
	case dtype.Float32:
		return chunk.Values[float32](v)[i]
	case dtype.Float64:
		return chunk.Values[float64](v)[i]
	case dtype.Decimal128:
		return chunk.Values[[16]byte](v)[i]
	}
	return strings.Clone(v.Text(i))
}

// Text words rows for comparison, one line each: floats by their bits, so that
// NaN equals NaN and -0 differs from 0.
func Text(rows [][]any) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		parts := make([]string, len(r))
		for c, x := range r {
			switch f := x.(type) {
			case float64:
				parts[c] = fmt.Sprintf("%v/%x", f, math.Float64bits(f))
			case float32:
				parts[c] = fmt.Sprintf("%v/%x", f, math.Float32bits(f))
			default:
				parts[c] = fmt.Sprintf("%#v", x)
			}
		}
		out[i] = strings.Join(parts, " | ")
	}
	return out
}

// SameRows compares two tables as multisets of rows.
func SameRows(t testing.TB, got, want [][]any) {
	t.Helper()
	g, w := Text(got), Text(want)
	slices.Sort(g)
	slices.Sort(w)
	if slices.Equal(g, w) {
		return
	}
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Fatalf("%d rows, want %d; missing %s", len(g), len(w), w[i])
		case i >= len(w) || g[i] != w[i]:
			want := "nothing"
			if i < len(w) {
				want = w[i]
			}
			t.Fatalf("%d rows, want %d; sorted row %d is\n  %s\nwant\n  %s", len(g), len(w), i, g[i], want)
		}
	}
}
