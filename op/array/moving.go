package array

import (
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// MovingParams are the parameters of array.moving: element i along Axis of the output is made of elements i to
// i+Window-1 of the input. Outs are values of a program whose first leaf is the input and whose others are constants;
// Folds says how each is folded.
type MovingParams struct {
	In     grid.Grid
	Kind   elem.Kind
	Axis   int32
	Window int64
	Fills  []Leaf
	Steps  []strip.Step
	Outs   []int32
	Folds  []FoldOf
	Finish Finish
	Cut    grid.Axis // the axis of the output
}

// Out returns the grid of the output.
func (p *MovingParams) Out() grid.Grid {
	out := append(grid.Grid{}, p.In...)
	out[p.Axis] = p.Cut
	return out
}

// reach is the blocks [first, end) along the axis that block c of the output reads.
func (p *MovingParams) reach(in, cut *grid.Lookup, c int64) (first, end int64) {
	lo, hi := cut.Bounds(c)
	if lo == hi {
		return 0, 0
	}
	return in.Find(lo), in.Find(hi+p.Window-2) + 1
}

// Wire returns the wiring of the input.
func (p *MovingParams) Wire() grid.Wiring {
	x := &grid.Box{Out: p.Out().Counts()}
	in, cut := p.In[p.Axis].Lookup(), p.Cut.Lookup()
	for i, n := range p.In.Counts() {
		a := grid.BoxAxis{Blocks: n, Axis: int32(i), Step: 1, N: 1}
		if int32(i) == p.Axis {
			a.Step, a.N = 0, 0
			for c := range p.Cut.Blocks() {
				first, end := p.reach(in, cut, c)
				a.Table = append(a.Table, int32(first), int32(end))
			}
		}
		x.In = append(x.In, a)
	}
	return x.Wiring()
}

// program is what is folded.
func (p *MovingParams) program() strip.Program {
	prog := strip.Program{Leaves: []elem.Kind{p.Kind}, Steps: p.Steps}
	for _, l := range p.Fills {
		prog.Leaves = append(prog.Leaves, l.Type)
	}
	return prog
}

// combine is the end of the reduction, as array.combine has it.
func (p *MovingParams) combine() CombineParams {
	return CombineParams{Folds: p.Folds, Finish: &p.Finish}
}

func (p *MovingParams) check() error {
	if err := p.In.Check(); err != nil {
		return err
	}
	if p.Axis < 0 || int(p.Axis) >= len(p.In) || p.Cut.Check() != nil || p.Window < 1 || p.Cut.Len() != p.In[p.Axis].Len()-p.Window+1 {
		return fmt.Errorf("windows of %d along axis %d of %s, cut into %s", p.Window, p.Axis, p.In, p.Cut)
	}
	prog := p.program()
	if len(p.Outs) != len(p.Folds) {
		return fmt.Errorf("%d values, %d folds", len(p.Outs), len(p.Folds))
	}
	if _, err := strip.Compile(prog, p.Outs); err != nil {
		return err
	}
	for i, v := range p.Outs {
		if k, err := prog.Kind(v); err != nil || k != p.Folds[i].Kind || p.Folds[i].Fold.Positions() {
			return fmt.Errorf("%s of value %d, which is not %s", p.Folds[i].Fold, v, p.Folds[i].Kind)
		}
	}
	for _, l := range p.Fills {
		if l.Kind != Fill || !l.Type.Valid() || len(l.Nums) == 0 {
			return fmt.Errorf("a leaf that is not a constant")
		}
	}
	c := p.combine()
	if err := c.check(); err != nil {
		return err
	}
	return p.Out().Check()
}

func (p *MovingParams) made() (grid.Grid, elem.Kind) {
	c := p.combine()
	return p.Out(), c.outKinds()[0]
}

// movingRoom is about the bytes of states that a task works on at a time: they stay in the second-level cache.
const movingRoom = 512 << 10

// band is how many rows, and how many cells of each, of a block a task works on at a time.
func (p *MovingParams) band(length, inner int64) (rows, cells int64) {
	c := p.combine()
	rows = min(length, max(p.Window, 64))
	return rows, max(min(inner, movingRoom/(rows+p.Window)/int64(kindsWidth(c.columns()))), 1)
}

// room is the blocks that may have to be brought back, and states.
func (p *MovingParams) room() int64 {
	most, in, cut := int64(0), p.In[p.Axis].Lookup(), p.Cut.Lookup()
	for c := range p.Cut.Blocks() {
		first, end := p.reach(in, cut, c)
		most = max(most, end-first)
	}
	inner := int64(1)
	for _, a := range p.In[p.Axis+1:] {
		inner *= a.Max()
	}
	rows, cells := p.band(p.Cut.Max(), inner)
	n := most * blockBytes(p.In, p.Kind)
	c := p.combine()
	for _, k := range c.columns() {
		n += mem.Size(int((rows+p.Window-1)*cells)*k.Width()) + mem.Size(int(rows*cells)*k.Width())
	}
	return n
}

// Moving folds windows along an axis.
var Moving = declare(declaration[MovingParams]{
	name: "array.moving",
	doc:  "folds the elements in a window that moves along an axis",
	room: func(p *MovingParams) int64 { return p.room() },
	text: func(p *MovingParams) string {
		s := fmt.Sprintf("%d along axis %d:", p.Window, p.Axis)
		for _, f := range p.Folds {
			s += " " + f.Fold.String()
		}
		return s
	},
	fill: func(p *MovingParams) (filler, error) {
		code, err := strip.Compile(p.program(), p.Outs)
		if err != nil {
			return nil, err
		}
		k := &moving{p: p, in: p.In[p.Axis].Lookup(), cut: p.Cut.Lookup(), code: code}
		c := p.combine()
		k.end = &combine{p: c, kinds: c.columns(), outs: c.outKinds()}
		if k.end.code, err = strip.Compile(c.finish(), []int32{p.Finish.Out}); err != nil {
			return nil, err
		}
		return k.fill, nil
	},
})

type moving struct {
	p       *MovingParams
	in, cut *grid.Lookup
	code    *strip.Code
	end     *combine
}

// A slab is a block of the input: its rows along the axis.
type slab struct {
	lo, hi int64
	data   []byte
}

// A band is what a task works on: the states of windows that begin in some rows, of some cells of each row.
type band struct {
	*moving
	t            op.Task
	slabs        []slab
	inner        int64 // elements of a row
	state        *strip.State
	merge        *merger
	cols, result [][]byte // states by row: of ever longer windows, and of the whole ones
}

// fill folds band by band.
func (k *moving) fill(t op.Task, at []int64, in []op.In, out Piece) (err error) {
	width := int64(k.p.Kind.Width())
	outer, length, inner := split(out.Shape, int(k.p.Axis))
	b := &band{moving: k, t: t, inner: inner, state: k.code.NewState()}
	first, _ := k.p.reach(k.in, k.cut, at[k.p.Axis])
	for i, x := range in {
		lo, hi := k.in.Bounds(first + int64(i))
		data, done, err := contiguous(t, x, 0, outer*(hi-lo)*inner, int(width))
		defer done()
		if err != nil {
			return err
		}
		b.slabs = append(b.slabs, slab{lo, hi, data})
	}
	for i, l := range k.p.Fills {
		fillWith(l.Type, b.state.Buffer(1+i), k.code.Length(), l.Nums)
	}
	if b.merge, err = k.end.merger(); err != nil {
		return err
	}
	from, _ := k.cut.Bounds(at[k.p.Axis])
	rows, cells := k.p.band(length, inner)
	b.cols, err = b.columns((rows + k.p.Window - 1) * cells)
	defer b.free(b.cols)
	if err != nil {
		return err
	}
	b.result, err = b.columns(rows * cells)
	defer b.free(b.result)
	if err != nil {
		return err
	}
	to := &chunk.Batch{N: int(outer * length * inner), Cols: []chunk.Vec{{Data: out.Data}}}
	for o := range outer {
		for r := int64(0); r < length; r += rows {
			for c := int64(0); c < inner; c += cells {
				if err := t.Context().Err(); err != nil {
					return err
				}
				b.fold(o, from+r, min(rows, length-r), c, min(cells, inner-c), to, (o*length+r)*inner+c)
			}
		}
	}
	return nil
}

func (b *band) columns(n int64) (cols [][]byte, err error) {
	for _, k := range b.end.kinds {
		c := b.t.Alloc(int(n) * k.Width())
		if c == nil {
			return cols, fmt.Errorf("array: %d states of windows: %w", n, mem.ErrBudget)
		}
		cols = append(cols, c)
	}
	return cols, nil
}

func (b *band) free(cols [][]byte) {
	for _, c := range cols {
		b.t.Free(c)
	}
}

// part is n states from one on.
func (b *band) part(cols [][]byte, from, n int64) [][]byte {
	out := make([][]byte, len(cols))
	for i, k := range b.end.kinds {
		w := int64(k.Width())
		out[i] = cols[i][from*w : (from+n)*w]
	}
	return out
}

// fold writes the results of windows that begin at rows [row, row+rows), for n cells from cell c on, to the output at
// element to and a row on. States of windows of 2^k rows are made of two of half as many, and whole windows of those whose
// lengths add up to theirs: the error of a sum is that of a pairwise one, and where blocks end changes nothing.
func (b *band) fold(o, row, rows, c, n int64, out *chunk.Batch, to int64) {
	w := b.p.Window
	b.load(o, row, rows+w-1, c, n)
	size, have := rows*n, int64(0)
	for k := int64(1); ; k *= 2 {
		if w&k != 0 {
			add := b.part(b.cols, have*n, size)
			if have == 0 {
				for i := range add {
					copy(b.result[i], add[i])
				}
			} else {
				b.merge.merge(b.part(b.result, 0, size), add, int(size))
			}
			have += k
		}
		if have == w {
			break
		}
		left := (rows + w - 2*k) * n
		b.merge.merge(b.part(b.cols, 0, left), b.part(b.cols, k*n, left), int(left))
	}
	if n == b.inner {
		b.merge.finish(out, b.part(b.result, 0, size), to, int(size))
		return
	}
	for r := range rows {
		b.merge.finish(out, b.part(b.result, r*n, n), to+r*b.inner, int(n))
	}
}

// load makes the states of single elements: of rows [row, row+rows), n cells from cell c on.
func (b *band) load(o, row, rows, c, n int64) {
	at := int64(0)
	for i, f := range b.merge.folds {
		cols := b.fields(b.cols, i)
		f.Init(cols, int(rows*n))
	}
	for _, s := range b.slabs {
		lo, hi := max(row, s.lo), min(row+rows, s.hi)
		if lo >= hi {
			continue
		}
		first := (o*(s.hi-s.lo)+lo-s.lo)*b.inner + c
		if n == b.inner { // whole rows lie together
			b.run(s.data, first, at, (hi-lo)*n)
			at += (hi - lo) * n
			continue
		}
		for r := range hi - lo {
			b.run(s.data, first+r*b.inner, at, n)
			at += n
		}
	}
}

// fields are the columns of fold i.
func (b *band) fields(cols [][]byte, i int) [][]byte {
	c := 0
	for j := range i {
		st, _ := b.p.Folds[j].Fold.State(b.p.Folds[j].Kind)
		c += len(st)
	}
	st, _ := b.p.Folds[i].Fold.State(b.p.Folds[i].Kind)
	return cols[c : c+len(st)]
}

// run adds n elements from one on to the states at.
func (b *band) run(data []byte, from, at, n int64) {
	width := int64(b.p.Kind.Width())
	for done := int64(0); done < n; {
		k := min(n-done, int64(b.code.Length()))
		b.state.Set(0, data[(from+done)*width:(from+done+k)*width])
		b.state.Run(int(k))
		states := b.part(b.cols, at+done, k)
		for i, f := range b.merge.folds {
			f.Cells(b.fields(states, i), b.state.Value(b.p.Outs[i]), int(k), 0)
		}
		done += k
	}
}
