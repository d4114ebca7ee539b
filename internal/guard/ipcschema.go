package guard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
)

// Field numbers and codes below are those of Schema.fbs, Message.fbs and File.fbs of the Arrow format.

const (
	extNameKey = "ARROW:extension:name"
	extMetaKey = "ARROW:extension:metadata"
)

// plan is how a field's arrays are laid out in a message: its type without extension, the dictionary it
// refers to, and the plans of its children.
type plan struct {
	typ    arrow.DataType // storage; of a dictionary field the dictionary type
	full   arrow.DataType // typ, or the extension type over it
	dict   bool
	dictID int64
	values *plan // of a dictionary field: how a dictionary batch is laid out
	kids   []*plan
	narrow int // bytes of a stored decimal where Arrow v17 has none of that width; 0: as typ has it
}

// parsedSchema is a schema and the plans of its fields.
type parsedSchema struct {
	schema *arrow.Schema
	plans  []*plan
	dicts  map[int64]*plan // value plans by dictionary id
}

// schemaParser turns Schema tables into Arrow types. With raw set extensions stay storage.
type schemaParser struct {
	raw   bool
	dicts map[int64]*plan
}

func parseSchema(t flatTable, raw bool) (*parsedSchema, error) {
	if t.i16(0, 0) != 0 {
		return nil, unsupported("big-endian data")
	}
	p := &schemaParser{raw: raw, dicts: map[int64]*plan{}}
	out := &parsedSchema{dicts: p.dicts}
	var fields []arrow.Field
	var err error
	t.tables(1, func(ft flatTable) {
		if err != nil {
			return
		}
		var f arrow.Field
		var pl *plan
		f, pl, err = p.field(ft, 0)
		switch {
		case err == nil:
			fields, out.plans = append(fields, f), append(out.plans, pl)
		case raw && errors.Is(err, ErrUnsupported): // a hint about the others
			err = nil
		}
	})
	if t.f.err != nil {
		return nil, t.f.err
	}
	if err != nil {
		return nil, err
	}
	md := keyValues(t, 2)
	if t.f.err != nil {
		return nil, t.f.err
	}
	out.schema = arrow.NewSchema(fields, &md)
	return out, nil
}

func keyValues(t flatTable, i int) arrow.Metadata {
	var keys, vals []string
	t.tables(i, func(kv flatTable) {
		keys, vals = append(keys, kv.string(0)), append(vals, kv.string(1))
	})
	return arrow.NewMetadata(keys, vals)
}

func (p *schemaParser) field(t flatTable, depth int) (arrow.Field, *plan, error) {
	f := arrow.Field{Name: t.string(0), Nullable: t.bool(1), Metadata: keyValues(t, 6)}
	if depth > maxTypeDepth {
		return f, nil, overLimit("the schema nests deeper than %d", maxTypeDepth)
	}
	pl := &plan{}
	var kids []arrow.Field
	var err error
	t.tables(5, func(kt flatTable) {
		if err != nil {
			return
		}
		var kf arrow.Field
		var kp *plan
		if kf, kp, err = p.field(kt, depth+1); err == nil {
			kids, pl.kids = append(kids, kf), append(pl.kids, kp)
		}
	})
	if err == nil {
		typ, _ := t.sub(3)
		pl.typ, err = makeType(t.byte(2), typ, kids)
		if w := typ.i32(2, 128); t.byte(2) == decimalCode && w < 128 {
			pl.narrow = int(w / 8)
		}
	}
	if t.f.err != nil {
		return f, nil, t.f.err
	}
	if err != nil {
		return f, nil, fmt.Errorf("field %q: %w", f.Name, err)
	}
	if m, ok := pl.typ.(*arrow.MapType); ok { // Arrow gives the pairs of a map names of its own
		pl.kids[0].typ, pl.kids[0].full = m.Elem(), m.Elem()
	}
	if err := p.dictionary(t, pl); err != nil {
		return f, nil, fmt.Errorf("field %q: %w", f.Name, err)
	}
	pl.full = pl.typ
	if !p.raw {
		if err := extend(&f, pl); err != nil {
			return f, nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	f.Type = pl.full
	return f, pl, nil
}

// dictionary makes the plan that of a dictionary field when the field has an encoding.
func (p *schemaParser) dictionary(t flatTable, pl *plan) error {
	enc, ok := t.sub(4)
	if !ok {
		return t.f.err
	}
	idx := arrow.DataType(arrow.PrimitiveTypes.Int32)
	if it, ok := enc.sub(1); ok {
		var err error
		if idx, err = intType(it); err != nil {
			return err
		}
	}
	id, ordered := enc.i64(0, 0), enc.bool(2)
	if t.f.err != nil {
		return t.f.err
	}
	values := &plan{typ: pl.typ, full: pl.typ, kids: pl.kids, narrow: pl.narrow}
	if old := p.dicts[id]; old != nil && (old.narrow != values.narrow || !arrow.TypeEqual(old.typ, values.typ)) {
		return corrupt("dictionary %d is of %s and of %s", id, old.typ, values.typ)
	} else if old != nil {
		values = old
	}
	p.dicts[id] = values
	pl.dict, pl.dictID, pl.values, pl.kids, pl.narrow = true, id, values, nil, 0
	pl.typ = &arrow.DictionaryType{IndexType: idx, ValueType: values.typ, Ordered: ordered}
	return nil
}

// extend gives a field of a registered extension its type; an unknown extension stays storage with its
// metadata.
func extend(f *arrow.Field, pl *plan) error {
	i := f.Metadata.FindKey(extNameKey)
	if i < 0 {
		return nil
	}
	ext := arrow.GetExtensionType(f.Metadata.Values()[i])
	if ext == nil {
		return nil
	}
	var data string
	if k := f.Metadata.FindKey(extMetaKey); k >= 0 {
		data = f.Metadata.Values()[k]
	}
	full, err := ext.Deserialize(pl.typ, data)
	if err != nil {
		return fmt.Errorf("extension %s: %w", f.Metadata.Values()[i], err)
	}
	if !arrow.TypeEqual(full.StorageType(), pl.typ) {
		return corrupt("extension %s over %s", full, pl.typ)
	}
	pl.full = full
	f.Metadata = dropKeys(f.Metadata, extNameKey, extMetaKey)
	return nil
}

func dropKeys(md arrow.Metadata, drop ...string) arrow.Metadata {
	var keys, vals []string
	for i, k := range md.Keys() {
		if !slices.Contains(drop, k) {
			keys, vals = append(keys, k), append(vals, md.Values()[i])
		}
	}
	return arrow.NewMetadata(keys, vals)
}

func intType(t flatTable) (arrow.DataType, error) {
	w, signed := t.i32(0, 0), t.bool(1)
	if dt := map[int32][2]arrow.DataType{
		8:  {arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int8},
		16: {arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Int16},
		32: {arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int32},
		64: {arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Int64},
	}[w]; dt[0] != nil {
		if signed {
			return dt[1], nil
		}
		return dt[0], nil
	}
	return nil, unsupported("integers of %d bits", w)
}

var plainTypes = map[byte]arrow.DataType{
	1: arrow.Null, 4: arrow.BinaryTypes.Binary, 5: arrow.BinaryTypes.String, 6: arrow.FixedWidthTypes.Boolean,
	19: arrow.BinaryTypes.LargeBinary, 20: arrow.BinaryTypes.LargeString, 23: arrow.BinaryTypes.BinaryView,
	24: arrow.BinaryTypes.StringView,
}

const decimalCode = 7

// makeType gives the Arrow type of type code, whose details are in t.
func makeType(code byte, t flatTable, kids []arrow.Field) (arrow.DataType, error) {
	if dt := plainTypes[code]; dt != nil {
		return dt, nil
	}
	switch code {
	case 2:
		return intType(t)
	case 3:
		if p := t.i16(0, 0); p >= 0 && p <= 2 {
			return [...]arrow.DataType{arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64}[p], nil
		}
		return nil, corrupt("floats of precision %d", t.i16(0, 0))
	case decimalCode:
		return decimalType(t)
	case 8, 9, 10, 11, 18:
		return timeType(code, t)
	case 15:
		if w := t.i32(0, 0); w >= 0 {
			return &arrow.FixedSizeBinaryType{ByteWidth: int(w)}, nil
		}
		return nil, corrupt("fixed-size binary of %d bytes", t.i32(0, 0))
	}
	return nestedType(code, t, kids)
}

// decimalType gives the type of decimals; those of 32 and 64 bits are widened, see plan.narrow.
func decimalType(t flatTable) (arrow.DataType, error) {
	p, s, w := t.i32(0, 0), t.i32(1, 0), t.i32(2, 128)
	var dt arrow.DataType
	switch w {
	case 32, 64, 128:
		dt = &arrow.Decimal128Type{Precision: p, Scale: s}
	case 256:
		dt = &arrow.Decimal256Type{Precision: p, Scale: s}
	default:
		return nil, corrupt("decimals of %d bits", w)
	}
	return dt, checkType(dt)
}

// checkType looks for types, at any depth, whose values Arrow cannot print or convert without a panic:
// decimals of more digits than its tables have, timestamps of a zone that is not known.
func checkType(t arrow.DataType) error {
	switch t := t.(type) {
	case arrow.DecimalType:
		most := int32(38)
		if t.ID() == arrow.DECIMAL256 {
			most = 76
		}
		if p, s := t.GetPrecision(), t.GetScale(); p < 1 || p > most || s < -most || s > most {
			return corrupt("%s with %d digits, %d of them after the point", t.Name(), p, s)
		}
	case *arrow.TimestampType:
		if _, err := t.GetZone(); err != nil {
			return unsupported("time zone %q is not known here; importing time/tzdata brings the whole list: %v", t.TimeZone, err)
		}
	case *arrow.DictionaryType:
		return checkType(t.ValueType)
	case arrow.NestedType:
		for _, f := range t.Fields() {
			if err := checkType(f.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

func timeType(code byte, t flatTable) (arrow.DataType, error) {
	unit := t.i16(0, map[byte]int16{8: 1, 9: 1, 18: 1}[code])
	if unit < 0 || unit > 3 || code == 8 && unit > 1 || code == 11 && unit > 2 {
		return nil, corrupt("time unit %d of type %d", unit, code)
	}
	u := [...]arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond}[unit]
	switch code {
	case 8:
		return [...]arrow.DataType{arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64}[unit], nil
	case 10:
		dt := &arrow.TimestampType{Unit: u, TimeZone: t.string(1)}
		return dt, checkType(dt)
	case 11:
		return [...]arrow.DataType{arrow.FixedWidthTypes.MonthInterval, arrow.FixedWidthTypes.DayTimeInterval,
			arrow.FixedWidthTypes.MonthDayNanoInterval}[unit], nil
	case 18:
		return &arrow.DurationType{Unit: u}, nil
	}
	switch w := t.i32(1, 32); {
	case w == 32 && unit <= 1:
		return &arrow.Time32Type{Unit: u}, nil
	case w == 64 && unit >= 2:
		return &arrow.Time64Type{Unit: u}, nil
	default:
		return nil, corrupt("times of %d bits in %s", w, u)
	}
}

func nestedType(code byte, t flatTable, kids []arrow.Field) (arrow.DataType, error) {
	want := map[byte]int{12: 1, 16: 1, 17: 1, 21: 1, 22: 2, 25: 1, 26: 1}[code]
	if want != 0 && len(kids) != want {
		return nil, corrupt("type %d with %d children", code, len(kids))
	}
	switch code {
	case 12:
		return arrow.ListOfField(kids[0]), nil
	case 13:
		return arrow.StructOf(kids...), nil
	case 14:
		return unionType(t, kids)
	case 16:
		if n := t.i32(0, 0); n > 0 {
			return arrow.FixedSizeListOfField(n, kids[0]), nil
		}
		return nil, unsupported("fixed-size lists of %d", t.i32(0, 0))
	case 17:
		return mapType(t, kids[0])
	case 21:
		return arrow.LargeListOfField(kids[0]), nil
	case 22:
		switch kids[0].Type.ID() {
		case arrow.INT16, arrow.INT32, arrow.INT64:
			return arrow.RunEndEncodedOf(kids[0].Type, kids[1].Type), nil
		}
		return nil, corrupt("run ends of %s", kids[0].Type)
	case 25:
		return arrow.ListViewOfField(kids[0]), nil
	case 26:
		return arrow.LargeListViewOfField(kids[0]), nil
	}
	return nil, unsupported("type code %d", code)
}

func mapType(t flatTable, kid arrow.Field) (arrow.DataType, error) {
	st, ok := kid.Type.(*arrow.StructType)
	if !ok || st.NumFields() != 2 || kid.Nullable || st.Field(0).Nullable {
		return nil, corrupt("a map over %s, not over a struct of required key and value", kid.Type)
	}
	m := arrow.MapOf(st.Field(0).Type, st.Field(1).Type)
	m.SetItemNullable(st.Field(1).Nullable)
	m.KeysSorted = t.bool(0)
	return m, nil
}

func unionType(t flatTable, kids []arrow.Field) (arrow.DataType, error) {
	mode := t.i16(0, 0)
	if mode != 0 && mode != 1 {
		return nil, corrupt("union mode %d", mode)
	}
	var codes []arrow.UnionTypeCode
	if ids := t.vec(1, 4); ids != nil {
		for i := 0; i < len(ids); i += 4 {
			id := int32(binary.LittleEndian.Uint32(ids[i:]))
			if id < 0 || id > 127 || slices.Contains(codes, int8(id)) {
				return nil, corrupt("union type code %d is out of range or twice there", id)
			}
			codes = append(codes, int8(id))
		}
	} else {
		for i := range kids {
			codes = append(codes, int8(min(i, 127)))
		}
	}
	if len(codes) != len(kids) || len(kids) > 128 {
		return nil, corrupt("a union of %d fields with %d type codes", len(kids), len(codes))
	}
	return arrow.UnionOf([...]arrow.UnionMode{arrow.SparseMode, arrow.DenseMode}[mode], kids, codes), nil
}

// storedSchema parses the framed schema message in raw, without the fields of types that v17 does not know; nil when it is of
// big-endian data.
func storedSchema(raw []byte, lim Limits) (*arrow.Schema, error) {
	msg, err := readMessage(bytes.NewReader(raw), lim)
	if err == io.EOF {
		err = corrupt("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("the stored Arrow schema: %w", err)
	}
	if msg.kind != msgSchema {
		return nil, corrupt("the stored Arrow schema is a message of type %d", msg.kind)
	}
	s, err := parseSchema(msg.head, true)
	if errors.Is(err, ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the stored Arrow schema: %w", err)
	}
	return s.schema, nil
}
