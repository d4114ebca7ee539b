package array

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// VIndex selects points: point p is x at lists[0][p], lists[1][p], … along the first
// axes; x[[0,1],[1,2]] and x.vindex of NumPy and Dask. A nil list is an axis that stays
// whole, as those after the lists. Points are the first axis of the result, the whole
// axes follow. Negative positions count from the end.
func (x *Array) VIndex(lists ...[]int) *Array {
	if bad := x.loose("VIndex"); bad != nil {
		return bad
	}
	if len(lists) > len(x.grid) {
		return fail("VIndex", "%d lists for the shape %s", len(lists), grid.Tuple(x.Shape()))
	}
	p := ops.PointsParams{In: x.grid, Kind: x.kind}
	for i, list := range lists {
		if list == nil {
			continue
		}
		at, err := positions(list, i, x)
		if err != nil {
			return fail("VIndex", "%w", err)
		}
		if len(p.Index) > 0 && len(at) != len(p.Index[0]) {
			return fail("VIndex", "lists of %d and %d positions", len(p.Index[0]), len(at))
		}
		p.Axes, p.Index = append(p.Axes, int32(i)), append(p.Index, at)
	}
	if len(p.Axes) == 0 {
		return fail("VIndex", "no positions")
	}
	row := int64(x.kind.Width())
	for i, a := range x.grid {
		if !slices.Contains(p.Axes, int32(i)) {
			row *= max(a.Max(), 1)
		}
	}
	p.Cut = grid.Uniform(int64(len(p.Index[0])), max(DefaultBytes/row, 1))
	return add("VIndex", ops.Points, p, p.Out(), x.kind, link{x.n, p.Wire()})
}

// positions checks a list of positions along an axis; negative ones count from the
// end.
func positions(list []int, axis int, x *Array) ([]int64, error) {
	n := x.grid[axis].Len()
	out := make([]int64, len(list))
	for i, k := range list {
		out[i] = int64(k)
		if k < 0 {
			out[i] += n
		}
		if out[i] < 0 || out[i] >= n {
			return nil, fmt.Errorf("index %d is out of range: axis %d of %s", k, axis, grid.Tuple(x.Shape()))
		}
	}
	return out, nil
}

// Assign is x with other elements where ix selects, as x[ix] = value of NumPy: value
// is a number or an array that broadcasts to the shape of x.Index(ix...). x itself
// does not change. Elements become the type of x; numbers that do not fit it are a
// mistake.
func (x *Array) Assign(value any, ix ...Ix) *Array {
	if bad := x.loose("Assign"); bad != nil {
		return bad
	}
	sel, kept, err := x.chosen(ix)
	if err != nil {
		return fail("Assign", "%w", err)
	}
	return x.assign("Assign", value, sel, kept)
}

// chosen reads selections. kept says which axes the selection has.
func (x *Array) chosen(ix []Ix) (sel []ops.Chosen, kept []bool, err error) {
	ix, err = x.expand(ix)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range ix {
		n := int(x.grid[len(sel)].Len())
		switch {
		case s.newAxis:
			return nil, nil, fmt.Errorf("NewAxis selects nothing that could be assigned to")
		case s.at != nil:
			at, err := positions([]int{*s.at}, len(sel), x)
			if err != nil {
				return nil, nil, err
			}
			sel, kept = append(sel, ops.Chosen{Start: at[0], Step: 1, Count: 1}), append(kept, false)
		default:
			lo, count, err := s.bounds(n)
			if err != nil {
				return nil, nil, err
			}
			sel, kept = append(sel, ops.Chosen{Start: int64(lo), Step: int64(s.step), Count: int64(count)}), append(kept, true)
		}
	}
	return sel, kept, nil
}

// AssignTake is x with other elements at a list of positions along an axis, as
// x[:, index] = value of NumPy: value broadcasts to the shape of x.Take(index, a). Of
// positions that are named twice the last one counts.
func (x *Array) AssignTake(value any, index []int, a int) *Array {
	at, bad := x.axisOf("AssignTake", a)
	if bad != nil {
		return bad
	}
	list, err := positions(index, at, x)
	if err != nil {
		return fail("AssignTake", "%w", err)
	}
	sel, kept, err := x.chosen(nil)
	if err != nil {
		return fail("AssignTake", "%w", err)
	}
	sel[at] = ops.Chosen{List: list}
	return x.assign("AssignTake", value, sel, kept)
}

func (x *Array) assign(verb string, value any, sel []ops.Chosen, kept []bool) *Array {
	v, bad := x.value(verb, value)
	if bad != nil {
		return bad
	}
	// the value gets an axis for each of x: those that it lacks, in front, and those of
	// single positions, have length 1
	var shape []int64
	for i := range sel {
		if kept[i] {
			shape = append(shape, sel[i].Len())
		}
	}
	fits := len(v.grid) <= len(shape)
	for i := 1; fits && i <= len(v.grid); i++ {
		n := v.grid[len(v.grid)-i].Len()
		fits = n == 1 || n == shape[len(shape)-i]
	}
	if !fits {
		return fail(verb, "a value of shape %s for a selection of shape %s", grid.Tuple(v.Shape()), grid.Tuple(shape))
	}
	missing := len(shape) - len(v.grid)
	for i := range sel {
		if !kept[i] || missing > 0 {
			if v = v.ExpandDims(i); v.err != nil {
				return v
			}
		}
		if kept[i] {
			missing--
		}
	}
	p := ops.AssignParams{In: x.grid, Value: v.grid, Sel: sel, Kind: x.kind}
	return add(verb, ops.Assign, p, x.grid, x.kind, link{x.n, grid.Wiring{One: true}}, link{v.n, p.Wire()})
}

// value is what is assigned, as an array of the type of x.
func (x *Array) value(verb string, value any) (*Array, *Array) {
	v, ok := value.(*Array)
	if !ok {
		if elem.OfValue(value) == elem.Invalid {
			return nil, fail(verb, "the value is a %T: want an *Array or a number", value)
		}
		if v = Full([]int{}, value, Of(x.kind)); v.err != nil {
			_, err := bits(value, x.kind)
			return nil, fail(verb, "%w", err)
		}
	}
	if bad := v.loose(verb); bad != nil {
		return nil, bad
	}
	if v = v.As(x.kind); v.err != nil {
		return nil, v
	}
	return v, nil
}

// AssignWhere is x with other elements where mask is true, as x[mask] = value of
// NumPy: mask has the shape of x or of its first axes, value is a number or an array
// that broadcasts to the shape of x.
func (x *Array) AssignWhere(mask *Array, value any) *Array {
	if f := failed(x, mask); f != nil {
		return f
	}
	if mask.kind != elem.Bool || len(mask.grid) > len(x.grid) || !slices.Equal(mask.Shape(), x.Shape()[:len(mask.grid)]) {
		return fail("AssignWhere", "a condition of %s and shape %s for %s", mask.kind, grid.Tuple(mask.Shape()), grid.Tuple(x.Shape()))
	}
	v, bad := x.value("AssignWhere", value)
	if bad != nil {
		return bad
	}
	for len(mask.grid) < len(x.grid) {
		mask = mask.ExpandDims(len(mask.grid))
	}
	y := Where(mask, v, x)
	if y.err == nil && !slices.Equal(y.Shape(), x.Shape()) {
		return fail("AssignWhere", "a value of shape %s for an array of shape %s", grid.Tuple(v.Shape()), grid.Tuple(x.Shape()))
	}
	return y
}
