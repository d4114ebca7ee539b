package array_test

import (
	"slices"
	"testing"

	"github.com/weft-data/weft/array"
)

// TestDrawsWithParametersOfTheirOwn draws from every distribution with parameters that
// are one of two sets, in stretches and alone, and compares each element with that at its
// place in the array that is drawn with numbers: whatever the chunks.
func TestDrawsWithParametersOfTheirOwn(t *testing.T) {
	r := runner(t)
	type S = array.Source
	shape, o := []int{23, 40}, []array.Option{array.Chunks(7, 16)}
	one := func(f func(S, any, []int, ...array.Option) *array.Array) func(p ...any) *array.Array {
		return func(p ...any) *array.Array { return f(array.Random(3), p[0], shape, o...) }
	}
	two := func(f func(S, any, any, []int, ...array.Option) *array.Array) func(p ...any) *array.Array {
		return func(p ...any) *array.Array { return f(array.Random(3), p[0], p[1], shape, o...) }
	}
	three := func(f func(S, any, any, any, []int, ...array.Option) *array.Array) func(p ...any) *array.Array {
		return func(p ...any) *array.Array { return f(array.Random(3), p[0], p[1], p[2], shape, o...) }
	}
	at := array.Arange(0, 23*40, 1).Reshape(23, 40)
	second := at.Mod(7).Lt(3).LogicalOr(at.Floor().Mod(2).Lt(1).LogicalAnd(at.Gt(500)))
	for name, c := range map[string]struct {
		draw func(p ...any) *array.Array
		a, b []any
	}{
		"Uniform":             {two(S.Uniform), []any{0.0, 1.0}, []any{-3.0, 5.0}},
		"Normal":              {two(S.Normal), []any{0.0, 1.0}, []any{10.0, 0.0}},
		"Exponential":         {one(S.Exponential), []any{1.0}, []any{0.25}},
		"Integers":            {two(S.Integers), []any{0, 10}, []any{-1 << 62, 1 << 62}},
		"Gamma":               {two(S.Gamma), []any{0.3, 2.0}, []any{5.0, 1.0}},
		"Beta":                {two(S.Beta), []any{0.3, 0.2}, []any{5.0, 1.0}},
		"Poisson":             {one(S.Poisson), []any{3.0}, []any{1e6}},
		"Binomial":            {two(S.Binomial), []any{10, 0.3}, []any{1 << 40, 0.7}},
		"LogNormal":           {two(S.LogNormal), []any{0.0, 1.0}, []any{2.0, 0.5}},
		"Laplace":             {two(S.Laplace), []any{0.0, 1.0}, []any{2.0, 0.5}},
		"Logistic":            {two(S.Logistic), []any{0.0, 1.0}, []any{2.0, 0.5}},
		"Gumbel":              {two(S.Gumbel), []any{0.0, 1.0}, []any{2.0, 0.5}},
		"Cauchy":              {two(S.Cauchy), []any{0.0, 1.0}, []any{2.0, 0.5}},
		"Rayleigh":            {one(S.Rayleigh), []any{1.0}, []any{7.0}},
		"Weibull":             {two(S.Weibull), []any{0.7, 1.0}, []any{2.0, 0.5}},
		"Pareto":              {one(S.Pareto), []any{1.0}, []any{7.0}},
		"Power":               {one(S.Power), []any{1.0}, []any{7.0}},
		"Triangular":          {three(S.Triangular), []any{0.0, 0.5, 1.0}, []any{-3.0, -3.0, 8.0}},
		"ChiSquare":           {one(S.ChiSquare), []any{1.5}, []any{7.0}},
		"NoncentralChiSquare": {two(S.NoncentralChiSquare), []any{1.5, 3.0}, []any{7.0, 0.0}},
		"StudentT":            {one(S.StudentT), []any{1.5}, []any{7.0}},
		"F":                   {two(S.F), []any{1.5, 3.0}, []any{7.0, 2.0}},
		"NoncentralF":         {three(S.NoncentralF), []any{1.5, 3.0, 1.0}, []any{7.0, 2.0, 0.0}},
		"VonMises":            {two(S.VonMises), []any{0.0, 0.0}, []any{1.0, 4.0}},
		"Wald":                {two(S.Wald), []any{1.0, 2.0}, []any{3.0, 0.5}},
		"Geometric":           {one(S.Geometric), []any{0.3}, []any{1.0}},
		"NegativeBinomial":    {two(S.NegativeBinomial), []any{3.0, 0.3}, []any{0.5, 0.9}},
		"Hypergeometric":      {three(S.Hypergeometric), []any{10, 20, 5}, []any{1000, 3000, 2000}},
		"LogSeries":           {one(S.LogSeries), []any{0.3}, []any{0.9}},
		"Zipf":                {one(S.Zipf), []any{1.5}, []any{4.0}},
	} {
		want := array.Where(second, c.draw(c.b...), c.draw(c.a...))
		each := make([]any, len(c.a))
		for i := range each {
			each[i] = array.Where(second, c.b[i], c.a[i])
		}
		if a, b := all(t, r, c.draw(each...)), all(t, r, want); !slices.Equal(a, b) {
			t.Errorf("%s: other elements than with numbers", name)
		}
		each[0] = array.Full([]int{40}, c.a[0]) // of fewer axes, and the others are numbers
		for i := 1; i < len(each); i++ {
			each[i] = c.a[i]
		}
		if a, b := all(t, r, c.draw(each...)), all(t, r, c.draw(c.a...)); !slices.Equal(a, b) {
			t.Errorf("%s: other elements with one array than with numbers", name)
		}
	}
}

func BenchmarkPoissonOfMeans(b *testing.B) {
	n := 1 << 20
	means := array.Arange(0, n, 1, array.Chunks(1<<18)).As(array.Float64).Mul(1e-3)
	run(b, array.Random(1).Poisson(means, nil).Sum(), int64(8*n))
}

func BenchmarkNormalOfMeans(b *testing.B) {
	n := 1 << 20
	means := array.Arange(0, n, 1, array.Chunks(1<<18)).As(array.Float64).Mul(1e-3)
	run(b, array.Random(1).Normal(means, 1, nil).Sum(), int64(8*n))
}
