package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched"
)

// Tasks that need a thread and nothing else (op.Direct, without inputs) are run
// by carriers: a carrier is one task of the node that runs them as long as there
// are any, several under one lock when they are short, and steps back for others
// that wait.
const (
	batchTime = 100 * time.Microsecond
	maxGrab   = 256
	carryTime = 5 * time.Millisecond
)

// small reports whether the tasks of a layer are for carriers.
func (j *work) small(l sched.LayerID) bool {
	return j.broken == nil && j.prog.Direct(graph.LayerID(l)) && len(j.plan.Layers[l].In) == 0
}

// maxInline is the most bytes of a result that go to the client with the report.
const maxInline = 64 << 10

// payload returns the bytes of a block that is small enough to go with its report,
// and wanted by the client.
func (j *work) payload(l sched.LayerID, v chunk.Value) []byte {
	if p, ok := v.(interface{ Payload() []byte }); ok && graph.LayerID(l) == j.plan.Want && v.Bytes() <= maxInline {
		return p.Payload()
	}
	return nil
}

// A carrier has tasks at work.
type carrier struct {
	grabbed []item
	session uint32 // they were given in
}

// carry is a carrier at work.
func (w *Worker) carry() {
	grab, since := int32(1), time.Now()
	var made []chunk.Value
	var recs []wire.Record
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &carrier{}
	w.carrying[c] = true
	defer delete(w.carrying, c)
	for !w.closed {
		start := time.Now()
		if start.Sub(since) > carryTime && w.node.Waiting() > 0 {
			break
		}
		if c.grabbed, c.session = w.pop(c.grabbed[:0], grab), w.session; len(c.grabbed) == 0 {
			break
		}
		w.feed()
		w.mu.Unlock()
		made, recs = made[:0], recs[:0]
		entry := w.recorder.begin(c.grabbed[0].j.task(c.grabbed[0].layer, c.grabbed[0].first, c.grabbed[0].n))
		for _, it := range c.grabbed {
			for b := it.first; b < it.first+it.n; b++ {
				v, rec := it.j.call(it.layer, b, it.attempt)
				made, recs = append(made, v), append(recs, rec)
			}
		}
		w.recorder.end(entry)
		if took := time.Since(start); took < batchTime {
			grab = min(2*max(grab, int32(len(recs))), maxGrab)
		} else {
			grab = 1
		}
		w.mu.Lock()
		w.carried(c, made, recs)
	}
	w.carriers--
	w.feed()
	w.quiet.Broadcast()
}

// pop takes up to n direct tasks; w is locked.
func (w *Worker) pop(dst []item, n int32) []item {
	k := 0
	for n > 0 && k < len(w.direct) {
		it := &w.direct[k]
		c := min(n, it.n)
		dst = append(dst, item{it.j, it.layer, it.first, c, it.attempt})
		it.j.live += int(c)
		it.first += c
		n -= c
		if it.n -= c; it.n == 0 {
			k++
		}
	}
	w.direct = slices.Delete(w.direct, 0, k)
	return dst
}

// call runs one task and words the report.
func (j *work) call(layer sched.LayerID, b int32, attempt uint32) (chunk.Value, wire.Record) {
	rec := wire.Record{Kind: wire.Done, Job: j.id, Layer: int32(layer), Block: b, Attempt: attempt}
	err := context.Cause(j.ctx)
	var v chunk.Value
	if err == nil {
		v, err = j.prog.Call(j.ctx, graph.LayerID(layer), int(b), nil)
	}
	if err != nil {
		rec.Kind, rec.Class, rec.Flag, rec.Text = wire.Failed, uint8(sched.User), j.ctx.Err() == nil, j.word(layer, err)
		return nil, rec
	}
	rec.Bytes, rec.Rows, rec.Data = v.Bytes(), v.Rows(), j.payload(layer, v)
	return v, rec
}

// carried stores what was made and reports it; w is locked.
func (w *Worker) carried(c *carrier, made []chunk.Value, recs []wire.Record) {
	if c.session == w.session {
		w.link.put(recs...)
	} else {
		for i := range recs {
			if w.relabel(&recs[i], c.session) {
				w.link.put(recs[i])
			}
		}
	}
	k := 0
	for _, it := range c.grabbed {
		j := it.j
		for b := it.first; b < it.first+it.n; b++ {
			if v := made[k]; v != nil && !j.gone && j.blocks[it.layer][b] == nil {
				j.blocks[it.layer][b] = &held{v: v}
			}
			k++
		}
		j.live -= int(it.n)
		j.settle()
	}
}
