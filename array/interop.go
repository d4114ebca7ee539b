package array

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/arrow/tensor"
	"gonum.org/v1/gonum/mat"

	arrowarray "github.com/apache/arrow/go/v17/arrow/array"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
)

// FromMatrix is a matrix of gonum. A *mat.Dense, its slices, a *mat.VecDense and what
// Matrix.T makes of them are read while plans run, without a copy, and must not
// change; other matrices are copied now. The plan stays in this process.
func FromMatrix(m mat.Matrix, opts ...Option) *Array {
	rows, cols := m.Dims()
	switch m := m.(type) {
	case mat.Transpose:
		return FromMatrix(m.Matrix, opts...).T()
	case *mat.VecDense:
		v := m.RawVector()
		return strided("FromMatrix", v.Data, rows, 1, v.Inc, opts)
	case mat.RawMatrixer:
		g := m.RawMatrix()
		return strided("FromMatrix", g.Data, rows, cols, g.Stride, opts)
	}
	data := make([]float64, 0, rows*cols)
	for i := range rows {
		for j := range cols {
			data = append(data, m.At(i, j))
		}
	}
	return FromSlice(data, []int{rows, cols}, opts...)
}

// strided is a matrix of rows that lie stride elements apart: the first columns of one
// that has so many.
func strided(verb string, data []float64, rows, cols, stride int, opts []Option) *Array {
	if rows == 0 || cols == 0 {
		return Zeros([]int{rows, cols}, opts...)
	}
	if stride == cols {
		return FromSlice(data[:rows*cols], []int{rows, cols}, opts...)
	}
	// the last row may end before its stride: it is joined to the others
	top := FromSlice(data[:(rows-1)*stride], []int{rows - 1, stride}, settled(opts)...).part(1, 0, cols)
	last := FromSlice(data[(rows-1)*stride:][:cols], []int{1, cols}, settled(opts)...)
	y := concat(verb, 0, []*Array{top, last})
	if o := settle(elem.Float64, opts); y.err == nil && len(o.chunks) > 0 {
		y = y.Rechunk(o.chunks...)
	}
	return y
}

// settled are options without chunks.
func settled(opts []Option) []Option { return append(opts[:len(opts):len(opts)], Chunks()) }

// Matrix is a result of one or two axes as a matrix of gonum, a vector as a column. It
// shares the elements of a result of float64; others are converted. Errors: complex
// numbers, other shapes, and matrices without rows or columns, which gonum has not.
func (r *Result) Matrix() (*mat.Dense, error) {
	rows, cols := 1, 1
	switch len(r.Shape) {
	case 1:
		rows = r.Shape[0]
	case 2:
		rows, cols = r.Shape[0], r.Shape[1]
	default:
		return nil, fmt.Errorf("array: a result of shape %s is no matrix", grid.Tuple(r.Shape))
	}
	if rows*cols == 0 || r.DType.IsComplex() {
		return nil, fmt.Errorf("array: %s of shape %s is no matrix of gonum", r.DType, grid.Tuple(r.Shape))
	}
	if r.DType == elem.Float64 {
		return mat.NewDense(rows, cols, strip.View[float64](r.data, rows*cols)), nil
	}
	data := make([]float64, 0, rows*cols)
	for _, v := range r.All() {
		data = append(data, asFloat(v))
	}
	return mat.NewDense(rows, cols, data), nil
}

// FromTensor is a tensor of Arrow in row-major or column-major order. Its elements are
// read while plans run, without a copy: it is retained as long as the array lives. The
// plan stays in this process. Errors: types that arrays do not have, nulls, other
// strides.
func FromTensor(t tensor.Interface, opts ...Option) *Array {
	shape := make([]int, t.NumDims())
	for i, n := range t.Shape() {
		shape[i] = int(n)
	}
	switch {
	case t.Data().NullN() > 0:
		return fail("FromTensor", "%d of %d elements are null", t.Data().NullN(), t.Len())
	case t.Data().Offset() != 0:
		return fail("FromTensor", "a slice of a tensor")
	case t.IsRowMajor():
	case t.IsColMajor():
		for i, j := 0, len(shape)-1; i < j; i, j = i+1, j-1 {
			shape[i], shape[j] = shape[j], shape[i]
		}
	default:
		return fail("FromTensor", "strides %v of shape %v are neither row-major nor column-major", t.Strides(), t.Shape())
	}
	k, err := elem.Parse(t.DataType().Name())
	if err != nil || k == elem.Bool {
		return fail("FromTensor", "elements of %s: want integers or floats", t.DataType())
	}
	n := 1
	for _, s := range shape {
		n *= s
	}
	data := t.Data().Buffers()[1].Bytes()
	if len(data) < n*k.Width() {
		return fail("FromTensor", "%d bytes for %d elements of %s", len(data), n, k)
	}
	t.Retain()
	x := inMemory("FromTensor", data[:n*k.Width()], k, shape, opts, t.Release)
	if x.err == nil && !t.IsRowMajor() {
		x = x.Transpose()
	}
	return x
}

// Tensor is a result as a tensor of Arrow, in row-major order, which shares its
// elements. Errors: bools and complex numbers.
func (r *Result) Tensor() (tensor.Interface, error) {
	t, ok := arrowTypes[r.DType]
	if !ok {
		return nil, fmt.Errorf("array: there are no tensors of %s", r.DType)
	}
	shape := make([]int64, len(r.Shape))
	for i, n := range r.Shape {
		shape[i] = int64(n)
	}
	d := arrowarray.NewData(t, len(r.data)/r.DType.Width(), []*memory.Buffer{nil, memory.NewBufferBytes(r.data)}, nil, 0, 0)
	defer d.Release()
	return tensor.New(d, shape, nil, nil), nil
}

var arrowTypes = map[elem.Kind]arrow.DataType{
	elem.Int8: arrow.PrimitiveTypes.Int8, elem.Int16: arrow.PrimitiveTypes.Int16, elem.Int32: arrow.PrimitiveTypes.Int32, elem.Int64: arrow.PrimitiveTypes.Int64,
	elem.Uint8: arrow.PrimitiveTypes.Uint8, elem.Uint16: arrow.PrimitiveTypes.Uint16, elem.Uint32: arrow.PrimitiveTypes.Uint32, elem.Uint64: arrow.PrimitiveTypes.Uint64,
	elem.Float32: arrow.PrimitiveTypes.Float32, elem.Float64: arrow.PrimitiveTypes.Float64,
}
