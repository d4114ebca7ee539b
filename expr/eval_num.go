package expr

import (
	"math"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

var arithOps = map[string]kernel.ArithOp{"add": kernel.Add, "sub": kernel.Sub, "mul": kernel.Mul, "div": kernel.Div}

var arithSigns = [...]string{kernel.Add: "+", kernel.Sub: "-", kernel.Mul: "*", kernel.Div: "/"}

func bindArith(b *binding) (code, error) {
	op := arithOps[b.fn]
	if b.Out.Kind == dtype.Decimal128 {
		return bindDecimal(b)
	}
	if k := b.In[0].Kind; isClock(k) || isClock(b.In[1].Kind) {
		if c := bindClock(b); c != nil {
			return c, nil
		}
	}
	if b.fn == "intdiv" || b.fn == "mod" {
		return bindIntDiv(b)
	}
	switch b.In[0].Kind {
	case dtype.Float64:
		return arithFloat[float64](b, op), nil
	case dtype.Float32:
		return arithFloat[float32](b, op), nil
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return arithChecked[int64](b, op), nil
	case dtype.Int32:
		return arithChecked[int32](b, op), nil
	case dtype.Date:
		return arithDate(b, op), nil
	case dtype.Int8:
		return arithSmall[int8](b, op), nil
	case dtype.Int16:
		return arithSmall[int16](b, op), nil
	case dtype.Uint8:
		return arithSmall[uint8](b, op), nil
	case dtype.Uint16:
		return arithSmall[uint16](b, op), nil
	case dtype.Uint32:
		return arithSmall[uint32](b, op), nil
	case dtype.Uint64:
		return arithUint64(b, op), nil
	}
	return nil, errNotHere
}

func arithFloat[T kernel.Float](b *binding, op kernel.ArithOp) code {
	switch l, r := b.lit(0), b.lit(1); {
	case r != nil:
		return func(f *frame) error {
			kernel.ArithConst(op, fixed[T](f.out), chunk.Values[T](f.in[0]), T(r.F))
			return nil
		}
	case l != nil:
		return func(f *frame) error {
			kernel.ConstArith(op, fixed[T](f.out), T(l.F), chunk.Values[T](f.in[1]))
			return nil
		}
	}
	return func(f *frame) error {
		kernel.Arith(op, fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1]))
		return nil
	}
}

// overflow is the error of a binary operation in row i.
func (f *frame) overflow(b *binding, op kernel.ArithOp, i int) error {
	return f.fail(i, "%s %s %s does not fit %s", f.valueAt(b, 0, i), arithSigns[op], f.valueAt(b, 1, i), b.Out)
}

func arithChecked[T kernel.CheckedInt](b *binding, op kernel.ArithOp) code {
	l, r := b.lit(0), b.lit(1)
	return func(f *frame) error {
		var at int
		switch {
		case r != nil:
			at = kernel.CheckedConst(op, fixed[T](f.out), chunk.Values[T](f.in[0]), T(r.I), f.check)
		case l != nil:
			at = kernel.ConstChecked(op, fixed[T](f.out), T(l.I), chunk.Values[T](f.in[1]), f.check)
		default:
			at = kernel.Checked(op, fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1]), f.check)
		}
		if at >= 0 {
			return f.overflow(b, op, at)
		}
		return nil
	}
}

// arithSmall computes in 64 bits and checks that the result fits.
func arithSmall[T int8 | int16 | uint8 | uint16 | uint32](b *binding, op kernel.ArithOp) code {
	b.vectors()
	return func(f *frame) error {
		out, x, y := fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1])
		for i, v := range x {
			var r int64
			fits := true
			switch op {
			case kernel.Add:
				r = int64(v) + int64(y[i])
			case kernel.Sub:
				r = int64(v) - int64(y[i])
			default:
				r, fits = mulChecked(int64(v), int64(y[i]))
			}
			out[i] = T(r)
			if fits = fits && int64(T(r)) == r; !fits && f.checked(i) {
				return f.overflow(b, op, i)
			}
		}
		return nil
	}
}

func arithUint64(b *binding, op kernel.ArithOp) code {
	b.vectors()
	return func(f *frame) error {
		out, x, y := fixed[uint64](f.out), chunk.Values[uint64](f.in[0]), chunk.Values[uint64](f.in[1])
		for i, v := range x {
			var lost uint64
			switch op {
			case kernel.Add:
				out[i], lost = bits.Add64(v, y[i], 0)
			case kernel.Sub:
				out[i], lost = bits.Sub64(v, y[i], 0)
			default:
				lost, out[i] = bits.Mul64(v, y[i])
			}
			if lost != 0 && f.checked(i) {
				return f.overflow(b, op, i)
			}
		}
		return nil
	}
}

// arithDate computes date ± days and date - date.
func arithDate(b *binding, op kernel.ArithOp) code {
	b.vectors()
	if b.Out.Kind == dtype.Int64 {
		return func(f *frame) error {
			out, x, y := fixed[int64](f.out), chunk.Values[int32](f.in[0]), chunk.Values[int32](f.in[1])
			for i, v := range x {
				out[i] = int64(v) - int64(y[i])
			}
			return nil
		}
	}
	return func(f *frame) error {
		out, x, y := fixed[int32](f.out), chunk.Values[int32](f.in[0]), chunk.Values[int64](f.in[1])
		for i, v := range x {
			n := y[i]
			if op == kernel.Sub {
				n = -n // the least integer stays negative and is out of range either way
			}
			r := int64(v) + n
			out[i] = int32(r)
			if (r != int64(int32(r)) || n > 1<<40 || n < -1<<40) && f.checked(i) {
				return f.overflow(b, op, i)
			}
		}
		return nil
	}
}

func bindIntDiv(b *binding) (code, error) {
	b.vectors()
	switch b.Out.Kind {
	case dtype.Int8:
		return divideInt[int8](b), nil
	case dtype.Int16:
		return divideInt[int16](b), nil
	case dtype.Int32:
		return divideInt[int32](b), nil
	case dtype.Int64, dtype.Duration:
		return divideInt[int64](b), nil
	case dtype.Uint8:
		return divideInt[uint8](b), nil
	case dtype.Uint16:
		return divideInt[uint16](b), nil
	case dtype.Uint32:
		return divideInt[uint32](b), nil
	case dtype.Uint64:
		return divideInt[uint64](b), nil
	case dtype.Float32:
		return modFloat[float32], nil
	case dtype.Float64:
		return modFloat[float64], nil
	}
	return nil, errNotHere
}

// divideInt is // or % of integers: truncated, null for a zero divisor.
func divideInt[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](b *binding) code {
	rem := b.fn == "mod"
	return func(f *frame) error {
		out, x, y := fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1])
		for i, v := range x {
			d := y[i]
			switch {
			case d == 0:
				out[i] = 0
				f.out.setNull(i)
			case rem:
				out[i] = v % d
			default:
				q := v / d
				out[i] = q
				if q < 0 && v < 0 && d < 0 && f.checked(i) { // only the least integer by -1
					return f.fail(i, "%s // %s does not fit %s", f.valueAt(b, 0, i), f.valueAt(b, 1, i), b.Out)
				}
			}
		}
		return nil
	}
}

func modFloat[T kernel.Float](f *frame) error {
	out, x, y := fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1])
	for i, v := range x {
		out[i] = T(math.Mod(float64(v), float64(y[i])))
	}
	return nil
}

func bindMath(b *binding) (code, error) {
	g := mathFuncs[b.fn]
	return func(f *frame) error {
		g(fixed[float64](f.out), chunk.Values[float64](f.in[0]))
		return nil
	}, nil
}

// bindUnary binds neg, abs, sign, floor and ceil.
func bindUnary(b *binding) (code, error) {
	switch b.Out.Kind {
	case dtype.Int8:
		return unaryInt[int8](b), nil
	case dtype.Int16:
		return unaryInt[int16](b), nil
	case dtype.Int32:
		return unaryInt[int32](b), nil
	case dtype.Int64, dtype.Duration:
		return unaryInt[int64](b), nil
	case dtype.Decimal128:
		return bindDecimalUnary(b, 0)
	case dtype.Uint8:
		return unaryUint[uint8](b), nil
	case dtype.Uint16:
		return unaryUint[uint16](b), nil
	case dtype.Uint32:
		return unaryUint[uint32](b), nil
	case dtype.Uint64:
		return unaryUint[uint64](b), nil
	case dtype.Float32:
		return unaryFloat[float32](b), nil
	case dtype.Float64:
		return unaryFloat[float64](b), nil
	}
	return nil, errNotHere
}

func unaryInt[T int8 | int16 | int32 | int64](b *binding) code {
	switch b.fn {
	case "neg", "abs":
		abs := b.fn == "abs"
		return func(f *frame) error {
			out := fixed[T](f.out)
			for i, v := range chunk.Values[T](f.in[0]) {
				r := v
				if !abs || v < 0 {
					r = -v
				}
				out[i] = r
				if v < 0 && r < 0 && f.checked(i) {
					return f.fail(i, "the %s of %s does not fit %s", b.fn, f.valueAt(b, 0, i), b.Out)
				}
			}
			return nil
		}
	case "sign":
		return func(f *frame) error {
			out := fixed[T](f.out)
			for i, v := range chunk.Values[T](f.in[0]) {
				switch {
				case v > 0:
					out[i] = 1
				case v < 0:
					out[i] = -1
				default:
					out[i] = 0
				}
			}
			return nil
		}
	}
	return identity[T]
}

func unaryUint[T uint8 | uint16 | uint32 | uint64](b *binding) code {
	if b.fn == "sign" {
		return func(f *frame) error {
			out := fixed[T](f.out)
			for i, v := range chunk.Values[T](f.in[0]) {
				out[i] = min(v, 1)
			}
			return nil
		}
	}
	return identity[T]
}

func identity[T chunk.Fixed](f *frame) error {
	copy(fixed[T](f.out), chunk.Values[T](f.in[0]))
	return nil
}

func unaryFloat[T kernel.Float](b *binding) code {
	var g func(T) T
	switch b.fn {
	case "neg":
		g = func(v T) T { return -v }
	case "abs":
		g = func(v T) T { return T(math.Abs(float64(v))) }
	case "floor":
		g = func(v T) T { return T(math.Floor(float64(v))) }
	case "ceil":
		g = func(v T) T { return T(math.Ceil(float64(v))) }
	case "trunc":
		g = func(v T) T { return T(math.Trunc(float64(v))) }
	default:
		g = func(v T) T {
			switch {
			case v > 0:
				return 1
			case v < 0:
				return -1
			}
			return v
		}
	}
	return func(f *frame) error {
		out := fixed[T](f.out)
		for i, v := range chunk.Values[T](f.in[0]) {
			out[i] = g(v)
		}
		return nil
	}
}

func bindRound(b *binding) (code, error) {
	digits := int(b.Args[1].Lit.I)
	if b.Out.Kind == dtype.Decimal128 {
		return bindDecimalUnary(b, digits)
	}
	switch b.Out.Kind {
	case dtype.Float64:
		return roundFloat[float64](digits, b.fn == "round_even"), nil
	case dtype.Float32:
		return roundFloat[float32](digits, b.fn == "round_even"), nil
	}
	return copyFixed, nil
}

// copyFixed is the identity on whatever fixed-width type.
func copyFixed(f *frame) error {
	f.out.allocate()
	copy(f.out.Data, f.in[0].Data)
	return nil
}

func roundFloat[T kernel.Float](digits int, even bool) code {
	nearest := math.Round
	if even {
		nearest = math.RoundToEven
	}
	return func(f *frame) error {
		out := fixed[T](f.out)
		for i, v := range chunk.Values[T](f.in[0]) {
			out[i] = T(roundTo(float64(v), digits, nearest))
		}
		return nil
	}
}

// roundTo scales, rounds and scales back. Values that have no digits so
// far down stay as they are.
func roundTo(v float64, digits int, nearest func(float64) float64) float64 {
	switch {
	case digits == 0:
		return nearest(v)
	case digits > 0:
		scale := math.Pow10(digits)
		if s := v * scale; math.Abs(s) < 1<<52 {
			return nearest(s) / scale
		}
		return v // NaN, infinities, and values without a fraction at this scale
	}
	scale := math.Pow10(-digits)
	return nearest(v/scale) * scale
}

// bindExtreme binds least and greatest: nulls are left out, NaN is the greatest.
func bindExtreme(b *binding) (code, error) {
	b.vectors()
	most := b.fn == "greatest"
	switch b.Out.Kind {
	case dtype.Int8:
		return extreme(most, less[int8]), nil
	case dtype.Int16:
		return extreme(most, less[int16]), nil
	case dtype.Int32, dtype.Date:
		return extreme(most, less[int32]), nil
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return extreme(most, less[int64]), nil
	case dtype.Uint8:
		return extreme(most, less[uint8]), nil
	case dtype.Uint16:
		return extreme(most, less[uint16]), nil
	case dtype.Uint32:
		return extreme(most, less[uint32]), nil
	case dtype.Uint64:
		return extreme(most, less[uint64]), nil
	case dtype.Float32:
		return extreme(most, less[float32]), nil
	case dtype.Float64:
		return extreme(most, less[float64]), nil
	}
	return bindExtremeText(b)
}

// less orders values with NaN last.
func less[T kernel.Number](a, b T) bool { return a < b || a == a && b != b }

func extreme[T chunk.Fixed](most bool, less func(a, b T) bool) code {
	return func(f *frame) error {
		out := fixed[T](f.out)
		copy(out, chunk.Values[T](f.in[0]))
		f.out.Valid = f.in[0].Valid
		valid := f.out.ownValid()
		for _, v := range f.in[1:] {
			x := chunk.Values[T](v)
			for i, y := range x {
				bit := uint64(1) << (uint(i) & 63)
				switch {
				case v.Valid != nil && v.Valid[i>>6]&bit == 0:
				case valid[i>>6]&bit == 0:
					out[i] = y
					valid[i>>6] |= bit
				case most && less(out[i], y), !most && less(y, out[i]):
					out[i] = y
				}
			}
		}
		return nil
	}
}
