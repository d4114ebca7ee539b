package array_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	arrowarray "github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/arrow/tensor"
	"gonum.org/v1/gonum/mat"

	"github.com/weft-data/weft/array"
)

// TestGonum: matrices of gonum in and out, and what shares elements with them.
func TestGonum(t *testing.T) {
	r := runner(t)
	d := mat.NewDense(4, 5, nil)
	for i := range 4 {
		for j := range 5 {
			d.Set(i, j, float64(10*i+j))
		}
	}
	want := func(m mat.Matrix) *array.Array {
		rows, cols := m.Dims()
		v := make([]float64, 0, rows*cols)
		for i := range rows {
			for j := range cols {
				v = append(v, m.At(i, j))
			}
		}
		return array.FromSlice(v, []int{rows, cols})
	}
	for name, m := range map[string]mat.Matrix{"dense": d, "turned": d.T(), "slice": d.Slice(1, 4, 1, 3), "turned slice": d.Slice(0, 3, 2, 5).T(), "row": d.RowView(2),
		"column": d.ColView(3), "one": d.Slice(1, 2, 1, 2), "symmetric": mat.NewSymDense(2, []float64{1, 2, 2, 3}), "diagonal": mat.NewDiagDense(2, []float64{4, 5})} {
		t.Run(name, func(t *testing.T) {
			same(t, r, array.FromMatrix(m), want(m))
			same(t, r, array.FromMatrix(m, array.Chunks(2), array.Of(array.Float32)), want(m).As(array.Float32))
		})
	}
	x := array.FromMatrix(d)
	d.Set(0, 0, 99)
	res, err := x.Compute(ctx, r)
	must(t, err)
	back, err := res.Matrix()
	if err != nil || back.At(0, 0) != 99 || !mat.Equal(back, d) {
		t.Error("the matrix was copied:", back, err)
	}
	back.Set(1, 1, -1)
	if v, _ := array.Values[float64](res); v[6] != -1 {
		t.Error("the result was copied")
	}
	ints, err := array.Arange(0, 3, 1).Compute(ctx, r)
	must(t, err)
	if m, err := ints.Matrix(); err != nil || !mat.Equal(m, mat.NewDense(3, 1, []float64{0, 1, 2})) {
		t.Error(m, err)
	}
	for _, x := range []*array.Array{array.Zeros([]int{2, 2, 2}), array.Zeros([]int{0, 2}), array.Zeros([]int{2}, array.Of(array.Complex128))} {
		res, err := x.Compute(ctx, r)
		must(t, err)
		if _, err := res.Matrix(); err == nil {
			t.Error(x, "became a matrix")
		}
	}
}

// TestTensors: tensors of Arrow in and out.
func TestTensors(t *testing.T) {
	r := runner(t)
	pool := memory.NewCheckedAllocator(memory.DefaultAllocator)
	b := arrowarray.NewInt32Builder(pool)
	b.AppendValues([]int32{0, 1, 2, 3, 4, 5}, nil)
	a := b.NewInt32Array()
	want := array.Arange(0, 6, 1).As(array.Int32)
	row := tensor.New(a.Data(), []int64{2, 3}, nil, nil)
	col := tensor.New(a.Data(), []int64{2, 3}, []int64{4, 8}, nil)
	same(t, r, array.FromTensor(row), want.Reshape(2, 3))
	same(t, r, array.FromTensor(col, array.Chunks(1)), want.Reshape(3, 2).T())
	odd := tensor.New(a.Data(), []int64{2, 2}, []int64{12, 4}, nil)
	if err := array.FromTensor(odd).Err(); err == nil || !strings.Contains(err.Error(), "strides [12 4]") {
		t.Error(err)
	}
	for _, k := range everyKind {
		x := sample(k, 3, 4)
		res, err := x.Compute(ctx, r)
		must(t, err)
		out, err := res.Tensor()
		if k == array.Bool || k == array.Complex64 || k == array.Complex128 {
			if err == nil {
				t.Errorf("a tensor of %s", k)
			}
			continue
		}
		must(t, err)
		if out.DataType().ID() == arrow.NULL || !out.IsRowMajor() {
			t.Error(out)
		}
		same(t, r, array.FromTensor(out), x)
	}
}
