package expr

import (
	"math/big"
	"math/rand/v2"
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
		if back, ok := parseDecimal([]byte(text), scale); x.abs().cmp(pow10(38)) < 0 && (!ok || back != x) {
			t.Fatalf("%s is read as %v, %v, want %v", text, back, ok, x)
		}
		f, _ := new(big.Rat).SetFrac(x.big(), new(big.Int).Exp(ten, big.NewInt(int64(scale)), nil)).Float64()
		if got := x.float(scale); got != f {
			t.Fatalf("%s as a float is %v, want %v", text, got, f)
		}
	}
	for in, want := range map[string]bool{"": false, "-": false, ".": false, "1.": true, ".5": true, "+3": true, "1e3": false, "1.50": true, "1.55": false} {
		if _, ok := parseDecimal([]byte(in), 1); ok != want {
			t.Errorf("parseDecimal(%q): %v", in, ok)
		}
	}
}
