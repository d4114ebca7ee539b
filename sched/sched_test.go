package sched

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

// drive runs a job on workers that never fail, finishing running tasks in an order drawn from rng (or in the order given
// if rng is nil), and checks every step.
func drive(t testing.TB, s *State, spec *Spec, workers int, slots int32, rng *rand.Rand, check bool) (ran []Block, peak int) {
	var acts []Action
	var coming []Event
	live := 0
	step := func(ev Event) {
		acts = s.Step(ev, acts[:0])
		if check {
			if err := s.Check(); err != nil {
				t.Fatalf("after %v %d[%d]: %v", ev.Kind, ev.Layer, ev.Block, err)
			}
		}
		for _, a := range acts {
			switch a.Kind {
			case Run:
				for b := a.First; b < a.First+a.N; b++ {
					coming = append(coming, Event{Kind: Done, Job: a.Job, Layer: a.Layer, Block: b, Worker: a.Worker,
						Session: a.Session, Attempt: a.Attempt, Bytes: 100})
				}
			case Deliver:
				coming = append(coming, Event{Kind: Consumed, Job: a.Job, Layer: a.Layer, Block: a.First})
			case Free:
				live -= int(a.N)
			case Fail:
				t.Fatal(a.Err)
			}
		}
	}
	for w := range workers {
		step(Event{Kind: WorkerUp, Worker: WorkerID(w), Session: 1, Slots: slots})
	}
	step(Event{Kind: Submit, Job: 1, Spec: spec})
	for len(coming) > 0 {
		i := 0
		if rng != nil {
			i = rng.IntN(len(coming))
		}
		ev := coming[i]
		coming = append(coming[:i], coming[i+1:]...)
		if ev.Kind == Done {
			ran = append(ran, Block{ev.Layer, ev.Block})
			live++
			peak = max(peak, live)
		}
		step(ev)
	}
	return ran, peak
}

// tree is R4: 64 leaves, a map, a tree of sums of four.
func tree4() *Spec {
	by4 := []Edge{{Wiring: Spans(0, 4, 4)}}
	edge := func(from LayerID, e []Edge) []Edge { return []Edge{{From: from, Wiring: e[0].Wiring}} }
	one := []Edge{{Wiring: OneToOne()}}
	return &Spec{Layers: []Layer{
		{N: 64}, {N: 64, In: edge(0, one)}, {N: 16, In: edge(1, by4)}, {N: 4, In: edge(2, by4)}, {N: 1, In: edge(3, by4), Keep: Pin},
	}}
}

// grid8 is R5: the sums of the rows and of the columns of 8x8 blocks, each by partial sums and a tree of four.
func grid8() *Spec {
	one := OneToOne()
	colsAt, cols := []int32{0}, []int32{}
	for c := range int32(8) {
		for half := range int32(2) {
			for r := range int32(4) {
				cols = append(cols, (half*4+r)*8+c)
			}
			colsAt = append(colsAt, int32(len(cols)))
		}
	}
	return &Spec{Layers: []Layer{
		{N: 64},
		{N: 64, In: []Edge{{From: 0, Wiring: one}}},
		{N: 64, In: []Edge{{From: 0, Wiring: one}}},
		{N: 16, In: []Edge{{From: 1, Wiring: Spans(0, 4, 4)}}},
		{N: 16, In: []Edge{{From: 2, Wiring: Lists(colsAt, cols)}}},
		{N: 8, In: []Edge{{From: 3, Wiring: Spans(0, 2, 2)}}, Keep: Pin},
		{N: 8, In: []Edge{{From: 4, Wiring: Spans(0, 2, 2)}}, Keep: Pin},
	}}
}

// expand lists the edges of a spec, as Order wants them.
func expand(spec *Spec) (at, deps []int32) {
	base := []int32{0}
	for _, l := range spec.Layers {
		base = append(base, base[len(base)-1]+l.N)
	}
	at = []int32{0}
	for _, l := range spec.Layers {
		for b := range l.N {
			for i := range l.In {
				e := &l.In[i]
				lo, hi, list := e.Wiring.Needs(b, spec.Layers[e.From].N)
				for d := lo; d < hi; d++ {
					deps = append(deps, base[e.From]+d)
				}
				for _, d := range list {
					deps = append(deps, base[e.From]+d)
				}
			}
			at = append(at, int32(len(deps)))
		}
	}
	return at, deps
}

func TestPeak(t *testing.T) {
	for _, c := range []struct {
		name string
		spec *Spec
		want int
	}{{"R4", tree4(), 11}, {"R5", grid8(), 45}} {
		_, peak := drive(t, New(Options{}), c.spec, 1, 1, nil, true)
		if peak > c.want {
			t.Errorf("%s: one slot keeps %d results alive, at most %d are allowed", c.name, peak, c.want)
		}
		at, deps := expand(c.spec)
		order, err := Order(at, deps)
		if err != nil {
			t.Fatal(err)
		}
		p := Peak(at, deps, order)
		if p > c.want {
			t.Errorf("%s: Order keeps %d results alive, at most %d are allowed", c.name, p, c.want)
		}
		t.Log(c.name, len(order), "tasks, machine", peak, "order", p)
	}
}

// TestLocality has 16 workers finish in random order: chains stay where they are, and most of a tree does.
func TestLocality(t *testing.T) {
	spec := treeOf(1 << 12)
	s := New(Options{})
	var coming []Event
	var acts []Action
	local, all := 0, 0
	r := rand.New(rand.NewPCG(1, 1))
	step := func(ev Event) {
		acts = s.Step(ev, acts[:0])
		for _, a := range acts {
			if a.Kind != Run {
				continue
			}
			for b := a.First; b < a.First+a.N; b++ {
				for _, d := range s.Inputs(a.Job, a.Layer, b, nil) {
					all++
					if w, _, _ := s.Holder(a.Job, d.Layer, d.Block); w == a.Worker {
						local++
					}
				}
				coming = append(coming, Event{Kind: Done, Job: a.Job, Layer: a.Layer, Block: b, Worker: a.Worker, Session: a.Session, Attempt: a.Attempt, Bytes: 1 << 20})
			}
		}
	}
	for w := range WorkerID(16) {
		step(Event{Kind: WorkerUp, Worker: w, Session: 1, Slots: 2})
	}
	step(Event{Kind: Submit, Job: 1, Spec: spec})
	for len(coming) > 0 {
		i := r.IntN(len(coming))
		ev := coming[i]
		coming[i] = coming[len(coming)-1]
		coming = coming[:len(coming)-1]
		step(ev)
	}
	if part := float64(local) / float64(all); part < 0.85 {
		t.Fatalf("%.0f %% of the inputs are where the task runs, want 85", 100*part)
	} else {
		t.Logf("%.1f %% of the inputs are where the task runs", 100*part)
	}
}

// TestAllocations holds that tasks cost no allocation and at most 24 bytes.
func TestAllocations(t *testing.T) {
	run := func(n int32) (allocs, bytes uint64) {
		var before, after runtime.MemStats
		spec := treeOf(n)
		runtime.ReadMemStats(&before)
		drive(t, New(Options{}), spec, 1, 8, nil, false)
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
	}
	small, _ := run(1 << 10)
	large, _ := run(1 << 13)
	if large > small+100 {
		t.Fatalf("1024 leaves took %d allocations, 8192 took %d", small, large)
	}
	var before, after runtime.MemStats
	spec := treeOf(1 << 16)
	s := New(Options{})
	runtime.ReadMemStats(&before)
	s.Step(Event{Kind: Submit, Job: 1, Spec: spec}, nil)
	runtime.ReadMemStats(&after)
	tasks := s.Progress(1)
	n := 0
	for _, p := range tasks {
		n += int(p.N)
	}
	if per := float64(after.TotalAlloc-before.TotalAlloc) / float64(n); per > 24 {
		t.Fatalf("%.1f bytes per task, want at most 24", per)
	} else {
		t.Logf("%.1f bytes per task", per)
	}
}

func benchJob(b *testing.B, spec *Spec, workers int, slots int32) {
	tasks := 0
	for _, l := range spec.Layers {
		tasks += int(l.N)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := New(Options{})
		var acts, next []Action
		acts = acts[:0]
		for w := range workers {
			acts = s.Step(Event{Kind: WorkerUp, Worker: WorkerID(w), Session: 1, Slots: slots}, acts)
		}
		acts = s.Step(Event{Kind: Submit, Job: 1, Spec: spec}, acts)
		ran := 0
		for len(acts) > 0 {
			next = next[:0]
			for i := range acts {
				a := &acts[i]
				if a.Kind != Run {
					continue
				}
				for c := a.First; c < a.First+a.N; c++ {
					ran++
					next = s.Step(Event{Kind: Done, Job: a.Job, Layer: a.Layer, Block: c, Worker: a.Worker,
						Session: a.Session, Attempt: a.Attempt, Bytes: 100}, next)
				}
			}
			acts, next = next, acts
		}
		if ran != tasks {
			b.Fatal(ran, "of", tasks)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(tasks), "ns/task")
}

func treeOf(n int32) *Spec {
	spec := &Spec{Layers: []Layer{{N: n}, {N: n, In: []Edge{{From: 0, Wiring: OneToOne()}}}}}
	for n > 1 {
		n = (n + 7) / 8
		spec.Layers = append(spec.Layers, Layer{N: n, In: []Edge{{From: LayerID(len(spec.Layers) - 1), Wiring: Spans(0, 8, 8)}}})
	}
	spec.Layers[len(spec.Layers)-1].Keep = Pin
	return spec
}

func BenchmarkTreeLocal(b *testing.B)     { benchJob(b, treeOf(1<<17), 1, 8) }
func BenchmarkTree16Workers(b *testing.B) { benchJob(b, treeOf(1<<17), 16, 8) }
func BenchmarkShuffleLocal(b *testing.B) {
	benchJob(b, &Spec{Layers: []Layer{{N: 10000}, {N: 10000, In: []Edge{{From: 0, Wiring: Everything()}}, Keep: Pin}}}, 1, 8)
}
