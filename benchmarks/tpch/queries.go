package tpch

import (
	"time"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
)

// A Query is one of the 22, with the parameters for which the specification has the
// answers.
type Query struct {
	Name   string // q01 to q22
	About  string
	Tables []string // that it reads
	Plan   func(t Tables) *frame.Frame
}

// Tables are frames by name.
type Tables map[string]*frame.Frame

// All are the queries in order.
var All = []Query{
	{"q01", "price and discount sums by return flag and line status", []string{"lineitem"}, q01},
	{"q02", "suppliers of Europe that sell brass parts of size 15 at the least cost", []string{"part", "supplier", "partsupp", "nation", "region"}, q02},
	{"q03", "ten unshipped orders of builders with the largest revenue", []string{"customer", "orders", "lineitem"}, q03},
	{"q04", "orders of a quarter with late lines, by priority", []string{"orders", "lineitem"}, q04},
	{"q05", "revenue within each nation of Asia", []string{"customer", "orders", "lineitem", "supplier", "nation", "region"}, q05},
	{"q06", "revenue that small discounts cost", []string{"lineitem"}, q06},
	{"q07", "volume shipped between France and Germany by year", []string{"supplier", "lineitem", "orders", "customer", "nation"}, q07},
	{"q08", "Brazil's share of a market by year", []string{"part", "supplier", "lineitem", "orders", "customer", "nation", "region"}, q08},
	{"q09", "profit on green parts by nation and year", []string{"part", "supplier", "lineitem", "partsupp", "orders", "nation"}, q09},
	{"q10", "twenty customers that returned most", []string{"customer", "orders", "lineitem", "nation"}, q10},
	{"q11", "the most important stock of Germany", []string{"partsupp", "supplier", "nation"}, q11},
	{"q12", "late lines by shipping mode and priority", []string{"orders", "lineitem"}, q12},
	{"q13", "customers by number of orders", []string{"customer", "orders"}, q13},
	{"q14", "share of promoted parts in revenue", []string{"lineitem", "part"}, q14},
	{"q15", "the supplier with the largest revenue", []string{"lineitem", "supplier"}, q15},
	{"q16", "suppliers by brand, type and size without complaints", []string{"partsupp", "part", "supplier"}, q16},
	{"q17", "revenue lost without small orders of a part", []string{"lineitem", "part"}, q17},
	{"q18", "a hundred large orders", []string{"customer", "orders", "lineitem"}, q18},
	{"q19", "revenue of three kinds of parts", []string{"lineitem", "part"}, q19},
	{"q20", "suppliers of Canada with too much of forest parts", []string{"supplier", "nation", "partsupp", "part", "lineitem"}, q20},
	{"q21", "suppliers that kept orders waiting", []string{"supplier", "lineitem", "orders", "nation"}, q21},
	{"q22", "customers without orders by country", []string{"customer", "orders"}, q22},
}

var (
	col = frame.Col
	lit = frame.Lit
)

// day is a date.
func day(year int, month time.Month, day int) expr.Expr { return expr.Date(year, month, day) }

// within is a condition on a column of dates: from a day on, and before another.
func within(name string, from, before expr.Expr) expr.Expr {
	return col(name).Ge(from).And(col(name).Lt(before))
}

// on joins on columns of different names.
func on(left, right string) frame.JoinOn {
	return frame.JoinOn{Kind: frame.Inner, Left: []string{left}, Right: []string{right}}
}

// onBoth joins on two pairs of columns.
func onBoth(left, right [2]string) frame.JoinOn {
	return frame.JoinOn{Kind: frame.Inner, Left: left[:], Right: right[:]}
}

// matching keeps the rows that have a partner, lacking those that have none.
func matching(left, right string) frame.JoinOn {
	return frame.JoinOn{Kind: frame.Semi, Left: []string{left}, Right: []string{right}}
}

func lacking(left, right string) frame.JoinOn {
	return frame.JoinOn{Kind: frame.Anti, Left: []string{left}, Right: []string{right}}
}

// revenue is the discounted price of a line.
func revenue() expr.Expr { return col("l_extendedprice").Mul(lit(1.0).Sub(col("l_discount"))) }
