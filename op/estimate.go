package op

import (
	"math"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// Known is what is known of the columns of a table, by name, to estimate with. It is
// never changed: tables share it.
type Known map[string]Fact

// A Fact is what is known of a column. Distinct is of the rows that are left; Domain
// and Table are the distinct values and the rows of the table the column comes from,
// before anything was left out of it, 0 when not known. Tested is the share of the
// domain that tests of the column itself have left.
type Fact struct {
	expr.Facts
	Domain, Table, Tested float64
}

// unique says that the column looks like a key of the table it comes from.
func (f Fact) unique() bool { return f.Table > 0 && f.Domain >= f.Table }

// Facts returns what is known of a column, for expr.Selectivity.
func (m Meta) Facts(col string) expr.Facts { return m.Known[col].Facts }

// NewFact describes a column of a table that is read.
func NewFact(f expr.Facts, rows float64) Fact {
	if f.Distinct == 0 {
		f.Distinct = f.Values()
	}
	if rows >= 0 {
		f.Distinct = min(f.Distinct, rows)
	}
	return Fact{f, f.Distinct, max(0, rows), 1}
}

// Where describes the rows of m for which a predicate is true.
func (m Meta) Where(pred expr.Expr) Meta {
	if m.Rows < 0 {
		return m
	}
	out := m.share(expr.Selectivity(pred, m.Facts))
	for _, c := range expr.Conjuncts(pred) {
		cols := expr.Columns(c)
		f, ok := out.Known[first(cols)]
		if len(cols) != 1 || !ok {
			continue
		}
		whole := m.Known[cols[0]].Distinct
		share := expr.Selectivity(c, m.Facts)
		f.Distinct = min(f.Distinct, max(1, whole*share))
		f.Tested *= share
		out.Known[cols[0]] = f
	}
	return out
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// share describes a part of the rows, taken without regard to their values: with n rows
// of each value, 1-(1-share)^n of the values are still there.
func (m Meta) share(share float64) Meta {
	known := make(Known, len(m.Known))
	for name, f := range m.Known {
		if f.Distinct > 0 {
			f.Distinct *= 1 - math.Pow(1-share, max(1, m.Rows/f.Distinct))
		}
		known[name] = f
	}
	m.Known = known
	m.Rows *= share
	if m.Bytes > 0 {
		m.Bytes *= share
	}
	return m
}

// Rename describes columns under new names, those that are not named left out.
func (k Known) Rename(names map[string]string) Known {
	out := make(Known, len(names))
	for old, name := range names {
		if f, ok := k[old]; ok {
			out[name] = f
		}
	}
	return out
}

// Pick leaves out what is not in a schema.
func (k Known) Pick(s dtype.Schema) Known {
	out := make(Known, len(s))
	for _, f := range s {
		if x, ok := k[f.Name]; ok {
			out[f.Name] = x
		}
	}
	return out
}

// domain is how many values the keys of two tables can have: those of the side of
// which they are a key, else of the side that has more. Of several keys none of which
// is one alone, the smaller table has as many combinations as rows.
// What tests of the keys have left out on both sides is the same.
func domain(l, r Known, left, right []string) float64 {
	all, alone, table := 1.0, false, math.Inf(1)
	for i := range left {
		a, b := l[left[i]], r[right[i]]
		if a.Domain == 0 || b.Domain == 0 {
			return 0
		}
		d := max(a.Domain, b.Domain)
		switch {
		case a.unique() && b.unique():
			d = min(a.Domain, b.Domain)
		case a.unique():
			d = a.Domain
		case b.unique():
			d = b.Domain
		}
		all *= max(1, d*max(a.Tested, b.Tested))
		alone = alone || a.unique() || b.unique()
		table = min(table, a.Table, b.Table)
	}
	if len(left) > 1 && !alone {
		all = min(all, table)
	}
	return all
}

// PairsOf estimates how many pairs of rows have equal keys; -1 when it cannot be said.
func PairsOf(l, r Meta, left, right []string) float64 {
	if l.Rows < 0 || r.Rows < 0 {
		return -1
	}
	d := domain(l.Known, r.Known, left, right)
	if d == 0 {
		return -1
	}
	return l.Rows * r.Rows / d
}

// Matching estimates the share of l's rows that have a partner in r; -1 when it cannot
// be said.
func Matching(l, r Meta, left, right []string) float64 {
	d := domain(l.Known, r.Known, left, right)
	if r.Rows < 0 || d == 0 {
		return -1
	}
	share := 1.0
	for i := range left {
		a, b := l.Known[left[i]], r.Known[right[i]]
		one := domain(l.Known, r.Known, left[i:i+1], right[i:i+1])
		share = min(share, b.Distinct/max(1, min(one, max(a.Distinct, b.Distinct, one))))
	}
	return min(1, share, r.Rows/d)
}

// Paired describes what is known of the columns of matched rows: of the keys only the
// values that both sides have.
func Paired(l, r Meta, left, right []string, rows float64) Known {
	out := make(Known, len(l.Known)+len(r.Known))
	for _, side := range []Known{r.Known, l.Known} {
		for name, f := range side {
			f.Distinct = min(f.Distinct, max(1, rows))
			out[name] = f
		}
	}
	for i := range left {
		a, b := out[left[i]], out[right[i]]
		d := min(a.Distinct, b.Distinct)
		a.Distinct, b.Distinct = d, d
		out[left[i]], out[right[i]] = a, b
	}
	return out
}

// Groups estimates how many combinations of values some columns have; -1 when it
// cannot be said.
func Groups(m Meta, keys []string) float64 {
	if m.Rows < 0 {
		return -1
	}
	n := 1.0
	for _, k := range keys {
		f := m.Known[k]
		if f.Distinct == 0 {
			return -1
		}
		n *= f.Distinct
		if f.Nulls > 0 {
			n++
		}
	}
	return min(n, m.Rows)
}
