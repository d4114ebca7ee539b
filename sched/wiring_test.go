package sched

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestReverse compares the readers of blocks with those found by looking through all lists: of permutations, of what is nearly
// one, and of any lists.
func TestReverse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		n := 1 + r.Int32N(40)
		w := Wiring{Kind: Table, At: []int32{0}}
		for _, x := range r.Perm(int(n)) {
			if round%3 == 0 && r.IntN(20) == 0 { // two readers, or two blocks for one
				w.List = append(w.List, int32(x))
				if r.IntN(2) == 0 {
					w.At = append(w.At, int32(len(w.List)))
				}
				x = int(r.Int32N(n))
			}
			w.List = append(w.List, int32(x))
			w.At = append(w.At, int32(len(w.List)))
		}
		if skip := r.Int32N(3); round%2 == 0 && int(skip) < len(w.At) { // the lists begin within List
			w.At = w.At[skip:]
		}
		at, list := w.reverse(n, &stock{})
		if len(at) != int(n)+1 {
			t.Fatalf("%d ends of rows for %d blocks", len(at), n)
		}
		for x := range n {
			var want []int32
			for b := range int32(len(w.At) - 1) {
				for _, y := range w.List[w.At[b]:w.At[b+1]] {
					if x == y {
						want = append(want, b)
					}
				}
			}
			if got := list[at[x]:at[x+1]]; !slices.Equal(got, want) {
				t.Fatalf("round %d: block %d is read by %v, want %v", round, x, got, want)
			}
		}
	}
}

// TestMost: most is no less than the blocks that are read, each time counted, and no more than there are where none is read twice:
// what is joined of many arrays reads each of their blocks once.
func TestMost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		n, m := 1+r.Int32N(30), 1+r.Int32N(30)
		w := Spans(r.Int32N(60)-30, r.Int32N(5), r.Int32N(7)-3)
		reads := int64(0)
		for b := range m {
			lo, hi, _ := w.Needs(b, n)
			reads += int64(hi - lo)
		}
		if most := w.most(m, n); most < reads || w.N <= 1 && w.Stride != 0 && most > int64(n) {
			t.Errorf("%+v: %d blocks read %d of %d: most is %d", w, m, reads, n, most)
		}
	}
}
