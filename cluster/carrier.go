package cluster

import (
	"context"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// small reports whether the tasks of a layer are for carriers (see shell.Queue): here
// those without inputs, since inputs may have to be fetched.
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
	w       *Worker
	seat    *exec.Seat
	away    bool // its task has left its slot
	hand    shell.Hand[*work]
	session uint32        // its tasks were given in
	made    []chunk.Value // by the tasks of the hand that are over, nil for those that failed
	recs    []wire.Record // their reports
}

// carry is a carrier at work.
func (c *carrier) carry() {
	w := c.w
	defer w.rest(c)
	pace := shell.NewPace()
	for start := time.Now(); w.refill(c, &pace, start); start = time.Now() {
		c.work(w)
		pace.Took(time.Since(start))
	}
}

// refill reports what a carrier has done and takes more; false when it is to end.
func (w *Worker) refill(c *carrier, pace *shell.Pace, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carrying[c] = true
	w.carried(c)
	if w.closed || w.node.Crowded() || pace.Kept(now) && w.node.Waiting() > 0 || !w.pressed.IsZero() && w.ahead+w.carriers > 1 {
		return false
	}
	if c.session = w.session; !c.hand.Take(&w.queue, pace.Grab()) {
		return false
	}
	for _, it := range c.hand.Items() {
		it.Job.live += int(it.N)
	}
	w.feed()
	return true
}

// rest ends a carrier.
func (w *Worker) rest(c *carrier) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carried(c)
	delete(w.carrying, c)
	w.carriers--
	w.feed()
	w.quiet.Broadcast()
}

// work runs the tasks of the hand.
func (c *carrier) work(w *Worker) {
	first := &c.hand.Items()[0]
	defer w.recorder.end(w.recorder.begin(first.Job.task(first.Layer, first.First, first.N)))
	c.hand.Each(func(it *item, b int32) { it.Job.call(c, it.Layer, b, uint32(it.Attempt)) })
}

// call runs one task and words the report, also when the goroutine ends meanwhile.
func (j *work) call(c *carrier, layer sched.LayerID, b int32, attempt uint32) {
	ctx := c.hand.Begin(j.ctx, j, layer, b)
	if ctx == nil {
		c.note(nil, wire.Record{Kind: wire.Returned, Job: j.id, Layer: int32(layer), Block: b, Attempt: attempt})
		return
	}
	var v chunk.Value
	err := context.Cause(j.ctx)
	defer func() {
		rec := wire.Record{Kind: wire.Done, Job: j.id, Layer: int32(layer), Block: b, Attempt: attempt}
		halted := c.hand.End()
		if c.hand.Left() {
			c.ended()
		}
		switch {
		case err != nil && halted:
			v, rec.Kind = nil, wire.Returned
		case err != nil:
			v, rec.Kind, rec.Class, rec.Flag, rec.Text = nil, wire.Failed, uint8(sched.User), j.ctx.Err() == nil, j.word(layer, err)
		default:
			j.describe(&rec, v)
		}
		c.note(v, rec)
	}()
	if err == nil {
		j.prog.Call(ctx, graph.LayerID(layer), int(b), nil, &v, &err)
	}
}

// note keeps the report of a task.
func (c *carrier) note(v chunk.Value, rec wire.Record) {
	c.made, c.recs = append(c.made, v), append(c.recs, rec)
}

// describe puts into the report of a task what it made.
func (j *work) describe(rec *wire.Record, v chunk.Value) {
	rec.Bytes, rec.Rows, rec.Data = v.Bytes(), v.Rows(), j.payload(sched.LayerID(rec.Layer), v)
}

// carried stores what was made and reports it, but of jobs that are gone: another job may have the number. w is locked.
func (w *Worker) carried(c *carrier) {
	if len(c.recs) == 0 {
		return
	}
	w.tell(c, c.hand.Items())
	c.hand.Drop()
}

// tell is carried for the tasks of the hand that are over.
func (w *Worker) tell(c *carrier, items []item) {
	told, k := c.recs[:0], 0
	for _, it := range items {
		j := it.Job
		for b := it.First; b < it.First+it.N; b++ {
			if v := c.made[k]; v != nil && !j.gone && j.blocks[it.Layer][b] == nil {
				j.blocks[it.Layer][b] = &held{v: v}
			}
			if !j.gone && w.relabel(&c.recs[k], c.session) {
				told = append(told, c.recs[k])
			}
			k++
		}
		j.live -= int(it.N)
		j.settle()
	}
	w.link.put(told...)
	clear(c.made)
	c.made, c.recs = c.made[:0], c.recs[:0]
}
