package rows

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// ExplodeParams are the parameters of rows.explode: a column of lists.
type ExplodeParams struct{ Col string }

// Explode makes a row of every element of a list, in order; of an empty list and
// of a null one row with a null.
//
// Memory: the elements of a morsel.
var Explode op.Op[ExplodeParams]

func init() {
	Explode = op.Register(op.Spec[ExplodeParams]{
		Name: "rows.explode", Version: 1, Class: op.RowWise,
		Doc: "makes a row of every element of a list",
		Infer: func(p ExplodeParams, in []op.Meta) (op.Meta, error) {
			m := in[0]
			i, err := m.Schema.Find(p.Col)
			if err != nil {
				return m, err
			}
			if m.Schema[i].Type.Kind != dtype.List {
				return m, fmt.Errorf("column %q is %s: want a list", p.Col, m.Schema[i].Type)
			}
			m.Schema = slices.Clone(m.Schema)
			m.Schema[i].Type, m.Schema[i].Nullable = m.Schema[i].Type.Elem(), true
			m.Rows, m.Layout = -1, op.Layout{}
			return m, nil
		},
		Text: func(p ExplodeParams) string { return p.Col },
		Pipe: func(p ExplodeParams, in op.Meta) (op.Pipe, error) {
			c, err := in.Schema.Find(p.Col)
			if err != nil {
				return nil, err
			}
			rest := slices.Delete(slices.Clone(in.Schema), c, c+1)
			one := dtype.Schema{{Name: p.Col, Type: in.Schema[c].Type.Elem(), Nullable: true}}
			return pipe(func() op.Local {
				return &exploding{col: c, rest: chunk.NewBuilder(rest, mem.Heap), elem: chunk.NewBuilder(one, mem.Heap)}
			}), nil
		},
		Rules: op.Rules[ExplodeParams]{
			Uses: func(p ExplodeParams, _ []op.Meta, cols []string) [][]string {
				return [][]string{union(cols, []string{p.Col})}
			},
		},
	})
}

type exploding struct {
	col        int
	rest, elem *chunk.Builder
	out        chunk.Batch
	rows, at   []uint32
	none       []int // output rows without an element
}

func (l *exploding) Close(op.Sink, bool) error { return nil }

// Push implements op.Local.
func (l *exploding) Push(m *chunk.Batch, out op.Sink) error {
	v := &m.Cols[l.col]
	off, child := chunk.UnpackLists(v)
	l.out.Seq, l.out.Sub = m.Seq, 0
	for i := range m.N {
		lo, hi := off[i], off[i+1]
		if v.IsNull(i) || lo == hi {
			l.none = append(l.none, len(l.rows))
			l.rows, l.at = append(l.rows, uint32(i)), append(l.at, 0)
		} else {
			for k := lo; k < hi; k++ {
				l.rows, l.at = append(l.rows, uint32(i)), append(l.at, uint32(k))
			}
		}
		if len(l.rows) >= morsel {
			if err := l.flush(m, &child, out); err != nil {
				return err
			}
		}
	}
	return l.flush(m, &child, out)
}

// flush gives the gathered rows.
func (l *exploding) flush(m *chunk.Batch, child *chunk.Vec, out op.Sink) error {
	n := len(l.rows)
	if n == 0 {
		return nil
	}
	cols := slices.Delete(slices.Clone(m.Cols), l.col, l.col+1)
	if err := l.rest.AppendRows(&chunk.Batch{Cols: cols, N: m.N}, l.rows); err != nil {
		return fmt.Errorf("rows made of a list: %w", err)
	}
	elems := chunk.Batch{Cols: []chunk.Vec{*child}, N: child.N}
	if child.N == 0 { // nothing but empty lists
		elems = chunk.Batch{Cols: []chunk.Vec{{Type: dtype.Of(dtype.Null), N: 1}}, N: 1}
	}
	if err := l.elem.AppendRows(&elems, l.at); err != nil {
		return fmt.Errorf("elements of a list: %w", err)
	}
	e := l.elem.Flush().Cols[0]
	if len(l.none) > 0 && e.Type.Kind != dtype.Null {
		if e.Valid == nil {
			e.Valid = make([]uint64, chunk.Words(n)+8)
			for i := range e.Valid {
				e.Valid[i] = ^uint64(0)
			}
		}
		for _, i := range l.none {
			e.Valid[i>>6] &^= 1 << (uint(i) & 63)
		}
	}
	l.out.N = n
	l.out.Cols = slices.Insert(append(l.out.Cols[:0], l.rest.Flush().Cols...), l.col, e)
	l.rows, l.at, l.none = l.rows[:0], l.at[:0], l.none[:0]
	err := out.Push(&l.out)
	l.out.Sub++
	return err
}
