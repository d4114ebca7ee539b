package vec

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// cast is a conversion that the instruction set has. Loops go by the wider of both types.
type cast struct {
	from, to elem
	avx2     bool // AVX2 has it, too
	f        func(s emit.ISA, from Op, to reg.VecVirtual)
}

// casts lists them. from is a register of as many elements as the wider type has lanes.
func casts(g *gen) []cast {
	two := func(f func(...Op)) func(emit.ISA, Op, reg.VecVirtual) {
		return func(_ emit.ISA, from Op, to reg.VecVirtual) { f(from, to) }
	}
	narrow := func(f func(...Op), f256 func(a, b Op)) func(emit.ISA, Op, reg.VecVirtual) {
		return func(s emit.ISA, from Op, to reg.VecVirtual) {
			if s == emit.AVX512 {
				f(from, to.AsY())
			} else {
				f256(from, to.AsX())
			}
		}
	}
	toX := func(f func(...Op)) func(emit.ISA, Op, reg.VecVirtual) {
		return func(_ emit.ISA, from Op, to reg.VecVirtual) { f(from, to.AsY()) }
	}
	return []cast{
		{f32, f64, true, two(g.VCVTPS2PD)},
		{f64, f32, true, narrow(g.VCVTPD2PS, func(a, b Op) { g.VCVTPD2PSY(a, b) })},
		{i32, f64, true, two(g.VCVTDQ2PD)},
		{i32, f32, true, two(g.VCVTDQ2PS)},
		{i32, i64, true, two(g.VPMOVSXDQ)},
		{u32, i64, true, two(g.VPMOVZXDQ)},
		{u32, u64, true, two(g.VPMOVZXDQ)},
		{u32, f64, false, two(g.VCVTUDQ2PD)},
		{u32, f32, false, two(g.VCVTUDQ2PS)},
		{i64, f64, false, two(g.VCVTQQ2PD)},
		{u64, f64, false, two(g.VCVTUQQ2PD)},
		{i64, f32, false, toX(g.VCVTQQ2PS)},
		{i64, i32, false, toX(g.VPMOVQD)},
		{f64, i64, false, two(g.VCVTTPD2QQ)},
		{f32, i64, false, two(g.VCVTTPS2QQ)},
		{f64, i32, false, func(_ emit.ISA, from Op, to reg.VecVirtual) {
			g.VCVTTPD2QQ(from, to.AsZ())
			g.VPMOVQD(to.AsZ(), to.AsY())
		}},
		{u8, f64, true, func(s emit.ISA, from Op, to reg.VecVirtual) {
			if s == emit.AVX512 {
				g.VPMOVZXBD(from, to.AsY())
				g.VCVTDQ2PD(to.AsY(), to)
				return
			}
			g.VPMOVZXBD(from, to.AsX())
			g.VCVTDQ2PD(to.AsX(), to)
		}},
		{u8, f32, true, func(s emit.ISA, from Op, to reg.VecVirtual) {
			g.VPMOVZXBD(from, to)
			g.VCVTDQ2PS(to, to)
		}},
		{u8, i64, true, two(g.VPMOVZXBQ)},
		{u8, i32, true, two(g.VPMOVZXBD)},
	}
}

func writeCast(g *gen) {
	g.maskTable()
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, c := range casts(g) {
			if s == emit.AVX2 && !c.avx2 {
				continue
			}
			name := c.from.name + "To" + c.to.name + s.Name
			name = string(name[0]|0x20) + name[1:]
			signature := fmt.Sprintf("func(dst []%s, src []%s)", c.to.goType, c.from.goType)
			g.tables.add("cast", c.from.name+c.to.name, signature, s, "0", name)
			g.Begin(name, signature, "converts.")
			dst, src := g.base("dst"), g.base("src")
			p := g.newStrip(s, max(c.from.size, c.to.size), g.shortest("dst", "src"))
			p.run(unroll, func(k int) {
				for j := range k {
					d := p.Vec(s)
					c.f(s, p.loadSome(src, c.from.size, j), d)
					p.storeSome(d, dst, c.to.size, j)
				}
			})
			g.End()
		}
	}
}

// some returns the part of a vector that holds as many elements of size bytes as the loop has lanes.
func (p *strip) some(size int, v reg.VecVirtual) Op {
	switch p.lanes * size {
	case 64:
		return v.AsZ()
	case 32:
		return v.AsY()
	}
	return v.AsX()
}

// loadSome reads the elements of this step, one for each lane of the loop, into a new register.
func (p *strip) loadSome(base reg.Register, size, j int) Op {
	v := p.Vec(p.ISA)
	r := p.some(size, v)
	m := emit.Index(base, p.i, size, j*p.lanes*size)
	switch {
	case p.ISA == emit.AVX512 && p.part:
		switch size {
		case 1:
			p.VMOVDQU8_Z(m, p.k, r)
		case 4:
			p.VMOVDQU32_Z(m, p.k, r)
		default:
			p.VMOVDQU64_Z(m, p.k, r)
		}
	case size == 1:
		if p.ISA == emit.AVX2 {
			m = p.narrow(m)
		}
		switch p.lanes {
		case 16:
			p.VMOVDQU(m, v.AsX())
		case 8:
			p.VMOVQ(m, v.AsX())
		default:
			p.VMOVD(m, v.AsX())
		}
	case p.part && size == 4:
		p.VMASKMOVPS(m, p.some(size, p.small), r)
	case p.part:
		p.VMASKMOVPD(m, p.wide, r)
	case p.ISA == emit.AVX512 && p.lanes*size == 64:
		p.VMOVDQU64(m, r)
	default:
		p.VMOVDQU(m, r)
	}
	return r
}

// storeSome writes one element for each lane of the loop.
func (p *strip) storeSome(v reg.VecVirtual, base reg.Register, size, j int) {
	r := p.some(size, v)
	m := emit.Index(base, p.i, size, j*p.lanes*size)
	switch {
	case p.ISA == emit.AVX512 && p.part && size == 4:
		p.VMOVDQU32(r, p.k, m)
	case p.ISA == emit.AVX512 && p.part:
		p.VMOVDQU64(r, p.k, m)
	case p.part && size == 4:
		p.VMASKMOVPS(r, p.some(size, p.small), m)
	case p.part:
		p.VMASKMOVPD(r, p.wide, m)
	case p.ISA == emit.AVX512 && p.lanes*size == 64:
		p.VMOVDQU64(r, m)
	default:
		p.VMOVDQU(r, m)
	}
}
