package expr

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// column makes a vector of Go values (nil is null) of type t, through Lit.
func column(t dtype.Type, vals ...any) chunk.Vec {
	v := &vector{}
	v.reset(t, len(vals))
	if t.Kind.IsVar() {
		off := v.offsets()
		for i, x := range vals {
			if x != nil {
				v.str = append(v.str, x.(string)...)
			}
			off[i+1] = int32(len(v.str))
		}
		v.setText()
	} else {
		v.allocate()
		clear(v.Data)
	}
	for i, x := range vals {
		if x == nil {
			v.setNull(i)
			continue
		}
		if t.Kind.IsVar() {
			continue
		}
		if s, ok := x.(string); ok {
			x = Literal{Type: tText, S: s}
		}
		l, err := castLit(Lit(x).N.(Literal), t)
		if err != nil {
			panic(err)
		}
		store(v, i, l)
	}
	return v.Vec
}

// show words a vector.
func show(v *chunk.Vec) string {
	var parts []string
	for i := range v.N {
		if v.Type.Kind == dtype.Decimal128 && !v.IsNull(i) {
			parts = append(parts, string(appendDecimal(nil, chunk.Values[[16]byte](v)[i], int(v.Type.Scale))))
			continue
		}
		parts = append(parts, plainText(literalAt(v, i)))
	}
	return strings.Join(parts, " ")
}

func TestEvalByHand(t *testing.T) {
	s := dtype.Schema{{Name: "x", Type: tInt64, Nullable: true}, {Name: "f", Type: tFloat64, Nullable: true}, {Name: "s", Type: tText, Nullable: true},
		{Name: "d", Type: tDate}, {Name: "b", Type: tBool, Nullable: true}}
	b := &chunk.Batch{N: 4, Cols: []chunk.Vec{column(tInt64, 1, 2, nil, -4), column(tFloat64, 0.5, math.NaN(), 2.5, nil),
		column(tText, "abc", nil, "Xé ", ""), column(tDate, "2024-02-29", "1970-01-01", "2000-12-31", "1969-12-31"), column(tBool, true, false, nil, true)}}
	x, f, str, d, ok := Col("x"), Col("f"), Col("s"), Col("d"), Col("b")
	for _, c := range []struct {
		e    Expr
		want string
	}{
		{x.Add(1), "2 3 null -3"},
		{Lit(10).Sub(x), "9 8 null 14"},
		{x.Div(2), "0.5 1.0 null -2.0"},
		{x.IntDiv(0), "null null null null"},
		{x.Mod(3), "1 2 null -1"},
		{f.Mul(2), "1.0 NaN 5.0 null"},
		{x.Gt(1).And(f.IsNull().Not()), "false true null false"},
		{x.Gt(1).Or(ok), "true true null true"},
		{x.In(1, -4, nil), "true false null true"},
		{str.Str().Upper(), `"ABC" null "XÉ " ""`},
		{str.Str().Len(), "3 null 3 0"},
		{str.Eq("abc"), "true null false false"},
		{str.Str().Slice(-2, 5), `"bc" null "é " ""`},
		{str.FillNull("?"), `"abc" "?" "Xé " ""`},
		{If(x.Gt(0)).Then("pos").Else("neg"), `"pos" "pos" "neg" "neg"`},
		{If(ok).Then(x).ElseIf(x.IsNull()).Then(99).End(), "1 null 99 -4"},
		{d.Dt().Year(), "2024 1970 2000 1969"},
		{d.Dt().Week(), "9 1 52 1"},
		{d.Dt().Truncate("month"), "2024-02-01 1970-01-01 2000-12-01 1969-12-01"},
		{d.Sub("1970-01-01"), "19782 0 11322 -1"},
		{d.Ge("1970-01-01"), "true true true false"},
		{x.Cast(tText), `"1" "2" null "-4"`},
		{str.TryCast(tInt64), "null null null null"},
		{str.Cast(tInt64), "error"},
		{Greatest(x, 1), "1 2 1 1"},
		{f.Round(0), "1.0 NaN 3.0 null"},
		{Lit("1.50").Cast(dtype.DecimalOf(10, 2)), "1.50 1.50 1.50 1.50"},
		{f.TryCast(dtype.DecimalOf(5, 1)), "0.5 null 2.5 null"},
		{x.IsNull().And(Lit(nil)), "false false null false"},
	} {
		p, err := Compile(c.e, s)
		got := "error"
		if err == nil {
			var v *chunk.Vec
			if v, err = p.NewState().Eval(b); err == nil {
				got = show(v)
			}
		}
		if got != c.want {
			t.Errorf("%s = %s (%v); want %s", c.e, got, err, c.want)
		}
	}
}

// peopleBatch has a few rows of the table people.
var peopleBatch = func() *chunk.Batch {
	b := &chunk.Batch{N: 3}
	for _, f := range people {
		vals := []any{1, 2, 0}
		switch f.Type.Kind {
		case dtype.Utf8, dtype.Binary:
			vals = []any{"a", "", "xyz"}
		case dtype.Bool:
			vals = []any{true, false, true}
		case dtype.Decimal128:
			b.Cols = append(b.Cols, decimals(f.Type, 3))
			continue
		}
		if f.Nullable {
			vals[1] = nil
		}
		b.Cols = append(b.Cols, column(f.Type, vals...))
	}
	return b
}()

func decimals(t dtype.Type, n int) chunk.Vec {
	v := &vector{}
	v.reset(t, n)
	out := fixed[[16]byte](v)
	for i := range out {
		out[i] = intTo128(int64(i*150-100), false).store()
	}
	return v.Vec
}

// TestCastBools: bools become numbers and integers become bools as constants do, in every width and beyond one word of bits.
func TestCastBools(t *testing.T) {
	const n = 200
	r := rand.New(rand.NewPCG(5, 6))
	for k := dtype.Int8; k <= dtype.Float64; k++ {
		num := dtype.Of(k)
		for _, pair := range [][2]dtype.Type{{tBool, num}, {num, tBool}} {
			from, to := pair[0], pair[1]
			if !castable(from.Kind, to.Kind) {
				continue
			}
			vals, want := make([]any, n), ""
			for i := range vals {
				l := Literal{Type: from, I: int64(r.IntN(3) % 2), Null: r.IntN(5) == 0}
				if from != tBool && l.I != 0 {
					l.I = int64(1 + r.IntN(100))
				}
				if l.F = float64(l.I); !l.Null {
					vals[i] = l
				}
				x, err := castLit(l, to)
				if err != nil {
					t.Fatal(err)
				}
				want += " " + plainText(x)
			}
			p, err := Compile(Col("x").Cast(to), dtype.Schema{{Name: "x", Type: from, Nullable: true}})
			if err != nil {
				t.Fatal(err)
			}
			v, err := p.NewState().Eval(&chunk.Batch{N: n, Cols: []chunk.Vec{column(from, vals...)}})
			if err != nil {
				t.Fatal(err)
			}
			if got := " " + show(v); got != want {
				t.Errorf("%s to %s:\n%s, want\n%s", from, to, got, want)
			}
		}
	}
}
