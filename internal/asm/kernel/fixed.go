package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeFixed writes the kernels of exact float sums. They do eight elements at a time; bits of what is odd are written
// as bytes. Constants are read from an array of 8-byte words, in the order in which the kernel takes them.
func writeFixed(g *gen) {
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, wide := range []bool{true, false} {
			suffix := "F32" + s.Name
			if wide {
				suffix = "F64" + s.Name
			}
			g.Begin("splitFixed"+suffix, "func(x *byte, eights int, constants, hi, lo, odd *byte)",
				"does eights of elements; the constants are those of splitFixedASM.")
			newFixed(g, s, wide).split()
			g.Begin("sumFixed"+suffix, "func(x *byte, eights int, constants, out, odd *byte)",
				"does eights of elements, fewer than 2^12 of them; the constants are those of sumFixedASM. out gets eight "+
					"lanes of sums of each part, then of counts. Method: ExtractScalar of Rump, Ogita and Oishi, \"Accurate "+
					"floating-point summation part I\", 2008.")
			newFixed(g, s, wide).sum()
			g.Begin("splitSquares"+suffix, "func(x *byte, eights int, constants, head, tail, odd *byte)",
				"does eights of elements; the constants are those of splitSquaresASM.")
			newFixed(g, s, wide).squares()
		}
	}
}

type fixed struct {
	*gen
	emit.ISA
	wide                 bool // the elements are float64
	x, n, constants, odd reg.GPVirtual
	magnitude            reg.VecVirtual
	zeros, all           reg.VecVirtual // vectors of no bits and of all bits
	taken                int            // constants read
}

func newFixed(g *gen, s emit.ISA, wide bool) *fixed {
	f := &fixed{gen: g, ISA: s, wide: wide}
	f.x, f.n, f.constants, f.odd = g.Arg("x"), g.Arg("eights"), g.Arg("constants"), g.Arg("odd")
	f.magnitude = f.constant()
	f.zeros, f.all = g.Vec(s), g.Vec(s)
	g.xor(s, f.zeros, f.zeros, f.zeros)
	g.Ones(s, f.all)
	return f
}

// constant returns the next constant in all lanes.
func (f *fixed) constant() reg.VecVirtual {
	v := f.Vec(f.ISA)
	f.VPBROADCASTQ(emit.At(f.constants, 8*f.taken), v)
	f.taken++
	return v
}

// loop does step for every vector of the elements; step gets the vector and its offset in bytes among vectors of 8-byte
// lanes. It returns the lanes that are odd as a mask register, on AVX2 those that are not as bits. Pointers to results
// are moved on by 64 bytes.
func (f *fixed) loop(step func(v reg.VecVirtual, disp int) reg.Register, results ...reg.GPVirtual) {
	f.Label("loop")
	if f.ISA == emit.AVX512 {
		f.KMOVB(step(f.load(0), 0), emit.At(f.odd, 0))
	} else {
		a := step(f.load(0), 0).(reg.GPVirtual)
		b := step(f.load(1), 32).(reg.GPVirtual)
		f.SHLL(Imm(4), b.As32())
		f.ORL(b.As32(), a.As32())
		f.NOTL(a.As32())
		f.MOVB(a.As8(), emit.At(f.odd, 0))
	}
	bytes := 32
	if f.wide {
		bytes = 64
	}
	f.ADDQ(U32(bytes), f.x)
	for _, r := range results {
		f.ADDQ(U32(64), r)
	}
	f.INCQ(f.odd)
	f.DECQ(f.n)
	f.JNZ(LabelRef("loop"))
}

// load returns the i-th vector of an eight, widened.
func (f *fixed) load(i int) reg.VecVirtual {
	v := f.Vec(f.ISA)
	if f.wide {
		f.VMOVUPD(emit.At(f.x, i*f.Width), v)
	} else {
		f.VCVTPS2PD(emit.At(f.x, i*f.Width/2), v)
	}
	return v
}

// bits returns the lanes of a mask of AVX2 as bits.
func (f *fixed) bits(mask reg.VecVirtual) reg.GPVirtual {
	r := f.GP64()
	f.VMOVMSKPD(mask, r.As32())
	return r
}

func (f *fixed) split() {
	hi, lo := f.Arg("hi"), f.Arg("lo")
	c := &splitter{fixed: f, base: f.constant(), limit: f.constant(), room: f.constant(),
		significand: f.constant(), implicit: f.constant(), word: f.constant()}
	f.loop(func(v reg.VecVirtual, disp int) reg.Register {
		if f.ISA == emit.AVX512 {
			return c.step512(v, emit.At(hi, disp), emit.At(lo, disp))
		}
		return c.step2(v, emit.At(hi, disp), emit.At(lo, disp))
	}, hi, lo)
	f.End()
}

// splitter holds the constants of splitFixed: the base as bits of an exponent, the number of exponents as such bits
// and as a number, the parts of a float, 64.
type splitter struct {
	*fixed
	base, limit, room, significand, implicit, word reg.VecVirtual
}

// step512 shifts the significand to its two words and negates them where the sign is set. A shift by 64 or more gives
// zero, so that the counts of both words need no care.
func (c *splitter) step512(v reg.VecVirtual, hi, lo Mem) reg.Register {
	a, t, count, rest, h, l := c.ZMM(), c.ZMM(), c.ZMM(), c.ZMM(), c.ZMM(), c.ZMM()
	in, out, odd, neg, carry := c.K(), c.K(), c.K(), c.K(), c.K()
	c.VPANDQ(c.magnitude, v, a)
	c.VPSUBQ(c.base, a, t)
	c.VPCMPUQ(U8(1), c.limit, t, in)
	c.VPCMPUQ(U8(5), c.limit, t, out)
	c.VPTESTMQ(a, a, out, odd)
	c.VPSRLQ(U8(52), t, count)
	c.VPTERNLOGQ_Z(U8(0xea), c.implicit, c.significand, in, a) // a & significand | implicit
	c.VPSUBQ(count, c.word, rest)
	c.VPSLLVQ(count, a, l)
	c.VPSRLVQ(rest, a, h)
	c.VPMOVQ2M(v, neg)
	c.VPTESTNMQ(l, l, neg, carry)
	c.VPSUBQ(l, c.zeros, neg, l)
	c.VPXORQ(c.all, h, neg, h)
	c.VPSUBQ(c.all, h, carry, h)
	c.VMOVDQU64(h, hi)
	c.VMOVDQU64(l, lo)
	return odd
}

func (c *splitter) step2(v reg.VecVirtual, hi, lo Mem) reg.Register {
	a, t, in, zero, h, l, neg := c.YMM(), c.YMM(), c.YMM(), c.YMM(), c.YMM(), c.YMM(), c.YMM()
	c.VPAND(c.magnitude, v, a)
	c.VPCMPEQQ(c.zeros, a, zero)
	c.VPSUBQ(c.base, a, t)
	c.VPSRLQ(U8(52), t, t)
	c.VPCMPGTQ(t, c.room, in)
	c.VPOR(in, zero, zero)
	fine := c.bits(zero)
	c.VPAND(c.significand, v, a)
	c.VPOR(c.implicit, a, a)
	c.VPAND(in, a, a)
	c.VPSLLVQ(t, a, l)
	c.VPSUBQ(t, c.word, t)
	c.VPSRLVQ(t, a, h)
	c.VPCMPGTQ(v, c.zeros, neg)
	c.VPXOR(neg, l, l)
	c.VPXOR(neg, h, h)
	c.VPSUBQ(neg, l, l)
	carry := c.YMM()
	c.VPCMPEQQ(c.zeros, l, carry)
	c.VPAND(neg, carry, carry)
	c.VPSUBQ(carry, h, h)
	c.VMOVDQU(h, hi)
	c.VMOVDQU(l, lo)
	return fine
}

// sum cuts every value into three parts by adding and subtracting a constant so great that the parts below are
// rounded off. The bits of the constant plus a part are those of the constant and the part as integers, and are
// summed as such.
func (f *fixed) sum() {
	out := f.Arg("out")
	limit := f.constant()
	var cut, sums [3]reg.VecVirtual
	for i := range cut {
		cut[i], sums[i] = f.constant(), f.Vec(f.ISA)
		f.xor(f.ISA, sums[i], sums[i], sums[i])
	}
	count := f.Vec(f.ISA)
	f.xor(f.ISA, count, count, count)
	f.loop(func(v reg.VecVirtual, _ int) reg.Register {
		size, rest := f.Vec(f.ISA), v
		var parts [3]reg.VecVirtual
		var whole reg.VecVirtual
		for i, c := range cut {
			t, w := f.Vec(f.ISA), f.Vec(f.ISA)
			f.VADDPD(c, rest, t)
			f.VSUBPD(c, t, w)
			parts[i], whole = t, w
			if i < len(cut)-1 {
				r := f.Vec(f.ISA)
				f.VSUBPD(w, rest, r)
				rest = r
			}
		}
		if f.ISA == emit.AVX512 {
			below, fine := f.K(), f.K()
			f.VANDPD(f.magnitude, v, size)
			f.VCMPPD(U8(0x11), limit, size, below) // less
			f.VCMPPD(U8(0), whole, rest, below, fine)
			for i, p := range parts {
				f.VPADDQ(p, sums[i], fine, sums[i])
			}
			f.VPSUBQ(f.all, count, fine, count)
			f.KNOTB(fine, fine)
			return fine
		}
		fine := f.YMM()
		f.VANDPD(f.magnitude, v, size)
		f.VCMPPD(U8(0x11), limit, size, size)
		f.VCMPPD(U8(0), whole, rest, fine)
		f.VPAND(size, fine, fine)
		for i, p := range parts {
			f.VPAND(fine, p, p)
			f.VPADDQ(p, sums[i], sums[i])
		}
		f.VPSUBQ(fine, count, count)
		return f.bits(fine)
	})
	for i, s := range append(sums[:], count) {
		f.mov(f.ISA, s, emit.At(out, 64*i))
	}
	f.End()
}

// squares rounds x² and gets what is lost from a fused multiplication.
func (f *fixed) squares() {
	head, tail := f.Arg("head"), f.Arg("tail")
	least, limit, room := f.constant(), f.constant(), f.constant()
	f.loop(func(v reg.VecVirtual, disp int) reg.Register {
		a, t, h := f.Vec(f.ISA), f.Vec(f.ISA), f.Vec(f.ISA)
		if f.ISA == emit.AVX512 {
			in, out, odd := f.K(), f.K(), f.K()
			f.VPANDQ(f.magnitude, v, a)
			f.VPSUBQ(least, a, t)
			f.VPCMPUQ(U8(1), limit, t, in)
			f.VPCMPUQ(U8(5), limit, t, out)
			f.VPTESTMQ(a, a, out, odd)
			f.VMOVAPD_Z(v, in, t)
			f.VMULPD(t, t, h)
			f.VMOVUPD(h, emit.At(head, disp))
			f.VFMSUB213PD(h, t, t)
			f.VMOVUPD(t, emit.At(tail, disp))
			return odd
		}
		in, zero := f.YMM(), f.YMM()
		f.VPAND(f.magnitude, v, a)
		f.VPCMPEQQ(f.zeros, a, zero)
		f.VPSUBQ(least, a, t)
		f.VPSRLQ(U8(52), t, t)
		f.VPCMPGTQ(t, room, in)
		f.VPOR(in, zero, zero)
		f.VPAND(in, v, t)
		f.VMULPD(t, t, h)
		f.VMOVUPD(h, emit.At(head, disp))
		f.VFMSUB213PD(h, t, t)
		f.VMOVUPD(t, emit.At(tail, disp))
		return f.bits(zero)
	}, head, tail)
	f.End()
}
