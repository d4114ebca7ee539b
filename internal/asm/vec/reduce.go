package vec

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// reduction is a loop that keeps lanes of results: 32 of 8-byte elements, 64 of 4-byte ones, whatever the instruction
// set, so that element i goes to the same lane at every level.
type reduction struct {
	*gen
	emit.ISA
	elem
	acc   []reg.VecVirtual
	start func(v reg.VecVirtual)                                         // the result of nothing
	step  func(j int, load func() reg.VecVirtual, acc, d reg.VecVirtual) // takes in a vector: d from acc
	fold  op2                                                            // joins lanes
	ptrs  []reg.GPVirtual                                                // what load reads from, all moved along
	rows  int                                                            // reduced side by side, each from its own of ptrs; 0: one
	row   int                                                            // the one that step takes in
	k     reg.OpmaskVirtual
	mask  reg.VecVirtual

	together func() // takes in a vector for each of acc, faster than step does one after the other; may be nil
}

func writeReduce(g *gen) {
	g.maskTable()
	for _, s := range []emit.ISA{emit.AVX512, emit.AVX2} {
		for _, t := range []elem{f64, f32} {
			for _, op := range []string{"Sum", "Prod", "SumSquares", "dot", "deviations"} {
				writeSum(g, s, t, op)
			}
			writeExtreme(g, s, t, "Least", g.minFloat)
			writeExtreme(g, s, t, "Greatest", g.minFloat)
		}
		for _, t := range []elem{i64, i32} {
			writeSum(g, s, t, "Sum")
			writeExtreme(g, s, t, "Least", g.minInt)
			writeExtreme(g, s, t, "Greatest", g.minInt)
		}
	}
}

func writeSum(g *gen, s emit.ISA, t elem, op string) {
	name := strings.ToLower(op[:1]) + op[1:] + t.name + s.Name
	signature := fmt.Sprintf("func(x []%s) %s", t.goType, t.goType)
	table, key := "reduce", op
	switch op {
	case "dot":
		signature, table, key = fmt.Sprintf("func(x, y []%s) %s", t.goType, t.goType), "dot", "0"
	case "deviations":
		signature, table, key = fmt.Sprintf("func(x []%s, c %s) %s", t.goType, t.goType, t.goType), "deviations", "0"
	}
	g.tables.add(table, t.name, signature, s, key, name)
	g.Begin(name, signature, "is for one block.")
	r := &reduction{gen: g, ISA: s, elem: t, fold: g.add(s, t)}
	x := g.base("x")
	r.ptrs = []reg.GPVirtual{x}
	n := g.shortest("x")
	r.start = func(v reg.VecVirtual) { g.xor(s)(v, v, v) }
	r.step = func(_ int, load func() reg.VecVirtual, acc, d reg.VecVirtual) { r.fold(acc, load(), d) }
	switch op {
	case "Prod":
		r.start = func(v reg.VecVirtual) { g.one(t, v) }
		r.fold = g.mul(s, t)
	case "SumSquares":
		r.step = func(_ int, load func() reg.VecVirtual, acc, d reg.VecVirtual) {
			v := load()
			r.addProduct(v, v, acc, d)
		}
	case "dot":
		r.ptrs = append(r.ptrs, g.base("y"))
		n = g.shortest("x", "y")
		r.step = func(j int, load func() reg.VecVirtual, acc, d reg.VecVirtual) {
			v := load()
			w := r.load(r.ptrs[1], j)
			r.addProduct(v, w, acc, d)
		}
	case "deviations":
		c := g.Vec(s)
		g.broadcast(t.size, g.ArgMem("c"), c)
		r.step = r.deviation(c)
	}
	r.run(n)
	r.finish()
	g.End()
}

// deviation is the step that adds the square of what an element differs from c.
func (r *reduction) deviation(c reg.VecVirtual) func(j int, load func() reg.VecVirtual, acc, d reg.VecVirtual) {
	return func(_ int, load func() reg.VecVirtual, acc, d reg.VecVirtual) {
		v := load()
		pick(r.elem, r.VSUBPD, r.VSUBPS)(c, v, v)
		r.addProduct(v, v, acc, d)
	}
}

// addProduct sets d to acc + x*y, of float64 rounded once.
func (r *reduction) addProduct(x, y, acc, d reg.VecVirtual) {
	if r.elem.size == 8 {
		if acc != d {
			r.copy(acc, d)
		}
		r.VFMADD231PD(x, y, d)
		return
	}
	m := r.Vec(r.ISA)
	r.VMULPS(x, y, m)
	r.VADDPS(m, acc, d)
}

func (g *gen) copy(from, to reg.VecVirtual) {
	if from.Size() == 64 {
		g.VMOVDQA64(from, to)
	} else {
		g.VMOVDQA(from, to)
	}
}

// load reads the j-th vector of this step.
func (r *reduction) load(base reg.Register, j int) reg.VecVirtual {
	v := r.Vec(r.ISA)
	m := emit.At(base, j*r.Width)
	switch {
	case r.ISA == emit.AVX512 && r.k != nil && r.elem.size == 8:
		r.VMOVDQU64_Z(m, r.k, v)
	case r.ISA == emit.AVX512 && r.k != nil:
		r.VMOVDQU32_Z(m, r.k, v)
	case r.ISA == emit.AVX512:
		r.VMOVDQU64(m, v)
	case r.mask != nil && r.elem.size == 8:
		r.VMASKMOVPD(m, r.mask, v)
	case r.mask != nil:
		r.VMASKMOVPS(m, r.mask, v)
	default:
		r.VMOVDQU(m, v)
	}
	return v
}

// run takes in n elements: all lanes at a time, then the rest under masks.
func (r *reduction) run(n reg.GPVirtual) {
	lanes := 256 / r.elem.size
	per := 256 / r.Width
	r.acc = r.Vecs(r.ISA, per*max(1, r.rows))
	for _, a := range r.acc {
		r.start(a)
	}
	loop, rest, end := r.label("loop"), r.label("rest"), r.label("end")
	r.SUBQ(U32(lanes), n)
	r.JL(LabelRef(rest))
	r.Label(loop)
	if r.together != nil {
		r.together()
	} else {
		for i, a := range r.acc {
			j := i % per
			r.row = i / per
			r.step(j, func() reg.VecVirtual { return r.load(r.ptrs[r.row], j) }, a, a)
		}
	}
	for _, p := range r.ptrs {
		r.ADDQ(U32(256), p)
	}
	r.SUBQ(U32(lanes), n)
	r.JGE(LabelRef(loop))
	r.Label(rest)
	r.ADDQ(U32(lanes), n)
	r.JE(LabelRef(end))
	var bits reg.GPVirtual
	if r.ISA == emit.AVX512 {
		bits = r.GP64()
		r.MOVQ(I32(-1), bits)
		r.BZHIQ(n, bits, bits)
	}
	for j := range per {
		d := r.Vecs(r.ISA, max(1, r.rows))
		perVector := r.Width / r.elem.size
		if r.ISA == emit.AVX512 {
			r.k = r.K()
			r.KMOVW(bits.As32(), r.k)
			r.SHRQ(Imm(uint64(perVector)), bits)
		} else {
			r.mask = r.YMM()
			r.maskAVX2(n, r.elem.size, j*perVector, r.mask)
		}
		for row, d := range d {
			a := r.acc[row*per+j]
			r.row = row
			r.step(j, func() reg.VecVirtual { return r.load(r.ptrs[r.row], j) }, a, d)
			switch {
			case r.ISA == emit.AVX2:
				r.VPBLENDVB(r.mask, d, a, a)
			case r.elem.size == 8:
				r.VMOVDQA64(d, r.k, a)
			default:
				r.VMOVDQA32(d, r.k, a)
			}
		}
	}
	r.k, r.mask = nil, nil
	r.Label(end)
}

// finish returns the total.
func (r *reduction) finish() { r.ret(r.total()) }

// total joins lane i with lane i + half, halving: it is in lane 0.
func (r *reduction) total() reg.VecVirtual {
	for n := len(r.acc) / 2; n > 0; n /= 2 {
		for i := range n {
			r.join(r.acc[i], r.acc[i+n])
		}
	}
	v, s := r.acc[0], r.ISA
	if s == emit.AVX512 {
		upper := r.ZMM()
		r.VEXTRACTI64X4(Imm(1), v, upper.AsY())
		r.join(v, upper)
	}
	upper := r.Vec(s)
	if s == emit.AVX512 {
		r.VEXTRACTI64X2(Imm(1), v.AsY(), upper.AsX())
	} else {
		r.VEXTRACTI128(Imm(1), v, upper.AsX())
	}
	r.join(v, upper)
	next := r.Vec(s)
	r.VPSHUFD(Imm(0xee), v.AsX(), next.AsX())
	r.join(v, next)
	if r.elem.size == 4 {
		last := r.Vec(s)
		r.VPSHUFD(Imm(0x55), v.AsX(), last.AsX())
		r.join(v, last)
	}
	return v
}

// join folds y into x.
func (r *reduction) join(x, y reg.VecVirtual) {
	d := r.Vec(r.ISA)
	r.fold(x, y, d)
	r.copy(d, x)
}

// ret stores the first lane as the result.
func (r *reduction) ret(v reg.VecVirtual) {
	to, err := r.ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	if r.elem.size == 8 {
		r.VMOVQ(v.AsX(), to.Addr)
	} else {
		r.VMOVSS(v.AsX(), to.Addr)
	}
}

// writeExtreme writes the minimum or maximum of all elements. NaN of floats is noticed on the side.
func writeExtreme(g *gen, s emit.ISA, t elem, op string, by func(s emit.ISA, t elem, least bool) op2) {
	name := strings.ToLower(op) + t.name + s.Name
	signature := fmt.Sprintf("func(x []%s) %s", t.goType, t.goType)
	g.tables.add("reduce", t.name, signature, s, op, name)
	g.Begin(name, signature, "is for any number of elements.")
	r := &reduction{gen: g, ISA: s, elem: t, fold: by(s, t, op == "Least")}
	r.ptrs = []reg.GPVirtual{g.base("x")}
	r.start = func(v reg.VecVirtual) { g.identity(s, t, op == "Least", v) }
	r.step = func(_ int, load func() reg.VecVirtual, acc, d reg.VecVirtual) { r.fold(acc, load(), d) }
	var nans *nanNote
	if t.float {
		nans = newNaNNote(g, s, t)
		joined := g.joinExtremes(s, t, op == "Least")
		r.step = func(_ int, load func() reg.VecVirtual, acc, d reg.VecVirtual) {
			v := load()
			nans.take(v)
			joined(acc, v, d)
		}
	}
	r.run(g.shortest("x"))
	if t.float {
		nans.put(r.acc[0])
	}
	r.finish()
	g.End()
}

// joinExtremes is minFloat for operands that are not NaN.
func (g *gen) joinExtremes(s emit.ISA, t elem, least bool) op2 {
	join := g.and(s)
	if least {
		join = g.or(s)
	}
	return func(x, y, d reg.VecVirtual) {
		a := g.Vec(s)
		g.extreme(t, least, x, y, a)
		g.extreme(t, least, y, x, d)
		join(d, a, d)
	}
}

// identity sets all lanes to the greatest (least: of the minimum) or the least number of the type.
func (g *gen) identity(s emit.ISA, t elem, least bool, v reg.VecVirtual) {
	if t.float {
		g.copy(g.infinity(s, t), v)
		if !least {
			sign := g.Vec(s)
			g.Signs(s, t.size, sign)
			g.or(s)(v, sign, v)
		}
		return
	}
	g.Signs(s, t.size, v)
	if least {
		all := g.Vec(s)
		g.Ones(s, all)
		g.xor(s)(v, all, v)
	}
}

// nanNote remembers whether a NaN went by.
type nanNote struct {
	*gen
	emit.ISA
	elem
	k reg.OpmaskVirtual
	v reg.VecVirtual
}

func newNaNNote(g *gen, s emit.ISA, t elem) *nanNote {
	n := &nanNote{gen: g, ISA: s, elem: t}
	if s == emit.AVX512 {
		n.k = g.K()
		g.KXORW(n.k, n.k, n.k)
	} else {
		n.v = g.YMM()
		g.VPXOR(n.v, n.v, n.v)
	}
	return n
}

func (n *nanNote) take(v reg.VecVirtual) {
	if n.ISA == emit.AVX512 {
		k := n.K()
		pick(n.elem, func() { n.VCMPPD(Imm(3), v, v, k) }, func() { n.VCMPPS(Imm(3), v, v, k) })()
		n.KORW(k, n.k, n.k)
		return
	}
	u := n.YMM()
	pick(n.elem, func() { n.VCMPPD(Imm(3), v, v, u) }, func() { n.VCMPPS(Imm(3), v, v, u) })()
	n.VPOR(u, n.v, n.v)
}

// put turns lanes of acc in which a NaN was seen, of whatever vector, into NaN: ones.
func (n *nanNote) put(acc reg.VecVirtual) {
	if n.ISA == emit.AVX2 {
		n.VPOR(n.v, acc, acc)
		return
	}
	ones := n.ZMM()
	n.Ones(n.ISA, ones)
	if n.elem.size == 8 {
		n.VMOVDQA64(ones, n.k, acc)
	} else {
		n.VMOVDQA32(ones, n.k, acc)
	}
}
