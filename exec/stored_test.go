package exec

import (
	"context"
	"errors"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

var oneColumn = dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}}

// running returns a task of the node that runs until end is called.
func running(t *testing.T, n *Node, need op.Need) (tk *task, end func()) {
	t.Helper()
	tk = &task{ctx: context.Background(), bufs: map[*byte][]byte{}, files: map[*spillFile]*Meter{}}
	tk.answer = make(chan bool, 1)
	tk.parts = []part{{tk, &Meter{}}}
	tk.out = newStored(n, oneColumn, tk.parts[0].meter, 7)
	began, stop, ended := make(chan bool), make(chan bool), make(chan bool)
	tk.run = func() { close(began); <-stop; tk.close(nil); close(ended) }
	n.queue(&tk.seat, 0, n.least(need), nil)
	<-began
	return tk, func() { close(stop); <-ended }
}

// numbers is a batch of one int64 column that owns its buffer.
func numbers(tk mem.Allocator, from, k int) *chunk.Batch {
	buf := tk.Alloc(k * 8)
	for i := range k {
		chunk.Slice[int64](buf, k)[i] = int64(from + i)
	}
	b := &chunk.Batch{N: k, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: k, Data: buf}}}
	b.Own(tk, [][]byte{buf})
	return b
}

// over fails the test when memory is left, or the books do not balance.
func over(t *testing.T, n *Node) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if used := n.Pool().Used(); used != 0 {
		t.Errorf("%d bytes left", used)
	}
	if err := n.Check(); err != nil {
		t.Error(err)
	}
	if m, d := n.m.Stored(); m != 0 || d != 0 || n.house.used.Load() != 0 {
		t.Errorf("the machine still counts %d bytes in memory and %d on disk, the house %d", m, d, n.house.used.Load())
	}
}

// A run that could not move as a whole, because the disk was full, stays in memory; it moves when there is room, and
// is then on disk once.
func TestARunMovesAgain(t *testing.T) {
	n := NewNode(Options{Memory: 8 << 20, SpillDir: t.TempDir()})
	tk, end := running(t, n, op.Need{})
	s := tk.out
	const k, batches = 1000, 6
	for i := range batches {
		if err := tk.outlet().Put(0, numbers(tk, i*k, k)); err != nil {
			t.Fatal(err)
		}
	}
	end()
	n.dir.Limit(3 * 8 * k)
	if _, err := s.evict(1); !errors.Is(err, spill.ErrFull) {
		t.Fatalf("moving to a folder of too few bytes: %v", err)
	}
	n.dir.Limit(0)
	if freed, err := s.evict(1); err != nil || freed == 0 || !s.runs[0].disk {
		t.Fatalf("moved again: %d bytes came free, %v", freed, err)
	}
	at := 0
	if err := chunk.Each(s, 0, func(b *chunk.Batch) error {
		for _, x := range chunk.Values[int64](&b.Cols[0])[:b.N] {
			if x != int64(at) {
				t.Fatalf("row %d is %d", at, x)
			}
			at++
		}
		return nil
	}); err != nil || at != batches*k {
		t.Errorf("%d rows of %d: %v", at, batches*k, err)
	}
	s.Release()
	over(t, n)
}

func TestARunKeepsItsOrderWhenItMovesToDisk(t *testing.T) {
	n := NewNode(Options{Memory: 8 << 20, SpillDir: t.TempDir()})
	tk, end := running(t, n, op.Need{})
	s := tk.out
	const k = 1000
	for i := range 40 {
		if i == 13 || i == 27 {
			if _, err := s.evict(1); err != nil {
				t.Fatal(err)
			}
		}
		if err := tk.outlet().Put(i%3, numbers(tk, i*k, k)); err != nil {
			t.Fatal(err)
		}
	}
	end()
	if n.Spilled() == 0 || s.Rows() != 40*k || s.Runs() != 3 {
		t.Fatalf("spilled %d, %d rows, %d runs", n.Spilled(), s.Rows(), s.Runs())
	}
	if tk.parts[0].meter.Read().Spilled == 0 {
		t.Error("the meter does not know what was spilled")
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
		if next < 40*k {
			t.Errorf("run %d ends before %d", run, next)
		}
		r.Close()
	}
	s.Release()
	over(t, n)
}

func TestRunsThatAreReadStay(t *testing.T) {
	n := NewNode(Options{Memory: 8 << 20, SpillDir: t.TempDir()})
	tk, end := running(t, n, op.Need{})
	s := tk.out
	for run := range 2 {
		if err := tk.outlet().Put(run, numbers(tk, run, 500)); err != nil {
			t.Fatal(err)
		}
	}
	end()
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
	_ = n.Close()
}

func TestAllocSpillsStoredBlocksFirst(t *testing.T) {
	n := NewNode(Options{Memory: 4 << 20, SpillDir: t.TempDir()})
	tk, end := running(t, n, op.Need{})
	for run := range 3 {
		if err := tk.outlet().Put(run, numbers(tk, 0, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	end()
	n.wg.Wait()
	for range 3 { // the house asks as tasks do
		b := n.Alloc(2 << 20)
		if b == nil || n.Spilled() == 0 {
			t.Fatalf("alloc %v, spilled %d", b != nil, n.Spilled())
		}
		n.Free(b)
	}
	if n.Alloc(5<<20) != nil {
		t.Error("more than the budget was handed out")
	}
	tk.out.Release()
	over(t, n)
}

// Blocks are written by slots that are idle or wait for memory, not beside threads
// that work on all of them.
func TestWritersTakeSlots(t *testing.T) {
	n := NewNode(Options{Threads: 1, Memory: 8 << 20, SpillDir: t.TempDir()})
	tk, end := running(t, n, op.Need{})
	for run := 0; n.Pool().Used() < 7<<20; run++ {
		if err := tk.outlet().Put(run, numbers(tk, 0, 50_000)); err != nil {
			t.Fatal(err)
		}
	}
	n.mu.Lock()
	moves, writers := len(n.moves), n.writers
	n.mu.Unlock()
	if moves == 0 || writers != 0 || n.Spilled() != 0 {
		t.Errorf("%d blocks are to be written, %d writers, %d bytes written beside a busy thread", moves, writers, n.Spilled())
	}
	b := tk.Alloc(4 << 20)
	if b == nil || n.Spilled() == 0 {
		t.Errorf("%d bytes for a thread that waits, %d written", len(b), n.Spilled())
	}
	tk.Free(b)
	out := tk.out
	end()
	out.Release()
	over(t, n)
}

// TestAReleasedBlockThatIsBeingWritten: release does not wait for the disk, and nothing is left afterwards.
func TestAReleasedBlockThatIsBeingWritten(t *testing.T) {
	for range 20 {
		n := NewNode(Options{Memory: 8 << 20, SpillDir: t.TempDir()})
		tk, end := running(t, n, op.Need{})
		for run := range 3 {
			if err := tk.outlet().Put(run, numbers(tk, 0, 200_000)); err != nil {
				t.Fatal(err)
			}
		}
		b := tk.Alloc(4 << 20)
		released := make(chan struct{})
		go func() { defer close(released); tk.out.Release() }()
		c := tk.Alloc(2 << 20)
		if b == nil {
			t.Fatal("what is stored did not make room")
		}
		tk.Free(b)
		tk.Free(c)
		end()
		<-released
		tk.out.Release() // once more does nothing
		over(t, n)
	}
}

// TestAFullDiskIsNamed: when blocks cannot be spilled, the error says so beside the lack of memory.
func TestAFullDiskIsNamed(t *testing.T) {
	n := NewNode(Options{Memory: 4 << 20, SpillDir: t.TempDir() + "/gone"})
	tk, end := running(t, n, op.Need{})
	for run := range 3 {
		if err := tk.outlet().Put(run, numbers(tk, 0, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	if tk.Alloc(3<<20) != nil {
		t.Error("3 MiB fitted beside what could not be spilled")
	}
	end()
	if err := n.explain(context.Background(), mem.ErrBudget); !errors.Is(err, mem.ErrBudget) || err.Error() == mem.ErrBudget.Error() {
		t.Errorf("the disk is not named: %v", err)
	}
	tk.out.Release()
	_ = n.Close()
}

// TestAnEstimateTooHighKeepsNobodyOut: what one task was granted and does not use goes to another that needs it, down to the
// floor of the first.
func TestAnEstimateTooHighKeepsNobodyOut(t *testing.T) {
	n := NewNode(Options{Threads: 2, Memory: 100 << 20, SpillDir: t.TempDir()})
	a, endA := running(t, n, op.Need{Floor: 30 << 20, Want: 70 << 20})
	b, endB := running(t, n, op.Need{Floor: 10 << 20, Want: 30 << 20})
	if !b.Reserve(65 << 20) {
		t.Error("35 MiB of task a are idle, and b was refused")
	}
	if b.Reserve(10 << 20) {
		t.Error("the floor of task a was given away")
	}
	if !a.Reserve(30 << 20) {
		t.Error("task a cannot have its floor")
	}
	endA()
	endB()
	over(t, n)
}
