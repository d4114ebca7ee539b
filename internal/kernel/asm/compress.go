package main

import (
	"math/bits"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func writeCompress(g *gen) {
	order := map[int]Mem{
		4: g.table("compressOrder32", 256, func(i int) Constant { return U64(order8(i)) }),
		8: g.table("compressOrder64", 16, func(i int) Constant { return U64(order4(i)) }),
	}
	for _, c := range []struct {
		isa
		size int
	}{{avx512, 1}, {avx512, 2}, {avx512, 4}, {avx512, 8}, {avx2, 4}, {avx2, 8}} {
		name := "compress" + map[int]string{1: "8", 2: "16", 4: "32", 8: "64"}[c.size] + c.name
		g.begin(name, "func(dst *byte, room int, src, mask *byte, words int) (done, k int)",
			"does mask words while 64 more elements fit into room.")
		compress(g, c.isa, c.size, order[c.size], func(p *packing) {
			p.src = g.arg("src")
		})
	}
	for _, s := range []isa{avx512, avx2} {
		g.begin("maskToIndex"+s.name, "func(dst *byte, room int, mask *byte, words int) (done, k int)",
			"does mask words while 64 more indices fit into room.")
		compress(g, s, 4, order[4], func(p *packing) { p.iota() })
	}
	writeExtract(g)
}

// order8 holds, one to a byte, the positions of the set bits of m.
func order8(m int) (o uint64) {
	for i := 0; m != 0; i++ {
		o |= uint64(bits.TrailingZeros(uint(m))) << (8 * i)
		m &= m - 1
	}
	return o
}

// order4 is order8 for four elements, each as its two halves: halves 2j and 2j+1 for element j.
func order4(m int) (o uint64) {
	for i := 0; m != 0; i += 2 {
		j := uint64(bits.TrailingZeros(uint(m)))
		o |= (2*j | (2*j+1)<<8) << (8 * i)
		m &= m - 1
	}
	return o
}

// packing is a loop that packs vectors under the bits of a mask word; without src it packs the element numbers.
type packing struct {
	*gen
	isa
	size              int
	lanes             int
	dst, src, mask, k reg.GPVirtual
	order             reg.GPVirtual
	index, step       reg.VecVirtual
}

// iota makes the element numbers: of the AVX2 form only that of the first lane, in all lanes.
func (p *packing) iota() {
	p.index, p.step = p.vec(p.isa), p.vec(p.isa)
	n := p.isa.width / 4
	p.VPBROADCASTD(p.ConstData("step"+p.isa.name, U32(n)), p.step)
	if p.isa == avx2 {
		p.VPXOR(p.index, p.index, p.index)
		return
	}
	p.mov(p.isa, p.table("iota", n, func(i int) Constant { return U32(i) }), p.index)
}

func compress(g *gen, s isa, size int, order Mem, source func(*packing)) {
	p := &packing{gen: g, isa: s, size: size, lanes: s.width / size}
	room, words, done := g.arg("room"), g.arg("words"), g.zero()
	p.dst, p.mask, p.k = g.arg("dst"), g.arg("mask"), g.zero()
	source(p)
	if s == avx2 {
		p.order = g.GP64()
		g.LEAQ(order, p.order)
	}
	g.SUBQ(Imm(64), room)
	g.Label("word")
	g.CMPQ(p.k, room)
	g.JG(LabelRef("end"))
	if p.index == nil {
		g.CMPQ(at(p.mask, 0), Imm(0))
		g.JE(LabelRef("next"))
	}
	for i := range 64 / p.lanes {
		p.group(i)
	}
	g.Label("next")
	if p.index == nil {
		g.ADDQ(U32(64*size), p.src)
	}
	g.ADDQ(Imm(8), p.mask)
	g.INCQ(done)
	g.CMPQ(done, words)
	g.JL(LabelRef("word"))
	g.Label("end")
	g.Store(done, g.Return("done"))
	g.Store(p.k, g.Return("k"))
	g.end()
}

// group packs the i-th vector of a mask word.
func (p *packing) group(i int) {
	m := p.bits(i)
	from := Op(p.index)
	v := p.vec(p.isa)
	if p.index == nil {
		from = at(p.src, i*p.width)
	}
	if p.isa == avx512 {
		p.pack512(m, from, v)
	} else {
		p.pack256(m, from, v)
	}
	p.mov(p.isa, v, elem(p.dst, p.k, p.size, 0))
	if p.index != nil {
		p.VPADDD(p.step, p.index, p.index)
	}
	p.POPCNTQ(m, m)
	p.ADDQ(m, p.k)
}

// bits loads the mask bits of the i-th vector.
func (p *packing) bits(i int) reg.GPVirtual {
	m := p.GP64()
	switch p.lanes {
	case 64:
		p.MOVQ(at(p.mask, 0), m)
	case 32:
		p.MOVL(at(p.mask, 4*i), m.As32())
	case 16:
		p.MOVWLZX(at(p.mask, 2*i), m.As32())
	case 8:
		p.MOVBLZX(at(p.mask, i), m.As32())
	case 4:
		p.MOVBLZX(at(p.mask, i/2), m.As32())
		if i&1 == 0 {
			p.ANDL(Imm(15), m.As32())
		} else {
			p.SHRL(Imm(4), m.As32())
		}
	}
	return m
}

func (p *packing) pack512(m reg.GPVirtual, from Op, v reg.VecVirtual) {
	k := p.K()
	if p.index == nil {
		p.VMOVDQU64(from, v)
		from = v
	}
	switch p.size {
	case 1:
		p.KMOVQ(m, k)
		p.VPCOMPRESSB_Z(from, k, v)
	case 2:
		p.KMOVD(m.As32(), k)
		p.VPCOMPRESSW_Z(from, k, v)
	case 4:
		p.KMOVW(m.As32(), k)
		p.VPCOMPRESSD_Z(from, k, v)
	case 8:
		p.KMOVB(m.As32(), k)
		p.VPCOMPRESSQ_Z(from, k, v)
	}
}

// pack256 permutes lanes of 4 bytes by the order table of this element size.
func (p *packing) pack256(m reg.GPVirtual, from Op, v reg.VecVirtual) {
	idx := p.YMM()
	p.VPMOVZXBD(elem(p.order, m, 8, 0), idx)
	if p.index == nil {
		p.VPERMD(from, idx, v)
	} else {
		p.VPADDD(p.index, idx, v) // the order itself is what is packed
	}
}

// writeExtract is the loop of CompressBits over full words: what the last, unfilled word holds is returned.
func writeExtract(g *gen) {
	g.begin("compressBitsBMI2", "func(dst, src, mask *byte, words int) (k int, acc, fill uint64)",
		"packs full words; acc holds the fill bits that make no word yet.")
	dst, src, mask, words := g.arg("dst"), g.arg("src"), g.arg("mask"), g.arg("words")
	k, acc, fill := g.zero(), g.zero(), g.zero()
	m, v, count := g.GP64(), g.GP64(), g.GP64()
	g.Label("word")
	g.MOVQ(at(mask, 0), m)
	g.MOVQ(at(src, 0), v)
	g.PEXTQ(m, v, v)
	g.POPCNTQ(m, count)
	shifted, rest := g.GP64(), g.GP64()
	g.SHLXQ(fill, v, shifted)
	g.ORQ(shifted, acc)
	g.ADDQ(count, fill)
	g.CMPQ(fill, Imm(64))
	g.JL(LabelRef("next"))
	g.MOVQ(acc, elem(dst, k, 8, 0))
	g.INCQ(k)
	g.SUBQ(Imm(64), fill)
	// v >> (count-fill), which may be 64: one step apart.
	g.MOVQ(count, rest)
	g.SUBQ(fill, rest)
	g.DECQ(rest)
	g.SHRQ(Imm(1), v)
	g.SHRXQ(rest, v, acc)
	g.Label("next")
	g.ADDQ(Imm(8), src)
	g.ADDQ(Imm(8), mask)
	g.DECQ(words)
	g.JNZ(LabelRef("word"))
	g.Store(k, g.Return("k"))
	g.Store(acc, g.Return("acc"))
	g.Store(fill, g.Return("fill"))
	g.RET()
}
