package expr

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"

	"github.com/weft-data/weft/dtype"
)

// An i128 is a 128-bit integer in two's complement: the digits of a decimal.
type i128 struct {
	hi int64
	lo uint64
}

func loadDecimal(b [16]byte) i128 {
	return i128{int64(binary.LittleEndian.Uint64(b[8:])), binary.LittleEndian.Uint64(b[:])}
}

func (x i128) store() (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:], x.lo)
	binary.LittleEndian.PutUint64(b[8:], uint64(x.hi))
	return b
}

func intTo128(v int64, unsigned bool) i128 {
	if unsigned {
		return i128{0, uint64(v)}
	}
	return i128{v >> 63, uint64(v)}
}

func (x i128) cmp(y i128) int {
	switch {
	case x.hi != y.hi && x.hi < y.hi, x.hi == y.hi && x.lo < y.lo:
		return -1
	case x == y:
		return 0
	}
	return 1
}

func (x i128) neg() i128 {
	lo, borrow := bits.Sub64(0, x.lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.hi), borrow)
	return i128{int64(hi), lo}
}

func (x i128) abs() i128 {
	if x.hi < 0 {
		return x.neg()
	}
	return x
}

// times10 returns 10x and whether it fits.
func (x i128) times10() (i128, bool) {
	neg, m := x.hi < 0, x.abs()
	c, lo := bits.Mul64(m.lo, 10)
	over, hi := bits.Mul64(uint64(m.hi), 10)
	hi, carry := bits.Add64(hi, c, 0)
	m = i128{int64(hi), lo}
	ok := over == 0 && carry == 0 && m.hi >= 0
	if neg {
		m = m.neg()
	}
	return m, ok
}

// over10 returns x/10 truncated, and the remainder's magnitude.
func (x i128) over10() (i128, uint64) {
	neg, m := x.hi < 0, x.abs()
	hi, r := bits.Div64(0, uint64(m.hi), 10)
	lo, r := bits.Div64(r, m.lo, 10)
	m = i128{int64(hi), lo}
	if neg {
		m = m.neg()
	}
	return m, r
}

// rescale changes the scale; digits that are cut off round half away from zero.
func (x i128) rescale(from, to int) (i128, bool) {
	ok := true
	for ; from < to && ok; from++ {
		x, ok = x.times10()
	}
	neg := x.hi < 0
	for ; from > to; from-- {
		var r uint64
		x, r = x.over10()
		if from == to+1 && r >= 5 {
			one := i128{0, 1}
			if neg {
				one = i128{-1, math.MaxUint64}
			}
			lo, c := bits.Add64(x.lo, one.lo, 0)
			x = i128{x.hi + one.hi + int64(c), lo}
		}
	}
	return x, ok
}

// pow10 returns 10^n for n up to 38.
func pow10(n int) i128 {
	x := i128{0, 1}
	for range n {
		x, _ = x.times10()
	}
	return x
}

func (x i128) big() *big.Int {
	m := x.abs()
	b := new(big.Int).SetUint64(uint64(m.hi))
	b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(m.lo))
	if x.hi < 0 {
		b.Neg(b)
	}
	return b
}

// float returns x·10^-scale rounded once.
func (x i128) float(scale int) float64 {
	if m := x.abs(); m.hi == 0 && m.lo < 1<<53 && uint(scale) <= 22 {
		f := float64(m.lo) / math.Pow10(scale) // both exact: one rounding
		if x.hi < 0 {
			f = -f
		}
		return f
	}
	r := new(big.Rat).SetInt(x.big())
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil))
	if scale > 0 {
		unit.Inv(unit)
	}
	f, _ := r.Mul(r, unit).Float64()
	return f
}

// integer truncates to an integer kind.
func (x i128) integer(scale int, k dtype.Kind) (int64, error) {
	for ; scale > 0; scale-- {
		x, _ = x.over10()
	}
	x, ok := x.rescale(scale, 0)
	switch {
	case !ok:
		return 0, errRange
	case k == dtype.Uint64 && x.hi == 0:
		return int64(x.lo), nil
	case k == dtype.Uint64 || x.hi != int64(x.lo)>>63:
		return 0, errRange
	}
	return fitInt(int64(x.lo), dtype.Int64, k)
}

// decimalOfFloat rounds f, taken exactly, to scale digits, half away from zero.
func decimalOfFloat(f float64, scale int) (i128, bool) {
	if f-f != 0 || math.Abs(f) >= 1e39 {
		return i128{}, false
	}
	r := new(big.Rat).SetFloat64(f)
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	half := big.NewRat(1, 2)
	if f < 0 {
		half.Neg(half)
	}
	r.Add(r, half)
	q := new(big.Int).Quo(r.Num(), r.Denom())
	if q.BitLen() > 126 {
		return i128{}, false
	}
	m := new(big.Int).Abs(q)
	x := i128{int64(new(big.Int).Rsh(m, 64).Uint64()), new(big.Int).And(m, new(big.Int).SetUint64(math.MaxUint64)).Uint64()}
	if q.Sign() < 0 {
		x = x.neg()
	}
	return x, true
}

// parseDecimal reads [sign]digits[.digits][e[sign]digits], as floats are written; digits beyond the scale must be zero.
func parseDecimal(s []byte, scale int) (x i128, err error) {
	neg := len(s) > 0 && s[0] == '-'
	if neg || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	exp := 0
	if i := bytes.IndexAny(s, "eE"); i >= 0 {
		if exp, err = parseExponent(s[i+1:]); err != nil {
			return x, err
		}
		s = s[:i]
	}
	point := bytes.IndexByte(s, '.')
	keep, n := len(s)+exp+scale, 0 // so many digits count
	if point >= 0 {
		keep += point - len(s)
	}
	lost, over := false, false // said when all is read: what is malformed is that first
	for i, c := range s {
		if i == point {
			continue
		}
		if c -= '0'; c > 9 {
			return x, errSyntax
		}
		if n++; n > keep || over {
			lost = lost || c != 0
			continue
		}
		var ok bool
		x, ok = x.times10()
		lo, carry := bits.Add64(x.lo, uint64(c), 0)
		x = i128{x.hi + int64(carry), lo}
		over = !ok || x.hi < 0
	}
	ok := true
	if x != (i128{}) && n < keep {
		x, ok = x.rescale(n, keep)
	}
	switch {
	case n == 0:
		return x, errSyntax
	case over || !ok:
		return x, errRange
	case lost:
		return x, errPlaces
	case neg:
		x = x.neg()
	}
	return x, nil
}

// parseExponent reads [sign]digits; beyond 2^40 they are as good as that, for no text is as long.
func parseExponent(s []byte) (exp int, err error) {
	neg := len(s) > 0 && s[0] == '-'
	if neg || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	if len(s) == 0 {
		return 0, errSyntax
	}
	for _, c := range s {
		if c -= '0'; c > 9 {
			return 0, errSyntax
		}
		exp = min(exp*10+int(c), 1<<40)
	}
	if neg {
		exp = -exp
	}
	return exp, nil
}

// appendDecimal writes x·10^-scale with all its digits. Arrow files may have negative scales.
func appendDecimal(dst []byte, b [16]byte, scale int) []byte {
	x := loadDecimal(b)
	if x.hi < 0 {
		dst = append(dst, '-')
	}
	hi, lo := uint64(x.abs().hi), x.abs().lo
	var digits [40]byte
	n, point := len(digits), len(digits)-max(scale, 0)
	for hi|lo != 0 || n >= point {
		var r uint64
		hi, r = bits.Div64(0, hi, 10)
		lo, r = bits.Div64(r, lo, 10)
		n--
		digits[n] = byte('0' + r)
	}
	dst = append(dst, digits[n:point]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[point:]...)
	}
	for ; scale < 0 && x != (i128{}); scale++ {
		dst = append(dst, '0')
	}
	return dst
}

// DecimalText words the number hi·2^64 + lo, as Arrow keeps decimals, with all digits of
// its scale.
func DecimalText(hi int64, lo uint64, scale int8) string {
	return decimalText(i128{hi, lo}, dtype.Type{Scale: scale})
}

// decimalText words x with all digits of its type's scale: the S of a Literal.
func decimalText(x i128, t dtype.Type) string {
	return string(appendDecimal(nil, x.store(), int(t.Scale)))
}

// decimalOfLit reads the digits of a decimal constant, zero for null.
func decimalOfLit(l Literal) i128 {
	x, err := parseDecimal([]byte(l.S), int(l.Type.Scale))
	if err != nil {
		return i128{}
	}
	return x
}

// castDecimalLit converts a constant from or to a decimal.
func castDecimalLit(l Literal, out *Literal) (err error) {
	from, to := l.Type, out.Type
	if to.Kind != dtype.Decimal128 {
		x := decimalOfLit(l)
		switch {
		case to.Kind == dtype.Utf8:
			out.S = l.S
		case to.Kind.IsFloat():
			if out.F = x.float(int(from.Scale)); to.Kind == dtype.Float32 {
				out.F = float64(float32(out.F))
			}
		default:
			out.I, err = x.integer(int(from.Scale), to.Kind)
		}
		return err
	}
	var x i128
	ok := true
	switch {
	case from.Kind == dtype.Decimal128:
		x, ok = decimalOfLit(l).rescale(int(from.Scale), int(to.Scale))
	case from.Kind == dtype.Utf8:
		if x, err = parseDecimal([]byte(l.S), int(to.Scale)); err != nil {
			return err
		}
	case from.Kind.IsFloat():
		x, ok = decimalOfFloat(l.F, int(to.Scale))
	case from.Kind.IsInt():
		x, ok = intTo128(l.I, from.Kind == dtype.Uint64).rescale(0, int(to.Scale))
	}
	if !ok || x.abs().cmp(pow10(int(to.Precision))) >= 0 {
		return errRange
	}
	out.S = decimalText(x, to)
	return nil
}
