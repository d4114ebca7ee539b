package array

import (
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// Selection by positions that a plan computes. What Take and VIndex are told, a plan
// has in its parameters; these verbs read it from an array, block by block.

// positionsOf checks an array of positions.
func positionsOf(verb string, index *Array) *Array {
	if index.err == nil && !index.kind.IsInt() {
		return fail(verb, "positions of %s: want integers", index.kind)
	}
	return index.As(elem.Int64)
}

// Gather is Take by positions that an array of integers has: its axes replace axis a.
// Negative positions count from the end; what is no position of the axis is an error
// of the run. The length of a vector of positions may be unknown, see Select.
//
//	x.Gather(x.ArgSort(0), 0)
func (x *Array) Gather(index *Array, a int) *Array {
	const verb = "Gather"
	if f := failed(x, index); f != nil {
		return f
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err)
	}
	list := positionsOf(verb, index)
	if list.err != nil {
		return list
	}
	if !x.grid[at].Known() {
		return x.loose(verb)
	}
	if len(list.grid) != 1 {
		list = list.Reshape(-1)
	}
	row := int64(x.kind.Width()) // bytes of one position in a block
	for i, c := range x.grid {
		if i != at {
			row *= max(c.Max(), 1)
		}
	}
	if list.err == nil && list.grid[0].Known() {
		most := grid.Uniform(list.grid[0].Len(), max(DefaultBytes/row, 1))
		list = list.cut(verb, grid.Grid{grid.Refine(list.grid[0], most)})
	}
	if list.err != nil {
		return list
	}
	g := slices.Clone(x.grid)
	g[at] = list.grid[0]
	y := x.picked(verb, g, at, list, int32(at))
	if len(index.grid) == 1 || y.err != nil {
		return y
	}
	return y.Reshape(slices.Concat(x.Shape()[:at], index.Shape(), x.Shape()[at+1:])...)
}

// picked picks elements of x; the result is cut like g, and axes says how the positions
// are read.
func (x *Array) picked(verb string, g grid.Grid, at int, index *Array, axes ...int32) *Array {
	o := &operation{CallParams: ops.CallParams{Kind: x.kind, Space: g, Out: []grid.Grid{g}, Ints: []int64{int64(at)}}}
	mine := along(len(g))
	mine[at] = ops.All
	o.read(x.result(), true, mine...)
	o.read(index.result(), false, axes...)
	return o.one(verb, ops.Along)
}

// TakeAlong picks for each element of index, an array of integers, the element of x at
// that position along axis a, and at the place of index along the others, which are
// broadcast: take_along_axis of NumPy, for what ArgSort, ArgTopK and ArgMin return.
// Negative positions count from the end; what is no position of the axis is an error
// of the run.
//
//	x.TakeAlong(x.ArgSort(1), 1)
func (x *Array) TakeAlong(index *Array, a int) *Array {
	const verb = "TakeAlong"
	x, list, at, bad := x.matched(verb, index, a)
	if bad != nil {
		return bad
	}
	g := slices.Clone(x.grid)
	g[at] = list.grid[at]
	if list = list.cut(verb, g); list.err != nil {
		return list
	}
	return x.picked(verb, g, at, list, along(len(g))...)
}

// matched broadcasts x and positions along one of its axes against each other.
func (x *Array) matched(verb string, index *Array, a int) (y, list *Array, at int, bad *Array) {
	if f := failed(x, index); f != nil {
		return nil, nil, 0, f
	}
	at, err := axis(a, len(x.grid))
	switch {
	case err != nil:
		return nil, nil, 0, fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err)
	case len(index.grid) != len(x.grid):
		return nil, nil, 0, fail(verb, "shapes %s: want as many axes", shapes([]*Array{x, index}))
	}
	for _, y := range []*Array{x, index} {
		if !y.grid[at].Known() {
			return nil, nil, 0, y.loose(verb)
		}
	}
	if list = positionsOf(verb, index); list.err != nil {
		return nil, nil, 0, list
	}
	mine, its := x.Shape(), index.Shape()
	for i := range mine {
		switch {
		case i == at || mine[i] == its[i]:
		case mine[i] == 1:
			mine[i] = its[i]
		case its[i] == 1:
			its[i] = mine[i]
		default:
			return nil, nil, 0, fail(verb, "shapes %s do not fit: axis %d is %d and %d", shapes([]*Array{x, index}), i, mine[i], its[i])
		}
	}
	if y, list = x.BroadcastTo(mine), list.BroadcastTo(its); y.err != nil || list.err != nil {
		return nil, nil, 0, failed(y, list)
	}
	return y, list, at, nil
}

// PutAlong is x with other elements: for each element of index, an array of integers,
// values has what comes to that position along axis a, at the place of index along the
// other axes: put_along_axis of NumPy, which is the way back from TakeAlong. index has
// the axes of x, of its lengths or 1 but for a; values is a number or an array that
// broadcasts to index. x itself does not change. Elements become the type of x; of
// positions that are named twice the last one counts. Negative positions count from the
// end; what is no position of the axis is an error of the run.
//
//	x.PutAlong(x.ArgMin(1).ExpandDims(1), 0, 1)
func (x *Array) PutAlong(index *Array, values any, a int) *Array {
	const verb = "PutAlong"
	if bad := x.loose(verb); bad != nil {
		return bad
	}
	y, list, at, bad := x.matched(verb, index, a)
	if bad != nil {
		return bad
	}
	if !slices.Equal(y.Shape(), x.Shape()) {
		return fail(verb, "shapes %s do not fit: the positions are longer than the axes of the array", shapes([]*Array{x, index}))
	}
	v, bad := x.value(verb, values)
	if bad != nil {
		return bad
	}
	given := v.Shape()
	if v = v.BroadcastTo(list.Shape()); v.err != nil {
		return fail(verb, "values of shape %s for positions of shape %s", grid.Tuple(given), grid.Tuple(list.Shape()))
	}
	g := slices.Clone(x.grid)
	g[at] = list.grid[at]
	if list, v = list.cut(verb, g), v.cut(verb, g); list.err != nil || v.err != nil {
		return failed(list, v)
	}
	o := &operation{CallParams: ops.CallParams{Kind: x.kind, Space: x.grid, Out: []grid.Grid{x.grid}, Ints: []int64{int64(at)}}}
	mine := along(len(x.grid))
	o.read(x.result(), false, mine...)
	whole := slices.Clone(mine)
	whole[at] = ops.All
	o.read(list.result(), true, whole...)
	o.read(v.result(), true, whole...)
	return o.one(verb, ops.PutAlong)
}
