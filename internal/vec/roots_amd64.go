package vec

import (
	"math"
	"math/bits"

	"github.com/weft-data/weft/internal/cpu"
)

// rootsFrom is the least square root that the loops for AVX-512 compute from the processor's estimate of 1/sqrt(x), which
// takes a third of the time of its own root; for others they ask it for the root itself. The squares of what is not below it have
// bits that a float64 can have, down to the last one.
var rootsFrom = 0x1p-480

// The estimates may be any within 2^-14 of the truth, and processors differ. One whose estimates lead to a wrong root is
// asked for all of them.
func init() {
	if cpu.ISA() == cpu.AVX512 && !rightRoots(unaryASM[float64](Sqrt)) {
		rootsFrom = math.Inf(1)
	}
}

// nearest bounds c of hardRoots: the roots of others are farther from the middle than the loops are off.
const nearest = 1 << 8

// rightRoots reports whether a loop gives the right roots of the numbers for which they are hard to round.
func rightRoots(root func(dst, x []float64)) bool {
	const computed, group = 3 * 8, 4 * 8 // lanes of four vectors, of which the last one is not computed from estimates
	var x, d [group]float64
	n, right := 0, true
	check := func() {
		root(d[:], x[:])
		for i, v := range x[:computed] {
			right = right && d[i] == math.Sqrt(v)
		}
		n = 0
	}
	for i := range x {
		x[i] = 1
	}
	hardRoots(nearest, func(v float64) {
		x[n] = v
		if n++; n == computed {
			check()
		}
	})
	check()
	return right
}

// hardRoots calls f for the numbers of [2^52, 2^54) whose roots are nearest to the middle of two numbers: |c| < most, a
// multiple of 8, in what follows. Times powers of 4 they are all there are.
//
// With roots scaled to integers of 53 bits, the square to A = m*2^52 or m*2^53, middles are N/2 for odd N of 54 bits, and N*N =
// 4A + c for a c that is 1 modulo 8. The root is about |c|/(4N) away from the middle: for |c| of 256 and more at least 2^-48 of
// a unit (Harrison, Formal verification of square root algorithms, 2003). For each c there are four N modulo 2^54 or 2^55.
func hardRoots(most int64, f func(x float64)) {
	for add := range 2 {
		width := 54 + add
		top := uint64(1) << (width - 1)
		for c := 1 - most; c < most; c += 8 {
			n := uint64(1) // n*n = c modulo 2^k
			for k := 3; k < width; k++ {
				if (n*n-uint64(c))>>k&1 != 0 {
					n += 1 << (k - 1)
				}
			}
			for _, n := range [4]uint64{n, -n, n + top, -n + top} {
				if n &= 2*top - 1; n>>53 != 1 {
					continue
				}
				hi, lo := bits.Mul64(n, n)
				lo, borrow := bits.Sub64(lo, uint64(c), 0)
				hi, _ = bits.Sub64(hi, uint64(c>>63), borrow)
				if m := hi<<(64-width) | lo>>width; m>>52 == 1 {
					f(math.Ldexp(float64(m), add))
				}
			}
		}
	}
}
