package expr

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

func (x i128) add(y i128) (i128, bool) {
	lo, c := bits.Add64(x.lo, y.lo, 0)
	hi, _ := bits.Add64(uint64(x.hi), uint64(y.hi), c)
	r := i128{int64(hi), lo}
	return r, (x.hi^y.hi) < 0 || (x.hi^r.hi) >= 0
}

func (x i128) sub(y i128) (i128, bool) {
	lo, b := bits.Sub64(x.lo, y.lo, 0)
	hi, _ := bits.Sub64(uint64(x.hi), uint64(y.hi), b)
	r := i128{int64(hi), lo}
	return r, (x.hi^y.hi) >= 0 || (x.hi^r.hi) >= 0
}

// mul returns x*y and whether it fits.
func (x i128) mul(y i128) (i128, bool) {
	if x.hi == int64(x.lo)>>63 && y.hi == int64(y.lo)>>63 { // 64 bits by 64 bits always fit
		hi, lo := bits.Mul64(x.lo, y.lo)
		hi -= uint64(x.hi)&y.lo + uint64(y.hi)&x.lo // what two's complement adds for a sign
		return i128{int64(hi), lo}, true
	}
	neg := (x.hi < 0) != (y.hi < 0)
	a, b := x.abs(), y.abs()
	hi, lo := bits.Mul64(a.lo, b.lo)
	ok := a.hi == 0 || b.hi == 0
	h1, l1 := bits.Mul64(uint64(a.hi), b.lo)
	h2, l2 := bits.Mul64(a.lo, uint64(b.hi))
	var c1, c2 uint64
	hi, c1 = bits.Add64(hi, l1, 0)
	hi, c2 = bits.Add64(hi, l2, 0)
	r := i128{int64(hi), lo}
	ok = ok && h1|h2|c1|c2 == 0 && r.hi >= 0
	if neg {
		r = r.neg()
	}
	return r, ok
}

// quoRem divides magnitudes and gives the quotient the sign of x/y, the remainder
// that of x; y is not zero. Source of the case of long divisors: Warren,
// "Hacker's Delight", divlu.
func (x i128) quoRem(y i128) (q, r i128) {
	a, b := x.abs(), y.abs()
	if b.hi == 0 {
		hi, rem := bits.Div64(0, uint64(a.hi), b.lo)
		lo, rem := bits.Div64(rem, a.lo, b.lo)
		q, r = i128{int64(hi), lo}, i128{0, rem}
	} else {
		n := uint(bits.LeadingZeros64(uint64(b.hi)))
		high := uint64(b.hi)<<n | b.lo>>(64-n)
		t, _ := bits.Div64(uint64(a.hi)>>1, a.lo>>1|uint64(a.hi)<<63, high)
		if t >>= 63 - n; t != 0 {
			t--
		}
		q = i128{0, t}
		p, _ := q.mul(b)
		r, _ = a.sub(p)
		if r.cmp(b) >= 0 {
			q.lo++
			r, _ = r.sub(b)
		}
	}
	if (x.hi < 0) != (y.hi < 0) {
		q = q.neg()
	}
	if x.hi < 0 {
		r = r.neg()
	}
	return q, r
}

// divScaled returns x·10^up / y, rounded half away from zero.
func (x i128) divScaled(y i128, up int) (i128, bool) {
	if n, ok := x.mul(pow10s[min(up, 38)]); ok && up <= 38 {
		q, r := n.quoRem(y)
		if r2, fits := r.abs().add(r.abs()); !fits || r2.cmp(y.abs()) >= 0 {
			one := i128{0, 1}
			if (x.hi < 0) != (y.hi < 0) {
				one = one.neg()
			}
			return q.add(one)
		}
		return q, true
	}
	n := x.abs().big()
	n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(up)), nil))
	d := y.abs().big()
	q, r := n.QuoRem(n, d, new(big.Int))
	if r.Lsh(r, 1).Cmp(d) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	if q.BitLen() > 127 {
		return i128{}, false
	}
	out := i128{int64(new(big.Int).Rsh(q, 64).Uint64()), new(big.Int).And(q, new(big.Int).SetUint64(1<<64-1)).Uint64()}
	if (x.hi < 0) != (y.hi < 0) {
		out = out.neg()
	}
	return out, true
}

// pow10s are the powers of ten up to 10^38.
var pow10s = func() (t [39]i128) {
	for i := range t {
		t[i] = pow10(i)
	}
	return t
}()

// withDecimal reports whether one of two operands is a decimal and the other a
// decimal, an integer or a constant, which is then typed as the decimal it is
// written as: 0.1 beside a decimal is a tenth.
func withDecimal(in []operand) (a, b dtype.Type, ok bool) {
	if in[0].T.Kind != dtype.Decimal128 && in[1].T.Kind != dtype.Decimal128 {
		return a, b, false
	}
	a, ok1 := asDecimal(in[0])
	b, ok2 := asDecimal(in[1])
	return a, b, ok1 && ok2
}

// asDecimal is the decimal type of an operand beside a decimal.
func asDecimal(o operand) (dtype.Type, bool) {
	if !o.isValue() || o.T.Kind != dtype.Float64 && !o.T.Kind.IsInt() {
		return dtype.AsDecimal(o.T)
	}
	s := strconv.FormatInt(o.Lit.I, 10)
	switch {
	case o.T.Kind == dtype.Uint64:
		s = strconv.FormatUint(uint64(o.Lit.I), 10)
	case o.T.Kind == dtype.Float64:
		s = strconv.FormatFloat(o.Lit.F, 'f', -1, 64)
	}
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	digits := len(strings.TrimLeft(whole, "0")) + len(frac)
	if digits > 38 || strings.ContainsAny(s, "NI") {
		return dtype.Type{}, false
	}
	return dtype.DecimalOf(uint8(max(digits, 1)), int8(len(frac))), true
}

const decimalOverflows = "too many digits: cast one of them to fewer"

// decimalRule types arithmetic with decimals: sums have one digit more before the
// point, products the digits of both, quotients max(6, scale of x + precision of y
// + 1) behind it; of more than 38 digits those of quotients are cut behind the
// point, down to 6. It is the rule of SQL Server and Spark, but that sums and
// products keep their scale.
func decimalRule(fn string, s *sig, a, b dtype.Type) error {
	wa, wb := int(a.Precision)-int(a.Scale), int(b.Precision)-int(b.Scale)
	scale := max(int(a.Scale), int(b.Scale))
	s.In[0], s.In[1] = a, b
	switch fn {
	case "add", "sub", "mod":
		whole := max(wa, wb)
		if fn != "mod" {
			whole++
		} else {
			s.Null = true
		}
		if max(wa, wb)+scale > 38 {
			return fmt.Errorf("%s and %s have %s", a, b, decimalOverflows)
		}
		s.Out = dtype.DecimalOf(uint8(min(38, whole+scale)), int8(scale))
		s.In[0], s.In[1] = dtype.DecimalOf(uint8(min(38, max(1, wa+scale))), int8(scale)), dtype.DecimalOf(uint8(min(38, max(1, wb+scale))), int8(scale))
	case "mul":
		sum := int(a.Scale) + int(b.Scale)
		if sum > 38 {
			return fmt.Errorf("%s and %s have %s", a, b, decimalOverflows)
		}
		s.Out = dtype.DecimalOf(uint8(min(38, int(a.Precision)+int(b.Precision))), int8(sum))
	default:
		whole := wa + int(b.Scale)
		scale := max(6, int(a.Scale)+int(b.Precision)+1)
		if whole+scale > 38 {
			scale = max(min(scale, 38-whole), min(scale, 6))
		}
		s.Out, s.Null = dtype.DecimalOf(uint8(min(38, whole+scale)), int8(scale)), true
	}
	return nil
}

// bindDecimal is arithmetic of two decimals.
func bindDecimal(b *binding) (code, error) {
	b.vectors()
	limit := pow10s[b.Out.Precision]
	var op func(x, y i128) (i128, bool)
	sign := map[string]string{"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%"}[b.fn]
	switch b.fn {
	case "add", "sub": // see addDecimals
	case "mul":
		op = i128.mul
	case "mod":
		op = func(x, y i128) (i128, bool) { _, r := x.quoRem(y); return r, true }
	case "div":
		up := int(b.Out.Scale) + int(b.In[1].Scale) - int(b.In[0].Scale)
		if up < 0 {
			return nil, errors.New("a quotient of fewer digits than its dividend")
		}
		op = func(x, y i128) (i128, bool) { return x.divScaled(y, up) }
	default:
		return nil, errNotHere
	}
	if b.fn == "add" || b.fn == "sub" {
		return addDecimals(b, b.fn == "sub", limit), nil
	}
	divides := b.fn == "div" || b.fn == "mod"
	return func(f *frame) error {
		out, xs, ys := fixed[[16]byte](f.out), chunk.Values[[16]byte](f.in[0]), chunk.Values[[16]byte](f.in[1])
		for i := range out {
			x, y := loadDecimal(xs[i]), loadDecimal(ys[i])
			if divides && y == (i128{}) {
				out[i] = [16]byte{}
				f.out.setNull(i)
				continue
			}
			r, ok := op(x, y)
			out[i] = r.store()
			if (!ok || r.abs().cmp(limit) >= 0) && f.checked(i) {
				return f.fail(i, "%s %s %s does not fit %s", f.valueAt(b, 0, i), sign, f.valueAt(b, 1, i), b.Out)
			}
		}
		return nil
	}, nil
}

// addDecimals is + and - of decimals of one scale.
func addDecimals(b *binding, minus bool, limit i128) code {
	flip, carry := uint64(0), uint64(0) // x-y is x + ^y + 1
	sign := "+"
	if minus {
		flip, carry, sign = ^uint64(0), 1, "-"
	}
	small := limit.hi != 0 // every int64 has few enough digits
	return func(f *frame) error {
		fixed[[16]byte](f.out)
		out := chunk.Slice[uint64](f.out.Data, 2*f.n)
		xs, ys := chunk.Slice[uint64](f.in[0].Data, 2*f.n)[:len(out)], chunk.Slice[uint64](f.in[1].Data, 2*f.n)[:len(out)]
		for i := 0; i+1 < len(out); i += 2 {
			lo, c := bits.Add64(xs[i], ys[i]^flip, carry)
			hi, _ := bits.Add64(xs[i+1], ys[i+1]^flip, c)
			out[i], out[i+1] = lo, hi
			if small && int64(hi) == int64(lo)>>63 { // no operand has more than 127 bits: hi is right
				continue
			}
			if r := (i128{int64(hi), lo}); r.abs().cmp(limit) >= 0 && f.checked(i/2) {
				return f.fail(i/2, "%s %s %s does not fit %s", f.valueAt(b, 0, i/2), sign, f.valueAt(b, 1, i/2), b.Out)
			}
		}
		return nil
	}
}

// bindDecimalUnary binds neg, abs, sign, floor, ceil, trunc, round and round_even.
func bindDecimalUnary(b *binding, digits int) (code, error) {
	scale := int(b.Out.Scale)
	limit := pow10s[b.Out.Precision]
	unit := pow10s[min(38, max(0, scale-digits))] // what is rounded to
	op := map[string]func(x i128) (i128, bool){
		"neg":  func(x i128) (i128, bool) { return x.neg(), true },
		"abs":  func(x i128) (i128, bool) { return x.abs(), true },
		"sign": func(x i128) (i128, bool) { return intTo128(int64(x.cmp(i128{})), false).mul(pow10s[scale]) },
		"floor": func(x i128) (i128, bool) {
			return x.roundTo(unit, func(_ i128, r, _ int) bool { return r < 0 })
		},
		"ceil":  func(x i128) (i128, bool) { return x.roundTo(unit, func(_ i128, r, _ int) bool { return r > 0 }) },
		"trunc": func(x i128) (i128, bool) { return x.roundTo(unit, func(i128, int, int) bool { return false }) },
		"round": func(x i128) (i128, bool) { return x.roundTo(unit, func(_ i128, _, half int) bool { return half >= 0 }) },
		"round_even": func(x i128) (i128, bool) {
			return x.roundTo(unit, func(q i128, _, half int) bool { return half > 0 || half == 0 && q.lo&1 != 0 })
		},
	}[b.fn]
	if op == nil {
		return nil, errNotHere
	}
	return func(f *frame) error {
		out := fixed[[16]byte](f.out)
		for i, v := range chunk.Values[[16]byte](f.in[0]) {
			r, ok := op(loadDecimal(v))
			out[i] = r.store()
			if (!ok || r.abs().cmp(limit) >= 0) && f.checked(i) {
				return f.fail(i, "the %s of %s does not fit %s", b.fn, f.valueAt(b, 0, i), b.Out)
			}
		}
		return nil
	}, nil
}

// roundTo makes x a multiple of unit: cut toward zero, and one unit further away
// from zero if away says so for the quotient, the sign of the remainder, and how
// the remainder compares with half a unit.
func (x i128) roundTo(unit i128, away func(q i128, sign, half int) bool) (i128, bool) {
	q, r := x.quoRem(unit)
	if r == (i128{}) {
		return x, true
	}
	twice, fits := r.abs().add(r.abs())
	half := 1
	if fits {
		half = twice.cmp(unit)
	}
	if away(q, r.cmp(i128{}), half) {
		q, _ = q.add(intTo128(int64(r.cmp(i128{})), false))
	}
	return q.mul(unit)
}
