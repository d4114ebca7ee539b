package chunk_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/optest"
)

// schema has a column of every way to store values.
var schema = dtype.Schema{
	{Name: "b", Type: dtype.Of(dtype.Bool), Nullable: true}, {Name: "i8", Type: dtype.Of(dtype.Int8), Nullable: true},
	{Name: "u16", Type: dtype.Of(dtype.Uint16), Nullable: true}, {Name: "f", Type: dtype.Of(dtype.Float32), Nullable: true},
	{Name: "d", Type: dtype.Of(dtype.Date), Nullable: true}, {Name: "i", Type: dtype.Of(dtype.Int64), Nullable: true},
	{Name: "t", Type: dtype.TimestampOf(dtype.Micro, "UTC"), Nullable: true}, {Name: "x", Type: dtype.DecimalOf(20, 3), Nullable: true},
	{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}, {Name: "y", Type: dtype.Of(dtype.Binary), Nullable: true}, {Name: "n", Type: dtype.Of(dtype.Null), Nullable: true},
}

// random makes n rows; in part p of them every column but the last has nulls.
func random(r *rand.Rand, n int, p float64) [][]any {
	out := make([][]any, n)
	for i := range out {
		v := r.Uint64()
		row := []any{v&1 != 0, int8(v), uint16(v), float32(v % 1000), int32(v >> 40), int64(v), int64(v >> 3), [16]byte{byte(v), byte(v >> 8)},
			strings.Repeat("ü", int(v%19)) + fmt.Sprint(v%97), strings.Repeat("\x00\xff", int(v%5)), nil}
		for c := range row[:len(row)-1] {
			if r.Float64() < p {
				row[c] = nil
			}
		}
		out[i] = row
	}
	return out
}

// same compares batches with rows, in order.
func same(t *testing.T, what string, got []*chunk.Batch, want [][]any) {
	t.Helper()
	rows, err := optest.Read(nil, chunk.NewBlock([][]*chunk.Batch{got}))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := optest.Text(rows), optest.Text(want); !slices.Equal(a, b) {
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Fatalf("%s: %d rows, want %d; row %d\n got %v\nwant %v", what, len(a), len(b), i, a[min(i, len(a)-1):][:1], b[min(i, len(b)-1):][:1])
			}
		}
	}
}

func TestBuilder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, p := range []float64{0, 0.3, 1} {
		for range effort.Of(40, 12) {
			pool := mem.NewPool(0)
			b := chunk.NewBuilder(schema, pool)
			var got []*chunk.Batch
			var want [][]any
			for range r.IntN(12) {
				rows := random(r, r.IntN(150), p*float64(r.IntN(2)))
				m := optest.Rows(schema, rows, 0).Batches
				if len(m) == 0 {
					continue
				}
				if r.IntN(2) == 0 {
					if err := b.Append(m[0]); err != nil {
						t.Fatal(err)
					}
					want = append(want, rows...)
				} else {
					idx := make([]uint32, r.IntN(200)*min(1, len(rows)))
					for i := range idx {
						idx[i] = uint32(r.IntN(len(rows)))
						want = append(want, rows[idx[i]])
					}
					if err := b.AppendRows(m[0], idx); err != nil {
						t.Fatal(err)
					}
				}
				if r.IntN(4) == 0 {
					got = append(got, b.Flush())
				}
			}
			got = append(got, b.Flush())
			same(t, "builder", got, want)
			for _, x := range got {
				x.Release()
			}
			b.Close()
			if pool.Used() != 0 {
				t.Fatalf("%d bytes were not freed", pool.Used())
			}
		}
	}
}

// What a builder shows are its rows, and those it was told to forget are not among them.
func TestBuilderViewAndClear(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	pool := mem.NewPool(0)
	b := chunk.NewBuilder(schema, pool)
	var want [][]any
	var got chunk.Batch
	for range 60 {
		if r.IntN(4) == 0 {
			b.Clear()
			want = nil
		}
		if rows := random(r, 1+r.IntN(150), 0.3*float64(r.IntN(2))); r.IntN(3) > 0 {
			if err := b.Append(optest.Rows(schema, rows, 0).Batches[0]); err != nil {
				t.Fatal(err)
			}
			want = append(want, rows...)
		}
		b.View(&got)
		same(t, "view", []*chunk.Batch{&got}, want)
	}
	if b.Close(); pool.Used() != 0 {
		t.Errorf("%d bytes were not freed", pool.Used())
	}
}

func TestBuilderOverBudgetKeepsItsRows(t *testing.T) {
	pool := mem.NewPool(3 << 20)
	b := chunk.NewBuilder(schema, pool)
	rows := random(rand.New(rand.NewPCG(2, 2)), 3000, 0.1)
	m := optest.Rows(schema, rows, 0).Batches[0]
	n := 0
	for ; ; n++ {
		if err := b.Append(m); err == mem.ErrBudget {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n > 1000 {
			t.Fatal("3 MiB were enough for 3 million rows")
		}
	}
	if n == 0 {
		t.Fatal("nothing fits into 3 MiB")
	}
	got := b.Flush()
	var want [][]any
	for range n {
		want = append(want, rows...)
	}
	same(t, "after a refusal", []*chunk.Batch{got}, want)
	got.Release()
}

// A builder that was refused its first rows holds nothing, whichever column it was.
func TestRefusedBuildersHoldNothing(t *testing.T) {
	m := optest.Rows(schema, random(rand.New(rand.NewPCG(3, 3)), 100, 0.5), 0).Batches[0]
	for limit := int64(1); ; limit += 500 {
		pool := mem.NewPool(limit)
		b := chunk.NewBuilder(schema, pool)
		if err := b.AppendRows(m, []uint32{1, 50, 99}); err == nil {
			b.Close()
			return
		} else if err != mem.ErrBudget {
			t.Fatal(err)
		}
		if pool.Used() != 0 || b.Len() != 0 {
			t.Fatalf("budget %d: %d bytes for %d rows", limit, pool.Used(), b.Len())
		}
	}
}

func TestDictionariesInBuilders(t *testing.T) {
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8)}}
	dict := func(words ...string) *chunk.Dict {
		v := chunk.Vec{Type: s[0].Type, N: len(words), Off: []int32{0}}
		for _, w := range words {
			v.Str = append(v.Str, w...)
			v.Off = append(v.Off, int32(len(v.Str)))
		}
		return chunk.NewDict(v)
	}
	coded := func(d *chunk.Dict, codes ...uint32) *chunk.Batch {
		return &chunk.Batch{N: len(codes), Cols: []chunk.Vec{{Type: s[0].Type, N: len(codes), Data: chunk.Bytes(codes), Dict: d}}}
	}
	a, z := dict("a", "bb", ""), dict("zzz", "a")
	b := chunk.NewBuilder(s, mem.Heap)
	add := func(m *chunk.Batch) {
		if err := b.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	add(coded(a, 0, 1, 2))
	add(coded(a, 1))
	one := b.Flush()
	if one.Cols[0].Dict != a {
		t.Error("one dictionary was decoded")
	}
	same(t, "one dictionary", []*chunk.Batch{one}, [][]any{{"a"}, {"bb"}, {""}, {"bb"}})
	add(coded(a, 1, 0))
	add(coded(z, 0, 1))
	add(optest.Rows(s, [][]any{{"plain"}}, 0).Batches[0])
	two := b.Flush()
	if two.Cols[0].Dict != nil {
		t.Error("two dictionaries became one")
	}
	same(t, "two dictionaries", []*chunk.Batch{two}, [][]any{{"bb"}, {"a"}, {"zzz"}, {"a"}, {"plain"}})
}

func TestSomeRows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var keep chunk.Compactor
	for _, n := range []int{0, 1, 63, 64, 65, 200, 3000} {
		rows := random(r, n, 0.2)
		in := optest.Rows(schema, rows, 0).Batches
		if n == 0 {
			continue
		}
		runs := make([][]uint32, 5)
		want := make([][][]any, 5)
		mask := make([]uint64, chunk.Words(n))
		var kept [][]any
		for i := range rows {
			run := r.IntN(5)
			runs[run] = append(runs[run], uint32(i))
			want[run] = append(want[run], rows[i])
			if r.IntN(3) > 0 {
				mask[i>>6] |= 1 << (i & 63)
				kept = append(kept, rows[i])
			}
		}
		for run, idx := range runs {
			b := chunk.NewBuilder(schema, mem.Heap)
			if err := b.AppendRows(in[0], idx); err != nil {
				t.Fatal(err)
			}
			same(t, "rows of a run", []*chunk.Batch{b.Flush()}, want[run])
		}
		same(t, "compactor", []*chunk.Batch{keep.Keep(in[0], mask, kernel.PopCount(mask, n))}, kept)
		for lo := 0; lo < n; lo += 64 {
			same(t, "slice", []*chunk.Batch{in[0].Slice(lo, n)}, rows[lo:])
		}
	}
}

func TestReleaseTwicePanics(t *testing.T) {
	b := &chunk.Batch{}
	b.Own(mem.Heap, nil)
	b.Retain()
	b.Release()
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	b.Release()
}

func TestArrowThereAndBack(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	as := chunk.ToArrowSchema(schema)
	back, err := chunk.FromArrowSchema(as)
	if err != nil || fmt.Sprint(back) != fmt.Sprint(schema) {
		t.Fatal(back, err)
	}
	for _, n := range []int{0, 1, 64, 65, 500} {
		rows := random(r, n, 0.2)
		b := optest.Rows(schema, rows, 0)
		m := &chunk.Batch{Cols: make([]chunk.Vec, len(schema))}
		for i, f := range schema {
			m.Cols[i] = chunk.Vec{Type: f.Type, Off: []int32{0}}
		}
		if n > 0 {
			m = b.Batches[0]
		}
		rec, err := chunk.ToRecord(as, schema, m)
		if err != nil {
			t.Fatal(err)
		}
		for _, lo := range []int{0, 3, 64} { // slices begin within a byte
			if lo > n {
				continue
			}
			got, err := chunk.FromRecord(rec.NewSlice(int64(lo), int64(n)))
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("%d rows from %d", n, lo), []*chunk.Batch{got}, rows[lo:])
		}
	}
}

func TestArrowDictionaries(t *testing.T) {
	b := array.NewDictionaryBuilder(memory.DefaultAllocator, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}).(*array.BinaryDictionaryBuilder)
	for _, s := range []string{"x", "yy", "x"} {
		if err := b.AppendString(s); err != nil {
			t.Fatal(err)
		}
	}
	b.AppendNull()
	v, err := chunk.FromArray(b.NewArray())
	if err != nil || v.Dict == nil || v.Text(1) != "yy" || v.Text(2) != "x" || !v.IsNull(3) {
		t.Fatal(v, err)
	}
	for _, d := range []arrow.Decimal128Type{{Precision: 0}, {Precision: 39}, {Precision: 300, Scale: 2}, {Precision: 9, Scale: 39}, {Precision: 9, Scale: -39}, {Precision: 9, Scale: 258}} {
		if got, err := chunk.FromArrowType(&d); err == nil {
			t.Errorf("%s is %s", &d, got)
		}
	}
	for _, scale := range []int32{38, -38} {
		if got, err := chunk.FromArrowType(&arrow.Decimal128Type{Precision: 9, Scale: scale}); err != nil || got != dtype.DecimalOf(9, int8(scale)) {
			t.Error(got, err)
		}
	}
	if _, err := chunk.FromArrowType(&arrow.Decimal256Type{Precision: 50}); err == nil || !strings.Contains(err.Error(), "the most is 38") {
		t.Error(err)
	}
}

// TestDictionariesOfArrow holds that codes of nulls are nulls and that dictionaries of other types are decoded.
func TestDictionariesOfArrow(t *testing.T) {
	for name, c := range map[string]struct{ typ, values, codes, want string }{
		"text":    {"s", `["a", null, "b"]`, `[2, 1, null, 0]`, "b null null a"},
		"numbers": {"i", `[7, null, 9]`, `[2, 1, null, 0]`, "9 null null 7"},
		"nothing": {"i", `[]`, `[null, null]`, "null null"},
		"no text": {"s", `[]`, `[null, null]`, "null null"},
	} {
		typ := arrow.DataType(arrow.BinaryTypes.String)
		if c.typ == "i" {
			typ = arrow.PrimitiveTypes.Int32
		}
		values, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(c.values))
		if err != nil {
			t.Fatal(err)
		}
		codes, _, err := array.FromJSON(memory.DefaultAllocator, arrow.PrimitiveTypes.Int8, strings.NewReader(c.codes))
		if err != nil {
			t.Fatal(err)
		}
		v, err := chunk.FromArray(array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: typ}, codes, values))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range v.N {
			switch {
			case v.IsNull(i):
				got = append(got, "null")
			case c.typ == "i":
				got = append(got, fmt.Sprint(chunk.Values[int32](&v)[i]))
			default:
				got = append(got, v.Text(i))
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}
