package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeSum writes exact integer sums. 8-byte lanes hold sums of 32-bit numbers; a 64-bit number is summed as its
// upper half (with its sign, if it has one) and its lower half.
func writeSum(g *gen) {
	laneBitTables(g)
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range numbers {
			if t.float {
				continue
			}
			for _, masked := range []bool{false, true} {
				name, signature := "sum"+t.name+s.Name, "func(x *byte, blocks int, out *byte)"
				if masked {
					name, signature = "sumValid"+t.name+s.Name, "func(x, valid *byte, blocks int, out *byte)"
				}
				g.Begin(name, signature, "does blocks of 64 elements, fewer than 2^24 of them; out gets a vector of sums of "+
					"8-byte lanes, for 64-bit numbers one of their upper and one of their lower halves.")
				m := &sum{gen: g, ISA: s, number: t}
				m.write(masked)
			}
		}
	}
}

type sum struct {
	*gen
	emit.ISA
	number
	x      reg.GPVirtual
	mask   *laneMask
	hi, lo []reg.VecVirtual
	low    reg.VecVirtual // the lower half of every lane
}

func (m *sum) write(masked bool) {
	m.x = m.Arg("x")
	blocks, out := m.Arg("blocks"), m.Arg("out")
	if masked {
		m.mask = newLaneMask(m.gen, m.ISA, 8)
	}
	m.hi = m.zeros()
	if m.size == 8 {
		m.lo, m.low = m.zeros(), m.Vec(m.ISA)
		m.Ones(m.ISA, m.low)
		m.VPSRLQ(Imm(32), m.low, m.low)
	}
	m.Label("loop")
	for i := range 64 * 8 / m.Width {
		m.step(i)
	}
	m.ADDQ(U32(64*m.size), m.x)
	if masked {
		m.ADDQ(Imm(8), m.mask.valid)
	}
	m.DECQ(blocks)
	m.JNZ(LabelRef("loop"))
	m.VPADDQ(m.hi[1], m.hi[0], m.hi[0])
	m.mov(m.ISA, m.hi[0], emit.At(out, 0))
	if m.size == 8 {
		m.VPADDQ(m.lo[1], m.lo[0], m.lo[0])
		m.mov(m.ISA, m.lo[0], emit.At(out, m.Width))
	}
	m.End()
}

func (m *sum) zeros() []reg.VecVirtual {
	v := m.Vecs(m.ISA, 2)
	for i := range v {
		m.xor(m.ISA, v[i], v[i], v[i])
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
	h, l, lo := m.Vec(m.ISA), m.Vec(m.ISA), m.lo[i%2]
	m.and(m.ISA, m.low, v, l)
	m.VPADDQ(l, lo, lo)
	switch {
	case !m.signed:
		m.VPSRLQ(Imm(32), v, h)
	case m.ISA == emit.AVX512:
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
	v := m.Vec(m.ISA)
	from := emit.At(m.x, i*m.Width*m.size/8)
	if m.ISA == emit.AVX512 && m.mask != nil {
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
		m.mov(m.ISA, from, v)
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
