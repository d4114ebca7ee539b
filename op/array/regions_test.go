package array

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/internal/mem"
)

// within is a random box in another one.
func within(r *rand.Rand, box *region, d int) (out region) {
	for j := range d {
		n := box.hi[j] - box.lo[j]
		out.lo[j] = box.lo[j] + r.Int64N(n)
		out.hi[j] = out.lo[j] + 1 + r.Int64N(box.hi[j]-out.lo[j])
	}
	return out
}

// elements lists the positions of a box in row-major order.
func elements(box *region, d int) (out []region) {
	at := *box
	for {
		out = append(out, at)
		j := d - 1
		for ; j >= 0; j-- {
			if at.lo[j]++; at.lo[j] < box.hi[j] {
				break
			}
			at.lo[j] = box.lo[j]
		}
		if j < 0 {
			return out
		}
	}
}

// placeOf is where an element lies in a box, one axis after the other.
func placeOf(at, box *region, d int) (p int64) {
	for j := range d {
		p = p*(box.hi[j]-box.lo[j]) + at.lo[j] - box.lo[j]
	}
	return p
}

// TestRegions copies, reads and writes parts of boxes, and compares each element.
func TestRegions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		d, w := r.IntN(5), 1+r.IntN(9)
		var file region
		for j := range d {
			file.hi[j] = 1 + r.Int64N(7)
		}
		size := len(elements(&file, d)) * w
		src := make([]byte, size)
		for i := range src {
			src[i] = byte(r.Uint32())
		}
		to := within(r, &file, d)
		part := within(r, &to, d)
		want := make([]byte, len(elements(&to, d))*w)
		for _, at := range elements(&part, d) {
			copy(want[placeOf(&at, &to, d)*int64(w):][:w], src[placeOf(&at, &file, d)*int64(w):])
		}
		got := make([]byte, len(want))
		copyPart(got, &to, src, &file, &part, d, w)
		if !bytes.Equal(got, want) {
			t.Fatalf("copying %v of %v to %v", part, file, to)
		}
		for _, forward := range []bool{false, true} {
			clear(got)
			if err := readBox(context.Background(), mem.Heap, bytes.NewReader(append([]byte{1, 2, 3}, src...)), 3, got, &to, &file, &part, d, w, forward); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("reading %v of %v to %v: %v", part, file, to, err)
			}
		}
		seen := make([]int, size/w)
		if err := runs(context.Background(), &file, &part, d, int64(w), func(run *region, at, n int64) error {
			for i, e := range elements(run, d) {
				if placeOf(&e, &file, d) != at+int64(i) {
					t.Fatalf("run %v of %v is not together at %d", run, file, at)
				}
				seen[at+int64(i)]++
			}
			if int64(len(elements(run, d))) != n {
				t.Fatalf("run %v has not %d elements", run, n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		once(t, seen, &part, &file, d)
	}
}

// once fails unless exactly the elements of part were seen, each once.
func once(t *testing.T, seen []int, part, file *region, d int) {
	t.Helper()
	want := make([]int, len(seen))
	for _, at := range elements(part, d) {
		want[placeOf(&at, file, d)] = 1
	}
	if !slices.Equal(seen, want) {
		t.Fatalf("of %v in %v were seen %v", part, file, seen)
	}
}

// TestTiles: tiles meet each element of a box once, and say where they lie.
func TestTiles(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		d := 1 + r.IntN(4)
		var file region
		size := make([]int64, d)
		for j := range d {
			file.hi[j], size[j] = 1+r.Int64N(9), 1+r.Int64N(4)
		}
		box := within(r, &file, d)
		seen := make([]int, len(elements(&file, d)))
		if err := tiles(&box, size, func(at []int64, tile, part *region) error {
			for j := range d {
				if tile.lo[j] != at[j]*size[j] || tile.hi[j] != tile.lo[j]+size[j] || part.lo[j] < tile.lo[j] || part.hi[j] > tile.hi[j] {
					t.Fatalf("tile %v of %v: %v, %v", at, size, tile, part)
				}
			}
			for _, e := range elements(part, d) {
				seen[placeOf(&e, &file, d)]++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		once(t, seen, &box, &file, d)
	}
	if err := tiles(&region{}, []int64{3}, func([]int64, *region, *region) error { t.Error("a tile of nothing"); return nil }); err != nil {
		t.Error(err)
	}
}
