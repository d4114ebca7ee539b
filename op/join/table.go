package join

import (
	"fmt"
	"math/bits"
	"sync"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// A layout says how a table finds a key.
type layout uint8

const (
	empty  layout = iota // no rows
	direct               // ids[key]: packed keys of a small domain
	narrow               // slots key<<32 | id: packed keys of up to 32 bits
	wide                 // slots {key, id}: packed keys of up to 64 bits
	tagged               // slots tag<<32 | id: any key, compared in the build rows
)

func (l layout) String() string {
	return [...]string{"empty", "direct", "narrow", "wide", "tagged"}[l]
}

// A table finds the build rows of a key. Runs are independent regions of its
// slots, so they are filled in parallel; a small table is one region. Rows with
// equal keys are chained in build order: the slot has the first, next the others.
//
// Sources: linear probing after Knuth (TAOCP 3, 6.4); tags in slots as in DuckDB's
// and HyPer's join tables; layouts chosen by what the keys are.
type table struct {
	alloc  mem.Allocator
	schema dtype.Schema // of the build rows: key columns first
	keys   int
	rows   rows
	alone  bool // its rows are of one run
	single bool // one region, not one per run
	chain  bool // ids are wanted: semi and anti joins need to know only that there is a row
	mark   bool // rows that are found are marked

	layout layout
	fields []field // packed layouts
	last   uint64  // greatest packed key
	raw    bool    // narrow: the key is the 4-byte value as it is

	ids   []uint32     // direct
	slots []uint64     // narrow, tagged
	wides [][2]uint64  // wide: key, id
	base  [runs]uint32 // first slot of a region
	span  [runs]uint32 // slots that hashes address, see slotOf
	size  [runs]uint32 // slots of the region, its slack included

	norm [][][2]uint64 // tagged: 16-byte form of a single text key per row, if all are short
	next [][]uint32    // per segment: the next row with the same key; nil where keys are unique
	dups bool          // some next is set
	one  bool          // all rows are one long chain, in the order of their ids: a product
	cmp  []comparer    // tagged: how key columns are compared

	edges []edge
	shelf *shelf // nil where all rows of a key are tried

	filter bloom
	there  presences
	sorted extents

	marks  []uint64 // see makeMarks
	before []int    // words of marks before those of each segment

	cols []*column // of the output, see see
	pack *packed   // nil where rows are not packed

	once  sync.Once
	short *chunk.Table // see emitter.Table

	bufs [][]byte
}

// slotOf maps the hash bits below those of the run to one of span slots (Lemire's
// reduction), so that tables need not have a power of two of slots.
func slotOf(h uint64, span uint32) uint32 { return uint32(h >> 26 & (1<<32 - 1) * uint64(span) >> 32) }

// slack is how many slots follow those that hashes address, so that a probe
// never wraps around.
func slack(n uint32) uint32 { return n/16 + 256 }

// take gets a buffer of n values that the table owns.
func take[T chunk.Fixed](t *table, n int) []T {
	var z T
	b := t.alloc.Alloc(n * int(unsafe.Sizeof(z)))
	if b == nil {
		return nil
	}
	t.bufs = append(t.bufs, b)
	return chunk.Slice[T](b, n)
}

// release frees everything.
func (t *table) release() {
	if t == nil {
		return
	}
	for _, b := range t.bufs {
		t.alloc.Free(b)
	}
	t.alloc.Free(t.filter.buf)
	for _, b := range t.there.bufs {
		t.alloc.Free(b)
	}
	t.bufs = nil
	t.rows.release()
}

// view makes what emitters need to read the output columns: it is called before
// threads use the table.
func (t *table) view(cols []outCol, do fork) error {
	t.cols = make([]*column, len(cols))
	if err := do(len(cols), func(i int) error {
		if c := cols[i]; c.build {
			t.cols[i] = t.rows.columnOf(c.at, c.typ)
			t.cols[i].measure()
		}
		return nil
	}); err != nil || t.rows.n <= singleRows {
		return err
	}
	return t.packRows(do)
}

// dropIndex frees the index and keeps the rows.
func (t *table) dropIndex() {
	for _, b := range t.bufs {
		t.alloc.Free(b)
	}
	t.bufs, t.ids, t.slots, t.wides, t.norm, t.next = nil, nil, nil, nil, nil, nil
	t.dups, t.one = false, false
	t.cols, t.pack, t.shelf, t.marks = nil, nil, nil, nil
}

// A fork runs f(0) … f(n-1), on several threads if there are any.
type fork func(n int, f func(i int) error) error

// build makes the index of t.rows. It returns mem.ErrBudget, with the index
// freed and the rows kept, when memory was refused.
func (t *table) build(do fork) error {
	t.layout = empty
	if t.rows.n == 0 {
		return nil
	}
	t.single = t.alone || t.rows.n <= singleRows
	t.next = make([][]uint32, len(t.rows.segs))
	t.cmp = t.cmp[:0]
	for i := range t.keys {
		t.cmp = append(t.cmp, comparerOf(t.schema[i].Type.Kind))
	}
	t.choose()
	err := t.index(do, 1)
	for grow := uint32(2); err == errFull && grow <= 16; grow *= 2 {
		t.dropIndex()
		t.next = make([][]uint32, len(t.rows.segs))
		err = t.index(do, grow)
	}
	if err == nil {
		t.one = t.oneChain()
		err = t.shelve()
	}
	if err == nil && t.mark && !t.makeMarks() {
		err = mem.ErrBudget
	}
	if err != nil {
		t.dropIndex()
	}
	return err
}

// oneChain reports that every row is followed by the next one. Most tables are known to be
// no such by their last rows.
func (t *table) oneChain() bool {
	if !t.dups || t.rows.n < longChain {
		return false
	}
	want := uint32(none) // after the last row
	for s := len(t.rows.segs) - 1; s >= 0; s-- {
		next, first := t.next[s], uint32(s)<<t.rows.shift
		for i := t.rows.segs[s].N - 1; i >= 0; i-- {
			if next == nil || next[i] != want {
				return false
			}
			want = first + uint32(i)
		}
	}
	return true
}

// singleRows is the size up to which a table is one region in the cache.
const singleRows = 64 << 10

// errFull says that the slack of a region was used up.
var errFull = fmt.Errorf("join: too many key hashes collide")

// choose picks the layout from the ranges of the keys.
func (t *table) choose() {
	t.layout = tagged
	fields, ok := t.ranges()
	if !ok {
		return
	}
	last, ok := layOut(fields)
	if !ok {
		return
	}
	t.fields, t.last = fields, last
	switch {
	case last < uint64(4*t.rows.n+1024):
		t.layout = direct
	case last>>32 == 0:
		t.layout = narrow
	default:
		t.layout = wide
	}
	t.raw = t.keys == 1 && rawKind(t.schema[0].Type.Kind)
}

// rawKind reports whether values are integers of four bytes, used as keys
// without any arithmetic.
func rawKind(k dtype.Kind) bool { return k == dtype.Int32 || k == dtype.Uint32 || k == dtype.Date }

// index allocates and fills the index; grow multiplies the slots.
func (t *table) index(do fork, grow uint32) error {
	regions := runs
	if t.single {
		regions = 1
	}
	if t.layout == direct {
		// One more entry, none, is where keys beyond the domain are looked up.
		if t.ids = take[uint32](t, int(t.last)+2); t.ids == nil {
			return mem.ErrBudget
		}
		fill(t.ids, none)
	} else if err := t.reserve(do, regions, grow); err != nil {
		return err
	}
	if t.layout == tagged && t.shortText() {
		if err := t.normalise(); err != nil {
			return err
		}
	}
	dups := make([]bool, regions)
	bufs := make([][]byte, regions)
	err := do(regions, func(r int) (err error) {
		ins := inserter{t: t, region: r, keys: newKeyReader(seq(t.keys))}
		err = ins.run()
		dups[r], bufs[r] = ins.dups, ins.nextBuf
		return err
	})
	for r := range regions {
		t.dups = t.dups || dups[r]
		if bufs[r] != nil {
			t.bufs = append(t.bufs, bufs[r])
		}
	}
	return err
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// fill sets every element; the doubling copy runs at memory speed.
func fill[T any](s []T, v T) {
	if len(s) == 0 {
		return
	}
	s[0] = v
	for n := 1; n < len(s); n *= 2 {
		copy(s[n:], s[:n])
	}
}

// segments returns the segments of a region.
func (t *table) segments(region int) (lo, hi int) {
	if t.single {
		return 0, len(t.rows.segs)
	}
	return t.rows.first[region], t.rows.first[region+1]
}

// reserve sizes the regions by their numbers of keys and allocates the slots.
func (t *table) reserve(do fork, regions int, grow uint32) error {
	keys := make([]int64, regions)
	if err := do(regions, func(r int) error {
		keys[r] = t.countKeys(r)
		return nil
	}); err != nil {
		return err
	}
	total := uint64(0)
	for r, n := range keys {
		load := int64(2)
		if t.single {
			load = 3 // it is in the cache anyhow
		}
		span := uint32(min(max(16, n*load), 1<<30)) * grow
		t.base[r], t.span[r], t.size[r] = uint32(total), span, span+slack(span)
		if total += uint64(t.size[r]); total > 1<<32-1 {
			return mem.ErrBudget
		}
	}
	if t.layout == wide {
		b := t.alloc.Alloc(int(total) * 16)
		if b == nil {
			return mem.ErrBudget
		}
		t.bufs = append(t.bufs, b)
		t.wides = unsafe.Slice((*[2]uint64)(unsafe.Pointer(unsafe.SliceData(b))), int(total))
	} else if t.slots = take[uint64](t, int(total)); t.slots == nil {
		return mem.ErrBudget
	}
	return do(regions, func(r int) error {
		lo, hi := t.base[r], t.base[r]+t.size[r]
		if t.layout == wide {
			fill(t.wides[lo:hi], [2]uint64{0, uint64(none)})
		} else {
			fill(t.slots[lo:hi], ^uint64(0))
		}
		return nil
	})
}

// countKeys estimates the distinct keys of a region: its rows, unless a sample
// shows that many repeat. Then hashes are counted by linear counting (Whang et
// al. 1990), whose error is far below the room that slots leave.
func (t *table) countKeys(region int) int64 {
	lo, hi := t.segments(region)
	n := int64(0)
	for _, s := range t.rows.segs[lo:hi] {
		n += int64(s.N)
	}
	if n <= 4096 {
		return n
	}
	k := newKeyReader(seq(t.keys))
	seen := map[uint64]struct{}{}
	sampled := 0
	for i := lo; i < hi && sampled < 2048; i++ {
		s := t.rows.segs[i].Slice(0, min(t.rows.segs[i].N, max(64, 2048/(hi-lo)&^63)))
		for _, h := range k.hashes(s) {
			seen[h] = struct{}{}
		}
		sampled += s.N
	}
	if len(seen)*10 >= sampled*9 {
		return n
	}
	return t.linearCount(k, lo, hi, n)
}

func (t *table) linearCount(k *keyReader, lo, hi int, n int64) int64 {
	size := uint64(2) << bits.Len64(uint64(n))
	seen := make([]uint64, size/64)
	distinct := int64(0)
	for _, s := range t.rows.segs[lo:hi] {
		for at := 0; at < s.N; at += insertRows {
			for _, h := range k.hashes(s.Slice(at, min(s.N, at+insertRows))) {
				b := h & (size - 1)
				w := &seen[b>>6]
				distinct += int64(1 &^ (*w >> (b & 63)))
				*w |= 1 << (b & 63)
			}
		}
	}
	// With distinct bits set the estimate is -size·ln(1-distinct/size). At most
	// two in five are set, where that is below 1.3·distinct.
	return min(n, distinct+distinct*2/5+64)
}
