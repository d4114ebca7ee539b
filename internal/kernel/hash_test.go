package kernel

import (
	"math"
	"math/big"
	"math/bits"
	"testing"
)

// mixOracle is the mixer with big integers.
func mixOracle(lo, hi uint64) uint64 {
	mod := new(big.Int).Lsh(big.NewInt(1), 64)
	n := func(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
	x := n(hi)
	x.Mul(x, n(hashFold)).Add(x, n(lo)).Add(x, n(hashSeed)).Mod(x, mod)
	shift := func(by uint) { x.Xor(x, new(big.Int).Rsh(x, by)) }
	shift(27)
	x.Mul(x, n(hashMul1)).Mod(x, mod)
	shift(33)
	x.Mul(x, n(hashMul2)).Mod(x, mod)
	shift(27)
	return x.Uint64()
}

func TestHashDefinition(t *testing.T) { atLevels(t, testHashDefinition) }

func testHashDefinition(t *testing.T) {
	a, wides, smalls := newArena[uint64](t, largest), newArena[[2]uint64](t, largest), newArena[uint32](t, largest)
	for _, n := range lengths() {
		r := newRand(n)
		keys, out, next := a.end(0, n), a.end(1, n+1), a.end(2, n)
		small, wide := smalls.end(0, n), wides.end(0, n)
		fillBits(r, keys)
		fillBits(r, next)
		for i := range small {
			small[i], wide[i] = r.Uint32(), [2]uint64{r.Uint64(), r.Uint64()}
		}
		out[n] = 5
		Hash64(keys, out)
		for i, k := range keys {
			if want := mixOracle(k, 0); out[i] != want || HashKey(k) != want {
				t.Fatalf("Hash64 of %x (%d of %d) = %x, want %x", k, i, n, out[i], want)
			}
		}
		Hash32(small, out)
		for i, k := range small {
			if out[i] != HashKey(uint64(k)) {
				t.Fatalf("Hash32 of %x (%d of %d) = %x", k, i, n, out[i])
			}
		}
		Hash128(wide, out)
		for i, k := range wide {
			if want := mixOracle(k[0], k[1]); out[i] != want || HashKey128(k) != want {
				t.Fatalf("Hash128 of %x (%d of %d) = %x, want %x", k, i, n, out[i], want)
			}
		}
		Hash64(keys, keys)
		want := make([]uint64, n)
		for i, h := range keys {
			want[i] = mixOracle(next[i], h)
		}
		HashCombine(keys, next)
		for i := range keys {
			if keys[i] != want[i] {
				t.Fatalf("HashCombine %d of %d = %x, want %x", i, n, keys[i], want[i])
			}
		}
		if out[n] != 5 {
			t.Fatalf("%d keys: wrote beyond", n)
		}
	}
}

// TestHashIsFixed holds the function itself: values may be in files.
func TestHashIsFixed(t *testing.T) {
	for _, c := range []struct{ key, want uint64 }{
		{0, 0x27012f12ada5e31f}, {1, 0x8d53a50a8a3f8231}, {math.MaxUint64, 0xd185c93363eac60f},
	} {
		if got := HashKey(c.key); got != c.want {
			t.Errorf("HashKey(%d) = %#x, want %#x", c.key, got, c.want)
		}
	}
	if got := HashKey128([2]uint64{1, 2}); got != 0x2497e4d223afa0e5 {
		t.Errorf("HashKey128(1, 2) = %#x, want %#x", got, uint64(0x2497e4d223afa0e5))
	}
}

// chiSquare returns how far the counts of buckets are from even, in standard deviations.
func chiSquare(counts []int, n int) float64 {
	mean := float64(n) / float64(len(counts))
	sum := 0.0
	for _, c := range counts {
		sum += (float64(c) - mean) * (float64(c) - mean) / mean
	}
	k := float64(len(counts) - 1)
	return (sum - k) / math.Sqrt(2*k)
}

// TestHashSpread buckets kinds of keys that tables see by the top, the middle and the bottom bits.
func TestHashSpread(t *testing.T) {
	const n = 1 << 16
	one := func(f func(i uint64) uint64) func(i uint64) uint64 {
		return func(i uint64) uint64 { return HashKey(f(i)) }
	}
	for name, hash := range map[string]func(i uint64) uint64{
		"counter":          one(func(i uint64) uint64 { return i }),
		"negative counter": one(func(i uint64) uint64 { return -i }),
		"multiples of 8":   one(func(i uint64) uint64 { return i << 3 }),
		"times 2^20":       one(func(i uint64) uint64 { return i << 20 }),
		"times 2^32":       one(func(i uint64) uint64 { return i << 32 }),
		"top bits":         one(func(i uint64) uint64 { return i << 48 }),
		"floats":           one(func(i uint64) uint64 { return math.Float64bits(float64(i)) }),
		"floats / 7":       one(func(i uint64) uint64 { return math.Float64bits(float64(i) / 7) }),
		"squares":          one(func(i uint64) uint64 { return i * i }),
		"two 8-bit values": one(func(i uint64) uint64 { return i&255 | i>>8<<40 }),
		"bit-reversed":     one(bits.Reverse64),
		"short strings": func(i uint64) uint64 {
			s := uint64('0'+i%10) | uint64('0'+i/10%10)<<8 | uint64('0'+i/100%10)<<16 | uint64('0'+i/1000%10)<<24 | uint64('0'+i/10000)<<32
			return HashKey128([2]uint64{s, 5 << 56})
		},
		"long strings": func(i uint64) uint64 {
			return HashKey128([2]uint64{0x3030303030303030, i&7 | i>>3&7<<8 | i>>6&7<<16 | i>>9&7<<24 | i>>12<<32 | 13<<56})
		},
		"both halves": func(i uint64) uint64 { return HashKey128([2]uint64{i & 255, i >> 8}) },
		"two columns": func(i uint64) uint64 {
			h, next := []uint64{HashKey(i & 255)}, []uint64{HashKey(i >> 8)}
			HashCombine(h, next)
			return h[0]
		},
	} {
		for _, w := range []uint{4, 8, 12} {
			for _, shift := range []uint{0, 24, 64 - w} {
				counts := make([]int, 1<<w)
				for i := range uint64(n) {
					counts[hash(i)>>shift&(1<<w-1)]++
				}
				if x := chiSquare(counts, n); x > 6 {
					t.Errorf("%s: bits %d to %d: %.1f standard deviations", name, shift, shift+w, x)
				}
			}
		}
	}
}

// TestHashAvalanche: flipping one key bit flips every result bit in 45 to 55 % of all cases.
func TestHashAvalanche(t *testing.T) {
	const trials = 4000
	r := newRand(9)
	var flips [64][64]int
	for range trials {
		k := r.Uint64()
		h := HashKey(k)
		for b := range 64 {
			d := h ^ HashKey(k^1<<b)
			for ; d != 0; d &= d - 1 {
				flips[b][bits.TrailingZeros64(d)]++
			}
		}
	}
	for b := range flips {
		for o, c := range flips[b] {
			if c < trials*45/100 || c > trials*55/100 {
				t.Errorf("key bit %d flips result bit %d in %d of %d cases", b, o, c, trials)
			}
		}
	}
}

func TestFloatKeys(t *testing.T) {
	x := []float64{0, math.Copysign(0, -1), 1.5, math.NaN(), math.Float64frombits(0xfff0000000000001), math.Inf(-1), 5e-324}
	want := []uint64{0, 0, math.Float64bits(1.5), 0x7ff8000000000000, 0x7ff8000000000000, math.Float64bits(math.Inf(-1)), 1}
	out := make([]uint64, len(x))
	FloatKeys(x, out)
	for i := range want {
		if out[i] != want[i] {
			t.Errorf("FloatKeys(%v) = %#x, want %#x", x[i], out[i], want[i])
		}
	}
}
