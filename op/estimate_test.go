package op_test

import (
	"math"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// table describes a table whose columns have so many values each.
func table(rows float64, distinct map[string]float64) op.Meta {
	m := op.Meta{Rows: rows, Bytes: 8 * rows, Known: op.Known{}}
	for name, n := range distinct {
		lo, hi := expr.Literal{Type: dtype.Of(dtype.Int64), I: 1}, expr.Literal{Type: dtype.Of(dtype.Int64), I: int64(n)}
		m.Known = append(m.Known, op.NamedFact{Col: name, Fact: op.NewFact(expr.Facts{Min: lo, Max: hi}, rows)})
	}
	return m
}

func distinct(k op.Known, col string) float64 {
	f, _ := k.Of(col)
	return f.Distinct
}

func near(t *testing.T, what string, have, want float64) {
	t.Helper()
	if math.Abs(have-want) > 0.01*math.Abs(want)+1e-9 {
		t.Errorf("%s: %g, want %g", what, have, want)
	}
}

// The tables of a shop: orders have sparse keys, lines name orders and parts.
func TestEstimates(t *testing.T) {
	orders := table(1500, map[string]float64{"o": 6000, "c": 150})
	lines := table(6000, map[string]float64{"l": 6000, "p": 200, "s": 10})
	offers := table(800, map[string]float64{"p2": 200, "s2": 10})
	customers := table(150, map[string]float64{"id": 150})
	few := orders.Where(expr.Col("c").Le(15))
	pairs := func(a, b op.Meta, l, r string) float64 { return op.PairsOf(a, b, []string{l}, []string{r}) }

	near(t, "lines of orders", pairs(lines, orders, "l", "o"), 6000)
	near(t, "orders of customers", pairs(orders, customers, "c", "id"), 1500)
	near(t, "few orders", few.Rows, 1500*14.0/149)
	near(t, "customers of few orders", distinct(few.Known, "c"), 150*14.0/149)
	near(t, "lines of few orders", pairs(lines, few, "l", "o"), 6000*14.0/149)
	near(t, "offers of lines", op.PairsOf(lines, offers, []string{"p", "s"}, []string{"p2", "s2"}), 6000)
	near(t, "lines that have one of few orders", op.Matching(lines, few, []string{"l"}, []string{"o"}), 14.0/149)
	near(t, "customers that have orders", op.Matching(customers, orders, []string{"id"}, []string{"c"}), 1)
	near(t, "groups", op.Groups(lines, []string{"p"}), 200)
	near(t, "groups by two", op.Groups(lines, []string{"p", "s"}), 2000)
	near(t, "groups by many", op.Groups(lines, []string{"p", "l"}), 6000)

	joined := op.Paired(lines, few, []string{"l"}, []string{"o"}, 565)
	near(t, "orders left", distinct(joined, "l"), distinct(few.Known, "o"))

	for what, n := range map[string]float64{
		"pairs":    pairs(lines, orders, "l", "unknown"),
		"no rows":  pairs(op.Meta{Rows: -1}, orders, "l", "o"),
		"matching": op.Matching(lines, orders, []string{"nothing"}, []string{"o"}),
		"groups":   op.Groups(lines, []string{"nothing"}),
	} {
		near(t, what+" of what is not known", n, -1)
	}
	if m := (op.Meta{Rows: -1, Bytes: -1}).Where(expr.Col("x").Gt(1)); m.Rows != -1 {
		t.Errorf("a part of an unknown number of rows is %g", m.Rows)
	}
}

// A row takes what its table takes for each, where that is known and more than the guess.
func TestRowBytes(t *testing.T) {
	s := dtype.Schema{{Name: "n", Type: dtype.Of(dtype.Int64)}, {Name: "s", Type: dtype.Of(dtype.Utf8)}, {Name: "b", Type: dtype.Of(dtype.Bool)}}
	guess := op.RowBytes(s)
	near(t, "the guess", guess, 8+20+0.125)
	for _, c := range []struct{ rows, bytes, want float64 }{
		{10, 1000, 100}, {10, 10, guess}, {0, 0, guess}, {-1, -1, guess}, {10, -1, guess}, {-1, 1000, guess},
	} {
		near(t, "a row", op.Meta{Schema: s, Rows: c.rows, Bytes: c.bytes}.RowBytes(), c.want)
	}
}
