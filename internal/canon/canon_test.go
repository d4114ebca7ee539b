package canon

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// node is a sum type as expr has one: recursive through interfaces, pointers and slices.
type node interface{ isNode() }

type (
	lit  struct{ Value float64 }
	col  struct{ Name string }
	call struct {
		Fn   string
		Args []node
	}
	not struct{ X node }
)

func (lit) isNode()  {}
func (col) isNode()  {}
func (call) isNode() {}
func (*not) isNode() {}

type stray struct{ A int }

func (stray) isNode() {}

func init() {
	iface := reflect.TypeFor[node]()
	Register[lit](iface, "lit")
	Register[col](iface, "col")
	Register[call](iface, "call")
	Register[*not](iface, "not")
}

type (
	axis   int8
	digest [4]byte
	code   uint8
	tree   struct {
		Kids []tree
		Next *tree
		Pair *[2]tree
		Name string
	}
	every struct {
		B    bool
		I    int
		I8   axis
		I16  int16
		I32  int32
		I64  int64
		U    uint
		U8   uint8
		U16  uint16
		U32  uint32
		U64  uint64
		F    float64
		F32  float32
		S    string
		Raw  []byte
		Code []code
		Dig  digest
		Ints []int64
		Strs [][]string
		Arr  [2]float32
		Ptr  *int32
		Expr node
		Tree tree
		None struct{}
	}
)

func genNode(depth int) *rapid.Generator[node] {
	return rapid.Custom(func(t *rapid.T) node {
		k := rapid.IntRange(0, 4).Draw(t, "kind")
		if depth == 0 {
			k = min(k, 2)
		}
		switch k {
		case 0:
			return nil
		case 1:
			return lit{genFloat(t)}
		case 2:
			return col{rapid.String().Draw(t, "name")}
		case 3:
			return &not{genNode(depth-1).Draw(t, "x")}
		default:
			return call{"f", genSlice(t, genNode(depth-1))}
		}
	})
}

// genSlice tells nil and empty apart.
func genSlice[T any](t *rapid.T, g *rapid.Generator[T]) []T {
	if rapid.Bool().Draw(t, "nil") {
		return nil
	}
	return append([]T{}, rapid.SliceOfN(g, 0, 3).Draw(t, "slice")...)
}

func genFloat(t *rapid.T) float64 {
	return math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
}

func genTree(depth int) *rapid.Generator[tree] {
	return rapid.Custom(func(t *rapid.T) tree {
		tr := tree{Name: rapid.String().Draw(t, "name")}
		if depth == 0 {
			return tr
		}
		tr.Kids = genSlice(t, genTree(depth-1))
		if rapid.Bool().Draw(t, "next") {
			n := genTree(depth-1).Draw(t, "n")
			tr.Next = &n
		}
		if rapid.Bool().Draw(t, "pair") {
			tr.Pair = &[2]tree{{Name: "a"}, genTree(depth-1).Draw(t, "b")}
		}
		return tr
	})
}

func genEvery(t *rapid.T) every {
	e := every{
		B: rapid.Bool().Draw(t, "b"), I: rapid.Int().Draw(t, "i"), I8: axis(rapid.Int8().Draw(t, "i8")),
		I16: rapid.Int16().Draw(t, "i16"), I32: rapid.Int32().Draw(t, "i32"), I64: rapid.Int64().Draw(t, "i64"),
		U: rapid.Uint().Draw(t, "u"), U8: rapid.Uint8().Draw(t, "u8"), U16: rapid.Uint16().Draw(t, "u16"),
		U32: rapid.Uint32().Draw(t, "u32"), U64: rapid.Uint64().Draw(t, "u64"),
		F: genFloat(t), F32: math.Float32frombits(rapid.Uint32().Draw(t, "f32")),
		S: string(genSlice(t, rapid.Byte())), Raw: genSlice(t, rapid.Byte()),
		Code: genSlice(t, rapid.Map(rapid.Byte(), func(b byte) code { return code(b) })),
		Ints: genSlice(t, rapid.Int64()),
		Strs: genSlice(t, rapid.Custom(func(t *rapid.T) []string { return genSlice(t, rapid.String()) })),
		Arr:  [2]float32{math.Float32frombits(rapid.Uint32().Draw(t, "a0")), 1},
		Expr: genNode(3).Draw(t, "expr"), Tree: genTree(2).Draw(t, "tree"),
	}
	copy(e.Dig[:], genSlice(t, rapid.Byte()))
	if rapid.Bool().Draw(t, "ptr") {
		n := rapid.Int32().Draw(t, "n")
		e.Ptr = &n
	}
	return e
}

// sameBits is reflect.DeepEqual with floats compared by their bits.
func sameBits(a, b reflect.Value) bool {
	if a.Kind() != b.Kind() || a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Float64:
		return math.Float64bits(a.Float()) == math.Float64bits(b.Float())
	case reflect.Float32:
		return float32bits(a) == float32bits(b)
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameBits(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() || a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() {
			return false
		}
		for i := range a.Len() {
			if !sameBits(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return sameBits(a.Elem(), b.Elem())
	}
	return a.Equal(b)
}

func mustAppend(t rapid.TB, v any) []byte {
	t.Helper()
	b, err := Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genEvery(t)
		b := mustAppend(t, in)
		var out every
		if err := Decode(b, &out); err != nil {
			t.Fatal(err)
		}
		if !sameBits(reflect.ValueOf(in), reflect.ValueOf(out)) {
			t.Fatalf("in  %+v\nout %+v", in, out)
		}
		if again := mustAppend(t, out); !bytes.Equal(b, again) {
			t.Fatalf("equal values, unequal bytes:\n%x\n%x", b, again)
		}
	})
}

// Every strict prefix and every value with bytes after it is refused, and the target stays as it was.
func TestPrefixesAndTrailingBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := mustAppend(t, genEvery(t))
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		out := every{S: "kept"}
		if err := Decode(b[:cut], &out); err == nil {
			t.Fatalf("accepted %d of %d bytes", cut, len(b))
		}
		if err := Decode(append(b, 0), &out); err == nil || !strings.Contains(err.Error(), "1 trailing bytes") {
			t.Fatalf("trailing byte: %v", err)
		}
		if out.S != "kept" {
			t.Fatal("the target was changed by a refused input")
		}
	})
}

// A flipped bit is refused or means another value with exactly those bytes.
func TestFlippedBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := mustAppend(t, genEvery(t))
		i := rapid.IntRange(0, len(b)*8-1).Draw(t, "bit")
		b[i/8] ^= 1 << (i % 8)
		checkLaw2(t, b)
	})
}

func checkLaw2(t rapid.TB, b []byte) {
	t.Helper()
	var v every
	if Decode(b, &v) != nil {
		return
	}
	if again := mustAppend(t, v); !bytes.Equal(b, again) {
		t.Fatalf("accepted %x\nwrites   %x", b, again)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(mustAppend(f, every{}))
	f.Add(mustAppend(f, every{Expr: call{"add", []node{col{"x"}, lit{1}, &not{}}}, Raw: []byte{1}, Strs: [][]string{{"a"}}}))
	f.Add(mustAppend(f, every{Tree: tree{Kids: []tree{{}}, Next: &tree{}, Pair: &[2]tree{}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkLaw2(t, b)
		var n *node
		if Decode(b, &n) == nil && !bytes.Equal(mustAppend(t, n), b) {
			t.Fatalf("node: accepted %x", b)
		}
	})
}

// The layout is a promise to other machines and to journals on disk, so it is pinned.
func TestLayout(t *testing.T) {
	v := struct {
		N    int32
		F    float32
		Axes []int
		Nil  []int
		Raw  []byte
		P    *bool
		X    node
	}{-2, 1, []int{1}, nil, []byte("hi"), new(bool), col{"x"}}
	want := "fe ff ff ff ff ff ff ff" + "00 00 80 3f" +
		"01 00 00 00 00 00 00 00" + "01 00 00 00 00 00 00 00" +
		"ff ff ff ff ff ff ff ff" +
		"02 00 00 00 00 00 00 00" + "68 69" +
		"01" + "00" +
		"01" + "03 00 00 00 00 00 00 00" + "63 6f 6c" + "01 00 00 00 00 00 00 00" + "78"
	if got := mustAppend(t, v); !bytes.Equal(got, unhex(want)) {
		t.Fatalf("got  %x\nwant %x", got, unhex(want))
	}
	if got := mustAppend(t, uint8(7)); len(got) != 8 {
		t.Fatalf("a lone uint8 has %d bytes, want the 8 of every integer", len(got))
	}
}

func unhex(s string) []byte {
	var out []byte
	const digits = "0123456789abcdef"
	s = strings.ReplaceAll(s, " ", "")
	for i := 0; i < len(s); i += 2 {
		out = append(out, byte(strings.IndexByte(digits, s[i])<<4|strings.IndexByte(digits, s[i+1])))
	}
	return out
}

func TestFloatBitsAreKept(t *testing.T) {
	type named float32
	for _, bits := range []uint32{0, 1 << 31, 0x7f800001, 0x7fc00000, 0xffc12345, 1} {
		in := struct {
			A float32
			B named
			C float64
		}{math.Float32frombits(bits), named(math.Float32frombits(bits)), math.Float64frombits(uint64(bits) << 32)}
		b := mustAppend(t, in)
		if got := binary.LittleEndian.Uint32(b); got != bits {
			t.Errorf("float32 %08x was written as %08x", bits, got)
		}
		out := in
		out.A, out.B, out.C = 2, 2, 2
		if err := Decode(b, &out); err != nil || !sameBits(reflect.ValueOf(in), reflect.ValueOf(out)) {
			t.Errorf("%08x: %v, %v", bits, out, err)
		}
	}
}

func TestRefusedInput(t *testing.T) {
	word := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	str := func(s string) []byte { return append(word(uint64(len(s))), s...) }
	var (
		b     bool
		i8    struct{ Axis axis }
		u16   uint16
		s     string
		ints  []int64
		ptr   *bool
		x     struct{ E node }
		codes []code
	)
	for _, c := range []struct {
		in   []byte
		into any
		want string
	}{
		{[]byte{2}, &b, "tag 2 is neither 0 nor 1"},
		{nil, &b, "input ends early"},
		{word(128), &i8, "at byte 8: struct { Axis canon.axis }.Axis: 128 does not fit into canon.axis"},
		{word(1 << 63), &i8, "does not fit"},
		{word(1 << 16), &u16, "65536 does not fit into uint16"},
		{word(5), &s, "length 5 needs more than the 0 bytes left"},
		{word(nilLength), &s, "a string has the length of a nil slice"},
		{word(nilLength - 1), &ints, "needs more than"},
		{append(word(2), word(1)...), &ints, "length 2 needs more than the 8 bytes left"},
		{word(1 << 61), &ints, "needs more than"},
		{word(1), &codes, "needs more than"},
		{[]byte{2, 0}, &ptr, "tag 2"},
		{[]byte{1, 3}, &ptr, "tag 3"},
		{append([]byte{1}, str("nope")...), &x, `.E: no canon.node is registered under the name "nope"`},
		{append([]byte{1}, str("lit")...), &x, ".E(lit).Value: input ends early"},
	} {
		err := Decode(c.in, c.into)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Decode(%x, %T) = %v, want …%s…", c.in, c.into, err, c.want)
		}
	}
	for _, into := range []any{nil, 3, (*int)(nil)} {
		if Decode(nil, into) == nil {
			t.Errorf("Decode into %T was accepted", into)
		}
	}
}

func TestDepth(t *testing.T) {
	chain := func(n int) node {
		var x node
		for range n {
			x = &not{x}
		}
		return x
	}
	type holder struct{ X node }
	// The nil at the end counts as well.
	ok := mustAppend(t, holder{chain(MaxDepth - 1)})
	var out holder
	if err := Decode(ok, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := Append(nil, holder{chain(MaxDepth)}); err == nil || !strings.Contains(err.Error(), "nested deeper than 1000") || len(err.Error()) > 1000 {
		t.Fatalf("too deep: %v", err)
	}
	// The same chain one longer, put together by hand.
	link := ok[:1+8+3]
	if err := Decode(append(bytes.Clone(link), ok...), &out); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Fatalf("too deep: %v", err)
	}
	type loop []loop
	l := loop{nil}
	l[0] = l
	if _, err := Append(nil, l); err == nil {
		t.Fatal("a cyclic value was encoded")
	}
}

func TestUnsupportedTypes(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "untyped nil"},
		{map[string]int{}, "kind map"},
		{struct{ A []chan int }{}, "A[]: values of kind chan"},
		{struct{ F func() }{}, ".F: values of kind func"},
		{complex(1, 2), "complex128"},
		{struct{ a int }{1}, ".a: unexported"},
		{time.Time{}, "use int64 nanoseconds"},
		{struct{ T *time.Time }{}, ".T*: time.Time"},
		{[]struct{}{}, "have no bytes"},
		{[][0]int{}, "have no bytes"},
		{struct{ X node }{stray{}}, ".X: canon.stray is not registered as a canon.node"},
		{struct{ X node }{(*not)(nil)}, ".X: nil *canon.not inside a canon.node"},
		{uintptr(1), "uintptr"},
	} {
		dst := []byte("kept")
		got, err := Append(dst, c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) || string(got) != "kept" {
			t.Errorf("Append(%T) = %q, %v, want …%s…", c.v, got, err, c.want)
		}
	}
	if Check(reflect.TypeFor[every]()) != nil || Check(reflect.TypeFor[chan int]()) == nil || Check(nil) == nil {
		t.Error("Check disagrees with Append")
	}
}

func TestRegisterRefuses(t *testing.T) {
	iface := reflect.TypeFor[node]()
	for _, c := range []struct {
		iface, t reflect.Type
		name     string
		want     string
	}{
		{reflect.TypeFor[int](), reflect.TypeFor[lit](), "x", "not an interface"},
		{nil, reflect.TypeFor[lit](), "x", "not an interface"},
		{iface, reflect.TypeFor[lit](), "", "empty name"},
		{iface, reflect.TypeFor[int](), "x", "neither a struct"},
		{iface, reflect.TypeFor[not](), "x", "does not implement"},
		{iface, reflect.TypeFor[stray](), "lit", `canon.lit already has the name "lit"`},
		{iface, reflect.TypeFor[lit](), "lit2", `already registered for canon.node as "lit"`},
		{reflect.TypeFor[any](), reflect.TypeFor[struct{ C chan int }](), "x", "kind chan"},
	} {
		if err := register(c.iface, c.t, c.name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("register(%v, %v, %q) = %v, want …%s…", c.iface, c.t, c.name, err, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Register did not panic")
		}
	}()
	Register[stray](iface, "lit")
}

func TestSchema(t *testing.T) {
	for _, c := range []struct {
		t    reflect.Type
		want string
	}{
		{reflect.TypeFor[int32](), "int32"},
		{reflect.TypeFor[axis](), "int8"},
		{reflect.TypeFor[struct {
			A []byte
			D digest
			P *[3]string
		}](), "#1{A bytes; D bytes[4]; P *[3]string}"},
		{reflect.TypeFor[tree](), "#1{Kids []#1; Next *#1; Pair *[2]#1; Name string}"},
		{reflect.TypeFor[struct{ X, Y node }](),
			"#1{X #2<call #3{Fn string; Args []#2} | col #4{Name string} | lit #5{Value float64} | not #6{X #2}>; Y #2}"},
		{reflect.TypeFor[chan int](), "invalid(canon: chan int: values of kind chan have no canonical bytes)"},
	} {
		if got := Schema(c.t); got != c.want {
			t.Errorf("Schema(%s)\n got %s\nwant %s", c.t, got, c.want)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	v := every{S: "column", Ints: []int64{1, 2, 3}, Expr: call{"gt", []node{col{"x"}, lit{3}}}}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = Append(buf[:0], v)
	}
}

func BenchmarkDecode(b *testing.B) {
	buf := mustAppend(b, every{S: "column", Ints: []int64{1, 2, 3}, Expr: call{"gt", []node{col{"x"}, lit{3}}}})
	var v every
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(buf, &v); err != nil {
			b.Fatal(err)
		}
	}
}
