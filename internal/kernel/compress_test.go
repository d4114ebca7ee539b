package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// fillRaw writes random bytes over elements of any type.
func fillRaw[T any](r *rand.Rand, x []T) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(sizeOf[T]()))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

func testCompress[T interface {
	comparable
	Element
}](t *testing.T) {
	a, masks := newArena[T](t, largest+100), newArena[uint64](t, Words(largest))
	for _, n := range lengths() {
		r := newRand(n)
		src, mask := a.end(0, n), masks.end(0, Words(n))
		for trial := range 4 {
			fillRaw(r, src)
			fillBits(r, mask)
			if trial == 3 && n > 0 { // beyond n nothing is set, so that all but the tail may be all ones
				SetRange(mask, 0, n, true)
			}
			want := make([]T, 0, n)
			for i := range n {
				if bit(mask, i) {
					want = append(want, src[i])
				}
			}
			// Exactly enough room, some to spare, and the source itself.
			for _, dst := range [][]T{a.end(1, len(want)), a.end(1, len(want)+r.IntN(80)), src} {
				k := Compress(dst, src, mask)
				if k != len(want) || !slices.Equal(dst[:k], want) {
					t.Fatalf("%s: Compress of %d elements with %d selected into %d: %d, wrong", typeName[T](), n, len(want), len(dst), k)
				}
			}
		}
	}
}

func TestCompress(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		testCompress[uint8](t)
		testCompress[int16](t)
		testCompress[int32](t)
		testCompress[uint64](t)
		testCompress[[2]uint64](t)
		testCompress[[16]byte](t)
	})
	// Floats keep their bits, NaN payloads too: the kernels only move.
	atLevels(t, func(t *testing.T) {
		x := specials[float64]()
		x = slices.Repeat(x, 10)
		d := make([]float64, len(x))
		k := Compress(d, x, slices.Repeat([]uint64{^uint64(0)}, Words(len(x))))
		if k != len(x) || unsafe.String((*byte)(unsafe.Pointer(&d[0])), 8*k) != unsafe.String((*byte)(unsafe.Pointer(&x[0])), 8*k) {
			t.Error("bits of floats changed")
		}
	})
}

// TestCompressKeepsWhatFollows: at most 64 elements after the result are touched.
func TestCompressKeepsWhatFollows(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		src, dst := make([]int32, 1024), make([]int32, 1024)
		mask := make([]uint64, 16)
		for i := range mask {
			mask[i] = 0x11
		}
		for i := range dst {
			src[i], dst[i] = 1, -1
		}
		k := Compress(dst, src, mask)
		for i := k + 64; i < len(dst); i++ {
			if dst[i] != -1 {
				t.Fatalf("%d selected, element %d changed", k, i)
			}
		}
	})
}

func TestMaskToIndex(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		masks, a := newArena[uint64](t, Words(largest)), newArena[uint32](t, largest+100)
		for _, n := range lengths() {
			r := newRand(n)
			mask := masks.end(0, Words(n))
			for range 3 {
				fillBits(r, mask)
				var want []uint32
				for i := range n {
					if bit(mask, i) {
						want = append(want, uint32(i))
					}
				}
				for _, out := range [][]uint32{a.end(1, len(want)), a.end(1, len(want)+r.IntN(80)), a.end(2, n+64)} {
					if k := MaskToIndex(mask, n, out); k != len(want) || !slices.Equal(out[:k], want) {
						t.Fatalf("MaskToIndex of %d bits, %d set, into %d: %d, wrong", n, len(want), len(out), k)
					}
				}
			}
		}
	})
}

func TestCompressBits(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		a := newArena[uint64](t, Words(largest)+2)
		for _, n := range lengths() {
			r := newRand(n)
			src, mask := a.end(0, Words(n)), a.end(1, Words(n))
			for range 6 {
				fillBits(r, src)
				fillBits(r, mask)
				var want []bool
				for i := range n {
					if bit(mask, i) {
						want = append(want, bit(src, i))
					}
				}
				exact := a.end(2, Words(len(want)))
				for _, dst := range [][]uint64{exact, a.end(2, Words(n)), src} {
					if k := CompressBits(dst, src, mask, n); k != len(want) {
						t.Fatalf("CompressBits of %d: %d, want %d", n, k, len(want))
					}
					checkBits(t, "CompressBits", dst[:Words(len(want))], len(want), func(i int) bool { return want[i] })
				}
			}
		}
	})
}

func testGather[T interface {
	comparable
	Element
}](t *testing.T) {
	r := newRand(3)
	src := make([]T, 777)
	fillRaw(r, src)
	sources, targets, indices := newArena[T](t, 129), newArena[T](t, largest+1), newArena[uint32](t, largest)
	for _, n := range lengths() {
		src := src
		if n%2 > 0 { // what registers hold
			src = sources.end(0, 1+r.IntN(129))
			fillRaw(r, src)
		}
		idx, dst := indices.end(0, n), targets.end(0, n+1)
		fillRaw(r, dst)
		after := dst[n]
		for i := range idx {
			idx[i] = r.Uint32N(uint32(len(src)))
		}
		Gather(dst, src, idx)
		for i, x := range idx {
			if dst[i] != src[x] {
				t.Fatalf("%s: Gather of %d: element %d", typeName[T](), n, i)
			}
		}
		if dst[n] != after {
			t.Fatalf("%s: Gather of %d wrote beyond", typeName[T](), n)
		}
	}
	wantPanic(t, "index out of range", func() { Gather(make([]T, 5), src, []uint32{1, 2, 3, 777, 4}) })
	wantPanic(t, "index out of range at the end", func() { Gather(make([]T, 5), src, []uint32{1, 2, 3, 4, 777}) })
	wantPanic(t, "short dst", func() { Gather(make([]T, 4), src, []uint32{1, 2, 3, 4, 5}) })
	for size := 1; size <= 129; size++ {
		for _, bad := range []uint32{uint32(size), uint32(size) + 128, 1 << 31} {
			idx := make([]uint32, 256)
			idx[r.IntN(256)] = bad
			wantPanic(t, "index out of range of a short source", func() { Gather(make([]T, 256), src[:size:size], idx) })
		}
	}
}

func TestGather(t *testing.T) { atLevels(t, testGathers) }

func testGathers(t *testing.T) {
	testGather[uint8](t)
	testGather[int16](t)
	testGather[int32](t)
	testGather[int64](t)
	testGather[[2]uint64](t)
	r := newRand(4)
	bits := make([]uint64, 9)
	fillRaw(r, bits)
	for _, n := range lengths() {
		idx, dst := make([]uint32, n), make([]uint64, Words(n))
		for i := range idx {
			idx[i] = r.Uint32N(576)
		}
		GatherBits(dst, bits, idx)
		checkBits(t, "GatherBits", dst, n, func(i int) bool { return bit(bits, int(idx[i])) })
	}
	wantPanic(t, "index out of range", func() { GatherBits(make([]uint64, 1), bits, []uint32{576}) })
}
