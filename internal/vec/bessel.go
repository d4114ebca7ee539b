package vec

import "math"

func mantissa(x float64) float64 { m, _ := math.Frexp(x); return m }

func exponent(x float64) float64 { _, e := math.Frexp(x); return float64(e) }

// i0 is the modified Bessel function of the first kind and order 0, within 16 ULP: the power series (Abramowitz and Stegun
// 1964, 9.6.12), all of whose terms are positive, and where that takes too many the asymptotic one (9.7.1), whose least
// term is below exp(-2|x|).
func i0(x float64) float64 {
	x = math.Abs(x)
	if x != x || math.IsInf(x, 0) {
		return x
	}
	const enough = 1e-17 // of the sum: what is left does not count
	term, sum := 1.0, 1.0
	if x < 22 {
		for k := 1.0; term > enough*sum; k++ {
			term *= (x / 2) * (x / 2) / (k * k)
			sum += term
		}
		return sum
	}
	for k := 1.0; term > enough*sum; k++ {
		term *= (2*k - 1) * (2*k - 1) / (8 * k * x)
		sum += term
	}
	half := math.Exp(x / 2) // exp(x) overflows before the function does
	return half * (sum / math.Sqrt(2*math.Pi*x)) * half
}
