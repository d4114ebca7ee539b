package guard

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// seedRecord has a column of every kind of layout, n rows, with nulls.
func seedRecord(t testing.TB, n int, nested, views bool) arrow.Record {
	t.Helper()
	entry := arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		arrow.Field{Name: "y", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true})
	types := []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float32, arrow.FixedWidthTypes.Boolean,
		arrow.BinaryTypes.String, arrow.FixedWidthTypes.Timestamp_ms, &arrow.Decimal128Type{Precision: 20, Scale: 2},
		&arrow.FixedSizeBinaryType{ByteWidth: 3}}
	if nested {
		types = append(types, arrow.ListOf(arrow.PrimitiveTypes.Int32), entry, arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8),
			arrow.ListOf(entry))
	}
	if views {
		types = append(types, arrow.BinaryTypes.StringView, arrow.BinaryTypes.LargeString, arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8),
			arrow.ListViewOf(arrow.PrimitiveTypes.Int8), arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String),
			arrow.DenseUnionOf([]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int8, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, []int8{3, 5}),
			&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, arrow.Null)
	}
	r := rand.New(rand.NewSource(int64(n)))
	cols := map[string]arrow.Array{}
	var order []string
	for i, typ := range types {
		b := array.NewBuilder(memory.DefaultAllocator, typ)
		for k := range n {
			fill(b, r, k)
		}
		name := string(rune('a' + i))
		cols[name], order = b.NewArray(), append(order, name)
	}
	return recordOf(cols, order...)
}

// fill appends one value of any type.
func fill(b array.Builder, r *rand.Rand, k int) {
	if k%5 == 3 {
		b.AppendNull()
		return
	}
	word := "word number " + string(rune('a'+r.Intn(20)))
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(word[:r.Intn(len(word))])
	case *array.LargeStringBuilder:
		b.Append(word)
	case *array.StringViewBuilder:
		b.Append(word[:r.Intn(len(word))] + word)
	case *array.BinaryDictionaryBuilder:
		_ = b.AppendString(word)
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte(word[:3]))
	case *array.ListBuilder:
		b.Append(true)
		fillSome(b.ValueBuilder(), r, r.Intn(4))
	case *array.ListViewBuilder:
		k := r.Intn(4)
		b.AppendWithSize(true, k)
		fillSome(b.ValueBuilder(), r, k)
	case *array.FixedSizeListBuilder:
		b.Append(true)
		fillSome(b.ValueBuilder(), r, 2)
	case *array.MapBuilder:
		b.Append(true)
		for range r.Intn(3) {
			b.KeyBuilder().(*array.StringBuilder).Append(word)
			fill(b.ItemBuilder(), r, r.Intn(9))
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			fill(b.FieldBuilder(i), r, r.Intn(9))
		}
	case *array.RunEndEncodedBuilder:
		b.Append(1)
		b.ValueBuilder().(*array.StringBuilder).Append(word)
	case *array.DenseUnionBuilder:
		c := []int8{3, 5}[r.Intn(2)]
		b.Append(c)
		fill(b.Child(int(c-3)/2), r, r.Intn(9))
	default:
		if err := b.AppendValueFromString(plainText(b.Type(), r)); err != nil {
			b.AppendEmptyValue()
		}
	}
}

func fillSome(b array.Builder, r *rand.Rand, n int) {
	for range n {
		fill(b, r, r.Intn(9))
	}
}

func plainText(t arrow.DataType, r *rand.Rand) string {
	switch t.ID() {
	case arrow.BOOL:
		return []string{"true", "false"}[r.Intn(2)]
	case arrow.TIMESTAMP:
		return "2024-05-06T07:08:09Z"
	}
	return []string{"1", "12", "7", "100"}[r.Intn(4)]
}

// parquetSeeds are small files that differ in codec, encoding, page version and nesting.
func parquetSeeds(t testing.TB) [][]byte {
	t.Helper()
	flat, nested := seedRecord(t, 60, false, false), seedRecord(t, 40, true, false)
	out := [][]byte{writeParquet(t, parquetOptions{}, flat), writeParquet(t, parquetOptions{Codec: "snappy", NoDictionary: true}, flat),
		writeParquet(t, parquetOptions{Codec: "zstd", RowGroupRows: 25}, flat), writeParquet(t, parquetOptions{}, nested),
		writeParquet(t, parquetOptions{Codec: "snappy", RowGroupRows: 30}, nested)}
	keys := recordOf(map[string]arrow.Array{"i": ints(500, func(i int) bool { return i%50 == 7 }), "s": nested.Column(3)}, "i")
	for _, p := range [][]parquet.WriterProperty{
		{parquet.WithDictionaryDefault(false), parquet.WithEncoding(parquet.Encodings.DeltaBinaryPacked)},
		{parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Gzip), parquet.WithDataPageSize(200)},
		{parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Brotli)},
	} {
		out = append(out, arrowParquet(t, keys, p...))
	}
	words := recordOf(map[string]arrow.Array{"s": flat.Column(3)}, "s")
	for _, e := range []parquet.Encoding{parquet.Encodings.DeltaByteArray, parquet.Encodings.DeltaLengthByteArray} {
		out = append(out, arrowParquet(t, words, parquet.WithDictionaryDefault(false), parquet.WithEncoding(e)))
	}
	return out
}

// arrowParquet writes with Arrow's writer, for what the package's own has no option for.
func arrowParquet(t testing.TB, rec arrow.Record, props ...parquet.WriterProperty) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(rec.Schema(), &buf, parquet.NewWriterProperties(props...), pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(rec)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// ipcSeeds are small streams and files; the bool says which is a file.
func ipcSeeds(t testing.TB) (out [][]byte, isFile []bool) {
	t.Helper()
	rec := seedRecord(t, 30, true, true)
	for _, codec := range []string{"none", "lz4", "zstd"} {
		for _, f := range []bool{false, true} {
			out, isFile = append(out, writeIPC(t, IPCWriteOptions{File: f, Codec: codec}, rec, rec)), append(isFile, f)
		}
	}
	return out, isFile
}

// mutate damages a copy: single bits and bytes, numbers that matter, cuts and copied stretches.
func mutate(r *rand.Rand, seed []byte) []byte {
	b := bytes.Clone(seed)
	for range 1 + r.Intn(3) {
		at := r.Intn(len(b))
		switch r.Intn(7) {
		case 0:
			b[at] ^= 1 << r.Intn(8)
		case 1:
			b[at] = byte(r.Intn(256))
		case 2:
			b[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[r.Intn(5)]
		case 3:
			if len(b) > 8 {
				at = r.Intn(len(b) - 8)
				v := []uint64{0, 1, 1 << 31, 1<<31 - 1, 1<<32 - 1, 1 << 40, 1<<63 - 1, 1 << 63, 1<<64 - 1, uint64(r.Intn(1000))}[r.Intn(10)]
				binary.LittleEndian.PutUint64(b[at:], v)
			}
		case 4:
			if len(b) > 4 {
				binary.LittleEndian.PutUint32(b[r.Intn(len(b)-4):], r.Uint32())
			}
		case 5:
			n := r.Intn(min(64, len(b)-at) + 1)
			copy(b[at:at+n], b[r.Intn(len(b)-n+1):])
		case 6:
			if r.Intn(4) == 0 && len(b) > 50 {
				b = b[:len(b)-1-r.Intn(40)]
			}
		}
	}
	return b
}

func mutations(short bool) int {
	if short {
		return 300
	}
	return 1500
}

// TestMutatedParquet reads damaged files: no crash, no hang, allocation in bounds, and clear errors. Half of
// the damage goes into the footer, which would otherwise be hit rarely.
func TestMutatedParquet(t *testing.T) {
	seeds := parquetSeeds(t)
	for i, s := range seeds {
		if _, err := readParquet(s, Options{}); err != nil {
			t.Fatalf("seed %d: %v", i, err)
		}
	}
	r := rand.New(rand.NewSource(17))
	failed, n := 0, mutations(testing.Short())
	for i := range n {
		seed := seeds[i%len(seeds)]
		b := mutate(r, seed)
		if i%2 == 0 {
			cut := len(seed) - 8 - int(binary.LittleEndian.Uint32(seed[len(seed)-8:]))
			b = append(bytes.Clone(seed[:cut]), mutate(r, seed[cut:])...)
		}
		o := measured(t, "parquet", 10*time.Second, func() (int64, error) { return readParquet(b, Options{}) })
		if o.bytes > allocBound(len(b)) {
			t.Errorf("mutation %d: %d bytes of input made %d allocated (%v)", i, len(b), o.bytes, o.err)
		}
		if o.err != nil {
			failed++
			if !isClear(o.err) {
				t.Errorf("mutation %d: %v", i, o.err)
			}
		}
	}
	if failed < n/4 {
		t.Errorf("only %d of %d damaged files were refused", failed, n)
	}
	t.Logf("%d of %d refused", failed, n)
}

// TestMutatedIPC is the same for streams and files.
func TestMutatedIPC(t *testing.T) {
	seeds, isFile := ipcSeeds(t)
	for i, s := range seeds {
		if n, err := readIPC(s, isFile[i]); err != nil || n != 60 {
			t.Fatalf("seed %d: %d rows, %v", i, n, err)
		}
	}
	r := rand.New(rand.NewSource(18))
	failed, n := 0, mutations(testing.Short())
	for i := range n {
		k := i % len(seeds)
		b := mutate(r, seeds[k])
		o := measured(t, "ipc", 10*time.Second, func() (int64, error) { return readIPC(b, isFile[k]) })
		if o.bytes > allocBound(len(b)) {
			t.Errorf("mutation %d: %d bytes of input made %d allocated (%v)", i, len(b), o.bytes, o.err)
		}
		if o.err != nil {
			failed++
			if !isClear(o.err) {
				t.Errorf("mutation %d: %v", i, o.err)
			}
		}
	}
	if failed < n/3 {
		t.Errorf("only %d of %d damaged files were refused", failed, n)
	}
	t.Logf("%d of %d refused", failed, n)
}

// FuzzParquet looks for what the mutations miss: a panic, a hang or a wrong kind of error.
func FuzzParquet(f *testing.F) {
	for _, s := range parquetSeeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{PageValues: 1 << 16, Batch: 1 << 20, Footer: 1 << 20}
		if _, err := readParquet(b, Options{Limits: lim}); err != nil && !isClear(err) {
			t.Fatal(err)
		}
	})
}

// FuzzIPC reads the same bytes as a stream and as a file.
func FuzzIPC(f *testing.F) {
	seeds, _ := ipcSeeds(f)
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, isFile := range []bool{false, true} {
			if _, err := readIPC(b, isFile); err != nil && !isClear(err) {
				t.Fatal(err)
			}
		}
	})
}
