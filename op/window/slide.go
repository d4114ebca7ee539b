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
	f     *Func
	col   int
	acc   accumulator
	enter *cursor // the next row to enter; nil if that is the row itself
	leave *cursor // the first row in the frame; nil if none ever leaves
	key   int     // the order key's column, for distances
	desc  bool
	first bool // nulls first
	dist  bool // bounds are distances of keys
	begun bool
	part  uint32
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

func (r *reader) slide(i, col int, at spot) (evaluator, error) {
	f := &r.p.Funcs[i]
	e := &slide{f: f, col: col, key: -1}
	e.acc = newAccumulator(f, r.outs[i].Type, kindOf(r.schema, col))
	var err error
	if f.Frame != (Frame{OpenFrom: true}) {
		if e.enter, err = r.tape.cursor(at, f.Frame.Range); err != nil {
			return e, err
		}
	}
	if !f.Frame.OpenFrom {
		e.leave, err = r.tape.cursor(at, f.Frame.Range)
	}
	if fr := f.Frame; fr.Range {
		e.dist = fr.From != 0 || fr.To != 0 || fr.FromFloat != 0 || fr.ToFloat != 0
		e.key, e.desc, e.first = r.order[0], r.p.Order[0].Desc, r.p.Order[0].NullsFirst
	}
	return e, err
}

func kindOf(s dtype.Schema, col int) dtype.Kind {
	if col < 0 {
		return dtype.Invalid
	}
	return s[col].Type.Kind
}

func (e *slide) close() error { return errors.Join(e.enter.close(), e.leave.close()) }

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
		k := 1
		var err error
		switch fr := &e.f.Frame; {
		case e.enter == nil:
			e.acc.add(m.c.vec(e.col), i, m.index+int64(i-m.lo))
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

// take lets the next row enter.
func (e *slide) take() error {
	c := e.enter
	e.acc.add(c.vec(e.col), c.at.row, c.index)
	return c.next()
}

// drop lets the first row leave.
func (e *slide) drop() error {
	c := e.leave
	e.acc.remove(c.vec(e.col), c.at.row, c.index)
	return c.next()
}

// all lets the rest of the partition enter.
func (e *slide) all(p uint32) error {
	c := e.enter
	for c.within(p) {
		k := run(c.part[c.at.row:], p)
		e.acc.span(c.vec(e.col), c.at.row, c.at.row+k, c.index)
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

func (k rangeKey) plus(d int64, x float64) rangeKey {
	if k.class == 0 {
		k.i, k.x = saturate(k.i, d), k.x+x
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
