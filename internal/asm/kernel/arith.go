package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// unroll is the number of vectors in flight.
const unroll = 4

// writeArith writes the loops dst = x op y over whole vectors, for floats and for the words of bitmaps.
func writeArith(g *gen) {
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range []struct {
			name string
			size int
			ops  []func(a, b, d Op)
		}{
			{"F32", 4, []func(a, b, d Op){g.three(g.VADDPS), g.three(g.VSUBPS), g.three(g.VMULPS), g.three(g.VDIVPS)}},
			{"F64", 8, []func(a, b, d Op){g.three(g.VADDPD), g.three(g.VSUBPD), g.three(g.VMULPD), g.three(g.VDIVPD)}},
		} {
			for i, name := range []string{"add", "sub", "mul", "div"} {
				forms := []string{"", "Const", "Left"}
				if name == "add" || name == "mul" {
					forms = forms[:2]
				}
				for _, form := range forms {
					elementwise(g, s, name+form+t.name+s.Name, t.size, form, t.ops[i])
				}
			}
		}
		for name, op := range bitwise(g, s) {
			elementwise(g, s, name+"Bits"+s.Name, 8, "", op)
		}
	}
}

// three narrows an instruction with optional operands to its plain form.
func (g *gen) three(f func(...Op)) func(a, b, d Op) {
	return func(a, b, d Op) { f(a, b, d) }
}

// bitwise returns the operations on bitmaps; andNot is x &^ y, so its operands change places.
func bitwise(g *gen, s emit.ISA) func(func(string, func(a, b, d Op)) bool) {
	return func(yield func(string, func(a, b, d Op)) bool) {
		_ = yield("and", func(a, b, d Op) { g.and(s, a, b, d) }) &&
			yield("or", func(a, b, d Op) { g.or(s, a, b, d) }) &&
			yield("xor", func(a, b, d Op) { g.xor(s, a, b, d) }) &&
			yield("andNot", func(a, b, d Op) {
				if s == emit.AVX512 {
					m := g.ZMM()
					g.VMOVDQU64(a, m)
					g.VPANDNQ(b, m, d)
					return
				}
				m := g.YMM()
				g.VMOVDQU(a, m)
				g.VPANDN(b, m, d)
			})
	}
}

// elementwise writes one loop. op gets its operands in the order of the assembler: (y, x, d) means d = x op y.
func elementwise(g *gen, s emit.ISA, name string, size int, form string, op func(a, b, d Op)) {
	g.Begin(name, "func(dst, x, y *byte, vectors int)", "does whole vectors; y is the second vector or the constant.")
	dst, x, y, n := g.Arg("dst"), g.Arg("x"), g.Arg("y"), g.Arg("vectors")
	var c reg.VecVirtual
	if form != "" {
		c = g.Vec(s)
		g.broadcast(size, emit.At(y, 0), c)
	}
	step := func(k int) {
		v := g.Vecs(s, k)
		for i := range v {
			if form == "Left" {
				op(emit.At(x, i*s.Width), c, v[i])
				continue
			}
			g.mov(s, emit.At(x, i*s.Width), v[i])
			if form == "Const" {
				op(c, v[i], v[i])
			} else {
				op(emit.At(y, i*s.Width), v[i], v[i])
			}
		}
		for i := range v {
			g.mov(s, v[i], emit.At(dst, i*s.Width))
		}
		g.ADDQ(U32(k*s.Width), x)
		if form == "" {
			g.ADDQ(U32(k*s.Width), y)
		}
		g.ADDQ(U32(k*s.Width), dst)
	}
	g.SUBQ(Imm(unroll), n)
	g.JL(LabelRef("rest"))
	g.Label("loop")
	step(unroll)
	g.SUBQ(Imm(unroll), n)
	g.JGE(LabelRef("loop"))
	g.Label("rest")
	g.ADDQ(Imm(unroll), n)
	g.JE(LabelRef("end"))
	g.Label("one")
	step(1)
	g.DECQ(n)
	g.JNZ(LabelRef("one"))
	g.Label("end")
	g.End()
}
