package group

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// TestTextsNumberInOrder compares codes with those of a map that is asked text by text:
// texts that are new, repeated within a lap, long, null, and tables that grow in the
// middle of a lap.
func TestTextsNumberInOrder(t *testing.T) {
	for _, long := range []int{0, 50, 3} { // one text of so many is long
		for _, many := range []int{3, 500, 200_000} {
			r := rand.New(rand.NewPCG(uint64(many), uint64(long)))
			x := texts{a: mem.Heap}
			codes, out := map[string]uint32{}, make([]uint32, lapRows+1)
			for range 60 {
				n := r.IntN(lapRows) + 1
				v := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: n, Off: []int32{0}, Valid: make([]uint64, chunk.Words(n))}
				want := make([]uint32, n)
				for i := range n {
					k := r.IntN(many)
					s := fmt.Sprint(k)
					if long > 0 && k%long == 0 {
						s += strings.Repeat("-", 10+k%40)
					}
					name := "=" + s
					if k == 1 {
						s, name = "", "null"
					} else {
						v.Valid[i>>6] |= 1 << (i & 63)
					}
					v.Str = append(v.Str, s...)
					v.Off = append(v.Off, int32(len(v.Str)))
					c, ok := codes[name]
					if !ok {
						c = uint32(len(codes))
						codes[name] = c
					}
					want[i] = c
				}
				if !x.code(&v, n, out) {
					t.Fatal("memory was refused")
				}
				for i, c := range want {
					if out[i] != c {
						t.Fatalf("one of %d long, %d texts: row %d of %d has code %d, want %d", long, many, i, n, out[i], c)
					}
				}
			}
			if x.n != len(codes) {
				t.Errorf("one of %d long, %d texts: %d codes, want %d", long, many, x.n, len(codes))
			}
		}
	}
}

// TestNullBeforeZero: the first code is that of null, and zeroes are no nulls.
func TestNullBeforeZero(t *testing.T) {
	c := newColumn(dtype.DecimalOf(10, 2), mem.Heap)
	v := chunk.Vec{Type: dtype.DecimalOf(10, 2), N: 5, Data: make([]byte, 5*16), Valid: []uint64{0b11110}}
	v.Data[3*16] = 7
	want := []uint32{0, 1, 1, 2, 1}
	for range 2 {
		out := make([]uint32, lapRows+1)
		if !c.code(&v, 1, out) || !c.code(&v, 5, out) {
			t.Fatal("memory was refused")
		}
		if got := out[:5]; !slices.Equal(got, want) {
			t.Fatalf("codes %d, want %d", got, want)
		}
	}
}
