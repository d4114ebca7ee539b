package exact

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// moving draws values of one kind: near a mean, whole numbers of which many are equal, of all magnitudes, the same for a while.
func moving(rnd *rand.Rand, kind uint64, n int) []float64 {
	x := make([]float64, n)
	scale, mean := math.Ldexp(1, rnd.IntN(80)-40), math.Ldexp(1, rnd.IntN(60)-20)
	for i := range x {
		switch kind % 4 {
		case 0:
			x[i] = mean + scale*rnd.NormFloat64()
		case 1:
			x[i] = float64(rnd.IntN(5) - 2)
		case 2:
			x[i] = math.Ldexp(rnd.Float64()-0.5, rnd.IntN(200)-100)
		case 3:
			if x[i] = mean; i > 0 && rnd.IntN(8) > 0 {
				x[i] = x[i-1]
			} else {
				x[i] += scale * rnd.NormFloat64()
			}
		}
	}
	return x
}

// about is a number of the reference as the test has it.
func about(x float64) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(x) }

// momentOf is Σ(x-mean x)^k, or with y Σ(x-mean x)(y-mean y), without rounding that matters.
func momentOf(k int, x, y []float64) *big.Float {
	n := about(float64(len(x)))
	mx, my, sum := about(0), about(0), about(0)
	for i := range x {
		mx.Add(mx, about(x[i]))
		if y != nil {
			my.Add(my, about(y[i]))
		}
	}
	mx.Quo(mx, n)
	my.Quo(my, n)
	for i := range x {
		d := about(0).Sub(about(x[i]), mx)
		p := about(1)
		for range k {
			p.Mul(p, d)
		}
		if y != nil {
			p.Mul(d, about(0).Sub(about(y[i]), my))
		}
		sum.Add(sum, p)
	}
	return sum
}

func ratioOf(a, b *big.Float) float64 { f, _ := about(0).Quo(a, b).Float64(); return f }

// shapeOf is the skew or the kurtosis of x.
func shapeOf(fourth bool, x []float64) float64 {
	n := float64(len(x))
	m2 := momentOf(2, x, nil)
	switch {
	case m2.Sign() == 0:
		return math.NaN()
	case fourth:
		return kurtosisOf(n, ratioOf(momentOf(4, x, nil), about(0).Mul(m2, m2)))
	}
	return skewOf(n, ratioOf(momentOf(3, x, nil), about(0).Mul(m2, about(0).Sqrt(m2))))
}

// TestPowersMove slides frames of all widths over values and compares with long numbers.
func TestPowersMove(t *testing.T) {
	for seed := range uint64(80) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		x := moving(rnd, seed, 60)
		width := 1 + rnd.IntN(20)
		p := Powers{Top: 3 + int(seed/4)%2}
		for i, v := range x {
			if p.Enter(v); i >= width {
				p.Leave(x[i-width])
			}
			frame := x[max(0, i-width+1) : i+1]
			got, ok := p.Shape()
			if ok != (len(frame) >= p.Top) {
				t.Fatalf("seed %d: of %d values: %v", seed, len(frame), ok)
			}
			if v, ok := p.Variance(); len(frame) > 1 {
				want := ratioOf(momentOf(2, frame, nil), about(float64(len(frame)-1)))
				if !ok || math.Abs(v-want) > 0x1p-50*want {
					t.Fatalf("seed %d: variance %v of %v, want %v", seed, v, frame, want)
				}
			}
			if want := shapeOf(p.Top == 4, frame); ok && (got != got) != (want != want) || math.Abs(got-want) > 0x1p-48*max(1, math.Abs(want)) {
				t.Fatalf("seed %d: %v of %v, want %v", seed, got, frame, want)
			}
		}
	}
}

// TestComomentsMove does the same for pairs of values, some of which hang together.
func TestComomentsMove(t *testing.T) {
	for seed := range uint64(80) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		x, y := moving(rnd, seed, 60), moving(rnd, seed/4, 60)
		if seed%3 == 0 {
			for i := range y {
				y[i] = 3*x[i] + float64(seed%2)*y[i]
			}
		}
		width := 1 + rnd.IntN(20)
		var c Comoments
		for i := range x {
			if c.Enter(x[i], y[i]); i >= width {
				c.Leave(x[i-width], y[i-width])
			}
			fx, fy := x[max(0, i-width+1):i+1], y[max(0, i-width+1):i+1]
			cov, ok := c.Cov()
			corr, also := c.Corr()
			if enough := len(fx) > 1; ok != enough || also != enough {
				t.Fatalf("seed %d: of %d pairs: %v, %v", seed, len(fx), ok, also)
			} else if !enough {
				continue
			}
			m, v, w := momentOf(0, fx, fy), momentOf(2, fx, nil), momentOf(2, fy, nil)
			if want := ratioOf(m, about(float64(len(fx)-1))); math.Abs(cov-want) > 0x1p-50*math.Abs(want) {
				t.Fatalf("seed %d: covariance %v of %v and %v, want %v", seed, cov, fx, fy, want)
			}
			want := math.NaN()
			if v.Sign() > 0 && w.Sign() > 0 {
				want = ratioOf(m, about(0).Sqrt(about(0).Mul(v, w)))
			}
			if (corr != corr) != (want != want) || math.Abs(corr-want) > 0x1p-50 {
				t.Fatalf("seed %d: correlation %v of %v and %v, want %v", seed, corr, fx, fy, want)
			}
		}
	}
}

// TestOddMove: what is no number counts as long as it is there.
func TestOddMove(t *testing.T) {
	for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e200} {
		p := Powers{Top: 3}
		var c Comoments
		for _, x := range []float64{odd, 1, 2, 4} {
			p.Enter(x)
			c.Enter(x, 2*x)
		}
		s, ok := p.Shape()
		r, also := c.Corr()
		if !ok || !also || s == s || r == r {
			t.Errorf("with %v: %v and %v", odd, s, r)
		}
		p.Leave(odd)
		c.Leave(odd, 2*odd)
		s, _ = p.Shape()
		if r, _ = c.Corr(); s != s || r != 1 {
			t.Errorf("without %v: %v and %v", odd, s, r)
		}
	}
}

// TestLong adds floats of all sizes, takes some away again, and compares with big integers.
func TestLong(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		var l Long
		want := new(big.Float).SetPrec(4000)
		var came []float64
		for range 1 + rnd.IntN(100) {
			x := math.Float64frombits(rnd.Uint64())
			if seed%2 == 0 {
				x = math.Ldexp(rnd.Float64()-0.5, int(seed)-50)
			}
			if x-x != 0 {
				x = 5e-324
			}
			if len(came) > 0 && rnd.IntN(3) == 0 {
				x, came = -came[0], came[1:]
			} else {
				came = append(came, x)
			}
			if l.Add(x); rnd.IntN(9) == 0 {
				l.carry()
			}
			want.Add(want, new(big.Float).SetFloat64(x))
			if got := l.power().f; got.Cmp(new(big.Float).SetPrec(powerPrec).Set(want)) != 0 {
				t.Fatalf("seed %d: %v, want %v", seed, got, want)
			}
			p := l.pair()
			f, _ := want.Float64()
			if math.IsInf(f, 0) {
				continue
			}
			rest, _ := new(big.Float).SetPrec(4000).Sub(want, new(big.Float).SetFloat64(f)).Float64()
			if math.Abs((p.hi-f)+(p.lo-rest)) > 0x1p-100*math.Abs(f) {
				t.Fatalf("seed %d: %v and %v, want %v and %v", seed, p.hi, p.lo, f, rest)
			}
		}
	}
}
