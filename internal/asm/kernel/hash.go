package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// The constants of package kernel's hash.
const (
	hashSeed = 0xa0761d6478bd642f
	hashFold = 0xe7037ed1a0b428db
	hashMul1 = 0x3c79ac492ba7b653
	hashMul2 = 0x1c69b3f74ac4ae35
)

// hashFlight is the number of vectors in flight: multiplications are slow to finish. AVX2 has no registers for more.
var hashFlight = map[emit.ISA]int{emit.AVX512: 4, emit.AVX2: 2}

func writeHash(g *gen) {
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, form := range []string{"64", "32", "128", "Combine"} {
			g.Begin("hash"+form+s.Name, "func(out, keys *byte, vectors int)",
				"hashes whole vectors of 8-byte lanes; Combine has the column so far in out.")
			h := &hash{gen: g, ISA: s, form: form}
			h.write()
		}
	}
}

type hash struct {
	*gen
	emit.ISA
	form             string
	out, keys        reg.GPVirtual
	seed, order      reg.VecVirtual
	mul1, mul2, fold factor
}

// factor is a constant to multiply by; AVX2 needs its upper half by itself.
type factor struct{ whole, upper reg.VecVirtual }

func (h *hash) factor(name string, v uint64) factor {
	f := factor{whole: h.Vec(h.ISA)}
	h.VPBROADCASTQ(h.ConstData(name+h.form+h.ISA.Name, U64(v)), f.whole)
	if h.ISA == emit.AVX2 {
		f.upper = h.YMM()
		h.VPSRLQ(Imm(32), f.whole, f.upper)
	}
	return f
}

func (h *hash) write() {
	h.out, h.keys = h.Arg("out"), h.Arg("keys")
	n := h.Arg("vectors")
	h.seed = h.Vec(h.ISA)
	h.VPBROADCASTQ(h.ConstData("seed"+h.form+h.ISA.Name, U64(hashSeed)), h.seed)
	h.mul1, h.mul2 = h.factor("mul1", hashMul1), h.factor("mul2", hashMul2)
	if h.form == "128" || h.form == "Combine" {
		h.fold = h.factor("fold", hashFold)
	}
	if h.form == "128" && h.ISA == emit.AVX512 {
		h.order = h.ZMM()
		h.VMOVDQU64(h.table("hashOrder", 8, func(i int) Constant { return U64(i%4*2 + i/4) }), h.order)
	}
	flight := hashFlight[h.ISA]
	h.SUBQ(Imm(uint64(flight)), n)
	h.JL(LabelRef("rest"))
	h.Label("loop")
	h.step(flight)
	h.SUBQ(Imm(uint64(flight)), n)
	h.JGE(LabelRef("loop"))
	h.Label("rest")
	h.ADDQ(Imm(uint64(flight)), n)
	h.JE(LabelRef("end"))
	h.Label("one")
	h.step(1)
	h.DECQ(n)
	h.JNZ(LabelRef("one"))
	h.Label("end")
	h.End()
}

// keyBytes is the size of a key.
func (h *hash) keyBytes() int {
	return map[string]int{"64": 8, "32": 4, "128": 16, "Combine": 8}[h.form]
}

func (h *hash) step(k int) {
	bytes := h.keyBytes() * h.Width / 8
	v := h.Vecs(h.ISA, k)
	for i := range v {
		h.load(v[i], i, i*bytes)
	}
	each := func(f func(x reg.VecVirtual)) {
		for _, x := range v {
			f(x)
		}
	}
	each(func(x reg.VecVirtual) { h.VPADDQ(h.seed, x, x) })
	each(func(x reg.VecVirtual) { h.shiftXor(27, x) })
	each(func(x reg.VecVirtual) { h.multiply(h.mul1, x) })
	each(func(x reg.VecVirtual) { h.shiftXor(33, x) })
	each(func(x reg.VecVirtual) { h.multiply(h.mul2, x) })
	each(func(x reg.VecVirtual) { h.shiftXor(27, x) })
	for i := range v {
		switch {
		case h.form != "128":
		case h.ISA == emit.AVX512:
			h.VPERMQ(v[i], h.order, v[i])
		default:
			h.VPERMQ(U8(0xd8), v[i], v[i])
		}
		h.mov(h.ISA, v[i], emit.At(h.out, i*h.Width))
	}
	h.ADDQ(U32(k*bytes), h.keys)
	h.ADDQ(U32(k*h.Width), h.out)
}

// load fills v with what HashKey gets, for 128-bit keys in the order that unpacking two vectors gives.
func (h *hash) load(v reg.VecVirtual, i, disp int) {
	switch h.form {
	case "64":
		h.mov(h.ISA, emit.At(h.keys, disp), v)
	case "32":
		h.VPMOVZXDQ(emit.At(h.keys, disp), v)
	case "Combine":
		h.mov(h.ISA, emit.At(h.out, i*h.Width), v)
		h.multiply(h.fold, v)
		h.VPADDQ(emit.At(h.keys, disp), v, v)
	case "128":
		second, low := h.Vec(h.ISA), h.Vec(h.ISA)
		h.mov(h.ISA, emit.At(h.keys, disp), v)
		h.mov(h.ISA, emit.At(h.keys, disp+h.Width), second)
		h.VPUNPCKLQDQ(second, v, low)
		h.VPUNPCKHQDQ(second, v, v)
		h.multiply(h.fold, v)
		h.VPADDQ(low, v, v)
	}
}

func (h *hash) shiftXor(by uint64, x reg.VecVirtual) {
	t := h.Vec(h.ISA)
	h.VPSRLQ(Imm(by), x, t)
	h.xor(h.ISA, t, x, x)
}

// multiply is modulo 2^64; AVX2 makes it of three products of halves.
func (h *hash) multiply(f factor, x reg.VecVirtual) {
	if h.ISA == emit.AVX512 {
		h.VPMULLQ(f.whole, x, x)
		return
	}
	upper, cross := h.YMM(), h.YMM()
	h.VPSRLQ(Imm(32), x, upper)
	h.VPMULUDQ(f.whole, upper, upper)
	h.VPMULUDQ(f.upper, x, cross)
	h.VPADDQ(cross, upper, upper)
	h.VPSLLQ(Imm(32), upper, upper)
	h.VPMULUDQ(f.whole, x, x)
	h.VPADDQ(upper, x, x)
}
