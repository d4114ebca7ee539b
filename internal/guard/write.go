package guard

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// WriteOptions say how a Parquet file is written. The zero value writes uncompressed row groups of 1 Mi rows
// with dictionaries.
type WriteOptions struct {
	// Codec is "", "none", "snappy" or "zstd".
	Codec string
	// RowGroupRows is the number of rows per row group; not positive means 1<<20.
	RowGroupRows int64
	// NoDictionary stores plain values. By default every column starts with a dictionary and Arrow falls back
	// to plain values where it grows beyond 1 MiB.
	NoDictionary bool
}

// Writer writes records as one Parquet file. It is for one goroutine. A file is complete after Close only.
type Writer struct {
	w      *pqarrow.FileWriter
	schema *arrow.Schema // as written: dictionaries decoded
	want   *arrow.Schema // as given
	rows   int64
	per    int64
	closed bool
	broken error // the first fault of Arrow's writer; its state is not good for more
}

// NewWriter starts a file of the schema on w. w is not closed. Dictionary columns are written as columns of
// their values, because v17 panics on some of them; the Arrow schema is stored beside Parquet's own.
// A type that Parquet or v17 cannot store (duration, views, unions, run ends, large lists) is ErrUnsupported
// and names the column.
func NewWriter(w io.Writer, schema *arrow.Schema, opt WriteOptions) (*Writer, error) {
	codec, ok := map[string]compress.Compression{"": compress.Codecs.Uncompressed, "none": compress.Codecs.Uncompressed,
		"snappy": compress.Codecs.Snappy, "zstd": compress.Codecs.Zstd}[opt.Codec]
	if !ok {
		return nil, fmt.Errorf("parquet codec %q: want none, snappy or zstd", opt.Codec)
	}
	if schema.NumFields() == 0 {
		return nil, unsupported("a Parquet file without columns")
	}
	fields := make([]arrow.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		f.Type = decodedType(f.Type)
		if err := writable(f.Type, 0); err != nil {
			return nil, &Error{File: "parquet", RowGroup: -1, Column: f.Name, Err: err}
		}
		fields[i] = f
	}
	md := schema.Metadata()
	out := &Writer{schema: arrow.NewSchema(fields, &md), want: schema, per: opt.RowGroupRows}
	if out.per <= 0 {
		out.per = 1 << 20
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(codec), parquet.WithDictionaryDefault(!opt.NoDictionary),
		parquet.WithAllocator(memory.DefaultAllocator), parquet.WithMaxRowGroupLength(out.per),
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("weft"))
	aprops := pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(memory.DefaultAllocator), pqarrow.WithStoreSchema())
	err := caught("starting the file", func() (err error) {
		out.w, err = pqarrow.NewFileWriter(out.schema, noClose{w}, props, aprops)
		return err
	})
	if err != nil {
		return nil, &Error{File: "parquet", RowGroup: -1, Err: err}
	}
	return out, nil
}

// noClose hides Close: Arrow closes a writer that has it.
type noClose struct{ io.Writer }

// decodedType replaces dictionaries by their values at every depth.
func decodedType(t arrow.DataType) arrow.DataType {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return decodedType(t.ValueType)
	case *arrow.ListType:
		return arrow.ListOfField(decodedField(t.ElemField()))
	case *arrow.StructType:
		fields := make([]arrow.Field, t.NumFields())
		for i, f := range t.Fields() {
			fields[i] = decodedField(f)
		}
		return arrow.StructOf(fields...)
	case *arrow.MapType:
		m := arrow.MapOf(decodedType(t.KeyType()), decodedType(t.ItemType()))
		m.SetItemNullable(t.ItemField().Nullable)
		m.KeysSorted = t.KeysSorted
		return m
	}
	return t
}

func decodedField(f arrow.Field) arrow.Field {
	f.Type = decodedType(f.Type)
	return f
}

// writable refuses the types whose writing panics or fails only after rows were written.
func writable(t arrow.DataType, depth int) error {
	if depth > maxTypeDepth {
		return overLimit("types nest deeper than %d", maxTypeDepth)
	}
	switch t.ID() {
	case arrow.LIST, arrow.MAP:
		return writable(t.(arrow.ListLikeType).Elem(), depth+1)
	case arrow.STRUCT:
		st := t.(*arrow.StructType)
		if st.NumFields() == 0 {
			return unsupported("a struct without fields")
		}
		for _, f := range st.Fields() {
			if err := writable(f.Type, depth+1); err != nil {
				return err
			}
		}
		return nil
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64, arrow.STRING, arrow.BINARY, arrow.LARGE_STRING, arrow.LARGE_BINARY,
		arrow.FIXED_SIZE_BINARY, arrow.DATE32, arrow.DATE64, arrow.TIME32, arrow.TIME64, arrow.TIMESTAMP,
		arrow.DECIMAL128, arrow.DECIMAL256, arrow.NULL:
		return nil
	}
	return unsupported("type %s has no place in Parquet: cast it first", t)
}

// Write appends a record, which must have the schema of NewWriter, and starts row groups as they fill.
// Arrays are validated, rebased and, where they are dictionaries, decoded before Arrow sees them.
func (w *Writer) Write(rec arrow.Record) error {
	if w.closed {
		return fmt.Errorf("parquet: write after close")
	}
	if w.broken != nil {
		return w.broken
	}
	if !rec.Schema().Equal(w.want) && !rec.Schema().Equal(w.schema) {
		return fmt.Errorf("parquet: record of schema %v in a file of schema %v", rec.Schema(), w.want)
	}
	cols := make([]arrow.Array, rec.NumCols())
	for i := range cols {
		a, err := plainArray(rec.Column(i), w.schema.Field(i).Type)
		if err != nil {
			return &Error{File: "parquet", RowGroup: -1, Column: w.schema.Field(i).Name, Err: err}
		}
		cols[i] = a
	}
	for at := int64(0); at < rec.NumRows(); {
		n := min(rec.NumRows()-at, w.per-w.rows)
		part := array.NewRecord(w.schema, cols, rec.NumRows()).NewSlice(at, at+n)
		if err := w.writePart(part); err != nil {
			w.broken = &Error{File: "parquet", RowGroup: -1, Err: err}
			return w.broken
		}
		at += n
	}
	return nil
}

// writePart writes rows that fit in the current row group.
func (w *Writer) writePart(part arrow.Record) error {
	cols := make([]arrow.Array, part.NumCols())
	for i := range cols {
		a, err := Rebase(part.Column(i))
		if err != nil {
			return err
		}
		cols[i] = a
	}
	return caught("writing", func() error {
		if w.rows == 0 {
			w.w.NewBufferedRowGroup()
		}
		if err := w.w.WriteBuffered(array.NewRecord(w.schema, cols, part.NumRows())); err != nil {
			return err
		}
		if w.rows += part.NumRows(); w.rows == w.per {
			w.rows = 0
		}
		return nil
	})
}

// plainArray validates a and decodes its dictionaries so that its type becomes typ.
func plainArray(a arrow.Array, typ arrow.DataType) (arrow.Array, error) {
	if err := caught("checking the column", func() error { return Validate(a) }); err != nil {
		return nil, err
	}
	if arrow.TypeEqual(a.DataType(), typ) {
		return a, nil
	}
	if d, ok := a.(*array.Dictionary); ok {
		return decodeDictionary(d)
	}
	out, err := Rebase(a)
	if err != nil {
		return nil, err
	}
	return decodeChildren(out, typ)
}

// decodeChildren rebuilds a nested array, whose offset is 0, around its decoded children.
func decodeChildren(a arrow.Array, typ arrow.DataType) (arrow.Array, error) {
	d := a.Data()
	kids := make([]arrow.ArrayData, len(d.Children()))
	var types []arrow.DataType
	switch t := typ.(type) {
	case *arrow.StructType:
		for _, f := range t.Fields() {
			types = append(types, f.Type)
		}
	case arrow.ListLikeType:
		types = []arrow.DataType{t.Elem()}
	}
	if len(types) != len(kids) {
		return nil, unsupported("decoding the dictionaries of %s", a.DataType())
	}
	for i, kid := range d.Children() {
		k, err := plainArray(array.MakeFromData(kid), types[i])
		if err != nil {
			return nil, err
		}
		kids[i] = k.Data()
	}
	return array.MakeFromData(array.NewData(typ, d.Len(), d.Buffers(), kids, d.NullN(), 0)), nil
}

// decodeDictionary gives the values of a dictionary array, in the order of its indices.
func decodeDictionary(d *array.Dictionary) (out arrow.Array, err error) {
	values := d.Dictionary()
	if kid, ok := values.(*array.Dictionary); ok {
		if values, err = decodeDictionary(kid); err != nil {
			return nil, err
		}
	}
	err = caught("decoding the dictionary", func() error {
		idx := make([]int, d.Len())
		for i := range idx {
			idx[i] = -1
			if d.IsValid(i) {
				idx[i] = d.GetValueIndex(i)
			}
		}
		out, err = gather(values, idx)
		return err
	})
	return out, err
}

// gather takes slots of a by number, -1 giving null, by concatenating runs of slots; v17's take has gaps in
// the types it knows.
func gather(a arrow.Array, idx []int) (arrow.Array, error) {
	if len(idx) == 0 {
		return array.MakeArrayOfNull(memory.DefaultAllocator, a.DataType(), 0), nil
	}
	switch v := a.(type) {
	case *array.String:
		return gatherBytes(a, idx, v.Value), nil
	case *array.Binary:
		return gatherBytes(a, idx, v.ValueString), nil
	}
	if w, ok := a.DataType().(arrow.FixedWidthDataType); ok && w.BitWidth()%8 == 0 && w.BitWidth() > 0 && len(a.Data().Children()) == 0 {
		return gatherFixed(a, idx, w.BitWidth()/8), nil
	}
	null := array.MakeArrayOfNull(memory.DefaultAllocator, a.DataType(), 1)
	parts := make([]arrow.Array, 0, len(idx))
	for i := 0; i < len(idx); {
		k := i + 1
		if idx[i] < 0 {
			parts, i = append(parts, null), k
			continue
		}
		for k < len(idx) && idx[k] == idx[k-1]+1 {
			k++
		}
		parts, i = append(parts, array.NewSlice(a, int64(idx[i]), int64(idx[k-1]+1))), k
	}
	return array.Concatenate(parts, memory.DefaultAllocator)
}

func gatherBytes(a arrow.Array, idx []int, value func(int) string) arrow.Array {
	valid := newBitmap(len(idx))
	offsets := make([]int32, 1, len(idx)+1)
	var out []byte
	for _, k := range idx {
		ok := k >= 0 && a.IsValid(k)
		if valid.add(ok); ok {
			out = append(out, value(k)...)
		}
		if len(out) > 1<<31-1 {
			panic("the decoded strings pass 2 GiB: write smaller records")
		}
		offsets = append(offsets, int32(len(out)))
	}
	bufs := []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(out)}
	return array.MakeFromData(array.NewData(a.DataType(), len(idx), bufs, nil, valid.nulls, 0))
}

func gatherFixed(a arrow.Array, idx []int, width int) arrow.Array {
	valid := newBitmap(len(idx))
	out := make([]byte, len(idx)*width)
	src := a.Data().Buffers()[1].Bytes()
	for i, k := range idx {
		ok := k >= 0 && a.IsValid(k)
		if valid.add(ok); ok {
			at := (a.Data().Offset() + k) * width
			copy(out[i*width:(i+1)*width], src[at:at+width])
		}
	}
	bufs := []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(out)}
	return array.MakeFromData(array.NewData(a.DataType(), len(idx), bufs, nil, valid.nulls, 0))
}

// Close writes what is buffered and the footer. After a failed Write it gives that error; the second call
// does nothing.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	if w.broken != nil {
		return w.broken
	}
	if err := caught("closing", w.w.Close); err != nil {
		return &Error{File: "parquet", RowGroup: -1, Err: err}
	}
	return nil
}

// bitmap is a validity bitmap in the making.
type bitmap struct {
	bits     []byte
	n, nulls int
}

func newBitmap(n int) *bitmap { return &bitmap{bits: make([]byte, 0, (n+7)/8)} }

func (b *bitmap) add(valid bool) {
	if b.n%8 == 0 {
		b.bits = append(b.bits, 0)
	}
	if valid {
		b.bits[b.n/8] |= 1 << (b.n % 8)
	} else {
		b.nulls++
	}
	b.n++
}

func (b *bitmap) buffer() *memory.Buffer {
	if b.nulls == 0 {
		return nil
	}
	return memory.NewBufferBytes(b.bits)
}
