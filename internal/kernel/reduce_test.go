package kernel

import (
	"math"
	"math/big"
	"testing"
)

func sameRange[T Number](a, b Range[T]) bool {
	return a.Any == b.Any && a.NaN == b.NaN && (!a.Any || same(a.Min, b.Min) && same(a.Max, b.Max))
}

func minMaxOracle[T Number](x []T, valid []uint64) (w Range[T]) {
	for i, v := range x {
		switch {
		case !bit(valid, i):
		case v != v:
			w.NaN = true
		default:
			if !w.Any || v < w.Min {
				w.Min = v
			}
			if !w.Any || v > w.Max {
				w.Max = v
			}
			w.Any = true
		}
	}
	w.Min += 0
	w.Max += 0
	return w
}

func testMinMax[T Number](t *testing.T) {
	a, masks := newArena[T](t, largest), newArena[uint64](t, Words(largest))
	for _, n := range lengths() {
		r := newRand(n)
		x, valid := a.end(0, n), masks.end(0, Words(n))
		for trial := range 8 {
			fillValues(r, x)
			fillBits(r, valid)
			if trial >= 4 { // few kinds of values: only NaN, only infinities, only zeros
				s := specials[T]()
				for i := range x {
					x[i] = s[(trial-4+r.IntN(2)*6)%len(s)]
				}
			}
			if trial == 7 {
				clear(valid)
			}
			for _, v := range [][]uint64{nil, valid} {
				want := minMaxOracle(x, v)
				if got := MinMax(x, v); !sameRange(got, want) {
					t.Fatalf("%s: MinMax of %d (nulls: %v) = %+v, want %+v", typeName[T](), n, v != nil, got, want)
				}
			}
			cut := n / 2 &^ 63
			if got, want := MinMax(x[:cut], valid).Merge(MinMax(x[cut:], valid[cut>>6:])), minMaxOracle(x, valid); !sameRange(got, want) {
				t.Fatalf("%s: merged MinMax of %d = %+v, want %+v", typeName[T](), n, got, want)
			}
		}
	}
}

func TestMinMax(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		testMinMax[int8](t)
		testMinMax[uint16](t)
		testMinMax[int32](t)
		testMinMax[uint32](t)
		testMinMax[float32](t)
		testMinMax[int64](t)
		testMinMax[uint64](t)
		testMinMax[float64](t)
	})
}

// TestMinMaxPlaces puts the one extreme and the one NaN at every place of two blocks.
func TestMinMaxPlaces(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		for i := range 130 {
			x, y := make([]float64, 130), make([]uint64, 130)
			valid := make([]uint64, 3)
			SetRange(valid, 0, 130, true)
			x[i], y[i] = -1, 1<<63
			if r := MinMax(x, valid); r.Min != -1 || r.Max != 0 || r.NaN {
				t.Fatalf("-1 at %d: %+v", i, r)
			}
			if r := MinMax(y, valid); r.Min != 0 || r.Max != 1<<63 {
				t.Fatalf("2^63 at %d: %+v", i, r)
			}
			x[i] = math.NaN()
			if r := MinMax(x, valid); r.Min != 0 || r.Max != 0 || !r.NaN {
				t.Fatalf("NaN at %d: %+v", i, r)
			}
			SetRange(valid, i, i+1, false)
			if r := MinMax(x, valid); r.NaN {
				t.Fatalf("null NaN at %d: %+v", i, r)
			}
			if r := MinMax(y, valid); r.Max != 0 {
				t.Fatalf("null 2^63 at %d: %+v", i, r)
			}
		}
	})
}

func bigOf[T Integer](v T) *big.Int {
	if v > 0 {
		return new(big.Int).SetUint64(uint64(v))
	}
	return big.NewInt(int64(v))
}

func (s Sum128) big() *big.Int {
	h := new(big.Int).Lsh(big.NewInt(s.Hi), 64)
	return h.Add(h, new(big.Int).SetUint64(s.Lo))
}

func testSum[T Integer](t *testing.T) {
	a, masks := newArena[T](t, largest), newArena[uint64](t, Words(largest))
	for _, n := range lengths() {
		r := newRand(n)
		x, valid := a.end(0, n), masks.end(0, Words(n))
		for trial := range 4 {
			fillValues(r, x)
			fillBits(r, valid)
			if s := specials[T](); trial > 1 { // all least or all greatest
				for i := range x {
					x[i] = s[2+trial]
				}
			}
			for _, v := range [][]uint64{nil, valid} {
				want := new(big.Int)
				for i, e := range x {
					if bit(v, i) {
						want.Add(want, bigOf(e))
					}
				}
				got := SumInt(x, v)
				if got.big().Cmp(want) != 0 {
					t.Fatalf("%s: SumInt of %d (nulls: %v) = %v, want %v", typeName[T](), n, v != nil, got.big(), want)
				}
				if i, ok := got.Int64(); ok != want.IsInt64() || ok && i != want.Int64() {
					t.Fatalf("%v as int64: %d, %v", want, i, ok)
				}
				if u, ok := got.Uint64(); ok != want.IsUint64() || ok && u != want.Uint64() {
					t.Fatalf("%v as uint64: %d, %v", want, u, ok)
				}
			}
		}
	}
}

func TestSumInt(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		testSum[int8](t)
		testSum[uint8](t)
		testSum[int16](t)
		testSum[uint16](t)
		testSum[int32](t)
		testSum[uint32](t)
		testSum[int64](t)
		testSum[uint64](t)
	})
}
