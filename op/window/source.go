package window

import (
	"errors"
	"io"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A bound is window.run made ready.
type bound struct {
	p         Params
	schema    dtype.Schema
	by, order []int
	outs      []dtype.Field
	peers     bool // some function looks at peers
}

func (p Params) bind(in dtype.Schema) (*bound, error) {
	b := &bound{p: p, schema: in}
	for _, c := range p.By {
		i, err := in.Find(c)
		if err != nil {
			return nil, err
		}
		b.by = append(b.by, i)
	}
	for _, k := range p.Order {
		i, err := in.Find(k.Col)
		if err != nil {
			return nil, err
		}
		b.order = append(b.order, i)
	}
	for _, f := range p.Funcs {
		out, err := p.result(f, in)
		if err != nil {
			return nil, err
		}
		b.outs = append(b.outs, out)
		b.peers = b.peers || f.Frame.Range || f.Fn == Rank || f.Fn == DenseRank || f.Fn == PercentRank
	}
	return b, nil
}

// Open implements op.Source. With a partition, input 0 is the block and input 1
// are all of them; without one, input 0 is all there is.
func (b *bound) Open(t op.Task, in []op.In) (op.Feed, error) {
	f := &feed{bound: b, t: t, hi: -1}
	all := in
	if len(b.by) > 0 {
		all = slices.DeleteFunc(slices.Clone(in), func(x op.In) bool { return x.Edge == 0 })
	}
	f.tape = &tape{by: b.by, order: b.order, schema: b.schema, ctx: t.Context()}
	for i, x := range all {
		if i == t.Block() {
			f.lo = len(f.tape.runs)
		}
		f.tape.runs = append(f.tape.runs, tapeOf([]op.In{x})...)
		if i == t.Block() {
			f.hi = len(f.tape.runs)
		}
	}
	if len(b.by) == 0 {
		f.lo, f.hi = 0, len(f.tape.runs)
	}
	return f, f.findFirst()
}

// A feed reads the runs lo … hi-1 of the tape, each a split.
type feed struct {
	*bound
	t      op.Task
	tape   *tape
	lo, hi int
	first  int // run with the first row of the tape
}

func (f *feed) Splits() int                { return f.hi - f.lo }
func (f *feed) Reader() (op.Reader, error) { return &reader{feed: f}, nil }
func (f *feed) Close() error               { return nil }

// findFirst looks for the first run that has rows.
func (f *feed) findFirst() error {
	for i, r := range f.tape.runs {
		some, err := hasRows(r)
		if f.first = i; err != nil || some {
			return err
		}
	}
	return nil
}

func hasRows(r runAt) (some bool, err error) {
	x, err := r.v.Open(r.run)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	for {
		b, err := x.Next()
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if b.N > 0 {
			return true, nil
		}
	}
}

// A reader reads splits on one thread.
type reader struct {
	*feed
	out   chunk.Batch
	lead  *chunk.Builder
	idx   []uint32
	piece *chunk.Batch
}

func (r *reader) Close() error { return nil }

// morsel is how many rows are given at a time.
const morsel = 8192

// begin finds where the first partition of a run of the tape begins, in it or
// with the first row of the next one; false if there is none.
func (r *reader) begin(run int) (at spot, ok bool, err error) {
	if run < r.first || run > r.first && len(r.by) == 0 {
		return at, false, nil
	}
	c, err := r.tape.cursor(spot{run: run}, false)
	if err != nil {
		return at, false, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if c.b == nil || c.at.run != run {
		return at, false, nil
	}
	if run == r.first {
		return c.at, true, nil
	}
	for c.b != nil {
		if err := r.t.Context().Err(); err != nil {
			return at, false, err
		}
		if c.at.run != run {
			c.at.row = 0
			return c.at, c.part[0] > 0, nil
		}
		if n := c.b.N; c.part[n-1] > 0 {
			at = c.at
			at.row, _ = slices.BinarySearch(c.part, 1)
			return at, true, nil
		}
		if err := c.turn(); err != nil {
			return at, false, err
		}
	}
	return at, false, nil
}

// Read implements op.Reader.
func (r *reader) Read(split int, out op.Sink) (err error) {
	run := r.lo + split
	at, ok, err := r.begin(run)
	if err != nil || !ok {
		return err
	}
	c, err := r.tape.cursor(at, r.peers)
	if err != nil {
		return err
	}
	evs := make([]evaluator, len(r.p.Funcs))
	defer func() {
		e := c.close()
		for _, ev := range evs {
			if ev != nil {
				e = errors.Join(e, ev.close())
			}
		}
		if e != nil && (err == nil || errors.Is(err, op.ErrEnough)) {
			err = e
		}
	}()
	for i := range evs {
		if evs[i], err = r.evaluator(i, at); err != nil {
			return err
		}
	}
	seq := uint64(r.t.Block())<<48 | uint64(split)<<32
	base, beyond := uint32(0), at.run != run
	for from := at.row; c.b != nil; from = 0 {
		if c.at.run != run && !beyond {
			beyond, base = true, c.part[0]
		}
		stop := c.b.N
		if beyond && c.part[stop-1] > base {
			stop = from + search(c.part[from:], base+1)
		}
		if err := r.give(c, evs, from, stop, &seq, out); err != nil {
			return err
		}
		if stop < c.b.N {
			return nil
		}
		c.index += int64(c.b.N - from)
		if err := c.turn(); err != nil {
			return err
		}
	}
	return nil
}

// search returns the first position whose value is x or more.
func search(list []uint32, x uint32) int { i, _ := slices.BinarySearch(list, x); return i }

// give pushes rows [from, stop) of the cursor's batch with the functions'
// columns. Row from has the cursor's index.
func (r *reader) give(c *cursor, evs []evaluator, from, stop int, seq *uint64, out op.Sink) error {
	for lo := from; lo < stop; {
		if err := r.t.Context().Err(); err != nil {
			return err
		}
		hi := min(stop, lo&^63+morsel)
		if lo&63 != 0 {
			hi = min(hi, (lo+63)&^63)
		}
		o := &r.out
		if err := r.columns(c.b, lo, hi); err != nil {
			return err
		}
		o.N, o.Seq = hi-lo, *seq
		*seq++
		m := view{c: c, lo: lo, hi: hi, index: c.index + int64(lo-from)}
		for _, ev := range evs {
			v, err := ev.eval(&m)
			if err != nil {
				return err
			}
			o.Cols = append(o.Cols, v)
		}
		if err := out.Push(o); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// columns puts rows [lo, hi) of the input into the output; up to the next word of
// a bitmap they are copied.
func (r *reader) columns(b *chunk.Batch, lo, hi int) error {
	o := &r.out
	o.Cols = o.Cols[:0]
	if lo&63 == 0 {
		for i := range b.Cols {
			o.Cols = append(o.Cols, b.Cols[i].Slice(lo, hi))
		}
		return nil
	}
	if r.lead == nil {
		r.lead = chunk.NewBuilder(r.schema, mem.Heap)
	}
	r.idx = r.idx[:0]
	for i := lo; i < hi; i++ {
		r.idx = append(r.idx, uint32(i))
	}
	if err := r.lead.AppendRows(b, r.idx); err != nil {
		return err
	}
	r.piece = r.lead.Flush()
	o.Cols = append(o.Cols, r.piece.Cols...)
	return nil
}
