package expr

import (
	"math"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
)

func TestSelectivity(t *testing.T) {
	number := func(v int64) Literal { return Literal{Type: dtype.Of(dtype.Int64), I: v} }
	real := func(v float64) Literal { return Literal{Type: dtype.Of(dtype.Float64), F: v} }
	date := func(y int, m time.Month, d int) Literal { return Date(y, m, d).N.(Literal) }
	all := map[string]Facts{
		"k": {Min: number(0), Max: number(100), Distinct: 50},
		"f": {Min: real(-1), Max: real(3)},
		"d": {Min: date(2020, 1, 1), Max: date(2020, 4, 10)},
		"n": {Distinct: 10, Nulls: 0.5},
		"c": {Min: number(7), Max: number(7), Distinct: 1},
	}
	facts := func(name string) Facts { return all[name] }
	for _, c := range []struct {
		e    Expr
		want float64
	}{
		{Expr{}, 1},
		{Lit(true), 1},
		{Lit(false), 0},
		{Col("k").Eq(3), 1.0 / 50},
		{Lit(3).Eq(Col("k")), 1.0 / 50},
		{Col("k").Eq(101), 0},
		{Col("k").Ne(3), 49.0 / 50},
		{Col("k").Lt(25), 0.25},
		{Lit(25).Lt(Col("k")), 0.75},
		{Col("k").Gt(1000), 0},
		{Col("k").Between(20, 40), 0.2},
		{Col("k").Ge(20).And(Col("f").Lt(0.0)), 0.8 * 0.25},
		{Col("k").Lt(50).Or(Col("f").Lt(1.0)), 0.75},
		{Col("d").Ge(Date(2020, 3, 1)), 0.4},
		{Col("k").In(1, 2, 3), 3.0 / 50},
		{Col("n").Eq(1), 0.05},
		{Col("n").IsNull(), 0.5},
		{Col("n").IsNotNull(), 0.5},
		{Col("c").Gt(7), 0.5},
		{Col("c").Gt(8), 0},
		{Col("k").Eq(Col("n")), 1.0 / 50},
		{Col("x").Eq("a"), equalShare},
		{Col("x").Gt("a"), rangeShare},
		{Col("x").Str().Like("a%"), patternShare},
		{Col("x").Str().Like("a%").Not(), 1 - patternShare},
		{Col("k").Mul(2).Gt(Col("f")), rangeShare},
	} {
		if have := Selectivity(c.e, facts); math.Abs(have-c.want) > 1e-9 {
			t.Errorf("%v: %g, want %g", c.e, have, c.want)
		}
	}
}

// Equal questions have equal bits, or plans that are alike by their estimates would differ
// from run to run.
func TestSelectivityRepeats(t *testing.T) {
	bounds := Facts{Min: Literal{Type: dtype.Of(dtype.Int64)}, Max: Literal{Type: dtype.Of(dtype.Int64), I: 1000}}
	e := Col("a").Lt(313).And(Col("b").Lt(771)).And(Col("c").Lt(59)).And(Col("d").Lt(937)).And(Col("e").Lt(123))
	facts := func(string) Facts { return bounds }
	want := Selectivity(e, facts)
	for range 100 {
		if have := Selectivity(e, facts); have != want {
			t.Fatalf("%b, then %b", want, have)
		}
	}
}

func TestFactsWiden(t *testing.T) {
	number := func(v int64) Literal { return Literal{Type: dtype.Of(dtype.Int32), I: v} }
	f := Facts{}.Widen(number(3), number(5)).Widen(number(4), number(9)).Widen(number(1), number(2))
	if f.Min.I != 1 || f.Max.I != 9 || f.Values() != 9 {
		t.Errorf("%v, %g values", f, f.Values())
	}
	if n := (Facts{Min: Literal{Type: dtype.Of(dtype.Float64)}, Max: Literal{Type: dtype.Of(dtype.Float64), F: 1}}).Values(); n != 0 {
		t.Errorf("%g floats between 0 and 1", n)
	}
}
