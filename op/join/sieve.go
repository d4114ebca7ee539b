package join

import (
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/kernel"
)

// A bloom is a register-blocked Bloom filter: a key sets four bits of one 64-bit
// word (Putze, Sanders, Singler 2007). It is made from the slots of a finished
// table when the first thread finds that most of its rows have no match.
type bloom struct {
	once  sync.Once
	words []uint64
	buf   []byte
}

// bloomKeyBits is the number of filter bits per slot key: a false positive rate
// of about two in a hundred.
const bloomKeyBits = 12

// place returns the word and the bits of a hash's low half.
func (b *bloom) place(h uint32) (word uint32, set uint64) {
	x := uint64(h) * 0x9e3779b97f4a7c15
	word = uint32(x >> 32 * uint64(len(b.words)) >> 32)
	x ^= x >> 29
	return word, 1<<(x&63) | 1<<(x>>6&63) | 1<<(x>>12&63) | 1<<(x>>18&63)
}

func (b *bloom) add(h uint32) {
	w, s := b.place(h)
	b.words[w] |= s
}

// A sieve is one thread's view of the filter: it turns it on while few rows have
// a match.
type sieve struct {
	rows, hits int
	bloom      *bloom // nil while off
}

// Rows looked at before the filter is considered, the share of hits below which
// it pays, and the smallest table where it does: below, slots are in the cache.
const (
	sieveRows  = 16 << 10
	sieveSlots = 1 << 16
)

// on decides whether to filter the next batch. The filter never changes results.
func (s *sieve) on(t *table) bool {
	if s.rows >= sieveRows {
		few := s.hits*3 < s.rows && len(t.slots)+len(t.wides) >= sieveSlots
		s.rows, s.hits = 0, 0
		if s.bloom = nil; few {
			t.filter.once.Do(t.makeFilter)
			if len(t.filter.words) > 0 {
				s.bloom = &t.filter
			}
		}
	}
	return s.bloom != nil
}

// saw counts how many of the rows looked at passed the filter, or had a match
// where it was off.
func (s *sieve) saw(rows, hits int) { s.rows, s.hits = s.rows+rows, s.hits+hits }

// count is saw for a batch of heads; every eighth is looked at.
func (s *sieve) count(heads []uint32) {
	for i := 0; i < len(heads); i += 8 {
		s.hits += 8 * notNone(heads[i])
		s.rows += 8
	}
}

// maybe reports whether a key with this hash may be in the table.
func (b *bloom) maybe(h uint32) bool {
	w, set := b.place(h)
	return b.words[w]&set == set
}

// makeFilter adds the keys of all slots: tags as they are, packed keys hashed.
func (t *table) makeFilter() {
	n := 0
	for _, e := range t.slots {
		n += notNone(uint32(e))
	}
	for i := range t.wides {
		n += notNone(uint32(t.wides[i][1]))
	}
	f := &t.filter
	b := t.alloc.Alloc((n*bloomKeyBits/64 + 1) * 8)
	if b == nil {
		return
	}
	f.buf, f.words = b, chunk.Slice[uint64](b, n*bloomKeyBits/64+1)
	clear(f.words)
	for _, e := range t.slots {
		switch {
		case uint32(e) == none:
		case t.layout == tagged:
			f.add(uint32(e >> 32))
		default:
			f.add(uint32(kernel.HashKey(e >> 32)))
		}
	}
	for i := range t.wides {
		if e := &t.wides[i]; uint32(e[1]) != none {
			f.add(uint32(kernel.HashKey(e[0])))
		}
	}
}
