package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// fixedBases are the least and the greatest base, those around which subnormal numbers, infinities or the constants of
// the assembly leave the range, and that of integers.
var fixedBases = []uint64{1, 2, 19, 52, 53, 64, 1023, 1075, topBase, topBase + 1, 1983, 1984, 2003, 2035, 2046}

// fillFixed writes values of the window, at and beyond its ends, integers, and whatever fillValues does.
func fillFixed[T Float](r *rand.Rand, base uint64, x []T) {
	fillValues(r, x)
	for i := range x {
		e := int(base) - 1075 + 52
		switch r.IntN(8) {
		case 0:
			x[i] = T(math.Ldexp(r.Float64()-0.5, e-60+r.IntN(190)))
		case 1:
			x[i] = T(math.Ldexp(float64(r.IntN(5)-2), e-54+r.IntN(4)))
		case 2:
			x[i] = T(math.Ldexp(math.Nextafter(1, 0), e+62+r.IntN(4)))
		case 3, 4:
			x[i] = T(math.Ldexp(r.NormFloat64(), e+30))
		case 5:
			x[i] = T(math.Ldexp(1+r.Float64(), e+r.IntN(70)-3) * float64(1-2*r.IntN(2)))
		}
	}
}

// units returns a finite v as an integer of units and whether it is one.
func units(base uint64, v float64) (*big.Int, bool) {
	f := new(big.Float).SetPrec(5000).SetFloat64(v)
	if v != 0 {
		f.SetMantExp(f, 1075-int(base))
	}
	n, acc := f.Int(nil)
	return n, acc == big.Exact
}

func words(hi, lo uint64) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(int64(hi)), 64)
	return n.Add(n, new(big.Int).SetUint64(lo))
}

func TestSplitFixed(t *testing.T) { atLevels(t, testSplitFixed) }

func testSplitFixed(t *testing.T) {
	t.Run("float32", splitFixed[float32])
	t.Run("float64", splitFixed[float64])
}

func splitFixed[T Float](t *testing.T) {
	src, dst, bitmap := newArena[T](t, largest), newArena[uint64](t, largest), newArena[uint64](t, Words(largest))
	for _, n := range lengths() {
		r := newRand(n)
		base := fixedBases[r.IntN(len(fixedBases))]
		x, hi, lo, odd := src.end(n%3, n), dst.end(0, n), dst.end(1, n), bitmap.end(0, Words(n))
		fillFixed(r, base, x)
		fillBits(r, odd)
		SplitFixed(base, x, hi, lo, odd)
		for i, v := range x {
			f := float64(v)
			e := math.Float64bits(f) >> 52 & 0x7ff
			fits := e >= base && e < base+64 && e != 0x7ff
			want := new(big.Int)
			if fits {
				want, _ = units(base, f)
			}
			if got := words(hi[i], lo[i]); got.Cmp(want) != 0 {
				t.Fatalf("base %d, element %d of %d, %v: %v, want %v", base, i, n, f, got, want)
			}
			if got, want := bit(odd, i), !fits && f != 0; got != want {
				t.Fatalf("base %d, element %d of %d, %v: odd %v, want %v", base, i, n, f, got, want)
			}
		}
		checkRest(t, odd, n)
	}
}

// checkRest wants the bits beyond n to be zero.
func checkRest(t *testing.T, odd []uint64, n int) {
	t.Helper()
	if n > 0 && odd[len(odd)-1]&^tailMask(n) != 0 {
		t.Fatalf("bits beyond %d: %x", n, odd[len(odd)-1])
	}
}

func TestSumFixed(t *testing.T) { atLevels(t, testSumFixed) }

func testSumFixed(t *testing.T) {
	t.Run("float32", sumFixed[float32])
	t.Run("float64", sumFixed[float64])
}

func sumFixed[T Float](t *testing.T) {
	src, bitmap := newArena[T](t, SumFixedMax), newArena[uint64](t, Words(SumFixedMax))
	bound := new(big.Int).Lsh(big.NewInt(1), 116)
	for _, n := range append(lengths(), SumFixedMax-1, SumFixedMax) {
		if n > SumFixedMax {
			continue
		}
		r := newRand(n)
		for _, base := range fixedBases {
			x, odd := src.end(n%3, n), bitmap.end(0, Words(n))
			fillFixed(r, base, x)
			fillBits(r, odd)
			s := SumFixed(base, x, odd)
			want := new(big.Int)
			for i, v := range x {
				fits := false
				if f := float64(v); f-f == 0 {
					var u *big.Int
					if u, fits = units(base, f); fits && u.CmpAbs(bound) < 0 {
						want.Add(want, u)
					} else {
						fits = false
					}
				}
				if bit(odd, i) == fits {
					t.Fatalf("base %d, element %d of %d, %v: odd %v", base, i, n, v, fits)
				}
			}
			if got := words(uint64(s.Hi), s.Lo); got.Cmp(want) != 0 {
				t.Fatalf("base %d, %d elements: %v, want %v", base, n, got, want)
			}
			checkRest(t, odd, n)
		}
	}
}

// TestSumFixedAtTheLimit adds as many of the greatest values as may be added.
func TestSumFixedAtTheLimit(t *testing.T) { atLevels(t, testSumFixedAtTheLimit) }

func testSumFixedAtTheLimit(t *testing.T) {
	x, odd := make([]float64, SumFixedMax), make([]uint64, Words(SumFixedMax))
	for _, v := range []float64{math.Nextafter(0x1p116, 0), -math.Nextafter(0x1p116, 0), 0x1p116 - 0x1p64, 0x1p64 - 0x1p12, 0x1p64, 0x1p31, -0x1p31, 1} {
		for i := range x {
			x[i] = v
		}
		s := SumFixed(1075, x, odd)
		want, _ := units(1075, v)
		if got := words(uint64(s.Hi), s.Lo); got.Cmp(want.Mul(want, big.NewInt(SumFixedMax))) != 0 {
			t.Errorf("%d times %v: %v, want %v", len(x), v, got, want)
		}
	}
	wantPanic(t, "too long", func() { SumFixed(1075, make([]float64, SumFixedMax+1), make([]uint64, 20)) })
}

func TestSplitSquares(t *testing.T) { atLevels(t, testSplitSquares) }

func testSplitSquares(t *testing.T) {
	t.Run("float32", splitSquares[float32])
	t.Run("float64", splitSquares[float64])
}

func splitSquares[T Float](t *testing.T) {
	src, dst, bitmap := newArena[T](t, largest), newArena[float64](t, largest), newArena[uint64](t, Words(largest))
	for _, n := range lengths() {
		r := newRand(n)
		x, head, tail, odd := src.end(n%3, n), dst.end(0, n), dst.end(1, n), bitmap.end(0, Words(n))
		fillFixed(r, []uint64{MinSquare - 40, 1000, MaxSquare - 40}[n%3], x)
		fillBits(r, odd)
		SplitSquares(x, head, tail, odd)
		for i, v := range x {
			f := float64(v)
			e := math.Float64bits(f) >> 52 & 0x7ff
			fits := e >= MinSquare && e <= MaxSquare
			if got, want := bit(odd, i), !fits && f != 0; got != want {
				t.Fatalf("element %d of %d, %v: odd %v, want %v", i, n, f, got, want)
			}
			if !fits {
				f = 0
			}
			exact := new(big.Float).SetPrec(5000).SetFloat64(f)
			exact.Mul(exact, exact)
			sum := new(big.Float).SetPrec(5000).SetFloat64(head[i])
			sum.Add(sum, new(big.Float).SetFloat64(tail[i]))
			if head[i] != f*f || sum.Cmp(exact) != 0 {
				t.Fatalf("element %d of %d: %v² is not %v + %v", i, n, f, head[i], tail[i])
			}
		}
		checkRest(t, odd, n)
	}
}
