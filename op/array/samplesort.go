package array

import (
	"fmt"
	"slices"
	"sort"

	"github.com/weft-data/weft/internal/radix"
)

// Sorting of a vector that is cut into blocks, into the same blocks, which no task
// sees as a whole. Blocks are sorted; samples of them bracket the elements at which
// the blocks of the result begin; of what lies between the brackets exactly these
// are found; then each sorted block is cut there, and a block of the result merges
// its pieces. The order is that of keys, then of blocks, then of places within them,
// so that it is total, equal elements do no harm, and every block has its size.
//
// Samples are regular (Shi and Schaeffer, Parallel sorting by regular sampling,
// 1992); that the splitters are exact is the part added here.

// A cut is an element in that order: of a key, in a block, at a place of the
// sorted block.
type cut struct{ key, block, rank uint64 }

func (a cut) less(b cut) bool {
	switch {
	case a.key != b.key:
		return a.key < b.key
	case a.block != b.block:
		return a.block < b.block
	}
	return a.rank < b.rank
}

// below returns how many of the sorted keys of a block come before a cut.
func (a cut) below(keys []uint64, block uint64) int {
	switch {
	case block == a.block:
		return min(int(a.rank), len(keys))
	case block < a.block && a.key == 1<<64-1:
		return len(keys)
	case block < a.block:
		return sort.Search(len(keys), func(i int) bool { return keys[i] > a.key })
	}
	return sort.Search(len(keys), func(i int) bool { return keys[i] >= a.key })
}

// SortedRuns sorts a block: the results are its keys, their places in the vector,
// of use if there is room for them, and a sample, of keys and their places in the
// block. Ints[0] is 1 for the largest first.
var SortedRuns = define("array.runs", "sorts blocks, and takes samples", procedure{
	room: func(p *CallParams) int64 {
		return lineRoom(p.In[0].Grid[0].Max(), p.Out[1].Elements() > 0)
	},
	run: func(c *Call) error {
		kind, n := c.In[0].Kind, c.In[0].Shape[0]
		begin, _ := c.of.axes[0][0].Bounds(c.At[0])
		places := len(c.Out[1].Data) > 0
		if _, ok := keyings[kind]; !ok {
			return fmt.Errorf("%s has no order", kind)
		}
		keys, sample := values[uint64](c.Out[0]), values[uint64](c.Out[2])
		if err := lines(c, 0, n, places, func(s *sorting, _, _, _ int64) error {
			if err := c.keysOf(keys, c.In[0], 0, 1, c.P.Ints[0] == 1); err != nil {
				return err
			}
			if !places {
				return s.sort(c, keys, true)
			}
			p, err := s.order(c, keys, true)
			if err != nil {
				return err
			}
			at := values[uint64](c.Out[1])
			for lo, hi := range stretches(c.Task, len(p), &err) {
				for i := lo; i < hi; i++ {
					keys[i], at[i] = p[i].k, uint64(begin)+p[i].at
				}
			}
			return err
		}); err != nil {
			return err
		}
		m := int64(len(sample) / 2)
		for i := range m {
			at := i * n / m
			sample[2*i], sample[2*i+1] = keys[at], uint64(at)
		}
		return nil
	},
})

// Brackets finds, for the beginning of every block of the vector but the first, two
// cuts with it in between: the result has a row of six words for each. Input 0 are
// the samples.
var Brackets = define("array.brackets", "brackets the elements at which sorted blocks begin", procedure{
	room: func(p *CallParams) int64 { return 24 * p.In[0].Grid.Elements() },
	run: func(c *Call) error {
		words, from := values[uint64](c.In[0]), 0
		var blocks []int64
		all, err := room[cut](c, len(words)/2)
		if err != nil {
			return err
		}
		all = all[:0]
		for b, n := range c.P.In[0].Grid[0].All() {
			for i := range int(n / 2) {
				all = append(all, cut{words[from+2*i], uint64(b), words[from+2*i+1]})
			}
			from += int(n)
			blocks = append(blocks, c.P.Ints[b])
		}
		slices.SortFunc(all, func(a, b cut) int {
			if a.less(b) {
				return -1
			}
			return 1
		})
		put := func(q int, from int, x cut) {
			copy(values[uint64](c.Out[0])[6*q+from:], []uint64{x.key, x.block, x.rank})
		}
		last := cut{1<<64 - 1, 1<<64 - 1, 1<<64 - 1}
		target := make([]int64, len(blocks)-1)
		sum := int64(0)
		for q := range target {
			sum += blocks[q]
			target[q] = sum
			put(q, 0, cut{})
			put(q, 3, last)
		}
		// Before a sample of a block come, of each block, at least the elements up to
		// the last sample passed, and at most those before the next one.
		next := make([]int64, len(blocks)) // the place of the next sample
		passed := make([]int, len(blocks)) // samples
		places := make([][]int64, len(blocks))
		for _, x := range all {
			places[x.block] = append(places[x.block], int64(x.rank))
		}
		least, most := int64(0), int64(0)
		lo, hi := 0, 0
		for _, x := range all {
			b := x.block
			// now x is the next sample of its block: exactly its rank elements come before
			for lo < len(target) && most > target[lo] {
				lo++
			}
			for q := lo; q < len(target) && most <= target[q]; q++ {
				put(q, 0, x)
			}
			for hi < len(target) && least >= target[hi] {
				put(hi, 3, x)
				hi++
			}
			passed[b]++
			end := blocks[b]
			if p := places[b]; passed[b] < len(p) {
				end = p[passed[b]]
			}
			most += end - next[b]
			least += int64(x.rank) + 1 - max(0, lastOf(places[b], passed[b]-2)+1)
			next[b] = end
		}
		return nil
	},
})

// lastOf is element i, or -1.
func lastOf(p []int64, i int) int64 {
	if i < 0 {
		return -1
	}
	return p[i]
}

// Within takes of a sorted block what lies within each bracket: run q is how many
// keys come before bracket q, and the keys in it. The inputs are the keys and the
// brackets.
var Within = define("array.within", "the elements within brackets", procedure{
	run: func(c *Call) error {
		keys, b := values[uint64](c.In[0]), values[uint64](c.In[1])
		block := uint64(c.At[0])
		for q := range len(b) / 6 {
			lo := cut{b[6*q], b[6*q+1], b[6*q+2]}.below(keys, block)
			hi := max(lo, cut{b[6*q+3], b[6*q+4], b[6*q+5]}.below(keys, block))
			p, err := c.put(q, 1+hi-lo)
			if err != nil {
				return err
			}
			w := values[uint64](p)
			w[0] = uint64(lo)
			if err := copied(c.Task, w[1:], keys[lo:hi]); err != nil {
				return err
			}
		}
		return nil
	},
})

// Cuts finds where each sorted block is cut at the beginning of a block of the
// result: a row of places, one for each sorted block. Input 0 is what lies within
// the brackets of that beginning; Ints are, for each, how many elements come before.
var Cuts = define("array.cuts", "where sorted blocks are cut", procedure{
	shares: true,
	run: func(c *Call) error {
		size := 0
		for _, in := range c.in[0] {
			size += int(in.RunBytes(c.Block()) / 8)
		}
		tmp, err := room[place](c, 2*size)
		if err != nil {
			return err
		}
		all, out := tmp[:0:size], values[uint64](c.Out[0])
		before, b := uint64(0), 0
		if err := c.each(0, false, func(_ []int64, p Piece) error {
			w := values[uint64](p)
			out[b] = w[0]
			before += w[0]
			for _, k := range w[1:] {
				all = append(all, place{k, uint64(b)})
			}
			b++
			return nil
		}); err != nil {
			return err
		}
		want := uint64(c.P.Ints[c.At[0]])
		if want < before || want > before+uint64(len(all)) {
			return fmt.Errorf("array: element %d of a sorted vector is not among %d to %d", want, before, before+uint64(len(all)))
		}
		if err := radix.SortAll(c.Task, all, tmp[size:size+len(all)]); err != nil {
			return err
		}
		for _, x := range all[:want-before] {
			out[x.at]++
		}
		return nil
	},
})

// Pieces cuts a sorted block: run q is what goes to block q of the result, run
// Ints[0]+q where those elements were. The inputs are the keys, the places, and the
// cuts.
var Pieces = define("array.pieces", "cuts sorted blocks", procedure{
	run: func(c *Call) error {
		cuts, b := values[uint64](c.In[2]), int(c.At[0])
		rows := int(c.P.Ints[0]) - 1
		for i, in := range c.In[:2] {
			w, from := values[uint64](in), 0
			for q := range rows + 1 {
				to := len(w)
				if q < rows && len(w) > 0 {
					to = int(cuts[q*(rows+1)+b])
				}
				p, err := c.put(i*(rows+1)+q, to-from)
				if err != nil {
					return err
				}
				if err := copied(c.Task, values[uint64](p), w[from:to]); err != nil {
					return err
				}
				from = to
			}
		}
		return nil
	},
})

// MergePieces makes a block of the result: of the elements, or, if the second input
// has them, of where they were. Ints[0] is 1 for the largest first.
var MergePieces = define("array.merge", "merges pieces of sorted blocks", procedure{
	shares: true,
	room:   func(p *CallParams) int64 { return lineRoom(p.Out[0].MaxBlock(), len(p.In) > 1) },
	run: func(c *Call) error {
		n := int(product(c.Out[0].Shape))
		if len(c.P.In) == 1 {
			keys, err := room[uint64](c, 2*n)
			if err != nil || n == 0 {
				return err
			}
			if err := c.collect(0, keys[:n]); err != nil {
				return err
			}
			if err := radix.SortAll(c.Task, keys[:n], keys[n:]); err != nil {
				return err
			}
			return c.elementsOf(c.Out[0], c.P.Kind, 0, 1, keys[:n], c.P.Ints[0] == 1)
		}
		keys, err := room[uint64](c, n)
		if err != nil || n == 0 {
			return err
		}
		p, err := room[place](c, 2*n)
		if err != nil {
			return err
		}
		at := values[uint64](c.Out[0]) // int64 are as wide
		if err := c.collect(0, keys); err != nil {
			return err
		}
		if err := c.collect(1, at); err != nil {
			return err
		}
		for lo, hi := range stretches(c.Task, n, &err) {
			for i := lo; i < hi; i++ {
				p[i] = place{keys[i], at[i]}
			}
		}
		if err != nil {
			return err
		}
		if err := radix.SortAll(c.Task, p[:n], p[n:]); err != nil {
			return err
		}
		for lo, hi := range stretches(c.Task, n, &err) {
			for i := lo; i < hi; i++ {
				at[i] = p[i].at
			}
		}
		return err
	},
})

// collect joins the blocks of a streamed input of words.
func (c *Call) collect(i int, dst []uint64) error {
	n := 0
	err := c.each(i, false, func(_ []int64, p Piece) error {
		w, to := values[uint64](p), dst[min(n, len(dst)):]
		n += len(w)
		return copied(c.Task, to, w[:min(len(w), len(to))])
	})
	if err == nil && n != len(dst) {
		err = fmt.Errorf("array: pieces of %d elements for a block of %d", n, len(dst))
	}
	return err
}
