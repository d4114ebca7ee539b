package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// isClock reports whether k is a time of day or a duration.
func isClock(k dtype.Kind) bool { return k == dtype.Time || k == dtype.Duration }

// castClock converts a duration, time of day or timestamp to a duration or time of
// day. Durations are cut toward zero; the time of day of an instant is that of
// its zone, times lose what is finer than their unit.
func castClock(v int64, from, to dtype.Type) (int64, error) {
	if from.Kind == dtype.Timestamp {
		if to.Kind != dtype.Time {
			return 0, errRange
		}
		c, err := newClock(from)
		if err != nil {
			return 0, err
		}
		return timeOfDay(c, v, to.Unit), nil
	}
	r, ok := scaleDuration(v, from.Unit, to.Unit)
	if !ok || to.Kind == dtype.Time && (r < 0 || r >= secondsPerDay*to.Unit.PerSecond()) {
		return 0, errRange
	}
	return r, nil
}

// timeOfDay returns the wall-clock time of an instant in units since midnight.
func timeOfDay(c *clock, v int64, u dtype.Unit) int64 {
	_, sec, frac := c.local(v)
	per := u.PerSecond()
	if per >= c.per {
		return sec*per + frac*(per/c.per)
	}
	return sec*per + frac/(c.per/per)
}

// scaleDuration converts a count of units, cutting toward zero.
func scaleDuration(v int64, from, to dtype.Unit) (int64, bool) {
	f, t := from.PerSecond(), to.PerSecond()
	if t >= f {
		return mulChecked(v, t/f)
	}
	return v / (f / t), true
}

// clock converts to a time of day or duration.
func (c caster) clock() (code, error) {
	if c.In[0].Kind.IsInt() || c.In[0].Kind == dtype.Timestamp && c.Out.Kind == dtype.Duration {
		return c.each(), nil
	}
	if c.In[0].Kind == dtype.Timestamp {
		clock, err := newClock(c.In[0])
		return c.units(func(f *frame, i int) (int64, bool) {
			return timeOfDay(clock, chunk.Values[int64](f.in[0])[i], c.Out.Unit), true
		}), err
	}
	return c.units(func(f *frame, i int) (int64, bool) {
		v, err := castClock(chunk.Values[int64](f.in[0])[i], c.In[0], c.Out)
		return v, err == nil
	}), nil
}

// appendClock writes a time of day as 15:04:05.000 and a duration as 1d2h3m4.5s.
func appendClock(dst []byte, t dtype.Type, v int64) []byte {
	per := t.Unit.PerSecond()
	if t.Kind == dtype.Time {
		sec, frac := v/per, v%per
		dst = append(appendPadded(dst, sec/3600, 2), ':')
		dst = append(appendPadded(dst, sec/60%60, 2), ':')
		dst = appendPadded(dst, sec%60, 2)
		if t.Unit > dtype.Second {
			dst = appendPadded(append(dst, '.'), frac, 3*int(t.Unit))
		}
		return dst
	}
	if v == 0 {
		return append(dst, "0s"...)
	}
	u := uint64(v)
	if v < 0 {
		dst, u = append(dst, '-'), -u
	}
	sec, frac := u/uint64(per), u%uint64(per)
	for _, p := range []struct {
		n    uint64
		unit byte
	}{{sec / 86400, 'd'}, {sec / 3600 % 24, 'h'}, {sec / 60 % 60, 'm'}} {
		if p.n > 0 {
			dst = append(strconv.AppendUint(dst, p.n, 10), p.unit)
		}
	}
	if sec%60 == 0 && frac == 0 {
		return dst
	}
	dst = strconv.AppendUint(dst, sec%60, 10)
	if frac > 0 {
		dst = appendPadded(append(dst, '.'), int64(frac), 3*int(t.Unit))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 's')
}

// durationUnits are the units that parseDuration reads, in nanoseconds, with
// those first that begin with another.
var durationUnits = []struct {
	name string
	nano int64
}{{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {"w", 7 * 86400e9}}

// parseDuration reads numbers with units, "1d2h3m4.5s", with a sign before all of
// them. False: malformed, beyond the range, or finer than the unit.
func parseDuration(s string, u dtype.Unit) (int64, bool) {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if s == "" {
		return 0, false
	}
	total, step := i128{}, 1_000_000_000/u.PerSecond()
	for s != "" {
		n := 0
		for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.') {
			n++
		}
		x, err := parseDecimal([]byte(s[:n]), 9)
		if err != nil || n > 24 {
			return 0, false
		}
		s = s[n:]
		ok := false
		for _, d := range durationUnits {
			if strings.HasPrefix(s, d.name) {
				x, ok = x.mul(i128{0, uint64(d.nano)})
				s = s[len(d.name):]
				break
			}
		}
		if total, ok = addIf(total, x, ok); !ok {
			return 0, false
		}
	}
	q, r := total.quoRem(i128{0, uint64(step) * 1_000_000_000})
	if neg {
		q = q.neg()
	}
	return int64(q.lo), r == i128{} && q.hi == int64(q.lo)>>63
}

// addIf adds if ok and it fits.
func addIf(x, y i128, ok bool) (i128, bool) {
	r, fits := x.add(y)
	return r, ok && fits
}

// bindClock is what arithmetic with durations and times of day has beside the
// loops of integers; nil when those do.
func bindClock(b *binding) code {
	x, y := b.In[0], b.In[1]
	switch {
	case b.Out.Kind == dtype.Time: // time ± duration, either way around
		b.vectors()
		day := secondsPerDay * b.Out.Unit.PerSecond()
		minus := b.fn == "sub"
		return func(f *frame) error {
			out, xs, ys := fixed[int64](f.out), chunk.Values[int64](f.in[0]), chunk.Values[int64](f.in[1])
			for i, v := range xs {
				w := ys[i] % day
				if minus {
					w = -w
				}
				out[i] = floorMod(v%day+w, day)
			}
			return nil
		}
	case b.fn == "div" && y.Kind == dtype.Duration:
		b.vectors()
		return func(f *frame) error {
			out, xs, ys := fixed[float64](f.out), chunk.Values[int64](f.in[0]), chunk.Values[int64](f.in[1])
			for i, v := range xs {
				out[i] = float64(v) / float64(ys[i])
				if ys[i] == 0 {
					f.out.setNull(i)
				}
			}
			return nil
		}
	case b.fn == "div" && y.Kind == dtype.Int64:
		b.vectors()
		return divideInt[int64](b)
	case x.Kind == dtype.Float64:
		b.vectors()
		return scaleClock(b, 1, 0)
	case y.Kind == dtype.Float64:
		b.vectors()
		return scaleClock(b, 0, 1)
	}
	return nil
}

// scaleClock multiplies or divides the duration of argument d by the float64 of
// argument k, rounding to the nearest unit, halves to even.
func scaleClock(b *binding, d, k int) code {
	divide := b.fn == "div"
	return func(f *frame) error {
		out, xs, ks := fixed[int64](f.out), chunk.Values[int64](f.in[d]), chunk.Values[float64](f.in[k])
		for i, v := range xs {
			r := float64(v) * ks[i]
			if divide {
				if ks[i] == 0 {
					f.out.setNull(i)
					out[i] = 0
					continue
				}
				r = float64(v) / ks[i]
			}
			r = math.RoundToEven(r)
			out[i] = int64(r)
			if !(r >= -1<<63 && r < 1<<63) && !f.null(i) {
				if err := f.fail(i, "%s and %s: the result is beyond the range of %s", f.valueAt(b, 0, i), f.valueAt(b, 1, i), b.Out); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
