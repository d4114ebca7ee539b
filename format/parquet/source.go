package parquet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// morselRows is how many rows a morsel has at most: the columns of a wide table stay in the second-level cache.
const morselRows = 4096

// A source is "parquet.read" bound in this process.
type source struct {
	p      ReadParams
	where  *expr.Program
	cols   []int // positions in Schema: the output's, then those that only the predicate reads
	outs   int   // of cols
	tested []int // of cols: what the predicate reads, in its order
}

func newSource(p ReadParams) (op.Source, error) {
	where, err := p.where()
	if err != nil {
		return nil, err
	}
	s := &source{p: p, where: where, outs: len(p.Cols)}
	for _, c := range p.Cols {
		s.cols = append(s.cols, int(c))
	}
	for _, c := range p.tested() {
		at := slices.Index(s.cols, c)
		if at < 0 {
			at = len(s.cols)
			s.cols = append(s.cols, c)
		}
		s.tested = append(s.tested, at)
	}
	return s, nil
}

// Open implements op.Source.
func (s *source) Open(t op.Task, _ []op.In) (op.Feed, error) {
	b := t.Block()
	f := &feed{source: s, task: t, groups: s.p.groups(b), splits: s.p.splits(b), open: map[int32]*guard.File{}, dicts: map[int]*groupTexts{}}
	rows := int64(0)
	for _, g := range f.groups {
		rows += g.Rows
	}
	for _, x := range f.splits {
		rows -= x.hi - x.lo
	}
	t.Count("rows left out by statistics", rows)
	return f, nil
}

// A feed is the splits of one block.
type feed struct {
	*source
	task   op.Task
	groups []Group
	splits []segment
	mu     sync.Mutex
	open   map[int32]*guard.File
	dicts  map[int]*groupTexts // by group: of those with splits to be read
	sifts  []op.Choice         // fewest rows first
}

// Sift implements op.Sifted.
func (f *feed) Sift(c op.Choice) {
	f.sifts = append(f.sifts, c)
	slices.SortStableFunc(f.sifts, func(x, y op.Choice) int { return cmp.Compare(x.Rows, y.Rows) })
}

// groupTexts are the dictionaries of text of one row group.
type groupTexts struct {
	left   int // splits to be read
	byLeaf map[int]*texts
}

// texts returns the dictionary of a leaf, which all splits of the group share.
func (f *feed) texts(group, leaf int) *texts {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.dicts[group]
	if g == nil {
		g = &groupTexts{byLeaf: map[int]*texts{}}
		for _, s := range f.splits {
			if s.at == group {
				g.left++
			}
		}
		f.dicts[group] = g
	}
	x := g.byLeaf[leaf]
	if x == nil {
		x = &texts{}
		g.byLeaf[leaf] = x
	}
	return x
}

// passed notes that a split of a group was read. With the last one the group's dictionaries go.
func (f *feed) passed(group int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.dicts[group]; g != nil {
		if g.left--; g.left == 0 {
			f.drop(group)
		}
	}
}

// drop gives the memory of a group's dictionaries back; f is locked or closed.
func (f *feed) drop(group int) {
	for _, x := range f.dicts[group].byLeaf {
		x.drop(f.task)
	}
	delete(f.dicts, group)
}

// Splits implements op.Feed.
func (f *feed) Splits() int { return len(f.splits) }

// Contiguous implements op.Contiguous: who reads on in a row group knows its dictionaries, and so do the stages behind.
func (f *feed) Contiguous() bool { return true }

// Close implements op.Feed.
func (f *feed) Close() (err error) {
	for g := range f.dicts {
		f.drop(g)
	}
	for _, x := range f.open {
		err = errors.Join(err, x.Close())
	}
	return err
}

// file opens one of the files once per task and checks that it is the one that was described.
func (f *feed) file(n int32) (*guard.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.open[n]; x != nil {
		return x, nil
	}
	x, err := open(f.task.Context(), f.p.Files[n].Info)
	if err != nil {
		return nil, err
	}
	f.open[n] = x
	return x, nil
}

// open opens a file that is still what it was.
func open(ctx context.Context, x store.Info) (*guard.File, error) {
	in, err := x.Open(ctx)
	if err != nil {
		return nil, err
	}
	f, err := guard.Open(in, x.Size, guard.Options{Name: store.Name(x.Path), Closer: in})
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return f, nil
}

// Reader implements op.Feed.
func (f *feed) Reader() (op.Reader, error) {
	r := &reader{feed: f, cols: make([]*column, len(f.cols))}
	for i, c := range f.cols {
		r.cols[i] = &column{task: f.task, typ: f.p.Schema[c].Type, leaf: -1}
	}
	if f.where != nil {
		r.eval = f.where.NewState()
	}
	for _, c := range f.sifts {
		r.sifts = append(r.sifts, sifting{cols: c.Cols, meets: c.Meets, sieve: c.Sieve()})
	}
	return r, nil
}

// A reader reads splits on one thread.
type reader struct {
	*feed
	cols []*column
	eval *expr.State
	keep chunk.Compactor

	sifts []sifting
	mask  []uint64
	lost  int64 // rows that were left out by sifts

	test chunk.Batch
	out  chunk.Batch
	seq  uint64
}

// Close implements op.Reader.
func (r *reader) Close() error {
	for _, c := range r.cols {
		c.close()
	}
	return nil
}

// Read implements op.Reader.
func (r *reader) Read(split int, out op.Sink) error {
	s := r.splits[split]
	g := r.groups[s.at]
	r.seq = uint64(r.task.Block())<<48 | uint64(split)<<32
	if len(r.cols) == 0 {
		return r.bare(s, out)
	}
	if !r.meetsPath(g.File) {
		r.task.Count(boundsOfKeys, s.hi-s.lo)
		r.passed(s.at)
		return nil
	}
	f, err := r.file(g.File)
	if err != nil {
		return err
	}
	if int(g.Index) >= f.NumRowGroups() || f.RowGroup(int(g.Index)).Rows != g.Rows {
		return fmt.Errorf("%s changed after the plan was built: its row groups are others", f.Name())
	}
	ranges, err := r.begin(f, g, s)
	if err != nil {
		return err
	}
	for _, x := range ranges {
		if err := r.rows(x, out); err != nil {
			return err
		}
	}
	r.passed(s.at)
	if r.lost > 0 {
		r.task.Count("rows left out by join keys", r.lost)
		r.lost = 0
	}
	return nil
}

// begin opens the columns of a row group and returns the rows to read.
func (r *reader) begin(f *guard.File, g Group, s segment) ([]span, error) {
	group := int(g.Index)
	for i, c := range r.cols {
		if err := c.locate(f, r.source.cols[i], &r.p, g.File); err != nil {
			return nil, err
		}
	}
	if !r.meetsGroup(f.RowGroup(group)) {
		r.task.Count(boundsOfKeys, s.hi-s.lo)
		return nil, nil
	}
	indexes := make([]*guard.PageIndex, len(r.cols))
	for i, c := range r.cols {
		if c.leaf >= 0 && (r.eval != nil || len(r.sifts) > 0 || s.lo > 0) && f.RowGroup(group).Chunks[c.leaf].Indexed {
			var err error
			if indexes[i], err = f.PageIndex(group, c.leaf); err != nil {
				return nil, err
			}
		}
		if err := c.open(f, group, indexes[i]); err != nil {
			return nil, err
		}
		if c.shared, c.group = nil, nil; c.leaf >= 0 && c.root == nil {
			if c.group = &r.groups[s.at]; c.typ.Kind.IsVar() {
				c.shared = r.texts(s.at, c.leaf)
			}
		}
	}
	spans := []span{{s.lo, s.hi}}
	if r.eval != nil {
		var err error
		if spans, err = r.choose(f, group, indexes, spans[0]); err != nil {
			return nil, err
		}
	}
	for i := range r.sifts {
		spans = r.meeting(&r.sifts[i], indexes, spans)
	}
	return spans, nil
}

// locate finds out where the values of a column of the table come from in a file: from a leaf, as they are or widened,
// from the file's path, or from nowhere.
func (c *column) locate(f *guard.File, at int, p *ReadParams, file int32) error {
	want := p.Schema[at]
	c.typ, c.given, c.leaf, c.widen, c.root = want.Type, nil, -1, nil, nil
	if k := at - (len(p.Schema) - int(p.Keys)); k >= 0 {
		c.given = &p.Files[file].Keys[k]
		return nil
	}
	for i := range f.Fields() {
		n := &f.Fields()[i]
		if n.Name != want.Name {
			continue
		}
		t, x, err := fieldType(f, n, p.Int96)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		if t != want.Type {
			s := dtype.Schema{{Name: want.Name, Type: t, Nullable: true}}
			prog, err := expr.Compile(expr.Col(want.Name).Cast(want.Type), s)
			if err != nil {
				return fmt.Errorf("%s: column %q: %w", f.Name(), want.Name, err)
			}
			c.widen = prog.NewState()
		}
		c.leaf, c.typ, c.root = n.Leaf, t, x
		return nil
	}
	c.given = &expr.Literal{Type: want.Type, Null: true}
	return nil
}

// rows reads a range of rows of the row group that is open.
func (r *reader) rows(x span, out op.Sink) error {
	ctx := r.task.Context()
	for at := x.lo; at < x.hi; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(morselRows, x.hi-at))
		for _, c := range r.cols {
			k, err := c.find(at)
			if err != nil {
				return c.short(err)
			}
			n = min(n, k)
		}
		if err := r.morsel(at, n, out); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// morsel reads n rows, those first that decide which of them are wanted.
func (r *reader) morsel(at int64, n int, out op.Sink) (err error) {
	var mask []uint64
	kept, vecs := n, r.out.Cols[:0]
	for range r.cols {
		vecs = append(vecs, chunk.Vec{})
	}
	r.out.Cols, r.out.N, r.out.Seq = vecs, n, r.seq
	if r.eval != nil {
		if err := r.need(r.tested, at); err != nil {
			return err
		}
		if mask, kept, err = r.eval.Filter(&r.test); err != nil || kept == 0 {
			return err
		}
	}
	if mask, kept, err = r.sift(at, mask, kept); err != nil || kept == 0 {
		return err
	}
	for i := range r.outs {
		if err := r.decode(i, at); err != nil {
			return err
		}
	}
	r.out.Cols = vecs[:r.outs]
	m := &r.out
	if kept < n {
		m = r.keep.Keep(m, mask, kept)
	}
	r.seq++
	return out.Push(m)
}

// decode reads a column of the morsel, unless a test has.
func (r *reader) decode(i int, at int64) (err error) {
	if v := &r.out.Cols[i]; v.N == 0 {
		*v, err = r.cols[i].decode(at, r.out.N)
		err = r.cols[i].short(err)
	}
	return err
}

// need makes test the named columns of the morsel.
func (r *reader) need(cols []int, at int64) error {
	r.test.Cols, r.test.N = r.test.Cols[:0], r.out.N
	for _, i := range cols {
		if err := r.decode(i, at); err != nil {
			return err
		}
		r.test.Cols = append(r.test.Cols, r.out.Cols[i])
	}
	return nil
}

// bare gives rows of no columns: what counting needs.
func (r *reader) bare(s segment, out op.Sink) error {
	const most = math.MaxUint16
	for at := s.lo; at < s.hi; at += most {
		m := chunk.Batch{N: int(min(most, s.hi-at)), Seq: r.seq}
		r.seq++
		if err := out.Push(&m); err != nil {
			return err
		}
	}
	return nil
}
