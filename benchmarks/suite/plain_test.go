package suite

import (
	"math"
	"math/cmplx"
	"slices"
)

// plainMatrices answers the questions about matrices without factoring any.
func plainMatrices(rows int) map[string][]float64 {
	n := sideOf(rows)
	x, y, z := fractions(n*n, factorX), fractions(n*n, factorY), fractions(rows*thin, factorX)
	sums, product, ones := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		sums[i%n] += x[i]
		ones[i%n] = 1
	}
	for i := range y {
		product[i%n] += sums[i/n] * y[i]
	}
	squares, all := make([]float64, thin), 0.0
	for i, v := range z {
		squares[i%thin] += v * v
		all += v * v
	}
	m, low := side(rows), 0.0
	left, right := fractions(m*rank, factorX), fractions(m*rank, factorY)
	for i := range m * m {
		v := 0.0
		for k := range rank {
			v += left[i/m*rank+k] * right[k*m+i%m]
		}
		low += v * v
	}
	a, b := small(0, n*n, factorX), small(0, n*n, factorY)
	k := pointsOf(rows)
	signal := make([]complex128, k)
	re, im := fractions(k, factorX), fractions(k, factorY)
	for i := range signal {
		signal[i] = complex(re[i], im[i])
	}
	total, largest := 0.0, 0.0
	for _, w := range plainWaves(signal, 1) {
		total, largest = total+cmplx.Abs(w), max(largest, cmplx.Abs(w))
	}
	return map[string][]float64{"matmul": product, "matmul32": columnsOfProduct(a, b, n), "fft": {total, largest}, "solve": ones, "cholesky": ones, "qr": squares, "svd": {all}, "compressed": {low}}
}

// columnsOfProduct are the column sums of the product of two squares.
func columnsOfProduct(a, b []float32, n int) []float64 {
	sums, out := make([]float64, n), make([]float64, n)
	for i, v := range a {
		sums[i%n] += float64(v)
	}
	for i, v := range b {
		out[i%n] += sums[i/n] * float64(v)
	}
	return out
}

// plainWaves is the discrete Fourier transform of every step-th number, a power of two of them.
func plainWaves(x []complex128, step int) []complex128 {
	n := (len(x) + step - 1) / step
	if n == 1 {
		return x[:1]
	}
	even, odd := plainWaves(x, 2*step), plainWaves(x[step:], 2*step)
	out := make([]complex128, n)
	for k := range n / 2 {
		turn := cmplx.Rect(1, -2*math.Pi*float64(k)/float64(n)) * odd[k]
		out[k], out[k+n/2] = even[k]+turn, even[k]-turn
	}
	return out
}

// plainArrays answers the questions about arrays with loops.
func plainArrays(rows int) map[string][]float64 {
	n, m := perRow*rows, side(rows)
	x, y, q := fractions(n, factorX), fractions(n, factorY), fractions(m*m, factorX)
	norm, sine, both := 0.0, 0.0, 0.0
	for i := range x {
		r := math.Sqrt(x[i]*x[i] + y[i]*y[i])
		norm, sine = norm+r, sine+r+math.Sin(x[i])
	}
	means, devs := make([]float64, 2*m), make([]float64, 2*m)
	for pass := range 2 {
		for i := range m {
			for j := range m {
				v := q[i*m+j]
				if pass == 0 {
					both += 2 * v
					means[j] += v / float64(m)
					means[m+i] += v / float64(m)
					continue
				}
				devs[j] += (v - means[j]) * (v - means[j]) / float64(m)
				devs[m+i] += (v - means[m+i]) * (v - means[m+i]) / float64(m)
			}
		}
	}
	for i := range devs {
		devs[i] = math.Sqrt(devs[i])
	}
	return map[string][]float64{"norm": {norm}, "sine": {sine}, "moments": append(slices.Clone(means), devs...), "transposed": {both}, "tiny": {3e7},
		"mean0": means[:m], "mean1": means[m:], "std0": devs[:m], "std1": devs[m:]}
}
