package array

import (
	"fmt"
	"slices"
	"sort"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/radix"
	"github.com/weft-data/weft/internal/strip"
)

// Distinct finds the distinct elements of a block of a vector: three results of
// uint64, of a length that is known when it is done: their keys in order, how often
// each occurs, and where first. -0 is 0, and NaN is NaN.
var Distinct = define("array.distinct", "the distinct elements of blocks", procedure{
	room: func(p *CallParams) int64 { return lineRoom(p.In[0].Grid[0].Max(), true) + 24*p.In[0].Grid[0].Max() },
	run: func(c *Call) error {
		kind, n := c.In[0].Kind, int(c.In[0].Shape[0])
		begin, _ := c.of.axes[0][0].Bounds(c.At[0])
		keys, err := room[uint64](c, n)
		if err != nil {
			return err
		}
		p, err := room[place](c, 2*n)
		if err != nil {
			return err
		}
		if err := c.keysOf(keys, c.In[0], 0, 1, false); err != nil {
			return err
		}
		if err := c.zeros(kind, keys); err != nil {
			return err
		}
		if err := c.placesOf(p[:n], keys); err != nil {
			return err
		}
		if err := radix.SortAll(c.Task, p[:n], p[n:]); err != nil {
			return err
		}
		w, err := room[uint64](c, 3*n)
		if err != nil {
			return err
		}
		u := &distinct{keys: w[:0:n], counts: w[n : n : 2*n], first: w[2*n : 2*n : 3*n]}
		for lo, hi := range stretches(c.Task, n, &err) {
			for _, x := range p[lo:hi] {
				u.add(x.k, 1, uint64(begin)+x.at)
			}
		}
		if err != nil {
			return err
		}
		return u.put(c)
	},
})

// distinct are distinct keys in order.
type distinct struct{ keys, counts, first []uint64 }

// add adds a key that is not below those there are.
func (u *distinct) add(k, n, at uint64) {
	if l := len(u.keys); l > 0 && u.keys[l-1] == k {
		u.counts[l-1] += n
		u.first[l-1] = min(u.first[l-1], at)
		return
	}
	u.keys, u.counts, u.first = append(u.keys, k), append(u.counts, n), append(u.first, at)
}

func (u *distinct) put(c *Call) error {
	for k, v := range [][]uint64{u.keys, u.counts, u.first} {
		if err := c.grow(k, len(v)); err != nil {
			return err
		}
		if err := copied(c.Task, values[uint64](c.Out[k]), v); err != nil {
			return err
		}
	}
	return nil
}

// merged is the union of two.
func (c *Call) merged(a, b *distinct) (u *distinct, err error) {
	n := len(a.keys) + len(b.keys)
	w := make([]uint64, 3*n)
	u = &distinct{keys: w[:0:n], counts: w[n : n : 2*n], first: w[2*n : 2*n : 3*n]}
	i, j := 0, 0
	for lo, hi := range stretches(c.Task, n, &err) {
		for range hi - lo {
			if j == len(b.keys) || i < len(a.keys) && a.keys[i] <= b.keys[j] {
				u.add(a.keys[i], a.counts[i], a.first[i])
				i++
			} else {
				u.add(b.keys[j], b.counts[j], b.first[j])
				j++
			}
		}
	}
	return u, err
}

// Union joins the results of Distinct over all blocks: the inputs are the three of
// them, as streams.
var Union = define("array.union", "the distinct elements of all blocks", procedure{
	run: func(c *Call) error {
		var levels []*distinct // each about twice as long as the one after it
		held := int64(0)
		defer func() { c.Release(held) }()
		for b := range c.in[0] {
			if err := c.Context().Err(); err != nil {
				return err
			}
			u := &distinct{}
			for i, to := range []*[]uint64{&u.keys, &u.counts, &u.first} {
				p, done, err := c.loose(c.in[i][b], &c.P.In[i])
				if err == nil {
					*to = make([]uint64, p.Shape[0])
					err = copied(c.Task, *to, values[uint64](p))
				}
				done()
				if err != nil {
					return err
				}
			}
			n := 2 * 24 * int64(len(u.keys))
			if !c.Reserve(n) {
				return fmt.Errorf("array: %d distinct elements and more: %w", held/48, mem.ErrBudget)
			}
			held += n
			levels = append(levels, u)
			for l := len(levels); l > 1 && len(levels[l-2].keys) < 2*len(levels[l-1].keys); l = len(levels) {
				u, err := c.merged(levels[l-2], levels[l-1])
				if err != nil {
					return err
				}
				levels = append(levels[:l-2], u)
			}
		}
		for l := len(levels); l > 1; l = len(levels) {
			u, err := c.merged(levels[l-2], levels[l-1])
			if err != nil {
				return err
			}
			levels = append(levels[:l-2], u)
		}
		if len(levels) == 0 {
			levels = append(levels, &distinct{})
		}
		return levels[0].put(c)
	},
})

// Search counts, for each element of input 1, the elements of a sorted vector (the
// streamed input 0) that are below it; with Ints[0] = 1 also those that are equal.
var Search = define("array.search", "places in a sorted vector", procedure{
	room: func(p *CallParams) int64 { return 8 * (p.In[0].Grid[0].Max() + p.Out[0].MaxBlock()) },
	run: func(c *Call) error {
		if c.Out[0].Shape == nil {
			if err := c.grow(0, len(c.In[1].Data)/c.In[1].Kind.Width()); err != nil {
				return err
			}
		}
		dst := values[int64](c.Out[0])
		clear(dst)
		find, err := searchKeys(c, nil, c.In[1])
		if err != nil {
			return err
		}
		var buf []uint64
		return c.each(0, false, func(_ []int64, p Piece) error {
			keys, err := searchKeys(c, buf, p)
			if err != nil {
				return err
			}
			n := len(keys)
			buf = keys[:cap(keys)]
			for lo, hi := range stretches(c.Task, len(find), &err) {
				for i, k := range find[lo:hi] {
					if n > 0 && keys[n-1] < k {
						dst[lo+i] += int64(n)
						continue
					}
					dst[lo+i] += int64(sort.Search(n, func(j int) bool { return keys[j] > k || keys[j] == k && c.P.Ints[0] == 0 }))
				}
			}
			return err
		})
	},
})

// searchKeys are the keys of a piece, 0 being -0, in buf if that is long enough.
func searchKeys(c *Call, buf []uint64, p Piece) (keys []uint64, err error) {
	n := len(p.Data) / p.Kind.Width()
	if keys = buf; n > len(buf) {
		if keys, err = room[uint64](c, n); err != nil {
			return nil, err
		}
	}
	keys = keys[:n]
	if err := c.keysOf(keys, p, 0, 1, false); err != nil {
		return nil, err
	}
	return keys, c.zeros(p.Kind, keys)
}

// zeros makes the keys of -0 those of 0.
func (c *Call) zeros(kind elem.Kind, keys []uint64) (err error) {
	if !kind.IsFloat() {
		return nil
	}
	zero := floatKey(0)
	for lo, hi := range stretches(c.Task, len(keys), &err) {
		for i, k := range keys[lo:hi] {
			if k == zero-1 {
				keys[lo+i] = zero
			}
		}
	}
	return err
}

// Histogram counts points by the bins they lie in: at or above an edge and below the
// next, the last edge included. Inputs are for each coordinate, of which there are
// Ints[0], a block of real numbers, then for each its edges in order; another input of
// float64 are weights, which are added instead. The result is a row: bins in row-major
// order.
var Histogram = define("array.histogram", "points between edges", procedure{
	version: 2, // of any real numbers
	run: func(c *Call) error {
		d, n := int(c.P.Ints[0]), len(c.In[0].Data)/c.In[0].Kind.Width()
		for i, p := range c.In {
			if m := len(p.Data) / p.Kind.Width(); (i < d || i == 2*d) && m != n { // the plan has not compared them
				return fmt.Errorf("array: blocks of %d and %d elements lie side by side: were they selected by different conditions?", n, m)
			}
		}
		xs := make([]numbers, d)
		for k := range d {
			if err := inOrder(values[float64](c.In[d+k])); err != nil {
				return err
			}
			xs[k].p = c.In[k]
		}
		clear(c.Out[0].Data)
		if d == 1 && len(c.In) == 2 {
			var err error
			for lo, hi := range stretches(c.Task, n, &err) {
				countInto(values[int64](c.Out[0]), xs[0].part(lo, hi), values[float64](c.In[1]))
			}
			return err
		}
		return c.countPoints(xs, n)
	},
})

// numbers are the elements of a piece of real numbers.
type numbers struct {
	p   Piece
	buf []float64
}

// part is elements lo to hi as float64, until it is called again.
func (x *numbers) part(lo, hi int) []float64 {
	if x.p.Kind == elem.Float64 {
		return values[float64](x.p)[lo:hi]
	}
	x.buf = slices.Grow(x.buf[:0], hi-lo)[:hi-lo]
	strip.Converter(x.p.Kind, elem.Float64)(strip.Raw(x.buf), x.p.Data[lo*x.p.Kind.Width():], nil, nil, hi-lo)
	return x.buf
}

// countPoints counts n points, whose coordinates are xs, or adds their weights.
func (c *Call) countPoints(xs []numbers, n int) (err error) {
	d := len(xs)
	bins := make([]int64, min(n, stretch))
	for lo, hi := range stretches(c.Task, n, &err) {
		at := bins[:hi-lo]
		clear(at)
		for k := range xs {
			intoBins(at, xs[k].part(lo, hi), values[float64](c.In[d+k]))
		}
		if len(c.In) > 2*d {
			dst := values[float64](c.Out[0])
			for i, v := range values[float64](c.In[2*d])[lo:hi] {
				if at[i] >= 0 {
					dst[at[i]] += v
				}
			}
			continue
		}
		dst := values[int64](c.Out[0])
		for _, b := range at {
			if b >= 0 {
				dst[b]++
			}
		}
	}
	return err
}

// inOrder returns an error for edges that are not.
func inOrder(edges []float64) error {
	for i, e := range edges {
		if e != e || i > 0 && e < edges[i-1] {
			return fmt.Errorf("array: edge %d is %v, after %v: want them in order", i, e, edges[max(i-1, 0)])
		}
	}
	return nil
}

// bins are the bins between edges. Where these are evenly spaced, as most are, a division finds the bin, but for
// roundings; others are searched.
type bins struct {
	edges              []float64
	first, last, scale float64
	n                  int
}

func binsOf(edges []float64) *bins {
	n := len(edges) - 1
	return &bins{edges, edges[0], edges[n], float64(n) / (edges[n] - edges[0]), n}
}

// guess is a bin that is near that of a number within the edges.
func (b *bins) guess(v float64) int {
	if g := (v - b.first) * b.scale; g < float64(b.n) { // not so where edges are infinite or all equal
		return int(g)
	}
	return 0
}

// find is the bin of a number within the edges, near another one.
func (b *bins) find(v float64, near int) int {
	if near > 0 && v < b.edges[near] {
		near--
	} else if v >= b.edges[near+1] && near < b.n-1 {
		near++
	}
	if v < b.edges[near] || v >= b.edges[near+1] {
		near = min(b.n, sort.Search(len(b.edges), func(i int) bool { return b.edges[i] > v })) - 1
	}
	return near
}

// countInto counts numbers by their bins.
func countInto(dst []int64, x, edges []float64) {
	b := binsOf(edges)
	low, high := edges[:b.n], edges[1:]
	for _, v := range x {
		if !(v >= b.first && v <= b.last) {
			continue
		}
		at := b.guess(v)
		if !(v >= low[at] && v < high[at]) {
			at = b.find(v, at)
		}
		dst[at]++
	}
}

// intoBins appends a coordinate to the numbers of bins: those of points that lie in none
// become -1.
func intoBins(at []int64, x, edges []float64) {
	b := binsOf(edges)
	for i, v := range x {
		if at[i] < 0 || !(v >= b.first && v <= b.last) {
			at[i] = -1
			continue
		}
		at[i] = at[i]*int64(b.n) + int64(b.find(v, b.guess(v)))
	}
}

// BinCount counts how often each of the numbers below Ints[0] occurs in a block of
// int64. With a second input, weights of float64, it adds those. The result is a
// row.
var BinCount = define("array.bincount", "how often numbers occur", procedure{
	run: func(c *Call) error {
		clear(c.Out[0].Data)
		n, at := c.P.Ints[0], values[int64](c.In[0])
		var err error
		for lo, hi := range stretches(c.Task, len(at), &err) {
			for i := lo; i < hi; i++ {
				v := at[i]
				if v < 0 || v >= n {
					return fmt.Errorf("array: element %d is none of %d bins, from 0 to %d", v, n, n-1)
				}
				if len(c.In) > 1 {
					values[float64](c.Out[0])[v] += values[float64](c.In[1])[i]
				} else {
					values[int64](c.Out[0])[v]++
				}
			}
		}
		return err
	},
})
