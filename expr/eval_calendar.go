package expr

import (
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

func bindLeapYear(b *binding) (code, error) {
	m, err := newMoments(b.In[0])
	return func(f *frame) error {
		m.read(f.in[0])
		f.eachBit(func(i int) bool {
			day, _, _ := m.at(i)
			y, _, _ := civil(day)
			return y%4 == 0 && (y%100 != 0 || y%400 == 0)
		})
		return nil
	}, err
}

// bindEpoch binds the counts since the epoch in milliseconds and finer.
func bindEpoch(b *binding) (code, error) {
	to := map[string]dtype.Unit{"date.epoch_ms": dtype.Milli, "date.epoch_us": dtype.Micro, "date.epoch_ns": dtype.Nano}[b.fn]
	if b.In[0].Kind == dtype.Date {
		return func(f *frame) error {
			x := chunk.Values[int32](f.in[0])
			return f.eachInstant(b, func(i int) (int64, bool) { return mulChecked(int64(x[i])*secondsPerDay, to.PerSecond()) })
		}, nil
	}
	from := b.In[0].Unit
	return func(f *frame) error {
		x := chunk.Values[int64](f.in[0])
		return f.eachInstant(b, func(i int) (int64, bool) { return rescale(x[i], from, to) })
	}, nil
}

func bindTimeOfDay(b *binding) (code, error) {
	clock, err := newClock(b.In[0])
	return func(f *frame) error {
		out := fixed[int64](f.out)
		for i, v := range chunk.Values[int64](f.in[0]) {
			out[i] = timeOfDay(clock, v, b.Out.Unit)
		}
		return nil
	}, err
}

// addMonths moves a day by months: to the same day of the month, or the last of a
// shorter one. False when that is out of all ranges.
func addMonths(day, n int64) (int64, bool) {
	if n > 1<<40 || n < -1<<40 {
		return 0, false
	}
	y, m, d := civil(day)
	k := y*12 + int64(m) - 1 + n
	first := dayOf(floorDiv(k, 12), int(floorMod(k, 12))+1, 1)
	return first + min(int64(d), monthEnd(first)-first+1) - 1, true
}

// addPeriod moves row i by n periods.
func (m *moments) addPeriod(i int, n int64, p period) (int64, bool) {
	if n == 0 && m.clock != nil {
		return m.units[i], true // also where the wall-clock time occurs twice
	}
	day, sec, frac := m.at(i)
	ok := true
	switch {
	case p.months > 0:
		if n, ok = mulChecked(n, p.months); ok {
			day, ok = addMonths(day, n)
		}
	case p.days > 0:
		if n, ok = mulChecked(n, p.days); ok && n < 1<<50 && n > -1<<50 {
			day += n
		} else {
			ok = false
		}
	default:
		step, rest := p.nanos/(1_000_000_000/m.clock.per), p.nanos%(1_000_000_000/m.clock.per)
		if rest != 0 { // finer than the unit: whole units of n of them
			if n, ok = mulChecked(n, p.nanos); !ok {
				return 0, false
			}
			n, step = floorDiv(n, 1_000_000_000/m.clock.per), 1
		}
		d, fits := mulChecked(n, step)
		r := m.units[i] + d
		return r, fits && (d >= 0) == (r >= m.units[i])
	}
	if !ok || m.clock == nil {
		return day, ok
	}
	return m.clock.instant(day, sec, frac)
}

// bindAddUnits binds date.add and date.add_months.
func bindAddUnits(b *binding) (code, error) {
	b.asVec[0] = true
	m, err := newMoments(b.In[0])
	if err != nil {
		return nil, err
	}
	p := period{months: 1}
	if b.fn == "date.add" {
		if p, err = periodOf(b.Args[2].Lit.S); err != nil {
			return nil, err
		}
	}
	return func(f *frame) error {
		m.read(f.in[0])
		n := f.integer(b, 1)
		if m.clock == nil {
			return f.eachDay(b, func(i int) int64 {
				day, ok := m.addPeriod(i, n(i), p)
				if !ok {
					return math.MaxInt64
				}
				return day
			})
		}
		return f.eachInstant(b, func(i int) (int64, bool) { return m.addPeriod(i, n(i), p) })
	}, nil
}

// bindToZone binds date.to_zone, which changes only the type, and
// date.replace_zone.
func bindToZone(b *binding) (code, error) {
	if b.fn == "date.to_zone" {
		return copyFixed, nil
	}
	from, err := newClock(b.In[0])
	if err != nil {
		return nil, err
	}
	to, err := newClock(b.Out)
	return func(f *frame) error {
		x := chunk.Values[int64](f.in[0])
		return f.eachInstant(b, func(i int) (int64, bool) { return to.instant(from.local(x[i])) })
	}, err
}

func bindMakeDate(b *binding) (code, error) {
	return func(f *frame) error {
		y, m, d := f.integer(b, 0), f.integer(b, 1), f.integer(b, 2)
		out := fixed[int32](f.out)
		for i := range out {
			out[i] = 0
			if f.null(i) {
				continue
			}
			if m(i) >= 1 && m(i) <= 12 && y(i) < 1<<24 && y(i) > -1<<24 {
				first := dayOf(y(i), int(m(i)), 1)
				day := first + d(i) - 1
				if d(i) >= 1 && d(i) <= 31 && day <= monthEnd(first) && day == int64(int32(day)) {
					out[i] = int32(day)
					continue
				}
			}
			f.out.setNull(i)
		}
		return nil
	}, nil
}

// bindDiff counts whole units between two times of one type.
func bindDiff(b *binding) (code, error) {
	b.asVec[0], b.asVec[1] = true, true
	p, err := periodOf(b.Args[2].Lit.S)
	if err != nil {
		return nil, err
	}
	x, err := newMoments(b.In[0])
	if err != nil {
		return nil, err
	}
	y, err := newMoments(b.In[0])
	return func(f *frame) error {
		x.read(f.in[0])
		y.read(f.in[1])
		f.eachInt(func(i int) int64 { return wholeUnits(p, x, y, i) })
		return nil
	}, err
}

// wholeUnits is the greatest number of periods, in size, that lead from y not
// beyond x.
func wholeUnits(p period, x, y *moments, i int) int64 {
	dx, sx, fx := x.at(i)
	dy, sy, fy := y.at(i)
	if p.nanos > 0 {
		per := int64(1)
		if x.clock != nil {
			per = x.clock.per
			// Shorter units count on the clock that never jumps.
			return i128Diff(x.units[i], y.units[i], 1_000_000_000/per, p.nanos)
		}
		return i128Diff(dx*secondsPerDay, dy*secondsPerDay, 1_000_000_000, p.nanos)
	}
	later := 0 // how the times of day compare
	switch {
	case sx != sy:
		later = sign(sx < sy, sx > sy)
	case fx != fy:
		later = sign(fx < fy, fx > fy)
	}
	if p.days > 0 {
		n := dx - dy
		if n > 0 && later < 0 {
			n--
		} else if n < 0 && later > 0 {
			n++
		}
		return n / p.days
	}
	ya, ma, _ := civil(dx)
	yb, mb, _ := civil(dy)
	n := (ya-yb)*12 + int64(ma-mb)
	end, _ := addMonths(dy, n)
	switch {
	case n > 0 && (end > dx || end == dx && later < 0):
		n--
	case n < 0 && (end < dx || end == dx && later > 0):
		n++
	}
	return n / p.months
}

// i128Diff is (a-b)·mul/div, cut toward zero and to int64.
func i128Diff(a, b, mul, div int64) int64 {
	d, _ := intTo128(a, false).sub(intTo128(b, false))
	d, _ = d.mul(i128{0, uint64(mul)})
	q, _ := d.quoRem(i128{0, uint64(div)})
	if q.hi != int64(q.lo)>>63 {
		if q.hi < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return int64(q.lo)
}

// bindDurationIn binds duration.in and duration.whole.
func bindDurationIn(b *binding) (code, error) {
	unit, err := exactUnit(b.Args[1].Lit.S)
	if err != nil {
		return nil, err
	}
	step := 1_000_000_000 / b.In[0].Unit.PerSecond()
	if b.Out == tFloat64 {
		return func(f *frame) error {
			out := fixed[float64](f.out)
			for i, v := range chunk.Values[int64](f.in[0]) {
				if unit >= step {
					out[i] = float64(v) / (float64(unit) / float64(step))
				} else {
					out[i] = float64(v) * (float64(step) / float64(unit))
				}
			}
			return nil
		}, nil
	}
	return func(f *frame) error {
		x := chunk.Values[int64](f.in[0])
		return f.eachInstant(b, func(i int) (int64, bool) {
			n, _ := intTo128(x[i], false).mul(i128{0, uint64(step)})
			q, _ := n.quoRem(i128{0, uint64(unit)})
			return int64(q.lo), q.hi == int64(q.lo)>>63
		})
	}, nil
}

func bindDurationOf(b *binding) (code, error) {
	unit, err := exactUnit(b.Args[1].Lit.S)
	per := unit / (1_000_000_000 / b.Out.Unit.PerSecond())
	b.asVec[0] = true
	return func(f *frame) error {
		x := chunk.Values[int64](f.in[0])
		return f.eachInstant(b, func(i int) (int64, bool) { return mulChecked(x[i], per) })
	}, err
}
