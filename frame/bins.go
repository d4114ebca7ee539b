package frame

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/rows"
)

// Explode makes a row of every element of the lists in a column, in order, with
// the other columns repeated; of an empty list and of null one row with a null.
func (f *Frame) Explode(col string) *Frame {
	return add("Explode", calls(rows.Explode, rows.ExplodeParams{Col: col}), f)
}

// Bins says how Cut divides values.
type Bins struct {
	// Breaks are the borders in rising order, numbers or times as the column is:
	// n of them make n+1 bins, the first and the last without an end.
	Breaks []any
	// Labels are the names of the bins; without them they are like "(1, 2]".
	Labels []string
	// Left puts a value equal to a break into the bin above it, not below.
	Left bool
}

// Cut adds a text column, called as, with the bin that each value of a column, a
// name or an expression, falls into. Null and NaN fall into none: null.
func (f *Frame) Cut(x any, as string, b Bins) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	n := len(b.Breaks)
	if n == 0 {
		return fail("Cut", errors.New("no breaks"))
	}
	if len(b.Labels) == 0 {
		open, shut := "(", "]"
		if b.Left {
			open, shut = "[", ")"
		}
		for i := range n + 1 {
			lo, hi := "-inf", "inf"
			o, s := open, shut
			if i > 0 {
				lo = fmt.Sprint(b.Breaks[i-1])
			} else {
				o = "("
			}
			if i < n {
				hi = fmt.Sprint(b.Breaks[i])
			} else {
				s = ")"
			}
			b.Labels = append(b.Labels, o+lo+", "+hi+s)
		}
	}
	if len(b.Labels) != n+1 {
		return fail("Cut", fmt.Errorf("%d labels for the %d bins that %d breaks make", len(b.Labels), n+1, n))
	}
	for i := 1; i < n; i++ {
		if less, ok := rising(b.Breaks[i-1], b.Breaks[i]); ok && !less {
			return fail("Cut", fmt.Errorf("break %v stands before %v: give them in rising order", b.Breaks[i-1], b.Breaks[i]))
		}
	}
	e := column(x)
	got, err := expr.Infer(e, f.n.out.Schema)
	if err != nil {
		return fail("Cut", err)
	}
	none := e.IsNull()
	if got.Type.Kind.IsFloat() {
		none = none.Or(e.IsNaN())
	}
	chain := expr.If(none).Then(expr.Null(dtype.Of(dtype.Utf8)))
	for i, br := range b.Breaks {
		in := e.Le(br)
		if b.Left {
			in = e.Lt(br)
		}
		chain = chain.ElseIf(in).Then(b.Labels[i])
	}
	return f.WithColumns(chain.Else(b.Labels[n]).As(as))
}

// rising compares two breaks that are numbers.
func rising(a, b any) (less, ok bool) {
	x, okx := asFloat(a)
	y, oky := asFloat(b)
	return x < y, okx && oky
}

func asFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// QCut adds an int64 column, called as, with the number from 1 to q of the
// quantile bin that each value of a column falls into: bins hold equally many
// values as far as equal values, which share a bin, allow; bin k ends with the
// least value that at least k/q of the values do not exceed, NaN being the greatest. Null is in none. The
// rows come out in order of by, if given, within whose groups bins are made, and
// then of the column.
func (f *Frame) QCut(col string, q int64, as string, by ...string) *Frame {
	if q < 1 {
		return fail("QCut", fmt.Errorf("%d bins: want 1 or more", q))
	}
	const rank, size = "\x00rank", "\x00size"
	return f.window("QCut", Over{By: by, Order: []any{Asc(col)}}, []WindowFunc{Rank().As(rank), Count(col).Whole().As(size)}).
		WithColumns(expr.If(expr.Col(col).IsNotNull()).Then(expr.Col(rank).Sub(1).Mul(q).IntDiv(expr.Col(size)).Add(1)).End().As(as)).
		Drop(rank, size)
}

// A Fill says what stands where a span of time has no rows.
type Fill uint8

// The fills.
const (
	FillNone  Fill = iota // null
	FillLast              // the last value before it
	FillNext              // the next value after it
	FillGiven             // Resampled.Value
	noFill                // one more than the last
)

// A Resampled says how rows become spans of time. On is a date or timestamp column,
// Every a unit of date.truncate such as "hour" or "15 minutes", By further keys, each of
// which has its own first and last span. Nulls of the aggregates are filled, also
// those of spans that have rows.
type Resampled struct {
	On, Every string
	By        []string
	Fill      Fill
	Value     any // of FillGiven
}

// Resample aggregates the rows of every span of time, and has a row for each span between the first
// and the last of its keys, also where there are no rows: the keys, the begin of the
// span, the aggregates, in order of the keys and then of time. Rows without a time are
// a group of their own, behind the others.
//
// Errors: those of GroupByTime; a gap of more than 2^22 spans.
func (f *Frame) Resample(r Resampled, aggs ...Aggregate) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if r.Fill >= noFill {
		return fail("Resample", fmt.Errorf("no fill %d", r.Fill))
	}
	g := f.GroupByTime(r.On, r.Every, anys(r.By)...).Agg(aggs...)
	if g.Err() != nil {
		return g.failed()
	}
	const next, span = "\x00next", "\x00span"
	var cols []any
	var values []string
	on := expr.Col(r.On)
	first := expr.Col(span).Eq(on).Or(on.IsNull())
	for _, c := range g.n.out.Schema {
		e := expr.Col(c.Name)
		switch {
		case c.Name == r.On:
			e = expr.Col(span)
		case !slices.Contains(r.By, c.Name):
			values = append(values, c.Name)
			e = expr.If(first).Then(e).End()
		}
		cols = append(cols, e.As(c.Name))
	}
	over := Over{By: r.By, Order: []any{r.On}}
	// Every row becomes one for each span from its own to that of the next row, which is left out.
	spans := expr.Coalesce(on.Dt().Spans(expr.Col(next), r.Every), expr.ListOf(on))
	out := g.Window(over, Lead(r.On, 1).As(next)).WithColumns(spans.As(span)).Explode(span).Select(cols...)
	switch r.Fill {
	case FillGiven:
		return out.FillNull(r.Value, values...)
	case FillLast, FillNext:
		filled := make([]WindowFunc, len(values))
		for i, c := range values {
			if filled[i] = FillForward(c); r.Fill == FillNext {
				filled[i] = FillBackward(c)
			}
			filled[i] = filled[i].As(hidden("filled " + c))
		}
		all := out.Schema().Names()
		out = out.Window(over, filled...).Drop(values...)
		names := map[string]string{}
		for _, c := range values {
			names[hidden("filled "+c)] = c
		}
		return out.Rename(names).Select(anys(all)...)
	}
	return out
}

// GroupByTime divides the rows by a date or timestamp column rounded down to
// multiples of a unit such as "hour", "15 minutes" or "month" (see the function
// date.truncate), and by further keys. The groups' times have the column's name.
// A span of time without rows makes no group.
func (f *Frame) GroupByTime(col, every string, keys ...any) *Grouped {
	return f.GroupBy(append([]any{expr.Col(col).Dt().Truncate(every).As(col)}, keys...)...)
}
