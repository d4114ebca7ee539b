package array

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/radix"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// Sorting goes by keys: words whose order as unsigned integers is that of the
// elements: -0 before 0, and NaN last, in both directions.

// A keying turns elements into keys and back.
type keying struct {
	// to writes the keys of n elements at, at+step, … of src.
	to func(dst []uint64, src []byte, at, step int64)
	// from writes elements.
	from func(dst []byte, at, step int64, keys []uint64)
}

var keyings = map[elem.Kind]keying{
	elem.Bool: integers[uint8](), elem.Int8: integers[int8](), elem.Int16: integers[int16](), elem.Int32: integers[int32](),
	elem.Int64: integers[int64](), elem.Uint8: integers[uint8](), elem.Uint16: integers[uint16](), elem.Uint32: integers[uint32](),
	elem.Uint64: integers[uint64](), elem.Float32: floats[float32](), elem.Float64: floats[float64](),
}

func integers[T vec.Integer]() keying {
	var z T
	flip := uint64(0)
	if z-1 < z {
		flip = 1 << 63
	}
	return keying{
		to: func(dst []uint64, src []byte, at, step int64) {
			s := strip.View[T](src, len(src)/widthOf[T]())
			for i := range dst {
				dst[i] = uint64(int64(s[at])) ^ flip
				if flip == 0 {
					dst[i] = uint64(s[at])
				}
				at += step
			}
		},
		from: func(dst []byte, at, step int64, keys []uint64) {
			d := strip.View[T](dst, len(dst)/widthOf[T]())
			for _, k := range keys {
				d[at] = T(k ^ flip)
				at += step
			}
		},
	}
}

// nanKey is the key of NaN.
const nanKey = math.MaxUint64

func floatKey(v float64) uint64 {
	b := math.Float64bits(v)
	switch {
	case v != v:
		return nanKey
	case b>>63 != 0:
		return ^b
	}
	return b | 1<<63
}

func keyFloat(k uint64) float64 {
	switch {
	case k == nanKey:
		return math.NaN()
	case k>>63 != 0:
		return math.Float64frombits(k &^ (1 << 63))
	}
	return math.Float64frombits(^k)
}

func floats[T vec.Float]() keying {
	return keying{
		to: func(dst []uint64, src []byte, at, step int64) {
			s := strip.View[T](src, len(src)/widthOf[T]())
			for i := range dst {
				dst[i] = floatKey(float64(s[at]))
				at += step
			}
		},
		from: func(dst []byte, at, step int64, keys []uint64) {
			d := strip.View[T](dst, len(dst)/widthOf[T]())
			for _, k := range keys {
				d[at] = T(keyFloat(k))
				at += step
			}
		},
	}
}

// reverse turns keys into those of the opposite order, and back; NaN stays last.
func reverse(k elem.Kind, keys []uint64) {
	for i, v := range keys {
		if !k.IsFloat() || v != nanKey {
			keys[i] = ^v
		}
	}
}

// A place is a key and where its element lies along the axis.
type place struct {
	k  uint64
	at uint64
}

// sorting is a thread of a task that sorts lines: vectors along an axis.
type sorting struct {
	keys, more   []uint64
	places, tmps []place
	best         [fewBest]place
}

// lineRoom is what one thread needs for lines of n elements.
func lineRoom(n int64, places bool) int64 {
	if places {
		return n * (8 + 32)
	}
	return n * 16
}

// lines calls f for every line of input 0 along an axis, on the threads of the
// task: with where the line begins there, in an output with as many elements along
// the axis as out, and how far its elements lie apart.
func lines(c *Call, axis int, out int64, places bool, f func(s *sorting, in, out, step int64) error) error {
	outer, n, inner := split(c.In[0].Shape, axis)
	all := outer * inner
	if all == 0 {
		return nil
	}
	var threads []*sorting
	for len(threads) < int(min(all, int64(max(1, c.Threads())))) {
		s := &sorting{}
		var err error
		if s.keys, err = room[uint64](c, int(n)); err == nil && places {
			if s.places, err = room[place](c, int(n)); err == nil {
				s.tmps, err = room[place](c, int(n))
			}
		} else if err == nil {
			s.more, err = room[uint64](c, int(n))
		}
		if err != nil && len(threads) == 0 {
			return err
		} else if err != nil {
			break
		}
		threads = append(threads, s)
	}
	if inner > 1 {
		for _, x := range c.Out {
			if err := touch(c.Task, x.Data); err != nil {
				return err
			}
		}
	}
	each := func(i int) error {
		for l := all * int64(i) / int64(len(threads)); l < all*int64(i+1)/int64(len(threads)); l++ {
			if err := c.Context().Err(); err != nil {
				return err
			}
			if err := f(threads[i], l/inner*n*inner+l%inner, l/inner*out*inner+l%inner, inner); err != nil {
				return err
			}
		}
		return nil
	}
	if len(threads) == 1 {
		return each(0) // its sort may fork
	}
	return c.Fork(len(threads), each)
}

// sort sorts keys; a task with one line does it on all its threads.
func (s *sorting) sort(c *Call, keys []uint64, alone bool) error {
	return radix.SortAll(c.threads(alone), keys, s.more[:len(keys)])
}

// threads are those of the task, or this one.
func (c *Call) threads(all bool) radix.Threads {
	if all {
		return c.Task
	}
	return radix.Alone{Until: c.Context()}
}

// order sorts places by the keys.
func (s *sorting) order(c *Call, keys []uint64, alone bool) ([]place, error) {
	p := s.places[:len(keys)]
	if err := c.placesOf(p, keys); err != nil {
		return nil, err
	}
	return p, radix.SortAll(c.threads(alone), p, s.tmps[:len(p)])
}

// alone reports whether input 0 is one line.
func alone(c *Call, axis int) bool {
	outer, _, inner := split(c.In[0].Shape, axis)
	return outer*inner == 1
}

// Sort sorts along an axis of one chunk. Ints are the axis, 1 for the largest
// first, and 1 for positions (int64) instead of elements. It is stable.
var Sort = define("array.sort", "sorts along an axis", procedure{
	room: func(p *CallParams) int64 { return lineRoom(p.In[0].Grid[p.Ints[0]].Max(), p.Ints[2] == 1) },
	run: func(c *Call) error {
		axis, down, positions := int(c.P.Ints[0]), c.P.Ints[1] == 1, c.P.Ints[2] == 1
		kind, single := c.In[0].Kind, alone(c, int(c.P.Ints[0]))
		n := c.In[0].Shape[axis]
		if _, ok := keyings[kind]; !ok {
			return fmt.Errorf("%s has no order", kind)
		}
		return lines(c, axis, n, positions, func(s *sorting, in, out, step int64) error {
			keys := s.keys[:n]
			if err := c.keysOf(keys, c.In[0], in, step, down); err != nil {
				return err
			}
			if positions {
				p, err := s.order(c, keys, single)
				if err != nil {
					return err
				}
				dst := values[int64](c.Out[0])
				for lo, hi := range stretches(c.Task, len(p), &err) {
					for i := lo; i < hi; i++ {
						dst[out+int64(i)*step] = int64(p[i].at)
					}
				}
				return err
			}
			if err := s.sort(c, keys, single); err != nil {
				return err
			}
			return c.elementsOf(c.Out[0], kind, out, step, keys, down)
		})
	},
})

// Top keeps the first elements of each line of a block in sorted order, as keys and
// positions: two results of uint64. Ints are the axis, how many, 1 for the largest
// first, and 1 if inputs are such keys and positions already.
var Top = define("array.top", "the first elements along an axis", procedure{
	room: func(p *CallParams) int64 { return lineRoom(p.Space[p.Ints[0]].Max(), true) },
	run: func(c *Call) error {
		axis, down, again := int(c.P.Ints[0]), c.P.Ints[2] == 1, c.P.Ints[3] == 1
		n, k := c.In[0].Shape[axis], c.Out[0].Shape[axis]
		single := alone(c, axis)
		need, _ := c.box(0)
		begin := need.lo[axis]
		dst, at := values[uint64](c.Out[0]), values[uint64](c.Out[1])
		var from []uint64 // positions that are given
		if again {
			from = values[uint64](c.In[1])
		}
		return lines(c, axis, k, k > fewBest, func(s *sorting, in, out, step int64) error {
			keys := s.keys[:n]
			if err := c.keysOf(keys, c.In[0], in, step, down && !again); err != nil {
				return err
			}
			p, err := []place(nil), error(nil)
			if k <= fewBest {
				p, err = s.least(c, keys, int(k))
			} else {
				p, err = s.order(c, keys, single)
			}
			if err != nil {
				return err
			}
			for i, v := range p[:min(k, n)] {
				to := out + int64(i)*step
				if dst[to] = v.k; again {
					at[to] = from[in+int64(v.at)*step]
				} else {
					at[to] = uint64(begin) + v.at
				}
			}
			return nil
		})
	},
})

// fewBest is how many elements are found by keeping the best so far in order, without sorting the line.
const fewBest = 64

// least returns the k least keys in order, of equal ones the first, and where they are.
func (s *sorting) least(c *Call, keys []uint64, k int) ([]place, error) {
	best, full := s.best[:0], k-1
	for lo := 0; lo < len(keys); lo += stretch {
		if lo > 0 {
			if err := c.Context().Err(); err != nil {
				return nil, err
			}
		}
		for i, v := range keys[lo:min(lo+stretch, len(keys))] {
			if len(best) > full {
				if v >= best[full].k {
					continue
				}
				best = best[:full]
			}
			at := len(best)
			best = best[:at+1]
			for ; at > 0 && best[at-1].k > v; at-- {
				best[at] = best[at-1]
			}
			best[at] = place{v, uint64(lo + i)}
		}
	}
	return best, nil
}

// Elements makes elements of keys. Ints[0] is 1 for keys in the opposite order.
var Elements = define("array.elements", "elements of sorted keys", procedure{
	run: func(c *Call) error {
		if c.Out[0].Shape == nil {
			if err := c.grow(0, len(values[uint64](c.In[0]))); err != nil {
				return err
			}
		}
		keys := values[uint64](c.In[0])
		var part [256]uint64
		var err error
		for lo, hi := range stretches(c.Task, len(keys), &err) {
			for i := lo; i < hi; i += len(part) {
				p := part[:copy(part[:], keys[i:hi])]
				if c.P.Ints[0] == 1 {
					reverse(c.P.Kind, p)
				}
				keyings[c.P.Kind].from(c.Out[0].Data, int64(i), 1, p)
			}
		}
		return err
	},
})
