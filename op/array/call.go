package array

import (
	"fmt"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// Operators that compute whole blocks from whole blocks, by an algorithm of their
// own: factorizations, transforms, sorts. They share how operands are cut and
// read, and their parameters.

// An Operand is an input of a call: a run of each block of a layer whose blocks
// are those of Grid.
type Operand struct {
	Grid grid.Grid
	Kind elem.Kind
	Run  int32
	// Axes says for each axis along which axis of the space it is read block by
	// block; All means all of it, for each task, and Only(b) only its block b.
	Axes []int32
	// Mine says that the run is Run and the number of the task.
	Mine bool
	// Stream says that the blocks a task reads are taken one after the other
	// instead of brought together.
	Stream bool
}

// All is an axis that a task reads as a whole.
const All int32 = -1

// Only is an axis of which a task reads block b.
func Only(b int) int32 { return int32(-2 - b) }

// only returns the block that Only named.
func only(axis int32) (b int64, ok bool) { return int64(-2 - axis), axis < All }

// CallParams are the parameters of the operators of this kind. There is a task
// for each block of the space. It makes a block of each result, which has as many
// blocks as the space: result k is run k of the task's output.
type CallParams struct {
	Space grid.Grid
	In    []Operand
	Out   []grid.Grid
	Kind  elem.Kind // of all results
	Ints  []int64   // what else the algorithm is told
	Nums  []float64
	Func  string // a function of the user by its name, or
	ID    uint64 // a closure of this process, see MapParams
}

// Wire returns the wiring of input i.
func (p *CallParams) Wire(i int) grid.Wiring {
	x := &grid.Box{Out: p.Space.Counts()}
	for j, a := range p.In[i].Grid {
		n := int32(a.Blocks())
		to := p.In[i].Axes[j]
		if b, ok := only(to); ok {
			x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: -1, First: int32(b), N: 1})
		} else if to >= 0 {
			x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: to, Step: 1, N: 1})
		} else {
			x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: -1, N: n})
		}
	}
	return x.Wiring()
}

func (p *CallParams) check() error {
	if err := p.Space.Check(); err != nil {
		return err
	}
	if len(p.Out) == 0 || !p.Kind.Valid() {
		return fmt.Errorf("%d results of %s", len(p.Out), p.Kind)
	}
	for _, g := range p.Out {
		if _, err := g.Loose(); err != nil {
			return err
		}
		if g.Blocks() != p.Space.Blocks() {
			return fmt.Errorf("%d blocks of a result of %d tasks", g.Blocks(), p.Space.Blocks())
		}
	}
	for i, o := range p.In {
		if _, err := o.Grid.Loose(); err != nil {
			return err
		}
		if len(o.Axes) != len(o.Grid) || !o.Kind.Valid() || o.Run < 0 {
			return fmt.Errorf("input %d: %d axes of %d, run %d, of %s", i, len(o.Axes), len(o.Grid), o.Run, o.Kind)
		}
		for j, a := range o.Axes {
			if a >= int32(len(p.Space)) || a >= 0 && p.Space[a].Blocks() != o.Grid[j].Blocks() {
				return fmt.Errorf("input %d, cut into %s, does not go along axis %d of %s", i, o.Grid, a, p.Space)
			}
			if b, ok := only(a); ok && b >= o.Grid[j].Blocks() {
				return fmt.Errorf("input %d, cut into %s, has no block %d along axis %d", i, o.Grid, b, j)
			}
		}
	}
	return nil
}

// reads returns the most elements of operand i that a task has in memory at once.
func (o *Operand) reads() int64 {
	n := int64(1)
	for j, a := range o.Grid {
		if o.Axes[j] != All || o.Stream {
			n *= a.Max()
		} else {
			n *= a.AtMost().Len()
		}
	}
	return n
}

// A procedure is the algorithm of an operator: what it needs beside its inputs
// and outputs, in bytes, and what it does.
type procedure struct {
	room func(p *CallParams) int64
	run  func(c *Call) error
}

// define registers an operator.
func define(name, doc string, f procedure) op.Op[CallParams] {
	return op.Register(op.Spec[CallParams]{
		Name: name, Version: 1, Class: op.Opaque, Doc: doc,
		Infer: func(p CallParams, in []op.Meta) (op.Meta, error) {
			if err := p.check(); err != nil {
				return op.Meta{}, err
			}
			n := int64(0)
			for _, g := range p.Out {
				n += g.Elements()
			}
			return Describe(n, p.Kind), nil
		},
		Mem: func(p CallParams, _ op.Meta) op.Need {
			n := int64(0)
			for _, g := range p.Out {
				n += mem.Size(int(g.MaxBlock()) * p.Kind.Width())
			}
			for i := range p.In {
				n += mem.Size(int(p.In[i].reads()) * p.In[i].Kind.Width())
			}
			if f.room != nil {
				n += mem.Size(int(f.room(&p)))
			}
			return op.Need{Floor: n, Want: n}
		},
		Text: func(p CallParams) string { return fmt.Sprintf("%s in %d", p.Kind, p.Space.Blocks()) },
		Block: func(p CallParams) (op.Block, error) {
			if err := p.check(); err != nil {
				return nil, err
			}
			c := &calling{p: p, run: f.run}
			for _, o := range p.In {
				var axes []*grid.Lookup
				for _, a := range o.Grid {
					axes = append(axes, a.Lookup())
				}
				c.axes = append(c.axes, axes)
			}
			return c, nil
		},
		Rules: op.Rules[CallParams]{Pure: true},
	})
}

// calling is a bound operator.
type calling struct {
	p    CallParams
	run  func(c *Call) error
	axes [][]*grid.Lookup

	once  sync.Once // what all tasks share
	table any
	err   error
}

// shared returns what all tasks of the operator share; make is called once.
func shared[T any](c *Call, make func() (T, error)) (T, error) {
	c.of.once.Do(func() { c.of.table, c.of.err = make() })
	t, _ := c.of.table.(T)
	return t, c.of.err
}

// A Call is one task of such an operator.
type Call struct {
	op.Task
	P   *CallParams
	At  []int64 // the block of the space
	In  []Piece // of inputs that are not streamed; not to be written to
	Out []Piece // with undefined elements

	of   *calling
	in   [][]op.In
	made []*chunk.Batch
	more []extra
}

// An extra is a run of the output that is no result of the plan.
type extra struct {
	run int
	b   *chunk.Batch
}

// put makes a run of n elements.
func (c *Call) put(run, n int) (Piece, error) {
	b, err := newBatch(c.Task, []elem.Kind{c.P.Kind}, int64(n))
	if err != nil {
		return Piece{}, err
	}
	c.more = append(c.more, extra{run, b})
	return Piece{c.P.Kind, []int64{int64(n)}, b.Cols[0].Data}, nil
}

// run is that of an operand's blocks.
func (c *Call) run(o *Operand) int {
	if o.Mine {
		return int(o.Run) + c.Block()
	}
	return int(o.Run)
}

// grow allocates result k, a vector of which the plan does not know the length.
func (c *Call) grow(k int, n int) error {
	b, err := newBatch(c.Task, []elem.Kind{c.P.Kind}, int64(n))
	if err != nil {
		return err
	}
	c.made[k] = b
	c.Out[k] = Piece{c.P.Kind, []int64{int64(n)}, b.Cols[0].Data}
	return nil
}

// loose reads a run of a block, a vector of which the plan does not know the length.
func (c *Call) loose(in op.In, o *Operand) (Piece, func(), error) {
	p, run := Piece{Kind: o.Kind, Shape: []int64{0}}, c.run(o)
	n := 0
	count := func(b *chunk.Batch) error { n += b.N; return nil }
	if run >= in.Runs() {
		return p, func() {}, nil
	}
	if err := chunk.Each(in, run, count); err != nil || n == 0 {
		return p, func() {}, err
	}
	data, done, err := contiguous(c.Task, in, run, int64(n), o.Kind.Width())
	p.Data, p.Shape[0] = data, int64(n)
	return p, done, err
}

// Run implements op.Block.
func (x *calling) Run(t op.Task, in []op.In, out op.Out) (err error) {
	c := &Call{Task: t, P: &x.p, At: make([]int64, len(x.p.Space)), In: make([]Piece, len(x.p.In)), Out: make([]Piece, len(x.p.Out)),
		of: x, in: make([][]op.In, len(x.p.In)), made: make([]*chunk.Batch, len(x.p.Out))}
	made := c.made
	var pos [grid.MaxDims]int32
	grid.Coords(x.p.Space.Counts(), int32(t.Block()), pos[:])
	for i := range c.At {
		c.At[i] = int64(pos[i])
	}
	for _, b := range in {
		c.in[b.Edge] = append(c.in[b.Edge], b)
	}
	for i := range x.p.In {
		if x.p.In[i].Stream {
			continue
		}
		done, err := c.whole(i)
		defer done()
		if err != nil {
			return err
		}
	}
	defer func() {
		for _, b := range made {
			if b != nil {
				b.Release()
			}
		}
		for _, m := range c.more {
			m.b.Release()
		}
	}()
	for k, g := range x.p.Out {
		if loose, _ := g.Loose(); loose >= 0 {
			c.Out[k] = Piece{Kind: x.p.Kind}
			continue // see grow
		}
		shape := blockShape(g, int32(t.Block()))
		if made[k], err = newBatch(t, []elem.Kind{x.p.Kind}, product(shape)); err != nil {
			return err
		}
		c.Out[k] = Piece{x.p.Kind, shape, made[k].Cols[0].Data}
	}
	if err := x.run(c); err != nil {
		return err
	}
	for k, b := range made {
		if made[k] = nil; b == nil {
			continue
		}
		if err := out.Put(k, b); err != nil {
			return err
		}
	}
	for len(c.more) > 0 {
		m := c.more[0]
		c.more = c.more[1:]
		if err := out.Put(m.run, m.b); err != nil {
			return err
		}
	}
	return nil
}

// box is what the task reads of input i: elements, and blocks.
func (c *Call) box(i int) (need, blocks region) {
	o := &c.P.In[i]
	for j, a := range c.of.axes[i] {
		b, one := only(o.Axes[j])
		if to := o.Axes[j]; to >= 0 {
			b, one = c.At[to], true
		}
		if one {
			blocks.lo[j], blocks.hi[j] = b, b+1
			need.lo[j], need.hi[j] = a.Bounds(b)
		} else {
			blocks.hi[j], need.hi[j] = o.Grid[j].Blocks(), o.Grid[j].Len()
		}
	}
	return need, blocks
}

// whole brings what the task reads of input i together.
func (c *Call) whole(i int) (done func(), err error) {
	o := &c.P.In[i]
	if l, _ := o.Grid.Loose(); l >= 0 {
		if len(o.Grid) != 1 || len(c.in[i]) != 1 {
			return func() {}, fmt.Errorf("array: input %d: %w", i, grid.ErrUnknown)
		}
		c.In[i], done, err = c.loose(c.in[i][0], o)
		return done, err
	}
	need, blocks := c.box(i)
	p := Piece{Kind: o.Kind, Shape: make([]int64, len(o.Grid))}
	for j := range p.Shape {
		p.Shape[j] = need.hi[j] - need.lo[j]
	}
	n, width := product(p.Shape), o.Kind.Width()
	done = func() {}
	if n > 0 && len(c.in[i]) == 1 {
		p.Data, done, err = contiguous(c.Task, c.in[i][0], int(o.Run), n, width)
	} else if n > 0 {
		if p.Data = c.Alloc(int(n) * width); p.Data == nil {
			return done, fmt.Errorf("array: bringing %d elements of an input together: %w", n, mem.ErrBudget)
		}
		done = func() { c.Free(p.Data) }
		err = gather(p.Data, c.of.axes[i], int(o.Run), width, &need, &blocks, c.in[i])
	}
	c.In[i] = p
	return done, err
}

// each calls f for the blocks of a streamed input, in order or in the opposite
// one, with where each begins.
func (c *Call) each(i int, backwards bool, f func(lo []int64, p Piece) error) error {
	o := &c.P.In[i]
	_, blocks := c.box(i)
	counts := make([]int32, len(o.Grid))
	for j := range counts {
		counts[j] = int32(blocks.hi[j] - blocks.lo[j])
	}
	for k := range c.in[i] {
		if err := c.Context().Err(); err != nil {
			return err
		}
		if backwards {
			k = len(c.in[i]) - 1 - k
		}
		var at [grid.MaxDims]int32
		grid.Coords(counts, int32(k), at[:])
		if l, _ := o.Grid.Loose(); l >= 0 {
			p, done, err := c.loose(c.in[i][k], o)
			if err == nil {
				err = f(nil, p)
			}
			done()
			if err != nil {
				return err
			}
			continue
		}
		p := Piece{Kind: o.Kind, Shape: make([]int64, len(o.Grid))}
		lo := make([]int64, len(o.Grid))
		for j, a := range c.of.axes[i] {
			from, to := a.Bounds(blocks.lo[j] + int64(at[j]))
			lo[j], p.Shape[j] = from, to-from
		}
		data, done, err := contiguous(c.Task, c.in[i][k], int(o.Run), product(p.Shape), o.Kind.Width())
		p.Data = data
		if err == nil {
			err = f(lo, p)
		}
		done()
		if err != nil {
			return err
		}
	}
	return nil
}

// room lends n elements of T of the task's memory, until the task ends.
func room[T any](c *Call, n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	w := widthOf[T]()
	b := c.Alloc(n * w)
	if b == nil {
		return nil, fmt.Errorf("array: %d bytes of intermediate results: %w", n*w, mem.ErrBudget)
	}
	return strip.View[T](b, n), nil
}

// values views the elements of a piece.
func values[T any](p Piece) []T { return strip.View[T](p.Data, len(p.Data)/widthOf[T]()) }

// PartParams are the parameters of array.part: one of several results of a call
// as an array.
type PartParams struct {
	Grid grid.Grid
	Kind elem.Kind
	Run  int32
}

// Part makes an array of a result of a call.
var Part = op.Register(op.Spec[PartParams]{
	Name: "array.part", Version: 1, Class: op.Opaque,
	Doc: "makes an array of one of the results of an operator",
	Infer: func(p PartParams, in []op.Meta) (op.Meta, error) {
		if _, err := p.Grid.Loose(); err != nil {
			return op.Meta{}, err
		}
		if !p.Kind.Valid() || p.Run < 0 {
			return op.Meta{}, fmt.Errorf("run %d of %s", p.Run, p.Kind)
		}
		return Describe(p.Grid.Elements(), p.Kind), nil
	},
	Mem: func(p PartParams, _ op.Meta) op.Need {
		n := 2 * mem.Size(int(p.Grid.MaxBlock())*p.Kind.Width())
		return op.Need{Floor: n, Want: n}
	},
	Text:  func(p PartParams) string { return fmt.Sprintf("result %d", p.Run) },
	Block: func(p PartParams) (op.Block, error) { return &part{p}, nil },
	Rules: op.Rules[PartParams]{Pure: true},
})

type part struct{ p PartParams }

// Run implements op.Block.
func (x *part) Run(t op.Task, in []op.In, out op.Out) error {
	n, run := int64(0), int(x.p.Run)
	if loose, _ := x.p.Grid.Loose(); loose < 0 {
		n = product(blockShape(x.p.Grid, int32(t.Block())))
	} else if run < in[0].Runs() {
		if err := chunk.Each(in[0].Value, run, func(b *chunk.Batch) error { n += int64(b.N); return nil }); err != nil {
			return err
		}
	}
	b, err := newBatch(t, []elem.Kind{x.p.Kind}, n)
	if err != nil || n == 0 {
		return err
	}
	data, done, err := contiguous(t, in[0], run, n, x.p.Kind.Width())
	defer done()
	if err != nil {
		b.Release()
		return err
	}
	copy(b.Cols[0].Data, data)
	return out.Put(0, b)
}

// split returns the lengths before, at and after an axis.
func split(shape []int64, axis int) (outer, length, inner int64) {
	return product(shape[:axis]), shape[axis], product(shape[axis+1:])
}
