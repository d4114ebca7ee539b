package exec

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
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

// A jumper notes before which rows it was told of a jump.
type jumper struct{ jumps int }

func (j *jumper) Jump()                              { j.jumps++ }
func (j *jumper) Push(*chunk.Batch, op.Sink) error   { return nil }
func (j *jumper) Close(_ op.Sink, failed bool) error { return nil }

// Stages are told when a split does not follow the one that the thread read before: of another feed, after
// splits that are not its own, or after one that it gave back.
func TestJumpsAreTold(t *testing.T) {
	j := &jumper{}
	th := &thread{links: []link{{local: &plainLocal{}}, {local: j}}}
	a, b := newSplits(20, true), newSplits(20, true)
	for i, x := range []struct {
		q     *splits
		split int
		read  bool
		jumps bool
	}{{a, 3, true, true}, {a, 4, true, false}, {a, 9, true, true}, {a, 10, false, false}, {a, 11, true, true}, {a, 5, true, true}, {a, 6, true, false},
		{b, 7, true, true}, {b, 8, true, false}} {
		before := j.jumps
		th.jump(x.q, x.split, 0)
		if x.read {
			th.read(x.q, x.split)
		}
		if (j.jumps > before) != x.jumps {
			t.Errorf("case %d, split %d: a jump is told: %v", i, x.split, !x.jumps)
		}
	}
	before := j.jumps
	if th.jump(b, 2, 2); j.jumps != before {
		t.Error("a stage before the entry is told of a jump")
	}
}

type plainLocal struct{}

func (plainLocal) Push(*chunk.Batch, op.Sink) error { return nil }
func (plainLocal) Close(op.Sink, bool) error        { return nil }
