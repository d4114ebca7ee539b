package order

import (
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// bestParams are the parameters of order.best.
type bestParams struct {
	Keys []op.SortKey
	N    int64
}

// bestOp gives the first rows of a block by keys, in order. Every thread keeps
// a few times as many rows as wanted and now and then sorts them and forgets all
// but the best; rows that come after the worst of these are not even copied.
// The position of a row is its last key.
var bestOp = op.Register(op.Spec[bestParams]{
	Name: "order.best", Version: 1, Class: op.Breaking,
	Doc: "gives the first rows of a block by keys, in order",
	Infer: func(p bestParams, in []op.Meta) (op.Meta, error) {
		m, err := inferSorted(p.Keys, in[0])
		return firstOf(m, p.N), err
	},
	Mem: func(p bestParams, in op.Meta) op.Need {
		return op.Need{Floor: 16 << 20, Want: 16<<20 + int64(3*float64(p.N)*topRowBytes(in))}
	},
	Text: func(p bestParams) string { return firstText(p.N) + keysText(p.Keys) },
	Pipe: func(p bestParams, in op.Meta) (op.Pipe, error) {
		k, err := bindKeys(p.Keys, in.Schema)
		n := len(in.Schema)
		u := dtype.Of(dtype.Uint64)
		return &bestPipe{n: int(p.N), schema: in.Schema,
			wide: append(slices.Clone(in.Schema), dtype.Field{Name: "\x00seq", Type: u}, dtype.Field{Name: "\x00sub", Type: u}),
			keys: append(k, key{col: n, kind: dtype.Uint64}, key{col: n + 1, kind: dtype.Uint64})}, err
	},
})

// A bestPipe knows the columns: wide has the position too.
type bestPipe struct {
	n      int
	schema dtype.Schema
	wide   dtype.Schema
	keys   []key
}

func (p *bestPipe) Close() error { return nil }
func (p *bestPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return &bestStage{bestPipe: p, t: t}, nil
}

type bestStage struct {
	*bestPipe
	t     op.Task
	mu    sync.Mutex
	pages []*page
}

func (s *bestStage) Local() (op.Local, error) {
	l := &bestLocal{s: s, g: gatherer{schema: s.wide, t: s.t, must: true}}
	l.level = levelsOf(s.keys[:1], []spread{anySpread(s.keys[0].kind)})
	return l, nil
}
func (s *bestStage) Drain() (op.Feed, error) { return nil, nil }
func (s *bestStage) Close() error            { freePages(s.t, s.pages); return nil }

type bestLocal struct {
	s     *bestStage
	g     gatherer
	level []level // of the first key; none if its values are all equal
	worst uint64  // rows with a larger word are not among the best
	full  bool    // there is a worst
	es    []entry
	mask  []uint64
	keep  chunk.Compactor
	wide  chunk.Batch
	pos   [2][]uint64
}

// Push implements op.Local.
func (l *bestLocal) Push(m *chunk.Batch, _ op.Sink) error {
	b := l.keep.Keep(l.place(m), l.mask, l.choose(m))
	for lo := 0; lo < b.N; {
		n, err := l.g.add(b, lo, false)
		if err != nil {
			return err
		}
		if n == 0 {
			return tooSmall(l.s.schema)
		}
		lo += n
	}
	if l.g.rows >= max(3*l.s.n, 1<<13) {
		return l.forget()
	}
	return nil
}

// place adds the position to the columns of m.
func (l *bestLocal) place(m *chunk.Batch) *chunk.Batch {
	for i := range l.pos {
		if cap(l.pos[i]) < m.N {
			l.pos[i] = make([]uint64, m.N+m.N/4)
		}
		l.pos[i] = l.pos[i][:m.N]
	}
	for i := range m.N {
		l.pos[0][i], l.pos[1][i] = m.Seq, uint64(m.Sub)<<32|uint64(i)
	}
	u := dtype.Of(dtype.Uint64)
	w := &l.wide
	w.N, w.Seq, w.Sub = m.N, m.Seq, m.Sub
	w.Cols = append(w.Cols[:0], m.Cols...)
	for i := range l.pos {
		w.Cols = append(w.Cols, chunk.Vec{Type: u, N: m.N, Data: chunk.Bytes(l.pos[i])})
	}
	return w
}

// choose marks the rows of m that may be among the best and counts them.
func (l *bestLocal) choose(m *chunk.Batch) int {
	if !l.full || len(l.level) == 0 {
		return m.N
	}
	if cap(l.es) < m.N {
		l.es, l.mask = make([]entry, m.N+m.N/4), make([]uint64, chunk.Words(m.N+m.N/4)+8)
	}
	es := l.es[:m.N]
	l.level[0].fill(l.s.keys, m, es, 0)
	n := 0
	for w := range chunk.Words(m.N) {
		bits := uint64(0)
		for i, e := range es[w*64 : min(w*64+64, len(es))] {
			if e.k <= l.worst {
				bits |= 1 << i
				n++
			}
		}
		l.mask[w] = bits
	}
	return n
}

// forget keeps only the best rows.
func (l *bestLocal) forget() error {
	s := l.s
	so := mustSorter(s.t, s.keys, l.g.pages)
	defer so.close()
	if err := so.sort(false); err != nil {
		return err
	}
	es := so.es[:min(s.n, len(so.es))]
	b, err := newWriter(s.wide, l.g.pages, s.t).gather(es)
	if err != nil {
		return err
	}
	defer b.Release()
	freePages(s.t, l.g.pages)
	l.g.pages, l.g.rows = nil, 0
	for lo := 0; lo < b.N; {
		n, err := l.g.add(b, lo, false)
		if err != nil {
			return err
		}
		lo += n
	}
	if l.full = b.N == s.n; l.full && len(l.level) > 0 {
		l.worst = l.level[0].wordAt(s.keys, b, b.N-1, 0)
	}
	return nil
}

// Close implements op.Local.
func (l *bestLocal) Close(_ op.Sink, failed bool) error {
	if failed {
		freePages(l.s.t, l.g.pages)
		return nil
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.pages = append(l.s.pages, l.g.pages...)
	return nil
}

// Finish implements op.Stage.
func (s *bestStage) Finish(out op.Out) error {
	if rowsOf(s.pages) == 0 {
		return nil
	}
	so := mustSorter(s.t, s.keys, s.pages)
	defer so.close()
	if err := so.sort(true); err != nil {
		return err
	}
	es := so.es[:min(s.n, len(so.es))]
	w := newWriter(s.schema, s.pages, s.t)
	for step := w.rowsFor(4<<20-64, 1<<20); len(es) > 0; {
		k := min(step, len(es))
		b, err := w.gather(es[:k])
		if err != nil {
			return err
		}
		if err := out.Put(0, b); err != nil {
			return err
		}
		es = es[k:]
	}
	return nil
}
