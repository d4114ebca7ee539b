package vec

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// comparisons lists the operations with their codes: for floats (quiet, false of NaN but for Ne) and for integers.
var comparisons = []struct {
	op         string
	float, num uint8
}{{"Eq", 0, 0}, {"Ne", 4, 4}, {"Lt", 0x11, 1}, {"Le", 0x12, 2}, {"Gt", 0x1e, 6}, {"Ge", 0x1d, 5}}

// writeCompare writes what has to do with masks: comparisons, tests and selection.
func writeCompare(g *gen) {
	g.maskTable()
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range []elem{f64, f32, i64, i32, u64, u32} {
			if !t.signed && s == emit.AVX2 {
				continue
			}
			for i, c := range comparisons {
				writePredicate(g, s, t, c.op, "", func(x, y reg.VecVirtual) reg.Register { return g.compare(s, t, i, x, y) })
				writePredicate(g, s, t, c.op, "Right", func(x, y reg.VecVirtual) reg.Register { return g.compare(s, t, i, x, y) })
			}
		}
		for _, t := range []elem{f64, f32} {
			writeTests(g, s, t)
		}
		for _, t := range []elem{f64, f32} {
			writeWhere(g, s, t)
		}
	}
}

// compare returns a register of bits: a mask register (AVX-512) or a general one.
func (g *gen) compare(s emit.ISA, t elem, i int, x, y reg.VecVirtual) reg.Register {
	c := comparisons[i]
	if s == emit.AVX512 {
		k := g.K()
		switch t.name {
		case "F64":
			g.VCMPPD(U8(c.float), y, x, k)
		case "F32":
			g.VCMPPS(U8(c.float), y, x, k)
		case "I64":
			g.VPCMPQ(U8(c.num), y, x, k)
		case "I32":
			g.VPCMPD(U8(c.num), y, x, k)
		case "U64":
			g.VPCMPUQ(U8(c.num), y, x, k)
		case "U32":
			g.VPCMPUD(U8(c.num), y, x, k)
		}
		return k
	}
	m := g.YMM()
	if t.float {
		if t.size == 8 {
			g.VCMPPD(U8(c.float), y, x, m)
		} else {
			g.VCMPPS(U8(c.float), y, x, m)
		}
		return g.signBits(t, m)
	}
	switch c.op { // equal and greater are all there is
	case "Eq", "Ne":
		pick(t, g.VPCMPEQQ, g.VPCMPEQD)(y, x, m)
	case "Gt", "Le":
		pick(t, g.VPCMPGTQ, g.VPCMPGTD)(y, x, m)
	default:
		pick(t, g.VPCMPGTQ, g.VPCMPGTD)(x, y, m)
	}
	b := g.signBits(t, m)
	if c.op == "Ne" || c.op == "Le" || c.op == "Ge" {
		g.XORQ(U32(1<<(s.Width/t.size)-1), b)
	}
	return b
}

// signBits collects the top bits of lanes (AVX2).
func (g *gen) signBits(t elem, m reg.VecVirtual) reg.GPVirtual {
	b := g.GP64()
	if t.size == 8 {
		g.VMOVMSKPD(m, b.As32())
	} else {
		g.VMOVMSKPS(m, b.As32())
	}
	return b
}

// writePredicate writes a loop that makes a mask of two operands, the second being a constant in the form "Right".
func writePredicate(g *gen, s emit.ISA, t elem, op, form string, f func(x, y reg.VecVirtual) reg.Register) {
	name := strings.ToLower(op) + form + t.name + s.Name
	signature := fmt.Sprintf("func(dst []uint8, x, y []%s)", t.goType)
	if form != "" {
		signature = fmt.Sprintf("func(dst []uint8, x []%s, c %s)", t.goType, t.goType)
	}
	g.tables.add("compare"+form, t.name, signature, s, op, name)
	g.Begin(name, signature, "is "+op+" as a mask.")
	dst, x := g.base("dst"), g.base("x")
	var p *strip
	var y reg.GPVirtual
	c := g.Vec(s)
	if form == "" {
		y = g.base("y")
		p = g.newStrip(s, t.size, g.shortest("dst", "x", "y"))
	} else {
		g.broadcast(t.size, g.ArgMem("c"), c)
		p = g.newStrip(s, t.size, g.shortest("dst", "x"))
	}
	p.run(unroll, func(k int) {
		for j := range k {
			u, v := p.Vec(s), c
			p.load(x, t.size, j, u)
			if form == "" {
				v = p.Vec(s)
				p.load(y, t.size, j, v)
			}
			p.storeBits(f(u, v), dst, j)
		}
	})
	g.End()
}

// writeTests writes the questions about one element.
func writeTests(g *gen, s emit.ISA, t elem) {
	const eq, ne, lt = 0, 1, 2
	magnitude := func(x reg.VecVirtual) reg.VecVirtual {
		sign, a := g.Vec(s), g.Vec(s)
		g.Signs(s, t.size, sign)
		g.andNot(s, x, sign, a)
		return a
	}
	for _, q := range []struct {
		op string
		f  func(x, inf reg.VecVirtual) reg.Register
	}{
		{"IsNaN", func(x, _ reg.VecVirtual) reg.Register { return g.compare(s, t, ne, x, x) }},
		{"IsInf", func(x, inf reg.VecVirtual) reg.Register { return g.compare(s, t, eq, magnitude(x), inf) }},
		{"IsFinite", func(x, inf reg.VecVirtual) reg.Register { return g.compare(s, t, lt, magnitude(x), inf) }},
		{"SignBit", func(x, _ reg.VecVirtual) reg.Register {
			if s == emit.AVX2 {
				return g.signBits(t, x)
			}
			k := g.K()
			pick(t, g.VPMOVQ2M, g.VPMOVD2M)(x, k)
			return k
		}},
		{"NonZero", func(x, _ reg.VecVirtual) reg.Register {
			zero := g.Vec(s)
			g.xor(s)(zero, zero, zero)
			return g.compare(s, t, ne, x, zero)
		}},
	} {
		name := strings.ToLower(q.op) + t.name + s.Name
		signature := fmt.Sprintf("func(dst []uint8, x []%s)", t.goType)
		g.tables.add("test", t.name, signature, s, q.op, name)
		g.Begin(name, signature, "is "+q.op+" as a mask.")
		dst, x := g.base("dst"), g.base("x")
		inf := g.infinity(s, t)
		p := g.newStrip(s, t.size, g.shortest("dst", "x"))
		p.run(unroll, func(k int) {
			for j := range k {
				u := p.Vec(s)
				p.load(x, t.size, j, u)
				p.storeBits(q.f(u, inf), dst, j)
			}
		})
		g.End()
	}
}

// infinity returns a vector of infinities: all ones shifted to the exponent.
func (g *gen) infinity(s emit.ISA, t elem) reg.VecVirtual {
	v := g.Vec(s)
	g.Ones(s, v)
	if t.size == 8 {
		g.VPSLLQ(Imm(53), v, v)
		g.VPSRLQ(Imm(1), v, v)
	} else {
		g.VPSLLD(Imm(24), v, v)
		g.VPSRLD(Imm(1), v, v)
	}
	return v
}

// writeWhere writes the selection by a mask.
func writeWhere(g *gen, s emit.ISA, t elem) {
	name := "where" + t.name + s.Name
	signature := fmt.Sprintf("func(dst []%s, mask []uint8, x, y []%s)", t.goType, t.goType)
	g.tables.add("where", t.name, signature, s, "0", name)
	g.Begin(name, signature, "is x where the mask is true, else y.")
	dst, mask, x, y := g.base("dst"), g.base("mask"), g.base("x"), g.base("y")
	p := g.newStrip(s, t.size, g.shortest("dst", "mask", "x", "y"))
	p.run(unroll, func(k int) {
		for j := range k {
			u, v := p.Vec(s), p.Vec(s)
			p.load(x, t.size, j, u)
			p.load(y, t.size, j, v)
			m := p.loadMask(mask, j)
			switch {
			case s == emit.AVX2:
				g.VPBLENDVB(m, v, u, u)
				p.store(u, dst, t.size, j)
				continue
			case t.size == 8:
				g.VMOVDQA64(u, m, v)
			default:
				g.VMOVDQA32(u, m, v)
			}
			p.store(v, dst, t.size, j)
		}
	})
	g.End()
}
