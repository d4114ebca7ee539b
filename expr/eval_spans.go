package expr

import (
	"encoding/binary"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A spanWalk goes along the times at which the spans of a period begin, which are those that
// date.truncate gives. Where clocks are changed a span may be shorter or longer than
// others, and one that the wall clock comes back to does not begin again.
type spanWalk struct {
	p    period
	one  moments // of one instant, for down
	down func(i int) (int64, bool)
}

func newSpanWalk(t dtype.Type, p period) (*spanWalk, error) {
	m, err := newMoments(t)
	w := &spanWalk{p: p}
	if err == nil && m.clock != nil {
		w.one = moments{clock: m.clock, units: make([]int64, 1)}
		w.down = w.one.down(p)
	}
	return w, err
}

// next returns the first begin after v; false means out of range.
func (w *spanWalk) next(v int64) (int64, bool) {
	switch c := w.one.clock; {
	case c == nil:
		return nextDay(w.p, truncDay(w.p, v))
	case w.p.nanos > 0:
		return w.nextStep(v)
	default:
		day, _, _ := c.local(v)
		for day, ok := nextDay(w.p, truncDay(w.p, day)); ok; day, ok = nextDay(w.p, day) {
			// A day that the zone skips begins with the one behind it; one that the clock comes back to has begun.
			if b, ok := c.instant(day, 0, 0); !ok || b > v {
				return b, ok
			}
		}
		return 0, false
	}
}

// nextDay is the first day of the span behind the one that begins with day.
func nextDay(p period, day int64) (int64, bool) {
	if p.months > 0 {
		return addMonths(day, p.months)
	}
	return day + p.days, true
}

// nextStep is next for periods of the clock.
func (w *spanWalk) nextStep(v int64) (int64, bool) {
	c := w.one.clock
	step := max(1, w.p.step(c.per))
	for at := v; ; {
		wall, ok := mulChecked(c.offsetAt(floorDiv(at, c.per)), c.per)
		b := at + step - floorMod(at+wall, step)
		if !ok || b < at {
			return 0, false
		}
		if c.fixedToUTC || c.to == math.MaxInt64 || floorDiv(b, c.per) < c.to {
			return b, true
		}
		// The clocks are changed before that.
		if at, ok = mulChecked(c.to, c.per); !ok {
			return 0, false
		}
		w.one.units[0] = at
		if b, ok := w.down(0); !ok || b > v {
			return b, ok
		}
	}
}

// bindSpans binds date.spans.
func bindSpans(b *binding) (code, error) {
	b.asVec[0], b.asVec[1] = true, true
	unit := b.Args[2].Lit.S
	p, err := periodOf(unit)
	if err != nil {
		return nil, err
	}
	w, err := newSpanWalk(b.In[0], p)
	if err != nil {
		return nil, err
	}
	x, err := newMoments(b.In[0])
	if err != nil {
		return nil, err
	}
	y := &moments{clock: x.clock}
	return func(f *frame) error {
		x.read(f.in[0])
		y.read(f.in[1])
		var begins []byte
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			n := 0
			begins = begins[:0]
			for at, end := x.stored(i), y.stored(i); at < end; n++ {
				if n == maxRange {
					return dst, f.fail(i, "from %s to %s are more than %d spans of %q", f.valueAt(b, 0, i), f.valueAt(b, 1, i), maxRange, unit)
				}
				if x.clock == nil {
					begins = binary.LittleEndian.AppendUint32(begins, uint32(at))
				} else {
					begins = binary.LittleEndian.AppendUint64(begins, uint64(at))
				}
				var ok bool
				if at, ok = w.next(at); !ok { // nor is it before the end
					n++
					break
				}
			}
			if n == 0 {
				return dst, nil
			}
			return append(chunk.AppendListHead(dst, n), begins...), nil
		})
	}, nil
}

// stored is the value of row i as it is stored.
func (m *moments) stored(i int) int64 {
	if m.clock == nil {
		return int64(m.days[i])
	}
	return m.units[i]
}
