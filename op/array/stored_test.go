package array

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/store"
)

// A countingReader counts how often it is read.
type countingReader struct {
	*bytes.Reader
	reads int
}

func (r *countingReader) ReadAt(b []byte, at int64) (int, error) {
	r.reads++
	return r.Reader.ReadAt(b, at)
}

// TestPlaces reads boxes of arrays whose places along the first axis lie apart: near each
// other they are read many at once.
func TestPlaces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		stride, places, most int64
	}{{24, 100, 1}, {100, 100, 1}, {page, 300, 2}, {page + 8, 20, 20 * 4}, {sieve, 3, 3 * 4}} {
		shape := []int64{c.places, 3, 4}
		data := make([]byte, 5+(c.places-1)*c.stride+24)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f := &oneFile{file: &File{Offset: 5, Stride: c.stride}, kind: elem.Int16, whole: wholeOf(shape), d: 3}
		for k := range 20 {
			box := f.whole
			if k > 0 {
				box = within(r, &f.whole, 3)
			}
			var want []byte
			for _, at := range elements(&box, 3) {
				p := 5 + at.lo[0]*c.stride + 2*(4*at.lo[1]+at.lo[2])
				want = append(want, data[p:p+2]...)
			}
			src, got := &countingReader{Reader: bytes.NewReader(data)}, make([]byte, len(want))
			if err := f.places(context.Background(), mem.Heap, src, got, &box); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%+v: %+v: %v", c, box, err)
			}
			if src.reads > int(c.most) {
				t.Errorf("%+v: %d reads for %+v", c, src.reads, box)
			}
		}
		src := &countingReader{Reader: bytes.NewReader(data[:len(data)-1])}
		if err := f.places(context.Background(), mem.Heap, src, make([]byte, c.places*24), &f.whole); err == nil {
			t.Errorf("%+v: a file that is too short", c)
		}
	}
}

// TestStrideOfNothing: parameters that cannot be are an error.
func TestStrideOfNothing(t *testing.T) {
	f := &File{Info: store.Info{Size: 1 << 40}, Stride: 8}
	for _, l := range []*Leaf{{Type: elem.Float64}, {Type: elem.Float64, Grid: grid.Grid{grid.Uniform(2, 1), grid.Uniform(2, 2)}}, {Type: elem.Float64, Grid: grid.Grid{grid.Uniform(math.MaxInt64/8, 1)}}} {
		if err := f.check(l); err == nil {
			t.Errorf("%v", l.Grid)
		}
	}
	if err := f.check(&Leaf{Type: elem.Float64, Grid: grid.Grid{grid.Uniform(2, 1)}}); err != nil {
		t.Error(err)
	}
}
