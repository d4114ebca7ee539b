package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// laneMask turns validity bits into lanes: AVX-512 into a mask register, AVX2 into lanes of all ones.
type laneMask struct {
	*gen
	emit.ISA
	size  int
	valid reg.GPVirtual
	bits  []reg.VecVirtual // AVX2: the bit of each lane, for each group of lanes in a byte
}

// newLaneMask is for vectors of elements of size bytes.
func newLaneMask(g *gen, s emit.ISA, size int) *laneMask {
	m := &laneMask{gen: g, ISA: s, size: size, valid: g.Arg("valid")}
	if s == emit.AVX512 {
		return m
	}
	lanes := s.Width / size
	for first := 0; first < 8; first += lanes {
		v := g.YMM()
		name := map[int]string{4: "laneBits32", 8: map[int]string{0: "laneBits64Low", 4: "laneBits64High"}[first]}[size]
		g.VMOVDQU(NewDataAddr(NewStaticSymbol(name), 0), v)
		m.bits = append(m.bits, v)
	}
	return m
}

// laneBitTables makes the tables that newLaneMask uses.
func laneBitTables(g *gen) {
	g.table("laneBits32", 8, func(i int) Constant { return U32(1 << i) })
	g.table("laneBits64Low", 4, func(i int) Constant { return U64(1 << i) })
	g.table("laneBits64High", 4, func(i int) Constant { return U64(16 << i) })
}

// opmask returns the mask of the i-th vector of a block of 64 elements.
func (m *laneMask) opmask(i int) reg.OpmaskVirtual {
	k := m.K()
	if lanes := m.Width / m.size; lanes == 16 {
		m.KMOVW(emit.At(m.valid, 2*i), k)
	} else {
		m.KMOVB(emit.At(m.valid, i), k)
	}
	return k
}

// lanes returns the mask of the i-th vector of a block as lanes of all ones.
func (m *laneMask) lanes(i int) reg.VecVirtual {
	v := m.YMM()
	b := m.bits[i%len(m.bits)]
	m.VPBROADCASTB(emit.At(m.valid, i/len(m.bits)), v)
	m.VPAND(b, v, v)
	if m.size == 4 {
		m.VPCMPEQD(b, v, v)
	} else {
		m.VPCMPEQQ(b, v, v)
	}
	return v
}

const accumulators = 4

func writeMinMax(g *gen) {
	laneBitTables(g)
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range numbers {
			for _, masked := range []bool{false, true} {
				name, signature := "minMax"+t.name+s.Name, "func(x *byte, blocks int, out *byte) (nan uint64)"
				if masked {
					name, signature = "minMaxValid"+t.name+s.Name, "func(x, valid *byte, blocks int, out *byte) (nan uint64)"
				}
				g.Begin(name, signature, "does blocks of 64 elements; out holds a vector of minima and one of maxima to start from.")
				m := &minMax{gen: g, ISA: s, number: t}
				m.write(masked)
			}
		}
	}
}

type minMax struct {
	*gen
	emit.ISA
	number
	x       reg.GPVirtual
	mask    *laneMask
	lo, hi  []reg.VecVirtual
	identLo reg.VecVirtual
	identHi reg.VecVirtual
	sign    reg.VecVirtual
	nan     reg.VecVirtual
	nanK    reg.OpmaskVirtual
}

// flipped says that the lanes are compared as signed numbers after their top bit was turned.
func (m *minMax) flipped() bool { return m.ISA == emit.AVX2 && m.size == 8 && !m.signed }

func (m *minMax) write(masked bool) {
	m.x = m.Arg("x")
	blocks, out := m.Arg("blocks"), m.Arg("out")
	if masked {
		m.mask = newLaneMask(m.gen, m.ISA, m.size)
	}
	m.start(out)
	m.Label("loop")
	for i := range 64 * m.size / m.Width {
		m.step(i)
	}
	m.ADDQ(U32(64*m.size), m.x)
	if masked {
		m.ADDQ(Imm(8), m.mask.valid)
	}
	m.DECQ(blocks)
	m.JNZ(LabelRef("loop"))
	for n := accumulators / 2; n > 0; n /= 2 {
		for i := range n {
			m.least(m.lo[i+n], m.lo[i], m.lo[i])
			m.greatest(m.hi[i+n], m.hi[i], m.hi[i])
		}
	}
	if m.flipped() {
		m.VPXOR(m.sign, m.lo[0], m.lo[0])
		m.VPXOR(m.sign, m.hi[0], m.hi[0])
	}
	m.mov(m.ISA, m.lo[0], emit.At(out, 0))
	m.mov(m.ISA, m.hi[0], emit.At(out, m.Width))
	m.storeNaN()
	m.End()
}

func (m *minMax) start(out reg.GPVirtual) {
	m.lo, m.hi = m.Vecs(m.ISA, accumulators), m.Vecs(m.ISA, accumulators)
	m.mov(m.ISA, emit.At(out, 0), m.lo[0])
	m.mov(m.ISA, emit.At(out, m.Width), m.hi[0])
	if m.flipped() {
		m.sign = m.YMM()
		m.Signs(m.ISA, 8, m.sign)
		m.VPXOR(m.sign, m.lo[0], m.lo[0])
		m.VPXOR(m.sign, m.hi[0], m.hi[0])
	}
	for i := 1; i < accumulators; i++ {
		m.copy(m.lo[0], m.lo[i])
		m.copy(m.hi[0], m.hi[i])
	}
	if m.ISA == emit.AVX2 && m.mask != nil {
		m.identLo, m.identHi = m.YMM(), m.YMM()
		m.copy(m.lo[0], m.identLo)
		m.copy(m.hi[0], m.identHi)
	}
	if !m.float {
		return
	}
	if m.ISA == emit.AVX512 {
		m.nanK = m.K()
		m.KXORW(m.nanK, m.nanK, m.nanK)
	} else {
		m.nan = m.YMM()
		m.VPXOR(m.nan, m.nan, m.nan)
	}
}

func (m *minMax) copy(from, to reg.VecVirtual) {
	if m.ISA == emit.AVX512 {
		m.VMOVDQA64(from, to)
	} else {
		m.VMOVDQA(from, to)
	}
}

func (m *minMax) step(i int) {
	v := m.Vec(m.ISA)
	m.mov(m.ISA, emit.At(m.x, i*m.Width), v)
	lo, hi := m.lo[i%accumulators], m.hi[i%accumulators]
	if m.ISA == emit.AVX512 {
		m.step512(i, v, lo, hi)
		return
	}
	if m.flipped() {
		m.VPXOR(m.sign, v, v)
	}
	var lanes reg.VecVirtual
	if m.mask != nil {
		lanes = m.mask.lanes(i)
	}
	if m.float {
		m.noteNaN256(v, lanes)
	}
	a, b := v, v
	if lanes != nil {
		a, b = m.YMM(), m.YMM()
		m.VPBLENDVB(lanes, v, m.identLo, a)
		m.VPBLENDVB(lanes, v, m.identHi, b)
	}
	m.least(a, lo, lo)
	m.greatest(b, hi, hi)
}

// step512 leaves lanes that are null as they are.
func (m *minMax) step512(i int, v, lo, hi reg.VecVirtual) {
	if m.mask == nil {
		if m.float {
			k := m.K()
			if m.size == 4 {
				m.VCMPPS(Imm(3), v, v, k)
			} else {
				m.VCMPPD(Imm(3), v, v, k)
			}
			m.KORW(k, m.nanK, m.nanK)
		}
		m.least(v, lo, lo)
		m.greatest(v, hi, hi)
		return
	}
	k := m.mask.opmask(i)
	switch m.name() {
	case "I32":
		m.VPMINSD(v, lo, k, lo)
		m.VPMAXSD(v, hi, k, hi)
	case "U32":
		m.VPMINUD(v, lo, k, lo)
		m.VPMAXUD(v, hi, k, hi)
	case "I64":
		m.VPMINSQ(v, lo, k, lo)
		m.VPMAXSQ(v, hi, k, hi)
	case "U64":
		m.VPMINUQ(v, lo, k, lo)
		m.VPMAXUQ(v, hi, k, hi)
	case "F32":
		n := m.K()
		m.VCMPPS(Imm(3), v, v, k, n)
		m.KORW(n, m.nanK, m.nanK)
		m.VMINPS(lo, v, k, lo)
		m.VMAXPS(hi, v, k, hi)
	case "F64":
		n := m.K()
		m.VCMPPD(Imm(3), v, v, k, n)
		m.KORW(n, m.nanK, m.nanK)
		m.VMINPD(lo, v, k, lo)
		m.VMAXPD(hi, v, k, hi)
	}
}

// name returns the element type; the instruction set has a name as well.
func (m *minMax) name() string { return m.number.name }

// least sets d to the least of v and acc. If v is NaN the instruction for floats returns its last operand, the
// first one here, so that must be acc.
func (m *minMax) least(v, acc, d reg.VecVirtual) {
	switch m.name() {
	case "I32":
		m.VPMINSD(v, acc, d)
	case "U32":
		m.VPMINUD(v, acc, d)
	case "F32":
		m.VMINPS(acc, v, d)
	case "F64":
		m.VMINPD(acc, v, d)
	default:
		m.pick64(true, v, acc, d)
	}
}

// greatest is least for the maximum.
func (m *minMax) greatest(v, acc, d reg.VecVirtual) {
	switch m.name() {
	case "I32":
		m.VPMAXSD(v, acc, d)
	case "U32":
		m.VPMAXUD(v, acc, d)
	case "F32":
		m.VMAXPS(acc, v, d)
	case "F64":
		m.VMAXPD(acc, v, d)
	default:
		m.pick64(false, v, acc, d)
	}
}

// pick64 is for 64-bit integers, which AVX2 can only compare and blend.
func (m *minMax) pick64(least bool, v, acc, d reg.VecVirtual) {
	if m.ISA == emit.AVX512 {
		switch {
		case least && m.signed:
			m.VPMINSQ(v, acc, d)
		case least:
			m.VPMINUQ(v, acc, d)
		case m.signed:
			m.VPMAXSQ(v, acc, d)
		default:
			m.VPMAXUQ(v, acc, d)
		}
		return
	}
	greater := m.YMM()
	if least {
		m.VPCMPGTQ(v, acc, greater) // acc > v
	} else {
		m.VPCMPGTQ(acc, v, greater)
	}
	m.VPBLENDVB(greater, v, acc, d)
}

func (m *minMax) noteNaN256(v, lanes reg.VecVirtual) {
	u := m.YMM()
	if m.size == 4 {
		m.VCMPPS(Imm(3), v, v, u)
	} else {
		m.VCMPPD(Imm(3), v, v, u)
	}
	if lanes != nil {
		m.VPAND(lanes, u, u)
	}
	m.VPOR(u, m.nan, m.nan)
}

func (m *minMax) storeNaN() {
	r := m.GP64()
	switch {
	case !m.float:
		m.XORQ(r, r)
	case m.ISA == emit.AVX512:
		m.KMOVW(m.nanK, r.As32())
	default:
		m.VPMOVMSKB(m.nan, r.As32())
	}
	m.Store(r, m.Return("nan"))
}
