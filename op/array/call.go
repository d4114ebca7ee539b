package array

import (
	"errors"
	"fmt"
	"slices"
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
	// Where the space has fewer blocks than the operand, it is read by as many
	// neighbours as make that number of groups, see group.
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
			k := int32(p.group(i, j))
			x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: to, Step: k, N: k})
		} else {
			x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: -1, N: n})
		}
	}
	return x.Wiring()
}

// group is how many neighbours along axis j of operand i, which goes along an axis of the space, a task reads.
func (p *CallParams) group(i, j int) int64 {
	n, tasks := p.In[i].Grid[j].Blocks(), p.Space[p.In[i].Axes[j]].Blocks()
	return max(1, grouped(n, max(tasks, 1)))
}

// goesAlong reports whether axis j of operand i can be read along its axis of the space.
func (p *CallParams) goesAlong(i, j int) bool {
	in, space, k := p.In[i].Grid[j], p.Space[p.In[i].Axes[j]], p.group(i, j)
	return grouped(in.Blocks(), k) == space.Blocks() && (k == 1 || in.Len() == space.Len())
}

func (p *CallParams) check() error {
	if _, err := p.Space.Loose(); err != nil {
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
			if a >= int32(len(p.Space)) || a >= 0 && !p.goesAlong(i, j) {
				return fmt.Errorf("input %d, cut into %s, does not go along axis %d of %s", i, o.Grid, a, p.Space)
			}
			if b, ok := only(a); ok && b >= o.Grid[j].Blocks() {
				return fmt.Errorf("input %d, cut into %s, has no block %d along axis %d", i, o.Grid, b, j)
			}
		}
	}
	return nil
}

// grouped is how many groups of k make n, the last of which may have fewer.
func grouped(n, k int64) int64 { return (n + k - 1) / k }

// reads returns the most elements of operand i that a task has in memory at once.
func (p *CallParams) reads(i int) int64 {
	o, n := &p.In[i], int64(1)
	for j, a := range o.Grid {
		switch {
		case o.Stream || o.Axes[j] < All:
			n *= a.Max()
		case o.Axes[j] == All:
			n *= a.AtMost().Len()
		default:
			n *= min(a.Max()*p.group(i, j), a.AtMost().Len())
		}
	}
	return n
}

// A procedure is the algorithm of an operator: what it needs beside its inputs
// and outputs, in bytes, and what it does.
type procedure struct {
	room func(p *CallParams) int64
	run  func(c *Call) error
	// shares is of op.Rules: it has inputs of which each task reads a run of its own.
	shares bool
	// version is of op.Spec, 1 when it is 0.
	version int
}

// define registers an operator.
func define(name, doc string, f procedure) op.Op[CallParams] {
	return op.Register(op.Spec[CallParams]{
		Name: name, Version: max(1, f.version), Class: op.Opaque, Doc: doc,
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
				n += blockBytes(g, p.Kind)
			}
			// Blocks of streamed inputs are let go before the next ones are read, also those of
			// another input, of which a procedure takes at most two at once.
			var first, second int64
			for i := range p.In {
				read := mem.Size(int(p.reads(i)) * p.In[i].Kind.Width())
				switch {
				case !p.In[i].Stream:
					n += read
				case read > first:
					first, second = read, first
				default:
					second = max(second, read)
				}
			}
			n += first + second
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
			return p.bind(f.run), nil
		},
		Rules: op.Rules[CallParams]{Pure: true, Shares: f.shares},
	})
}

// bind is an operator of this kind, with its algorithm.
func (p *CallParams) bind(run func(c *Call) error) *calling {
	c := &calling{p: p, run: run}
	for _, o := range p.In {
		c.axes = append(c.axes, lookups(o.Grid))
	}
	return c
}

// calling is a bound operator.
type calling struct {
	p    *CallParams
	run  func(c *Call) error
	axes [][]*grid.Lookup

	mu    sync.Mutex
	table any // what all tasks share
}

// shared returns what all tasks of the operator share. One of them makes it; another tries again if that one was ended.
func shared[T any](c *Call, make func() (T, error)) (t T, err error) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.of.table == nil {
		if t, err = make(); err != nil {
			return t, err
		}
		c.of.table = t
	}
	return c.of.table.(T), nil
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
	axes [][]*grid.Lookup // of the inputs, as they are found to be where the plan does not know
	long int64            // how many elements this block has along the axis that the plan does not know, -1 before that is found
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

// run is that of an operand's blocks which a task reads.
func (o *Operand) run(block int) int {
	if o.Mine {
		return int(o.Run) + block
	}
	return int(o.Run)
}

// Picks implements op.Picker.
func (x *calling) Picks(block, edge, n int) []int {
	if edge >= len(x.p.In) {
		return nil
	}
	return slices.Repeat([]int{x.p.In[edge].run(block)}, n)
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
	p, run := Piece{Kind: o.Kind, Shape: []int64{0}}, o.run(c.Block())
	n, err := runLength(in, run)
	if err != nil || n == 0 {
		return p, func() {}, err
	}
	data, done, err := contiguous(c.Task, in, run, n, o.Kind.Width())
	p.Data, p.Shape[0] = data, n
	return p, done, err
}

// vector reports whether the plan does not know how long the blocks of a vector are.
func (o *Operand) vector() bool { return len(o.Grid) == 1 && !o.Grid[0].Known() }

// find finds how long the blocks of input i are along the axis that the plan does not know: as
// those of all inputs that have it, and of all results that do. That of a vector is found as it
// is read, see whole.
func (c *Call) find(i int) error {
	o := &c.P.In[i]
	axis, err := o.Grid.Loose()
	if err != nil || axis < 0 || o.vector() {
		return err
	}
	to := o.Axes[axis]
	if to < 0 || c.P.group(i, axis) > 1 {
		return fmt.Errorf("array: input %d: %w", i, grid.ErrUnknown)
	}
	c.axes[i] = seen(c.of.axes[i], axis, c.At[to])
	_, blocks := c.box(i)
	n, err := lengthOf(c.axes[i], &blocks, c.in[i], func(x op.In) (int64, error) { return runLength(x, o.run(c.Block())) })
	c.axes[i] = found(c.of.axes[i], axis, c.At[to], max(n, 0))
	return errors.Join(err, c.agree(n))
}

// agree takes the length of another input, -1 if it does not tell.
func (c *Call) agree(n int64) error {
	if c.long >= 0 && n >= 0 {
		return belong(n, c.long)
	}
	c.long = max(c.long, n)
	return nil
}

// runLength is how many elements a run of a block has.
func runLength(in op.In, run int) (n int64, err error) {
	switch {
	case run >= in.Runs():
		return 0, nil
	case in.Runs() == 1:
		return in.Rows(), nil
	}
	err = chunk.Each(in, run, func(b *chunk.Batch) error { n += int64(b.N); return nil })
	return n, err
}

// Run implements op.Block.
func (x *calling) Run(t op.Task, in []op.In, out op.Out) (err error) {
	c := &Call{Task: t, P: x.p, At: make([]int64, len(x.p.Space)), In: make([]Piece, len(x.p.In)), Out: make([]Piece, len(x.p.Out)),
		of: x, in: make([][]op.In, len(x.p.In)), axes: slices.Clone(x.axes), made: make([]*chunk.Batch, len(x.p.Out)), long: -1}
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
		if err := c.find(i); err != nil {
			return err
		}
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
		loose, _ := g.Loose()
		if loose >= 0 && len(g) == 1 {
			c.Out[k] = Piece{Kind: x.p.Kind}
			continue // see grow
		}
		shape := blockShape(g, int32(t.Block()))
		if loose >= 0 {
			shape[loose] = max(c.long, 0)
			if c.long < 0 && g.Elements() > 0 { // inputs without elements tell nothing
				return fmt.Errorf("array: axis %d: %w", loose, grid.ErrUnknown)
			}
		}
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
	for j, a := range c.axes[i] {
		if b, one := only(o.Axes[j]); one {
			blocks.lo[j], blocks.hi[j] = b, b+1
			need.lo[j], need.hi[j] = a.Bounds(b)
		} else if to := o.Axes[j]; to >= 0 {
			k := c.P.group(i, j)
			lo, hi := c.At[to]*k, min((c.At[to]+1)*k, o.Grid[j].Blocks())
			blocks.lo[j], blocks.hi[j] = lo, hi
			need.lo[j], _ = a.Bounds(lo)
			_, need.hi[j] = a.Bounds(hi - 1)
		} else {
			blocks.hi[j] = o.Grid[j].Blocks()
			_, need.hi[j] = a.Bounds(blocks.hi[j] - 1)
		}
	}
	return need, blocks
}

// whole brings what the task reads of input i together.
func (c *Call) whole(i int) (done func(), err error) {
	o := &c.P.In[i]
	if o.vector() {
		if len(c.in[i]) != 1 {
			return func() {}, fmt.Errorf("array: input %d: %w", i, grid.ErrUnknown)
		}
		if c.In[i], done, err = c.loose(c.in[i][0], o); err == nil && o.Axes[0] >= 0 {
			err = c.agree(c.In[i].Shape[0])
		}
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
		err = gather(c.Context(), p.Data, c.axes[i], int(o.Run), width, &need, &blocks, c.in[i])
	}
	c.In[i] = p
	return done, err
}

// each calls f for the blocks of a streamed input, in order or in the opposite
// one, with where each begins.
func (c *Call) each(i int, backwards bool, f func(lo []int64, p Piece) error) error {
	for k := range c.in[i] {
		if err := c.Context().Err(); err != nil {
			return err
		}
		if backwards {
			k = len(c.in[i]) - 1 - k
		}
		lo, p, done, err := c.streamed(i, k)
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

// streamed reads block k of those that the task reads of a streamed input: where it
// begins, nil for a vector of which the plan does not know the length, and its elements,
// until done is called.
func (c *Call) streamed(i, k int) (lo []int64, p Piece, done func(), err error) {
	o := &c.P.In[i]
	if o.vector() {
		p, done, err = c.loose(c.in[i][k], o)
		return nil, p, done, err
	}
	_, blocks := c.box(i)
	counts := make([]int32, len(o.Grid))
	for j := range counts {
		counts[j] = int32(blocks.hi[j] - blocks.lo[j])
	}
	var at [grid.MaxDims]int32
	grid.Coords(counts, int32(k), at[:])
	p = Piece{Kind: o.Kind, Shape: make([]int64, len(o.Grid))}
	lo = make([]int64, len(o.Grid))
	for j, a := range c.axes[i] {
		from, to := a.Bounds(blocks.lo[j] + int64(at[j]))
		lo[j], p.Shape[j] = from, to-from
	}
	p.Data, done, err = contiguous(c.Task, c.in[i][k], int(o.Run), product(p.Shape), o.Kind.Width())
	return lo, p, done, err
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

func (p *PartParams) check() error {
	if _, err := p.Grid.Loose(); err != nil {
		return err
	}
	if !p.Kind.Valid() || p.Run < 0 {
		return fmt.Errorf("run %d of %s", p.Run, p.Kind)
	}
	return nil
}

func (p *PartParams) made() (grid.Grid, elem.Kind) { return p.Grid, p.Kind }

// Part makes an array of a result of a call.
var Part = declare(declaration[PartParams]{
	name:  "array.part",
	doc:   "makes an array of one of the results of an operator",
	room:  func(p *PartParams) int64 { return blockBytes(p.Grid, p.Kind) },
	text:  func(p *PartParams) string { return fmt.Sprintf("result %d", p.Run) },
	block: func(p *PartParams) (op.Block, error) { return &part{p}, nil },
})

type part struct{ p *PartParams }

// Picks implements op.Picker.
func (x *part) Picks(_, _, n int) []int { return slices.Repeat([]int{int(x.p.Run)}, n) }

// Run implements op.Block.
func (x *part) Run(t op.Task, in []op.In, out op.Out) error {
	n, run := int64(0), int(x.p.Run)
	if loose, _ := x.p.Grid.Loose(); loose < 0 {
		n = product(blockShape(x.p.Grid, int32(t.Block())))
	} else {
		var err error
		if n, err = runLength(in[0], run); err != nil {
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
	if err := copied(t, b.Cols[0].Data, data); err != nil {
		b.Release()
		return err
	}
	return out.Put(0, b)
}

// split returns the lengths before, at and after an axis.
func split(shape []int64, axis int) (outer, length, inner int64) {
	return product(shape[:axis]), shape[axis], product(shape[axis+1:])
}
