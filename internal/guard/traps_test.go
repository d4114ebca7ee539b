package guard

import (
	"bytes"
	"errors"
	"math/rand"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
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

func twoColumns(t testing.TB, n int) arrow.Record {
	t.Helper()
	s := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range n {
		s.Append(strings.Repeat("v", i%17))
	}
	return recordOf(map[string]arrow.Array{"i": ints(n, func(i int) bool { return i%3 == 1 }), "s": s.NewArray()}, "i", "s")
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
