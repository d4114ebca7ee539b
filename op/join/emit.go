package join

import (
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// maxRows is the most rows of an output batch, and textBudget the most bytes of
// one text column in it.
const (
	maxRows    = 16 << 10
	textBudget = 4 << 20
)

// An emitter gives pairs (probe row, build row) to the next stage. It is op.Rows:
// a sink that copies what it gets has the values gathered to where they stay, any
// other one gets a morsel in the emitter's scratch, which lives until the next one.
type emitter struct {
	cols  []outCol
	t     *table
	build []*column // by output column; nil for probe columns
	rows  *rows
	pack  *packed
	outer bool // build ids may be none

	m      *chunk.Batch // the probe rows
	n      int          // output rows
	left   []uint32     // their rows of m; nil: those of mask, or all
	mask   []uint64
	ids    []uint32 // their build rows, without none
	lifted bool     // some of these were none
	hit    []uint64 // those that were not, if lifted

	into *chunk.Builder // where the rows go; nil: scratch
	out  chunk.Batch
	bufs []colBuf
	idx  []uint32  // scratch of left
	safe []uint32  // scratch of ids
	at   []uintptr // where the build rows are, if they are packed
	warm uint8     // keeps loads that only warm the cache

	own *emitter // see mine
	*places
}

// places are those of output batches, also of several emitters on one thread.
type places struct {
	seq   uint64
	sub   uint32
	begun bool
}

// An outCol says where an output column comes from.
type outCol struct {
	build bool
	at    int
	typ   dtype.Type
}

func newEmitter(cols []outCol, t *table, outer bool) *emitter {
	e := &emitter{cols: cols, t: t, rows: &t.rows, pack: t.pack, outer: outer, build: t.cols, bufs: make([]colBuf, len(cols)), places: &places{}}
	e.out.Cols = make([]chunk.Vec, len(cols))
	return e
}

// emit gives the pairs (left[i], ids[i]). A nil left stands for all rows of m in
// order; ids is nil when no build column is wanted.
func (e *emitter) emit(m *chunk.Batch, left, ids []uint32, out op.Sink) error {
	n := len(left)
	if left == nil {
		n = m.N
	}
	return e.give(m, n, left, nil, ids, out)
}

// masked gives the n rows of m that are set in mask.
func (e *emitter) masked(m *chunk.Batch, mask []uint64, n int, ids []uint32, out op.Sink) error {
	return e.give(m, n, nil, mask, ids, out)
}

func (e *emitter) give(m *chunk.Batch, n int, left []uint32, mask []uint64, ids []uint32, out op.Sink) error {
	if n == 0 {
		return nil
	}
	e.m, e.n, e.left, e.mask = m, n, left, mask
	if n > 1 && e.heavy(ids) {
		left = e.index()
		if err := e.give(m, n/2, left[:n/2], nil, head(ids, n/2), out); err != nil {
			return err
		}
		return e.give(m, n-n/2, left[n/2:], nil, tail(ids, n/2), out)
	}
	e.liftMisses(ids)
	e.number(m)
	return op.PushRows(out, e)
}

// number gives the next output batch of m its place: batches of one morsel, or of
// several with the same Seq, count Sub up.
func (p *places) number(m *chunk.Batch) {
	if !p.begun || m.Seq != p.seq {
		p.seq, p.sub, p.begun = m.Seq, 0, true
	} else {
		p.sub++
	}
}

// Len implements op.Rows.
func (e *emitter) Len() int { return e.n }

// Seq implements op.Rows.
func (e *emitter) Seq() uint64 { return e.seq }

// Morsel implements op.Rows.
func (e *emitter) Morsel() *chunk.Batch {
	e.into = nil
	e.fill()
	e.out.N, e.out.Seq, e.out.Sub = e.n, e.seq, e.sub
	return &e.out
}

// Into implements op.Rows.
func (e *emitter) Into(b *chunk.Builder) error {
	for i := range e.cols {
		if err := e.reserve(b, i); err != nil {
			return err
		}
	}
	e.into = b
	e.fill()
	e.into = nil
	b.Commit(e.n)
	return nil
}

// index returns the rows of m that are given.
func (e *emitter) index() []uint32 {
	switch {
	case e.left != nil:
		return e.left
	case e.mask != nil:
		e.idx = room(e.idx, e.n+64)
		kernel.MaskToIndex(e.mask, e.m.N, e.idx)
	default:
		e.idx = room(e.idx, e.n)
		for i := range e.idx {
			e.idx[i] = uint32(i)
		}
	}
	e.left = e.idx[:e.n]
	return e.left
}

// all reports that all rows of m are given, in order.
func (e *emitter) all() bool { return e.left == nil && e.mask == nil }

func head(ids []uint32, n int) []uint32 {
	if ids == nil {
		return nil
	}
	return ids[:n]
}

func tail(ids []uint32, n int) []uint32 {
	if ids == nil {
		return nil
	}
	return ids[n:]
}

// heavy reports that a text column of the batch would be too long.
func (e *emitter) heavy(ids []uint32) bool {
	for i, c := range e.cols {
		switch {
		case !c.typ.Kind.IsVar():
		case c.build:
			if b := e.build[i]; b.dict == nil && e.n*b.longest > textBudget && e.buildText(b, ids) > textBudget {
				return true
			}
		case !e.all() && e.m.Cols[c.at].Dict == nil && e.probeText(&e.m.Cols[c.at]) > textBudget:
			return true
		}
	}
	return false
}

// probeText is the most bytes of text that the given rows have in column v.
func (e *emitter) probeText(v *chunk.Vec) (n int64) {
	if e.mask != nil || e.left == nil {
		return int64(v.Off[v.N] - v.Off[0])
	}
	for _, j := range e.left {
		n += int64(v.Off[j+1] - v.Off[j])
	}
	return n
}

// buildText sums the text bytes of the given rows.
func (e *emitter) buildText(c *column, ids []uint32) (n int64) {
	mask := uint32(1)<<e.rows.shift - 1
	for _, id := range ids {
		if id != none {
			n += int64(len(c.text(id>>e.rows.shift, id&mask)))
		}
	}
	return n
}

// liftMisses prepares ids for gathering: rows without a match are cleared in hit
// and point to row 0 in e.ids.
func (e *emitter) liftMisses(ids []uint32) {
	e.ids, e.lifted = ids, false
	if !e.outer || ids == nil {
		return
	}
	e.hit = room(e.hit, chunk.Words(len(ids)))
	misses := 0
	for w := range e.hit {
		part := ids[w<<6 : min(len(ids), w<<6+64)]
		b := uint64(0)
		for i, id := range part {
			b |= uint64(notNone(id)) << (uint(i) & 63)
		}
		e.hit[w] = b
		misses += len(part) - bits.OnesCount64(b)
	}
	if misses == 0 {
		return
	}
	e.lifted = true
	e.safe = room(e.safe, len(ids))
	for i, id := range ids {
		e.safe[i] = id & uint32(-notNone(id))
	}
	e.ids = e.safe
}
