package join

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// fakeTask is a task over a pool of its own.
type fakeTask struct {
	*mem.Pool
	dir     *spill.Dir
	threads int
	sinks   func() func(m *chunk.Batch) error // one sink per thread instead of one for all
	evict   bool                              // the build block goes to disk before it is probed
	into    func() *chunk.Builder             // for what is emitted; nil for a breaker
	lowered func(probe op.Node)
	mu      sync.Mutex
	counts  map[string]int64
}

func (t *fakeTask) Context() context.Context { return context.Background() }
func (t *fakeTask) Block() int               { return 0 }
func (t *fakeTask) Threads() int             { return t.threads }
func (t *fakeTask) Shared() mem.Allocator    { return t.Pool }
func (t *fakeTask) Budget() int64            { return t.Limit() }
func (t *fakeTask) Spill(s dtype.Schema, n int) (*spill.File, error) {
	return t.dir.Create(s, n)
}
func (t *fakeTask) Count(name string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[name] += n
}
func (t *fakeTask) Fork(n int, f func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range t.threads {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// blockOut gathers a breaker's output.
type blockOut struct {
	mu   sync.Mutex
	runs [][]*chunk.Batch
	v    chunk.Value
}

func (o *blockOut) Put(run int, b *chunk.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.runs) <= run {
		o.runs = append(o.runs, nil)
	}
	o.runs[run] = append(o.runs[run], b)
	return nil
}
func (o *blockOut) PutValue(v chunk.Value) error { o.v = v; return nil }
func (o *blockOut) value() chunk.Value {
	if o.v != nil {
		return o.v
	}
	return chunk.NewBlock(o.runs)
}

// sinkFunc makes a sink of a function.
type sinkFunc func(m *chunk.Batch) error

func (f sinkFunc) Push(m *chunk.Batch) error { return f(m) }

// A rowSink is the other kind of sink: it keeps rows in a builder, some times
// several pushes of them, some times none because its allocator refuses.
type rowSink struct {
	mu   sync.Mutex
	b    *chunk.Builder
	sink func(m *chunk.Batch) error
	n    uint32
}

// A moody allocator refuses every so often.
type moody struct {
	mem.Allocator
	n int
}

func (a *moody) Alloc(n int) []byte {
	if a.n++; a.n%13 == 0 {
		return nil
	}
	return a.Allocator.Alloc(n)
}

func (s *rowSink) Push(m *chunk.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.flush(), s.sink(m))
}

func (s *rowSink) PushRows(r op.Rows) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.n%5 != 0 {
		switch err := r.Into(s.b); {
		case errors.Is(err, mem.ErrBudget):
		case err != nil || s.b.Len() < 1000 && s.n%4 != 0:
			return err
		default:
			return s.flush()
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	m := r.Morsel()
	if m.N != r.Len() || m.Seq != r.Seq() {
		return fmt.Errorf("rows %d at %x gave a morsel of %d at %x", r.Len(), r.Seq(), m.N, m.Seq)
	}
	return s.sink(m)
}

func (s *rowSink) flush() error {
	if s.b == nil || s.b.Len() == 0 {
		return nil
	}
	m := s.b.Flush()
	defer m.Release()
	m.Seq, m.Sub = ^uint64(0), s.n
	for lo := 0; lo < m.N; lo += maxRows {
		part := m.Slice(lo, min(m.N, lo+maxRows))
		part.Seq -= uint64(lo)
		if err := s.sink(part); err != nil {
			return err
		}
	}
	return nil
}

// sifter leaves out the rows for which a stage says that it gives nothing, as the one who
// makes them may.
func sifter(st op.Stage) func(m *chunk.Batch) *chunk.Batch {
	x, ok := st.(op.Choosy)
	if !ok {
		return func(m *chunk.Batch) *chunk.Batch { return m }
	}
	c, ok := x.Choice()
	if !ok {
		return func(m *chunk.Batch) *chunk.Batch { return m }
	}
	sieve, keep := c.Sieve(), &chunk.Compactor{}
	return func(m *chunk.Batch) *chunk.Batch {
		keys := &chunk.Batch{N: m.N}
		for _, c := range c.Cols {
			keys.Cols = append(keys.Cols, m.Cols[c])
		}
		mask, n := sieve.Sift(keys)
		return keep.Keep(m, mask, n)
	}
}

// drive runs a pipe over batches with the task's threads; thread i takes batches
// i, i+threads, …; what is emitted goes to sink under a lock.
func drive(t *fakeTask, p op.Pipe, side []op.In, in []*chunk.Batch, sink func(m *chunk.Batch) error, out op.Out) (err error) {
	st, err := p.Open(t, side)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	locked := &rowSink{sink: sink}
	if t.into != nil {
		locked.b = t.into()
	}
	err = t.Fork(t.threads, func(i int) error {
		locked := op.Sink(locked)
		if t.sinks != nil {
			locked = sinkFunc(t.sinks())
		}
		l, err := st.Local()
		if err != nil {
			return err
		}
		sift := sifter(st)
		for k := i; k < len(in) && err == nil; k += t.threads {
			m := in[k]
			if k%3 == 1 {
				m = sift(m)
			}
			err = l.Push(m, locked)
		}
		return errors.Join(err, l.Close(locked, err != nil))
	})
	if err != nil {
		return err
	}
	feed, err := st.Drain()
	if err != nil {
		return err
	}
	if feed != nil {
		if err := readAll(t, feed, locked); err != nil {
			return err
		}
	}
	if err := locked.flush(); err != nil {
		return err
	}
	return st.Finish(out)
}

// readAll reads the splits of a feed with the task's threads.
func readAll(t *fakeTask, feed op.Feed, out op.Sink) error {
	var next atomic.Int64
	return t.Fork(t.threads, func(int) error {
		r, err := feed.Reader()
		for s := int(next.Add(1)) - 1; s < feed.Splits() && err == nil; s = int(next.Add(1)) - 1 {
			err = r.Read(s, out)
		}
		return err
	})
}

// run joins two tables of batches.
func run(t *fakeTask, p Params, l, r *input, sink func(m *chunk.Batch) error) error {
	return runWith(t, p, l, r, func(probe op.Pipe, side []op.In, in []*chunk.Batch) error {
		return drive(t, probe, side, in, sink, &blockOut{})
	})
}

// runDivided joins two tables of batches as a plan does that was cut before the join: with
// both divided, run by run.
func runDivided(t *fakeTask, p Params, l, r *input, sink func(m *chunk.Batch) error) error {
	node := op.Node{}
	t.lowered = func(probe op.Node) { node = probe }
	defer func() { t.lowered = nil }()
	return runWith(t, p, l, r, func(pipe op.Pipe, side []op.In, in []*chunk.Batch) error {
		probed := op.Meta{Schema: pipe.(*probing).in, Rows: -1, Bytes: -1}
		d, ok := op.Of(node.Call).Divide(node.Call.Params, probed, op.Meta{}, math.Inf(1))
		if !ok {
			return errors.New("the join cannot be divided")
		}
		front, err := op.Of(d.Front).Bind(d.Front.Params, probed)
		if err != nil {
			return err
		}
		out := &blockOut{}
		if err := drive(t, front.Pipe, nil, in, nil, out); err != nil {
			return err
		}
		v := out.value()
		defer v.Release()
		back, err := op.Of(d.Back).Bind(d.Back.Params, op.Meta{})
		if err != nil {
			return err
		}
		feed, err := back.Source.Open(t, []op.In{{Value: v, Hi: d.Size.Runs}, {Value: side[0].Value, Hi: d.Size.Runs, Edge: 1}})
		if err != nil {
			return err
		}
		locked := &rowSink{sink: sink, b: t.into()}
		return errors.Join(readAll(t, feed, locked), locked.flush(), feed.Close())
	})
}

// runWith builds, and leaves probing to f.
func runWith(t *fakeTask, p Params, l, r *input, probing func(probe op.Pipe, side []op.In, in []*chunk.Batch) error) error {
	lm, rm := op.Meta{Schema: l.schema, Rows: l.est, Bytes: -1}, op.Meta{Schema: r.schema, Rows: r.est, Bytes: -1}
	call, meta, err := Hash.Call(p, lm, rm)
	if err != nil {
		return err
	}
	f := &op.Fragment{In: []op.Meta{lm, rm}, Blocks: []int{1, 1}, Out: meta}
	if err := op.Of(call).Lower(call.Params, f); err != nil {
		return err
	}
	sides := []*input{l, r}
	build, probe := f.Nodes[0], f.Nodes[1]
	if t.lowered != nil {
		t.lowered(probe)
	}
	if got, want := probe.Meta.Schema.String(), meta.Schema.String(); got != want {
		return fmt.Errorf("lowered schema is %s, want %s", got, want)
	}
	b, err := op.Of(build.Call).Bind(build.Call.Params, op.Meta{Schema: sides[-1-build.In[0].From].schema})
	if err != nil {
		return err
	}
	out := &blockOut{}
	if err := drive(t, b.Pipe, nil, sides[-1-build.In[0].From].batches, nil, out); err != nil {
		return err
	}
	v := out.value()
	if b, ok := v.(*chunk.Block); ok && t.evict {
		f, err := t.Spill(build.Meta.Schema, b.Runs())
		if err != nil {
			return err
		}
		for r := range b.Runs() {
			for _, m := range b.Batches(r) {
				if err := f.Write(r, m); err != nil {
					return err
				}
			}
		}
		b.Release()
		v = f
	}
	defer v.Release()
	pb, err := op.Of(probe.Call).Bind(probe.Call.Params, op.Meta{Schema: sides[-1-probe.In[0].From].schema})
	if err != nil {
		return err
	}
	defer pb.Pipe.Close()
	t.into = func() *chunk.Builder { return chunk.NewBuilder(meta.Schema, &moody{mem.Heap, 0}) }
	defer func() { t.into = nil }()
	return probing(pb.Pipe, []op.In{{Value: v, Hi: v.Runs()}}, sides[-1-probe.In[0].From].batches)
}

func newTask(t testing.TB, limit int64, threads int) *fakeTask {
	d := spill.NewDir(t.TempDir())
	t.Cleanup(func() { d.Close() })
	return &fakeTask{Pool: mem.NewPool(limit), dir: d, threads: threads, counts: map[string]int64{}}
}

// input is a table in batches.
type input struct {
	schema  dtype.Schema
	batches []*chunk.Batch
	est     float64
}

// cell renders a value such that equal keys have equal text; "∅" is null.
func cell(v *chunk.Vec, i int, key bool) string {
	if v.IsNull(i) {
		return "∅"
	}
	switch v.Type.Kind {
	case dtype.Bool:
		return fmt.Sprint(v.Bool(i))
	case dtype.Utf8, dtype.Binary:
		return fmt.Sprintf("%q", v.Text(i))
	case dtype.Float32, dtype.Float64:
		var x float64
		if v.Type.Kind == dtype.Float32 {
			x = float64(chunk.Values[float32](v)[i])
		} else {
			x = chunk.Values[float64](v)[i]
		}
		switch {
		case x != x:
			return "NaN"
		case key:
			x += 0
		}
		return fmt.Sprint(math.Float64bits(x))
	}
	w := v.Type.Width()
	return fmt.Sprintf("%x", v.Data[i*w:(i+1)*w])
}

func rowText(m *chunk.Batch, i int, key bool) []string {
	out := make([]string, len(m.Cols))
	for c := range m.Cols {
		out[c] = cell(&m.Cols[c], i, key)
	}
	return out
}

// naive is the reference: rows as text, in the order of left rows, then right
// rows; keys are compared as text.
func naive(p Params, l, r *input) []string {
	type row struct {
		key  string
		text []string
	}
	load := func(in *input, names []string) (rows []row) {
		for _, m := range in.batches {
			for i := range m.N {
				x := row{text: rowText(m, i, false)}
				for _, n := range names {
					c := cell(&m.Cols[in.schema.Index(n)], i, true)
					if c == "∅" {
						x.key = "∅"
						break
					}
					x.key += c + "|"
				}
				rows = append(rows, x)
			}
		}
		return rows
	}
	byKey := map[string][]row{}
	for _, b := range load(r, p.Right) {
		byKey[b.key] = append(byKey[b.key], b)
	}
	delete(byKey, "∅")
	cols, _, _ := p.output(l.schema, r.schema)
	var out []string
	give := func(a, b []string) {
		parts := make([]string, len(cols))
		for i, c := range cols {
			switch {
			case !c.Build && a != nil:
				parts[i] = a[l.schema.Index(c.In)]
			case !c.Build && c.Shared:
				parts[i] = b[r.schema.Index(c.In)]
			case !c.Build:
				parts[i] = "∅"
			case b == nil:
				parts[i] = "∅"
			default:
				parts[i] = b[r.schema.Index(c.In)]
			}
		}
		out = append(out, strings.Join(parts, " "))
	}
	met := map[string]bool{}
	for _, a := range load(l, p.Left) {
		n := 0
		met[a.key] = a.key != "∅"
		for _, b := range byKey[a.key] {
			if n++; p.Kind == Inner || p.Kind == Left || p.Kind == Full {
				give(a.text, b.text)
			}
		}
		if n > 0 && p.Kind == Semi || n == 0 && (p.Kind == Anti || p.Kind == Left || p.Kind == Full) {
			give(a.text, nil)
		}
	}
	for _, b := range load(r, p.Right) {
		if p.Kind == Full && !met[b.key] {
			give(nil, b.text)
		}
	}
	return out
}

// gen makes random columns.
type gen struct {
	*rand.Rand
	domain int     // distinct values of key columns, about
	nulls  float64 // share of nulls
	dict   int     // 0: plain text, 1: one dictionary, 2: another for every batch
	long   bool    // texts may be longer than 15 bytes
	shared *chunk.Dict
}

var nextDict atomic.Uint64

func (g *gen) vec(t dtype.Type, n int) chunk.Vec {
	v := chunk.Vec{Type: t, N: n}
	if g.nulls > 0 && t.Kind != dtype.Null {
		v.Valid = make([]uint64, chunk.Words(n))
		for i := range n {
			if g.Float64() >= g.nulls {
				v.Valid[i>>6] |= 1 << (i & 63)
			}
		}
	}
	switch {
	case t.Kind == dtype.Null:
	case t.Kind.IsVar() && g.dict > 0:
		d := g.shared
		if d == nil || g.dict == 2 {
			d = &chunk.Dict{ID: nextDict.Add(1), Values: g.texts(t, g.IntN(g.domain)+1)}
			g.shared = d
		}
		codes := make([]uint32, n)
		for i := range codes {
			codes[i] = uint32(g.IntN(d.Values.N))
		}
		v.Dict, v.Data = d, chunk.Bytes(codes)
	case t.Kind.IsVar():
		x := g.texts(t, n)
		v.Off, v.Str = x.Off, x.Str
	case t.Kind == dtype.Bool:
		bits := make([]uint64, chunk.Words(n)+1)
		for i := range bits {
			bits[i] = g.Uint64()
		}
		v.Data = chunk.Bytes(bits)
	default:
		g.fixed(t, &v)
	}
	return v
}

func (g *gen) texts(t dtype.Type, n int) chunk.Vec {
	v := chunk.Vec{Type: t, N: n, Off: []int32{0}}
	for range n {
		k := g.IntN(g.domain)
		s := fmt.Sprintf("k%d", k)
		if k == 0 {
			s = ""
		}
		if g.long && k%3 == 0 {
			s = fmt.Sprintf("a long common prefix and number %d", k)
		}
		v.Str = append(v.Str, s...)
		v.Off = append(v.Off, int32(len(v.Str)))
	}
	return v
}

func (g *gen) fixed(t dtype.Type, v *chunk.Vec) {
	w := t.Width()
	v.Data = chunk.Bytes(make([]uint64, (v.N*w+7)/8+8))[:v.N*w]
	for i := range v.N {
		k := g.IntN(g.domain) - g.domain/2
		switch t.Kind {
		case dtype.Float32:
			chunk.Values[float32](v)[i] = float32(special(k))
		case dtype.Float64:
			chunk.Values[float64](v)[i] = special(k)
		case dtype.Timestamp:
			chunk.Values[int64](v)[i] = int64(k) * 1e15
		default:
			for b := range min(w, 8) {
				v.Data[i*w+b] = byte(int64(k) >> (8 * b))
			}
			if w == 16 {
				chunk.Values[[16]byte](v)[i][12] = byte(k)
			}
		}
	}
}

func special(k int) float64 {
	switch k {
	case 1:
		return math.NaN()
	case 2:
		return math.Float64frombits(0x7ff8dead00000001)
	case 3:
		return math.Copysign(0, -1)
	case 4:
		return 0
	case 5:
		return math.Inf(-1)
	}
	return float64(k) * 1.25
}

// table makes n rows in batches of random sizes.
func (g *gen) table(s dtype.Schema, n int) *input {
	in := &input{schema: s, est: float64(n)}
	for seq := uint64(0); n > 0; seq++ {
		k := min(n, 1+g.IntN(300))
		b := &chunk.Batch{N: k, Seq: seq << 32}
		for _, f := range s {
			b.Cols = append(b.Cols, g.vec(f.Type, k))
		}
		in.batches = append(in.batches, b)
		n -= k
	}
	return in
}

// rows makes n rows in large batches.
func (g *gen) rows(s dtype.Schema, n int) *input {
	in := &input{schema: s, est: float64(n)}
	for seq := uint64(0); n > 0; seq++ {
		b := &chunk.Batch{N: min(n, maxRows), Seq: seq << 32}
		for _, f := range s {
			b.Cols = append(b.Cols, g.vec(f.Type, b.N))
		}
		in.batches = append(in.batches, b)
		n -= b.N
	}
	return in
}

// same compares results; in order when ordered.
func same(t *testing.T, got, want []string, ordered bool) {
	t.Helper()
	if !ordered {
		slices.Sort(got)
		slices.Sort(want)
	}
	if len(got) != len(want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("row %d is\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
}

// collect joins and renders; it checks that batches are well formed and that no
// two have the same place.
func collect(t *testing.T, task *fakeTask, p Params, l, r *input) []string {
	t.Helper()
	return collectWith(t, run, task, p, l, r)
}

func collectWith(t *testing.T, run func(*fakeTask, Params, *input, *input, func(*chunk.Batch) error) error, task *fakeTask, p Params, l, r *input) []string {
	t.Helper()
	var out []string
	type place struct {
		seq uint64
		sub uint32
	}
	seen := map[place]bool{}
	err := run(task, p, l, r, func(m *chunk.Batch) error {
		if m.N == 0 || m.N > maxRows {
			t.Errorf("a batch of %d rows", m.N)
		}
		if at := (place{m.Seq, m.Sub}); seen[at] {
			t.Errorf("two batches at %x/%d", m.Seq, m.Sub)
		} else {
			seen[at] = true
		}
		for c := range m.Cols {
			if m.Cols[c].N != m.N {
				t.Errorf("column %d has %d rows of %d", c, m.Cols[c].N, m.N)
			}
		}
		for i := range m.N {
			out = append(out, strings.Join(rowText(m, i, false), " "))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if used := task.Used(); used != 0 {
		t.Errorf("%d bytes are still in use", used)
	}
	return out
}
