package expr

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

func TestDecimalCasts(t *testing.T) {
	d := dtype.DecimalOf
	s := dtype.Schema{{Name: "s", Type: tText}, {Name: "f", Type: tFloat64}, {Name: "i", Type: tInt64}, {Name: "u", Type: tUint64}}
	b := &chunk.Batch{N: 4, Cols: []chunk.Vec{column(tText, "1.25", "-0.5", "99999999999999999999.99", "12x"),
		column(tFloat64, 0.125, -2.5, 1e20, 1e300), column(tInt64, 7, -7, 0, int64(-1)<<63), column(tUint64, 1, 2, 3, "18446744073709551615")}}
	for _, c := range []struct {
		e    Expr
		want string
	}{
		{Col("s").TryCast(d(22, 2)), "1.25 -0.50 99999999999999999999.99 null"},
		{Col("s").TryCast(d(5, 1)), "null -0.5 null null"},
		{Col("f").TryCast(d(38, 2)), "0.13 -2.50 100000000000000000000.00 null"},
		{Col("i").TryCast(d(20, 1)), "7.0 -7.0 0.0 -9223372036854775808.0"},
		{Col("u").TryCast(d(20, 0)), "1 2 3 18446744073709551615"},
		{Col("u").TryCast(d(1, 0)), "1 2 3 null"},
		{Col("s").TryCast(d(22, 2)).TryCast(d(22, 1)), "1.3 -0.5 100000000000000000000.0 null"},
		{Col("s").TryCast(d(22, 2)).TryCast(tFloat64), "1.25 -0.5 100000000000000000000.0 null"},
		{Col("s").TryCast(d(22, 2)).TryCast(tInt64), "1 0 null null"},
		{Col("s").TryCast(d(22, 2)).Cast(tText), `"1.25" "-0.50" "99999999999999999999.99" null`},
		{Col("i").TryCast(d(20, 1)).Lt(Lit("0.0").Cast(d(20, 1))), "false true false true"},
		{Col("i").TryCast(d(20, 1)).Eq(Col("i").TryCast(d(20, 1))), "true true true true"},
		{If(Col("i").Gt(0)).Then(Col("i").TryCast(d(20, 1))).End(), "7.0 null null null"},
		{Col("s").TryCast(d(5, 1)).FillNull(Lit("9.9").Cast(d(5, 1))), "9.9 -0.5 9.9 9.9"},
	} {
		p, err := Compile(c.e, s)
		if err != nil {
			t.Errorf("%s: %v", c.e, err)
			continue
		}
		state := p.NewState()
		for range 2 { // scratch of the first run must not show in the second
			v, err := state.Eval(b)
			if err != nil || show(v) != c.want {
				t.Errorf("%s = %v, %v; want %s", c.e, show(v), err, c.want)
				break
			}
		}
	}
}

// TestDecimalText reads numbers as DuckDB and Polars do, of which no digit may be lost, and says what is wrong with others.
func TestDecimalText(t *testing.T) {
	const lost = "digits behind the last decimal place"
	for s, want := range map[string]string{
		"1.5e3": "1500.00", "1.5E+3": "1500.00", "15e-1": "1.50", "1e-2": "0.01", "+1.5": "1.50", ".5": "0.50", "5.": "5.00",
		"-.5e0": "-0.50", "0.0001e4": "1.00", "123.45e-0": "123.45", "12300e-4": "1.23", "100e-2147483648": lost, "0e99": "0.00",
		"-0e-99": "0.00", "0." + strings.Repeat("0", 99) + "1e100": "1.00", "1" + strings.Repeat("0", 99) + "e-98": "10.00",
		"1.5" + strings.Repeat("0", 99): "1.50", strings.Repeat("0", 99) + "1.5": "1.50",
		"1.555": lost, "1e-3": lost, "123e-3": lost, "-1e-99": lost,
		"999999.995": lost, "1e6": "out of range", "-1000000": "out of range", "1e2147483648": "out of range", "1e99999999999999999999": "out of range",
		"340282366920938463463374607431768211457":   "out of range", // 1 and -0.01 modulo 2^128
		"3402823669209384634633746074317682114.55":  "out of range",
		"1701411834604692317316873037158841057.28":  "out of range", // 2^127
		"-1701411834604692317316873037158841057.28": "out of range",
		"": "malformed", " ": "malformed", "-": "malformed", ".": "malformed", "-.": "malformed", "e5": "malformed", ".e5": "malformed",
		"1e": "malformed", "1e+": "malformed", "1e5.": "malformed", "1e5e5": "malformed", "1.5.5": "malformed", "--1": "malformed", "+-1": "malformed",
		" 1.5": "malformed", "1.5 ": "malformed", "1_000": "malformed", "1,5": "malformed", "0x10": "malformed", "1d3": "malformed",
		"inf": "malformed", "NaN": "malformed", "١": "malformed", "1.555x": "malformed", "1701411834604692317316873037158841057.28x": "malformed",
	} {
		l, err := castLit(Literal{Type: tText, S: s}, dtype.DecimalOf(8, 2))
		if got := l.S; err == nil && got != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %s, %v; want %s", s, got, err, want)
		}
		col := &chunk.Batch{N: 1, Cols: []chunk.Vec{column(tText, s)}}
		p, fail := Compile(Col("s").Cast(dtype.DecimalOf(8, 2)), dtype.Schema{{Name: "s", Type: tText}})
		if fail != nil {
			t.Fatal(fail)
		}
		v, fail := p.NewState().Eval(col)
		if (fail == nil) != (err == nil) || err == nil && show(v) != want || err != nil && !strings.HasSuffix(fail.Error(), " does not convert to decimal(8, 2): "+errors.Unwrap(err).Error()) {
			t.Errorf("column %q: %v; want %s", s, fail, want)
		}
	}
	for _, s := range []string{"1" + strings.Repeat("0", 37), "-99999999999999999999999999999999999999", "9999e34"} {
		if l, err := castLit(Literal{Type: tText, S: s}, dtype.DecimalOf(38, 0)); err != nil {
			t.Errorf("%s is %s, %v", s, l.S, err)
		}
	}
	for _, s := range []string{"170141183460469231731687303715884105728", "-170141183460469231731687303715884105728", "1e38"} { // 2^127
		if l, err := castLit(Literal{Type: tText, S: s}, dtype.DecimalOf(38, 0)); !errors.Is(err, errRange) {
			t.Errorf("%s is %s, %v", s, l.S, err)
		}
	}
}

// TestI128 holds the digits' arithmetic to big integers.
func TestI128(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	ten := big.NewInt(10)
	for range 5000 {
		x := i128{int64(r.Uint64()) >> r.IntN(64), r.Uint64() >> r.IntN(64)}
		y := i128{int64(r.Uint64()) >> r.IntN(64), r.Uint64() >> r.IntN(64)}
		if got, want := x.cmp(y), x.big().Cmp(y.big()); got != want {
			t.Fatalf("cmp(%v, %v) = %d, want %d", x, y, got, want)
		}
		if loadDecimal(x.store()) != x {
			t.Fatalf("%v does not survive storing", x)
		}
		want := new(big.Int).Mul(x.big(), ten)
		if got, ok := x.times10(); ok != (want.BitLen() < 128) || ok && got.big().Cmp(want) != 0 {
			t.Fatalf("10 * %v = %v, %v", x, got, ok)
		}
		if got, _ := x.over10(); got.big().Cmp(new(big.Int).Quo(x.big(), ten)) != 0 {
			t.Fatalf("%v / 10 = %v", x, got)
		}
		scale := r.IntN(20)
		text := string(appendDecimal(nil, x.store(), scale))
		if f, _ := new(big.Rat).SetString(text); f == nil || f.Cmp(new(big.Rat).SetFrac(x.big(), new(big.Int).Exp(ten, big.NewInt(int64(scale)), nil))) != 0 {
			t.Fatalf("%v with scale %d is written %s", x, scale, text)
		}
		if back, err := parseDecimal([]byte(text), scale); x.abs().cmp(pow10(38)) < 0 && (err != nil || back != x) {
			t.Fatalf("%s is read as %v, %v, want %v", text, back, err, x)
		}
		f, _ := new(big.Rat).SetFrac(x.big(), new(big.Int).Exp(ten, big.NewInt(int64(scale)), nil)).Float64()
		if got := x.float(scale); got != f {
			t.Fatalf("%s as a float is %v, want %v", text, got, f)
		}
		whole := new(big.Int).Mul(x.big(), new(big.Int).Exp(ten, big.NewInt(int64(scale)), nil))
		if text := string(appendDecimal(nil, x.store(), -scale)); text != whole.String() {
			t.Fatalf("%v with scale %d is written %s, want %s", x, -scale, text, whole)
		}
		f, _ = new(big.Rat).SetInt(whole).Float64()
		if got := x.float(-scale); got != f {
			t.Fatalf("%s as a float is %v, want %v", whole, got, f)
		}
		if got, err := x.integer(-scale, dtype.Int64); (err == nil) != whole.IsInt64() || err == nil && got != whole.Int64() {
			t.Fatalf("%s as an integer is %v, %v", whole, got, err)
		}
	}
}

// A decimal of whole hundreds cannot say 1.
func TestSignOfHundreds(t *testing.T) {
	for scale, want := range map[int8]bool{0: true, 2: true, -2: false} {
		s := dtype.Schema{{Name: "d", Type: dtype.DecimalOf(9, scale)}}
		if _, err := Infer(Col("d").Sign(), s); (err == nil) != want {
			t.Errorf("scale %d: %v", scale, err)
		}
	}
}
