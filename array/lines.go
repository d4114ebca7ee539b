package array

import (
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/quantile"
)

// Lines, the vectors along one axis. Where one is needed whole, a task gets as many
// as make about a block; a line that is longer than lineBytes is sorted in its blocks.

// lineBytes is what a task takes in one line of an axis that is cut. It is a constant,
// so that plans do not depend on the machine.
var lineBytes int64 = 64 << 20

// far reports whether the lines along an axis of x are in pieces, and too long to be
// brought together. Where it is not known how many lines there are, none is taken alone.
func (x *Array) far(at int) bool {
	if loose, err := x.grid.Loose(); err != nil || loose >= 0 {
		return false
	}
	return x.grid[at].Blocks() > 1 && x.grid.Elements() > 0 && x.grid[at].Len()*int64(x.kind.Width()) > lineBytes
}

// inLines makes the axis one chunk. The others are cut finer, the first ones first, so
// that blocks do not become larger than DefaultBytes or what they were.
func (x *Array) inLines(verb string, at int) *Array {
	g := slices.Clone(x.grid)
	g[at] = single(x.grid[at].Len())
	most := max(x.grid.MaxBlock(), DefaultBytes/int64(x.kind.Width()))
	for i, a := range g {
		if n := g.MaxBlock(); i != at && n > most && a.Known() {
			g[i] = grid.Refine(a, grid.Uniform(a.Len(), max(1, a.Max()*most/n)))
		}
	}
	return x.cut(verb, g)
}

// eachLine makes an array of what f makes of every line along an axis, of the same
// length.
func (x *Array) eachLine(verb string, at int, f func(*Array) *Array) *Array {
	if len(x.grid) == 1 || x.err != nil {
		return f(x)
	}
	a := 0 // the axis that is taken apart
	if at == 0 {
		a = 1
	}
	ix := slices.Repeat([]Ix{All}, len(x.grid))
	var lines []*Array
	for i := range int(x.grid[a].Len()) {
		ix[a] = I(i)
		y := x.index(verb, slices.Clone(ix)).eachLine(verb, at-int(truth(a < at)), f)
		if y.err != nil {
			return y
		}
		lines = append(lines, y.ExpandDims(a))
	}
	return concat(verb, a, lines)
}

// quantilesFar are quantiles along the last axis, which is too long for one task: it
// is sorted in its blocks, and each quantile takes two elements of it, between which
// it is found as ops.Quantile finds it, see Place and Blend of package quantile.
func (x *Array) quantilesFar(verb string, qs []float64, way quantile.Method, skip bool) *Array {
	last := len(x.grid) - 1
	s := x.sorted(verb, last, false, false)
	valid := x.IsNaN().Not().Sum(last)
	n := x.grid[last].Len()
	m := valid.Sub(1).Maximum(0)
	at := func(i *Array) *Array { return s.TakeAlong(i.ExpandDims(last), last).dropped(last) }
	var out []*Array
	for _, q := range qs {
		pos := m.As(elem.Float64).Mul(q)
		if a, b, less := way.Line(q); !less {
			pos = valid.As(elem.Float64).Mul(q).Add(a).Sub(b)
		}
		lo := pos.Maximum(0).As(elem.Int64).Minimum(m)
		part := partOf(way, pos.Sub(lo.As(elem.Float64)), lo)
		part = Where(pos.Lt(0).Or(pos.Ge(m.As(elem.Float64))), 0.0, part)
		v := blend(at(lo), at(lo.Add(1).Minimum(m)), part)
		if !skip {
			v = Where(valid.Eq(n), v, math.NaN())
		}
		out = append(out, v)
	}
	y := Stack(last, out...)
	if y.err != nil {
		return y
	}
	g := slices.Clone(y.grid)
	g[last] = single(int64(len(qs)))
	return y.cut(verb, g)
}

// partOf is what a part f of the way by position stands for, behind element lo.
func partOf(way quantile.Method, f, lo *Array) *Array {
	odd := lo.Mod(2).Eq(1)
	step := func(up *Array) *Array { return up.As(elem.Float64) }
	switch way {
	case quantile.Lower:
		return f.Mul(0)
	case quantile.Higher, quantile.InvertedCDF:
		return step(f.Gt(0))
	case quantile.Midpoint:
		return step(f.Gt(0)).Div(2)
	case quantile.Nearest:
		return step(f.Gt(0.5).Or(f.Eq(0.5).And(odd)))
	case quantile.AveragedInvertedCDF:
		return step(f.Gt(0)).Add(1).Div(2)
	case quantile.ClosestObservation:
		return step(f.Gt(0).Or(odd.Not()))
	}
	return f
}

// blend is the value a part of the way from a to b.
func blend(a, b, part *Array) *Array {
	d := b.Sub(a)
	v := Where(part.Lt(0.5), a.Add(d.Mul(part)), b.Sub(d.Mul(part.Neg().Add(1))))
	v = Where(a.IsInf().Or(b.IsInf()), a.Add(b), v)
	v = Where(part.Eq(1), b, v)
	return Where(part.Eq(0).Or(a.Eq(b)), a, v)
}
