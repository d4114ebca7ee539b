package suite

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// recordRows is how many rows a record of a table in memory has.
const recordRows = 1 << 20

// schema has the plain Arrow types: numbers are int32, decimals float64, labels
// and names utf8 without a dictionary.
func (t *table) schema() *arrow.Schema {
	var fields []arrow.Field
	for _, c := range t.cols {
		f := arrow.Field{Name: c.name, Type: arrow.PrimitiveTypes.Int32}
		switch c.form {
		case micro, tenth:
			f.Type = arrow.PrimitiveTypes.Float64
		case label, named:
			f.Type = arrow.BinaryTypes.String
		}
		fields = append(fields, f)
	}
	return arrow.NewSchema(fields, nil)
}

// records makes the table in memory.
func (t *table) records() ([]arrow.Record, error) {
	var out []arrow.Record
	b := newRecordMaker(t)
	err := t.batches(func(cols [][]int64, n int) error {
		b.add(cols, n)
		if b.rows >= recordRows {
			out = append(out, b.record())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if b.rows > 0 || len(out) == 0 {
		out = append(out, b.record())
	}
	return out, nil
}

// A recordMaker collects generated rows as Arrow buffers.
type recordMaker struct {
	t      *table
	schema *arrow.Schema
	rows   int
	cols   []recordColumn
}

// A recordColumn has the values of one type and no others.
type recordColumn struct {
	ints   []int32 // numbers, or offsets of text
	floats []float64
	text   []byte
}

func newRecordMaker(t *table) *recordMaker {
	m := &recordMaker{t: t, schema: t.schema(), cols: make([]recordColumn, len(t.cols))}
	m.reset()
	return m
}

func (m *recordMaker) reset() {
	m.rows = 0
	n := min(m.t.rows, recordRows) + batchRows
	for c := range m.cols {
		old := &m.cols[c]
		switch m.t.cols[c].form {
		case micro, tenth:
			*old = recordColumn{floats: make([]float64, 0, n)}
		case label, named:
			*old = recordColumn{ints: append(make([]int32, 0, n+1), 0), text: make([]byte, 0, len(old.text)+len(old.text)/50)}
		default:
			*old = recordColumn{ints: make([]int32, 0, n)}
		}
	}
}

func (m *recordMaker) add(cols [][]int64, n int) {
	m.rows += n
	for c := range m.cols {
		m.cols[c].add(&m.t.cols[c], cols[c][:n])
	}
}

func (o *recordColumn) add(c *column, values []int64) {
	switch c.form {
	case micro:
		for _, v := range values {
			o.floats = append(o.floats, float64(v)/1e6)
		}
	case tenth:
		for _, v := range values {
			o.floats = append(o.floats, float64(v)/10)
		}
	case label, named:
		for _, v := range values {
			o.text = c.appendText(o.text, v)
			o.ints = append(o.ints, int32(len(o.text)))
		}
	default:
		for _, v := range values {
			o.ints = append(o.ints, int32(v))
		}
	}
}

// record returns what was collected and begins anew.
func (m *recordMaker) record() arrow.Record {
	arrays := make([]arrow.Array, len(m.cols))
	for c := range m.cols {
		o := &m.cols[c]
		buffers := []*memory.Buffer{nil}
		switch {
		case o.floats != nil:
			buffers = append(buffers, memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(o.floats)))
		default:
			buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(o.ints)))
			if m.schema.Field(c).Type.ID() == arrow.STRING {
				buffers = append(buffers, memory.NewBufferBytes(o.text))
			}
		}
		arrays[c] = array.MakeFromData(array.NewData(m.schema.Field(c).Type, m.rows, buffers, nil, 0, 0))
	}
	r := array.NewRecord(m.schema, arrays, int64(m.rows))
	m.reset()
	return r
}
