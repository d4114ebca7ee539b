package frame

import (
	"slices"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/group"
	"github.com/weft-data/weft/op/rows"
)

// An Aggregate is a function over the rows of a group.
type Aggregate struct {
	fn   string
	x, y expr.Expr
	name string
	q    float64 // which quantile
	sep  string
}

// As names the aggregate's column; without it the column is called after the
// argument, or "len".
func (a Aggregate) As(name string) Aggregate { a.name = name; return a }

func agg(fn string, x any) Aggregate { return Aggregate{fn: fn, x: column(x)} }

// Sum adds up a column (a name or an expression). Integers give int64 or uint64
// and fail on overflow; floats are added exactly and rounded once, so the sum
// does not depend on the order of the rows; durations give a duration. The sum of
// nothing is null.
func Sum(x any) Aggregate { return agg(group.Sum, x) }

// Mean is the exact sum over the number of values, float64, or of durations a
// duration; null of nothing.
func Mean(x any) Aggregate { return agg(group.Mean, x) }

// Min is the smallest value; null of nothing.
func Min(x any) Aggregate { return agg(group.Min, x) }

// Max is the largest value, NaN being the greatest; null of nothing.
func Max(x any) Aggregate { return agg(group.Max, x) }

// Var is the variance with one degree of freedom taken off; null below two
// values.
func Var(x any) Aggregate { return agg(group.Var, x) }

// Std is the square root of Var.
func Std(x any) Aggregate { return agg(group.Std, x) }

// Median is the middle value, or the mean of the two middle ones; null of
// nothing.
func Median(x any) Aggregate { return agg(group.Median, x) }

// Quantile is the value below which the part q of the values are, from 0 to 1: between
// the two nearest values in proportion; null of nothing.
func Quantile(x any, q float64) Aggregate {
	return Aggregate{fn: group.Quantile, x: column(x), q: q}
}

// ApproxQuantile is Quantile without keeping the values: within 0.8 % of the value of
// rank ⌊q·(n-1)⌋, in 16 bytes for each 1.6 % of the range of magnitudes that occurs
// (DDSketch: Masson et al., 2019).
func ApproxQuantile(x any, q float64) Aggregate {
	return Aggregate{fn: group.ApproxQuantile, x: column(x), q: q}
}

// Mode is the value that occurs most often, the least of several; null of nothing. The
// different values of a group must fit the memory budget.
func Mode(x any) Aggregate { return agg(group.Mode, x) }

// Skew is the skewness corrected for bias; null below three values, NaN when all are
// equal.
func Skew(x any) Aggregate { return agg(group.Skew, x) }

// Kurtosis is the excess kurtosis corrected for bias, 0 of a normal distribution; null
// below four values, NaN when all are equal.
func Kurtosis(x any) Aggregate { return agg(group.Kurtosis, x) }

// ArgMin is the value of x in the row where by is least, the first of several; by is a
// number, bool, date or time, and its nulls do not count.
func ArgMin(x, by any) Aggregate {
	return Aggregate{fn: group.ArgMin, x: column(x), y: column(by)}
}

// ArgMax is ArgMin for the greatest value of by, NaN being the greatest.
func ArgMax(x, by any) Aggregate {
	return Aggregate{fn: group.ArgMax, x: column(x), y: column(by)}
}

// List is all values of the group in the order of the input, nulls too. A list must
// fit the memory budget.
func List(x any) Aggregate { return agg(group.List, x) }

// StringJoin joins the texts that are not null in the order of the input, with sep
// between them; null of nothing.
func StringJoin(x any, sep string) Aggregate {
	return Aggregate{fn: group.StringJoin, x: column(x), sep: sep}
}

// First is the value in the group's first row.
func First(x any) Aggregate { return agg(group.First, x) }

// Last is the value in the group's last row.
func Last(x any) Aggregate { return agg(group.Last, x) }

// CountDistinct counts the different values, without nulls.
func CountDistinct(x any) Aggregate { return agg(group.CountDistinct, x) }

// ApproxCountDistinct estimates CountDistinct in at most 4 KiB per group: it is exact up to 192 values,
// and its standard error is 1.6 % beyond (HyperLogLog).
func ApproxCountDistinct(x any) Aggregate { return agg(group.ApproxCountDistinct, x) }

// Cov is the covariance of two columns over the rows where both are valid, with one
// degree of freedom taken off; null below two rows.
func Cov(x, y any) Aggregate { return Aggregate{fn: group.Cov, x: column(x), y: column(y)} }

// Corr is Pearson's correlation of two columns over the rows where both are
// valid.
func Corr(x, y any) Aggregate { return Aggregate{fn: group.Corr, x: column(x), y: column(y)} }

// Any is true when some value is true.
func Any(x any) Aggregate { return agg(group.Any, x) }

// All is true when no value is false.
func All(x any) Aggregate { return agg(group.All, x) }

// Count counts the rows of the group, or with an argument its values that are
// not null.
func Count(x ...any) Aggregate {
	if len(x) == 0 {
		return Aggregate{fn: group.Len}
	}
	return agg(group.Count, x[0])
}

// outName is the name of the aggregate's column.
func (a Aggregate) outName() string {
	switch {
	case a.name != "":
		return a.name
	case a.x.None():
		return a.fn
	}
	return a.x.OutName()
}

// A Grouped is a frame whose rows are divided into groups: see GroupBy.
type Grouped struct {
	f    *Frame
	keys []expr.Expr
}

// frame is what is grouped; of nothing, nothing.
func (g *Grouped) frame() *Frame {
	if g == nil {
		return nil
	}
	return g.f
}

// GroupBy divides the rows into groups of equal keys, names or expressions. Null
// is a key like any other, NaN equals NaN and -0 equals 0. Without keys all rows
// are one group.
func (f *Frame) GroupBy(keys ...any) *Grouped {
	g := &Grouped{f: f}
	for _, k := range keys {
		g.keys = append(g.keys, column(k))
	}
	return g
}

// Agg returns a row per group: the keys and the aggregates. The order of the
// rows is unspecified.
func (g *Grouped) Agg(aggs ...Aggregate) *Frame {
	if f := g.frame(); f.Err() != nil {
		return f.failed()
	}
	p := group.Params{}
	need := rows.ProjectParams{}
	for _, k := range g.keys {
		p.Keys = append(p.Keys, k.OutName())
		need.Exprs = append(need.Exprs, k.As(k.OutName()))
	}
	for _, a := range aggs {
		x := group.Agg{Fn: a.fn, As: a.outName(), Q: a.q, Sep: a.sep}
		x.Col = argument(&need, a.x)
		x.Col2 = argument(&need, a.y)
		p.Aggs = append(p.Aggs, x)
	}
	below := g.f
	if needed(need.Exprs) {
		if below = add("Agg", calls(rows.Project, need), g.f); below.err != nil {
			return below
		}
	}
	return add("Agg", calls(group.By, p), below)
}

// argument makes an aggregate's argument a column below the group-by and returns
// its name.
func argument(need *rows.ProjectParams, x expr.Expr) string {
	if x.None() {
		return ""
	}
	made := make([]string, len(need.Exprs))
	for i, e := range need.Exprs {
		made[i] = e.OutName()
	}
	name := ""
	if c, ok := x.N.(expr.Column); ok {
		name = c.Name
		if i := slices.Index(made, name); i >= 0 {
			if y, same := need.Exprs[i].N.(expr.Column); same && y.Name == name {
				return name
			}
			name = ""
		}
	}
	if name == "" {
		name = hidden(x.String(), made)
	}
	need.Exprs = append(need.Exprs, x.As(name))
	return name
}

// needed reports whether a projection does more than pick columns.
func needed(es []expr.Expr) bool {
	for _, e := range es {
		if c, ok := e.N.(expr.Column); !ok || c.Name != e.OutName() {
			return true
		}
	}
	return false
}

// Largest returns, of every group, the n rows with the largest values of a
// column, nulls last, equal ones in input order; with the keys and all other
// columns.
func (g *Grouped) Largest(n int64, by string) *Frame { return g.top(n, by, false) }

// Smallest is Largest for the smallest values.
func (g *Grouped) Smallest(n int64, by string) *Frame { return g.top(n, by, true) }

func (g *Grouped) top(n int64, by string, smallest bool) *Frame {
	p := group.Params{Top: &group.Top{By: by, N: n, Smallest: smallest}}
	f := g.f
	for _, k := range g.keys {
		p.Keys = append(p.Keys, k.OutName())
		if c, ok := k.N.(expr.Column); !ok || c.Name != k.OutName() {
			f = f.WithColumns(k)
		}
	}
	return add("Largest", calls(group.By, p), f)
}
