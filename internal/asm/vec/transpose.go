package vec

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeTranspose writes the transposition of squares that lie beside each other in the source.
func writeTranspose(g *gen) {
	writeTiles(g, "transpose8x8x64AVX512", "uint64", 8, 3, g.square64AVX512)
	writeTiles(g, "transpose4x4x64AVX2", "uint64", 4, 3, g.square64AVX2)
	writeTiles(g, "transpose8x8x32AVX2", "uint32", 8, 2, g.square32)
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		writeCopyRows(g, s)
	}
}

// writeCopyRows writes the copy of a tile of whole cache lines.
func writeCopyRows(g *gen, s emit.ISA) {
	name, signature := "copyRows"+s.Name, "func(dst, src []uint8, lines, rows, stride, ahead int)"
	g.tables.add("copyRows", "", signature, s, "0", name)
	g.Begin(name, signature, "does at least one row of at least one line of 64 bytes.")
	dst, src, lines, rows := g.base("dst"), g.base("src"), g.Arg("lines"), g.Arg("rows")
	stride, ahead := g.Arg("stride"), g.Arg("ahead")
	g.eachRow(src, rows, stride, func(row reg.GPVirtual) {
		from, left, loop := g.GP64(), g.GP64(), g.label("line")
		g.MOVQ(row, from)
		g.MOVQ(lines, left)
		g.Label(loop)
		g.PREFETCHT0(Mem{Base: from, Index: ahead, Scale: 1})
		for at := 0; at < 64; at += s.Width {
			v := g.Vec(s)
			g.VMOVUPD(emit.At(from, at), v)
			g.VMOVUPD(v, emit.At(dst, at))
		}
		g.ADDQ(Imm(64), from)
		g.ADDQ(Imm(64), dst)
		g.DECQ(left)
		g.JNZ(LabelRef(loop))
	})
	g.End()
}

func writeTiles(g *gen, name, goType string, side int, shift uint64, square func(rows []reg.VecVirtual) []reg.VecVirtual) {
	g.Begin(name, "func(dst []"+goType+", ldd int, src []"+goType+", lds int, tiles int)",
		"does at least one tile; strides are in elements, and the tiles lie within the slices.")
	dst, ldd, src, lds, tiles := g.base("dst"), g.Arg("ldd"), g.base("src"), g.Arg("lds"), g.Arg("tiles")
	g.SHLQ(Imm(shift), ldd)
	g.SHLQ(Imm(shift), lds)
	g.Label("loop")
	row := g.GP64()
	g.MOVQ(src, row)
	rows := make([]reg.VecVirtual, side)
	s := emit.AVX2
	if side<<shift == 64 {
		s = emit.AVX512
	}
	for i := range rows {
		rows[i] = g.Vec(s)
		g.VMOVUPD(Mem{Base: row}, rows[i])
		g.ADDQ(lds, row)
	}
	for _, column := range square(rows) {
		g.VMOVUPD(column, Mem{Base: dst})
		g.ADDQ(ldd, dst)
	}
	g.ADDQ(U32(side<<shift), src)
	g.DECQ(tiles)
	g.JNZ(LabelRef("loop"))
	g.End()
}

// square64AVX512 exchanges neighbours, then pairs of lanes, twice.
func (g *gen) square64AVX512(r []reg.VecVirtual) []reg.VecVirtual {
	t, q, out := g.Vecs(emit.AVX512, 8), g.Vecs(emit.AVX512, 8), g.Vecs(emit.AVX512, 8)
	for i := 0; i < 8; i += 2 {
		g.VUNPCKLPD(r[i+1], r[i], t[i])
		g.VUNPCKHPD(r[i+1], r[i], t[i+1])
	}
	for h := range 2 {
		g.VSHUFF64X2(Imm(0x88), t[2+h], t[0+h], q[0+h])
		g.VSHUFF64X2(Imm(0xdd), t[2+h], t[0+h], q[2+h])
		g.VSHUFF64X2(Imm(0x88), t[6+h], t[4+h], q[4+h])
		g.VSHUFF64X2(Imm(0xdd), t[6+h], t[4+h], q[6+h])
	}
	for h := range 2 {
		g.VSHUFF64X2(Imm(0x88), q[4+h], q[0+h], out[0+h])
		g.VSHUFF64X2(Imm(0x88), q[6+h], q[2+h], out[2+h])
		g.VSHUFF64X2(Imm(0xdd), q[4+h], q[0+h], out[4+h])
		g.VSHUFF64X2(Imm(0xdd), q[6+h], q[2+h], out[6+h])
	}
	return out
}

func (g *gen) square64AVX2(r []reg.VecVirtual) []reg.VecVirtual {
	t, out := g.Vecs(emit.AVX2, 4), g.Vecs(emit.AVX2, 4)
	for i := 0; i < 4; i += 2 {
		g.VUNPCKLPD(r[i+1], r[i], t[i])
		g.VUNPCKHPD(r[i+1], r[i], t[i+1])
	}
	for h := range 2 {
		g.VPERM2F128(Imm(0x20), t[2+h], t[h], out[h])
		g.VPERM2F128(Imm(0x31), t[2+h], t[h], out[2+h])
	}
	return out
}

// square32 exchanges neighbours, then pairs, then halves.
func (g *gen) square32(r []reg.VecVirtual) []reg.VecVirtual {
	t, q, out := g.Vecs(emit.AVX2, 8), g.Vecs(emit.AVX2, 8), g.Vecs(emit.AVX2, 8)
	for i := 0; i < 8; i += 2 {
		g.VUNPCKLPS(r[i+1], r[i], t[i])
		g.VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for h := range 2 {
			g.VUNPCKLPD(t[i+2+h], t[i+h], q[i+2*h])
			g.VUNPCKHPD(t[i+2+h], t[i+h], q[i+2*h+1])
		}
	}
	for i := range 4 {
		g.VPERM2F128(Imm(0x20), q[4+i], q[i], out[i])
		g.VPERM2F128(Imm(0x31), q[4+i], q[i], out[4+i])
	}
	return out
}
