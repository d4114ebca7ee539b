package vec

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// The functions of this file follow exp.go, log.go and trig.go of package vec operation by operation, so that every level
// gives the same bits. A vector is of float64; float32 is converted when read and when written.

type vector = reg.VecVirtual

// mathGen has the operations. Each returns a new register.
type mathGen struct {
	*gen
	emit.ISA
	bail string // where to go when a lane is out of range
}

// writeMath writes functions of one element. Those that have a range return how many elements they have done when the next
// vector has a lane out of it.
func writeMath(g *gen, s emit.ISA) {
	if s == emit.AVX2 {
		g.maskTable()
	}
	m := &mathGen{gen: g, ISA: s}
	for _, f := range []struct {
		op     string
		ranged bool
		f      func(x vector) vector
	}{
		{"Exp", false, m.exp}, {"Exp2", false, m.exp2}, {"Expm1", true, m.expm1Ranged}, {"Tanh", false, m.tanh}, {"Sinh", true, m.sinh}, {"Cosh", true, m.cosh},
		{"Log", false, m.log}, {"Log2", false, m.log2}, {"Log10", false, m.log10}, {"Log1p", false, m.log1p},
		{"Sin", true, func(x vector) vector { return m.sinCos(x, 0) }}, {"Cos", true, func(x vector) vector { return m.sinCos(x, 1) }}, {"Tan", true, m.tan},
	} {
		for _, t := range []elem{f64, f32} {
			m.write(t, f.op, f.ranged, f.f)
		}
	}
	for _, t := range []elem{f64, f32} {
		for _, form := range []string{"Binary", "Right", "Left"} {
			m.writePow(t, form)
		}
	}
}

func (m *mathGen) write(t elem, op string, ranged bool, f func(x vector) vector) {
	name := "math" + op + t.name + m.ISA.Name
	signature := fmt.Sprintf("func(dst, x []%s)", t.goType)
	if ranged {
		m.tables.add("ranged", t.name, signature+" int", m.ISA, op, name)
		signature += " (done int)"
	} else {
		m.tables.add("unary", t.name, signature, m.ISA, op, name)
	}
	m.Begin(name, signature, "is "+op+".")
	dst, x := m.base("dst"), m.base("x")
	p := m.newStrip(m.ISA, 8, m.shortest("dst", "x"))
	m.bail = m.label("done")
	p.run(1, func(int) { m.put(p, t, f(m.read(p, t, x)), dst) })
	if ranged {
		// All is done, what was left included.
		m.ADDQ(p.n, p.i)
		m.Label(m.bail)
		m.Store(p.i, m.ReturnIndex(0))
	}
	m.End()
}

// read returns the next vector as float64.
func (m *mathGen) read(p *strip, t elem, x reg.Register) vector {
	v := m.Vec(m.ISA)
	if t.size == 8 {
		p.load(x, 8, 0, v)
	} else {
		m.VCVTPS2PD(p.loadSome(x, 4, 0), v)
	}
	return v
}

// put writes a vector of float64 as elements of the type.
func (m *mathGen) put(p *strip, t elem, y vector, dst reg.Register) {
	switch {
	case t.size == 8:
		p.store(y, dst, 8, 0)
		return
	case m.ISA == emit.AVX512:
		m.VCVTPD2PS(y, y.AsY())
	default:
		m.VCVTPD2PSY(y, y.AsX())
	}
	p.storeSome(y, dst, 4, 0)
}

// word is a constant of 64 bits in all lanes, in memory.
func (m *mathGen) word(bits uint64) Mem {
	return m.Word(fmt.Sprintf("lanes%016x%s", bits, m.ISA.Name), m.ISA, bits)
}

func (m *mathGen) c(v float64) Mem { return m.word(math.Float64bits(v)) }

// ld puts a constant or a copy into a new register.
func (m *mathGen) ld(v Op) vector {
	r := m.Vec(m.ISA)
	m.VMOVUPD(v, r)
	return r
}

func (m *mathGen) two(f func(...Op), a vector, b Op) vector {
	r := m.Vec(m.ISA)
	f(b, a, r)
	return r
}

func (m *mathGen) plus(a vector, b Op) vector  { return m.two(m.VADDPD, a, b) }
func (m *mathGen) minus(a vector, b Op) vector { return m.two(m.VSUBPD, a, b) }
func (m *mathGen) times(a vector, b Op) vector { return m.two(m.VMULPD, a, b) }
func (m *mathGen) over(a vector, b Op) vector  { return m.two(m.VDIVPD, a, b) }

// fma3 is a*b + c, nfma is c - a*b, fms is a*b - c; each needs c in a register of its own.
func (m *mathGen) fma3(a vector, b Op, c Op) vector {
	r := m.ld(c)
	m.VFMADD231PD(b, a, r)
	return r
}

func (m *mathGen) nfma(a vector, b Op, c Op) vector {
	r := m.ld(c)
	m.VFNMADD231PD(b, a, r)
	return r
}

func (m *mathGen) fms(a vector, b Op, c Op) vector {
	r := m.ld(c)
	m.VFMSUB231PD(b, a, r)
	return r
}

// nearest rounds to an integer, the even one of two; floor down.
func (m *mathGen) nearest(a vector) vector {
	r := m.Vec(m.ISA)
	m.round(m.ISA, f64, 0, a, r)
	return r
}

func (m *mathGen) floor(a vector) vector {
	r := m.Vec(m.ISA)
	m.round(m.ISA, f64, 1, a, r)
	return r
}

// horner evaluates a polynomial, coefficients from the highest power down.
func (m *mathGen) horner(x vector, c ...float64) vector {
	p := m.ld(m.c(c[0]))
	for _, v := range c[1:] {
		m.VFMADD213PD(m.c(v), x, p)
	}
	return p
}

// band, bor, bxor, iadd, isub, shl and shr are operations on patterns.
func (m *mathGen) band(a vector, b Op) vector {
	if m.ISA == emit.AVX512 {
		return m.two(m.VPANDQ, a, b)
	}
	return m.two(func(o ...Op) { m.VPAND(o[0], o[1], o[2]) }, a, b)
}

func (m *mathGen) bor(a vector, b Op) vector {
	if m.ISA == emit.AVX512 {
		return m.two(m.VPORQ, a, b)
	}
	return m.two(func(o ...Op) { m.VPOR(o[0], o[1], o[2]) }, a, b)
}

func (m *mathGen) bxor(a vector, b Op) vector {
	if m.ISA == emit.AVX512 {
		return m.two(m.VPXORQ, a, b)
	}
	return m.two(func(o ...Op) { m.VPXOR(o[0], o[1], o[2]) }, a, b)
}

func (m *mathGen) iadd(a vector, b Op) vector { return m.two(m.VPADDQ, a, b) }
func (m *mathGen) isub(a vector, b Op) vector { return m.two(m.VPSUBQ, a, b) }

func (m *mathGen) shl(a vector, n uint64) vector {
	r := m.Vec(m.ISA)
	m.VPSLLQ(Imm(n), a, r)
	return r
}

func (m *mathGen) shr(a vector, n uint64) vector {
	r := m.Vec(m.ISA)
	m.VPSRLQ(Imm(n), a, r)
	return r
}

// where puts yes into the lanes of a copy of no in which a compares to b by the predicate (of VCMPPD).
func (m *mathGen) where(predicate uint8, a vector, b Op, yes, no Op) vector {
	r := m.ld(no)
	if m.ISA == emit.AVX512 {
		k := m.K()
		m.VCMPPD(U8(predicate), b, a, k)
		m.VMOVUPD(yes, k, r)
		return r
	}
	k := m.YMM()
	m.VCMPPD(U8(predicate), b, a, k)
	m.VBLENDVPD(k, yes, r, r)
	return r
}

// Predicates: quiet, false of NaN; "unless" ones are true of NaN.
const (
	isEqual    = 0x00
	isLess     = 0x11
	isGreater  = 0x1e
	unlessLess = 0x15
)

// check leaves the loop before anything is stored if a lane of |x| is above limit.
func (m *mathGen) check(x vector, limit float64) {
	if m.ISA == emit.AVX512 {
		k := m.K()
		m.VCMPPD(U8(isGreater), m.c(limit), x, k)
		m.KORTESTB(k, k)
	} else {
		k := m.YMM()
		m.VCMPPD(U8(isGreater), m.c(limit), x, k)
		m.VPTEST(k, k)
	}
	m.JNE(LabelRef(m.bail))
}

// require leaves the loop if a lane of a does not compare to b by the predicate. Lanes that are not there are what they are:
// zeros, for which the caller must not mind leaving.
func (m *mathGen) require(p *strip, predicate uint8, a vector, b Op) {
	if m.ISA == emit.AVX512 {
		k := m.K()
		m.VCMPPD(U8(predicate), b, a, k)
		if p.part {
			absent := m.K()
			m.KNOTB(p.k, absent)
			m.KORB(absent, k, k)
		}
		all := m.GP32()
		m.KMOVB(k, all)
		m.CMPL(all, U32(0xff))
	} else {
		v := m.YMM()
		m.VCMPPD(U8(predicate), b, a, v)
		if p.part {
			absent := m.YMM()
			m.VPCMPEQD(absent, absent, absent)
			m.VPXOR(p.wide, absent, absent)
			m.VPOR(absent, v, v)
		}
		all := m.GP32()
		m.VMOVMSKPD(v, all)
		m.CMPL(all, U32(0xf))
	}
	m.JNE(LabelRef(m.bail))
}

const signBit = 1 << 63

func (m *mathGen) abs(x vector) vector { return m.band(x, m.word(signBit-1)) }

// clamp leaves NaN: the instructions return their second source then.
func (m *mathGen) clamp(x vector, lo, hi float64) vector {
	a := m.ld(m.c(lo))
	m.VMAXPD(x, a, a)
	b := m.ld(m.c(hi))
	m.VMINPD(a, b, b)
	return b
}

func (m *mathGen) pow2(k vector) vector { return m.shl(m.plus(k, m.c(0x1.8p52+1023)), 52) }

func (m *mathGen) scale2(p, k vector) vector {
	if m.ISA == emit.AVX512 {
		r := m.Vec(m.ISA)
		m.VSCALEFPD(k, p, r)
		return r
	}
	half := m.floor(m.times(k, m.c(0.5)))
	return m.times(m.times(p, m.pow2(half)), m.pow2(m.minus(k, half)))
}

const (
	ln2Hi  = 6.93147180369123816490e-01
	ln2Lo  = 1.90821492927058770002e-10
	ln2Lo2 = 2.31904681384629955842e-17
)

var expTaylor = []float64{1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800, 1. / 362880, 1. / 40320, 1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 0.5}

func (m *mathGen) exp(x vector) vector {
	x = m.clamp(x, -746, 711)
	k := m.nearest(m.times(x, m.c(math.Log2E)))
	r := m.nfma(k, m.c(ln2Hi), x)
	r = m.nfma(k, m.c(ln2Lo), r)
	p := m.horner(r, expTaylor...)
	m.VFMADD213PD(r, m.times(r, r), p)
	return m.scale2(m.plus(p, m.c(1)), k)
}

func (m *mathGen) exp2(x vector) vector {
	x = m.clamp(x, -1080, 1030)
	k := m.nearest(x)
	f := m.minus(x, k)
	r := m.times(f, m.c(math.Ln2))
	lo := m.fma3(f, m.c(ln2Lo2), m.fms(f, m.c(math.Ln2), r))
	p := m.horner(r, expTaylor...)
	m.VFMADD213PD(lo, m.times(r, r), p)
	return m.scale2(m.plus(m.plus(p, r), m.c(1)), k)
}

const expm1Max = 709

func (m *mathGen) expm1(x vector) vector {
	y := m.clamp(x, -60, expm1Max)
	k := m.nearest(m.times(y, m.c(math.Log2E)))
	h := m.nfma(k, m.c(ln2Hi), y)
	r := m.nfma(k, m.c(ln2Lo), h)
	lo := m.nfma(k, m.c(ln2Lo), m.minus(h, r))
	p := m.horner(r, expTaylor...)
	m.VFMADD213PD(lo, m.times(r, r), p)
	p = m.plus(p, r)
	s := m.pow2(k)
	return m.bor(m.fma3(p, s, m.minus(s, m.c(1))), m.band(x, m.word(signBit)))
}

func (m *mathGen) expm1Ranged(x vector) vector {
	m.check(x, expm1Max)
	return m.expm1(x)
}

func (m *mathGen) tanh(x vector) vector {
	const split = 0.55
	a := m.abs(x)
	e := m.expm1(m.plus(a, a))
	t := m.over(m.where(isGreater, a, m.c(split), m.ld(m.c(2)), e), m.plus(e, m.c(2)))
	t = m.where(isGreater, a, m.c(split), m.minus(m.ld(m.c(1)), t), t)
	return m.bor(t, m.band(x, m.word(signBit)))
}

func (m *mathGen) sinh(x vector) vector {
	a := m.abs(x)
	m.check(a, expm1Max)
	e := m.expm1(a)
	s := m.times(m.plus(e, m.over(e, m.plus(e, m.c(1)))), m.c(0.5))
	return m.bor(s, m.band(x, m.word(signBit)))
}

func (m *mathGen) cosh(x vector) vector {
	a := m.abs(x)
	m.check(a, expm1Max)
	e := m.exp(a)
	return m.times(m.plus(e, m.over(m.ld(m.c(1)), e)), m.c(0.5))
}

const logBase = 0x3fe6a09e667f3bcd

func (m *mathGen) logParts(x vector) (k, f vector) {
	t := m.isub(x, m.word(logBase))
	k = m.bor(m.shr(m.iadd(t, m.word(1024<<52)), 52), m.word(0x4330000000000000))
	k = m.minus(k, m.c(0x1p52+1024))
	f = m.iadd(m.band(t, m.word(1<<52-1)), m.word(logBase))
	return k, m.minus(f, m.c(1))
}

func (m *mathGen) logSeries(f vector) (h, r vector) {
	s := m.over(f, m.plus(f, m.c(2)))
	z := m.times(s, s)
	h = m.times(m.times(f, f), m.c(0.5))
	p := m.horner(z, 1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
		2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01)
	return h, m.times(m.plus(h, m.times(p, z)), s)
}

// logRange returns x made normal, and what that takes from the exponent.
func (m *mathGen) logRange(x vector) (scaled, add vector) {
	small := m.c(0x1p-1022)
	zero := m.Vec(m.ISA)
	m.xor(m.ISA)(zero, zero, zero)
	return m.where(isLess, x, small, m.times(x, m.c(0x1p54)), x), m.where(isLess, x, small, m.ld(m.c(-54)), zero)
}

func (m *mathGen) logEnds(x, y vector) vector {
	zero := m.Vec(m.ISA)
	m.xor(m.ISA)(zero, zero, zero)
	y = m.where(unlessLess, x, m.c(math.Inf(1)), x, y)
	y = m.where(isEqual, x, zero, m.ld(m.c(math.Inf(-1))), y)
	return m.where(isLess, x, zero, m.ld(m.c(math.NaN())), y)
}

func (m *mathGen) log(x vector) vector {
	n, add := m.logRange(x)
	k, f := m.logParts(n)
	k = m.plus(k, add)
	h, r := m.logSeries(f)
	r = m.fma3(k, m.c(ln2Lo), r)
	return m.logEnds(x, m.fma3(k, m.c(ln2Hi), m.minus(f, m.minus(h, r))))
}

func (m *mathGen) log2(x vector) vector {
	return m.logBoth(x, 1.4426950408889634074, 2.0355273740931033e-17, 1, 0)
}

func (m *mathGen) log10(x vector) vector {
	return m.logBoth(x, 4.3429448190325182765e-01, 1.098319650216765e-17, 3.01029995663611771306e-01, 3.69423907715893078616e-13)
}

func (m *mathGen) logBoth(x vector, c1, c2, d1, d2 float64) vector {
	n, add := m.logRange(x)
	k, f := m.logParts(n)
	k = m.plus(k, add)
	h, r := m.logSeries(f)
	hi := m.minus(f, h)
	lo := m.plus(m.minus(m.minus(f, hi), h), r)
	p := m.times(hi, m.c(c1))
	q := m.fma3(lo, m.c(c1), m.fma3(hi, m.c(c2), m.fms(hi, m.c(c1), p)))
	q = m.fma3(k, m.c(d2), q)
	e := m.times(k, m.c(d1))
	w := m.plus(e, p)
	b := m.minus(w, e)
	q = m.plus(q, m.plus(m.minus(e, m.minus(w, b)), m.minus(p, b)))
	return m.logEnds(x, m.plus(w, q))
}

func (m *mathGen) log1p(x vector) vector {
	one := m.ld(m.c(1))
	u := m.plus(x, one)
	b := m.minus(u, one)
	c := m.over(m.plus(m.minus(one, m.minus(u, b)), m.minus(x, b)), u)
	k, f := m.logParts(u)
	h, r := m.logSeries(f)
	r = m.fma3(k, m.c(ln2Lo), m.plus(c, r))
	y := m.fma3(k, m.c(ln2Hi), m.minus(f, m.minus(h, r)))
	zero := m.Vec(m.ISA)
	m.xor(m.ISA)(zero, zero, zero)
	y = m.where(isEqual, x, zero, x, y)
	y = m.where(unlessLess, x, m.c(math.Inf(1)), x, y)
	y = m.where(isEqual, x, m.c(-1), m.ld(m.c(math.Inf(-1))), y)
	return m.where(isLess, x, m.c(-1), m.ld(m.c(math.NaN())), y)
}

const (
	halfPi1 = 1.5707963267948966192
	halfPi2 = 6.1232339957367658860e-17
	halfPi3 = -1.4973849048591833184e-33
	trigMax = 1 << 20
)

func (m *mathGen) reduceAngle(x vector) (r, lo, k vector) {
	m.check(m.abs(x), trigMax)
	k = m.nearest(m.times(x, m.c(2/math.Pi)))
	r0 := m.nfma(k, m.c(halfPi1), x)
	t := m.times(k, m.c(-halfPi2))
	te := m.ld(t)
	m.VFNMSUB231PD(m.c(halfPi2), k, te) // -(k*halfPi2) - t
	r = m.plus(r0, t)
	b := m.minus(r, r0)
	lo = m.plus(m.minus(r0, m.minus(r, b)), m.minus(t, b))
	lo = m.nfma(k, m.c(halfPi3), m.plus(lo, te))
	return r, lo, k
}

func (m *mathGen) sinCosNear(r, lo vector) (sin, cos vector) {
	z := m.times(r, r)
	v := m.times(z, r)
	p := m.horner(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06, -1.98412698298579493134e-04, 8.33333333332248946124e-03)
	a := m.minus(m.times(m.nfma(v, p, m.times(lo, m.c(0.5))), z), lo)
	sin = m.minus(r, m.nfma(v, m.c(-1.66666666666666324348e-01), a))
	q := m.horner(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07, 2.48015872894767294178e-05,
		-1.38888888888741095749e-03, 4.16666666666666019037e-02)
	h := m.times(z, m.c(0.5))
	one := m.ld(m.c(1))
	w := m.minus(one, h)
	u := m.fms(m.times(z, z), q, m.times(r, lo))
	cos = m.plus(w, m.plus(m.minus(m.minus(one, w), h), u))
	return sin, cos
}

// odd puts yes into the lanes of a copy of no in which q is odd.
func (m *mathGen) odd(q, yes, no vector) vector {
	r := m.ld(no)
	if m.ISA == emit.AVX512 {
		k := m.K()
		m.VPTESTMQ(m.word(1), q, k)
		m.VMOVUPD(yes, k, r)
		return r
	}
	m.VBLENDVPD(m.shl(q, 63), yes, r, r)
	return r
}

func (m *mathGen) sinCos(x vector, shift uint64) vector {
	r, lo, k := m.reduceAngle(x)
	s, c := m.sinCosNear(r, lo)
	q := m.plus(k, m.c(0x1.8p52))
	if shift != 0 {
		q = m.iadd(q, m.word(shift))
	}
	y := m.odd(q, c, s)
	y = m.bxor(y, m.shl(m.shr(q, 1), 63))
	if shift != 0 {
		return y
	}
	return m.keepZero(x, y)
}

// keepZero is for odd functions: of -0 they are -0.
func (m *mathGen) keepZero(x, y vector) vector {
	zero := m.Vec(m.ISA)
	m.xor(m.ISA)(zero, zero, zero)
	return m.where(isEqual, x, zero, x, y)
}

func (m *mathGen) tan(x vector) vector {
	r, lo, k := m.reduceAngle(x)
	s, c := m.sinCosNear(r, lo)
	q := m.plus(k, m.c(0x1.8p52))
	y := m.over(m.odd(q, m.bxor(c, m.word(signBit)), s), m.odd(q, s, c))
	return m.keepZero(x, y)
}

// writePow writes powers: of two vectors, or with a constant exponent ("Right") or base ("Left").
func (m *mathGen) writePow(t elem, form string) {
	name := "mathPow" + form + t.name + m.ISA.Name
	signature := fmt.Sprintf("func(dst, x, y []%s)", t.goType)
	if form != "Binary" {
		signature = fmt.Sprintf("func(dst, x []%s, c %s)", t.goType, t.goType)
	}
	m.tables.add("ranged"+form, t.name, signature+" int", m.ISA, "Pow", name)
	m.Begin(name, signature+" (done int)", "is Pow.")
	dst, x := m.base("dst"), m.base("x")
	var y reg.GPVirtual
	var p *strip
	c := m.Vec(m.ISA)
	if form == "Binary" {
		y = m.base("y")
		p = m.newStrip(m.ISA, 8, m.shortest("dst", "x", "y"))
	} else {
		if t.size == 8 {
			m.VBROADCASTSD(m.ArgMem("c"), c)
		} else {
			half := c.AsY()
			if m.ISA == emit.AVX2 {
				half = c.AsX()
			}
			m.VBROADCASTSS(m.ArgMem("c"), half)
			m.VCVTPS2PD(half, c)
		}
		p = m.newStrip(m.ISA, 8, m.shortest("dst", "x"))
	}
	m.bail = m.label("done")
	p.run(1, func(int) {
		u := m.read(p, t, x)
		v := m.ld(c)
		switch form {
		case "Binary":
			v = m.read(p, t, y)
		case "Left":
			u, v = v, u
		}
		m.put(p, t, m.pow(p, u, v), dst)
	})
	m.ADDQ(p.n, p.i)
	m.Label(m.bail)
	m.Store(p.i, m.ReturnIndex(0))
	m.End()
}

func (m *mathGen) pow(p *strip, x, y vector) vector {
	a, zero := m.abs(x), m.Vec(m.ISA)
	m.require(p, isAtLeast, a, m.c(0x1p-1022))
	m.require(p, isLess, a, m.c(math.Inf(1)))
	m.xor(m.ISA)(zero, zero, zero)
	whole := m.where(isLess, x, zero, y, zero)
	m.require(p, isEqual, whole, m.nearest(whole))
	h, l := m.logTwice(a)
	eh := m.times(y, h)
	m.require(p, isAtMost, m.abs(eh), m.c(708))
	r := m.expTwice(eh, m.fma3(y, l, m.fms(y, h, eh)))
	half := m.times(whole, m.c(0.5))
	sign := m.where(isUnequal, half, m.floor(half), m.ld(m.word(signBit)), zero)
	return m.bxor(r, sign)
}

const (
	isAtMost  = 0x12
	isAtLeast = 0x1d
	isUnequal = 0x04
)

func (m *mathGen) logTwice(x vector) (h, l vector) {
	const twoThirds, twoThirdsL = 2. / 3, 3.70074341541718826e-17
	k, f := m.logParts(x)
	d := m.plus(f, m.c(2))
	dl := m.minus(f, m.minus(d, m.c(2)))
	s := m.over(f, d)
	sl := m.over(m.nfma(s, dl, m.nfma(s, d, f)), d)
	z := m.times(s, s)
	zl := m.fms(s, s, z)
	zl = m.fma3(m.plus(s, s), sl, zl)
	c := m.times(z, s)
	cl := m.fms(z, s, c)
	cl = m.fma3(z, sl, cl)
	cl = m.fma3(zl, s, cl)
	q := m.times(c, m.c(twoThirds))
	ql := m.fms(c, m.c(twoThirds), q)
	ql = m.fma3(cl, m.c(twoThirds), ql)
	ql = m.fma3(c, m.c(twoThirdsL), ql)
	tail := m.horner(z, 2./25, 2./23, 2./21, 2./19, 2./17, 2./15, 2./13, 2./11, 2./9, 2./7, 2./5)
	ql = m.fma3(m.times(c, z), tail, ql)
	a := m.plus(s, s)
	hi := m.plus(a, q)
	lo := m.plus(m.minus(a, hi), q)
	lo = m.plus(lo, m.plus(m.plus(sl, sl), ql))
	e := m.times(k, m.c(ln2Hi))
	h = m.plus(e, hi)
	l = m.plus(m.minus(e, h), hi)
	l = m.plus(l, m.fma3(k, m.c(ln2Lo), lo))
	t := m.plus(h, l)
	return t, m.plus(m.minus(h, t), l)
}

func (m *mathGen) expTwice(h, l vector) vector {
	k := m.nearest(m.times(h, m.c(math.Log2E)))
	a := m.nfma(k, m.c(ln2Hi), h)
	b := m.nfma(k, m.c(ln2Lo), a)
	c := m.plus(m.nfma(k, m.c(ln2Lo), m.minus(a, b)), l)
	r := m.plus(b, c)
	lo := m.plus(m.minus(b, r), c)
	p := m.horner(r, expTaylor...)
	m.VFMADD213PD(lo, m.times(r, r), p)
	return m.scale2(m.plus(m.plus(p, r), m.c(1)), k)
}
