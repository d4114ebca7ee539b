package array

import (
	"fmt"
	"sort"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/radix"
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
		keyings[kind].to(keys, c.In[0].Data, 0, 1)
		zeros(kind, keys)
		for i, k := range keys {
			p[i] = place{k, uint64(i)}
		}
		if err := radix.SortAll(c.Task, p[:n], p[n:]); err != nil {
			return err
		}
		w, err := room[uint64](c, 3*n)
		if err != nil {
			return err
		}
		u := &distinct{keys: w[:0:n], counts: w[n : n : 2*n], first: w[2*n : 2*n : 3*n]}
		for _, x := range p[:n] {
			u.add(x.k, 1, uint64(begin)+x.at)
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
		copy(values[uint64](c.Out[k]), v)
	}
	return nil
}

// merged is the union of two.
func merged(a, b *distinct) *distinct {
	u := &distinct{}
	i, j := 0, 0
	for i < len(a.keys) || j < len(b.keys) {
		if j == len(b.keys) || i < len(a.keys) && a.keys[i] <= b.keys[j] {
			u.add(a.keys[i], a.counts[i], a.first[i])
			i++
		} else {
			u.add(b.keys[j], b.counts[j], b.first[j])
			j++
		}
	}
	return u
}

// Union joins the results of Distinct over all blocks: the inputs are the three of
// them, as streams.
var Union = define("array.union", "the distinct elements of all blocks", procedure{
	run: func(c *Call) error {
		var levels []*distinct // each about twice as long as the one after it
		held := int64(0)
		defer func() { c.Release(held) }()
		for b := range c.in[0] {
			u := &distinct{}
			for i, to := range []*[]uint64{&u.keys, &u.counts, &u.first} {
				p, done, err := c.loose(c.in[i][b], &c.P.In[i])
				if err == nil {
					*to = append([]uint64(nil), values[uint64](p)...)
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
				levels = append(levels[:l-2], merged(levels[l-2], levels[l-1]))
			}
		}
		all := &distinct{}
		for i := len(levels) - 1; i >= 0; i-- {
			all = merged(levels[i], all)
		}
		return all.put(c)
	},
})

// Search counts, for each element of input 1, the elements of a sorted vector (the
// streamed input 0) that are below it; with Ints[0] = 1 also those that are equal.
var Search = define("array.search", "places in a sorted vector", procedure{
	room: func(p *CallParams) int64 { return 8 * (p.In[0].Grid[0].Max() + p.Out[0].MaxBlock()) },
	run: func(c *Call) error {
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
			for i, k := range find {
				if n > 0 && keys[n-1] < k {
					dst[i] += int64(n)
					continue
				}
				dst[i] += int64(sort.Search(n, func(j int) bool { return keys[j] > k || keys[j] == k && c.P.Ints[0] == 0 }))
			}
			return nil
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
	keyings[p.Kind].to(keys, p.Data, 0, 1)
	zeros(p.Kind, keys)
	return keys, nil
}

// zeros makes the keys of -0 those of 0.
func zeros(kind elem.Kind, keys []uint64) {
	if !kind.IsFloat() {
		return
	}
	zero := floatKey(0)
	for i, k := range keys {
		if k == zero-1 {
			keys[i] = zero
		}
	}
}

// Histogram counts the elements of a block of float64 between the edges (input 1,
// in order): at or above one and below the next, the last one included. With a
// third input, weights of float64, it adds those. The result is a row.
var Histogram = define("array.histogram", "elements between edges", procedure{
	run: func(c *Call) error {
		edges, x := values[float64](c.In[1]), values[float64](c.In[0])
		for i, e := range edges {
			if e != e || i > 0 && e < edges[i-1] {
				return fmt.Errorf("array: edge %d is %v, after %v: want them in order", i, e, edges[max(i-1, 0)])
			}
		}
		clear(c.Out[0].Data)
		n := len(edges) - 1
		bin := func(v float64) int {
			if !(v >= edges[0] && v <= edges[n]) {
				return -1
			}
			return min(n, sort.Search(len(edges), func(i int) bool { return edges[i] > v })) - 1
		}
		if len(c.In) > 2 {
			dst, w := values[float64](c.Out[0]), values[float64](c.In[2])
			for i, v := range x {
				if b := bin(v); b >= 0 {
					dst[b] += w[i]
				}
			}
			return nil
		}
		dst := values[int64](c.Out[0])
		for _, v := range x {
			if b := bin(v); b >= 0 {
				dst[b]++
			}
		}
		return nil
	},
})

// BinCount counts how often each of the numbers below Ints[0] occurs in a block of
// int64. With a second input, weights of float64, it adds those. The result is a
// row.
var BinCount = define("array.bincount", "how often numbers occur", procedure{
	run: func(c *Call) error {
		clear(c.Out[0].Data)
		n := c.P.Ints[0]
		for i, v := range values[int64](c.In[0]) {
			if v < 0 || v >= n {
				return fmt.Errorf("array: element %d is none of %d bins, from 0 to %d", v, n, n-1)
			}
			if len(c.In) > 1 {
				values[float64](c.Out[0])[v] += values[float64](c.In[1])[i]
			} else {
				values[int64](c.Out[0])[v]++
			}
		}
		return nil
	},
})
