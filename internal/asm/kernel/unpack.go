package kernel

import (
	. "github.com/mmcloughlin/avo/operand"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeUnpack writes the loop that unpacks numbers of a width, in groups of eight. AVX-512 would not store more at a time
// than two of its turns do.
func writeUnpack(g *gen) {
	g.Begin("unpackAVX2", "func(dst, src, eight *byte, n, width int)", "unpacks n groups of eight numbers; eight says where they lie in a group.")
	dst, src, eight, n, width := g.Arg("dst"), g.Arg("src"), g.Arg("eight"), g.Arg("n"), g.Arg("width")
	half := g.GP64()
	g.MOVQ(width, half)
	g.SHRQ(Imm(1), half)
	bytes, shifts, mask := g.YMM(), g.YMM(), g.YMM()
	g.VMOVDQU(emit.At(eight, 0), bytes)
	g.VMOVDQU(emit.At(eight, 32), shifts)
	g.VPBROADCASTD(emit.At(eight, 64), mask)
	group := func(disp int) {
		x := g.YMM()
		g.VMOVDQU(emit.At(src, 0), x.AsX())
		g.VINSERTI128(U8(1), emit.Index(src, half, 1, 0), x, x)
		g.ADDQ(width, src)
		g.VPSHUFB(bytes, x, x)
		g.VPSRLVD(shifts, x, x)
		g.VPAND(mask, x, x)
		g.VMOVDQU(x, emit.At(dst, disp))
	}
	g.SUBQ(Imm(4), n)
	g.JL(LabelRef("rest"))
	g.Label("loop")
	for i := range 4 {
		group(32 * i)
	}
	g.ADDQ(U32(128), dst)
	g.SUBQ(Imm(4), n)
	g.JGE(LabelRef("loop"))
	g.Label("rest")
	g.ADDQ(Imm(4), n)
	g.JE(LabelRef("end"))
	g.Label("one")
	group(0)
	g.ADDQ(U32(32), dst)
	g.DECQ(n)
	g.JNZ(LabelRef("one"))
	g.Label("end")
	g.End()
}
