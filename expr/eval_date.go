package expr

import (
	"math"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// moments reads dates and timestamps alike, as wall-clock time.
type moments struct {
	days  []int32
	units []int64
	clock *clock
}

// newMoments makes the reader of one State; read tells it the column of a morsel.
func newMoments(t dtype.Type) (*moments, error) {
	if t.Kind == dtype.Date {
		return &moments{}, nil
	}
	c, err := newClock(t)
	return &moments{clock: c}, err
}

func (m *moments) read(v *chunk.Vec) {
	if m.clock == nil {
		m.days = chunk.Values[int32](v)
		return
	}
	m.units = chunk.Values[int64](v)
}

// at returns day, second of the day and fraction in units of row i.
func (m *moments) at(i int) (day, sec, frac int64) {
	if m.clock == nil {
		return int64(m.days[i]), 0, 0
	}
	return m.clock.local(m.units[i])
}

// nanos returns the fraction of the second of row i in nanoseconds.
func (m *moments) nanos(i int) int64 {
	if m.clock == nil {
		return 0
	}
	return floorMod(m.units[i], m.clock.per) * (1_000_000_000 / m.clock.per)
}

// fractions are the fields of the second, by the nanoseconds they count.
var fractions = map[string]int64{"date.millisecond": 1e6, "date.microsecond": 1e3, "date.nanosecond": 1}

var dateFields = map[string]func(day, sec int64) int64{
	"date.iso_year":      func(day, _ int64) int64 { y, _, _ := civil(day + 4 - weekday(day)); return y },
	"date.days_in_month": func(day, _ int64) int64 { return monthEnd(day) - truncDay(period{months: 1}, day) + 1 },
	"date.year":          func(day, _ int64) int64 { y, _, _ := civil(day); return y },
	"date.month":         func(day, _ int64) int64 { _, m, _ := civil(day); return int64(m) },
	"date.day":           func(day, _ int64) int64 { _, _, d := civil(day); return int64(d) },
	"date.hour":          func(_, sec int64) int64 { return sec / 3600 },
	"date.minute":        func(_, sec int64) int64 { return sec / 60 % 60 },
	"date.second":        func(_, sec int64) int64 { return sec % 60 },
	"date.weekday":       func(day, _ int64) int64 { return weekday(day) },
	"date.quarter":       func(day, _ int64) int64 { _, m, _ := civil(day); return int64(m+2) / 3 },
	"date.week":          func(day, _ int64) int64 { return isoWeek(day) },
	"date.day_of_year":   func(day, _ int64) int64 { y, _, _ := civil(day); return day - dayOf(y, 1, 1) + 1 },
}

// weekday is 1 for Monday to 7; day 0 was a Thursday.
func weekday(day int64) int64 { return floorMod(day+3, 7) + 1 }

// isoWeek is the number of the week that has the Thursday of day's week.
func isoWeek(day int64) int64 {
	thursday := day + 4 - weekday(day)
	y, _, _ := civil(thursday)
	return (thursday-dayOf(y, 1, 1))/7 + 1
}

func bindDateField(b *binding) (code, error) {
	m, err := newMoments(b.In[0])
	if err != nil {
		return nil, err
	}
	if b.fn == "date.epoch" {
		return epoch(b.In[0]), nil
	}
	if unit := fractions[b.fn]; unit > 0 {
		return func(f *frame) error {
			m.read(f.in[0])
			f.eachInt(func(i int) int64 { return m.nanos(i) / unit })
			return nil
		}, nil
	}
	field := dateFields[b.fn]
	return func(f *frame) error {
		m.read(f.in[0])
		f.eachInt(func(i int) int64 {
			day, sec, _ := m.at(i)
			return field(day, sec)
		})
		return nil
	}, nil
}

func epoch(t dtype.Type) code {
	if t.Kind == dtype.Date {
		return func(f *frame) error {
			x := chunk.Values[int32](f.in[0])
			f.eachInt(func(i int) int64 { return int64(x[i]) * secondsPerDay })
			return nil
		}
	}
	per := t.Unit.PerSecond()
	return func(f *frame) error {
		x := chunk.Values[int64](f.in[0])
		f.eachInt(func(i int) int64 { return floorDiv(x[i], per) })
		return nil
	}
}

// outOfRange is the error of a time in row i.
func (f *frame) outOfRange(b *binding, i int) error {
	return f.fail(i, "of %s: the result is beyond the range of %s", f.valueAt(b, 0, i), b.Out)
}

// eachDay computes a date row by row.
func (f *frame) eachDay(b *binding, get func(i int) int64) error {
	out := fixed[int32](f.out)
	for i := range out {
		if f.null(i) {
			out[i] = 0
			continue
		}
		d := get(i)
		out[i] = int32(d)
		if d != int64(int32(d)) {
			if err := f.outOfRange(b, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachInstant computes a timestamp row by row; false means out of range.
func (f *frame) eachInstant(b *binding, get func(i int) (int64, bool)) error {
	out := fixed[int64](f.out)
	for i := range out {
		if f.null(i) {
			out[i] = 0
			continue
		}
		v, ok := get(i)
		out[i] = v
		if !ok {
			if err := f.outOfRange(b, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func bindToDate(b *binding) (code, error) {
	m, err := newMoments(b.In[0])
	last := b.fn == "date.last_day"
	return func(f *frame) error {
		m.read(f.in[0])
		return f.eachDay(b, func(i int) int64 {
			day, _, _ := m.at(i)
			if last {
				return monthEnd(day)
			}
			return day
		})
	}, err
}

func bindAddDays(b *binding) (code, error) {
	b.asVec[0] = true
	m, err := newMoments(b.In[0])
	if err != nil {
		return nil, err
	}
	return func(f *frame) error {
		m.read(f.in[0])
		n := f.integer(b, 1)
		add := func(day, n int64) int64 {
			if n > 1<<50 || n < -1<<50 {
				return math.MaxInt64 / secondsPerDay // out of range of every type
			}
			return day + n
		}
		if m.clock == nil {
			return f.eachDay(b, func(i int) int64 { return add(int64(m.days[i]), n(i)) })
		}
		return f.eachInstant(b, func(i int) (int64, bool) {
			day, sec, frac := m.at(i)
			k := n(i)
			if k == 0 {
				return m.units[i], true // also where the wall-clock time occurs twice
			}
			return m.clock.instant(add(day, k), sec, frac)
		})
	}, nil
}

// truncDay rounds a day down to a multiple of days or months. Weeks begin on
// Mondays, other days are counted from 1970-01-01, months from the year 0.
func truncDay(p period, day int64) int64 {
	switch {
	case p.months == 1:
		y, m, _ := civil(day)
		return dayOf(y, m, 1)
	case p.months > 0:
		y, m, _ := civil(day)
		n := y*12 + int64(m) - 1
		n -= floorMod(n, p.months)
		return dayOf(floorDiv(n, 12), int(floorMod(n, 12))+1, 1)
	case p.days%7 == 0 && p.days > 0:
		return day - floorMod(day+3, p.days)
	case p.days > 1:
		return day - floorMod(day, p.days)
	}
	return day
}

// monthEnd is the last day of the month of day.
func monthEnd(day int64) int64 {
	y, m, _ := civil(day)
	return dayOf(y+int64(m)/12, m%12+1, 1) - 1
}

func bindTruncate(b *binding) (code, error) {
	m, err := newMoments(b.In[0])
	if err != nil {
		return nil, err
	}
	p, err := periodOf(b.Args[1].Lit.S)
	if m.clock == nil || err != nil {
		return func(f *frame) error {
			m.read(f.in[0])
			return f.eachDay(b, func(i int) int64 { return truncDay(p, int64(m.days[i])) })
		}, err
	}
	down := m.down(p)
	return func(f *frame) error {
		m.read(f.in[0])
		return f.eachInstant(b, down)
	}, nil
}

// down returns what rounds the instant of row i down to a multiple of p.
func (m *moments) down(p period) func(i int) (int64, bool) {
	per := m.clock.per
	step := p.step(per)
	seconds := p.nanos / 1_000_000_000
	return func(i int) (int64, bool) {
		day, sec, frac := m.at(i)
		switch {
		case p.nanos == 0:
			return m.clock.instant(truncDay(p, day), 0, 0)
		case step <= 1:
			return m.units[i], true
		case p.nanos%1_000_000_000 == 0:
			return m.back(i, floorMod(day*secondsPerDay+sec, seconds))
		}
		wall, ok := mulChecked(day*secondsPerDay+sec, per)
		return m.units[i] - floorMod(wall+frac, step), ok
	}
}

// step is a period of the clock in units of which there are so many in a second.
func (p period) step(per int64) int64 { return p.nanos / (1_000_000_000 / per) }

// back returns the instant of row i, without the fraction of its second, less sec seconds of
// the wall clock. Going back from the instant itself keeps the side of a clock change it is on;
// past the change the time begins when the wall clock says so, and if it skips that, with the
// change.
func (m *moments) back(i int, sec int64) (int64, bool) {
	c, v := m.clock, m.units[i]
	day, at, frac := c.local(v)
	less := sec*c.per + frac
	if now := floorDiv(v, c.per); !c.fixedToUTC && now-sec < c.from {
		change, wall := c.from, day*secondsPerDay+at-sec
		r, ok := c.instant(floorDiv(wall, secondsPerDay), floorMod(wall, secondsPerDay), 0)
		return min(r, change*c.per), ok
	}
	return v - less, v-less <= v
}

func bindFormat(b *binding) (code, error) {
	m, err := newMoments(b.In[0])
	if err != nil {
		return nil, err
	}
	format, err := newTimeFormat(b.Args[1].Lit.S)
	if err != nil {
		return nil, err
	}
	loc := time.UTC
	if m.clock != nil {
		loc = m.clock.loc
	}
	return func(f *frame) error {
		m.read(f.in[0])
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			if format.items == nil {
				v, per := int64(0), int64(1)
				if m.clock == nil {
					v = int64(m.days[i]) * secondsPerDay
				} else {
					v, per = m.units[i], m.clock.per
				}
				s := floorDiv(v, per)
				return time.Unix(s, (v-s*per)*(1e9/per)).In(loc).AppendFormat(dst, format.layout), nil
			}
			w := wallTime{nano: m.nanos(i), loc: loc}
			w.day, w.sec, _ = m.at(i)
			if m.clock != nil {
				w.unix = floorDiv(m.units[i], m.clock.per)
				w.offset = m.clock.offsetAt(w.unix)
			} else {
				w.unix = w.day * secondsPerDay
			}
			return format.append(dst, w), nil
		})
	}, nil
}
