package group

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A part is one state for all groups of a table. Its fixed part lies in the
// table's rows; what does not fit there it keeps itself.
//
// A lap goes through room and then update of every part: room may refuse, and
// nothing has changed then that a retry would count twice; update cannot fail.
type part interface {
	width() int       // bytes in a row, a multiple of 8
	start(row []byte) // the state of no rows; row is zeroed
	grow(n int) bool  // room for n groups outside the rows
	room(l *lap) bool // room for what the lap may add
	update(l *lap)    // takes the rows of a lap
	reset()           // forgets all groups
	free()            // gives memory back

	// packed is the size of a packed state; pack writes that of group g, packAll
	// those of groups gid at bytes at, at+step, … of dst.
	packed() int
	pack(g uint32, dst []byte)
	packAll(gid []uint32, dst []byte, at, step int)
	// plain reports that no group has an extra; extra appends what has no fixed
	// size.
	plain() bool
	extra(g uint32, dst []byte) []byte
	// merge adds the packed states at the given offsets of b to groups.
	merge(gid []uint32, b []byte, off []int32, at int) error
	// need makes room for extras of these groups, of n bytes in all.
	need(gid []uint32, n int) bool
	// mergeExtra adds the state of one group that has an extra.
	mergeExtra(g uint32, state, extra []byte) error
}

// A rowPart is a part that lies in the rows of t from off on, and implements
// what most parts have in common.
type rowPart struct {
	t   *table
	off int
	w   int
}

func (p *rowPart) width() int                { return p.w }
func (p *rowPart) start([]byte)              {}
func (p *rowPart) grow(int) bool             { return true }
func (p *rowPart) room(*lap) bool            { return true }
func (p *rowPart) reset()                    {}
func (p *rowPart) free()                     {}
func (p *rowPart) packed() int               { return p.w }
func (p *rowPart) pack(g uint32, dst []byte) { copy(dst[:p.w], p.row(g)) }
func (p *rowPart) plain() bool               { return true }
func (p *rowPart) packAll(gid []uint32, dst []byte, at, step int) {
	if p.w != 8 {
		for i, g := range gid {
			copy(dst[i*step+at:][:p.w], p.row(g))
		}
		return
	}
	b, s := p.base()
	for i, g := range gid {
		putInt64(dst[i*step+at:], *int64At(b, s, g, 0))
	}
}
func (p *rowPart) extra(_ uint32, d []byte) []byte { return d }
func (p *rowPart) need([]uint32, int) bool         { return true }
func (p *rowPart) mergeExtra(uint32, []byte, []byte) error {
	return errCorrupt
}

// row returns the bytes of group g.
func (p *rowPart) row(g uint32) []byte {
	at := int(g)*p.t.stride + p.off
	return p.t.rows.s[at : at+p.w]
}

// base returns what int64At needs to reach any group's state.
func (p *rowPart) base() (unsafe.Pointer, uintptr) {
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(p.t.rows.s)), p.off), uintptr(p.t.stride)
}

// int64At returns word w of the state of group g.
func int64At(base unsafe.Pointer, stride uintptr, g uint32, w uintptr) *int64 {
	return (*int64)(unsafe.Add(base, uintptr(g)*stride+8*w))
}

// word reads word w of group g.
func (p *rowPart) word(g uint32, w uintptr) int64 {
	b, s := p.base()
	return *int64At(b, s, g, w)
}

// srcInt64 reads a word of a packed state.
func srcInt64(b []byte, off int32, at int) int64 {
	return *(*int64)(unsafe.Pointer(unsafe.SliceData(b[int(off)+at:][:8])))
}

// lenPart counts rows, or the valid values of an argument.
type lenPart struct {
	countPart
	arg int // -1: rows
}

func (p *lenPart) update(l *lap) {
	g, n := l.gid[:l.n], l.n
	if p.arg >= 0 {
		g, n = l.lanes[p.arg].g, l.lanes[p.arg].n
	}
	b, s := p.base()
	if p.t.whole {
		*int64At(b, s, 0, 0) += int64(n)
		return
	}
	for _, g := range g {
		*int64At(b, s, g, 0)++
	}
}

// A countPart is one count, which is added up.
type countPart struct{ rowPart }

func (p *countPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	d, s := p.base()
	for i, g := range gid {
		*int64At(d, s, g, 0) += srcInt64(b, off[i], at)
	}
	return nil
}

// intSumPart sums integers in 64 bits; the rare carries beyond are kept aside,
// so that the sum is exact.
type intSumPart struct {
	rowPart
	arg      int
	unsigned bool
	carry    map[uint32]int64
	added    int64 // values of at most 32 bits, calm once there was something else
}

// calm is how many values of at most 32 bits have a sum of less than 63.
const calm = 1 << 31

func (p *intSumPart) reset() { clear(p.carry); p.added = 0 }
func (p *intSumPart) free()  { p.carry, p.added = nil, 0 }

func (p *intSumPart) update(l *lap) {
	a := &l.lanes[p.arg]
	switch a.v.Type.Kind {
	case dtype.Int8:
		sumInts(p, a, values[int8](a))
	case dtype.Int16:
		sumInts(p, a, values[int16](a))
	case dtype.Int32:
		sumInts(p, a, values[int32](a))
	case dtype.Int64, dtype.Duration:
		sumInts(p, a, values[int64](a))
	case dtype.Uint8:
		sumInts(p, a, values[uint8](a))
	case dtype.Uint16:
		sumInts(p, a, values[uint16](a))
	case dtype.Uint32:
		sumInts(p, a, values[uint32](a))
	case dtype.Uint64:
		sumUint64(p, a)
	}
}

func sumInts[T integer](p *intSumPart, a *lane, v []T) {
	b, s := p.base()
	if p.t.whole {
		x := kernel.SumInt(v, nil)
		p.add(0, int64(x.Lo), x.Hi-int64(x.Lo)>>63)
		return
	}
	g := a.g[:len(v)]
	if p.added += int64(len(v)); unsafe.Sizeof(*new(T)) <= 4 && p.added <= calm {
		for i, x := range v {
			*int64At(b, s, g[i], 0) += int64(x)
		}
		return
	}
	for i, x := range v {
		d := int64At(b, s, g[i], 0)
		o, y := *d, int64(x)
		r := o + y
		if (o^r)&(y^r) < 0 {
			p.carryOver(g[i], y)
		}
		*d = r
	}
}

func sumUint64(p *intSumPart, a *lane) {
	b, s := p.base()
	v := values[uint64](a)
	for i, x := range v {
		d := int64At(b, s, a.g[i], 0)
		r := uint64(*d) + x
		if r < x {
			p.carryOver(a.g[i], 0)
		}
		*d = int64(r)
	}
}

// carryOver counts 2^64, with the sign of the number that was added.
func (p *intSumPart) carryOver(g uint32, y int64) {
	if p.carry == nil {
		p.carry = map[uint32]int64{}
	}
	p.carry[g] += y>>63 | 1
}

// add adds the number carry·2^64 + lo, lo read as the column is signed or not.
func (p *intSumPart) add(g uint32, lo, carry int64) {
	p.added = calm
	b, s := p.base()
	d := int64At(b, s, g, 0)
	r := *d + lo
	if p.unsigned {
		if uint64(r) < uint64(lo) {
			p.carryOver(g, 0)
		}
	} else if (*d^r)&(lo^r) < 0 {
		p.carryOver(g, lo)
	}
	*d = r
	if carry != 0 {
		if p.carry == nil {
			p.carry = map[uint32]int64{}
		}
		p.carry[g] += carry
	}
}

func (p *intSumPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	for i, g := range gid {
		p.add(g, srcInt64(b, off[i], at), 0)
	}
	return nil
}

func (p *intSumPart) plain() bool { return len(p.carry) == 0 }

func (p *intSumPart) extra(g uint32, dst []byte) []byte {
	c := p.carry[g]
	if c == 0 {
		return dst
	}
	return appendUint64(dst, uint64(c))
}

func (p *intSumPart) mergeExtra(g uint32, _, extra []byte) error {
	if len(extra) != 8 {
		return errCorrupt
	}
	p.add(g, 0, int64(*(*uint64)(unsafe.Pointer(unsafe.SliceData(extra)))))
	return nil
}

// total returns the exact sum.
func (p *intSumPart) total(g uint32) kernel.Sum128 {
	lo := p.word(g, 0)
	hi := p.carry[g]
	if !p.unsigned {
		hi += lo >> 63
	}
	return kernel.Sum128{Hi: hi, Lo: uint64(lo)}
}

// extremePart is the least or greatest value of a fixed-width argument, as an
// order key.
type extremePart struct {
	rowPart
	arg int
	max bool
}

func (p *extremePart) start(row []byte) {
	x := int64(math.MaxInt64)
	if p.max {
		x = math.MinInt64
	}
	putInt64(row, x)
}

func (p *extremePart) update(l *lap) {
	a := &l.lanes[p.arg]
	b, s := p.base()
	k := a.keys()
	g := a.g[:len(k)]
	if p.max {
		for i, x := range k {
			d := int64At(b, s, g[i], 0)
			*d = max(*d, x)
		}
		return
	}
	for i, x := range k {
		d := int64At(b, s, g[i], 0)
		*d = min(*d, x)
	}
}

func (p *extremePart) merge(gid []uint32, b []byte, off []int32, at int) error {
	d, s := p.base()
	for i, g := range gid {
		x, o := srcInt64(b, off[i], at), int64At(d, s, g, 0)
		if p.max {
			*o = max(*o, x)
		} else {
			*o = min(*o, x)
		}
	}
	return nil
}

// decSumPart sums decimals in 128 bits, with carries kept aside.
type decSumPart struct {
	rowPart
	arg   int
	carry map[uint32]int64
}

func (p *decSumPart) reset() { clear(p.carry) }
func (p *decSumPart) free()  { p.carry = nil }

func (p *decSumPart) update(l *lap) {
	a := &l.lanes[p.arg]
	v := decimals(&l.args[p.arg], l.n)
	i := 0
	for r := range v {
		if l.args[p.arg].IsNull(r) {
			continue
		}
		p.add(a.g[i], v[r], 0)
		i++
	}
}

func decimals(v *chunk.Vec, n int) []key16 {
	if v.Type.Kind == dtype.Null || n == 0 {
		return nil
	}
	return unsafe.Slice((*key16)(unsafe.Pointer(unsafe.SliceData(v.Data))), n)
}

// add adds carry·2^128 + x.
func (p *decSumPart) add(g uint32, x key16, carry int64) {
	b, s := p.base()
	lo, hi := (*uint64)(unsafe.Pointer(int64At(b, s, g, 0))), (*uint64)(unsafe.Pointer(int64At(b, s, g, 1)))
	l, c := bits.Add64(*lo, x[0], 0)
	h, _ := bits.Add64(*hi, x[1], c)
	if int64((*hi^h)&(x[1]^h)) < 0 {
		carry += int64(x[1])>>63 | 1
	}
	*lo, *hi = l, h
	if carry != 0 {
		if p.carry == nil {
			p.carry = map[uint32]int64{}
		}
		p.carry[g] += carry
	}
}

func (p *decSumPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	for i, g := range gid {
		p.add(g, key16{uint64(srcInt64(b, off[i], at)), uint64(srcInt64(b, off[i], at+8))}, 0)
	}
	return nil
}

func (p *decSumPart) plain() bool { return len(p.carry) == 0 }

func (p *decSumPart) extra(g uint32, dst []byte) []byte {
	c := p.carry[g]
	if c == 0 {
		return dst
	}
	return appendUint64(dst, uint64(c))
}

func (p *decSumPart) mergeExtra(g uint32, _, extra []byte) error {
	if len(extra) != 8 {
		return errCorrupt
	}
	p.add(g, key16{}, int64(*(*uint64)(unsafe.Pointer(unsafe.SliceData(extra)))))
	return nil
}
