package vec

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeMicro writes the micro-kernels of package gemm: a tile of C in registers, a row of B in a few more and one for an
// element of A. Wide tiles are lower, so that all fill the registers.
func writeMicro(g *gen) {
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		shapes := [][2]int{{8, 3}, {6, 4}, {12, 2}}
		if s == emit.AVX2 {
			shapes = [][2]int{{4, 3}, {6, 2}}
		}
		for _, t := range []elem{f64, f32} {
			for _, shape := range shapes {
				(&microKernel{gen: g, ISA: s, elem: t, rows: shape[0], vectors: shape[1]}).write()
			}
		}
	}
}

type microKernel struct {
	*gen
	emit.ISA
	elem
	rows, vectors int
	a             []reg.GPVirtual // of every fourth row
	rs, rs3, cs   reg.GPVirtual   // bytes from row to row, over three rows, and from column to column of A
	b             reg.GPVirtual
	acc           [][]reg.VecVirtual
}

func (m *microKernel) write() {
	const unroll = 4
	cols := m.vectors * m.Width / m.elem.size
	name := fmt.Sprintf("micro%s%sx%d", m.elem.name, m.ISA.Name, cols)
	m.Begin(name, fmt.Sprintf("func(k int, a *%[1]s, rs, cs int, b, c *%[1]s, stride int)", m.goType),
		fmt.Sprintf("adds the product of rows of A and a panel of B to a tile of %d x %d; k is at least 1.", m.rows, cols))
	k, c, stride := m.Arg("k"), m.Arg("c"), m.Arg("stride")
	m.b, m.rs, m.cs = m.Arg("b"), m.Arg("rs"), m.Arg("cs")
	for _, r := range []reg.GPVirtual{stride, m.rs, m.cs} {
		m.SHLQ(Imm(map[int]uint64{8: 3, 4: 2}[m.elem.size]), r)
	}
	m.a = []reg.GPVirtual{m.Arg("a")}
	for i := 4; i < m.rows; i += 4 {
		next := m.GP64()
		m.LEAQ(emit.Index(m.a[len(m.a)-1], m.rs, 4, 0), next)
		m.a = append(m.a, next)
	}
	m.rs3 = m.GP64()
	m.LEAQ(emit.Index(m.rs, m.rs, 2, 0), m.rs3)
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
			base := m.a[i/4]
			from := [...]Mem{emit.At(base, 0), emit.Index(base, m.rs, 1, 0), emit.Index(base, m.rs, 2, 0), emit.Index(base, m.rs3, 1, 0)}[i%4]
			if m.elem.size == 8 {
				m.VBROADCASTSD(from, a)
			} else {
				m.VBROADCASTSS(from, a)
			}
			for j, v := range row {
				m.fma(m.elem, a, b[j], v)
			}
		}
		// Where A is stored by columns, the next tile's elements lie behind these.
		m.PREFETCHT0(emit.At(m.a[0], 64))
		for _, base := range m.a {
			m.ADDQ(m.cs, base)
		}
	}
	m.ADDQ(U32(n*m.vectors*m.Width), m.b)
}
