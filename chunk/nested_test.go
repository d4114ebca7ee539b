package chunk_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// nestedCases are Arrow arrays as JSON, and how they read back.
var nestedCases = []struct {
	name string
	t    arrow.DataType
	in   string
	want string // "" for the same type and text
}{
	{"list of ints", arrow.ListOf(arrow.PrimitiveTypes.Int64), `[[1,2,3],[],null,[null,-5],[9223372036854775807]]`, ""},
	{"list of text", arrow.ListOf(arrow.BinaryTypes.String), `[["a","","é",null],[],null,["long text of more than sixteen bytes"]]`, ""},
	{"list of bools", arrow.ListOf(arrow.FixedWidthTypes.Boolean), `[[true,false,null],[false],null]`, ""},
	{"list of nulls", arrow.ListOf(arrow.Null), `[[null,null],[],null]`, ""},
	{"lists of lists", arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int8)), `[[[1],[],null],null,[],[[null,2],[3]]]`, ""},
	{"struct", arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, arrow.Field{Name: "b c", Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64), Nullable: true}, arrow.Field{Name: "t", Type: arrow.BinaryTypes.String, Nullable: true}),
		`[{"a":1,"b c":"x","l":[1.5,null],"t":"end"},null,{"a":null,"b c":null,"l":null,"t":null},{"a":-7,"b c":"","l":[],"t":"é"}]`, ""},
	{"list of structs", arrow.ListOf(arrow.StructOf(arrow.Field{Name: "k", Type: arrow.BinaryTypes.String, Nullable: true}, arrow.Field{Name: "v", Type: arrow.PrimitiveTypes.Uint16, Nullable: true})),
		`[[{"k":"a","v":1},{"k":null,"v":2},null],[],null]`, ""},
	{"large list", arrow.LargeListOf(arrow.PrimitiveTypes.Int16), `[[1,2],null,[],[3]]`, `[[1 2] (null) [] [3]]`},
	{"fixed list", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int16), `[[1,2],null,[3,4]]`, `[[1 2] (null) [3 4]]`},
	{"map", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), `[[{"key":"a","value":1},{"key":"b","value":null}],null,[]]`,
		`[{["a" "b"] [1 (null)]} (null) {[] []}]`},
	{"time32", arrow.FixedWidthTypes.Time32ms, `["12:30:45.123",null,"00:00:00"]`, ""},
	{"time64", arrow.FixedWidthTypes.Time64ns, `["23:59:59.999999999",null]`, ""},
	{"duration", arrow.FixedWidthTypes.Duration_us, `[-5,null,9223372036854775807]`, ""},
	{"half floats", arrow.FixedWidthTypes.Float16, `[1.5,null,-0.25]`, `[1.5 (null) -0.25]`},
	{"text views", arrow.BinaryTypes.StringView, `["a",null,"","long text of more than twelve bytes"]`, `["a" (null) "" "long text of more than twelve bytes"]`},
	{"wide decimals", &arrow.Decimal256Type{Precision: 38, Scale: 1}, `["-1.5",null,"1234567890123456789012345678901234567.8"]`,
		`[-1.5 (null) 1234567890123456789012345678901234567.8]`},
	{"runs", arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int16, arrow.BinaryTypes.String), `["a","a","a",null,null,"b"]`, `["a" "a" "a" (null) (null) "b"]`},
}

func TestNestedArrow(t *testing.T) {
	for _, c := range nestedCases {
		a, _, err := array.FromJSON(memory.DefaultAllocator, c.t, strings.NewReader(c.in))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		want := c.want
		if want == "" {
			want = a.String()
		}
		if got := throughRecord(t, c.name, a); got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
		if a.Len() > 2 { // an array that begins within its buffers
			s := array.NewSlice(a, 1, int64(a.Len()))
			v, err := chunk.FromArray(s)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			whole, _ := chunk.FromArray(a)
			idx := make([]uint32, a.Len()-1)
			for i := range idx {
				idx[i] = uint32(i + 1)
			}
			tail := taken(t, &whole, idx)
			if !sameValues(&v, tail) {
				t.Errorf("%s: a slice differs from its rows", c.name)
			}
		}
	}
}

// throughRecord makes a batch of an array, sends it through a builder and reads
// it back as Arrow.
func throughRecord(t *testing.T, name string, a arrow.Array) string {
	t.Helper()
	r := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "x", Type: a.DataType(), Nullable: true}}, nil), []arrow.Array{a}, int64(a.Len()))
	s, err := chunk.FromArrowSchema(r.Schema())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if back, err := chunk.FromArrowType(chunk.ToArrowType(s[0].Type)); err != nil || back != s[0].Type {
		t.Errorf("%s: type %s comes back as %s, %v", name, s[0].Type, back, err)
	}
	b, err := chunk.FromRecord(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out, err := chunk.ToRecord(chunk.ToArrowSchema(s), s, b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if d, ok := out.Column(0).(*array.Decimal128); ok { // whose String shows the halves of its numbers
		values := make([]string, d.Len())
		for i := range values {
			values[i] = d.ValueStr(i)
		}
		return fmt.Sprint(values)
	}
	return out.Column(0).String()
}

func taken(t *testing.T, v *chunk.Vec, idx []uint32) *chunk.Vec {
	t.Helper()
	b := chunk.NewBuilder(dtype.Schema{{Name: "x", Type: v.Type, Nullable: true}}, mem.Heap)
	if err := b.AppendRows(&chunk.Batch{N: v.N, Cols: []chunk.Vec{*v}}, idx); err != nil {
		t.Fatal(err)
	}
	return &b.Flush().Cols[0]
}

func sameValues(a, b *chunk.Vec) bool {
	for i := range a.N {
		if a.IsNull(i) != b.IsNull(i) {
			return false
		}
		if !a.IsNull(i) && a.Type.Kind.IsVar() && a.Text(i) != b.Text(i) {
			return false
		}
	}
	return a.N == b.N
}

func TestBrokenRecords(t *testing.T) {
	for _, rec := range []string{"", "\x01", "\xff\xff\xff\xff", "\x05\x00\x00\x00", "\x04\x00\x00\x00abc"} {
		l := chunk.ViewList(dtype.Int64, []byte(rec))
		for i := range l.N {
			l.IsNull(i)
			l.Fixed(i)
		}
	}
	s := chunk.ShapeOf(dtype.StructOf(dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}, {Name: "b", Type: dtype.Of(dtype.Utf8)}}))
	if !s.IsNull([]byte("\xff"), 0) || !s.IsNull(nil, 1) {
		t.Error("fields of a broken record are not null")
	}
}

// TestHalf widens every half-precision number.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		exp, frac := h>>10&31, float64(h&1023)
		want := math.Ldexp(1024+frac, exp-25)
		switch {
		case exp == 0:
			want = math.Ldexp(frac, -24)
		case exp == 31 && frac == 0:
			want = math.Inf(1)
		case exp == 31:
			want = math.NaN()
		}
		if h>>15 != 0 {
			want = -want
		}
		if got := float64(chunk.Half(uint16(h))); got != want && (got == got || want == want) || math.Signbit(got) != (h>>15 != 0) {
			t.Fatalf("%#x is %g, want %g", h, got, want)
		}
	}
}

// TestWideDecimals refuses a decimal whose high half is more than its sign, but for one that is null.
func TestWideDecimals(t *testing.T) {
	typ := &arrow.Decimal256Type{Precision: 38}
	raw := make([]byte, 64)
	raw[32+16] = 1
	for valid, want := range map[byte]bool{1: true, 3: false} {
		d := array.NewData(typ, 2, []*memory.Buffer{memory.NewBufferBytes([]byte{valid}), memory.NewBufferBytes(raw)}, nil, array.UnknownNullCount, 0)
		if _, err := chunk.FromArray(array.MakeFromData(d)); (err == nil) != want {
			t.Errorf("validity %b: %v", valid, err)
		}
	}
}
