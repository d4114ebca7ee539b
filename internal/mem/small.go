package mem

import "unsafe"

// A shelf is a mapped slab divided into pieces of one size class below SlabMin.
// Small buffers come from shelves and not from the garbage-collected heap: what
// spilling takes and frees by the thousand would be garbage there, outside of
// the budget.
type shelf struct {
	buf   []byte
	class int
	free  []int32 // offsets of free pieces
	used  int
	at    int // position in the list of its class, -1 when no piece is free
}

// A shelf has about shelfPieces pieces, as far as the bounds allow.
const (
	shelfPieces = 32
	minShelf    = 32 << 10
	maxShelf    = 1 << 20
)

// small takes a piece of class c, or of a larger class within the limit where a new
// shelf does not fit beside what is mapped; nil when there is none.
func (p *Pool) small(c int) []byte {
	list := p.shelves[c]
	if len(list) == 0 {
		list = p.addShelf(c)
	}
	for n := 0; list == nil && n < 12; n++ {
		if c = class(c + 1 - pad); c >= SlabMin || p.used+int64(c) > p.limit {
			return nil
		}
		if len(p.shelves[c]) > 0 {
			list = p.shelves[c]
		}
	}
	if list == nil {
		return nil
	}
	s := list[len(list)-1]
	off := int(s.free[len(s.free)-1])
	s.free = s.free[:len(s.free)-1]
	if s.used++; len(s.free) == 0 {
		p.unlist(s)
	}
	p.cached -= int64(c)
	b := s.buf[off : off+c : off+c]
	p.slabs[unsafe.SliceData(b)] = s
	return b
}

func (p *Pool) addShelf(c int) []*shelf {
	size := max(c, min(max(shelfPieces*c, minShelf), maxShelf, int(min(p.limit/256, maxShelf))))
	if size < 4*c { // a shelf that one piece keeps is lost for the other classes
		size = c
	}
	p.trim(p.limit - p.used - int64(size))
	if p.used+p.cached+int64(size) > p.limit+p.slack() {
		return nil
	}
	buf, err := mapSlab(size)
	if err != nil {
		return nil
	}
	s := &shelf{buf: buf, class: c, at: len(p.shelves[c])}
	for off := (size/c - 1) * c; off >= 0; off -= c {
		s.free = append(s.free, int32(off))
	}
	p.cached += int64(len(s.free) * c)
	p.shelves[c] = append(p.shelves[c], s)
	return p.shelves[c]
}

// giveBack returns a piece to its shelf.
func (p *Pool) giveBack(s *shelf, b []byte) {
	off := uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(unsafe.Pointer(unsafe.SliceData(s.buf)))
	s.free = append(s.free, int32(off))
	s.used--
	p.cached += int64(s.class)
	if s.at < 0 {
		s.at = len(p.shelves[s.class])
		p.shelves[s.class] = append(p.shelves[s.class], s)
	}
}

// unlist takes a shelf out of the list of shelves with free pieces.
func (p *Pool) unlist(s *shelf) {
	list := p.shelves[s.class]
	last := list[len(list)-1]
	list[s.at], last.at = last, s.at
	p.shelves[s.class] = list[:len(list)-1]
	s.at = -1
}

// trimShelves unmaps shelves without used pieces until at most keep bytes are
// cached.
func (p *Pool) trimShelves(keep int64) {
	for _, list := range p.shelves {
		for i := len(list) - 1; i >= 0 && p.cached > keep; i-- {
			if s := list[i]; s.used == 0 {
				p.cached -= int64(len(s.free) * s.class)
				p.unlist(s)
				unmapSlab(s.buf)
			}
		}
	}
}
