package join

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// Drain joins the runs that were left out: one split per run that has probe rows. Of a full
// join it then gives the rows of the table that were not found, and those with a null key.
func (s *probeStage) Drain() (op.Feed, error) {
	f, full := &drainFeed{s: s}, s.p.p.Kind == Full
	for r, left := range s.b.left {
		if left && (full || s.file != nil && s.file.RunRows(r) > 0) {
			f.runs = append(f.runs, r)
		}
	}
	if full {
		if err := s.b.table.spread(s.t.Fork); err != nil {
			return nil, err
		}
		f.segs = s.b.table.portions()
		f.runs = append(f.runs, nullRun)
	}
	if f.Splits() == 0 {
		return nil, nil
	}
	return f, nil
}

// portionRows is about how many rows of a table a split reads that were not found.
const portionRows = 1 << 16

// portions divides the segments of a table: those before each end.
func (t *table) portions() (ends []int) {
	n := 0
	for i, s := range t.rows.segs {
		if n += s.N; n >= portionRows || i == len(t.rows.segs)-1 {
			ends, n = append(ends, i+1), 0
		}
	}
	return ends
}

// A ration is the memory that the threads of one task share while they join runs
// that were left out: what the node promises to a task. A thread takes what its
// run needs before it begins, so that no two get stuck half-way.
type ration struct {
	mu    sync.Mutex
	freed sync.Cond
	total int64
	left  int64
}

func (r *ration) init(t op.Task) {
	r.freed.L = &r.mu
	r.total = max(1<<20, t.Budget()/int64(2*t.Threads())*3/4)
	r.left = r.total
}

// take waits for n bytes, or for everything when n is more, and returns how many
// it got.
func (r *ration) take(n int64) int64 {
	n = min(n, r.total)
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.left < n {
		r.freed.Wait()
	}
	r.left -= n
	return n
}

func (r *ration) put(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left += n
	r.freed.Broadcast()
}

type drainFeed struct {
	s    *probeStage
	runs []int
	segs []int // see portions
}

func (f *drainFeed) Splits() int                { return len(f.runs) + len(f.segs) }
func (f *drainFeed) Reader() (op.Reader, error) { return &drainReader{f}, nil }
func (f *drainFeed) Close() error               { return nil }

type drainReader struct{ f *drainFeed }

func (r *drainReader) Close() error { return nil }

// Read joins one run, or gives rows of the table that were not found.
func (r *drainReader) Read(split int, out op.Sink) error {
	s, f := r.f.s, r.f
	at := &places{seq: (s.top + uint64(split)) << 32, sub: ^uint32(0), begun: true}
	if split >= len(f.runs) {
		lo, hi := 0, f.segs[split-len(f.runs)]
		if split > len(f.runs) {
			lo = f.segs[split-len(f.runs)-1]
		}
		return s.b.table.lonely(lo, hi, false, newLoner(s.p.rest, at), out)
	}
	d := &nested{t: s.t, p: s.p, kind: s.p.p.Kind, turned: s.p.p.Kind == Full, build: s.side, ration: &s.ration, run: f.runs[split], out: out, places: at}
	if s.file != nil {
		d.probe = []op.In{{Value: s.file, Hi: runs}}
	}
	defer d.close()
	if d.run == nullRun { // of the rows that were looked up those with a null key are given
		return d.without(s.side, s.p.rest)
	}
	return d.join()
}

// A nested joins one run in block-nested loops: for every piece of the build run
// that fits into memory it reads the probe run once. Usually there is one piece.
type nested struct {
	t            op.Task
	p            *probing
	build, probe []op.In
	ration       *ration
	kind         Kind
	run          int
	out          op.Sink
	matched      []byte // a bit per probe row that the kind of join has marked
	turned       bool   // the rows of the pieces are kept or left out by what is found, see turn
	share, of    int    // only each of-th batch of the rows that are shared out, see matchFeed
	left         []uint32
	*places
}

func (d *nested) close() { d.t.Free(d.matched) }

// marks has bits for n probe rows at least.
func (d *nested) marks(n int) error {
	if n <= 8*len(d.matched) {
		return nil
	}
	size := max(chunk.Words(n)*8, 2*len(d.matched))
	more := d.t.Alloc(size)
	if more == nil {
		return fmt.Errorf("join: %d bytes to mark the rows of one run: %w", size, mem.ErrBudget)
	}
	clear(more[copy(more, d.matched):])
	d.t.Free(d.matched)
	d.matched = more
	return nil
}

func (d *nested) join() error {
	in := &pieces{side: d.build, run: d.run, schema: d.p.p.Build, alloc: d.t}
	if d.turned {
		in.share, in.of = d.share, d.of
	}
	in.limit = d.ration.take(d.cost())
	defer d.ration.put(in.limit)
	defer in.close()
	for {
		piece, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = d.piece(piece)
		}
		for _, b := range piece {
			b.Release()
		}
		if err != nil {
			return err
		}
	}
	switch {
	case d.kind == Full, !d.turned && (d.kind == Left || d.kind == Anti):
		return d.rest()
	}
	return nil
}

// indexBytes is about what the index takes per build row at most.
const indexBytes = 32

// cost estimates the memory to join the run in one piece. Builders hold up to
// twice the rows' bytes.
func (d *nested) cost() (n int64) {
	n = runBytes(d.build, d.run)
	rows := float64(n) / op.RowBytes(d.p.p.Build)
	return 2*n + int64(rows*indexBytes) + 256<<10
}

// runBytes is the size of one run of some blocks.
func runBytes(blocks []op.In, run int) (n int64) {
	for _, in := range blocks {
		if run < in.Runs() {
			n += in.RunBytes(run)
		}
	}
	return n
}

// piece joins the probe run with some build rows. When their index does not fit
// it takes half of them at a time.
func (d *nested) piece(batches []*chunk.Batch) error {
	t := d.p.newTable(d.t)
	t.alone, t.mark = true, d.turned
	if countRows(batches) <= heapRows {
		t.alloc = mem.Heap
	}
	all := [runs][]*chunk.Batch{batches}
	defer t.release()
	err := error(mem.ErrBudget)
	if t.rows.arrange(&all) {
		err = t.build(serially)
	}
	if err == nil {
		err = t.view(d.p.cols, serially)
	}
	switch {
	case err == nil && d.turned:
		return d.turn(t)
	case err == nil:
		return d.pass(t)
	}
	if !errors.Is(err, mem.ErrBudget) {
		return err
	}
	a, b, ok := halves(batches)
	if ok {
		if err := d.piece(a); err != nil {
			return err
		}
		return d.piece(b)
	}
	return fmt.Errorf("join: an index of %d build rows does not fit: %w", batches[0].N, err)
}

// heapRows is up to which size the index of a piece is plain scratch: a pool whose
// free room is in pieces may refuse even this little.
const heapRows = 2048

func countRows(batches []*chunk.Batch) (n int) {
	for _, b := range batches {
		n += b.N
	}
	return n
}

// halves cuts a list of batches, or a batch.
func halves(batches []*chunk.Batch) (a, b []*chunk.Batch, ok bool) {
	if k := len(batches) / 2; k > 0 {
		return batches[:k], batches[k:], true
	}
	m := batches[0]
	k := m.N / 2 &^ 63
	if k == 0 {
		return nil, nil, false
	}
	return []*chunk.Batch{m.Slice(0, k)}, []*chunk.Batch{m.Slice(k, m.N)}, true
}

// serially is the fork of a thread that is one of several at work.
func serially(n int, f func(i int) error) error {
	for i := range n {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// eachProbe calls f with the batches of the probe run and the number of rows
// before each.
func (d *nested) eachProbe(f func(m *chunk.Batch, at int) error) error {
	at := 0
	for _, in := range d.probe {
		if d.run >= in.Runs() {
			continue
		}
		share, of := d.share, d.of
		if d.turned {
			share, of = 0, 1
		}
		if err := eachOf(in, d.run, share, of, func(b *chunk.Batch) error {
			for lo := 0; lo < b.N; lo += maxRows {
				if err := d.t.Context().Err(); err != nil {
					return err
				}
				m := b
				if b.N > maxRows {
					m = b.Slice(lo, min(b.N, lo+maxRows))
				}
				view := chunk.Batch{Cols: m.Cols, N: m.N, Seq: d.seq}
				at += m.N
				if err := f(&view, at-m.N); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// eachOf calls f with each of-th batch of a run, from number share on.
func eachOf(v chunk.Value, run, share, of int, f func(*chunk.Batch) error) (err error) {
	if of <= 1 {
		return chunk.Each(v, run, f)
	}
	r, err := v.Open(run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i := share; ; i += of {
		if err := r.Seek(i); err != nil {
			return err
		}
		b, err := r.Next()
		if err == nil {
			err = f(b)
		} else if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pairs is a matcher that gives pairs only.
func (d *nested) pairs(t *table) *matcher {
	x := newMatcher(d.p, t)
	x.kind, x.emit.outer, x.emit.places = Inner, false, d.places
	return x
}

// pass joins the whole probe run with the rows of t.
func (d *nested) pass(t *table) error {
	x := d.pairs(t)
	return d.eachProbe(func(m *chunk.Batch, at int) error {
		if d.kind == Inner {
			return x.match(m, nil, d.out)
		}
		if err := d.marks(at + m.N); err != nil {
			return err
		}
		switch d.kind {
		case Semi:
			d.left = d.left[:0]
			for i, id := range x.probe.lookup(m) {
				if id != none && d.mark(at+i) {
					d.left = append(d.left, uint32(i))
				}
			}
			return x.push(m, d.left, nil, d.out)
		case Anti:
			d.markAll(at, x.probe.lookup(m))
			return nil
		}
		err := x.match(m, nil, d.out)
		d.markAll(at, x.probe.heads)
		return err
	})
}

// mark marks a probe row; true when it was not marked before.
func (d *nested) mark(i int) bool {
	bit := byte(1) << (i & 7)
	old := d.matched[i>>3]
	d.matched[i>>3] = old | bit
	return old&bit == 0
}

func (d *nested) markAll(at int, heads []uint32) {
	for i, id := range heads {
		d.matched[(at+i)>>3] |= byte(notNone(id)) << ((at + i) & 7)
	}
}

// rest emits the probe rows without a match.
func (d *nested) rest() error {
	l := newLoner(d.p.lone, d.places)
	return d.eachProbe(func(m *chunk.Batch, at int) error {
		if err := d.marks(at + m.N); err != nil {
			return err
		}
		d.left = d.left[:0]
		for i := range m.N {
			if d.matched[(at+i)>>3]>>((at+i)&7)&1 == 0 {
				d.left = append(d.left, uint32(i))
			}
		}
		return l.rows(m, d.left, d.out)
	})
}

// without emits the rows of one side as they are without a partner.
func (d *nested) without(side []op.In, cols []outCol) error {
	d.probe = side
	l := newLoner(cols, d.places)
	return d.eachProbe(func(m *chunk.Batch, _ int) error { return l.all(m, d.out) })
}

// pieces reads a build run in parts of about limit bytes, index included.
type pieces struct {
	side   []op.In
	run    int
	schema dtype.Schema
	alloc  mem.Allocator
	limit  int64
	share  int // only each of-th batch, if of is more than 1
	of     int

	count  int            // batches taken of the input being read from disk
	lent   []*chunk.Batch // of the input being read, if it is in memory
	reader chunk.Reader   // of the input being read, if it is on disk
	held   *chunk.Batch   // read but not taken yet
	b      *chunk.Builder
}

func (p *pieces) close() {
	if p.reader != nil {
		p.reader.Close()
	}
	if p.b != nil {
		p.b.Close()
	}
}

// next returns the next piece, which the caller releases, or io.EOF. A piece that
// is refused memory ends early.
func (p *pieces) next() (out []*chunk.Batch, err error) {
	if p.b == nil {
		p.b = chunk.NewBuilder(p.schema, p.alloc)
	}
	rows := 0
	for p.b.Bytes()*3/2+int64(p.b.Len()+rows)*indexBytes < p.limit*3/4 {
		m, lent, err := p.peek()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
		if lent {
			m.Retain()
			out, rows = append(out, m), rows+m.N
			p.lent = p.lent[1:]
			continue
		}
		if err := p.b.Append(m); err != nil {
			if errors.Is(err, mem.ErrBudget) && (p.b.Len() > 0 || len(out) > 0) {
				break
			}
			return out, err
		}
		p.held = nil
	}
	if p.b.Len() > 0 {
		out = append(out, p.b.Flush())
	}
	if len(out) == 0 {
		return nil, io.EOF
	}
	return out, nil
}

// peek returns the next batch without taking it.
func (p *pieces) peek() (m *chunk.Batch, lent bool, err error) {
	for {
		switch {
		case p.held != nil:
			return p.held, false, nil
		case len(p.lent) > 0:
			return p.lent[0], true, nil
		case p.reader != nil:
			if p.of > 1 {
				err = p.reader.Seek(p.share + p.of*p.count)
				p.count++
			}
			if err == nil {
				p.held, err = p.reader.Next()
			}
			if err == nil {
				continue
			}
			p.held = nil
			if !errors.Is(err, io.EOF) {
				return nil, false, err
			}
			err = p.reader.Close()
			if p.reader = nil; err != nil {
				return nil, false, err
			}
		case len(p.side) == 0:
			return nil, false, io.EOF
		default:
			in := p.side[0]
			p.side = p.side[1:]
			if p.run >= in.Runs() {
				continue
			}
			if all := lend(in, p.run); all != nil {
				p.lent = p.mine(all)
				continue
			}
			p.count = 0
			if p.reader, err = in.Open(p.run); err != nil {
				return nil, false, err
			}
		}
	}
}

// mine are the batches of a run that are of this share.
func (p *pieces) mine(all []*chunk.Batch) []*chunk.Batch {
	if p.of <= 1 {
		return all
	}
	var out []*chunk.Batch
	for i := p.share; i < len(all); i += p.of {
		out = append(out, all[i])
	}
	return out
}
