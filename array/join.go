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
	links := make([]link, len(nodes))
	for i, n := range nodes {
		links[i] = link{n, p.Wire(i)}
	}
	return add(verb, ops.Concat, p, p.Out(), kind, links...)
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
	if bad := x.loose("Roll"); bad != nil {
		return bad
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail("Roll", "%w", err)
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
	if bad := x.loose("Diff"); bad != nil {
		return bad
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail("Diff", "%w", err)
	}
	n := int(x.grid[at].Len())
	y, z := x.part(at, min(1, n), n), x.part(at, 0, max(n-1, 0))
	if x.kind == elem.Bool {
		return y.Xor(z)
	}
	return y.Sub(z)
}

// A Boundary says what lies beyond the ends of an axis.
type Boundary struct {
	mode  string
	value any
}

// The boundaries.
var (
	Reflect  = Boundary{mode: "reflect"}  // c b a | a b c d | d c b
	Periodic = Boundary{mode: "periodic"} // b c d | a b c d | a b c
	Nearest  = Boundary{mode: "nearest"}  // a a a | a b c d | d d d
	Mirror   = Boundary{mode: "mirror"}   // d c b | a b c d | c b a
	None     = Boundary{mode: "none"}     // nothing, of MapOverlap
)

// Constant is a boundary beyond which there is one value.
func Constant(v any) Boundary { return Boundary{"constant", v} }

// Pad adds so many elements before and after an axis.
func (x *Array) Pad(a, before, after int, b Boundary) *Array {
	if bad := x.loose("Pad"); bad != nil {
		return bad
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail("Pad", "%w", err)
	}
	n := int(x.grid[at].Len())
	if before < 0 || after < 0 {
		return fail("Pad", "%d before and %d after", before, after)
	}
	var lo, hi *Array
	switch b.mode {
	case "constant":
		nums, err := bits(b.value, x.kind)
		if err != nil {
			return fail("Pad", "%w", err)
		}
		lo, hi = x.constant(at, before, nums), x.constant(at, after, nums)
	case "mirror":
		if max(before, after) > n-1 {
			return fail("Pad", "%d elements of axis %d, which has %d beside the last", max(before, after), at, n-1)
		}
		lo, hi = x.part(at, 1, before+1).Flip(at), x.part(at, n-1-after, n-1).Flip(at)
	case "reflect", "periodic":
		if max(before, after) > n {
			return fail("Pad", "%d elements of axis %d, which has %d", max(before, after), at, n)
		}
		if b.mode == "reflect" {
			lo, hi = x.part(at, 0, before).Flip(at), x.part(at, n-after, n).Flip(at)
		} else {
			lo, hi = x.part(at, n-before, n), x.part(at, 0, after)
		}
	case "nearest":
		if n == 0 {
			return fail("Pad", "axis %d has no elements", at)
		}
		shape := x.Shape()
		shape[at] = before
		lo = x.part(at, 0, 1).BroadcastTo(shape)
		shape[at] = after
		hi = x.part(at, n-1, n).BroadcastTo(shape)
	default:
		return fail("Pad", "no boundary: take Reflect, Mirror, Periodic, Nearest or Constant")
	}
	return concat("Pad", at, []*Array{lo, x, hi})
}

// constant has the shape and chunks of x, but for one axis.
func (x *Array) constant(at, n int, nums []uint64) *Array {
	g := slices.Clone(x.grid)
	g[at] = grid.Uniform(int64(n), 0)
	var p plan
	return p.done("Pad", g, p.fill(x.kind, nums...))
}

// Take selects positions along an axis, in any order, also more than once;
// negative ones count from the end. Chunks of the result have about the size of
// those of x.
func (x *Array) Take(index []int, a int) *Array {
	if bad := x.loose("Take"); bad != nil {
		return bad
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail("Take", "%w", err)
	}
	list, err := positions(index, at, x)
	if err != nil {
		return fail("Take", "%w", err)
	}
	p := ops.TakeParams{In: x.grid, Axis: int32(at), Kind: x.kind, Index: list}
	p.Cut = grid.Uniform(int64(len(index)), x.grid[at].Max())
	return add("Take", ops.Take, p, p.Out(), x.kind, link{x.n, p.Wire()})
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
	if bad := x.loose("MapOverlap"); bad != nil {
		return bad
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
