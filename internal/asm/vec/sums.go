package vec

import (
	"slices"

	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// computed is what a sum takes in: f of vectors of the operands, which it may destroy, rounded before it is added.
type computed struct {
	op       string
	operands []string
	f        func(v []reg.VecVirtual) reg.VecVirtual
	root     bool // of what f returns the square roots are added
}

// writeSums writes the sums of the results of operations.
func writeSums(g *gen) {
	g.maskTable()
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		of2 := func(f op2) func(v []reg.VecVirtual) reg.VecVirtual {
			return func(v []reg.VecVirtual) reg.VecVirtual {
				d := g.Vec(s)
				f(v[0], v[1], d)
				return d
			}
		}
		x, xy := []string{"x"}, []string{"x", "y"}
		list := []computed{
			{"Norm", xy, of2(g.squares(s, f64)), true},
			{"Sqrt", x, func(v []reg.VecVirtual) reg.VecVirtual { return v[0] }, true},
		}
		for _, b := range binaries(g, s, f64) {
			if slices.Contains([]string{"Add", "Sub", "Mul", "Squares"}, b.op) {
				list = append(list, computed{b.op, xy, of2(b.f), false})
			}
		}
		for _, c := range list {
			writeSumOf(g, s, c)
		}
	}
}

func writeSumOf(g *gen, s emit.ISA, c computed) {
	table, signature := "sumsOfOne", "func(x []float64) float64"
	if len(c.operands) == 2 {
		table, signature = "sumsOfTwo", "func(x, y []float64) float64"
	}
	name := "sumOf" + c.op + f64.name + s.Name
	g.tables.add(table, f64.name, signature, s, c.op, name)
	g.Begin(name, signature, "is the sum of "+c.op+" over one block. It asks the memory for the one behind it.")
	r := &reduction{gen: g, ISA: s, elem: f64, fold: g.add(s, f64)}
	for _, o := range c.operands {
		r.ptrs = append(r.ptrs, g.base(o))
	}
	r.start = func(v reg.VecVirtual) { g.xor(s)(v, v, v) }
	value := func(j int) reg.VecVirtual {
		v := make([]reg.VecVirtual, len(r.ptrs))
		for i, p := range r.ptrs {
			v[i] = r.load(p, j)
			if at := j * r.Width; at%64 == 0 { // a line
				g.PREFETCHT0(emit.At(p, at+blockBytes))
			}
		}
		return c.f(v)
	}
	r.step = func(j int, _ func() reg.VecVirtual, acc, d reg.VecVirtual) {
		v := value(j)
		if c.root {
			v = g.roots(s, f64, []reg.VecVirtual{v})[0]
		}
		r.fold(acc, v, d)
	}
	if c.root && s == emit.AVX512 { // AVX2 has too few registers for it
		r.together = func() {
			v := make([]reg.VecVirtual, len(r.acc))
			for j := range v {
				v[j] = value(j)
			}
			for j, v := range g.roots(s, f64, v) {
				r.fold(r.acc[j], v, r.acc[j])
			}
		}
	}
	r.run(g.shortest(c.operands...))
	r.finish()
	g.End()
}

// blockBytes are those of a block of float64.
const blockBytes = 256 * 8
