package expr

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"math/big"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weft-data/weft/dtype"
)

// oracleKnows are the functions that oracle.call computes itself.
var oracleKnows = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`add sub mul div intdiv mod neg pow eq ne lt le gt ge and or xor not is_null is_not_null is_nan coalesce abs sign floor
		ceil trunc round round_even sqrt exp log log10 least greatest null_if fill_nan clip str.concat_ws str.len str.bytes str.contains str.starts_with
		str.ends_with str.like str.match str.find str.to_date str.to_timestamp str.upper str.lower str.trim str.trim_left str.trim_right str.replace
		str.slice str.concat str.split_part str.repeat str.pad_start str.pad_end date.year date.month date.day date.hour date.minute date.second
		date.weekday date.day_of_year date.week date.quarter date.epoch date.date date.add_days date.format date.truncate`) {
		m[n] = true
	}
	return m
}()

// ratOf is the exact value of a finite number.
func ratOf(l Literal) *big.Rat {
	if l.Null {
		return new(big.Rat)
	}
	if l.Type.Kind == dtype.Decimal128 {
		r, ok := new(big.Rat).SetString(l.S)
		if !ok {
			panic("no decimal: " + l.S)
		}
		return r
	}
	r, _ := exactly(l).Rat(nil)
	return r
}

// roundRat rounds to digits, halves away from zero or to even.
func roundRat(r *big.Rat, digits int, even bool) *big.Rat {
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
	x := new(big.Rat).Mul(r, scale)
	q, rem := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	twice := new(big.Int).Abs(new(big.Int).Lsh(rem, 1))
	if c := twice.Cmp(x.Denom()); c > 0 || c == 0 && (!even || q.Bit(0) == 1) {
		q.Add(q, big.NewInt(int64(x.Sign())))
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(q), scale)
}

// decimalOf makes a decimal of type t, which must hold all digits.
func decimalOfRat(r *big.Rat, t dtype.Type) (Literal, error) {
	l := Literal{Type: t}
	limit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision)-int64(t.Scale)), nil))
	if new(big.Rat).Abs(r).Cmp(limit) >= 0 {
		return l, errOracle
	}
	l.S = r.FloatString(int(t.Scale))
	if r.Sign() == 0 {
		l.S = strings.TrimPrefix(l.S, "-")
	}
	return l, nil
}

var decimalForm = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`)

func oracleCastDecimal(l Literal, to dtype.Type) (Literal, error) {
	out := Literal{Type: to}
	from := l.Type
	switch {
	case to.Kind == dtype.Utf8:
		out.S = l.S
		return out, nil
	case to.Kind.IsFloat():
		out.F, _ = ratOf(l).Float64()
		if to.Kind == dtype.Float32 {
			out.F = float64(float32(out.F))
		}
		return out, nil
	case to.Kind != dtype.Decimal128:
		r := ratOf(l)
		return numberOf(new(big.Int).Quo(r.Num(), r.Denom()), to)
	case from.Kind == dtype.Utf8:
		if !decimalForm.MatchString(l.S) {
			return out, errOracle
		}
		r, _ := new(big.Rat).SetString(l.S)
		if roundRat(r, int(to.Scale), false).Cmp(r) != 0 {
			return out, errOracle
		}
		return decimalOfRat(r, to)
	case from.Kind.IsFloat() && l.F-l.F != 0:
		return out, errOracle
	}
	return decimalOfRat(roundRat(ratOf(l), int(to.Scale), false), to)
}

func oracleDecimal(fn string, xl, yl Literal, out dtype.Type) (Literal, error) {
	if fn == "is_inf" || fn == "is_finite" {
		return boolean(fn == "is_finite"), nil
	}
	x, r := ratOf(xl), new(big.Rat)
	y := new(big.Rat)
	if yl.Type.Kind == dtype.Decimal128 {
		y = ratOf(yl)
	}
	whole := func(x *big.Rat) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Quo(x.Num(), x.Denom())) }
	switch fn {
	case "add":
		r.Add(x, y)
	case "sub":
		r.Sub(x, y)
	case "mul":
		r.Mul(x, y)
	case "div", "mod":
		if y.Sign() == 0 {
			return Literal{Type: out, Null: true}, nil
		}
		q := new(big.Rat).Quo(x, y)
		if r = roundRat(q, int(out.Scale), false); fn == "mod" {
			r = new(big.Rat).Sub(x, new(big.Rat).Mul(whole(q), y))
		}
	case "neg":
		r.Neg(x)
	case "abs":
		r.Abs(x)
	case "sign":
		r.SetInt64(int64(x.Sign()))
	case "trunc":
		r = whole(x)
	case "floor":
		r.SetInt(new(big.Int).Div(x.Num(), x.Denom()))
	case "ceil":
		r.SetInt(new(big.Int).Div(new(big.Int).Neg(x.Num()), x.Denom()))
		r.Neg(r)
	case "round", "round_even":
		r = roundRat(x, int(yl.I), fn == "round_even")
	default:
		panic("the oracle does not know " + fn + " of decimals")
	}
	return decimalOfRat(r, out)
}

func oracleCastClock(l Literal, to dtype.Type) (Literal, error) {
	from := l.Type
	nanos := func(u dtype.Unit) *big.Int { return big.NewInt(1e9 / u.PerSecond()) }
	x := bigInt(l)
	switch {
	case from.Kind == dtype.Timestamp:
		at := instantOf(l)
		x = big.NewInt(int64(at.Hour()*3600+at.Minute()*60+at.Second())*1e9 + int64(at.Nanosecond()))
		x.Quo(x, nanos(to.Unit))
	case isClock(from.Kind) && isClock(to.Kind):
		x.Mul(x, nanos(from.Unit)).Quo(x, nanos(to.Unit))
	}
	if to.Kind == dtype.Time && (x.Sign() < 0 || x.Cmp(big.NewInt(86400*to.Unit.PerSecond())) >= 0) {
		return Literal{Type: to}, errOracle
	}
	return numberOf(x, to)
}

func oracleClock(fn string, x, y Literal, out dtype.Type) (Literal, error, bool) {
	l := Literal{Type: out}
	d, k := x, y
	if x.Type == tFloat64 {
		d, k = y, x
	}
	switch {
	case out.Kind == dtype.Time:
		day := big.NewInt(86400 * out.Unit.PerSecond())
		r := new(big.Int).Add(big.NewInt(x.I), big.NewInt(y.I))
		if fn == "sub" {
			r.Sub(big.NewInt(x.I), big.NewInt(y.I))
		}
		l.I = r.Mod(r, day).Int64()
		return l, nil, true
	case out == tFloat64 && fn == "div":
		l.Null = y.I == 0
		l.F = float64(x.I) / float64(y.I)
		return l, nil, true
	case k.Type == tFloat64:
		r := float64(d.I) * k.F
		if fn == "div" {
			r = float64(d.I) / k.F
			if l.Null = k.F == 0; l.Null {
				return l, nil, true
			}
		}
		if r = math.RoundToEven(r); !(r >= -1<<63 && r < 1<<63) {
			return l, errOracle, true
		}
		l.I = int64(r)
		return l, nil, true
	case fn == "div":
		if l.Null = y.I == 0; l.Null {
			return l, nil, true
		}
		n, err := numberOf(new(big.Int).Quo(big.NewInt(x.I), big.NewInt(y.I)), out)
		return n, err, true
	}
	return l, nil, false
}

// eagerly computes functions that see nulls from all their arguments.
func (o oracle) eagerly(n Func, s *sig) (Literal, error) {
	in := make([]Literal, len(n.Args))
	for i, a := range n.Args {
		v, err := o.eval(a)
		if err == nil {
			v, err = oracleCast(v, s.In[i])
		}
		if err != nil {
			return v, err
		}
		in[i] = v
	}
	x := in[0]
	if x.Null {
		return Literal{Type: s.Out, Null: true}, nil
	}
	switch n.Fn {
	case "null_if":
		if c, ok := oracleOrder(x, in[1]); !in[1].Null && ok && c == 0 {
			x.Null = true
		}
	case "fill_nan":
		if x.F != x.F {
			x = in[1]
		}
	case "clip":
		if c, ok := oracleOrder(x, in[1]); !in[1].Null && ok && c < 0 {
			x = in[1]
		}
		if c, ok := oracleOrder(x, in[2]); !in[2].Null && ok && c > 0 {
			x = in[2]
		}
	case "str.concat_ws":
		var parts []string
		for _, p := range in[1:] {
			if !p.Null {
				parts = append(parts, p.S)
			}
		}
		if x.S = strings.Join(parts, x.S); len(x.S) > maxText {
			return x, errOracle
		}
	}
	return x, nil
}

type oracleFn = func(in []Literal, out dtype.Type) (Literal, error)

func textFn(f func(in []Literal) (string, bool)) oracleFn {
	return func(in []Literal, out dtype.Type) (Literal, error) {
		s, ok := f(in)
		return Literal{Type: out, S: s, Null: !ok}, nil
	}
}

func intFn(f func(in []Literal) (int64, bool)) oracleFn {
	return func(in []Literal, out dtype.Type) (Literal, error) {
		v, ok := f(in)
		return Literal{Type: out, I: v, Null: !ok}, nil
	}
}

func bitsFn(f func(x, y *big.Int) *big.Int) oracleFn {
	return func(in []Literal, out dtype.Type) (Literal, error) {
		return numberOf(f(bigInt(in[0]), bigInt(in[1])), out)
	}
}

func atFn(f func(at time.Time) int64) oracleFn {
	return intFn(func(in []Literal) (int64, bool) {
		l := in[0]
		if l.Type.Kind == dtype.Time {
			l.Type = dtype.TimestampOf(l.Type.Unit, "")
		}
		return f(instantOf(l)), true
	})
}

// cutRunes removes characters at the ends.
func cutRunes(x, set string, left, right bool) string {
	in := func(r rune) bool { return strings.ContainsRune(set, r) }
	if left {
		x = strings.TrimLeftFunc(x, in)
	}
	if right {
		x = strings.TrimRightFunc(x, in)
	}
	return x
}

func likeRe(in []Literal) bool {
	return regexp.MustCompile("(?i)" + likeRegexp(in[1].S)).MatchString(in[0].S)
}

// editDistance is the textbook recursion with a table.
func editDistance(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
		for j := range d[i] {
			switch {
			case i == 0:
				d[i][j] = j
			case j > 0:
				change := d[i-1][j-1]
				if a[i-1] != b[j-1] {
					change++
				}
				d[i][j] = min(change, d[i-1][j]+1, d[i][j-1]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func shiftOracle(left bool) oracleFn {
	return func(in []Literal, out dtype.Type) (Literal, error) {
		n := in[1].I
		if n < 0 {
			return in[0], errOracle
		}
		x := bigInt(in[0])
		n = min(n, 200)
		w := uint(out.Kind.Width() * 8)
		if left {
			x.Lsh(x, uint(n))
		} else {
			x.Rsh(x, uint(n))
		}
		x.And(x, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), w), big.NewInt(1)))
		if out.Kind.IsSigned() && x.Bit(int(w)-1) == 1 {
			x.Sub(x, new(big.Int).Lsh(big.NewInt(1), w))
		}
		return numberOf(x, out)
	}
}

// epochOf counts units since 1970.
func epochOf(u dtype.Unit) oracleFn {
	return func(in []Literal, out dtype.Type) (Literal, error) {
		l, err := countUnits(instantOf(in[0]).UTC(), dtype.TimestampOf(u, ""))
		l.Type = out
		return l, err
	}
}

// oracleOf are functions in terms of the standard library.
var oracleOf map[string]oracleFn

func init() {
	runes := func(s string) []rune { return []rune(s) }
	oracleOf = map[string]oracleFn{
		"str.count": intFn(func(in []Literal) (int64, bool) {
			if in[1].S == "" {
				return 0, true
			}
			return int64(strings.Count(in[0].S, in[1].S)), true
		}),
		"str.levenshtein": intFn(func(in []Literal) (int64, bool) { return int64(editDistance(runes(in[0].S), runes(in[1].S))), true }),
		"str.ord":         intFn(func(in []Literal) (int64, bool) { r, n := utf8.DecodeRuneInString(in[0].S); return int64(r), n > 0 }),
		"str.to_int": intFn(func(in []Literal) (int64, bool) {
			v, err := strconv.ParseInt(in[0].S, int(in[1].I), 64)
			return v, err == nil
		}),
		"str.from_int": textFn(func(in []Literal) (string, bool) { return strconv.FormatInt(in[0].I, int(in[1].I)), true }),
		"str.from_float": textFn(func(in []Literal) (string, bool) {
			if in[0].F-in[0].F != 0 {
				return oracleText(in[0]), true
			}
			return strconv.FormatFloat(in[0].F, 'f', int(in[1].I), 64), true
		}),
		"str.chr": textFn(func(in []Literal) (string, bool) {
			v := in[0].I
			return string(rune(v)), v >= 0 && v <= unicode.MaxRune && utf8.ValidRune(rune(v))
		}),
		"str.title": textFn(func(in []Literal) (string, bool) {
			prev := ' '
			return strings.Map(func(r rune) rune {
				inside := unicode.IsLetter(prev) || unicode.IsDigit(prev) || unicode.IsMark(prev)
				prev = r
				if inside {
					return unicode.ToLower(r)
				}
				return unicode.ToUpper(r)
			}, in[0].S), true
		}),
		"str.reverse":      textFn(func(in []Literal) (string, bool) { r := runes(in[0].S); slices.Reverse(r); return string(r), true }),
		"str.strip":        textFn(func(in []Literal) (string, bool) { return cutRunes(in[0].S, in[1].S, true, true), true }),
		"str.strip_left":   textFn(func(in []Literal) (string, bool) { return cutRunes(in[0].S, in[1].S, true, false), true }),
		"str.strip_right":  textFn(func(in []Literal) (string, bool) { return cutRunes(in[0].S, in[1].S, false, true), true }),
		"str.strip_prefix": textFn(func(in []Literal) (string, bool) { return strings.TrimPrefix(in[0].S, in[1].S), true }),
		"str.strip_suffix": textFn(func(in []Literal) (string, bool) { return strings.TrimSuffix(in[0].S, in[1].S), true }),
		"str.translate": textFn(func(in []Literal) (string, bool) {
			from, to := runes(in[1].S), runes(in[2].S)
			return strings.Map(func(r rune) rune {
				switch i := slices.Index(from, r); {
				case i < 0:
					return r
				case i < len(to):
					return to[i]
				}
				return -1
			}, in[0].S), true
		}),
		"str.left": textFn(func(in []Literal) (string, bool) {
			r, n := runes(in[0].S), in[1].I
			if n < 0 {
				n = max(0, int64(len(r))+n)
			}
			return string(r[:min(n, int64(len(r)))]), true
		}),
		"str.right": textFn(func(in []Literal) (string, bool) {
			r, n := runes(in[0].S), in[1].I
			size := int64(len(r))
			if n >= 0 {
				return string(r[size-min(n, size):]), true
			}
			return string(r[size-max(0, size+max(n, -size)):]), true
		}),
		"str.ilike": func(in []Literal, _ dtype.Type) (Literal, error) { return boolean(likeRe(in)), nil },
		"str.extract": textFn(func(in []Literal) (string, bool) {
			m := regexp.MustCompile(in[1].S).FindStringSubmatchIndex(in[0].S)
			if m == nil || m[2*in[2].I] < 0 {
				return "", false
			}
			return in[0].S[m[2*in[2].I]:m[2*in[2].I+1]], true
		}),
		"str.replace_re": textFn(func(in []Literal) (string, bool) {
			return regexp.MustCompile(in[1].S).ReplaceAllString(in[0].S, in[2].S), true
		}),
		"str.count_re": intFn(func(in []Literal) (int64, bool) {
			return int64(len(regexp.MustCompile(in[1].S).FindAllString(in[0].S, -1))), true
		}),

		"bytes.hex":    textFn(func(in []Literal) (string, bool) { return hex.EncodeToString([]byte(in[0].S)), true }),
		"bytes.base64": textFn(func(in []Literal) (string, bool) { return base64.StdEncoding.EncodeToString([]byte(in[0].S)), true }),
		"bytes.get": intFn(func(in []Literal) (int64, bool) {
			s, i := in[0].S, in[1].I
			if i < 0 {
				i += int64(len(s))
			}
			if i < 0 || i >= int64(len(s)) {
				return 0, false
			}
			return int64(s[i]), true
		}),

		"gcd":     bitsFn(func(x, y *big.Int) *big.Int { return new(big.Int).GCD(nil, nil, x.Abs(x), y.Abs(y)) }),
		"bit_and": bitsFn(func(x, y *big.Int) *big.Int { return x.And(x, y) }),
		"bit_or":  bitsFn(func(x, y *big.Int) *big.Int { return x.Or(x, y) }),
		"bit_xor": bitsFn(func(x, y *big.Int) *big.Int { return x.Xor(x, y) }),
		"lcm": bitsFn(func(x, y *big.Int) *big.Int {
			x.Abs(x)
			y.Abs(y)
			g := new(big.Int).GCD(nil, nil, x, y)
			if g.Sign() == 0 {
				return g
			}
			return x.Mul(x.Div(x, g), y)
		}),
		"shift_left":  shiftOracle(true),
		"shift_right": shiftOracle(false),
		"bit_count": intFn(func(in []Literal) (int64, bool) {
			mask := ^uint64(0) >> (64 - 8*in[0].Type.Width())
			return int64(bits.OnesCount64(uint64(in[0].I) & mask)), true
		}),
		"bit_not": func(in []Literal, out dtype.Type) (Literal, error) {
			x := bigInt(in[0])
			if out.Kind.IsUnsigned() {
				all := new(big.Int).Lsh(big.NewInt(1), uint(8*out.Width()))
				return numberOf(x.Sub(all.Sub(all, big.NewInt(1)), x), out)
			}
			return numberOf(x.Not(x), out)
		},
		"is_inf": func(in []Literal, _ dtype.Type) (Literal, error) { return boolean(math.IsInf(in[0].F, 0)), nil },
		"is_finite": func(in []Literal, _ dtype.Type) (Literal, error) {
			return boolean(!math.IsInf(in[0].F, 0) && in[0].F == in[0].F), nil
		},

		"date.iso_year": atFn(func(at time.Time) int64 { y, _ := at.ISOWeek(); return int64(y) }),
		"date.days_in_month": atFn(func(at time.Time) int64 {
			return int64(time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day())
		}),
		"date.millisecond": atFn(func(at time.Time) int64 { return int64(at.Nanosecond() / 1e6) }),
		"date.microsecond": atFn(func(at time.Time) int64 { return int64(at.Nanosecond() / 1e3) }),
		"date.nanosecond":  atFn(func(at time.Time) int64 { return int64(at.Nanosecond()) }),
		"date.hour":        atFn(func(at time.Time) int64 { return int64(at.Hour()) }),
		"date.minute":      atFn(func(at time.Time) int64 { return int64(at.Minute()) }),
		"date.second":      atFn(func(at time.Time) int64 { return int64(at.Second()) }),
		"date.is_leap_year": func(in []Literal, _ dtype.Type) (Literal, error) {
			return boolean(time.Date(instantOf(in[0]).Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay() == 366), nil
		},
		"date.epoch_ms": epochOf(dtype.Milli), "date.epoch_us": epochOf(dtype.Micro), "date.epoch_ns": epochOf(dtype.Nano),
		"date.last_day": func(in []Literal, out dtype.Type) (Literal, error) {
			at := instantOf(in[0])
			return countUnits(time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC), out)
		},
		"date.time":    func(in []Literal, out dtype.Type) (Literal, error) { return oracleCastClock(in[0], out) },
		"date.to_zone": func(in []Literal, out dtype.Type) (Literal, error) { in[0].Type = out; return in[0], nil },
		"date.replace_zone": func(in []Literal, out dtype.Type) (Literal, error) {
			utc, _ := inUTC(instantOf(in[0]), in[0].Type.Zone)
			if out.Zone == "" {
				return countUnits(utc, out)
			}
			return countUnits(wallClock(utc, out.Zone), out)
		},
		"date.add_months": func(in []Literal, out dtype.Type) (Literal, error) {
			if in[1].I == 0 {
				return in[0], nil
			}
			if in[1].I > 1e6 || in[1].I < -1e6 {
				panic(unsure{})
			}
			utc, back := inUTC(instantOf(in[0]), out.Zone)
			first := time.Date(utc.Year(), utc.Month()+time.Month(in[1].I), 1, utc.Hour(), utc.Minute(), utc.Second(), utc.Nanosecond(), time.UTC)
			days := time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
			return countUnits(back(first.AddDate(0, 0, min(days, utc.Day())-1)), out)
		},
		"date.make": func(in []Literal, out dtype.Type) (Literal, error) {
			y, m, d := in[0].I, in[1].I, in[2].I
			if y > 6e6 || y < -6e6 || m < 1 || m > 12 || d < 1 || d > 31 {
				return Literal{Type: out, Null: true}, nil
			}
			at := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC)
			if day := at.Unix() / 86400; at.Month() != time.Month(m) || day != int64(int32(day)) {
				return Literal{Type: out, Null: true}, nil
			}
			return countUnits(at, out)
		},
		"date.from_epoch": func(in []Literal, out dtype.Type) (Literal, error) { return Literal{Type: out, I: in[0].I}, nil },
	}
	for name := range mathFuncs {
		if !oracleKnows[name] {
			oracleOf[name] = func(in []Literal, out dtype.Type) (Literal, error) {
				return Literal{Type: out, F: vectorOf(name, in[0].F)}, nil
			}
		}
	}
	for name, f := range mathFuncs2 {
		if !oracleKnows[name] {
			oracleOf[name] = func(in []Literal, out dtype.Type) (Literal, error) {
				return Literal{Type: out, F: f(in[0].F, in[1].F)}, nil
			}
		}
	}
}

// vectorOf computes one value with the loop of a function: package vec holds these
// to values of many bits, here a long column must have what a short one has.
func vectorOf(fn string, x float64) float64 {
	var out [1]float64
	mathFuncs[fn](out[:], []float64{x})
	return out[0]
}

// TestMathIsMath holds the loops to package math, loosely.
func TestMathIsMath(t *testing.T) {
	for name, f := range map[string]func(float64) float64{"sqrt": math.Sqrt, "cbrt": math.Cbrt, "exp": math.Exp, "exp2": math.Exp2, "expm1": math.Expm1,
		"log": math.Log, "log2": math.Log2, "log10": math.Log10, "log1p": math.Log1p, "sin": math.Sin, "cos": math.Cos, "tan": math.Tan,
		"asin": math.Asin, "acos": math.Acos, "atan": math.Atan, "sinh": math.Sinh, "cosh": math.Cosh, "tanh": math.Tanh, "asinh": math.Asinh,
		"acosh": math.Acosh, "atanh": math.Atanh, "erf": math.Erf, "gamma": math.Gamma} {
		for _, x := range []float64{-3, -1, -0.5, -1e-9, 0, 1e-9, 0.25, 0.5, 1, 1.5, 2, 10, 100, math.Inf(1), math.Inf(-1), math.NaN()} {
			got, want := vectorOf(name, x), f(x)
			if got != want && !(got != got && want != want) && !(math.Abs(got-want) <= 1e-14*math.Abs(want)) {
				t.Errorf("%s(%v) = %v, want %v", name, x, got, want)
			}
		}
	}
}
