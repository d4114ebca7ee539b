// Package grid is the arithmetic of chunk grids: integers that say how the axes
// of an array are cut, which blocks meet which, and in what order blocks are
// numbered. It knows no data and imports nothing of the house.
//
// Blocks are numbered in row-major order: the last axis counts fastest.
package grid

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// A Run is Count chunks of Size elements each.
type Run struct{ Size, Count int64 }

// An Axis is the sizes of the chunks along one axis, run-length encoded: equal
// neighbours share a run, so that a million equal chunks are one run. The nil
// Axis has no chunk; an axis of length 0 has one chunk of size 0.
type Axis []Run

// A Grid is one Axis per dimension. The empty Grid has one block of one element.
type Grid []Axis

// Unknown is the size of a chunk of which is known only that it has at most n
// elements. Such chunks come of selections by conditions.
func Unknown(n int64) int64 { return -1 - n }

// Known reports whether the sizes of all chunks are known.
func (a Axis) Known() bool {
	for _, r := range a {
		if r.Size < 0 {
			return false
		}
	}
	return true
}

// AtMost returns the axis with the bounds of sizes that are not known instead.
func (a Axis) AtMost() Axis {
	if a.Known() {
		return a
	}
	var out Axis
	for _, r := range a {
		out = out.Append(most(r.Size), r.Count)
	}
	return out
}

func most(size int64) int64 {
	if size < 0 {
		return -1 - size
	}
	return size
}

// Uniform returns chunks of the given size over n elements; the last one has
// what is left. A chunk below 1 means one chunk.
func Uniform(n, chunk int64) Axis {
	if chunk < 1 || chunk >= n {
		return Axis{{n, 1}}
	}
	a := Axis{{chunk, n / chunk}}
	if r := n % chunk; r > 0 {
		a = append(a, Run{r, 1})
	}
	return a
}

// Sizes returns chunks of the given sizes.
func Sizes(sizes ...int64) (a Axis) {
	for _, s := range sizes {
		a = a.Append(s, 1)
	}
	return a
}

// Append adds count chunks of a size at the end; it may change a.
func (a Axis) Append(size, count int64) Axis {
	if count <= 0 {
		return a
	}
	if n := len(a); n > 0 && a[n-1].Size == size {
		a[n-1].Count += count
		return a
	}
	return append(a, Run{size, count})
}

// Blocks returns the number of chunks.
func (a Axis) Blocks() (n int64) {
	for _, r := range a {
		n += r.Count
	}
	return n
}

// Len returns the number of elements, -1 if it is not known.
func (a Axis) Len() (n int64) {
	for _, r := range a {
		if r.Size < 0 {
			return -1
		}
		n += r.Size * r.Count
	}
	return n
}

// Max returns the size of the largest chunk, at most.
func (a Axis) Max() (n int64) {
	for _, r := range a {
		n = max(n, most(r.Size))
	}
	return n
}

// Equal reports whether both axes are cut in the same way.
func (a Axis) Equal(b Axis) bool { return slices.Equal(a, b) }

// All lists the sizes, for printing and for short axes.
func (a Axis) All() []int64 {
	out := make([]int64, 0, a.Blocks())
	for _, r := range a {
		for range r.Count {
			out = append(out, r.Size)
		}
	}
	return out
}

// String lists the sizes as (3,3,1), long axes by runs as (100×64,36).
func (a Axis) String() string {
	var b strings.Builder
	b.WriteByte('(')
	long := a.Blocks() > 12
	for i, r := range a {
		if i > 0 {
			b.WriteByte(',')
		}
		if i == 12 {
			b.WriteString("…")
			break
		}
		if long && r.Count > 1 && r.Size >= 0 {
			fmt.Fprintf(&b, "%d×%d", r.Count, r.Size)
			continue
		}
		for k := range r.Count {
			if k > 0 {
				b.WriteByte(',')
			}
			if r.Size < 0 {
				b.WriteByte('?')
			} else {
				fmt.Fprint(&b, r.Size)
			}
		}
	}
	b.WriteByte(')')
	return b.String()
}

// ErrUnknown says that chunk sizes are needed that are not known.
var ErrUnknown = errors.New("chunk sizes are unknown: ComputeChunkSizes finds them")

// Check returns what is wrong with an axis that came from outside; sizes that are
// not known are.
func (a Axis) Check() error {
	if !a.Known() {
		return ErrUnknown
	}
	n, blocks := int64(0), int64(0)
	for _, r := range a {
		if r.Size < 0 || r.Count < 1 || r.Count > 1<<31 || r.Size > 1<<56 || r.Size > 0 && r.Count > (1<<56)/r.Size {
			return fmt.Errorf("%d chunks of %d elements", r.Count, r.Size)
		}
		n += r.Size * r.Count
		blocks += r.Count
		if n > 1<<56 || blocks > 1<<31 {
			return fmt.Errorf("more than 2^56 elements or 2^31 chunks")
		}
	}
	if blocks == 0 {
		return fmt.Errorf("no chunks")
	}
	return nil
}

// Shape returns the length of every axis.
func (g Grid) Shape() []int64 {
	s := make([]int64, len(g))
	for i, a := range g {
		s[i] = a.Len()
	}
	return s
}

// Counts returns the number of chunks of every axis.
func (g Grid) Counts() []int32 {
	n := make([]int32, len(g))
	for i, a := range g {
		n[i] = int32(a.Blocks())
	}
	return n
}

// Blocks returns the number of blocks.
func (g Grid) Blocks() int64 {
	n := int64(1)
	for _, a := range g {
		n *= a.Blocks()
	}
	return n
}

// Elements returns the number of elements, at most.
func (g Grid) Elements() int64 {
	n := int64(1)
	for _, a := range g {
		n *= a.AtMost().Len()
	}
	return n
}

// Loose returns the axis whose chunk sizes are not known, -1 if there is none.
// Errors: what Check says of the others, and more than one such axis.
func (g Grid) Loose() (int, error) {
	loose := -1
	known := slices.Clone(g)
	for i, a := range g {
		if a.Known() {
			continue
		}
		if loose >= 0 {
			return 0, fmt.Errorf("axes %d and %d: %w", loose, i, ErrUnknown)
		}
		loose, known[i] = i, a.AtMost()
	}
	return loose, known.Check()
}

// MaxBlock returns the number of elements of the largest block.
func (g Grid) MaxBlock() int64 {
	n := int64(1)
	for _, a := range g {
		n *= a.Max()
	}
	return n
}

// Equal reports whether both grids are cut in the same way.
func (g Grid) Equal(h Grid) bool { return slices.EqualFunc(g, h, Axis.Equal) }

// Check returns what is wrong with a grid that came from outside.
func (g Grid) Check() error {
	if len(g) > MaxDims {
		return fmt.Errorf("%d axes, at most %d are possible", len(g), MaxDims)
	}
	n, blocks := 1.0, 1.0
	for i, a := range g {
		if err := a.Check(); err != nil {
			return fmt.Errorf("axis %d: %w", i, err)
		}
		n *= float64(max(a.Len(), 1))
		blocks *= float64(a.Blocks())
	}
	if n > 1<<58 || blocks >= 1<<31 {
		return fmt.Errorf("%.3g elements in %.3g blocks, at most 2^58 in 2^31 are possible", n, blocks)
	}
	return nil
}

// MaxDims bounds the number of axes.
const MaxDims = 32

// String prints a grid as ((4,4,2),(3,3)).
func (g Grid) String() string {
	parts := make([]string, len(g))
	for i, a := range g {
		parts[i] = a.String()
	}
	s := "(" + strings.Join(parts, ",")
	if len(parts) == 1 {
		s += ","
	}
	return s + ")"
}

// Coords writes the position of block b along every axis.
func Coords(counts []int32, b int32, dst []int32) {
	for i := len(counts) - 1; i >= 0; i-- {
		dst[i] = b % counts[i]
		b /= counts[i]
	}
}

// Number returns the block at a position.
func Number(counts, at []int32) int32 {
	b := int32(0)
	for i, c := range counts {
		b = b*c + at[i]
	}
	return b
}

// A Lookup finds chunks along an axis in O(log runs).
type Lookup struct {
	axis  Axis
	elem  []int64 // first element of each run, and the end
	block []int64 // first block of each run, and the end
}

// Lookup prepares an axis for many questions.
func (a Axis) Lookup() *Lookup {
	l := &Lookup{axis: a, elem: make([]int64, len(a)+1), block: make([]int64, len(a)+1)}
	for i, r := range a {
		l.elem[i+1] = l.elem[i] + r.Size*r.Count
		l.block[i+1] = l.block[i] + r.Count
	}
	return l
}

// Bounds returns the elements [lo, hi) of chunk b.
func (l *Lookup) Bounds(b int64) (lo, hi int64) {
	i := 0
	if len(l.axis) > 1 {
		i = sort.Search(len(l.axis), func(i int) bool { return l.block[i+1] > b })
	}
	lo = l.elem[i] + (b-l.block[i])*l.axis[i].Size
	return lo, lo + l.axis[i].Size
}

// Find returns the chunk that holds element x.
func (l *Lookup) Find(x int64) int64 {
	i := 0
	if len(l.axis) > 1 {
		i = sort.Search(len(l.axis), func(i int) bool { return l.elem[i+1] > x })
	}
	return l.block[i] + (x-l.elem[i])/l.axis[i].Size
}

// Refine returns the coarsest chunks that divide those of both axes, which have
// equal lengths. Chunks of size 0 are dropped unless that is all there is. It
// costs O(chunks), O(1) for equal axes.
func Refine(a, b Axis) Axis {
	switch {
	case a.Equal(b) || b.Blocks() == 1:
		return a
	case a.Blocks() == 1:
		return b
	}
	var out Axis
	x, y := cursor{axis: a}, cursor{axis: b}
	for x.fill() && y.fill() {
		n := min(x.left, y.left)
		out = out.Append(n, 1)
		x.left -= n
		y.left -= n
	}
	if out == nil {
		return Axis{{0, 1}}
	}
	return out
}

// A cursor walks over the chunks of an axis; left is what remains of the
// current one.
type cursor struct {
	axis Axis
	run  int
	used int64 // chunks of the run
	left int64
}

func (c *cursor) fill() bool {
	for c.left == 0 {
		if c.run == len(c.axis) {
			return false
		}
		if c.used == c.axis[c.run].Count {
			c.run, c.used = c.run+1, 0
			continue
		}
		c.used++
		c.left = c.axis[c.run].Size
	}
	return true
}
