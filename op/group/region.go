package group

import "unsafe"

// A regionHead is the state of a group whose values lie in a region of bytes.
type regionHead struct {
	pos, cap int64 // of the region
	n        int64 // in use: bytes, or entries
	pend     int64 // bytes that are about to be added
}

const regionWidth = int(unsafe.Sizeof(regionHead{}))

// A regionPart is a state of any size: a region of one buffer per group. A region
// that is outgrown moves to a larger one; what is left behind is squeezed out when it
// is more than half of the buffer.
//
// Room is made by prepare and by room, which may be called again for rows that were
// refused: what they do twice must not count twice.
type regionPart struct {
	rowPart
	arg         int
	buf         buf[byte]
	used, waste int
}

// A preparer is a part that makes room for one extra at a time: how much it takes
// follows from what the group has.
type preparer interface {
	prepare(g uint32, extra []byte) bool
}

// A sizer is a part whose finished values may be large.
type sizer interface{ size(g uint32) int64 }

func (p *regionPart) reset() { p.used, p.waste = 0, 0 }
func (p *regionPart) free()  { p.buf.free(p.t.mem); p.reset() }

func (p *regionPart) head(g uint32) *regionHead {
	b, s := p.base()
	return (*regionHead)(unsafe.Pointer(int64At(b, s, g, 0)))
}

// region returns all bytes of a group's region.
func (p *regionPart) region(g uint32) []byte {
	h := p.head(g)
	return p.buf.s[h.pos : h.pos+h.cap]
}

func (p *regionPart) plain() bool                                { return false }
func (p *regionPart) pack(_ uint32, dst []byte)                  { clear(dst[:p.w]) }
func (p *regionPart) need([]uint32, int) bool                    { return true }
func (p *regionPart) size(g uint32) int64                        { return p.head(g).cap }
func (p *regionPart) merge([]uint32, []byte, []int32, int) error { return nil }

func (p *regionPart) packAll(gid []uint32, dst []byte, at, step int) {
	for i := range gid {
		clear(dst[i*step+at:][:p.w])
	}
}

// renew gives group g a region of n bytes, which are undefined, and returns it and the
// one before. False means that memory was refused and nothing has changed.
func (p *regionPart) renew(g uint32, n int) (next, old []byte, ok bool) {
	if !p.space(n) {
		return nil, nil, false
	}
	h := p.head(g)
	old = p.region(g)
	p.waste += int(h.cap)
	h.pos, h.cap = int64(p.used), int64(n)
	p.used += n
	return p.region(g), old, true
}

// space makes n bytes of the buffer free.
func (p *regionPart) space(n int) bool {
	switch {
	case p.used+n <= len(p.buf.s):
		return true
	case p.waste <= p.used/2:
		return p.buf.grow(p.t.mem, p.used, p.used+n)
	}
	var next buf[byte]
	live := p.used - p.waste
	if !next.grow(p.t.mem, 0, 2*live+n) && !next.grow(p.t.mem, 0, live+n) {
		return p.buf.grow(p.t.mem, p.used, p.used+n)
	}
	used := 0
	for g := range uint32(p.t.made) {
		h := p.head(g)
		k := copy(next.s[used:], p.region(g))
		h.pos = int64(used)
		used += k
	}
	p.buf.free(p.t.mem)
	p.buf, p.used, p.waste = next, used, 0
	return true
}
