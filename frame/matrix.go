package frame

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op/gorows"
)

// A ColumnData is a column in a slice: see Values.
type ColumnData struct {
	name string
	b    *chunk.Batch
	t    dtype.Field
	err  error
}

// Values names a slice of a type that FromStructs takes as a field: bools,
// numbers, strings (of UTF-8, as CSV and JSON files are), []byte, times, durations, or
// pointers to them, nil for null. The values are copied.
func Values[T any](name string, list []T) ColumnData {
	c := ColumnData{name: name}
	s, err := gorows.ShapeOf(reflect.TypeFor[single[T]]())
	if err != nil {
		c.err = fmt.Errorf("column %q: %w", name, err)
		return c
	}
	named := *s
	named.Schema = slices.Clone(s.Schema)
	named.Schema[0].Name = name
	w := gorows.NewWriter(&named)
	x := reflect.New(reflect.TypeFor[single[T]]()).Elem()
	for _, v := range list {
		x.Field(0).Set(reflect.ValueOf(&v).Elem())
		if c.err = w.Add(x); c.err != nil {
			return c
		}
	}
	c.b, c.t = w.Flush(), named.Schema[0]
	return c
}

// FromColumns makes a frame of slices of one length; else it is as FromRecords.
func FromColumns(cols ...ColumnData) *Frame {
	if len(cols) == 0 {
		return fail("FromColumns", errors.New("no columns: a table has at least one"))
	}
	b := &chunk.Batch{}
	var s dtype.Schema
	for i, c := range cols {
		if c.err != nil {
			return fail("FromColumns", c.err)
		}
		if c.b == nil {
			return fail("FromColumns", fmt.Errorf("column %d is none: make it with Values", i))
		}
		if i > 0 && c.b.N != b.N {
			return fail("FromColumns", fmt.Errorf("column %q has %d values, %q has %d", c.name, c.b.N, cols[0].name, b.N))
		}
		b.N = c.b.N
		b.Cols, s = append(b.Cols, c.b.Cols[0]), append(s, c.t)
	}
	return inMemory(s, []*chunk.Batch{b}, nil)
}

// FromMatrix makes a frame of a matrix: a float64 column for each of its columns,
// called by names. The values are copied.
func FromMatrix(m mat.Matrix, names ...string) *Frame {
	if m == nil {
		return fail("FromMatrix", errors.New("no matrix"))
	}
	n, k := m.Dims()
	if len(names) != k {
		return fail("FromMatrix", fmt.Errorf("%d names for the %d columns of the matrix", len(names), k))
	}
	cols := make([]ColumnData, k)
	for j := range k {
		list := make([]float64, n)
		for i := range list {
			list[i] = m.At(i, j)
		}
		cols[j] = Values(names[j], list)
	}
	return FromColumns(cols...)
}

// Matrix returns columns (all when none are named) of numbers and bools as a
// matrix; null is NaN, true is 1. Integers beyond 2^53 are rounded.
//
// Errors: a column of another type; a table without rows, which is no matrix.
func (t *Table) Matrix(cols ...string) (*mat.Dense, error) {
	if len(cols) == 0 {
		cols = t.Schema.Names()
	}
	n := int(t.NumRows())
	if n == 0 {
		return nil, errors.New("frame: Matrix: the table has no rows, and a matrix has some")
	}
	data := make([]float64, n*len(cols))
	for j, name := range cols {
		c, err := t.Schema.Find(name)
		if err != nil {
			return nil, fmt.Errorf("frame: Matrix: %w", err)
		}
		if k := t.Schema[c].Type.Kind; !k.IsNumeric() && k != dtype.Bool && k != dtype.Null {
			return nil, fmt.Errorf("frame: Matrix: column %q is %s: want numbers or bools", name, t.Schema[c].Type)
		}
		at := 0
		for _, rec := range t.Records {
			v, err := chunk.FromArray(rec.Column(c))
			if err != nil {
				return nil, fmt.Errorf("frame: Matrix: column %q: %w", name, err)
			}
			for i := range v.N {
				data[(at+i)*len(cols)+j] = numberAt(&v, i)
			}
			at += v.N
		}
	}
	return mat.NewDense(n, len(cols), data), nil
}

// numberAt reads a number or bool; null is NaN.
func numberAt(v *chunk.Vec, i int) float64 {
	if v.IsNull(i) {
		return math.NaN()
	}
	switch v.Type.Kind {
	case dtype.Bool:
		if v.Bool(i) {
			return 1
		}
		return 0
	case dtype.Int8:
		return float64(chunk.Values[int8](v)[i])
	case dtype.Int16:
		return float64(chunk.Values[int16](v)[i])
	case dtype.Int32:
		return float64(chunk.Values[int32](v)[i])
	case dtype.Int64:
		return float64(chunk.Values[int64](v)[i])
	case dtype.Uint8:
		return float64(chunk.Values[uint8](v)[i])
	case dtype.Uint16:
		return float64(chunk.Values[uint16](v)[i])
	case dtype.Uint32:
		return float64(chunk.Values[uint32](v)[i])
	case dtype.Uint64:
		return float64(chunk.Values[uint64](v)[i])
	case dtype.Float32:
		return float64(chunk.Values[float32](v)[i])
	}
	return chunk.Values[float64](v)[i]
}
