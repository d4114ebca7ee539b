package order

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/radix"
	"github.com/weft-data/weft/op"
)

// An entry stands for a row while it is sorted: a word of its normalised key,
// where the row lies (page << pageBits | row), and values of narrow columns.
type entry struct {
	k  uint64
	id uint32
	x  uint32 // see carried
}

const entryBytes = 16

// A sorter orders the rows of pages that stand in input order. Entries come out
// with their ids in the order of the keys; rows with equal keys keep theirs.
type sorter struct {
	t       op.Task
	by      radix.Threads // who sorts: the threads of the task, or one
	keys    []key
	pages   []*page
	levels  []level
	es      []entry
	tmp     []entry
	bufs    [2][]byte // behind es and tmp, nil when they are of the heap
	load    []carried // what entries carry
	columns int       // whose rows are all to be written: entries may carry some of them
}

// heapRows is up to how many rows entries may come from the heap when the budget
// has no room: a page can always be sorted.
const heapRows = pageRows

// maxRows is the most rows that counts of 32 bits can tell.
const maxRows = 1<<31 - 1

// newSorter takes the room for sorting; nil when the budget refuses. What the
// pages had reserved for it is given back first.
func newSorter(t op.Task, keys []key, pages []*page) *sorter {
	s := &sorter{t: t, keys: keys, pages: pages}
	n := 0
	for _, p := range pages {
		n += p.b.N
		p.release(t)
	}
	if n > maxRows {
		return nil
	}
	for i := range s.bufs {
		if s.bufs[i] = t.Alloc(n * entryBytes); s.bufs[i] == nil {
			s.close()
			if n > heapRows {
				return nil
			}
			s.es, s.tmp = make([]entry, n), make([]entry, n)
			return s
		}
	}
	s.es, s.tmp = entriesOf(s.bufs[0], n), entriesOf(s.bufs[1], n)
	return s
}

// mustSorter is newSorter for few rows: what the budget refuses is of the heap.
func mustSorter(t op.Task, keys []key, pages []*page) *sorter {
	if s := newSorter(t, keys, pages); s != nil {
		return s
	}
	n := rowsOf(pages)
	return &sorter{t: t, keys: keys, pages: pages, es: make([]entry, n), tmp: make([]entry, n)}
}

// close frees the entries.
func (s *sorter) close() {
	for i, b := range s.bufs {
		s.t.Free(b)
		s.bufs[i] = nil
	}
	s.es, s.tmp = nil, nil
}

// freeTmp gives back the half that only sorting needs.
func (s *sorter) freeTmp() {
	s.t.Free(s.bufs[1])
	s.bufs[1], s.tmp = nil, nil
}

// fork runs f for pages, ranges or the like on the threads that sort.
func (s *sorter) fork(n int, f func(i int) error) error {
	if n == 1 || s.by.Threads() == 1 {
		return radix.Alone{Until: s.t.Context()}.Fork(n, f)
	}
	return s.by.Fork(n, f)
}

// stretches is into how many parts n entries are cut, so many for each thread and none too long for a task to end between
// them.
func (s *sorter) stretches(n, each, most int) int { return max(s.by.Threads()*each, n/most) }

// sort orders the entries; afterwards they have their words of level 0. Par says that other threads may help.
func (s *sorter) sort(par bool) error {
	if s.by = s.t; !par {
		s.by = radix.Alone{Until: s.t.Context()}
	}
	if err := s.span(); err != nil {
		return err
	}
	if err := s.carry(); err != nil {
		return err
	}
	starts := make([]int, len(s.pages)+1)
	for i, p := range s.pages {
		starts[i+1] = starts[i] + p.b.N
	}
	if err := s.fork(len(s.pages), func(i int) error {
		es := s.es[starts[i]:starts[i+1]]
		base := uint32(i) << pageBits
		if len(s.levels) > 0 {
			s.levels[0].fill(s.keys, &s.pages[i].b, es, base)
		} else {
			for j := range es {
				es[j] = entry{id: base + uint32(j)}
			}
		}
		for j := range s.load {
			s.load[j].fill(&s.pages[i].b.Cols[s.load[j].key.col], es)
		}
		return nil
	}); err != nil {
		return err
	}
	if len(s.levels) == 0 {
		return nil
	}
	if err := radix.SortAll(s.by, s.es, s.tmp); err != nil {
		return err
	}
	return s.tiesAll(s.es, s.tmp, place{0, s.levels[0].skip})
}

// span looks through the keys and makes the levels.
func (s *sorter) span() error {
	all := make([][]spread, len(s.pages))
	if err := s.fork(len(s.pages), func(i int) error {
		all[i] = make([]spread, len(s.keys))
		for j, k := range s.keys {
			all[i][j] = spreadOf(k.kind, &s.pages[i].b.Cols[k.col])
		}
		return nil
	}); err != nil {
		return err
	}
	spreads := make([]spread, len(s.keys))
	for j := range spreads {
		spreads[j] = emptySpread()
		for i := range all {
			spreads[j].join(&all[i][j])
		}
	}
	s.levels = levelsOf(s.keys, spreads)
	return nil
}

// A place is how far rows were compared: by the words of a level and, in a text
// column, of the bytes from off on.
type place struct{ level, off int }

// next is the place where rows that are equal at p, with word w, are compared
// further; false when they are equal in everything.
func (s *sorter) next(p place, w uint64) (place, bool) {
	l := &s.levels[p.level]
	if l.text && !l.ended(&s.keys[l.key], w) {
		return place{p.level, p.off + 7}, true
	}
	if p.level++; p.level == len(s.levels) {
		return p, false
	}
	return place{p.level, s.levels[p.level].skip}, true
}

// last reports that no rows are compared further from p on.
func (s *sorter) last(p place) bool {
	l := &s.levels[p.level]
	return p.level == len(s.levels)-1 && (!l.text || l.whole || l.short)
}

func (s *sorter) row(e *entry) (*chunk.Batch, int) {
	return &s.pages[e.id>>pageBits].b, int(e.id & (1<<pageBits - 1))
}

// refill computes the words of rows at p.
func (s *sorter) refill(es []entry, p place) {
	l := &s.levels[p.level]
	for i := range es {
		b, r := s.row(&es[i])
		es[i].k = l.wordAt(s.keys, b, r, p.off)
	}
}

// ties sorts further what is equal among the sorted entries of a.
func (s *sorter) ties(a, b []entry, p place) {
	if s.last(p) {
		return
	}
	for lo := 0; lo < len(a); {
		hi := lo + 1
		for hi < len(a) && a[hi].k == a[lo].k {
			hi++
		}
		if hi-lo > 1 {
			if q, more := s.next(p, a[lo].k); more {
				s.group(a[lo:hi], b[lo:hi], q)
			}
		}
		lo = hi
	}
}

// fewRows is up to how many rows are compared with each other rather than by
// words.
const fewRows = 8

// group sorts rows that are equal in everything before p, and gives them their word back.
func (s *sorter) group(a, b []entry, p place) {
	if len(a) <= fewRows {
		s.few(a, p)
		return
	}
	p, w := s.skip(a, p), a[0].k
	s.refill(a, p)
	radix.Sort(a, b, false)
	s.ties(a, b, p)
	for i := range a {
		a[i].k = w
	}
}

// skip moves a place within text over the bytes that all rows of a group share.
func (s *sorter) skip(a []entry, p place) place {
	l := &s.levels[p.level]
	if !l.text || l.whole || p.off == l.skip {
		return p
	}
	c := s.keys[l.key].col
	b, r := s.row(&a[0])
	first := textOf(&b.Cols[c], r)[p.off:]
	n := len(first)
	for i := 1; i < len(a) && n > 0; i++ {
		b, r := s.row(&a[i])
		n = prefix(first[:n], textOf(&b.Cols[c], r)[p.off:])
	}
	p.off += n
	return p
}

// few sorts a handful of rows by comparing them.
func (s *sorter) few(a []entry, p place) {
	keys := s.keys[s.levels[p.level].key:]
	for i := 1; i < len(a); i++ {
		e := a[i]
		eb, er := s.row(&e)
		j := i
		for j > 0 {
			ob, or := s.row(&a[j-1])
			if compareRows(keys, ob, or, eb, er) <= 0 {
				break
			}
			a[j] = a[j-1]
			j--
		}
		a[j] = e
	}
}

// tiesAll is ties on all threads: large groups one after the other, each on all
// threads, the stretches between them side by side.
func (s *sorter) tiesAll(a, b []entry, p place) error {
	if s.last(p) {
		return nil
	}
	if len(a) < radix.ForkMin {
		s.ties(a, b, p)
		return nil
	}
	parts := s.stretches(len(a), 16, radix.ForkMin)
	var cuts []int // borders of stretches that end between groups
	var big [][2]int
	lo := 0
	for i := 1; i <= parts; i++ {
		at := int(int64(len(a)) * int64(i) / int64(parts))
		if at <= lo {
			continue
		}
		first, end := groupAt(a, at-1)
		if end-first >= max(radix.ForkMin, 2*len(a)/parts) {
			cuts = append(cuts, lo, first)
			big = append(big, [2]int{first, end})
		} else {
			cuts = append(cuts, lo, end)
		}
		lo = end
	}
	if err := s.fork(len(cuts)/2, func(i int) error {
		x, y := cuts[2*i], cuts[2*i+1]
		s.ties(a[x:y], b[x:y], p)
		return nil
	}); err != nil {
		return err
	}
	for _, g := range big {
		if err := s.groupAll(a[g[0]:g[1]], b[g[0]:g[1]], p); err != nil {
			return err
		}
	}
	return nil
}

// groupAt returns the group of equal words around i.
func groupAt(a []entry, i int) (lo, hi int) {
	for lo = i; lo > 0 && a[lo-1].k == a[i].k; lo-- {
	}
	for hi = i + 1; hi < len(a) && a[hi].k == a[i].k; hi++ {
	}
	return lo, hi
}

// groupAll is group on all threads.
func (s *sorter) groupAll(a, b []entry, p place) error {
	q, more := s.next(p, a[0].k)
	if !more {
		return nil
	}
	q, w := s.skip(a, q), a[0].k
	parts := s.stretches(len(a), 4, radix.Stretch)
	each := func(f func(es []entry)) error {
		return s.fork(parts, func(i int) error { f(a[len(a)*i/parts : len(a)*(i+1)/parts]); return nil })
	}
	if err := each(func(es []entry) { s.refill(es, q) }); err != nil {
		return err
	}
	if err := radix.SortAll(s.by, a, b); err != nil {
		return err
	}
	if err := s.tiesAll(a, b, q); err != nil {
		return err
	}
	return each(func(es []entry) {
		for i := range es {
			es[i].k = w
		}
	})
}
