package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// positions appends the positions of the set bits of a word, plus a base, to pos at index k, which it moves on. Up to
// 64 places are written.
type positions struct {
	*gen
	pos, k, base         reg.GPVirtual
	ident, baseVec, step reg.VecVirtual // for putCompressed: 0..63 in bytes, base in all lanes, 64 in all lanes
}

// vectors makes the registers of putCompressed; base must be set.
func (p *positions) vectors() {
	p.ident, p.baseVec, p.step = p.ZMM(), p.ZMM(), p.ZMM()
	p.VMOVDQU64(NewDataAddr(NewStaticSymbol("identity"), 0), p.ident)
	p.VPBROADCASTD(p.base.As32(), p.baseVec)
	p.VPBROADCASTD(NewDataAddr(NewStaticSymbol("identityStep"), 0), p.step)
}

// identityTables makes the tables that vectors uses.
func identityTables(g *gen) {
	g.table("identity", 64, func(i int) Constant { return U8(i) })
	g.table("identityStep", 1, func(int) Constant { return U32(64) })
}

// putCompressed packs the byte numbers 0..63 under m and widens them, 16 at a time, as many as there are.
func (p *positions) putCompressed(name string, m reg.GPVirtual) {
	k, packed, wide, count := p.K(), p.ZMM(), p.ZMM(), p.GP64()
	p.KMOVQ(m, k)
	p.VPCOMPRESSB_Z(p.ident, k, packed)
	p.POPCNTQ(m, count)
	p.VPMOVZXBD(packed.AsX(), wide)
	p.VPADDD(p.baseVec, wide, wide)
	p.VMOVDQU32(wide, emit.Index(p.pos, p.k, 4, 0))
	for i := 1; i < 4; i++ {
		p.CMPQ(count, Imm(uint64(16*i)))
		p.JBE(LabelRef(name + "Next"))
		part := p.XMM()
		p.VEXTRACTI32X4(U8(i), packed, part)
		p.VPMOVZXBD(part, wide)
		p.VPADDD(p.baseVec, wide, wide)
		p.VMOVDQU32(wide, emit.Index(p.pos, p.k, 4, 64*i))
	}
	p.Label(name + "Next")
	p.ADDQ(count, p.k)
	p.VPADDD(p.step, p.baseVec, p.baseVec)
}

// putCounted takes the count set bits of m one by one, always eight, so that the branch is taken rarely.
func (p *positions) putCounted(name string, m, count reg.GPVirtual) {
	to := p.GP64()
	p.LEAQ(emit.Index(p.pos, p.k, 4, 0), to)
	p.ADDQ(count, p.k)
	p.Label(name + "Eight")
	for i := range 8 {
		t := p.GP64()
		p.TZCNTQ(m, t)
		p.ADDQ(p.base, t)
		p.MOVL(t.As32(), emit.At(to, 4*i))
		p.BLSRQ(m, m)
	}
	p.ADDQ(Imm(32), to)
	p.SUBQ(Imm(8), count)
	p.JG(LabelRef(name + "Eight"))
}

// writeMaskToIndex writes the loops over mask words: one with byte compress, one with a table of orders, order.
func writeMaskToIndex(g *gen, order Mem) {
	identityTables(g)
	for _, form := range []string{"AVX512VBMI2", "AVX2"} {
		g.Begin("maskToIndex"+form, "func(dst *byte, room int, mask *byte, words int) (done, k int)",
			"does mask words while 64 more indices fit into room.")
		room, words, done, mask := g.Arg("room"), g.Arg("words"), g.zero(), g.Arg("mask")
		p := &positions{gen: g, pos: g.Arg("dst"), k: g.zero(), base: g.zero()}
		table := g.GP64()
		if form == "AVX2" {
			g.LEAQ(order, table)
		} else {
			p.vectors()
		}
		g.SUBQ(Imm(64), room)
		g.Label("word")
		g.CMPQ(p.k, room)
		g.JG(LabelRef("end"))
		m := g.GP64()
		g.MOVQ(emit.At(mask, 0), m)
		if form == "AVX2" {
			p.putFewOrOrdered(m, mask, table)
			g.ADDQ(Imm(64), p.base)
		} else {
			p.putCompressed("word", m)
		}
		g.ADDQ(Imm(8), mask)
		g.until(done, words, "word")
		g.Store(p.k, g.Return("k"))
		g.End()
	}
}

// putFewOrOrdered counts up to eight bits out and takes more from the table, eight bits of the mask at a time.
func (p *positions) putFewOrOrdered(m, mask, table reg.GPVirtual) {
	count := p.GP64()
	p.POPCNTQ(m, count)
	p.JE(LabelRef("wordNext"))
	p.CMPQ(count, Imm(8))
	p.JA(LabelRef("many"))
	p.putCounted("few", m, count)
	p.JMP(LabelRef("wordNext"))
	p.Label("many")
	base, eight, x := p.YMM(), p.YMM(), p.XMM()
	p.VMOVD(p.base.As32(), x)
	p.VPBROADCASTD(x, base)
	p.VPBROADCASTD(p.ConstData("eight", U32(8)), eight)
	for i := range 8 {
		b, v := p.GP64(), p.YMM()
		p.MOVBLZX(emit.At(mask, i), b.As32())
		p.VPMOVZXBD(emit.Index(table, b, 8, 0), v)
		p.VPADDD(base, v, v)
		p.VMOVDQU(v, emit.Index(p.pos, p.k, 4, 0))
		p.VPADDD(eight, base, base)
		p.POPCNTQ(b, b)
		p.ADDQ(b, p.k)
	}
	p.Label("wordNext")
}
