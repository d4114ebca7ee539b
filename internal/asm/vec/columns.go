package vec

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeColumns writes sums over the rows of a tile, for a few vectors of columns at a time.
func writeColumns(g *gen) {
	g.maskTable()
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range []elem{f64, f32} {
			for _, deviations := range []bool{false, true} {
				writeColumn(g, s, t, deviations)
			}
		}
	}
}

func writeColumn(g *gen, s emit.ISA, t elem, deviations bool) {
	name, table := "columnSums", "columnSums"
	signature := fmt.Sprintf("func(dst, x []%s, rows, stride int)", t.goType)
	if deviations {
		name, table = "columnDeviations", "columnDeviations"
		signature = fmt.Sprintf("func(dst, mean, x []%s, rows, stride int)", t.goType)
	}
	name += t.name + s.Name
	g.tables.add(table, t.name, signature, s, "0", name)
	g.Begin(name, signature, "does len(dst) columns.")
	dst, x, rows, stride := g.base("dst"), g.base("x"), g.Arg("rows"), g.Arg("stride")
	var mean reg.GPVirtual
	if deviations {
		mean = g.base("mean")
	}
	g.SHLQ(Imm(map[int]uint64{8: 3, 4: 2}[t.size]), stride)
	p := g.newStrip(s, t.size, g.shortest("dst"))
	r := &reduction{gen: g, ISA: s, elem: t}
	p.run(unroll, func(k int) {
		acc, c := p.Vecs(s, k), p.Vecs(s, k)
		for j := range k {
			g.xor(s)(acc[j], acc[j], acc[j])
			if deviations {
				p.load(mean, t.size, j, c[j])
			}
		}
		row, left := g.GP64(), g.GP64()
		g.MOVQ(x, row)
		g.MOVQ(rows, left)
		loop, end := g.label("row"), g.label("rows")
		g.Label(loop)
		g.DECQ(left)
		g.JL(LabelRef(end))
		for j := range k {
			v := p.Vec(s)
			p.load(row, t.size, j, v)
			if !deviations {
				g.add(s, t)(acc[j], v, acc[j])
				continue
			}
			pick(t, g.VSUBPD, g.VSUBPS)(c[j], v, v)
			r.addProduct(v, v, acc[j], acc[j])
		}
		g.ADDQ(stride, row)
		g.JMP(LabelRef(loop))
		g.Label(end)
		for j := range k {
			p.store(acc[j], dst, t.size, j)
		}
	})
	g.End()
}
