package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// writeMicro writes the micro-kernels of package gemm: a tile of C in registers, a row of B in three more and one for an
// element of A.
func writeMicro(g *gen) {
	for _, s := range []isa{avx512, avx2} {
		for _, t := range []elem{f64, f32} {
			m := &microKernel{gen: g, isa: s, elem: t, rows: 8, vectors: 3}
			if s == avx2 {
				m.rows = 4
			}
			m.write()
		}
	}
}

type microKernel struct {
	*gen
	isa
	elem
	rows, vectors int
	a, b          reg.GPVirtual
	acc           [][]reg.VecVirtual
}

func (m *microKernel) write() {
	const unroll = 4
	name := "micro" + m.elem.name + m.isa.name
	m.begin(name, fmt.Sprintf("func(k int, a, b, c *%s, stride int)", m.goType),
		fmt.Sprintf("adds the product of two panels to a tile of %d x %d; k is at least 1.", m.rows, m.vectors*m.width/m.elem.size))
	k, c, stride := m.arg("k"), m.arg("c"), m.arg("stride")
	m.a, m.b = m.arg("a"), m.arg("b")
	m.SHLQ(Imm(map[int]uint64{8: 3, 4: 2}[m.elem.size]), stride)
	m.prefetch(c, stride)
	m.acc = nil
	for range m.rows {
		row := m.vecs(m.isa, m.vectors)
		for _, v := range row {
			m.xor(m.isa)(v, v, v)
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
			to := at(c, j*m.width)
			pick(m.elem, m.VADDPD, m.VADDPS)(to, v, v)
			pick(m.elem, m.VMOVUPD, m.VMOVUPS)(v, to)
		}
		if i < len(m.acc)-1 {
			m.ADDQ(stride, c)
		}
	}
	m.end()
}

// prefetch asks for the rows of C, which are needed at the end.
func (m *microKernel) prefetch(c, stride reg.GPVirtual) {
	row := m.GP64()
	m.MOVQ(c, row)
	for i := range m.rows {
		for j := 0; j < m.vectors*m.width; j += 64 {
			m.PREFETCHT0(at(row, j))
		}
		if m.width*m.vectors%64 != 0 || m.width == 64 {
			m.PREFETCHT0(at(row, m.vectors*m.width-1))
		}
		if i < m.rows-1 {
			m.ADDQ(stride, row)
		}
	}
}

// steps does n columns of A times rows of B.
func (m *microKernel) steps(n int) {
	b := m.vecs(m.isa, m.vectors)
	a := m.vec(m.isa)
	for u := range n {
		for j := range b {
			pick(m.elem, m.VMOVUPD, m.VMOVUPS)(at(m.b, (u*m.vectors+j)*m.width), b[j])
		}
		for i, row := range m.acc {
			from := at(m.a, (u*m.rows+i)*m.elem.size)
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
	m.ADDQ(U32(n*m.vectors*m.width), m.b)
}
