package array

import (
	"fmt"

	"github.com/weft-data/weft/op"
)

// Along picks elements along axis Ints[0] by positions: input 0 is streamed along
// it, input 1 are positions as int64, negative ones counting from the end. They have
// the shape of the result, or are a vector that counts for every line along the axis.
// Positions that are none are an error of the run.
var Along = define("array.along", "elements along an axis by positions that are computed", procedure{
	room: func(p *CallParams) int64 {
		return 8 * (p.reads(1) + p.In[0].Grid[p.Ints[0]].Blocks() + 1)
	},
	run: func(c *Call) error {
		axis, at := int(c.P.Ints[0]), values[int64](c.In[1])
		if c.Out[0].Shape == nil {
			if err := c.grow(0, len(at)); err != nil {
				return err
			}
		}
		order, first, err := c.byBlock(axis, at)
		if err != nil {
			return err
		}
		if err := touch(c.Task, c.Out[0].Data); err != nil {
			return err
		}
		pick, lines := pickers[c.P.Kind.Width()], len(c.In[1].Shape) == len(c.Out[0].Shape)
		block := 0
		return c.each(0, false, func(lo []int64, p Piece) error {
			which := order[first[block]:first[block+1]]
			block++
			var err error
			for i, j := range stretches(c.Task, len(which), &err) {
				pick(c.Out[0], p, picking{axis, lo[axis], c.P.In[0].Grid[axis].Len(), at, which[i:j], lines})
			}
			return err
		})
	},
})

// byBlock lists the positions of a list by the blocks of input 0 along an axis that
// they lie in: those in block b are order[first[b]:first[b+1]].
func (c *Call) byBlock(axis int, at []int64) (order, first []int64, err error) {
	l, g := c.of.axes[0][axis], c.P.In[0].Grid[axis]
	n := g.Len()
	if order, err = room[int64](c, len(at)); err != nil {
		return nil, nil, err
	}
	if first, err = room[int64](c, int(g.Blocks())+1); err != nil {
		return nil, nil, err
	}
	clear(first)
	for lo, hi := range stretches(c.Task, len(at), &err) {
		for _, k := range at[lo:hi] {
			if k < -n || k >= n {
				return nil, nil, noPosition(k, axis, n)
			}
			first[l.Find(fromStart(k, n))]++
		}
	}
	if err != nil {
		return nil, nil, err
	}
	sum := int64(0)
	for b, m := range first {
		first[b] = sum
		sum += m
	}
	for lo, hi := range stretches(c.Task, len(at), &err) {
		for i := lo; i < hi; i++ {
			b := l.Find(fromStart(at[i], n))
			order[first[b]] = int64(i)
			first[b]++
		}
	}
	copy(first[1:], first) // where a block ended, the next one begins
	first[0] = 0
	return order, first, err
}

// fromStart is a position of n that may count from the end.
func fromStart(k, n int64) int64 {
	if k < 0 {
		return k + n
	}
	return k
}

// A picking says what of a block of input 0 is picked: along axis, where the block
// begins at lo, the elements at at[i] for all i of which. With lines, at has the
// shape of the result.
type picking struct {
	axis      int
	lo, n     int64
	at, which []int64
	lines     bool
}

// pickers pick elements by their width in bytes.
var pickers = map[int]func(to, from Piece, p picking){
	1: pickLines[uint8], 2: pickLines[uint16], 4: pickLines[uint32], 8: pickLines[uint64], 16: pickLines[[2]uint64],
}

func pickLines[T any](to, from Piece, p picking) {
	dst, src := values[T](to), values[T](from)
	_, m, inner := split(to.Shape, p.axis)
	outer, n, _ := split(from.Shape, p.axis)
	switch {
	case !p.lines:
		for _, i := range p.which {
			k := fromStart(p.at[i], p.n) - p.lo
			for o := range outer {
				copy(dst[(o*m+i)*inner:][:inner], src[(o*n+k)*inner:])
			}
		}
	case outer == 1 && inner == 1:
		for _, i := range p.which {
			dst[i] = src[fromStart(p.at[i], p.n)-p.lo]
		}
	default:
		for _, i := range p.which {
			k := fromStart(p.at[i], p.n) - p.lo
			dst[i] = src[(i/(m*inner)*n+k)*inner+i%inner]
		}
	}
}

// PutAlong replaces elements along axis Ints[0] by positions: input 0 is the block,
// inputs 1 and 2 are streamed along the axis in equal blocks: positions as int64,
// negative ones counting from the end, and what to put there. Of equal positions the
// last one counts; positions that are none are an error of the run.
var PutAlong = define("array.put-along", "replaces elements along an axis by positions that are computed", procedure{
	run: func(c *Call) error {
		axis, out := int(c.P.Ints[0]), c.Out[0]
		if err := copied(c.Task, out.Data, c.In[0].Data); err != nil {
			return err
		}
		lo, hi := c.of.axes[0][axis].Bounds(c.At[axis])
		put, n := putters[c.P.Kind.Width()], c.P.In[0].Grid[axis].Len()
		for k := range c.in[1] {
			if err := c.Context().Err(); err != nil {
				return err
			}
			_, at, done, err := c.streamed(1, k)
			if err == nil {
				var v Piece
				var also func()
				if _, v, also, err = c.streamed(2, k); err == nil {
					err = put(c.Task, out, v, picking{axis: axis, lo: lo, n: n, at: values[int64](at)}, hi)
				}
				also()
			}
			done()
			if err != nil {
				return err
			}
		}
		return nil
	},
})

// putters put elements by their width in bytes.
var putters = map[int]func(t op.Task, to, from Piece, p picking, hi int64) error{
	1: putLines[uint8], 2: putLines[uint16], 4: putLines[uint32], 8: putLines[uint64], 16: putLines[[2]uint64],
}

// putLines puts the elements of from at the positions p.at, which have its shape, of a
// block that covers those from p.lo to hi.
func putLines[T any](t op.Task, to, from Piece, p picking, hi int64) (err error) {
	dst, src := values[T](to), values[T](from)
	_, m, inner := split(from.Shape, p.axis)
	_, n, _ := split(to.Shape, p.axis)
	for first, end := range stretches(t, len(src), &err) {
		for i := first; i < end; i++ {
			if p.at[i] < -p.n || p.at[i] >= p.n {
				return noPosition(p.at[i], p.axis, p.n)
			}
			if k := fromStart(p.at[i], p.n); k >= p.lo && k < hi {
				line := int64(i) / (m * inner)
				dst[(line*n+k-p.lo)*inner+int64(i)%inner] = src[i]
			}
		}
	}
	return err
}

func noPosition(k int64, axis int, n int64) error {
	return fmt.Errorf("index %d is out of range: axis %d has %d", k, axis, n)
}

// Inside is a block of int64 that must lie from 0 to below Ints[0]; others are an error
// of the run.
var Inside = define("array.inside", "positions that a shape must have", procedure{
	run: func(c *Call) error {
		at := values[int64](c.In[0])
		if c.Out[0].Shape == nil {
			if err := c.grow(0, len(at)); err != nil {
				return err
			}
		}
		var err error
		for lo, hi := range stretches(c.Task, len(at), &err) {
			for _, k := range at[lo:hi] {
				if k < 0 || k >= c.P.Ints[0] {
					return fmt.Errorf("index %d is out of range: there are %d", k, c.P.Ints[0])
				}
			}
			copy(values[int64](c.Out[0])[lo:hi], at[lo:hi])
		}
		return err
	},
})
