package vec

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
	l := level
	defer func() { level = l }()
	for level = cpu.Generic; level <= cpu.ISA(); level++ {
		t.Run(level.String(), f)
	}
}

// maxLen is a bound for the lengths that are tried: four vectors of 64 bytes unrolled and one more.
func maxLen[T any]() int { return 5*64/sizeOf[T]() + 3 }

func newRand(n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 7)) }

func typeName[T any]() string {
	var z T
	return fmt.Sprintf("%T", z)
}

// specials holds the values at which arithmetic and order are interesting.
func specials[T Elem]() []T {
	var z T
	var f any
	switch any(z).(type) {
	case float64:
		f = append([]float64{math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 1e-310, 0x1p63, -0x1p63, 0x1p64, 0x1p63 - 1024, 0x1p52 + 0.5, 4503599627370497.5},
			floats...)
	case float32:
		f = []float32{math.MaxFloat32, -math.MaxFloat32, 1e-45, -1e-45, 1e-40, 0x1p63, -0x1p63, 0x1p64}
		for _, v := range floats {
			f = append(f.([]float32), float32(v))
		}
	case complex64, complex128:
		var c []T
		for _, re := range floats[:6] {
			for _, im := range floats[:6] {
				c = append(c, complexOf[T](re, im))
			}
		}
		return c
	default:
		w := 8 * uint(sizeOf[T]())
		var v []T
		for _, b := range []uint64{0, 1, ^uint64(0), 2, 3, 7, 1 << (w - 1), 1<<(w-1) - 1, 1<<(w-1) + 1, 1 << (w/2 - 1), 1 << (w / 2), 1<<(w-2) + 5} {
			v = append(v, *(*T)(unsafe.Pointer(&b)))
		}
		return v
	}
	return f.([]T)
}

var floats = []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 3, -7, 1e10}

func complexOf[T Elem](re, im float64) T {
	var z T
	switch p := any(&z).(type) {
	case *complex64:
		*p = complex(float32(re), float32(im))
	case *complex128:
		*p = complex(re, im)
	}
	return z
}

// fill writes specials, small numbers (so that equal ones occur) and random bits.
func fill[T Elem](r *rand.Rand, x []T) {
	s := specials[T]()
	for i := range x {
		switch r.IntN(3) {
		case 0:
			x[i] = s[r.IntN(len(s))]
		case 1:
			for k := r.IntN(9); k > 0; k-- {
				x[i]++
			}
			if r.IntN(2) == 0 {
				x[i] = -x[i]
			}
			moderate(r, &x[i])
		default:
			b := [2]uint64{r.Uint64(), r.Uint64()}
			x[i] = *(*T)(unsafe.Pointer(&b))
		}
	}
}

// moderate makes a float one of the size that functions are used with.
func moderate[T Elem](r *rand.Rand, x *T) {
	if r.IntN(2) == 0 {
		return
	}
	v := r.NormFloat64() * []float64{0.01, 1, 30, 300, 2e6}[r.IntN(5)]
	switch p := any(x).(type) {
	case *float32:
		*p = float32(v)
	case *float64:
		*p = v
	}
}

// same compares bits, but all NaNs are the same.
func same[T Elem](a, b T) bool {
	if p, ok := parts(a); ok {
		q, _ := parts(b)
		return same(p[0], q[0]) && same(p[1], q[1])
	}
	if a != a || b != b {
		return a != a && b != b
	}
	return a == b && signBit(a) == signBit(b)
}

// spot is a place to try a kernel at: n elements of each slice, ending where memory ends, off a few elements.
type spot[T any] struct{ whole [][]T }

func newSpot[T any](t testing.TB, slices int) *spot[T] {
	s := &spot[T]{}
	for range slices {
		s.whole = append(s.whole, guarded[T](t, maxLen[T]()+64))
	}
	return s
}

// take returns n elements of slice i; gap elements lie between them and the end of memory.
func (s *spot[T]) take(i, n, gap int) []T {
	w := s.whole[i]
	return w[len(w)-n-gap : len(w)-gap : len(w)-gap]
}

// gaps are distances to the end of memory: none, and others so that every alignment occurs over all lengths.
func gaps[T any](n int) []int { return []int{0, 1 + n%(64/min(sizeOf[T](), 16))} }

// canary checks that a kernel left alone what lies before and after its destination.
type canary[T any] struct {
	whole  []T
	before []T
	from   int
	n      int
}

func (s *spot[T]) watch(i, n, gap int) canary[T] {
	w := s.whole[i]
	return canary[T]{w, append([]T(nil), w...), len(w) - n - gap, n}
}

func (c canary[T]) check(t *testing.T, what string) {
	t.Helper()
	view := func(x []T) []byte {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*sizeOf[T]())
	}
	if string(view(c.whole[:c.from])) != string(view(c.before[:c.from])) || string(view(c.whole[c.from+c.n:])) != string(view(c.before[c.from+c.n:])) {
		t.Fatalf("%s: wrote outside of its destination", what)
	}
}

// eachType runs one instance of a generic test for each element type.
func eachType(t *testing.T, complexToo bool, tests map[string]func(t *testing.T)) {
	for name, f := range tests {
		if !complexToo && name[0] == 'c' {
			continue
		}
		t.Run(name, f)
	}
}

func TestBinary(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		eachType(t, true, map[string]func(t *testing.T){
			"int8": testBinary[int8], "int16": testBinary[int16], "int32": testBinary[int32], "int64": testBinary[int64],
			"uint8": testBinary[uint8], "uint16": testBinary[uint16], "uint32": testBinary[uint32], "uint64": testBinary[uint64],
			"float32": testBinary[float32], "float64": testBinary[float64],
			"complex64": testBinary[complex64], "complex128": testBinary[complex128],
		})
	})
}

func testBinary[T Elem](t *testing.T) {
	s := newSpot[T](t, 3)
	for op := BinaryOp(0); op < BinaryOps; op++ {
		f, right, left, want := Binary[T](op), BinaryRight[T](op), BinaryLeft[T](op), scalarBinary[T](op)
		if (f == nil) != (want == nil) || (right == nil) != (want == nil) || (left == nil) != (want == nil) {
			t.Fatalf("%v: kernels and definition do not agree that there is one", op)
		}
		if f == nil {
			continue
		}
		for n := 0; n <= maxLen[T](); n++ {
			r := newRand(n)
			for _, gap := range gaps[T](n) {
				x, y, d := s.take(0, n, gap), s.take(1, n, gap), s.take(2, n, gap)
				fill(r, x)
				fill(r, y)
				c := specials[T]()[n%len(specials[T]())]
				guard := s.watch(2, n, gap)
				check := func(form string, want func(i int) T) {
					t.Helper()
					guard.check(t, op.String()+form)
					for i := range d {
						if w := want(i); !same(d[i], w) {
							t.Fatalf("%v%s n=%d: [%d] of %v, %v, c=%v is %v, want %v", op, form, n, i, x[i], y[i], c, d[i], w)
						}
					}
				}
				f(d, x, y)
				check("", func(i int) T { return want(x[i], y[i]) })
				right(d, x, c)
				check(" right", func(i int) T { return want(x[i], c) })
				left(d, x, c)
				check(" left", func(i int) T { return want(c, x[i]) })
				copy(d, x)
				f(d, d, y)
				check(" in place", func(i int) T { return want(x[i], y[i]) })
				copy(d, y)
				f(d, x, d)
				check(" in place of y", func(i int) T { return want(x[i], y[i]) })
			}
		}
	}
}

func TestUnary(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		eachType(t, true, map[string]func(t *testing.T){
			"int8": testUnary[int8], "int16": testUnary[int16], "int32": testUnary[int32], "int64": testUnary[int64],
			"uint8": testUnary[uint8], "uint16": testUnary[uint16], "uint32": testUnary[uint32], "uint64": testUnary[uint64],
			"float32": testUnary[float32], "float64": testUnary[float64],
			"complex64": testUnary[complex64], "complex128": testUnary[complex128],
		})
	})
}

func testUnary[T Elem](t *testing.T) {
	s := newSpot[T](t, 2)
	for op := UnaryOp(0); op < UnaryOps; op++ {
		f, want := Unary[T](op), scalarUnary[T](op)
		if (f == nil) != (want == nil) {
			t.Fatalf("%v: kernel and definition do not agree that there is one", op)
		}
		if f == nil {
			continue
		}
		for n := 0; n <= maxLen[T](); n++ {
			r := newRand(n)
			for _, gap := range gaps[T](n) {
				x, d := s.take(0, n, gap), s.take(1, n, gap)
				fill(r, x)
				guard := s.watch(1, n, gap)
				check := func(form string) {
					t.Helper()
					guard.check(t, op.String())
					for i := range d {
						if w := want(x[i]); !same(d[i], w) {
							t.Fatalf("%v%s n=%d: [%d] of %v is %v, want %v", op, form, n, i, x[i], d[i], w)
						}
					}
				}
				f(d, x)
				check("")
				copy(d, x)
				f(d, d)
				check(" in place")
			}
		}
	}
}

func TestCompare(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		eachType(t, true, map[string]func(t *testing.T){
			"int8": testCompare[int8], "int16": testCompare[int16], "int32": testCompare[int32], "int64": testCompare[int64],
			"uint8": testCompare[uint8], "uint16": testCompare[uint16], "uint32": testCompare[uint32], "uint64": testCompare[uint64],
			"float32": testCompare[float32], "float64": testCompare[float64],
			"complex64": testCompare[complex64], "complex128": testCompare[complex128],
		})
	})
}

func testCompare[T Elem](t *testing.T) {
	s, m := newSpot[T](t, 3), newSpot[uint8](t, 1)
	choose := Where[T]()
	for n := 0; n <= maxLen[T](); n++ {
		r := newRand(n)
		for _, gap := range gaps[T](n) {
			x, y, z, d := s.take(0, n, gap), s.take(1, n, gap), s.take(2, n, gap), m.take(0, n, gap)
			fill(r, x)
			fill(r, y)
			copy(x[:n/2], y[:n/2])
			guard := m.watch(0, n, gap)
			for op := CompareOp(0); op < CompareOps; op++ {
				f, right, want := Compare[T](op), CompareRight[T](op), scalarCompare[T](op)
				if (f == nil) != (want == nil) || (right == nil) != (want == nil) {
					t.Fatalf("%v: kernels and definition do not agree that there is one", op)
				}
				if f == nil {
					continue
				}
				f(d, x, y)
				guard.check(t, op.String())
				for i := range d {
					if d[i] != bit(want(x[i], y[i])) {
						t.Fatalf("%v n=%d: [%d] of %v, %v is %v", op, n, i, x[i], y[i], d[i])
					}
				}
				c := specials[T]()[n%len(specials[T]())]
				right(d, x, c)
				guard.check(t, op.String())
				for i := range d {
					if d[i] != bit(want(x[i], c)) {
						t.Fatalf("%v right n=%d: [%d] of %v, %v is %v", op, n, i, x[i], c, d[i])
					}
				}
			}
			for op := TestOp(0); op < TestOps; op++ {
				f, want := Test[T](op), scalarTest[T](op)
				if f == nil && want == nil {
					continue
				}
				f(d, x)
				guard.check(t, op.String())
				for i := range d {
					if d[i] != bit(want(x[i])) {
						t.Fatalf("%v n=%d: [%d] of %v is %v", op, n, i, x[i], d[i])
					}
				}
			}
			for i := range d {
				d[i] = [...]uint8{0, 1, 0, 0x80, 0xff}[r.IntN(5)]
			}
			around := s.watch(2, n, gap)
			choose(z, d, x, y)
			around.check(t, "where")
			for i := range z {
				w := y[i]
				if d[i] != 0 {
					w = x[i]
				}
				if !same(z[i], w) {
					t.Fatalf("where n=%d: [%d] of %d, %v, %v is %v", n, i, d[i], x[i], y[i], z[i])
				}
			}
		}
	}
}

func TestCast(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		eachType(t, true, map[string]func(t *testing.T){
			"int8": testCasts[int8], "int16": testCasts[int16], "int32": testCasts[int32], "int64": testCasts[int64],
			"uint8": testCasts[uint8], "uint16": testCasts[uint16], "uint32": testCasts[uint32], "uint64": testCasts[uint64],
			"float32": testCasts[float32], "float64": testCasts[float64],
			"complex64": testCasts[complex64], "complex128": testCasts[complex128],
		})
	})
}

func testCasts[S Elem](t *testing.T) {
	testCast[int8, S](t)
	testCast[int16, S](t)
	testCast[int32, S](t)
	testCast[int64, S](t)
	testCast[uint8, S](t)
	testCast[uint16, S](t)
	testCast[uint32, S](t)
	testCast[uint64, S](t)
	testCast[float32, S](t)
	testCast[float64, S](t)
	testCast[complex64, S](t)
	testCast[complex128, S](t)
}

func testCast[D, S Elem](t *testing.T) {
	f, want := Cast[D, S](), castGo[D, S]()
	if (f == nil) != (want == nil) {
		t.Fatalf("%s from %s: kernel and definition do not agree that there is one", typeName[D](), typeName[S]())
	}
	if f == nil {
		return
	}
	ds, ss := newSpot[D](t, 2), newSpot[S](t, 1)
	for n := 0; n <= min(maxLen[D](), maxLen[S]()); n++ {
		r := newRand(n)
		for _, gap := range gaps[S](n) {
			x, d, w := ss.take(0, n, gap), ds.take(0, n, gap), ds.take(1, n, gap)
			fill(r, x)
			guard := ds.watch(0, n, gap)
			f(d, x)
			want(w, x)
			guard.check(t, "cast")
			for i := range d {
				if !same(d[i], w[i]) {
					t.Fatalf("%s from %s n=%d: [%d] of %v is %v, want %v", typeName[D](), typeName[S](), n, i, x[i], d[i], w[i])
				}
			}
		}
	}
}

func TestFMA(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		t.Run("float32", testFMA[float32])
		t.Run("float64", testFMA[float64])
	})
}

func testFMA[T Float](t *testing.T) {
	s, f, scaled := newSpot[T](t, 4), FMA[T](), AddScaled[T]()
	want := make([]T, maxLen[T]())
	for n := 0; n <= maxLen[T](); n++ {
		r := newRand(n)
		for _, gap := range gaps[T](n) {
			x, y, z, d := s.take(0, n, gap), s.take(1, n, gap), s.take(2, n, gap), s.take(3, n, gap)
			fill(r, x)
			fill(r, y)
			fill(r, z)
			fmaGo(want, x, y, z)
			guard := s.watch(3, n, gap)
			f(d, x, y, z)
			guard.check(t, "fma")
			for i := range d {
				if !same(d[i], want[i]) {
					t.Fatalf("n=%d: [%d] of %v, %v, %v is %v, want %v", n, i, x[i], y[i], z[i], d[i], want[i])
				}
			}
			copy(d, z)
			c := T(r.NormFloat64())
			scaled(d, x, c)
			guard.check(t, "add scaled")
			copy(want, z)
			addScaledGo(want[:n], x, c)
			for i := range d {
				if !same(d[i], want[i]) {
					t.Fatalf("scaled n=%d: [%d] of %v, %v, %v is %v, want %v", n, i, x[i], c, z[i], d[i], want[i])
				}
			}
			fmaGo(want, x, y, z)
			copy(d, z)
			f(d, x, y, d)
			for i := range d {
				if !same(d[i], want[i]) {
					t.Fatalf("in place n=%d: [%d] is %v, want %v", n, i, d[i], want[i])
				}
			}
		}
	}
}
