package chunk

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// TestRecordsAreClean holds that records have nothing under nulls and behind the last bit, and that a batch whose buffers
// others may read stays as it is.
func TestRecordsAreClean(t *testing.T) {
	const n = 70
	valid := []uint64{1<<64 - 1<<3, 1<<64 - 2} // rows 0, 1, 2 and 64 are null; bits behind row 69 are set
	full := bytes.Repeat([]byte{0xff}, 16*n)
	schema, b := dtype.Schema{}, &Batch{N: n}
	for _, typ := range []dtype.Type{dtype.Of(dtype.Bool), dtype.Of(dtype.Int8), dtype.Of(dtype.Int16), dtype.Of(dtype.Float32), dtype.Of(dtype.Int64), dtype.DecimalOf(38, 2), dtype.Of(dtype.Utf8)} {
		schema = append(schema, dtype.Field{Name: typ.String(), Type: typ, Nullable: true})
		v := Vec{Type: typ, N: n, Valid: valid, Data: full[:n*typ.Width()]}
		switch typ.Kind {
		case dtype.Bool:
			v.Data = full[:8*Words(n)]
		case dtype.Utf8:
			v.Off, v.Data, v.Str = make([]int32, n+1), nil, bytes.Repeat([]byte{'x'}, n)
			for i := range v.Off {
				v.Off[i] = int32(i)
			}
		}
		b.Cols = append(b.Cols, v)
	}
	shared := *b
	shared.Own(mem.Heap, nil)
	for name, b := range map[string]*Batch{"borrowed": b, "shared": &shared} {
		rec, err := ToRecord(ToArrowSchema(schema), schema, b)
		if err != nil {
			t.Fatal(err)
		}
		for i, col := range rec.Columns() {
			bufs := col.Data().Buffers()
			if got, want := bufs[0].Bytes()[:9], []byte{0xf8, 255, 255, 255, 255, 255, 255, 255, 0x3e}; !bytes.Equal(got, want) {
				t.Errorf("%s: validity of %s is %x, want %x", name, schema[i].Name, got, want)
			}
			if x, ok := col.(*array.String); ok {
				if x.ValueLen(0)+x.ValueLen(64) > 0 || x.Value(3) != "x" || len(bufs[2].Bytes()) != n-4 {
					t.Errorf("%s: texts %v", name, x)
				}
				continue
			}
			w, got := schema[i].Type.Width(), bufs[1].Bytes()
			if schema[i].Type.Kind == dtype.Bool {
				if !bytes.Equal(got, bytes.Clone(append(bufs[0].Bytes()[:9:9], make([]byte, 7)...))) {
					t.Errorf("%s: bools %x", name, got)
				}
				continue
			}
			for row := range n {
				want := byte(0xff)
				if col.IsNull(row) {
					want = 0
				}
				if cell := got[row*w : row*w+w]; !bytes.Equal(cell, bytes.Repeat([]byte{want}, w)) {
					t.Errorf("%s: row %d of %s is %x", name, row, schema[i].Name, cell)
				}
			}
		}
	}
	if valid[1] != 1<<64-2 || !bytes.Equal(full, bytes.Repeat([]byte{0xff}, len(full))) {
		t.Error("the batch was changed")
	}
}
