package expr

import (
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
)

var people = dtype.Schema{
	{Name: "x", Type: tInt64}, {Name: "y", Type: tInt64, Nullable: true}, {Name: "i8", Type: dtype.Of(dtype.Int8)},
	{Name: "i32", Type: dtype.Of(dtype.Int32), Nullable: true}, {Name: "u8", Type: dtype.Of(dtype.Uint8)}, {Name: "u64", Type: tUint64},
	{Name: "price", Type: tFloat64, Nullable: true}, {Name: "f32", Type: dtype.Of(dtype.Float32)}, {Name: "name", Type: tText, Nullable: true},
	{Name: "cost", Type: tFloat64}, {Name: "volume", Type: tInt64}, {Name: "ok", Type: tBool}, {Name: "day", Type: tDate},
	{Name: "at", Type: dtype.TimestampOf(dtype.Micro, "")}, {Name: "berlin", Type: dtype.TimestampOf(dtype.Milli, "Europe/Berlin")},
	{Name: "dec", Type: dtype.DecimalOf(10, 2)}, {Name: "raw", Type: dtype.Of(dtype.Binary)},
}

func TestInfer(t *testing.T) {
	x, price, name, day, at := Col("x"), Col("price"), Col("name"), Col("day"), Col("at")
	noon := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		e    Expr
		want string
	}{
		{x.Add(1), "x + 1 int64"},
		{x.Add(Col("y")).As("s"), "s int64?"},
		{x.Add(1.5), "x + 1.5 float64"},
		{Col("i8").Add(int8(1)), "i8 + int8(1) int8"},
		{Col("u64").Add(1), "u64 + 1 uint64"},
		{Col("u64").Sub(x), "u64 - x float64"},
		{x.Div(2), "x / 2 float64"},
		{Col("f32").Div(Col("f32")), "f32 / f32 float32"},
		{x.IntDiv(2), "x // 2 int64?"},
		{x.Gt(3).And(name.IsNull().Not()), "x > 3 and not(is_null(name)) bool"},
		{day.Sub(Date(2024, 1, 1)), `day - date("2024-01-01") int64`},
		{day.Add(7), "day + 7 date"},
		{at.Sub(day), "at - day duration[us]"},
		{day.Ge("2024-05-01"), `day >= "2024-05-01" bool`},
		{Col("berlin").Lt(noon), `berlin < timestamp[us]("2024-05-01 12:00:00.000000") bool`},
		{x.In(1, 2, nil), "x in (1, 2, null) bool"},
		{If(x.Gt(0)).Then(1).Else(2.5), "case when x > 0 then 1 else 2.5 end float64"},
		{If(x.Gt(0)).Then("a").End(), `case when x > 0 then "a" end utf8?`},
		{price.FillNull(0), "coalesce(price, 0) float64"},
		{Coalesce(Col("i32"), 0), "coalesce(i32, 0) int32"},
		{name.Str().Len(), "str.len(name) int64?"},
		{name.Str().ToDate("2006-01-02"), `str.to_date(name, "2006-01-02") date?`},
		{at.Dt().Truncate("hour"), `date.truncate(at, "hour") timestamp[us]`},
		{x.Cast(dtype.Of(dtype.Int8)), "x int8"},
		{x.TryCast(dtype.Of(dtype.Int8)), "x int8?"},
		{Col("i8").TryCast(tInt64), "i8 int64"},
		{Lit(nil).Add(nil), "null + null null?"},
		{Greatest(x, price, 3), "greatest(x, price, 3) float64"},
	} {
		f, err := Infer(c.e, people)
		if err != nil || f.String() != c.want {
			t.Errorf("Infer(%s) = %v, %v; want %s", c.e, f, err, c.want)
		}
	}
}

func TestInferErrors(t *testing.T) {
	x, name := Col("x"), Col("name")
	deep := x
	for range MaxDepth + 1 {
		deep = deep.Neg()
	}
	for _, c := range []struct {
		e    Expr
		want string
	}{
		{Col("prise").Gt(3), `no column "prise"; nearest: "price"`},
		{x.Add(name), "x + name: takes numbers, got int64 and utf8; to join text use str.concat"},
		{x.Eq(name), "x == name: cannot compare int64 with utf8; cast one of them"},
		{x.And(true), "x and true: argument 1 (x) is int64, want bool"},
		{x.Str().Upper(), "str.upper(x): argument 1 (x) is int64, want text"},
		{x.Add(struct{}{}), "a struct {} cannot be a constant"},
		{x.In(Col("y")), "In wants constants, got y"},
		{x.In("a"), "cannot compare int64 with utf8"},
		{Col("u8").Neg(), "uint8 has no negative; cast to a signed type"},
		{Call("str.uper", name), `unknown function "str.uper"; nearest: "str.upper"`},
		{Call("abs"), "abs(): 0 arguments, want abs(x amount)"},
		{If(x).Then(1).End(), "condition 1 is int64, want bool"},
		{If(x.Gt(1)).Then(1).Else("a"), "alternatives of types int64 and utf8; cast one"},
		{Col("day").Add(Col("day")), "takes numbers, or times with durations, got date and date"},
		{Col("ok").Cast(tDate), "bool does not convert to date"},
		{name.Str().Match("("), "missing closing )"},
		{Col("at").Dt().Truncate("fortnight"), `unknown unit "fortnight"`},
		{name.Str().PadStart(3, "ab"), `fill "ab" must be one character`},
		{Col("day").Gt("yesterday"), `"yesterday" is no date: want "2006-01-02"`},
		{Col("day").Gt(3), "cannot compare date with int64"},
		{x.Cast(dtype.TimestampOf(dtype.Micro, "Mars/Base")), `unknown time zone "Mars/Base"`},
		{Expr{N: Literal{Type: dtype.Of(dtype.Int8), I: 300}}, "300 is not a int8"},
		{Expr{N: Func{"add", []Node{nil, nil}}}, "a node is missing"},
		{x.Add(Expr{}), "the zero Expr is no expression"},
		{Expr{}, "no expression"},
		{deep, "nested more than 200 deep"},
	} {
		_, err := Infer(c.e, people)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Infer(%s): %v; want %q", brief(c.e.N), err, c.want)
		}
	}
	if err := InferBool(x.Add(1), people); err == nil || !strings.Contains(err.Error(), "want a predicate") {
		t.Errorf("InferBool: %v", err)
	}
}
