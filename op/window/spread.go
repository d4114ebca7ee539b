package window

import (
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/quantile"
)

// quantiles are a quantile of the values in a frame, which are kept in order.
type quantiles struct {
	results
	q    float64
	kind dtype.Kind
	r    ranks
	err  error // from add, given by put
}

func newQuantiles(f *Func, out dtype.Type, k dtype.Kind, alloc mem.Allocator) *quantiles {
	a := &quantiles{results: results{typ: out}, q: f.Q, kind: k, r: ranks{alloc: alloc}}
	if f.Fn == Median {
		a.q = 0.5
	}
	return a
}

func (a *quantiles) reset() { a.r.reset() }

func keyOf(v *chunk.Vec, row int) int64 {
	if v.Type.Kind.IsFloat() {
		return quantile.KeyOf(floatAt(v, row))
	}
	return integerAt(v, row)
}

func (a *quantiles) add(v *chunk.Vec, row int, _ int64) {
	if a.err == nil && !v.IsNull(row) {
		a.err = a.r.add(keyOf(v, row))
	}
}

func (a *quantiles) span(v *chunk.Vec, lo, hi int, _ int64) {
	for i := lo; i < hi; i++ {
		a.add(v, i, 0)
	}
}

func (a *quantiles) remove(v *chunk.Vec, row int, _ int64) {
	if a.err == nil && !v.IsNull(row) {
		a.r.remove(keyOf(v, row))
	}
}

func (a *quantiles) put(times int) error {
	if a.err != nil || a.r.n == 0 {
		a.giveNull(times)
		return a.err
	}
	rank, part := quantile.RankOf(a.q, a.r.n)
	x := a.r.key(rank)
	y := x
	if part > 0 {
		y = a.r.key(rank + 1)
	}
	if a.typ.Kind == dtype.Duration {
		a.give(uint64(quantile.Middle(x, y)), times)
		return nil
	}
	a.give(math.Float64bits(quantile.Between(a.kind, x, y, part)), times)
	return nil
}

// shapes are the skew or the kurtosis of the values in a frame.
type shapes struct {
	results
	p exact.Powers
}

func newShapes(f *Func, out dtype.Type) *shapes {
	a := &shapes{results{typ: out}, exact.Powers{Top: 3}}
	if f.Fn == Kurtosis {
		a.p.Top = 4
	}
	return a
}

func (a *shapes) reset() { a.p.Reset() }

func (a *shapes) add(v *chunk.Vec, row int, _ int64) {
	if !v.IsNull(row) {
		a.p.Enter(floatAt(v, row))
	}
}

func (a *shapes) span(v *chunk.Vec, lo, hi int, _ int64) {
	for i := lo; i < hi; i++ {
		a.add(v, i, 0)
	}
}

func (a *shapes) remove(v *chunk.Vec, row int, _ int64) {
	if !v.IsNull(row) {
		a.p.Leave(floatAt(v, row))
	}
}

func (a *shapes) put(times int) error {
	x, ok := a.p.Shape()
	a.giveFloat(x, ok, times)
	return nil
}

func (r *results) giveFloat(x float64, ok bool, times int) {
	if !ok {
		r.giveNull(times)
		return
	}
	r.give(math.Float64bits(x), times)
}

// couples are the covariance or the correlation of two columns in a frame, over rows where both have a value.
type couples struct {
	results
	corr bool
	y    *chunk.Vec // the second column of the rows that come next
	c    exact.Comoments
}

func (a *couples) reset() { a.c.Reset() }

func (a *couples) add(v *chunk.Vec, row int, _ int64) {
	if !v.IsNull(row) && !a.y.IsNull(row) {
		a.c.Enter(floatAt(v, row), floatAt(a.y, row))
	}
}

func (a *couples) span(v *chunk.Vec, lo, hi int, _ int64) {
	for i := lo; i < hi; i++ {
		a.add(v, i, 0)
	}
}

func (a *couples) remove(v *chunk.Vec, row int, _ int64) {
	if !v.IsNull(row) && !a.y.IsNull(row) {
		a.c.Leave(floatAt(v, row), floatAt(a.y, row))
	}
}

func (a *couples) put(times int) error {
	x, ok := a.c.Cov()
	if a.corr {
		x, ok = a.c.Corr()
	}
	a.giveFloat(x, ok, times)
	return nil
}

// truths say whether any or all of the bools in a frame are true.
type truths struct {
	words
	all  bool
	n    int64 // values that decide: true ones for any, false ones for all
	vals []bool
}

func (a *truths) reset()      { a.n = 0 }
func (a *truths) begin(n int) { a.vals = a.vals[:0] }

func (a *truths) decides(v *chunk.Vec, row int) bool {
	return v.Type.Kind == dtype.Bool && !v.IsNull(row) && v.Bool(row) != a.all
}

func (a *truths) add(v *chunk.Vec, row int, _ int64) {
	if a.decides(v, row) {
		a.n++
	}
}

func (a *truths) span(v *chunk.Vec, lo, hi int, _ int64) {
	for i := lo; i < hi; i++ {
		a.add(v, i, 0)
	}
}

func (a *truths) remove(v *chunk.Vec, row int, _ int64) {
	if a.decides(v, row) {
		a.n--
	}
}

func (a *truths) put(times int) error {
	for range times {
		a.vals = append(a.vals, (a.n > 0) != a.all)
	}
	return nil
}

func (a *truths) end() (chunk.Vec, error) {
	return packBools(dtype.Of(dtype.Bool), a.vals, &a.words), nil
}
