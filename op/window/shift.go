package window

import (
	"errors"

	"github.com/weft-data/weft/chunk"
)

// A shift is lag (k < 0) or lead (k > 0).
type shift struct {
	gathered
	src *cursor
	k   int64
}

func (e *shift) close() error { return errors.Join(e.src.close(), e.gathered.close()) }

// eval copies the values k rows on and makes null what lies in another partition.
func (e *shift) eval(m *view) (chunk.Vec, error) {
	e.begin()
	n := m.n()
	valid := e.bits.nulls(n)
	done := 0
	if before := -e.k - m.index; before > 0 { // rows before the split: other partitions
		done = int(min(before, int64(n)))
		if err := e.none(m, 0, done, valid); err != nil {
			return chunk.Vec{}, err
		}
	}
	for done < n {
		if e.src.b == nil {
			if err := e.none(m, done, n, valid); err != nil {
				return chunk.Vec{}, err
			}
			break
		}
		row := e.src.at.row
		k := min(n-done, e.src.b.N-row)
		e.idx = e.idx[:0]
		for i := range k {
			e.idx = append(e.idx, uint32(row+i))
			if e.src.part[row+i] != m.c.part[m.lo+done+i] {
				clearBit(valid, done+i)
			}
		}
		if err := e.add(e.src.b, e.idx); err != nil {
			return chunk.Vec{}, err
		}
		done += k
		if err := e.src.skip(int64(k)); err != nil {
			return chunk.Vec{}, err
		}
	}
	v := e.vec()
	if v.Valid == nil {
		v.Valid = valid
	} else {
		for i, w := range valid {
			v.Valid[i] &= w
		}
	}
	return v, nil
}

// none appends rows [lo, hi) of the view for those that have no value.
func (e *shift) none(m *view, lo, hi int, valid []uint64) error {
	e.idx = e.idx[:0]
	for i := lo; i < hi; i++ {
		e.idx = append(e.idx, uint32(m.lo+i))
		clearBit(valid, i)
	}
	return e.add(m.c.b, e.idx)
}

// A forward fill takes the last value so far.
type forward struct {
	gathered
	part uint32 // of the saved value
}

func (e *forward) eval(m *view) (chunk.Vec, error) {
	e.begin()
	v := &m.c.b.Cols[e.col]
	i := m.lo
	for e.saved != nil && i < m.hi && m.c.part[i] == e.part && v.IsNull(i) {
		i++
	}
	if err := e.addSaved(i - m.lo); err != nil {
		return chunk.Vec{}, err
	}
	e.idx = e.idx[:0]
	last := -1
	for ; i < m.hi; i++ {
		switch {
		case !v.IsNull(i):
			last = i
		case last >= 0 && m.c.part[last] != m.c.part[i]:
			last = -1
		}
		if last >= 0 {
			e.idx = append(e.idx, uint32(last))
		} else {
			e.idx = append(e.idx, uint32(i)) // null
		}
	}
	if err := e.add(m.c.b, e.idx); err != nil {
		return chunk.Vec{}, err
	}
	switch p := m.c.part[m.hi-1]; {
	case last >= 0:
		if err := e.save(m.c.b, last); err != nil {
			return chunk.Vec{}, err
		}
		e.part = p
	case e.part != p:
		e.saved = nil
	}
	return e.vec(), nil
}

// A backward fill takes the next value: a cursor waits at it.
type backward struct {
	gathered
	src *cursor
}

func (e *backward) close() error { return errors.Join(e.src.close(), e.gathered.close()) }

func (e *backward) eval(m *view) (chunk.Vec, error) {
	e.begin()
	v := &m.c.b.Cols[e.col]
	var own []uint32
	flush := func() error {
		err := e.add(m.c.b, own)
		own = own[:0]
		return err
	}
	for i := m.lo; i < m.hi; i++ {
		if !v.IsNull(i) {
			own = append(own, uint32(i))
			continue
		}
		at, p := m.index+int64(i-m.lo), m.c.part[i]
		if err := e.seek(at, p); err != nil {
			return chunk.Vec{}, err
		}
		if e.src.b == nil || e.src.part[e.src.at.row] != p {
			own = append(own, uint32(i)) // null
			continue
		}
		if err := flush(); err != nil {
			return chunk.Vec{}, err
		}
		if err := e.add(e.src.b, []uint32{uint32(e.src.at.row)}); err != nil {
			return chunk.Vec{}, err
		}
	}
	if err := flush(); err != nil {
		return chunk.Vec{}, err
	}
	return e.vec(), nil
}

// seek moves the cursor to the next value at row number at or after it, or to the
// next partition.
func (e *backward) seek(at int64, p uint32) error {
	c := e.src
	if c.index < at {
		if err := c.skip(at - c.index); err != nil {
			return err
		}
	}
	for c.b != nil && c.part[c.at.row] == p && c.b.Cols[e.col].IsNull(c.at.row) {
		if err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

// An outermost value is that of the first row of the partition, or, with a cursor that
// runs ahead, of its last.
type outermost struct {
	gathered
	ahead *cursor // nil for the first row
	part  uint32
}

func (e *outermost) close() error {
	if e.ahead == nil {
		return e.gathered.close()
	}
	return errors.Join(e.ahead.close(), e.gathered.close())
}

func (e *outermost) eval(m *view) (chunk.Vec, error) {
	e.begin()
	for i := m.lo; i < m.hi; {
		p := m.c.part[i]
		if e.saved == nil || p != e.part {
			var err error
			if e.ahead != nil {
				err = e.last()
			} else {
				err = e.save(m.c.b, i)
			}
			if err != nil {
				return chunk.Vec{}, err
			}
			e.part = p
		}
		k := run(m.c.part[i:m.hi], p)
		if err := e.addSaved(k); err != nil {
			return chunk.Vec{}, err
		}
		i += k
	}
	return e.vec(), nil
}

// last saves the last value of the cursor's partition and moves to the next one.
func (e *outermost) last() error {
	c := e.ahead
	p := c.part[c.at.row]
	for c.b != nil && c.part[c.at.row] == p {
		k := run(c.part[c.at.row:], p)
		if err := e.save(c.b, c.at.row+k-1); err != nil {
			return err
		}
		if err := c.skip(int64(k)); err != nil {
			return err
		}
	}
	return nil
}
