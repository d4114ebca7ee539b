package array

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// A FoldOf is a fold and the type of its elements.
type FoldOf struct {
	Fold strip.Fold
	Kind elem.Kind
}

// CombineParams are the parameters of array.combine: a step of a reduction tree.
// Blocks of the input are states, as array.strips makes them, on the grid In;
// the output merges Factor[i] neighbours along axis i, in order.
type CombineParams struct {
	In     grid.Grid
	Factor []int32
	Folds  []FoldOf
	// Finish, when set, computes the results from the states of the last step: its
	// leaves are the columns of the state.
	Finish *Finish
}

// Finish is a program over the columns of a state.
type Finish struct {
	Steps []strip.Step
	Fills []Leaf // constants, leaves after the columns
	Out   int32
}

// Combine merges states of reductions.
var Combine = op.Register(op.Spec[CombineParams]{
	Name: "array.combine", Version: 2, Class: op.Opaque,
	Doc: "merges the states of a reduction, and computes its result",
	Infer: func(p CombineParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		return Describe(p.Out().Elements(), p.outKinds()...), nil
	},
	Mem: func(p CombineParams, _ op.Meta) op.Need {
		n := p.In.MaxBlock() * int64(kindsWidth(p.columns())+kindsWidth(p.outKinds()))
		return op.Need{Floor: 2 * n, Want: 2 * n}
	},
	Text: func(p CombineParams) string { return p.text() },
	Block: func(p CombineParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		b := &combine{p: p, kinds: p.columns(), out: p.Out(), outs: p.outKinds()}
		b.counts = b.out.Counts()
		b.loose, _ = b.out.Loose()
		if p.Finish != nil {
			b.code, _ = strip.Compile(p.finish(), []int32{p.Finish.Out})
		}
		many := int64(1)
		for _, f := range p.Factor {
			many *= int64(f)
		}
		if p.In.MaxBlock()*int64(kindsWidth(b.kinds))*many <= 4*small {
			return directCombine{b}, nil
		}
		return b, nil
	},
	Rules: op.Rules[CombineParams]{Pure: true},
})

func (p *CombineParams) columns() (kinds []elem.Kind) {
	for _, f := range p.Folds {
		st, _ := f.Fold.State(f.Kind)
		kinds = append(kinds, st...)
	}
	return kinds
}

func (p *CombineParams) outKinds() []elem.Kind {
	if p.Finish == nil {
		return p.columns()
	}
	prog := p.finish()
	k, _ := prog.Kind(p.Finish.Out)
	return []elem.Kind{k}
}

func (p *CombineParams) finish() strip.Program {
	prog := strip.Program{Leaves: p.columns(), Steps: p.Finish.Steps}
	for _, l := range p.Finish.Fills {
		prog.Leaves = append(prog.Leaves, l.Type)
	}
	return prog
}

// Wire returns the wiring of the input.
func (p *CombineParams) Wire() grid.Wiring {
	box, _ := grid.Groups(p.In.Counts(), p.Factor)
	return box.Wiring()
}

// Out returns the grid of the output: along a merged axis one cell per block.
func (p *CombineParams) Out() grid.Grid {
	out := make(grid.Grid, len(p.In))
	for i, a := range p.In {
		out[i] = a
		if f := int64(p.Factor[i]); f > 1 {
			out[i] = grid.Axis{{Size: 1, Count: (a.Blocks() + f - 1) / f}}
		}
	}
	return out
}

func (p *CombineParams) check() error {
	if _, err := p.In.Loose(); err != nil {
		return err
	}
	if len(p.Factor) != len(p.In) {
		return fmt.Errorf("%d factors for %d axes", len(p.Factor), len(p.In))
	}
	for i, f := range p.Factor {
		if f < 1 || f > 1 && (p.In[i].Max() != 1 || p.In[i].Len() != p.In[i].Blocks()) {
			return fmt.Errorf("axis %d, cut into %s, merged by %d", i, p.In[i], f)
		}
	}
	for _, f := range p.Folds {
		if _, err := f.Fold.State(f.Kind); err != nil {
			return err
		}
	}
	if f := p.Finish; f != nil {
		for _, l := range f.Fills {
			if l.Kind != Fill || !l.Type.Valid() || len(l.Nums) == 0 {
				return fmt.Errorf("a leaf that is not a constant")
			}
		}
		if _, err := strip.Compile(p.finish(), []int32{f.Out}); err != nil {
			return err
		}
	}
	return nil
}

type combine struct {
	p      CombineParams
	kinds  []elem.Kind // columns of the states
	outs   []elem.Kind
	out    grid.Grid
	counts []int32
	loose  int // the axis whose chunk sizes are not known, or -1
	code   *strip.Code
}

type directCombine struct{ *combine }

// Direct implements op.Direct.
func (d directCombine) Direct(ctx context.Context, block int, in []op.In) (chunk.Value, error) {
	b, err := d.run(ctx, mem.Heap, int32(block), in)
	if err != nil {
		return nil, err
	}
	return one(b), nil
}

// Run implements op.Block.
func (c *combine) Run(t op.Task, in []op.In, out op.Out) error {
	b, err := c.run(t.Context(), t, int32(t.Block()), in)
	if err != nil {
		return err
	}
	return out.Put(0, b)
}

// strip is how many cells are merged at a time.
const cellStrip = 256

// run merges the inputs in their order, cells by strips, as the leaves of a
// binary tree.
func (c *combine) run(ctx context.Context, a mem.Allocator, block int32, in []op.In) (_ *chunk.Batch, err error) {
	cells, err := c.cells(block, in)
	if err != nil {
		return nil, err
	}
	out, err := newBatch(a, c.outs, cells)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			out.Release()
		}
	}()
	if cells == 0 {
		return out, nil
	}
	feeds, err := openStates(in, c.kinds)
	defer func() { err = errors.Join(err, closeStates(feeds)) }()
	if err != nil {
		return nil, err
	}
	m, err := c.merger()
	if err != nil {
		return nil, err
	}
	for lo := int64(0); lo < cells; lo += cellStrip {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := int(min(cellStrip, cells-lo))
		state, err := m.strip(feeds, lo, n)
		if err != nil {
			return nil, err
		}
		m.finish(out, state, lo, n)
	}
	return out, nil
}

// cells is how many cells a block of the output has: where chunk sizes are not known,
// as many as each of the states has that are merged.
func (c *combine) cells(block int32, in []op.In) (cells int64, err error) {
	if c.loose >= 0 {
		for i, x := range in {
			if i == 0 {
				cells = x.Rows()
			}
			if err := full(x, cells); err != nil {
				return 0, err
			}
		}
		return cells, nil
	}
	var at [grid.MaxDims]int32
	grid.Coords(c.counts, block, at[:])
	cells = 1
	for i, ax := range c.out {
		lo, hi := ax.Lookup().Bounds(int64(at[i]))
		cells *= hi - lo
	}
	return cells, nil
}

// A stateFeed reads the columns of a block of states in strips.
type stateFeed struct {
	rd   chunk.Reader
	b    *chunk.Batch
	from int64
}

func openStates(in []op.In, kinds []elem.Kind) (feeds []stateFeed, err error) {
	for _, x := range in {
		rd, err := x.Open(0)
		if err != nil {
			return feeds, err
		}
		feeds = append(feeds, stateFeed{rd: rd})
	}
	return feeds, nil
}

func closeStates(feeds []stateFeed) error {
	var errs []error
	for _, f := range feeds {
		errs = append(errs, f.rd.Close())
	}
	return errors.Join(errs...)
}

// read copies n cells from lo on.
func (f *stateFeed) read(dst [][]byte, kinds []elem.Kind, lo int64, n int) error {
	for done := 0; done < n; {
		p := lo + int64(done)
		for f.b == nil || p >= f.from+int64(f.b.N) {
			if f.b != nil {
				f.from += int64(f.b.N)
			}
			b, err := f.rd.Next()
			if err != nil {
				if err == io.EOF {
					err = fmt.Errorf("array: a state ends at cell %d", f.from)
				}
				return err
			}
			f.b = b
		}
		k := int(min(int64(n-done), f.from+int64(f.b.N)-p))
		for c, kind := range kinds {
			w := int64(kind.Width())
			copy(dst[c][int64(done)*w:int64(done+k)*w], f.b.Cols[c].Data[(p-f.from)*w:])
		}
		done += k
	}
	return nil
}

// A merger merges strips of cells on one thread.
type merger struct {
	c       *combine
	folds   []strip.Folder
	levels  [][][]byte // of the tree, the columns of a strip; made when needed
	current [][]byte
	state   *strip.State
}

func (c *combine) merger() (*merger, error) {
	m := &merger{c: c}
	for _, f := range c.p.Folds {
		x, err := f.Fold.NewFolder(f.Kind)
		if err != nil {
			return nil, err
		}
		m.folds = append(m.folds, x)
	}
	m.current = m.columns()
	if c.code != nil {
		m.state = c.code.NewState()
		for i, l := range c.p.Finish.Fills {
			leaf := len(c.kinds) + i
			fillWith(l.Type, m.state.Buffer(leaf), c.code.Length(), l.Nums)
		}
	}
	return m, nil
}

func (m *merger) columns() (cols [][]byte) {
	for _, k := range m.c.kinds {
		cols = append(cols, strip.Aligned(cellStrip*k.Width()))
	}
	return cols
}

// merge adds later cells to others.
func (m *merger) merge(cols, later [][]byte, n int) {
	c := 0
	for i, f := range m.folds {
		st, _ := m.c.p.Folds[i].Fold.State(m.c.p.Folds[i].Kind)
		f.Merge(cols[c:c+len(st)], later[c:c+len(st)], n)
		c += len(st)
	}
}

// strip merges n cells of all inputs.
func (m *merger) strip(feeds []stateFeed, lo int64, n int) ([][]byte, error) {
	for i := range feeds {
		cur := m.current
		if err := feeds[i].read(cur, m.c.kinds, lo, n); err != nil {
			return nil, err
		}
		k := bits.TrailingZeros(^uint(i))
		for len(m.levels) <= k {
			m.levels = append(m.levels, m.columns())
		}
		for l := range k {
			m.merge(m.levels[l], cur, n)
			cur, m.levels[l] = m.levels[l], cur
		}
		m.current, m.levels[k] = m.levels[k], cur
	}
	var cur [][]byte
	for l := range bits.Len(uint(len(feeds))) {
		if len(feeds)>>l&1 == 0 {
			continue
		}
		if cur != nil {
			m.merge(m.levels[l], cur, n)
		}
		cur = m.levels[l]
	}
	if cur == nil { // nothing to merge: the state of no elements
		cur = m.current
		c := 0
		for i, f := range m.folds {
			st, _ := m.c.p.Folds[i].Fold.State(m.c.p.Folds[i].Kind)
			f.Init(cur[c:c+len(st)], n)
			c += len(st)
		}
	}
	return cur, nil
}

// finish writes n cells of the output.
func (m *merger) finish(out *chunk.Batch, state [][]byte, lo int64, n int) {
	if m.state == nil {
		for c, k := range m.c.kinds {
			w := int64(k.Width())
			copy(out.Cols[c].Data[lo*w:(lo+int64(n))*w], state[c])
		}
		return
	}
	w := int64(m.c.outs[0].Width())
	dst := out.Cols[0].Data[lo*w : (lo+int64(n))*w]
	for s := 0; s < n; s += m.c.code.Length() {
		k := min(n-s, m.c.code.Length())
		for c, kind := range m.c.kinds {
			m.state.Set(c, state[c][s*kind.Width():])
		}
		to := dst[int64(s)*w : int64(s+k)*w]
		direct := m.state.Into(m.c.p.Finish.Out, to)
		m.state.Run(k)
		if !direct {
			copy(to, m.state.Value(m.c.p.Finish.Out))
		}
	}
}
