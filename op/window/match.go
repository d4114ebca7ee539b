package window

import (
	"errors"
	"math"
	"sort"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A matching is window.match made ready.
type matching struct {
	p            AsOfParams
	left, right  dtype.Schema
	lby, rby     []int
	lon, ron     int
	cols         []asOfCol
	give         []int // right columns of the output
	gives        dtype.Schema
	at           []int // of each output column: where in its side's part
	lkeys, rkeys []int // by and on
}

func newMatching(p matchParams) (*matching, error) {
	m := &matching{p: p.P, left: p.Left, right: p.Right, lon: p.Left.Index(p.P.LeftOn), ron: p.Right.Index(p.P.RightOn)}
	for i := range p.P.LeftBy {
		m.lby = append(m.lby, p.Left.Index(p.P.LeftBy[i]))
		m.rby = append(m.rby, p.Right.Index(p.P.RightBy[i]))
	}
	m.lkeys, m.rkeys = append(append(m.lkeys, m.lby...), m.lon), append(append(m.rkeys, m.rby...), m.ron)
	var err error
	if m.cols, _, err = p.P.wanted(p.Left, p.Right); err != nil {
		return nil, err
	}
	for _, c := range m.cols {
		at := c.at
		if c.right {
			at = len(m.give)
			m.give = append(m.give, c.at)
		}
		m.at = append(m.at, at)
	}
	m.gives = p.Right.Pick(m.give)
	return m, nil
}

// Open implements op.Source.
func (m *matching) Open(t op.Task, in []op.In) (op.Feed, error) {
	f := &matchFeed{matching: m, t: t}
	f.ltape = &tape{by: m.lby, schema: m.left, ctx: t.Context()}
	f.rtape = &tape{by: m.rby, schema: m.right, ctx: t.Context()}
	for _, x := range in {
		if x.Edge == 0 {
			f.ltape.runs = append(f.ltape.runs, tapeOf([]op.In{x})...)
		} else {
			f.rtape.runs = append(f.rtape.runs, tapeOf([]op.In{x})...)
		}
	}
	return f, f.sample()
}

// A matchFeed merges one block of the left table with the right one. Each run of
// the block is a split.
type matchFeed struct {
	*matching
	t            op.Task
	ltape, rtape *tape
	firsts       *chunk.Batch // the keys of the first rows of the right runs that have rows
	runs         []int        // which those are
}

func (f *matchFeed) Splits() int                { return len(f.ltape.runs) }
func (f *matchFeed) Reader() (op.Reader, error) { return &matcher{matchFeed: f}, nil }
func (f *matchFeed) Close() error               { return nil }

// sample reads the first row of every right run.
func (f *matchFeed) sample() error {
	b := chunk.NewBuilder(f.right.Pick(f.rkeys), mem.Heap)
	var part chunk.Batch
	for i := range f.rtape.runs {
		if err := f.t.Context().Err(); err != nil {
			return err
		}
		one := &tape{runs: f.rtape.runs[i : i+1], schema: f.right, ctx: f.t.Context()}
		c, err := one.cursor(spot{}, false)
		if err != nil {
			return err
		}
		if c.b != nil {
			f.runs = append(f.runs, i)
			err = b.AppendRows(c.b.Pick(f.rkeys, &part), []uint32{0})
		}
		if err = errors.Join(err, c.close()); err != nil {
			return err
		}
	}
	f.firsts = b.Flush()
	return nil
}

// start returns the last right run whose first row comes before a left row.
func (f *matchFeed) start(b *chunk.Batch, row int) spot {
	all := make([]int, len(f.rkeys))
	for i := range all {
		all[i] = i
	}
	n := sort.Search(len(f.runs), func(i int) bool { return compareRows(f.firsts, all, i, b, f.lkeys, row) >= 0 })
	if n == 0 {
		return spot{}
	}
	return spot{run: f.runs[n-1]}
}

// A matcher reads splits on one thread. Its right cursor stands behind the rows
// that are before the left row in time, or at it too where the same time matches
// backwards. The row before the cursor is the last of those; it is saved when the
// cursor leaves its batch.
type matcher struct {
	*matchFeed
	c      *cursor
	codes  []int64 // times of the cursor's batch
	sign   int     // of the right partition beside the left one
	known  bool    // sign is
	rpart  uint32  // the right partition, if sign is 0
	nulls  bool    // the left partition has a null key
	saved  *chunk.Batch
	last   found  // the saved row
	spart  uint32 // partition of the saved row
	lcodes []int64
	buf    [2][]int64 // the codes that are not values as they stand: right, left
	lpart  uint32
	b      *chunk.Builder
	cur    *chunk.Batch
	match  []uint64
	idx    []uint32 // rows of the cursor's batch that are not in b yet
	pick   chunk.Batch
	out    chunk.Batch
	one    *chunk.Builder
	zero   [1]uint32
}

// A found row is a candidate: of the cursor's batch, or the saved one (row -1).
type found struct {
	row  int
	code int64
	x    float64 // the time, if it is a float
}

func (m *matcher) Close() error { return nil }

// Read implements op.Reader.
func (m *matcher) Read(split int, out op.Sink) (err error) {
	one := &tape{runs: m.ltape.runs[split : split+1], by: m.lby, schema: m.left, ctx: m.t.Context()}
	l, err := one.cursor(spot{}, false)
	if err != nil || l.b == nil {
		return err
	}
	defer func() {
		if m.cur != nil {
			m.cur.Release()
			m.cur = nil
		}
		if m.b != nil {
			m.b.Close()
			m.b = nil
		}
		if e := errors.Join(l.close(), m.c.close()); e != nil && (err == nil || errors.Is(err, op.ErrEnough)) {
			err = e
		}
	}()
	if m.c, err = m.rtape.cursor(m.start(l.b, 0), false); err != nil {
		return err
	}
	m.known, m.saved, m.lpart = false, nil, math.MaxUint32
	m.b = chunk.NewBuilder(m.gives, m.t)
	m.codes = codes(m.c, m.ron, &m.buf[0])
	seq := uint64(m.t.Block())<<48 | uint64(split)<<32
	for l.b != nil {
		m.lcodes = codes(l, m.lon, &m.buf[1])
		for lo := 0; lo < l.b.N; lo += morsel {
			if err := m.t.Context().Err(); err != nil {
				return err
			}
			if err := m.rows(l, lo, min(l.b.N, lo+morsel)); err != nil {
				return err
			}
			m.out.Seq = seq
			seq++
			if err := out.Push(&m.out); err != nil {
				return err
			}
		}
		if err := l.turn(); err != nil {
			return err
		}
	}
	return nil
}

// never is the code of times that match nothing, and of the greatest integer.
const never = math.MaxInt64

// codes maps the times of a cursor's batch to integers in their order: its own values where they
// are that, else in buf. They are read only.
func codes(c *cursor, col int, buf *[]int64) []int64 {
	if c.b == nil {
		return nil
	}
	v := &c.b.Cols[col]
	k := v.Type.Kind
	if v.Valid == nil && (k == dtype.Int64 || k == dtype.Timestamp) {
		return chunk.Values[int64](v)
	}
	if cap(*buf) < v.N {
		*buf = make([]int64, v.N+v.N/4)
	}
	out := (*buf)[:v.N]
	switch k {
	case dtype.Int64, dtype.Timestamp:
		copy(out, chunk.Values[int64](v))
	case dtype.Float32, dtype.Float64:
		for i := range out {
			out[i] = codeOf(floatAt(v, i))
		}
	case dtype.Int32, dtype.Date:
		for i, x := range chunk.Values[int32](v)[:v.N] {
			out[i] = int64(x)
		}
	default:
		for i := range out {
			out[i] = integerAt(v, i)
		}
	}
	if v.Valid != nil {
		for i := range out {
			if v.IsNull(i) {
				out[i] = never
			}
		}
	}
	return out
}

// lost reports that a time whose code is never matches nothing.
func lost(v *chunk.Vec, row int) bool { return v.IsNull(row) || v.Type.Kind.IsFloat() }

// rows makes the output of left rows [lo, hi).
func (m *matcher) rows(l *cursor, lo, hi int) error {
	if m.cur != nil {
		m.cur.Release()
		m.cur = nil
	}
	n := hi - lo
	if k := chunk.Words(n); cap(m.match) < k {
		m.match = make([]uint64, k)
	}
	m.match = m.match[:chunk.Words(n)]
	clear(m.match)
	for i := lo; i < hi; i++ {
		if i += m.merge(l, i, hi, i-lo); i == hi {
			break
		}
		if l.part[i] != m.lpart {
			m.lpart, m.known, m.nulls = l.part[i], false, false
			for _, c := range m.lby {
				m.nulls = m.nulls || l.b.Cols[c].IsNull(i)
			}
		}
		if err := m.row(l, i, i-lo); err != nil {
			return err
		}
	}
	if err := m.flush(); err != nil {
		return err
	}
	m.cur = m.b.Flush()
	m.out.Cols, m.out.N = m.out.Cols[:0], n
	for k, c := range m.cols {
		if c.right {
			m.out.Cols = append(m.out.Cols, masked(m.cur.Cols[m.at[k]], m.match))
		} else {
			m.out.Cols = append(m.out.Cols, l.b.Cols[m.at[k]].Slice(lo, hi))
		}
	}
	return nil
}

// masked is v with nulls where a bit is not set.
func masked(v chunk.Vec, match []uint64) chunk.Vec {
	if v.Valid == nil {
		v.Valid = match
		return v
	}
	for i, w := range match {
		v.Valid[i] &= w
	}
	return v
}

// row gives left row i its match, as row j of the output.
func (m *matcher) row(l *cursor, i, j int) error {
	t := m.lcodes[i]
	v := &l.b.Cols[m.lon]
	if m.nulls || t == never && lost(v, i) {
		return m.none()
	}
	if !m.known {
		if err := m.align(l, i); err != nil {
			return err
		}
	}
	if m.sign != 0 {
		return m.none()
	}
	if err := m.advance(t); err != nil {
		return err
	}
	f, ok := m.choose(v, i, t)
	if !ok {
		return m.none()
	}
	m.match[j>>6] |= 1 << (uint(j) & 63)
	if f.row < 0 {
		return m.add(m.saved)
	}
	m.idx = append(m.idx, uint32(f.row))
	return nil
}

// align moves the right cursor to the partition of left row i, or the next one.
func (m *matcher) align(l *cursor, i int) error {
	c := m.c
	m.known = true
	for c.b != nil {
		m.rpart = c.part[c.at.row]
		if m.sign = compareRows(c.b, m.rby, c.at.row, l.b, m.lby, i); m.sign >= 0 {
			return nil
		}
		for c.within(m.rpart) {
			if err := m.skip(run(c.part[c.at.row:], m.rpart)); err != nil {
				return err
			}
		}
	}
	m.sign = 1
	return nil
}

// skip moves the right cursor. The row before a new batch is saved.
func (m *matcher) skip(k int) error {
	c := m.c
	if c.at.row += k; c.at.row < c.b.N {
		return nil
	}
	if err := m.flush(); err != nil {
		return err
	}
	if m.one == nil {
		m.one = chunk.NewBuilder(m.gives, mem.Heap)
	}
	n := c.b.N - 1
	m.zero[0] = uint32(n)
	if err := m.one.AppendRows(c.b.Pick(m.give, &m.pick), m.zero[:]); err != nil {
		return err
	}
	m.saved, m.last, m.spart = m.one.Flush(), m.found(n), c.part[n]
	m.last.row = -1
	if err := c.turn(); err != nil {
		return err
	}
	m.codes = codes(c, m.ron, &m.buf[0])
	return nil
}

// found describes a row of the cursor's batch.
func (m *matcher) found(row int) found {
	f := found{row: row, code: m.codes[row]}
	if v := &m.c.b.Cols[m.ron]; v.Type.Kind.IsFloat() {
		f.x = floatAt(v, row)
	}
	return f
}

// advance moves the right cursor within its partition past the times before t, and
// past t itself if that matches backwards or does not match forwards.
func (m *matcher) advance(t int64) error {
	past := (m.p.Direction == Forward) == m.p.Strict
	for m.c.within(m.rpart) {
		c := m.c
		r, n, p := c.at.row, c.b.N, m.rpart
		if past {
			for r < n && m.codes[r] <= t && c.part[r] == p {
				if t == never && m.codes[r] == never && lost(&c.b.Cols[m.ron], r) {
					break
				}
				r++
			}
		} else {
			for r < n && m.codes[r] < t && c.part[r] == p {
				r++
			}
		}
		if r < n {
			c.at.row = r
			return nil
		}
		if err := m.skip(n - c.at.row); err != nil {
			return err
		}
	}
	return nil
}

// choose picks the match of a left time.
func (m *matcher) choose(v *chunk.Vec, i int, t int64) (f found, ok bool) {
	x := 0.0
	if v.Type.Kind.IsFloat() {
		x = floatAt(v, i)
	}
	var before, after found
	var some, more bool
	if m.p.Direction != Forward {
		before, some = m.before()
	}
	if m.p.Direction != Backward {
		after, more = m.after()
	}
	switch {
	case some && more:
		f, ok = before, true
		if m.closer(after, before, t, x) {
			f = after
		}
	case some:
		f, ok = before, true
	default:
		f, ok = after, more
	}
	return f, ok && (!m.p.Limited || m.within(f, t, x))
}

// before is the row before the cursor, if it is of the partition.
func (m *matcher) before() (found, bool) {
	c := m.c
	if c.b != nil && c.at.row > 0 {
		r := c.at.row - 1
		if c.part[r] != m.rpart {
			return found{}, false
		}
		return m.found(r), true
	}
	return m.last, m.saved != nil && m.spart == m.rpart
}

// after is the row at the cursor, if it is of the partition and has a time.
func (m *matcher) after() (found, bool) {
	c := m.c
	if !c.within(m.rpart) {
		return found{}, false
	}
	r := c.at.row
	return m.found(r), m.codes[r] != never || !lost(&c.b.Cols[m.ron], r)
}

// closer reports that a is nearer to a left time than b.
func (m *matcher) closer(a, b found, t int64, x float64) bool {
	if m.right[m.ron].Type.Kind.IsFloat() {
		return apart(a.x, x) < apart(b.x, x)
	}
	return gap(a.code, t) < gap(b.code, t)
}

// within reports that a row is not too far from a left time.
func (m *matcher) within(f found, t int64, x float64) bool {
	if m.right[m.ron].Type.Kind.IsFloat() {
		return apart(f.x, x) <= m.p.WithinFloat
	}
	return gap(f.code, t) <= uint64(m.p.Within)
}

func gap(a, b int64) uint64 {
	if a < b {
		a, b = b, a
	}
	return uint64(a) - uint64(b)
}

func apart(a, b float64) float64 {
	if a == b {
		return 0
	}
	return math.Abs(a - b)
}

// none adds a row that is no match.
func (m *matcher) none() error {
	switch {
	case m.c.b != nil:
		m.idx = append(m.idx, 0)
		return nil
	case m.saved != nil:
		return m.add(m.saved)
	}
	b := &chunk.Batch{N: 1}
	for range m.gives {
		b.Cols = append(b.Cols, chunk.Vec{Type: dtype.Of(dtype.Null), N: 1})
	}
	return m.add(b)
}

// add appends the only row of a batch.
func (m *matcher) add(one *chunk.Batch) error {
	if err := m.flush(); err != nil {
		return err
	}
	m.zero[0] = 0
	return m.append(one, m.zero[:])
}

// flush appends the rows of the cursor's batch that are waiting.
func (m *matcher) flush() error {
	if len(m.idx) == 0 {
		return nil
	}
	err := m.append(m.c.b.Pick(m.give, &m.pick), m.idx)
	m.idx = m.idx[:0]
	return err
}

func (m *matcher) append(b *chunk.Batch, idx []uint32) (err error) {
	m.b, err = appendRows(m.b, m.gives, b, idx)
	return err
}
