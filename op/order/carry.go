package order

import (
	"math"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A carried column has values so narrow that an entry has room for them beside
// the word of its keys: integers of few bits, or the codes of one dictionary.
// Rows in another order than that of their pages are read from all over the
// memory; what the entries carry is at hand.
type carried struct {
	key  key  // of the column as if it were one: integers, or codes
	part part // of the entry's x
}

// carryRows is from how many rows on their pages do not stay in the second-level
// cache, so that it pays to look for what entries could carry.
const carryRows = 1 << 16

// carryBits is the room in an entry.
const carryBits = 32

// carry chooses what the entries carry of the columns, the narrowest first, beside
// what the words of level 0 tell.
func (s *sorter) carry() error {
	if len(s.es) < carryRows {
		return nil
	}
	var list []carried
	for c := range s.columns {
		if kind := s.narrow(c); kind != dtype.Invalid && !s.worded(c) {
			list = append(list, carried{key: key{col: c, kind: kind}})
		}
	}
	all := make([][]spread, len(s.pages))
	if err := s.fork(len(s.pages), func(i int) error {
		all[i] = make([]spread, len(list))
		for j := range list {
			all[i][j] = list[j].key.spread(&s.pages[i].b.Cols[list[j].key.col])
		}
		return nil
	}); err != nil {
		return err
	}
	for j := range list {
		x := emptySpread()
		for i := range all {
			x.join(&all[i][j])
		}
		list[j].part = part{base: x.lo, width: max(1, bits.Len64(x.hi-x.lo))}
	}
	slices.SortStableFunc(list, func(a, b carried) int { return a.part.width - b.part.width })
	at := 0
	for _, c := range list {
		if c.part.left = uint(at); at+c.part.width > carryBits {
			break
		}
		at += c.part.width
		s.load = append(s.load, c)
	}
	return nil
}

// worded reports that a column is told by the words of level 0.
func (s *sorter) worded(c int) bool {
	return len(s.levels) > 0 && slices.ContainsFunc(s.levels[0].parts, func(p part) bool { return s.keys[p.key].col == c && p.told() })
}

// narrow is the kind of integers that a column consists of, Invalid if it does not.
func (s *sorter) narrow(c int) dtype.Kind {
	first := &s.pages[0].b.Cols[c]
	kind := first.Type.Kind
	if first.Dict != nil {
		kind = dtype.Uint32
	}
	for _, p := range s.pages {
		if v := &p.b.Cols[c]; v.Dict != first.Dict && !sameDict(v.Dict, first.Dict) {
			return dtype.Invalid
		}
	}
	switch kind {
	case dtype.Date, dtype.Timestamp, dtype.Time, dtype.Duration:
		return kind
	}
	if kind.IsInt() {
		return kind
	}
	return dtype.Invalid
}

// spread is what the values of a page need, those under nulls too: they are carried as they are. One that is too wide
// is not looked through.
func (k *key) spread(v *chunk.Vec) spread {
	s, x := emptySpread(), *v
	for x.N = min(v.N, 64); ; x.N = v.N {
		if s.spreadInts(k.kind, &x); x.N == v.N {
			return s
		}
		if s.lo <= s.hi && s.hi-s.lo > math.MaxUint32 {
			return s
		}
	}
}

// fill adds the values of a page to its entries.
func (c *carried) fill(v *chunk.Vec, es []entry) {
	const sign = 1 << 63
	switch c.key.kind {
	case dtype.Int8:
		carryAs(&c.part, es, chunk.Values[int8](v), sign)
	case dtype.Int16:
		carryAs(&c.part, es, chunk.Values[int16](v), sign)
	case dtype.Int32, dtype.Date:
		carryAs(&c.part, es, chunk.Values[int32](v), sign)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		carryAs(&c.part, es, chunk.Values[int64](v), sign)
	case dtype.Uint8:
		carryAs(&c.part, es, chunk.Values[uint8](v), 0)
	case dtype.Uint16:
		carryAs(&c.part, es, chunk.Values[uint16](v), 0)
	case dtype.Uint32:
		carryAs(&c.part, es, chunk.Values[uint32](v), 0)
	case dtype.Uint64:
		carryAs(&c.part, es, chunk.Values[uint64](v), 0)
	}
}

func carryAs[T integer](p *part, es []entry, v []T, sign uint64) {
	for i, x := range v[:len(es)] {
		es[i].x |= uint32((uint64(int64(x))^sign)-p.base) << (p.left & 31)
	}
}
