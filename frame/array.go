package frame

import (
	"errors"
	"fmt"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/elem"
	ops "github.com/weft-data/weft/op/array"
)

// Array is the named columns, all when none are named, as a lazy array of so many
// blocks: one column as a vector, several as the columns of a matrix. Columns are
// numbers or bools; several become one type as operands of a sum do. A null of
// floats is NaN; other columns must not have nulls. Rows stay in order; how many
// blocks get is known when the plan runs, see array.Array.Select.
func (f *Frame) Array(blocks int, cols ...string) *array.Array {
	if len(cols) > 0 {
		f = f.Select(anys(cols)...)
	}
	k := elem.Invalid
	if f.Err() == nil {
		for _, c := range f.n.out.Schema {
			e := ops.OfTable(c.Type)
			if e == elem.Invalid {
				f = fail("Array", fmt.Errorf("column %q is %s: arrays hold numbers and bools: take Cast", c.Name, c.Type))
				break
			}
			if k == elem.Invalid {
				k = e
			}
			k = elem.Promote(k, e)
		}
	}
	if f.Err() == nil {
		to := map[string]dtype.Type{}
		for _, c := range f.n.out.Schema {
			to[c.Name] = ops.ToTable(k)
		}
		f = f.cast(to).Repartition(blocks)
	}
	if f.Err() != nil {
		return array.Failed(f.Err())
	}
	g, want := f.plan()
	return array.OfTable(array.Table{Graph: g, Want: want, Keep: f}, blocks, k, len(f.n.out.Schema) == 1)
}

// FromArray is the rows of a vector, or of a matrix with a name for each column, as
// a frame. Rows stay in order; the second axis becomes one chunk. How many rows there are need
// not be known: those of another frame, or those that a condition selects, see array.Array.Select.
func FromArray(x *array.Array, names ...string) *Frame {
	if x == nil {
		return fail("FromArray", errors.New("no array"))
	}
	t, out, err := x.Table(names)
	if err != nil {
		return fail("FromArray", err)
	}
	return &Frame{n: &node{array: t.Graph, want: t.Want, out: out, keep: t.Keep, origin: graph.Caller("weft/frame")}}
}
