package exec

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A countingFeed gives the numbers from 0 up, those of a split in several morsels.
type countingFeed struct {
	first []int // number of each split, and the end
	fail  int   // the split in the middle of which reading fails; -1: none
	deny  atomic.Int32
}

var errBroken = errors.New("broken")

func (f *countingFeed) Splits() int                { return len(f.first) - 1 }
func (f *countingFeed) Reader() (op.Reader, error) { return countingReader{f}, nil }
func (f *countingFeed) Close() error               { return nil }

type countingReader struct{ f *countingFeed }

func (countingReader) Close() error { return nil }

// Read implements op.Reader. The first to read one of some splits find no memory.
func (r countingReader) Read(split int, out op.Sink) error {
	if split%3 == 1 && r.f.deny.Add(-1) >= 0 {
		return fmt.Errorf("no room: %w", mem.ErrBudget)
	}
	lo, hi := r.f.first[split], r.f.first[split+1]
	for i := lo; i < hi; i += 1000 {
		if split == r.f.fail && i+1000 >= (lo+hi)/2 {
			return errBroken
		}
		v := make([]int64, min(1000, hi-i))
		for k := range v {
			v[k] = int64(i + k)
		}
		m := &chunk.Batch{N: len(v), Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: len(v), Data: chunk.Bytes(v)}}, Seq: uint64(split)<<32 | uint64(i-lo)/1000}
		if err := out.Push(m); err != nil {
			return err
		}
		if split%5 == 0 {
			runtime.Gosched()
		}
	}
	return nil
}

// A strict stage is ordered: it demands one number after the other, from one thread
// at a time. A step stage before it hands morsels on.
type strict struct {
	t      *testing.T
	step   bool
	next   *int64
	most   int64 // numbers wanted
	seq    *uint64
	busy   *atomic.Bool
	locals *atomic.Int32
	task   *task // forks; nil: it does not
}

func (s strict) Serial() bool          { return !s.step }
func (s strict) Ordered() bool         { return !s.step }
func (strict) Drain() (op.Feed, error) { return nil, nil }
func (strict) Finish(op.Out) error     { return nil }
func (strict) Close() error            { return nil }

func (s strict) Local() (op.Local, error) {
	s.locals.Add(1)
	return strictLocal{s}, nil
}

type strictLocal struct{ strict }

func (strictLocal) Close(op.Sink, bool) error { return nil }

func (s strictLocal) Push(m *chunk.Batch, out op.Sink) error {
	if s.step {
		return out.Push(m)
	}
	if s.busy.Swap(true) {
		s.t.Error("two threads in an ordered stage")
	}
	defer s.busy.Store(false)
	if *s.seq != math.MaxUint64 && m.Seq <= *s.seq {
		s.t.Errorf("morsel %x after %x", m.Seq, *s.seq)
	}
	*s.seq = m.Seq
	for _, x := range chunk.Values[int64](&m.Cols[0]) {
		if x != *s.next {
			return fmt.Errorf("number %d, want %d", x, *s.next)
		}
		*s.next++
	}
	if *s.next >= s.most {
		return op.ErrEnough
	}
	if s.task == nil || m.Seq%8 > 0 {
		return nil
	}
	var calls atomic.Int32
	err := s.task.Fork(5, func(int) error { calls.Add(1); return nil })
	if c := calls.Load(); c != 5 {
		s.t.Errorf("%d calls of 5", c)
	}
	return err
}

// An ordered stage gets the morsels of all splits in their order, whichever threads
// made them; when memory is short, splits are given back, the stage has enough, or
// reading fails.
func TestTurns(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := NewNode(Options{Threads: 1 + int(seed%4), Memory: []int64{0, 2 << 20, 24 << 20}[seed%3], SpillDir: t.TempDir()})
		tk, end := running(t, n, op.Need{})
		var next int64
		st := strict{t: t, most: 1 << 60, next: &next, seq: new(uint64), busy: &atomic.Bool{}, locals: &atomic.Int32{}, task: tk}
		*st.seq = math.MaxUint64
		part := op.FusedPart{In: op.Meta{Schema: oneColumn}}
		ly := &layer{parts: []op.FusedPart{part}, bound: make([]op.Bound, 1), meters: make([]Meter, 2), ends: true}
		p := newPipeline(tk, ly)
		p.source, p.stages, p.meters = &Meter{}, []op.Stage{st}, []*Meter{&ly.meters[0]}
		if seed%2 == 0 {
			step := strict{t: t, step: true, locals: &atomic.Int32{}}
			p.stages, p.meters = []op.Stage{step, st}, []*Meter{&ly.meters[0], &ly.meters[1]}
			ly.parts = append(ly.parts, part)
		}
		total := 0
		feed := func() *countingFeed {
			f := &countingFeed{fail: -1, first: []int{total}}
			for range 1 + r.IntN(40) {
				if r.IntN(4) > 0 { // else the split is empty
					total += r.IntN(60_000)
				}
				f.first = append(f.first, total)
			}
			return f
		}
		f := feed()
		f.deny.Store(int32(min(n.threads-1, 1)))
		want := error(nil)
		switch seed % 5 {
		case 1:
			st.most = int64(total) / 2
			p.stages[len(p.stages)-1] = st
		case 2:
			for f.fail = len(f.first) / 2; f.fail+1 < len(f.first) && f.first[f.fail] == f.first[f.fail+1]; f.fail++ {
			}
			if f.fail+1 < len(f.first) {
				want = errBroken
			}
		}
		err := p.drive(f, 0)
		if err == nil && want == nil && seed%5 != 1 { // a stage before gives more
			*st.seq = math.MaxUint64
			err = p.drive(feed(), 0)
		}
		if !errors.Is(err, want) {
			t.Errorf("seed %d: %v, want %v", seed, err, want)
		}
		if got := int(next); err == nil && seed%5 != 1 && got != total || seed%5 == 1 && next < st.most {
			t.Errorf("seed %d: %d numbers of %d", seed, got, total)
		}
		for i := range p.stages {
			if err := p.closeStage(i, err != nil); err != nil {
				t.Error(err)
			}
		}
		if st.locals.Load() != 1 {
			t.Errorf("seed %d: the ordered stage has %d locals", seed, st.locals.Load())
		}
		end()
		over(t, n)
	}
}

// A meetingFeed has two splits: the second is read until met, or for too long.
type meetingFeed struct {
	began    chan bool // the second split
	met, not atomic.Bool
}

func (*meetingFeed) Splits() int                  { return 2 }
func (f *meetingFeed) Reader() (op.Reader, error) { return f, nil }
func (*meetingFeed) Close() error                 { return nil }

// Read implements op.Reader.
func (f *meetingFeed) Read(split int, out op.Sink) error {
	one := &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: 1, Data: chunk.Bytes([]int64{0})}}}
	if split == 0 {
		return out.Push(one)
	}
	close(f.began)
	for i := 0; !f.met.Load(); i++ {
		if i == 1<<17 {
			f.not.Store(true)
			break
		}
		if err := out.Push(one); err != nil {
			return err
		}
		runtime.Gosched()
	}
	return nil
}

// A meeting is an ordered stage whose first morsel forks two calls that wait for each other.
type meeting struct {
	strict
	feed *meetingFeed
}

func (s meeting) Local() (op.Local, error) { return meetingLocal{s}, nil }

type meetingLocal struct{ meeting }

func (meetingLocal) Close(op.Sink, bool) error { return nil }

func (s meetingLocal) Push(m *chunk.Batch, _ op.Sink) error {
	if s.feed.met.Load() {
		return nil
	}
	<-s.feed.began
	var both sync.WaitGroup
	both.Add(2)
	err := s.task.Fork(2, func(int) error { both.Done(); both.Wait(); return nil })
	s.feed.met.Store(true)
	return err
}

// A thread that keeps a split for later helps with what the ordered stage forks, before
// the split ends.
func TestThreadsThatKeepHelp(t *testing.T) {
	n := NewNode(Options{Threads: 2})
	tk, end := running(t, n, op.Need{})
	f := &meetingFeed{began: make(chan bool)}
	ly := &layer{parts: []op.FusedPart{{In: op.Meta{Schema: oneColumn}}}, bound: make([]op.Bound, 1), meters: make([]Meter, 1), ends: true}
	p := newPipeline(tk, ly)
	p.source, p.stages, p.meters = &Meter{}, []op.Stage{meeting{strict{t: t, task: tk}, f}}, []*Meter{&ly.meters[0]}
	if err := p.drive(f, 0); err != nil {
		t.Error(err)
	}
	if f.not.Load() {
		t.Error("the second split was read to its end while the stage wanted help")
	}
	if err := p.closeStage(0, false); err != nil {
		t.Error(err)
	}
	end()
	over(t, n)
}
