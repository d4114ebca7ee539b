package expr

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

var cmpOps = map[string]kernel.CmpOp{"eq": kernel.Eq, "ne": kernel.Ne, "lt": kernel.Lt, "le": kernel.Le, "gt": kernel.Gt, "ge": kernel.Ge}

func bindCmp(b *binding) (code, error) {
	op := cmpOps[b.fn]
	switch b.In[0].Kind {
	case dtype.Bool:
		return cmpBool(b, op), nil
	case dtype.Int8:
		return cmp[int8](b, op), nil
	case dtype.Int16:
		return cmp[int16](b, op), nil
	case dtype.Int32, dtype.Date:
		return cmp[int32](b, op), nil
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return cmp[int64](b, op), nil
	case dtype.Uint8:
		return cmp[uint8](b, op), nil
	case dtype.Uint16:
		return cmp[uint16](b, op), nil
	case dtype.Uint32:
		return cmp[uint32](b, op), nil
	case dtype.Uint64:
		return cmp[uint64](b, op), nil
	case dtype.Float32:
		return cmp[float32](b, op), nil
	case dtype.Float64:
		return cmp[float64](b, op), nil
	case dtype.Utf8, dtype.Binary:
		return cmpText(b, op), nil
	case dtype.Decimal128:
		return cmpDecimal(b, op), nil
	}
	return nil, errNotHere
}

// number returns a constant as T.
func number[T kernel.Number](l *Literal) T {
	if l.Type.Kind.IsFloat() {
		return T(l.F)
	}
	return T(l.I)
}

func cmp[T kernel.Number](b *binding, op kernel.CmpOp) code {
	x, c := 0, b.lit(1)
	if l := b.lit(0); l != nil {
		x, c, op = 1, l, op.Swap()
	}
	if c != nil {
		v := number[T](c)
		return func(f *frame) error {
			kernel.CmpConst(op, chunk.Values[T](f.in[x]), v, f.out.bits())
			return nil
		}
	}
	return func(f *frame) error {
		kernel.Cmp(op, chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1]), f.out.bits())
		return nil
	}
}

func cmpBool(b *binding, op kernel.CmpOp) code {
	b.vectors()
	return func(f *frame) error {
		out, x, y := f.out.bits(), f.in[0].Bits(), f.in[1].Bits()
		for i, v := range x {
			w := y[i]
			switch op {
			case kernel.Eq:
				out[i] = ^(v ^ w)
			case kernel.Ne:
				out[i] = v ^ w
			case kernel.Lt:
				out[i] = w &^ v
			case kernel.Le:
				out[i] = w | ^v
			case kernel.Gt:
				out[i] = v &^ w
			case kernel.Ge:
				out[i] = v | ^w
			}
		}
		return nil
	}
}

// holds reports whether an order (negative, zero, positive) satisfies op.
func holds(op kernel.CmpOp, order int) bool {
	switch op {
	case kernel.Eq:
		return order == 0
	case kernel.Ne:
		return order != 0
	case kernel.Lt:
		return order < 0
	case kernel.Le:
		return order <= 0
	case kernel.Gt:
		return order > 0
	}
	return order >= 0
}

func cmpText(b *binding, op kernel.CmpOp) code {
	x, c := 0, b.lit(1)
	if l := b.lit(0); l != nil {
		x, c, op = 1, l, op.Swap()
	}
	if c != nil {
		return cmpTextConst(op, x, []byte(c.S))
	}
	return func(f *frame) error {
		if x, y := f.in[0], f.in[1]; x != nil && y != nil && x.Dict != nil && y.Dict != nil && x.Dict.ID == y.Dict.ID && op <= kernel.Ne {
			kernel.Cmp(op, chunk.Values[uint32](x), chunk.Values[uint32](y), f.out.bits())
			return nil
		}
		x, y := f.text(b, 0), f.text(b, 1)
		if op <= kernel.Ne {
			want := op == kernel.Eq
			f.eachBit(func(i int) bool { return bytes.Equal(x.at(i), y.at(i)) == want })
			return nil
		}
		f.eachBit(func(i int) bool { return holds(op, bytes.Compare(x.at(i), y.at(i))) })
		return nil
	}
}

func cmpTextConst(op kernel.CmpOp, arg int, c []byte) code {
	return func(f *frame) error {
		t := textsOf(f.in[arg])
		if op > kernel.Ne {
			f.eachBit(func(i int) bool { return holds(op, bytes.Compare(t.at(i), c)) })
			return nil
		}
		if t.codes != nil {
			f.eachBit(func(i int) bool { return bytes.Equal(t.at(i), c) == (op == kernel.Eq) })
			return nil
		}
		equalText(f.out.bits(), t.off, t.str, c)
		if op == kernel.Ne {
			kernel.Not(f.out.Bits(), f.out.Bits(), f.n)
		}
		return nil
	}
}

// equalText sets bit i of out to text i == c. The length and the first eight bytes decide
// without a branch that the values could make unpredictable.
func equalText(out []uint64, off []int32, str, c []byte) {
	var head [8]byte
	copy(head[:], c)
	want, mask := binary.LittleEndian.Uint64(head[:]), ^uint64(0)
	if len(c) < 8 {
		mask = 1<<uint(8*len(c)) - 1
	}
	n := len(off) - 1
	for w := range out {
		var word uint64
		for k, lo := range off[w*64 : min(w*64+64, n)] {
			hi := off[w*64+k+1]
			var eq bool
			if int(lo)+8 <= len(str) {
				diff := binary.LittleEndian.Uint64(str[lo:])&mask ^ want | uint64(int(hi-lo)^len(c))
				eq = diff == 0
				if eq && len(c) > 8 {
					eq = bytes.Equal(str[lo:hi], c)
				}
			} else {
				eq = bytes.Equal(str[lo:hi], c)
			}
			var bit uint64
			if eq {
				bit = 1
			}
			word |= bit << uint(k&63)
		}
		out[w] = word
	}
}

func cmpDecimal(b *binding, op kernel.CmpOp) code {
	b.vectors()
	// a < b is the wish for one bit; the others are it with sides or result exchanged.
	swap, not := op == kernel.Gt || op == kernel.Le, op == kernel.Le || op == kernel.Ge
	return func(f *frame) error {
		out := f.out.bits()
		x, y := chunk.Slice[uint64](f.in[0].Data, 2*f.n), chunk.Slice[uint64](f.in[1].Data, 2*f.n)
		if swap {
			x, y = y, x
		}
		for w := range out {
			var word uint64
			lo := w * 128
			hi := min(lo+128, len(x))
			p, q := x[lo:hi], y[lo:hi]
			q = q[:len(p)]
			for k := 0; k+1 < len(p); k += 2 {
				var bit uint64
				if op <= kernel.Ne {
					if (p[k]^q[k])|(p[k+1]^q[k+1]) == 0 {
						bit = 1
					}
				} else {
					_, borrow := bits.Sub64(p[k], q[k], 0)
					_, bit = bits.Sub64(p[k+1]^1<<63, q[k+1]^1<<63, borrow)
				}
				word |= bit << uint(k/2&63)
			}
			out[w] = word
		}
		if not || op == kernel.Ne {
			kernel.Not(out, out, f.n)
		}
		return nil
	}
}

// bindAndOr binds Kleene's and, or. With T the rows known to be true and F those
// known to be false: and has T = T1&T2, F = F1|F2; or is the same with the roles exchanged.
func bindAndOr(b *binding) (code, error) {
	b.vectors()
	or := b.fn == "or"
	var trues, falses []uint64
	return func(f *frame) error {
		w := chunk.Words(f.n)
		if allValid(f.in) {
			out := f.out.bits()
			copy(out, f.in[0].Bits())
			for _, v := range f.in[1:] {
				if or {
					kernel.Or(out, out, v.Bits())
				} else {
					kernel.And(out, out, v.Bits())
				}
			}
			return nil
		}
		t, e := words(&trues, w), words(&falses, w)
		for k, v := range f.in {
			x := v.Bits()
			for i := range w {
				valid := ^uint64(0)
				if v.Valid != nil {
					valid = v.Valid[i]
				}
				ti, fi := x[i]&valid, valid&^x[i]
				switch {
				case k == 0:
					t[i], e[i] = ti, fi
				case or:
					t[i], e[i] = t[i]|ti, e[i]&fi
				default:
					t[i], e[i] = t[i]&ti, e[i]|fi
				}
			}
		}
		copy(f.out.bits(), t)
		f.out.Valid = words(&f.out.valid, w)
		kernel.Or(f.out.Valid, t, e)
		return nil
	}, nil
}

func allValid(in []*chunk.Vec) bool {
	for _, v := range in {
		if v.Valid != nil {
			return false
		}
	}
	return true
}

func bindXor(b *binding) (code, error) {
	b.vectors()
	return func(f *frame) error {
		kernel.Xor(f.out.bits(), f.in[0].Bits(), f.in[1].Bits())
		return nil
	}, nil
}

func bindNot(b *binding) (code, error) {
	return func(f *frame) error {
		kernel.Not(f.out.bits(), f.in[0].Bits(), f.n)
		return nil
	}, nil
}

func bindIsNull(b *binding) (code, error) {
	b.vectors()
	want := b.fn == "is_null"
	return func(f *frame) error {
		out, v := f.out.bits(), f.in[0]
		switch {
		case v.Type.Kind == dtype.Null:
			kernel.SetRange(out, 0, f.n, want)
		case v.Valid == nil:
			kernel.SetRange(out, 0, f.n, !want)
		case want:
			kernel.Not(out, v.Valid, f.n)
		default:
			copy(out, v.Valid[:len(out)])
		}
		return nil
	}, nil
}

func bindIsNaN(b *binding) (code, error) {
	switch b.In[0].Kind {
	case dtype.Float32:
		return isNaN[float32], nil
	case dtype.Float64:
		return isNaN[float64], nil
	}
	return func(f *frame) error { clear(f.out.bits()); return nil }, nil
}

func isNaN[T kernel.Float](f *frame) error {
	x := chunk.Values[T](f.in[0])
	kernel.Cmp(kernel.Ne, x, x, f.out.bits())
	return nil
}

// bindGuard narrows a guard; see guardKind.
func bindGuard(k guardKind) binder {
	return func(b *binding) (code, error) {
		return func(f *frame) error {
			out, v := f.out.bits(), f.in[0]
			for i := range out {
				valid, x := ^uint64(0), uint64(0)
				if v.Valid != nil {
					valid = v.Valid[i]
				}
				if v.Type.Kind == dtype.Null {
					valid = 0
				} else if k != guardNull {
					x = v.Bits()[i]
				}
				switch k {
				case guardNotFalse:
					x = x | ^valid
				case guardNotTrue:
					x = ^(x & valid)
				case guardTrue:
					x &= valid
				default:
					x = ^valid
				}
				if len(f.in) == 2 {
					x &= f.in[1].Bits()[i]
				}
				out[i] = x
			}
			return nil
		}, nil
	}
}

// bindMember tests against a list: a few numbers by comparing with each, more
// and text by a hash table.
func bindMember(b *binding) (code, error) {
	var list []Literal
	for _, l := range b.node.(Member).In {
		if l.Null || l.F != l.F {
			continue
		}
		if m, ok := memberValue(l, b.In[0]); ok {
			list = append(list, m)
		}
	}
	b.vectors()
	switch k := b.In[0].Kind; {
	case k.IsVar():
		return memberText(list), nil
	case len(list) == 0:
		return func(f *frame) error { clear(f.out.bits()); return nil }, nil
	case k == dtype.Decimal128:
		return memberDecimal(list), nil
	case k == dtype.Bool || len(list) > 16:
		return memberHash(list), nil
	}
	return memberFew(b, list)
}

// memberValue converts an element of a list to the type of the column; false if
// no value of the column equals it.
func memberValue(l Literal, t dtype.Type) (Literal, bool) {
	if l.Type == t {
		return l, true
	}
	c, err := castLit(l, t)
	if err != nil {
		return c, false
	}
	if l.Type == tText { // a date or time, read as the column's type
		return c, true
	}
	if l.Type.Kind == dtype.Timestamp {
		l.Type.Zone = t.Zone
	}
	back, err := castLit(c, l.Type)
	return c, err == nil && back.I == l.I && back.F == l.F && (l.Type.Kind != dtype.Decimal128 || back.S == l.S)
}

// A set is a hash table with open addressing: values by their 64-bit words, at
// most half full. Its multiplier spreads them by their high bits.
type set struct {
	slots []uint64
	used  []bool
	shift uint
}

func newSet(n int) *set {
	log := uint(4)
	for 1<<log < 4*n {
		log++
	}
	return &set{make([]uint64, 1<<log), make([]bool, 1<<log), 64 - log}
}

func (s *set) at(v uint64) (i int, found bool) {
	for i = int(v * 0x9e3779b97f4a7c15 >> s.shift); s.used[i]; i = (i + 1) & (len(s.used) - 1) {
		if s.slots[i] == v {
			return i, true
		}
	}
	return i, false
}

func (s *set) add(v uint64) {
	i, _ := s.at(v)
	s.slots[i], s.used[i] = v, true
}

func (s *set) has(v uint64) bool { _, ok := s.at(v); return ok }

// memberText looks a text up by its length and first bytes before all of it.
func memberText(list []Literal) code {
	texts := make(map[string]bool, len(list))
	heads := newSet(len(list))
	long := false
	for _, l := range list {
		texts[l.S] = true
		heads.add(headOf([]byte(l.S)))
		long = long || len(l.S) > 7
	}
	return func(f *frame) error {
		x := textsOf(f.in[0])
		f.eachBit(func(i int) bool {
			t := x.at(i)
			return heads.has(headOf(t)) && (!long && len(t) <= 7 || texts[string(t)])
		})
		return nil
	}
}

// headOf is all of a text of up to seven bytes, and the beginning and length of a
// longer one.
func headOf(t []byte) uint64 {
	n := len(t)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(t)<<8 ^ uint64(n)<<56 | uint64(min(n, 255))
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(t))<<8 | uint64(binary.LittleEndian.Uint32(t[n-4:]))<<uint(8*(n-3)) | uint64(n)
	case n == 0:
		return 0
	}
	return uint64(t[0])<<8 | uint64(t[n/2])<<16 | uint64(t[n-1])<<24 | uint64(n)
}

func memberHash(list []Literal) code {
	s := newSet(len(list))
	for _, l := range list {
		if l.Type.Kind.IsFloat() {
			s.add(math.Float64bits(l.F + 0)) // -0 + 0 is 0
		} else {
			s.add(uint64(l.I))
		}
	}
	return func(f *frame) error {
		v := f.in[0]
		switch v.Type.Kind {
		case dtype.Bool:
			f.eachBit(func(i int) bool { return s.has(v.Bits()[i>>6] >> (uint(i) & 63) & 1) })
		case dtype.Float32:
			x := chunk.Values[float32](v)
			f.eachBit(func(i int) bool { return s.has(math.Float64bits(float64(x[i]) + 0)) })
		case dtype.Float64:
			x := chunk.Values[float64](v)
			f.eachBit(func(i int) bool { return s.has(math.Float64bits(x[i] + 0)) })
		case dtype.Int64, dtype.Uint64, dtype.Timestamp, dtype.Time, dtype.Duration:
			x := chunk.Values[uint64](v)
			f.eachBit(func(i int) bool { return s.has(x[i]) })
		default:
			f.eachBit(func(i int) bool { return s.has(uint64(intAt(v, i))) })
		}
		return nil
	}
}

// memberFew joins comparisons with every element.
func memberFew(b *binding, list []Literal) (code, error) {
	tests := make([]code, len(list))
	for k := range list {
		s := sig{In: []dtype.Type{b.In[0], b.In[0]}, Out: tBool, Args: []operand{{T: b.In[0]}, {T: b.In[0], Lit: &list[k]}}}
		var err error
		if tests[k], err = bindCmp(&binding{sig: &s, fn: "eq", asVec: []bool{false, false}}); err != nil {
			return nil, err
		}
	}
	var one vector
	g := frame{in: make([]*chunk.Vec, 2), out: &one}
	return func(f *frame) error {
		out := f.out.bits()
		clear(out)
		g.n, g.in[0] = f.n, f.in[0]
		for _, t := range tests {
			one.reset(tBool, f.n)
			if err := t(&g); err != nil {
				return err
			}
			kernel.Or(out, out, one.Bits())
		}
		return nil
	}, nil
}

func memberDecimal(list []Literal) code {
	set := make(map[i128]bool, len(list))
	for _, l := range list {
		set[decimalOfLit(l)] = true
	}
	return func(f *frame) error {
		x := chunk.Values[[16]byte](f.in[0])
		f.eachBit(func(i int) bool { return set[loadDecimal(x[i])] })
		return nil
	}
}
