package shell

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// What is nearer to the result goes first, so that few blocks live at a time, and
// what is read last is known as such.
func TestOrderOfTasksAndReaders(t *testing.T) {
	p := Plan{Want: 2, Layers: []graph.Layer{
		{N: 4},
		{N: 4, In: []graph.Edge{{From: 0, Wiring: op.OneToOne}}},
		{N: 1, In: []graph.Edge{{From: 1, Wiring: op.AllToAll}, {From: 0, Wiring: op.AllToAll, Side: true}}},
	}}
	s := New(&p)
	if a, b := s.Key(1, 3), s.Key(0, 0); a > b {
		t.Error("a source goes before the reader of one that is done")
	}
	if a, b := s.Key(1, 0), s.Key(1, 1); a > b {
		t.Error("the second block goes before the first")
	}
	if got, want := s.Next(0, 3), s.Key(2, 0); got != want {
		t.Errorf("block 3 of layer 0 is read next at %x, want %x: the last layer stands first in the order", got, want)
	}
	s.Made(2)
	if got, want := s.Next(0, 3), s.Key(1, 3); got != want {
		t.Errorf("when layer 2 is made, block 3 of layer 0 is read next at %x, want %x", got, want)
	}
	s.Made(1)
	if got := s.Next(0, 3); got != 1<<64-1 {
		t.Errorf("nobody reads layer 0 any more, next is %x", got)
	}
	high := p
	high.Priority = 1
	if New(&high).Key(0, 3) > s.Key(2, 0) {
		t.Error("a job of higher priority does not go first")
	}
}

// A late layer has as many blocks as its input has multiples of the target, in powers
// of two, and what follows it block by block has as many.
func TestLateLayersAreDecided(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		n     int32
	}{{0, 1}, {100, 1}, {101, 2}, {500, 8}, {1 << 40, 16}} {
		p := Plan{Want: 2, Layers: []graph.Layer{
			{N: 3},
			{Size: op.Size{TargetBytes: 100, Runs: 16}, In: []graph.Edge{{From: 0, Wiring: op.Shuffled}}},
			{In: []graph.Edge{{From: 1, Wiring: op.OneToOne}}},
		}}
		s := New(&p)
		if got := s.Late(); !slices.Equal(got, []int{1, 2}) {
			t.Fatalf("layers %v are late", got)
		}
		ext := s.LayerDone(sched.Action{Kind: sched.LayerDone, Layer: 0, N: 3, Bytes: c.bytes})
		if ext == nil || len(ext.Set) != 2 || ext.Set[0].N != c.n || ext.Set[1].N != c.n || p.Layers[1].N != c.n {
			t.Fatalf("%d bytes: %+v, want %d blocks", c.bytes, ext, c.n)
		}
		last := 0
		for b := range c.n {
			lo, hi := s.Runs(&p.Layers[1], b)
			if lo != last || hi <= lo {
				t.Fatalf("block %d reads runs %d to %d, those before end at %d", b, lo, hi, last)
			}
			last = hi
		}
		if last != 16 {
			t.Fatalf("%d of 16 runs are read", last)
		}
	}
}

// The window bounds what the reader asked for in order, and nothing else.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Plan)
		want   int32
		keep   sched.Keep
	}{
		{"in any order", func(*Plan) {}, 5, sched.Stream},
		{"in order", func(p *Plan) { p.Ordered = true }, 5, sched.Ordered},
		{"nobody reads", func(p *Plan) { p.Discard = true }, 0, sched.Stream},
		{"tasks that read each other", func(p *Plan) {
			p.Layers[1].In = []graph.Edge{{From: 1, Wiring: op.Listed, At: []int32{0, 0, 1}, List: []int32{0}}}
		}, 0, sched.Stream},
	} {
		p := Plan{Want: 1, Window: 5, Layers: []graph.Layer{{N: 2}, {N: 2, In: []graph.Edge{{From: 0, Wiring: op.OneToOne}}}}}
		c.change(&p)
		if l := New(&p).Spec().Layers; l[1].Window != c.want || l[1].Keep != c.keep || l[0].Keep != sched.Drop {
			t.Errorf("%s: %+v", c.name, l)
		}
	}
}

// A reader that waits is woken, by a block, an error or the end of its context.
func TestBell(t *testing.T) {
	b := NewBell()
	offers := 0
	take := func() (graph.Delivered, bool, error) {
		offers++
		if offers < 3 {
			go b.Ring()
			return graph.Delivered{}, false, nil
		}
		return graph.Delivered{Block: 7}, true, nil
	}
	if d, err := b.Next(context.Background(), take); d.Block != 7 || err != nil || offers != 3 {
		t.Fatal(d, err, offers)
	}
	bad := errors.New("bad")
	if _, err := b.Next(context.Background(), func() (d graph.Delivered, ok bool, err error) { return d, false, bad }); err != bad {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(bad)
	if _, err := b.Next(ctx, func() (d graph.Delivered, ok bool, err error) { return d, false, nil }); err != bad {
		t.Fatal(err)
	}
}
