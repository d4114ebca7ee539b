package kernel

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// gatherFlight is how many vectors a turn looks up.
const gatherFlight = 4

// writeGather writes the look-ups in tables that registers hold. Two registers are a permutation, the bits of the index above
// it choose between permutations.
func writeGather(g *gen) {
	for _, size := range []int{4, 8} {
		for _, tables := range []int{1, 2, 4, 8} {
			if size == 8 && tables == 8 { // as dear as loads
				continue
			}
			x := &gather{gen: g, size: size}
			x.write(tables)
		}
	}
}

type gather struct {
	*gen
	size int
	t    []reg.VecVirtual
	bit  []reg.VecVirtual // of the index, in every lane: the one above the lanes of two registers, and the next
}

func (g *gather) write(tables int) {
	g.Begin(fmt.Sprintf("gather%dx%dAVX512", 8*g.size, tables), "func(dst, table, idx *byte, turns, limit int) (over uint16)",
		"looks up indices below limit; over is not 0 if there was another.")
	dst, table, idx, turns := g.Arg("dst"), g.Arg("table"), g.Arg("idx"), g.Arg("turns")
	g.t = g.Vecs(emit.AVX512, tables)
	for i, t := range g.t {
		g.VMOVDQU64(emit.At(table, 64*i), t)
	}
	for n := 2; n < tables; n *= 2 {
		b := g.ZMM()
		g.Ones(emit.AVX512, b)
		at := uint64(0)
		for v := n * 64 / g.size; v > 1; v /= 2 {
			at++
		}
		if g.size == 4 {
			g.VPSRLD(Imm(31), b, b)
			g.VPSLLD(Imm(at), b, b)
		} else {
			g.VPSRLQ(Imm(63), b, b)
			g.VPSLLQ(Imm(at), b, b)
		}
		g.bit = append(g.bit, b)
	}
	most := g.ZMM()
	g.VPXORQ(most, most, most)
	g.Label("loop")
	for i := range gatherFlight {
		x := g.ZMM()
		if g.size == 4 {
			g.VMOVDQU32(emit.At(idx, 64*i), x)
		} else {
			g.VPMOVZXDQ(emit.At(idx, 32*i), x)
		}
		g.VPMAXUD(x, most, most)
		g.VMOVDQU64(g.look(x, g.t, len(g.bit)), emit.At(dst, 64*i))
	}
	g.ADDQ(U32(gatherFlight*256/g.size), idx)
	g.ADDQ(U32(gatherFlight*64), dst)
	g.DECQ(turns)
	g.JNZ(LabelRef("loop"))
	limit, over := g.ZMM(), g.K()
	g.VPBROADCASTD(g.Arg("limit").As32(), limit)
	g.VPCMPUD(U8(5), limit, most, over) // not less
	out := g.GP32()
	g.KMOVW(over, out)
	g.Store(out.As16(), g.Return("over"))
	g.End()
}

// look returns the elements of some tables at x.
func (g *gather) look(x reg.VecVirtual, t []reg.VecVirtual, bits int) reg.VecVirtual {
	out := g.ZMM()
	switch {
	case len(t) == 1 && g.size == 4:
		g.VPERMD(t[0], x, out)
	case len(t) == 1:
		g.VPERMQ(t[0], x, out)
	case len(t) == 2:
		g.VMOVDQA64(x, out)
		if g.size == 4 {
			g.VPERMI2D(t[1], t[0], out)
		} else {
			g.VPERMI2Q(t[1], t[0], out)
		}
	default:
		k := g.K()
		out = g.look(x, t[:len(t)/2], bits-1)
		upper := g.look(x, t[len(t)/2:], bits-1)
		if g.size == 4 {
			g.VPTESTMD(g.bit[bits-1], x, k)
			g.VMOVDQA32(upper, k, out)
		} else {
			g.VPTESTMQ(g.bit[bits-1], x, k)
			g.VMOVDQA64(upper, k, out)
		}
	}
	return out
}
