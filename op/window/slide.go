package window

import (
	"errors"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A slide is an aggregate over a frame. Rows enter it in order and leave it in
// order.
type slide struct {
	f      *Func
	col    int
	two    int // the second column, -1 if there is none
	acc    accumulator
	singly bool    // rows enter and leave one by one, with the cursors where they are
	enter  *cursor // the next row to enter; nil if that is the row itself
	leave  *cursor // the first row in the frame; nil if none ever leaves
	key    int     // the order key's column, for distances
	desc   bool
	first  bool // nulls first
	dist   bool // bounds are distances of keys
	begun  bool
	part   uint32
}

// An accumulator is the state of an aggregate. Rows are of column v, which is nil
// for the count of rows.
type accumulator interface {
	reset()
	add(v *chunk.Vec, row int, index int64)
	remove(v *chunk.Vec, row int, index int64)
	// span adds rows [lo, hi), the first of which has the index.
	span(v *chunk.Vec, lo, hi int, index int64)
	// begin starts a column of n results, put gives the next ones, end the column.
	begin(n int)
	put(times int) error
	end() (chunk.Vec, error)
}

// A mover is an accumulator that can take several steps of a frame at once: in each, a row of v from
// row in on enters, one of w from row out on leaves, unless w is nil, and a result is given. It
// returns how many of n it has made, and need make none.
type mover interface {
	move(v *chunk.Vec, in int, w *chunk.Vec, out, n int) int
}

func (r *reader) slide(i, col int, at spot) (evaluator, error) {
	f := &r.p.Funcs[i]
	e := &slide{}
	err := e.open(r, f, col, at)
	e.acc = newAccumulator(f, r.outs[i].Type, typeOf(r.schema, col), r.t)
	return e, err
}

// open puts the cursors to a spot.
func (e *slide) open(r *reader, f *Func, col int, at spot) (err error) {
	e.f, e.col, e.two, e.key = f, col, -1, -1
	e.singly = f.Fn == First || f.Fn == Last
	if f.Col2 != "" {
		e.two, e.singly = r.schema.Index(f.Col2), true
	}
	if f.Frame != (Frame{OpenFrom: true}) || e.singly {
		if e.enter, err = r.tape.cursor(at, f.Frame.Range); err != nil {
			return err
		}
	}
	if !f.Frame.OpenFrom {
		e.leave, err = r.tape.cursor(at, f.Frame.Range)
	}
	if fr := f.Frame; fr.Range {
		e.dist = fr.From != 0 || fr.To != 0 || fr.FromFloat != 0 || fr.ToFloat != 0
		e.key, e.desc, e.first = r.order[0], r.p.Order[0].Desc, r.p.Order[0].NullsFirst
	}
	return err
}

func typeOf(s dtype.Schema, col int) dtype.Type {
	if col < 0 {
		return dtype.Type{}
	}
	return s[col].Type
}

func (e *slide) close() error {
	if q, ok := e.acc.(*quantiles); ok {
		q.reset() // gives its memory back
	}
	return errors.Join(e.enter.close(), e.leave.close())
}

func (e *slide) eval(m *view) (chunk.Vec, error) {
	e.acc.begin(m.n())
	for i := m.lo; i < m.hi; {
		p := m.c.part[i]
		if !e.begun || p != e.part {
			if err := e.turn(m.index + int64(i-m.lo)); err != nil {
				return chunk.Vec{}, err
			}
			e.begun, e.part = true, p
		}
		k, err := e.steps(m, i)
		if err != nil {
			return chunk.Vec{}, err
		}
		if i += k; k > 0 {
			continue
		}
		k = 1
		switch fr := &e.f.Frame; {
		case fr.OpenFrom && fr.OpenTo:
			k = run(m.c.part[i:m.hi], p)
			err = e.all(p)
		case !fr.Range:
			err = e.rows(p, m.index+int64(i-m.lo))
		case e.dist:
			err = e.distances(p, m, i)
		default:
			err = e.peers(p, m.c.group[i])
		}
		if err == nil {
			err = e.acc.put(k)
		}
		if err != nil {
			return chunk.Vec{}, err
		}
		i += k
	}
	return e.acc.end()
}

// turn begins a partition, whose first row is row number at.
func (e *slide) turn(at int64) error {
	e.acc.reset()
	for _, c := range []*cursor{e.enter, e.leave} {
		if c != nil && c.index < at {
			if err := c.skip(at - c.index); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cursor) vec(col int) *chunk.Vec {
	if col < 0 {
		return nil
	}
	return &c.b.Cols[col]
}

// within reports that the cursor stands in the partition.
func (c *cursor) within(p uint32) bool { return c.b != nil && c.part[c.at.row] == p }

// arg is the column of the rows of a cursor; the second one is told to who wants two.
func (e *slide) arg(c *cursor) *chunk.Vec {
	if e.two >= 0 {
		e.acc.(*couples).y = c.vec(e.two)
	}
	return c.vec(e.col)
}

// take lets the next row enter.
func (e *slide) take() error {
	c := e.enter
	e.acc.add(e.arg(c), c.at.row, c.index)
	return c.next()
}

// drop lets the first row leave.
func (e *slide) drop() error {
	c := e.leave
	e.acc.remove(e.arg(c), c.at.row, c.index)
	return c.next()
}

// all lets the rest of the partition enter.
func (e *slide) all(p uint32) error {
	c := e.enter
	for c.within(p) {
		k := run(c.part[c.at.row:], p)
		e.acc.span(e.arg(c), c.at.row, c.at.row+k, c.index)
		if err := c.skip(int64(k)); err != nil {
			return err
		}
	}
	return nil
}

// rows moves a frame of rows to row number at.
func (e *slide) rows(p uint32, at int64) error {
	fr := &e.f.Frame
	to, from := saturate(at, fr.To), saturate(at, fr.From)
	for e.enter.within(p) && (fr.OpenTo || e.enter.index <= to) {
		if err := e.take(); err != nil {
			return err
		}
	}
	for e.leave != nil && e.leave.index < from && e.leave.index < e.enter.index {
		if err := e.drop(); err != nil {
			return err
		}
	}
	return nil
}

// steady reports that a frame of rows moves by one row at both ends for row number at, if there is
// one more row of the partition.
func (e *slide) steady(at int64) bool {
	fr := &e.f.Frame
	return !fr.Range && !fr.OpenFrom && !fr.OpenTo && e.enter.index == saturate(at, fr.To) && e.leave.index == saturate(at, fr.From)-1
}

// steps goes through rows from row i of the view on whose frames each have one row more than the one
// before, and one less where rows leave: those of a running aggregate, or of a steady frame as long
// as both rows are in one batch. It gives their results and returns how many they are.
func (e *slide) steps(m *view, i int) (n int, err error) {
	at, in, out := m.index+int64(i-m.lo), e.enter, e.leave
	if e.singly {
		return 0, nil
	}
	if in == nil {
		n = run(m.c.part[i:m.hi], e.part)
		return n, e.step(m.c.vec(e.col), i, at, n)
	}
	if !e.steady(at) || !in.within(e.part) {
		return 0, nil
	}
	n = min(run(m.c.part[i:m.hi], e.part), run(in.part[in.at.row:], e.part), out.b.N-out.at.row)
	if err = e.step(in.vec(e.col), in.at.row, in.index, n); err != nil {
		return n, err
	}
	return n, errors.Join(in.skip(int64(n)), out.skip(int64(n)))
}

// step lets n rows of v enter, from a row on that has an index, and as many leave.
func (e *slide) step(v *chunk.Vec, row int, index int64, n int) error {
	var w *chunk.Vec
	at, from := 0, int64(0)
	if e.leave != nil {
		w, at, from = e.leave.vec(e.col), e.leave.at.row, e.leave.index
	}
	fast, _ := e.acc.(mover)
	for i := 0; i < n; {
		if fast != nil {
			i += fast.move(v, row+i, w, at+i, n-i)
		}
		for end := min(n, i+64); i < end; i++ {
			e.acc.add(v, row+i, index+int64(i))
			if e.leave != nil {
				e.acc.remove(w, at+i, from+int64(i))
			}
			if err := e.acc.put(1); err != nil {
				return err
			}
		}
	}
	return nil
}

func saturate(a, b int64) int64 {
	switch s := a + b; {
	case b > 0 && s < a:
		return math.MaxInt64
	case b < 0 && s > a:
		return math.MinInt64
	default:
		return s
	}
}

// peers moves a frame whose ends are the group of peers or open.
func (e *slide) peers(p, group uint32) error {
	fr := &e.f.Frame
	for e.enter.within(p) && (fr.OpenTo || e.enter.group[e.enter.at.row] <= group) {
		if err := e.take(); err != nil {
			return err
		}
	}
	for e.leave != nil && e.leave.index < e.enter.index && e.leave.group[e.leave.at.row] < group {
		if err := e.drop(); err != nil {
			return err
		}
	}
	return nil
}

// distances moves a frame of keys to row i of the view.
func (e *slide) distances(p uint32, m *view, i int) error {
	fr := &e.f.Frame
	k := e.keyAt(&m.c.b.Cols[e.key], i)
	hi, lo := k.plus(fr.To, fr.ToFloat), k.plus(fr.From, fr.FromFloat)
	for e.enter.within(p) && (fr.OpenTo || !hi.before(e.keyAt(&e.enter.b.Cols[e.key], e.enter.at.row))) {
		if err := e.take(); err != nil {
			return err
		}
	}
	for e.leave != nil && e.leave.index < e.enter.index && e.keyAt(&e.leave.b.Cols[e.key], e.leave.at.row).before(lo) {
		if err := e.drop(); err != nil {
			return err
		}
	}
	return nil
}

// A rangeKey is an order key by which rows stand in rising order: first its
// class, then its value, as an integer or as a float.
type rangeKey struct {
	class int // 0 is a value
	i     int64
	x     float64
}

// plus is a key so much further. One beyond all integers, which have an x of 0, is before or
// behind each of them: a frame below 0 has not the rows of 0.
func (k rangeKey) plus(d int64, x float64) rangeKey {
	if k.class != 0 {
		return k
	}
	switch s := saturate(k.i, d); {
	case s-d == k.i:
		k.i, k.x = s, k.x+x
	case d > 0:
		k.i, k.x = s, math.Inf(1)
	default:
		k.i, k.x = s, math.Inf(-1)
	}
	return k
}

func (k rangeKey) before(o rangeKey) bool {
	switch {
	case k.class != o.class:
		return k.class < o.class
	case k.class != 0:
		return false
	case k.i != o.i:
		return k.i < o.i
	}
	return k.x < o.x
}

// keyAt reads an order key. Falling ones change their sign.
func (e *slide) keyAt(v *chunk.Vec, row int) (k rangeKey) {
	if v.IsNull(row) {
		if k.class = 2; e.first {
			k.class = -2
		}
		return k
	}
	switch v.Type.Kind {
	case dtype.Float64:
		k.x = chunk.Values[float64](v)[row]
	case dtype.Float32:
		k.x = float64(chunk.Values[float32](v)[row])
	default:
		k.i = integerAt(v, row)
	}
	if k.x != k.x {
		k.x, k.class = 0, 1
	}
	if e.desc {
		k.x, k.class = -k.x, -k.class
		k.i = ^k.i // one less than the negative, for all alike
	}
	return k
}

// integerAt reads an integer, date or timestamp; uint64 with its first bit turned,
// which keeps order and distances.
func integerAt(v *chunk.Vec, row int) int64 {
	switch v.Type.Kind {
	case dtype.Int8:
		return int64(chunk.Values[int8](v)[row])
	case dtype.Int16:
		return int64(chunk.Values[int16](v)[row])
	case dtype.Int32, dtype.Date:
		return int64(chunk.Values[int32](v)[row])
	case dtype.Uint8:
		return int64(chunk.Values[uint8](v)[row])
	case dtype.Uint16:
		return int64(chunk.Values[uint16](v)[row])
	case dtype.Uint32:
		return int64(chunk.Values[uint32](v)[row])
	case dtype.Uint64:
		return int64(chunk.Values[uint64](v)[row] ^ 1<<63)
	case dtype.Bool:
		if v.Bool(row) {
			return 1
		}
		return 0
	}
	return chunk.Values[int64](v)[row]
}
