package vec

import (
	"fmt"
	"testing"
)

// BenchmarkStrip shows the cost of an element in strips of 256: what an array program pays for each operation.
func BenchmarkStrip(b *testing.B) {
	const n = Block
	x, y, d, m := make([]float64, n), make([]float64, n), make([]float64, n), make([]uint8, n)
	s, l := make([]float32, n), make([]int64, n)
	for i := range x {
		x[i], y[i], s[i], m[i] = 1.5+float64(i), 2.5*float64(i%7), float32(i), uint8(i&1)
	}
	add, sqrt, least, lt, where := Binary[float64](Add), Unary[float64](Sqrt), Binary[float64](Min), Compare[float64](Lt), Where[float64]()
	sum, max, dot, moments := Reduce[float64](Sum), Reduce[float64](Greatest), Dot[float64](), MomentsOf()
	narrow, whole, add32, scale := Cast[float32, float64](), Cast[int64, float64](), Binary[float32](Add), BinaryRight[float64](Mul)
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"add", func() { add(d, x, y) }}, {"add32", func() { add32(s, s, s) }}, {"mulconst", func() { scale(d, x, 3) }},
		{"sqrt", func() { sqrt(d, x) }}, {"min", func() { least(d, x, y) }}, {"lt", func() { lt(m, x, y) }},
		{"where", func() { where(d, m, x, y) }}, {"to32", func() { narrow(s, x) }}, {"toint", func() { whole(l, x) }},
		{"sum", func() { sum(x) }}, {"max", func() { max(x) }}, {"dot", func() { dot(x, y) }}, {"moments", func() { moments(x) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/elem")
		})
	}
}

// BenchmarkMath shows functions over strips.
func BenchmarkMath(b *testing.B) {
	const n = Block
	x, d := make([]float64, n), make([]float64, n)
	s, e := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = 0.01 + float64(i)*0.07
		s[i] = float32(x[i])
	}
	for _, op := range []UnaryOp{Exp, Exp2, Expm1, Log, Log2, Log10, Log1p, Sin, Cos, Tan, Tanh, Sinh, Cosh, Atan, Asin, Erf, Cbrt} {
		f, g := Unary[float64](op), Unary[float32](op)
		b.Run(op.String()+"64", func(b *testing.B) {
			for b.Loop() {
				f(d, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/elem")
		})
		b.Run(op.String()+"32", func(b *testing.B) {
			for b.Loop() {
				g(e, s)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/elem")
		})
	}
	for i := range x {
		x[i] -= 3 // powers of negative numbers, too
	}
	square := BinaryRight[float64](Pow)
	b.Run("powtwo64", func(b *testing.B) {
		for b.Loop() {
			square(d, x, 2)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/elem")
	})
	for i := range x {
		x[i] += 3.5
	}
	pow := Binary[float64](Pow)
	b.Run("pow64", func(b *testing.B) {
		for b.Loop() {
			pow(d, x, x)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/elem")
	})
}

// BenchmarkMemory shows reductions at the speed of memory, and transposition.
func BenchmarkMemory(b *testing.B) {
	const n = 1 << 23
	x, y := make([]float64, n), make([]float64, n)
	Fill(x, 1)
	Fill(y, 2)
	sum, least, argmax, moments := Reduce[float64](Sum), Reduce[float64](Least), ArgReduce[float64](Greatest), MomentsOf()
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"sum", func() { sum(x) }}, {"min", func() { least(x) }}, {"argmax", func() { argmax(x) }}, {"moments", func() { moments(x) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(8 * n)
			for b.Loop() {
				c.f()
			}
		})
	}
	for _, side := range []int{2048, 2040} {
		turn := Transpose[float64]()
		b.Run(fmt.Sprintf("transpose%d", side), func(b *testing.B) {
			b.SetBytes(16 * int64(side) * int64(side))
			for b.Loop() {
				for i := 0; i < side; i += 64 {
					h := min(64, side-i)
					turn(y[i:], side, x[i*side:], side, h, side)
				}
			}
		})
	}
}
