package frame

import (
	"fmt"
	"slices"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op/window"
)

// An AsOfDirection says which right row an as-of join looks for.
type AsOfDirection = window.Direction

// The directions.
const (
	Backward = window.Backward // the last right row at or before the left row's time
	Forward  = window.Forward  // the first right row at or after it
	Nearest  = window.Nearest  // the closer of the two; of equally close ones that before
)

// An AsOf says how two frames are joined by time. On names the time column of
// both sides, or LeftOn and RightOn do: numbers, dates or timestamps. By names
// columns that must be equal, or LeftBy and RightBy do.
type AsOf struct {
	On              string
	LeftOn, RightOn string
	By              []string
	LeftBy, RightBy []string
	Direction       AsOfDirection
	Strict          bool // a right row of the very same time does not match
	// Tolerance is how far the times may lie apart: a number as the times are, in
	// days for dates, or a time.Duration; nil for no limit.
	Tolerance any
	Suffix    string // of right columns whose name the left side has; "_right" if empty
}

// JoinAsOf gives every row of f once, with the columns of the row of right that
// matches it by time, or nulls. Right columns of By that have the name of their
// partner are left out. Times of uint64 and of int64 are compared as int64. Null and NaN times and null keys match nothing; of right
// rows with equal times Backward takes the last one in the order of right, Forward
// the first one. The rows come out in order of By and then of time.
func (f *Frame) JoinAsOf(right *Frame, o AsOf) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if right.Err() != nil {
		return right.failed()
	}
	if o.On != "" {
		o.LeftOn, o.RightOn = o.On, o.On
	}
	if o.LeftOn == "" || o.RightOn == "" {
		return fail("JoinAsOf", fmt.Errorf("no time column: give On, or LeftOn and RightOn"))
	}
	p := window.AsOfParams{LeftOn: o.LeftOn, RightOn: o.RightOn, Direction: o.Direction, Strict: o.Strict, Suffix: o.Suffix,
		LeftBy: append(slices.Clone(o.By), o.LeftBy...), RightBy: append(slices.Clone(o.By), o.RightBy...)}
	a, b, err := f.alike(right, p.LeftBy, p.RightBy, dtype.Common)
	if err == nil {
		a, b, err = a.alike(b, []string{p.LeftOn}, []string{p.RightOn}, timeType)
	}
	if err != nil {
		return fail("JoinAsOf", err)
	}
	if a.Err() != nil || b.Err() != nil {
		return &Frame{err: fmt.Errorf("%w", firstError(a.Err(), b.Err()))}
	}
	if o.Tolerance != nil {
		t := a.n.out.Schema[a.n.out.Schema.Index(p.LeftOn)].Type
		if err := limitAsOf(&p, o.Tolerance, t); err != nil {
			return fail("JoinAsOf", err)
		}
	}
	sorted := func(f *Frame, by []string, on string) *Frame {
		var k []any
		for _, c := range by {
			k = append(k, Asc(c))
		}
		return f.sort("JoinAsOf", append(k, Asc(on)))
	}
	return add("JoinAsOf", calls(window.AsOf, p), sorted(a, p.LeftBy, p.LeftOn), sorted(b, p.RightBy, p.RightOn))
}

// timeType is the type in which times are close by: of uint64 and a signed integer int64, and what does not fit it is an
// error when the plan runs, as float64 would make one time of several.
func timeType(a, b dtype.Type) (dtype.Type, error) {
	t, err := dtype.Promote(a, b)
	if err == nil && t.Kind == dtype.Float64 && a.Kind.IsInt() && b.Kind.IsInt() {
		return dtype.Of(dtype.Int64), nil
	}
	return t, err
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// limitAsOf reads a tolerance in the unit of the time column.
func limitAsOf(p *window.AsOfParams, tolerance any, t dtype.Type) error {
	p.Limited = true
	var x float64
	switch v := tolerance.(type) {
	case int:
		p.Within = int64(v)
	case int64:
		p.Within = v
	case float64:
		x = v
		if !t.Kind.IsFloat() {
			return fmt.Errorf("a tolerance of %v for times of type %s: want a whole number or a time.Duration", v, t)
		}
	case time.Duration:
		unit := 24 * time.Hour
		if t.Kind == dtype.Timestamp {
			unit = time.Second / time.Duration(t.Unit.PerSecond())
		} else if t.Kind != dtype.Date {
			return fmt.Errorf("a tolerance of %v for times of type %s: want a number", v, t)
		}
		p.Within = int64(v / unit) // times are multiples of the unit
		if v < 0 {
			p.Within = -1
		}
	default:
		return fmt.Errorf("a tolerance of type %T: want a whole number, a float or a time.Duration", tolerance)
	}
	if t.Kind.IsFloat() {
		p.WithinFloat, p.Within = x+float64(p.Within), 0
	}
	return nil
}
