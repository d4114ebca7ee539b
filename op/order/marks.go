package order

import (
	"cmp"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// Marks are rows of a block that say how its keys are spread: those whose hashes are low, of rows that are equal one. They
// are the same ones however often the block is made, by how many threads, with what memory and in what order its rows
// come; its runs and their batches are not, and of a long text they have the beginning. So all tasks of order.merge agree on where the rows of one end and those of the
// next begin, even if a block was made again between them.

// leastMarks is how many marks a block has at least, if it has as many different rows.
const leastMarks = 8

// A marker finds marks among the rows of one thread. A hash is of the keys, and of one more column of fixed width, so that
// rows with a key that many have are marks as often as others.
type marker struct {
	cols  []key
	limit uint64   // rows with a lower hash are marks,
	least []uint64 // and these;
	bound uint64   // no others are
	hash  []uint64 // of the rows of a morsel
	next  []uint64 // of a column
	idx   []uint32

	rows   *chunk.Builder // that may be marks
	peel   *peeler
	hashes []uint64 // of these
	known  map[uint64]bool
}

// markEvery is about how many rows there are to a mark: those of a batch on disk.
func markEvery(s dtype.Schema) uint64 {
	return min(frameRows, max(64, uint64(frameBytes/max(1, op.RowBytes(s)))))
}

func newMarker(s dtype.Schema, keys []key) *marker {
	k := &marker{cols: slices.Clone(keys), limit: math.MaxUint64 / markEvery(s), bound: math.MaxUint64, rows: chunk.NewBuilder(s, mem.Heap), peel: newPeeler(s, keys, markText), known: map[uint64]bool{}}
	for i, f := range s {
		if f.Type.Width() > 0 && !f.Type.Kind.IsVar() && !slices.ContainsFunc(keys, func(x key) bool { return x.col == i }) {
			k.cols = append(k.cols, key{col: i, kind: f.Type.Kind})
			break
		}
	}
	return k
}

// take looks at the next rows of a thread.
func (k *marker) take(m *chunk.Batch) error {
	k.idx = k.idx[:0]
	for i, x := range k.hashAll(m) {
		if x >= k.bound || k.known[x] {
			continue
		}
		k.known[x] = true
		k.idx, k.hashes = append(k.idx, uint32(i)), append(k.hashes, x)
		at, _ := slices.BinarySearch(k.least, x)
		if k.least = slices.Insert(k.least, at, x); len(k.least) > leastMarks {
			k.least = k.least[:leastMarks]
			k.bound = max(k.limit, k.least[leastMarks-1])
		}
	}
	for _, i := range k.idx {
		if err := k.rows.Append(k.peel.row(m, int(i))); err != nil {
			return err
		}
	}
	return nil
}

// hashAll hashes the rows of m.
func (k *marker) hashAll(m *chunk.Batch) []uint64 {
	if cap(k.hash) < m.N {
		k.hash, k.next = make([]uint64, m.N+m.N/4), make([]uint64, m.N+m.N/4)
	}
	h := k.hash[:m.N]
	clear(h)
	for _, c := range k.cols {
		kernel.HashCombine(h, column(c.kind, &m.Cols[c.col], k.next[:m.N]))
	}
	return h
}

// column returns numbers for values, equal ones for equal keys; out is room for them.
func column(kind dtype.Kind, v *chunk.Vec, out []uint64) []uint64 {
	switch whole := v.Valid == nil && v.Type.Kind == kind; {
	case whole && kind.Width() == 8 && !kind.IsFloat():
		return unsafeInts[uint64](v)
	case whole && kind.Width() == 4 && !kind.IsFloat():
		for i, x := range unsafeInts[uint32](v) {
			out[i] = uint64(x)
		}
	case whole && kind == dtype.Float64:
		kernel.FloatKeys(chunk.Values[float64](v), out)
	case kind.IsVar():
		for i := range out {
			if out[i] = 0; !v.IsNull(i) {
				out[i] = xxh3.Hash(textOf(v, i)) | 1
			}
		}
	case kind == dtype.Decimal128:
		for i := range out {
			if out[i] = 0; !v.IsNull(i) {
				out[i] = kernel.HashKey128([2]uint64{raw(kind, v, i, false), raw(kind, v, i, true)})
			}
		}
	default:
		for i := range out {
			if out[i] = 0; !v.IsNull(i) {
				out[i] = raw(kind, v, i, false)
			}
		}
	}
	return out
}

// marksOf returns the marks of a block whose rows the threads have looked at.
func marksOf(s dtype.Schema, threads []*marker) (*chunk.Batch, error) {
	type candidate struct {
		hash uint64
		b    *chunk.Batch
		at   uint32
	}
	var all []candidate
	for _, k := range threads {
		b := k.rows.Flush()
		for i, x := range k.hashes {
			all = append(all, candidate{x, b, uint32(i)})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.hash, b.hash) })
	all = slices.CompactFunc(all, func(a, b candidate) bool { return a.hash == b.hash })
	out := chunk.NewBuilder(s, mem.Heap)
	for i, c := range all {
		if i >= leastMarks && c.hash >= threads[0].limit {
			break
		}
		if err := out.AppendRows(c.b, []uint32{c.at}); err != nil {
			return nil, err
		}
	}
	return out.Flush(), nil
}

// A splitter is a place between rows: before those of block and of later ones that are equal to a mark, and all that come
// after it in key order.
type splitter struct {
	marks *chunk.Batch
	at    int
	block int
}

// before reports whether row i of b, of a block, lies before the splitter.
func (s *splitter) before(keys []key, block int, b *chunk.Batch, i int) bool {
	c := compareRows(keys, b, i, s.marks, s.at)
	return c < 0 || c == 0 && block < s.block
}

// splittersOf returns n-1 places that divide the rows of all blocks into n parts of
// about the same number of marks.
func splittersOf(keys []key, marks []*chunk.Batch, n int) []splitter {
	var all []splitter
	for block, m := range marks {
		for i := range m.N {
			all = append(all, splitter{m, i, block})
		}
	}
	slices.SortFunc(all, func(a, b splitter) int {
		return cmp.Or(compareRows(keys, a.marks, a.at, b.marks, b.at), cmp.Compare(a.block, b.block))
	})
	out := make([]splitter, n-1)
	for i := range out {
		out[i] = all[(i+1)*len(all)/n]
	}
	return out
}

// An interval is the rows from one splitter to another; nil is the end.
type interval struct {
	lo, hi *splitter
	n, end int // its number among those of the task, and that of the next one
}

// intervals divides all rows into n.
func intervals(keys []key, marks []*chunk.Batch, n int) []interval {
	s := splittersOf(keys, marks, n)
	out := make([]interval, n)
	for i := range out {
		out[i].n, out[i].end = i, i+1
	}
	for i := range s {
		out[i].hi, out[i+1].lo = &s[i], &s[i]
	}
	return out
}

// all is what neighbouring intervals are together, and the places between them.
func all(ivs []interval) (iv interval, cuts []*splitter) {
	for _, x := range ivs[1:] {
		cuts = append(cuts, x.lo)
	}
	last := len(ivs) - 1
	return interval{ivs[0].lo, ivs[last].hi, ivs[0].n, ivs[last].end}, cuts
}
