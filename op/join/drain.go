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

// Drain joins the runs that were left out: one split per run that has probe rows.
func (s *probeStage) Drain() (op.Feed, error) {
	if s.file == nil {
		return nil, nil
	}
	f := &drainFeed{s: s}
	for r, left := range s.b.left {
		if left && s.file.RunRows(r) > 0 {
			f.runs = append(f.runs, r)
		}
	}
	return f, nil
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
}

func (f *drainFeed) Splits() int                { return len(f.runs) }
func (f *drainFeed) Reader() (op.Reader, error) { return &drainReader{f}, nil }
func (f *drainFeed) Close() error               { return nil }

type drainReader struct{ f *drainFeed }

func (r *drainReader) Close() error { return nil }

// Read joins one run.
func (r *drainReader) Read(split int, out op.Sink) error {
	s := r.f.s
	d := &nested{s: s, run: r.f.runs[split], out: out, seq: (s.top + uint64(split)) << 32, sub: ^uint32(0)}
	defer d.close()
	return d.join()
}

// A nested joins one run in block-nested loops: for every piece of the build run
// that fits into memory it reads the probe run once. Usually there is one piece.
type nested struct {
	s       *probeStage
	run     int
	out     op.Sink
	seq     uint64
	sub     uint32
	matched []byte // a bit per probe row, except for inner joins
	left    []uint32
	ids     []uint32
}

func (d *nested) close() { d.s.t.Free(d.matched) }

func (d *nested) join() error {
	if d.s.p.p.Kind != Inner {
		n := chunk.Words(int(d.s.file.RunRows(d.run))) * 8
		if d.matched = d.s.t.Alloc(n); d.matched == nil {
			return fmt.Errorf("join: %d bytes to mark the rows of one run: %w", n, mem.ErrBudget)
		}
		clear(d.matched)
	}
	in := &pieces{side: d.s.side, run: d.run, schema: d.s.p.p.Build, alloc: d.s.t}
	in.limit = d.s.ration.take(d.cost())
	defer d.s.ration.put(in.limit)
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
	if k := d.s.p.p.Kind; k == Left || k == Anti {
		return d.rest()
	}
	return nil
}

// indexBytes is about what the index takes per build row at most.
const indexBytes = 32

// cost estimates the memory to join the run in one piece. Builders hold up to
// twice the rows' bytes.
func (d *nested) cost() (n int64) {
	for _, in := range d.s.side {
		if d.run < in.Runs() {
			n += in.RunBytes(d.run)
		}
	}
	rows := float64(n) / rowBytes(d.s.p.p.Build)
	return 2*n + int64(rows*indexBytes) + 256<<10
}

// piece joins the probe run with some build rows. When their index does not fit
// it takes half of them at a time.
func (d *nested) piece(batches []*chunk.Batch) error {
	t := d.s.p.newTable(d.s.t)
	t.alone = true
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
		err = t.view(d.s.p.cols, serially)
	}
	if err == nil {
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
	return chunk.Each(d.s.file, d.run, func(m *chunk.Batch) error {
		if err := d.s.t.Context().Err(); err != nil {
			return err
		}
		m.Seq = d.seq
		at += m.N
		return f(m, at-m.N)
	})
}

// pass joins the whole probe run with the rows of t.
func (d *nested) pass(t *table) error {
	x := newMatcher(d.s.p, t)
	x.kind = Inner
	e := x.emit
	e.outer = false
	e.seq, e.sub, e.begun = d.seq, d.sub, true
	err := d.eachProbe(func(m *chunk.Batch, at int) error {
		switch d.s.p.p.Kind {
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
		if err := x.match(m, nil, d.out); err != nil {
			return err
		}
		if d.matched != nil {
			d.markAll(at, x.probe.heads)
		}
		return nil
	})
	d.sub = e.sub
	return err
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
	t := d.s.p.newTable(d.s.t)
	if err := t.view(d.s.p.cols, serially); err != nil {
		return err
	}
	x := newMatcher(d.s.p, t)
	e := x.emit
	e.seq, e.sub, e.begun = d.seq, d.sub, true
	return d.eachProbe(func(m *chunk.Batch, at int) error {
		d.left, d.ids = d.left[:0], d.ids[:0]
		for i := range m.N {
			if d.matched[(at+i)>>3]>>((at+i)&7)&1 == 0 {
				d.left, d.ids = append(d.left, uint32(i)), append(d.ids, none)
			}
		}
		return x.push(m, d.left, d.ids, d.out)
	})
}

// pieces reads a build run in parts of about limit bytes, index included.
type pieces struct {
	side   []op.In
	run    int
	schema dtype.Schema
	alloc  mem.Allocator
	limit  int64

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
			if p.held, err = p.reader.Next(); err == nil {
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
			if p.lent = lend(in, p.run); p.lent != nil {
				continue
			}
			if p.reader, err = in.Open(p.run); err != nil {
				return nil, false, err
			}
		}
	}
}
