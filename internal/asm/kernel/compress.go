package kernel

import (
	"math/bits"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

func writeCompress(g *gen) {
	order := map[int]Mem{
		4: g.table("compressOrder32", 256, func(i int) Constant { return U64(order8(i)) }),
		8: g.table("compressOrder64", 16, func(i int) Constant { return U64(order4(i)) }),
	}
	for _, c := range []struct {
		emit.ISA
		size int
	}{{emit.AVX512, 1}, {emit.AVX512, 2}, {emit.AVX512VL, 4}, {emit.AVX512VL, 8}, {emit.AVX2, 4}, {emit.AVX2, 8}} {
		name := "compress" + map[int]string{1: "8", 2: "16", 4: "32", 8: "64"}[c.size] + c.Name
		g.Begin(name, "func(dst *byte, room int, src, mask *byte, words int) (done, k int)",
			"does mask words while 64 more elements fit into room.")
		compress(g, c.ISA, c.size, order[c.size])
	}
	writeMaskToIndex(g, order[4])
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

// packing is a loop that packs vectors under the bits of a mask word.
// Vectors of 64 bytes are for the small elements only: stores that straddle cache lines cost more than they save.
type packing struct {
	*gen
	emit.ISA
	size              int
	lanes             int
	dst, src, mask, k reg.GPVirtual
	order             reg.GPVirtual
}

func compress(g *gen, s emit.ISA, size int, order Mem) {
	p := &packing{gen: g, ISA: s, size: size, lanes: s.Width / size}
	room, words, done := g.Arg("room"), g.Arg("words"), g.zero()
	p.dst, p.mask, p.k = g.Arg("dst"), g.Arg("mask"), g.zero()
	p.src = g.Arg("src")
	if s == emit.AVX2 {
		p.order = g.GP64()
		g.LEAQ(order, p.order)
	}
	g.SUBQ(Imm(64), room)
	g.Label("word")
	g.CMPQ(p.k, room)
	g.JG(LabelRef("end"))
	g.CMPQ(emit.At(p.mask, 0), Imm(0))
	g.JE(LabelRef("next"))
	for i := range 64 / p.lanes {
		p.group(i)
	}
	g.Label("next")
	g.ADDQ(U32(64*size), p.src)
	g.ADDQ(Imm(8), p.mask)
	g.until(done, words, "word")
	g.Store(p.k, g.Return("k"))
	g.End()
}

// group packs the i-th vector of a mask word.
func (p *packing) group(i int) {
	m := p.bits(i)
	v := p.Vec(p.ISA)
	if p.ISA != emit.AVX2 {
		p.pack512(m, emit.At(p.src, i*p.Width), v)
	} else {
		p.pack256(m, emit.At(p.src, i*p.Width), v)
	}
	p.mov(p.ISA, v, emit.Index(p.dst, p.k, p.size, 0))
	p.POPCNTQ(m, m)
	p.ADDQ(m, p.k)
}

// bits loads the mask bits of the i-th vector.
func (p *packing) bits(i int) reg.GPVirtual {
	m := p.GP64()
	switch p.lanes {
	case 64:
		p.MOVQ(emit.At(p.mask, 0), m)
	case 32:
		p.MOVL(emit.At(p.mask, 4*i), m.As32())
	case 16:
		p.MOVWLZX(emit.At(p.mask, 2*i), m.As32())
	case 8:
		p.MOVBLZX(emit.At(p.mask, i), m.As32())
	case 4:
		p.MOVBLZX(emit.At(p.mask, i/2), m.As32())
		if i&1 == 0 {
			p.ANDL(Imm(15), m.As32())
		} else {
			p.SHRL(Imm(4), m.As32())
		}
	}
	return m
}

func (p *packing) pack512(m reg.GPVirtual, from Mem, v reg.VecVirtual) {
	k := p.K()
	p.mov(p.ISA, from, v)
	switch p.size {
	case 1:
		p.KMOVQ(m, k)
		p.VPCOMPRESSB_Z(v, k, v)
	case 2:
		p.KMOVD(m.As32(), k)
		p.VPCOMPRESSW_Z(v, k, v)
	case 4:
		p.KMOVW(m.As32(), k)
		p.VPCOMPRESSD_Z(v, k, v)
	case 8:
		p.KMOVB(m.As32(), k)
		p.VPCOMPRESSQ_Z(v, k, v)
	}
}

// pack256 permutes lanes of 4 bytes by the order table of this element size.
func (p *packing) pack256(m reg.GPVirtual, from Mem, v reg.VecVirtual) {
	idx := p.YMM()
	p.VPMOVZXBD(emit.Index(p.order, m, 8, 0), idx)
	p.VPERMD(from, idx, v)
}

// writeExtract is the loop of CompressBits over full words: what the last, unfilled word holds is returned.
func writeExtract(g *gen) {
	g.Begin("compressBitsBMI2", "func(dst, src, mask *byte, words int) (k int, acc, fill uint64)",
		"packs full words; acc holds the fill bits that make no word yet.")
	dst, src, mask, words := g.Arg("dst"), g.Arg("src"), g.Arg("mask"), g.Arg("words")
	k, acc, fill := g.zero(), g.zero(), g.zero()
	m, v, count := g.GP64(), g.GP64(), g.GP64()
	g.Label("word")
	g.MOVQ(emit.At(mask, 0), m)
	g.MOVQ(emit.At(src, 0), v)
	g.PEXTQ(m, v, v)
	g.POPCNTQ(m, count)
	shifted, rest := g.GP64(), g.GP64()
	g.SHLXQ(fill, v, shifted)
	g.ORQ(shifted, acc)
	g.ADDQ(count, fill)
	g.CMPQ(fill, Imm(64))
	g.JL(LabelRef("next"))
	g.MOVQ(acc, emit.Index(dst, k, 8, 0))
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
