package array

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-data/weft/internal/grid"
)

// seen makes an array that reads x through a view from another space.
func (x *Array) seen(verb string, space grid.Grid, view []grid.View) *Array {
	var p plan
	return p.done(verb, space, p.read(x, view))
}

// Transpose orders the axes anew: axis i of the result is axis axes[i] of x. The
// axes are reversed when none is named.
func (x *Array) Transpose(axes ...int) *Array {
	if x.err != nil {
		return x
	}
	d := len(x.grid)
	if len(axes) == 0 {
		for i := range d {
			axes = append(axes, d-1-i)
		}
	}
	if len(axes) != d {
		return fail("Transpose", "%d axes are named, the array of shape %s has %d", len(axes), grid.Tuple(x.Shape()), d)
	}
	space, view := make(grid.Grid, d), make([]grid.View, d)
	for i, a := range axes {
		k, err := axis(a, d)
		if err != nil {
			return fail("Transpose", "%w", err)
		}
		if view[k].Step != 0 {
			return fail("Transpose", "axis %d is named twice", a)
		}
		space[i], view[k] = x.grid[k], grid.View{Axis: int32(i), Step: 1}
	}
	y := x.seen("Transpose", space, view)
	if d == 2 && view[0].Axis == 1 && y.err == nil {
		y.turned = x
	}
	return y
}

// T is Transpose with the axes reversed.
func (x *Array) T() *Array { return x.Transpose() }

// SwapAxes exchanges two axes.
func (x *Array) SwapAxes(a, b int) *Array {
	if x.err != nil {
		return x
	}
	i, err := axis(a, len(x.grid))
	j, err2 := axis(b, len(x.grid))
	if err != nil || err2 != nil {
		return fail("SwapAxes", "axes %d and %d of an array with %d", a, b, len(x.grid))
	}
	order := make([]int, len(x.grid))
	for k := range order {
		order[k] = k
	}
	order[i], order[j] = j, i
	return x.Transpose(order...)
}

// MoveAxis moves an axis to another place.
func (x *Array) MoveAxis(from, to int) *Array {
	if x.err != nil {
		return x
	}
	i, err := axis(from, len(x.grid))
	j, err2 := axis(to, len(x.grid))
	if err != nil || err2 != nil {
		return fail("MoveAxis", "axis %d to %d of an array with %d", from, to, len(x.grid))
	}
	var order []int
	for k := range x.grid {
		if k != i {
			order = append(order, k)
		}
	}
	return x.Transpose(slices.Insert(order, j, i)...)
}

// ExpandDims puts an axis of length 1 in front of axis a, or at the end.
func (x *Array) ExpandDims(a int) *Array {
	if x.err != nil {
		return x
	}
	i, err := axis(a, len(x.grid)+1)
	if err != nil {
		return fail("ExpandDims", "%w", err)
	}
	space := slices.Insert(slices.Clone(x.grid), i, grid.Uniform(1, 1))
	view := straight(len(x.grid))
	for k := range view {
		if k >= i {
			view[k].Axis++
		}
	}
	return x.seen("ExpandDims", space, view)
}

// Squeeze drops axes of length 1: those named, or all of them.
func (x *Array) Squeeze(axes ...int) *Array {
	if x.err != nil {
		return x
	}
	drop := make([]bool, len(x.grid))
	for _, a := range axes {
		i, err := axis(a, len(x.grid))
		if err != nil || x.grid[i].Len() != 1 {
			return fail("Squeeze", "axis %d of shape %s is not of length 1", a, grid.Tuple(x.Shape()))
		}
		drop[i] = true
	}
	space, view := grid.Grid{}, make([]grid.View, len(x.grid))
	for i, a := range x.grid {
		if drop[i] || len(axes) == 0 && a.Len() == 1 {
			view[i] = grid.View{Axis: -1}
			continue
		}
		view[i] = grid.View{Axis: int32(len(space)), Step: 1}
		space = append(space, a)
	}
	return x.seen("Squeeze", space, view)
}

// BroadcastTo repeats x along new axes in front and along axes of length 1. The length of an axis
// that is not known, see Select, is -1.
func (x *Array) BroadcastTo(shape []int) *Array {
	if x.err != nil {
		return x
	}
	d := len(shape) - len(x.grid)
	if d < 0 {
		return fail("BroadcastTo", "shape %s does not become %s", grid.Tuple(x.Shape()), grid.Tuple(shape))
	}
	space, view := make(grid.Grid, len(shape)), make([]grid.View, len(x.grid))
	for i, n := range shape {
		if i >= d && x.grid[i-d].Len() == int64(n) {
			space[i], view[i-d] = x.grid[i-d], grid.View{Axis: int32(i), Step: 1}
			continue
		}
		if i >= d && !x.grid[i-d].Known() {
			return x.loose("BroadcastTo")
		}
		if n < 0 || i >= d && x.grid[i-d].Len() != 1 {
			return fail("BroadcastTo", "shape %s does not become %s", grid.Tuple(x.Shape()), grid.Tuple(shape))
		}
		if i >= d {
			view[i-d] = grid.View{Axis: -1}
		}
	}
	auto := make([]grid.Spec, len(shape))
	lengths := make([]int64, len(shape))
	for i, n := range shape {
		lengths[i] = int64(n)
		auto[i].Auto = space[i] == nil
		if space[i] != nil {
			most := space[i].AtMost()
			lengths[i], auto[i].Sizes = most.Len(), most.All()
		}
	}
	g, err := grid.Divide(lengths, auto, DefaultBytes/int64(x.kind.Width()))
	if err != nil {
		return fail("BroadcastTo", "%w", err)
	}
	for i, a := range space {
		if a != nil {
			g[i] = a
		}
	}
	return x.seen("BroadcastTo", g, view)
}

// Flip reverses axes, all of them when none is named.
func (x *Array) Flip(axes ...int) *Array {
	if x.err != nil {
		return x
	}
	flip := make([]bool, len(x.grid))
	for _, a := range axes {
		i, err := axis(a, len(x.grid))
		if err != nil {
			return fail("Flip", "%w", err)
		}
		flip[i] = true
	}
	ix := make([]Ix, len(x.grid))
	for i := range ix {
		ix[i] = All
		if flip[i] || len(axes) == 0 {
			ix[i] = Ix{step: -1, noLo: true, noHi: true}
		}
	}
	return x.index("Flip", ix)
}

// An Ix selects along one axis.
type Ix struct {
	at         *int // a position: the axis is dropped
	lo, hi     int
	noLo, noHi bool
	step       int
	newAxis    bool
	rest       bool
}

// Selections.
var (
	All     = Ix{noLo: true, noHi: true, step: 1} // the whole axis
	NewAxis = Ix{newAxis: true}                   // an axis of length 1 that x does not have
	Rest    = Ix{rest: true}                      // whole axes, as many as are not mentioned
)

// I selects one position and drops the axis; a negative one counts from the end.
func I(at int) Ix { return Ix{at: &at} }

// S selects [lo, hi), or every step-th of it. As in Python, negative bounds count
// from the end and bounds beyond the axis are its ends.
func S(lo, hi int, step ...int) Ix {
	ix := Ix{lo: lo, hi: hi, step: 1}
	if len(step) > 0 {
		ix.step = step[0]
	}
	return ix
}

// Index selects along the axes, from the first on; axes that are not mentioned
// stay whole. It is a view: nothing is copied before it is needed. Each chunk of
// the result lies within one chunk of x; chunks of which nothing is selected are
// dropped.
func (x *Array) Index(ix ...Ix) *Array {
	if x.err != nil {
		return x
	}
	return x.index("Index", ix)
}

// Slice is Index with the selections written as in Python: "1:3, ::-2, 5, None,
// ...".
func (x *Array) Slice(spec string) *Array {
	if x.err != nil {
		return x
	}
	ix, err := parseIndex(spec)
	if err != nil {
		return fail("Slice", "%q: %w", spec, err)
	}
	return x.index("Slice", ix)
}

func parseIndex(spec string) (ix []Ix, err error) {
	for _, s := range strings.Split(spec, ",") {
		s = strings.TrimSpace(s)
		switch {
		case s == "...":
			ix = append(ix, Rest)
		case s == "None":
			ix = append(ix, NewAxis)
		case !strings.Contains(s, ":"):
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, fmt.Errorf("%q is not an index", s)
			}
			ix = append(ix, I(n))
		default:
			parts := strings.Split(s, ":")
			one := Ix{noLo: true, noHi: true, step: 1}
			for i, p := range parts {
				if p = strings.TrimSpace(p); p == "" && i < 3 {
					continue
				}
				n, err := strconv.Atoi(p)
				if err != nil || i > 2 {
					return nil, fmt.Errorf("%q is not a slice", s)
				}
				switch i {
				case 0:
					one.lo, one.noLo = n, false
				case 1:
					one.hi, one.noHi = n, false
				default:
					one.step = n
				}
			}
			ix = append(ix, one)
		}
	}
	return ix, nil
}

// expand gives each axis its selection.
func (x *Array) expand(ix []Ix) ([]Ix, error) {
	used, rest := 0, -1
	for i, s := range ix {
		if s.rest && rest >= 0 {
			return nil, fmt.Errorf("selection Rest is given twice")
		} else if s.rest {
			rest = i
		} else if !s.newAxis {
			used++
		}
	}
	if used > len(x.grid) {
		return nil, fmt.Errorf("%d selections for the shape %s", used, grid.Tuple(x.Shape()))
	}
	whole := slices.Repeat([]Ix{All}, len(x.grid)-used)
	if rest >= 0 {
		return slices.Concat(ix[:rest], whole, ix[rest+1:]), nil
	}
	return slices.Concat(ix, whole), nil
}

// index makes the view of a list of selections.
func (x *Array) index(verb string, ix []Ix) *Array {
	ix, err := x.expand(ix)
	if err != nil {
		return fail(verb, "%w", err)
	}
	space, view := grid.Grid{}, []grid.View{}
	for _, s := range ix {
		if s.newAxis {
			space = append(space, grid.Uniform(1, 1))
			continue
		}
		a := x.grid[len(view)]
		n := int(a.Len())
		if !a.Known() {
			if s != All {
				return fail(verb, "axis %d of %s: %w", len(view), grid.Tuple(x.Shape()), grid.ErrUnknown)
			}
			view, space = append(view, grid.View{Axis: int32(len(space)), Step: 1}), append(space, a)
			continue
		}
		if s.at != nil {
			i := *s.at
			if i < 0 {
				i += n
			}
			if i < 0 || i >= n {
				return fail(verb, "index %d is out of range: axis %d of %s", *s.at, len(view), grid.Tuple(x.Shape()))
			}
			view = append(view, grid.View{Axis: -1, Start: int64(i)})
			continue
		}
		lo, count, err := s.bounds(n)
		if err != nil {
			return fail(verb, "%w", err)
		}
		view = append(view, grid.View{Axis: int32(len(space)), Start: int64(lo), Step: int64(s.step)})
		space = append(space, sliced(a, int64(lo), int64(count), int64(s.step)))
	}
	return x.seen(verb, space, view)
}

// bounds returns the first position and the number of them, as Python has it.
func (s Ix) bounds(n int) (lo, count int, err error) {
	if s.step == 0 {
		return 0, 0, fmt.Errorf("a slice has the step 0")
	}
	clip := func(v, lo, hi int) int {
		if v < 0 {
			v += n
		}
		return min(max(v, lo), hi)
	}
	if s.step > 0 {
		lo, hi := 0, n
		if !s.noLo {
			lo = clip(s.lo, 0, n)
		}
		if !s.noHi {
			hi = clip(s.hi, 0, n)
		}
		if count = int(rangeLength(int64(lo), int64(hi), int64(s.step))); count == 0 {
			lo = 0
		}
		return lo, count, nil
	}
	lo, hi := n-1, -1
	if !s.noLo {
		lo = clip(s.lo, -1, n-1)
	}
	if !s.noHi {
		hi = clip(s.hi, -1, n-1)
	}
	if count = int(rangeLength(int64(lo), int64(hi), int64(s.step))); count == 0 {
		lo = 0
	}
	return lo, count, nil
}

// sliced returns the chunks of a selection of an axis.
func sliced(a grid.Axis, lo, count, step int64) (out grid.Axis) {
	if count == 0 {
		return grid.Uniform(0, 0)
	}
	if lo == 0 && step == 1 && count == a.Len() {
		return a
	}
	l := a.Lookup()
	for i := int64(0); i < count; {
		b0, b1 := l.Bounds(l.Find(lo + i*step))
		k := (b1 - 1 - (lo + i*step)) / max(step, 1) // further positions within the chunk
		if step < 0 {
			k = (lo + i*step - b0) / -step
		}
		n := min(k+1, count-i)
		out = out.Append(n, 1)
		i += n
	}
	return out
}

// Reshape gives the elements, in row-major order, another shape. One length may
// be -1: what is left. Where axes are merged or divided, all of them but the first
// one of such a group must lie in one chunk: x is cut anew for it if they do not.
func (x *Array) Reshape(shape ...int) *Array {
	if bad := x.loose("Reshape"); bad != nil {
		return bad
	}
	shape, err := x.reshape(shape)
	if err != nil {
		return fail("Reshape", "%w", err)
	}
	in, out := reshaped(x.grid, shape)
	y := x.cut("Reshape", in)
	if y.err != nil {
		return y
	}
	return &Array{n: y.n, grid: out, kind: x.kind}
}

// reshape is a shape for the elements of x, with what is left in place of -1.
func (x *Array) reshape(shape []int) ([]int, error) {
	shape = slices.Clone(shape)
	n, open := int64(1), -1
	for i, k := range shape {
		switch {
		case k == -1 && open < 0:
			open = i
		case k < 0:
			return nil, fmt.Errorf("shape %s", grid.Tuple(shape))
		default:
			n *= int64(k)
		}
	}
	size := x.grid.Elements()
	if open >= 0 && n > 0 && size%n == 0 {
		shape[open], n = int(size/n), size
	}
	if n != size || open >= 0 && shape[open] < 0 {
		return nil, fmt.Errorf("%d elements of shape %s do not make %s", size, grid.Tuple(x.Shape()), grid.Tuple(shape))
	}
	return shape, nil
}

// ReshapeBlockwise gives the elements of each block another shape, and puts the blocks beside
// each other: nothing is moved or computed, whatever the chunks. So the elements are in
// another order than after Reshape, that of the blocks: it is for what does not depend on
// order. With Chunks those of x it is undone.
//
// Shapes: neighbouring axes of x become one, whose length is their product; one length may
// be -1. With Chunks any shape whose blocks have, one after the other, as many elements as
// those of x.
// Errors: shapes that want Chunks, and blocks of other sizes.
func (x *Array) ReshapeBlockwise(shape []int, opts ...Option) *Array {
	const verb = "ReshapeBlockwise"
	if bad := x.loose(verb); bad != nil {
		return bad
	}
	shape, err := x.reshape(shape)
	if err != nil {
		return fail(verb, "%w", err)
	}
	o := settle(x.kind, opts)
	if len(o.chunks) == 0 {
		g, ok := x.grid.Merge(shape)
		if !ok {
			return fail(verb, "axes of shape %s, merged, do not make %s: give Chunks", grid.Tuple(x.Shape()), grid.Tuple(shape))
		}
		return &Array{n: x.n, grid: g, kind: x.kind}
	}
	g, err := o.grid(shape)
	if err != nil {
		return fail(verb, "%w", err)
	}
	if g.Blocks() != x.grid.Blocks() {
		return fail(verb, "chunks %s make %d blocks: want %d, as chunks %s", g, g.Blocks(), x.grid.Blocks(), x.grid)
	}
	next, stop := iter.Pull(x.grid.Sizes())
	defer stop()
	b := 0
	for n := range g.Sizes() {
		if want, _ := next(); n != want {
			return fail(verb, "block %d has %d elements in chunks %s: want %d, as in chunks %s", b, n, g, want, x.grid)
		}
		b++
	}
	return &Array{n: x.n, grid: g, kind: x.kind}
}

// Ravel is the elements in one axis.
func (x *Array) Ravel() *Array { return x.Reshape(-1) }

// reshaped returns how an array is to be cut so that its blocks, as they lie, are
// blocks of another shape, and how that is cut then. Axes of both shapes are
// matched in groups of equal products; within a group only the first axis that is
// longer than 1 may be cut.
func reshaped(g grid.Grid, shape []int) (in, out grid.Grid) {
	in, out = slices.Clone(g), make(grid.Grid, len(shape))
	if g.Elements() == 0 {
		for i, a := range g {
			in[i] = grid.Uniform(a.Len(), 0)
		}
		for i, n := range shape {
			out[i] = grid.Uniform(int64(n), 0)
		}
		return in, out
	}
	i, j := 0, 0
	for i < len(g) || j < len(shape) {
		i0, j0, p, q := i, j, int64(1), int64(1)
		for {
			if p <= q && i < len(g) && (p < q || i == i0) {
				p *= g[i].Len()
				i++
			} else if q < p && j < len(shape) || j == j0 && j < len(shape) {
				q *= int64(shape[j])
				j++
			} else {
				break
			}
			if p == q && (i > i0 || i == len(g)) && (j > j0 || j == len(shape)) {
				break
			}
		}
		group(in, out, g, shape, i0, i, j0, j)
	}
	return in, out
}

// group cuts the axes [i0, i) of an array and [j0, j) of the shape it gets.
func group(in, out, g grid.Grid, shape []int, i0, i, j0, j int) {
	if i-i0 == 1 && j-j0 == 1 {
		out[j0] = g[i0]
		return
	}
	first, to := -1, -1 // the axes that may be cut
	rowIn, rowOut := int64(1), int64(1)
	for k := i - 1; k >= i0; k-- {
		in[k] = grid.Uniform(g[k].Len(), 0)
		if g[k].Len() > 1 {
			first = k
		}
	}
	for k := j - 1; k >= j0; k-- {
		out[k] = grid.Uniform(int64(shape[k]), 0)
		if shape[k] > 1 {
			to = k
		}
	}
	if first < 0 || to < 0 {
		return
	}
	for k := first + 1; k < i; k++ {
		rowIn *= g[k].Len()
	}
	for k := to + 1; k < j; k++ {
		rowOut *= int64(shape[k])
	}
	// Cuts must fall on rows of both: move each cut of the first axis down to one.
	var a, b grid.Axis
	from, used := int64(0), int64(0)
	l := g[first].Len()
	for _, n := range spread(g, first, i) {
		from += n
		at := from
		if at < l {
			unit := rowOut / gcd(rowOut, rowIn)
			at = at / unit * unit
		}
		if at > used {
			a = a.Append(at-used, 1)
			b = b.Append((at-used)*rowIn/rowOut, 1)
			used = at
		}
	}
	in[first], out[to] = a, b
}

// spread returns the chunks of the first axis of a group: finer than they are by
// as much as the others were cut, so that blocks keep their sizes.
func spread(g grid.Grid, first, end int) []int64 {
	cuts := int64(1)
	for k := first + 1; k < end; k++ {
		cuts *= g[k].Blocks()
	}
	var out []int64
	for _, r := range g[first] {
		for range r.Count {
			step := max(1, (r.Size+cuts-1)/cuts)
			for at := int64(0); at < r.Size; at += step {
				out = append(out, min(step, r.Size-at))
			}
		}
	}
	return out
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
