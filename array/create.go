package array

import (
	"fmt"
	"math"
	"runtime"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	ops "github.com/weft-data/weft/op/array"
)

// An Option of the functions that make arrays.
type Option func(*options)

type options struct {
	chunks []any
	limit  int64
	kind   elem.Kind
}

// DefaultBytes is what a block of an axis with automatic chunks aims at.
const DefaultBytes = 32 << 20

// auto is the type of Auto.
type auto struct{}

// Auto, among Chunks, lets the bytes of a block decide.
var Auto = auto{}

// Chunks says how the axes are cut: for each axis a size, -1 for one chunk, Auto,
// or a []int of sizes that add up to the axis. A single size, -1 or Auto counts
// for all axes. Without it all axes are Auto.
func Chunks(specs ...any) Option { return func(o *options) { o.chunks = specs } }

// ChunkBytes sets what Auto aims at, 32 MiB by default.
func ChunkBytes(n int64) Option { return func(o *options) { o.limit = n } }

// Of sets the type of the elements of functions that have a default.
func Of(k DType) Option { return func(o *options) { o.kind = k } }

func settle(kind elem.Kind, opts []Option) options {
	o := options{limit: DefaultBytes, kind: kind}
	for _, f := range opts {
		f(&o)
	}
	return o
}

// grid cuts a shape.
func (o *options) grid(shape []int) (grid.Grid, error) {
	if !o.kind.Valid() {
		return nil, fmt.Errorf("no element type %v", o.kind)
	}
	s := make([]int64, len(shape))
	for i, n := range shape {
		if n < 0 {
			return nil, fmt.Errorf("axis %d of %s is negative", i, grid.Tuple(shape))
		}
		s[i] = int64(n)
	}
	specs, err := specsOf(o.chunks, len(shape))
	if err != nil {
		return nil, err
	}
	g, err := grid.Divide(s, specs, o.limit/int64(o.kind.Width()))
	if err == nil {
		err = g.Check()
	}
	return g, err
}

// specsOf reads chunk specifications.
func specsOf(chunks []any, dims int) ([]grid.Spec, error) {
	if len(chunks) == 0 {
		chunks = []any{Auto}
	}
	if len(chunks) == 1 && dims != 1 {
		if _, list := chunks[0].([]int); !list {
			one := chunks[0]
			chunks = make([]any, dims)
			for i := range chunks {
				chunks[i] = one
			}
		}
	}
	if len(chunks) != dims {
		return nil, fmt.Errorf("chunks for %d axes of %d", len(chunks), dims)
	}
	specs := make([]grid.Spec, dims)
	for i, c := range chunks {
		switch c := c.(type) {
		case auto:
			specs[i].Auto = true
		case int:
			if c < -1 || c == 0 {
				return nil, fmt.Errorf("chunks of size %d along axis %d: want a positive size, -1 for the whole axis, Auto or a list", c, i)
			}
			specs[i].Size = int64(c)
		case []int:
			specs[i].Sizes = make([]int64, len(c))
			for k, n := range c {
				specs[i].Sizes[k] = int64(n)
			}
		default:
			return nil, fmt.Errorf("chunks of axis %d are a %T: want a size, -1, Auto or a []int", i, c)
		}
	}
	return specs, nil
}

// made is an array of one leaf.
func made(verb string, shape []int, o options, leaf func(whole grid.Grid) ops.Leaf) *Array {
	g, err := o.grid(shape)
	if err != nil {
		return fail(verb, "%w", err)
	}
	var p plan
	whole := make(grid.Grid, len(g))
	for i, a := range g {
		whole[i] = grid.Uniform(a.Len(), 0)
	}
	return p.done(verb, g, p.leaf(leaf(whole), 0))
}

// Full is an array of one value, whose Go type decides the type of the elements:
// int is int64. Of overrides it.
func Full(shape []int, value any, opts ...Option) *Array {
	k := elem.OfValue(value)
	if k == elem.Invalid {
		return fail("Full", "no array holds a %T", value)
	}
	o := settle(k, opts)
	nums, err := bits(value, o.kind)
	if err != nil {
		return fail("Full", "%w", err)
	}
	return made("Full", shape, o, func(grid.Grid) ops.Leaf { return ops.Leaf{Kind: ops.Fill, Type: o.kind, Nums: nums} })
}

// Zeros is an array of zeros, float64 by default.
func Zeros(shape []int, opts ...Option) *Array {
	return Full(shape, false, append([]Option{Of(Float64)}, opts...)...)
}

// Ones is an array of ones, float64 by default.
func Ones(shape []int, opts ...Option) *Array {
	return Full(shape, true, append([]Option{Of(Float64)}, opts...)...)
}

// ZerosLike has the shape, chunks and type of x.
func ZerosLike(x *Array) *Array { return like("ZerosLike", x, false) }

// OnesLike has the shape, chunks and type of x.
func OnesLike(x *Array) *Array { return like("OnesLike", x, true) }

func like(verb string, x *Array, value any) *Array {
	if f := failed(x); f != nil {
		return f
	}
	var p plan
	nums, err := bits(value, x.kind)
	if err != nil {
		return fail(verb, "%w", err)
	}
	return p.done(verb, x.grid, p.fill(x.kind, nums...))
}

// Arange is the numbers from start to stop, without it, by steps: int64 when all
// three are integers, else float64.
func Arange(start, stop, step any, opts ...Option) *Array {
	k := elem.Int64
	for _, v := range []any{start, stop, step} {
		switch e := elem.OfValue(v); {
		case e.IsFloat():
			k = elem.Float64
		case !e.IsInt():
			return fail("Arange", "%v is a %T: want an integer or a float", v, v)
		}
	}
	o := settle(k, opts)
	if !o.kind.IsReal() {
		return fail("Arange", "there is no range of %s", o.kind)
	}
	a, b, c := asFloat(start), asFloat(stop), asFloat(step)
	n := math.Ceil((b - a) / c)
	if k == elem.Int64 && c != 0 {
		n = float64(rangeLength(asInt(start), asInt(stop), asInt(step)))
	}
	if c == 0 || math.IsNaN(n) || n > 1<<56 {
		return fail("Arange", "from %v to %v by %v", start, stop, step)
	}
	length := int(max(n, 0))
	return made("Arange", []int{length}, o, func(whole grid.Grid) ops.Leaf {
		l := ops.Leaf{Kind: ops.Range, Type: o.kind, Grid: whole, View: straight(1)}
		if o.kind.IsInt() {
			l.Nums = []uint64{uint64(asInt(start)), uint64(asInt(step))}
		} else {
			l.Nums = []uint64{math.Float64bits(a), math.Float64bits(c)}
		}
		return l
	})
}

// rangeLength is the number of elements of a range.
func rangeLength(start, stop, step int64) int64 {
	if step > 0 && start < stop {
		return (stop-start-1)/step + 1
	} else if step < 0 && start > stop {
		return (start-stop-1)/-step + 1
	}
	return 0
}

// Linspace is n float64 numbers, evenly spaced, the first start and the last stop.
func Linspace(start, stop float64, n int, opts ...Option) *Array {
	if n < 0 {
		return fail("Linspace", "%d numbers", n)
	}
	o := settle(elem.Float64, opts)
	kind := o.kind
	o.kind = elem.Float64
	step := (stop - start) / float64(max(n-1, 1))
	last := n - 1
	if n == 1 {
		last = -1 // the only number is start
	}
	x := made("Linspace", []int{n}, o, func(whole grid.Grid) ops.Leaf {
		return ops.Leaf{Kind: ops.Spaced, Type: elem.Float64, Grid: whole, View: straight(1),
			Nums: []uint64{math.Float64bits(start), math.Float64bits(step), math.Float64bits(stop), uint64(last)}}
	})
	return x.As(kind)
}

// Eye is rows × cols zeros with ones where column − row = k, float64 by default.
func Eye(rows, cols, k int, opts ...Option) *Array {
	o := settle(elem.Float64, opts)
	return made("Eye", []int{rows, cols}, o, func(whole grid.Grid) ops.Leaf {
		return ops.Leaf{Kind: ops.Eye, Type: o.kind, Grid: whole, View: straight(2), Nums: []uint64{uint64(int64(k))}}
	})
}

// NewSlice is a slice of n zeros for FromSlice, of which the kernel is asked to make huge
// pages, where it has them, as NumPy does for its arrays: elements that are read again and
// again then cost fewer page walks. It is for large data that a program makes itself, and
// is garbage-collected memory like any other.
func NewSlice[T elem.Element](n int) []T {
	v := make([]T, n)
	mem.Advise(strip.Raw(v))
	return v
}

// FromSlice is the elements of a slice in row-major order. They are read while
// plans run, not copied, and must not change. The plan stays in this process.
func FromSlice[T elem.Element](data []T, shape []int, opts ...Option) *Array {
	n := 1
	for _, k := range shape {
		n *= k
	}
	if n != len(data) {
		return fail("FromSlice", "%d elements do not make an array of shape %s", len(data), grid.Tuple(shape))
	}
	return inMemory("FromSlice", strip.Raw(data), elem.Of[T](), shape, opts, nil)
}

// inMemory is an array of elements that lie in memory. done is called when they are
// no longer read.
func inMemory(verb string, data []byte, k elem.Kind, shape []int, opts []Option, done func()) *Array {
	o := settle(k, opts)
	kind := o.kind
	o.kind = k
	id := ops.Keep(data)
	drop := func(id uint64) {
		ops.Drop(id)
		if done != nil {
			done()
		}
	}
	x := made(verb, shape, o, func(whole grid.Grid) ops.Leaf {
		return ops.Leaf{Kind: ops.Memory, Type: o.kind, Grid: whole, View: straight(len(shape)), ID: id}
	})
	if x.err != nil {
		drop(id)
		return x
	}
	lease := &struct{ data []byte }{data}
	runtime.AddCleanup(lease, drop, id)
	x.n.keep = lease
	return x.As(kind)
}

// bits is a Go number as a leaf carries it, for elements of type k. A float that is whole, such
// as 1e6, fits integers.
func bits(v any, k elem.Kind) ([]uint64, error) {
	from := elem.OfValue(v)
	switch {
	case from == elem.Invalid:
		return nil, fmt.Errorf("no array holds a %T", v)
	case from.IsComplex():
		c := asComplex(v)
		if !k.IsComplex() {
			return nil, fmt.Errorf("%v does not fit %s", v, k)
		}
		return []uint64{math.Float64bits(real(c)), math.Float64bits(imag(c))}, nil
	case k.IsComplex():
		return []uint64{math.Float64bits(asFloat(v)), 0}, nil
	case k.IsFloat():
		return []uint64{math.Float64bits(asFloat(v))}, nil
	}
	n, unsigned := asInt(v), from == elem.Uint64
	if from.IsFloat() {
		f := asFloat(v)
		if f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			return nil, fmt.Errorf("%v does not fit %s", v, k)
		}
		n = int64(f)
	}
	if !fits(n, unsigned, k) {
		return nil, fmt.Errorf("%v does not fit %s", v, k)
	}
	return []uint64{uint64(n)}, nil
}

// fits reports whether an integer is a value of type k.
func fits(n int64, unsigned bool, k elem.Kind) bool {
	w := uint(k.Width()) * 8
	switch {
	case k == elem.Bool:
		return n == 0 || n == 1
	case unsigned && n < 0:
		return k == elem.Uint64
	case k.IsUnsigned():
		return n >= 0 && (w == 64 || n < 1<<w)
	}
	return w == 64 || n >= -1<<(w-1) && n < 1<<(w-1)
}

func asInt(v any) int64 {
	switch x := v.(type) {
	case bool:
		if x {
			return 1
		}
		return 0
	case int:
		return int64(x)
	case int8:
		return int64(x)
	case int16:
		return int64(x)
	case int32:
		return int64(x)
	case int64:
		return x
	case uint:
		return int64(x)
	case uint8:
		return int64(x)
	case uint16:
		return int64(x)
	case uint32:
		return int64(x)
	case uint64:
		return int64(x)
	}
	return int64(asFloat(v))
}

func asFloat(v any) float64 {
	switch x := v.(type) {
	case float32:
		return float64(x)
	case float64:
		return x
	case uint64:
		return float64(x)
	case uint:
		return float64(x)
	}
	return float64(asInt(v))
}

func asComplex(v any) complex128 {
	if c, ok := v.(complex64); ok {
		return complex128(c)
	}
	c, _ := v.(complex128)
	return c
}
