package kernel

import (
	"bytes"
	"cmp"
	"fmt"
	"testing"

	"github.com/weft-data/weft/internal/cpu"
)

// benchSizes are elements: a strip, a morsel, an L2-sized and a memory-sized block.
var benchSizes = []int{256, 4096, 1 << 16, 1 << 22}

// bench runs f at every size and level; perElem is the number of bytes read and written for an element.
func bench(b *testing.B, perElem int, f func(n int) func()) {
	for _, n := range benchSizes {
		g := f(n)
		l, v := level, vbmi2
		for level = cpu.Generic; level <= cpu.ISA(); level++ {
			vbmi2 = level == cpu.AVX512 && cpu.VBMI2()
			b.Run(fmt.Sprintf("%d/%s", n, level), func(b *testing.B) {
				b.SetBytes(int64(n * perElem))
				for b.Loop() {
					g()
				}
			})
		}
		level, vbmi2 = l, v
	}
}

func values[T Number](n int) []T {
	r, x := newRand(n), make([]T, n)
	for i := range x {
		x[i] = T(r.IntN(100))
	}
	return x
}

func halfSet(n int) []uint64 {
	r, m := newRand(n), make([]uint64, Words(n))
	for i := range m {
		m[i] = r.Uint64()
	}
	return m
}

// benchText is rows of nine fields, 45 bytes in the mean of 5; with quotes, one field in nine has them.
func benchText(n int, quotes bool) []byte {
	row := "id016,id046,id0000109363,88,13,146094,4,6,18.837686\n"
	if quotes {
		row = "id016,\"id,046\",id0000109363,88,13,146094,4,6,18.837686\n"
	}
	return bytes.Repeat([]byte(row), n/len(row)+1)[:n]
}

func BenchmarkStructural(b *testing.B) {
	for _, c := range []struct {
		name   string
		quote  byte
		quotes bool
	}{{"unquoted", 0, false}, {"noquotes", '"', false}, {"quotes", '"', true}} {
		b.Run(c.name, func(b *testing.B) {
			bench(b, 1, func(n int) func() {
				buf, pos := benchText(n, c.quotes), make([]uint32, n+64)
				return func() { Structural(buf, n, ',', c.quote, 0, pos) }
			})
		})
	}
}

func BenchmarkCmpConst(b *testing.B) {
	b.Run("float64", func(b *testing.B) { benchCmpConst[float64](b) })
	b.Run("int32", func(b *testing.B) { benchCmpConst[int32](b) })
}

func benchCmpConst[T Number](b *testing.B) {
	bench(b, int(sizeOf[T]()), func(n int) func() {
		x, out := values[T](n), make([]uint64, Words(n))
		return func() { CmpConst(Lt, x, 50, out) }
	})
}

func BenchmarkCmp(b *testing.B) {
	bench(b, 16, func(n int) func() {
		x, y, out := values[int64](n), values[int64](n), make([]uint64, Words(n))
		return func() { Cmp(Lt, x, y, out) }
	})
}

func BenchmarkCompress(b *testing.B) {
	b.Run("float64", func(b *testing.B) { benchCompress[float64](b) })
	b.Run("int32", func(b *testing.B) { benchCompress[int32](b) })
	b.Run("uint8", func(b *testing.B) { benchCompress[uint8](b) })
}

func benchCompress[T Element](b *testing.B) {
	bench(b, int(sizeOf[T]()), func(n int) func() {
		x, d, m := make([]T, n), make([]T, n), halfSet(n)
		return func() { Compress(d, x, m) }
	})
}

func BenchmarkMaskToIndex(b *testing.B) {
	bench(b, 4, func(n int) func() {
		out, m := make([]uint32, n), halfSet(n)
		return func() { MaskToIndex(m, n, out) }
	})
}

func BenchmarkCompressBits(b *testing.B) {
	bench(b, 1, func(n int) func() {
		x, m, d := halfSet(n), halfSet(n), make([]uint64, Words(n))
		return func() { CompressBits(d, x, m, n) }
	})
}

func BenchmarkUnpack(b *testing.B) {
	bench(b, 4, func(n int) func() {
		src, d := make([]byte, n+16), make([]uint32, n)
		return func() { Unpack(d, src, 0, 7) }
	})
}

func BenchmarkGather(b *testing.B) {
	for _, size := range []int{0, 9, 100} { // 0: as many as there are indices
		b.Run(fmt.Sprintf("of%d", size), func(b *testing.B) {
			bench(b, 4, func(n int) func() {
				from := cmp.Or(size, n)
				x, d, idx, r := values[float32](from), make([]float32, n), make([]uint32, n), newRand(n)
				for i := range idx {
					idx[i] = uint32(r.IntN(from))
				}
				return func() { Gather(d, x, idx) }
			})
		})
	}
}

func BenchmarkHash(b *testing.B) {
	b.Run("64", func(b *testing.B) {
		bench(b, 8, func(n int) func() {
			x, out := values[uint64](n), make([]uint64, n)
			return func() { Hash64(x, out) }
		})
	})
	b.Run("128", func(b *testing.B) {
		bench(b, 16, func(n int) func() {
			x, out := make([][2]uint64, n), make([]uint64, n)
			return func() { Hash128(x, out) }
		})
	})
}

func BenchmarkArith(b *testing.B) {
	for _, op := range []ArithOp{Add, Div} {
		b.Run("float64 "+op.String(), func(b *testing.B) {
			bench(b, 24, func(n int) func() {
				x, y, d := values[float64](n), values[float64](n), make([]float64, n)
				return func() { Arith(op, d, x, y) }
			})
		})
	}
}

func BenchmarkChecked(b *testing.B) {
	b.Run("int64 +", func(b *testing.B) { benchChecked[int64](b, Add) })
	b.Run("int64 *", func(b *testing.B) { benchChecked[int64](b, Mul) })
	b.Run("int32 *", func(b *testing.B) { benchChecked[int32](b, Mul) })
}

func benchChecked[T CheckedInt](b *testing.B, op ArithOp) {
	bench(b, 3*int(sizeOf[T]()), func(n int) func() {
		x, y, d := values[T](n), values[T](n), make([]T, n)
		return func() { Checked(op, d, x, y, nil) }
	})
}

func BenchmarkMinMax(b *testing.B) {
	for _, nulls := range []bool{false, true} {
		b.Run(fmt.Sprintf("float64 nulls %v", nulls), func(b *testing.B) {
			bench(b, 8, func(n int) func() {
				x, m := values[float64](n), halfSet(n)
				if !nulls {
					m = nil
				}
				return func() { MinMax(x, m) }
			})
		})
	}
}

func BenchmarkSumInt(b *testing.B) {
	for _, nulls := range []bool{false, true} {
		b.Run(fmt.Sprintf("int64 nulls %v", nulls), func(b *testing.B) {
			bench(b, 8, func(n int) func() {
				x, m := values[int64](n), halfSet(n)
				if !nulls {
					m = nil
				}
				return func() { SumInt(x, m) }
			})
		})
	}
}

func BenchmarkFixed(b *testing.B) {
	const n = SumFixedMax
	x, odd := values[float64](n), make([]uint64, Words(n))
	hi, lo, head, tail := make([]uint64, n), make([]uint64, n), make([]float64, n), make([]float64, n)
	blocks := func(f func()) func(n int) func() {
		return func(size int) func() {
			return func() {
				for range max(size/n, 1) {
					f()
				}
			}
		}
	}
	b.Run("Split", func(b *testing.B) { bench(b, 8, blocks(func() { SplitFixed(1000, x, hi, lo, odd) })) })
	b.Run("Sum", func(b *testing.B) { bench(b, 8, blocks(func() { SumFixed(1000, x, odd) })) })
	b.Run("Squares", func(b *testing.B) { bench(b, 8, blocks(func() { SplitSquares(x, head, tail, odd) })) })
}

func BenchmarkBitmap(b *testing.B) {
	b.Run("And", func(b *testing.B) {
		bench(b, 24, func(n int) func() {
			x, y, d := values[uint64](n), values[uint64](n), make([]uint64, n)
			return func() { And(d, x, y) }
		})
	})
	b.Run("PopCount", func(b *testing.B) {
		bench(b, 8, func(n int) func() {
			x := values[uint64](n)
			return func() { PopCount(x, 64*n) }
		})
	})
}
