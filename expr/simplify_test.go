package expr

import (
	"testing"

	"github.com/weft-data/weft/dtype"
)

func TestSimplify(t *testing.T) {
	for in, want := range map[string]string{
		"1 + 2 * 3":                           "7 as \"1 + 2 * 3\"",
		"x + (1 + 2) as y":                    "x + 3 as y",
		"true and x > 3 and (y < 2 and true)": "x > 3 and y < 2",
		"x > 3 and x > 3":                     "x > 3",
		"x > 3 or true":                       "true",
		"x > 3 and false":                     "false",
		"cast(s, int64) > 3 and false":        "cast(s, int64) > 3 and false",
		"false and cast(s, int64) > 3":        "false",
		"ok and true":                         "ok and true",
		"not(not(x > 3))":                     "x > 3",
		"not(x == 3)":                         "x != 3",
		"not(x < 3)":                          "not(x < 3)",
		"not(is_null(x))":                     "is_not_null(x)",
		"3 < x":                               "x > 3",
		"null + 1":                            "int64(null)",
		"cast(\"x\", int64)":                  "cast(\"x\", int64)",
		"1 // 0":                              "int64(null)",
		"case when 1 > 2 then \"a\" else \"b\" end": "\"b\"",
		"str.upper(\"ab\") == s":                    "s == \"AB\"",
		"9223372036854775807 + 1":                   "9223372036854775807 + 1",
		"2 in (1, 2)":                               "true",
	} {
		e, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		s := Simplify(e)
		w, err := Parse(want)
		if err != nil {
			t.Fatal(err)
		}
		if s.OutName() != e.OutName() {
			t.Errorf("Simplify(%s) is called %q", in, s.OutName())
		}
		if w.Name == "" {
			s.Name = ""
		}
		if s.String() != want {
			t.Errorf("Simplify(%s) = %s, want %s", in, s, want)
		}
	}
}

func TestAnalysis(t *testing.T) {
	e, err := Parse("x > 3 and (y < x and str.len(s) == 2) and not(ok)")
	if err != nil {
		t.Fatal(err)
	}
	if got := Columns(e); len(got) != 4 || got[0] != "x" || got[1] != "y" || got[2] != "s" || got[3] != "ok" {
		t.Errorf("Columns: %v", got)
	}
	parts := Conjuncts(e)
	if len(parts) != 4 || parts[2].String() != "str.len(s) == 2" {
		t.Errorf("Conjuncts: %v", parts)
	}
	if got := AndAll(parts).String(); got != "x > 3 and y < x and str.len(s) == 2 and not(ok)" {
		t.Errorf("AndAll: %s", got)
	}
	if !AndAll(nil).None() || AndAll(parts[:1]).String() != "x > 3" {
		t.Error("AndAll of none and of one")
	}
	if got := Rename(e, map[string]string{"x": "z", "nobody": "w"}).String(); got != "z > 3 and (y < z and str.len(s) == 2) and not(ok)" {
		t.Errorf("Rename: %s", got)
	}
	if got := Substitute(parts[0], map[string]Node{"x": Col("a").Add(Col("b")).N}).String(); got != "a + b > 3" {
		t.Errorf("Substitute: %s", got)
	}
	if e.String() != "x > 3 and (y < x and str.len(s) == 2) and not(ok)" {
		t.Errorf("rewriting changed its input: %s", e)
	}
	for text, want := range map[string]string{"x": "x", "cast(x, int8)": "x", "x + 1": "x + 1", "x + 1 as y": "y"} {
		if e, err := Parse(text); err != nil || e.OutName() != want {
			t.Errorf("OutName(%s) = %s, %v", text, e.OutName(), err)
		}
	}
}

func TestCanError(t *testing.T) {
	for text, want := range map[string][2]bool{ // without and with the types
		"x > 3":                     {false, false},
		"x + 1 > 3":                 {true, true},
		"price + 1 > 3":             {true, false},
		"x / 2 > 3":                 {true, false},
		"x // 2 > 3":                {true, true},
		"u8 // u8 == u8":            {true, false},
		"cast(x, float64) > 1.0":    {true, false},
		"try_cast(name, int64) > 1": {false, false},
		"cast(name, int64) > 1":     {true, true},
		"is_null(x + 1)":            {true, true},
		"1 + 2 > 2":                 {false, false},
		"nobody > 3":                {false, true},
		"str.contains(name, \"a\")": {false, false},
	} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{CanError(e), CanErrorIn(e, people)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestMayBeTrue(t *testing.T) {
	num := func(v any) Literal { return Lit(v).N.(Literal) }
	stats := func(col string) (lo, hi Literal, null, known bool) {
		switch col {
		case "x":
			return num(10), num(20), false, true
		case "n":
			return num(10), num(20), true, true
		case "one":
			return num(5), num(5), false, true
		case "f":
			return num(1.5), num(2.5), false, true
		case "s":
			return num("bar"), num("foo"), false, true
		case "d":
			return Date(2024, 1, 1).N.(Literal), Date(2024, 3, 31).N.(Literal), false, true
		case "none":
			return Literal{Type: tInt64, Null: true}, Literal{Type: tInt64, Null: true}, true, true
		case "ok":
			return num(true), num(true), false, true
		}
		return Literal{}, Literal{}, true, false
	}
	for text, want := range map[string]bool{
		"x > 20": false, "x >= 20": true, "x < 10": false, "x <= 10": true, "x == 15": true, "x == 9": false, "9 == x": false, "x != 15": true,
		"one != 5": false, "one == 5": true, "x > 19.5": true, "x > 20.5": false, "x > unknown": true, "x > one": true, "x < one": false,
		"not(x > 5)": false, "not(x > 15)": true, "x > 25 or x < 5": false, "x > 25 or x < 15": true, "x > 15 and x < 5": false,
		"is_null(x)": false, "is_null(n)": true, "is_not_null(none)": false, "none > 3": false, "is_null(none)": true, "is_null(unknown)": true,
		"x in (1, 2, 30)": false, "x in (1, 12)": true, "x in (null)": false, "not(x in (1))": true,
		"f > 2.5": false, "f != 2.0": true, "not(f > 1.0)": true, // NaN
		`s > "zoo"`: false, `s == "cat"`: true, `str.starts_with(s, "ca")`: true, `str.starts_with(s, "zo")`: false, `str.starts_with(s, "ba")`: true,
		`d >= "2024-04-01"`: false, `d == "2024-02-29"`: true, "date.year(d) == 2023": false, "date.year(d) == 2024": true,
		`date.truncate(d, "month") > date("2024-03-01")`: false, "cast(x, float64) > 20.5": false, "cast(d, timestamp[us]) > \"2024-03-31 00:00:01\"": false,
		"ok": true, "not(ok)": false, "x + 1 > 30": true, "true": true, "false": false, "bool(null)": false,
	} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := MayBeTrue(e, stats); got != want {
			t.Errorf("MayBeTrue(%s) = %v", text, got)
		}
	}
	if !MayBeTrue(Expr{}, stats) {
		t.Error("no predicate prunes")
	}
	wide := func(string) (lo, hi Literal, null, known bool) {
		return Literal{Type: dtype.DecimalOf(5, 2), S: "-1.50"}, Literal{Type: dtype.DecimalOf(5, 2), S: "2.99"}, false, true
	}
	for text, want := range map[string]bool{"x > 3": false, "x > 2.98": true, "x < -1.5": false, "x == 0.1": true, "x in (3, 4)": false} {
		if e, err := Parse(text); err != nil || MayBeTrue(e, wide) != want {
			t.Errorf("MayBeTrue(%s) of decimals = %v, %v", text, !want, err)
		}
	}
}
