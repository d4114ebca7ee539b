package op

import (
	"math"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// Known is what is known of the columns of a table, to estimate with. It is never
// changed: tables share it.
type Known []NamedFact

// A NamedFact is a fact and its column.
type NamedFact struct {
	Col  string
	Fact Fact
}

// Of returns what is known of a column.
func (k Known) Of(col string) (Fact, bool) {
	for i := range k {
		if k[i].Col == col {
			return k[i].Fact, true
		}
	}
	return Fact{}, false
}

// fact is Of where nothing known will do.
func (k Known) fact(col string) Fact {
	f, _ := k.Of(col)
	return f
}

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
func (m Meta) Facts(col string) expr.Facts { return m.Known.fact(col).Facts }

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
		if len(cols) != 1 {
			continue
		}
		share := expr.Selectivity(c, m.Facts)
		for i := range out.Known {
			if f := &out.Known[i].Fact; out.Known[i].Col == cols[0] {
				f.Distinct = min(f.Distinct, max(1, m.Known[i].Fact.Distinct*share))
				f.Tested *= share
			}
		}
	}
	return out
}

// share describes a part of the rows, taken without regard to their values: with n rows
// of each value, 1-(1-share)^n of the values are still there.
func (m Meta) share(share float64) Meta {
	m.Known = slices.Clone(m.Known)
	for i := range m.Known {
		if f := &m.Known[i].Fact; f.Distinct > 0 {
			f.Distinct *= 1 - math.Pow(1-share, max(1, m.Rows/f.Distinct))
		}
	}
	m.Rows *= share
	if m.Bytes > 0 {
		m.Bytes *= share
	}
	return m
}

// Rename describes columns under new names, those that are not named left out.
func (k Known) Rename(names map[string]string) Known {
	out := make(Known, 0, len(names))
	for _, f := range k {
		if name, ok := names[f.Col]; ok {
			out = append(out, NamedFact{name, f.Fact})
		}
	}
	return out
}

// Pick leaves out what is not in a schema.
func (k Known) Pick(s dtype.Schema) Known {
	out := make(Known, 0, len(s))
	for _, f := range s {
		if x, ok := k.Of(f.Name); ok {
			out = append(out, NamedFact{f.Name, x})
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
		a, b := l.fact(left[i]), r.fact(right[i])
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
		a, b := l.Known.fact(left[i]), r.Known.fact(right[i])
		one := domain(l.Known, r.Known, left[i:i+1], right[i:i+1])
		share = min(share, b.Distinct/max(1, min(one, max(a.Distinct, b.Distinct, one))))
	}
	return min(1, share, r.Rows/d)
}

// Paired describes what is known of the columns of matched rows: of the keys only the
// values that both sides have.
func Paired(l, r Meta, left, right []string, rows float64) Known {
	out := slices.Clone(l.Known)
	for _, f := range r.Known {
		if _, both := l.Known.Of(f.Col); !both {
			out = append(out, f)
		}
	}
	for i := range out {
		f := &out[i].Fact
		f.Distinct = min(f.Distinct, max(1, rows))
		for k := range left {
			if out[i].Col == left[k] || out[i].Col == right[k] {
				f.Distinct = min(f.Distinct, l.Known.fact(left[k]).Distinct, r.Known.fact(right[k]).Distinct)
			}
		}
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
		f := m.Known.fact(k)
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

// RowBytes guesses the bytes of one row in memory, those of texts where nothing is known
// of them.
func RowBytes(s dtype.Schema) (n float64) {
	for _, f := range s {
		if f.Type.Kind.IsVar() {
			n += 20
		} else {
			n += max(0.125, float64(f.Type.Width()))
		}
	}
	return n
}

// RowBytes is how many bytes a row takes by the estimate of the table, if there is one, and no
// less than RowBytes guesses: for those who keep rows of their own.
func (m Meta) RowBytes() float64 {
	n := RowBytes(m.Schema)
	if m.Rows > 0 && m.Bytes > 0 {
		n = max(n, m.Bytes/m.Rows)
	}
	return n
}
