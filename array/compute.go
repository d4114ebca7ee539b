package array

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// A RunOption changes how a plan runs, never what it returns.
type RunOption = graph.Option

// WithProgress has f called a few times a second while the plan runs.
func WithProgress(f func(graph.Progress)) RunOption { return graph.WithProgress(f) }

// Without leaves out passes of the optimizer, by name.
func Without(passes ...string) RunOption { return graph.Without(passes...) }

// A Result is a computed array: its elements in row-major order, in memory of the
// garbage collector, outside of the runner's budget.
type Result struct {
	Shape []int
	DType DType
	data  []byte
}

// plan lists the nodes of an array as a graph.
func (x *Array) plan() (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	at := map[*node]graph.LayerID{}
	var visit func(n *node) graph.LayerID
	visit = func(n *node) graph.LayerID {
		if id, ok := at[n]; ok {
			return id
		}
		if n.table != nil {
			at[n] = g.Splice(n.table.Graph, n.table.Want)
			return at[n]
		}
		l := graph.Layer{Call: n.call, Out: n.out, N: n.blocks, Origin: n.origin, Lent: n.lent}
		for _, in := range n.in {
			e := graph.Edge{From: visit(in.from)}
			if !in.wiring.One {
				e.Wiring, e.Box = op.Boxed, in.wiring.Box
			}
			l.In = append(l.In, e)
		}
		at[n] = g.Add(l)
		return at[n]
	}
	return g, visit(x.n)
}

// blocks runs the plan in a mode and calls f for every block.
func (x *Array) blocks(ctx context.Context, r graph.Runner, mode graph.Mode, opts []RunOption, f func(graph.Delivered) error) (graph.Report, error) {
	if x.err != nil {
		return graph.Report{}, x.err
	}
	g, want := x.plan()
	defer runtime.KeepAlive(x) // and what its plan reads
	return graph.Each(ctx, r, graph.Request{Graph: g, Want: want, Mode: mode}, opts, f)
}

// Compute runs the plan and returns the whole array.
func (x *Array) Compute(ctx context.Context, r graph.Runner, opts ...RunOption) (*Result, error) {
	if x.err != nil {
		return nil, x.err
	}
	w := x.kind.Width()
	if loose, _ := x.grid.Loose(); loose >= 0 {
		return x.computeLoose(ctx, r, loose, opts)
	}
	res := &Result{Shape: x.Shape(), DType: x.kind}
	place := newPlacer(x.grid, w)
	_, err := x.blocks(ctx, r, graph.Run, opts, func(d graph.Delivered) error {
		if res.data == nil { // not before the plan has been found to fit
			res.data = strip.Aligned(x.Size() * w)
		}
		return place.block(ctx, res.data, d.Block, d.Value)
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// A placer copies blocks to their places in a whole array.
type placer struct {
	axes   []*grid.Lookup
	counts []int32
	stride []int64 // bytes
	width  int64
}

func newPlacer(g grid.Grid, width int) *placer {
	p := &placer{counts: g.Counts(), stride: make([]int64, len(g)), width: int64(width)}
	s := int64(width)
	for i := len(g) - 1; i >= 0; i-- {
		p.stride[i] = s
		s *= g[i].Len()
	}
	for _, a := range g {
		p.axes = append(p.axes, a.Lookup())
	}
	return p
}

// placed is how many bytes are copied between two looks at the context: new memory is cleared on the way.
const placed = 8 << 20

// block copies one block, unless the context ends before that.
func (p *placer) block(ctx context.Context, dst []byte, b int32, v chunk.Value) error {
	var at [grid.MaxDims]int32
	var n, idx [grid.MaxDims]int64
	grid.Coords(p.counts, b, at[:])
	d, off, row, total := len(p.axes), int64(0), int64(1), int64(1)
	for i, l := range p.axes {
		lo, hi := l.Bounds(int64(at[i]))
		n[i] = hi - lo
		total *= n[i]
		off += lo * p.stride[i]
	}
	for d > 0 && p.stride[d-1] == row*p.width { // axes that lie together
		row *= n[d-1]
		d--
	}
	if total == 0 {
		return nil
	}
	left, mute := row*p.width, placed
	return chunk.EachOfAll(v, func(b *chunk.Batch) error {
		data := b.Cols[0].Data[:int64(b.N)*p.width]
		for len(data) > 0 {
			if left == 0 {
				left = row * p.width
				off = p.next(&idx, &n, d, off-row*p.width)
			}
			k := copy(dst[off:off+left], data[:min(len(data), placed)])
			data, off, left = data[k:], off+int64(k), left-int64(k)
			if mute -= k; mute <= 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				mute = placed
			}
		}
		return nil
	})
}

// next moves to the next row of a block.
func (p *placer) next(idx, n *[grid.MaxDims]int64, d int, off int64) int64 {
	for i := d - 1; i >= 0; i-- {
		if idx[i]++; idx[i] < n[i] {
			return off + p.stride[i]
		}
		off -= (n[i] - 1) * p.stride[i]
		idx[i] = 0
	}
	return off
}

// Values returns the elements of a result in row-major order, without a copy. T
// must be the Go type of the result's DType.
func Values[T elem.Element](r *Result) ([]T, error) {
	if k := elem.Of[T](); k != r.DType {
		return nil, fmt.Errorf("array: the result is %s, not %s", r.DType, k)
	}
	return strip.View[T](r.data, len(r.data)/r.DType.Width()), nil
}

// Collect runs the plan and returns the elements in row-major order.
func Collect[T elem.Element](ctx context.Context, r graph.Runner, x *Array, opts ...RunOption) ([]T, error) {
	if k := elem.Of[T](); x.err == nil && k != x.kind {
		return nil, fmt.Errorf("array: the array is %s, not %s: use As", x.kind, k)
	}
	res, err := x.Compute(ctx, r, opts...)
	if err != nil {
		return nil, err
	}
	return Values[T](res)
}

// A Chunk is a chunk of an array, computed.
type Chunk struct {
	At   []int // its position among the chunks
	From []int // where its first element is in the array; nil where chunk sizes were not known
	*Result
}

// Iterate runs the plan and yields the chunks, in the order of their positions, in memory
// of the garbage collector. They are computed ahead of the reader only as far as a few
// per thread, so that the array need not fit into memory; leaving the loop stops the work.
//
//	for c, err := range x.Iterate(ctx, runner) {
func (x *Array) Iterate(ctx context.Context, r graph.Runner, opts ...RunOption) iter.Seq2[*Chunk, error] {
	return func(yield func(*Chunk, error) bool) {
		if x.err == nil && x.n.gauge != nil {
			y, err := x.ComputeChunkSizes(ctx, r, opts...)
			if err != nil {
				yield(nil, err)
				return
			}
			x = y
		}
		stop := errors.New("stop") // ends the run; yield may not be called after it
		opts := append(opts[:len(opts):len(opts)], func(q *graph.Request) { q.Ordered = true })
		_, err := x.blocks(ctx, r, graph.Run, opts, func(d graph.Delivered) error {
			c, err := x.chunk(d)
			if err == nil && !yield(c, nil) {
				err = stop
			}
			return err
		})
		if err != nil && !errors.Is(err, stop) {
			yield(nil, err)
		}
	}
}

// chunk copies a block.
func (x *Array) chunk(d graph.Delivered) (*Chunk, error) {
	loose, err := x.grid.Loose()
	if err != nil {
		return nil, err
	}
	var at [grid.MaxDims]int32
	grid.Coords(x.grid.Counts(), d.Block, at[:])
	n, w, rest := d.Value.Rows(), int64(x.kind.Width()), int64(1)
	c := &Chunk{At: make([]int, len(x.grid)), From: make([]int, len(x.grid)), Result: &Result{Shape: make([]int, len(x.grid)), DType: x.kind}}
	for i, a := range x.grid {
		c.At[i] = int(at[i])
		if i != loose {
			lo, hi := a.Lookup().Bounds(int64(at[i]))
			c.From[i], c.Shape[i] = int(lo), int(hi-lo)
			rest *= hi - lo
		}
	}
	if loose >= 0 {
		c.From = nil
		c.Shape[loose] = int(n / max(rest, 1))
	}
	c.data = strip.Aligned(int(n * w))
	k := 0
	err = chunk.EachOfAll(d.Value, func(b *chunk.Batch) error {
		k += copy(c.data[k:], b.Cols[0].Data[:int64(b.N)*w])
		return nil
	})
	return c, err
}

// Explain returns the plan as built and as it would run, without running it.
func (x *Array) Explain(ctx context.Context, r graph.Runner, opts ...RunOption) (graph.Report, error) {
	return x.blocks(ctx, r, graph.Explain, opts, dropped)
}

// Analyze runs the plan, drops the elements, and returns the plan with what every
// operator did.
func (x *Array) Analyze(ctx context.Context, r graph.Runner, opts ...RunOption) (graph.Report, error) {
	return x.blocks(ctx, r, graph.Analyze, opts, dropped)
}

func dropped(graph.Delivered) error { return nil }

// All returns the elements of a result in row-major order, each as a Go value:
// for printing and for small arrays.
func (r *Result) All() []any {
	out := make([]any, r.Len())
	for i := range out {
		out[i] = r.value(i)
	}
	return out
}
