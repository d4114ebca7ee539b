package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// A copyKey names a range of runs of a block that is elsewhere.
type copyKey struct {
	layer, block int32
	lo, hi       int32
}

// A copied block was fetched from another worker.
type copied struct {
	users  int
	keep   bool          // until the layer of its reader is complete: every task of it reads the whole block
	reader sched.LayerID // layer that reads it
	ready  chan struct{} // closed when it is here, or is not to be had
	v      chunk.Value
	err    error
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
	layer   sched.LayerID
	block   int32
	attempt uint32
	session uint32 // it was given in
	slots   []slot
	fetches map[int32][]copyKey // by holder: what this task fetches
	waits   []*copied           // what others fetch
	nanos   int64
}

// A slot is one input of the task, in its order.
type slot struct {
	edge   int
	lo, hi int
	own    *held
	key    copyKey
	copy   *copied
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
			err = t.add(i, from, t.block, 0, -1, false)
		case op.Listed, op.Boxed:
			for _, x := range e.Blocks(nil, t.block) {
				if err = t.add(i, from, x, 0, -1, false); err != nil {
					break
				}
			}
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

// add takes a block as an input.
func (t *gather) add(edge int, layer, block int32, lo, hi int, whole bool) error {
	j := t.j
	s := slot{edge: edge, lo: lo, hi: hi, key: copyKey{layer, block, int32(lo), int32(hi)}}
	if whole {
		s.key = copyKey{layer, block, 0, -1}
	}
	if h := j.blocks[layer][block]; h != nil && !h.freed {
		h.lent++
		s.own = h
		t.slots = append(t.slots, s)
		return nil
	}
	from := j.where[layer][block] - 1
	if from < 0 {
		return &lostInput{layer, block, from, errors.New("nobody has it")}
	}
	c := j.copies[s.key]
	if c == nil {
		c = &copied{keep: whole, reader: t.layer, ready: make(chan struct{})}
		j.copies[s.key] = c
		if t.fetches == nil {
			t.fetches = map[int32][]copyKey{}
		}
		t.fetches[from] = append(t.fetches[from], s.key)
	}
	c.users++
	s.copy = c
	t.waits = append(t.waits, c)
	t.slots = append(t.slots, s)
	return nil
}

// fetch gets what is elsewhere and starts the task, or ends it.
func (t *gather) fetch() {
	j, w := t.j, t.j.w
	var wg sync.WaitGroup
	for from, keys := range t.fetches {
		wg.Add(1)
		go func() { defer wg.Done(); j.fetch(from, keys) }()
	}
	wg.Wait()
	for _, c := range t.waits {
		<-c.ready
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := context.Cause(j.ctx)
	for _, c := range t.waits {
		if err == nil {
			err = c.err
		}
	}
	if err != nil {
		t.end(nil, err)
		w.feed()
		return
	}
	t.start()
}

// fetch gets blocks from one worker. What came broken is asked for once more.
func (j *work) fetch(from int32, keys []copyKey) {
	for try := 0; len(keys) > 0; try++ {
		got, err := j.get(from, keys)
		keys = keys[got:]
		if err == nil {
			return
		}
		if try == 0 && errors.Is(err, data.ErrCorrupt) {
			continue
		}
		j.w.mu.Lock()
		for _, k := range keys {
			c := j.copies[k]
			c.err = &lostInput{k.layer, k.block, from, err}
			close(c.ready)
			delete(j.copies, k)
		}
		j.w.mu.Unlock()
		return
	}
}

// get makes one request and returns how many of the blocks came whole.
func (j *work) get(from int32, keys []copyKey) (got int, err error) {
	w := j.w
	w.mu.Lock()
	p, ok := w.table[from]
	next := make([]uint64, len(keys))
	for i, k := range keys {
		next[i] = j.sh.Next(sched.LayerID(k.layer), k.block)
	}
	w.mu.Unlock()
	if !ok {
		return 0, errors.New("the worker is gone")
	}
	tk := &data.Ticket{Life: p.life, Job: j.id}
	schemas := make([]dtype.Schema, len(keys))
	for i, k := range keys {
		tk.Refs = append(tk.Refs, data.Ref{Layer: k.layer, Block: k.block, Lo: k.lo, Hi: k.hi})
		schemas[i] = j.plan.Layers[k.layer].Out.Schema
	}
	s := &importer{j: j, keys: keys, schemas: schemas, next: next}
	err = w.peers.Get(j.ctx, p.addr, j.secret, tk, schemas, s)
	if s.im != nil {
		s.im.Drop()
	}
	var failed *data.FetchError
	if err != nil && !errors.As(err, &failed) {
		j.cancel(fmt.Errorf("cluster: storing fetched blocks: %w", err)) // no room: not the sender's fault
	}
	return s.got, err
}

// An importer stores blocks as they come.
type importer struct {
	j       *work
	keys    []copyKey
	schemas []dtype.Schema
	next    []uint64
	im      *exec.Import
	got     int
}

func (s *importer) begin(ref int) {
	if s.im == nil {
		s.im = s.j.w.node.Import(s.schemas[ref], s.next[ref])
	}
}

// Put implements data.Sink.
func (s *importer) Put(ref, run int, b *chunk.Batch) error {
	s.begin(ref)
	return s.im.Put(run, b)
}

// End implements data.Sink.
func (s *importer) End(ref, runs int) error {
	s.begin(ref)
	v, err := s.im.Close(runs)
	s.im = nil
	if err != nil {
		return err
	}
	w := s.j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	c := s.j.copies[s.keys[ref]]
	c.v = v
	close(c.ready)
	s.got++
	return nil
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
		if s.copy.users--; s.copy.users == 0 && (!s.copy.keep || t.j.shut[t.layer]) {
			s.copy.drop(t.j, s.key)
		}
	}
	t.slots = nil
}
