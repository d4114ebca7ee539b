package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

// atLevels runs f at every level that the process may use.
func atLevels(t *testing.T, f func(t *testing.T)) {
	// The level was read before the test began. Reading it again tells go test that a result kept from a run with
	// another value is no result of this one.
	if want := os.Getenv(cpu.EnvISA); want != "" && want != cpu.ISA().String() {
		t.Logf("%s=%s is not obeyed: %v", cpu.EnvISA, want, cpu.Err())
	}
	l, v := level, vbmi2
	defer func() { level, vbmi2 = l, v }()
	for level = cpu.Generic; level <= cpu.ISA(); level++ {
		vbmi2 = false
		t.Run(level.String(), f)
		if level == cpu.AVX512 && cpu.VBMI2() {
			vbmi2 = true
			t.Run("avx512+vbmi2", f)
		}
	}
}

// lengths holds every length up to two blocks and some beyond.
func lengths() []int {
	n := make([]int, 0, 160)
	for i := 0; i <= 130; i++ {
		n = append(n, i)
	}
	return append(n, 191, 192, 193, 255, 256, 257, 1000, 4096, 4133)
}

// largest is what arenas must hold: the greatest length and some elements to start later.
const largest = 4200

func newRand(n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 1)) }

// arena hands out guarded slices of one type: [0] to [2] are sources at different alignments.
type arena[T any] struct{ whole [][]T }

func newArena[T any](t testing.TB, n int) *arena[T] {
	a := &arena[T]{}
	for range 3 {
		a.whole = append(a.whole, guarded[T](t, n))
	}
	return a
}

// end returns the last n elements of region i: what follows them cannot be touched.
func (a *arena[T]) end(i, n int) []T {
	w := a.whole[i]
	return w[len(w)-n:]
}

// specials holds the values at which arithmetic and order are interesting.
func specials[T Number]() []T {
	var bits []uint64
	switch kindOf[T]() {
	case kindF64:
		for _, f := range []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 1e-310} {
			bits = append(bits, math.Float64bits(f))
		}
		bits = append(bits, 0x7ff0000000000001, 0xfff8000000000123)
	case kindF32:
		for _, f := range []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32, 1e-45, -1e-45, 1e-40} {
			bits = append(bits, uint64(math.Float32bits(f)))
		}
		bits = append(bits, 0x7f800001, 0xffc00123)
	default:
		w := 8 * uint(sizeOf[T]())
		bits = []uint64{0, 1, ^uint64(0), 2, 1 << (w - 1), 1<<(w-1) - 1, 1<<(w-1) + 1, 1 << (w/2 - 1), 1 << (w / 2), 1<<(w/2) - 1, 1<<(w-2) + 5, 3037000500, 46341}
	}
	v := make([]T, len(bits))
	for i, b := range bits {
		v[i] = *(*T)(unsafe.Pointer(&b))
	}
	return v
}

// fillValues writes specials, small numbers (so that equal ones occur) and random bits.
func fillValues[T Number](r *rand.Rand, x []T) {
	s := specials[T]()
	for i := range x {
		switch r.IntN(3) {
		case 0:
			x[i] = s[r.IntN(len(s))]
		case 1:
			x[i] = T(r.IntN(5))
		default:
			b := r.Uint64()
			x[i] = *(*T)(unsafe.Pointer(&b))
		}
	}
}

// fillBits writes random words, some of them all zeros or all ones, as bits beyond the length may be.
func fillBits(r *rand.Rand, x []uint64) {
	for i := range x {
		switch r.IntN(4) {
		case 0:
			x[i] = 0
		case 1:
			x[i] = ^uint64(0)
		default:
			x[i] = r.Uint64()
		}
	}
}

// same compares bits, but all NaNs are the same.
func same[T Number](a, b T) bool {
	if a != a || b != b {
		return a != a && b != b
	}
	return a == b && 1/float64(a) == 1/float64(b) // tells -0 from 0
}

func typeName[T any]() string {
	var z T
	return fmt.Sprintf("%T", z)
}

func wantPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestKinds(t *testing.T) {
	type named int32
	type key float64
	for _, c := range []struct{ got, want kind }{
		{kindOf[int8](), kindI8}, {kindOf[uint8](), kindU8}, {kindOf[int16](), kindI16}, {kindOf[uint16](), kindU16},
		{kindOf[int32](), kindI32}, {kindOf[uint32](), kindU32}, {kindOf[float32](), kindF32},
		{kindOf[int64](), kindI64}, {kindOf[uint64](), kindU64}, {kindOf[float64](), kindF64},
		{kindOf[named](), kindI32}, {kindOf[key](), kindF64},
	} {
		if c.got != c.want {
			t.Errorf("kind %d, want %d", c.got, c.want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	const n = 1000
	x, y, d := make([]float64, n), make([]float64, n), make([]float64, n+64)
	i64, j64 := make([]int64, n), make([]int64, n)
	m, out := make([]uint64, Words(n)), make([]uint64, Words(n))
	for i := range m {
		m[i] = 0x5555
	}
	idx := make([]uint32, n+64)
	buf := make([]byte, n)
	buf64, buf64b := make([]uint64, n), make([]uint64, n)
	for name, f := range map[string]func(){
		"CmpConst":   func() { CmpConst(Lt, x, 1, out) },
		"Cmp":        func() { Cmp(Lt, x, y, out) },
		"Compress":   func() { Compress(d, x, m) },
		"Mask":       func() { MaskToIndex(m, n, idx) },
		"Bits":       func() { CompressBits(out, out, m, n) },
		"MinMax":     func() { MinMax(x, m) },
		"SumInt":     func() { SumInt(i64, m) },
		"Arith":      func() { Arith(Add, d, x, y) },
		"ConstArith": func() { ConstArith(Sub, d, 1, x) },
		"Checked":    func() { Checked(Mul, i64, i64, j64, m) },
		"Constant":   func() { CheckedConst(Mul, i64, i64, 3, m) },
		"Combine":    func() { HashCombine(out, m) },
		"And":        func() { And(out, out, m) },
		"Structural": func() { Structural(buf, n, ',', '"', 0, idx) },
		"Count":      func() { CountQuotes(buf, '"') },
		"Hash":       func() { Hash64(out, out) },
		"Gather":     func() { Gather(d, x, idx[:0]) },
		"Unpack":     func() { Unpack(idx, buf, 3, 5) },
		"Split":      func() { SplitFixed(1075, x, buf64, buf64b, out) },
		"SumFixed":   func() { SumFixed(1075, x, out) },
		"Squares":    func() { SplitSquares(x, y, d[:n], out) },
	} {
		if a := testing.AllocsPerRun(5, f); a != 0 {
			t.Errorf("%s allocates %v times", name, a)
		}
	}
}
