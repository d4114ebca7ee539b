package frame

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/op/window"
)

// Over says within which rows window functions look: those with equal values of
// By, in the order of Order (names, Asc, Desc). Rows that are equal in both stand
// as in the input. Without By all rows are one partition; without Order they stand
// as in the input.
type Over struct {
	By    []string
	Order []any
}

// A WindowFunc is a function of a row and of the rows around it: see
// Frame.Window.
type WindowFunc struct {
	f     window.Func
	x, y  expr.Expr
	least int64 // fewer values in the frame make it null
	from  any
	to    any
	moved bool // by range: bounds are from and to
}

// AtLeast makes an aggregate null where its frame has fewer than n values (or rows, of Count of no column): with Rows(-6, 0) and
// AtLeast(7) the first six rows have none.
func (w WindowFunc) AtLeast(n int64) WindowFunc { w.least = n; return w }

// As names the function's column; without it the column is called after the
// argument, or after the function.
func (w WindowFunc) As(name string) WindowFunc { w.f.As = name; return w }

// RowNumber is 1 for the first row of a partition, 2 for the next…, int64.
func RowNumber() WindowFunc { return WindowFunc{f: window.Func{Fn: window.RowNumber}} }

// Rank is 1 and the number of rows before those that are equal in order, int64.
func Rank() WindowFunc { return WindowFunc{f: window.Func{Fn: window.Rank}} }

// DenseRank numbers rows that are equal in order alike, without gaps, int64.
func DenseRank() WindowFunc { return WindowFunc{f: window.Func{Fn: window.DenseRank}} }

// PercentRank is (Rank-1) / (rows of the partition - 1), float64; 0 of one row.
func PercentRank() WindowFunc { return WindowFunc{f: window.Func{Fn: window.PercentRank}} }

// NTile divides a partition into n parts of equal size, the first ones one row
// larger where it must be, and gives the number of the part from 1 on, int64.
func NTile(n int64) WindowFunc { return WindowFunc{f: window.Func{Fn: window.NTile, N: n}} }

// Lag is the value n rows before, Lead (or a negative n) that n rows after; null
// outside of the partition.
func Lag(x any, n int64) WindowFunc {
	return WindowFunc{f: window.Func{Fn: window.Lag, N: n}, x: column(x)}
}

// Lead is the value n rows after; null outside of the partition.
func Lead(x any, n int64) WindowFunc {
	return WindowFunc{f: window.Func{Fn: window.Lead, N: n}, x: column(x)}
}

// RunningProduct is the product of the values up to the row, in its order, nulls left out: see
// Frame.CumProd.
func RunningProduct(x any) WindowFunc {
	return WindowFunc{f: window.Func{Fn: window.Product, Frame: window.Frame{OpenFrom: true}}, x: column(x)}
}

// FillForward is the last value up to the row that is not null.
func FillForward(x any) WindowFunc {
	return WindowFunc{f: window.Func{Fn: window.FillForward}, x: column(x)}
}

// FillBackward is the next value from the row on that is not null.
func FillBackward(x any) WindowFunc {
	return WindowFunc{f: window.Func{Fn: window.FillBackward}, x: column(x)}
}

// Whole is the aggregate over the partition of each row. Aggregates in windows are
// Count, Sum, Mean, Min, Max, Var, Std, Median, Quantile, Skew, Kurtosis, Corr, Cov, First, Last, Any and All.
func (a Aggregate) Whole() WindowFunc { return a.over(window.Whole) }

// Running is the aggregate over the rows of the partition up to this one.
func (a Aggregate) Running() WindowFunc { return a.over(window.Frame{OpenFrom: true}) }

// Rows is the aggregate over the rows of the partition from the row from after
// this one (negative: before) to the row to after it: Rows(-6, 0) is over seven.
func (a Aggregate) Rows(from, to int64) WindowFunc {
	return a.over(window.Frame{From: from, To: to})
}

// Range is the aggregate over the rows of the partition whose one order key lies
// between this row's key plus from and plus to, both included, in the direction of
// the order. Bounds are whole numbers or floats as the key is, in days for dates;
// a time.Duration for timestamps (and dates, in whole days); nil for no bound. 0 is
// up to the rows with equal keys.
func (a Aggregate) Range(from, to any) WindowFunc {
	w := a.over(window.Frame{Range: true, OpenFrom: from == nil, OpenTo: to == nil})
	w.from, w.to, w.moved = from, to, true
	return w
}

// over makes a window function of an aggregate.
func (a Aggregate) over(fr window.Frame) WindowFunc {
	w := WindowFunc{f: window.Func{Fn: a.fn, Frame: fr, As: a.name, Q: a.q}, x: a.x, y: a.y}
	if a.fn == "len" {
		w.f.Fn = window.Count
		if a.name == "" {
			w.f.As = "len"
		}
	}
	return w
}

// outName is the name of the function's column.
func (w WindowFunc) outName() string {
	switch {
	case w.f.As != "":
		return w.f.As
	case w.x.None():
		return w.f.Fn
	}
	return w.x.OutName()
}

// Window adds the functions' columns behind those of f. The rows come out in order
// of the partition and then of the order; without both they stay as they are.
//
// Aggregates of whole partitions (Whole) alone, without an order, sort nothing: the
// rows stay as they are, and come in an unspecified order where the partitions are too
// many for memory. But rows are sorted by keys that may be null and are binary, decimal,
// time or duration, and for arguments that are nested.
func (f *Frame) Window(o Over, funcs ...WindowFunc) *Frame { return f.window("Window", o, funcs) }

func (f *Frame) window(verb string, o Over, funcs []WindowFunc) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if slices.ContainsFunc(funcs, func(w WindowFunc) bool { return w.least > 0 }) {
		return f.enough(verb, o, funcs)
	}
	p := window.Params{By: o.By}
	var by []any
	for _, c := range o.By {
		by = append(by, Asc(c))
	}
	if len(o.Order) > 0 {
		k, err := keys(o.Order)
		if err != nil {
			return fail(verb, err)
		}
		for _, x := range k {
			if slices.Contains(o.By, x.Col) {
				continue // equal within a partition
			}
			p.Order = append(p.Order, x)
			by = append(by, x)
		}
		if len(p.Order) == 0 {
			p.Order = k[:1] // an order there is, in which all rows of a partition are equal
		}
	}
	if len(funcs) == 0 {
		return fail(verb, errors.New("no functions"))
	}
	below, temps := f, []string(nil)
	var add0 []expr.Expr
	for _, w := range funcs {
		x := w.f
		x.As = w.outName()
		for j, arg := range []expr.Expr{w.x, w.y} {
			to := []*string{&x.Col, &x.Col2}[j]
			if arg.None() {
				continue
			}
			if c, ok := arg.N.(expr.Column); ok {
				*to = c.Name
			} else {
				*to = hidden(arg.String(), temps, f.n.out.Schema.Names())
				add0, temps = append(add0, arg.As(*to)), append(temps, *to)
			}
		}
		if w.moved {
			if err := w.bounds(&x.Frame, f.n.out.Schema, p); err != nil {
				return fail(verb, err)
			}
		}
		p.Funcs = append(p.Funcs, x)
	}
	if len(add0) > 0 {
		below = below.WithColumns(add0...)
	}
	if below.err != nil {
		return below
	}
	out := add(verb, calls(window.Over, p), below)
	switch {
	case out.err != nil:
		return out
	case len(o.Order) == 0 && grouped(p, below.n.out.Schema):
		out = below.wholes(p)
	case len(by) > 0:
		out = add(verb, calls(window.Over, p), below.sort(verb, by))
	}
	if len(temps) > 0 {
		out = out.Drop(temps...)
	}
	return out
}

// enough is window with functions that want so many values: these are counted beside them.
func (f *Frame) enough(verb string, o Over, funcs []WindowFunc) *Frame {
	p := rows.ProjectParams{Exprs: f.all()}
	var all []WindowFunc
	for _, w := range funcs {
		name, least := w.outName(), w.least
		w.least = 0
		all = append(all, w)
		if least < 1 {
			p.Exprs = append(p.Exprs, expr.Col(name))
			continue
		}
		n := w
		n.f.Fn, n.f.As, n.y = window.Count, hidden("count of "+name), expr.Expr{}
		switch w.f.Fn {
		case window.RowNumber, window.Rank, window.DenseRank, window.PercentRank, window.NTile, window.Lag, window.Lead, window.FillForward, window.FillBackward:
			return fail(verb, fmt.Errorf("%s has no frame that could have %d values", w.f.Fn, least))
		case window.Corr, window.Cov:
			n.x = expr.If(w.y.IsNotNull()).Then(w.x).End()
		}
		all = append(all, n)
		p.Exprs = append(p.Exprs, expr.If(expr.Col(n.f.As).Ge(least)).Then(expr.Col(name)).End().As(name))
	}
	out := f.window(verb, o, all)
	if out.err != nil {
		return out
	}
	return add(verb, calls(rows.Project, p), out)
}

// bounds reads the bounds of a range in the unit of the order key.
func (w *WindowFunc) bounds(fr *window.Frame, s dtype.Schema, p window.Params) error {
	var t dtype.Type
	if len(p.Order) > 0 {
		if i := s.Index(p.Order[0].Col); i >= 0 {
			t = s[i].Type
		}
	}
	for i, b := range []any{w.from, w.to} {
		n, x := &fr.From, &fr.FromFloat
		if i == 1 {
			n, x = &fr.To, &fr.ToFloat
		}
		switch v := b.(type) {
		case nil:
		case int:
			*n = int64(v)
		case int64:
			*n = v
		case float64:
			*x = v
		case time.Duration:
			unit := 24 * time.Hour
			if t.Kind == dtype.Timestamp {
				unit = time.Second / time.Duration(t.Unit.PerSecond())
			} else if t.Kind != dtype.Date {
				return fmt.Errorf("a range of %v needs an order by a date or timestamp", v)
			}
			if v%unit != 0 {
				return fmt.Errorf("a range of %v is no multiple of %v, the unit of the order key of type %s", v, unit, t)
			}
			*n = int64(v / unit)
		default:
			return fmt.Errorf("a range bound of type %T: want a whole number, a float, a time.Duration or nil", b)
		}
		if t.Kind.IsFloat() {
			*n, *x = 0, *x+float64(*n)
		}
	}
	return nil
}

// TopKBy returns, of every group of rows with equal values of by, the first n
// rows in an order (names, Asc, Desc; equal rows as in the input), in the order of
// the groups and then that order. All rows are sorted: of few groups, in the order of one
// column, Grouped.Largest is the faster one, of very many groups TopKBy is.
func (f *Frame) TopKBy(by []string, n int64, order ...any) *Frame {
	if n < 0 {
		return fail("TopKBy", fmt.Errorf("%d rows: want 0 or more", n))
	}
	const place = "\x00row_number"
	return f.window("TopKBy", Over{By: by, Order: order}, []WindowFunc{RowNumber().As(place)}).
		Filter(expr.Col(place).Le(n)).Drop(place)
}

// inPlace replaces columns by window functions of them over the whole table as it
// stands.
func (f *Frame) inPlace(verb string, cols []string, make func(col string) WindowFunc) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if len(cols) == 0 {
		return fail(verb, errors.New("no columns named"))
	}
	var funcs []WindowFunc
	var made []string
	p := rows.ProjectParams{Exprs: f.all()}
	for _, c := range cols {
		at, err := f.n.out.Schema.Find(c)
		if err != nil {
			return fail(verb, err)
		}
		name := hidden(verb+"("+c+")", made)
		made = append(made, name)
		funcs = append(funcs, make(c).As(name))
		p.Exprs[at] = expr.Col(name).As(c)
	}
	return add(verb, calls(rows.Project, p), f.window(verb, Over{}, funcs))
}

// Shift replaces columns by the values n rows before (after, if n is negative).
func (f *Frame) Shift(n int64, cols ...string) *Frame {
	return f.inPlace("Shift", cols, func(c string) WindowFunc { return Lag(c, n) })
}

// Diff replaces columns by their difference to the values n rows before (after,
// if n is negative); null where there is none.
func (f *Frame) Diff(n int64, cols ...string) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	var funcs []WindowFunc
	var made []string
	p := rows.ProjectParams{Exprs: f.all()}
	for _, c := range cols {
		at, err := f.n.out.Schema.Find(c)
		if err != nil {
			return fail("Diff", err)
		}
		name := hidden(fmt.Sprintf("lag(%s,%d)", c, n), made)
		made = append(made, name)
		funcs = append(funcs, Lag(c, n).As(name))
		p.Exprs[at] = expr.Col(c).Sub(expr.Col(name)).As(c)
	}
	return add("Diff", calls(rows.Project, p), f.window("Diff", Over{}, funcs))
}

// CumSum replaces columns by their sums up to each row, nulls left out.
func (f *Frame) CumSum(cols ...string) *Frame {
	return f.inPlace("CumSum", cols, func(c string) WindowFunc { return Sum(c).Running() })
}

// CumProd replaces columns by their products up to each row, nulls left out: int64 of signed
// integers and bools, uint64 of unsigned ones (one that does not fit is an error of Collect),
// float64 of floats, rounded at each row.
func (f *Frame) CumProd(cols ...string) *Frame {
	return f.inPlace("CumProd", cols, func(c string) WindowFunc { return RunningProduct(c) })
}

// CumMin replaces columns by their least values up to each row.
func (f *Frame) CumMin(cols ...string) *Frame {
	return f.inPlace("CumMin", cols, func(c string) WindowFunc { return Min(c).Running() })
}

// CumMax replaces columns by their greatest values up to each row.
func (f *Frame) CumMax(cols ...string) *Frame {
	return f.inPlace("CumMax", cols, func(c string) WindowFunc { return Max(c).Running() })
}

// CumCount replaces columns by the number of values up to each row.
func (f *Frame) CumCount(cols ...string) *Frame {
	return f.inPlace("CumCount", cols, func(c string) WindowFunc { return Count(c).Running() })
}

// FillNullForward puts the last value above in the place of nulls.
func (f *Frame) FillNullForward(cols ...string) *Frame {
	return f.inPlace("FillNullForward", cols, func(c string) WindowFunc { return FillForward(c) })
}

// FillNullBackward puts the next value below in the place of nulls.
func (f *Frame) FillNullBackward(cols ...string) *Frame {
	return f.inPlace("FillNullBackward", cols, func(c string) WindowFunc { return FillBackward(c) })
}

// Rolling adds aggregates over each row and the n-1 rows before it, in the order of
// the input. The first rows have fewer: see WindowFunc.AtLeast. For groups, and for frames around a row, as Rows(-n/2, (n-1)/2),
// see Window.
func (f *Frame) Rolling(n int64, aggs ...Aggregate) *Frame {
	if n < 1 {
		return fail("Rolling", fmt.Errorf("%d rows: want 1 or more", n))
	}
	var funcs []WindowFunc
	for _, a := range aggs {
		funcs = append(funcs, a.Rows(1-n, 0))
	}
	return f.window("Rolling", Over{}, funcs)
}

// RollingTime adds aggregates over the rows whose time, a date or timestamp, lies
// in the last span up to that of each row: later than it less span. The rows come
// out in order of the time.
func (f *Frame) RollingTime(col string, span time.Duration, aggs ...Aggregate) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	i, err := f.n.out.Schema.Find(col)
	if err != nil {
		return fail("RollingTime", err)
	}
	t := f.n.out.Schema[i].Type
	unit := 24 * time.Hour
	switch {
	case t.Kind == dtype.Timestamp:
		unit = time.Second / time.Duration(t.Unit.PerSecond())
	case t.Kind != dtype.Date:
		return fail("RollingTime", fmt.Errorf("column %q is %s: want a date or timestamp", col, t))
	}
	if span < unit || span%unit != 0 {
		return fail("RollingTime", fmt.Errorf("a span of %v: want a multiple of %v, the unit of column %q of type %s", span, unit, col, t))
	}
	var funcs []WindowFunc
	for _, a := range aggs {
		funcs = append(funcs, a.Range(unit-span, time.Duration(0)))
	}
	return f.window("RollingTime", Over{Order: []any{Asc(col)}}, funcs)
}
