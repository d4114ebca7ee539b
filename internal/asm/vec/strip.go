package vec

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// unroll is the number of vectors in flight.
const unroll = 4

// strip is a loop over elements: whole vectors, unrolled and single, then a part of a vector under a mask.
type strip struct {
	*gen
	emit.ISA
	lanes int               // elements in a vector, of the widest type in the loop
	i, n  reg.GPVirtual     // elements done, elements to do
	k     reg.OpmaskVirtual // mask of the last part, AVX-512
	wide  reg.VecVirtual    // mask of the last part for elements of 8 bytes, AVX2
	small reg.VecVirtual    // the same for elements of 4 bytes
	part  bool              // the body being written is that of the last part
}

// newStrip is for n elements of at most size bytes.
func (g *gen) newStrip(s emit.ISA, size int, n reg.GPVirtual) *strip {
	p := &strip{gen: g, ISA: s, lanes: s.Width / size, i: g.GP64(), n: n}
	g.XORQ(p.i, p.i)
	return p
}

// run writes the loop. The body does k vectors from element i.
func (p *strip) run(unroll int, body func(k int)) {
	loop, rest, one, tail, end := p.label("loop"), p.label("rest"), p.label("one"), p.label("tail"), p.label("end")
	if unroll > 1 {
		p.SUBQ(U32(unroll*p.lanes), p.n)
		p.JL(LabelRef(rest))
		p.Label(loop)
		body(unroll)
		p.ADDQ(U32(unroll*p.lanes), p.i)
		p.SUBQ(U32(unroll*p.lanes), p.n)
		p.JGE(LabelRef(loop))
		p.Label(rest)
		p.ADDQ(U32(unroll*p.lanes), p.n)
	}
	p.Label(one)
	p.CMPQ(p.n, U32(p.lanes))
	p.JL(LabelRef(tail))
	body(1)
	p.ADDQ(U32(p.lanes), p.i)
	p.SUBQ(U32(p.lanes), p.n)
	p.JMP(LabelRef(one))
	p.Label(tail)
	p.TESTQ(p.n, p.n)
	p.JE(LabelRef(end))
	p.makeMask()
	p.part = true
	body(1)
	p.part = false
	p.Label(end)
}

// each writes the loop of dst = f(elements of the sources), all of one type. f may destroy its operands.
func (p *strip) each(t elem, dst reg.Register, f func(v []reg.VecVirtual) reg.VecVirtual, sources ...reg.Register) {
	p.eachThen(t, dst, f, nil, sources...)
}

// eachThen is each, and then makes the results of all vectors in flight from those of f, if then is not nil.
func (p *strip) eachThen(t elem, dst reg.Register, f func(v []reg.VecVirtual) reg.VecVirtual, then func(v []reg.VecVirtual) []reg.VecVirtual, sources ...reg.Register) {
	p.run(unroll, func(k int) {
		v := make([][]reg.VecVirtual, len(sources))
		for i := range sources {
			v[i] = p.Vecs(p.ISA, k)
		}
		for j := range k {
			for i, s := range sources {
				p.load(s, t.size, j, v[i][j])
			}
		}
		var all []reg.VecVirtual
		for j := range k {
			x := make([]reg.VecVirtual, len(sources))
			for i := range sources {
				x[i] = v[i][j]
			}
			d := f(x)
			if all = append(all, d); then == nil {
				p.store(d, dst, t.size, j)
			}
		}
		if then == nil {
			return
		}
		for j, d := range then(all) {
			p.store(d, dst, t.size, j)
		}
	})
}

func (p *strip) makeMask() {
	if p.ISA == emit.AVX512 {
		m := p.GP64()
		p.MOVQ(I32(-1), m)
		p.BZHIQ(p.n, m, m)
		p.k = p.K()
		p.KMOVQ(m, p.k)
		return
	}
	p.small, p.wide = nil, nil
	p.small = p.YMM()
	p.maskAVX2(p.n, 4, 0, p.small)
	if p.lanes <= 4 {
		p.wide = p.YMM()
		p.maskAVX2(p.n, 8, 0, p.wide)
	}
}

// maskAVX2 sets the first n-skip lanes of size bytes to ones and the others to zeros; n is less than 256/size.
func (g *gen) maskAVX2(n reg.GPVirtual, size, skip int, v reg.VecVirtual) {
	a := g.GP64()
	g.LEAQ(NewDataAddr(NewStaticSymbol("tailMasks"), 256), a)
	m := g.GP64()
	g.MOVQ(n, m)
	g.NEGQ(m)
	g.VMOVDQU(emit.Index(a, m, size, skip*size), v)
}

// maskTable makes the table that maskAVX2 uses: 256 bytes of ones and then of zeros.
func (g *gen) maskTable() {
	g.StaticGlobal("tailMasks")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 2 * 256 / 8 {
		v := U64(0)
		if i < 256/8 {
			v = ^v
		}
		g.AppendDatum(v)
	}
}

// load reads the j-th vector of this step from elements of size bytes that fill a vector.
func (p *strip) load(base reg.Register, size, j int, v reg.VecVirtual) {
	m := emit.Index(base, p.i, size, j*p.Width)
	switch {
	case p.ISA == emit.AVX512 && p.part:
		switch size {
		case 1:
			p.VMOVDQU8_Z(m, p.k, v)
		case 2:
			p.VMOVDQU16_Z(m, p.k, v)
		case 4:
			p.VMOVDQU32_Z(m, p.k, v)
		default:
			p.VMOVDQU64_Z(m, p.k, v)
		}
	case p.ISA == emit.AVX512:
		p.VMOVDQU64(m, v)
	case p.part && size == 4:
		p.VMASKMOVPS(m, p.small, v)
	case p.part:
		p.VMASKMOVPD(m, p.wide, v)
	default:
		p.VMOVDQU(m, v)
	}
}

// store writes what load reads.
func (p *strip) store(v reg.VecVirtual, base reg.Register, size, j int) {
	m := emit.Index(base, p.i, size, j*p.Width)
	switch {
	case p.ISA == emit.AVX512 && p.part:
		switch size {
		case 1:
			p.VMOVDQU8(v, p.k, m)
		case 2:
			p.VMOVDQU16(v, p.k, m)
		case 4:
			p.VMOVDQU32(v, p.k, m)
		default:
			p.VMOVDQU64(v, p.k, m)
		}
	case p.ISA == emit.AVX512:
		p.VMOVDQU64(v, m)
	case p.part && size == 4:
		p.VMASKMOVPS(v, p.small, m)
	case p.part:
		p.VMASKMOVPD(v, p.wide, m)
	default:
		p.VMOVDQU(v, m)
	}
}

// storeBits writes one byte, zero or one, for each lane of the j-th vector: AVX-512 from a mask register, AVX2 from the
// low bits of a general one.
func (p *strip) storeBits(bits reg.Register, base reg.Register, j int) {
	m := emit.Index(base, p.i, 1, j*p.lanes)
	if p.ISA == emit.AVX512 {
		p.storeMask(bits, m)
		return
	}
	b := bits.(reg.GPVirtual)
	if !p.part {
		spread := p.GP64()
		p.MOVQ(U64(0x0101010101010101), spread)
		p.PDEPQ(spread, b, b)
		if p.lanes == 8 {
			p.MOVQ(b, m)
		} else {
			p.MOVL(b.As32(), m)
		}
		return
	}
	loop := p.label("bytes")
	at, left, one := p.GP64(), p.GP64(), p.GP64()
	p.LEAQ(m, at)
	p.MOVQ(p.n, left)
	p.Label(loop)
	p.MOVQ(b, one)
	p.ANDQ(Imm(1), one)
	p.MOVB(one.As8(), Mem{Base: at})
	p.SHRQ(Imm(1), b)
	p.INCQ(at)
	p.DECQ(left)
	p.JNZ(LabelRef(loop))
}

func (p *strip) storeMask(bits reg.Register, m Mem) {
	x := p.XMM()
	p.VMOVDQU8_Z(p.byteOnes().AsX(), bits, x)
	switch {
	case p.part:
		p.VMOVDQU8(x, p.k, m)
	case p.lanes == 16:
		p.VMOVDQU(x, m)
	default:
		p.VMOVQ(x, m)
	}
}

// byteOnes returns a vector of ones in all bytes.
func (p *strip) byteOnes() reg.VecVirtual {
	x := p.XMM()
	p.VPTERNLOGD(U8(0xff), x, x, x)
	p.VPABSB(x, x)
	return x
}

// loadMask reads the j-th vector's bytes of a mask: into a mask register of the lanes that are true (AVX-512), or a vector
// of lanes that are false (AVX2).
func (p *strip) loadMask(base reg.Register, j int) reg.Register {
	m := emit.Index(base, p.i, 1, j*p.lanes)
	if p.ISA == emit.AVX512 {
		x, k := p.XMM(), p.K()
		switch {
		case p.part:
			p.VMOVDQU8_Z(m, p.k, x)
		case p.lanes == 16:
			p.VMOVDQU(m, x)
		default:
			p.VMOVQ(m, x)
		}
		p.VPTESTMB(x, x, k)
		return k
	}
	v, none := p.YMM(), p.YMM()
	from := p.narrow(m)
	p.VPXOR(none, none, none)
	if p.lanes == 8 {
		p.VPMOVZXBD(from, v)
		p.VPCMPEQD(none, v, v)
	} else {
		p.VPMOVZXBQ(from, v)
		p.VPCMPEQQ(none, v, v)
	}
	return v
}

// narrow returns a place from which one byte for each lane can be read: the memory itself, or for the last part a copy of
// what is there (AVX2).
func (p *strip) narrow(m Mem) Mem {
	if !p.part {
		return m
	}
	local := p.AllocLocal(8)
	loop := p.label("copy")
	from, to, b, left := p.GP64(), p.GP64(), p.GP64(), p.GP64()
	p.LEAQ(m, from)
	p.LEAQ(local, to)
	p.MOVQ(p.n, left)
	p.Label(loop)
	p.MOVB(Mem{Base: from}, b.As8())
	p.MOVB(b.As8(), Mem{Base: to})
	p.INCQ(from)
	p.INCQ(to)
	p.DECQ(left)
	p.JNZ(LabelRef(loop))
	return local
}
