package vec

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeMicro writes the micro-kernels of package gemm: a tile of C in registers, a row of B in three more and one for an
// element of A.
func writeMicro(g *gen) {
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range []elem{f64, f32} {
			m := &microKernel{gen: g, ISA: s, elem: t, rows: 8, vectors: 3}
			if s == emit.AVX2 {
				m.rows = 4
			}
			m.write()
		}
	}
}

type microKernel struct {
	*gen
	emit.ISA
	elem
	rows, vectors int
	a, b          reg.GPVirtual
	acc           [][]reg.VecVirtual
}

func (m *microKernel) write() {
	const unroll = 4
	name := "micro" + m.elem.name + m.ISA.Name
	m.Begin(name, fmt.Sprintf("func(k int, a, b, c *%s, stride int)", m.goType),
		fmt.Sprintf("adds the product of two panels to a tile of %d x %d; k is at least 1.", m.rows, m.vectors*m.Width/m.elem.size))
	k, c, stride := m.Arg("k"), m.Arg("c"), m.Arg("stride")
	m.a, m.b = m.Arg("a"), m.Arg("b")
	m.SHLQ(Imm(map[int]uint64{8: 3, 4: 2}[m.elem.size]), stride)
	m.prefetch(c, stride)
	m.acc = nil
	for range m.rows {
		row := m.Vecs(m.ISA, m.vectors)
		for _, v := range row {
			m.xor(m.ISA)(v, v, v)
		}
		m.acc = append(m.acc, row)
	}
	loop, rest, one, end := m.label("loop"), m.label("rest"), m.label("one"), m.label("end")
	m.SUBQ(Imm(unroll), k)
	m.JL(LabelRef(rest))
	m.Label(loop)
	m.steps(unroll)
	m.SUBQ(Imm(unroll), k)
	m.JGE(LabelRef(loop))
	m.Label(rest)
	m.ADDQ(Imm(unroll), k)
	m.JE(LabelRef(end))
	m.Label(one)
	m.steps(1)
	m.DECQ(k)
	m.JNZ(LabelRef(one))
	m.Label(end)
	for i, row := range m.acc {
		for j, v := range row {
			to := emit.At(c, j*m.Width)
			pick(m.elem, m.VADDPD, m.VADDPS)(to, v, v)
			pick(m.elem, m.VMOVUPD, m.VMOVUPS)(v, to)
		}
		if i < len(m.acc)-1 {
			m.ADDQ(stride, c)
		}
	}
	m.End()
}

// prefetch asks for the rows of C, which are needed at the end.
func (m *microKernel) prefetch(c, stride reg.GPVirtual) {
	row := m.GP64()
	m.MOVQ(c, row)
	for i := range m.rows {
		for j := 0; j < m.vectors*m.Width; j += 64 {
			m.PREFETCHT0(emit.At(row, j))
		}
		if m.Width*m.vectors%64 != 0 || m.Width == 64 {
			m.PREFETCHT0(emit.At(row, m.vectors*m.Width-1))
		}
		if i < m.rows-1 {
			m.ADDQ(stride, row)
		}
	}
}

// steps does n columns of A times rows of B.
func (m *microKernel) steps(n int) {
	b := m.Vecs(m.ISA, m.vectors)
	a := m.Vec(m.ISA)
	for u := range n {
		for j := range b {
			pick(m.elem, m.VMOVUPD, m.VMOVUPS)(emit.At(m.b, (u*m.vectors+j)*m.Width), b[j])
		}
		for i, row := range m.acc {
			from := emit.At(m.a, (u*m.rows+i)*m.elem.size)
			if m.elem.size == 8 {
				m.VBROADCASTSD(from, a)
			} else {
				m.VBROADCASTSS(from, a)
			}
			for j, v := range row {
				m.fma(m.elem, a, b[j], v)
			}
		}
	}
	m.ADDQ(U32(n*m.rows*m.elem.size), m.a)
	m.ADDQ(U32(n*m.vectors*m.Width), m.b)
}
