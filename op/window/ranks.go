package window

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
)

// ranks are the values of a frame as order keys, in their order: a list of blocks, none of them empty, so that a value that
// enters or leaves moves a part of one block only. What is asked for lies near what was asked for last, so where that was is kept.
type ranks struct {
	alloc  mem.Allocator
	blocks []rankBlock
	last   []int64 // the greatest key of each block
	n      int64
	at     int   // the block that was asked for last
	before int64 // keys in the blocks before it
}

// A rankBlock has at most rankKeys keys. That of few values is of the heap, so that small frames need no memory of the budget.
type rankBlock struct {
	keys []int64
	buf  []byte // of the allocator, nil for the heap
}

const rankKeys = 512

func (r *ranks) reset() {
	for i := range r.blocks {
		r.give(i)
	}
	r.blocks, r.last, r.n, r.at, r.before = r.blocks[:0], r.last[:0], 0, 0, 0
}

func (r *ranks) give(i int) {
	if b := &r.blocks[i]; b.buf != nil {
		r.alloc.Free(b.buf)
		b.buf = nil
	}
}

// block makes an empty block.
func (r *ranks) block() (rankBlock, error) {
	if len(r.blocks) == 0 {
		return rankBlock{keys: make([]int64, 0, rankKeys)}, nil
	}
	buf := r.alloc.Alloc(rankKeys * 8)
	if buf == nil {
		return rankBlock{}, fmt.Errorf("no room for the %d values of a frame: %w", r.n+1, mem.ErrBudget)
	}
	return rankBlock{keys: chunk.Slice[int64](buf, rankKeys)[:0], buf: buf}, nil
}

// find returns the first block whose greatest key is x or more, the last block if there is none.
func (r *ranks) find(x int64) int {
	if len(r.last) == 1 {
		return 0
	}
	i, _ := slices.BinarySearch(r.last, x)
	return min(i, len(r.last)-1)
}

// add inserts a key.
func (r *ranks) add(x int64) error {
	if len(r.blocks) == 0 {
		b, err := r.block()
		if err != nil {
			return err
		}
		r.blocks, r.last = append(r.blocks, b), append(r.last, x)
	}
	i := r.find(x)
	if len(r.blocks[i].keys) == rankKeys {
		if err := r.halve(i); err != nil {
			return err
		}
		if x > r.last[i] {
			i++
		}
	}
	b := &r.blocks[i]
	at := place(b.keys, x)
	b.keys = b.keys[:len(b.keys)+1]
	copy(b.keys[at+1:], b.keys[at:])
	b.keys[at] = x
	r.last[i] = b.keys[len(b.keys)-1]
	r.n++
	if i < r.at {
		r.before++
	}
	return nil
}

// halve makes two blocks of block i.
func (r *ranks) halve(i int) error {
	b, err := r.block()
	if err != nil {
		return err
	}
	from := &r.blocks[i]
	b.keys = append(b.keys, from.keys[rankKeys/2:]...)
	from.keys = from.keys[:rankKeys/2]
	r.last = slices.Insert(r.last, i, from.keys[rankKeys/2-1])
	r.blocks = slices.Insert(r.blocks, i+1, b)
	if i < r.at {
		r.at++
	}
	return nil
}

// remove takes out a key that is there.
func (r *ranks) remove(x int64) {
	i := r.find(x)
	b := &r.blocks[i]
	at := place(b.keys, x)
	b.keys = append(b.keys[:at], b.keys[at+1:]...)
	r.n--
	if i < r.at {
		r.before--
	}
	if len(b.keys) > 0 {
		r.last[i] = b.keys[len(b.keys)-1]
		return
	}
	r.give(i)
	r.blocks, r.last = slices.Delete(r.blocks, i, i+1), slices.Delete(r.last, i, i+1)
	switch {
	case len(r.blocks) == 0:
		r.at, r.before = 0, 0
	case i < r.at:
		r.at--
	case r.at == len(r.blocks):
		r.at--
		r.before -= int64(len(r.blocks[r.at].keys))
	}
}

// key returns the key behind rank others.
func (r *ranks) key(rank int64) int64 {
	for rank < r.before {
		r.at--
		r.before -= int64(len(r.blocks[r.at].keys))
	}
	for {
		k := int64(len(r.blocks[r.at].keys))
		if rank < r.before+k {
			return r.blocks[r.at].keys[rank-r.before]
		}
		r.before += k
		r.at++
	}
}

// place returns the first position whose key is x or more. Its steps are no jumps that a processor would have to guess.
func place(keys []int64, x int64) int {
	lo, n := 0, len(keys)
	for n > 1 {
		half := n / 2
		if keys[lo+half-1] < x {
			lo += half
		}
		n -= half
	}
	if n == 1 && keys[lo] < x {
		lo++
	}
	return lo
}
