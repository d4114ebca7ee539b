package kernel

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// number is an element type of the comparing and reducing kernels.
type number struct {
	name   string
	size   int
	signed bool
	float  bool
}

var numbers = []number{
	{"I32", 4, true, false},
	{"U32", 4, false, false},
	{"F32", 4, true, true},
	{"I64", 8, true, false},
	{"U64", 8, false, false},
	{"F64", 8, true, true},
}

// turnElems is the number of elements of one turn of the AVX2 loop.
const turnElems = 16

// The comparisons in the order of kernel.CmpOp, as predicates of the instructions: ordered and quiet but for Ne,
// which is unordered.
var (
	cmpNames  = []string{"eq", "ne", "lt", "le", "gt", "ge"}
	intPred   = []uint8{0, 4, 1, 2, 6, 5}
	floatPred = []uint8{0, 4, 0x11, 0x12, 0x1e, 0x1d}
	intAVX2   = []struct{ equal, swap, invert bool }{{equal: true}, {equal: true, invert: true}, {swap: true}, {invert: true}, {}, {swap: true, invert: true}}
	cmpForms  = []string{"Const", ""}
)

func writeCmp(g *gen, s emit.ISA) {
	for _, t := range numbers {
		for _, form := range cmpForms {
			g.Begin("cmp"+form+t.name+s.Name, "func(op int, x, y *byte, blocks int, out *byte)",
				"compares blocks of 64 elements; y is the constant or the second vector.")
			c := &cmp{gen: g, ISA: s, number: t, vector: form == ""}
			c.write()
		}
	}
}

// cmp is one comparing function: a loop for each operation.
type cmp struct {
	*gen
	emit.ISA
	number
	vector    bool
	x, y, out reg.GPVirtual
	turns     reg.GPVirtual
	c, sign   reg.VecVirtual
}

func (c *cmp) write() {
	op := c.Arg("op")
	c.x, c.y, c.turns, c.out = c.Arg("x"), c.Arg("y"), c.Arg("blocks"), c.Arg("out")
	if c.ISA == emit.AVX2 {
		c.SHLQ(Imm(2), c.turns) // 64/16 turns a block
		if !c.signed {
			c.sign = c.Vec(c.ISA)
			c.Signs(c.ISA, c.size, c.sign)
		}
	}
	if !c.vector {
		c.c = c.Vec(c.ISA)
		c.broadcast(c.size, emit.At(c.y, 0), c.c)
		c.flip(c.c)
	}
	for i, name := range cmpNames {
		c.CMPQ(op, Imm(uint64(i)))
		c.JE(LabelRef(name))
	}
	c.End()
	for i, name := range cmpNames {
		c.Label(name)
		elems := turnElems
		if c.ISA == emit.AVX512 {
			elems = 64
			c.block512(i)
		} else {
			c.turn256(i)
		}
		c.ADDQ(U32(elems*c.size), c.x)
		if c.vector {
			c.ADDQ(U32(elems*c.size), c.y)
		}
		c.ADDQ(Imm(uint64(elems/8)), c.out)
		c.DECQ(c.turns)
		c.JNZ(LabelRef(name))
		c.End()
	}
}

// flip turns unsigned numbers into signed ones of the same order, where only signed compares exist.
func (c *cmp) flip(v reg.VecVirtual) {
	if c.ISA == emit.AVX2 && !c.signed {
		c.VPXOR(c.sign, v, v)
	}
}

// second returns the right side of the vector at disp.
func (c *cmp) second(disp int) Op {
	if c.vector {
		return emit.At(c.y, disp)
	}
	return c.c
}

func (c *cmp) block512(op int) {
	for disp := 0; disp < 64*c.size; disp += 64 {
		v, k := c.ZMM(), c.K()
		c.VMOVDQU64(emit.At(c.x, disp), v)
		y := c.second(disp)
		switch {
		case c.float && c.size == 4:
			c.VCMPPS(U8(floatPred[op]), y, v, k)
		case c.float:
			c.VCMPPD(U8(floatPred[op]), y, v, k)
		case c.size == 4 && c.signed:
			c.VPCMPD(U8(intPred[op]), y, v, k)
		case c.size == 4:
			c.VPCMPUD(U8(intPred[op]), y, v, k)
		case c.signed:
			c.VPCMPQ(U8(intPred[op]), y, v, k)
		default:
			c.VPCMPUQ(U8(intPred[op]), y, v, k)
		}
		if c.size == 4 {
			c.KMOVW(k, emit.At(c.out, disp/4/8))
		} else {
			c.KMOVB(k, emit.At(c.out, disp/8/8))
		}
	}
}

// turn256 compares 16 elements and writes two bytes.
func (c *cmp) turn256(op int) {
	for b := 0; b < 2; b++ {
		r := c.GP32()
		if c.size == 4 {
			c.VMOVMSKPS(c.compare256(op, b*32), r)
		} else {
			hi := c.GP32()
			c.VMOVMSKPD(c.compare256(op, b*64), r)
			c.VMOVMSKPD(c.compare256(op, b*64+32), hi)
			c.SHLL(Imm(4), hi)
			c.ORL(hi, r)
		}
		if !c.float && intAVX2[op].invert {
			c.XORL(U32(0xff), r)
		}
		c.MOVB(r.As8(), emit.At(c.out, b))
	}
}

// compare256 returns a vector of all-ones and all-zeros lanes, to be inverted as intAVX2 says.
func (c *cmp) compare256(op, disp int) reg.VecVirtual {
	v := c.YMM()
	c.VMOVDQU(emit.At(c.x, disp), v)
	y := c.second(disp)
	if c.float {
		if c.size == 4 {
			c.VCMPPS(U8(floatPred[op]), y, v, v)
		} else {
			c.VCMPPD(U8(floatPred[op]), y, v, v)
		}
		return v
	}
	c.flip(v)
	if c.vector {
		w := c.YMM()
		c.VMOVDQU(y, w)
		c.flip(w)
		y = w
	}
	a, b := y, Op(v) // the instruction computes b > a
	if intAVX2[op].swap {
		a, b = b, a
	}
	switch {
	case intAVX2[op].equal && c.size == 4:
		c.VPCMPEQD(a, b, v)
	case intAVX2[op].equal:
		c.VPCMPEQQ(a, b, v)
	case c.size == 4:
		c.VPCMPGTD(a, b, v)
	default:
		c.VPCMPGTQ(a, b, v)
	}
	return v
}
