package guard

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// The JSON form of Arrow data (Arrow, "Integration testing": JSON test data format): what the columns of a file are.
type (
	jsonDoc struct {
		Schema       struct{ Fields []jsonField }
		Dictionaries []struct {
			ID   int64
			Data jsonBatch
		}
		Batches []jsonBatch
	}
	jsonField struct {
		Name       string
		Children   []jsonField
		Dictionary *struct{ ID int64 }
	}
	jsonBatch struct {
		Count   int64
		Columns []jsonColumn
	}
	jsonColumn struct {
		Name     string
		Count    int
		Validity []int             `json:"VALIDITY"`
		Data     []json.RawMessage `json:"DATA"`
		Offset   []json.RawMessage `json:"OFFSET"`
		Size     []json.RawMessage `json:"SIZE"`
		TypeID   []int             `json:"TYPE_ID"`
		Views    []struct {
			Size   int             `json:"SIZE"`
			Inline json.RawMessage `json:"INLINED"`
			Buffer int             `json:"BUFFER_INDEX"`
			Offset int             `json:"OFFSET"`
		} `json:"VIEWS"`
		Buffers  []string `json:"VARIADIC_DATA_BUFFERS"`
		Children []jsonColumn
	}
)

func readJSONDoc(t *testing.T, path string) (doc jsonDoc) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err == nil {
		err = json.NewDecoder(z).Decode(&doc)
	}
	if err != nil {
		t.Fatal(path, err)
	}
	return doc
}

func numbers(in []json.RawMessage) (out []int) {
	for _, x := range in {
		n, err := strconv.Atoi(strings.Trim(string(x), `"`))
		if err != nil {
			panic(err)
		}
		out = append(out, n)
	}
	return out
}

func text(x json.RawMessage) (s string) {
	if err := json.Unmarshal(x, &s); err != nil {
		panic(err)
	}
	return s
}

// values are the slots of a column of the JSON: nil, a text of the value, or the values it is made of.
func (d *jsonDoc) values(c *jsonColumn, f *jsonField, typ arrow.DataType) []any {
	out := make([]any, c.Count)
	if t, ok := typ.(*arrow.DictionaryType); ok {
		var words []any
		for _, x := range d.Dictionaries {
			if x.ID == f.Dictionary.ID {
				words = d.values(&x.Data.Columns[0], &jsonField{Children: f.Children}, t.ValueType)
			}
		}
		for i, k := range numbers(c.Data) {
			if c.Validity[i] != 0 {
				out[i] = words[k]
			}
		}
		return out
	}
	var kids [][]any
	for i, k := range typeChildren(typ) {
		kids = append(kids, d.values(&c.Children[i], &f.Children[i], k))
	}
	off, size := numbers(c.Offset), numbers(c.Size)
	for i := range out {
		if c.Validity != nil && c.Validity[i] == 0 {
			continue
		}
		switch t := typ.(type) {
		case *arrow.NullType:
		case *arrow.ListType, *arrow.LargeListType, *arrow.MapType:
			out[i] = kids[0][off[i]:off[i+1]]
		case *arrow.ListViewType, *arrow.LargeListViewType:
			out[i] = kids[0][off[i] : off[i]+size[i]]
		case *arrow.FixedSizeListType:
			out[i] = kids[0][i*int(t.Len()) : (i+1)*int(t.Len())]
		case *arrow.StructType:
			row := []any{}
			for _, k := range kids {
				row = append(row, k[i])
			}
			out[i] = row
		case arrow.UnionType:
			kid, at := t.ChildIDs()[c.TypeID[i]], i
			if t.Mode() == arrow.DenseMode {
				at = off[i]
			}
			out[i] = []any{fmt.Sprint(c.TypeID[i]), kids[kid][at]}
		case *arrow.RunEndEncodedType:
			run := 0
			for fmt.Sprint(kids[0][run]) != "" && atoi(kids[0][run]) <= i {
				run++
			}
			out[i] = kids[1][run]
		case *arrow.StringViewType, *arrow.BinaryViewType:
			out[i] = c.view(i, typ.ID() == arrow.STRING_VIEW)
		default:
			out[i] = scalar(c.Data[i], typ)
		}
	}
	return out
}

func atoi(x any) int {
	n, err := strconv.Atoi(x.(string))
	if err != nil {
		panic(err)
	}
	return n
}

// view is the value of a view, as text or in hexadecimal digits.
func (c *jsonColumn) view(i int, isText bool) any {
	v := c.Views[i]
	if v.Inline != nil {
		return text(v.Inline)
	}
	s := c.Buffers[v.Buffer][2*v.Offset : 2*(v.Offset+v.Size)]
	if !isText {
		return s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func typeChildren(typ arrow.DataType) (out []arrow.DataType) {
	switch t := typ.(type) {
	case *arrow.MapType:
		return []arrow.DataType{t.Elem()}
	case *arrow.RunEndEncodedType:
		return []arrow.DataType{t.RunEnds(), t.Encoded()}
	case arrow.ListLikeType:
		return []arrow.DataType{t.Elem()}
	case *arrow.StructType:
		for _, f := range t.Fields() {
			out = append(out, f.Type)
		}
	case arrow.UnionType:
		for _, f := range t.Fields() {
			out = append(out, f.Type)
		}
	}
	return out
}

// scalar words a value of the JSON.
func scalar(x json.RawMessage, typ arrow.DataType) string {
	s := strings.Trim(string(x), `"`)
	switch typ.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.BINARY, arrow.LARGE_BINARY, arrow.FIXED_SIZE_BINARY:
		return text(x)
	case arrow.BOOL:
		return map[string]string{"1": "true", "0": "false"}[strings.NewReplacer("true", "1", "false", "0").Replace(s)]
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			panic(err)
		}
		if typ.ID() != arrow.FLOAT64 {
			return fmt.Sprint(float32(f))
		}
		return fmt.Sprint(f)
	case arrow.INTERVAL_DAY_TIME, arrow.INTERVAL_MONTH_DAY_NANO:
		var m map[string]json.Number
		if err := json.Unmarshal(x, &m); err != nil {
			panic(err)
		}
		return fmt.Sprintf("%s %s %s", m["months"], m["days"], m["milliseconds"]+m["nanoseconds"])
	}
	return s
}

// slot is value i of an array, in the form of jsonDoc.values.
func slot(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch x := a.(type) {
	case *array.Null:
		return nil
	case *array.Dictionary:
		return slot(x.Dictionary(), x.GetValueIndex(i))
	case *array.Struct:
		row := []any{}
		for k := range x.NumField() {
			row = append(row, slot(x.Field(k), i))
		}
		return row
	case array.Union:
		at := i
		if d, ok := a.(*array.DenseUnion); ok {
			at = int(d.ValueOffset(i))
		}
		return []any{fmt.Sprint(x.TypeCode(i)), slot(x.Field(x.ChildID(i)), at)}
	case *array.RunEndEncoded:
		return slot(x.Values(), x.GetPhysicalIndex(i))
	case array.ListLike:
		lo, hi := x.ValueOffsets(i)
		row := []any{}
		for k := lo; k < hi; k++ {
			row = append(row, slot(x.ListValues(), int(k)))
		}
		return row
	case *array.Boolean:
		return fmt.Sprint(x.Value(i))
	case *array.Float16:
		return fmt.Sprint(x.Value(i).Float32())
	case *array.Float32:
		return fmt.Sprint(x.Value(i))
	case *array.Float64:
		return fmt.Sprint(x.Value(i))
	case *array.Decimal128:
		return x.Value(i).BigInt().String()
	case *array.Decimal256:
		return x.Value(i).BigInt().String()
	case *array.DayTimeInterval:
		return fmt.Sprintf(" %d %d", x.Value(i).Days, x.Value(i).Milliseconds)
	case *array.MonthDayNanoInterval:
		return fmt.Sprintf("%d %d %d", x.Value(i).Months, x.Value(i).Days, x.Value(i).Nanoseconds)
	case *array.FixedSizeBinary:
		return strings.ToUpper(hex.EncodeToString(x.Value(i)))
	case *array.Binary:
		return strings.ToUpper(hex.EncodeToString(x.Value(i)))
	case *array.LargeBinary:
		return strings.ToUpper(hex.EncodeToString(x.Value(i)))
	case *array.BinaryView:
		return strings.ToUpper(hex.EncodeToString(x.Value(i)))
	case array.StringLike:
		return x.Value(i)
	}
	return integer(a, i)
}

// integer words what is stored as one.
func integer(a arrow.Array, i int) string {
	switch x := a.(type) {
	case *array.Int8:
		return fmt.Sprint(x.Value(i))
	case *array.Int16:
		return fmt.Sprint(x.Value(i))
	case *array.Int32:
		return fmt.Sprint(x.Value(i))
	case *array.Int64:
		return fmt.Sprint(x.Value(i))
	case *array.Uint8:
		return fmt.Sprint(x.Value(i))
	case *array.Uint16:
		return fmt.Sprint(x.Value(i))
	case *array.Uint32:
		return fmt.Sprint(x.Value(i))
	case *array.Uint64:
		return fmt.Sprint(x.Value(i))
	case *array.Date32:
		return fmt.Sprint(int64(x.Value(i)))
	case *array.Date64:
		return fmt.Sprint(int64(x.Value(i)))
	case *array.Time32:
		return fmt.Sprint(int64(x.Value(i)))
	case *array.Time64:
		return fmt.Sprint(int64(x.Value(i)))
	case *array.Timestamp:
		return fmt.Sprint(int64(x.Value(i)))
	case *array.Duration:
		return fmt.Sprint(int64(x.Value(i)))
	case *array.MonthInterval:
		return fmt.Sprint(int64(x.Value(i)))
	}
	return "no value of " + a.DataType().String()
}

// compareJSON compares records with the JSON beside them, value by value.
func compareJSON(t *testing.T, name string, got []arrow.Record, doc *jsonDoc) {
	t.Helper()
	if len(got) != len(doc.Batches) {
		t.Errorf("%s: %d records, the JSON has %d", name, len(got), len(doc.Batches))
		return
	}
	for b, rec := range got {
		want := &doc.Batches[b]
		if rec.NumRows() != want.Count || int(rec.NumCols()) != len(want.Columns) {
			t.Errorf("%s: record %d is %d rows × %d columns, in the JSON %d × %d", name, b, rec.NumRows(), rec.NumCols(), want.Count, len(want.Columns))
			continue
		}
		for c, a := range rec.Columns() {
			if rec.ColumnName(c) != want.Columns[c].Name {
				t.Errorf("%s: column %d is %q, in the JSON %q", name, c, rec.ColumnName(c), want.Columns[c].Name)
			}
			if e, ok := a.(array.ExtensionArray); ok {
				a = e.Storage()
			}
			for i, w := range doc.values(&want.Columns[c], &doc.Schema.Fields[c], a.DataType()) {
				if g := slot(a, i); fmt.Sprint(g) != fmt.Sprint(w) {
					t.Errorf("%s: record %d, column %s, row %d: %v, in the JSON %v", name, b, rec.ColumnName(c), i, g, w)
					break
				}
			}
		}
	}
}
