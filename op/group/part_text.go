package group

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

var errCorrupt = errors.New("a packed group state is corrupt")

func putInt64(b []byte, x int64) { binary.LittleEndian.PutUint64(b, uint64(x)) }

func getInt64(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }

func appendUint64(b []byte, x uint64) []byte { return binary.LittleEndian.AppendUint64(b, x) }

// bytesOf returns value i of a text or decimal vector as bytes that compare as
// the values do; tmp backs decimals.
func bytesOf(v *chunk.Vec, i int, tmp *[16]byte) []byte {
	if v.Type.Kind == dtype.Decimal128 {
		d := decimals(v, v.N)[i]
		binary.BigEndian.PutUint64(tmp[:], d[1]^1<<63)
		binary.BigEndian.PutUint64(tmp[8:], d[0])
		return tmp[:]
	}
	if v.Dict != nil {
		i, v = int(chunk.Values[uint32](v)[i]), &v.Dict.Values
	}
	return v.Str[v.Off[i]:v.Off[i+1]]
}

// decimalOf is the inverse of bytesOf for decimals.
func decimalOf(b []byte) key16 {
	return key16{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b) ^ 1<<63}
}

// byteCount returns the bytes of all texts of a lap's argument.
func byteCount(v *chunk.Vec, n int) int {
	switch {
	case n == 0 || v.Type.Kind == dtype.Null:
		return 0
	case v.Type.Kind == dtype.Decimal128:
		return 16 * n
	case v.Dict == nil:
		return int(v.Off[n] - v.Off[0])
	}
	sum := 0
	off := v.Dict.Values.Off
	for _, c := range chunk.Values[uint32](v)[:n] {
		sum += int(off[c+1] - off[c])
	}
	return sum
}

// An arena keeps the bytes of a part's values. A value is {position, length}; one
// that is replaced by a longer one becomes garbage, which is squeezed out when it
// is more than half.
type arena struct {
	b     buf[byte]
	used  int
	waste int
}

// put stores new bytes in place of the value at pos with n bytes (n < 0: none).
// Room was made before.
func (a *arena) put(pos, n int64, s []byte) (int64, int64) {
	if int64(len(s)) <= n {
		copy(a.b.s[pos:], s)
		a.waste += int(n) - len(s)
		return pos, int64(len(s))
	}
	a.waste += int(max(n, 0))
	pos = int64(a.used)
	a.used += copy(a.b.s[pos:], s)
	return pos, int64(len(s))
}

func (a *arena) get(pos, n int64) []byte { return a.b.s[pos : pos+n] }

// textPart is a state with one value of any length: words {position, length}
// follow the first `lead` words of its row. Length -1 means none.
type textPart struct {
	rowPart
	arg   int
	lead  uintptr
	arena arena
}

func (p *textPart) reset() { p.arena.used, p.arena.waste = 0, 0 }
func (p *textPart) free()  { p.arena.b.free(p.t.mem); p.reset() }

// need makes room for n more bytes.
func (p *textPart) need(_ []uint32, n int) bool {
	a := &p.arena
	if a.used+n <= len(a.b.s) {
		return true
	}
	if a.waste > a.used/2 {
		return p.squeeze(n)
	}
	return a.b.grow(p.t.mem, a.used, a.used+n)
}

// squeeze moves the values in use to a new buffer.
func (p *textPart) squeeze(n int) bool {
	var next buf[byte]
	if !next.grow(p.t.mem, 0, p.arena.used-p.arena.waste+n) {
		return p.arena.b.grow(p.t.mem, p.arena.used, p.arena.used+n)
	}
	used := 0
	b, s := p.base()
	for g := range p.t.made {
		pos, size := int64At(b, s, uint32(g), p.lead), *int64At(b, s, uint32(g), p.lead+1)
		if size < 0 {
			continue
		}
		copy(next.s[used:], p.arena.get(*pos, size))
		*pos = int64(used) // of an empty text, too: it must lie within the buffer
		used += int(size)
	}
	p.arena.b.free(p.t.mem)
	p.arena = arena{b: next, used: used}
	return true
}

// set replaces the value of group g.
func (p *textPart) set(g uint32, s []byte) {
	b, st := p.base()
	pos, n := int64At(b, st, g, p.lead), int64At(b, st, g, p.lead+1)
	*pos, *n = p.arena.put(*pos, *n, s)
}

// get returns the value of group g and whether there is one.
func (p *textPart) get(g uint32) ([]byte, bool) {
	pos, n := p.word(g, p.lead), p.word(g, p.lead+1)
	if n < 0 {
		return nil, false
	}
	return p.arena.get(pos, n), true
}

// textExtremePart is the least or greatest value of a text or decimal argument.
type textExtremePart struct {
	textPart
	max bool
}

func (p *textExtremePart) start(row []byte) { putInt64(row[8:], -1) }

func (p *textExtremePart) room(l *lap) bool { return p.need(nil, byteCount(&l.args[p.arg], l.n)) }

func (p *textExtremePart) update(l *lap) {
	v := &l.args[p.arg]
	if v.Type.Kind == dtype.Null {
		return
	}
	var tmp [16]byte
	for i, g := range l.gid[:l.n] {
		if !v.IsNull(i) {
			p.offer(g, bytesOf(v, i, &tmp))
		}
	}
}

func (p *textExtremePart) offer(g uint32, s []byte) {
	old, ok := p.get(g)
	if c := bytes.Compare(s, old); !ok || p.max && c > 0 || !p.max && c < 0 {
		p.set(g, s)
	}
}

func (p *textExtremePart) merge([]uint32, []byte, []int32, int) error { return nil }

func (p *textExtremePart) plain() bool { return false }

// extra is the value behind a 1, so that an empty text is not nothing.
func (p *textExtremePart) extra(g uint32, dst []byte) []byte {
	s, ok := p.get(g)
	if !ok {
		return dst
	}
	return append(append(dst, 1), s...)
}

func (p *textExtremePart) mergeExtra(g uint32, _, extra []byte) error {
	if len(extra) == 0 || extra[0] != 1 {
		return errCorrupt
	}
	p.offer(g, extra[1:])
	return nil
}

// pickPart is the value of the first or last row of a group. Its row: two words
// of position, then {bits, 1 if valid} of a fixed-width value or {position,
// length} of a text. Positions of last are complemented, so that the least wins.
//
// Where a second argument decides, its order key stands before the position: the least
// wins, or its complement for the greatest, and the position among equal ones.
type pickPart struct {
	textPart
	last bool
	text bool
	by   int     // argument that decides, -1 for none
	key  uintptr // words before the position
	max  bool
	keys []int64
}

func (p *pickPart) start(row []byte) {
	if p.by >= 0 {
		putInt64(row, math.MaxInt64)
		row = row[8:]
	}
	putInt64(row, -1)
	putInt64(row[8:], -1)
	if p.text {
		putInt64(row[24:], -1)
	}
}

func (p *pickPart) room(l *lap) bool {
	return !p.text || p.need(nil, byteCount(&l.args[p.arg], l.n))
}

func (p *pickPart) update(l *lap) {
	v := &l.args[p.arg]
	if p.by >= 0 {
		p.updateBy(l, v)
		return
	}
	b, s := p.base()
	for i, g := range l.gid[:l.n] {
		hi, lo := l.hi[i], l.lo[i]
		if p.last { // below the position a state begins with, for the very first row, too
			hi, lo = math.MaxUint64-1-hi, ^lo
		}
		oh, ol := uint64(*int64At(b, s, g, 0)), uint64(*int64At(b, s, g, 1))
		if hi > oh || hi == oh && lo >= ol {
			continue
		}
		*int64At(b, s, g, 0), *int64At(b, s, g, 1) = int64(hi), int64(lo)
		p.choose(g, v, i)
	}
}

func (p *pickPart) updateBy(l *lap, v *chunk.Vec) {
	by := &l.args[p.by]
	if by.Type.Kind == dtype.Null {
		return
	}
	if p.keys == nil {
		p.keys = make([]int64, lapRows)
	}
	k := p.keys[:l.n]
	orderKeys(by, k)
	for i, g := range l.gid[:l.n] {
		if by.IsNull(i) {
			continue
		}
		x := k[i]
		if p.max {
			x = ^x
		}
		if p.wins(g, x, l.hi[i], l.lo[i]) {
			p.choose(g, v, i)
		}
	}
}

// wins reports whether a row is before the state's in order, and takes its place.
func (p *pickPart) wins(g uint32, key int64, hi, lo uint64) bool {
	b, s := p.base()
	oh, ol := int64At(b, s, g, p.key), int64At(b, s, g, p.key+1)
	if p.by >= 0 {
		old := int64At(b, s, g, 0)
		if key > *old || key == *old && (hi > uint64(*oh) || hi == uint64(*oh) && lo >= uint64(*ol)) {
			return false
		}
		*old = key
	} else if hi > uint64(*oh) || hi == uint64(*oh) && lo >= uint64(*ol) {
		return false
	}
	*oh, *ol = int64(hi), int64(lo)
	return true
}

// choose makes value i of v the state's.
func (p *pickPart) choose(g uint32, v *chunk.Vec, i int) {
	b, s := p.base()
	x, ok := int64At(b, s, g, p.key+2), int64At(b, s, g, p.key+3)
	switch null := v.IsNull(i); {
	case p.text && null:
		p.arena.waste += int(max(*ok, 0))
		*ok = -1
	case p.text:
		var tmp [16]byte
		p.set(g, bytesOf(v, i, &tmp))
	case null:
		*x, *ok = 0, 0
	default:
		*x, *ok = int64(fixedBits(v, i)), 1
	}
}

// fixedBits returns the bits of value i of a vector of at most 8 bytes.
func fixedBits(v *chunk.Vec, i int) uint64 {
	switch v.Type.Width() {
	case 0:
		if v.Bool(i) {
			return 1
		}
		return 0
	case 1:
		return uint64(chunk.Values[uint8](v)[i])
	case 2:
		return uint64(chunk.Values[uint16](v)[i])
	case 4:
		return uint64(chunk.Values[uint32](v)[i])
	}
	return chunk.Values[uint64](v)[i]
}

// beats reports whether a packed state comes first, and takes its place.
func (p *pickPart) beats(g uint32, state []byte) bool {
	key := int64(0)
	if p.by >= 0 {
		key, state = getInt64(state), state[8:]
	}
	return p.wins(g, key, uint64(getInt64(state)), uint64(getInt64(state[8:])))
}

func (p *pickPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	d, s := p.base()
	val := int(p.key) * 8
	for i, g := range gid {
		state := b[int(off[i])+at:][:p.w]
		if p.text && getInt64(state[val+24:]) >= 0 { // comes with its extra
			continue
		}
		if p.beats(g, state) {
			x, ok := int64At(d, s, g, p.key+2), int64At(d, s, g, p.key+3)
			if p.text {
				p.arena.waste += int(max(*ok, 0))
				*ok = -1
			} else {
				*x, *ok = getInt64(state[val+16:]), getInt64(state[val+24:])
			}
		}
	}
	return nil
}

func (p *pickPart) plain() bool { return !p.text }

func (p *pickPart) extra(g uint32, dst []byte) []byte {
	if !p.text {
		return dst
	}
	s, ok := p.get(g)
	if !ok {
		return dst
	}
	return append(append(dst, 1), s...)
}

func (p *pickPart) mergeExtra(g uint32, state, extra []byte) error {
	if !p.text || len(extra) == 0 || extra[0] != 1 {
		return errCorrupt
	}
	if p.beats(g, state) {
		p.set(g, extra[1:])
	}
	return nil
}
