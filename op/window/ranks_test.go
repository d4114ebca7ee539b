package window

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/internal/mem"
)

// TestRanks lets keys come and go and compares with a sorted list: frames that grow, stay and shrink, of keys many of which are equal.
func TestRanks(t *testing.T) {
	pool := mem.NewPool(1 << 20)
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := ranks{alloc: pool}
		var order, came []int64
		for step := range 6000 {
			grow := step < 3000 || rnd.IntN(3) == 0
			if grow || len(came) == 0 {
				x := rnd.Int64() >> (2 * seed)
				if seed%3 == 0 {
					x = int64(step / 3) // in order already
				}
				if err := r.add(x); err != nil {
					t.Fatal(err)
				}
				at, _ := slices.BinarySearch(order, x)
				order, came = slices.Insert(order, at, x), append(came, x)
			} else {
				x := came[0]
				came = came[1:]
				r.remove(x)
				at, _ := slices.BinarySearch(order, x)
				order = slices.Delete(order, at, at+1)
			}
			if r.n != int64(len(order)) {
				t.Fatalf("seed %d: %d keys, want %d", seed, r.n, len(order))
			}
			for range min(2, len(order)) {
				if k := rnd.IntN(len(order)); r.key(int64(k)) != order[k] {
					t.Fatalf("seed %d, step %d: key %d is %d, want %d", seed, step, k, r.key(int64(k)), order[k])
				}
			}
		}
		r.reset()
	}
	if n := pool.Used(); n != 0 {
		t.Errorf("%d bytes are still handed out", n)
	}
}

// TestRanksWithoutMemory: the first block is free, what the others lack is an error.
func TestRanksWithoutMemory(t *testing.T) {
	r := ranks{alloc: none{}}
	for i := range int64(rankKeys) {
		if err := r.add(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.add(7); !errors.Is(err, mem.ErrBudget) {
		t.Errorf("%v, want that memory is short", err)
	}
	if r.n != rankKeys || r.key(rankKeys-1) != rankKeys-1 {
		t.Errorf("%d keys, the last %d", r.n, r.key(rankKeys-1))
	}
}

type none struct{}

func (none) Alloc(int) []byte { return nil }
func (none) Free([]byte)      {}
