package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// writeChecked writes the integer loops that stop before the first turn in which a result may not fit.
func writeChecked(g *gen) {
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, size := range []int{4, 8} {
			for _, op := range []string{"add", "sub", "mul"} {
				forms := []string{"", "Const", "Left"}
				if op != "sub" {
					forms = forms[:2]
				}
				for _, form := range forms {
					name := "checked" + map[string]string{"add": "Add", "sub": "Sub", "mul": "Mul"}[op] + form + map[int]string{4: "I32", 8: "I64"}[size] + s.Name
					c := &checked{gen: g, ISA: s, size: size, op: op, form: form}
					if op == "mul" && size == 8 && s == emit.AVX2 {
						c.writeScalar(name)
					} else {
						c.write(name)
					}
				}
			}
		}
	}
}

const checkedSignature = "func(dst, x, y *byte, n int) (done int)"

type checked struct {
	*gen
	emit.ISA
	size      int
	op, form  string
	x, y      reg.GPVirtual
	c         reg.VecVirtual
	bias      reg.VecVirtual // 2^31 in 8-byte lanes
	abs, most reg.VecVirtual // for float estimates of products
	bad       reg.VecVirtual
	badMask   reg.OpmaskVirtual
}

// write makes a turn of unroll vectors, stored only when all of it fits: dst may be x or y.
func (c *checked) write(name string) {
	elems := unroll * c.Width / c.size
	c.Begin(name, checkedSignature, "does turns of vectors while every result of the turn fits; n counts elements.")
	dst, n, done := c.Arg("dst"), c.Arg("n"), c.zero()
	c.x, c.y = c.Arg("x"), c.Arg("y")
	if c.form != "" {
		c.c = c.Vec(c.ISA)
		c.broadcast(c.size, emit.At(c.y, 0), c.c)
	}
	c.constants()
	c.SUBQ(U32(elems), n)
	c.JL(LabelRef("end"))
	c.Label("loop")
	r := make([]reg.VecVirtual, unroll)
	c.bad = c.Vec(c.ISA)
	c.xor(c.ISA, c.bad, c.bad, c.bad)
	for i := range r {
		r[i] = c.result(i * c.Width)
	}
	c.leaveIfBad("end")
	for i := range r {
		c.mov(c.ISA, r[i], emit.At(dst, i*c.Width))
	}
	c.ADDQ(U32(unroll*c.Width), c.x)
	if c.form == "" {
		c.ADDQ(U32(unroll*c.Width), c.y)
	}
	c.ADDQ(U32(unroll*c.Width), dst)
	c.ADDQ(U32(elems), done)
	c.CMPQ(done, n)
	c.JLE(LabelRef("loop"))
	c.Label("end")
	c.Store(done, c.Return("done"))
	c.End()
}

func (c *checked) constants() {
	if c.op != "mul" {
		return
	}
	if c.size == 4 {
		c.bias = c.Vec(c.ISA)
		c.Ones(c.ISA, c.bias)
		c.VPSRLQ(Imm(63), c.bias, c.bias)
		c.VPSLLQ(Imm(31), c.bias, c.bias)
		return
	}
	c.abs, c.most = c.ZMM(), c.ZMM()
	c.Ones(c.ISA, c.abs)
	c.VPSRLQ(Imm(1), c.abs, c.abs)
	c.VPBROADCASTQ(c.ConstData(c.op+c.form+"Most", F64(1<<62)), c.most)
}

// operands returns x and y of the vector at disp.
func (c *checked) operands(disp int) (x, y reg.VecVirtual) {
	x, y = c.Vec(c.ISA), c.c
	c.mov(c.ISA, emit.At(c.x, disp), x)
	if c.form == "" {
		y = c.Vec(c.ISA)
		c.mov(c.ISA, emit.At(c.y, disp), y)
	}
	if c.form == "Left" {
		x, y = y, x
	}
	return x, y
}

// result computes one vector and marks bad in lanes that may not fit.
func (c *checked) result(disp int) reg.VecVirtual {
	x, y := c.operands(disp)
	switch {
	case c.op == "mul" && c.size == 4:
		return c.mul32(x, y)
	case c.op == "mul":
		return c.mul64(x, y)
	}
	r := c.Vec(c.ISA)
	switch {
	case c.op == "add" && c.size == 4:
		c.VPADDD(y, x, r)
	case c.op == "add":
		c.VPADDQ(y, x, r)
	case c.size == 4:
		c.VPSUBD(y, x, r)
	default:
		c.VPSUBQ(y, x, r)
	}
	// A sum does not fit if its sign differs from both operands'; a difference, if x differs from y and from it.
	if c.ISA == emit.AVX512 {
		t := c.ZMM()
		c.VMOVDQA64(r, t)
		c.VPTERNLOGQ(U8(map[string]uint8{"add": 0x18, "sub": 0x24}[c.op]), y, x, t)
		c.VPORQ(t, c.bad, c.bad)
		return r
	}
	s, t := c.YMM(), c.YMM()
	c.VPXOR(x, r, s)
	if c.op == "add" {
		c.VPXOR(y, r, t)
	} else {
		c.VPXOR(x, y, t)
	}
	c.VPAND(s, t, t)
	c.VPOR(t, c.bad, c.bad)
	return r
}

// mul32 makes the products of even and of odd lanes in 64 bits; p fits if p + 2^31 has no bit above 32.
func (c *checked) mul32(x, y reg.VecVirtual) reg.VecVirtual {
	even, oddX, oddY, r := c.Vec(c.ISA), c.Vec(c.ISA), c.Vec(c.ISA), c.Vec(c.ISA)
	c.VPMULDQ(y, x, even)
	c.VPSRLQ(Imm(32), x, oddX)
	c.VPSRLQ(Imm(32), y, oddY)
	c.VPMULDQ(oddY, oddX, oddX)
	for _, p := range []reg.VecVirtual{even, oddX} {
		c.VPADDQ(c.bias, p, p)
		c.or(c.ISA, p, c.bad, c.bad)
	}
	c.VPMULLD(y, x, r)
	return r
}

// mul64 bounds products by their float estimates: if that of |x*y| is below 2^62, its error is far below 2^62.
func (c *checked) mul64(x, y reg.VecVirtual) reg.VecVirtual {
	fx, fy, r := c.ZMM(), c.ZMM(), c.ZMM()
	c.VCVTQQ2PD(x, fx)
	c.VCVTQQ2PD(y, fy)
	c.VMULPD(fy, fx, fx)
	c.VPANDQ(c.abs, fx, fx)
	c.VMAXPD(fx, c.bad, c.bad)
	c.VPMULLQ(y, x, r)
	return r
}

// leaveIfBad jumps if any lane is marked.
func (c *checked) leaveIfBad(label string) {
	if c.op == "mul" && c.size == 4 {
		c.VPSRLQ(Imm(32), c.bad, c.bad)
	}
	if c.ISA == emit.AVX2 {
		switch {
		case c.op == "mul":
			c.VPTEST(c.bad, c.bad)
		default:
			r := c.GP32()
			if c.size == 4 {
				c.VMOVMSKPS(c.bad, r)
			} else {
				c.VMOVMSKPD(c.bad, r)
			}
			c.TESTL(r, r)
		}
		c.JNZ(LabelRef(label))
		return
	}
	k := c.K()
	switch {
	case c.op == "mul" && c.size == 4:
		c.VPTESTMD(c.bad, c.bad, k)
	case c.op == "mul":
		c.VCMPPD(U8(0x1d), c.most, c.bad, k) // bad >= most
	case c.size == 4:
		c.VPMOVD2M(c.bad, k)
	default:
		c.VPMOVQ2M(c.bad, k)
	}
	c.KORTESTW(k, k)
	c.JNZ(LabelRef(label))
}

// writeScalar multiplies 64-bit integers one by one and stops at the first that does not fit.
func (c *checked) writeScalar(name string) {
	c.Begin(name, checkedSignature, "does elements up to the first that does not fit.")
	dst, x, y, n, i := c.Arg("dst"), c.Arg("x"), c.Arg("y"), c.Arg("n"), c.zero()
	f := c.GP64()
	if c.form != "" {
		c.MOVQ(emit.At(y, 0), f)
	}
	c.TESTQ(n, n)
	c.JE(LabelRef("end"))
	c.Label("loop")
	r := c.GP64()
	c.MOVQ(emit.Index(x, i, 8, 0), r)
	if c.form == "" {
		c.IMULQ(emit.Index(y, i, 8, 0), r)
	} else {
		c.IMULQ(f, r)
	}
	c.JOS(LabelRef("end"))
	c.MOVQ(r, emit.Index(dst, i, 8, 0))
	c.until(i, n, "loop")
	c.RET()
}
