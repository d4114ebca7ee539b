package exec

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op"
)

// Turns let several threads work on a feed whose morsels an op.Ordered stage takes in
// the order of splits.
//
//	split 0 ─▶ stages before ─────────────────────▶ the ordered stage, those after it
//	split 1 ─▶ stages before ─▶ kept in a block ┄┄┄▲
//	split 2 ─▶ stages before ─▶ kept in a block ┄┄┄┘
//
// The thread whose split is the first of those not done pushes its morsels on
// itself. The others keep theirs in output blocks of their own, which the node
// counts and spills like any; a thread whose split has become the first pushes what
// it has kept, and then goes on without. Who ends the first split pushes the later ones
// that are complete. Nobody waits within a split, so the first one always moves.
//
// What the ordered stage forks comes before the splits that are kept: it holds all others
// up. Who keeps a split helps with it between two morsels.
type turns struct {
	p     *pipeline
	at    int     // the ordered stage
	last  *thread // of the stages from at on; used by the thread whose turn it is
	most  int64   // bytes kept: beyond, only the first split is begun
	rest  *rest   // its lock guards what follows
	now   int     // the split whose turn it is
	done  map[int]*stored
	bytes int64 // in done
	over  bool  // nothing more is wanted
}

// aheadBytes is how many bytes complete splits may have that wait for their turn, in
// a node without a budget; otherwise it is an eighth of the budget at most.
const aheadBytes = 64 << 20

// inTurns returns what orders the splits of a feed; nil where one thread reads them,
// or threads may in any order, or making morsels is no work: those of blocks, or of a
// table in memory that goes straight into the ordered stage.
func (p *pipeline) inTurns(feed op.Feed, entry, splits int) *turns {
	a := p.turns
	if a == nil {
		if _, made := feed.(*blockFeed); made || splits < 2 || p.t.n.threads < 2 {
			return nil
		}
		at := p.firstSerial(entry)
		if at == len(p.stages) {
			return nil
		}
		if _, stands := feed.(op.Standing); stands && at == entry {
			return nil
		}
		if o, ok := p.stages[at].(op.Ordered); !ok || !o.Ordered() {
			return nil
		}
		a = &turns{p: p, at: at, most: aheadBytes, rest: &p.t.rest}
		if limit := p.t.n.limit; limit > 0 {
			a.most = min(a.most, limit/8)
		}
		if len(p.threads) > 0 { // one has read a feed alone
			a.last, p.idle = p.threads[0], nil
		}
		p.turns = a
	}
	if entry > a.at {
		return nil
	}
	a.now, a.over, a.done = 0, false, map[int]*stored{}
	return a
}

// wait returns when a thread may begin another split: there is room for what would
// be kept, or nobody works on the first; or when others wait for its slot. Meanwhile
// it helps with what the ordered stage forks.
func (a *turns) wait(q *splits, as role) {
	if a == nil {
		return
	}
	a.rest.mu.Lock()
	defer a.rest.mu.Unlock()
	for a.bytes > a.most && !a.over && q.first() != a.now && (as != lent || !a.p.t.called()) {
		a.rest.wait(as)
	}
}

// stop ends the work on a feed: what was kept is dropped, what comes is not wanted.
func (a *turns) stop() {
	if a == nil {
		return
	}
	a.rest.mu.Lock()
	kept := a.done
	a.over, a.done, a.bytes = true, nil, 0
	a.rest.moved.Broadcast()
	a.rest.mu.Unlock()
	for _, s := range kept {
		if s != nil {
			s.Release()
		}
	}
}

// stir wakes those that wait, after a split was given back.
func (a *turns) stir() {
	if a != nil {
		a.rest.stir()
	}
}

// A turn is what a thread has instead of the ordered stage: an op.Local for the
// splits it reads, one after the other.
type turn struct {
	a     *turns
	split int
	as    role   // of the thread
	n     uint64 // morsels given on
	mine  bool   // the split is the first: its morsels go on
	kept  *stored
	rows  *collecting // into kept
}

func (t *turn) begin(split int, as role) {
	if t != nil {
		t.drop() // of a feed that was enough
		t.split, t.as, t.n, t.mine = split, as, 0, false
	}
}

// Push implements op.Local.
func (t *turn) Push(m *chunk.Batch, _ op.Sink) error {
	a := t.a
	if !t.mine {
		over, mine := t.look()
		if over {
			return op.ErrEnough
		}
		if mine {
			if err := t.come(); err != nil {
				return err
			}
		}
	}
	if t.mine {
		return t.on(m)
	}
	if t.kept == nil {
		t.kept = a.block()
		t.rows = a.collect(t.kept)
	}
	view := chunk.Batch{Cols: m.Cols, N: m.N}
	return t.rows.Push(&view, nil)
}

// look returns whether the turn has come, and whether nothing more is wanted. Who has to keep its rows helps with a fork
// first.
func (t *turn) look() (over, mine bool) {
	a := t.a
	a.rest.mu.Lock()
	defer a.rest.mu.Unlock()
	if a.now != t.split {
		a.rest.help(t.as)
	}
	return a.over, a.now == t.split
}

// block makes a place for the rows of a split.
func (a *turns) block() *stored {
	i := a.at
	if a.p.ly.bound[0].Source != nil {
		i++
	}
	return newStored(a.p.t.n, a.p.ly.parts[i].In.Schema, a.p.meters[a.at], 0)
}

// collect returns what gathers rows into a block, as its only run.
func (a *turns) collect(s *stored) *collecting {
	c := &collector{t: a.p.t, schema: s.schema, out: outlet{task: a.p.t, out: s}, alloc: a.p.t}
	return c.local()
}

// come takes the turn: what was kept goes on.
func (t *turn) come() error {
	t.mine = true
	s, err := t.complete()
	if err != nil {
		return err
	}
	return t.pass(s)
}

// complete ends the gathering and returns the block.
func (t *turn) complete() (*stored, error) {
	s := t.kept
	if s == nil {
		return nil, nil
	}
	if err := t.rows.Close(nil, false); err != nil {
		return nil, err
	}
	t.kept, t.rows = nil, nil
	return s, nil
}

// pass pushes a block on and frees it; nil is none.
func (t *turn) pass(s *stored) error {
	if s == nil {
		return nil
	}
	defer s.Release()
	return readRun(s, 0, 0, pusher(t.on))
}

// on pushes a morsel into the ordered stage.
func (t *turn) on(m *chunk.Batch) error {
	m = &chunk.Batch{Cols: m.Cols, N: m.N, Seq: uint64(t.a.p.t.block)<<48 | uint64(t.split)<<32 | t.n}
	t.n++
	return t.a.last.links[t.a.at].Push(m)
}

// A pusher is a function as a sink.
type pusher func(m *chunk.Batch) error

// Push implements op.Sink.
func (f pusher) Push(m *chunk.Batch) error { return f(m) }

// end is told when a split was read. The one whose turn it is passes it on, and does
// so for those that are complete.
func (t *turn) end() error {
	if t == nil {
		return nil
	}
	s, err := t.complete()
	if err != nil || !t.mine && !t.a.reached(t.split, s) {
		return err
	}
	for more := true; more; t.split, t.n = t.split+1, 0 {
		if err := t.pass(s); err != nil {
			return err
		}
		s, more = t.a.next()
	}
	return nil
}

// reached reports whether the turn is that of a split which was read. If not, its
// block waits for it, or is dropped when nothing more is wanted.
func (a *turns) reached(split int, s *stored) bool {
	a.rest.mu.Lock()
	over, mine := a.over, a.now == split
	if !over && !mine {
		a.done[split] = s
		if s != nil {
			a.bytes += s.Bytes()
		}
	}
	a.rest.mu.Unlock()
	if over && s != nil {
		s.Release()
	}
	return !over && mine
}

// next gives the turn to the next split, and returns it if it is complete.
func (a *turns) next() (s *stored, complete bool) {
	a.rest.mu.Lock()
	defer a.rest.mu.Unlock()
	a.now++
	if s, complete = a.done[a.now]; complete {
		delete(a.done, a.now)
		if s != nil {
			a.bytes -= s.Bytes()
		}
	}
	a.rest.moved.Broadcast()
	return s, complete
}

// Close implements op.Local.
func (t *turn) Close(op.Sink, bool) error { t.drop(); return nil }

// drop frees what was kept of a split that will not be passed on.
func (t *turn) drop() {
	if t.kept != nil {
		t.rows.b.Close()
		t.kept.Release()
		t.kept, t.rows = nil, nil
	}
}
