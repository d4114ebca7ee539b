package group

import (
	"encoding/binary"
	"slices"

	"github.com/weft-data/weft/chunk"
)

// collectPart keeps all values of a group with the positions of their rows. An entry:
// position in two words, bytes of the value in 4 (noValue for a null), the value
// as it stands in lists.
type collectPart struct {
	regionPart
	entries []collected
}

const (
	entryHead = posBytes + 4
	noValue   = 1<<32 - 1
)

// A collected value is an entry of a region.
type collected struct {
	hi, lo uint64
	at, n  int
	null   bool
}

// room gives the groups of a lap regions for its values.
func (p *collectPart) room(l *lap) bool {
	for _, g := range l.gid[:l.n] {
		p.head(g).pend = 0
	}
	v := &l.args[p.arg]
	var bit [1]byte
	for i, g := range l.gid[:l.n] {
		b, _ := chunk.PartOf(v, i, &bit)
		p.head(g).pend += int64(entryHead + len(b))
	}
	for _, g := range l.gid[:l.n] {
		if !p.fit(g) {
			return false
		}
	}
	return true
}

// fit makes the region of a group as large as it has to be, and then half as large again.
func (p *collectPart) fit(g uint32) bool {
	h := p.head(g)
	want := h.n + h.pend
	if want <= h.cap {
		return true
	}
	next, old, ok := p.renew(g, int(max(want, h.cap+h.cap/2)))
	if ok {
		copy(next, old)
	}
	return ok
}

func (p *collectPart) update(l *lap) {
	v := &l.args[p.arg]
	var bit [1]byte
	for i, g := range l.gid[:l.n] {
		h := p.head(g)
		b, null := chunk.PartOf(v, i, &bit)
		dst := p.buf.s[h.pos+h.n:]
		binary.LittleEndian.PutUint64(dst, l.hi[i])
		binary.LittleEndian.PutUint64(dst[8:], l.lo[i])
		size := uint32(len(b))
		if null {
			size = noValue
		}
		binary.LittleEndian.PutUint32(dst[posBytes:], size)
		h.n += int64(entryHead + copy(dst[entryHead:], b))
		h.pend = 0
	}
}

func (p *collectPart) extra(g uint32, dst []byte) []byte {
	return append(dst, p.region(g)[:p.head(g).n]...)
}

func (p *collectPart) prepare(g uint32, extra []byte) bool {
	p.head(g).pend += int64(len(extra))
	return p.fit(g)
}

func (p *collectPart) mergeExtra(g uint32, _, extra []byte) error {
	if _, err := entriesOf(nil, extra); err != nil {
		return err
	}
	h := p.head(g)
	h.n += int64(copy(p.buf.s[h.pos+h.n:h.pos+h.cap], extra))
	h.pend = max(0, h.pend-int64(len(extra)))
	return nil
}

// entriesOf appends the entries of a region.
func entriesOf(dst []collected, b []byte) ([]collected, error) {
	for at := 0; at < len(b); {
		if len(b)-at < entryHead {
			return dst, errCorrupt
		}
		e := collected{hi: binary.LittleEndian.Uint64(b[at:]), lo: binary.LittleEndian.Uint64(b[at+8:]), at: at + entryHead}
		if n := binary.LittleEndian.Uint32(b[at+posBytes:]); n == noValue {
			e.null = true
		} else if e.n = int(n); len(b)-e.at < e.n {
			return dst, errCorrupt
		}
		dst = append(dst, e)
		at = e.at + e.n
	}
	return dst, nil
}

// values returns the entries of a group in the order of the input, and the bytes
// they are in.
func (p *collectPart) values(g uint32) ([]collected, []byte, error) {
	b := p.region(g)[:p.head(g).n]
	var err error
	p.entries, err = entriesOf(p.entries[:0], b)
	slices.SortFunc(p.entries, func(x, y collected) int {
		switch {
		case x.hi < y.hi || x.hi == y.hi && x.lo < y.lo:
			return -1
		case x.hi == y.hi && x.lo == y.lo:
			return 0
		}
		return 1
	})
	return p.entries, b, err
}
