package join

import (
	"math/bits"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// none is the row id that stands for no row.
const none = ^uint32(0)

// rows are build rows in memory: segments of at most 1<<shift rows each, used in
// place where the build block is in memory. A row id is segment<<shift | row, so
// that a gather needs one small table of pointers and no copy into one array.
type rows struct {
	segs  []*chunk.Batch
	shift uint
	first [runs + 1]int // segments of run r are segs[first[r]:first[r+1]]
	n     int64
	owned []*chunk.Batch // to be released
}

func (r *rows) release() {
	for _, b := range r.owned {
		b.Release()
	}
	*r = rows{}
}

// arrange cuts the batches of every run into segments whose ids fit 32 bits, in
// order. It returns false when they do not.
func (r *rows) arrange(batches *[runs][]*chunk.Batch) bool {
	n, longest := 0, 1
	r.n = 0
	for _, run := range batches {
		for _, b := range run {
			n++
			longest = max(longest, b.N)
			r.n += int64(b.N)
		}
	}
	top := uint(bits.Len(uint(longest - 1)))
	for r.shift = max(top, 6); ; r.shift-- {
		count := n
		if r.shift < top {
			count = cutCount(batches, r.shift)
		}
		if uint64(count)<<r.shift < uint64(none) {
			break
		}
		if r.shift == 6 {
			return false
		}
	}
	r.segs = r.segs[:0]
	for i, run := range batches {
		r.first[i] = len(r.segs)
		for _, b := range run {
			for lo := 0; lo < b.N; lo += 1 << r.shift {
				s := b
				if b.N > 1<<r.shift {
					s = b.Slice(lo, min(b.N, lo+1<<r.shift))
				}
				r.segs = append(r.segs, s)
			}
		}
	}
	r.first[runs] = len(r.segs)
	return true
}

func cutCount(batches *[runs][]*chunk.Batch, shift uint) (n int) {
	for _, run := range batches {
		for _, b := range run {
			n += (b.N + 1<<shift - 1) >> shift
		}
	}
	return n
}

// readRows is the least size of segments read from disk. Usually a frame has as
// many, so that its buffers are made to measure.
const readRows = 8 << 10

// fetch returns the batches of one run of the build blocks: in place where they
// are in memory, else read into buffers of alloc. It returns mem.ErrBudget, and
// nothing, when these are refused.
func fetch(side []op.In, run int, schema dtype.Schema, alloc *quota) (out []*chunk.Batch, err error) {
	defer func() {
		if err != nil {
			for _, b := range out {
				b.Release()
			}
			out = nil
		}
	}()
	for _, in := range side {
		if run >= in.Runs() {
			continue
		}
		if lent := lend(in, run); lent != nil {
			for _, b := range lent {
				if !alloc.charge(b.Bytes()) {
					return out, mem.ErrBudget
				}
				b.Retain()
				out = append(out, b)
			}
			continue
		}
		if out, err = read(in, run, schema, alloc, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// lend returns the batches of a run that is in memory.
func lend(in op.In, run int) []*chunk.Batch {
	if r, ok := in.Value.(chunk.Resident); ok {
		return r.Batches(run)
	}
	return nil
}

// read appends a run that is not in memory.
func read(in op.In, run int, schema dtype.Schema, alloc mem.Allocator, out []*chunk.Batch) ([]*chunk.Batch, error) {
	b := chunk.NewBuilder(schema, alloc)
	defer b.Close()
	err := chunk.Each(in, run, func(m *chunk.Batch) error {
		err := b.Append(m)
		if err == nil && b.Len() >= readRows {
			out = append(out, b.Flush())
		}
		return err
	})
	if err == nil && b.Len() > 0 {
		out = append(out, b.Flush())
	}
	return out, err
}

// compact makes one batch of few rows, so that gathers need no segments. It stands for the first
// of the runs that it returns, whose rows are in it. It does nothing, and returns nothing, when memory
// for it is refused.
func compact(batches *[runs][]*chunk.Batch, schema dtype.Schema, alloc mem.Allocator) (of []int) {
	n, count := 0, 0
	for r, run := range batches {
		for _, b := range run {
			n += b.N
			count++
		}
		if len(run) > 0 {
			of = append(of, r)
		}
	}
	if n > singleRows || count < 2 {
		return nil
	}
	one := chunk.NewBuilder(schema, alloc)
	defer one.Close()
	for _, run := range batches {
		for _, b := range run {
			if one.Append(b) != nil {
				return nil
			}
		}
	}
	for r, run := range batches {
		for _, b := range run {
			b.Release()
		}
		batches[r] = nil
	}
	batches[of[0]] = []*chunk.Batch{one.Flush()}
	return of
}

// column is a build column seen as one: a pointer per segment.
type column struct {
	kind  dtype.Kind
	typ   dtype.Type
	data  []unsafe.Pointer // values, codes or bits
	valid []*uint64        // nil pointers: all valid
	vecs  []*chunk.Vec
	nulls bool        // some segment has a validity bitmap
	dict  *chunk.Dict // common to all segments, else text is read from vecs

	longest int // bytes of the longest text
}

// text returns the bytes of a text value without copying.
func (c *column) text(seg, row uint32) []byte {
	v := c.vecs[seg]
	if v.Dict != nil {
		row = chunk.Values[uint32](v)[row]
		v = &v.Dict.Values
	}
	return v.Str[v.Off[row]:v.Off[row+1]]
}

// measure finds the longest text.
func (c *column) measure() {
	if !c.kind.IsVar() || c.dict != nil {
		return
	}
	longest := int32(0)
	for _, v := range c.vecs {
		if v.Dict != nil {
			v = &v.Dict.Values
		}
		for i, hi := range v.Off[1 : v.N+1] {
			longest = max(longest, hi-v.Off[i])
		}
	}
	c.longest = int(longest)
}

// columnOf gathers the pointers of column c.
func (r *rows) columnOf(c int, typ dtype.Type) *column {
	col := &column{kind: typ.Kind, typ: typ}
	for i, s := range r.segs {
		v := &s.Cols[c]
		col.vecs = append(col.vecs, v)
		col.data = append(col.data, unsafe.Pointer(unsafe.SliceData(v.Data)))
		var valid *uint64
		if v.Valid != nil {
			valid, col.nulls = unsafe.SliceData(v.Valid), true
		}
		col.valid = append(col.valid, valid)
		if i == 0 {
			col.dict = v.Dict
		}
		if v.Dict == nil || col.dict == nil || v.Dict.ID != col.dict.ID || v.Dict.Values.N == 0 {
			col.dict = nil
		}
	}
	return col
}
