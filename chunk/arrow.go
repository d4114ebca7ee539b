package chunk

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// FromArrowType returns the type that stores an Arrow type. Unions, intervals and
// decimals of more than 38 digits are not stored: the error says so. Views, runs and
// extensions become what they stand for, half floats float32, dates in milliseconds
// timestamps.
func FromArrowType(t arrow.DataType) (dtype.Type, error) {
	switch x := t.(type) {
	case *arrow.TimestampType:
		return dtype.TimestampOf(dtype.Unit(x.Unit), x.TimeZone), nil
	case *arrow.Decimal128Type:
		return decimalOf(x.Precision, x.Scale)
	case *arrow.Decimal256Type:
		return decimalOf(x.Precision, x.Scale)
	case *arrow.RunEndEncodedType:
		return FromArrowType(x.Encoded())
	case arrow.ExtensionType:
		return FromArrowType(x.StorageType())
	case *arrow.DictionaryType:
		if x.ValueType.ID() == arrow.STRING || x.ValueType.ID() == arrow.LARGE_STRING {
			return dtype.Of(dtype.Utf8), nil
		}
		return FromArrowType(x.ValueType)
	case *arrow.Time32Type:
		return dtype.TimeOf(dtype.Unit(x.Unit)), nil
	case *arrow.Time64Type:
		return dtype.TimeOf(dtype.Unit(x.Unit)), nil
	case *arrow.DurationType:
		return dtype.DurationOf(dtype.Unit(x.Unit)), nil
	case *arrow.Date64Type:
		return dtype.TimestampOf(dtype.Milli, ""), nil
	}
	if n, err := fromArrowNested(t); err != nil || n.Kind != dtype.Invalid {
		return n, err
	}
	if k, ok := arrowKinds[t.ID()]; ok {
		return dtype.Of(k), nil
	}
	return dtype.Type{}, fmt.Errorf("arrow type %s is not supported; cast it to one of bool, int8…uint64, float32, float64, utf8, binary, date32, timestamp, time, duration, decimal128, list, struct", t)
}

var arrowKinds = map[arrow.Type]dtype.Kind{
	arrow.NULL: dtype.Null, arrow.BOOL: dtype.Bool, arrow.INT8: dtype.Int8, arrow.INT16: dtype.Int16, arrow.INT32: dtype.Int32,
	arrow.INT64: dtype.Int64, arrow.UINT8: dtype.Uint8, arrow.UINT16: dtype.Uint16, arrow.UINT32: dtype.Uint32, arrow.UINT64: dtype.Uint64,
	arrow.FLOAT32: dtype.Float32, arrow.FLOAT64: dtype.Float64, arrow.STRING: dtype.Utf8, arrow.BINARY: dtype.Binary, arrow.DATE32: dtype.Date,
	arrow.LARGE_STRING: dtype.Utf8, arrow.LARGE_BINARY: dtype.Binary, arrow.FIXED_SIZE_BINARY: dtype.Binary,
	arrow.STRING_VIEW: dtype.Utf8, arrow.BINARY_VIEW: dtype.Binary, arrow.FLOAT16: dtype.Float32,
}

func decimalOf(precision, scale int32) (dtype.Type, error) {
	if precision < 1 || precision > 38 || scale < -38 || scale > 38 {
		return dtype.Type{}, fmt.Errorf("decimals of precision %d and scale %d: the most is 38", precision, scale)
	}
	return dtype.DecimalOf(uint8(precision), int8(scale)), nil
}

// ToArrowType returns the Arrow type of t.
func ToArrowType(t dtype.Type) arrow.DataType {
	switch t.Kind {
	case dtype.Timestamp:
		return &arrow.TimestampType{Unit: arrow.TimeUnit(t.Unit), TimeZone: t.Zone}
	case dtype.Decimal128:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case dtype.Time:
		if t.Unit <= dtype.Milli {
			return &arrow.Time32Type{Unit: arrow.TimeUnit(t.Unit)}
		}
		return &arrow.Time64Type{Unit: arrow.TimeUnit(t.Unit)}
	case dtype.Duration:
		return &arrow.DurationType{Unit: arrow.TimeUnit(t.Unit)}
	case dtype.List, dtype.Struct:
		return toArrowNested(t)
	}
	return plainArrow[t.Kind]
}

var plainArrow = map[dtype.Kind]arrow.DataType{
	dtype.Null: arrow.Null, dtype.Bool: arrow.FixedWidthTypes.Boolean, dtype.Int8: arrow.PrimitiveTypes.Int8, dtype.Int16: arrow.PrimitiveTypes.Int16,
	dtype.Int32: arrow.PrimitiveTypes.Int32, dtype.Int64: arrow.PrimitiveTypes.Int64, dtype.Uint8: arrow.PrimitiveTypes.Uint8,
	dtype.Uint16: arrow.PrimitiveTypes.Uint16, dtype.Uint32: arrow.PrimitiveTypes.Uint32, dtype.Uint64: arrow.PrimitiveTypes.Uint64,
	dtype.Float32: arrow.PrimitiveTypes.Float32, dtype.Float64: arrow.PrimitiveTypes.Float64, dtype.Utf8: arrow.BinaryTypes.String,
	dtype.Binary: arrow.BinaryTypes.Binary, dtype.Date: arrow.FixedWidthTypes.Date32,
}

// FromArrowSchema converts a schema; the error names the column.
func FromArrowSchema(s *arrow.Schema) (dtype.Schema, error) {
	out := make(dtype.Schema, s.NumFields())
	for i, f := range s.Fields() {
		t, err := FromArrowType(f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		out[i] = dtype.Field{Name: f.Name, Type: t, Nullable: f.Nullable}
	}
	return out, nil
}

// ToArrowSchema converts a schema.
func ToArrowSchema(s dtype.Schema) *arrow.Schema {
	fields := make([]arrow.Field, len(s))
	for i, f := range s {
		fields[i] = arrow.Field{Name: f.Name, Type: ToArrowType(f.Type), Nullable: f.Nullable}
	}
	return arrow.NewSchema(fields, nil)
}

// FromRecord wraps an Arrow record as a batch: fixed-width values and text are
// borrowed; bitmaps that do not begin at a word, large offsets, views and runs are
// copied. The record must outlive the batch. Dictionaries of text stay dictionaries.
func FromRecord(r arrow.Record) (*Batch, error) {
	b := &Batch{Cols: make([]Vec, r.NumCols()), N: int(r.NumRows())}
	for i, a := range r.Columns() {
		v, err := FromArray(a)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", r.ColumnName(i), err)
		}
		b.Cols[i] = v
	}
	return b, nil
}

// FromArray wraps an Arrow array as a vector, see FromRecord.
func FromArray(a arrow.Array) (Vec, error) {
	t, err := FromArrowType(a.DataType())
	if err != nil {
		return Vec{}, err
	}
	d := a.Data()
	v := Vec{Type: t, N: a.Len()}
	if t.Kind == dtype.Null || v.N == 0 {
		if t.Kind.IsVar() {
			v.Off = []int32{0}
		}
		return v, nil
	}
	if a.NullN() > 0 {
		v.Valid = words(d.Buffers()[0], d.Offset(), v.N)
	}
	switch x := a.(type) {
	case *array.Boolean:
		v.Data = Bytes(words(d.Buffers()[1], d.Offset(), v.N))
	case *array.Dictionary:
		return fromDictionary(x, v)
	case *array.String:
		v.Off, v.Str = x.ValueOffsets(), textBuffer(d)
	case *array.Binary:
		v.Off, v.Str = x.ValueOffsets(), textBuffer(d)
	case *array.LargeString:
		return narrow(v, x.ValueOffsets(), textBuffer(d))
	case *array.LargeBinary:
		return narrow(v, x.ValueOffsets(), textBuffer(d))
	case *array.Time32:
		v.Data = convert(x.Time32Values(), func(t arrow.Time32) int64 { return int64(t) })
	case *array.Float16:
		v.Data = convert(x.Values(), func(h float16.Num) float32 { return Half(h.Uint16()) })
	case *array.FixedSizeBinary:
		return gathered(v, x.Value)
	case *array.StringView:
		return gathered(v, x.Value)
	case *array.BinaryView:
		return gathered(v, x.Value)
	case *array.Decimal256:
		return fromDecimal256(d.Buffers()[1].Bytes()[d.Offset()*32:], v)
	case *array.RunEndEncoded:
		return fromRuns(x, v)
	case array.ExtensionArray:
		return FromArray(x.Storage())
	default:
		if t.Kind.IsNested() {
			return fromNested(a, v)
		}
		w := t.Width()
		v.Data = aligned(d.Buffers()[1].Bytes()[d.Offset()*w:(d.Offset()+v.N)*w], w)
	}
	return v, nil
}

// convert makes values of another width.
func convert[T any, U Fixed](in []T, f func(T) U) []byte {
	out := make([]U, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return Bytes(out)
}

// aligned copies values that do not lie on a multiple of their width.
func aligned(b []byte, w int) []byte {
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(min(w, 8)) == 0 {
		return b
	}
	return append(Bytes(make([]uint64, (len(b)+7)/8))[:0], b...)
}

func textBuffer(d arrow.ArrayData) []byte {
	if b := d.Buffers()[2]; b != nil {
		return b.Bytes()
	}
	return nil
}

// words copies n bits that begin at bit off.
func words(b *memory.Buffer, off, n int) []uint64 {
	src := b.Bytes()
	whole := make([]uint64, Words(off+n)+1)
	copy(Bytes(whole), src[:min(len(src), (off+n+7)/8)])
	if off == 0 {
		return whole
	}
	out := make([]uint64, Words(n)+1)
	kernel.CopyBits(out, 0, whole, off, n)
	return out
}

func narrow(v Vec, off []int64, str []byte) (Vec, error) {
	if off[v.N]-off[0] > 1<<31-1 {
		return Vec{}, fmt.Errorf("%d bytes of text in one array, the most is 2 GiB: use smaller record batches", off[v.N]-off[0])
	}
	v.Off, v.Str = make([]int32, v.N+1), str[off[0]:off[v.N]]
	for i := range v.Off {
		v.Off[i] = int32(off[i] - off[0])
	}
	return v, nil
}

// fromDictionary keeps text dictionaries as codes and decodes other ones. A code of
// a null value is a null.
func fromDictionary(x *array.Dictionary, v Vec) (Vec, error) {
	values, err := FromArray(x.Dictionary())
	if err != nil {
		return Vec{}, err
	}
	if values.Dict != nil {
		var ok bool
		if values, _, ok = values.Plain(mem.Heap); !ok {
			return Vec{}, errors.New("a dictionary of a dictionary has 2 GiB of text or more")
		}
	}
	codes := make([]uint32, v.N+16)[:v.N]
	nulls := values.Nulls() > 0
	if nulls {
		own := make([]uint64, Words(v.N))
		if kernel.SetRange(own, 0, v.N, true); v.Valid != nil {
			copy(own, v.Valid)
		}
		v.Valid = own
	}
	for i := range codes {
		if v.Valid == nil || v.Valid[i>>6]>>(i&63)&1 != 0 {
			c := x.GetValueIndex(i)
			if c < 0 || c >= values.N {
				return Vec{}, fmt.Errorf("code %d at row %d is outside of its dictionary of %d values", c, i, values.N)
			}
			codes[i] = uint32(c)
			if nulls && values.IsNull(c) {
				v.Valid[i>>6] &^= 1 << (i & 63)
			}
		}
	}
	values.Valid = nil
	if values.N == 0 { // every row is null: any value does under a null
		b := NewBuilder(dtype.Schema{{Type: v.Type, Nullable: true}}, mem.Heap)
		if err := b.Append(&Batch{N: 1, Cols: []Vec{{Type: dtype.Of(dtype.Null), N: 1}}}); err != nil {
			return Vec{}, err
		}
		values = b.Flush().Cols[0]
		values.Valid = nil
	}
	if v.Type.Kind == dtype.Utf8 {
		v.Data, v.Dict = Bytes(codes), NewDict(values)
		return v, nil
	}
	b := NewBuilder(dtype.Schema{{Type: v.Type}}, mem.Heap)
	if err := b.AppendRows(&Batch{N: values.N, Cols: []Vec{values}}, codes); err != nil {
		return Vec{}, err
	}
	out := b.Flush().Cols[0]
	out.Valid = v.Valid
	return out, nil
}

// ToRecord copies a batch into a record owned by the garbage collector; a batch
// whose buffers are that already is wrapped as it is. Dictionaries are decoded. Nothing
// but the values is in the record: rows leave the house this way.
func ToRecord(s *arrow.Schema, schema dtype.Schema, b *Batch) (arrow.Record, error) {
	own, err := Kept(schema, b)
	if err != nil {
		return nil, err
	}
	cols := make([]arrow.Array, len(own.Cols))
	for i := range own.Cols {
		v := clean(own.Cols[i], !b.kept())
		cols[i] = toArray(s.Field(i).Type, &v)
	}
	return array.NewRecord(s, cols, int64(b.N)), nil
}

// kept says whether the buffers of b belong to the garbage collector, and perhaps to others.
func (b *Batch) kept() bool { return b.own != nil && b.own.alloc == mem.Heap }

// Kept returns the rows of b in buffers owned by the garbage collector, dictionaries
// decoded, as records have them: b itself if it is that already.
func Kept(schema dtype.Schema, b *Batch) (*Batch, error) {
	heap := b.kept()
	coded := func(v Vec) bool { return v.Dict != nil }
	if heap && !slices.ContainsFunc(b.Cols, coded) {
		return b, nil
	}
	out := &Batch{Cols: slices.Clone(b.Cols), N: b.N, Seq: b.Seq, Sub: b.Sub}
	var rest []int
	for i := range out.Cols {
		v := &out.Cols[i]
		if v.Dict == nil {
			rest = append(rest, i)
			continue
		}
		plain, _, ok := v.Plain(mem.Heap)
		if !ok {
			return nil, fmt.Errorf("column %q has more than 2 GiB of text in %d rows: read fewer rows at a time", schema[i].Name, v.N)
		}
		*v = plain
		if !heap {
			v.Valid = slices.Clone(v.Valid)
		}
	}
	if heap {
		out.Own(mem.Heap, nil)
		return out, nil
	}
	c := NewBuilder(schema.Pick(rest), mem.Heap)
	if err := c.Append(b.Pick(rest, &Batch{})); err != nil {
		return nil, err
	}
	copied := c.Flush()
	for k, i := range rest {
		out.Cols[i] = copied.Cols[k]
	}
	out.own = copied.own
	return out, nil
}

func toArray(t arrow.DataType, v *Vec) arrow.Array {
	if v.Type.Kind.IsNested() {
		d := nestedData(t, v)
		defer d.Release()
		return array.MakeFromData(d)
	}
	bufs := []*memory.Buffer{nil}
	nulls := v.Nulls()
	if nulls > 0 && v.Type.Kind != dtype.Null {
		bufs[0] = memory.NewBufferBytes(Bytes(v.Valid[:Words(v.N)]))
	}
	switch {
	case v.Type.Kind == dtype.Null:
	case v.Type.Kind.IsVar():
		bufs = append(bufs, memory.NewBufferBytes(Bytes(v.Off)), memory.NewBufferBytes(v.Str))
	case t.ID() == arrow.TIME32:
		bufs = append(bufs, memory.NewBufferBytes(convert(Values[int64](v), func(x int64) int32 { return int32(x) })))
	default:
		bufs = append(bufs, memory.NewBufferBytes(v.Data))
	}
	d := array.NewData(t, v.N, bufs, nil, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}
