package ipc_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
)

// soiled is a record equal to rec whose buffers have 0x5a wherever no value is: under nulls, at every level, and behind the
// last bit.
func soiled(rec arrow.Record) arrow.Record {
	cols := make([]arrow.Array, rec.NumCols())
	for i, c := range rec.Columns() {
		cols[i] = array.MakeFromData(soil(c.Data(), func(int) bool { return true }))
	}
	return array.NewRecord(rec.Schema(), cols, rec.NumRows())
}

// soil copies d; live says which slots of it can be reached from above.
func soil(d arrow.ArrayData, live func(i int) bool) arrow.ArrayData {
	bit := func(b []byte, i int) bool { return b[i/8]>>(i%8)&1 != 0 }
	n, bufs := d.Len(), make([]*memory.Buffer, len(d.Buffers()))
	valid := func(i int) bool { return live(i) && (d.NullN() == 0 || bit(d.Buffers()[0].Bytes(), i)) }
	bitmap := func(b *memory.Buffer, keep func(int) bool) *memory.Buffer {
		if b == nil || b.Len() == 0 {
			return nil
		}
		out := bytes.Repeat([]byte{0x5a}, 64*(n/512+1))
		for i := range n {
			if keep(i) {
				out[i/8] &^= 1 << (i % 8)
				if bit(b.Bytes(), i) {
					out[i/8] |= 1 << (i % 8)
				}
			}
		}
		return memory.NewBufferBytes(out)
	}
	bufs[0] = bitmap(d.Buffers()[0], func(i int) bool { return true })
	var kids []arrow.ArrayData
	switch t := d.DataType().(type) {
	case *arrow.BooleanType:
		bufs[1] = bitmap(d.Buffers()[1], valid)
	case *arrow.StringType:
		from, to := array.NewStringData(d), array.NewStringBuilder(memory.DefaultAllocator)
		for i := range n {
			if valid(i) {
				to.Append(from.Value(i))
			} else {
				to.Append("soil")
			}
		}
		made := to.NewArray().Data()
		bufs[1], bufs[2] = made.Buffers()[1], made.Buffers()[2]
	case *arrow.ListType:
		bufs[1] = d.Buffers()[1]
		off := arrow.Int32Traits.CastFromBytes(bufs[1].Bytes())
		kids = append(kids, soil(d.Children()[0], func(k int) bool {
			i := 0
			for int(off[i+1]) <= k {
				i++
			}
			return valid(i)
		}))
	case *arrow.StructType:
		for _, k := range d.Children() {
			kids = append(kids, soil(k, valid))
		}
	case arrow.FixedWidthDataType:
		w := t.BitWidth() / 8
		out := bytes.Repeat([]byte{0x5a}, w*n)
		for i := range n {
			if valid(i) {
				copy(out[w*i:w*i+w], d.Buffers()[1].Bytes()[w*i:])
			}
		}
		bufs[1] = memory.NewBufferBytes(out)
	}
	return array.NewData(d.DataType(), n, bufs, kids, d.NullN(), 0)
}

// TestHistory writes equal tables whose buffers differ where no value is: the bytes are the same.
func TestHistory(t *testing.T) {
	inner := arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int16, Nullable: true}, arrow.Field{Name: "t", Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true})
	fields := []arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64}, {Name: "n", Type: arrow.PrimitiveTypes.Int8}, {Name: "d", Type: &arrow.Decimal128Type{Precision: 9, Scale: 2}},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean}, {Name: "t", Type: arrow.BinaryTypes.String}, {Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)},
		{Name: "s", Type: inner}, {Name: "ls", Type: arrow.ListOf(inner)}, {Name: "none", Type: arrow.FixedWidthTypes.Boolean}}
	for i := range fields {
		fields[i].Nullable = true
	}
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), bytes.NewReader([]byte(`[
		{"i":1,"n":2,"d":"1.25","b":true,"t":"one","l":[1,null,2],"s":{"x":1,"t":"u","b":true},"ls":[{"x":1,"t":"u","b":true},null],"none":true},
		{"i":null,"n":null,"d":null,"b":null,"t":null,"l":null,"s":null,"ls":null,"none":false},
		{"i":3,"n":4,"d":"-1.25","b":false,"t":"","l":[],"s":{"x":null,"t":null,"b":null},"ls":[{"x":null,"t":null,"b":null},{"x":2,"t":"v","b":false}],"none":true}]`)))
	if err != nil {
		t.Fatal(err)
	}
	dirty := soiled(rec)
	if !array.RecordEqual(rec, dirty) {
		t.Fatalf("%v\n%v", rec, dirty)
	}
	for c := range int(rec.NumCols()) {
		name := rec.ColumnName(c)
		made := map[string][2][]byte{}
		for k, r := range []arrow.Record{rec, dirty} {
			r = array.NewRecord(arrow.NewSchema(fields[c:c+1], nil), []arrow.Array{r.Column(c)}, 3)
			path := filepath.Join(t.TempDir(), "x.arrow")
			if _, err := frame.FromRecords(r).WriteArrow(context.Background(), runner(t, 1), path); err != nil {
				t.Fatal(name, err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			v, err := future.NewRecords(r)
			if err != nil {
				t.Fatal(name, err)
			}
			file, value := made["file"], made["value"]
			file[k], value[k] = b, v.Stream
			made["file"], made["value"] = file, value
		}
		for how, b := range made {
			if !bytes.Equal(b[0], b[1]) {
				t.Errorf("%s of column %s: bytes differ", how, name)
			}
		}
	}
}
