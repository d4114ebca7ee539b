package array_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
)

// A drawing is an array of a distribution, with what is known of that in closed form: the
// mean and deviation where there are both, the chance to be at most x, or the chance of k.
type drawing struct {
	x         *array.Array
	mean, dev float64
	atMost    func(x float64) float64
	of        func(k float64) float64
}

func lnGamma(x float64) float64 { g, _ := math.Lgamma(x); return g }

// lnChoose is the logarithm of n over k.
func lnChoose(n, k float64) float64 { return lnGamma(n+1) - lnGamma(k+1) - lnGamma(n-k+1) }

// zeta is Riemann's, by Euler and Maclaurin.
func zeta(a float64) float64 {
	const n = 30
	sum := 0.0
	for k := 1.0; k < n; k++ {
		sum += math.Pow(k, -a)
	}
	return sum + math.Pow(n, 1-a)/(a-1) + math.Pow(n, -a)/2 + a*math.Pow(n, -a-1)/12 - a*(a+1)*(a+2)*math.Pow(n, -a-3)/720
}

// clipped is a function of distuv or a formula, 0 below where the distribution begins.
func clipped(from float64, f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		if x < from {
			return 0
		}
		return f(x)
	}
}

func byPlace(add func(name string, m drawing), s array.Source, size []int, o []array.Option) {
	for i, p := range []struct{ at, scale float64 }{{0, 1}, {-3, 0.25}} {
		at, scale := p.at, p.scale
		one := s.With(uint64(i))
		unit := func(x float64) float64 { return (x - at) / scale }
		add(fmt.Sprint("laplace ", p), drawing{one.With(1).Laplace(at, scale, size, o...), at, math.Sqrt2 * scale, distuv.Laplace{Mu: at, Scale: scale}.CDF, nil})
		add(fmt.Sprint("logistic ", p), drawing{one.With(2).Logistic(at, scale, size, o...), at, scale * math.Pi / math.Sqrt(3),
			func(x float64) float64 { return 1 / (1 + math.Exp(-unit(x))) }, nil})
		add(fmt.Sprint("gumbel ", p), drawing{one.With(3).Gumbel(at, scale, size, o...), at + 0.5772156649015329*scale, scale * math.Pi / math.Sqrt(6),
			func(x float64) float64 { return math.Exp(-math.Exp(-unit(x))) }, nil})
		add(fmt.Sprint("cauchy ", p), drawing{one.With(4).Cauchy(at, scale, size, o...), math.NaN(), math.NaN(),
			func(x float64) float64 { return 0.5 + math.Atan(unit(x))/math.Pi }, nil})
		add(fmt.Sprint("normal ", p), drawing{one.With(5).Normal(at, scale, size, o...), at, scale, distuv.Normal{Mu: at, Sigma: scale}.CDF, nil})
	}
	for i, p := range []struct{ mean, std float64 }{{0, 0.5}, {2, 0.1}} {
		add(fmt.Sprint("lognormal ", p), drawing{s.With(uint64(10+i)).LogNormal(p.mean, p.std, size, o...), math.Exp(p.mean + p.std*p.std/2),
			math.Exp(p.mean+p.std*p.std/2) * math.Sqrt(math.Expm1(p.std*p.std)), clipped(0, distuv.LogNormal{Mu: p.mean, Sigma: p.std}.CDF), nil})
	}
	for i, p := range []struct{ from, mode, to float64 }{{0, 0.5, 1}, {-1, -1, 3}, {2, 5, 5}} {
		a, c, b := p.from, p.mode, p.to
		add(fmt.Sprint("triangular ", p), drawing{s.With(uint64(20+i)).Triangular(a, c, b, size, o...), (a + b + c) / 3,
			math.Sqrt((a*a + b*b + c*c - a*b - a*c - b*c) / 18), func(x float64) float64 {
				if x < c {
					return (x - a) * (x - a) / ((b - a) * (c - a))
				}
				return 1 - (b-x)*(b-x)/((b-a)*max(b-c, math.SmallestNonzeroFloat64))
			}, nil})
	}
}

func byShape(add func(name string, m drawing), s array.Source, size []int, o []array.Option) {
	for i, scale := range []float64{0.1, 4} {
		add(fmt.Sprint("rayleigh ", scale), drawing{s.With(uint64(i)).Rayleigh(scale, size, o...), scale * math.Sqrt(math.Pi/2), scale * math.Sqrt(2-math.Pi/2),
			func(x float64) float64 { return -math.Expm1(-x * x / (2 * scale * scale)) }, nil})
	}
	for i, p := range []struct{ shape, scale float64 }{{0.7, 1}, {1, 2}, {3.5, 0.1}} {
		g1, g2 := math.Gamma(1+1/p.shape), math.Gamma(1+2/p.shape)
		add(fmt.Sprint("weibull ", p), drawing{s.With(uint64(10+i)).Weibull(p.shape, p.scale, size, o...), p.scale * g1, p.scale * math.Sqrt(g2-g1*g1),
			distuv.Weibull{K: p.shape, Lambda: p.scale}.CDF, nil})
	}
	for i, a := range []float64{0.5, 6} {
		m := drawing{s.With(uint64(20+i)).Pareto(a, size, o...), 1 / (a - 1), math.Sqrt(a/(a-2)) / (a - 1),
			func(x float64) float64 { return -math.Expm1(-a * math.Log1p(x)) }, nil}
		if a <= 4 {
			m.mean, m.dev = math.NaN(), math.NaN()
		}
		add(fmt.Sprint("pareto ", a), m)
		add(fmt.Sprint("power ", a), drawing{s.With(uint64(30+i)).Power(a, size, o...), a / (a + 1), math.Sqrt(a/(a+2)) / (a + 1),
			func(x float64) float64 { return math.Pow(x, a) }, nil})
	}
	for i, p := range []struct{ mean, scale float64 }{{1, 1}, {3, 0.5}, {1e-3, 5}} {
		phi, wide := distuv.UnitNormal.CDF, p.scale/p.mean
		add(fmt.Sprint("wald ", p), drawing{s.With(uint64(40+i)).Wald(p.mean, p.scale, size, o...), p.mean, math.Sqrt(p.mean * p.mean * p.mean / p.scale), func(x float64) float64 {
			r := math.Sqrt(p.scale / x)
			second := 0.0 // of the mirrored part, which underflows where the factor overflows
			if t := phi(-r * (x/p.mean + 1)); t > 0 {
				second = math.Exp(2*wide + math.Log(t))
			}
			return phi(r*(x/p.mean-1)) + second
		}, nil})
	}
	for i, kappa := range []float64{0, 1e-3, 0.5, 4, 200, 1e7} {
		// the density by Simpson's rule: odd about the mode, so the mean is that
		density := func(x float64) float64 { return math.Exp(kappa * (math.Cos(x) - 1)) }
		atMost := func(x float64) float64 { return simpson(density, -math.Pi, x) / simpson(density, -math.Pi, math.Pi) }
		second := simpson(func(x float64) float64 { return x * x * density(x) }, -math.Pi, math.Pi) / simpson(density, -math.Pi, math.Pi)
		if kappa > 1e6 { // too narrow for the rule
			second = 1 / kappa
			atMost = distuv.Normal{Sigma: 1 / math.Sqrt(kappa)}.CDF
		}
		add(fmt.Sprint("vonmises ", kappa), drawing{s.With(uint64(50+i)).VonMises(0, kappa, size, o...), 0, math.Sqrt(second), atMost, nil})
	}
}

// simpson integrates a function that is smooth at the scale of 1/100 of an interval.
func simpson(f func(float64) float64, a, b float64) float64 {
	const n = 2000
	h, sum := (b-a)/n, f(a)+f(b)
	for i := 1; i < n; i++ {
		sum += float64(2+2*(i%2)) * f(a+float64(i)*h)
	}
	return sum * h / 3
}

func byFreedom(add func(name string, m drawing), s array.Source, size []int, o []array.Option) {
	for i, df := range []float64{0.3, 2, 17.5} {
		add(fmt.Sprint("chi-square ", df), drawing{s.With(uint64(i)).ChiSquare(df, size, o...), df, math.Sqrt(2 * df), distuv.ChiSquared{K: df}.CDF, nil})
	}
	for i, p := range []struct{ df, off float64 }{{0.5, 3}, {1, 0}, {1, 8}, {1.5, 0.1}, {6, 40}} {
		atMost := func(x float64) float64 { // a mixture by Poisson
			sum := 0.0
			for k := 0.0; k < 80; k++ {
				w := math.Exp(-p.off/2 + k*math.Log(max(p.off/2, 1e-300)) - lnGamma(k+1))
				sum += w * distuv.ChiSquared{K: p.df + 2*k}.CDF(x)
			}
			return sum
		}
		add(fmt.Sprint("noncentral chi-square ", p), drawing{s.With(uint64(10+i)).NoncentralChiSquare(p.df, p.off, size, o...), p.df + p.off, math.Sqrt(2 * (p.df + 2*p.off)), atMost, nil})
	}
	for i, df := range []float64{0.5, 1, 9} {
		m := drawing{s.With(uint64(20+i)).StudentT(df, size, o...), 0, math.Sqrt(df / (df - 2)), distuv.StudentsT{Sigma: 1, Nu: df}.CDF, nil}
		if df <= 4 {
			m.mean, m.dev = math.NaN(), math.NaN()
		}
		add(fmt.Sprint("student ", df), m)
	}
	for i, p := range []struct{ a, b float64 }{{0.01, 0.02}, {3, 4}, {5, 30}} {
		m := drawing{s.With(uint64(30+i)).F(p.a, p.b, size, o...), p.b / (p.b - 2), math.Sqrt(2*(p.a+p.b-2)/(p.a*(p.b-4))) * p.b / (p.b - 2), distuv.F{D1: p.a, D2: p.b}.CDF, nil}
		if p.b <= 8 {
			m.mean, m.dev = math.NaN(), math.NaN()
		}
		if p.b < 1 { // the chance of the logarithm is found where the number is a float
			m.atMost = nil
		}
		add(fmt.Sprint("f ", p), m)
	}
	for i, p := range []struct{ a, b, off float64 }{{4, 40, 0}, {4, 40, 3}, {0.5, 60, 2}} {
		second := (p.a + p.off) * (p.a + p.off)
		add(fmt.Sprint("noncentral f ", p), drawing{s.With(uint64(40+i)).NoncentralF(p.a, p.b, p.off, size, o...), p.b * (p.a + p.off) / (p.a * (p.b - 2)),
			math.Sqrt(2*(second+(p.a+2*p.off)*(p.b-2))/((p.b-2)*(p.b-2)*(p.b-4))) * p.b / p.a, nil, nil})
	}
}

func byCount(add func(name string, m drawing), s array.Source, size []int, o []array.Option) {
	for i, p := range []float64{1, 0.6, 0.01} {
		add(fmt.Sprint("geometric ", p), drawing{s.With(uint64(i)).Geometric(p, size, o...), 1 / p, math.Sqrt(1-p) / p, nil,
			func(k float64) float64 { return p * math.Pow(1-p, k-1) }})
	}
	for i, c := range []struct{ n, p float64 }{{1, 1}, {0.4, 0.3}, {5, 0.5}, {12.5, 0.1}} {
		add(fmt.Sprint("negative binomial ", c), drawing{s.With(uint64(10+i)).NegativeBinomial(c.n, c.p, size, o...), c.n * (1 - c.p) / c.p, math.Sqrt(c.n*(1-c.p)) / c.p, nil,
			func(k float64) float64 {
				return math.Exp(lnGamma(k+c.n)-lnGamma(k+1)-lnGamma(c.n)+c.n*math.Log(c.p)) * math.Pow(1-c.p, k)
			}})
	}
	for i, c := range []struct{ good, bad, taken int64 }{{0, 5, 3}, {5, 0, 3}, {7, 3, 0}, {7, 3, 10}, {3, 9, 5}, {9, 3, 5}, {50, 30, 72}, {30, 50, 72}, {60, 40, 30}, {40, 60, 30}, {60, 40, 80}, {500, 3000, 800}, {1 << 31, 1 << 30, 1000}, {1 << 31, 1 << 31, 1 << 31}} {
		g, b, n := float64(c.good), float64(c.bad), float64(c.taken)
		add(fmt.Sprint("hypergeometric ", c), drawing{s.With(uint64(20+i)).Hypergeometric(c.good, c.bad, c.taken, size, o...), n * g / (g + b),
			math.Sqrt(n * g * b * (g + b - n) / ((g + b) * (g + b) * (g + b - 1))), nil, func(k float64) float64 {
				if k > g || n-k > b {
					return 0
				}
				return math.Exp(lnChoose(g, k) + lnChoose(b, n-k) - lnChoose(g+b, n))
			}})
	}
	for i, p := range []float64{0, 0.2, 0.95} {
		m := drawing{s.With(uint64(40+i)).LogSeries(p, size, o...), 1, 0, nil, func(k float64) float64 { return math.Pow(p, k) / (-math.Log1p(-p) * k) }}
		if log := math.Log1p(-p); p > 0 {
			m.mean, m.dev = -p/(log*(1-p)), math.Sqrt(-p*(p+log))/(-log*(1-p))
		} else {
			m.of = nil
		}
		add(fmt.Sprint("logseries ", p), m)
	}
	for i, a := range []float64{1.01, 1.5, 2, 6, 2000} {
		all := zeta(a) - math.Exp2(63*(1-a))/(a-1) // the others do not fit int64
		m := drawing{s.With(uint64(50+i)).Zipf(a, size, o...), math.NaN(), math.NaN(), nil, func(k float64) float64 { return math.Pow(k, -a) / all }}
		if a > 5 {
			m.mean = zeta(a-1) / zeta(a)
			m.dev = math.Sqrt(max(zeta(a-2)/zeta(a)-m.mean*m.mean, 0))
		}
		add(fmt.Sprint("zipf ", a), m)
	}
	for i, mean := range []float64{0.1, 3, 9.9, 10, 77.7} {
		add(fmt.Sprint("poisson ", mean), drawing{s.With(uint64(60+i)).Poisson(mean, size, o...), mean, math.Sqrt(mean), nil,
			func(k float64) float64 { return math.Exp(k*math.Log(mean) - mean - lnGamma(k+1)) }})
	}
	// where logarithms of factorials are so long that their differences lose what they are
	for i, mean := range []float64{1e12, 1 << 52} {
		add(fmt.Sprint("poisson ", mean), drawing{s.With(uint64(80+i)).Poisson(mean, size, o...), mean, math.Sqrt(mean), distuv.Normal{Mu: mean, Sigma: math.Sqrt(mean)}.CDF, nil})
	}
	for i, p := range []float64{0.5, 1e-6} {
		const n = 1 << 52
		dev := math.Sqrt(n * p * (1 - p))
		add(fmt.Sprint("binomial 2^52 ", p), drawing{s.With(uint64(85+i)).Binomial(n, p, size, o...), n * p, dev, distuv.Normal{Mu: n * p, Sigma: dev}.CDF, nil})
	}
	add("binomial 1e15 1e-14", drawing{s.With(90).Binomial(1e15, 1e-14, size, o...), 10, math.Sqrt(10), nil,
		func(k float64) float64 { return math.Exp(k*math.Log(10) - 10 - lnGamma(k+1)) }})
	for i, c := range []struct {
		n int64
		p float64
	}{{1, 0.3}, {10, 0.9}, {40, 0.5}, {1000, 0.02}, {1000, 0.97}} {
		n := float64(c.n)
		add(fmt.Sprint("binomial ", c), drawing{s.With(uint64(70+i)).Binomial(c.n, c.p, size, o...), n * c.p, math.Sqrt(n * c.p * (1 - c.p)), nil,
			func(k float64) float64 {
				if k > n {
					return 0
				}
				return math.Exp(lnChoose(n, k) + k*math.Log(c.p) + (n-k)*math.Log1p(-c.p))
			}})
	}
}

// drawings are those of all distributions whose elements stand alone.
func drawings(size []int, o ...array.Option) map[string]drawing {
	out := map[string]drawing{}
	add := func(name string, m drawing) { out[name] = m }
	for i, f := range []func(func(string, drawing), array.Source, []int, []array.Option){byPlace, byShape, byFreedom, byCount} {
		f(add, array.Random(uint64(100+i)), size, o)
	}
	return out
}

// TestDrawings compares means and deviations with closed forms, and the elements with the
// distribution: by the largest distance of the chances to be at most x (Kolmogorov), of
// integers by chi-square.
func TestDrawings(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	r := runner(t)
	const n = 20_000
	for name, m := range drawings([]int{n}) {
		v, err := array.Collect[float64](ctx, r, m.x.As(array.Float64))
		if err != nil {
			t.Fatal(name, err)
		}
		mean, second := 0.0, 0.0
		for _, x := range v {
			mean += x
		}
		mean /= n
		for _, x := range v {
			second += (x - mean) * (x - mean) / n
		}
		if off := math.Abs(mean - m.mean); off > 5*m.dev/math.Sqrt(n)+1e-12*math.Abs(m.mean) {
			t.Errorf("%s: mean %v, not %v", name, mean, m.mean)
		}
		if off := math.Abs(math.Sqrt(second) - m.dev); off > 0.2*m.dev {
			t.Errorf("%s: deviation %v, not %v", name, math.Sqrt(second), m.dev)
		}
		slices.Sort(v)
		if m.atMost != nil {
			apart := 0.0
			for i := n / 400; i < n; i += n / 200 {
				apart = max(apart, math.Abs(m.atMost(v[i])-(float64(i)+0.5)/n))
			}
			if !(apart*math.Sqrt(n) < 2.2) { // beyond with a chance of 1e-4
				t.Errorf("%s: chances are %v apart", name, apart)
			}
		}
		if m.of != nil {
			if off := chiSquare(v, m.of); off != "" {
				t.Errorf("%s: %s", name, off)
			}
		}
	}
}

// chiSquare says how integers, in order, are not drawn with their chances.
func chiSquare(v []float64, of func(k float64) float64) string {
	n, sum, bins := float64(len(v)), 0.0, 0.0
	want, got, left := 0.0, 0.0, 1.0
	i := 0
	for k := v[0]; i < len(v); k++ {
		p := of(k) // what is before the least one belongs to the first bin
		want, left = want+p*n, left-p
		for i < len(v) && v[i] == k {
			i++
			got++
		}
		if tail := left*n < 20 || k > v[0]+200_000; want >= 20 || tail {
			if tail {
				want, got, i = want+max(left, 0)*n, got+float64(len(v)-i), len(v)
			}
			sum += (got - want) * (got - want) / want
			bins++
			want, got = 0, 0
		}
	}
	if limit := bins + 5*math.Sqrt(2*bins) + 10; sum > limit {
		return fmt.Sprintf("chi² %.1f of %v bins", sum, bins)
	}
	return ""
}

// TestDrawingsDoNotSeeChunks: elements depend on their places alone, in float32 too.
func TestDrawingsDoNotSeeChunks(t *testing.T) {
	r := runner(t)
	a, b := drawings([]int{13, 17}), drawings([]int{13, 17}, array.Chunks(4, 5))
	for name := range a {
		same(t, r, b[name].x, a[name].x)
		same(t, r, b[name].x.Slice("3:9:2, ::-1").T(), a[name].x.Slice("3:9:2, ::-1").T())
	}
	s := array.Random(5)
	same(t, r, s.Gumbel(1, 2, []int{50}, array.Of(array.Float32), array.Chunks(7)), s.Gumbel(1, 2, []int{50}).As(array.Float32))
}

// TestRowsOfShares: rows add up, each kind has the distribution that it has alone, two kinds
// have their covariance, and elements do not depend on chunks.
func TestRowsOfShares(t *testing.T) {
	r, s := runner(t), array.Random(9)
	const rows = 20_000
	weights := []float64{2, 0, 1, 1e-30, 4, 0.5, 0.5}
	counts := []int64{20, 0, 10, 1, 40, 5, 4}
	for _, c := range []struct {
		name  string
		x     *array.Array
		total int64
		mean  func(i int) float64
		cov   float64 // of kinds 0 and 4
		of    func(i int) func(k float64) float64
	}{
		{"multinomial", s.Multinomial(30, weights, []int{rows}), 30, func(i int) float64 { return 30 * weights[i] / 8 }, -30 * 2 * 4 / 64.0, func(i int) func(float64) float64 {
			p := weights[i] / 8
			return func(k float64) float64 {
				return math.Exp(lnChoose(30, k) + k*math.Log(p) + (30-k)*math.Log1p(-p))
			}
		}},
		{"hypergeometric", s.MultivariateHypergeometric(counts, 30, []int{rows}), 30, func(i int) float64 { return 30 * float64(counts[i]) / 80 },
			-30 * 20 * 40 / 6400.0 * 50 / 79, func(i int) func(float64) float64 {
				good := float64(counts[i])
				return func(k float64) float64 {
					if k > good {
						return 0
					}
					return math.Exp(lnChoose(good, k) + lnChoose(80-good, 30-k) - lnChoose(80, 30))
				}
			}},
	} {
		v, err := array.Collect[int64](ctx, r, c.x)
		if err != nil {
			t.Fatal(c.name, err)
		}
		cov := 0.0
		for row := range slices.Chunk(v, len(weights)) {
			sum := int64(0)
			for _, k := range row {
				sum += k
			}
			if sum != c.total || slices.Min(row) < 0 || row[1] != 0 {
				t.Fatalf("%s: a row %v", c.name, row)
			}
			cov += (float64(row[0]) - c.mean(0)) * (float64(row[4]) - c.mean(4)) / rows
		}
		if math.Abs(cov-c.cov) > 0.25 {
			t.Errorf("%s: covariance %v, not %v", c.name, cov, c.cov)
		}
		for i := range weights {
			var one []float64
			for row := range slices.Chunk(v, len(weights)) {
				one = append(one, float64(row[i]))
			}
			slices.Sort(one)
			if one[len(one)-1] == 0 {
				continue
			}
			if off := chiSquare(one, c.of(i)); off != "" {
				t.Errorf("%s: kind %d: %s", c.name, i, off)
			}
		}
	}
	for n := range 9 {
		w, k := make([]float64, n+1), make([]int64, n+1)
		for i := range w {
			w[i], k[i] = float64(i+1), int64(10*i)
		}
		size := []int{5, 3}
		whole, cut := s.Multinomial(1000, w, size), s.Multinomial(1000, w, size, array.Chunks(2, 2, 2))
		same(t, r, cut, whole)
		same(t, r, cut.Slice("::-1, :, 1:").T(), whole.Slice("::-1, :, 1:").T())
		same(t, r, whole.Sum(2), array.Full(size, 1000))
		whole, cut = s.MultivariateHypergeometric(k, int64(4*n), size), s.MultivariateHypergeometric(k, int64(4*n), size, array.Chunks(2, 2, 2))
		same(t, r, cut.T(), whole.T())
		same(t, r, whole.Sum(2), array.Full(size, 4*n))
	}
}

// TestKeysNearEachOther: sources whose keys differ by little draw other numbers, however
// many an element takes. Of small shapes and means that is many.
func TestKeysNearEachOther(t *testing.T) {
	r := runner(t)
	const n = 2000
	var xs []*array.Array
	for key := range uint64(8) {
		s := array.Random(key)
		xs = append(xs, s.Poisson(9, []int{n}).As(array.Float64), s.With(0).Poisson(9, []int{n}).As(array.Float64),
			s.Multinomial(40, []float64{1, 1, 1, 1}, []int{n}).Slice(":,0").As(array.Float64))
	}
	c, err := array.Collect[float64](ctx, r, array.Stack(0, xs...).CorrCoef())
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range c {
		if math.Abs(v) > 5/math.Sqrt(n) && i/len(xs) != i%len(xs) {
			t.Errorf("arrays %d and %d correlate by %v", i/len(xs), i%len(xs), v)
		}
	}
}

func TestDistributionErrors(t *testing.T) {
	s, size, nan, inf := array.Random(1), []int{3}, math.NaN(), math.Inf(1)
	for _, c := range []struct {
		x    *array.Array
		want string
	}{
		{s.Normal(0, -1, size), "Normal: mean 0 and deviation -1: want for deviation 0 or a positive number"},
		{s.Uniform(0, inf, size), "Uniform: from 0 and to +Inf: want for to a finite number"},
		{s.Exponential(-1, size), "Exponential: mean -1: want for mean 0 or a positive number"},
		{s.LogNormal(nan, 1, size), "LogNormal: mean NaN and deviation 1: want for mean a finite number"},
		{s.Laplace(0, -1, size), "Laplace: location 0 and scale -1: want for scale"}, {s.Logistic(inf, 1, size), "want for location"},
		{s.Gumbel(0, nan, size), "want for scale"}, {s.Cauchy(0, -0.5, size), "want for scale"}, {s.Rayleigh(-1, size), "Rayleigh: scale -1"},
		{s.Weibull(0, 1, size), "Weibull: shape 0 and scale 1: want for shape a positive number"}, {s.Pareto(inf, size), "Pareto: shape +Inf"}, {s.Power(0, size), "Power: a 0"},
		{s.Triangular(0, 2, 1, size), "Triangular: from 0, mode 2 and to 1: want from ≤ mode ≤ to"}, {s.Triangular(1, 1, 1, size), "want from ≤ mode"},
		{s.Triangular(-1e308, 0, 1e308, size), "want from ≤ mode"},
		{s.ChiSquare(0, size), "ChiSquare: freedom 0"}, {s.NoncentralChiSquare(1, -1, size), "want for noncentrality 0 to 2^52"}, {s.StudentT(nan, size), "StudentT: freedom NaN"},
		{s.F(0, 1, size), "want for numerator freedom"}, {s.F(1, 0, size), "want for denominator freedom"}, {s.NoncentralF(1, 1, nan, size), "want for noncentrality"},
		{s.VonMises(0, -1, size), "want for concentration"}, {s.Wald(1, 0, size), "Wald: mean 1 and scale 0: want for scale a positive number"},
		{s.Geometric(0, size), "Geometric: chance 0: want for chance above 0 and at most 1"}, {s.NegativeBinomial(0, 0.5, size), "want for successes a positive number"},
		{s.NegativeBinomial(1, 1e-13, size), "want for chance 2^-40 to 1"}, {s.NegativeBinomial(1e15, 1e-3, size), "of at most 2^40"},
		{s.Hypergeometric(-1, 2, 1, size), "Hypergeometric: good -1, bad 2 and taken 1: want for good 0 to 2^31"}, {s.Hypergeometric(2, 3, 6, size), "want taken ≤ good + bad"},
		{s.LogSeries(1, size), "want for chance at least 0 and below 1"}, {s.Zipf(1, size), "Zipf: exponent 1: want for exponent a finite number above 1"},
		{s.Multinomial(-1, []float64{1}, size), "Multinomial: trials -1: want for trials 0 to 2^52"}, {s.Multinomial(1, nil, size), "Multinomial: no kinds"},
		{s.Multinomial(1, []float64{1, -1}, size), "weight 1 is -1"}, {s.Multinomial(1, []float64{0, 0}, size), "add up to 0"}, {s.Multinomial(1, []float64{1e308, 1e308}, size), "add up to +Inf"},
		{s.MultivariateHypergeometric([]int64{1, 2}, 4, size), "MultivariateHypergeometric: 4 taken of 3"}, {s.MultivariateHypergeometric([]int64{1, -2}, 0, size), "weight 1 is -2"},
		{s.MultivariateHypergeometric([]int64{1 << 31, 1}, 4, size), "of 2^31"},
		{s.Zipf(2, size, array.Of(array.Float64)), "Zipf: random numbers of float64"}, {s.Cauchy(0, 1, size, array.Of(array.Int64)), "Cauchy: random numbers of int64"},
		{s.Cauchy(0, 1, []int{-1}), "negative"},
	} {
		if err := c.x.Err(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "distributions_test.go:") {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// TestEnds: what distributions draw at the ends of their parameters.
func TestEnds(t *testing.T) {
	r, s, size := runner(t), array.Random(2), []int{100}
	same(t, r, s.Laplace(3, 0, size), array.Full(size, 3.0))
	same(t, r, s.Geometric(1, size), array.Full(size, 1))
	same(t, r, s.Geometric(1e-300, size).Slice(":3"), array.Full([]int{3}, math.MaxInt64))
	same(t, r, s.NegativeBinomial(2, 1, size), array.Full(size, 0))
	same(t, r, s.LogSeries(0, size), array.Full(size, 1))
	same(t, r, s.Hypergeometric(4, 0, 3, size), array.Full(size, 3))
	same(t, r, s.Multinomial(1<<52, []float64{0, 3}, nil), array.FromSlice([]int64{0, 1 << 52}, []int{2}))
	same(t, r, s.MultivariateHypergeometric([]int64{3, 1}, 4, nil), array.FromSlice([]int64{3, 1}, []int{2}))
	for name, x := range map[string]*array.Array{
		"f": s.F(1e-3, 1e-3, size), "student": s.StudentT(1e-4, size), "wald": s.Wald(1e300, 1e-300, size), "power": s.Power(1e-310, size),
		"vonmises": s.VonMises(1e3, 2, size), "noncentral f": s.NoncentralF(1e-3, 1e-3, 0, size),
	} {
		v, err := array.Collect[float64](ctx, r, x)
		if err != nil || slices.ContainsFunc(v, math.IsNaN) {
			t.Errorf("%s: %v %v", name, v, err)
		}
		if name == "vonmises" && (slices.Min(v) < -math.Pi || slices.Max(v) > math.Pi) {
			t.Errorf("angles %v", v)
		}
	}
}
