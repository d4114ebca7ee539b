package order

import (
	"math"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A wide is the first 128 bits of a row's keys.
type wide struct{ hi, lo uint64 }

// A rank is where the row of a cursor stands among those of the others.
type rank struct {
	wide
	from uint64 // the cursor; ended is added when it has no more rows
}

// ended is more than there are cursors.
const ended = 1 << 32

// below is 1 if x comes before y by words and, where these are equal, by cursor, and 0 if not.
func (x rank) below(y rank) uint64 {
	_, c := bits.Sub64(x.from, y.from, 0)
	_, c = bits.Sub64(x.lo, y.lo, c)
	_, c = bits.Sub64(x.hi, y.hi, c)
	return c
}

// A ranker computes the words of the rows of an interval.
type ranker struct {
	keys   []key
	levels []level // at most two
	whole  bool    // words tell everything
}

// fill computes the words of rows [lo, hi) of b, into out if there is room for more than them. Those of other rows mean
// nothing.
func (r *ranker) fill(b *chunk.Batch, lo, hi int, out []wide) []wide {
	if cap(out) <= b.N {
		out = make([]wide, b.N+b.N/4+1) // one more for halvesOf
	}
	out = out[:b.N]
	lo &^= 63
	clear(out[lo:hi])
	rows := b
	if lo > 0 || hi < b.N {
		rows = b.Slice(lo, hi)
	}
	for i := range r.levels {
		r.levels[i].words(r.keys, rows, halvesOf(out[lo:hi], i))
	}
	return out
}

// level packs what the words of the rows within an interval can tell. Only of
// the first key the range is known: it is that of the rows at the ends.
func (r *ranker) level(keys []key, refs []*runRef, iv interval) {
	spreads := make([]spread, len(keys))
	for i, k := range keys {
		spreads[i] = anySpread(k.kind)
	}
	k := &keys[0]
	s := emptySpread()
	look := func(b *chunk.Batch, i int) {
		x := spreadAt(k.kind, &b.Cols[k.col], i)
		s.join(&x)
	}
	for _, run := range refs {
		if iv.lo == nil {
			look(run.samples, 0)
		}
		if iv.hi == nil {
			look(run.samples, run.samples.N-1)
		}
	}
	if iv.lo != nil {
		look(iv.lo.marks, iv.lo.at)
	}
	if iv.hi != nil {
		look(iv.hi.marks, iv.hi.at)
	}
	if !s.nulls && (s.lo <= s.hi || s.first != nil) {
		if k.kind == dtype.Decimal128 {
			s.lowLo, s.lowHi = 0, math.MaxUint64
		}
		s.minLen, s.maxLen = 0, math.MaxInt
		spreads[0] = s
	}
	r.keys, r.levels = keys, levelsOf(keys, spreads)
	if len(r.levels) > 0 && r.levels[0].text { // of a long text more bytes come first
		more := r.levels[0]
		more.skip += 7
		r.levels = append(r.levels[:1], more)
	} else {
		r.whole = len(r.levels) < 2 || len(r.levels) == 2 && !r.levels[1].text
	}
	r.levels = r.levels[:min(2, len(r.levels))]
}

// anySpread is a spread that every column of a kind fits into.
func anySpread(kind dtype.Kind) spread {
	s := emptySpread()
	s.nulls = true
	const sign = 1 << 63
	signed := func(bits uint) { s.lo, s.hi = sign-1<<(bits-1), sign-1+1<<(bits-1) }
	switch kind {
	case dtype.Null:
	case dtype.Bool:
		s.lo, s.hi = 0, 1
	case dtype.Int8:
		signed(8)
	case dtype.Int16:
		signed(16)
	case dtype.Int32, dtype.Date:
		signed(32)
	case dtype.Uint8:
		s.lo, s.hi = 0, math.MaxUint8
	case dtype.Uint16:
		s.lo, s.hi = 0, math.MaxUint16
	case dtype.Uint32, dtype.Float32:
		s.lo, s.hi = 0, math.MaxUint32
	default:
		s.lo, s.hi = 0, math.MaxUint64
		s.lowLo, s.lowHi = 0, math.MaxUint64
		s.first, s.shared, s.minLen, s.maxLen = []byte{}, 0, 0, math.MaxInt
	}
	return s
}
