package group

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
)

// The aggregate functions.
//
//	len             rows                              int64, never null
//	count           values that are not null          int64, never null
//	count_distinct  distinct values, null not counted int64, never null; NaN = NaN, -0 = 0
//	sum             exact: int64, uint64 or float64 by the column's type, decimal(38, s);
//	                bools count as 0 and 1. An integer sum that does not fit is an error.
//	mean            float64: the exact sum, rounded, divided by the count
//	var, std        float64 with ddof 1, from exact sums; null below two values
//	corr, cov       float64 of the rows where both columns are valid (Pearson's coefficient, the
//	                covariance with ddof 1); null below two rows, corr NaN when a column does not vary
//	skew, kurtosis  float64, corrected for bias, kurtosis 0 of a normal distribution; null below
//	                three and four values, NaN when the values do not vary; from exact sums of
//	                powers of values whose powers are floats (up to 1e77 for the fourth)
//	min, max        of any type that has an order; NaN is the greatest value, -0 is 0
//	median          float64; the mean of the two middle values; NaN is the greatest value
//	quantile        float64; between the two nearest values in proportion to their distance
//	mode            the value that occurs most often, the least of several
//	arg_min, arg_max  the value of the first row where the second column is least or greatest
//	list            all values in input order, nulls too; of nothing it is empty
//	string_join     texts that are not null in input order with a separator between them
//	approx_count_distinct  int64, never null: exact up to 192 values, standard error 1.6 % beyond
//	approx_quantile  float64 within 0.8 % of the value of rank ⌊q·(n-1)⌋
//	first, last     of the group's first and last row in input order, null if it is null there
//	any, all        of bools that are not null; any of nothing is false, all of nothing is true
//
// Sums, means and medians of durations are durations, means and medians rounded to the
// nearest unit, halves to the even one.
//
// sum, mean, min, max, median, quantile, mode, arg_min, arg_max and string_join of no
// values are null. A NaN makes sums, means,
// variances and correlations NaN, and so do +Inf and -Inf together.
const (
	Len           = "len"
	Count         = "count"
	CountDistinct = "count_distinct"
	Sum           = "sum"
	Mean          = "mean"
	Var           = "var"
	Std           = "std"
	Corr          = "corr"
	Cov           = "cov"
	Skew          = "skew"
	Kurtosis      = "kurtosis"
	Min           = "min"
	Max           = "max"
	Median        = "median"
	Quantile      = "quantile"
	Mode          = "mode"
	ArgMin        = "arg_min"
	ArgMax        = "arg_max"
	List          = "list"
	StringJoin    = "string_join"
	First         = "first"
	Last          = "last"
	Any           = "any"
	All           = "all"

	ApproxCountDistinct = "approx_count_distinct"
	ApproxQuantile      = "approx_quantile"
)

// An Agg is one aggregate: function Fn over column Col, and Col2 for functions of
// two, called As. Len has no column. Q is which quantile, from 0 to 1, and Sep the
// separator of string_join.
type Agg struct {
	Fn, Col, Col2, As string
	Q                 float64
	Sep               string
}

// A Top keeps, of every group, the N rows that are first when the group is sorted
// by column By in descending order (Smallest: ascending), nulls last, equal rows
// in input order. Cols are the columns given out after the keys; nil means all
// others. By is an integer, float, bool, date or timestamp.
type Top struct {
	By       string
	N        int64
	Smallest bool
	Cols     []string
}

// Params are the parameters of group.by. Without aggregates and Top the output is
// the distinct keys. Without keys it is exactly one row. Out are the output
// columns in order; nil means the keys and then the aggregates. Local promises
// that all rows of a group are in one block of the input.
type Params struct {
	Keys  []string
	Aggs  []Agg
	Top   *Top
	Out   []string
	Local bool
}

// An output is one column of the result: a key, an aggregate or a column of Top.
type output struct {
	field dtype.Field
	key   int // position in Keys, else -1
	agg   int // position in Aggs, else -1
	col   int // position in the input for Top, else -1
}

// outputs checks p against the input and returns the output columns.
func (p Params) outputs(in dtype.Schema) ([]output, error) {
	all, err := p.columns(in)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, o := range all {
		if seen[o.field.Name] {
			return nil, fmt.Errorf("two output columns are called %q: rename one", o.field.Name)
		}
		seen[o.field.Name] = true
	}
	if p.Out == nil {
		return all, nil
	}
	out := make([]output, len(p.Out))
	for i, name := range p.Out {
		j := slices.IndexFunc(all, func(o output) bool { return o.field.Name == name })
		if j < 0 {
			return nil, fmt.Errorf("no output column %q", name)
		}
		out[i] = all[j]
	}
	return out, nil
}

func (p Params) columns(in dtype.Schema) (all []output, err error) {
	for i, k := range p.Keys {
		c, err := in.Find(k)
		if err != nil {
			return nil, err
		}
		if slices.Contains(p.Keys[:i], k) {
			return nil, fmt.Errorf("key %q is named twice", k)
		}
		if in[c].Type.Kind.IsNested() {
			return nil, fmt.Errorf("key %q is %s: lists and structs are no keys; take their parts", dtype.Shown(k), in[c].Type)
		}
		all = append(all, output{field: in[c], key: i, agg: -1, col: -1})
	}
	if p.Top != nil {
		return p.topColumns(in, all)
	}
	for i, a := range p.Aggs {
		f, err := a.field(in, len(p.Keys) == 0)
		if err != nil {
			return nil, err
		}
		all = append(all, output{field: f, key: -1, agg: i, col: -1})
	}
	return all, nil
}

func (p Params) topColumns(in dtype.Schema, all []output) ([]output, error) {
	t := p.Top
	if len(p.Aggs) > 0 {
		return nil, fmt.Errorf("the best rows of a group and aggregates cannot be asked for at once: join two results")
	}
	if t.N < 1 || t.N > 1<<24 {
		return nil, fmt.Errorf("%d best rows per group: want 1 to %d", t.N, 1<<24)
	}
	by, err := in.Find(t.By)
	if err != nil {
		return nil, err
	}
	if !sortable(in[by].Type.Kind) {
		return nil, fmt.Errorf("the best rows cannot be chosen by column %q of type %s: want a number, bool, date or timestamp", t.By, in[by].Type)
	}
	cols := t.Cols
	if cols == nil {
		for _, f := range in {
			if !slices.Contains(p.Keys, f.Name) {
				cols = append(cols, f.Name)
			}
		}
	}
	for _, name := range cols {
		c, err := in.Find(name)
		if err != nil {
			return nil, err
		}
		all = append(all, output{field: in[c], key: -1, agg: -1, col: c})
	}
	return all, nil
}

// sortable reports whether values of kind k have order keys of 64 bits.
func sortable(k dtype.Kind) bool { return ordered(k) && !k.IsVar() && k != dtype.Decimal128 }

// ordered reports whether values of kind k can be compared.
func ordered(k dtype.Kind) bool { return k.IsOrdered() }

// field returns the output column of a. whole says that the table is one group,
// which may be empty.
func (a Agg) field(in dtype.Schema, whole bool) (dtype.Field, error) {
	f := dtype.Field{Name: a.As, Type: dtype.Of(dtype.Int64)}
	if a.As == "" {
		return f, fmt.Errorf("an aggregate %s has no name", a)
	}
	if a.Fn == Len {
		return f, nil
	}
	c, err := in.Find(a.Col)
	if err != nil {
		return f, err
	}
	f.Nullable = in[c].Nullable || whole
	var ok bool
	f.Type, ok, err = a.result(in, c, &f.Nullable)
	if err != nil {
		return f, err
	}
	if !ok {
		return f, fmt.Errorf("%s of column %q: type %s has none", a.Fn, dtype.Shown(a.Col), in[c].Type)
	}
	return f, nil
}

// result returns the type of a over column c and whether there is one.
func (a Agg) result(in dtype.Schema, c int, null *bool) (dtype.Type, bool, error) {
	t := in[c].Type
	k := t.Kind
	number := k.IsNumeric() || k == dtype.Bool || k == dtype.Null
	switch a.Fn {
	case Count, CountDistinct:
		*null = false
		return dtype.Of(dtype.Int64), true, nil
	case ApproxCountDistinct:
		*null = false
		return dtype.Of(dtype.Int64), ordered(k) || k == dtype.Null, nil
	case Sum:
		rt, ok := sumType(t)
		return rt, ok, nil
	case Mean, Median:
		if k == dtype.Duration {
			return t, true, nil
		}
		return dtype.Of(dtype.Float64), number || a.Fn == Mean && k == dtype.Decimal128, nil
	case Quantile, ApproxQuantile:
		if !(a.Q >= 0 && a.Q <= 1) {
			return t, false, fmt.Errorf("%s %v of column %q: want 0 to 1", a.Fn, a.Q, dtype.Shown(a.Col))
		}
		return dtype.Of(dtype.Float64), number, nil
	case Mode:
		return t, ordered(k) || k == dtype.Null, nil
	case ArgMin, ArgMax:
		*null = true
		d, err := in.Find(a.Col2)
		if err == nil && !sortable(in[d].Type.Kind) {
			err = fmt.Errorf("%s by column %q: type %s is none to go by; want a number, bool, date or time", a.Fn, dtype.Shown(a.Col2), in[d].Type)
		}
		return t, true, err
	case List:
		*null = false
		return dtype.ListOf(t), true, nil
	case StringJoin:
		return dtype.Of(dtype.Utf8), k == dtype.Utf8 || k == dtype.Null, nil
	case Skew, Kurtosis:
		*null = true
		return dtype.Of(dtype.Float64), number, nil
	case Var, Std:
		*null = true
		return dtype.Of(dtype.Float64), number, nil
	case Corr, Cov:
		*null = true
		d, err := in.Find(a.Col2)
		if err != nil {
			return t, false, err
		}
		if k2 := in[d].Type.Kind; !k2.IsNumeric() && k2 != dtype.Bool && k2 != dtype.Null {
			return t, false, fmt.Errorf("%s of column %q: type %s has none", a.Fn, dtype.Shown(a.Col2), in[d].Type)
		}
		return dtype.Of(dtype.Float64), number, nil
	case Min, Max:
		return t, ordered(k) || k == dtype.Null, nil
	case First, Last:
		return t, true, nil
	case Any, All:
		*null = false
		return dtype.Of(dtype.Bool), k == dtype.Bool || k == dtype.Null, nil
	}
	return t, false, fmt.Errorf("unknown aggregate function %q: want one of %s", a.Fn, strings.Join(functions, ", "))
}

var functions = []string{Len, Count, CountDistinct, Sum, Mean, Var, Std, Corr, Cov, Skew, Kurtosis, Min, Max, Median, Quantile, Mode,
	ArgMin, ArgMax, First, Last, List, StringJoin, Any, All, ApproxCountDistinct, ApproxQuantile}

func sumType(t dtype.Type) (dtype.Type, bool) {
	switch k := t.Kind; {
	case k == dtype.Bool, k.IsSigned():
		return dtype.Of(dtype.Int64), true
	case k.IsUnsigned():
		return dtype.Of(dtype.Uint64), true
	case k.IsFloat():
		return dtype.Of(dtype.Float64), true
	case k == dtype.Decimal128:
		return dtype.DecimalOf(38, t.Scale), true
	case k == dtype.Null, k == dtype.Duration:
		return t, true
	}
	return t, false
}

// String words the aggregate as in "sum(v1) as total".
func (a Agg) String() string {
	args := a.Col
	if a.Col2 != "" {
		args += ", " + a.Col2
	}
	switch a.Fn {
	case Quantile, ApproxQuantile:
		args += fmt.Sprintf(", %v", a.Q)
	case StringJoin:
		args += fmt.Sprintf(", %q", a.Sep)
	}
	s := a.Fn + "(" + args + ")"
	if a.As != "" && a.As != a.Col {
		s += " as " + a.As
	}
	return s
}

// text words the parameters for plans.
func (p Params) text() string {
	var parts []string
	if len(p.Keys) > 0 {
		parts = append(parts, "by "+strings.Join(p.Keys, ", "))
	}
	for _, a := range p.Aggs {
		parts = append(parts, a.String())
	}
	if t := p.Top; t != nil {
		which := "largest"
		if t.Smallest {
			which = "smallest"
		}
		parts = append(parts, fmt.Sprintf("%d %s %s", t.N, which, t.By))
	}
	if len(p.Aggs) == 0 && p.Top == nil {
		parts = append([]string{"distinct"}, parts...)
	}
	return strings.Join(parts, "; ")
}
