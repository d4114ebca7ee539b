package array

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/weft-data/weft/internal/elem"
)

// A law is what a distribution is: its parameters, and how an element is drawn.
type law struct {
	name   string
	whole  bool    // draws int64, else float64 and float32
	params []param // the first of Draw's numbers
	// fits reports whether parameters that are right by themselves are so together; must
	// says what that is.
	fits func(p []float64) bool
	must string
	// One of these makes an element, for parameters: pair of two words of 64 random bits,
	// draw of a stream. Laws without them have a drawer of their own.
	pair func(p []float64) func(x, y uint64) float64
	draw func(p []float64) func(*stream64) float64
}

// A param is a parameter of a distribution and what it must be.
type param struct {
	name  string
	must  string
	ok    func(float64) bool
	whole bool // an int64, not a float64
}

// Integers of parameters are exact as floats. Populations are so small that the logarithms
// of their factorials still tell numbers apart that follow each other.
const (
	mostTrials     = 1 << 52
	mostPopulation = 1 << 31
	mostWait       = 1 << 40
)

func anyNumber(name string) param {
	return param{name: name, must: "a finite number", ok: func(v float64) bool { return v-v == 0 }}
}

func anyInteger(name string) param {
	return param{name: name, whole: true, ok: func(float64) bool { return true }}
}

func positive(name string) param {
	return param{name: name, must: "a positive number", ok: func(v float64) bool { return v > 0 && v-v == 0 }}
}

func notNegative(name string) param {
	return param{name: name, must: "0 or a positive number", ok: func(v float64) bool { return v >= 0 && v-v == 0 }}
}

func from0to(name string, most float64, text string, whole bool) param {
	return param{name: name, must: "0 to " + text, ok: func(v float64) bool { return v >= 0 && v <= most }, whole: whole}
}

var (
	placed = []param{anyNumber("location"), notNegative("scale")}
	laws   = [numDists]law{
		NoDist:      {name: "none"},
		Integers:    {name: "integers", whole: true, params: []param{anyInteger("from"), anyInteger("to")}},
		Weighted:    {name: "choice", whole: true},
		Permutation: {name: "permutation", whole: true},
		Uniform: {name: "uniform", params: []param{anyNumber("from"), anyNumber("to")},
			pair: func(p []float64) func(x, y uint64) float64 {
				a, b := p[0], p[1]
				return func(x, _ uint64) float64 { return a + (b-a)*unit(x) }
			}},
		Normal: {name: "normal", params: []param{anyNumber("mean"), notNegative("deviation")},
			pair: func(p []float64) func(x, y uint64) float64 {
				a, b := p[0], p[1]
				return func(x, y uint64) float64 {
					return a + b*math.Sqrt(-2*math.Log(1-unit(x)))*math.Cos(2*math.Pi*unit(y))
				}
			}},
		Exponential: {name: "exponential", params: []param{notNegative("mean")},
			pair: func(p []float64) func(x, y uint64) float64 {
				mean := p[0]
				return func(x, _ uint64) float64 { return -mean * math.Log1p(-unit(x)) }
			}},
		Gamma: {name: "gamma", params: []param{positive("shape"), positive("scale")}, draw: func(p []float64) func(*stream64) float64 {
			shape, scale := p[0], p[1]
			return func(s *stream64) float64 { return scale * gamma(s, shape) }
		}},
		Beta: {name: "beta", params: []param{positive("a"), positive("b")}, draw: func(p []float64) func(*stream64) float64 {
			a, b := p[0], p[1]
			return func(s *stream64) float64 { return beta(s, a, b) }
		}},
		Poisson: {name: "poisson", whole: true, params: []param{from0to("mean", mostTrials, "2^52", false)}, draw: func(p []float64) func(*stream64) float64 {
			d := poissonOf(p[0])
			return d.draw
		}},
		Binomial: {name: "binomial", whole: true, params: []param{from0to("trials", mostTrials, "2^52", true), from0to("chance", 1, "1", false)},
			draw: func(p []float64) func(*stream64) float64 {
				d := binomialOf(p[0], p[1])
				return d.draw
			}},
		LogNormal: {name: "lognormal", params: []param{anyNumber("mean"), notNegative("deviation")}, draw: func(p []float64) func(*stream64) float64 {
			mean, dev := p[0], p[1]
			return func(s *stream64) float64 { return math.Exp(mean + dev*s.normal()) }
		}},
		Laplace:  {name: "laplace", params: placed, draw: byQuantile(laplace)},
		Logistic: {name: "logistic", params: placed, draw: byQuantile(logistic)},
		Gumbel:   {name: "gumbel", params: placed, draw: byQuantile(gumbel)},
		Cauchy:   {name: "cauchy", params: placed, draw: byQuantile(cauchy)},
		Rayleigh: {name: "rayleigh", params: []param{notNegative("scale")}, draw: func(p []float64) func(*stream64) float64 {
			scale := p[0]
			return func(s *stream64) float64 { return scale * math.Sqrt(2*s.wait()) }
		}},
		Weibull: {name: "weibull", params: []param{positive("shape"), notNegative("scale")}, draw: func(p []float64) func(*stream64) float64 {
			shape, scale := p[0], p[1]
			return func(s *stream64) float64 { return scale * math.Pow(s.wait(), 1/shape) }
		}},
		Pareto: {name: "pareto", params: []param{positive("shape")}, draw: func(p []float64) func(*stream64) float64 {
			shape := p[0]
			return func(s *stream64) float64 { return math.Expm1(s.wait() / shape) }
		}},
		Power: {name: "power", params: []param{positive("a")}, draw: func(p []float64) func(*stream64) float64 {
			a := p[0]
			return func(s *stream64) float64 { return math.Exp(-s.wait() / a) }
		}},
		Triangle: {name: "triangular", params: []param{anyNumber("from"), anyNumber("mode"), anyNumber("to")},
			fits: func(p []float64) bool {
				return p[0] <= p[1] && p[1] <= p[2] && p[0] < p[2] && p[2]-p[0] <= math.MaxFloat64
			},
			must: "from ≤ mode ≤ to, and from < to", draw: triangle},
		ChiSquare: {name: "chisquare", params: []param{positive("freedom")}, draw: func(p []float64) func(*stream64) float64 {
			df := p[0]
			return func(s *stream64) float64 { return 2 * gamma(s, df/2) }
		}},
		NoncentralChiSquare: {name: "noncentral_chisquare", params: []param{positive("freedom"), from0to("noncentrality", mostTrials, "2^52", false)},
			draw: func(p []float64) func(*stream64) float64 {
				df, off := p[0], p[1]
				return func(s *stream64) float64 { return noncentral(s, df, off) }
			}},
		StudentT: {name: "student_t", params: []param{positive("freedom")}, draw: func(p []float64) func(*stream64) float64 {
			df := p[0]
			return func(s *stream64) float64 {
				x := s.normal()
				return x * math.Exp((math.Log(df/2)-logGamma(s, df/2))/2)
			}
		}},
		F: {name: "f", params: []param{positive("numerator freedom"), positive("denominator freedom")}, draw: func(p []float64) func(*stream64) float64 {
			a, b := p[0]/2, p[1]/2
			return func(s *stream64) float64 {
				x := logGamma(s, a) - math.Log(a)
				return math.Exp(x - logGamma(s, b) + math.Log(b))
			}
		}},
		NoncentralF: {name: "noncentral_f", params: []param{positive("numerator freedom"), positive("denominator freedom"), from0to("noncentrality", mostTrials, "2^52", false)},
			draw: func(p []float64) func(*stream64) float64 {
				df, b, off := p[0], p[1]/2, p[2]
				return func(s *stream64) float64 {
					x := math.Log(noncentral(s, df, off) / df)
					return math.Exp(x - logGamma(s, b) + math.Log(b))
				}
			}},
		VonMises: {name: "vonmises", params: []param{anyNumber("mode"), notNegative("concentration")}, draw: vonMises},
		Wald:     {name: "wald", params: []param{positive("mean"), positive("scale")}, draw: wald},
		Geometric: {name: "geometric", whole: true, params: []param{chance("chance")}, draw: func(p []float64) func(*stream64) float64 {
			log := math.Log1p(-p[0])
			return func(s *stream64) float64 { return wait(s, log) }
		}},
		NegativeBinomial: {name: "negative_binomial", whole: true, params: []param{positive("successes"),
			{name: "chance", must: "2^-40 to 1", ok: func(v float64) bool { return v >= 1.0/mostWait && v <= 1 }}},
			fits: func(p []float64) bool { return p[0]*(1-p[1])/p[1] <= mostWait }, must: "a mean, of successes · (1 − chance)/chance, of at most 2^40",
			draw: negativeBinomial},
		Hypergeometric: {name: "hypergeometric", whole: true, params: []param{from0to("good", mostPopulation, "2^31", true), from0to("bad", mostPopulation, "2^31", true),
			from0to("taken", 2*mostPopulation, "2^32", true)},
			fits: func(p []float64) bool { return p[2] <= p[0]+p[1] }, must: "taken ≤ good + bad",
			draw: func(p []float64) func(*stream64) float64 {
				d := hypergeometricOf(p[0], p[1], p[2])
				return d.draw
			}},
		LogSeries: {name: "logseries", whole: true, params: []param{{name: "chance", must: "at least 0 and below 1", ok: func(v float64) bool { return v >= 0 && v < 1 }}},
			draw: logSeries},
		Zipf: {name: "zipf", whole: true, params: []param{{name: "exponent", must: "a finite number above 1", ok: func(v float64) bool { return v > 1 && v-v == 0 }}},
			draw: zipf},
		Multinomial:                {name: "multinomial", whole: true, params: []param{from0to("trials", mostTrials, "2^52", true)}},
		MultivariateHypergeometric: {name: "multivariate_hypergeometric", whole: true, params: []param{from0to("taken", mostPopulation, "2^31", true)}},
	}
)

func chance(name string) param {
	return param{name: name, must: "above 0 and at most 1", ok: func(v float64) bool { return v > 0 && v <= 1 }}
}

// values are the parameters.
func (l *law) values(nums []uint64) []float64 {
	p := make([]float64, len(l.params))
	for i := range p {
		if p[i] = math.Float64frombits(nums[i]); l.params[i].whole {
			p[i] = float64(int64(nums[i]))
		}
	}
	return p
}

// Whole reports whether a distribution is one of integers.
func (d Dist) Whole() bool { return d < numDists && laws[d].whole }

// Param is the name of a parameter, and whether it is an integer.
func (d Dist) Param(i int) (name string, whole bool) {
	return laws[d].params[i].name, laws[d].params[i].whole
}

// Check says what of the numbers of a distribution, or of the type of its elements, is
// wrong, by name.
func (d Dist) Check(k elem.Kind, nums []uint64) error {
	if d == NoDist || d >= numDists {
		return errors.New("there is no such distribution")
	}
	l := &laws[d]
	if l.whole != (k == elem.Int64) || !l.whole && k != elem.Float64 && k != elem.Float32 {
		return fmt.Errorf("random numbers of %s", k)
	}
	if len(nums) < len(l.params) {
		return fmt.Errorf("%d numbers for %d parameters", len(nums), len(l.params))
	}
	p := l.values(nums)
	for i, v := range p {
		if q := l.params[i]; !q.ok(v) {
			return fmt.Errorf("%s: want for %s %s", l.told(p), q.name, q.must)
		}
	}
	if l.fits != nil && !l.fits(p) {
		return fmt.Errorf("%s: want %s", l.told(p), l.must)
	}
	if d == Integers && int64(nums[0]) >= int64(nums[1]) {
		return fmt.Errorf("there are none in [%d, %d)", int64(nums[0]), int64(nums[1]))
	}
	if d == Multinomial || d == MultivariateHypergeometric {
		_, err := kinds(d, nums)
		return err
	}
	return nil
}

// told are parameters by name.
func (l *law) told(p []float64) string {
	words := make([]string, len(p))
	for i, v := range p {
		if words[i] = fmt.Sprintf("%s %v", l.params[i].name, v); l.params[i].whole {
			words[i] = fmt.Sprintf("%s %.0f", l.params[i].name, v)
		}
	}
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " and " + words[n]
	}
	return words[0]
}
