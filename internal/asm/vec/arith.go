package vec

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// op2 is an operation of two vectors: it sets d from x and y, and may destroy neither.
type op2 func(x, y, d reg.VecVirtual)

// binary is an operation of a table.
type binary struct {
	op   string // its name in package vec
	left bool   // it has a form with the constant on the left
	f    op2
	root bool // the results are the square roots of what f sets
}

// three narrows an instruction with optional operands to its plain form. Instructions name their operands from the
// last to the first, so f(y, x, d) is d = x op y.
func three(f func(...Op)) op2 {
	return func(x, y, d reg.VecVirtual) { f(y, x, d) }
}

func three2(f func(a, b, c Op)) op2 {
	return func(x, y, d reg.VecVirtual) { f(y, x, d) }
}

// writeBinary writes d = x op y, x op c and c op x.
func writeBinary(g *gen, s emit.ISA) {
	if s == emit.AVX2 {
		g.maskTable()
	}
	for _, t := range []elem{f64, f32, i64, i32, u64, u32, u8} {
		for _, o := range binaries(g, s, t) {
			if t.size < 4 && s == emit.AVX2 {
				continue // no part of a vector can be read
			}
			name := strings.ToLower(o.op) + t.name + s.Name
			writeVectors(g, s, t, name, o)
			if t.size < 4 {
				continue
			}
			writeConstant(g, s, t, "right"+o.op+t.name+s.Name, "right", o)
			if o.left {
				f := o.f
				o.f = func(x, y, d reg.VecVirtual) { f(y, x, d) }
				writeConstant(g, s, t, "left"+o.op+t.name+s.Name, "left", o)
			}
		}
	}
}

func writeVectors(g *gen, s emit.ISA, t elem, name string, o binary) {
	signature := fmt.Sprintf("func(dst, x, y []%s)", t.goType)
	g.tables.add("binary", t.name, signature, s, o.op, name)
	g.Begin(name, signature, "is "+o.op+" of two vectors.")
	dst, x, y := g.base("dst"), g.base("x"), g.base("y")
	p := g.newStrip(s, t.size, g.shortest("dst", "x", "y"))
	p.eachThen(t, dst, func(v []reg.VecVirtual) reg.VecVirtual {
		d := p.Vec(s)
		o.f(v[0], v[1], d)
		return d
	}, o.then(g, s, t), x, y)
	g.End()
}

// then is what is done with the results of all vectors in flight.
func (o *binary) then(g *gen, s emit.ISA, t elem) func(v []reg.VecVirtual) []reg.VecVirtual {
	if !o.root {
		return nil
	}
	return func(v []reg.VecVirtual) []reg.VecVirtual { return g.roots(s, t, v) }
}

func writeConstant(g *gen, s emit.ISA, t elem, name, form string, o binary) {
	signature := fmt.Sprintf("func(dst, x []%s, c %s)", t.goType, t.goType)
	g.tables.add(form, t.name, signature, s, o.op, name)
	g.Begin(name, signature, "is "+o.op+" with a constant.")
	dst, x, c := g.base("dst"), g.base("x"), g.Vec(s)
	g.broadcast(t.size, g.ArgMem("c"), c)
	p := g.newStrip(s, t.size, g.shortest("dst", "x"))
	p.eachThen(t, dst, func(v []reg.VecVirtual) reg.VecVirtual {
		d := p.Vec(s)
		o.f(v[0], c, d)
		return d
	}, o.then(g, s, t), x)
	g.End()
}

// broadcast fills a vector with one element of size bytes in memory.
func (g *gen) broadcast(size int, m Mem, v Op) {
	if size == 4 {
		g.VBROADCASTSS(m, v)
	} else {
		g.VPBROADCASTQ(m, v)
	}
}

// binaries lists the operations of a type that the instruction set has.
func binaries(g *gen, s emit.ISA, t elem) []binary {
	bits := []binary{{op: "And", f: g.and(s)}, {op: "Or", f: g.or(s)}, {op: "Xor", f: g.xor(s)}}
	switch t {
	case f64, f32:
		return []binary{
			{op: "Add", f: g.add(s, t)}, {op: "Sub", left: true, f: pick(t, three(g.VSUBPD), three(g.VSUBPS))},
			{op: "Mul", f: g.mul(s, t)}, {op: "Div", left: true, f: pick(t, three(g.VDIVPD), three(g.VDIVPS))},
			{op: "Min", f: g.minFloat(s, t, true)}, {op: "Max", f: g.minFloat(s, t, false)},
			{op: "Squares", f: g.squares(s, t)}, {op: "Norm", f: g.squares(s, t), root: true},
		}
	case u8:
		return bits
	}
	all := append([]binary{
		{op: "Add", f: g.add(s, t)}, {op: "Sub", left: true, f: pick(t, three(g.VPSUBQ), three(g.VPSUBD))},
	}, bits...)
	if t.size == 4 || s == emit.AVX512 {
		all = append(all, binary{op: "Mul", f: g.mul(s, t)})
	}
	if t.signed || t.size == 4 || s == emit.AVX512 {
		all = append(all, binary{op: "Min", f: g.minInt(s, t, true)}, binary{op: "Max", f: g.minInt(s, t, false)})
	}
	return all
}

// pick chooses by the size of elements.
func pick[F any](t elem, eight, four F) F {
	if t.size == 8 {
		return eight
	}
	return four
}

func (g *gen) add(s emit.ISA, t elem) op2 {
	if t.float {
		return pick(t, three(g.VADDPD), three(g.VADDPS))
	}
	return pick(t, three(g.VPADDQ), three(g.VPADDD))
}

func (g *gen) mul(s emit.ISA, t elem) op2 {
	if t.float {
		return pick(t, three(g.VMULPD), three(g.VMULPS))
	}
	return pick(t, three(g.VPMULLQ), three(g.VPMULLD))
}

// squares is not fused: it rounds as its steps do.
func (g *gen) squares(s emit.ISA, t elem) op2 {
	return func(x, y, d reg.VecVirtual) {
		m := g.Vec(s)
		g.mul(s, t)(x, x, m)
		g.mul(s, t)(y, y, d)
		g.add(s, t)(m, d, d)
	}
}

func (g *gen) and(s emit.ISA) op2 {
	if s == emit.AVX512 {
		return three(g.VPANDQ)
	}
	return three2(g.VPAND)
}

func (g *gen) or(s emit.ISA) op2 {
	if s == emit.AVX512 {
		return three(g.VPORQ)
	}
	return three2(g.VPOR)
}

func (g *gen) xor(s emit.ISA) op2 {
	if s == emit.AVX512 {
		return three(g.VPXORQ)
	}
	return three2(g.VPXOR)
}

// minFloat is the minimum or maximum that tells -0 from 0 and lets NaN through. The instructions return their second
// source (the first one here) when both are zeros or one is NaN; done both ways and joined by or (and for the maximum),
// zeros come out right, and NaN is put in by a sum.
func (g *gen) minFloat(s emit.ISA, t elem, least bool) op2 {
	join := g.and(s)
	if least {
		join = g.or(s)
	}
	return func(x, y, d reg.VecVirtual) {
		b := g.Vec(s)
		g.extreme(t, least, x, y, d)
		g.extreme(t, least, y, x, b)
		join(d, b, d)
		if s == emit.AVX512 {
			k := g.K()
			if t.size == 8 {
				g.VCMPPD(Imm(3), x, y, k)
				g.VADDPD(x, y, k, d)
			} else {
				g.VCMPPS(Imm(3), x, y, k)
				g.VADDPS(x, y, k, d)
			}
			return
		}
		m, sum := g.YMM(), g.YMM()
		if t.size == 8 {
			g.VCMPPD(Imm(3), x, y, m)
			g.VADDPD(x, y, sum)
			g.VBLENDVPD(m, sum, d, d)
		} else {
			g.VCMPPS(Imm(3), x, y, m)
			g.VADDPS(x, y, sum)
			g.VBLENDVPS(m, sum, d, d)
		}
	}
}

func (g *gen) extreme(t elem, least bool, x, y, d reg.VecVirtual) {
	switch {
	case least && t.size == 8:
		g.VMINPD(y, x, d)
	case least:
		g.VMINPS(y, x, d)
	case t.size == 8:
		g.VMAXPD(y, x, d)
	default:
		g.VMAXPS(y, x, d)
	}
}

// minInt is the minimum or maximum of integers. 64-bit integers AVX2 can only compare, as signed ones, and blend.
func (g *gen) minInt(s emit.ISA, t elem, least bool) op2 {
	by := map[string][2]func(...Op){
		"I64": {g.VPMINSQ, g.VPMAXSQ}, "U64": {g.VPMINUQ, g.VPMAXUQ},
		"I32": {g.VPMINSD, g.VPMAXSD}, "U32": {g.VPMINUD, g.VPMAXUD},
	}[t.name]
	f := by[1]
	if least {
		f = by[0]
	}
	if t.size == 4 || s == emit.AVX512 {
		return three(f)
	}
	return func(x, y, d reg.VecVirtual) {
		greater := g.YMM()
		g.VPCMPGTQ(y, x, greater) // x > y
		if least {
			g.VPBLENDVB(greater, y, x, d)
		} else {
			g.VPBLENDVB(greater, x, y, d)
		}
	}
}
