package window

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// TestMovingFloats slides a frame over values of all magnitudes and compares with
// rational numbers: sums to the bit, variances to a few units in the last place.
func TestMovingFloats(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		x := make([]float64, 200)
		scale, mean := math.Ldexp(1, rnd.IntN(80)-40), math.Ldexp(1, rnd.IntN(60)-20)
		for i := range x {
			x[i] = mean + scale*rnd.NormFloat64()
			if seed%3 == 0 {
				x[i] = math.Ldexp(rnd.Float64()-0.5, rnd.IntN(400)-200)
			}
		}
		v := chunk.Vec{Type: dtype.Of(dtype.Float64), N: len(x), Data: chunk.Bytes(x)}
		width := 2 + rnd.IntN(20)
		for _, fn := range []string{Sum, Var} {
			a := newAccumulator(&Func{Fn: fn, Frame: Frame{From: -int64(width) + 1}}, v.Type, v.Type, mem.Heap)
			a.reset()
			a.begin(len(x))
			for i := 0; i < len(x); i++ {
				if i >= width {
					if i += a.(mover).move(&v, i, &v, i-width, 1+rnd.IntN(len(x)-i)); i == len(x) {
						break
					}
				}
				a.add(&v, i, int64(i))
				if i >= width {
					a.remove(&v, i-width, int64(i-width))
				}
				if err := a.put(1); err != nil {
					t.Fatal(err)
				}
			}
			out, err := a.end()
			if err != nil {
				t.Fatal(err)
			}
			for i := range x {
				frame := x[max(0, i-width+1) : i+1]
				if fn == Var && len(frame) < 2 {
					if !out.IsNull(i) {
						t.Fatalf("seed %d: the variance of one value is not null", seed)
					}
					continue
				}
				got, want := chunk.Values[float64](&out)[i], ratio(fn, frame)
				if fn == Sum && got != want || math.Abs(got-want) > 4e-16*math.Abs(want) {
					t.Fatalf("seed %d, %s of %v at %d: %v, want %v", seed, fn, frame, i, got, want)
				}
			}
		}
	}
}

// ratio computes a sum or variance in rational numbers.
func ratio(fn string, x []float64) float64 {
	s, q := new(big.Rat), new(big.Rat)
	for _, v := range x {
		r := new(big.Rat).SetFloat64(v)
		s.Add(s, r)
		q.Add(q, r.Mul(r, r))
	}
	if fn == Var {
		n := int64(len(x))
		m := new(big.Rat).Mul(s, s)
		s = q.Sub(q, m.Quo(m, big.NewRat(n, 1)))
		s.Quo(s, big.NewRat(n-1, 1))
	}
	f, _ := s.Float64()
	return f
}

func TestTile(t *testing.T) {
	for n := int64(1); n < 12; n++ {
		for size := int64(1); size < 30; size++ {
			count := map[int64]int64{}
			last := int64(1)
			for i := range size {
				k := tile(i, size, n)
				if k < last || k > n {
					t.Fatalf("row %d of %d in %d parts: %d after %d", i, size, n, k, last)
				}
				last = k
				count[k]++
			}
			for k := int64(1); k <= n; k++ {
				want := size / n
				if k <= size%n {
					want++
				}
				if count[k] != want {
					t.Fatalf("%d rows in %d parts: part %d has %d, want %d", size, n, k, count[k], want)
				}
			}
		}
	}
}
