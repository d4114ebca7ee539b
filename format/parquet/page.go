package parquet

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
)

// encode makes the body of the page that was gathered. Compressing it is left to pack.
func (l *leafWriter) encode(groupRows int64) error {
	if l.n == 0 {
		return nil
	}
	keeps := true
	if l.inDict && l.present > 0 {
		if keeps = l.keepsDict(groupRows); !keeps && l.first {
			if err := l.leaveDict(); err != nil {
				return l.fail(err)
			}
		}
	}
	raw, err := l.room(l.plain.n + l.codes.n + 5*(l.n+64)/4 + 2*(l.defs.n+l.reps.n) + 256 + l.plain.n/16)
	if err == nil && l.opt.Encoding == "delta" {
		_, err = l.lanes.room(l.alloc, 4*l.present)
	}
	if err != nil {
		return l.fail(err)
	}
	p := encoded{rows: l.rows, entries: l.n, nulls: l.n - l.present, empty: l.present == 0}
	p.body, p.levels, p.encoding = l.fill(raw[:0])
	p.lo, p.hi, p.bounded = l.page.limits(&l.stored)
	l.chunk.merge(&l.stored, &l.page)
	l.made = append(l.made, p)
	l.page.reset()
	l.stamped++
	l.n, l.rows, l.present, l.levels = 0, 0, 0, false
	l.valid.n, l.defs.n, l.reps.n, l.codes.n, l.plain.n = 0, 0, 0, 0, 0
	if l.first = l.first && p.empty; !keeps {
		l.inDict = false
	}
	return nil
}

// another reports whether there is memory for another page as large as the last, beside those that were made: for its
// body, and for all of them compressed. It is taken.
func (l *leafWriter) another() bool {
	at := len(l.made)
	if at == 0 {
		return true
	}
	if at == len(l.slots) {
		l.slots = append(l.slots, slot{})
	}
	n := l.bound(&l.made[at-1])
	for _, x := range []struct {
		b *buffer
		n int
	}{{&l.slots[at-1].out, n}, {&l.slots[at].out, n}, {&l.slots[at].body, l.asked}} {
		if _, err := x.b.room(l.alloc, x.n); err != nil {
			return false
		}
	}
	return true
}

// noOther frees what is there for pages beside those that were made.
func (l *leafWriter) noOther() {
	for i := len(l.made); i < len(l.slots); i++ {
		l.slots[i].free(l.alloc)
	}
}

// room returns n bytes for the body of another page. Where it is too large for that, those before it are compressed
// and kept.
func (l *leafWriter) room(n int) ([]byte, error) {
	l.asked = n
	at := len(l.made)
	if at == len(l.slots) {
		l.slots = append(l.slots, slot{})
	}
	raw, err := l.slots[at].body.room(l.alloc, n)
	if err == nil || at == 0 {
		return raw, err
	}
	for i := range l.made {
		if e := l.compress(i); e != nil {
			return nil, e
		}
	}
	if !l.keep() {
		return nil, err
	}
	return l.slots[0].body.room(l.alloc, n)
}

// fill appends the levels and values of the page and returns how many bytes of levels there are: definition levels,
// and repetition levels before them.
func (l *leafWriter) fill(b []byte) (body []byte, levels [2]int, enc guard.Encoding) {
	if l.maxRep > 0 {
		b = l.appendLevels(b, l.reps.b[:l.reps.n], l.maxRep)
	}
	levels[0] = len(b)
	switch {
	case l.maxRep > 0 || len(l.path) > 1:
		b = l.appendLevels(b, l.defs.b[:l.defs.n], l.maxDef)
	case l.maxDef > 0:
		b = l.appendValid(b)
	}
	levels[1] = len(b) - levels[0]
	switch {
	case l.codes.n > 0:
		width := l.dict.bits()
		b = append(b, byte(width))
		return appendHybrid(b, chunk.Slice[uint32](l.codes.b, l.codes.n/4), width), levels, guard.RLEDict
	case l.present == 0 || l.physical == guard.Boolean:
	case l.opt.Encoding == "byte_stream_split" && l.width > 0:
		return appendSplit(b, l.plain.b[:l.plain.n], l.width), levels, guard.ByteStreamSplit
	case l.opt.Encoding == "delta" && l.physical == guard.Int32:
		return appendDeltas(b, chunk.Slice[int32](l.plain.b, l.present)), levels, guard.Delta
	case l.opt.Encoding == "delta" && l.physical == guard.Int64:
		return appendDeltas(b, chunk.Slice[int64](l.plain.b, l.present)), levels, guard.Delta
	case l.opt.Encoding == "delta" && l.physical == guard.ByteArray:
		return appendLengths(b, l.plain.b[:l.plain.n], chunk.Slice[int32](l.lanes.b, l.present)), levels, guard.DeltaLength
	}
	return append(b, l.plain.b[:l.plain.n]...), levels, guard.Plain
}

// appendLengths appends byte arrays in DELTA_LENGTH_BYTE_ARRAY; sizes has room for n numbers.
func appendLengths(dst, plain []byte, sizes []int32) []byte {
	at := 0
	for i := range sizes {
		sizes[i] = int32(binary.LittleEndian.Uint32(plain[at:]))
		at += 4 + int(sizes[i])
	}
	dst = appendDeltas(dst, sizes)
	for _, k := range sizes {
		dst = append(dst, plain[4:4+k]...)
		plain = plain[4+k:]
	}
	return dst
}

// appendLevels appends levels; in a page of version 1 their length goes before them.
func (l *leafWriter) appendLevels(b, levels []byte, most int) []byte {
	return l.sized(b, func(b []byte) []byte { return appendHybrid(b, levels, uint(bits.Len(uint(most)))) })
}

// appendValid appends the definition levels of a column that is not nested: its validity bitmap.
func (l *leafWriter) appendValid(b []byte) []byte {
	return l.sized(b, func(b []byte) []byte {
		if !l.levels {
			return append(binary.AppendUvarint(b, uint64(l.n)<<1), 1)
		}
		w := chunk.Slice[uint64](l.valid.b, chunk.Words(l.n))
		kernel.SetRange(w, l.n, len(w)*64, false)
		groups := (l.n + 7) / 8
		return append(binary.AppendUvarint(b, uint64(groups)<<1|1), l.valid.b[:groups]...)
	})
}

func (l *leafWriter) sized(b []byte, f func([]byte) []byte) []byte {
	if l.v2 {
		return f(b)
	}
	at := len(b)
	b = f(append(b, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// headRoom is more than a page header takes.
const headRoom = 64

// pack makes the bytes of page i of those that were made: its header and its body, compressed. Several may be packed
// at once.
func (l *leafWriter) pack(i int) error { return l.fail(l.compress(i)) }

// bound is the most that a page takes when it is compressed.
func (l *leafWriter) bound(p *encoded) int {
	plain := l.uncompressed(p)
	return headRoom + plain + guard.CompressBound(l.codec, len(p.body)-plain)
}

// uncompressed are the bytes of a page that are not compressed: the levels, in pages of version 2.
func (l *leafWriter) uncompressed(p *encoded) int {
	if l.v2 {
		return p.levels[0] + p.levels[1]
	}
	return 0
}

func (l *leafWriter) compress(i int) error {
	p := &l.made[i]
	if p.b != nil {
		return nil
	}
	body, levels, plain := p.body, p.levels, l.uncompressed(p)
	if len(body) > 1<<31-1-headRoom {
		return fmt.Errorf("a page of %d bytes, the most is 2 GiB: values so long are not for Parquet", len(body))
	}
	out, err := l.slots[i].out.room(l.alloc, l.bound(p))
	if err != nil {
		return err
	}
	copy(out[headRoom:], body[:plain])
	packed := guard.Compress(l.codec, out[headRoom+plain:], body[plain:])
	data := out[headRoom : headRoom+plain+packed]
	w := thriftWriter{b: make([]byte, 0, headRoom)}
	w.begin()
	if l.v2 {
		w.i32(1, 3)
	} else {
		w.i32(1, 0)
	}
	w.i32(2, len(body))
	w.i32(3, len(data))
	w.i32(4, int(int32(crc32.ChecksumIEEE(data))))
	if l.v2 {
		w.structure(8, func() {
			w.i32(1, p.entries)
			w.i32(2, p.nulls)
			w.i32(3, p.rows)
			w.i32(4, int(p.encoding))
			w.i32(5, levels[1])
			w.i32(6, levels[0])
			w.bool(7, l.codec != guard.CodecNone)
		})
	} else {
		w.structure(5, func() {
			w.i32(1, p.entries)
			w.i32(2, int(p.encoding))
			w.i32(3, int(guard.RLE))
			w.i32(4, int(guard.RLE))
		})
	}
	w.end()
	at := headRoom - len(w.b)
	copy(out[at:], w.b)
	p.b, p.raw = out[at:headRoom+len(data)], len(w.b)+len(body)
	return nil
}

// makeDictPage makes the dictionary's page, if there is one. The pages of the chunk are compressed: their bodies are free.
func (l *leafWriter) makeDictPage() error {
	if l.dict.n == 0 {
		return nil
	}
	body := l.dict.plain.b[:l.dict.plain.n]
	out, err := l.slots[0].body.room(l.alloc, headRoom+guard.CompressBound(l.codec, len(body)))
	if err != nil {
		return l.fail(err)
	}
	data := out[headRoom:][:guard.Compress(l.codec, out[headRoom:], body)]
	w := thriftWriter{b: make([]byte, 0, headRoom)}
	w.begin()
	w.i32(1, 2)
	w.i32(2, len(body))
	w.i32(3, len(data))
	w.i32(4, int(int32(crc32.ChecksumIEEE(data))))
	w.structure(7, func() {
		w.i32(1, l.dict.n)
		w.i32(2, int(guard.Plain))
	})
	w.end()
	at := headRoom - len(w.b)
	copy(out[at:], w.b)
	l.dictPage, l.dictRaw = out[at:headRoom+len(data)], len(w.b)+len(body)
	return nil
}
