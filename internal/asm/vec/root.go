package vec

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// roots returns the square roots of vectors, rounded once. Of four vectors of float64 the processor is asked for one
// (AVX-512: 18 cycles, in which its multipliers have nothing to do); they compute the others meanwhile, from estimates.
func (g *gen) roots(s emit.ISA, t elem, v []reg.VecVirtual) []reg.VecVirtual {
	root := g.Vecs(s, len(v))
	ask := func(i int) { pick(t, g.VSQRTPD, g.VSQRTPS)(v[i], root[i]) }
	if s != emit.AVX512 || t.size != 8 || len(v) < unroll {
		for i := range v {
			ask(i)
		}
		return root
	}
	last := len(v) - 1
	var k reg.OpmaskVirtual
	for i := range last {
		k = g.rootOf(v[i], root[i], k)
	}
	ask(last)
	done := g.label("roots")
	g.KORTESTB(k, k)
	g.JCS(LabelRef(done))
	for i := range last {
		ask(i)
	}
	g.Label(done)
	return root
}

// rootOf sets d to sqrt(a). Goldschmidt's iteration doubles the digits of d = sqrt(a) and of h = 1/(2 sqrt(a)) twice, from
// an estimate of 14 bits. With u = 2^-53 both are then off by at most 2.92 u of themselves: 1.5 u and u/2 for what was rounded on
// the way, 0.42 u for the iteration, the last rounding counted. What a lacks over d*d, times h, makes up for it (Markstein
// 1990) but for 5.4 u of what d was off, less than 2^-49 of a unit in the last place; so the sum is rounded as the root would
// be, unless the root is nearer than that to the middle of two numbers. Those are hardRoots of package vec, which asks the
// processor for them before it relies on its estimates.
//
// It returns the lanes in range, among those of k if there are others before: not zero, infinite, negative or NaN, which have
// no estimate to begin with, nor so small that the last bits of d*d are below what numbers can have.
func (g *gen) rootOf(a, d reg.VecVirtual, k reg.OpmaskVirtual) reg.OpmaskVirtual {
	const notBelow = 0x1d // false for NaN
	half, least := g.Word("half", emit.AVX512, 0x3fe0000000000000), NewDataAddr(Symbol{Name: "·rootsFrom"}, 0)
	h, r, in := g.ZMM(), g.ZMM(), g.K()
	g.VRSQRT14PD(a, h)
	g.VMULPD(a, h, d)
	g.VMULPD(half, h, h)
	if k == nil {
		g.VCMPPD_BCST(Imm(notBelow), least, d, in)
	} else {
		g.VCMPPD_BCST(Imm(notBelow), least, d, k, in)
	}
	for range 2 {
		g.VMOVUPD(half, r)
		g.VFNMADD231PD(d, h, r)
		g.VFMADD231PD(d, r, d)
		g.VFMADD231PD(h, r, h)
	}
	g.VMOVAPD(a, r)
	g.VFNMADD231PD(d, d, r)
	g.VFMADD231PD(r, h, d)
	return in
}
