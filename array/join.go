package array

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	ops "github.com/weft-data/weft/op/array"
)

// Concat joins arrays along an axis; the other axes have equal lengths.
func Concat(a int, xs ...*Array) *Array { return concat("Concat", a, xs) }

func concat(verb string, a int, xs []*Array) *Array {
	if len(xs) == 0 {
		return fail(verb, "no arrays")
	}
	if f := failed(xs...); f != nil {
		return f
	}
	at, err := axis(a, len(xs[0].grid))
	if err != nil {
		return fail(verb, "%w", err)
	}
	common, kind := slices.Clone(xs[0].grid), xs[0].kind
	for _, x := range xs[1:] {
		if len(x.grid) != len(common) {
			return fail(verb, "shapes %s do not fit", shapes(xs))
		}
		kind = elem.Promote(kind, x.kind)
		for i, ax := range x.grid {
			if i == at {
				continue
			}
			if ax.Len() != common[i].Len() || !ax.Known() && !ax.Equal(common[i]) {
				return fail(verb, "shapes %s do not fit: axis %d is %d and %d", shapes(xs), i, common[i].Len(), ax.Len())
			}
			common[i] = grid.Refine(common[i], ax)
		}
	}
	p := ops.ConcatParams{Axis: int32(at), Kind: kind}
	var nodes []*node
	for _, x := range xs {
		if x.grid[at].Len() == 0 && len(xs) > 1 {
			continue
		}
		g := slices.Clone(common)
		g[at] = x.grid[at]
		x = x.As(kind).cut(verb, g)
		if x.err != nil {
			return x
		}
		p.In, nodes = append(p.In, g), append(nodes, x.n)
	}
	switch len(nodes) {
	case 0:
		return xs[0].As(kind)
	case 1:
		return &Array{n: nodes[0], grid: p.In[0], kind: kind}
	}
	y := oneAfterOther(verb, p, nodes)
	if y.err == nil && y.grid.Elements() == 0 && !y.grid[at].Known() {
		y.n.gauge = gaugeOf(verb, at, p.In, nodes)
	}
	return y
}

// joinedBlock is the mean size of blocks up to which many arrays are joined in groups: to
// copy one again costs less than to look for it among all of them.
const joinedBlock = 256 << 10

// oneAfterOther joins arrays that are cut alike, first in groups where they are many.
func oneAfterOther(verb string, p ops.ConcatParams, nodes []*node) *Array {
	out := p.Out()
	if len(nodes) > ops.MostJoined && out.Elements()*int64(p.Kind.Width()) <= joinedBlock*out.Blocks() {
		few := ops.ConcatParams{Axis: p.Axis, Kind: p.Kind}
		var groups []*node
		for len(nodes) > 0 {
			n := min(ops.MostJoined, len(nodes))
			x := oneAfterOther(verb, ops.ConcatParams{Axis: p.Axis, Kind: p.Kind, In: p.In[:n]}, nodes[:n])
			if x.err != nil {
				return x
			}
			few.In, groups = append(few.In, x.grid), append(groups, x.n)
			p.In, nodes = p.In[n:], nodes[n:]
		}
		return oneAfterOther(verb, few, groups)
	}
	links := make([]link, len(nodes))
	for i, n := range nodes {
		links[i] = link{n, p.Wire(i)}
	}
	return add(verb, ops.Concat, p, out, p.Kind, links...)
}

// gaugeOf joins vectors as long as arrays without elements are along an axis, nil if that
// of one cannot be counted.
func gaugeOf(verb string, at int, grids []grid.Grid, nodes []*node) *Array {
	xs := make([]*Array, len(nodes))
	for i, n := range nodes {
		if xs[i] = n.gauge; grids[i][at].Known() {
			var p plan
			xs[i] = p.done(verb, grid.Grid{grids[i][at]}, p.fill(elem.Bool, 0))
		}
		if xs[i] == nil {
			return nil
		}
	}
	return concat(verb, 0, xs)
}

// Stack joins arrays of one shape along a new axis.
func Stack(a int, xs ...*Array) *Array {
	if f := failed(xs...); f != nil {
		return f
	}
	long := make([]*Array, len(xs))
	for i, x := range xs {
		if !slices.Equal(x.Shape(), xs[0].Shape()) {
			return fail("Stack", "shapes %s differ", shapes(xs))
		}
		if long[i] = x.ExpandDims(a); long[i].err != nil {
			return long[i]
		}
	}
	if a < 0 && len(xs) > 0 {
		a += len(xs[0].grid) + 1
	}
	return concat("Stack", a, long)
}

// part is the selection [lo, hi) along an axis.
func (x *Array) part(a, lo, hi int) *Array {
	ix := slices.Repeat([]Ix{All}, len(x.grid))
	ix[a] = S(lo, hi)
	return x.index("Index", ix)
}

// Roll moves elements along an axis by so many places; what leaves at the end
// comes in at the begin.
func (x *Array) Roll(by, a int) *Array {
	at, bad := x.axisOf("Roll", a)
	if bad != nil {
		return bad
	}
	n := int(x.grid[at].Len())
	if n == 0 || by%n == 0 {
		return x
	}
	cut := n - (by%n+n)%n
	return concat("Roll", at, []*Array{x.part(at, cut, n), x.part(at, 0, cut)})
}

// Tile repeats the array so many times along an axis.
func (x *Array) Tile(times, a int) *Array {
	if x.err != nil {
		return x
	}
	at, err := axis(a, len(x.grid))
	if err != nil || times < 0 {
		return fail("Tile", "%d times along axis %d of %d", times, a, len(x.grid))
	}
	if times == 0 {
		return x.part(at, 0, 0)
	}
	return concat("Tile", at, slices.Repeat([]*Array{x}, times))
}

// Diff is the difference of neighbours along an axis: one less than there are.
func (x *Array) Diff(a int) *Array {
	at, bad := x.axisOf("Diff", a)
	if bad != nil {
		return bad
	}
	n := int(x.grid[at].Len())
	y, z := x.part(at, min(1, n), n), x.part(at, 0, max(n-1, 0))
	if x.kind == elem.Bool {
		return y.Xor(z)
	}
	return y.Sub(z)
}

// Gradient is the derivative along an axis of values that are step apart: half the
// difference of both neighbours, at the ends the difference of the last two. The axis
// has at least two elements; integers become float64.
func (x *Array) Gradient(step float64, a int) *Array {
	at, bad := x.axisOf("Gradient", a)
	if bad != nil {
		return bad
	}
	n := int(x.grid[at].Len())
	if n < 2 || x.kind == elem.Bool {
		return fail("Gradient", "shape %s of %s: want numbers, and two of them along axis %d", grid.Tuple(x.Shape()), x.kind, at)
	}
	x = x.As(x.kind.Floating())
	slope := func(y *Array, by float64) *Array { return y.Div(by * step) }
	return concat("Gradient", at, []*Array{
		slope(x.part(at, 1, 2).Sub(x.part(at, 0, 1)), 1),
		slope(x.part(at, 2, n).Sub(x.part(at, 0, n-2)), 2),
		slope(x.part(at, n-1, n).Sub(x.part(at, n-2, n-1)), 1),
	})
}

// Trapezoid is the integral along an axis over values that are step apart, by the
// trapezoidal rule; integers become float64.
func (x *Array) Trapezoid(step float64, a int) *Array {
	at, bad := x.axisOf("Trapezoid", a)
	if bad != nil {
		return bad
	}
	if x.kind == elem.Bool {
		return fail("Trapezoid", "shape %s of %s: want numbers", grid.Tuple(x.Shape()), x.kind)
	}
	x = x.As(x.kind.Floating())
	n := int(x.grid[at].Len())
	return x.part(at, min(1, n), n).Add(x.part(at, 0, max(n-1, 0))).Sum(at).Mul(step / 2)
}

// Take selects positions along an axis, in any order, also more than once;
// negative ones count from the end. Chunks of the result have about the size of
// those of x, and are about as many where more positions are named than there are.
// Between positions that lie far apart, as those of one month in several years do,
// a chunk ends, so that each is made of few chunks of x.
func (x *Array) Take(index []int, a int) *Array {
	at, bad := x.axisOf("Take", a)
	if bad != nil {
		return bad
	}
	list, err := positions(index, at, x)
	if err != nil {
		return fail("Take", "%w", err)
	}
	return x.taken("Take", at, list, x.cuts(at, list))
}

// cuts divides positions along an axis into chunks. A chunk reads all blocks between its first and its last one: it ends
// where that would be more than what it needs, if the chunks do not become too many and too small by it.
func (x *Array) cuts(at int, list []int64) grid.Axis {
	a := x.grid[at]
	most := a.Max()
	if n := a.Len(); int64(len(list)) > n { // some more than once: DefaultBytes bounds what they may grow to
		row := x.grid.MaxBlock() / max(most, 1) * int64(x.kind.Width())
		most = max(most, min(DefaultBytes/max(row, 1), (most*int64(len(list))+n-1)/max(n, 1)))
	}
	whole := grid.Uniform(int64(len(list)), most)
	find := a.Lookup()
	reads := func(cut grid.Axis) (n int64) {
		ends := cut.Lookup()
		for c := range cut.Blocks() {
			if from, to := ends.Bounds(c); from < to {
				n += find.Find(slices.Max(list[from:to])) - find.Find(slices.Min(list[from:to])) + 1
			}
		}
		return n
	}
	var parts grid.Axis
	var size, lo, hi, idle int64 // of the chunk: its elements, its blocks, and elements between them that it does not need
	for _, p := range list {
		from, to := find.Bounds(find.Find(p))
		if size > 0 {
			idle += max(from-hi, lo-to, 0)
		}
		if size == most || idle > most {
			parts = parts.Append(size, 1)
			size, idle = 0, 0
		}
		if size == 0 {
			lo, hi = from, to
		}
		size, lo, hi = size+1, min(lo, from), max(hi, to)
	}
	if size > 0 {
		parts = parts.Append(size, 1)
	}
	if parts.Blocks() > 8*whole.Blocks() || 2*reads(parts) >= reads(whole) {
		return whole
	}
	return parts
}

// taken is positions along an axis in chunks.
func (x *Array) taken(verb string, at int, list []int64, chunks grid.Axis) *Array {
	p := ops.TakeParams{In: x.grid, Axis: int32(at), Kind: x.kind, Index: list, Cut: chunks}
	return add(verb, ops.Take, p, p.Out(), x.kind, link{x.n, p.Wire()})
}

// TakeGroups is Take of groups of positions, one after the other, such that no chunk ends
// within a group: what MapBlocks does to a block it does to whole groups. A chunk has as
// many groups as fit into the longest chunk of x along the axis, and at least one.
//
//	x.TakeGroups([][]int{{0, 3, 5}, {1, 4}, {2}}, 0)
func (x *Array) TakeGroups(groups [][]int, a int) *Array {
	const verb = "TakeGroups"
	at, bad := x.axisOf(verb, a)
	if bad != nil {
		return bad
	}
	list, err := positions(slices.Concat(groups...), at, x)
	if err != nil {
		return fail(verb, "%w", err)
	}
	sizes := []int64{0}
	for _, g := range groups {
		last := &sizes[len(sizes)-1]
		if n := int64(len(g)); *last == 0 || *last+n <= x.grid[at].Max() {
			*last += n
		} else {
			sizes = append(sizes, n)
		}
	}
	return x.taken(verb, at, list, grid.Sizes(sizes...))
}

func (x *Array) scan(verb string, fold strip.Fold, a int) *Array {
	if x.err != nil {
		return x
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail(verb, "%w", err)
	}
	y := x.As(wide(x.kind))
	totals := ops.StripsParams{Space: y.grid, Outs: []int32{strip.Leaf(0)}, Fold: &ops.FoldOver{Axes: []int32{int32(at)}, Folds: []strip.Fold{fold}},
		Leaves: []ops.Leaf{{Kind: ops.Input, Type: y.kind, Grid: y.grid, View: straight(len(y.grid))}}}
	if y.err != nil {
		return y
	}
	t := add(verb, ops.Strips, totals, totals.States(), y.kind, link{y.n, totals.Leaves[0].Wire(y.grid)})
	if t.err != nil {
		return t
	}
	p := ops.ScanParams{In: y.grid, Axis: int32(at), Fold: fold, Kind: y.kind}
	return add(verb, ops.Scan, p, y.grid, y.kind, link{y.n, grid.Wiring{One: true}}, link{t.n, p.Totals()}).As(narrow(x.kind))
}

// CumSum is the running sum along an axis. Types are those of Sum.
func (x *Array) CumSum(a int) *Array { return x.scan("CumSum", strip.Sum, a) }

// CumProd is the running product along an axis. Types are those of Prod.
func (x *Array) CumProd(a int) *Array { return x.scan("CumProd", strip.Prod, a) }

// CumMax is the largest element so far along an axis, NaN from the first one on.
func (x *Array) CumMax(a int) *Array { return x.extremes("CumMax", strip.Max, a) }

// CumMin is the smallest element so far along an axis, NaN from the first one on.
func (x *Array) CumMin(a int) *Array { return x.extremes("CumMin", strip.Min, a) }

func (x *Array) extremes(verb string, fold strip.Fold, a int) *Array {
	if x.err == nil && x.kind.IsComplex() {
		return fail(verb, "%s has no order", x.kind)
	}
	y := x.scan(verb, fold, a)
	if y.err != nil || y.kind == x.kind {
		return y
	}
	if x.kind == elem.Bool {
		return y.Ne(0)
	}
	return y.As(x.kind)
}

// Push fills NaN with the last element before it along an axis that is none, at most so
// many in a row, all for -1: push of Dask and bottleneck, ffill of tables.
func (x *Array) Push(most, a int) *Array {
	const verb = "Push"
	at, bad := x.axisOf(verb, a)
	if bad != nil {
		return bad
	}
	if most < -1 || x.kind.IsComplex() {
		return fail(verb, "%d of %s: want real numbers, and how many are filled, or -1", most, x.kind)
	}
	if !x.kind.IsFloat() {
		return x
	}
	place := Arange(0, int(x.grid[at].Len()), 1).cut(verb, grid.Grid{x.grid[at]})
	for range x.grid[at+1:] {
		place = place.ExpandDims(-1)
	}
	last := Where(x.IsNaN(), -1, place).CumMax(at)
	there := last.Ge(0)
	if most >= 0 {
		there = there.And(place.Sub(last).Le(most))
	}
	return Where(there, x.TakeAlong(last.Maximum(0), at), x)
}

// NanCumSum is CumSum with 0 instead of NaN.
func (x *Array) NanCumSum(a int) *Array { return Where(x.IsNaN(), 0, x).CumSum(a) }

// NanCumProd is CumProd with 1 instead of NaN.
func (x *Array) NanCumProd(a int) *Array { return Where(x.IsNaN(), 1, x).CumProd(a) }

// A Block is what a function of blocks reads or writes. It belongs to the
// function while that runs.
type Block struct {
	Shape []int
	DType DType
	data  []byte
}

// Elements are the elements of a block in row-major order. T must be the Go type
// of its DType: it panics if it is not.
func Elements[T elem.Element](b *Block) []T {
	if k := elem.Of[T](); k != b.DType {
		panic(fmt.Sprintf("array: the block is %s, not %s", b.DType, k))
	}
	return strip.View[T](b.data, len(b.data)/b.DType.Width())
}

// A BlockFunc computes a block of the output, which comes with its shape and
// zeros, from blocks of the inputs. at is the position of the block.
type BlockFunc func(ctx context.Context, at []int, in []*Block, out *Block) error

// A Mapper is a BlockFunc that plans can call.
type Mapper struct {
	name string
	id   uint64
	keep *Mapper
}

// Register makes a function callable wherever this program runs. Call it from a
// package-level var. It panics on an empty name and on one that is taken.
func Register(name string, f BlockFunc) Mapper {
	ops.Name(name, f.pieces)
	return Mapper{name: name}
}

// Closure makes a function callable in this process only.
func Closure(f BlockFunc) Mapper {
	m := &Mapper{id: ops.Lend(f.pieces)}
	runtime.AddCleanup(m, ops.Forget, m.id)
	return Mapper{id: m.id, keep: m}
}

func (f BlockFunc) pieces(ctx context.Context, at []int64, in []ops.Piece, out ops.Piece) error {
	blocks := make([]*Block, len(in))
	for i, p := range in {
		blocks[i] = &Block{ints(p.Shape), p.Kind, p.Data}
	}
	return f(ctx, ints(at), blocks, &Block{ints(out.Shape), out.Kind, out.Data})
}

func ints(s []int64) []int {
	out := make([]int, len(s))
	for i, n := range s {
		out[i] = int(n)
	}
	return out
}

// MapBlocks calls a function for every block of arrays of one shape, which are
// cut alike. Blocks of the result have the shape of theirs and elements of type k.
func MapBlocks(f Mapper, k DType, xs ...*Array) *Array {
	return mapped("MapBlocks", f, k, nil, false, xs)
}

// MapOverlap calls a function for every block of x, which it gets with depth[i]
// more elements on each side along axis i; beyond the ends of the axis they are
// what the boundary says, and with None there are none. Blocks of the result have the
// shape without them and elements of type k.
func (x *Array) MapOverlap(f Mapper, k DType, depth []int, b Boundary) *Array {
	if x.err != nil {
		return x
	}
	if len(depth) != len(x.grid) {
		return fail("MapOverlap", "%d depths for %d axes", len(depth), len(x.grid))
	}
	y := x
	halo := make([]int64, len(depth))
	for i, d := range depth {
		if d < 0 {
			return fail("MapOverlap", "depth %d along axis %d", d, i)
		}
		if d > 0 && !x.grid[i].Known() {
			return x.loose("MapOverlap")
		}
		if halo[i] = int64(d); d != 0 && b != None {
			y = y.Pad(i, d, d, b)
		}
	}
	if y.err != nil {
		return y
	}
	return mapped("MapOverlap", f, k, x.grid, b == None, []*Array{y}, halo)
}

func mapped(verb string, f Mapper, k DType, out grid.Grid, bare bool, xs []*Array, halo ...[]int64) *Array {
	if bad := failed(xs...); bad != nil {
		return bad
	}
	if len(xs) == 0 || !k.Valid() || f.name == "" && f.id == 0 {
		return fail(verb, "%d arrays, elements of %s: want a function from Register or Closure, and an array", len(xs), k)
	}
	if out == nil {
		out = slices.Clone(xs[0].grid)
		for _, x := range xs[1:] {
			if !slices.Equal(x.Shape(), xs[0].Shape()) {
				return fail(verb, "shapes %s differ", shapes(xs))
			}
			for i, a := range x.grid {
				if !a.Known() && !a.Equal(out[i]) {
					return x.loose(verb)
				}
				out[i] = grid.Refine(out[i], a)
			}
		}
	}
	p := ops.MapParams{Name: f.name, ID: f.id, Out: out, Kind: k, Halo: halo, Bare: bare}
	for _, x := range xs {
		p.In, p.Kinds = append(p.In, x.grid), append(p.Kinds, x.kind)
		if len(p.Halo) < len(p.In) {
			p.Halo = append(p.Halo, make([]int64, len(out)))
		}
	}
	links := make([]link, len(xs))
	for i, x := range xs {
		links[i] = link{x.n, p.Wire(i)}
	}
	y := add(verb, ops.Map, p, out, k, links...)
	if y.err == nil {
		y.n.keep = f.keep
	}
	return y
}
