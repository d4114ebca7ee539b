package dtype

import (
	"strings"
	"testing"
)

func TestPromote(t *testing.T) {
	for _, c := range []struct{ a, b, want Type }{
		{Of(Int8), Of(Int64), Of(Int64)},
		{Of(Uint8), Of(Int8), Of(Int16)},
		{Of(Uint32), Of(Int32), Of(Int64)},
		{Of(Uint64), Of(Int8), Of(Float64)},
		{Of(Int16), Of(Float32), Of(Float32)},
		{Of(Int32), Of(Float32), Of(Float64)},
		{Of(Null), Of(Utf8), Of(Utf8)},
		{Of(Date), TimestampOf(Micro, ""), TimestampOf(Micro, "")},
		{TimestampOf(Second, ""), TimestampOf(Nano, ""), TimestampOf(Nano, "")},
	} {
		for _, p := range [][2]Type{{c.a, c.b}, {c.b, c.a}} {
			if got, err := Promote(p[0], p[1]); err != nil || got != c.want {
				t.Errorf("Promote(%v, %v) = %v, %v; want %v", p[0], p[1], got, err, c.want)
			}
		}
	}
	if _, err := Promote(Of(Utf8), Of(Int8)); err == nil {
		t.Error("utf8 and int8 promoted")
	}
}

func TestFindNamesTheNearest(t *testing.T) {
	s := Schema{{Name: "price"}, {Name: "volume"}, {Name: "symbol"}}
	if _, err := s.Find("prise"); err == nil || !strings.Contains(err.Error(), `nearest: "price"`) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Find("zzzzzz"); err == nil || !strings.Contains(err.Error(), "columns: price, volume, symbol") {
		t.Errorf("got %v", err)
	}
	if err := append(s, Field{Name: "price"}).Unique(); err == nil {
		t.Error("duplicate name accepted")
	}
}

// TestCommon holds that the type of one column for several loses nothing of integers.
func TestCommon(t *testing.T) {
	u, i8, d := Of(Uint64), Of(Int8), DecimalOf(20, 0)
	for _, c := range [][3]Type{{u, Of(Int64), d}, {i8, u, d}, {ListOf(ListOf(u)), ListOf(ListOf(i8)), ListOf(ListOf(d))}, {u, Of(Float32), Of(Float64)},
		{Of(Uint32), i8, Of(Int64)}, {u, u, u}, {Of(Null), u, u}, {ListOf(Of(Null)), ListOf(u), ListOf(u)}, {DecimalOf(5, 2), u, DecimalOf(22, 2)}} {
		for _, p := range [][2]Type{{c[0], c[1]}, {c[1], c[0]}} {
			if got, err := Common(p[0], p[1]); err != nil || got != c[2] {
				t.Errorf("%s and %s: %s, %v; want %s", p[0], p[1], got, err, c[2])
			}
		}
	}
	if got, err := Common(ListOf(u), ListOf(Of(Utf8))); err == nil {
		t.Errorf("lists of numbers and of text are %s", got)
	}
	if got, err := Promote(u, Of(Int64)); err != nil || got != Of(Float64) {
		t.Errorf("to compute with: %s, %v", got, err)
	}
}
