package array

import "math"

// How elements of the distributions beside those of draws.go are made of a stream.

// wait is exponential of mean 1.
func (s *stream64) wait() float64 { return -math.Log(s.open()) }

// byQuantile draws by a quantile function of a location of 0 and a scale of 1. It gets a
// chance in (0, 1); 1 − chance is exact.
func byQuantile(f func(u float64) float64) func(p []float64) func(*stream64) float64 {
	return func(p []float64) func(*stream64) float64 {
		location, scale := p[0], p[1]
		return func(s *stream64) float64 { return location + scale*f(s.open()) }
	}
}

func laplace(u float64) float64 {
	if u < 0.5 {
		return math.Log(2 * u)
	}
	return -math.Log(2 * (1 - u))
}

func logistic(u float64) float64 { return math.Log(u) - math.Log1p(-u) }

func gumbel(u float64) float64 { return -math.Log(-math.Log(u)) }

// cauchy is tan(π(u − ½)), by the cotangent, which is exact where it is large.
func cauchy(u float64) float64 {
	if u < 0.5 {
		return -1 / math.Tan(math.Pi*u)
	}
	return 1 / math.Tan(math.Pi*(1-u))
}

func triangle(p []float64) func(*stream64) float64 {
	from, to, width := p[0], p[2], p[2]-p[0]
	turn := (p[1] - from) / width
	return func(s *stream64) float64 {
		u := s.open()
		if u < turn {
			return from + width*math.Sqrt(u*turn)
		}
		return to - width*math.Sqrt((1-u)*(1-turn))
	}
}

// noncentral is chi-square of df degrees of freedom and a noncentrality: the square of a
// normal number and a chi-square of one degree less, or where there is none a mixture of
// chi-squares by Poisson (Johnson, Kotz and Balakrishnan 1995, chapter 29).
func noncentral(s *stream64, df, off float64) float64 {
	if df > 1 {
		x := s.normal() + math.Sqrt(off)
		return x*x + 2*gamma(s, (df-1)/2)
	}
	d := poissonOf(off / 2)
	return 2 * gamma(s, df/2+d.draw(s))
}

// vonMises wraps a Cauchy number around the circle and rejects. Where the concentration
// is so large or small that its constants lose their digits, the distribution is normal
// or uniform within 10⁻⁶ of itself.
func vonMises(p []float64) func(*stream64) float64 {
	mode, kappa := p[0], p[1]
	turned := func(x float64) float64 { return math.Remainder(mode+x, 2*math.Pi) }
	switch {
	case kappa > 1e6:
		dev := 1 / math.Sqrt(kappa)
		return func(s *stream64) float64 { return turned(dev * s.normal()) }
	case kappa < 1e-6:
		return func(s *stream64) float64 { return turned(2 * math.Pi * (s.open() - 0.5)) }
	}
	// r is (1 + ρ²)/2ρ with ρ = (τ − √2τ)/2κ, τ = 1 + √(1 + 4κ²); τ − √2τ = τ(τ − 2)/(τ + √2τ)
	// and τ − 2 = 4κ²/(1 + √(1 + 4κ²)) have no difference of numbers that are nearly equal
	tau := 1 + math.Sqrt(1+4*kappa*kappa)
	rho := 2 * kappa / (tau + math.Sqrt(2*tau))
	r := (1 + rho*rho) / (2 * rho)
	return func(s *stream64) float64 {
		for {
			z := math.Cos(math.Pi * s.open())
			f := (1 + r*z) / (r + z)
			c, v := kappa*(r-f), s.open()
			if c*(2-c) > v || math.Log(c/v)+1 >= c {
				angle := math.Acos(min(max(f, -1), 1))
				if s.next()>>63 == 0 {
					angle = -angle
				}
				return turned(angle)
			}
		}
	}
}

// wald takes one of the two roots of the equation that the square of a normal number
// solves, the smaller one written without a difference; their product is mean².
func wald(p []float64) func(*stream64) float64 {
	mean, scale := p[0], p[1]
	return func(s *stream64) float64 {
		y := s.normal()
		v := mean / scale * y * y
		x := mean / (1 + v/2 + math.Sqrt(v+v*v/4))
		if s.unit()*(mean+x) <= mean {
			return x
		}
		return mean * (mean / x)
	}
}

func negativeBinomial(p []float64) func(*stream64) float64 {
	n, odds := p[0], (1-p[1])/p[1]
	return func(s *stream64) float64 {
		d := poissonOf(gamma(s, n) * odds)
		return d.draw(s)
	}
}

func logSeries(p []float64) func(*stream64) float64 {
	chance, log := p[0], math.Log1p(-p[0])
	return func(s *stream64) float64 {
		v := s.open()
		if v >= chance {
			return 1
		}
		q := -math.Expm1(log * s.open())
		switch {
		case v >= q:
			return 1
		case v >= q*q:
			return 2
		}
		return math.Floor(1 + math.Log(v)/math.Log(q))
	}
}

// zipf rejects from a power law. It draws nothing above 2^63.
func zipf(p []float64) func(*stream64) float64 {
	a := p[0] - 1
	least, b := math.Exp2(-63*a), math.Expm1(a*math.Ln2)
	return func(s *stream64) float64 {
		for {
			u, v := s.open(), s.open()
			x := math.Floor(math.Pow(u*least+1-u, -1/a))
			if x == 1 {
				return 1
			}
			t := a * math.Log1p(1/x)
			if x <= 1<<63 && v*x*math.Expm1(t)/b <= math.Exp(t-a*math.Ln2) {
				return x
			}
		}
	}
}

// A hypergeometric draws how many are good of those that are taken without putting
// back: what does not depend on the stream. It takes the rarer of good and bad ones and
// of taken and left ones, and goes back from there.
type hypergeometric struct {
	rare, many, taken float64
	swapped           bool    // the rare ones are the bad ones
	rest              float64 // of the rare ones, when those that are left were taken, else -1
	a, h, top, most   float64
}

// fewTaken is how many are taken one by one.
const fewTaken = 10

func hypergeometricOf(good, bad, taken float64) hypergeometric {
	d := hypergeometric{rare: min(good, bad), many: max(good, bad), taken: taken, swapped: good > bad, rest: -1}
	all := good + bad
	if taken > all/2 {
		d.taken, d.rest = all-taken, d.rare
	}
	if d.taken <= fewTaken {
		return d
	}
	n, p := d.taken, d.rare/all
	d.a = n*p + 0.5
	c := math.Sqrt((all-n)*n*p*(d.many/all)/(all-1) + 0.5)
	d.h = 2*math.Sqrt(2/math.E)*c + 3 - 2*math.Sqrt(3/math.E)
	d.top = d.weight(math.Floor((n + 1) * (d.rare + 1) / (all + 2)))
	d.most = min(min(n, d.rare)+1, math.Floor(d.a+16*c))
	return d
}

// weight is the logarithm of the chance of k rare ones, but for a constant.
func (d *hypergeometric) weight(k float64) float64 {
	sum := 0.0
	for _, n := range [...]float64{k, d.rare - k, d.taken - k, d.many - d.taken + k} {
		g, _ := math.Lgamma(n + 1)
		sum -= g
	}
	return sum
}

func (d *hypergeometric) draw(s *stream64) float64 {
	k := d.rares(s)
	if d.rest >= 0 {
		k = d.rest - k
	}
	if !d.swapped {
		return k
	}
	if d.rest >= 0 {
		return d.rare + d.many - d.taken - k
	}
	return d.taken - k
}

// rares is how many rare ones are taken.
func (d *hypergeometric) rares(s *stream64) float64 {
	if d.taken <= fewTaken {
		k, all := 0.0, d.rare+d.many
		for i := 0.0; i < d.taken && k < d.rare; i++ {
			if s.unit()*(all-i) < d.rare-k {
				k++
			}
		}
		return k
	}
	for {
		u, v := s.open(), s.open()
		x := d.a + d.h*(v-0.5)/u
		if x < 0 || x >= d.most {
			continue
		}
		k := math.Floor(x)
		t := d.weight(k) - d.top
		if u*(4-u)-3 <= t || u*(u-t) < 1 && 2*math.Log(u) <= t {
			return k
		}
	}
}
