package array

import (
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// Singular values, and eigenvalues of symmetric matrices.

// SVD returns U, the singular values from the largest to the smallest, and Vᵀ in x =
// U·diag(s)·Vᵀ, of complex matrices Vᴴ, with as many columns, values and rows as x has
// of the fewer. It is by QR, and then of a square matrix in one task. The first of the
// largest elements of each row of Vᵀ (of each column of U, for matrices with more
// columns than rows) is positive.
func (x *Array) SVD() (u, s, vt *Array) { return x.svd("SVD") }

func (x *Array) svd(verb string) (u, s, vt *Array) {
	y := x.upright(verb)
	if y.err != nil {
		return y, y, y
	}
	m, n := y.grid[0].Len(), y.grid[1].Len()
	if y.grid[0].Known() && m < n {
		u, s, vt = y.adjoint().svd(verb)
		if u.err != nil {
			return u, s, vt
		}
		return vt.adjoint(), s, u.adjoint()
	}
	var q *Array
	if y.grid[0].Blocks() > 1 || y.grid[1].Blocks() > 1 || m < 0 {
		q, y = y.qr(verb)
		if f := failed(q, y); f != nil {
			return f, f, f
		}
		m = n
	}
	o := &operation{CallParams: ops.CallParams{Kind: y.kind, Out: []grid.Grid{{single(m), single(n)}, {single(n)}, {single(n), single(n)}}}}
	o.read(y.result(), false, ops.All, ops.All)
	out, bad := o.done(verb, ops.SVD)
	if bad != nil {
		return bad, bad, bad
	}
	u = out[0].array(verb)
	if q != nil {
		u = product(verb, q, u)
	}
	return u, out[1].array(verb).Real(), out[2].array(verb)
}

// oversampling is how many more vectors than asked for are looked for.
const oversampling = 10

// SVDCompressed returns about the k largest singular values, and their vectors, of
// a large matrix: of its products with k+10 random vectors, which are drawn by key,
// after so many rounds of powers (Halko, Martinsson and Tropp, Finding structure
// with randomness, 2011, algorithm 4.4). With two rounds the values are close even
// where they fall off slowly. x is read twice, and twice more for each round.
func (x *Array) SVDCompressed(k, rounds int, key uint64) (u, s, vt *Array) {
	const verb = "SVDCompressed"
	y := x.matrix(verb)
	if y.err != nil {
		return y, y, y
	}
	m, n := int(y.grid[0].Len()), int(y.grid[1].Len())
	if k < 1 || k > min(m, n) || rounds < 0 {
		f := fail(verb, "%d values of shape %s after %d rounds: want 1 to %d values", k, grid.Tuple(y.Shape()), rounds, min(m, n))
		return f, f, f
	}
	wide := min(k+oversampling, m, n)
	q, _ := product(verb, y, Random(key).Normal(0, 1, []int{n, wide}, Of(y.kind.Real())).cut(verb, grid.Grid{y.grid[1], single(int64(wide))})).qr(verb)
	for range rounds {
		q, _ = product(verb, y.adjoint(), q).qr(verb)
		q, _ = product(verb, y, q).qr(verb)
	}
	if q.err != nil {
		return q, q, q
	}
	v, s, ut := product(verb, y.adjoint(), q).svd(verb) // tall, of few columns, as all products here
	if v.err != nil {
		return v, v, v
	}
	return product(verb, q, ut.adjoint().part(1, 0, k)), s.part(0, 0, k), v.adjoint().part(0, 0, k)
}

// Eigh returns the eigenvalues of a symmetric matrix, or a Hermitian one, from the least
// to the greatest, and its eigenvectors, one a column: x·v = v·diag(values). The lower
// triangle is read. Vectors have length 1 and are orthogonal; the first of the largest
// elements of each is positive. One task holds the matrix and about five times as much:
// unlike the other factors this one is not cut into panels. It is done in float64, but
// for the reflections of complex64, which keep that type, with an error of a few n
// roundings of the largest value; NaN and infinities are an error of the run.
func (x *Array) Eigh() (values, vectors *Array) {
	r, bad := x.eigen("Eigh", 1)
	if bad != nil {
		return bad, bad
	}
	return r[1].array("Eigh").Real(), r[0].array("Eigh")
}

// EigvalsH is the eigenvalues that Eigh returns, without vectors, which is less work.
func (x *Array) EigvalsH() *Array {
	r, bad := x.eigen("EigvalsH", 0)
	if bad != nil {
		return bad
	}
	return r[0].array("EigvalsH")
}

func (x *Array) eigen(verb string, vectors int64) ([]result, *Array) {
	y := x.square(verb)
	if y.err != nil {
		return nil, y
	}
	n := single(y.grid[0].Len())
	o := &operation{CallParams: ops.CallParams{Kind: y.kind.Real(), Out: []grid.Grid{{n}}, Ints: []int64{vectors}}}
	if vectors == 1 {
		o.Kind, o.Out = y.kind, []grid.Grid{{n, n}, {n}}
	}
	o.read(y.result(), false, ops.All, ops.All)
	return o.done(verb, ops.Eigh)
}
