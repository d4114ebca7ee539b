package group

import "unsafe"

// A slabPart is a state of any size: what does not fit the group's row lies in slabs.
//
// Room is made by prepare and by room, which may be called again for rows that were
// refused: what they do twice must not count twice.
type slabPart struct {
	rowPart
	arg   int
	slabs slabs
}

// A preparer is a part that makes room for one extra at a time: how much it takes
// follows from what the group has.
type preparer interface {
	prepare(g uint32, extra []byte) bool
}

// A sweller is a part whose states may grow with every row. It swells when they are no
// smaller than the rows and too many for the caches: rows are better passed on then.
type sweller interface{ swells() bool }

// swells reports whether some state does.
func (t *table) swells() bool {
	for _, p := range t.parts {
		if s, ok := p.(sweller); ok && s.swells() {
			return true
		}
	}
	return false
}

// A sizer is a part whose states, and finished values, may be large.
type sizer interface{ size(g uint32) int64 }

func (p *slabPart) reset() { p.slabs.reset(p.t.mem) }
func (p *slabPart) free()  { p.slabs.release(p.t.mem) }

func (p *slabPart) plain() bool                                { return false }
func (p *slabPart) pack(_ uint32, dst []byte)                  { clear(dst[:p.w]) }
func (p *slabPart) need([]uint32, int) bool                    { return true }
func (p *slabPart) merge([]uint32, []byte, []int32, int) error { return nil }

func (p *slabPart) packAll(gid []uint32, dst []byte, at, step int) {
	for i := range gid {
		clear(dst[i*step+at:][:p.w])
	}
}

// A regionHead is the state of a group whose values lie in one piece.
type regionHead struct {
	at  uint32
	cap int64 // bytes of the piece
	n   int64 // entries in use
}

const regionWidth = int(unsafe.Sizeof(regionHead{}))

// A regionPart is a state in one piece, its region.
type regionPart struct{ slabPart }

func (p *regionPart) head(g uint32) *regionHead {
	b, s := p.base()
	return (*regionHead)(unsafe.Pointer(int64At(b, s, g, 0)))
}

func (p *regionPart) size(g uint32) int64 { return p.head(g).cap }

// region returns all bytes of a group's region.
func (p *regionPart) region(g uint32) []byte {
	h := p.head(g)
	if h.cap == 0 {
		return nil
	}
	return p.slabs.at(h.at)[:h.cap]
}

// renew makes n bytes, which are zero, the region of group g; move fills them from those
// it had. False means that memory was refused and nothing has changed.
func (p *regionPart) renew(g uint32, n int, move func(next, old []byte)) bool {
	at, ok := p.slabs.alloc(p.t.mem, n)
	if !ok {
		return false
	}
	h, next, old := p.head(g), p.slabs.at(at)[:n], p.region(g)
	clear(next)
	move(next, old)
	if h.cap > 0 {
		p.slabs.give(p.t.mem, h.at, int(h.cap))
	}
	h.at, h.cap = at, int64(n)
	return true
}
