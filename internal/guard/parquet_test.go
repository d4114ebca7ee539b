package guard

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
)

func open(t testing.TB, raw []byte, opt Options) *File {
	t.Helper()
	f, err := Open(bg, bytes.NewReader(raw), int64(len(raw)), opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRoundTrip writes every writable type in every codec and reads it back in several batch lengths.
func TestRoundTrip(t *testing.T) {
	types := []arrow.DataType{arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16,
		arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16,
		arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.FixedWidthTypes.Float16, arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeString,
		arrow.BinaryTypes.LargeBinary, &arrow.FixedSizeBinaryType{ByteWidth: 3}, arrow.FixedWidthTypes.Date32,
		arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Timestamp_us,
		arrow.FixedWidthTypes.Timestamp_ns, &arrow.TimestampType{Unit: arrow.Millisecond}, &arrow.Decimal128Type{Precision: 20, Scale: 3},
		&arrow.Decimal256Type{Precision: 50, Scale: 3}}
	src := map[string]arrow.Array{}
	var order []string
	rec := seedRecord(t, 300, true, false)
	for i := range rec.Columns() {
		name := "nested" + rec.ColumnName(i)
		src[name], order = rec.Column(i), append(order, name)
	}
	for _, typ := range types {
		b := array.NewBuilder(memory.DefaultAllocator, typ)
		for k := range 300 {
			switch {
			case k%7 == 3:
				b.AppendNull()
			case typ.ID() == arrow.FIXED_SIZE_BINARY:
				b.(*array.FixedSizeBinaryBuilder).Append([]byte{byte(k), 1, 2})
			default:
				text := fmt.Sprint(k % 100)
				switch typ.ID() {
				case arrow.BOOL:
					text = []string{"true", "false"}[k%2]
				case arrow.DATE32:
					text = fmt.Sprintf("2024-01-%02d", 1+k%28)
				case arrow.TIME32, arrow.TIME64:
					text = fmt.Sprintf("10:20:%02d", k%60)
				case arrow.TIMESTAMP:
					text = fmt.Sprintf("2024-01-02T03:04:%02dZ", k%60)
				case arrow.BINARY, arrow.LARGE_BINARY:
					text = "YWJj"
				}
				if err := b.AppendValueFromString(text); err != nil {
					t.Fatalf("%s: %v", typ, err)
				}
			}
		}
		src[typ.String()], order = b.NewArray(), append(order, typ.String())
	}
	whole := recordOf(src, order...)
	for _, opt := range []WriteOptions{{}, {Codec: "snappy", RowGroupRows: 100}, {Codec: "zstd", NoDictionary: true, RowGroupRows: 130}} {
		raw := writeParquet(t, opt, whole.NewSlice(0, 77), whole.NewSlice(77, 77), whole.NewSlice(77, 300))
		if f := open(t, raw, Options{}); opt.RowGroupRows > 0 && f.NumRowGroups() != 3 {
			t.Errorf("%+v: %d row groups", opt, f.NumRowGroups())
		}
		for _, batch := range []int{0, 1, 64} {
			got := join(t, collect(t, raw, Options{}, nil, batch))
			for i, name := range order {
				if !sameValues(got.Column(i), whole.Column(i)) {
					t.Errorf("%+v, batches of %d: column %s differs\n%v\n%v", opt, batch, name, got.Column(i), whole.Column(i))
				}
			}
		}
	}
}

// TestWriterRefusals holds that what cannot be written is refused before a byte is lost.
func TestWriterRefusals(t *testing.T) {
	for _, typ := range []arrow.DataType{arrow.FixedWidthTypes.Duration_s, arrow.BinaryTypes.StringView, arrow.LargeListOf(arrow.PrimitiveTypes.Int8),
		arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int8), arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8),
		arrow.FixedWidthTypes.MonthInterval, arrow.StructOf(), arrow.ListOf(arrow.FixedWidthTypes.Duration_s),
		arrow.SparseUnionOf([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int8}}, []int8{0})} {
		_, err := NewWriter(&bytes.Buffer{}, arrow.NewSchema([]arrow.Field{{Name: "col", Type: typ}}, nil), WriteOptions{})
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "column col") {
			t.Errorf("%s: %v", typ, err)
		}
	}
	sc := arrow.NewSchema([]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	if _, err := NewWriter(&bytes.Buffer{}, sc, WriteOptions{Codec: "lzma"}); err == nil || !strings.Contains(err.Error(), `"lzma"`) {
		t.Errorf("codec: %v", err)
	}
	w, err := NewWriter(&bytes.Buffer{}, sc, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(twoColumns(t, 3)); err == nil || !strings.Contains(err.Error(), "schema") {
		t.Errorf("another schema: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(twoColumns(t, 3)); err == nil || !strings.Contains(err.Error(), "after close") {
		t.Errorf("after close: %v", err)
	}
	failing, err := NewWriter(&failAfter{n: 200}, twoColumns(t, 1).Schema(), WriteOptions{NoDictionary: true})
	if err == nil {
		err = failing.Write(twoColumns(t, 20000))
		if err == nil {
			err = failing.Close()
		}
	}
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("a failing writer: %v", err)
	}
}

type failAfter struct{ n int }

func (f *failAfter) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

// TestProjection reads some columns; of a nested field all leaves come.
func TestProjection(t *testing.T) {
	rec := seedRecord(t, 50, true, false)
	f := open(t, writeParquet(t, WriteOptions{}, rec), Options{})
	leaves := f.Leaves()
	if len(leaves) <= int(rec.NumCols()) || leaves[3].Path != "d" || leaves[3].Physical != "BYTE_ARRAY" {
		t.Fatalf("%+v", leaves)
	}
	st := f.LeavesOf(8) // struct<x, y: list>
	if len(st) != 2 || !leaves[st[0]].Nested || leaves[st[1]].MaxRep != 1 {
		t.Fatalf("leaves %v of the struct", st)
	}
	var got arrow.Record
	if err := f.ReadRowGroup(bg, 0, []int{st[1], 3, 0, 3}, 0, func(r arrow.Record) error { got = r; return nil }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 3, 8} {
		if got.NumCols() != 3 || !sameValues(got.Column(i), rec.Column(want)) || got.ColumnName(i) != rec.ColumnName(want) {
			t.Errorf("column %d of %v", i, got.Schema())
		}
	}
	boom := errors.New("boom")
	if err := f.ReadRowGroup(bg, 0, nil, 10, func(arrow.Record) error { return boom }); err != boom {
		t.Errorf("the callback's error became %v", err)
	}
	for _, bad := range []func() error{
		func() error { return f.ReadRowGroup(bg, 1, nil, 0, nil) },
		func() error { return f.ReadRowGroup(bg, 0, []int{99}, 0, nil) },
		func() error { return f.ReadRowGroup(bg, 0, []int{}, 0, nil) },
	} {
		var e *Error
		if err := bad(); !errors.As(err, &e) {
			t.Errorf("%v", err)
		}
	}
}

// TestConcurrentReads reads row groups of one File from many goroutines.
func TestConcurrentReads(t *testing.T) {
	rec := seedRecord(t, 400, true, false)
	f := open(t, writeParquet(t, WriteOptions{Codec: "zstd", RowGroupRows: 50}, rec), Options{ReadDict: true})
	var wg sync.WaitGroup
	for g := range f.NumRowGroups() {
		for range 2 {
			wg.Go(func() {
				err := f.ReadRowGroup(bg, g, nil, 0, func(r arrow.Record) error {
					for i := range r.Columns() {
						if !sameValues(r.Column(i), array.NewSlice(rec.Column(i), int64(g)*50, int64(g)*50+50)) {
							t.Errorf("row group %d, column %d differs", g, i)
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

// TestReadDict keeps dictionaries only where all pages of a chunk have them.
func TestReadDict(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 20000 {
		if i < 10000 {
			b.Append(fmt.Sprint("few", i%7))
		} else {
			b.Append(fmt.Sprint("many different values ", i)) // grows beyond the dictionary's limit
		}
	}
	rec := recordOf(map[string]arrow.Array{"s": b.NewArray()}, "s")
	raw := arrowParquet(t, rec, parquet.WithMaxRowGroupLength(10000), parquet.WithDictionaryPageSizeLimit(4096))
	var kinds []arrow.Type
	at := int64(0)
	for _, r := range collect(t, raw, Options{ReadDict: true}, nil, 512) {
		kinds = append(kinds, r.Column(0).DataType().ID())
		if !sameValues(r.Column(0), array.NewSlice(rec.Column(0), at, at+r.NumRows())) {
			t.Error("values differ")
		}
		at += r.NumRows()
	}
	if len(kinds) != 2 || kinds[0] != arrow.DICTIONARY || kinds[1] != arrow.STRING || at != 20000 {
		t.Errorf("types %v, %d rows", kinds, at)
	}
}

// TestDictionaryBomb holds that one long dictionary entry, repeated by a few bytes, does not make records of
// any size: batches get shorter.
func TestDictionaryBomb(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	d := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
		arr(t, arrow.PrimitiveTypes.Int32, "["+strings.Repeat("0,", 4999)+"0]"), arr(t, arrow.BinaryTypes.String, `["`+long+`"]`))
	rec := recordOf(map[string]arrow.Array{"s": d}, "s")
	raw := arrowParquet(t, rec)
	if len(raw) > 3<<20 {
		t.Fatalf("the file has %d bytes", len(raw))
	}
	f := open(t, raw, Options{Limits: Limits{Batch: 8 << 20}})
	most, rows := int64(0), int64(0)
	err := f.ReadRowGroup(bg, 0, nil, 65536, func(r arrow.Record) error {
		most, rows = max(most, r.NumRows()), rows+r.NumRows()
		if rows >= 100 {
			return errors.New("enough")
		}
		return nil
	})
	if err == nil || err.Error() != "enough" || most != 8 {
		t.Errorf("records of up to %d rows of a mebibyte, %v", most, err)
	}
	kept := open(t, raw, Options{ReadDict: true, Limits: Limits{Batch: 8 << 20}})
	o := measured(t, "kept", 30e9, func() (n int64, err error) {
		err = kept.ReadRowGroup(bg, 0, nil, 65536, func(r arrow.Record) error { n += r.NumRows(); return nil })
		return n, err
	})
	if o.err != nil || o.rows != 5000 || o.bytes > 64<<20 {
		t.Errorf("%+v", o)
	}
}

// TestLimits holds every limit.
func TestLimits(t *testing.T) {
	rec := twoColumns(t, 3000)
	raw := writeParquet(t, WriteOptions{NoDictionary: true}, rec)
	for _, c := range []struct {
		lim Limits
		say string
	}{
		{Limits{Footer: 100}, "the footer has"},
		{Limits{Page: 1000}, "a page has"},
		{Limits{PageValues: 100}, "a page says 3000 values, the limit is 100"},
	} {
		_, err := readParquet(raw, Options{Limits: c.lim}, 0)
		if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c.lim, err)
		}
	}
	data := writeIPC(t, IPCWriteOptions{Codec: "zstd"}, rec)
	for _, c := range []struct {
		lim Limits
		say string
	}{{Limits{Footer: 10}, "a message header of"}, {Limits{Body: 100}, "a message body of"}, {Limits{Body: 20000}, "the buffers of a message need"}} {
		r, err := NewIPCStream(bytes.NewReader(data), IPCOptions{Limits: c.lim})
		if err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c.lim, err)
		}
	}
}

func le32(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }

// TestStats holds each rule of what is trusted.
func TestStats(t *testing.T) {
	str := leaf{Leaf: Leaf{MaxDef: 1}, typ: physBytes, logical: logicalString}
	i32 := leaf{Leaf: Leaf{MaxDef: 1}, typ: physInt32}
	u32 := leaf{Leaf: Leaf{MaxDef: 1}, typ: physInt32, logical: logicalUint}
	f32 := leaf{Leaf: Leaf{MaxDef: 1}, typ: physFloat}
	dec := leaf{Leaf: Leaf{MaxDef: 1}, typ: physFixed, typeLen: 4, logical: logicalDecimal}
	f := func(v float64) []byte { return le32(math.Float32bits(float32(v))) }
	negZero := math.Copysign(0, -1)
	for _, c := range []struct {
		name     string
		l        leaf
		s        rawStats
		ordered  bool
		min, max any
		nulls    int64
	}{
		{"string", str, rawStats{min: []byte("a"), max: []byte("b"), nulls: 3, hasNulls: true}, true, "a", "b", 3},
		{"old string", str, rawStats{oldMin: []byte("a"), oldMax: []byte("b")}, false, nil, nil, -1},
		{"string without order", str, rawStats{min: []byte("a"), max: []byte("b")}, false, nil, nil, -1},
		{"int", i32, rawStats{min: le32(0xffffffff), max: le32(5)}, true, int64(-1), int64(5), -1},
		{"old int", i32, rawStats{oldMin: le32(0xffffffff), oldMax: le32(5)}, false, int64(-1), int64(5), -1},
		{"uint", u32, rawStats{min: le32(5), max: le32(0xffffffff)}, true, uint64(5), uint64(math.MaxUint32), -1},
		{"old uint", u32, rawStats{oldMin: le32(5), oldMax: le32(0xffffffff)}, false, nil, nil, -1},
		{"wrong way", i32, rawStats{min: le32(6), max: le32(5)}, true, nil, nil, -1},
		{"wrong width", i32, rawStats{min: le32(6)[:3], max: le32(8)}, true, nil, nil, -1},
		{"half", i32, rawStats{min: le32(6)}, true, nil, nil, -1},
		{"float", f32, rawStats{min: f(-2), max: f(3)}, true, -2.0, 3.0, -1},
		{"zero", f32, rawStats{min: f(0), max: f(negZero)}, true, negZero, 0.0, -1},
		{"nan", f32, rawStats{min: f(math.NaN()), max: f(3)}, true, nil, nil, -1},
		{"nan above", f32, rawStats{min: f(1), max: f(math.NaN())}, true, nil, nil, -1},
		{"decimal bytes", dec, rawStats{min: le32(1), max: le32(2)}, true, nil, nil, -1},
		{"negative nulls", i32, rawStats{nulls: -7, hasNulls: true}, true, nil, nil, -1},
		{"too many nulls", i32, rawStats{nulls: 101, hasNulls: true}, true, nil, nil, -1},
		{"required", leaf{typ: physInt32}, rawStats{nulls: 9, hasNulls: true}, true, nil, nil, 0},
	} {
		got := statsOf(&chunkMeta{values: 100, stats: c.s, hasStats: true}, &c.l, c.ordered)
		if got.NullCount != c.nulls || fmt.Sprintf("%T%v %T%v", got.Min, got.Min, got.Max, got.Max) != fmt.Sprintf("%T%v %T%v", c.min, c.min, c.max, c.max) {
			t.Errorf("%s: %+v, want %v, %v, %d nulls", c.name, got, c.min, c.max, c.nulls)
		}
		if got.HasBounds() != (c.min != nil) {
			t.Errorf("%s: HasBounds %v", c.name, got.HasBounds())
		}
	}
}

// TestStatsOfFile compares the statistics of a written file with its values.
func TestStatsOfFile(t *testing.T) {
	rec := twoColumns(t, 1000)
	f := open(t, writeParquet(t, WriteOptions{Codec: "snappy", RowGroupRows: 300}, rec), Options{})
	for g := range f.NumRowGroups() {
		rg := f.RowGroup(g)
		lo, hi, nulls := int64(math.MaxInt64), int64(math.MinInt64), int64(0)
		for i := int64(g) * 300; i < int64(g)*300+rg.Rows; i++ {
			if c := rec.Column(0).(*array.Int64); c.IsNull(int(i)) {
				nulls++
			} else {
				lo, hi = min(lo, c.Value(int(i))), max(hi, c.Value(int(i)))
			}
		}
		s := rg.Chunks[0].Stats
		if s.Min != lo || s.Max != hi || s.NullCount != nulls {
			t.Errorf("row group %d: %+v, want %d, %d, %d nulls", g, s, lo, hi, nulls)
		}
		c := rg.Chunks[1]
		if c.Stats.Min != "" || c.Stats.Max != strings.Repeat("v", 16) || c.Codec != "SNAPPY" || c.Values != rg.Rows || len(c.Encodings) == 0 ||
			c.Compressed <= 0 || c.Uncompressed < c.Compressed/2 || rg.Compressed <= c.Compressed {
			t.Errorf("row group %d: %+v", g, c)
		}
	}
	if f.Rows() != 1000 || f.NumRowGroups() != 4 || !strings.HasPrefix(f.CreatedBy(), "weft") {
		t.Errorf("%d rows in %d row groups by %q", f.Rows(), f.NumRowGroups(), f.CreatedBy())
	}
}

// TestFailingReader holds that an I/O error comes through as what it is, not as corruption.
func TestFailingReader(t *testing.T) {
	raw := writeParquet(t, WriteOptions{}, twoColumns(t, 100))
	f := open(t, raw, Options{})
	f.src = failingReader{}
	err := f.ReadRowGroup(bg, 0, nil, 0, func(arrow.Record) error { return nil })
	if !errors.Is(err, errUnplugged) || errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
	if _, err := OpenFile(bg, t.TempDir()+"/missing.parquet", Options{}); err == nil || !strings.Contains(err.Error(), "missing.parquet") {
		t.Errorf("%v", err)
	}
}

var errUnplugged = errors.New("unplugged")

type failingReader struct{}

func (failingReader) ReadAt([]byte, int64) (int, error) { return 0, errUnplugged }

// TestCodecBounds holds that no codec allocates for a size that its input cannot hold.
func TestCodecBounds(t *testing.T) {
	for codec := int64(0); codec <= codecLZ4Raw; codec++ {
		if !knownCodec(codec) {
			if _, err := decompress(codec, nil, nil, 10); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %v", codecName(codec), err)
			}
			continue
		}
		for _, src := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 40), {0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0, 0, 0, 0x10, 1, 0, 0}} {
			o := measured(t, codecName(codec), 10e9, func() (int64, error) {
				_, err := decompress(codec, nil, src, 200<<20)
				return 0, err
			})
			if !errors.Is(o.err, ErrCorrupt) || o.bytes > 8<<20 {
				t.Errorf("%s of %d bytes: %v, %d bytes allocated", codecName(codec), len(src), o.err, o.bytes)
			}
		}
	}
}

func BenchmarkReadRowGroup(b *testing.B) {
	rec := twoColumns(b, 200000)
	raw := writeParquet(b, WriteOptions{Codec: "snappy"}, rec)
	f := open(b, raw, Options{})
	b.ReportAllocs()
	for b.Loop() {
		n := int64(0)
		if err := f.ReadRowGroup(bg, 0, nil, 0, func(r arrow.Record) error { n += r.NumRows(); return nil }); err != nil || n != 200000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.N)*200000/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkArrowReader is the same by Arrow alone.
func BenchmarkArrowReader(b *testing.B) {
	rec := twoColumns(b, 200000)
	raw := writeParquet(b, WriteOptions{Codec: "snappy"}, rec)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := arrowTable(raw); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*200000/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
