package ndjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	arrays "github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// lines writes a column.
func lines(t testing.TB, typ arrow.DataType, values string) string {
	t.Helper()
	a, _, err := arrays.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(values))
	if err != nil {
		t.Fatal(err)
	}
	rec := arrays.NewRecord(arrow.NewSchema([]arrow.Field{{Name: `a"b`, Type: typ, Nullable: true}}, nil), []arrow.Array{a}, int64(a.Len()))
	b, err := chunk.FromRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	s, err := chunk.FromArrowSchema(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	out, err := newRowFormat(s).rows(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestForms holds how values of every type are written.
func TestForms(t *testing.T) {
	inner := arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "y", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true})
	for _, c := range []struct {
		typ    arrow.DataType
		values string
		want   []string
	}{
		{arrow.PrimitiveTypes.Int64, `[1, -9223372036854775808, null, 1000000]`, []string{"1", "-9223372036854775808", "null", "1000000"}},
		{arrow.PrimitiveTypes.Uint64, `[9223372036854775808]`, []string{"9223372036854775808"}},
		{arrow.PrimitiveTypes.Int8, `[-7]`, []string{"-7"}}, {arrow.PrimitiveTypes.Float32, `[0.1, 3]`, []string{"0.1", "3.0"}},
		{arrow.PrimitiveTypes.Float64, `[0.1, 3, 1e300]`, []string{"0.1", "3.0", "1e+300"}},
		{arrow.FixedWidthTypes.Boolean, `[true, false, null]`, []string{"true", "false", "null"}},
		{arrow.BinaryTypes.String, `["", "a\"\\\n\u0001\u00e4/", null]`, []string{`""`, `"a\"\\\n\u0001ä/"`, "null"}},
		{arrow.FixedWidthTypes.Date32, `["2024-02-29"]`, []string{`"2024-02-29"`}},
		{&arrow.Decimal128Type{Precision: 10, Scale: 2}, `["-12.30"]`, []string{"-12.30"}},
		{&arrow.Decimal128Type{Precision: 5, Scale: -2}, `["0", "-1200"]`, []string{"0", "-1200"}},
		{arrow.Null, `[null]`, []string{"null"}},
		{arrow.ListOf(arrow.PrimitiveTypes.Int64), `[[1, null, 3], [], null]`, []string{"[1,null,3]", "[]", "null"}},
		{arrow.StructOf(), `[{}, null]`, []string{"{}", "null"}},
		{arrow.ListOf(inner), `[[{"x": 1, "y": ["p", null]}, null], [{"x": null, "y": null}]]`, []string{`[{"x":1,"y":["p",null]},null]`, `[{"x":null,"y":null}]`}},
	} {
		want := ""
		for _, w := range c.want {
			want += `{"a\"b":` + w + "}\n"
		}
		if got := lines(t, c.typ, c.values); got != want {
			t.Errorf("%s: %s, want %s", c.typ, got, want)
		}
	}
	odd := chunk.Vec{Type: dtype.Of(dtype.Float64), N: 3, Data: chunk.Bytes([]float64{math.NaN(), math.Inf(1), math.Inf(-1)})}
	out, err := newRowFormat(dtype.Schema{{Name: "f", Type: odd.Type}}).rows(nil, &chunk.Batch{N: 3, Cols: []chunk.Vec{odd}})
	if err != nil || string(out) != strings.Repeat("{\"f\":null}\n", 3) {
		t.Errorf("%s, %v", out, err)
	}
}

// TestWriteRefuses holds what has no form.
func TestWriteRefuses(t *testing.T) {
	for want, s := range map[string]dtype.Schema{"no columns": nil, `column "b": JSON has no form for binary`: {{Name: "b", Type: dtype.Of(dtype.Binary)}},
		`field "x"`: {{Name: "b", Type: dtype.StructOf(dtype.Schema{{Name: "x", Type: dtype.ListOf(dtype.Of(dtype.Binary))}})}}} {
		if _, _, err := Write.Call(WriteParams{Path: "x"}, op.Meta{Schema: s}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzStrings holds strings against the library's reader.
func FuzzStrings(f *testing.F) {
	f.Add("plain")
	f.Add("q\"b\\s/ \u2028 \x00\x1f\x7f \xff\xfe ä𝄞")
	f.Fuzz(func(t *testing.T, s string) {
		out := appendQuoted(nil, s)
		if !utf8.Valid(out) || bytes.ContainsAny(out, "\n\r") {
			t.Fatalf("%q becomes %q", s, out)
		}
		var back string
		if err := json.Unmarshal(out, &back); err != nil || back != strings.Join(splitBad(s), "\ufffd") {
			t.Fatalf("%q becomes %q and reads back as %q, %v", s, out, back, err)
		}
	})
}

// splitBad cuts s at every byte that is not UTF-8.
func splitBad(s string) (out []string) {
	from := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			out, from = append(out, s[from:i]), i+1
		}
		i += n
	}
	return append(out, s[from:])
}
