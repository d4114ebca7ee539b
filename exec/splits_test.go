package exec

import (
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

func TestEverySplitOnceAndMostlyInStretches(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		n, workers := r.IntN(300), 1+r.IntN(6)
		q := newSplits(n)
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
		if workers == 1 && jumps > 0 {
			t.Fatalf("seed %d: one worker jumped %d times", seed, jumps)
		}
	}
	q := newSplits(10)
	q.next(-1)
	q.stop()
	if _, ok := q.next(0); ok {
		t.Error("a split after stop")
	}
}

// number is a batch of one int64 column that owns its buffer.
func numbers(n *Node, from, k int) *chunk.Batch {
	buf := n.Alloc(k * 8)
	for i := range k {
		chunk.Slice[int64](buf, k)[i] = int64(from + i)
	}
	b := &chunk.Batch{N: k, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: k, Data: buf}}}
	b.Own(n, [][]byte{buf})
	return b
}

func TestARunKeepsItsOrderWhenItMovesToDisk(t *testing.T) {
	n := NewNode(Options{Memory: 8 << 20, SpillDir: t.TempDir()})
	s := newStored(n, dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}})
	const k = 1000
	for i := range 40 {
		if i == 13 || i == 27 {
			if _, err := s.evict(1); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Put(i%3, numbers(n, i*k, k)); err != nil {
			t.Fatal(err)
		}
	}
	if n.Spilled() == 0 || s.Rows() != 40*k || s.Runs() != 3 {
		t.Fatalf("spilled %d, %d rows, %d runs", n.Spilled(), s.Rows(), s.Runs())
	}
	for run := range 3 {
		r, err := s.Open(run)
		if err != nil {
			t.Fatal(err)
		}
		next := run * k
		for {
			b, err := r.Next()
			if err != nil {
				break
			}
			for _, v := range chunk.Values[int64](&b.Cols[0]) {
				if int(v) != next {
					t.Fatalf("run %d: %d, want %d", run, v, next)
				}
				if next++; next%k == 0 {
					next += 2 * k
				}
			}
		}
		r.Close()
	}
	s.Release()
	if used := n.Pool().Used(); used != 0 {
		t.Errorf("%d bytes left", used)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestRunsThatAreReadStay(t *testing.T) {
	n := NewNode(Options{Memory: 8 << 20, SpillDir: t.TempDir()})
	defer n.Close()
	s := newStored(n, dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}})
	for run := range 2 {
		if err := s.Put(run, numbers(n, run, 5)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.evict(1 << 30); err != nil {
		t.Fatal(err)
	}
	if s.runs[0].disk || !s.runs[1].disk {
		t.Error("the run being read moved, or the other did not")
	}
	r.Close()
	if k, err := s.evict(1 << 30); err != nil || k == 0 || !s.runs[0].disk {
		t.Error("the run stayed after its reader had gone", k, err)
	}
	s.Release()
}

func TestAllocSpillsStoredBlocksFirst(t *testing.T) {
	n := NewNode(Options{Memory: 4 << 20, SpillDir: t.TempDir()})
	defer n.Close()
	s := newStored(n, dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}})
	for run := range 3 {
		if err := s.Put(run, numbers(n, 0, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	b := n.Alloc(2 << 20)
	if b == nil || n.Spilled() == 0 {
		t.Fatalf("alloc %v, spilled %d", b != nil, n.Spilled())
	}
	n.Free(b)
	if n.Alloc(5<<20) != nil {
		t.Error("more than the budget was handed out")
	}
	s.Release()
}
