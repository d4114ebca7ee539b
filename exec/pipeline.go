package exec

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A pipeline is one task at work: a feed whose morsels go through the stages, on
// one thread or several. Every thread has its own Local of every stage.
//
//	feed ─▶ local 0 ─▶ local 1 ─▶ … ─▶ local n-1   (thread 0)
//	     ─▶ local 0 ─▶ local 1 ─▶ … ─▶ local n-1   (thread 1, on a lent slot)
//
// When the feed is empty, stage after stage is closed on all threads; a stage
// that kept rows back gives them as another feed into the stages after it.
type pipeline struct {
	t      *task
	ly     *layer
	stages []op.Stage
	meters []*Meter // of each stage
	source *Meter
	done   atomic.Int64 // of layer.part, by this task

	mu      sync.Mutex
	idle    []*thread
	threads []*thread
}

// A thread is the state of one goroutine: a Local per stage, linked.
type thread struct {
	links []link // links[i] pushes into stage i
	from  int    // a thread made for drained rows has no part in the stages below
}

// A link is the sink in front of a stage. It measures the stage: the time inside
// Push less the time spent in the stages after it.
type link struct {
	local op.Local
	taker rowLocal // local, if it takes rows
	next  op.Sink
	t     *task
	spent time.Duration
	rows  int64
	n     int64
}

// A rowLocal is a stage that copies what it is given: see op.RowSink.
type rowLocal interface {
	pushRows(r op.Rows) error
}

func (k *link) Push(m *chunk.Batch) error {
	if m.N == 0 {
		return nil
	}
	if err := k.count(m.N); err != nil {
		return err
	}
	start := time.Now()
	err := k.local.Push(m, k.next)
	k.spent += time.Since(start)
	return err
}

// PushRows implements op.RowSink.
func (k *link) PushRows(r op.Rows) error {
	if k.taker == nil {
		return k.Push(r.Morsel())
	}
	if err := k.count(r.Len()); err != nil {
		return err
	}
	start := time.Now()
	err := k.taker.pushRows(r)
	k.spent += time.Since(start)
	return err
}

// count notes n rows on their way, and stops a task that is cancelled.
func (k *link) count(n int) error {
	k.rows += int64(n)
	if k.n++; k.n&15 == 0 {
		return k.t.ctx.Err()
	}
	return nil
}

func newPipeline(t *task, ly *layer) *pipeline { return &pipeline{t: t, ly: ly} }

// run computes the block.
func (p *pipeline) run(in Inputs, out outlet) (err error) {
	feed, err := p.open(in)
	defer func() {
		for _, s := range p.stages {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return err
	}
	if !p.ly.ends {
		c := &collector{t: p.t, schema: p.ly.out, out: out, alloc: p.t}
		if p.ly.keep {
			c.alloc = mem.Heap
		}
		p.stages, p.meters = append(p.stages, c), append(p.meters, &Meter{})
	}
	defer func() { p.ly.part.Add(-p.done.Load()) }()
	err = p.drive(feed, 0)
	for i := range p.stages {
		if e := p.closeStage(i, err != nil); err == nil {
			err = e
		}
		if err != nil {
			continue
		}
		var more op.Feed
		if more, err = p.stages[i].Drain(); more != nil && err == nil {
			err = p.drive(more, i+1)
		}
	}
	p.report()
	if err != nil {
		return err
	}
	return p.stages[len(p.stages)-1].Finish(out)
}

// open opens the source and the stages.
func (p *pipeline) open(in Inputs) (feed op.Feed, err error) {
	pipes := 0
	if src := p.ly.bound[0].Source; src != nil {
		if feed, err = src.Open(&p.t.parts[0], in.Flow); err != nil {
			return nil, err
		}
		p.source, pipes = &p.ly.meters[0], 1
	} else {
		feed, p.source = newBlockFeed(p.t, in.Flow), &Meter{}
	}
	side := in.Side
	for i := pipes; i < len(p.ly.parts); i++ {
		var mine []op.In
		for _, s := range side[:p.ly.parts[i].Sides] {
			mine = append(mine, s...)
		}
		side = side[p.ly.parts[i].Sides:]
		st, err := p.ly.bound[i].Pipe.Open(&p.t.parts[i], mine)
		if err != nil {
			return nil, errors.Join(err, feed.Close())
		}
		p.stages, p.meters = append(p.stages, st), append(p.meters, &p.ly.meters[i])
	}
	return feed, nil
}

// drive pushes the morsels of a feed into stage entry and those after it, on this
// thread and on lent ones.
func (p *pipeline) drive(feed op.Feed, entry int) (err error) {
	defer func() { err = errors.Join(err, feed.Close()) }()
	q := newSplits(feed.Splits(), p.apart(entry))
	var once sync.Once
	var failed error
	work := func(as role) {
		if e := p.worker(feed, entry, q, as); e != nil {
			once.Do(func() { failed = e })
			q.stop()
		}
	}
	if !p.serial(entry) && q.total > 1 {
		d := p.t.share(q.total-1, func() { work(lent) })
		work(among)
		d.close()
		if failed != nil || q.left() == 0 {
			return failed
		}
	}
	work(alone)
	return failed
}

// A role is how a thread works on the splits of a feed.
type role int

const (
	alone role = iota // no other thread does
	among             // on the slot of the task, with others
	lent              // on a lent slot
)

// worker reads splits until none is left, or, on a lent slot, until others wait
// for it. A worker that has no memory to begin a split gives it back and leaves it
// to those that have: what a task needs at least is promised to one thread of it.
func (p *pipeline) worker(feed op.Feed, entry int, q *splits, as role) (err error) {
	defer recovered(&err)
	if q.left() == 0 {
		return nil
	}
	th, err := p.take(entry)
	if err != nil {
		return err
	}
	defer p.put(th)
	var r op.Reader
	defer func() {
		if r != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	last := -1
	for as != lent || !p.t.called() {
		s, ok := q.next(last)
		if !ok {
			return nil
		}
		if r == nil {
			if r, err = feed.Reader(); err != nil {
				r = nil
				return q.tooMany(err, s, as)
			}
		}
		if err := p.t.ctx.Err(); err != nil {
			return err
		}
		start, inner, given := time.Now(), th.links[entry].spent, th.links[entry].rows
		err := r.Read(s, &th.links[entry])
		if entry == 0 {
			p.source.nanos.Add(int64(time.Since(start) - (th.links[0].spent - inner)))
		}
		if errors.Is(err, op.ErrEnough) {
			if p.enough(entry) {
				q.stop()
			}
		} else if err != nil && th.links[entry].rows == given {
			return q.tooMany(err, s, as)
		} else if err != nil {
			return err
		}
		last = s
		if entry == 0 {
			p.advance(1, q.total)
		}
	}
	return nil
}

// advance notes that so many of the splits of a task are done.
func (p *pipeline) advance(n, of int) {
	k := int64(n) * taskPart / int64(of)
	p.done.Add(k)
	p.ly.part.Add(k)
}

// taskPart is a whole task in layer.part.
const taskPart = 1 << 20

// enough reports whether ErrEnough ends the whole feed: it does for every stage
// but one that decides split by split.
func (p *pipeline) enough(entry int) bool {
	for _, s := range p.stages[entry:] {
		if x, ok := s.(interface{ PerSplit() bool }); ok && x.PerSplit() {
			return false
		}
	}
	return true
}

// apart reports that some stage gains when each thread reads one stretch of the input.
func (p *pipeline) apart(entry int) bool {
	for _, s := range p.stages[entry:] {
		if x, ok := s.(op.Contiguous); ok && x.Contiguous() {
			return true
		}
	}
	return false
}

func (p *pipeline) serial(entry int) bool {
	for _, s := range p.stages[entry:] {
		if x, ok := s.(op.Serial); ok && x.Serial() {
			return true
		}
	}
	return false
}

// take gives a goroutine a thread nobody uses, or a new one for the stages from
// entry on.
func (p *pipeline) take(entry int) (*thread, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		th := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return th, nil
	}
	th := &thread{links: make([]link, len(p.stages)), from: entry}
	p.threads = append(p.threads, th)
	for i := entry; i < len(p.stages); i++ {
		l, err := p.stages[i].Local()
		if err != nil {
			return nil, err
		}
		k := &th.links[i]
		k.local, k.t = l, p.t
		k.taker, _ = l.(rowLocal)
		if i+1 < len(th.links) {
			k.next = &th.links[i+1]
		}
	}
	return th, nil
}

func (p *pipeline) put(th *thread) { p.mu.Lock(); p.idle = append(p.idle, th); p.mu.Unlock() }

// closeStage closes stage i on every thread, at once where there are several.
func (p *pipeline) closeStage(i int, failed bool) error {
	errs := make([]error, len(p.threads))
	var wg sync.WaitGroup
	for j, th := range p.threads {
		if th.links[i].local == nil {
			continue
		}
		f := func() {
			defer recovered(&errs[j])
			k := &th.links[i]
			start := time.Now()
			errs[j] = k.local.Close(k.next, failed)
			k.spent += time.Since(start)
			if errors.Is(errs[j], op.ErrEnough) {
				errs[j] = nil
			}
		}
		if j == len(p.threads)-1 {
			f()
		} else {
			wg.Add(1)
			go func() { defer wg.Done(); f() }()
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// report adds the threads' figures to the meters of the layer.
func (p *pipeline) report() {
	for _, th := range p.threads {
		for i := range th.links {
			k := &th.links[i]
			spent := k.spent
			if i+1 < len(th.links) {
				spent -= th.links[i+1].spent
			}
			p.meters[i].nanos.Add(int64(spent))
			giver := p.source
			if i > 0 {
				giver = p.meters[i-1]
			}
			giver.rows.Add(k.rows)
			giver.batches.Add(k.n)
		}
	}
}

// splits hands out the numbers 0…n-1 in their order: what a reader must know of the
// splits before its own (where quotes are open, say) others have just read, or are
// reading. With apart set each worker reads on where it is, and begins in the middle of
// the longest stretch nobody works on.
type splits struct {
	total int
	apart bool
	mu    sync.Mutex
	free  []stretch
	over  bool // no more splits are wanted
}

type stretch struct{ lo, hi int }

func newSplits(n int, apart bool) *splits {
	q := &splits{total: n, apart: apart}
	if n > 0 {
		q.free = []stretch{{0, n}}
	}
	return q
}

func (q *splits) left() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.free {
		n += s.hi - s.lo
	}
	return n
}

func (q *splits) stop() { q.mu.Lock(); q.free, q.over = nil, true; q.mu.Unlock() }

// tooMany takes back a split of which nothing was given when err says that there is
// no memory, and others may have enough: then it is no error.
func (q *splits) tooMany(err error, split int, as role) error {
	if as == alone || !errors.Is(err, mem.ErrBudget) {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.free = append(q.free, stretch{split, split + 1})
	}
	return nil
}

// next returns the split for a worker whose last one was last (-1 for none).
func (q *splits) next(last int) (int, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.free) == 0 {
		return 0, false
	}
	best := 0
	for i, s := range q.free {
		x := q.free[best]
		switch {
		case q.apart && s.lo == last+1:
			return q.cut(i), true
		case q.apart && s.hi-s.lo > x.hi-x.lo, !q.apart && s.lo < x.lo:
			best = i
		}
	}
	s := q.free[best]
	if at := s.lo + (s.hi-s.lo)/2; q.apart && at > s.lo {
		q.free[best].hi = at
		q.free = append(q.free, stretch{at, s.hi})
		best = len(q.free) - 1
	}
	return q.cut(best), true
}

// cut removes the first number of stretch i and returns it.
func (q *splits) cut(i int) int {
	s := &q.free[i]
	at := s.lo
	if s.lo++; s.lo == s.hi {
		q.free[i] = q.free[len(q.free)-1]
		q.free = q.free[:len(q.free)-1]
	}
	return at
}

// A blockFeed gives the batches of input blocks, a split per run.
type blockFeed struct {
	t  *task
	at []runOf
}

type runOf struct {
	in  op.In
	run int
}

func newBlockFeed(t *task, in []op.In) *blockFeed {
	f := &blockFeed{t: t}
	for _, x := range in {
		for r := x.Lo; r < min(x.Hi, x.Runs()); r++ {
			f.at = append(f.at, runOf{x, r})
		}
	}
	return f
}

func (f *blockFeed) Splits() int                { return len(f.at) }
func (f *blockFeed) Reader() (op.Reader, error) { return f, nil }
func (f *blockFeed) Close() error               { return nil }

// Read implements op.Reader. Batches are renumbered: positions are those within
// this layer's input.
func (f *blockFeed) Read(split int, out op.Sink) (err error) {
	r, err := f.at[split].in.Open(f.at[split].run)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.Close(); e != nil && (err == nil || err == op.ErrEnough) {
			err = e
		}
	}()
	for i := uint64(0); ; i++ {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for lo := 0; lo < b.N; lo += morselRows {
			m := b
			if b.N > 2*morselRows {
				m = b.Slice(lo, min(b.N, lo+morselRows))
			}
			view := chunk.Batch{Cols: m.Cols, N: m.N, Seq: uint64(f.t.block)<<48 | uint64(split)<<32 | i<<12 | uint64(lo/morselRows)}
			if err := out.Push(&view); err != nil {
				return err
			}
			if m == b {
				break
			}
		}
	}
}

// morselRows keeps a morsel of a few columns within the second-level cache.
const morselRows = 8192
