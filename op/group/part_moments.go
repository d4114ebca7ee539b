package group

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// momentsPart has the exact sums behind a variance (n, Σx, Σx²) or a correlation
// (n, Σx, Σy, Σx², Σy², Σxy, over rows where both are valid).
//
// Every sum is a fixed-point integer of 256 bits. Its unit follows from one
// exponent per argument, chosen from the first values such that values from
// 2^-45 to 2^13 of the greatest of these fit; 2^33 of them cannot run over. Other
// values go to big integers of the group. Integers have the unit 1.
//
// Of a correlation small integers are added up in words of their own beside n, in the one cache line
// of the group that they touch; a sum is that word and the 256 bits.
//
//	variance     n │ Σx │ Σx²
//	correlation  n │ small Σx Σy Σx² Σy² Σxy │ Σx │ Σy │ Σx² │ Σy² │ Σxy │ room, up to whole lines
type momentsPart struct {
	rowPart
	args [2]int // second is -1 for a variance
	unit [2]int // biased exponent of the unit; 0: not chosen yet
	rows int64  // since the sums were last known to be far from running over
	wide map[uint32]*bigMoments
	held int64
	lead uintptr // the word of the row where the sums of 256 bits begin
	calm int64   // rows since the words of small integers were last empty

	in   [2]scaled
	col  [2]pairColumn
	and  []uint64
	ints [2][]int64
}

// bigMoments are sums in units of 2^-1074 and 2^-2148.
type bigMoments struct {
	sum [5]big.Int
	odd bool // there was a NaN or an infinity
}

// scaled are the values of one argument as ±m·2^shift units; outside marks those
// that do not fit.
type scaled struct {
	m     []uint64
	neg   []uint64 // 0 or all ones
	shift []uint8
	f     []float64
}

const (
	outside  = 255
	maxShift = 58
	intUnit  = 1075 // the unit 1
)

// sums returns how many sums the state has.
func (p *momentsPart) sums() int {
	if p.args[1] < 0 {
		return 2
	}
	return 5
}

// newMoments makes a part; row makes its place in the rows.
func newMoments(row func(width int) rowPart, x, y int) *momentsPart {
	p := &momentsPart{args: [2]int{x, y}, lead: 1}
	if y < 0 {
		p.rowPart = row(8 + 2*32)
	} else {
		p.rowPart, p.lead = row(calmWidth), calmLead
	}
	return p
}

// at is where the 256 bits of sum k of group g are, given base.
func (p *momentsPart) at(b unsafe.Pointer, s uintptr, g uint32, k int) *[4]uint64 {
	return (*[4]uint64)(unsafe.Pointer(int64At(b, s, g, p.lead+4*uintptr(k))))
}

// sum is sum k of group g.
func (p *momentsPart) sum(g uint32, k int) [4]uint64 {
	b, s := p.base()
	x := *p.at(b, s, g, k)
	if p.lead == calmLead {
		addSmall(x[:], *int64At(b, s, g, 1+uintptr(k)))
	}
	return x
}

func (p *momentsPart) reset() {
	clear(p.wide)
	p.unit, p.rows, p.calm = [2]int{}, 0, 0
	p.t.release(p.held)
	p.held = 0
}

func (p *momentsPart) free() { p.reset(); p.wide = nil }

// bigBytes is what a group's big integers may take.
const bigBytes = 3 << 10

func (p *momentsPart) room(l *lap) bool {
	if b := int64(len(p.wide)) * bigBytes; b > p.held {
		if !p.t.reserve(b - p.held) {
			return false
		}
		p.held = b
	}
	return true
}

func (p *momentsPart) update(l *lap) {
	if p.rows += int64(l.n); p.rows > 1<<31 {
		p.fold()
	}
	g := l.lanes[p.args[0]].g
	if p.args[1] < 0 {
		a := &l.lanes[p.args[0]]
		p.in[0].load(&a.v, a.n, &p.unit[0])
	} else {
		var x, y *chunk.Vec
		if x, y, g = p.pair(l); len(g) == 0 || p.updateCalm(x, y, g) {
			return
		}
		// An integer beside a float is taken as a float: they share no unit otherwise.
		mixed := x.Type.Kind.IsFloat() != y.Type.Kind.IsFloat()
		p.in[0].loadAs(x, len(g), &p.unit[0], mixed)
		p.in[1].loadAs(y, len(g), &p.unit[1], mixed)
	}
	if p.updateSmall(g) {
		return
	}
	b, s := p.base()
	x, y := &p.in[0], &p.in[1]
	for i, g := range g {
		*int64At(b, s, g, 0)++
		if x.shift[i] == outside || p.args[1] >= 0 && y.shift[i] == outside {
			p.addBig(g, i)
			continue
		}
		at := func(k int) *[4]uint64 { return p.at(b, s, g, k) }
		addFixed(at(0), 0, x.m[i], uint(x.shift[i]), x.neg[i])
		if p.args[1] < 0 {
			addProduct(at(1), x, x, i)
			continue
		}
		addFixed(at(1), 0, y.m[i], uint(y.shift[i]), y.neg[i])
		addProduct(at(2), x, x, i)
		addProduct(at(3), y, y, i)
		addProduct(at(4), x, y, i)
	}
}

// updateSmall adds the loaded values when all are integers below 2^31 in
// magnitude, whose products fit a word.
func (p *momentsPart) updateSmall(g []uint32) bool {
	x, y := &p.in[0], &p.in[1]
	if p.unit[0] != intUnit || !x.small(len(g)) || p.args[1] >= 0 && (p.unit[1] != intUnit || !y.small(len(g))) {
		return false
	}
	b, s := p.base()
	if p.args[1] < 0 {
		for i, g := range g {
			n := int64At(b, s, g, 0)
			*n++
			acc := (*[8]uint64)(unsafe.Add(unsafe.Pointer(n), 8))
			v := x.int64(i)
			addSmall(acc[0:4], v)
			addSmall(acc[4:8], v*v)
		}
		return true
	}
	for i, g := range g {
		n := int64At(b, s, g, 0)
		*n++
		acc := (*[20]uint64)(unsafe.Pointer(p.at(b, s, g, 0)))
		v, w := x.int64(i), y.int64(i)
		addSmall(acc[0:4], v)
		addSmall(acc[4:8], w)
		addSmall(acc[8:12], v*v)
		addSmall(acc[12:16], w*w)
		addSmall(acc[16:20], v*w)
	}
	return true
}

// small reports that the first n values are integers of less than 31 bits.
func (s *scaled) small(n int) bool {
	var or uint64
	for i, m := range s.m[:n] {
		or |= m | uint64(s.shift[i])<<32
	}
	return or < 1<<31
}

func (s *scaled) int64(i int) int64 { return int64(s.m[i] ^ s.neg[i] + s.neg[i]&1) }

// addSmall adds one word to a sum; the upper half changes only when the lower one
// runs over, or goes below zero.
func addSmall(acc []uint64, v int64) {
	top := uint64(v >> 63)
	lo, c := bits.Add64(acc[0], uint64(v), 0)
	mid, c := bits.Add64(acc[1], top, c)
	acc[0], acc[1] = lo, mid
	if top+c != 0 {
		acc[2], c = bits.Add64(acc[2], top, c)
		acc[3], _ = bits.Add64(acc[3], top, c)
	}
}

func addProduct(acc *[4]uint64, x, y *scaled, i int) {
	hi, lo := bits.Mul64(x.m[i], y.m[i])
	addFixed(acc, hi, lo, uint(x.shift[i])+uint(y.shift[i]), x.neg[i]^y.neg[i])
}

// addFixed adds ±(hi, lo)·2^s.
func addFixed(acc *[4]uint64, hi, lo uint64, s uint, neg uint64) {
	r := s & 63
	w0, w1, w2, w3 := lo<<r, hi<<r|lo>>1>>(63-r), hi>>1>>(63-r), uint64(0)
	if s >= 64 {
		w0, w1, w2, w3 = 0, w0, w1, w2
	}
	var c uint64
	acc[0], c = bits.Add64(acc[0], w0^neg, neg&1)
	acc[1], c = bits.Add64(acc[1], w1^neg, c)
	acc[2], c = bits.Add64(acc[2], w2^neg, c)
	acc[3], _ = bits.Add64(acc[3], w3^neg, c)
}

// A pairColumn is one column of the rows where two are valid.
type pairColumn struct {
	v   chunk.Vec
	buf []byte
	g   []uint32
}

// pair returns the arguments of the rows where both are valid, and their groups.
func (p *momentsPart) pair(l *lap) (x, y *chunk.Vec, g []uint32) {
	x, y = &l.args[p.args[0]], &l.args[p.args[1]]
	if x.Type.Kind == dtype.Null || y.Type.Kind == dtype.Null {
		return x, y, nil
	}
	n := l.n
	g = l.gid[:n]
	if x.Valid != nil || y.Valid != nil {
		p.and = slices.Grow(p.and[:0], chunk.Words(lapRows))[:chunk.Words(n)]
		for i := range p.and {
			p.and[i] = math.MaxUint64
		}
		for _, v := range []*chunk.Vec{x, y} {
			if v.Valid != nil {
				kernel.And(p.and, p.and, v.Valid[:len(p.and)])
			}
		}
		for i, v := range []*chunk.Vec{x, y} {
			c := &p.col[i]
			if c.buf == nil {
				c.buf, c.g = make([]byte, (lapRows+64)*8), make([]uint32, lapRows+64)
			}
			masked := *v
			masked.Valid = p.and
			c.v, n = compressVec(&masked, l.n, c.buf)
		}
		kernel.Compress(p.col[0].g[:l.n+64], l.gid[:l.n], p.and)
		g, x, y = p.col[0].g[:n], &p.col[0].v, &p.col[1].v
	}
	return x, y, g
}

func (s *scaled) load(v *chunk.Vec, n int, unit *int) { s.loadAs(v, n, unit, false) }

// loadAs turns the first n values of v, all valid, into integers of a unit,
// which it chooses from the first finite ones.
func (s *scaled) loadAs(v *chunk.Vec, n int, unit *int, float bool) {
	if s.m == nil {
		s.m, s.neg, s.shift, s.f = make([]uint64, lapRows), make([]uint64, lapRows), make([]uint8, lapRows), make([]float64, lapRows)
	}
	if !v.Type.Kind.IsFloat() && !float {
		*unit = intUnit
		s.loadInts(v, n)
		return
	}
	f := s.f[:n]
	switch v.Type.Kind {
	case dtype.Float64:
		copy(f, chunk.Slice[float64](v.Data, n))
	case dtype.Float32:
		for i, x := range chunk.Slice[float32](v.Data, n) {
			f[i] = float64(x)
		}
	default:
		s.intsAsFloats(v, n)
	}
	s.loadFloats(f, unit)
}

func (s *scaled) intsAsFloats(v *chunk.Vec, n int) {
	s.loadInts(v, n)
	for i := range n {
		x := float64(s.m[i])
		if s.neg[i] != 0 {
			x = -x
		}
		s.f[i] = x
	}
}

func (s *scaled) loadInts(v *chunk.Vec, n int) {
	clear(s.shift[:n])
	if v.Type.Kind == dtype.Uint64 {
		copy(s.m, chunk.Slice[uint64](v.Data, n))
		clear(s.neg[:n])
		return
	}
	o := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(s.m))), lapRows)[:n]
	orderKeys(v, o)
	for i, x := range o {
		neg := uint64(x >> 63)
		s.m[i], s.neg[i] = uint64(x)^neg+neg&1, neg
	}
}

func (s *scaled) loadFloats(f []float64, unit *int) {
	if *unit == 0 {
		top := 0
		for _, x := range f {
			if e := int(math.Float64bits(x) >> 52 & 0x7ff); e != 0x7ff && x != 0 {
				top = max(top, e, 1)
			}
		}
		if top > 0 {
			// A multiple of 16, so that threads agree unless their data differ much.
			*unit = max((top-45+15)&^15, 1)
		}
	}
	for i, x := range f {
		b := math.Float64bits(x)
		e, m := int(b>>52&0x7ff), b&(1<<52-1)
		if e == 0 {
			e = 1
		} else {
			m |= 1 << 52
		}
		d := e - *unit
		switch {
		case b<<1 == 0:
			m, d = 0, 0
		case e == 0x7ff || d > maxShift || d < -52 || d < 0 && m&(1<<uint(-d)-1) != 0:
			d = outside
		case d < 0:
			m, d = m>>uint(-d), 0
		}
		s.m[i], s.neg[i], s.shift[i] = m, uint64(int64(b)>>63), uint8(d)
	}
}

// addBig adds row i of the loaded values to the big integers of g.
func (p *momentsPart) addBig(g uint32, i int) {
	w := p.big(g)
	var v [2]*big.Int
	for k := range p.args {
		if p.args[k] < 0 {
			continue
		}
		if v[k] = p.in[k].bigInt(i); v[k] == nil {
			w.odd = true
			return
		}
	}
	add := func(k int, a, b *big.Int) { w.sum[k].Add(&w.sum[k], new(big.Int).Mul(a, b)) }
	one := big.NewInt(1)
	add(0, v[0], one)
	if v[1] == nil {
		add(1, v[0], v[0])
		return
	}
	add(1, v[1], one)
	add(2, v[0], v[0])
	add(3, v[1], v[1])
	add(4, v[0], v[1])
}

func (p *momentsPart) big(g uint32) *bigMoments {
	w := p.wide[g]
	if w == nil {
		if p.wide == nil {
			p.wide = map[uint32]*bigMoments{}
		}
		w = &bigMoments{}
		p.wide[g] = w
	}
	return w
}

// bigInt returns value i in units of 2^-1074; nil for NaN and infinities.
func (s *scaled) bigInt(i int) *big.Int {
	b := math.Float64bits(s.f[i])
	e, m := uint(b>>52&0x7ff), b&(1<<52-1)
	switch e {
	case 0x7ff:
		return nil
	case 0:
		e = 1
	default:
		m |= 1 << 52
	}
	x := new(big.Int).SetUint64(m)
	x.Lsh(x, e-1)
	if b>>63 != 0 {
		x.Neg(x)
	}
	return x
}

// units returns the exponent of sum k's unit above 2^-1074 or 2^-2148.
func (p *momentsPart) units(k int, unit [2]int) uint {
	x, y := max(unit[0], 1)-1, max(unit[1], 1)-1
	if p.args[1] < 0 {
		return uint([]int{x, 2 * x}[k])
	}
	return uint([]int{x, y, 2 * x, 2 * y, x + y}[k])
}

// fold moves every group's sums to big integers, far from running over.
func (p *momentsPart) fold() {
	if p.calm > 0 {
		p.settle()
	}
	b, s := p.base()
	for g := range p.t.made {
		for k := range p.sums() {
			if acc := p.at(b, s, uint32(g), k); *acc != [4]uint64{} {
				p.addUnits(uint32(g), k, *acc, p.unit)
				*acc = [4]uint64{}
			}
		}
	}
	p.rows = 0
}

// addUnits adds a sum in the given units to the big integers of g.
func (p *momentsPart) addUnits(g uint32, k int, acc [4]uint64, unit [2]int) {
	w := p.big(g)
	x := bigFixed(acc)
	w.sum[k].Add(&w.sum[k], x.Lsh(x, p.units(k, unit)))
}

func bigFixed(a [4]uint64) *big.Int {
	neg := uint64(int64(a[3]) >> 63)
	var c uint64
	for i := range a {
		a[i] ^= neg
	}
	a[0], c = bits.Add64(a[0], neg&1, 0)
	a[1], c = bits.Add64(a[1], 0, c)
	a[2], c = bits.Add64(a[2], 0, c)
	a[3] += c
	x := new(big.Int)
	if bits.UintSize == 64 {
		x.SetBits([]big.Word{big.Word(a[0]), big.Word(a[1]), big.Word(a[2]), big.Word(a[3])})
	} else {
		var b [32]byte
		for i, w := range a {
			binary.BigEndian.PutUint64(b[24-8*i:], w)
		}
		x.SetBytes(b[:])
	}
	if neg != 0 {
		x.Neg(x)
	}
	return x
}

// A packed state is n, the sums and the two units.
func (p *momentsPart) packed() int { return 8 + 32*p.sums() + 16 }

func (p *momentsPart) pack(g uint32, dst []byte) {
	putInt64(dst, p.word(g, 0))
	for k := range p.sums() {
		x := p.sum(g, k)
		copy(dst[8+32*k:], chunk.Bytes(x[:]))
	}
	units := dst[8+32*p.sums():]
	putInt64(units, int64(p.unit[0]))
	putInt64(units[8:], int64(p.unit[1]))
}

func (p *momentsPart) packAll(gid []uint32, dst []byte, at, step int) {
	for i, g := range gid {
		p.pack(g, dst[i*step+at:])
	}
}

func (p *momentsPart) plain() bool { return len(p.wide) == 0 }

func (p *momentsPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	w := p.packed() - 16
	for i, g := range gid {
		src := b[int(off[i])+at:][:w+16]
		n := getInt64(src)
		unit := [2]int{int(getInt64(src[w:])), int(getInt64(src[w+8:]))}
		if unit[0] < 0 || unit[0] > 2047 || unit[1] < 0 || unit[1] > 2047 {
			return errCorrupt
		}
		if p.rows += n; p.rows > 1<<31 {
			p.fold()
		}
		for k := range unit {
			if p.unit[k] == 0 {
				p.unit[k] = unit[k]
			}
		}
		base, s := p.base()
		*int64At(base, s, g, 0) += n
		for k := range p.sums() {
			x := *(*[4]uint64)(unsafe.Pointer(unsafe.SliceData(src[8+32*k:][:32])))
			switch {
			case x == [4]uint64{}:
			case unit == p.unit && n <= 1<<31:
				acc := p.at(base, s, g, k)
				var c uint64
				for j := range acc {
					acc[j], c = bits.Add64(acc[j], x[j], c)
				}
			default:
				p.addUnits(g, k, x, unit)
			}
		}
	}
	return nil
}

func (p *momentsPart) extra(g uint32, dst []byte) []byte {
	w := p.wide[g]
	if w == nil {
		return dst
	}
	odd := byte(0)
	if w.odd {
		odd = 1
	}
	dst = append(dst, odd)
	for k := range p.sums() {
		b := w.sum[k].Bytes()
		dst = append(dst, byte(w.sum[k].Sign()+1))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
		dst = append(dst, b...)
	}
	return dst
}

func (p *momentsPart) mergeExtra(g uint32, _, extra []byte) error {
	if len(extra) == 0 {
		return errCorrupt
	}
	w := p.big(g)
	w.odd = w.odd || extra[0] != 0
	b := extra[1:]
	for k := range p.sums() {
		if len(b) < 5 || len(b)-5 < int(binary.LittleEndian.Uint32(b[1:])) {
			return errCorrupt
		}
		n := int(binary.LittleEndian.Uint32(b[1:]))
		x := new(big.Int).SetBytes(b[5 : 5+n])
		if b[0] == 0 {
			x.Neg(x)
		}
		w.sum[k].Add(&w.sum[k], x)
		b = b[5+n:]
	}
	return nil
}

// total returns sum k of group g and the exponent of its unit: exact.
func (p *momentsPart) total(g uint32, k int) *big.Int {
	x := bigFixed(p.sum(g, k))
	if w := p.wide[g]; w != nil {
		x.Lsh(x, p.units(k, p.unit))
		x.Add(x, &w.sum[k])
	}
	return x
}

// variance returns the variance, correctly rounded: (n·Σx² − (Σx)²) / (n·(n−1)).
// ok is false below two values.
func (p *momentsPart) variance(g uint32) (v *big.Float, ok bool) {
	return p.second(g, 1, 0, 0, 2*max(p.unit[0], 1))
}

// quickVariance is variance in 256 bits; false when these do not suffice.
func (p *momentsPart) quickVariance(g uint32) (x float64, ok bool) {
	return p.quick(g, 1, 0, 0, 2*max(p.unit[0], 1))
}

// quick is second in 256 bits; false when these do not suffice.
func (p *momentsPart) quick(g uint32, q, a, b, unit int) (x float64, ok bool) {
	if len(p.wide) > 0 && p.wide[g] != nil {
		return 0, false
	}
	return second(p.word(g, 0), p.sum(g, q), p.sum(g, a), p.sum(g, b), unit-2150)
}

// covariance returns (n·Σxy − Σx·Σy) / (n·(n−1)); ok is false below two rows.
func (p *momentsPart) covariance(g uint32) (x float64, ok bool) {
	unit := max(p.unit[0], 1) + max(p.unit[1], 1)
	if x, ok := p.quick(g, 4, 0, 1, unit); ok {
		return x, true
	}
	v, ok := p.second(g, 4, 0, 1, unit)
	if v == nil {
		return math.NaN(), ok
	}
	x, _ = v.Float64()
	return x, ok
}

// second returns (n·q − a·b) / (n·(n−1)) of three sums; unit is that of q. ok is false
// below two rows; nil is no number.
func (p *momentsPart) second(g uint32, q, a, b, unit int) (v *big.Float, ok bool) {
	n := p.word(g, 0)
	if n < 2 {
		return nil, false
	}
	exp := unit - 2150
	if w := p.wide[g]; w != nil {
		if w.odd {
			return nil, true
		}
		exp = -2148
	}
	num := spread(n, p.total(g, q), p.total(g, a), p.total(g, b))
	den := new(big.Int).Mul(big.NewInt(n), big.NewInt(n-1))
	f := new(big.Float).SetPrec(128).Quo(new(big.Float).SetInt(num), new(big.Float).SetInt(den))
	return f.SetMantExp(f, exp), true
}

// spread returns n·q − a·b.
func spread(n int64, q, a, b *big.Int) *big.Int {
	q.Mul(q, big.NewInt(n))
	return q.Sub(q, new(big.Int).Mul(a, b))
}

// correlation returns Pearson's coefficient; ok is false below two rows.
func (p *momentsPart) correlation(g uint32) (r float64, ok bool) {
	n := p.word(g, 0)
	if n < 2 {
		return 0, false
	}
	if w := p.wide[g]; w != nil && w.odd {
		return math.NaN(), true
	}
	vx := spread(n, p.total(g, 2), p.total(g, 0), p.total(g, 0))
	vy := spread(n, p.total(g, 3), p.total(g, 1), p.total(g, 1))
	if vx.Sign() == 0 || vy.Sign() == 0 {
		return math.NaN(), true
	}
	c := spread(n, p.total(g, 4), p.total(g, 0), p.total(g, 1))
	root := new(big.Float).SetPrec(128).SetInt(vx.Mul(vx, vy))
	root.Sqrt(root)
	r, _ = root.Quo(new(big.Float).SetPrec(128).SetInt(c), root).Float64()
	return r, true
}
