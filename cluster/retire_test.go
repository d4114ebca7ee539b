package cluster_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/internal/effort"
)

// A handover is a worker that retires with chunks that only it has, and another one that is to copy them. Words of both
// come through proxies, and what is copied.
type handover struct {
	*rig
	t           *testing.T
	direct      string // address of the scheduler
	from, to    *cluster.Worker
	says, hears *proxy // words of from and of to
	blocks      *proxy // of from
	kept        *array.Array
	want        []float64
	made        int64
	gone        chan error
}

// newHandover has the chunks of an array kept by two workers. Those of the first stand still once a part of them has passed.
func newHandover(t *testing.T, part float64) *handover {
	h := &handover{t: t, rig: listen(t, cluster.SchedulerOptions{Lease: time.Hour}), says: newProxy(t), hears: newProxy(t), blocks: newProxy(t), gone: make(chan error, 1)}
	h.direct = h.addr
	h.says.aim(h.direct, nil)
	h.hears.aim(h.direct, nil)
	h.addr = h.says.addr()
	h.from = h.join(t, cluster.WorkerOptions{Stall: time.Minute, Advertise: h.blocks.addr()})
	h.addr = h.hears.addr()
	h.to = h.join(t, cluster.WorkerOptions{Stall: time.Minute})
	h.addr = h.direct
	h.c = h.dial(t, cluster.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	if err := h.s.WaitWorkers(ctx, 2); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.kept, err = array.Random(1).Normal(0, 1, []int{800, 500}, array.Chunks(50, 250)).Persist(ctx, h.c); err != nil {
		t.Fatal(err)
	}
	if h.want, err = array.Collect[float64](ctx, here, array.Random(1).Normal(0, 1, []int{800, 500}, array.Chunks(50, 250))); err != nil {
		t.Fatal(err)
	}
	var passed atomic.Int64
	limit := int64(part * float64(h.from.Node().Pool().Used()))
	h.blocks.aim(h.from.Addr(), func(b []byte, _ int64) bool {
		if n := int64(len(b)); passed.Add(n) > limit && passed.Load()-n <= limit {
			h.blocks.still.Store(true)
		}
		return true
	})
	h.made = h.s.Finished()
	return h
}

// retire has the first worker go.
func (h *handover) retire() {
	if h.from.Node().Pool().Used() == 0 {
		h.t.Fatal("it has nothing that others do not have")
	}
	go func() { h.gone <- h.from.Retire() }()
	until(h.t, "it retires", func() bool {
		return !slices.ContainsFunc(h.s.State().Workers, func(w cluster.WorkerState) bool { return w.Name == h.from.Name() && !w.Retiring })
	})
}

// away cuts a worker off until its proxy is aimed again.
func (h *handover) away(w *cluster.Worker, p *proxy) {
	p.aim("127.0.0.1:1", nil)
	p.cut()
	until(h.t, "it is cut off", w.Parted)
}

// retireAmid has it go, and waits until the copies stand still.
func (h *handover) retireAmid() {
	h.retire()
	until(h.t, "it is copied", func() bool { return h.blocks.still.Load() })
}

// awayAndBack cuts a worker off until it has come back by itself; then copies go on.
func (h *handover) awayAndBack(w *cluster.Worker, p *proxy) {
	h.away(w, p)
	p.aim(h.direct, nil)
	until(h.t, "it is back", func() bool { return !w.Parted() })
	h.blocks.still.Store(false)
}

// over waits until it is gone, and looks whether all it had is there and nothing was made again.
func (h *handover) over() {
	h.t.Helper()
	select {
	case err := <-h.gone:
		if err != nil {
			h.t.Error(err)
		}
	case <-time.After(15 * time.Second): // half of what it waits at most
		h.t.Fatal("it does not go")
	}
	h.hears.aim(h.direct, nil)
	if n := h.s.Finished() - h.made; n > 0 {
		h.t.Errorf("%d chunks were made again", n)
	}
	got, err := array.Collect[float64](context.Background(), h.c, h.kept)
	if err != nil || !slices.Equal(got, h.want) {
		h.t.Errorf("other elements, %v", err)
	}
	if n, most := h.s.Finished()-h.made, int64(h.kept.NumBlocks()); n > most {
		h.t.Errorf("%d tasks to read %d chunks: some were made again", n, most)
	}
	h.kept.Release()
	until(h.t, "nothing is left", h.idle)
}

// TestRetireAmidCuts: a worker retires while the one that copies what only it has, or it itself, loses its connection, or one of two dies
// that copy. What was copied counts, the rest is copied by who is there or comes back: nothing is made again, and nothing is waited for
// in vain.
func TestRetireAmidCuts(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	for _, c := range effort.Some(3, []struct {
		name string
		part float64
		run  func(h *handover)
	}{
		{"the only other one is away", 2, func(h *handover) {
			h.away(h.to, h.hears)
			h.retire()
			h.hears.aim(h.direct, nil)
		}},
		{"the only other one is cut off before it has copied any", 0.01, func(h *handover) {
			h.retireAmid()
			h.awayAndBack(h.to, h.hears)
		}},
		{"the only other one is cut off when it has copied some", 0.4, func(h *handover) {
			h.retireAmid()
			h.awayAndBack(h.to, h.hears)
		}},
		{"another one is there", 0.01, func(h *handover) {
			h.join(h.t, cluster.WorkerOptions{Stall: time.Minute})
			h.retireAmid()
			h.away(h.to, h.hears)
			h.blocks.still.Store(false)
		}},
		{"one of those that copy dies", 0.4, func(h *handover) {
			w := h.join(h.t, cluster.WorkerOptions{Stall: time.Minute})
			h.retireAmid()
			_ = w.Close()
			h.blocks.still.Store(false)
		}},
		{"another one comes", 0.01, func(h *handover) {
			h.retireAmid()
			h.away(h.to, h.hears)
			h.join(h.t, cluster.WorkerOptions{Stall: time.Minute})
			h.blocks.still.Store(false)
		}},
		{"it is cut off itself", 0.4, func(h *handover) {
			h.retireAmid()
			h.awayAndBack(h.from, h.says)
		}},
		{"it is cut off itself, and does not come back", 0.4, func(h *handover) {
			h.retireAmid()
			h.away(h.from, h.says)
			h.blocks.still.Store(false)
			until(h.t, "it counts as gone", func() bool { return h.s.Workers() == 1 })
			h.says.aim(h.direct, nil) // it hears of it
		}},
	}) {
		t.Run(c.name, func(t *testing.T) {
			h := newHandover(t, c.part)
			c.run(h)
			h.over()
		})
	}
}
