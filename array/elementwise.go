package array

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// broadcast finds the common grid of arrays, and the view that each has from it.
// Axes are matched from the last on; one of length 1 is repeated. Where chunks
// differ, the blocks of the result are cut at the ends of all of them.
func broadcast(xs []*Array) (grid.Grid, [][]grid.View, error) {
	dims := 0
	for _, x := range xs {
		dims = max(dims, len(x.grid))
	}
	space := make(grid.Grid, dims)
	for _, x := range xs {
		for i, a := range x.grid {
			d := dims - len(x.grid) + i
			switch n := a.Len(); {
			case space[d] == nil || space[d].Len() == 1:
				if space[d] == nil || n != 1 {
					space[d] = a
				}
			case n == 1:
			case n != space[d].Len() || !a.Known() && !a.Equal(space[d]):
				return nil, nil, fmt.Errorf("shapes %s do not fit: axis %d is %d and %d", shapes(xs), d-dims, space[d].Len(), n)
			default:
				space[d] = grid.Refine(space[d], a)
			}
		}
	}
	views := make([][]grid.View, len(xs))
	for k, x := range xs {
		views[k] = make([]grid.View, len(x.grid))
		for i, a := range x.grid {
			d := dims - len(x.grid) + i
			if a.Len() == 1 && space[d].Len() != 1 {
				views[k][i] = grid.View{Axis: -1}
			} else {
				views[k][i] = grid.View{Axis: int32(d), Step: 1}
			}
		}
	}
	return space, views, nil
}

func shapes(xs []*Array) (s string) {
	for i, x := range xs {
		if i > 0 {
			s += " and "
		}
		s += grid.Tuple(x.Shape())
	}
	return s
}

// operands reads arrays and Go numbers into a program: the arrays broadcast, all
// of one type. A number takes the type of the arrays if it can: an integer with
// any, a float with floats and complex numbers; else a float makes float64 of
// integers, and a complex number complex ones.
type operands struct {
	plan
	space grid.Grid
	vals  []int32
	kind  elem.Kind
}

func gather(verb string, args []any) (*operands, *Array) {
	var arrays []*Array
	kind := elem.Invalid
	for _, a := range args {
		x, ok := a.(*Array)
		if !ok {
			if elem.OfValue(a) == elem.Invalid {
				return nil, fail(verb, "an operand is a %T: want an *Array or a number", a)
			}
			continue
		}
		if x.err != nil {
			return nil, &Array{err: x.err}
		}
		arrays = append(arrays, x)
		if kind == elem.Invalid {
			kind = x.kind
		} else {
			kind = elem.Promote(kind, x.kind)
		}
	}
	for _, a := range args {
		if _, ok := a.(*Array); !ok {
			kind = weak(kind, elem.OfValue(a))
		}
	}
	space, views, err := broadcast(arrays)
	if err != nil {
		return nil, fail(verb, "%w", err)
	}
	o := &operands{space: space, kind: kind}
	for _, a := range args {
		x, ok := a.(*Array)
		if !ok {
			nums, err := bits(a, kind)
			if err != nil {
				return nil, fail(verb, "%w", err)
			}
			o.vals = append(o.vals, o.fill(kind, nums...))
			continue
		}
		o.vals = append(o.vals, o.read(x, views[0]))
		views = views[1:]
	}
	return o, nil
}

// weak is the type of arrays of type k with a Go number.
func weak(k, number elem.Kind) elem.Kind {
	switch {
	case k == elem.Invalid:
		return number
	case number == elem.Bool || k.IsComplex() || k.IsFloat() && !number.IsComplex():
		return k
	case number.IsInt():
		if k == elem.Bool {
			return elem.Int64
		}
		return k
	case number.IsFloat():
		return elem.Float64
	case k == elem.Float32:
		return elem.Complex64
	}
	return elem.Complex128
}

// to makes all operands of type k.
func (o *operands) to(k elem.Kind) {
	for i, v := range o.vals {
		o.vals[i] = o.cast(v, k)
	}
	o.kind = k
}

// cast converts a value.
func (p *plan) cast(v int32, k elem.Kind) int32 {
	from := p.kinds[v]
	if from == k {
		return v
	}
	return p.note(p.b.Step(strip.Step{Op: strip.Cast, In: from, Out: k, A: v}), k)
}

// apply adds a step. The operation must be defined for the operands.
func (p *plan) apply(o strip.Op, vals ...int32) (int32, error) {
	in := p.kinds[vals[len(vals)-1]]
	out, err := o.Result(in)
	if err != nil {
		return 0, err
	}
	s := strip.Step{Op: o, In: in, Out: out, A: vals[0]}
	if len(vals) > 1 {
		s.B = vals[1]
	}
	if len(vals) > 2 {
		s.C = vals[2]
	}
	return p.note(p.b.Step(s), out), nil
}

// elementwise applies an operation; floating says that integers become float64.
func elementwise(verb string, o strip.Op, floating bool, args ...any) *Array {
	x, bad := gather(verb, args)
	if bad != nil {
		return bad
	}
	if floating {
		x.kind = x.kind.Floating()
	}
	x.to(x.kind)
	v, err := x.apply(o, x.vals...)
	if err != nil {
		return fail(verb, "%w", err)
	}
	return x.done(verb, x.space, v)
}

// Add is x + y; y is an *Array or a number, here and below.
func (x *Array) Add(y any) *Array { return elementwise("Add", strip.Binary(vec.Add), false, x, y) }

// Sub is x − y.
func (x *Array) Sub(y any) *Array { return elementwise("Sub", strip.Binary(vec.Sub), false, x, y) }

// Mul is x · y, element by element.
func (x *Array) Mul(y any) *Array { return elementwise("Mul", strip.Binary(vec.Mul), false, x, y) }

// Div is x / y; integers give float64.
func (x *Array) Div(y any) *Array { return elementwise("Div", strip.Binary(vec.Div), true, x, y) }

// FloorDiv is x / y rounded down; integers divided by 0 give 0.
func (x *Array) FloorDiv(y any) *Array {
	return elementwise("FloorDiv", strip.Binary(vec.FloorDiv), false, x, y)
}

// Mod is what FloorDiv leaves, with the sign of y.
func (x *Array) Mod(y any) *Array { return elementwise("Mod", strip.Binary(vec.Mod), false, x, y) }

// Pow is x to the power of y.
func (x *Array) Pow(y any) *Array { return elementwise("Pow", strip.Binary(vec.Pow), false, x, y) }

// Atan2 is the angle of the points (y, x), x being the ordinate.
func (x *Array) Atan2(y any) *Array { return elementwise("Atan2", strip.Binary(vec.Atan2), true, x, y) }

// Hypot is sqrt(x² + y²).
func (x *Array) Hypot(y any) *Array { return elementwise("Hypot", strip.Binary(vec.Hypot), true, x, y) }

// CopySign is x with the sign of y.
func (x *Array) CopySign(y any) *Array {
	return elementwise("CopySign", strip.Binary(vec.Copysign), true, x, y)
}

// NextAfter is the next number after x toward y.
func (x *Array) NextAfter(y any) *Array {
	return elementwise("NextAfter", strip.Binary(vec.NextAfter), true, x, y)
}

// LogAddExp is log(exp(x) + exp(y)).
func (x *Array) LogAddExp(y any) *Array {
	return elementwise("LogAddExp", strip.Binary(vec.LogAddExp), true, x, y)
}

// Maximum is the larger of x and y, NaN if either is.
func (x *Array) Maximum(y any) *Array {
	return elementwise("Maximum", strip.Binary(vec.Max), false, x, y)
}

// Minimum is the smaller of x and y, NaN if either is.
func (x *Array) Minimum(y any) *Array {
	return elementwise("Minimum", strip.Binary(vec.Min), false, x, y)
}

// Eq is x == y, as bool.
func (x *Array) Eq(y any) *Array { return elementwise("Eq", strip.Compare(vec.Eq), false, x, y) }

// Ne is x != y.
func (x *Array) Ne(y any) *Array { return elementwise("Ne", strip.Compare(vec.Ne), false, x, y) }

// Lt is x < y.
func (x *Array) Lt(y any) *Array { return elementwise("Lt", strip.Compare(vec.Lt), false, x, y) }

// Le is x ≤ y.
func (x *Array) Le(y any) *Array { return elementwise("Le", strip.Compare(vec.Le), false, x, y) }

// Gt is x > y.
func (x *Array) Gt(y any) *Array { return elementwise("Gt", strip.Compare(vec.Gt), false, x, y) }

// Ge is x ≥ y.
func (x *Array) Ge(y any) *Array { return elementwise("Ge", strip.Compare(vec.Ge), false, x, y) }

// And is x and y, bit by bit for integers.
func (x *Array) And(y any) *Array { return elementwise("And", strip.Binary(vec.And), false, x, y) }

// Or is x or y, bit by bit for integers.
func (x *Array) Or(y any) *Array { return elementwise("Or", strip.Binary(vec.Or), false, x, y) }

// Xor is either x or y, bit by bit for integers.
func (x *Array) Xor(y any) *Array { return elementwise("Xor", strip.Binary(vec.Xor), false, x, y) }

// ShiftLeft is x · 2^y; bits that leave the type are lost.
func (x *Array) ShiftLeft(y any) *Array {
	return elementwise("ShiftLeft", strip.Binary(vec.Shl), false, x, y)
}

// ShiftRight is x / 2^y rounded down.
func (x *Array) ShiftRight(y any) *Array {
	return elementwise("ShiftRight", strip.Binary(vec.Shr), false, x, y)
}

// Where is a where cond is true, else b. cond is an array of bool; a and b are
// arrays or numbers.
func Where(cond *Array, a, b any) *Array {
	if f := failed(cond); f != nil {
		return f
	}
	if cond.kind != elem.Bool {
		return fail("Where", "the condition is %s, not bool", cond.kind)
	}
	x, bad := gather("Where", []any{cond, a, b})
	if bad != nil {
		return bad
	}
	k := elem.Invalid
	for _, y := range []any{a, b} {
		if y, ok := y.(*Array); ok {
			if k == elem.Invalid {
				k = y.kind
			} else {
				k = elem.Promote(k, y.kind)
			}
		}
	}
	for _, y := range []any{a, b} {
		if _, ok := y.(*Array); !ok {
			n := elem.OfValue(y)
			if k == elem.Bool && n == elem.Bool || k != elem.Bool {
				k = weak(k, n)
			} else {
				k = elem.Promote(k, n)
			}
		}
	}
	for i, y := range []any{a, b} {
		if _, ok := y.(*Array); ok {
			x.vals[i+1] = x.cast(x.vals[i+1], k)
			continue
		}
		nums, err := bits(y, k)
		if err != nil {
			return fail("Where", "%w", err)
		}
		x.vals[i+1] = x.fill(k, nums...)
	}
	v, err := x.apply(strip.Where, x.vals...)
	if err != nil {
		return fail("Where", "%w", err)
	}
	return x.done("Where", x.space, v)
}

// Clip is x, but lo where it is below and hi where it is above; nil is no bound.
// The type stays that of x.
func (x *Array) Clip(lo, hi any) *Array {
	out := x
	if lo != nil {
		out = elementwise("Clip", strip.Binary(vec.Max), false, out, lo)
	}
	if hi != nil {
		out = elementwise("Clip", strip.Binary(vec.Min), false, out, hi)
	}
	if out.err == nil && x.err == nil && out.kind != x.kind {
		return fail("Clip", "bounds of %s for %s", out.kind, x.kind)
	}
	return out
}

// As converts the elements to another type. Floats lose their fraction; what
// does not fit an integer wraps around; what is not 0 is true. Complex numbers do
// not become real: take Real or Abs.
func (x *Array) As(k DType) *Array {
	if x.err != nil || x.kind == k {
		return x
	}
	if !k.Valid() || x.kind.IsComplex() && !k.IsComplex() && k != elem.Bool {
		return fail("As", "%s does not become %s", x.kind, k)
	}
	var p plan
	y := p.done("As", x.grid, p.cast(p.read(x, straight(len(x.grid))), k))
	y.split = x.split
	return y
}

// Square is x · x.
func (x *Array) Square() *Array { return elementwise("Square", strip.Binary(vec.Mul), false, x, x) }

// Reciprocal is 1 / x.
func (x *Array) Reciprocal() *Array {
	if x.err != nil {
		return x
	}
	return OnesLike(x).Div(x)
}

// LogicalAnd is whether both are true, that is not 0.
func (x *Array) LogicalAnd(y *Array) *Array { return x.As(Bool).And(y.As(Bool)) }

// LogicalOr is whether one is true, that is not 0.
func (x *Array) LogicalOr(y *Array) *Array { return x.As(Bool).Or(y.As(Bool)) }

// LogicalXor is whether exactly one is true, that is not 0.
func (x *Array) LogicalXor(y *Array) *Array { return x.As(Bool).Xor(y.As(Bool)) }

// LogicalNot is whether x is false, that is 0.
func (x *Array) LogicalNot() *Array { return x.As(Bool).Not() }
