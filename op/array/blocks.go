package array

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	"github.com/weft-data/weft/op"
)

// contiguous lends the elements of a run of an input block, or copies them when they are
// on disk. done is to be called when they are no longer read.
func contiguous(t op.Task, in op.In, run int, elements int64, width int) (data []byte, done func(), err error) {
	nothing := func() {}
	if elements == 0 {
		return nil, nothing, nil
	}
	if data, done, err = lend(in, run, elements); err != nil {
		return nil, nothing, err
	} else if data != nil {
		return data, done, nil
	}
	buf := t.Alloc(int(elements) * width)
	if buf == nil {
		return nil, nothing, fmt.Errorf("an input block of %d elements: %w", elements, mem.ErrBudget)
	}
	free := func() { t.Free(buf) }
	at := 0
	err = chunk.Each(in, run, func(b *chunk.Batch) error {
		data := b.Cols[0].Data[:min(b.N*width, len(buf)-at)]
		at += len(data)
		return copied(t, buf[at-len(data):], data)
	})
	if err == nil && at != len(buf) {
		err = fmt.Errorf("array: a block ends at element %d of %d", at/width, elements)
	}
	return buf, free, err
}

// blockShape returns the lengths of a block.
func blockShape(g grid.Grid, b int32) []int64 {
	var at [grid.MaxDims]int32
	grid.Coords(g.Counts(), b, at[:])
	s := make([]int64, len(g))
	for i, a := range g {
		lo, hi := a.Lookup().Bounds(int64(at[i]))
		s[i] = hi - lo
	}
	return s
}

// seen are the axes of a grid where the chunk at a position of an axis has one element, found where it
// has n: the ones before it do not count, it begins at 0.
func seen(axes []*grid.Lookup, axis int, at int64) []*grid.Lookup { return found(axes, axis, at, 1) }

func found(axes []*grid.Lookup, axis int, at, n int64) []*grid.Lookup {
	axes = slices.Clone(axes)
	axes[axis] = grid.Axis{{Size: 0, Count: at}, {Size: n, Count: 1}}.Lookup()
	return axes
}

// lengthOf is how many elements blocks have along the axis whose chunk sizes are not known, all the
// same; -1 if they have none along another. Axes are as seen gives them, rows says how many
// elements each block has.
func lengthOf(axes []*grid.Lookup, blocks *region, in []op.In, rows func(x op.In) (int64, error)) (n int64, err error) {
	n = -1
	err = eachBlock(axes, blocks, len(in), func(k int, box *region) error {
		unit := box.size(len(axes))
		elements, err := rows(in[k])
		if err != nil {
			return err
		}
		if n < 0 && unit > 0 {
			n = elements / unit
		}
		return belong(elements, max(n, 0)*unit)
	})
	return n, err
}

// long is lengthOf the blocks of an input.
func long(g grid.Grid, blocks *region, in []op.In) (int64, error) {
	axis, err := g.Loose()
	if err != nil {
		return 0, err
	}
	return lengthOf(seen(lookups(g), axis, blocks.lo[axis]), blocks, in, blockRows)
}

func blockRows(x op.In) (int64, error) { return x.Rows(), nil }

func product(s []int64) int64 {
	n := int64(1)
	for _, k := range s {
		n *= k
	}
	return n
}

// ConcatParams are the parameters of array.concat: the inputs, cut equally but
// along Axis, one after the other.
type ConcatParams struct {
	Axis int32
	In   []grid.Grid
	Kind elem.Kind
}

// Out returns the grid of the output.
func (p *ConcatParams) Out() grid.Grid {
	out := slices.Clone(p.In[0])
	a := grid.Axis{}
	for _, g := range p.In {
		for _, r := range g[p.Axis] {
			a = a.Append(r.Size, r.Count)
		}
	}
	out[p.Axis] = a
	return out
}

// Wire returns the wiring of input i.
func (p *ConcatParams) Wire(i int) grid.Wiring {
	x := &grid.Box{Out: p.Out().Counts()}
	first := int64(0)
	for _, g := range p.In[:i] {
		first -= g[p.Axis].Blocks()
	}
	for j, n := range p.In[i].Counts() {
		a := grid.BoxAxis{Blocks: n, Axis: int32(j), Step: 1, N: 1}
		if int32(j) == p.Axis {
			a.First = int32(first)
		}
		x.In = append(x.In, a)
	}
	return x.Wiring()
}

func (p *ConcatParams) check() error {
	if len(p.In) == 0 || !p.Kind.Valid() {
		return fmt.Errorf("%d inputs of %s", len(p.In), p.Kind)
	}
	for _, g := range p.In {
		if _, err := g.Loose(); err != nil {
			return err
		}
		if len(g) != len(p.In[0]) || p.Axis < 0 || int(p.Axis) >= len(g) {
			return fmt.Errorf("axis %d of %d and %d", p.Axis, len(g), len(p.In[0]))
		}
		for i := range g {
			if int32(i) != p.Axis && !g[i].Equal(p.In[0][i]) {
				return fmt.Errorf("chunks %s and %s differ along axis %d", g, p.In[0], i)
			}
		}
	}
	_, err := p.Out().Loose()
	return err
}

func (p *ConcatParams) made() (grid.Grid, elem.Kind) { return p.Out(), p.Kind }

// MostJoined is how many arrays of small blocks are joined at once: for each of its blocks a
// task is looked for among all of them.
const MostJoined = 64

// concatName is what calls of array.concat name.
const concatName = "array.concat"

// takeConcat has arrays that are joined along the same axis joined at once: each of their
// blocks is copied once.
func takeConcat(p ConcatParams, in []int, layer int, below op.Call, belowIn []int, others op.Others) (ConcatParams, []op.Link, bool) {
	var q ConcatParams
	if others != op.NoOthers || below.Op != concatName || canon.Decode([]byte(below.Params), &q) != nil || q.Axis != p.Axis || q.Kind != p.Kind {
		return p, nil, false
	}
	joined := ConcatParams{Axis: p.Axis, Kind: p.Kind}
	var layers []int
	for i, g := range p.In {
		if in[i] != layer {
			joined.In, layers = append(joined.In, g), append(layers, in[i])
			continue
		}
		if !q.Out().Equal(g) {
			return p, nil, false
		}
		joined.In, layers = append(joined.In, q.In...), append(layers, belowIn...)
	}
	if len(layers) > MostJoined {
		return p, nil, false
	}
	links := make([]op.Link, len(layers))
	for i, l := range layers {
		links[i] = op.Link{Layer: l, Wiring: joined.Wire(i)}
	}
	return joined, links, true
}

// Concat joins arrays along an axis.
var Concat = declare(declaration[ConcatParams]{
	name: concatName,
	doc:  "joins arrays along an axis",
	text: func(p *ConcatParams) string { return fmt.Sprintf("%d along axis %d", len(p.In), p.Axis) },
	take: takeConcat,
	block: func(p *ConcatParams) (op.Block, error) {
		loose, err := p.Out().Loose()
		return &concat{p, p.Out(), loose}, err
	},
})

type concat struct {
	p     *ConcatParams
	out   grid.Grid
	loose int
}

// Run implements op.Block: an output block is one input block.
func (c *concat) Run(t op.Task, in []op.In, out op.Out) error {
	if len(in) != 1 {
		return fmt.Errorf("array: %d blocks for one", len(in))
	}
	n := in[0].Rows()
	if c.loose < 0 {
		n = product(blockShape(c.out, int32(t.Block())))
	}
	return copyBlock(t, in[0], c.p.Kind, n, out)
}

// ScanParams are the parameters of array.scan: running sums or products along an
// axis. Input 0 is the array, input 1 the totals of its blocks along the axis, as
// array.strips folds them: a block reads those before its own.
type ScanParams struct {
	In   grid.Grid
	Axis int32
	Fold strip.Fold // Sum, Prod, Min or Max
	Kind elem.Kind
}

// Totals returns the wiring of the totals.
func (p *ScanParams) Totals() grid.Wiring {
	counts := p.In.Counts()
	x := &grid.Box{Out: counts}
	for i, n := range counts {
		a := grid.BoxAxis{Blocks: n, Axis: int32(i), Step: 1, N: 1}
		if int32(i) == p.Axis {
			a.Step, a.N, a.Table = 0, 0, make([]int32, 2*n)
			for c := range n {
				a.Table[2*c+1] = c
			}
		}
		x.In = append(x.In, a)
	}
	return grid.Wiring{Box: x}
}

func (p *ScanParams) check() error {
	if _, err := p.In.Loose(); err != nil {
		return err
	}
	if _, ok := scans[p.Fold]; p.Axis < 0 || int(p.Axis) >= len(p.In) || !ok {
		return fmt.Errorf("%s along axis %d of %d", p.Fold, p.Axis, len(p.In))
	}
	_, err := p.Fold.State(p.Kind)
	return err
}

func (p *ScanParams) made() (grid.Grid, elem.Kind) { return p.In, p.Kind }

// scans are the folds that can run, as operators.
var scans = map[strip.Fold]vec.BinaryOp{strip.Sum: vec.Add, strip.Prod: vec.Mul, strip.Min: vec.Min, strip.Max: vec.Max}

// Scan computes running sums, products and extremes.
var Scan = declare(declaration[ScanParams]{
	name: "array.scan",
	doc:  "computes running sums, products or extremes along an axis",
	room: func(p *ScanParams) int64 { return 2 * blockBytes(p.In, p.Kind) },
	long: func(p *ScanParams, at []int64, in []op.In) (int64, error) {
		var block region
		for j, k := range at {
			block.lo[j], block.hi[j] = k, k+1
		}
		return long(p.In, &block, in[:min(len(in), 1)])
	},
	text: func(p *ScanParams) string { return fmt.Sprintf("%s along axis %d", p.Fold, p.Axis) },
	fill: func(p *ScanParams) (filler, error) {
		switch p.Kind {
		case elem.Float64:
			return scan[float64](p), nil
		case elem.Complex128:
			return scan[complex128](p), nil
		case elem.Uint64:
			return scan[uint64](p), nil
		}
		return scan[int64](p), nil
	},
})

// An element that runs: those of smaller types run as these.
type running interface {
	int64 | uint64 | float64 | complex128
}

func scan[T running](p *ScanParams) filler {
	return func(t op.Task, _ []int64, in []op.In, out Piece) error { return scanBlock[T](p, t, in, out) }
}

// scanBlock folds the totals in the order of the blocks. What comes first is not folded with
// anything: 0 + -0 is not -0, and 1 times an infinite complex number is not that number.
func scanBlock[T running](p *ScanParams, t op.Task, in []op.In, out Piece) error {
	outer, length, inner := split(out.Shape, int(p.Axis))
	width := p.Kind.Width()
	space := t.Alloc(int(outer*inner) * width)
	if len(space) == 0 {
		return fmt.Errorf("array: %d running totals: %w", outer*inner, mem.ErrBudget)
	}
	buf := strip.View[T](space, int(outer*inner))
	merge := vec.Binary[T](scans[p.Fold])
	for i, x := range in[1:] {
		if err := full(x, outer*inner); err != nil {
			return err
		}
		data, done, err := contiguous(t, x, 0, outer*inner, width)
		switch {
		case err != nil:
		case i == 0:
			copy(space, data)
		default:
			merge(buf, buf, strip.View[T](data, len(buf)))
		}
		done()
		if err != nil {
			return err
		}
	}
	y := values[T](out)
	data, done, err := contiguous(t, in[0], 0, int64(len(y)), width)
	defer done()
	if err != nil {
		return err
	}
	x := strip.View[T](data, len(y))
	looks := stretch / max(1, min(inner, stretch)) // rows of a stretch
	for i := range outer {
		var last []T // nil: nothing is in front
		if len(in) > 1 {
			last = buf[i*inner : (i+1)*inner]
		}
		for j := range length {
			if (i*length+j)%looks == 0 {
				if err := t.Context().Err(); err != nil {
					return err
				}
			}
			at := (i*length + j) * inner
			row, add := y[at:at+inner], x[at:at+inner]
			if last == nil {
				copy(row, add)
			} else {
				merge(row, last, add)
			}
			last = row
		}
	}
	return nil
}

// TakeParams are the parameters of array.take: elements along an axis, in the
// order of Index. Out is Index cut into chunks; the other axes stay as they are.
type TakeParams struct {
	In    grid.Grid
	Axis  int32
	Index []int64
	Cut   grid.Axis
	Kind  elem.Kind
}

// Out returns the grid of the output.
func (p *TakeParams) Out() grid.Grid {
	out := slices.Clone(p.In)
	out[p.Axis] = p.Cut
	return out
}

// Wire returns the wiring: of the axis, the chunks from the first to the last that
// a chunk of the output reads.
func (p *TakeParams) Wire() grid.Wiring {
	x := &grid.Box{Out: p.Out().Counts()}
	in := p.In[p.Axis].Lookup()
	for i, n := range p.In.Counts() {
		a := grid.BoxAxis{Blocks: n, Axis: int32(i), Step: 1, N: 1}
		if int32(i) == p.Axis {
			a.Step, a.N = 0, 0
			cut := p.Cut.Lookup()
			for c := range p.Cut.Blocks() {
				lo, hi := cut.Bounds(c)
				if lo == hi {
					a.Table = append(a.Table, 0, 0)
					continue
				}
				list := p.Index[lo:hi]
				a.Table = append(a.Table, int32(in.Find(slices.Min(list))), int32(in.Find(slices.Max(list))+1))
			}
		}
		x.In = append(x.In, a)
	}
	return x.Wiring()
}

func (p *TakeParams) check() error {
	if _, err := p.In.Loose(); err != nil {
		return err
	}
	if p.Axis < 0 || int(p.Axis) >= len(p.In) || !p.Kind.Valid() || p.Cut.Check() != nil || p.Cut.Len() != int64(len(p.Index)) {
		return fmt.Errorf("%d elements of %s along axis %d", len(p.Index), p.Kind, p.Axis)
	}
	n := p.In[p.Axis].Len()
	for _, i := range p.Index {
		if i < 0 || i >= n {
			return fmt.Errorf("index %d is out of range: axis %d has %d", i, p.Axis, n)
		}
	}
	_, err := p.Out().Loose()
	return err
}

func (p *TakeParams) made() (grid.Grid, elem.Kind) { return p.Out(), p.Kind }

// Take selects elements by a list of positions.
var Take = declare(declaration[TakeParams]{
	name: "array.take",
	doc:  "selects elements along an axis by a list of positions",
	room: func(p *TakeParams) int64 { return blockBytes(p.In, p.Kind) },
	long: func(p *TakeParams, at []int64, in []op.In) (int64, error) {
		var blocks region
		for j, k := range at {
			blocks.lo[j], blocks.hi[j] = k, k+1
		}
		lo, hi := p.Cut.Lookup().Bounds(at[p.Axis])
		if lo == hi {
			return 0, nil
		}
		l, list := p.In[p.Axis].Lookup(), p.Index[lo:hi]
		blocks.lo[p.Axis], blocks.hi[p.Axis] = l.Find(slices.Min(list)), l.Find(slices.Max(list))+1
		return long(p.In, &blocks, in)
	},
	text: func(p *TakeParams) string { return fmt.Sprintf("%d along axis %d", len(p.Index), p.Axis) },
	fill: func(p *TakeParams) (filler, error) {
		return (&taking{p, p.In[p.Axis].Lookup(), p.Cut.Lookup()}).fill, nil
	},
})

type taking struct {
	p       *TakeParams
	in, cut *grid.Lookup
}

// fill reads one input block at a time.
func (k *taking) fill(t op.Task, at []int64, in []op.In, out Piece) error {
	width := int64(k.p.Kind.Width())
	outer, _, inner := split(out.Shape, int(k.p.Axis))
	inner *= width
	lo, hi := k.cut.Bounds(at[k.p.Axis])
	list, dst := k.p.Index[lo:hi], out.Data
	first := k.in.Find(slices.Min(list))
	for c, x := range in {
		if err := t.Context().Err(); err != nil {
			return err
		}
		from, to := k.in.Bounds(first + int64(c))
		data, done, err := contiguous(t, x, 0, outer*(to-from)*inner/width, int(width))
		if err != nil {
			done()
			return err
		}
		for i, p := range list {
			if p < from || p >= to {
				continue
			}
			for o := range outer {
				copy(dst[(o*int64(len(list))+int64(i))*inner:][:inner], data[(o*(to-from)+p-from)*inner:])
			}
		}
		done()
	}
	return nil
}
