package exec

import (
	"cmp"
	"errors"
	"io"
	"slices"
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
	turns  *turns       // nil: no stage needed them so far

	mu      sync.Mutex
	idle    []*thread
	threads []*thread
}

// A thread is the state of one goroutine: a Local per stage, linked.
type thread struct {
	links []link // links[i] pushes into stage i
	from  int    // a thread made for drained rows has no part in the stages below
	turn  *turn  // instead of the stages from an ordered one on; nil: it has them all

	q    *splits // of which last is the split that was read last; nil: none was
	last int
}

// jump tells the stages from entry on when split s does not follow the one before it.
func (th *thread) jump(q *splits, s, entry int) {
	if th.q == q && s == th.last+1 {
		return
	}
	th.q = nil // until s is read
	for i := range th.links[entry:] {
		if x, ok := th.links[entry+i].local.(op.Jumper); ok {
			x.Jump()
		}
	}
}

// read notes that split s was read.
func (th *thread) read(q *splits, s int) { th.q, th.last = q, s }

// pause ends the batch that a thread has made of a split, where checksums of it are wanted while it is in the cache: the
// next split would end it, but only when it has been read and parsed.
func (th *thread) pause() error {
	c, ok := th.links[len(th.links)-1].local.(*collecting)
	if !ok || !c.c.out.leaves || c.filled() < pauseBytes {
		return nil
	}
	return c.flush()
}

// A link is the sink in front of a stage. It measures the stage.
type link struct {
	local op.Local
	taker rowLocal // local, if it takes rows
	next  op.Sink
	t     *task
	spent time.Duration // inside Push, with the stages after it
	own   time.Duration // of the stage alone, closing too
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
	start, below := time.Now(), k.below()
	err := k.local.Push(m, k.next)
	k.spent += k.took(start, below)
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
	start, below := time.Now(), k.below()
	err := k.taker.pushRows(r)
	k.spent += k.took(start, below)
	return err
}

// below is how long the stages after this one have worked on what came through here.
func (k *link) below() time.Duration {
	if x, ok := k.next.(*link); ok {
		return x.spent
	}
	return 0
}

// took returns how long a call of the stage took that began at start. What the stages
// after it did since they had worked for below is not its own.
func (k *link) took(start time.Time, below time.Duration) time.Duration {
	d := time.Since(start)
	k.own += d - (k.below() - below)
	return d
}

// count notes n rows on their way, and stops a task that is cancelled: a morsel may be as much work as a few milliseconds
// have room for.
func (k *link) count(n int) error {
	k.rows += int64(n)
	k.n++
	return k.t.ctx.Err()
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
	if f, ok := feed.(op.Standing); ok && len(p.stages) == 0 && !p.ly.ends && !p.ly.keep {
		return errors.Join(p.hand(f.Stand(), out), feed.Close())
	}
	if !p.ly.ends {
		c := &collector{t: p.t, schema: p.ly.out, out: out, alloc: p.t}
		if p.ly.keep {
			c.alloc = mem.Heap
		}
		p.stages, p.meters = append(p.stages, c), append(p.meters, &Meter{})
	}
	defer func() { p.ly.part.Add(-p.done.Load()) }()
	if err = p.through(feed); err != nil {
		return err
	}
	return p.stages[len(p.stages)-1].Finish(out)
}

// through drives the feed through the stages, one breaker after the other. In the end all of them are closed on all threads.
func (p *pipeline) through(feed op.Feed) (err error) {
	closed, whole := 0, false
	defer p.report()
	defer func() {
		for ; closed < len(p.stages); closed++ {
			err = cmp.Or(err, p.closeStage(closed, true))
		}
	}()
	defer func() {
		if !whole {
			err = op.ErrExit
		}
	}()
	for err = p.drive(feed, 0); closed < len(p.stages) && err == nil; {
		i := closed
		closed++
		if err = p.closeStage(i, false); err != nil {
			break
		}
		var more op.Feed
		if more, err = p.stages[i].Drain(); more != nil && err == nil {
			err = p.drive(more, i+1)
		}
	}
	whole = true
	return err
}

// hand gives rows that stand in memory as the output.
func (p *pipeline) hand(v chunk.Value, out outlet) error {
	p.source.rows.Add(v.Rows())
	return out.PutValue(v)
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
	if f, ok := feed.(op.Sifted); ok {
		p.sift(f)
	}
	return feed, nil
}

// sift tells the feed for which of its rows the stages give nothing, as far as they tell
// them by columns of the feed. It goes no further than rows are looked at one by one.
func (p *pipeline) sift(f op.Sifted) {
	var passed []op.Choosy
	for _, s := range p.stages {
		x, ok := s.(op.Choosy)
		if !ok {
			return
		}
		if c, ok := x.Choice(); ok {
			c.Cols = slices.Clone(c.Cols)
			for i := range c.Cols {
				for k := len(passed) - 1; k >= 0 && c.Cols[i] >= 0; k-- {
					c.Cols[i] = passed[k].From(c.Cols[i])
				}
			}
			if slices.Min(c.Cols) >= 0 {
				f.Sift(c)
			}
		}
		passed = append(passed, x)
	}
}

// drive pushes the morsels of a feed into stage entry and those after it, on this
// thread and on lent ones.
func (p *pipeline) drive(feed op.Feed, entry int) (err error) {
	defer func() { err = errors.Join(err, feed.Close()) }()
	p.widen(feed, entry)
	q := newSplits(feed.Splits(), p.apart(feed, entry))
	a := p.inTurns(feed, entry, q.total)
	defer a.stop()
	var once sync.Once
	var failed error
	work := func(as role) {
		e := op.ErrExit
		defer func() {
			if e != nil {
				once.Do(func() { failed = e })
				q.stop()
				a.stop()
			}
		}()
		e = p.worker(feed, entry, q, as)
	}
	if q.total > 1 && (a != nil || p.turns == nil && p.firstSerial(entry) == len(p.stages)) {
		d := p.t.share(q.total-1, func() { work(lent) })
		func() {
			defer d.close()
			work(among)
		}()
		if failed != nil || q.left() == 0 {
			return failed
		}
	}
	work(alone)
	return failed
}

// sharedRows are worth waiting for each other at their end.
const sharedRows = 1 << 17

// widen asks a feed for large morsels where the stage that takes them divides them among threads.
func (p *pipeline) widen(feed op.Feed, entry int) {
	f, ok := feed.(op.Widening)
	if !ok || p.t.n.threads < 2 || entry == len(p.stages) {
		return
	}
	if x, ok := p.stages[entry].(op.Sharing); ok && x.Sharing() {
		f.Widen(sharedRows)
	}
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
	for {
		p.turns.wait(q, as)
		if as == lent && p.t.called() {
			return nil
		}
		s, ok := q.next(last)
		if !ok {
			return nil
		}
		if r == nil {
			if r, err = feed.Reader(); err != nil {
				r = nil
				return p.tooMany(q, err, s, as)
			}
		}
		if err := p.t.ctx.Err(); err != nil {
			return err
		}
		th.turn.begin(s, as)
		th.jump(q, s, entry)
		start, inner, given := time.Now(), th.links[entry].spent, th.links[entry].rows
		err := r.Read(s, &th.links[entry])
		if entry == 0 {
			p.source.nanos.Add(int64(time.Since(start) - (th.links[0].spent - inner)))
		}
		switch enough := errors.Is(err, op.ErrEnough); {
		case err == nil, enough && !p.enough(entry):
			if err = th.turn.end(); err != nil && !errors.Is(err, op.ErrEnough) {
				return err
			}
		case !enough && th.links[entry].rows == given:
			return p.tooMany(q, err, s, as)
		case !enough:
			return err
		}
		if err != nil { // and all is done
			q.stop()
			p.turns.stop()
		}
		if err := th.pause(); err != nil {
			return err
		}
		last = s
		th.read(q, s)
		if entry == 0 {
			p.advance(1, q.total)
		}
	}
}

// tooMany gives a split back, see splits.tooMany.
func (p *pipeline) tooMany(q *splits, err error, split int, as role) error {
	err = q.tooMany(err, split, as)
	p.turns.stir()
	return err
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

// apart reports that the feed or some stage gains when each thread reads one stretch of the input.
func (p *pipeline) apart(feed op.Feed, entry int) bool {
	if x, ok := feed.(op.Contiguous); ok && x.Contiguous() && p.firstSerial(entry) == len(p.stages) {
		return true
	}
	for _, s := range p.stages[entry:] {
		if x, ok := s.(op.Contiguous); ok && x.Contiguous() {
			return true
		}
	}
	return false
}

// firstSerial returns the first stage from entry on that needs the morsels in order;
// len(p.stages) if none does.
func (p *pipeline) firstSerial(entry int) int {
	for i, s := range p.stages[entry:] {
		if x, ok := s.(op.Serial); ok && x.Serial() {
			return entry + i
		}
	}
	return len(p.stages)
}

// take gives a goroutine a thread nobody uses, or a new one for the stages from
// entry on. Those from an ordered stage on are made once, for whoever's turn it is.
func (p *pipeline) take(entry int) (*thread, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.turns
	if a != nil && a.last == nil {
		a.last = &thread{}
		if err := p.equip(a.last, a.at, len(p.stages)); err != nil {
			return nil, err
		}
	}
	if a != nil && entry > a.at {
		return a.last, nil
	}
	if n := len(p.idle); n > 0 {
		th := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return th, nil
	}
	th, to := &thread{}, len(p.stages)
	if a != nil {
		th.turn, to = &turn{a: a}, a.at
	}
	if err := p.equip(th, entry, to); err != nil {
		return nil, err
	}
	if a != nil {
		k := &th.links[to]
		k.local, k.t = th.turn, p.t
		if to > entry {
			th.links[to-1].next = k
		}
	}
	return th, nil
}

// equip gives a thread its part in the stages [from, to).
func (p *pipeline) equip(th *thread, from, to int) error {
	th.links, th.from = make([]link, len(p.stages)), from
	p.threads = append(p.threads, th)
	for i := from; i < to; i++ {
		l, err := p.stages[i].Local()
		if err != nil {
			return err
		}
		k := &th.links[i]
		k.local, k.t = l, p.t
		k.taker, _ = l.(rowLocal)
		if i+1 < to {
			k.next = &th.links[i+1]
		}
	}
	return nil
}

func (p *pipeline) put(th *thread) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.turns; a == nil || th != a.last {
		p.idle = append(p.idle, th)
	}
}

// closeStage closes stage i on every thread, at once where there are several.
func (p *pipeline) closeStage(i int, failed bool) error {
	errs := make([]error, len(p.threads))
	var wg sync.WaitGroup
	defer wg.Wait()
	for j, th := range p.threads {
		if th.links[i].local == nil {
			continue
		}
		errs[j] = op.ErrExit
		f := func() {
			defer recovered(&errs[j])
			k := &th.links[i]
			start, below := time.Now(), k.below()
			errs[j] = k.local.Close(k.next, failed)
			k.took(start, below)
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
			if th.turn != nil && k.local == op.Local(th.turn) {
				continue // what passed is counted where it went
			}
			p.meters[i].nanos.Add(int64(k.own))
			giver := p.source
			if i > 0 {
				giver = p.meters[i-1]
			}
			giver.rows.Add(k.rows)
			giver.batches.Add(k.n)
		}
	}
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
func (f *blockFeed) Read(split int, out op.Sink) error {
	return readRun(f.at[split].in, f.at[split].run, uint64(f.t.block)<<48|uint64(split)<<32, out)
}

// readRun pushes a run of a block as morsels that are numbered from seq on.
func readRun(v chunk.Value, run int, seq uint64, out op.Sink) (err error) {
	r, err := v.Open(run)
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
			view := chunk.Batch{Cols: m.Cols, N: m.N, Seq: seq | i<<12 | uint64(lo/morselRows)}
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
