package window

import (
	"errors"

	"github.com/weft-data/weft/chunk"
)

// ends give the value of the first or the last row of a frame. They are the accumulator of their own slide: it moves the
// frame, and the values are read where its cursors stand.
type ends struct {
	gathered
	slide
	last bool
	m    *view
	done int // results of this view
	n    int64

	// Results that wait: rows of a batch, which is valid until a cursor moves on, or the saved value so many times.
	batch *chunk.Batch
	rows  []uint32
	owed  int

	row  int  // of the last row that entered, in the batch of its cursor
	kept bool // it is the saved one: its batch has gone
	err  error
}

func (e *ends) close() error { return errors.Join(e.slide.close(), e.gathered.close()) }

func (e *ends) eval(m *view) (chunk.Vec, error) {
	e.m = m
	return e.slide.eval(m)
}

func (e *ends) reset() {
	e.flush()
	e.n, e.kept = 0, false
}

func (e *ends) add(v *chunk.Vec, row int, _ int64) {
	e.n++
	final := row == v.N-1
	switch {
	case e.last && final || !e.last && e.leave == nil && e.n == 1:
		e.flush()
		e.note(e.save(e.enter.b, row))
		e.kept = true
	case e.last:
		e.row, e.kept = row, false
	}
}

func (e *ends) remove(v *chunk.Vec, row int, _ int64) {
	if e.n--; row == v.N-1 {
		e.flush()
	}
}

func (e *ends) span(v *chunk.Vec, lo, hi int, index int64) {
	for i := lo; i < hi; i++ {
		e.add(v, i, index)
	}
}

func (e *ends) begin(n int) {
	e.gathered.begin()
	e.bits.nulls(n)
	e.done = 0
}

func (e *ends) put(times int) error {
	for range times {
		switch {
		case e.n == 0: // any row will do, it is null
			clearBit(e.bits.valid, e.done)
			e.wait(e.m.c.b, e.m.lo+e.done)
		case e.kept:
			if len(e.rows) > 0 {
				e.flush()
			}
			e.owed++
		case e.last:
			e.wait(e.enter.b, e.row)
		default:
			e.wait(e.leave.b, e.leave.at.row)
		}
		e.done++
	}
	return e.err
}

// wait has a row of a batch wait for its turn.
func (e *ends) wait(b *chunk.Batch, row int) {
	if e.owed > 0 || e.batch != b {
		e.flush()
	}
	e.batch, e.rows = b, append(e.rows, uint32(row))
}

// flush appends what waits.
func (e *ends) flush() {
	if len(e.rows) > 0 {
		e.note(e.gathered.add(e.batch, e.rows))
	}
	e.note(e.addSaved(e.owed))
	e.batch, e.rows, e.owed = nil, e.rows[:0], 0
}

func (e *ends) note(err error) { e.err = errors.Join(e.err, err) }

func (e *ends) end() (chunk.Vec, error) {
	e.flush()
	if e.err != nil {
		return chunk.Vec{}, e.err
	}
	valid := e.bits.valid[:chunk.Words(e.done)]
	v := e.vec()
	if v.Valid == nil {
		v.Valid = valid
		return v, nil
	}
	for i, w := range valid {
		v.Valid[i] &= w
	}
	return v, nil
}
