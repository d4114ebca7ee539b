package sched_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/sim"
)

// bytesFirst is a source that gives out the bytes of a fuzz input, then numbers derived from them.
type bytesFirst struct {
	data []byte
	rest *rand.PCG
}

func newBytesFirst(data []byte) *bytesFirst {
	h := uint64(len(data))
	for _, b := range data {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return &bytesFirst{data, rand.NewPCG(h, 3)}
}

// Uint64 spreads one byte over a whole word, so that every bounded draw depends on it.
func (s *bytesFirst) Uint64() uint64 {
	if len(s.data) == 0 {
		return s.rest.Uint64()
	}
	b := s.data[0]
	s.data = s.data[1:]
	return uint64(b) * 0x0101010101010101
}

// FuzzRun makes plans and trouble out of bytes: what the scheduler yields must be what sequential evaluation yields.
func FuzzRun(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(binary.LittleEndian.AppendUint64(nil, seed*0x9e3779b97f4a7c15))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		plans, cfg := sim.Draw(rand.New(newBytesFirst(data)))
		cfg.Seed = uint64(len(data))
		cfg.Check, cfg.Steps = true, 200_000
		if _, err := sim.Run(plans, cfg); err != nil {
			t.Fatal(err)
		}
	})
}

var specs = []*sched.Spec{
	nil,
	{Layers: []sched.Layer{{N: 4, Keep: sched.Pin, Retry: sched.Retry{Max: 1, Delay: 3}}, {N: 2, In: []sched.Edge{{From: 0, Wiring: sched.Spans(0, 2, 2)}}, Keep: sched.Ordered, Window: 1}}},
	{Layers: []sched.Layer{{N: 3}, {Late: true, In: []sched.Edge{{From: 0, Wiring: sched.Everything()}}, Keep: sched.Stream}}},
	{Layers: []sched.Layer{{N: 3, In: []sched.Edge{{From: 0, Wiring: sched.Lists([]int32{0, 0, 1, 3}, []int32{0, 0, 1})}}, Keep: sched.Stream, Window: 2}}, Priority: 1},
	{Layers: []sched.Layer{{N: -1}}},
	{Layers: []sched.Layer{{N: 2, In: []sched.Edge{{From: 7}}}}},
	{Layers: []sched.Layer{{N: 2, Floor: 50, Keep: sched.Pin}, {N: 2, In: []sched.Edge{{From: 0}, {From: 0, Wiring: sched.Everything()}}, Keep: sched.Pin}}},
	{Layers: []sched.Layer{{N: 1 << 30, Keep: sched.Pin}}},
	{},
	{Layers: []sched.Layer{{N: 3, Lent: &sched.Lent{Job: 1, Blocks: []int32{3, 0, 3}}}, {N: 3, In: []sched.Edge{{From: 0}}, Keep: sched.Stream}}},
}

var extensions = []*sched.Extension{
	nil,
	{Set: []sched.Late{{Layer: 1, N: 3}}},
	{Set: []sched.Late{{Layer: 1, N: 2, In: []sched.Edge{{From: 0, Wiring: sched.Spans(2, 2, -1)}}}}, Add: []sched.Layer{{N: 1, In: []sched.Edge{{From: 1, Wiring: sched.Everything()}}, Keep: sched.Ordered}}},
	{Set: []sched.Late{{Layer: -4, N: 3}}},
	{Add: []sched.Layer{{N: 2, Keep: 77}}},
	{Add: []sched.Layer{{Late: true, In: []sched.Edge{{From: 0}}}}},
	{Add: []sched.Layer{{N: 1, Lent: &sched.Lent{Job: 2, Layer: 1, Blocks: []int32{1}}}}},
}

// FuzzStep sends any events in any order: no panic, and every invariant holds after each. Half of the reports are made
// to fit what runs, else nearly all would be stale.
func FuzzStep(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 30 {
		seed := make([]byte, 300)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := sched.New(sched.Options{MaxTasks: 1000, Story: 50})
		var acts []sched.Action
		for ; len(data) >= 8; data = data[8:] {
			ev := decode(s, data)
			acts = s.Step(ev, acts[:0])
			if err := s.Check(); err != nil {
				t.Fatalf("after %+v: %v", ev, err)
			}
			s.Story(ev.Job, ev.Layer, ev.Block)
			s.Inputs(ev.Job, ev.Layer, ev.Block, nil)
			s.Holder(ev.Job, ev.Layer, ev.Block)
			s.Load(ev.Worker)
			s.Progress(ev.Job)
		}
	})
}

func decode(s *sched.State, d []byte) sched.Event {
	ev := sched.Event{Kind: sched.EventKind(d[0] % 22), Class: sched.Class(d[1] % 8), Retryable: d[1]&16 != 0, Paused: d[1]&32 != 0, Away: d[1]&1 != 0,
		Job: sched.JobID(d[2] % 4), Layer: sched.LayerID(d[3]%5) - 1, Block: int32(d[4]%6) - 1, N: int32(d[5] % 4), Worker: sched.WorkerID(d[6]%4) - 1,
		Session: sched.Session(d[7] % 8), Attempt: sched.Attempt(d[7]), Slots: int32(d[4] % 4), Queue: int32(d[5] % 3), Bytes: int64(int8(d[5])),
		Rows: int64(int8(d[4])), Spilled: int64(int8(d[6])), Now: int64(d[7]), Dep: sched.Block{Layer: sched.LayerID(d[5]%4) - 1, Block: int32(d[7]%6) - 1},
		DepWorker: sched.WorkerID(d[1]%4) - 1, Spec: specs[int(d[3])%len(specs)], Ext: extensions[int(d[4])%len(extensions)], Nanos: int64(d[4])}
	if ev.Labels = uint64(d[7] % 4); ev.Kind == sched.Submit && ev.Spec != nil && d[1]&2 != 0 {
		labelled := *ev.Spec
		labelled.Labels, labelled.Resources = uint64(d[4]%4), sched.Resources{0, int32(d[5]%4) - 1}
		ev.Spec = &labelled
	}
	if d[1]&4 != 0 {
		ev.Resources = &sched.Resources{1, int32(d[5] % 3)}
	}
	if ev.Kind == sched.WorkerUp && d[1]&1 != 0 {
		ev.Bytes = 0
	}
	if d[1]&64 != 0 {
		if w, ses, try, ok := sched.RunsOn(s, ev.Job, sched.Block{Layer: ev.Layer, Block: ev.Block}); ok {
			ev.Worker, ev.Session, ev.Attempt = w, ses, try
		}
	}
	return ev
}
