package shell

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// chained is a plan with a layer of n blocks (0: as many as layer 0) that has three steps with
// side inputs, before the first and the last of which it may be cut, and a reader of it.
func chained(n int32) *Plan {
	part := func(name string, sides int) op.FusedPart { return op.FusedPart{Call: op.Call{Op: name}, Sides: sides} }
	flow := graph.Edge{From: 0, Wiring: op.OneToOne}
	side := func(from graph.LayerID) graph.Edge { return graph.Edge{From: from, Wiring: op.AllToAll, Side: true} }
	size := op.Size{Runs: 65, TargetBytes: 1000}
	first := graph.Cut{Part: 0, Front: 6, Divide: op.Call{Op: "front0"}, Back: op.Call{Op: "back0"}, Size: size, Rows: 10, Bytes: math.MaxInt64}
	last := graph.Cut{Part: 2, Front: 7, Divide: op.Call{Op: "front2"}, Back: op.Call{Op: "back2"}, Size: size, Rows: math.MaxInt64, Bytes: 500}
	layers := []graph.Layer{
		{N: 4}, {N: 2}, {N: 2}, {N: 2},
		{N: n, In: []graph.Edge{flow, side(1), side(2), side(3)}, Cuts: []graph.Cut{first, last},
			Call: op.Fuse([]op.FusedPart{part("s0", 1), part("s1", 1), part("s2", 1), part("s3", 0)})},
		{N: n, In: []graph.Edge{{From: 4, Wiring: op.OneToOne}}},
		{Spare: true}, {Spare: true},
	}
	return &Plan{Want: 5, Layers: layers}
}

// words tells what a layer is: its parts and what it reads.
func words(t *testing.T, p *Plan, layer int) string {
	l := &p.Layers[layer]
	parts, err := op.Parts(l.Call, op.Meta{}, len(l.Sides()))
	if err != nil {
		t.Fatal(err)
	}
	s := ""
	for _, x := range parts {
		s += x.Call.Op + " "
	}
	for _, e := range l.In {
		s += fmt.Sprint(e.From, []string{"", " all", " shuffled"}[e.Wiring], "; ")
	}
	return s
}

// A layer is cut where a side input is larger than was thought of, before its last such step
// first, and what does the cutting is made then. Whatever is not needed has no blocks.
func TestCuts(t *testing.T) {
	whole, back := "s0 s1 s2 s3 0; 1 all; 2 all; 3 all; ", "back2 s3 7 shuffled; 3 shuffled; "
	for _, c := range []struct {
		name        string
		rows, bytes int64 // of layers 1 and 3
		n           int32 // of layer 4, as planned
		layer       string
		set         map[sched.LayerID]int32 // when the side inputs are done
		fronts      map[int]string
	}{
		{"as planned", 10, 500, 4, whole, map[sched.LayerID]int32{4: 4, 5: 4, 6: 0, 7: 0}, nil},
		{"the first is large", 11, 500, 4, "back0 s1 s2 s3 6 shuffled; 1 shuffled; 2 all; 3 all; ",
			map[sched.LayerID]int32{6: 4, 7: 0}, map[int]string{6: "front0 0; "}},
		{"the last is large", 10, 501, 4, back,
			map[sched.LayerID]int32{6: 0, 7: 4}, map[int]string{7: "s0 s1 front2 0; 1 all; 2 all; "}},
		{"both are large", 11, 501, 4, back,
			map[sched.LayerID]int32{6: 4}, map[int]string{6: "front0 0; ", 7: "back0 s1 front2 6 shuffled; 1 shuffled; 2 all; "}},
		{"one block stays one", 10, 501, 1, back,
			map[sched.LayerID]int32{4: 1, 5: 1, 6: 0, 7: 1}, map[int]string{7: "s0 s1 front2 0; 1 all; 2 all; "}},
	} {
		p := chained(c.n)
		p.Layers[0].N = c.n
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		s := New(p)
		if got := s.Late(); !slices.Equal(got, []int{4, 5, 6, 7}) {
			t.Fatalf("layers %v are late", got)
		}
		if in := s.Spec().Layers[4].In; len(in) != 6 || in[4].From != 6 || in[5].From != 7 {
			t.Fatalf("layer 4 keeps %v until it is decided", in)
		}
		done := func(layer sched.LayerID, rows, bytes int64) map[sched.LayerID]int32 {
			got := map[sched.LayerID]int32{}
			if ext := s.LayerDone(sched.Action{Kind: sched.LayerDone, Layer: layer, N: 2, Rows: rows, Bytes: bytes}); ext != nil {
				for _, x := range ext.Set {
					got[x.Layer] = x.N
					if want := edges(&p.Layers[x.Layer]); !slices.EqualFunc(x.In, want, func(a, b sched.Edge) bool { return a.From == b.From && a.Part == b.Part }) {
						t.Errorf("%s: layer %d is set to read %v, want %v", c.name, x.Layer, x.In, want)
					}
				}
			}
			return got
		}
		if got := len(done(1, c.rows, 0)) + len(done(2, 1000, 1000)); got > 0 {
			t.Fatalf("%s: %d layers are decided before the last side input is done", c.name, got)
		}
		if got := done(3, 1000, c.bytes); fmt.Sprint(got) != fmt.Sprint(c.set) {
			t.Errorf("%s: set %v, want %v", c.name, got, c.set)
		}
		if got := words(t, p, 4); got != c.layer {
			t.Errorf("%s: layer 4 is %s, want %s", c.name, got, c.layer)
		}
		for i := 6; i <= 7; i++ {
			want, used := c.fronts[i]
			if got := words(t, p, i); p.Layers[i].Spare == used || used && got != want {
				t.Errorf("%s: layer %d, spare %v, is %s, want %s", c.name, i, p.Layers[i].Spare, got, want)
			}
		}
		// Who cuts another copy of the plan has the same layers.
		q := chained(c.n)
		q.Layers[0].N = c.n
		for range 2 { // a decision may be told twice
			for _, x := range s.Cuts() {
				if _, _, err := q.Cut(x.Layer, x.At); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range p.Layers {
			if a, b := words(t, p, i), words(t, q, i); a != b {
				t.Errorf("%s: layer %d is %s, and elsewhere %s", c.name, i, a, b)
			}
		}
	}
}

// A layer of one block that was cut is decided with its front and not before: by its edges
// the front's inputs are kept that are done already.
func TestCutLayersKeepWhatTheirFrontsRead(t *testing.T) {
	p := chained(1)
	p.Layers = append(p.Layers, graph.Layer{N: 2})
	p.Layers[0] = graph.Layer{In: []graph.Edge{{From: 8, Wiring: op.AllToAll}}, Size: op.Size{Runs: 1, TargetBytes: 1}}
	s := New(p)
	done := func(layer sched.LayerID, bytes int64) (set []sched.LayerID) {
		if ext := s.LayerDone(sched.Action{Kind: sched.LayerDone, Layer: layer, N: 2, Bytes: bytes}); ext != nil {
			for _, x := range ext.Set {
				set = append(set, x.Layer)
			}
		}
		slices.Sort(set)
		return set
	}
	done(1, 100)
	done(2, 100)
	if set := done(3, 501); !slices.Equal(set, []sched.LayerID{6}) {
		t.Errorf("layers %v are set before what the front reads is decided", set)
	}
	if got := words(t, p, 4); got != "back2 s3 7 shuffled; 3 shuffled; " {
		t.Fatalf("layer 4 is %s", got)
	}
	if set := done(8, 1); !slices.Equal(set, []sched.LayerID{0, 4, 5, 7}) {
		t.Errorf("then layers %v are set", set)
	}
}

// What was cut is definite when the rows are divided: by their real size.
func TestCutLayersAreSized(t *testing.T) {
	p := chained(4)
	s := New(p)
	for i, bytes := range []int64{1: 100, 2: 100, 3: 501} {
		if i > 0 {
			s.LayerDone(sched.Action{Layer: sched.LayerID(i), N: 2, Bytes: bytes})
		}
	}
	ext := s.LayerDone(sched.Action{Layer: 7, N: 4, Bytes: 6900})
	if ext == nil || len(ext.Set) != 2 || ext.Set[0].Layer != 4 || ext.Set[0].N != 8 || ext.Set[1].Layer != 5 || ext.Set[1].N != 8 {
		t.Fatalf("%+v", ext)
	}
	last := 0
	for b := range int32(8) {
		lo, hi := s.Runs(&p.Layers[4], b)
		if lo != last || hi <= lo {
			t.Fatalf("block %d reads runs %d to %d, those before end at %d", b, lo, hi, last)
		}
		last = hi
	}
	if last != 65 {
		t.Fatalf("%d of 65 runs are read", last)
	}
}

// A shell that is made anew is told what was decided, and decides nothing twice: what is not
// needed is not, whatever the sizes are said to be.
func TestCutsAreDecidedOnce(t *testing.T) {
	p := chained(4)
	p.Layers[0].Size, p.Layers[0].N = op.Size{Runs: 8, TargetBytes: 1}, 0 // so that layer 4 waits for it
	for i := 4; i < 6; i++ {
		p.Layers[i].N = 0
	}
	s := New(p)
	s.Set(6, 0)
	s.Set(7, 0)
	for i := range sched.LayerID(4) {
		if ext := s.LayerDone(sched.Action{Layer: i, N: 1, Rows: 1000, Bytes: 1000}); ext != nil {
			for _, x := range ext.Set {
				if x.Layer > 5 {
					t.Errorf("layer %d is set to %d blocks once more", x.Layer, x.N)
				}
			}
		}
	}
	if len(s.Cuts()) > 0 {
		t.Errorf("cut: %+v", s.Cuts())
	}
}

// Plans from elsewhere may say anything.
func TestWrongCuts(t *testing.T) {
	for _, spoil := range []func(c *graph.Cut){
		func(c *graph.Cut) { c.Front = 99 },
		func(c *graph.Cut) { c.Front = -1 },
		func(c *graph.Cut) { c.Front = 5 },
		func(c *graph.Cut) { c.Front = 4 },
		func(c *graph.Cut) { c.Front = 6 },
		func(c *graph.Cut) { c.Size.Runs = 0 },
	} {
		p := chained(4)
		spoil(&p.Layers[4].Cuts[1])
		if p.Check() == nil {
			t.Errorf("%+v was taken", p.Layers[4].Cuts[1])
		}
	}
	for _, part := range []int{-1, 3, 4, 1 << 30} {
		p := chained(4)
		p.Layers[4].Cuts[1].Part = part
		if _, ok, err := p.Cut(4, 1); ok || err == nil {
			t.Errorf("a cut before part %d: %v", part, err)
		}
	}
	for _, c := range []struct {
		layer sched.LayerID
		at    int32
	}{{-1, 0}, {8, 0}, {4, -1}, {4, 2}} {
		if _, ok, err := chained(4).Cut(c.layer, c.at); ok || err == nil {
			t.Errorf("layer %d was cut at %d", c.layer, c.at)
		}
	}
}
