package dtype

import "testing"

func TestParseRoundTrip(t *testing.T) {
	odd := StructOf(Schema{{Name: "a", Type: Of(Int64)}, {Name: "b c, )", Type: ListOf(TimestampOf(Nano, "Europe/Berlin"))},
		{Name: "", Type: DecimalOf(10, 2)}, {Name: "é", Type: StructOf(Schema{{Name: "x", Type: DurationOf(Milli)}})}})
	for _, typ := range []Type{Of(Null), Of(Utf8), TimeOf(Micro), DurationOf(Second), TimestampOf(Milli, ""), ListOf(ListOf(Of(Bool))), StructOf(nil), odd} {
		got, err := Parse(typ.String())
		if err != nil || got != typ {
			t.Errorf("Parse(%s) = %s, %v", typ, got, err)
		}
		if err := typ.Check(); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
	if e := odd.Fields()[1].Type.Elem(); e != TimestampOf(Nano, "Europe/Berlin") {
		t.Errorf("element is %s", e)
	}
	for _, bad := range []string{"", "int", "list", "list(", "list(int64", "list(int64))", "struct(a)", "struct(a int64,b int64)", "struct(a int8, a int8)",
		"time", "time[h]", "time[us, UTC]", "decimal", "decimal(3)", "decimal(0, 0)", "decimal(3, 4)", "struct(\"a int8)", "int64 "} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", bad, got)
		}
	}
}

func TestPromoteNew(t *testing.T) {
	d := DecimalOf
	for _, c := range []struct{ a, b, want Type }{
		{d(10, 2), d(8, 4), d(12, 4)}, {d(10, 2), Of(Int32), d(12, 2)}, {d(38, 10), d(38, 2), d(38, 10)}, {d(5, 1), Of(Float32), Of(Float64)},
		{TimeOf(Second), TimeOf(Nano), TimeOf(Nano)}, {DurationOf(Milli), DurationOf(Second), DurationOf(Milli)},
		{ListOf(Of(Int8)), ListOf(Of(Float64)), ListOf(Of(Float64))}, {ListOf(Of(Null)), ListOf(Of(Utf8)), ListOf(Of(Utf8))},
		{d(38, 0), d(38, 38), d(38, 38)}, {d(1, 0), Of(Uint64), d(20, 0)}, {d(38, -10), Of(Int8), d(38, 0)}, {d(5, -2), d(5, -3), d(6, -2)},
	} {
		for _, p := range [][2]Type{{c.a, c.b}, {c.b, c.a}} {
			if got, err := Promote(p[0], p[1]); err != nil || got != c.want {
				t.Errorf("Promote(%s, %s) = %s, %v, want %s", p[0], p[1], got, err, c.want)
			}
		}
	}
	for _, p := range [][2]Type{{d(5, 1), Of(Utf8)}, {TimeOf(Second), DurationOf(Second)}, {ListOf(Of(Int8)), Of(Int8)}, {d(5, 1), Of(Date)}} {
		if got, err := Promote(p[0], p[1]); err == nil {
			t.Errorf("Promote(%s, %s) = %s, want an error", p[0], p[1], got)
		}
	}
}
