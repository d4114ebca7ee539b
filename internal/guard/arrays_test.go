package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

func buf32(v ...int32) *memory.Buffer {
	return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(v))
}
func buf8(v ...byte) *memory.Buffer { return memory.NewBufferBytes(v) }
func data(t arrow.DataType, n int, nulls int, kids []arrow.ArrayData, bufs ...*memory.Buffer) *array.Data {
	return array.NewData(t, n, bufs, kids, nulls, 0)
}

// TestValidate has one array of every fault, and what must be said of it.
func TestValidate(t *testing.T) {
	i8 := arrow.PrimitiveTypes.Int8
	three := data(i8, 3, 0, nil, nil, buf8(1, 2, 3))
	list := arrow.ListOf(i8)
	fields := []arrow.Field{{Name: "a", Type: i8}, {Name: "b", Type: i8}}
	sparse, dense := arrow.SparseUnionOf(fields, []int8{0, 5}), arrow.DenseUnionOf(fields, []int8{0, 5})
	two := []arrow.ArrayData{three, three}
	ree := arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, i8)
	ends := func(v ...int32) arrow.ArrayData {
		return data(arrow.PrimitiveTypes.Int32, len(v), 0, nil, nil, buf32(v...))
	}
	dict := func(idx ...byte) arrow.ArrayData {
		return array.NewDataWithDictionary(&arrow.DictionaryType{IndexType: i8, ValueType: i8}, len(idx), []*memory.Buffer{buf8(5), buf8(idx...)}, 1, 0, three)
	}
	view := func(w ...int32) arrow.ArrayData {
		return data(arrow.BinaryTypes.StringView, len(w)/4, 0, nil, nil, buf32(w...), buf8(make([]byte, 20)...))
	}
	for _, c := range []struct {
		say string // "" for a good array
		d   arrow.ArrayData
	}{
		{"", three},
		{"need 4", data(i8, 4, 0, nil, nil, buf8(1, 2, 3))},
		{"without buffers", array.NewData(i8, 0, nil, nil, 0, 0)},
		{"no validity bitmap", data(i8, 3, 1, nil, nil, buf8(1, 2, 3))},
		{"validity bits", data(i8, 9, 1, nil, buf8(0), buf8(make([]byte, 9)...))},
		{"has 4 nulls", data(i8, 3, 4, nil, buf8(0), buf8(1, 2, 3))},
		{"bits", data(arrow.FixedWidthTypes.Boolean, 9, 0, nil, nil, buf8(1))},
		{"", data(arrow.BinaryTypes.String, 2, 0, nil, nil, buf32(0, 1, 3), buf8(1, 2, 3))},
		{"", data(arrow.BinaryTypes.String, 0, 0, nil, nil, nil, nil)},
		{"2 offsets for 2 slots", data(arrow.BinaryTypes.String, 2, 0, nil, nil, buf32(0, 1), buf8(1, 2, 3))},
		{"backwards", data(arrow.BinaryTypes.String, 2, 0, nil, nil, buf32(0, 3, 2), buf8(1, 2, 3))},
		{"backwards", data(arrow.BinaryTypes.String, 2, 0, nil, nil, buf32(-1, 0, 2), buf8(1, 2, 3))},
		{"reach 4 of 3", data(arrow.BinaryTypes.String, 2, 0, nil, nil, buf32(0, 3, 4), buf8(1, 2, 3))},
		{"reach 4 of 3", data(arrow.BinaryTypes.LargeString, 1, 0, nil, nil, buf32(0, 0, 4, 0), buf8(1, 2, 3))},
		{"", data(list, 2, 0, []arrow.ArrayData{three}, nil, buf32(0, 1, 3))},
		{"reach 9 of 3", data(list, 2, 0, []arrow.ArrayData{three}, nil, buf32(0, 1, 9))},
		{"0 children", data(list, 2, 0, nil, nil, buf32(0, 1, 3))},
		{"need 4", data(list, 1, 0, []arrow.ArrayData{data(i8, 4, 0, nil, nil, buf8(1))}, nil, buf32(0, 1))},
		{"reach 9 of 3", data(arrow.LargeListOf(i8), 1, 0, []arrow.ArrayData{three}, nil, buf32(0, 0, 9, 0))},
		{"", data(arrow.ListViewOf(i8), 2, 0, []arrow.ArrayData{three}, nil, buf32(2, 0), buf32(1, 3))},
		{"list view 0 is [2, +2) of 3", data(arrow.ListViewOf(i8), 2, 0, []arrow.ArrayData{three}, nil, buf32(2, 0), buf32(2, 3))},
		{"2 offsets and 1 sizes", data(arrow.ListViewOf(i8), 2, 0, []arrow.ArrayData{three}, nil, buf32(2, 0), buf32(2))},
		{"2 lists of 2 over 3", data(arrow.FixedSizeListOf(2, i8), 2, 0, []arrow.ArrayData{three}, nil)},
		{"", data(arrow.StructOf(fields...), 3, 0, two, nil)},
		{"field a has 3 of 4", data(arrow.StructOf(fields...), 4, 0, two, nil)},
		{"2 fields has 1 children", data(arrow.StructOf(fields...), 3, 0, two[:1], nil)},
		{"", dict(0, 9, 2)}, // 9 is null
		{"index 3 of a dictionary of 3", dict(3, 9, 2)},
		{"index -1 of a dictionary of 3", dict(0, 9, 255)},
		{"without a dictionary", array.NewData(&arrow.DictionaryType{IndexType: i8, ValueType: i8}, 1, []*memory.Buffer{nil, buf8(0)}, nil, 0, 0)},
		{"", view(4, 0, 0, 0, 15, 0, 0, 5)},
		{"length -4", view(-4, 0, 0, 0)},
		{"in buffer 1 of 1", view(15, 0, 1, 0)},
		{"[6, +15) of 20", view(15, 0, 0, 6)},
		{"need 32", data(arrow.BinaryTypes.StringView, 2, 0, nil, nil, buf32(4, 0, 0, 0))},
		{"", data(sparse, 3, 0, two, nil, buf8(0, 5, 0))},
		{"type code 3", data(sparse, 3, 0, two, nil, buf8(0, 3, 0))},
		{"at 3 of a child of 3", data(sparse, 4, 0, two, nil, buf8(0, 5, 0, 0))},
		{"", data(dense, 3, 0, two, nil, buf8(0, 5, 0), buf32(0, 0, 2))},
		{"at 3 of a child of 3", data(dense, 3, 0, two, nil, buf8(0, 5, 0), buf32(0, 0, 3))},
		{"need 12", data(dense, 3, 0, two, nil, buf8(0, 5, 0), buf32(0, 0))},
		{"", data(ree, 7, 0, []arrow.ArrayData{ends(1, 4, 7), three}, nil)},
		{"runs of 7 slots for an array of 8", data(ree, 8, 0, []arrow.ArrayData{ends(1, 4, 7), three}, nil)},
		{"run end 4 after 4", data(ree, 7, 0, []arrow.ArrayData{ends(4, 4, 7), three}, nil)},
		{"4 run ends (0 null) over 3 values", data(ree, 7, 0, []arrow.ArrayData{ends(1, 2, 3, 7), three}, nil)},
	} {
		err := caught("validating", func() error { return ValidateData(c.d) })
		if c.say == "" && err != nil || c.say != "" && (err == nil || !strings.Contains(err.Error(), c.say) || !errors.Is(err, ErrCorrupt)) {
			t.Errorf("%s of %d: %v, want %q", c.d.DataType(), c.d.Len(), err, c.say)
		}
	}
	deep := arrow.DataType(i8)
	d := arrow.ArrayData(three)
	for range 70 {
		deep = arrow.ListOf(deep)
		d = data(deep, 1, 0, []arrow.ArrayData{d}, nil, buf32(0, 1))
	}
	if err := ValidateData(d); !errors.Is(err, ErrLimit) {
		t.Errorf("70 lists deep: %v", err)
	}
}

// TestRebaseTypes slices every type and compares what Rebase gives. Arrow's own Concatenate is wrong on one of
// them: the run ends of a slice stay those of the whole.
func TestRebaseTypes(t *testing.T) {
	rec := seedRecord(t, 100, true, true)
	for i, col := range rec.Columns() {
		for _, s := range [][2]int64{{0, 100}, {8, 32}, {13, 77}, {50, 50}, {99, 100}} {
			cut := array.NewSlice(col, s[0], s[1])
			got, err := Rebase(cut)
			if err != nil {
				t.Errorf("%s [%d,%d): %v", col.DataType(), s[0], s[1], err)
				continue
			}
			if got.Data().Offset() != 0 || !sameValues(got, cut) || !arrow.TypeEqual(got.DataType(), cut.DataType()) {
				t.Errorf("column %d, %s [%d,%d): offset %d\n%v\n%v", i, col.DataType(), s[0], s[1], got.Data().Offset(), got, cut)
			}
			if err := Validate(got); err != nil {
				t.Errorf("%s: %v", col.DataType(), err)
			}
		}
	}
	runs := array.NewSlice(rec.Column(15), 8, 32)
	if got, err := array.Concatenate([]arrow.Array{runs}, memory.DefaultAllocator); err == nil && sameValues(got, runs) && Validate(got) == nil {
		t.Error("Arrow concatenates slices of run ends right")
	}
	whole := rec.Column(0)
	if got, err := Rebase(whole); err != nil || got != whole {
		t.Error("an array at offset 0 was copied")
	}
}

// TestIPCRoundTrip writes every type as stream and file and reads it back, sliced and whole.
func TestIPCRoundTrip(t *testing.T) {
	rec := seedRecord(t, 90, true, true)
	for _, codec := range []string{"none", "lz4", "zstd"} {
		for _, isFile := range []bool{false, true} {
			got := ipcRecords(t, codec, writeIPC(t, IPCWriteOptions{File: isFile, Codec: codec}, rec, rec), isFile)
			if len(got) != 2 || !got[0].Schema().Equal(rec.Schema()) {
				t.Fatalf("%d records", len(got))
			}
			for i := range rec.Columns() {
				if !sameValues(got[1].Column(i), rec.Column(i)) {
					t.Errorf("%s, file %v: column %s differs", codec, isFile, rec.Column(i).DataType())
				}
			}
		}
	}
	flat := seedRecord(t, 90, true, false)
	got := ipcRecords(t, "sliced", writeIPC(t, IPCWriteOptions{}, flat.NewSlice(16, 40)), false)
	for i := range flat.Columns() {
		if !sameValues(got[0].Column(i), array.NewSlice(flat.Column(i), 16, 40)) {
			t.Errorf("sliced: column %s differs", flat.Column(i).DataType())
		}
	}
	if _, err := NewIPCWriter(&bytes.Buffer{}, rec.Schema(), IPCWriteOptions{Codec: "gzip"}); err == nil || !strings.Contains(err.Error(), `"gzip"`) {
		t.Errorf("codec: %v", err)
	}
}

// TestIPCDictionaries reads dictionaries that grow and that are replaced between records.
func TestIPCDictionaries(t *testing.T) {
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	mk := func(words string, idx string) arrow.Record {
		d := array.NewDictionaryArray(typ, arr(t, typ.IndexType, idx), arr(t, typ.ValueType, words))
		return recordOf(map[string]arrow.Array{"d": d}, "d")
	}
	recs := []arrow.Record{mk(`["a","b"]`, `[0,1,null]`), mk(`["a","b","c"]`, `[2,0]`), mk(`["a","b","c","d"]`, `[3]`), mk(`["z"]`, `[0,0]`)}
	for _, deltas := range []bool{false, true} {
		var buf bytes.Buffer
		w := ipc.NewWriter(&buf, ipc.WithSchema(recs[0].Schema()), ipc.WithDictionaryDeltas(deltas))
		for _, r := range recs {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := ipcRecords(t, "deltas", buf.Bytes(), false)
		for i := range recs {
			if !sameValues(got[i].Column(0), recs[i].Column(0)) {
				t.Errorf("deltas %v, record %d: %v, want %v", deltas, i, got[i].Column(0), recs[i].Column(0))
			}
		}
	}
}

// TestIPCEnds holds what happens at the end, with and without marker, and after an error.
func TestIPCEnds(t *testing.T) {
	raw := writeIPC(t, IPCWriteOptions{}, twoColumns(t, 5))
	if n, err := readIPC(raw[:len(raw)-8], false); n != 5 || err != nil {
		t.Errorf("without end marker: %d rows, %v", n, err)
	}
	for cut := 1; cut < len(raw)-8; cut++ {
		r, err := NewIPCStream(bytes.NewReader(raw[:cut]), IPCOptions{Name: "s"})
		if err == nil {
			_, err = r.Next()
			if _, again := r.Next(); fmt.Sprint(again) != fmt.Sprint(err) {
				t.Fatalf("cut at %d: %v, then %v", cut, err, again)
			}
		}
		if err == nil || err != io.EOF && !isClear(err) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	file := writeIPC(t, IPCWriteOptions{File: true}, twoColumns(t, 5))
	for cut := range file {
		if _, err := readIPC(file[:cut], true); !isClear(err) {
			t.Fatalf("file cut at %d: %v", cut, err)
		}
	}
	_, err := NewIPCStream(io.MultiReader(bytes.NewReader(raw[:20]), failingStream{}), IPCOptions{})
	if !errors.Is(err, errUnplugged) || errors.Is(err, ErrCorrupt) {
		t.Errorf("a failing stream: %v", err)
	}
}

type failingStream struct{}

func (failingStream) Read([]byte) (int, error) { return 0, errUnplugged }

// TestFlatSharing holds that a FlatBuffer whose tables share their children, which makes a small buffer an
// exponentially large tree, is refused by the number of tables read, and one that loops by its depth.
func TestFlatSharing(t *testing.T) {
	f := newFlat(make([]byte, 64))
	for range 65 {
		f.table(0)
	}
	if f.err == nil {
		t.Error("no bound on tables")
	}
	f = newFlat(make([]byte, 64))
	f.spend = 1
	f.root()
	f.root()
	if f.err == nil || !strings.Contains(f.err.Error(), "more tables than bytes") && !strings.Contains(f.err.Error(), "a table of") {
		t.Errorf("%v", f.err)
	}
}
