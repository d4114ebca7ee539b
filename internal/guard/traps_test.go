package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// The tests of this file show the traps of Arrow v17 that the package is there for. Each calls Arrow itself
// where that is safe in a test process, expects the fault, and then takes the package's road. When Arrow is
// replaced by a version without the fault, the first half fails and says which care can go.

func ints(n int, nulls func(i int) bool) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	for i := 0; i < n; i++ {
		if nulls(i) {
			b.AppendNull()
		} else {
			b.Append(int64(i))
		}
	}
	return b.NewArray()
}

func bools(n int, f func(i int) bool) arrow.Array {
	b := array.NewBooleanBuilder(memory.DefaultAllocator)
	for i := 0; i < n; i++ {
		b.Append(f(i))
	}
	return b.NewArray()
}

func call(t *testing.T, name string, args ...arrow.Array) arrow.Array {
	t.Helper()
	data := make([]compute.Datum, len(args))
	for i, a := range args {
		data[i] = compute.NewDatum(a)
	}
	out, err := compute.CallFunction(bg, name, nil, data...)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*compute.ArrayDatum).MakeArray()
}

// Trap: the validity of a sum of two slices at offsets that are multiples of 8 loses its last byte.
func TestTrapSlicedNulls(t *testing.T) {
	left, right := ints(4096, func(i int) bool { return i%11 == 3 }), ints(4096, func(i int) bool { return i%7 == 5 })
	wrong := func(a, b arrow.Array) (n int) {
		sum := call(t, "add", a, b)
		for i := 0; i < a.Len(); i++ {
			if sum.IsNull(i) != (a.IsNull(i) || b.IsNull(i)) {
				n++
			}
		}
		return n
	}
	raw := 0
	for off := int64(8); off <= 2048; off += 8 {
		a, b := array.NewSlice(left, off, off+1024), array.NewSlice(right, off, off+1024)
		raw += wrong(a, b)
		ra, err := Rebase(a)
		if err != nil {
			t.Fatal(err)
		}
		rb, err := Rebase(b)
		if err != nil {
			t.Fatal(err)
		}
		if n := wrong(ra, rb); n > 0 || ra.Data().Offset() != 0 || !array.Equal(ra, a) {
			t.Fatalf("offset %d: %d rows wrong after Rebase", off, n)
		}
	}
	if raw == 0 {
		t.Error("Arrow is right on aligned slices: Rebase before kernels is no longer needed")
	}
}

// Trap: boolean kernels lose the last eight rows of aligned slices even without nulls.
func TestTrapSlicedBooleans(t *testing.T) {
	all := bools(64, func(int) bool { return true })
	s := array.NewSlice(all, 8, 24)
	count := func(a arrow.Array) (n int) {
		for i := 0; i < a.Len(); i++ {
			if a.(*array.Boolean).Value(i) {
				n++
			}
		}
		return n
	}
	if n := count(call(t, "and", s, s)); n == 16 {
		t.Error("Arrow is right on aligned boolean slices")
	}
	r, err := Rebase(s)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(call(t, "and", r, r)); n != 16 {
		t.Errorf("%d of 16 true after Rebase", n)
	}
}

// Traps that the package avoids by not offering the function: equality of booleans is their conjunction, and
// filter loses boolean values behind nulls. The house has kernels of its own.
func TestTrapBooleanKernels(t *testing.T) {
	a, b := bools(4, func(i int) bool { return i >= 2 }), bools(4, func(i int) bool { return i%2 == 1 })
	eq := call(t, "equal", a, b).(*array.Boolean)
	if eq.Value(0) && !eq.Value(1) && !eq.Value(2) && eq.Value(3) {
		t.Error("Arrow compares booleans right")
	}
	r := rand.New(rand.NewSource(4))
	wrong := 0
	for range 200 {
		n := 1 + r.Intn(100)
		vb := array.NewBooleanBuilder(memory.DefaultAllocator)
		for range n {
			if r.Intn(4) == 0 {
				vb.AppendNull()
			} else {
				vb.Append(r.Intn(2) == 0)
			}
		}
		v, m := vb.NewArray().(*array.Boolean), bools(n, func(int) bool { return r.Intn(2) == 0 }).(*array.Boolean)
		got, err := compute.FilterArray(bg, v, m, *compute.DefaultFilterOptions())
		if err != nil {
			t.Fatal(err)
		}
		k, ok := 0, true
		for i := 0; i < n; i++ {
			if m.Value(i) {
				ok = ok && k < got.Len() && got.IsNull(k) == v.IsNull(i) && (v.IsNull(i) || got.(*array.Boolean).Value(k) == v.Value(i))
				k++
			}
		}
		if !ok {
			wrong++
		}
	}
	if wrong == 0 {
		t.Error("Arrow filters boolean columns with nulls right")
	}
}

// Cast must be right on any slice, for every pair of types the house uses.
func TestTrapCastOfSlices(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	for _, to := range []arrow.DataType{arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8} {
		src := ints(100, func(i int) bool { return i%5 == 2 })
		for range 100 {
			from := int64(r.Intn(100))
			s := array.NewSlice(src, from, from+int64(r.Intn(int(101-from))))
			got, err := Cast(bg, s, to, true)
			if err != nil {
				t.Fatal(err)
			}
			if got.Len() != s.Len() || !arrow.TypeEqual(got.DataType(), to) {
				t.Fatalf("%d slots of %s", got.Len(), got.DataType())
			}
			for i := 0; i < s.Len(); i++ {
				if got.IsNull(i) != s.IsNull(i) || s.IsValid(i) && got.ValueStr(i) != s.ValueStr(i) {
					t.Fatalf("to %s, slot %d: %s, want %s", to, i, got.ValueStr(i), s.ValueStr(i))
				}
			}
		}
	}
	big := arr(t, arrow.PrimitiveTypes.Int64, `[1, 1000]`)
	if _, err := Cast(bg, big, arrow.PrimitiveTypes.Int8, true); err == nil {
		t.Error("1000 became an int8 by a safe cast")
	}
	if got, err := Cast(bg, big, arrow.PrimitiveTypes.Int8, false); err != nil || got.(*array.Int8).Value(1) != -24 {
		t.Errorf("unsafe cast of 1000 to int8: %v, %v", got, err)
	}
	if _, err := Cast(bg, arr(t, arrow.BinaryTypes.String, `["2024-01-01"]`), arrow.FixedWidthTypes.Date32, true); !errors.Is(err, ErrUnsupported) {
		t.Errorf("string to date: %v", err)
	}
	d := arr(t, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `["x", null, "y", "x"]`)
	if got, err := Cast(bg, array.NewSlice(d, 1, 4), arrow.BinaryTypes.String, true); err != nil || got.String() != `[(null) "y" "x"]` {
		t.Errorf("dictionary to string: %v, %v", got, err)
	}
}

func twoColumns(t testing.TB, n int) arrow.Record {
	t.Helper()
	s := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range n {
		s.Append(strings.Repeat("v", i%17))
	}
	return recordOf(map[string]arrow.Array{"i": ints(n, func(i int) bool { return i%3 == 1 }), "s": s.NewArray()}, "i", "s")
}

// Trap: a page that does not decompress panics. Arrow's ReadTable does it on a goroutine of its own, which
// ends the process and so is not called here; GetRecordReader panics where it can be recovered.
func TestTrapPagePanics(t *testing.T) {
	raw := writeParquet(t, WriteOptions{Codec: "snappy"}, twoColumns(t, 5000))
	f, err := Open(bg, bytes.NewReader(raw), int64(len(raw)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(raw)
	for i := f.foot.groups[0].chunks[0].start() + 40; i < f.foot.groups[0].chunks[0].start()+400; i++ {
		broken[i] ^= 0x5a
	}
	panicked := func() (p bool) {
		defer func() { p = recover() != nil }()
		_, err := rawRecords(broken, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
		return err == nil && false
	}()
	if !panicked {
		t.Error("Arrow gives an error for a broken page")
	}
	_, err = readParquet(broken, Options{Name: "x.parquet"}, 0)
	var e *Error
	if !errors.As(err, &e) || e.File != "x.parquet" || e.RowGroup != 0 || e.Column != "i" || !errors.Is(err, ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

func rawRecords(b []byte, props pqarrow.ArrowReadProperties, mem memory.Allocator) (out []arrow.Record, err error) {
	f, err := file.NewParquetReader(bytes.NewReader(b), file.WithReadProps(parquet.NewReaderProperties(mem)))
	if err != nil {
		return nil, err
	}
	r, err := pqarrow.NewFileReader(f, props, mem)
	if err != nil {
		return nil, err
	}
	rr, err := r.GetRecordReader(bg, nil, nil)
	if err != nil {
		return nil, err
	}
	for rr.Next() {
		rr.Record().Retain()
		out = append(out, rr.Record())
	}
	return out, rr.Err()
}

// Trap: columns inside a struct are decoded on an errgroup goroutine even with Parallel false, where a panic
// cannot be recovered (so it is not shown here). This package builds structs itself: a broken page under one
// must come back as an error.
func TestTrapStructPanics(t *testing.T) {
	typ := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}, arrow.Field{Name: "b", Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	rec := recordOf(map[string]arrow.Array{"s": arr(t, typ, `[{"a":"aaaaaaaa","b":1},null,{"a":null,"b":2},{"a":"bbbb","b":null}]`)}, "s")
	raw := writeParquet(t, WriteOptions{NoDictionary: true}, rec)
	if got := collect(t, raw, Options{}, nil, 0)[0]; !sameValues(got.Column(0), rec.Column(0)) {
		t.Fatalf("%v", got)
	}
	f, err := Open(bg, bytes.NewReader(raw), int64(len(raw)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for i := f.foot.groups[0].chunks[0].start(); i < f.foot.groups[0].chunks[0].start()+f.foot.groups[0].chunks[0].compressed; i++ {
		for _, bit := range []byte{0x80, 0xff, 0x01} {
			broken := bytes.Clone(raw)
			broken[i] ^= bit
			if _, err := readParquet(broken, Options{}, 0); err != nil {
				failed++
				if !isClear(err) {
					t.Fatalf("byte %d: %v", i, err)
				}
			}
		}
	}
	if failed == 0 {
		t.Error("no broken byte was noticed")
	}
}

// Trap: pqarrow reads pages after it gave them back; under an allocator that reuses memory values are wrong.
// The package therefore always uses the default allocator, whose memory the garbage collector frees.
func TestTrapRecycledPages(t *testing.T) {
	rec := twoColumns(t, 20000)
	raw := writeParquet(t, WriteOptions{Codec: "snappy"}, rec)
	fault := caught("reading", func() error {
		recs, err := rawRecords(raw, pqarrow.ArrowReadProperties{BatchSize: 1000}, &poison{})
		if err != nil && err != io.EOF {
			return err
		}
		if len(recs) == 0 {
			return errors.New("no rows")
		}
		if got := join(t, recs); !sameValues(got.Column(0), rec.Column(0)) || !sameValues(got.Column(1), rec.Column(1)) {
			return errors.New("values differ")
		}
		return nil
	})
	if fault == nil {
		t.Error("pqarrow survives an allocator that overwrites freed memory: a pool could be used")
	}
	if got := collect(t, raw, Options{}, nil, 1000)[0]; !sameValues(got.Column(0), rec.Column(0)) || !sameValues(got.Column(1), rec.Column(1)) {
		t.Error("values differ")
	}
}

// poison overwrites what is freed, as a pool's next user would.
type poison struct{ memory.GoAllocator }

func (p *poison) Free(b []byte) {
	b = b[:cap(b)]
	for i := range b {
		b[i] = 0xdb
	}
}

// Traps: a dictionary read over two row groups fails with a bare "not implemented", and the normal end of a
// record reader is io.EOF as its error.
func TestTrapRecordReader(t *testing.T) {
	s := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 4000 {
		s.Append("key" + string(rune('a'+i%20)))
	}
	rec := recordOf(map[string]arrow.Array{"s": s.NewArray()}, "s")
	raw := writeParquet(t, WriteOptions{RowGroupRows: 1500}, rec)
	props := pqarrow.ArrowReadProperties{BatchSize: 1000}
	if _, err := rawRecords(raw, props, memory.DefaultAllocator); err != io.EOF {
		t.Errorf("the normal end of Arrow's reader is %v", err)
	}
	props.SetReadDict(0, true)
	if _, err := rawRecords(raw, props, memory.DefaultAllocator); err == nil || err == io.EOF {
		t.Error("Arrow reads dictionaries over row groups")
	}
	at := 0
	for _, got := range collect(t, raw, Options{ReadDict: true}, nil, 1000) {
		if got.Column(0).DataType().ID() != arrow.DICTIONARY {
			t.Fatalf("type %s", got.Column(0).DataType())
		}
		if !sameValues(got.Column(0), array.NewSlice(rec.Column(0), int64(at), int64(at)+got.NumRows())) {
			t.Error("values differ")
		}
		at += int(got.NumRows())
	}
	if at != 4000 {
		t.Errorf("%d rows", at)
	}
}

// Trap: a cancelled context gives rows, or nil with no error. Here it gives the context's error.
func TestTrapCancel(t *testing.T) {
	raw := writeParquet(t, WriteOptions{}, twoColumns(t, 5000))
	f, err := Open(bg, bytes.NewReader(raw), int64(len(raw)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(bg)
	n := 0
	err = f.ReadRowGroup(ctx, 0, nil, 1000, func(arrow.Record) error {
		if n++; n == 2 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 2 {
		t.Errorf("%d records, %v", n, err)
	}
	if err := f.ReadRowGroup(ctx, 0, nil, 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	if _, err := Open(ctx, bytes.NewReader(raw), int64(len(raw)), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("opening: %v", err)
	}
}

// Trap: a string array whose offsets do not start at 0 is written to IPC so that no reader takes it.
func TestTrapShiftedOffsets(t *testing.T) {
	offs := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{8, 12, 16}))
	data := array.NewData(arrow.BinaryTypes.String, 2, []*memory.Buffer{nil, offs, memory.NewBufferBytes([]byte("aaaabbbbccccdddd"))}, nil, 0, 0)
	rec := recordOf(map[string]arrow.Array{"s": array.MakeFromData(data)}, "s")
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(rec.Schema()))
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := readIPC(buf.Bytes(), false); err == nil {
		t.Error("Arrow writes shifted offsets right")
	}
	for _, isFile := range []bool{false, true} {
		got := ipcRecords(t, "shifted", writeIPC(t, IPCWriteOptions{File: isFile}, rec), isFile)
		if len(got) != 1 || got[0].Column(0).String() != `["cccc" "dddd"]` {
			t.Errorf("%v", got)
		}
	}
}

// Trap: writing a dictionary of timestamps to Parquet panics. The package writes the values.
func TestTrapDictionaryOfTimestamps(t *testing.T) {
	values := arr(t, arrow.FixedWidthTypes.Timestamp_us, `["2024-05-06T07:08:09.000001Z", "2023-01-02T03:04:05Z"]`)
	idx := arr(t, arrow.PrimitiveTypes.Int16, `[1, null, 0, 1]`)
	d := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: idx.DataType(), ValueType: values.DataType()}, idx, values)
	rec := recordOf(map[string]arrow.Array{"t": d}, "t")
	err := caught("writing", func() error {
		var buf bytes.Buffer
		w, err := pqarrow.NewFileWriter(rec.Schema(), &buf, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
		if err != nil {
			return err
		}
		return errors.Join(w.Write(rec), w.Close())
	})
	if err == nil {
		t.Error("Arrow writes dictionaries of timestamps")
	}
	got := collect(t, writeParquet(t, WriteOptions{}, rec), Options{}, nil, 0)[0].Column(0)
	for i, want := range []int64{1672628645000000, 0, 1714979289000001, 1672628645000000} {
		if got.IsNull(i) != (i == 1) || i != 1 && int64(got.(*array.Timestamp).Value(i)) != want {
			t.Errorf("slot %d: %v", i, got)
		}
	}
}

// Trap: Arrow's IPC reader allocates whatever length a message names. The lengths here are small enough to
// show it in process: 1 GiB for a stream of under a kilobyte.
func TestTrapIPCLengths(t *testing.T) {
	raw := writeIPC(t, IPCWriteOptions{}, twoColumns(t, 10))
	bodyLen := findBodyLength(t, raw)
	broken := bytes.Clone(raw)
	copy(broken[bodyLen:], []byte{0, 0, 0, 0x40, 0, 0, 0, 0})
	o := measured(t, "Arrow", 30e9, func() (int64, error) {
		r, err := ipc.NewReader(bytes.NewReader(broken))
		if err != nil {
			return 0, err
		}
		for r.Next() {
		}
		return 0, r.Err()
	})
	if o.bytes < 1<<30 {
		t.Errorf("Arrow allocates %d bytes only", o.bytes)
	}
	o = measured(t, "guard", 30e9, func() (int64, error) { return readIPC(broken, false) })
	if !isClear(o.err) || o.bytes > allocBound(len(broken)) {
		t.Errorf("%d bytes allocated, %v", o.bytes, o.err)
	}
}

// findBodyLength gives where the body length of the first record batch is stored.
func findBodyLength(t *testing.T, raw []byte) int {
	t.Helper()
	r := bytes.NewReader(raw)
	for {
		start := len(raw) - r.Len()
		m, err := readMessage(r, Limits{}.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		if m.kind == msgBatch {
			return start + 8 + m.head.f.root().at(3, 8)
		}
	}
}
