package exec

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/weft-data/weft/internal/mem"
)

func TestEverySplitOnceInOrder(t *testing.T) {
	const n = 1000
	q := newSplits(n)
	var wg sync.WaitGroup
	got := make([][]int, 4)
	for w := range got {
		wg.Go(func() {
			for s, ok := q.next(); ok; s, ok = q.next() {
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
	q = newSplits(10)
	q.next()
	q.stop()
	if _, ok := q.next(); ok {
		t.Error("a split after stop")
	}
}

// A split that was given back is handed out again, once, and not after stop.
func TestSplitsGivenBack(t *testing.T) {
	none := fmt.Errorf("csv: no room: %w", mem.ErrBudget)
	q := newSplits(3)
	a, _ := q.next()
	if err := q.tooMany(none, a, lent); err != nil {
		t.Errorf("a helper without memory failed: %v", err)
	}
	if q.left() != 3 {
		t.Errorf("%d of 3 splits are left", q.left())
	}
	seen := map[int]bool{}
	for s, ok := q.next(); ok; s, ok = q.next() {
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
