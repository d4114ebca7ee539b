package order

import (
	"encoding/binary"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A decoder gets the values of a column back from the entries: reading them in
// order is several times cheaper than fetching the values from all over the
// pages. One of level and part is set, or none: then the entries do not tell.
type decoder struct {
	key     *key   // of a carried column, what it would be as one
	level   *level // of a text column
	part    *part
	carried bool // beside the word of the key
}

// decode lets a writer of the sorter's rows read columns from the entries, which
// have their words of level 0: key columns that lie wholly in these, and what is carried.
func (s *sorter) decode(w *writer) {
	for i := range s.load {
		c := &s.load[i]
		w.words[c.key.col] = decoder{key: &c.key, part: &c.part, carried: true}
	}
	if len(s.levels) == 0 {
		return
	}
	l := &s.levels[0]
	if l.text {
		k := &s.keys[l.key]
		if (l.whole || l.short) && k.col < len(w.words) && w.cols[k.col].dict == nil {
			w.words[k.col] = decoder{key: k, level: l}
		}
		return
	}
	for i := range l.parts {
		p := &l.parts[i]
		if k := &s.keys[p.key]; p.told() && k.col < len(w.words) {
			w.words[k.col] = decoder{key: k, part: p}
		}
	}
}

// told reports that the value can be had back from the one word that the field is in.
func (p *part) told() bool { return p.exact && !p.null && p.right == 0 }

// fixed writes the values; what lies under a null is the least value.
func (d *decoder) fixed(es []entry, v *chunk.Vec) {
	p := d.part
	switch d.key.kind {
	case dtype.Int8, dtype.Uint8:
		decodeInts(d, es, chunk.Values[uint8](v))
	case dtype.Int16, dtype.Uint16:
		decodeInts(d, es, chunk.Values[uint16](v))
	case dtype.Int32, dtype.Date, dtype.Uint32:
		decodeInts(d, es, chunk.Values[uint32](v))
	case dtype.Uint64:
		decodeInts(d, es, chunk.Values[uint64](v))
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		dst := chunk.Values[uint64](v)
		decodeInts(d, es, dst)
		for i := range dst {
			dst[i] ^= 1 << 63
		}
	case dtype.Float32:
		dst := chunk.Values[float32](v)
		for i := range es {
			u := uint32(p.value(es[i].k))
			dst[i] = math.Float32frombits(u ^ (^uint32(int32(u)>>31) | 1<<31))
		}
	case dtype.Float64:
		dst := chunk.Values[float64](v)
		for i := range es {
			u := p.value(es[i].k)
			dst[i] = math.Float64frombits(u ^ (^uint64(int64(u)>>63) | 1<<63))
		}
	}
}

// value is raw of the value in a word.
func (p *part) value(w uint64) uint64 {
	return (w>>(p.left&63)&(^uint64(0)>>(uint(64-p.width)&63)) + p.base) ^ p.flip
}

// decodeInts cuts raw numbers to their width: the sign bit that raw inverts lies
// above it, except in 64 bits.
func decodeInts[T uint8 | uint16 | uint32 | uint64](d *decoder, es []entry, dst []T) {
	dst = dst[:len(es)]
	p := *d.part
	if d.carried {
		for i := range es {
			dst[i] = T(p.value(uint64(es[i].x)))
		}
		return
	}
	for i := range es {
		dst[i] = T(p.value(es[i].k))
	}
}

// size returns the bytes of text that a word tells and how many they are.
func (d *decoder) size(w uint64) (uint64, int) {
	if d.level.whole {
		if d.key.desc {
			w = ^w
		}
		return w, d.level.rest
	}
	if w == 0 || w == ^uint64(0) {
		return 0, -1 // null
	}
	if d.key.desc {
		w = ^w
	}
	return w, int(w&0xff) - 1
}

// measure lays out the text.
func (d *decoder) measure(es []entry, off []int32) (int, error) {
	sum := 0
	off[0] = 0
	for i := range es {
		if _, n := d.size(es[i].k); n >= 0 {
			if sum += d.level.skip + n; sum > maxText {
				return 0, tooMuchText(i)
			}
		}
		off[i+1] = int32(sum)
	}
	return sum, nil
}

// text writes the bytes that all values share and those of the words.
func (d *decoder) text(es []entry, v *chunk.Vec) {
	dst := v.Str[:cap(v.Str)]
	shared := d.level.first[:d.level.skip]
	for i := range es {
		w, n := d.size(es[i].k)
		if n < 0 {
			continue
		}
		at := int(v.Off[i])
		at += copy(dst[at:], shared)
		if at+8 <= len(dst) {
			binary.BigEndian.PutUint64(dst[at:], w)
			continue
		}
		for j := range n {
			dst[at+j] = byte(w >> (56 - 8*j))
		}
	}
}
