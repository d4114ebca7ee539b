package array

import (
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/linalg"
	ops "github.com/weft-data/weft/op/array"
)

// Verbs of linear algebra. They take matrices of real and of complex numbers: floats and
// complex numbers keep their type, integers become float64. A matrix that does not fit
// one task is cut into panels of whole columns: a task then needs the memory of two
// panels, and each panel waits for those left of it, so that what runs at once are the
// matrix products within a task. Tall matrices are cut into blocks of rows instead,
// which do not wait for each other.

// matrix checks that x is a matrix whose chunks are known, and makes it floating.
func (x *Array) matrix(verb string) *Array {
	if bad := x.loose(verb); bad != nil {
		return bad
	}
	return x.plane(verb)
}

// plane is matrix, whatever is known of the chunks.
func (x *Array) plane(verb string) *Array {
	if x.err == nil && len(x.grid) != 2 {
		return fail(verb, "shape %s: want a matrix", grid.Tuple(x.Shape()))
	}
	return x.As(x.kind.Floating())
}

// upright is matrix, or one of which is not known how many rows it has: it is taken for a tall one.
func (x *Array) upright(verb string) *Array {
	y := x.plane(verb)
	if y.err == nil && !y.grid[1].Known() {
		return y.loose(verb)
	}
	return y
}

// adjoint is the transposed matrix, conjugated.
func (x *Array) adjoint() *Array { return x.Conj().T() }

// square is matrix for those with as many rows as columns.
func (x *Array) square(verb string) *Array {
	if y := x.matrix(verb); y.err != nil {
		return y
	} else if y.grid[0].Len() != y.grid[1].Len() {
		return fail(verb, "shape %s: want as many rows as columns", grid.Tuple(x.Shape()))
	} else {
		return y
	}
}

// mostPanels bounds the panels of a matrix: each reads all those left of it.
const mostPanels = 64

// panels cuts a matrix into panels of columns.
func (x *Array) panels(verb string) *Array {
	cols := x.grid[1]
	if cols.Blocks() > mostPanels {
		cols = grid.Uniform(cols.Len(), (cols.Len()+mostPanels-1)/mostPanels)
	}
	return x.cut(verb, grid.Grid{single(x.grid[0].Len()), cols})
}

// A panel is a factored panel: its first column, its results, and its width.
type panel struct {
	first int64
	out   []result
	width int64
}

// factor factors panel after panel: f says what results there are for one that
// begins at column j with w columns; a panel reads so many results of those before.
func (x *Array) factored(verb string, f func(j, w int64) *operation, op func(*operation) ([]result, *Array), reads int) (ps []panel, bad *Array) {
	j := int64(0)
	for k, w := range x.grid[1].All() {
		o := f(j, w)
		o.Kind, o.Ints = x.kind, []int64{j}
		o.read(x.result(), false, ops.All, ops.Only(k))
		for _, p := range ps {
			o.Ints = append(o.Ints, p.first)
			p.into(o, reads)
		}
		out, bad := op(o)
		if bad != nil {
			return nil, bad
		}
		ps = append(ps, panel{j, out, w})
		j += w
	}
	return ps, nil
}

// into adds the first results of a panel to the inputs of an operation, the panel
// itself as a stream.
func (p panel) into(o *operation, reads int) {
	for i, r := range p.out[:reads] {
		o.read(r, i == 0, slices.Repeat([]int32{ops.All}, len(r.grid))...)
	}
}

// beside puts panels beside each other.
func beside(verb string, n int, f func(k int) *Array) *Array {
	xs := make([]*Array, n)
	for k := range xs {
		if xs[k] = f(k); xs[k].err != nil {
			return xs[k]
		}
	}
	return concat(verb, 1, xs)
}

// Cholesky is the lower triangular L in x = L·Lᵀ of a symmetric positive definite
// matrix, or x = L·Lᴴ of a Hermitian one, of which the lower triangle is read. A run
// fails for other matrices, with the column at which that is seen. The error of L·Lᵀ is
// within 8·n roundings of the largest element.
func (x *Array) Cholesky() *Array { return x.cholesky("Cholesky") }

func (x *Array) cholesky(verb string) *Array {
	y := x.square(verb)
	if y.err != nil {
		return y
	}
	y = y.panels(verb)
	rows := y.grid[0]
	ps, bad := y.factored(verb, func(_, w int64) *operation {
		return &operation{CallParams: ops.CallParams{Out: []grid.Grid{{rows, single(w)}}}}
	}, func(o *operation) ([]result, *Array) { return o.done(verb, ops.Cholesky) }, 1)
	if bad != nil {
		return bad
	}
	return beside(verb, len(ps), func(k int) *Array { return ps[k].out[0].array(verb) })
}

// lu factors panels; x is a floating matrix.
func (x *Array) lu(verb string) (ps []panel, bad *Array) {
	x = x.panels(verb)
	m := x.grid[0].Len()
	return x.factored(verb, func(j, w int64) *operation {
		k := max(0, min(w, m-j))
		return &operation{CallParams: ops.CallParams{Out: []grid.Grid{{x.grid[0], single(w)}, {single(k)}}}}
	}, func(o *operation) ([]result, *Array) { return o.done(verb, ops.LU) }, 2)
}

// lower is the lower triangle of panels, with the exchanges of all of them.
func lower(verb string, ps []panel) *Array {
	return beside(verb, len(ps), func(k int) *Array {
		p := ps[k]
		first := min(p.first, p.out[0].grid[0].Len())
		o := &operation{CallParams: ops.CallParams{Kind: p.out[0].kind, Ints: []int64{first}, Out: p.grids()}}
		o.read(p.out[0], false, ops.All, ops.All)
		for _, later := range ps[k+1:] {
			o.read(later.out[1], false, ops.All)
		}
		return o.one(verb, ops.Lower)
	})
}

// upper is the upper triangle of panels, of k rows.
func upper(verb string, ps []panel, k int64) *Array {
	u := beside(verb, len(ps), func(i int) *Array {
		p := ps[i]
		o := &operation{CallParams: ops.CallParams{Kind: p.out[0].kind, Ints: []int64{p.first}, Out: p.grids()}}
		o.read(p.out[0], false, ops.All, ops.All)
		return o.one(verb, ops.Upper)
	})
	if u.err != nil || u.grid[0].Len() == k {
		return u
	}
	return u.part(0, 0, int(k))
}

func (p panel) grids() []grid.Grid { return []grid.Grid{p.out[0].grid} }

// permuted exchanges the rows of x as pivots do.
func (x *Array) permuted(verb string, ps []panel, back int64) *Array {
	x = x.cut(verb, grid.Grid{single(x.grid[0].Len()), x.grid[1]})
	o := &operation{CallParams: ops.CallParams{Kind: x.kind, Ints: []int64{back}, Out: []grid.Grid{x.grid}, Space: x.grid}}
	o.read(x.result(), false, ops.All, 1)
	for _, p := range ps {
		o.read(p.out[1], false, ops.All)
	}
	return o.one(verb, ops.Permuted)
}

// LU returns P, L and U in x = P·L·U: a permutation, a lower triangular matrix with
// ones on the diagonal, and an upper triangular one. The pivot of a column is the
// largest of all elements that are left.
func (x *Array) LU() (p, l, u *Array) {
	const verb = "LU"
	y := x.matrix(verb)
	if y.err != nil {
		return y, y, y
	}
	m, k := y.grid[0].Len(), min(y.grid[0].Len(), y.grid[1].Len())
	ps, bad := y.lu(verb)
	if bad != nil {
		return bad, bad, bad
	}
	l = lower(verb, ps)
	if l.err == nil && l.grid[1].Len() > k {
		l = l.part(1, 0, int(k))
	}
	return Eye(int(m), int(m), 0, Of(y.kind)).permuted(verb, ps, 1), l, upper(verb, ps, k)
}

// Det is the determinant, by LU.
func (x *Array) Det() *Array {
	d, sign := x.pivots("Det")
	if d.err != nil {
		return d
	}
	return d.Prod().Mul(sign)
}

// SLogDet returns the sign of the determinant (-1, 0 or 1, of a complex matrix a number
// of size 1, or 0) and the logarithm of its size, which does not overflow.
func (x *Array) SLogDet() (sign, log *Array) {
	d, sign := x.pivots("SLogDet")
	if d.err != nil {
		return d, d
	}
	return d.Sign().Prod().Mul(sign), d.Abs().Log().Sum()
}

// pivots returns a matrix whose elements multiply to the size of the determinant,
// and the sign of the exchanges of rows.
func (x *Array) pivots(verb string) (d, sign *Array) {
	y := x.square(verb)
	if y.err != nil {
		return y, y
	}
	p, _, u := y.LU()
	if f := failed(p, u); f != nil {
		return f, f
	}
	// The sign of a permutation is that of its inversions: pairs in the wrong order.
	n := int(y.grid[0].Len())
	p = p.Real()
	at := p.MatMul(Arange(0.0, float64(n), 1.0, Of(p.kind), Chunks(-1)))
	wrong := at.ExpandDims(0).Lt(at.ExpandDims(1)).And(upperMask(n)).Sum()
	return Where(Eye(n, n, 0, Of(Bool)), u, 1.0), wrong.Mod(2).Mul(-2).Add(1).As(y.kind)
}

// upperMask is true above the diagonal.
func upperMask(n int) *Array {
	i := Arange(0, n, 1)
	return i.ExpandDims(1).Lt(i.ExpandDims(0))
}

// triangular solves a system with a triangular matrix.
func (x *Array) triangular(verb string, b *Array, isUpper, unit bool) *Array {
	x = x.panels(verb)
	b = b.cut(verb, grid.Grid{single(b.grid[0].Len()), b.grid[1]})
	if f := failed(x, b); f != nil {
		return f
	}
	o := &operation{CallParams: ops.CallParams{Kind: x.kind, Space: b.grid, Out: []grid.Grid{b.grid}, Ints: []int64{truth(isUpper), truth(unit)}}}
	o.read(x.result(), true, ops.All, ops.All)
	o.read(b.result(), false, ops.All, 1)
	return o.one(verb, ops.Triangular)
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// system brings the two sides of a linear system to one type; y is a vector or a
// matrix, and answered gives the solution the same number of axes.
func (x *Array) system(verb string, y *Array) (a, b *Array, answered func(*Array) *Array) {
	as := func(z *Array) *Array { return z }
	if f := failed(x, y); f != nil {
		return f, f, as
	}
	given := []*Array{x, y}
	if len(y.grid) == 1 {
		y = y.ExpandDims(1)
		as = func(z *Array) *Array { return z.dropped(1) }
	}
	if a, b = x.upright(verb), y.upright(verb); a.err != nil || b.err != nil {
		f := failed(a, b)
		return f, f, as
	}
	for _, side := range []*Array{a, b} {
		if a.grid[0].Known() != b.grid[0].Known() && !side.grid[0].Known() {
			f := side.loose(verb)
			return f, f, as
		}
	}
	if a.grid[0].Len() != b.grid[0].Len() {
		f := fail(verb, "shapes %s do not fit: %d rows and %d", shapes(given), a.grid[0].Len(), b.grid[0].Len())
		return f, f, as
	}
	kind := elem.Promote(a.kind, b.kind)
	return a.As(kind), b.As(kind), as
}

// SolveTriangular solves x·z = y for a lower triangular matrix, an upper one if
// isUpper is set; the other triangle is not read. A zero on the diagonal is an error of
// the run.
func (x *Array) SolveTriangular(y *Array, isUpper bool) *Array {
	const verb = "SolveTriangular"
	if s := x.square(verb); s.err != nil {
		return s
	}
	a, b, as := x.system(verb, y)
	if a.err != nil {
		return a
	}
	return as(a.triangular(verb, b, isUpper, false))
}

// Solve solves x·z = y for a square matrix, by LU with pivots: z solves a system whose
// matrix differs from x by a few n roundings of its size. y is a vector or a matrix. A
// singular matrix, one with a pivot of 0, is an error of the run.
func (x *Array) Solve(y *Array) *Array { return x.solve("Solve", y) }

func (x *Array) solve(verb string, y *Array) *Array {
	if s := x.square(verb); s.err != nil {
		return s
	}
	a, b, as := x.system(verb, y)
	if a.err != nil {
		return a
	}
	ps, bad := a.lu(verb)
	if bad != nil {
		return bad
	}
	z := lower(verb, ps).triangular(verb, b.permuted(verb, ps, 0), false, true)
	return as(beside(verb, len(ps), func(k int) *Array { return ps[k].out[0].array(verb) }).triangular(verb, z, true, false))
}

// SolveCholesky solves x·z = y for a positive definite matrix, symmetric or Hermitian,
// in half the work of Solve.
func (x *Array) SolveCholesky(y *Array) *Array {
	const verb = "SolveCholesky"
	a, b, as := x.system(verb, y)
	if a.err != nil {
		return a
	}
	l := a.cholesky(verb)
	if l.err != nil {
		return l
	}
	return as(l.adjoint().triangular(verb, l.triangular(verb, b, false, false), true, false))
}

// Inv is the inverse of a square matrix, by Solve: a singular one is an error of the run.
func (x *Array) Inv() *Array {
	y := x.square("Inv")
	if y.err != nil {
		return y
	}
	n := int(y.grid[0].Len())
	unit := Eye(n, n, 0, Of(y.kind)).cut("Inv", grid.Grid{single(int64(n)), y.grid[1]})
	return y.solve("Inv", unit)
}

// LstSq is the z for which the sum of squares of x·z - y is least: x is a matrix
// of full column rank with at least as many rows as columns. It is by QR: an R with a 0 on its
// diagonal is an error of the run. PInv serves matrices of any rank.
func (x *Array) LstSq(y *Array) *Array {
	const verb = "LstSq"
	a, b, as := x.system(verb, y)
	if a.err != nil {
		return a
	}
	if a.grid[0].Known() && a.grid[0].Len() < a.grid[1].Len() {
		return fail(verb, "shape %s: want at least as many rows as columns", grid.Tuple(a.Shape()))
	}
	q, r := a.qr(verb)
	if f := failed(q, r); f != nil {
		return f
	}
	return as(r.triangular(verb, product(verb, q.adjoint(), b), true, false))
}

// QR returns Q and R in x = Q·R: with k the lesser of rows and columns, k orthonormal
// columns, and k rows of an upper triangular matrix whose diagonal is not negative,
// which makes both unique for matrices of full rank: the chunks change roundings only.
// Matrices of at least four times as many rows as columns are factored by rows (Demmel,
// Grigori, Hoemmen and Langou, Communication-optimal parallel and sequential QR and LU
// factorizations, 2012), others by panels of columns. QᵀQ, QᴴQ of complex matrices,
// differs from the unit matrix by less than 10·k roundings. A matrix of which is not known how
// many rows it has, see Select, is taken for one with at least as many as columns; if it has
// fewer, R has rows of zeros, or nearly so, at the end.
func (x *Array) QR() (q, r *Array) { return x.qr("QR") }

func (x *Array) qr(verb string) (q, r *Array) {
	y := x.upright(verb)
	if y.err != nil {
		return y, y
	}
	m, n := y.grid[0].Len(), y.grid[1].Len()
	if m >= 4*n || m < 0 {
		return y.tall(verb)
	}
	k := min(m, n)
	y = y.panels(verb)
	ps, bad := y.factored(verb, func(j, w int64) *operation {
		signs := max(0, min(w, m-j))
		return &operation{CallParams: ops.CallParams{Out: []grid.Grid{{y.grid[0], single(w)},
			{single(int64(linalg.Joins(int(signs))))}, {single(signs)}}}}
	}, func(o *operation) ([]result, *Array) { return o.done(verb, ops.Reflect) }, 2)
	if bad != nil {
		return bad, bad
	}
	q = beside(verb, int(panelsOf(ps, k)), func(i int) *Array {
		o := &operation{CallParams: ops.CallParams{Kind: y.kind, Ints: []int64{ps[i].first}, Out: []grid.Grid{{y.grid[0], ps[i].out[2].grid[0]}}}}
		o.read(ps[i].out[2], false, ops.All)
		for _, p := range ps[:i+1] {
			o.Ints = append(o.Ints, p.first)
			p.into(o, 2)
		}
		return o.one(verb, ops.Orthogonal)
	})
	r = beside(verb, len(ps), func(i int) *Array {
		o := &operation{CallParams: ops.CallParams{Kind: y.kind, Ints: []int64{ps[i].first}, Out: ps[i].grids()}}
		o.read(ps[i].out[0], false, ops.All, ops.All)
		for _, p := range ps {
			o.read(p.out[2], false, ops.All)
		}
		return o.one(verb, ops.Upper)
	})
	if r.err == nil && k < m {
		r = r.part(0, 0, int(k))
	}
	return q, r
}

// panelsOf is the number of panels that begin before column k, at least one.
func panelsOf(ps []panel, k int64) (n int64) {
	for _, p := range ps {
		if p.first < k || n == 0 {
			n++
		}
	}
	return n
}

// stacked is how many triangles a step of tall joins.
const stacked = 16

// tall is QR of blocks of rows, and then of what they leave: a triangle each.
func (x *Array) tall(verb string) (q, r *Array) {
	n := x.grid[1].Len()
	rows := x.grid[0]
	if rows.Known() {
		rows = atLeast(rows, n)
	}
	if x = x.cut(verb, grid.Grid{rows, single(n)}); x.err != nil {
		return x, x
	}
	o := &operation{CallParams: ops.CallParams{Kind: x.kind, Space: grid.Grid{rows}, Out: []grid.Grid{x.grid,
		{grid.Axis{{Size: n, Count: rows.Blocks()}}, single(n)}}}}
	o.read(x.result(), false, 0, ops.All)
	out, bad := o.done(verb, ops.QR)
	if bad != nil {
		return bad, bad
	}
	triangles := out[1].array(verb)
	if rows.Blocks() == 1 {
		return out[0].array(verb), triangles
	}
	q, r = triangles.cut(verb, grid.Grid{grid.Uniform(n*rows.Blocks(), n*stacked), single(n)}).tall(verb)
	if q.err != nil {
		return q, r
	}
	o = &operation{CallParams: ops.CallParams{Kind: x.kind, Space: grid.Grid{rows}, Out: []grid.Grid{x.grid}}}
	o.read(out[0], false, 0, ops.All)
	o.read(q.cut(verb, triangles.grid).result(), false, 0, ops.All)
	return o.one(verb, ops.Product), r
}

// atLeast joins chunks so that none is shorter than n, which is at most the length.
func atLeast(a grid.Axis, n int64) (out grid.Axis) {
	open := int64(0)
	left := a.Len()
	for _, k := range a.All() {
		open += k
		if open >= n && (left-open >= n || left == open) {
			out = out.Append(open, 1)
			left -= open
			open = 0
		}
	}
	return out
}
