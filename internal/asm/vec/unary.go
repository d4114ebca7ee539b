package vec

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeUnary writes d = op x, and the fused d = x*y + z.
func writeUnary(g *gen) {
	g.maskTable()
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range []elem{f64, f32, i64, i32} {
			for _, o := range unaries(g, s, t) {
				writeOne(g, s, t, strings.ToLower(o.op)+t.name+s.Name, o)
			}
			if t.float {
				writeFMA(g, s, t)
				writeScaled(g, s, t)
			}
		}
	}
}

// unary is an operation of a table. prepare makes a constant, once; f sets d from x and must leave x alone. Sqrt has none: see
// roots.
type unary struct {
	op      string
	prepare func(c reg.VecVirtual)
	f       func(x, c, d reg.VecVirtual)
}

func writeOne(g *gen, s emit.ISA, t elem, name string, o unary) {
	signature := fmt.Sprintf("func(dst, x []%s)", t.goType)
	g.tables.add("unary", t.name, signature, s, o.op, name)
	g.Begin(name, signature, "is "+o.op+".")
	dst, x, c := g.base("dst"), g.base("x"), g.Vec(s)
	if o.prepare != nil {
		o.prepare(c)
	}
	p := g.newStrip(s, t.size, g.shortest("dst", "x"))
	if o.op == "Sqrt" {
		p.eachThen(t, dst, func(v []reg.VecVirtual) reg.VecVirtual { return v[0] },
			func(v []reg.VecVirtual) []reg.VecVirtual { return g.roots(s, t, v) }, x)
	} else {
		p.each(t, dst, func(v []reg.VecVirtual) reg.VecVirtual {
			d := p.Vec(s)
			o.f(v[0], c, d)
			return d
		}, x)
	}
	g.End()
}

func unaries(g *gen, s emit.ISA, t elem) []unary {
	ones := func(c reg.VecVirtual) { g.Ones(s, c) }
	zeros := func(c reg.VecVirtual) { g.xor(s)(c, c, c) }
	square := unary{"Square", nil, func(x, _, d reg.VecVirtual) { g.mul(s, t)(x, x, d) }}
	if t.float {
		signs := func(c reg.VecVirtual) { g.Signs(s, t.size, c) }
		list := []unary{
			{"Neg", signs, func(x, c, d reg.VecVirtual) { g.xor(s)(x, c, d) }},
			{"Abs", signs, func(x, c, d reg.VecVirtual) { g.andNot(s, x, c, d) }},
			{op: "Sqrt"},
			{"Reciprocal", func(c reg.VecVirtual) { g.one(t, c) }, func(x, c, d reg.VecVirtual) { pick(t, g.VDIVPD, g.VDIVPS)(x, c, d) }},
			square,
		}
		for mode, op := range []string{"Round", "Floor", "Ceil", "Trunc"} {
			list = append(list, unary{op, nil, func(x, _, d reg.VecVirtual) { g.round(s, t, mode, x, d) }})
		}
		return list
	}
	list := []unary{
		{"Neg", zeros, func(x, c, d reg.VecVirtual) { pick(t, g.VPSUBQ, g.VPSUBD)(x, c, d) }},
		{"Not", ones, func(x, c, d reg.VecVirtual) { g.xor(s)(x, c, d) }},
	}
	if t.size == 4 {
		return append(list, square, unary{"Abs", nil, func(x, _, d reg.VecVirtual) { g.VPABSD(x, d) }})
	}
	if s == emit.AVX512 {
		return append(list, square, unary{"Abs", nil, func(x, _, d reg.VecVirtual) { g.VPABSQ(x, d) }})
	}
	return list
}

// andNot sets d to x without the bits of c.
func (g *gen) andNot(s emit.ISA, x, c, d reg.VecVirtual) {
	if s == emit.AVX512 {
		g.VPANDNQ(x, c, d)
	} else {
		g.VPANDN(x, c, d)
	}
}

// one sets all lanes to 1.
func (g *gen) one(t elem, c reg.VecVirtual) {
	r := g.GP64()
	if t.size == 8 {
		g.MOVQ(U64(0x3ff0000000000000), r)
		x := g.XMM()
		g.VMOVQ(r, x)
		g.VPBROADCASTQ(x, c)
		return
	}
	g.MOVL(U32(0x3f800000), r.As32())
	x := g.XMM()
	g.VMOVD(r.As32(), x)
	g.VPBROADCASTD(x, c)
}

// round rounds to an integer: mode 0 to the nearest, 1 down, 2 up, 3 toward zero.
func (g *gen) round(s emit.ISA, t elem, mode int, x, d reg.VecVirtual) {
	imm := U8(8 | mode)
	switch {
	case s == emit.AVX512 && t.size == 8:
		g.VRNDSCALEPD(imm, x, d)
	case s == emit.AVX512:
		g.VRNDSCALEPS(imm, x, d)
	case t.size == 8:
		g.VROUNDPD(imm, x, d)
	default:
		g.VROUNDPS(imm, x, d)
	}
}

func writeFMA(g *gen, s emit.ISA, t elem) {
	name := "fma" + t.name + s.Name
	signature := fmt.Sprintf("func(dst, x, y, z []%s)", t.goType)
	g.tables.add("fma", t.name, signature, s, "0", name)
	g.Begin(name, signature, "is x*y + z, rounded once.")
	dst, x, y, z := g.base("dst"), g.base("x"), g.base("y"), g.base("z")
	p := g.newStrip(s, t.size, g.shortest("dst", "x", "y", "z"))
	p.each(t, dst, func(v []reg.VecVirtual) reg.VecVirtual {
		g.fma(t, v[0], v[1], v[2])
		return v[2]
	}, x, y, z)
	g.End()
}

// fma adds x*y to d.
func (g *gen) fma(t elem, x, y, d Op) {
	if t.size == 8 {
		g.VFMADD231PD(x, y, d)
	} else {
		g.VFMADD231PS(x, y, d)
	}
}

func writeScaled(g *gen, s emit.ISA, t elem) {
	name := "addScaled" + t.name + s.Name
	signature := fmt.Sprintf("func(dst, x []%s, c %s)", t.goType, t.goType)
	g.tables.add("addScaled", t.name, signature, s, "0", name)
	g.Begin(name, signature, "adds x*c to dst, rounded once.")
	dst, x, c := g.base("dst"), g.base("x"), g.Vec(s)
	g.broadcast(t.size, g.ArgMem("c"), c)
	p := g.newStrip(s, t.size, g.shortest("dst", "x"))
	p.each(t, dst, func(v []reg.VecVirtual) reg.VecVirtual {
		g.fma(t, v[0], c, v[1])
		return v[1]
	}, x, dst)
	g.End()
}
