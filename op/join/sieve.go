package join

import "sync"

// A bloom is a register-blocked Bloom filter: a key sets four bits of one 64-bit
// word (Putze, Sanders, Singler 2007). It is made from the slots of a finished
// table when the first thread finds that most of its rows have no match.
type bloom struct {
	once  sync.Once
	words []uint64
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
	bloom      *bloom
	off        bool
}

// Rows looked at before the filter is considered, the share of hits below which
// it pays, and the smallest table where it does: below, slots are in the cache.
const (
	sieveRows  = 64 << 10
	sieveSlots = 1 << 16
)

// on decides whether to filter the next batch. The filter never changes results.
func (s *sieve) on(t *table) bool {
	if s.bloom != nil || s.off {
		return s.bloom != nil
	}
	if s.rows < sieveRows {
		return false
	}
	if s.hits*3 > s.rows || len(t.slots)+len(t.wides) < sieveSlots {
		s.rows, s.hits = 0, 0 // look again later
		return false
	}
	t.filter.once.Do(t.makeFilter)
	if len(t.filter.words) == 0 {
		s.off = true
		return false
	}
	s.bloom = &t.filter
	return true
}

func (s *sieve) saw(rows, hits int) { s.rows, s.hits = s.rows+rows, s.hits+hits }
