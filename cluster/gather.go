package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// A copyKey names a range of runs of a block that is elsewhere.
type copyKey struct {
	layer, block int32
	lo, hi       int32
}

// A copied block was fetched from another worker.
type copied struct {
	users  int           // tasks that wait for it or have it
	keep   bool          // until the layer of its reader is complete: every task of it reads the whole block
	reader sched.LayerID // layer that reads it
	by     *errand       // that it comes by; nil: it is here, or is not to be had
	ready  chan struct{} // closed then
	v      chunk.Value
	err    error
}

// want counts one more task; the worker is locked.
func (c *copied) want() {
	if c.users++; c.users == 1 && c.by != nil {
		c.by.wanted++
	}
}

// leave counts one task less, and reports whether it was the last one of a block that is here; the worker is
// locked. What nobody waits for any more is not fetched.
func (c *copied) leave() (last bool) {
	if c.users--; c.users > 0 {
		return false
	}
	if c.by == nil {
		return true
	}
	if c.by.wanted--; c.by.wanted == 0 {
		c.by.giveUp()
	}
	return false
}

// drop forgets a copy; the worker is locked.
func (c *copied) drop(j *work, k copyKey) {
	if j.copies[k] == c {
		delete(j.copies, k)
	}
	if c.v != nil {
		c.v.Release()
		c.v = nil
	}
}

// A lostInput is the error of a task whose input was not where it should be.
type lostInput struct {
	layer, block, from int32
	err                error
}

func (e *lostInput) Error() string {
	return fmt.Sprintf("block %d of layer %d did not come from worker %d: %v", e.block, e.layer, e.from, e.err)
}

// Unwrap returns the reason.
func (e *lostInput) Unwrap() error { return e.err }

// A gather is a task with its inputs, here and on their way.
type gather struct {
	j       *work
	ctx     *shell.Task
	layer   sched.LayerID
	block   int32
	attempt uint32
	session uint32 // it was given in
	slots   []slot
	errands map[source]*errand // that this task begins
	waits   []*copied          // what comes by them and by those of others
	nanos   int64
	given   waiting
	seat    *exec.Seat // at the node
}

// A source is who has blocks of a job.
type source struct {
	j    *work // the job of the reader, or one that lends to it
	from int32
}

// A slot is one input of the task, in its order.
type slot struct {
	edge         int
	layer, block int32 // of the task's job
	lo, hi       int
	own          *held
	j            *work // that has the block
	key          copyKey
	copy         *copied
}

// plan finds out what is here and what is not; the worker is locked.
func (t *gather) plan() error {
	l := &t.j.plan.Layers[t.layer]
	for i := range l.In {
		e := &l.In[i]
		from := int32(e.From)
		var err error
		switch e.Wiring {
		case op.OneToOne:
			err = t.pick(i, from, t.block)
		case op.Listed, op.Boxed:
			err = t.pick(i, from, e.Blocks(nil, t.block)...)
		default:
			lo, hi, whole := 0, -1, e.Wiring != op.Shuffled || t.j.prog.Whole(graph.LayerID(t.layer))
			if e.Wiring == op.Shuffled {
				lo, hi = t.j.sh.Runs(l, t.block)
			}
			for b := range t.j.plan.Layers[from].N {
				if err = t.add(i, from, b, lo, hi, whole); err != nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pick takes blocks as inputs, of each what the task reads.
func (t *gather) pick(edge int, layer int32, blocks ...int32) error {
	runs := t.j.prog.Picks(graph.LayerID(t.layer), int(t.block), edge, len(blocks))
	for i, x := range blocks {
		lo, hi := 0, -1
		if runs != nil {
			lo, hi = runs[i], runs[i]+1
		}
		if err := t.add(edge, layer, x, lo, hi, false); err != nil {
			return err
		}
	}
	return nil
}

// add takes a block as an input.
func (t *gather) add(edge int, layer, block int32, lo, hi int, whole bool) error {
	from := t.j.where[layer][block] - 1
	s := slot{edge: edge, layer: layer, block: block, lo: lo, hi: hi, j: t.j, key: copyKey{layer, block, int32(lo), int32(hi)}}
	if whole {
		s.key = copyKey{layer, block, 0, -1}
	}
	reader := t.layer
	if l := t.j.plan.Layers[layer].Lent; l != nil {
		s.j, s.key = t.j.w.jobs[l.Job], copyKey{l.Layer, l.Blocks[block], 0, -1}
		whole, reader = true, nobody // its copy stays as long as the job that lends it
		if s.j == nil || s.j.plan == nil || s.j.gone {
			return &lostInput{layer, block, from, errors.New("the job that lends it is over")}
		}
	}
	if h := s.j.blocks[s.key.layer][s.key.block]; h != nil && !h.freed {
		h.lent++
		s.own = h
		t.slots = append(t.slots, s)
		return nil
	}
	if from < 0 {
		return &lostInput{layer, block, from, errors.New("nobody has it")}
	}
	c := s.j.copies[s.key]
	if c == nil {
		e := t.errands[source{s.j, from}]
		if e == nil {
			e = newErrand(s.j, from)
			if t.errands == nil {
				t.errands = map[source]*errand{}
			}
			t.errands[source{s.j, from}] = e
		}
		c = e.add(s.key)
		c.keep, c.reader = whole, reader
	}
	c.want()
	if s.j != t.j {
		s.j.live++
	}
	s.copy = c
	t.waits = append(t.waits, c)
	t.slots = append(t.slots, s)
	return nil
}

// fetch waits for what is elsewhere and starts the task, or ends it.
func (t *gather) fetch() {
	w := t.j.w
	for _, c := range t.waits {
		select {
		case <-c.ready:
		case <-t.ctx.Done(): // others may go on waiting
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := context.Cause(t.ctx)
	for i := range t.slots {
		if s := &t.slots[i]; err == nil && s.copy != nil {
			err = t.foreign(s, s.copy.err)
		}
	}
	if err == nil && !w.pressed.IsZero() && w.ahead+w.carriers > 1 {
		err = exec.ErrTaken
	}
	if err != nil {
		t.end(nil, err)
		w.feed()
		return
	}
	t.start()
}

// foreign words that an input was lost as the scheduler knows it of the job of the task.
func (t *gather) foreign(s *slot, err error) error {
	var lost *lostInput
	if s.j != t.j && errors.As(err, &lost) {
		return &lostInput{s.layer, s.block, lost.from, lost.err}
	}
	return err
}

// inputs words the blocks for the operators.
func (t *gather) inputs() (in exec.Inputs) {
	l := &t.j.plan.Layers[t.layer]
	side := map[int]int{}
	for i := range l.In {
		if l.In[i].Side {
			side[i] = len(in.Side)
			in.Side = append(in.Side, nil)
		}
	}
	for _, s := range t.slots {
		v := chunk.Value(nil)
		if s.own != nil {
			v = s.own.v
		} else {
			v = s.copy.v
		}
		x := op.In{Value: v, Lo: s.lo, Hi: s.hi, Edge: s.edge}
		if s.hi < 0 {
			x.Lo, x.Hi = 0, v.Runs()
		}
		if k, ok := side[s.edge]; ok {
			in.Side[k] = append(in.Side[k], x)
		} else {
			in.Flow = append(in.Flow, x)
		}
	}
	return in
}

// back gives back what the task had; the worker is locked.
func (t *gather) back() {
	for _, s := range t.slots {
		if s.own != nil {
			s.own.back()
			continue
		}
		if s.copy.leave() && (!s.copy.keep || s.j == t.j && t.j.shut[t.layer] || s.j.copies[s.key] != s.copy) {
			s.copy.drop(s.j, s.key)
		}
		if s.j != t.j {
			s.j.live--
			s.j.settle()
		}
	}
	t.slots = nil
}

// rotten words the failure of a task one of whose inputs cannot be read back from the
// disk here: it is lost. Of a copy the holder is asked to make it again, and nobody
// else here gets it. The worker is locked.
func (t *gather) rotten(err error) error {
	for _, s := range t.slots {
		switch {
		case s.own != nil && exec.Rotten(err, s.own.v):
			if s.j != t.j { // it may be a copy that the scheduler does not know of
				s.j.free(sched.LayerID(s.key.layer), s.key.block)
			}
			return &lostInput{s.layer, s.block, t.j.w.id, err}
		case s.copy != nil && s.copy.v != nil && exec.Rotten(err, s.copy.v):
			if s.j.copies[s.key] == s.copy {
				delete(s.j.copies, s.key)
			}
			return &lostInput{s.layer, s.block, t.j.where[s.layer][s.block] - 1, err}
		}
	}
	return err
}
