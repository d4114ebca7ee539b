package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func writeStructural(g *gen) {
	for _, v := range []struct {
		isa
		compress bool
	}{{avx2, false}, {avx512, false}, {avx512, true}} {
		name := "structural" + v.name
		if v.compress {
			name += "VBMI2"
		}
		g.begin(name, "func(buf *byte, blocks int, delim, quote byte, inQuote uint64, pos *byte, base uint64) (k int, inQuoteOut uint64)",
			"does blocks of 64 bytes, the first of them at position base; quote 0 is none.")
		s := &structural{gen: g, isa: v.isa, compress: v.compress}
		s.write()
	}
}

// structural is one scanning function: a loop with quotes and one without.
type structural struct {
	*gen
	isa
	compress                           bool
	buf, blocks, inQuote, pos, k, base reg.GPVirtual
	delim, newline, quote              reg.VecVirtual
	allOnes                            reg.VecVirtual // 128 bits, for the carry-less product
	ident, baseVec, step               reg.VecVirtual // for the compress form
}

func (s *structural) write() {
	s.buf, s.blocks, s.inQuote = s.arg("buf"), s.arg("blocks"), s.arg("inQuote")
	s.pos, s.base, s.k = s.arg("pos"), s.arg("base"), s.zero()
	s.delim, s.newline, s.quote = s.vec(s.isa), s.vec(s.isa), s.vec(s.isa)
	s.VPBROADCASTB(s.argMem("delim"), s.delim)
	s.VPBROADCASTB(s.argMem("quote"), s.quote)
	s.VPBROADCASTB(s.ConstData(s.isa.name+s.suffix()+"newline", U8('\n')), s.newline)
	s.allOnes = s.XMM()
	s.VPCMPEQD(s.allOnes, s.allOnes, s.allOnes)
	if s.compress {
		s.ident, s.baseVec, s.step = s.ZMM(), s.ZMM(), s.ZMM()
		s.VMOVDQU64(s.table("structuralIdent", 64, func(i int) Constant { return U8(i) }), s.ident)
		s.VPBROADCASTD(s.base.As32(), s.baseVec)
		s.VPBROADCASTD(s.ConstData("structuralStep", U32(64)), s.step)
	}
	s.CMPB(s.argMem("quote"), Imm(0))
	s.JE(LabelRef("plain"))
	s.loop("quoted", true)
	s.JMP(LabelRef("done"))
	s.loop("plain", false)
	s.Label("done")
	s.Store(s.k, s.Return("k"))
	s.Store(s.inQuote, s.Return("inQuoteOut"))
	s.end()
}

func (s *structural) suffix() string {
	if s.compress {
		return "compress"
	}
	return ""
}

func (s *structural) loop(name string, quoted bool) {
	s.Label(name)
	v := s.load()
	m := s.match(v, s.delim, s.newline)
	if quoted {
		inside := s.match(v, s.quote)
		x := s.XMM()
		s.VMOVQ(inside, x)
		s.VPCLMULQDQ(Imm(0), s.allOnes, x, x)
		s.VMOVQ(x, inside)
		s.XORQ(s.inQuote, inside)
		s.ANDNQ(m, inside, m)
		s.MOVQ(inside, s.inQuote)
		s.SARQ(Imm(63), s.inQuote)
	}
	if s.compress {
		s.putCompressed(name, m)
	} else {
		s.putCounted(name, m)
	}
	s.ADDQ(Imm(64), s.buf)
	s.DECQ(s.blocks)
	s.JNZ(LabelRef(name))
}

// load returns the 64 bytes at buf in one or two vectors.
func (s *structural) load() []reg.VecVirtual {
	v := s.vecs(s.isa, 64/s.width)
	for i := range v {
		s.mov(s.isa, at(s.buf, i*s.width), v[i])
	}
	return v
}

// match returns the bitmap of the bytes equal to any of the wanted.
func (s *structural) match(v []reg.VecVirtual, wanted ...reg.VecVirtual) reg.GPVirtual {
	r := s.GP64()
	if s.isa == avx512 {
		k := s.K()
		s.VPCMPEQB(v[0], wanted[0], k)
		for _, w := range wanted[1:] {
			o := s.K()
			s.VPCMPEQB(v[0], w, o)
			s.KORQ(o, k, k)
		}
		s.KMOVQ(k, r)
		return r
	}
	for i := range v {
		e := s.YMM()
		s.VPCMPEQB(v[i], wanted[0], e)
		for _, w := range wanted[1:] {
			o := s.YMM()
			s.VPCMPEQB(v[i], w, o)
			s.VPOR(o, e, e)
		}
		half := s.GP64()
		s.VPMOVMSKB(e, half.As32())
		if i == 0 {
			s.MOVQ(half, r)
		} else {
			s.SHLQ(Imm(32), half)
			s.ORQ(half, r)
		}
	}
	return r
}

// putCompressed packs the byte numbers 0..63 under m and widens them, 16 at a time, as many as there are.
func (s *structural) putCompressed(name string, m reg.GPVirtual) {
	k, packed, wide, count := s.K(), s.ZMM(), s.ZMM(), s.GP64()
	s.KMOVQ(m, k)
	s.VPCOMPRESSB_Z(s.ident, k, packed)
	s.POPCNTQ(m, count)
	s.VPMOVZXBD(packed.AsX(), wide)
	s.VPADDD(s.baseVec, wide, wide)
	s.VMOVDQU32(wide, elem(s.pos, s.k, 4, 0))
	for i := 1; i < 4; i++ {
		s.CMPQ(count, Imm(uint64(16*i)))
		s.JBE(LabelRef(name + "Next"))
		part := s.XMM()
		s.VEXTRACTI32X4(U8(i), packed, part)
		s.VPMOVZXBD(part, wide)
		s.VPADDD(s.baseVec, wide, wide)
		s.VMOVDQU32(wide, elem(s.pos, s.k, 4, 64*i))
	}
	s.Label(name + "Next")
	s.ADDQ(count, s.k)
	s.VPADDD(s.step, s.baseVec, s.baseVec)
}

// putCounted takes the set bits of m one by one, always eight, so that the branch is taken rarely.
func (s *structural) putCounted(name string, m reg.GPVirtual) {
	count, to := s.GP64(), s.GP64()
	s.POPCNTQ(m, count)
	s.LEAQ(elem(s.pos, s.k, 4, 0), to)
	s.ADDQ(count, s.k)
	s.Label(name + "Eight")
	for i := range 8 {
		t := s.GP64()
		s.TZCNTQ(m, t)
		s.ADDQ(s.base, t)
		s.MOVL(t.As32(), at(to, 4*i))
		s.BLSRQ(m, m)
	}
	s.ADDQ(Imm(32), to)
	s.SUBQ(Imm(8), count)
	s.JG(LabelRef(name + "Eight"))
	s.ADDQ(Imm(64), s.base)
}
