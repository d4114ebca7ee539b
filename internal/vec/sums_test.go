package vec

import "testing"

// TestSums compares the sums of results with the results, and their sums in the order of Reduce.
func TestSums(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		const most = 5000
		left, right := guarded[float64](t, most+9), guarded[float64](t, most+9)
		want := func(values []float64) float64 {
			var sums []float64
			for _, part := range parted(values) {
				sums = append(sums, sumBlock(part))
			}
			return tree(sums)
		}
		for _, n := range lengths() {
			r := newRand(n)
			for _, gap := range []int{0, 1 + n%8} {
				from := most + 9 - gap - n
				x, y := left[from:from+n:from+n], right[from:from+n:from+n]
				fill(r, x)
				fill(r, y)
				if n%2 == 0 { // without NaN and infinities, which hide everything else
					for i := range x {
						x[i], y[i] = r.NormFloat64(), r.ExpFloat64()
						if r.IntN(1+n) == 0 {
							x[i], y[i] = 0, 0
						}
					}
				}
				values := make([]float64, n)
				for op := BinaryOp(0); op < BinaryOps; op++ {
					f, of := SumOfTwo(op), scalarBinary[float64](op)
					if f == nil {
						continue
					}
					for i := range values {
						values[i] = of(x[i], y[i])
					}
					if got, want := f(x, y), want(values); !same(got, want) {
						t.Fatalf("sum of %v n=%d gap=%d: %v, want %v", op, n, gap, got, want)
					}
				}
				for op := UnaryOp(0); op < UnaryOps; op++ {
					f, of := SumOfOne(op), scalarUnary[float64](op)
					if f == nil {
						continue
					}
					for _, x := range [][]float64{x, y} {
						for i := range values {
							values[i] = of(x[i])
						}
						if got, want := f(x), want(values); !same(got, want) {
							t.Fatalf("sum of %v n=%d gap=%d: %v, want %v", op, n, gap, got, want)
						}
					}
				}
			}
		}
		if SumOfTwo(Norm) == nil || SumOfTwo(Mul) == nil || SumOfOne(Sqrt) == nil || SumOfTwo(Pow) != nil || SumOfOne(Exp) != nil {
			t.Error("sums of other results than those that are promised")
		}
	})
}
