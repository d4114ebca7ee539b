package linalg

import (
	"fmt"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// Joins returns the number of elements that join the reflections of k columns, see Reflect.
func Joins(k int) int { return (k + panel - 1) / panel * panel * panel }

// Reflect overwrites A (m x n, stored by rows) with what QR makes of it by reflections, in the compact form: R on and above
// the diagonal, whose sign is not settled, below it the vectors of the reflections. joins, of Joins(min(m, n)) elements, gets
// what joins them. ApplyReflections multiplies with their product, which is Q.
func Reflect[T vec.Float](a gemm.Matrix[T], joins []T, env Env[T]) error {
	if err := byRows("A", a); err != nil {
		return err
	}
	h, err := newReflections(a, joins, env)
	if err != nil {
		return err
	}
	for j := 0; j < h.k; j += panel {
		if err := h.factor(j, min(panel, h.k-j)); err != nil {
			return err
		}
	}
	return nil
}

// ApplyReflections overwrites C with Q·C, or Qᵀ·C, A being what Reflect has made. C has the rows of A and is stored by rows.
func ApplyReflections[T vec.Float](a gemm.Matrix[T], joins []T, c gemm.Matrix[T], transposed bool, env Env[T]) error {
	if err := byRows("C", c); err != nil {
		return err
	}
	if a.Rows != c.Rows {
		return fmt.Errorf("linalg: reflections of %d rows do not fit %d", a.Rows, c.Rows)
	}
	h, err := newReflections(a, joins, env)
	if err != nil {
		return err
	}
	for _, s := range []*[]T{&h.w, &h.w2} {
		if *s, err = h.env.take(panel * c.Cols); err != nil {
			return err
		}
	}
	return eachPanel(h.k, !transposed, func(j, w int) error {
		return h.apply(j, w, c.Slice(j, 0, c.Rows-j, c.Cols), transposed)
	})
}

// eachPanel calls f for the panels of k columns, with where they begin and their width, in order or in the opposite one.
func eachPanel(k int, backwards bool, f func(j, w int) error) error {
	panels := (k + panel - 1) / panel
	for p := range panels {
		if backwards {
			p = panels - 1 - p
		}
		j := p * panel
		if err := f(j, min(panel, k-j)); err != nil {
			return err
		}
	}
	return nil
}

// TmpForReflections returns the number of elements of Env.Tmp that suffice for ApplyReflections and Reflect on a matrix of
// m x n, applied to w columns.
func TmpForReflections(m, n, w int) int { return panel*m + 2*panel*(n+w) }

// newReflections borrows what all steps need.
func newReflections[T vec.Float](a gemm.Matrix[T], joins []T, env Env[T]) (*reflections[T], error) {
	k := min(a.Rows, a.Cols)
	if len(joins) < Joins(k) {
		return nil, fmt.Errorf("linalg: %d elements to join the reflections of %d columns, not %d", Joins(k), k, len(joins))
	}
	h := &reflections[T]{a: a, k: k, env: env, joins: joins, dot: vec.Dot[T](), scaled: vec.AddScaled[T](), turn: vec.Transpose[T](),
		times: vec.BinaryRight[T](vec.Mul), over: vec.BinaryRight[T](vec.Div)}
	for _, b := range []struct {
		s *[]T
		n int
	}{{&h.cols, panel * a.Rows}, {&h.w, panel * a.Cols}, {&h.w2, panel * a.Cols}} {
		s, err := h.env.take(b.n)
		if err != nil {
			return nil, err
		}
		*b.s = s
	}
	h.v = h.cols // the vectors by rows take the place of the columns
	return h, nil
}
