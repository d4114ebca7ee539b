package vec

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// The kernels of package fft transform eight lines at once: row k holds element k of each line, real parts in one plane and
// imaginary parts in another. A row is one vector of AVX-512 and two of AVX2.

// rowBytes is the size of a row of a plane.
const rowBytes = 64

func writeFFT(g *gen) {
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		writePass4(g, s)
		writePass2(g, s)
		writeTwiddle(g, s)
	}
	g.pairTables()
	writeGather(g)
	writeGatherRows(g)
	writeScatter(g)
}

// cplx is a vector of complex numbers.
type cplx struct{ re, im reg.VecVirtual }

func (g *gen) loadC(s emit.ISA, re, im Mem) cplx {
	c := cplx{g.Vec(s), g.Vec(s)}
	g.VMOVUPD(re, c.re)
	g.VMOVUPD(im, c.im)
	return c
}

func (g *gen) addC(s emit.ISA, a, b cplx) cplx {
	c := cplx{g.Vec(s), g.Vec(s)}
	g.VADDPD(b.re, a.re, c.re)
	g.VADDPD(b.im, a.im, c.im)
	return c
}

func (g *gen) subC(s emit.ISA, a, b cplx) cplx {
	c := cplx{g.Vec(s), g.Vec(s)}
	g.VSUBPD(b.re, a.re, c.re)
	g.VSUBPD(b.im, a.im, c.im)
	return c
}

// mulC is x*w: xr*wr - (xi*wi), xr*wi + (xi*wr), the second product rounded and the first fused.
func (g *gen) mulC(s emit.ISA, x, w cplx) cplx {
	c := cplx{g.Vec(s), g.Vec(s)}
	g.VMULPD(w.im, x.im, c.re)
	g.VFMSUB231PD(w.re, x.re, c.re)
	g.VMULPD(w.re, x.im, c.im)
	g.VFMADD231PD(w.im, x.re, c.im)
	return c
}

// mulTw is mulC with the twiddle at m, the same for all lanes.
func (g *gen) mulTw(s emit.ISA, x cplx, m Mem) cplx {
	w := cplx{g.Vec(s), g.Vec(s)}
	g.VBROADCASTSD(m, w.re)
	g.VBROADCASTSD(m.Offset(8), w.im)
	return g.mulC(s, x, w)
}

// halves calls f for each vector of a row, with its offset.
func halves(s emit.ISA, f func(disp int)) {
	for d := 0; d < rowBytes; d += s.Width {
		f(d)
	}
}

// passRows writes the loop over blocks and over the first rows of each, which lie before rest bytes of other rows, with the
// twiddles of a row at w. It moves re and im.
func (g *gen) passRows(s emit.ISA, re, im, tw, blocks, rows, rest reg.GPVirtual, twiddles int, f func(w reg.GPVirtual, disp int)) {
	g.Label("block")
	w, k := g.GP64(), g.GP64()
	g.MOVQ(tw, w)
	g.MOVQ(rows, k)
	g.Label("row")
	halves(s, func(d int) { f(w, d) })
	g.ADDQ(Imm(uint64(16*twiddles)), w)
	g.ADDQ(Imm(rowBytes), re)
	g.ADDQ(Imm(rowBytes), im)
	g.DECQ(k)
	g.JNZ(LabelRef("row"))
	g.ADDQ(rest, re)
	g.ADDQ(rest, im)
	g.DECQ(blocks)
	g.JNZ(LabelRef("block"))
}

func writePass4(g *gen, s emit.ISA) {
	g.Begin("pass4"+s.Name, "func(re, im, tw []float64, blocks, quarter int)", "joins four transforms of quarter rows, for each of blocks.")
	re, im, tw, blocks, quarter := g.base("re"), g.base("im"), g.base("tw"), g.Arg("blocks"), g.Arg("quarter")
	q1, q3 := g.GP64(), g.GP64()
	g.MOVQ(quarter, q1)
	g.SHLQ(Imm(6), q1)
	g.LEAQ(Mem{Base: q1, Index: q1, Scale: 2}, q3)
	g.passRows(s, re, im, tw, blocks, quarter, q3, 3, func(w reg.GPVirtual, d int) {
		place := func(p reg.Register) [4]Mem {
			return [4]Mem{{Base: p, Disp: d}, {Base: p, Index: q1, Scale: 1, Disp: d}, {Base: p, Index: q1, Scale: 2, Disp: d}, {Base: p, Index: q3, Scale: 1, Disp: d}}
		}
		r, i := place(re), place(im)
		a0 := g.loadC(s, r[0], i[0])
		a1 := g.mulTw(s, g.loadC(s, r[1], i[1]), emit.At(w, 0))
		a2 := g.mulTw(s, g.loadC(s, r[2], i[2]), emit.At(w, 16))
		a3 := g.mulTw(s, g.loadC(s, r[3], i[3]), emit.At(w, 32))
		s02, d02, s13, d13 := g.addC(s, a0, a2), g.subC(s, a0, a2), g.addC(s, a1, a3), g.subC(s, a1, a3)
		x0, x2 := g.addC(s, s02, s13), g.subC(s, s02, s13)
		x1, x3 := cplx{g.Vec(s), g.Vec(s)}, cplx{g.Vec(s), g.Vec(s)}
		g.VADDPD(d13.im, d02.re, x1.re)
		g.VSUBPD(d13.re, d02.im, x1.im)
		g.VSUBPD(d13.im, d02.re, x3.re)
		g.VADDPD(d13.re, d02.im, x3.im)
		for j, x := range []cplx{x0, x1, x2, x3} {
			g.VMOVUPD(x.re, r[j])
			g.VMOVUPD(x.im, i[j])
		}
	})
	g.End()
}

func writePass2(g *gen, s emit.ISA) {
	g.Begin("pass2"+s.Name, "func(re, im, tw []float64, blocks, half int)", "joins two transforms of half rows, for each of blocks.")
	re, im, tw, blocks, half := g.base("re"), g.base("im"), g.base("tw"), g.Arg("blocks"), g.Arg("half")
	q := g.GP64()
	g.MOVQ(half, q)
	g.SHLQ(Imm(6), q)
	g.passRows(s, re, im, tw, blocks, half, q, 1, func(w reg.GPVirtual, d int) {
		r0, i0 := Mem{Base: re, Disp: d}, Mem{Base: im, Disp: d}
		r1, i1 := Mem{Base: re, Index: q, Scale: 1, Disp: d}, Mem{Base: im, Index: q, Scale: 1, Disp: d}
		a0 := g.loadC(s, r0, i0)
		a1 := g.mulTw(s, g.loadC(s, r1, i1), emit.At(w, 0))
		x0, x1 := g.addC(s, a0, a1), g.subC(s, a0, a1)
		g.VMOVUPD(x0.re, r0)
		g.VMOVUPD(x0.im, i0)
		g.VMOVUPD(x1.re, r1)
		g.VMOVUPD(x1.im, i1)
	})
	g.End()
}

// writeTwiddle multiplies row k by base[k] times the row k of the lane factors.
func writeTwiddle(g *gen, s emit.ISA) {
	g.Begin("twiddle"+s.Name, "func(re, im, lanesRe, lanesIm, base []float64)", "does len(base)/2 rows, at least one.")
	re, im, lr, li, base := g.base("re"), g.base("im"), g.base("lanesRe"), g.base("lanesIm"), g.base("base")
	n := g.shortest("base")
	g.SHRQ(Imm(1), n)
	g.Label("row")
	halves(s, func(d int) {
		w := g.mulTw(s, g.loadC(s, emit.At(lr, d), emit.At(li, d)), emit.At(base, 0))
		x := g.mulC(s, g.loadC(s, emit.At(re, d), emit.At(im, d)), w)
		g.VMOVUPD(x.re, emit.At(re, d))
		g.VMOVUPD(x.im, emit.At(im, d))
	})
	for _, p := range []reg.GPVirtual{re, im, lr, li} {
		g.ADDQ(Imm(rowBytes), p)
	}
	g.ADDQ(Imm(16), base)
	g.DECQ(n)
	g.JNZ(LabelRef("row"))
	g.End()
}

// pairTables are the indices that take pairs apart and put them together.
func (g *gen) pairTables() {
	for _, t := range []struct {
		name string
		at   func(i int) int
	}{
		{"evens", func(i int) int { return 2 * i }}, {"odds", func(i int) int { return 2*i + 1 }},
		{"lowPairs", func(i int) int { return i/2 + i%2*8 }}, {"highPairs", func(i int) int { return 4 + i/2 + i%2*8 }},
	} {
		g.StaticGlobal(t.name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 8 {
			g.AppendDatum(U64(t.at(i)))
		}
	}
}

func (g *gen) index(name string) reg.VecVirtual {
	v := g.ZMM()
	g.VMOVDQU64(NewDataAddr(NewStaticSymbol(name), 0), v)
	return v
}

// apart splits eight complex numbers at m into planes.
func (g *gen) apart(m Mem, evens, odds reg.VecVirtual) cplx {
	a, b := g.ZMM(), g.ZMM()
	g.VMOVUPD(m, a)
	g.VMOVUPD(m.Offset(64), b)
	c := cplx{g.ZMM(), g.ZMM()}
	g.VMOVDQA64(evens, c.re)
	g.VPERMI2PD(b, a, c.re)
	g.VMOVDQA64(odds, c.im)
	g.VPERMI2PD(b, a, c.im)
	return c
}

// writeGather reads rows of eight complex numbers in a given order.
func writeGather(g *gen) {
	g.Begin("gatherAVX512", "func(re, im []float64, src []complex128, stride int, order []uint32)",
		"sets row k to the eight numbers of src from order[k]*stride on; order has at least one element.")
	re, im, src, stride, order := g.base("re"), g.base("im"), g.base("src"), g.Arg("stride"), g.base("order")
	n := g.shortest("order")
	g.SHLQ(Imm(4), stride)
	evens, odds := g.index("evens"), g.index("odds")
	g.Label("row")
	from := g.GP64()
	g.MOVL(Mem{Base: order}, from.As32())
	g.IMULQ(stride, from)
	c := g.apart(Mem{Base: src, Index: from, Scale: 1}, evens, odds)
	g.VMOVUPD(c.re, emit.At(re, 0))
	g.VMOVUPD(c.im, emit.At(im, 0))
	g.ADDQ(Imm(rowBytes), re)
	g.ADDQ(Imm(rowBytes), im)
	g.ADDQ(Imm(4), order)
	g.DECQ(n)
	g.JNZ(LabelRef("row"))
	g.End()
}

// writeGatherRows reads eight lines that lie one after the other, eight numbers of each at a time.
func writeGatherRows(g *gen) {
	g.Begin("gatherRowsAVX512", "func(re, im []float64, src []complex128, stride int, places []uint32)",
		"sets row places[j] to the numbers src[j], src[stride+j], ... of eight lines, for len(places) numbers, a multiple of 8.")
	re, im, src, stride, places := g.base("re"), g.base("im"), g.base("src"), g.Arg("stride"), g.base("places")
	n := g.shortest("places")
	g.SHLQ(Imm(4), stride)
	evens, odds := g.index("evens"), g.index("odds")
	g.Label("tile")
	var rows [2][]reg.VecVirtual
	line := g.GP64()
	g.MOVQ(src, line)
	for range 8 {
		c := g.apart(emit.At(line, 0), evens, odds)
		rows[0], rows[1] = append(rows[0], c.re), append(rows[1], c.im)
		g.ADDQ(stride, line)
	}
	for p, plane := range []reg.Register{re, im} {
		for j, v := range g.square64AVX512(rows[p]) {
			to := g.GP64()
			g.MOVL(emit.At(places, 4*j), to.As32())
			g.SHLQ(Imm(6), to)
			g.VMOVUPD(v, Mem{Base: plane, Index: to, Scale: 1})
		}
	}
	g.ADDQ(Imm(32), places)
	g.ADDQ(U32(128), src)
	g.SUBQ(Imm(8), n)
	g.JNZ(LabelRef("tile"))
	g.End()
}

// writeScatter writes rows as eight complex numbers.
func writeScatter(g *gen) {
	g.Begin("scatterAVX512", "func(dst []complex128, stride int, re, im []float64, rows int)",
		"sets the eight numbers of dst from k*stride on to row k, for at least one row.")
	dst, stride, re, im, n := g.base("dst"), g.Arg("stride"), g.base("re"), g.base("im"), g.Arg("rows")
	g.SHLQ(Imm(4), stride)
	low, high := g.index("lowPairs"), g.index("highPairs")
	g.Label("row")
	c := g.loadC(emit.AVX512, emit.At(re, 0), emit.At(im, 0))
	a, b := g.ZMM(), g.ZMM()
	g.VMOVDQA64(low, a)
	g.VPERMI2PD(c.im, c.re, a)
	g.VMOVDQA64(high, b)
	g.VPERMI2PD(c.im, c.re, b)
	g.VMOVUPD(a, emit.At(dst, 0))
	g.VMOVUPD(b, emit.At(dst, 64))
	g.ADDQ(Imm(rowBytes), re)
	g.ADDQ(Imm(rowBytes), im)
	g.ADDQ(stride, dst)
	g.DECQ(n)
	g.JNZ(LabelRef("row"))
	g.End()
}
