package group

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// collectPart keeps all values of a group, in a chain of pieces that hold segments: values
// of rows that come one after the other in one run of rows. A run is rows of one morsel
// in rising order that a table takes with nothing of the morsel taken by others in
// between; so the segments of a group, ordered by where their runs begin, are its
// values in the order of the input, and no value has a position of its own.
//
//	piece     next piece in 4 bytes, bytes used in 4, segments
//	segment   run in 4 bytes, 2·values+f in 4, bytes of the values in 4, values
//	packed    position where the run begins in two words, 2·values+f in 4, bytes of the values in 4, values
//	value     its bytes, behind a 1 or a 0 for null if f; of variable length behind its
//	          length in 4 bytes, noValue for null
//
// Only values of variable length have their bytes counted: a segment of them is passed over without looking at each.
type collectPart struct {
	slabPart
	kind dtype.Kind
	wide int // bytes of a value; -1: any
	head int // bytes of the head of a segment

	runs  buf[rowPos] // where runs begin
	made  int         // runs
	last  rowPos      // the row that was taken last
	going bool        // the last run may go on
	asked int         // runs of extras that room was made for

	rowRun []uint32 // of the rows of a lap
	flags  uint32   // of the lap's segments
	found  buf[segmentRef]
	parts  buf[listPart]
}

// A rowPos is a row's position.
type rowPos struct{ hi, lo uint64 }

func (a rowPos) less(b rowPos) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// goesOn reports whether b is behind a in one morsel.
func (a rowPos) goesOn(b rowPos) bool { return a.hi == b.hi && a.lo>>32 == b.lo>>32 && a.lo < b.lo }

// A chainHead is the chain of pieces of a group.
type chainHead struct {
	first, tail uint32
	used, cap   uint32 // bytes of the tail
	open        uint32 // where its last segment begins, 0 if there is none
	pend        uint32 // bytes that are about to be added
	bytes       int64  // of values and their lengths
}

// ask notes that n more bytes are about to be added. False means that they are more
// than a piece may have: a few rows of a dictionary can name so much text.
func (h *chainHead) ask(n int) bool {
	if n > pieceLimit-int(h.pend) {
		return false
	}
	h.pend += uint32(n)
	return true
}

// A segment of values as they stand in a piece or in an extra.
type segment struct {
	run    uint32
	n      int
	nulls  bool // values are behind flags
	values []byte
}

// A segmentRef says where a segment lies in a piece.
type segmentRef struct{ run, piece, at, size uint32 }

const (
	chainWidth  = int(unsafe.Sizeof(chainHead{}))
	pieceHead   = 8
	segmentHead = 8       // and 4 for the bytes of values of variable length
	pieceMost   = 4 << 10 // bytes that a piece has beyond what is needed at once
	pieceLimit  = math.MaxInt32
	noValue     = 1<<32 - 1
)

func newCollect(p slabPart, k dtype.Kind) *collectPart {
	c := &collectPart{slabPart: p, kind: k, wide: k.Width(), head: segmentHead}
	switch {
	case k == dtype.Bool:
		c.wide = 1
	case k.IsVar():
		c.wide, c.head = -1, segmentHead+4
	}
	return c
}

func (p *collectPart) chain(g uint32) *chainHead {
	b, s := p.base()
	return (*chainHead)(unsafe.Pointer(int64At(b, s, g, 0)))
}

func (p *collectPart) size(g uint32) int64 { return p.chain(g).bytes }

func (p *collectPart) swells() bool { return p.t.live >= limits.listGroups }

func (p *collectPart) reset() {
	p.slabPart.reset()
	p.made, p.going, p.asked = 0, false, 0
}

func (p *collectPart) free() {
	p.slabPart.free()
	p.runs.free(p.t.mem)
	p.found.free(p.t.mem)
	p.parts.free(p.t.mem)
	p.made, p.going, p.asked = 0, false, 0
}

// room finds the runs of the rows of a lap, and makes room for its values.
func (p *collectPart) room(l *lap) bool {
	if !p.findRuns(l) {
		return false
	}
	gid, v, each := l.gid[:l.n], &l.args[p.arg], uint32(p.wide)
	p.flags = 0
	if p.wide < 0 {
		each = 4
	} else if !l.lanes[p.arg].full {
		p.flags, each = 1, each+1
	}
	if !l.straight { // any row may begin a segment
		each += uint32(p.head)
	}
	for _, g := range gid {
		p.chain(g).pend = uint32(p.head)
	}
	if p.wide >= 0 {
		for _, g := range gid {
			p.chain(g).pend += each
		}
	} else {
		for i, g := range gid {
			b, _ := partOfVar(v, i)
			if !p.chain(g).ask(int(each) + len(b)) {
				return false
			}
		}
	}
	for _, g := range gid {
		if !p.fit(p.chain(g)) {
			return false
		}
	}
	return true
}

// findRuns numbers the runs of the rows of a lap.
func (p *collectPart) findRuns(l *lap) bool {
	if !p.runs.grow(p.t.mem, p.made, p.made+p.asked+l.n) {
		return false
	}
	if p.rowRun == nil {
		p.rowRun = make([]uint32, lapRows)
	}
	for i := range p.rowRun[:l.n] {
		if i > 0 && l.straight {
			p.rowRun[i] = p.rowRun[0]
			continue
		}
		at := rowPos{l.hi[i], l.lo[i]}
		if !p.going || !p.last.goesOn(at) {
			p.begin(at)
			p.going = true
		}
		p.last, p.rowRun[i] = at, uint32(p.made-1)
	}
	if l.straight {
		p.last = rowPos{l.hi[l.n-1], l.lo[l.n-1]}
	}
	return true
}

// begin makes a run.
func (p *collectPart) begin(at rowPos) {
	p.runs.s[p.made] = at
	p.made++
}

// fit makes a piece for what is pending unless the tail has room for it: twice as large
// as all before, up to a bound.
func (p *collectPart) fit(h *chainHead) bool {
	if h.cap-h.used >= h.pend {
		return true
	}
	n := int(max(int64(h.pend), min(h.bytes, pieceMost))+pieceHead+7) &^ 7
	at, ok := p.slabs.alloc(p.t.mem, n)
	if !ok {
		return false
	}
	binary.LittleEndian.PutUint64(p.slabs.at(at), 0)
	if h.first == 0 {
		h.first = at
	} else {
		old := p.slabs.at(h.tail)
		binary.LittleEndian.PutUint32(old, at)
		binary.LittleEndian.PutUint32(old[4:], h.used)
	}
	h.tail, h.used, h.cap, h.open = at, pieceHead, uint32(n), 0
	return true
}

// packedHead is the number of bytes before the values of a packed segment.
func (p *collectPart) packedHead() int { return posBytes + p.head - 4 }

// extend returns room for size bytes, n more values of a run, beginning a segment if the last one is another's.
func (p *collectPart) extend(h *chainHead, run, n, flags uint32, size int) []byte {
	b := p.slabs.at(h.tail)
	head := b[h.open:]
	if old := binary.LittleEndian.Uint32(head[4:]); h.open == 0 || binary.LittleEndian.Uint32(head) != run || old&1 != flags {
		h.open = h.used
		h.used += uint32(p.head)
		head = b[h.open:]
		binary.LittleEndian.PutUint32(head, run)
		binary.LittleEndian.PutUint32(head[4:], 2*n|flags)
		if p.wide < 0 {
			binary.LittleEndian.PutUint32(head[segmentHead:], uint32(size))
		}
	} else {
		binary.LittleEndian.PutUint32(head[4:], old+2*n)
		if p.wide < 0 {
			binary.LittleEndian.PutUint32(head[segmentHead:], binary.LittleEndian.Uint32(head[segmentHead:])+uint32(size))
		}
	}
	at := h.used
	h.used, h.bytes = at+uint32(size), h.bytes+int64(size)
	return b[at:][:size]
}

func (p *collectPart) update(l *lap) {
	v := &l.args[p.arg]
	switch {
	case p.wide == 8 && p.flags == 0:
		p.updateWords(l, values[uint64](&l.lanes[p.arg]))
		return
	case p.wide < 0:
		p.updateTexts(l, v)
		return
	}
	var bit [1]byte
	for i, g := range l.gid[:l.n] {
		h := p.chain(g)
		b, null := chunk.PartOf(v, i, &bit)
		dst := p.extend(h, p.rowRun[i], 1, p.flags, p.wide+int(p.flags))
		switch {
		case null:
			clear(dst)
		case p.flags != 0:
			dst[0] = 1
			copy(dst[1:], b)
		default:
			copy(dst, b)
		}
		h.pend = 0
	}
}

// updateTexts is update for values of variable length.
func (p *collectPart) updateTexts(l *lap, v *chunk.Vec) {
	for i, g := range l.gid[:l.n] {
		h := p.chain(g)
		b, null := partOfVar(v, i)
		size := uint32(len(b))
		if null {
			size = noValue
		}
		dst := p.extend(h, p.rowRun[i], 1, p.flags, 4+len(b))
		binary.LittleEndian.PutUint32(dst, size)
		copy(dst[4:], b)
		h.pend = 0
	}
}

// partOfVar is chunk.PartOf for values of variable length.
func partOfVar(v *chunk.Vec, i int) (b []byte, null bool) {
	if v.Dict == nil && v.Valid == nil && v.Type.Kind.IsVar() {
		return v.Str[v.Off[i]:v.Off[i+1]], false
	}
	return chunk.PartOf(v, i, nil)
}

// updateWords is update for values of 8 bytes that are all valid.
func (p *collectPart) updateWords(l *lap, v []uint64) {
	gid, run := l.gid[:len(v)], p.rowRun[:len(v)]
	for i, x := range v {
		h := p.chain(gid[i])
		binary.LittleEndian.PutUint64(p.extend(h, run[i], 1, 0, 8), x)
		h.pend = 0
	}
}

// segments lists those of a group in the order of the input.
func (p *collectPart) segments(g uint32) []segmentRef {
	h := p.chain(g)
	n, sorted := 0, true
	for at := h.first; at != 0; {
		b := p.slabs.at(at)
		next, used := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if at == h.tail {
			used = h.used
		}
		for from := uint32(pieceHead); from < used; {
			s := headOf(b[from:])
			size := p.sizeOf(s, b[from+segmentHead:])
			if n > 0 && s.run != p.found.s[n-1].run {
				sorted = sorted && p.runs.s[p.found.s[n-1].run].less(p.runs.s[s.run])
			}
			if n == len(p.found.s) {
				p.found.must(p.t.task, n, n+1)
			}
			p.found.s[n] = segmentRef{s.run, at, from, uint32(size)}
			n, from = n+1, from+uint32(p.head+size)
		}
		at = next
	}
	found := p.found.s[:n]
	if !sorted {
		slices.SortStableFunc(found, func(a, b segmentRef) int {
			switch x, y := p.runs.s[a.run], p.runs.s[b.run]; {
			case x.less(y):
				return -1
			case y.less(x):
				return 1
			}
			return 0
		})
	}
	return found
}

// segment returns a segment that was found.
func (p *collectPart) segment(r segmentRef) segment {
	b := p.slabs.at(r.piece)[r.at:]
	s := headOf(b)
	s.values = b[p.head:][:r.size]
	return s
}

// headOf reads the head of a segment.
func headOf(b []byte) segment {
	n := binary.LittleEndian.Uint32(b[4:])
	return segment{run: binary.LittleEndian.Uint32(b), n: int(n >> 1), nulls: n&1 != 0}
}

// sizeOf returns the bytes of the values of a segment; what follows the number of values begins b.
func (p *collectPart) sizeOf(s segment, b []byte) int {
	switch {
	case p.wide < 0:
		return int(binary.LittleEndian.Uint32(b))
	case s.nulls:
		return s.n * (p.wide + 1)
	}
	return s.n * p.wide
}

func (p *collectPart) extra(g uint32, dst []byte) []byte {
	dst, _ = p.divided(g, dst, math.MaxInt, func([]byte) error { return nil })
	return dst
}

// divided gives the extra of a group in several of at most so many bytes, or of one segment, each behind what b has. They
// live until put returns; the last is returned. A segment that goes on with a run is packed as a run that begins where its
// first value is at the earliest: it may come back before those it follows.
func (p *collectPart) divided(g uint32, b []byte, most int, put func([]byte) error) ([]byte, error) {
	n, run, before := len(b), -1, 0
	for _, r := range p.segments(g) {
		if len(b) > n && len(b)-n+p.packedHead()+int(r.size) > most {
			if err := put(b); err != nil {
				return b, err
			}
			b = b[:n]
		}
		s, at := p.segment(r), p.runs.s[r.run]
		if int(r.run) != run {
			run, before = int(r.run), 0
		}
		head := uint32(s.n) << 1
		if s.nulls {
			head |= 1
		}
		b = appendUint64(appendUint64(b, at.hi), at.lo+uint64(before))
		b = binary.LittleEndian.AppendUint32(b, head)
		if p.wide < 0 {
			b = binary.LittleEndian.AppendUint32(b, r.size)
		}
		b = append(b, s.values...)
		before += s.n
	}
	return b, put(b)
}

// eachPacked calls f for the segments of an extra, until it returns an error.
func (p *collectPart) eachPacked(b []byte, f func(at rowPos, s segment) error) error {
	for head := p.packedHead(); len(b) > 0; {
		if len(b) < head {
			return errCorrupt
		}
		at, n := rowPos{uint64(getInt64(b)), uint64(getInt64(b[8:]))}, binary.LittleEndian.Uint32(b[posBytes:])
		s := segment{n: int(n >> 1), nulls: n&1 != 0}
		size := p.sizeOf(s, b[posBytes+4:])
		if size > len(b)-head {
			return errCorrupt
		}
		s.values, b = b[head:][:size], b[head+size:]
		if err := f(at, s); err != nil {
			return err
		}
	}
	return nil
}

// whole reports that the values of a segment are as many as it says, and fill it.
func (p *collectPart) whole(s segment) bool {
	if p.wide >= 0 {
		return true // its bytes come from their number
	}
	b := s.values
	for range s.n {
		if len(b) < 4 {
			return false
		}
		n := binary.LittleEndian.Uint32(b)
		if b = b[4:]; n == noValue {
			continue
		}
		if int64(n) > int64(len(b)) {
			return false
		}
		b = b[n:]
	}
	return len(b) == 0
}

func (p *collectPart) prepare(g uint32, extra []byte) bool {
	if p.eachPacked(extra, func(rowPos, segment) error { p.asked++; return nil }) != nil {
		return true // mergeExtra says what is wrong
	}
	h := p.chain(g)
	return h.ask(len(extra)) && p.runs.grow(p.t.mem, p.made, p.made+p.asked) && p.fit(h)
}

// roomFor is prepare for all that group src of q has.
func (p *collectPart) roomFor(g uint32, q *collectPart, src uint32) bool {
	h, n, found := p.chain(g), 0, q.segments(src)
	for _, r := range found {
		n += p.packedHead() + int(r.size)
	}
	p.asked += len(found)
	return h.ask(n) && p.runs.grow(p.t.mem, p.made, p.made+p.asked) && p.fit(h)
}

func (p *collectPart) mergeExtra(g uint32, _, extra []byte) error {
	p.going = false // the last run is now one of those that come
	h := p.chain(g)
	h.pend -= min(h.pend, uint32(len(extra)))
	return p.eachPacked(extra, func(at rowPos, s segment) error {
		if !p.whole(s) {
			return errCorrupt
		}
		p.begin(at)
		p.asked--
		flags := uint32(0)
		if s.nulls {
			flags = 1
		}
		copy(p.extend(h, uint32(p.made-1), uint32(s.n), flags, len(s.values)), s.values)
		return nil
	})
}

// next returns the bytes of the first value of a segment, and takes it off.
func (p *collectPart) next(s *segment) (b []byte, null bool) {
	switch {
	case p.wide < 0:
		n := binary.LittleEndian.Uint32(s.values)
		if s.values = s.values[4:]; n == noValue {
			return nil, true
		}
		b, s.values = s.values[:n], s.values[n:]
	case s.nulls:
		null, b, s.values = s.values[0] == 0, s.values[1:1+p.wide], s.values[1+p.wide:]
	default:
		b, s.values = s.values[:p.wide], s.values[p.wide:]
	}
	return b, null
}
