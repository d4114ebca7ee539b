package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// writeSum writes exact integer sums. 8-byte lanes hold sums of 32-bit numbers; a 64-bit number is summed as its
// upper half (with its sign, if it has one) and its lower half.
func writeSum(g *gen) {
	laneBitTables(g)
	for _, s := range []isa{avx512, avx2} {
		for _, t := range numbers {
			if t.float {
				continue
			}
			for _, masked := range []bool{false, true} {
				name, signature := "sum"+t.name+s.name, "func(x *byte, blocks int, out *byte)"
				if masked {
					name, signature = "sumValid"+t.name+s.name, "func(x, valid *byte, blocks int, out *byte)"
				}
				g.begin(name, signature, "does blocks of 64 elements, fewer than 2^24 of them; out gets a vector of sums of "+
					"8-byte lanes, for 64-bit numbers one of their upper and one of their lower halves.")
				m := &sum{gen: g, isa: s, number: t}
				m.write(masked)
			}
		}
	}
}

type sum struct {
	*gen
	isa
	number
	x      reg.GPVirtual
	mask   *laneMask
	hi, lo []reg.VecVirtual
	low    reg.VecVirtual // the lower half of every lane
}

func (m *sum) write(masked bool) {
	m.x = m.arg("x")
	blocks, out := m.arg("blocks"), m.arg("out")
	if masked {
		m.mask = newLaneMask(m.gen, m.isa, 8)
	}
	m.hi = m.zeros()
	if m.size == 8 {
		m.lo, m.low = m.zeros(), m.vec(m.isa)
		m.ones(m.isa, m.low)
		m.VPSRLQ(Imm(32), m.low, m.low)
	}
	m.Label("loop")
	for i := range 64 * 8 / m.width {
		m.step(i)
	}
	m.ADDQ(U32(64*m.size), m.x)
	if masked {
		m.ADDQ(Imm(8), m.mask.valid)
	}
	m.DECQ(blocks)
	m.JNZ(LabelRef("loop"))
	m.VPADDQ(m.hi[1], m.hi[0], m.hi[0])
	m.mov(m.isa, m.hi[0], at(out, 0))
	if m.size == 8 {
		m.VPADDQ(m.lo[1], m.lo[0], m.lo[0])
		m.mov(m.isa, m.lo[0], at(out, m.width))
	}
	m.end()
}

func (m *sum) zeros() []reg.VecVirtual {
	v := m.vecs(m.isa, 2)
	for i := range v {
		m.xor(m.isa, v[i], v[i], v[i])
	}
	return v
}

func (m *sum) step(i int) {
	v := m.load(i)
	hi := m.hi[i%2]
	if m.size == 4 {
		m.VPADDQ(v, hi, hi)
		return
	}
	h, l, lo := m.vec(m.isa), m.vec(m.isa), m.lo[i%2]
	m.and(m.isa, m.low, v, l)
	m.VPADDQ(l, lo, lo)
	switch {
	case !m.signed:
		m.VPSRLQ(Imm(32), v, h)
	case m.isa == avx512:
		m.VPSRAQ(Imm(32), v, h)
	default: // the upper half in both, then the sign in the upper one
		sign := m.YMM()
		m.VPSRAD(Imm(31), v, sign)
		m.VPSHUFD(U8(0xf5), v, h)
		m.VPBLENDD(U8(0xaa), sign, h, h)
	}
	m.VPADDQ(h, hi, hi)
}

// load returns the i-th vector of a block in 8-byte lanes, nulls as zero.
func (m *sum) load(i int) reg.VecVirtual {
	v := m.vec(m.isa)
	from := at(m.x, i*m.width*m.size/8)
	if m.isa == avx512 && m.mask != nil {
		k := m.mask.opmask(i)
		switch {
		case m.size == 8:
			m.VMOVDQU64_Z(from, k, v)
		case m.signed:
			m.VPMOVSXDQ_Z(from, k, v)
		default:
			m.VPMOVZXDQ_Z(from, k, v)
		}
		return v
	}
	switch {
	case m.size == 8:
		m.mov(m.isa, from, v)
	case m.signed:
		m.VPMOVSXDQ(from, v)
	default:
		m.VPMOVZXDQ(from, v)
	}
	if m.mask != nil {
		m.VPAND(m.mask.lanes(i), v, v)
	}
	return v
}
