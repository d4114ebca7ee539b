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
			return pipe(func() op.Local { return &exploding{col: c, rest: chunk.NewBuilder(rest, mem.Heap)} }), nil
		},
		Rules: op.Rules[ExplodeParams]{
			Uses: func(p ExplodeParams, _ []op.Meta, cols []string) [][]string {
				return [][]string{union(cols, []string{p.Col})}
			},
		},
	})
}

type exploding struct {
	col  int
	rest *chunk.Builder // the other columns
	list chunk.Unlister
	out  chunk.Batch
	rows []uint32 // of each element
	cols []chunk.Vec
}

func (l *exploding) Close(op.Sink, bool) error {
	l.rest.Close()
	return nil
}

// Push implements op.Local.
func (l *exploding) Push(m *chunk.Batch, out op.Sink) error {
	off, elems := l.list.Unpack(&m.Cols[l.col], true)
	l.rows = slices.Grow(l.rows[:0], elems.N)[:elems.N]
	for i := range m.N {
		for k := off[i]; k < off[i+1]; k++ {
			l.rows[k] = uint32(i)
		}
	}
	l.cols = append(append(l.cols[:0], m.Cols[:l.col]...), m.Cols[l.col+1:]...)
	for lo := 0; lo < len(l.rows); lo += morsel { // a multiple of 64: elements need not be moved
		hi := min(lo+morsel, len(l.rows))
		l.rest.Clear()
		if err := l.rest.AppendRows(&chunk.Batch{Cols: l.cols, N: m.N}, l.rows[lo:hi]); err != nil {
			return fmt.Errorf("rows made of a list: %w", err)
		}
		l.out.Follow(m)
		l.rest.View(&l.out)
		l.out.Cols, l.out.N = slices.Insert(l.out.Cols, l.col, elems.Slice(lo, hi)), hi-lo
		if err := out.Push(&l.out); err != nil {
			return err
		}
	}
	return nil
}
