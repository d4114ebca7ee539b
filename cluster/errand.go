package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/sched"
)

// An errand gets blocks of a job from one worker, one after the other, as long as a task waits for
// one of them. It belongs to no task: that of who began it may be cancelled while others wait.
type errand struct {
	j      *work
	from   int32
	keys   []copyKey
	copies []*copied
	ctx    context.Context
	stop   context.CancelCauseFunc
	wanted int // copies that are to come and are waited for; the worker guards it
	got    int // copies that have come
}

var (
	errPeerGone = errors.New("the worker is gone")
	errUnwanted = errors.New("nobody waits for it any more")
)

func newErrand(j *work, from int32) *errand {
	e := &errand{j: j, from: from}
	e.ctx, e.stop = context.WithCancelCause(j.ctx)
	return e
}

// add has it get one more block, before it begins; the worker is locked.
func (e *errand) add(k copyKey) *copied {
	c := &copied{by: e, ready: make(chan struct{})}
	e.keys, e.copies = append(e.keys, k), append(e.copies, c)
	e.j.copies[k] = c
	return c
}

// begin sends it; the worker is locked.
func (e *errand) begin() {
	e.j.live++
	e.j.w.errands++
	go func() {
		err := e.run()
		w := e.j.w
		w.mu.Lock()
		defer w.mu.Unlock()
		e.lose(err)
		e.stop(nil)
		w.errands--
		e.j.live--
		e.j.settle()
		w.quiet.Broadcast()
	}()
}

// giveUp ends it, as nobody waits for what is to come: who wants that now asks anew. The worker
// is locked.
func (e *errand) giveUp() {
	e.stop(errUnwanted)
	for i, c := range e.copies {
		if c.by == e {
			c.drop(e.j, e.keys[i])
		}
	}
}

// run gets the blocks. What came broken is asked for once more.
func (e *errand) run() error {
	err := e.get()
	if errors.Is(err, data.ErrCorrupt) && e.got < len(e.keys) {
		e.j.w.opt.Log.Warn("a block came broken, and is asked for once more", "job", e.j.id, "from", e.from, "err", err)
		err = e.get()
	}
	return err
}

// lose tells those who wait for what did not come why; the worker is locked.
func (e *errand) lose(err error) {
	var failed *data.FetchError
	sender := errors.As(err, &failed) || errors.Is(err, errPeerGone)
	for i := e.got; i < len(e.keys); i++ {
		c, k := e.copies[i], e.keys[i]
		c.err = fmt.Errorf("cluster: storing fetched blocks: %w", err)
		if sender {
			c.err = &lostInput{k.layer, k.block, e.from, err}
		}
		c.by = nil
		close(c.ready)
		c.drop(e.j, k)
	}
}

// get makes one request for what has not come.
func (e *errand) get() error {
	j, w := e.j, e.j.w
	w.mu.Lock()
	p, ok := w.table[e.from]
	keys := e.keys[e.got:]
	s := &coming{importer{node: w.node, next: make([]uint64, len(keys)), schemas: make([]dtype.Schema, len(keys))}, e}
	for i, k := range keys {
		s.next[i] = j.sh.Next(sched.LayerID(k.layer), k.block)
	}
	w.mu.Unlock()
	if !ok {
		return errPeerGone
	}
	tk := &data.Ticket{Life: p.life, Job: j.id}
	for i, k := range keys {
		tk.Refs = append(tk.Refs, data.Ref{Layer: k.layer, Block: k.block, Lo: k.lo, Hi: k.hi})
		s.schemas[i] = j.plan.Layers[k.layer].Out.Schema
	}
	err := w.peers.Get(e.ctx, p.addr, j.secret, tk, s.schemas, s)
	s.drop()
	return err
}

// come takes the next block.
func (e *errand) come(v chunk.Value) {
	w := e.j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	c, k := e.copies[e.got], e.keys[e.got]
	e.got++
	c.v, c.by = v, nil
	close(c.ready)
	if c.users == 0 {
		if !c.keep || e.j.copies[k] != c {
			c.drop(e.j, k)
		}
		return
	}
	if e.wanted--; e.wanted == 0 && e.got < len(e.keys) {
		e.giveUp()
	}
}

// An importer stores blocks as they come.
type importer struct {
	node    *exec.Node
	schemas []dtype.Schema
	next    []uint64
	im      *exec.Import
	room    []byte // for the batch that comes
}

func (s *importer) begin(ref int) {
	if s.im == nil {
		s.im = s.node.Import(s.schemas[ref], s.next[ref])
	}
}

// Alloc implements data.Sink.
func (s *importer) Alloc(n, codes int) (rest, coded []byte) {
	s.room = s.node.Alloc(n + codes)
	if s.room == nil {
		return nil, nil
	}
	return s.room[:n:n], s.room[n : n+codes]
}

// Put implements data.Sink.
func (s *importer) Put(ref, run int, b *chunk.Batch) (kept bool, err error) {
	s.begin(ref)
	if s.room == nil { // nothing is left to spill
		return false, s.im.Put(run, b)
	}
	room := s.room
	s.room = nil
	return true, s.im.Adopt(run, b, room)
}

// drop gives up what did not become whole.
func (s *importer) drop() {
	s.node.Free(s.room)
	if s.im != nil {
		s.im.Drop()
	}
}

// Coming are the blocks of an errand.
type coming struct {
	importer
	e *errand
}

// End implements data.Sink.
func (s *coming) End(ref, runs int) error {
	s.begin(ref)
	v, err := s.im.Close(runs)
	s.im = nil
	if err != nil {
		return err
	}
	s.e.come(v)
	return nil
}
