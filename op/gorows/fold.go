package gorows

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// FoldParams are the parameters of rows.fold and rows.foldend: one half of a
// user's aggregate, and the keys of its groups.
type FoldParams struct {
	MapParams
	Keys []string
}

// State is the name of the column of states.
const State = "\x00state"

// Fold makes a user's states of the rows of a morsel, one for each combination of
// keys that occurs in it: the keys, and the state in canonical bytes.
//
// Memory: the rows of a morsel and their states, in the garbage collector's.
var Fold = registerFold("rows.fold", "makes a user's aggregate states of some rows at a time", FoldParams.bindRows)

// FoldEnd merges the states of every row, a list, and gives the keys and the result.
var FoldEnd = registerFold("rows.foldend", "merges a user's aggregate states and gives the results", FoldParams.bindStates)

func registerFold(name, doc string, bind func(FoldParams, op.Meta) (*folding, error)) op.Op[FoldParams] {
	return op.Register(op.Spec[FoldParams]{
		Name: name, Version: 1, Class: op.RowWise, Doc: doc,
		Infer: func(p FoldParams, in []op.Meta) (op.Meta, error) {
			f, err := bind(p, in[0])
			if err != nil {
				return op.Meta{}, err
			}
			m := op.Meta{Schema: f.out, Rows: -1, Bytes: -1}
			if f.state >= 0 {
				m.Rows = in[0].Rows
			}
			return m, nil
		},
		Text: FoldParams.text,
		Pipe: func(p FoldParams, in op.Meta) (op.Pipe, error) { return bind(p, in) },
		Rules: op.Rules[FoldParams]{Uses: func(p FoldParams, in []op.Meta, _ []string) [][]string {
			f, err := bind(p, in[0])
			if err != nil {
				return [][]string{in[0].Schema.Names()}
			}
			return [][]string{f.uses(p.Keys)}
		}},
	})
}

// uses lists the columns that are read: keys, and the states or the fields of the argument.
func (f *folding) uses(keys []string) []string {
	if f.state >= 0 {
		return append(slices.Clone(keys), State)
	}
	cols := slices.Clone(keys)
	for _, c := range f.in.Schema {
		if !slices.Contains(cols, c.Name) {
			cols = append(cols, c.Name)
		}
	}
	return cols
}

func (p FoldParams) text() string {
	t := p.MapParams.text()
	if len(p.Keys) > 0 {
		t += fmt.Sprint(" by ", p.Keys)
	}
	return t
}

// A folding is one half of an aggregate, bound to its input.
type folding struct {
	name   string
	f      op.Typed
	schema dtype.Schema // of the input
	keys   []int
	state  int // column of states, -1 where they are made
	in     *Shape
	result *Shape
	reader *Reader
	out    dtype.Schema
}

func (p FoldParams) bindKeys(in op.Meta) (*folding, error) {
	f := &folding{schema: in.Schema}
	var err error
	if f.name, f.f, err = p.function(); err != nil {
		return nil, err
	}
	for _, k := range p.Keys {
		c, err := in.Schema.Find(k)
		if err != nil {
			return nil, err
		}
		f.keys = append(f.keys, c)
	}
	f.out = in.Schema.Pick(f.keys)
	return f, nil
}

func (p FoldParams) bindRows(in op.Meta) (*folding, error) {
	f, err := p.bindKeys(in)
	if err != nil {
		return nil, err
	}
	if f.f.Arg.Kind() != reflect.Slice {
		return nil, fmt.Errorf("function %s takes %s: want a slice of structs", f.name, f.f.Arg)
	}
	if err := canon.Check(f.f.Result); err != nil {
		return nil, fmt.Errorf("function %s: state: %w", f.name, err)
	}
	if f.in, err = ShapeOf(f.f.Arg.Elem()); err == nil {
		f.reader, err = NewReader(f.in, in.Schema)
	}
	if err != nil {
		return nil, fmt.Errorf("function %s: argument: %w", f.name, err)
	}
	f.state = -1
	f.out = append(f.out, dtype.Field{Name: State, Type: dtype.Of(dtype.Binary)})
	return f, nil
}

func (p FoldParams) bindStates(in op.Meta) (*folding, error) {
	f, err := p.bindKeys(in)
	if err != nil {
		return nil, err
	}
	if f.state, err = in.Schema.Find(State); err != nil {
		return nil, err
	}
	if f.result, err = ShapeOf(f.f.Result); err != nil {
		return nil, fmt.Errorf("function %s: result: %w", f.name, err)
	}
	f.out = append(f.out, f.result.Schema...)
	if err := f.out.Unique(); err != nil {
		return nil, fmt.Errorf("function %s: keys and result: %w; rename one", f.name, err)
	}
	return f, nil
}

func (f *folding) Close() error                                { return nil }
func (f *folding) Open(t op.Task, _ []op.In) (op.Stage, error) { return foldStage{f, t.Context()}, nil }

type foldStage struct {
	*folding
	ctx context.Context
}

func (s foldStage) Drain() (op.Feed, error) { return nil, nil }
func (s foldStage) Finish(op.Out) error     { return nil }
func (s foldStage) Local() (op.Local, error) {
	if s.state >= 0 {
		return &foldEnd{foldStage: s, w: NewWriter(s.result)}, nil
	}
	return &foldRows{foldStage: s, keys: chunk.NewBuilder(s.schema.Pick(s.folding.keys), mem.Heap), at: map[string]int{}}, nil
}

// foldRows makes states of the rows of morsels.
type foldRows struct {
	foldStage
	keys *chunk.Builder
	at   map[string]int // key bytes → position in rows
	rows [][]uint32
	key  []byte
}

func (l *foldRows) Close(op.Sink, bool) error { return nil }

// Push implements op.Local.
func (l *foldRows) Push(m *chunk.Batch, out op.Sink) error {
	l.divide(m)
	state := chunk.Vec{Type: dtype.Of(dtype.Binary), Off: []int32{0}}
	first := make([]uint32, len(l.rows))
	for g, rows := range l.rows {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		first[g] = rows[0]
		list := reflect.MakeSlice(l.f.Arg, len(rows), len(rows))
		for i, r := range rows {
			if err := l.reader.Read(m, int(r), list.Index(i)); err != nil {
				return fmt.Errorf("function %s: %w", l.name, err)
			}
		}
		s, err := l.f.Call(l.ctx, list)
		if err == nil {
			state.Str, err = canon.Append(state.Str, s.Interface())
		}
		if err == nil && len(state.Str) > math.MaxInt32 {
			err = fmt.Errorf("the states of %d rows have more than 2 GiB", m.N)
		}
		if err != nil {
			return fmt.Errorf("function %s: %w", l.name, err)
		}
		state.Off = append(state.Off, int32(len(state.Str)))
	}
	state.N = len(l.rows)
	b := &chunk.Batch{N: state.N, Seq: m.Seq, Sub: m.Sub}
	if len(l.folding.keys) > 0 {
		cols := make([]chunk.Vec, len(l.folding.keys))
		for i, c := range l.folding.keys {
			cols[i] = m.Cols[c]
		}
		if err := l.keys.AppendRows(&chunk.Batch{Cols: cols, N: m.N}, first); err != nil {
			return fmt.Errorf("function %s: keys: %w", l.name, err)
		}
		b.Cols = l.keys.Flush().Cols
	}
	b.Cols = append(b.Cols, state)
	return out.Push(b)
}

// divide finds the rows of every key of a morsel. Keys that differ in their bytes alone
// (the zeros, kinds of NaN) have several states, which are merged later.
func (l *foldRows) divide(m *chunk.Batch) {
	clear(l.at)
	l.rows = l.rows[:0]
	var bit [1]byte
	for i := range m.N {
		l.key = l.key[:0]
		for _, c := range l.folding.keys {
			b, null := chunk.PartOf(&m.Cols[c], i, &bit)
			n := uint32(len(b))
			if null {
				n = 1<<32 - 1
			}
			l.key = append(binary.LittleEndian.AppendUint32(l.key, n), b...)
		}
		g, ok := l.at[string(l.key)]
		if !ok {
			g = len(l.rows)
			l.at[string(l.key)] = g
			l.rows = slices.Grow(l.rows, 1)[:g+1]
			l.rows[g] = l.rows[g][:0]
		}
		l.rows[g] = append(l.rows[g], uint32(i))
	}
}

// foldEnd merges the lists of states of morsels.
type foldEnd struct {
	foldStage
	w *Writer
}

func (l *foldEnd) Close(op.Sink, bool) error { return nil }

// Push implements op.Local.
func (l *foldEnd) Push(m *chunk.Batch, out op.Sink) error {
	for i := range m.N {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if err := l.finish([]byte(m.Cols[l.state].Text(i))); err != nil {
			return fmt.Errorf("function %s: %w", l.name, err)
		}
	}
	r := l.w.Flush()
	b := &chunk.Batch{N: m.N, Seq: m.Seq, Sub: m.Sub}
	for _, c := range l.keys {
		b.Cols = append(b.Cols, m.Cols[c])
	}
	b.Cols = append(b.Cols, r.Cols...)
	return out.Push(b)
}

// finish adds the result of a list of states.
func (l *foldEnd) finish(rec []byte) error {
	list := chunk.ViewList(dtype.Binary, rec)
	states := reflect.MakeSlice(l.f.Arg, list.N, list.N)
	for k := range list.N {
		if err := canon.Decode(list.Var(k), states.Index(k).Addr().Interface()); err != nil {
			return err
		}
	}
	r, err := l.f.Call(l.ctx, states)
	if err != nil {
		return err
	}
	return l.w.Add(r)
}
