package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

func writeStructural(g *gen) {
	identityTables(g)
	for _, v := range []struct {
		emit.ISA
		compress bool
	}{{emit.AVX2, false}, {emit.AVX512, false}, {emit.AVX512, true}} {
		name := "structural" + v.Name
		if v.compress {
			name += "VBMI2"
		}
		g.Begin(name, "func(buf *byte, blocks int, delim, quote byte, inQuote uint64, pos *byte, base uint64) (k int, inQuoteOut uint64)",
			"does blocks of 64 bytes, the first of them at position base; quote 0 is none.")
		s := &structural{positions: positions{gen: g}, ISA: v.ISA, compress: v.compress}
		s.write()
	}
}

// structural is one scanning function: a loop with quotes and one without.
type structural struct {
	positions
	emit.ISA
	compress              bool
	buf, blocks, inQuote  reg.GPVirtual
	delim, newline, quote reg.VecVirtual
	allOnes               reg.VecVirtual // 128 bits, for the carry-less product
}

func (s *structural) write() {
	s.buf, s.blocks, s.inQuote = s.Arg("buf"), s.Arg("blocks"), s.Arg("inQuote")
	s.pos, s.base, s.k = s.Arg("pos"), s.Arg("base"), s.zero()
	s.delim, s.newline, s.quote = s.Vec(s.ISA), s.Vec(s.ISA), s.Vec(s.ISA)
	s.VPBROADCASTB(s.ArgMem("delim"), s.delim)
	s.VPBROADCASTB(s.ArgMem("quote"), s.quote)
	s.VPBROADCASTB(s.ConstData(s.ISA.Name+s.suffix()+"newline", U8('\n')), s.newline)
	s.allOnes = s.XMM()
	s.VPCMPEQD(s.allOnes, s.allOnes, s.allOnes)
	if s.compress {
		s.vectors()
	}
	s.CMPB(s.ArgMem("quote"), Imm(0))
	s.JE(LabelRef("plain"))
	s.loop("quoted", true)
	s.JMP(LabelRef("done"))
	s.loop("plain", false)
	s.Label("done")
	s.Store(s.k, s.Return("k"))
	s.Store(s.inQuote, s.Return("inQuoteOut"))
	s.End()
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
		count := s.GP64()
		s.POPCNTQ(m, count)
		s.putCounted(name, m, count)
		s.ADDQ(Imm(64), s.base)
	}
	s.ADDQ(Imm(64), s.buf)
	s.DECQ(s.blocks)
	s.JNZ(LabelRef(name))
}

// load returns the 64 bytes at buf in one or two vectors.
func (s *structural) load() []reg.VecVirtual {
	v := s.Vecs(s.ISA, 64/s.Width)
	for i := range v {
		s.mov(s.ISA, emit.At(s.buf, i*s.Width), v[i])
	}
	return v
}

// match returns the bitmap of the bytes equal to any of the wanted.
func (s *structural) match(v []reg.VecVirtual, wanted ...reg.VecVirtual) reg.GPVirtual {
	r := s.GP64()
	if s.ISA == emit.AVX512 {
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
