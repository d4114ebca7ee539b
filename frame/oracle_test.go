package frame_test

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// The oracle runs plans one row at a time on Go values: nil, bool, int64,
// float64 and string. It knows the laws and nothing of how they are kept.

// A kind is the type of an oracle's column.
type kind byte

const (
	kBool kind = iota
	kInt
	kFloat
	kText
	kBig // int64 at the ends of its range: compared and counted, not computed with
)

type ocol struct {
	name string
	k    kind
}

// An otable is a table of the oracle. Without ordered its rows are a multiset.
type otable struct {
	cols    []ocol
	rows    [][]any
	ordered bool
}

// text words the table as CSV with a typed header.
func (t *otable) text() string {
	var b strings.Builder
	names := map[kind]string{kBool: "bool", kInt: "int64", kFloat: "float64", kText: "utf8", kBig: "int64"}
	for i, c := range t.cols {
		fmt.Fprintf(&b, "%s%s:%s", sep(i), c.name, names[c.k])
	}
	b.WriteByte('\n')
	for _, r := range t.rows {
		for i, v := range r {
			b.WriteString(sep(i))
			switch x := v.(type) {
			case nil:
			case string:
				b.WriteString(strconv.Quote(x))
			default:
				fmt.Fprint(&b, x)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func sep(i int) string { return map[bool]string{true: ",", false: ""}[i > 0] }

// lines words the rows as the scripts do; -0 is 0.
func (t *otable) lines() []string {
	out := []string{}
	for _, r := range t.rows {
		words := make([]string, len(r))
		for i, v := range r {
			words[i] = oword(v)
		}
		out = append(out, strings.Join(words, " "))
	}
	if !t.ordered {
		slices.Sort(out)
	}
	return out
}

func oword(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		if x == "" || x == "null" || strings.ContainsAny(x, " \n\"") {
			return strconv.Quote(x)
		}
		return x
	case float64:
		return strconv.FormatFloat(x+0, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// order compares two values of a kind that are not null: NaN is the greatest.
func order(a, b any) int {
	switch x := a.(type) {
	case bool:
		return cmp.Compare(bit(x), bit(b.(bool)))
	case int64:
		return cmp.Compare(x, b.(int64))
	case float64:
		y := b.(float64)
		switch {
		case x != x && y != y:
			return 0
		case x != x:
			return 1
		case y != y:
			return -1
		}
		return cmp.Compare(x, y)
	}
	return strings.Compare(a.(string), b.(string))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// key words values so that equal keys have equal words: NaN equals NaN and -0
// equals 0.
func key(vals ...any) string {
	var b strings.Builder
	for _, v := range vals {
		if f, ok := v.(float64); ok {
			v = f + 0
		}
		fmt.Fprintf(&b, "%T %v\x00", v, v)
	}
	return b.String()
}

func (t *otable) filter(p func([]any) any) *otable {
	out := &otable{cols: t.cols, ordered: t.ordered}
	for _, r := range t.rows {
		if p(r) == true {
			out.rows = append(out.rows, r)
		}
	}
	return out
}

// pick is Select; the functions see whole rows.
func (t *otable) pick(cols []ocol, fs []func([]any) any) *otable {
	out := &otable{cols: cols, ordered: t.ordered}
	for _, r := range t.rows {
		row := make([]any, len(fs))
		for i, f := range fs {
			row[i] = f(r)
		}
		out.rows = append(out.rows, row)
	}
	return out
}

// A okey is a sort key: position and direction.
type okey struct {
	at   int
	desc bool
}

func (t *otable) sort(keys []okey) *otable {
	out := &otable{cols: t.cols, rows: slices.Clone(t.rows), ordered: true}
	slices.SortStableFunc(out.rows, func(a, b []any) int {
		for _, k := range keys {
			x, y := a[k.at], b[k.at]
			switch {
			case x == nil && y == nil:
				continue
			case x == nil:
				return 1
			case y == nil:
				return -1
			}
			c := order(x, y)
			if k.desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

func (t *otable) head(n int) *otable {
	return &otable{cols: t.cols, rows: t.rows[:min(n, len(t.rows))], ordered: t.ordered}
}

// An oagg is an aggregate of column at; len has none.
type oagg struct {
	fn   string
	at   int
	name string
}

func (t *otable) group(keys []int, aggs []oagg) *otable {
	out := &otable{}
	for _, k := range keys {
		out.cols = append(out.cols, t.cols[k])
	}
	for _, a := range aggs {
		out.cols = append(out.cols, ocol{a.name, a.kind(t)})
	}
	groups := map[string][][]any{}
	var found []string
	if len(keys) == 0 {
		groups[""], found = t.rows, []string{""}
	} else {
		for _, r := range t.rows {
			vals := make([]any, len(keys))
			for i, k := range keys {
				vals[i] = r[k]
			}
			id := key(vals...)
			if groups[id] == nil {
				found = append(found, id)
			}
			groups[id] = append(groups[id], r)
		}
	}
	for _, id := range found {
		var row []any
		for _, k := range keys {
			row = append(row, groups[id][0][k])
		}
		for _, a := range aggs {
			row = append(row, a.of(groups[id]))
		}
		out.rows = append(out.rows, row)
	}
	return out
}

func (a oagg) kind(t *otable) kind {
	switch a.fn {
	case "len", "count", "count_distinct", "approx_count_distinct":
		return kInt
	case "mean", "median", "var", "quantile_30":
		return kFloat
	case "any", "all":
		return kBool
	}
	return t.cols[a.at].k
}

// of computes the aggregate over the rows of a group.
func (a oagg) of(rows [][]any) any {
	var vals []any
	distinct := map[string]bool{}
	for _, r := range rows {
		if a.fn != "len" && r[a.at] != nil {
			vals = append(vals, r[a.at])
			distinct[key(r[a.at])] = true
		}
	}
	n := len(vals)
	switch a.fn {
	case "len":
		return int64(len(rows))
	case "count":
		return int64(n)
	case "count_distinct", "approx_count_distinct": // exact for so few
		return int64(len(distinct))
	case "first":
		return at(rows, 0, a.at)
	case "last":
		return at(rows, len(rows)-1, a.at)
	case "any":
		return slices.Contains(vals, any(true))
	case "all":
		return !slices.Contains(vals, any(false))
	}
	if n == 0 {
		return nil
	}
	slices.SortFunc(vals, order)
	switch a.fn {
	case "min":
		return vals[0]
	case "max":
		return vals[n-1]
	case "join_comma":
		var texts []string
		for _, r := range rows {
			if s, ok := r[a.at].(string); ok {
				texts = append(texts, s)
			}
		}
		return strings.Join(texts, ", ")
	case "mode":
		best, most := any(nil), 0
		for lo, hi := 0, 0; lo < n; lo = hi {
			for hi = lo; hi < n && order(vals[lo], vals[hi]) == 0; hi++ {
			}
			if hi-lo > most {
				best, most = vals[lo], hi-lo
			}
		}
		return best
	case "quantile_30":
		rank := 0.3 * float64(n-1)
		i := int(rank)
		x, part := number64(vals[i]), rank-float64(i)
		if part == 0 {
			return x
		}
		y := number64(vals[i+1])
		if x == y {
			return x
		}
		return x + (y-x)*part
	case "median":
		return (number64(vals[(n-1)/2]) + number64(vals[n/2])) / 2
	}
	return moments(a.fn, vals)
}

func at(rows [][]any, i, c int) any {
	if i < 0 || i >= len(rows) {
		return nil
	}
	return rows[i][c]
}

func number64(v any) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	return v.(float64)
}

// movingMean is the mean of a frame that has rows of its own for each row: the sum is rounded before it is divided.
const movingMean = "moving mean"

// moments computes sums, means and variances in rational numbers.
func moments(fn string, vals []any) any {
	sum, squares := new(big.Rat), new(big.Rat)
	_, whole := vals[0].(int64)
	for _, v := range vals {
		f := number64(v)
		if f != f {
			if fn == "var" && len(vals) < 2 {
				return nil
			}
			return math.NaN()
		}
		x := new(big.Rat).SetFloat64(f)
		sum.Add(sum, x)
		squares.Add(squares, x.Mul(x, x))
	}
	n := int64(len(vals))
	switch {
	case fn == "sum" && whole:
		return sum.Num().Int64()
	case fn == "sum":
		f, _ := sum.Float64()
		return f
	case fn == "mean":
		f, _ := sum.Quo(sum, big.NewRat(n, 1)).Float64()
		return f
	case fn == movingMean:
		f, _ := sum.Float64()
		return f / float64(n)
	case n < 2:
		return nil
	}
	mean := new(big.Rat).Quo(new(big.Rat).Mul(sum, sum), big.NewRat(n, 1))
	f, _ := new(big.Rat).Quo(squares.Sub(squares, mean), big.NewRat(n-1, 1)).Float64()
	return f
}

// join matches rows of t with those of u on pairs of key columns of one kind.
func (t *otable) join(u *otable, how string, l, r []int, suffix string) *otable {
	out := &otable{cols: slices.Clone(t.cols)}
	var keep []int
	if how == "inner" || how == "left" {
		out.cols, keep = t.beside(u, l, r, suffix)
	}
	for _, a := range t.rows {
		met := false
		for _, b := range u.rows {
			if !equalKeys(a, b, l, r) {
				continue
			}
			if met = true; how == "semi" || how == "anti" {
				break
			}
			row := slices.Clone(a)
			for _, c := range keep {
				row = append(row, b[c])
			}
			out.rows = append(out.rows, row)
		}
		if met && how == "semi" || !met && (how == "anti" || how == "left") {
			out.rows = append(out.rows, append(slices.Clone(a), make([]any, len(keep))...))
		}
	}
	return out
}

// beside returns the columns of t and those of u, and which of u are there.
func (t *otable) beside(u *otable, l, r []int, suffix string) (cols []ocol, keep []int) {
	cols = slices.Clone(t.cols)
	for c, x := range u.cols {
		if i := slices.Index(r, c); i >= 0 && t.cols[l[i]].name == x.name {
			continue
		}
		if slices.ContainsFunc(t.cols, func(y ocol) bool { return y.name == x.name }) {
			x.name += suffix
		}
		keep = append(keep, c)
		cols = append(cols, x)
	}
	return cols, keep
}

// joinWhere is join for all kinds with a condition on the columns of an inner one.
func (t *otable) joinWhere(u *otable, how string, l, r []int, suffix string, where func([]any) any) *otable {
	cols, keep := t.beside(u, l, r, suffix)
	out := &otable{cols: cols}
	if how == "semi" || how == "anti" {
		out.cols = t.cols
	}
	met := make([]bool, len(u.rows))
	for _, a := range t.rows {
		some := false
		for j, b := range u.rows {
			row := slices.Clone(a)
			for _, c := range keep {
				row = append(row, b[c])
			}
			if !equalKeys(a, b, l, r) || where(row) != true {
				continue
			}
			some, met[j] = true, true
			if how != "semi" && how != "anti" {
				out.rows = append(out.rows, row)
			}
		}
		switch {
		case some && how == "semi" || !some && how == "anti":
			out.rows = append(out.rows, a)
		case !some && (how == "left" || how == "full"):
			out.rows = append(out.rows, append(slices.Clone(a), make([]any, len(keep))...))
		}
	}
	for j, b := range u.rows {
		if met[j] || how != "right" && how != "full" {
			continue
		}
		row := make([]any, len(t.cols))
		for i, c := range l {
			if t.cols[c].name == u.cols[r[i]].name {
				row[c] = b[r[i]]
			}
		}
		for _, c := range keep {
			row = append(row, b[c])
		}
		out.rows = append(out.rows, row)
	}
	return out
}

func equalKeys(a, b []any, l, r []int) bool {
	for i := range l {
		x, y := a[l[i]], b[r[i]]
		if x == nil || y == nil || order(x, y) != 0 {
			return false
		}
	}
	return true
}

// An oexpr is an expression as text and as a function of a row.
type oexpr struct {
	text string
	k    kind
	f    func([]any) any
}

// expression draws an expression of a kind over the columns of t.
func (t *otable) expression(rnd *rand.Rand, k kind, depth int) oexpr {
	if depth == 0 || rnd.IntN(3) == 0 {
		if e, ok := t.column(rnd, k); ok && rnd.IntN(4) > 0 {
			return e
		}
		return constant(rnd, k)
	}
	if k == kBig {
		return constant(rnd, k)
	}
	sub := func(k kind) oexpr { return t.expression(rnd, k, depth-1) }
	if rnd.IntN(5) == 0 {
		c, x, y := sub(kBool), sub(k), sub(k)
		return oexpr{fmt.Sprintf("(case when %s then %s else %s end)", c.text, x.text, y.text), k, func(r []any) any {
			if c.f(r) == true {
				return x.f(r)
			}
			return y.f(r)
		}}
	}
	switch k {
	case kInt:
		return arithmetic(rnd, sub(kInt), constant(rnd, kInt))
	case kFloat:
		return arithmetic(rnd, sub(kFloat), constant(rnd, kFloat))
	case kText:
		x, y := sub(kText), sub(kText)
		return oexpr{fmt.Sprintf("str.concat(%s, %s)", x.text, y.text), kText, strict(x, y, func(a, b any) any { return a.(string) + b.(string) })}
	}
	return t.predicate(rnd, sub)
}

func (t *otable) column(rnd *rand.Rand, k kind) (oexpr, bool) {
	for _, i := range rnd.Perm(len(t.cols)) {
		if t.cols[i].k == k {
			return oexpr{t.cols[i].name, k, func(r []any) any { return r[i] }}, true
		}
	}
	return oexpr{}, false
}

func constant(rnd *rand.Rand, k kind) oexpr {
	var v any
	text := ""
	switch k {
	case kBool:
		v = rnd.IntN(2) == 0
	case kInt:
		v = int64(rnd.IntN(7) - 3)
	case kFloat:
		f := float64(rnd.IntN(13)-6) / 4
		if f == 0 && rnd.IntN(2) == 0 {
			f = math.Copysign(0, -1)
		}
		v, text = f, strconv.FormatFloat(f, 'f', 2, 64)
	case kBig:
		v = big64[rnd.IntN(len(big64))]
	case kText:
		v = letters[rnd.IntN(len(letters))]
		text = strconv.Quote(v.(string))
	}
	if text == "" {
		text = fmt.Sprint(v)
	}
	return oexpr{text, k, func([]any) any { return v }}
}

// letters are texts: short ones, some at the limit of what is kept in a key, a long one.
var letters = []string{"a", "b", "", "zz", "a b", "fifteen of them", "sixteen of them!", strings.Repeat("long", 75)}

var big64 = []int64{math.MaxInt64, -math.MaxInt64, 1<<53 + 1, 1 << 53, 0}

// strict is null when an operand is.
func strict(x, y oexpr, f func(a, b any) any) func([]any) any {
	return func(r []any) any {
		a, b := x.f(r), y.f(r)
		if a == nil || b == nil {
			return nil
		}
		return f(a, b)
	}
}

func arithmetic(rnd *rand.Rand, x, y oexpr) oexpr {
	sign := []string{"+", "-", "*"}[rnd.IntN(3)]
	return oexpr{fmt.Sprintf("(%s %s %s)", x.text, sign, y.text), x.k, strict(x, y, func(a, b any) any {
		if i, ok := a.(int64); ok {
			j := b.(int64)
			return map[string]int64{"+": i + j, "-": i - j, "*": i * j}[sign]
		}
		f, g := a.(float64), b.(float64)
		return map[string]float64{"+": f + g, "-": f - g, "*": f * g}[sign]
	})}
}

// predicate draws a comparison, a test for null, or a connective.
func (t *otable) predicate(rnd *rand.Rand, sub func(kind) oexpr) oexpr {
	switch rnd.IntN(5) {
	case 0:
		x := sub(kind(rnd.IntN(4)))
		return oexpr{fmt.Sprintf("is_null(%s)", x.text), kBool, func(r []any) any { return x.f(r) == nil }}
	case 1:
		x := sub(kBool)
		return oexpr{fmt.Sprintf("(not %s)", x.text), kBool, func(r []any) any {
			if b, ok := x.f(r).(bool); ok {
				return !b
			}
			return nil
		}}
	case 2:
		return connective(rnd, sub(kBool), sub(kBool))
	}
	k := kind(rnd.IntN(4))
	x, y := sub(k), sub(k)
	sign := []string{"<", "<=", ">", ">=", "==", "!="}[rnd.IntN(6)]
	return oexpr{fmt.Sprintf("(%s %s %s)", x.text, sign, y.text), kBool, strict(x, y, func(a, b any) any {
		if f, ok := a.(float64); ok && (f != f || b.(float64) != b.(float64)) {
			return sign == "!="
		}
		c := order(a, b)
		return map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0, "==": c == 0, "!=": c != 0}[sign]
	})}
}

// connective is and or or in the logic of three values.
func connective(rnd *rand.Rand, x, y oexpr) oexpr {
	word, decides := "and", false
	if rnd.IntN(2) == 0 {
		word, decides = "or", true
	}
	return oexpr{fmt.Sprintf("(%s %s %s)", x.text, word, y.text), kBool, func(r []any) any {
		a, b := x.f(r), y.f(r)
		switch {
		case a == decides || b == decides:
			return decides
		case a == nil || b == nil:
			return nil
		}
		return !decides
	}}
}
