package chunk

import (
	"math"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// The methods of this file let a step that gathers values from several places
// write them once, to where they stay: behind the rows a Builder has. For every
// column, in any order:
//
//	Reserve                   room for n rows; the only one that can be refused
//	Fixed | Text, SetText | Put   writes the values; PutRows after ReserveRows
//	SetValid                  says which are null (Put and PutRows do that too)
//
// and then Commit(n) makes them rows. Rows reserved and not committed are not
// there, so a caller that was refused a column starts all over later.

// Reserve makes room for n rows in column i: values of a fixed width, or plain
// text of at most text bytes. With nulls set some of the rows may be null. It
// returns mem.ErrBudget when the allocator refuses.
func (b *Builder) Reserve(i, n, text int, nulls bool) error {
	c := &b.cols[i]
	if err := c.growValid(b, n, nulls); err != nil {
		return err
	}
	if c.kind.IsVar() {
		return c.growText(b, nil, text, n)
	}
	return c.growData(b, n)
}

// ReserveVec makes room for all rows of v in column i, to be written by Put.
func (b *Builder) ReserveVec(i int, v *Vec) error { return b.cols[i].grow(b, v, nil, v.N) }

// ReserveRows makes room for the rows of m at idx in all columns, to be written by
// PutRows.
func (b *Builder) ReserveRows(m *Batch, idx []uint32) error { return b.reserve(m, idx, len(idx)) }

// PutRows writes the values of v at idx, for which ReserveRows made room, to column
// i.
func (b *Builder) PutRows(i int, v *Vec, idx []uint32) { b.cols[i].copy(b.n, v, idx, len(idx)) }

// Fixed returns the room behind the values of column i, which is neither text nor
// bools: at least that of the rows reserved.
func (b *Builder) Fixed(i int) []byte { c := &b.cols[i]; return c.data[b.n*c.width:] }

// Text returns the room behind the text of column i: off has n+1 offsets of which
// the first is set, and the bytes of value k are to be written to
// str[off[k]:off[k+1]]. Bytes of str behind the last value may be overwritten.
func (b *Builder) Text(i, n int) (off []int32, str []byte) {
	c := &b.cols[i]
	return Slice[int32](c.data, b.n+n+1)[b.n:], c.str
}

// SetText notes where the text of column i ends after n rows were written.
func (b *Builder) SetText(i, n int) {
	c := &b.cols[i]
	c.strLen = int(Slice[int32](c.data, b.n+n+1)[b.n+n])
}

// SetValid notes which of the n rows written to column i are not null; a nil
// valid means all.
func (b *Builder) SetValid(i, n int, valid []uint64) {
	c := &b.cols[i]
	if c.valid == nil {
		return
	}
	dst := Slice[uint64](c.valid, Words(b.n+n))
	if valid == nil {
		kernel.SetRange(dst, b.n, b.n+n, true)
		return
	}
	kernel.CopyBits(dst, b.n, valid, 0, n)
}

// Put writes all values of v, for which ReserveVec made room, to column i.
func (b *Builder) Put(i int, v *Vec) { b.cols[i].copy(b.n, v, nil, v.N) }

// Commit makes the n rows written to every column rows of the builder.
func (b *Builder) Commit(n int) { b.n += n }

// growValid makes room for the validity of k more rows, if any row is or may be
// null.
func (c *colBuilder) growValid(b *Builder, k int, nulls bool) error {
	if !nulls && c.valid == nil {
		return nil
	}
	fresh, n := c.valid == nil, b.n+k
	if err := room(b.alloc, &c.valid, Words(b.n)*8, Words(n)*8, c.lastValid); err != nil {
		return err
	}
	if fresh {
		clear(c.valid)
		kernel.SetRange(Slice[uint64](c.valid, Words(n)), 0, b.n, true)
	}
	return nil
}

// growData makes room for k more values of a fixed width, or bools.
func (c *colBuilder) growData(b *Builder, k int) error {
	if c.kind == dtype.Bool {
		return room(b.alloc, &c.data, Words(b.n)*8, Words(b.n+k)*8, c.lastData)
	}
	return room(b.alloc, &c.data, b.n*c.width, (b.n+k)*c.width, c.lastData)
}

// growText makes room for k more texts of n bytes altogether: plain ones, or codes
// of dict.
func (c *colBuilder) growText(b *Builder, dict *Dict, n, k int) error {
	if b.n == 0 {
		c.dict, c.coded = dict, dict != nil
	}
	if c.coded && (dict == nil || dict.ID != c.dict.ID) {
		if err := c.decode(b); err != nil {
			return err
		}
	}
	if err := room(b.alloc, &c.data, (b.n+1)*4, (b.n+k+1)*4, c.lastData); err != nil {
		return err
	}
	if b.n == 0 && !c.coded {
		Slice[int32](c.data, 1)[0] = 0
	}
	if c.coded {
		return nil
	}
	need := c.strLen + n
	if need > math.MaxInt32 {
		return mem.ErrBudget
	}
	return room(b.alloc, &c.str, c.strLen, need, c.lastStr)
}
