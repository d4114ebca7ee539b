package exec

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/weft-data/weft/internal/mem"
)

func TestEverySplitOnceInOrder(t *testing.T) {
	const n = 1000
	q := newSplits(n, false)
	var wg sync.WaitGroup
	got := make([][]int, 4)
	for w := range got {
		wg.Go(func() {
			for s, ok := q.next(-1); ok; s, ok = q.next(s) {
				got[w] = append(got[w], s)
			}
		})
	}
	wg.Wait()
	seen := make([]bool, n)
	for w, list := range got {
		if !slices.IsSorted(list) {
			t.Errorf("worker %d was not handed out splits in their order", w)
		}
		for _, s := range list {
			if seen[s] {
				t.Errorf("split %d twice", s)
			}
			seen[s] = true
		}
	}
	if i := slices.Index(seen, false); i >= 0 || q.left() != 0 {
		t.Errorf("split %d was not handed out, %d are left", i, q.left())
	}
	q = newSplits(10, false)
	q.next(-1)
	q.stop()
	if _, ok := q.next(-1); ok {
		t.Error("a split after stop")
	}
}

func TestEverySplitOnceAndInStretches(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		n, workers := r.IntN(300), 1+r.IntN(6)
		q := newSplits(n, true)
		last := make([]int, workers)
		for i := range last {
			last[i] = -1
		}
		seen := make([]bool, n)
		jumps := 0
		for got := 0; got < n; got++ {
			w := r.IntN(workers)
			s, ok := q.next(last[w])
			if !ok || seen[s] {
				t.Fatalf("seed %d: split %d again, or none of %d after %d", seed, s, n, got)
			}
			if s != last[w]+1 {
				jumps++
			}
			seen[s], last[w] = true, s
		}
		if _, ok := q.next(-1); ok || q.left() != 0 {
			t.Fatalf("seed %d: more splits than %d", seed, n)
		}
		if limit := 8 * workers; workers == 1 && jumps > 0 || jumps > limit {
			t.Fatalf("seed %d: %d workers jumped %d times in %d splits", seed, workers, jumps, n)
		}
	}
}

// A split that was given back is handed out again, once, and not after stop.
func TestSplitsGivenBack(t *testing.T) {
	none := fmt.Errorf("csv: no room: %w", mem.ErrBudget)
	q := newSplits(3, false)
	a, _ := q.next(-1)
	if err := q.tooMany(none, a, lent); err != nil {
		t.Errorf("a helper without memory failed: %v", err)
	}
	if q.left() != 3 {
		t.Errorf("%d of 3 splits are left", q.left())
	}
	seen := map[int]bool{}
	for s, ok := q.next(-1); ok; s, ok = q.next(-1) {
		seen[s] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d of 3 splits were handed out", len(seen))
	}
	if err := q.tooMany(none, a, alone); err != none {
		t.Errorf("a thread alone gave its split back: %v", err)
	}
	if err := q.tooMany(io.ErrUnexpectedEOF, a, lent); err != io.ErrUnexpectedEOF {
		t.Errorf("another error is kept from the caller: %v", err)
	}
	q.stop()
	if err := q.tooMany(none, a, among); err != nil || q.left() != 0 {
		t.Errorf("%v, %d splits after stop", err, q.left())
	}
}
