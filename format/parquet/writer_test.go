package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// writeRecord writes a record with this package's writer, in morsels of some rows.
func writeRecord(rec arrow.Record, o WriteOptions, limit int64, morsel int) ([]byte, error) {
	return writeOn(newTask(limit), rec, o, morsel)
}

// writeOn is writeRecord on a task.
func writeOn(tk interface {
	op.Task
	Trim()
	Used() int64
}, rec arrow.Record, o WriteOptions, morsel int) ([]byte, error) {
	schema, err := chunk.FromArrowSchema(rec.Schema())
	if err != nil {
		return nil, err
	}
	if err := o.check(schema); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	defer tk.Trim()
	w, err := newFileWriter(tk, &out, schema, o)
	for lo := int64(0); lo < rec.NumRows() && err == nil; lo += int64(morsel) {
		b, e := chunk.FromRecord(rec.NewSlice(lo, min(rec.NumRows(), lo+int64(morsel))))
		if err = e; err == nil {
			err = w.push(b)
		}
	}
	if err == nil {
		err = w.finish()
	}
	w.close()
	if used := tk.Used(); used != 0 && err == nil {
		err = fmt.Errorf("%d bytes are still taken", used)
	}
	return out.Bytes(), err
}

func mustWrite(t testing.TB, rec arrow.Record, o WriteOptions) string {
	t.Helper()
	b, err := writeRecord(rec, o, 1<<30, morselRows)
	if err != nil {
		t.Fatal(err)
	}
	return saved(t, b)
}

// TestRoundTrip writes every type in every way and reads it back.
func TestRoundTrip(t *testing.T) {
	for name, rec := range map[string]arrow.Record{"few values": table(9000, 7, 50), "many values": table(24_000, 0, 1<<30), "growing": table(24_000, 3, 9000),
		"nulls": table(5000, 1, 5), "one": table(1, 0, 1), "none": table(0, 0, 1)} {
		want := valuesOf(t, rec)
		for i, o := range effort.Some(4, []WriteOptions{{}, {Codec: "snappy", PageV2: true}, {Codec: "none", RowGroupRows: 1000}, {Codec: "gzip", RowGroupRows: 4097, PageV2: true}, {Codec: "lz4"},
			{Codec: "none", Columns: everyColumn(rec, "delta", "byte_stream_split")}, {PageV2: true, Columns: everyColumn(rec, "byte_stream_split", "delta")},
			{Columns: everyColumn(rec, "plain", "plain")}}) {
			for _, morsel := range [][]int{{4096, 777, 1 << 20}, {4096}}[min(i, 1)] {
				b, err := writeRecord(rec, o, 1<<30, morsel)
				if err != nil {
					t.Fatalf("%s, %+v: %v", name, o, err)
				}
				got, s, err := readFile(t, saved(t, b), Options{})
				if err != nil {
					t.Fatalf("%s, %+v: %v", name, o, err)
				}
				if ws, _ := chunk.FromArrowSchema(rec.Schema()); s.String() != ws.String() {
					t.Fatalf("%s: schema %s, want %s", name, s, ws)
				}
				sameRows(t, fmt.Sprintf("%s, %+v", name, o), got.got, want)
				if morsel == 4096 && o.Codec == "none" && o.RowGroupRows == 1000 && len(want) > 1000 {
					p := describedFile(t, b)
					if n := (len(want) + 999) / 1000; len(p.Groups) != n {
						t.Errorf("%d row groups of %d rows", len(p.Groups), len(want))
					}
				}
			}
		}
	}
}

func describedFile(t testing.TB, b []byte) ReadParams {
	t.Helper()
	p, _, err := Describe(t.Context(), []string{saved(t, b)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// everyColumn gives every column of a record the first encoding that it may have.
func everyColumn(rec arrow.Record, encodings ...string) (out []ColumnOptions) {
	s, _ := chunk.FromArrowSchema(rec.Schema())
	for _, f := range s {
		for _, e := range encodings {
			o := ColumnOptions{Name: f.Name, Encoding: e, Bloom: true}
			if (&WriteOptions{Columns: []ColumnOptions{o}}).check(s) == nil {
				out = append(out, o)
				break
			}
		}
	}
	return out
}

// TestAwkward writes values at the edges of their types.
func TestAwkward(t *testing.T) {
	long := strings.Repeat("ä€𝄞x", 4000)
	rec := small(t,
		"i64", i64, `[-9223372036854775808, 9223372036854775807, null, 0]`,
		"u64", arrow.PrimitiveTypes.Uint64, `[0, 18446744073709551615, 9223372036854775808, null]`,
		"u32", arrow.PrimitiveTypes.Uint32, `[0, 4294967295, null, 2147483648]`,
		"i8", i8, `[-128, 127, null, 0]`,
		"sec", &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "Europe/Berlin"}, `[null, "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]`,
		"dur", arrow.FixedWidthTypes.Duration_us, `[-5, null, 0, 9223372036854775807]`,
		"dec", &arrow.Decimal128Type{Precision: 38, Scale: 10}, `["-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999", null, "0.0000000001"]`,
		"d18", &arrow.Decimal128Type{Precision: 18, Scale: 0}, `["-999999999999999999", null, "999999999999999999", "1"]`,
		"bool", arrow.FixedWidthTypes.Boolean, `[true, null, false, true]`,
		"null", arrow.Null, `[null, null, null, null]`,
		"text", str, `["", null, "`+long+`", "\uFFFF"]`)
	for _, o := range []WriteOptions{{}, {PageV2: true, Codec: "none"}} {
		got, s, err := readFile(t, mustWrite(t, rec, o), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if i := s.Index("dur"); s[i].Type != dtype.DurationOf(dtype.Micro) || s[s.Index("sec")].Type.Zone != "Europe/Berlin" {
			t.Errorf("%s", s)
		}
		sameRows(t, "awkward", got.got, valuesOf(t, rec))
	}
	floats := array.NewFloat64Builder(memory.DefaultAllocator)
	floats.AppendValues([]float64{math.NaN(), math.Copysign(0, -1), math.Inf(1), math.SmallestNonzeroFloat64, math.Inf(-1)}, nil)
	f := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "f", Type: f64}}, nil), []arrow.Array{floats.NewArray()}, 5)
	got, _, err := readFile(t, mustWrite(t, f, WriteOptions{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, "floats", got.got, [][]any{{"NaN"}, {"-0"}, {"+Inf"}, {"5e-324"}, {"-Inf"}})
}

// TestSeconds holds that units Parquet lacks are read as finer ones of the same instants.
func TestSeconds(t *testing.T) {
	rec := small(t, "ts", arrow.FixedWidthTypes.Timestamp_s, `["1969-12-31T23:59:59Z", null]`, "tod", arrow.FixedWidthTypes.Time32s, `["10:20:30", null]`)
	got, s, err := readFile(t, mustWrite(t, rec, WriteOptions{}), Options{})
	if err != nil || s.String() != "ts timestamp[ms, UTC]?, tod time[ms]?" {
		t.Fatal(s, err)
	}
	sameRows(t, "seconds", got.got, [][]any{{int64(-1000), int64(37_230_000)}, {nil, nil}})
	far := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "ts", Type: arrow.FixedWidthTypes.Timestamp_s}}, nil), []arrow.Array{array.NewTimestampData(array.NewData(
		arrow.FixedWidthTypes.Timestamp_s, 1, []*memory.Buffer{nil, memory.NewBufferBytes(chunk.Bytes([]int64{math.MaxInt64 / 999}))}, nil, 0, 0))}, 1)
	if _, err := writeRecord(far, WriteOptions{}, 1<<28, 10); err == nil || !strings.Contains(err.Error(), `column "ts"`) || !strings.Contains(err.Error(), "milliseconds") {
		t.Error(err)
	}
}

// TestNoBoundsOfNaN holds that row groups and pages with a NaN have no bounds, and others have them.
func TestNoBoundsOfNaN(t *testing.T) {
	for _, typ := range []arrow.DataType{f32, f64} {
		b := array.NewBuilder(memory.DefaultAllocator, typ)
		for _, v := range []string{"1", "NaN", "2", "1", "1", "2", "NaN", "NaN", "NaN"} {
			if err := b.AppendValueFromString(v); err != nil {
				t.Fatal(err)
			}
		}
		rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "x", Type: typ}}, nil), []arrow.Array{b.NewArray()}, 9)
		for _, enc := range []string{"", "plain"} {
			path := mustWrite(t, rec, WriteOptions{RowGroupRows: 3, Columns: []ColumnOptions{{Name: "x", Encoding: enc}}})
			f, err := file.OpenParquetFile(path, false)
			if err != nil {
				t.Fatal(err)
			}
			for g, want := range []bool{false, true, false} {
				c, err := f.MetaData().RowGroup(g).ColumnChunk(0)
				if err != nil {
					t.Fatal(err)
				}
				if s, err := c.Statistics(); err != nil || (s != nil && s.HasMinMax()) != want {
					t.Errorf("%s %q, row group %d: %v, %v; want bounds: %v", typ, enc, g, s, err, want)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestTimesOfTheWall holds that times of the day are written in no zone, as other programs write and read them: in the
// older annotation, which knows UTC only, they would be of one.
func TestTimesOfTheWall(t *testing.T) {
	rec := small(t, "ms", arrow.FixedWidthTypes.Time32ms, `["10:20:30"]`, "us", arrow.FixedWidthTypes.Time64us, `["10:20:30"]`, "ns", arrow.FixedWidthTypes.Time64ns, `["10:20:30"]`)
	f, err := file.OpenParquetFile(mustWrite(t, rec, WriteOptions{}), false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range f.MetaData().Schema.NumColumns() {
		c := f.MetaData().Schema.Column(i)
		if l, ok := c.LogicalType().(*schema.TimeLogicalType); !ok || l.IsAdjustedToUTC() || c.ConvertedType() != schema.ConvertedTypes.None {
			t.Errorf("%s: %v, %v", c.Name(), c.LogicalType(), c.ConvertedType())
		}
	}
}

// TestNestedRoundTrip writes lists and structs of every depth.
func TestNestedRoundTrip(t *testing.T) {
	inner := arrow.StructOf(arrow.Field{Name: "a", Type: i64, Nullable: true}, arrow.Field{Name: "b", Type: arrow.ListOf(str), Nullable: true}, arrow.Field{Name: "t", Type: arrow.FixedWidthTypes.Boolean, Nullable: true})
	cols := []any{
		"list", arrow.ListOf(i64), `[[1, null, 3], [], null, [4]]`,
		"deep", arrow.ListOf(arrow.ListOf(str)), `[[["x", null], [], null], [], null, [["y"]]]`,
		"struct", inner, `[{"a": 1, "b": ["p", null], "t": true}, null, {"a": null, "b": null, "t": null}, {"a": 4, "b": [], "t": false}]`,
		"both", arrow.ListOf(inner), `[[{"a": 1, "b": ["q"], "t": true}, null], null, [], [{"a": null, "b": [null], "t": null}]]`,
		"id", i64, `[0, 1, 2, 3]`}
	one := small(t, cols...)
	var parts []arrow.Record
	for range 6000 {
		parts = append(parts, one)
	}
	var big []arrow.Array
	for c := range int(one.NumCols()) {
		arrs := make([]arrow.Array, len(parts))
		for i := range parts {
			arrs[i] = one.Column(c)
		}
		a, err := array.Concatenate(arrs, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		big = append(big, a)
	}
	many := array.NewRecord(one.Schema(), big, 24_000)
	for _, rec := range []arrow.Record{one, many, one.NewSlice(1, 2), one.NewSlice(0, 0)} {
		for _, o := range []WriteOptions{{}, {PageV2: true, Codec: "snappy", RowGroupRows: 5000}, {Codec: "none", Columns: []ColumnOptions{{Name: "deep", Encoding: "delta", Bloom: true}, {Name: "list", Encoding: "plain"}}}} {
			got, s, err := readFile(t, mustWrite(t, rec, o), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if ws, _ := chunk.FromArrowSchema(rec.Schema()); s.String() != ws.String() {
				t.Fatalf("schema %s, want %s", s, ws)
			}
			sameRows(t, "nested", got.got, valuesOf(t, rec))
		}
	}
}

// TestCodesAreHandedOver writes vectors of codes, of one dictionary after the other and with nulls.
func TestCodesAreHandedOver(t *testing.T) {
	words := func(n, from int) *chunk.Dict {
		v := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: n, Off: []int32{0}}
		for i := range n {
			v.Str = append(v.Str, fmt.Sprintf("word %d", from+i)...)
			v.Off = append(v.Off, int32(len(v.Str)))
		}
		return chunk.NewDict(v)
	}
	schema := dtype.Schema{{Name: "w", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	for name, dicts := range map[string][]*chunk.Dict{"one": {words(100, 0)}, "two that share": {words(100, 0), words(100, 50)}, "a large one of few rows": {words(300_000, 0), words(3, 7)},
		"more than a dictionary holds": {words(90_000, 0), words(90_000, 90_000), words(400_000, 0)}} {
		var out bytes.Buffer
		tk := newTask(1 << 30)
		w, err := newFileWriter(tk, &out, schema, WriteOptions{Codec: "none"})
		if err != nil {
			t.Fatal(err)
		}
		var want [][]any
		for k := range 40 {
			d := dicts[k%len(dicts)]
			v := chunk.Vec{Type: schema[0].Type, N: 4096, Dict: d, Valid: make([]uint64, 64)}
			codes := make([]uint32, 4096)
			for i := range codes {
				codes[i] = uint32((i*7919 + k*104729) % d.Values.N)
				if i%5 != 0 || k%3 == 0 {
					v.Valid[i>>6] |= 1 << (i & 63)
					want = append(want, []any{d.Values.Text(int(codes[i]))})
				} else {
					want = append(want, []any{nil})
				}
			}
			if k%3 == 0 {
				v.Valid = nil
			}
			v.Data = chunk.Bytes(codes)
			if err := w.push(&chunk.Batch{Cols: []chunk.Vec{v}, N: v.N}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.finish(); err != nil {
			t.Fatal(err)
		}
		w.close()
		got, _, err := readFile(t, saved(t, out.Bytes()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, name, got.got, want)
		if used := tk.Used(); used != 0 {
			t.Errorf("%s: %d bytes are still taken", name, used)
		}
		if name == "one" && got.dict == 0 {
			t.Error("text of a hundred words was written without a dictionary")
		}
	}
}

// TestDictionaryWherePays looks at the encodings that were chosen.
func TestDictionaryWherePays(t *testing.T) {
	n := 60_000
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "few", Type: i64}, {Name: "unique", Type: i64}, {Name: "some", Type: str}, {Name: "late", Type: str}}, nil))
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i % 7))
		b.Field(1).(*array.Int64Builder).Append(int64(i) * 7919)
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprint("key", i*7919%5000))
		late := "x" // then a dictionary grows beyond what it should have
		if i > n/2 {
			late = fmt.Sprintf("%0100d", i)
		}
		b.Field(3).(*array.StringBuilder).Append(late)
	}
	f := openFile(t, mustWrite(t, b.NewRecord(), WriteOptions{Codec: "none"}))
	for leaf, want := range []string{"dictionary", "plain", "dictionary", "both"} {
		pages, err := f.Pages(0, leaf, mem.Heap)
		if err != nil {
			t.Fatal(err)
		}
		dict, plain, coded := false, 0, 0
		for {
			h, err := pages.Next()
			if err != nil {
				break
			}
			switch {
			case h.Dict:
				dict = true
			case h.Encoding == guard.Plain:
				plain++
			case h.Encoding == guard.RLEDict:
				coded++
			}
		}
		got := map[bool]string{true: "dictionary", false: "plain"}[dict]
		if dict && plain > 0 {
			got = "both"
		}
		if got != want {
			t.Errorf("column %d: %s, want %s (%d plain pages, %d of codes)", leaf, got, want, plain, coded)
		}
	}
}

func openFile(t testing.TB, path string) *guard.File {
	t.Helper()
	p, _, err := Describe(t.Context(), []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := open(t.Context(), p.Files[0].Info)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func scattered(i int) int64 { return int64(uint64(i) * 0x9e3779b97f4a7c15 >> 1) }

// TestIndexesAreUsed reads few rows by statistics, page indexes and bloom filters of written files.
func TestIndexesAreUsed(t *testing.T) {
	n := 100_000
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "i", Type: i64}, {Name: "s", Type: str, Nullable: true}, {Name: "h", Type: i64},
		{Name: "f", Type: f64}, {Name: "d", Type: &arrow.Decimal128Type{Precision: 30, Scale: 2}}, {Name: "t", Type: arrow.FixedWidthTypes.Boolean}}, nil))
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		if i%10 == 0 || i >= 40_000 && i < 70_000 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("%s%06d", strings.Repeat("é", 60), i))
		}
		b.Field(2).(*array.Int64Builder).Append(scattered(i))
		b.Field(3).(*array.Float64Builder).Append(float64(i) / 2)
		if err := b.Field(4).AppendValueFromString(fmt.Sprint(i - n/2)); err != nil {
			t.Fatal(err)
		}
		b.Field(5).(*array.BooleanBuilder).Append(i > n-1000)
	}
	rec := b.NewRecord()
	for _, o := range []WriteOptions{{RowGroupRows: 50_000, Columns: []ColumnOptions{{Name: "h", Bloom: true}, {Name: "s", Bloom: true}}}, {RowGroupRows: 50_000, PageV2: true, Columns: []ColumnOptions{{Name: "h", Bloom: true}, {Name: "s", Bloom: true}}}} {
		path := mustWrite(t, rec, o)
		p, _, err := Describe(t.Context(), []string{path}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			where string
			rows  int
			count string // a figure that must not be 0
		}{
			{"i == 77777", 1, "rows left out by the page index"}, {"i >= 50000", 50_000, "rows left out by statistics"}, {"f < 3.5", 7, "rows left out by the page index"},
			{fmt.Sprintf("h == %d", scattered(99)), 1, "rows left out by bloom filters"}, {"h == 12345", 0, "rows left out by bloom filters"},
			{fmt.Sprintf("s == %q", strings.Repeat("é", 60)+"000017"), 1, "rows left out by bloom filters"}, {"is_null(s)", 10_000 + 27_000, ""}, {"t", 999, ""},
			{"i < 0", 0, "rows left out by statistics"},
		} {
			e, err := expr.Parse(c.where)
			if err != nil {
				t.Fatal(err)
			}
			q, _ := filter(p, e)
			got, tk, err := read(t, q, 1<<28)
			if err != nil || len(got.got) != c.rows {
				t.Errorf("%s: %d rows, %v", c.where, len(got.got), err)
			}
			if c.count != "" && tk.counts[c.count] == 0 {
				t.Errorf("%s: %v", c.where, tk.counts)
			}
		}
		f := openFile(t, path)
		for leaf := range 6 {
			x, err := f.PageIndex(0, leaf)
			if err != nil || x == nil || len(x.Rows) < 2 || x.Stats == nil {
				t.Fatalf("leaf %d: %+v, %v", leaf, x, err)
			}
		}
	}
}

// TestShortOfMemory holds that a row group ends where memory does, and that the rows are the same.
func TestShortOfMemory(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	rec := table(80_000, 9, 1<<30)
	want := valuesOf(t, rec)
	roomy, err := writeRecord(rec, WriteOptions{Codec: "none"}, 1<<30, 4096)
	if err != nil {
		t.Fatal(err)
	}
	tight, err := writeRecord(rec, WriteOptions{Codec: "none"}, 14<<20, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := len(describedFile(t, roomy).Groups), len(describedFile(t, tight).Groups); a != 1 || b < 2 {
		t.Errorf("%d row groups with much memory, %d with little", a, b)
	}
	for _, raw := range [][]byte{roomy, tight} {
		got, _, err := readFile(t, saved(t, raw), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, "memory", got.got, want)
	}
	if _, err := writeRecord(rec, WriteOptions{}, 1<<20, 4096); !errors.Is(err, mem.ErrBudget) || !strings.Contains(err.Error(), `column "c`) {
		t.Errorf("a mebibyte: %v", err)
	}
}

// TestNothingOfMemory holds that a file is of its rows alone, and not of what was in the memory it was made in.
func TestNothingOfMemory(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	for _, nulls := range []int{0, 9} {
		for _, distinct := range []int{7, 1 << 30} {
			rec := table(10_001, nulls, distinct)
			for _, o := range effort.Some(2, []WriteOptions{{Codec: "none"}, {Codec: "snappy", PageV2: true, RowGroupRows: 3333}, {Codec: "none", Columns: []ColumnOptions{{Name: "c4", Encoding: "delta"}, {Name: "c10", Encoding: "byte_stream_split"}, {Name: "c11", Encoding: "delta", Bloom: true}}}}) {
				var first []byte
				for _, with := range []byte{0, 0xff, 0xa5} {
					got, err := writeOn(&poisoned{newTask(1 << 30), with}, rec, o, 4096)
					if err != nil {
						t.Fatal(err)
					}
					if first == nil {
						first = got
					}
					if !bytes.Equal(got, first) {
						t.Errorf("%+v, nulls %d, distinct %d: memory of %#x is seen in the file", o, nulls, distinct, with)
					}
				}
			}
		}
	}
}

// TestThreadsShortOfMemory holds that threads write wherever one has the memory for it: the same rows, and the same
// file where no row group need end early.
func TestThreadsShortOfMemory(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	options := map[int]WriteOptions{
		1: {Codec: "snappy"},
		5: {Codec: "snappy", RowGroupRows: 12_000, Columns: []ColumnOptions{{Name: "c4", Bloom: true}, {Name: "c11", Bloom: true}}},
	}
	for _, groups := range effort.Some(1, []int{5, 1}) {
		o := options[groups]
		rec := table([]int{150_000, 50_000}[min(1, groups-1)], 9, 1<<30)
		want := valuesOf(t, rec)
		checked := map[int]bool{} // by row groups
		for limit := int64(1 << 20); !checked[groups]; limit += limit / 8 {
			one, err := writeRecord(rec, o, limit, 4096)
			if err != nil {
				continue
			}
			many, err := writeOn(&threads{task: newTask(limit)}, rec, o, 4096)
			if err != nil {
				t.Fatalf("%d bytes are enough for one thread: %v", limit, err)
			}
			n := len(describedFile(t, many).Groups)
			alike := slices.EqualFunc(describedFile(t, one).Groups, describedFile(t, many).Groups, func(a, b Group) bool { return a.Rows == b.Rows })
			if n == groups && alike && !bytes.Equal(one, many) {
				t.Fatalf("%d bytes: another file of %d bytes, want %d", limit, len(many), len(one))
			}
			if !checked[n] {
				got, _, err := readFile(t, saved(t, many), Options{})
				if err != nil {
					t.Fatal(err)
				}
				sameRows(t, "little memory", got.got, want)
				checked[n] = true
			}
		}
		if groups == 1 && len(checked) < 3 {
			t.Errorf("files of so many row groups: %v", checked)
		}
	}
}

// long are columns whose pages end early: of lists, of texts, and of texts with a dictionary that is left in the middle of a page.
func long(t *testing.T, n int) []arrow.Array {
	t.Helper()
	coded := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: str}
	lists := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64)
	plain, dict := array.NewStringBuilder(memory.DefaultAllocator), array.NewBuilder(memory.DefaultAllocator, coded).(*array.BinaryDictionaryBuilder)
	for i := range n {
		lists.Append(i%5 > 0)
		for k := range i % 40 {
			lists.ValueBuilder().(*array.Int64Builder).Append(int64(i * k))
		}
		plain.Append(fmt.Sprint(i, strings.Repeat(" long", i%70)))
		if err := dict.AppendString(fmt.Sprintf("%0*d", 10+i/100, i)); err != nil {
			t.Fatal(err)
		}
	}
	return []arrow.Array{lists.NewArray(), plain.NewArray(), dict.NewArray()}
}

// TestThreadsWriteTheSame holds that a file does not depend on the threads that encode it, nor on how rows come.
func TestThreadsWriteTheSame(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	flat := table(30_000, 7, 3000)
	for _, a := range long(t, 30_000) {
		rec := array.NewRecord(arrow.NewSchema(append(flat.Schema().Fields(), arrow.Field{Name: "l", Type: a.DataType(), Nullable: true}), nil), append(slices.Clone(flat.Columns()), a), flat.NumRows())
		for _, o := range []WriteOptions{
			{RowGroupRows: 7001},
			{Codec: "snappy", RowGroupRows: 13_000, PageV2: true, Columns: []ColumnOptions{{Name: "c11", Bloom: true}, {Name: "c4", Bloom: true, Encoding: "plain"}}},
			{Codec: "none", Columns: []ColumnOptions{{Name: "c3", Encoding: "delta"}, {Name: "c10", Encoding: "byte_stream_split"}}},
		} {
			want, err := writeRecord(rec, o, 1<<30, 4096)
			if err != nil {
				t.Fatal(err)
			}
			for _, morsel := range effort.Some(1, []int{500, 4096, 30_000}) {
				got, err := writeOn(&threads{task: newTask(1 << 30)}, rec, o, morsel)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %+v in morsels of %d: another file of %d bytes, want %d, %v", a.DataType(), o, morsel, len(got), len(want), err)
				}
			}
		}
	}
}

// TestThreadsOnFullDisk holds that a disk that fills up is an error wherever it does, and that nothing stays taken.
func TestThreadsOnFullDisk(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	rec := table(20_000, 7, 3000)
	b, err := chunk.FromRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := chunk.FromArrowSchema(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	o := WriteOptions{Codec: "none", RowGroupRows: 4000}
	whole, err := writeRecord(rec, o, 1<<30, 4096)
	if err != nil {
		t.Fatal(err)
	}
	for left := len(magic); left <= len(whole); left += len(whole) / 40 {
		tk := &threads{task: newTask(1 << 30)}
		w, err := newFileWriter(tk, &fullDisk{left: left}, schema, o)
		if err == nil {
			err = w.push(b)
		}
		if err == nil {
			err = w.finish()
		}
		w.close()
		if full := left < len(whole); full != errors.Is(err, errFull) || !full && err != nil || tk.Used() != 0 {
			t.Errorf("%d bytes of %d fit: %v, %d bytes are still taken", left, len(whole), err, tk.Used())
		}
		tk.Trim()
	}
}

// TestRefusals refuses each allocation of a writer once: the rows are the same, and the file where only pages had to
// be compressed earlier, or the writer says that memory is short.
func TestRefusals(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	floats, texts := array.NewFloat64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 4*pageRows + 100 {
		floats.Append(float64(i) / 7)
		texts.Append(fmt.Sprintf("%.*s", 1+i/pageRows*7, "text that is longer by and by")) // so that pages grow
	}
	cols := []arrow.Array{floats.NewArray(), texts.NewArray()}
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "f", Type: cols[0].DataType()}, {Name: "s", Type: cols[1].DataType()}}, nil), cols, int64(cols[0].Len()))
	o := WriteOptions{Codec: "snappy", Columns: []ColumnOptions{{Name: "f", Encoding: "plain"}, {Name: "s", Encoding: "plain"}}}
	want, err := writeRecord(rec, o, 1<<30, 4096)
	if err != nil {
		t.Fatal(err)
	}
	rows := valuesOf(t, rec)
	var same, other, short int
	for k, end := int64(1), false; !end; k++ {
		var n atomic.Int64
		got, err := writeOn(&threads{newTask(1 << 30), func() bool { return n.Add(1) == k }}, rec, o, 4096)
		end = n.Load() < k
		switch {
		case errors.Is(err, mem.ErrBudget) && !end && strings.Count(err.Error(), "column") == 1:
			short++
		case err != nil:
			t.Fatal(err)
		case bytes.Equal(got, want):
			same++
		default:
			other++
			back, _, err := readFile(t, saved(t, got), Options{})
			if err != nil {
				t.Fatal(err)
			}
			sameRows(t, "a refusal", back.got, rows)
		}
	}
	if same < 10 || other < 4 {
		t.Errorf("%d files were the same, %d had more row groups, %d were refused", same, other, short)
	}
}

// TestRefusedAtTheEnd refuses what a row group needs beside its pages, bloom filters and memory in which pages wait to be
// written: those are made later, these are written at once, and the file is the same.
func TestRefusedAtTheEnd(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	numbers, texts := array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 5900 {
		numbers.Append(int64(i % 70))
		texts.Append(fmt.Sprintf("%0100d", i%100))
	}
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "n", Type: i64}, {Name: "s", Type: str}}, nil), []arrow.Array{numbers.NewArray(), texts.NewArray()}, 5900)
	b, err := chunk.FromRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := chunk.FromArrowSchema(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	group := int64(2000)
	write := func(refuse func() bool) ([]byte, error) {
		tk := &threads{task: newTask(1 << 30)}
		defer tk.Trim()
		var out bytes.Buffer
		w, err := newFileWriter(tk, &out, schema, WriteOptions{Codec: "snappy", RowGroupRows: group, Columns: []ColumnOptions{{Name: "n", Bloom: true}, {Name: "s", Bloom: true}}})
		if err != nil {
			return nil, err
		}
		w.atOnce = 250 // so short that dictionaries pay
		for _, step := range []func() error{func() error { return w.push(b) }, w.encode, w.pack, w.behind.Wait,
			func() error { tk.refuse = refuse; return w.writeGroup(true) }, func() error { tk.refuse = nil; return w.finish() }} {
			if err == nil {
				err = step()
			}
		}
		w.close()
		if tk.Used() != 0 {
			t.Errorf("%d bytes are still taken", tk.Used())
		}
		return out.Bytes(), err
	}
	want, err := write(nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := int64(0)
	for k := int64(1); asked == 0; k++ {
		var n atomic.Int64
		got, err := write(func() bool { return n.Add(1) == k })
		if n.Load() < k {
			asked = k - 1
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("refusal %d: another file of %d bytes, want %d, %v", k, len(got), len(want), err)
		}
	}
	const filters = 2
	if asked <= filters {
		t.Errorf("%d allocations, want two filters and memory for pages to be written later", asked)
	}
	for k := range asked {
		var n atomic.Int64
		got, err := write(func() bool { return n.Add(1) > k })
		if k < filters && !errors.Is(err, mem.ErrBudget) || k >= filters && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("all but %d are refused: another file of %d bytes, want %d, %v", k, len(got), len(want), err)
		}
	}
	// The first row group wants memory for dictionaries too. What was handed over for writing before an error is freed
	// once: which leaf asks first is up to the threads.
	group = 1 << 20
	if want, err = write(nil); err != nil {
		t.Fatal(err)
	}
	for n := range int64(4 * 12 * 12) {
		first, second := 1+n/4%12, 1+n/4/12
		var i atomic.Int64
		got, err := write(func() bool { k := i.Add(1); return k == first || k == second })
		if err != nil && !errors.Is(err, mem.ErrBudget) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("refusals %d and %d: another file of %d bytes, want %d, %v", first, second, len(got), len(want), err)
		}
	}
}

// TestLaterRowGroupsNeedNoMore holds that a row group is written with the memory that the one before it took, where
// others have taken all the rest meanwhile.
func TestLaterRowGroupsNeedNoMore(t *testing.T) {
	const n = 20_000
	numbers, texts := array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 3 * n {
		numbers.Append(int64(i % 7000))
		texts.Append(fmt.Sprint("text ", i*7919%500))
	}
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "n", Type: i64}, {Name: "s", Type: str}}, nil), []arrow.Array{numbers.NewArray(), texts.NewArray()}, 3*n)
	schema, err := chunk.FromArrowSchema(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, pages := range []int{1, 2, 5} {
		tk := &threads{task: newTask(1 << 30)}
		var out bytes.Buffer
		w, err := newFileWriter(tk, &out, schema, WriteOptions{Codec: "snappy", RowGroupRows: n})
		w.atOnce = n / pages
		for lo := int64(0); lo < 3*n && err == nil; lo += n / 4 {
			if lo == n {
				err = w.behind.Wait()
				tk.refuse = func() bool { return true }
			}
			b, e := chunk.FromRecord(rec.NewSlice(lo, lo+n/4))
			if err = errors.Join(err, e); err == nil {
				err = w.push(b)
			}
		}
		if err == nil {
			err = w.finish()
		}
		w.close()
		if err != nil || tk.Used() != 0 {
			t.Fatalf("%d pages: %v, %d bytes are still taken", pages, err, tk.Used())
		}
		got, _, err := readFile(t, saved(t, out.Bytes()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, fmt.Sprint(pages, " pages"), got.got, valuesOf(t, rec))
		tk.Trim()
	}
}

// TestWriteMistakes holds what is refused, and how.
func TestWriteMistakes(t *testing.T) {
	rec := small(t, "a", i64, `[1]`, "s", str, `["x"]`, "f", f64, `[1]`, "b", arrow.FixedWidthTypes.Boolean, `[true]`)
	for want, o := range map[string]WriteOptions{
		`codec "lzma"`: {Codec: "lzma"}, "RowGroupRows": {RowGroupRows: -1}, `no column "z"`: {Columns: []ColumnOptions{{Name: "z"}}},
		`encoding "rle"`: {Columns: []ColumnOptions{{Name: "a", Encoding: "rle"}}}, "byte_stream_split does not hold": {Columns: []ColumnOptions{{Name: "s", Encoding: "byte_stream_split"}}},
		"delta does not hold": {Columns: []ColumnOptions{{Name: "f", Encoding: "delta"}}},
	} {
		if _, err := writeRecord(rec, o, 1<<28, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	bad := (&WriteOptions{}).check(dtype.Schema{{Name: "d", Type: dtype.DecimalOf(5, -2)}})
	if !errors.Is(bad, guard.ErrUnsupported) || !strings.Contains(bad.Error(), `column "d"`) {
		t.Error(bad)
	}
	if err := (&WriteOptions{}).check(nil); err == nil {
		t.Error("a file without columns")
	}
	required := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "a", Type: i64}}, nil), []arrow.Array{small(t, "a", i64, `[1, null]`).Column(0)}, 2)
	if _, err := writeRecord(required, WriteOptions{}, 1<<28, 10); err == nil || !strings.Contains(err.Error(), `column "a": 1 nulls in a column whose type has none`) {
		t.Error(err)
	}
	tk := newTask(1 << 28)
	w, err := newFileWriter(tk, &fullDisk{left: 5000}, dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}}, WriteOptions{Codec: "none"})
	if err == nil {
		v := make([]int64, 4096)
		for i := range v {
			v[i] = int64(i) * 7919
		}
		err = w.push(&chunk.Batch{N: 4096, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: 4096, Data: chunk.Bytes(v)}}})
		if err == nil {
			err = w.finish()
		}
		w.close()
	}
	if !errors.Is(err, errFull) || tk.Used() != 0 {
		t.Errorf("a full disk: %v, %d bytes are still taken", err, tk.Used())
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{ left int }

func (f *fullDisk) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// TestCutBounds holds that bounds of long values hold.
func TestCutBounds(t *testing.T) {
	for _, c := range []string{strings.Repeat("a", 100), strings.Repeat("é", 60), strings.Repeat("\U0010FFFF", 30), strings.Repeat("\uD7FF", 40), "x" + strings.Repeat("\U0010FFFF", 30),
		strings.Repeat("\xff", 100), "b" + strings.Repeat("\xff", 100), "short"} {
		for _, text := range []bool{false, true} {
			lo, hi := cutBelow([]byte(c), text), cutAbove([]byte(c), text)
			if len(lo) > longest || string(lo) > c || !strings.HasPrefix(c, string(lo)) {
				t.Errorf("%q is not below %q", lo, c)
			}
			if hi != nil && (string(hi) <= c || len(hi) > longest) {
				t.Errorf("%q is not above %q", hi, c)
			}
			if hi == nil && !strings.HasPrefix(c, "\xff") && !strings.HasPrefix(c, "\U0010FFFF") {
				t.Errorf("nothing above %q", c)
			}
		}
	}
}

// FuzzWrite writes any bytes as columns and reads them back.
func FuzzWrite(f *testing.F) {
	f.Add([]byte("some text to begin with"), uint8(3), true)
	f.Add(bytes.Repeat([]byte{0, 255, 7}, 500), uint8(0), false)
	f.Fuzz(func(t *testing.T, b []byte, how uint8, v2 bool) {
		if len(b) > 1<<16 {
			return
		}
		ints, texts := array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
		lists := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int32)
		for i, x := range b {
			if x%5 == 4 {
				ints.AppendNull()
				texts.AppendNull()
				lists.AppendNull()
				continue
			}
			ints.Append(int64(x) << (x % 50))
			texts.Append(fmt.Sprintf("%.*s", int(x%40), b[i:]))
			lists.Append(true)
			for k := range x % 4 {
				lists.ValueBuilder().(*array.Int32Builder).Append(int32(x) - int32(k)*100)
			}
		}
		cols := []arrow.Array{ints.NewArray(), texts.NewArray(), lists.NewArray()}
		rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "i", Type: i64, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.Binary, Nullable: true}, {Name: "l", Type: cols[2].DataType(), Nullable: true}}, nil),
			[]arrow.Array{cols[0], array.NewBinaryData(array.NewData(arrow.BinaryTypes.Binary, len(b), cols[1].Data().Buffers(), nil, cols[1].NullN(), 0)), cols[2]}, int64(len(b)))
		o := WriteOptions{PageV2: v2, Codec: []string{"none", "snappy", "zstd", "lz4"}[how%4], RowGroupRows: int64(how/16) * 100}
		if how&4 != 0 {
			o.Columns = []ColumnOptions{{Name: "i", Encoding: "delta", Bloom: true}, {Name: "s", Encoding: "delta"}, {Name: "l", Encoding: "plain"}}
		}
		raw, err := writeRecord(rec, o, 1<<28, 1+int(how)*16)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := readFile(t, saved(t, raw), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, "fuzz", got.got, valuesOf(t, rec))
	})
}

// BenchmarkWrite encodes a table of all types that is in memory.
func BenchmarkWrite(b *testing.B) {
	rec := table(1<<18, 0, 5000)
	schema, _ := chunk.FromArrowSchema(rec.Schema())
	batch, err := chunk.FromRecord(rec)
	if err != nil {
		b.Fatal(err)
	}
	for _, codec := range []string{"none", "snappy", "zstd"} {
		b.Run(codec, func(b *testing.B) {
			b.SetBytes(batch.Bytes())
			for range b.N {
				w, err := newFileWriter(newTask(1<<30), &fullDisk{left: 1 << 40}, schema, WriteOptions{Codec: codec})
				if err == nil {
					err = w.push(batch)
				}
				if err == nil {
					err = w.finish()
				}
				if err != nil {
					b.Fatal(err)
				}
				w.close()
			}
		})
	}
}

// TestOneBlock reads files as one block, and as the blocks that they are cut into.
func TestOneBlock(t *testing.T) {
	dir := t.TempDir()
	rec := table(9000, 7, 50)
	b, err := writeRecord(rec, WriteOptions{RowGroupRows: 1000}, 1<<30, morselRows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range blockFiles + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.parquet", i)), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p, _, err := Describe(t.Context(), []string{filepath.Join(dir, "00*")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.Blocks = []int32{0, 3, 40, int32(len(p.Groups))}
	want, _, err := read(t, p, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	one, ok := oneBlock(p, 1<<30)
	if !ok || len(one.Blocks) != 2 || len(p.Blocks) != 4 {
		t.Fatal(ok, one.Blocks, p.Blocks)
	}
	got, _, err := read(t, one, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, "one block", got.got, want.got)
	all, _, err := Describe(t.Context(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	long := p
	long.Groups = slices.Clone(p.Groups)
	for i := range long.Groups {
		long.Groups[i].Rows = 1 << 40
	}
	for what, q := range map[string]ReadParams{"one block": one, "many files": all, "many splits": long} {
		if r, ok := oneBlock(q, 1<<30); ok || len(r.Blocks) != len(q.Blocks) {
			t.Errorf("%s: made one block", what)
		}
	}
	if _, ok := oneBlock(p, 1000); ok {
		t.Error("more bytes than may be are one block")
	}
}
