package vec

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeColumns writes what takes in the rows of a tile: sums and moments of its columns, for a few vectors of columns at a
// time, and sums and deviations of its rows.
func writeColumns(g *gen) {
	g.maskTable()
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range []elem{f64, f32} {
			writeColumnSums(g, s, t)
		}
		writeColumnMoments(g, s)
		writeRows(g, s, "rowSums")
		writeRows(g, s, "rowDeviations")
	}
}

// eachRow writes a loop over the rows of the tile at x, whose rows lie stride bytes apart.
func (g *gen) eachRow(x, rows, stride reg.GPVirtual, f func(row reg.GPVirtual)) {
	row, left := g.GP64(), g.GP64()
	g.MOVQ(x, row)
	g.MOVQ(rows, left)
	loop, end := g.label("row"), g.label("rows")
	g.Label(loop)
	g.DECQ(left)
	g.JL(LabelRef(end))
	f(row)
	g.ADDQ(stride, row)
	g.JMP(LabelRef(loop))
	g.Label(end)
}

func writeColumnSums(g *gen, s emit.ISA, t elem) {
	name := "columnSums" + t.name + s.Name
	signature := fmt.Sprintf("func(dst, x []%s, rows, stride int)", t.goType)
	g.tables.add("columnSums", t.name, signature, s, "0", name)
	g.Begin(name, signature, "does len(dst) columns.")
	dst, x, rows, stride := g.base("dst"), g.base("x"), g.Arg("rows"), g.Arg("stride")
	g.SHLQ(Imm(map[int]uint64{8: 3, 4: 2}[t.size]), stride)
	p := g.newStrip(s, t.size, g.shortest("dst"))
	p.run(unroll, func(k int) {
		acc := p.Vecs(s, k)
		for _, a := range acc {
			g.xor(s)(a, a, a)
		}
		g.eachRow(x, rows, stride, func(row reg.GPVirtual) {
			for j, a := range acc {
				v := p.Vec(s)
				p.load(row, t.size, j, v)
				g.add(s, t)(a, v, a)
			}
		})
		for j, a := range acc {
			p.store(a, dst, t.size, j)
		}
	})
	g.End()
}

func writeColumnMoments(g *gen, s emit.ISA) {
	name := "columnMoments" + f64.name + s.Name
	signature := "func(mean, m2, x []float64, rows, stride int, n float64)"
	g.tables.add("columnMoments", f64.name, signature, s, "0", name)
	g.Begin(name, signature, "does len(mean) columns.")
	mean, m2, x, rows, stride := g.base("mean"), g.base("m2"), g.base("x"), g.Arg("rows"), g.Arg("stride")
	all := g.Vec(s)
	g.broadcast(f64.size, g.ArgMem("n"), all)
	g.SHLQ(Imm(3), stride)
	p := g.newStrip(s, f64.size, g.shortest("mean"))
	together := 8 // as many as there are registers for
	if s == emit.AVX2 {
		together = 3
	}
	const ahead = 1024 // bytes: what these rows go on with is asked for while they are taken in
	p.run(together, func(k int) {
		c, sum, square := p.Vecs(s, k), p.Vecs(s, k), p.Vecs(s, k)
		for j := range k {
			p.load(mean, f64.size, j, c[j])
			g.xor(s)(sum[j], sum[j], sum[j])
			g.xor(s)(square[j], square[j], square[j])
		}
		g.eachRow(x, rows, stride, func(row reg.GPVirtual) {
			for j := range k {
				v := p.Vec(s)
				p.load(row, f64.size, j, v)
				g.PREFETCHT0(emit.Index(row, p.i, 8, j*p.Width+ahead))
				g.VSUBPD(c[j], v, v)
				g.VADDPD(v, sum[j], sum[j])
				g.VFMADD231PD(v, v, square[j])
			}
		})
		for j := range k {
			step := p.Vec(s)
			g.VDIVPD(all, sum[j], step)
			g.VADDPD(step, c[j], c[j])
			p.store(c[j], mean, f64.size, j)
			g.VMULPD(step, sum[j], step)
			g.VSUBPD(step, square[j], square[j])
			p.load(m2, f64.size, j, step)
			g.VADDPD(square[j], step, step)
			p.store(step, m2, f64.size, j)
		}
	})
	g.End()
}

// writeRows writes the reduction of one block of each of several rows.
func writeRows(g *gen, s emit.ISA, op string) {
	signature := "func(dst, x []float64, stride, n, ahead int)"
	if op == "rowDeviations" {
		signature = "func(dst, mean, x []float64, stride, n, ahead int)"
	}
	name := op + f64.name + s.Name
	g.tables.add(op, f64.name, signature, s, "0", name)
	g.Begin(name, signature, "does len(dst) rows of n elements, one block of each.")
	dst, x, rows, stride := g.base("dst"), g.base("x"), g.shortest("dst"), g.Arg("stride")
	n, ahead := g.Arg("n"), g.Arg("ahead")
	g.SHLQ(Imm(3), stride)
	g.SHLQ(Imm(3), ahead)
	r := &reduction{gen: g, ISA: s, elem: f64, fold: g.add(s, f64)}
	r.start = func(v reg.VecVirtual) { g.xor(s)(v, v, v) }
	r.step = func(_ int, load func() reg.VecVirtual, acc, d reg.VecVirtual) { r.fold(acc, load(), d) }
	var mean reg.GPVirtual
	c := g.Vec(s)
	if op == "rowDeviations" {
		mean = g.base("mean")
		r.step = r.deviation(c)
	}
	take := r.step
	r.step = func(j int, load func() reg.VecVirtual, acc, d reg.VecVirtual) {
		if at := j * r.Width; at%64 == 0 { // a line
			g.PREFETCHT0(Mem{Base: r.ptrs[r.row], Index: ahead, Scale: 1, Disp: at})
		}
		take(j, load, acc, d)
	}
	if s == emit.AVX512 && op == "rowSums" {
		r.four(dst, x, rows, stride, n, take)
	}
	g.eachRow(x, rows, stride, func(row reg.GPVirtual) {
		if op == "rowDeviations" {
			g.VBROADCASTSD(Mem{Base: mean}, c)
			g.ADDQ(Imm(8), mean)
		}
		from, left := g.GP64(), g.GP64()
		g.MOVQ(row, from)
		g.MOVQ(n, left)
		r.ptrs = []reg.GPVirtual{from}
		r.run(left)
		g.VMOVQ(r.total().AsX(), Mem{Base: dst})
		g.ADDQ(Imm(8), dst)
	})
	g.End()
}

// four writes the reduction of four rows side by side, for as long as there are four: the processor reads ahead in as many
// places, and need not be asked to. AVX2 has too few registers for it.
func (r *reduction) four(dst, x, rows, stride, n reg.GPVirtual, step func(j int, load func() reg.VecVirtual, acc, d reg.VecVirtual)) {
	loop, end := r.label("four"), r.label("fewer")
	r.Label(loop)
	r.CMPQ(rows, Imm(4))
	r.JL(LabelRef(end))
	at, left := r.GP64(), r.GP64()
	r.MOVQ(x, at)
	r.MOVQ(n, left)
	quad := &reduction{gen: r.gen, ISA: r.ISA, elem: r.elem, start: r.start, fold: r.fold, step: step, rows: 4}
	for range quad.rows {
		from := r.GP64()
		r.MOVQ(at, from)
		r.ADDQ(stride, at)
		quad.ptrs = append(quad.ptrs, from)
	}
	r.MOVQ(at, x)
	quad.run(left)
	all := quad.acc
	for k := range quad.rows {
		quad.acc = all[k*len(all)/quad.rows : (k+1)*len(all)/quad.rows]
		r.VMOVQ(quad.total().AsX(), Mem{Base: dst, Disp: 8 * k})
	}
	r.ADDQ(Imm(uint64(8*quad.rows)), dst)
	r.SUBQ(Imm(uint64(quad.rows)), rows)
	r.JMP(LabelRef(loop))
	r.Label(end)
}
