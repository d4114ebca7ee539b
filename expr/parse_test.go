package expr

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/canon"
)

// sameExpr compares bit by bit: canonical bytes tell -0 from 0 and keep NaN.
func sameExpr(t *testing.T, a, b Expr) bool {
	t.Helper()
	x, err1 := canon.Append(nil, a)
	y, err2 := canon.Append(nil, b)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return string(x) == string(y)
}

func TestTextRoundTrip(t *testing.T) {
	x, name, ok := Col("x"), Col("name"), Col("ok")
	lit := func(l Literal) Expr { return Expr{N: l} }
	for _, c := range []struct {
		e    Expr
		want string
	}{
		{x.Gt(3).And(name.IsNull().Not()), "x > 3 and not(is_null(name))"},
		{x.Add(1).Mul(2).Sub(Lit(3).Sub(x)), "(x + 1) * 2 - (3 - x)"},
		{x.Sub(-3).Neg().Mul(x.Neg()), "-(x - -3) * -x"},
		{Lit(3).Neg(), "neg(3)"},
		{x.Neg().Neg(), "--x"},
		{ok.And(ok.Or(x.Lt(1)), true).Xor(ok), "ok and (ok or x < 1) and true xor ok"},
		{Expr{N: Func{"and", []Node{ok.N, Func{"and", []Node{ok.N, ok.N}}}}}, "ok and (ok and ok)"},
		{x.Eq(1).Eq(true), "(x == 1) == true"},
		{x.IntDiv(2).Mod(3).Div(4), "x // 2 % 3 / 4"},
		{x.Div(x.Div(x)), "x / (x / x)"},
		{Col("a b").Add(Col("")).Add(Col("and")).Add(Col("größe")), `col("a b") + col("") + col("and") + größe`},
		{x.As("the sum"), `x as "the sum"`},
		{x.As("y"), "x as y"},
		{x.In(1, nil, 3).Not(), "not(x in (1, null, 3))"},
		{x.Add(1).In(), "x + 1 in ()"},
		{x.In(1).In(true), "(x in (1)) in (true)"},
		{If(x.Gt(0)).Then(1).ElseIf(ok).Then(x.Add(1)).Else(nil), "case when x > 0 then 1 when ok then x + 1 else null end"},
		{If(ok).Then(x).End().Add(1), "case when ok then x end + 1"},
		{x.Cast(dtype.DecimalOf(10, 2)).TryCast(dtype.TimestampOf(dtype.Nano, "Europe/Berlin")), "try_cast(cast(x, decimal(10, 2)), timestamp[ns, Europe/Berlin])"},
		{name.Str().Replace("\"\n\xff", "é"), `str.replace(name, "\"\n\xff", "é")`},
		{Lit(2.0), "2.0"},
		{Lit(math.Copysign(0, -1)), "-0.0"},
		{Lit(1e300), "1e+300"},
		{Lit(math.NaN()), `float64("nan")`},
		{Lit(math.Float64frombits(0x7ff8000000000005)), `float64("nan:7ff8000000000005")`},
		{Lit(math.Inf(-1)), `float64("-inf")`},
		{Lit(float32(0.1)), "float32(0.1)"},
		{Lit(int64(math.MinInt64)), "-9223372036854775808"},
		{Lit(uint64(math.MaxUint64)), "uint64(18446744073709551615)"},
		{Lit(int8(-3)), "int8(-3)"},
		{Lit([]byte("a\x00")), `binary("a\x00")`},
		{Date(2024, 2, 29), `date("2024-02-29")`},
		{lit(Literal{Type: tDate, I: math.MaxInt32}), "date(2147483647)"},
		{Lit(time.Unix(-1, 123456789)), `timestamp[ns]("1969-12-31 23:59:59.123456789")`},
		{lit(Literal{Type: dtype.TimestampOf(dtype.Milli, "Asia/Tokyo"), I: 5}), `timestamp[ms, Asia/Tokyo]("1970-01-01 09:00:00.005+09:00")`},
		{lit(Literal{Type: dtype.TimestampOf(dtype.Second, "Europe/Berlin"), I: 1729990800}), `timestamp[s, Europe/Berlin]("2024-10-27 02:00:00+01:00")`}, // and not the 02:00 an hour before
		{lit(Literal{Type: dtype.TimestampOf(dtype.Second, "Europe/Berlin"), I: -2422054800}), `timestamp[s, Europe/Berlin]("1893-03-31 23:53:28+00:53:28")`},
		{lit(Literal{Type: dtype.TimestampOf(dtype.Second, ""), I: math.MinInt64}), "timestamp[s](-9223372036854775808)"},
		{Null(dtype.DecimalOf(3, 1)), "decimal(3, 1)(null)"},
		{Null(tText), "utf8(null)"},
	} {
		if got := c.e.String(); got != c.want {
			t.Errorf("String: %s, want %s", got, c.want)
			continue
		}
		back, err := Parse(c.want)
		if err != nil || !sameExpr(t, back, c.e) {
			t.Errorf("Parse(%s) = %#v, %v; want %#v", c.want, back, err, c.e)
		}
	}
}

func TestParseTakesMore(t *testing.T) {
	for in, want := range map[string]string{
		"not x > 1 and y":       "not(x > 1) and y",
		" ( ( x ) ) ":           "x",
		"a xor b xor c":         "(a xor b) xor c",
		"x>-1":                  "x > -1",
		"case when a then 1end": "case when a then 1 end",
		`x == float64("NaN")`:   `x == float64("nan")`,
		`float64("+Inf")`:       `float64("inf")`,
	} {
		if e, err := Parse(in); err != nil || e.String() != want {
			t.Errorf("Parse(%s) = %s, %v; want %s", in, e, err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "at byte 0: the expression ends where an operand is wanted",
		"x >":                             "at byte 3: the expression ends",
		"x = 3":                           `at byte 2: unexpected '='; want ==`,
		"a && b":                          "want and",
		"x > 3 y":                         `at byte 6: unexpected "y" after the expression`,
		"(x":                              `unexpected the end, want ")"`,
		"1 < x < 3":                       "at byte 6: comparisons do not chain; join them with and",
		"str.uper(x)":                     `unknown function "str.uper"; nearest: "str.upper"`,
		`"abc`:                            "a text that does not end",
		"'abc'":                           "want \"…\" for text",
		"a.b > 1":                         `"a.b" is no name; write col("a.b")`,
		"x in (y)":                        "in takes constants, got y",
		"cast(x, int)":                    `at byte 8: unexpected "int", want a type like "int64"`,
		"cast(x, timestamp)":              `want the unit of the timestamp like "[us]"`,
		"99999999999999999999":            "does not fit int64",
		"int8(300)":                       "300 is not a int8",
		`date("yesterday")`:               "is no date",
		"case x end":                      `want "when"`,
		"x as":                            "want a name",
		"decimal(40, 2)(null)":            "want (precision, scale)",
		strings.Repeat("(", 1000):         "nested more than 200 deep",
		"x" + strings.Repeat("+ 1", 1000): "nested more than 200 deep",
	} {
		if _, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40s): %v; want %q", in, err, want)
		}
	}
}

// TestExamples holds the registry to what it says: every example parses, types
// against a table of one column per type, and names its function.
func TestExamples(t *testing.T) {
	for _, f := range Functions() {
		e, err := Parse(f.Example)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		used := false
		walk(e.N, func(n Node) bool {
			g, ok := n.(Func)
			used = used || ok && g.Fn == f.Name
			return true
		})
		if _, err := Compile(e, people); err != nil || !used {
			t.Errorf("%s: example %s: %v, uses the function: %v", f.Name, f.Example, err, used)
		}
		if !strings.HasSuffix(f.Doc, ".") || f.Result == "" || len(f.Params) == 0 {
			t.Errorf("%s: incomplete page", f.Name)
		}
	}
}

// FuzzParse: what parses writes itself back, and both forms mean the same.
func FuzzParse(f *testing.F) {
	for _, fn := range Functions() {
		f.Add(fn.Example)
	}
	f.Add(`case when x > 0 then int8(3) else -0.0 end as "a b"`)
	f.Add(`x in (timestamp[us, UTC]("2024-01-01"), null) and not(col("") // 2 == 1)`)
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s)
		if err != nil {
			return
		}
		back, err := Parse(e.String())
		if err != nil {
			t.Fatalf("%q parses to %s, which does not parse: %v", s, e, err)
		}
		if !sameExpr(t, e, back) {
			t.Fatalf("%q parses to %s, which parses to %s", s, e, back)
		}
		tryAll(t, e)
	})
}

// FuzzCanonical: canonical bytes that decode encode to themselves, and whatever
// they say nothing panics.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"x > 3 and not(is_null(name))", "case when ok then 1 else 2 end", "x in (1, 2)", "cast(name, decimal(3, 1))"} {
		e, err := Parse(s)
		if err != nil {
			f.Fatal(err)
		}
		b, err := canon.Append(nil, e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Expr
		if canon.Decode(b, &e) != nil {
			return
		}
		back, err := canon.Append(nil, e)
		if err != nil || string(back) != string(b) {
			t.Fatalf("bytes change: %v", err)
		}
		tryAll(t, e)
	})
}

// tryAll runs everything there is on an expression that may be nonsense.
func tryAll(t *testing.T, e Expr) {
	_ = e.String()
	Columns(e)
	Conjuncts(e)
	CanError(e)
	s := Simplify(e)
	MayBeTrue(e, func(string) (lo, hi Literal, null, known bool) {
		return Literal{Type: tInt64}, Literal{Type: tInt64, I: 9}, true, true
	})
	before, err := Infer(e, people)
	if err != nil {
		return
	}
	if after, err := Infer(s, people); err != nil || after.Type != before.Type || after.Name != before.Name {
		t.Fatalf("%s is %v, simplified %s is %v (%v)", e, before, s, after, err)
	}
	p, err := Compile(e, people)
	if err != nil {
		t.Fatalf("%s types but does not compile: %v", e, err)
	}
	if v, err := p.NewState().Eval(peopleBatch); err == nil && (v.N != peopleBatch.N || v.Type != before.Type) {
		t.Fatalf("%s: %d values of %s, want %d of %s", e, v.N, v.Type, peopleBatch.N, before.Type)
	}
}

func TestRegisteredNodes(t *testing.T) {
	schema := canon.Schema(reflect.TypeFor[Expr]())
	for _, want := range []string{"col ", "lit ", "func ", "cast ", "when ", "in ", "bad "} {
		if !strings.Contains(schema, want) {
			t.Errorf("the canonical form of Expr has no %q: %s", want, schema)
		}
	}
}
