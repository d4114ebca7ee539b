package grid

import "math/bits"

// A View is how one axis of an array is read from an index space: at index i of
// the space, element Start + Step·i[Axis]; at Start for all of them when Axis is
// negative.
type View struct {
	Axis        int32
	Start, Step int64
}

// Straight is the view of an array of so many axes from its own index space.
func Straight(dims int) []View {
	v := make([]View, dims)
	for i := range v {
		v[i] = View{Axis: int32(i), Step: 1}
	}
	return v
}

// Through returns the view of an array seen through another one: v reads an
// array from a space that u reads from a second space.
func (v View) Through(u []View) View {
	if v.Axis < 0 {
		return v
	}
	w := u[v.Axis]
	return View{Axis: w.Axis, Start: v.Start + v.Step*w.Start, Step: v.Step * w.Step}.norm()
}

// norm makes equal views equal.
func (v View) norm() View {
	if v.Axis < 0 || v.Step == 0 {
		return View{Axis: -1, Start: v.Start}
	}
	return v
}

// At returns the element read at index i of the view's axis.
func (v View) At(i int64) int64 {
	if v.Axis < 0 {
		return v.Start
	}
	return v.Start + v.Step*i
}

// Range returns the elements [lo, hi) that are read at the indices [a, z); none
// when there are no indices.
func (v View) Range(a, z int64) (lo, hi int64) {
	if v.Axis < 0 {
		return v.Start, v.Start + 1
	}
	if a >= z {
		return 0, 0
	}
	x, y := v.At(a), v.At(z-1)
	return min(x, y), max(x, y) + 1
}

// Injective reports whether different indices of the space read different
// elements.
func Injective(space Grid, views []View) bool {
	used := make([]bool, len(space))
	for _, v := range views {
		if v.Axis >= 0 {
			used[v.Axis] = true
		}
	}
	for i, u := range used {
		if !u && space[i].Len() > 1 {
			return false
		}
	}
	return true
}

// A Box is a wiring between grids: it says which blocks of an input a block
// needs, axis by axis. Its size does not depend on the number of blocks, but for
// axes whose chunks meet irregularly.
type Box struct {
	Out []int32 // blocks of the reading grid along its axes
	In  []BoxAxis
}

// A BoxAxis says which blocks along one axis of the input a block reads: with c
// its position along output axis Axis (0 when Axis is negative), those of
// [First+c·Step, First+c·Step+N) that exist; or, with a Table, those of
// [Table[2c], Table[2c+1]).
type BoxAxis struct {
	Blocks         int32 // along this axis of the input
	Axis           int32
	First, Step, N int32
	Table          []int32
}

// Range returns the blocks [lo, hi) along the axis, for a block at a position.
func (x *BoxAxis) Range(at []int32) (lo, hi int32) {
	c := int32(0)
	if x.Axis >= 0 {
		c = at[x.Axis]
	}
	if x.Table != nil {
		return x.Table[2*c], x.Table[2*c+1]
	}
	first := int64(x.First) + int64(c)*int64(x.Step)
	lo = int32(min(max(first, 0), int64(x.Blocks)))
	hi = int32(min(max(first+int64(x.N), int64(lo)), int64(x.Blocks)))
	return lo, hi
}

// InBlocks returns the number of blocks of the input.
func (x *Box) InBlocks() int64 {
	n := int64(1)
	for i := range x.In {
		n *= int64(x.In[i].Blocks)
	}
	return n
}

// OutBlocks returns the number of reading blocks.
func (x *Box) OutBlocks() int64 {
	n := int64(1)
	for _, c := range x.Out {
		n *= int64(c)
	}
	return n
}

// Append appends the blocks that block b needs, ascending.
func (x *Box) Append(dst []int32, b int32) []int32 {
	var at, lo, hi, cur [MaxDims]int32
	Coords(x.Out, b, at[:])
	for i := range x.In {
		lo[i], hi[i] = x.In[i].Range(at[:])
		if lo[i] >= hi[i] {
			return dst
		}
		cur[i] = lo[i]
	}
	for {
		n := int32(0)
		for i := range x.In {
			n = n*x.In[i].Blocks + cur[i]
		}
		dst = append(dst, n)
		i := len(x.In) - 1
		for ; i >= 0; i-- {
			if cur[i]++; cur[i] < hi[i] {
				break
			}
			cur[i] = lo[i]
		}
		if i < 0 {
			return dst
		}
	}
}

// Pairs returns how many blocks Append names for all reading blocks together, at most
// 1<<62. It takes as long as there are blocks along the axes, not as there are blocks.
func (x *Box) Pairs() int64 {
	var at [MaxDims]int32
	n := uint64(1)
	for axis := int32(-1); int(axis) < len(x.Out); axis++ {
		sum, along := uint64(0), int32(1)
		if axis >= 0 {
			along = x.Out[axis]
		}
		for c := range along {
			if axis >= 0 {
				at[axis] = c
			}
			k := uint64(1)
			for i := range x.In {
				if a := &x.In[i]; max(a.Axis, -1) == axis {
					lo, hi := a.Range(at[:])
					k = times(k, uint64(hi-lo))
				}
			}
			sum = min(sum+k, 1<<62)
		}
		n = times(n, sum)
	}
	return int64(n)
}

// times multiplies, up to 1<<62.
func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi > 0 || lo > 1<<62 {
		return 1 << 62
	}
	return lo
}

// Valid reports whether all ranges lie within the input, so that Append never
// names a block that does not exist.
func (x *Box) Valid() bool {
	if len(x.Out) > MaxDims || len(x.In) > MaxDims {
		return false
	}
	n := int64(1)
	for _, c := range x.Out {
		if n *= int64(c); c < 1 || n > 1<<31 {
			return false
		}
	}
	n = 1
	for i := range x.In {
		a := &x.In[i]
		if n *= int64(a.Blocks); a.Blocks < 1 || n > 1<<31 || int(a.Axis) >= len(x.Out) {
			return false
		}
		if a.Table == nil {
			continue
		}
		n := 1
		if a.Axis >= 0 {
			n = int(x.Out[a.Axis])
		}
		if len(a.Table) != 2*n {
			return false
		}
		for k := 0; k < len(a.Table); k += 2 {
			if a.Table[k] < 0 || a.Table[k] > a.Table[k+1] || a.Table[k+1] > a.Blocks {
				return false
			}
		}
	}
	return true
}

// A Wiring says which blocks of an input the blocks of a layer read.
type Wiring struct {
	One bool // block b reads block b
	Box *Box // else
}

// Wire returns the wiring of an array with the given chunks that is read through
// views from an index space.
func Wire(space, leaf Grid, views []View) Wiring {
	x := &Box{Out: space.Counts()}
	for i, a := range leaf {
		x.In = append(x.In, wireAxis(space, a, views[i]))
	}
	return x.Wiring()
}

// Wiring is the box in its shortest form.
func (x *Box) Wiring() Wiring {
	if x.identity() {
		return Wiring{One: true}
	}
	return Wiring{Box: x}
}

// identity reports whether block b reads block b alone: axes of one block have
// no say in that.
func (x *Box) identity() bool {
	next := 0
	skip := func() {
		for next < len(x.Out) && x.Out[next] == 1 {
			next++
		}
	}
	for i := range x.In {
		a := &x.In[i]
		if a.Blocks == 1 && a.single() {
			continue
		}
		skip()
		if next == len(x.Out) || a.Axis != int32(next) || a.Blocks != x.Out[next] || a.Table != nil || a.First != 0 || a.Step != 1 || a.N != 1 {
			return false
		}
		next++
	}
	skip()
	return next == len(x.Out)
}

// single reports whether every block reads the one block of the axis.
func (x *BoxAxis) single() bool {
	if x.Table == nil {
		return x.First == 0 && (x.Step == 0 || x.Axis < 0) && x.N >= 1
	}
	for k := 0; k < len(x.Table); k += 2 {
		if x.Table[k] != 0 || x.Table[k+1] != 1 {
			return false
		}
	}
	return true
}

func wireAxis(space Grid, leaf Axis, v View) BoxAxis {
	w := BoxAxis{Blocks: int32(leaf.Blocks()), Axis: v.Axis, N: 1}
	switch {
	case v.Axis < 0:
		w.First = int32(leaf.Lookup().Find(v.Start))
		return w
	case v.Start == 0 && v.Step == 1 && space[v.Axis].Equal(leaf) && !slicesHaveZero(leaf):
		w.Step = 1
		return w
	}
	l, out := leaf.Lookup(), space[v.Axis].Lookup()
	n := space[v.Axis].Blocks()
	w.N = 0
	w.Table = make([]int32, 2*n)
	for c := range n {
		lo, hi := v.Range(out.Bounds(c))
		if lo < hi {
			w.Table[2*c], w.Table[2*c+1] = int32(l.Find(lo)), int32(l.Find(hi-1)+1)
		}
	}
	return w.affine()
}

func slicesHaveZero(a Axis) bool {
	for _, r := range a {
		if r.Size == 0 {
			return true
		}
	}
	return false
}

// affine replaces a table that counts evenly.
func (x BoxAxis) affine() BoxAxis {
	t := x.Table
	if len(t) == 0 {
		return x
	}
	n, step := t[1]-t[0], int32(0)
	if len(t) > 2 {
		step = t[2] - t[0]
	}
	for k := 0; k < len(t); k += 2 {
		if t[k] != t[0]+int32(k/2)*step || t[k+1] != t[k]+n {
			return x
		}
	}
	return BoxAxis{Blocks: x.Blocks, Axis: x.Axis, First: t[0], Step: step, N: n}
}

// Groups returns the wiring of a reduction tree: along the axes with a factor
// above 1, block c reads blocks [c·factor, (c+1)·factor).
func Groups(in []int32, factor []int32) (*Box, []int32) {
	x := &Box{Out: make([]int32, len(in))}
	for i, n := range in {
		x.Out[i] = (n + factor[i] - 1) / factor[i]
		x.In = append(x.In, BoxAxis{Blocks: n, Axis: int32(i), Step: factor[i], N: factor[i]})
	}
	return x, x.Out
}
