package suite

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// An answer is what is compared of a result: sums that do not depend on the order
// of rows, and the rows that come first when they are ordered by all columns.
type answer struct {
	Rows  int64       `json:"rows"`
	Cols  []colAnswer `json:"cols"`
	First [][]any     `json:"first"`
}

// A colAnswer sums up a column. Of text the sum is its bytes. Dot ties the rows
// together: the sum of the values of a number column, each times the key of its
// row modulo 97, where the key is the row's first column: the number itself, the
// number after "id" of a label, or the bytes of another text.
type colAnswer struct {
	Name string      `json:"name"`
	Kind string      `json:"kind"` // int, float or text
	N    int64       `json:"n"`    // values that are not null
	Sum  json.Number `json:"sum"`
	Dot  json.Number `json:"dot"`
	Min  any         `json:"min"`
	Max  any         `json:"max"`
}

const (
	keyModulus = 97
	firstRows  = 3
)

// A checker makes an answer of records.
type checker struct {
	rows  int64
	cols  []colState
	keys  []int64
	first [][]any
}

type colState struct {
	name, kind string
	n          int64
	isum, idot int64
	fsum, fdot float64
	imin, imax int64
	fmin, fmax float64
	smin, smax string
}

// add takes the rows of a record.
func (c *checker) add(r arrow.Record) error {
	if c.cols == nil {
		c.cols = make([]colState, r.NumCols())
		for i := range c.cols {
			c.cols[i].name = r.ColumnName(i)
		}
	}
	n := int(r.NumRows())
	if err := c.number(r.Column(0), n); err != nil {
		return err
	}
	for i := range c.cols {
		if err := c.cols[i].add(r.Column(i), c.keys); err != nil {
			return fmt.Errorf("column %s: %w", c.cols[i].name, err)
		}
	}
	c.rows += int64(n)
	c.keepFirst(r, n)
	return nil
}

// number makes the keys of the rows.
func (c *checker) number(a arrow.Array, n int) error {
	c.keys = slices.Grow(c.keys[:0], n)[:n]
	switch x := a.(type) {
	case *array.String:
		for i := range c.keys {
			s := x.Value(i)
			c.keys[i] = int64(len(s)) % keyModulus
			if digits, ok := strings.CutPrefix(s, "id"); ok {
				k, err := strconv.ParseInt(digits, 10, 64)
				if err != nil {
					return fmt.Errorf("label %q: %w", s, err)
				}
				c.keys[i] = k % keyModulus
			}
		}
	case *array.Int32:
		for i, v := range x.Int32Values() {
			c.keys[i] = int64(v) % keyModulus
		}
	case *array.Int64:
		for i, v := range x.Int64Values() {
			c.keys[i] = v % keyModulus
		}
	default:
		clear(c.keys)
	}
	return nil
}

func (s *colState) add(a arrow.Array, keys []int64) error {
	switch x := a.(type) {
	case *array.Int32:
		addInts(s, a, x.Int32Values(), keys)
	case *array.Int64:
		addInts(s, a, x.Int64Values(), keys)
	case *array.Uint64:
		addInts(s, a, x.Uint64Values(), keys)
	case *array.Date32:
		addInts(s, a, x.Date32Values(), keys)
	case *array.Float64:
		s.addFloats(x, keys)
	case *array.String:
		s.addText(x)
	default:
		return fmt.Errorf("values of type %s are not checked", a.DataType())
	}
	return nil
}

func addInts[T int32 | int64 | uint64 | arrow.Date32](s *colState, a arrow.Array, values []T, keys []int64) {
	s.kind = "int"
	for i, t := range values {
		if a.IsNull(i) {
			continue
		}
		v := int64(t)
		if s.n == 0 {
			s.imin, s.imax = v, v
		}
		s.n++
		s.isum += v
		s.idot += v * keys[i]
		s.imin, s.imax = min(s.imin, v), max(s.imax, v)
	}
}

func (s *colState) addFloats(a *array.Float64, keys []int64) {
	s.kind = "float"
	for i, v := range a.Float64Values() {
		if a.IsNull(i) || math.IsNaN(v) {
			continue
		}
		if s.n == 0 {
			s.fmin, s.fmax = v, v
		}
		s.n++
		s.fsum += v
		s.fdot += v * float64(keys[i])
		s.fmin, s.fmax = min(s.fmin, v), max(s.fmax, v)
	}
}

func (s *colState) addText(a *array.String) {
	s.kind = "text"
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		v := a.Value(i)
		if s.n == 0 || v < s.smin {
			s.smin = strings.Clone(v)
		}
		if s.n == 0 || v > s.smax {
			s.smax = strings.Clone(v)
		}
		s.n++
		s.isum += int64(len(v))
	}
}

// keepFirst keeps the rows that come before those kept so far.
func (c *checker) keepFirst(r arrow.Record, n int) {
	for i := range n {
		if len(c.first) == firstRows && cmpValues(cell(r.Column(0), i), c.first[firstRows-1][0]) > 0 {
			continue
		}
		row := make([]any, r.NumCols())
		for k := range row {
			row[k] = cell(r.Column(k), i)
		}
		at, _ := slices.BinarySearchFunc(c.first, row, func(a, b []any) int { return slices.CompareFunc(a, b, cmpValues) })
		if at < firstRows {
			c.first = slices.Insert(c.first, at, row)
			c.first = c.first[:min(firstRows, len(c.first))]
		}
	}
}

// cell is a value as int64, float64, string or nil, which NaN is, too.
func cell(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch x := a.(type) {
	case *array.Int32:
		return int64(x.Value(i))
	case *array.Int64:
		return x.Value(i)
	case *array.Uint64:
		return int64(x.Value(i))
	case *array.Date32:
		return int64(x.Value(i))
	case *array.Float64:
		if v := x.Value(i); !math.IsNaN(v) {
			return v
		}
		return nil // as in the sums: some engines have NaN where others have null
	case *array.String:
		return strings.Clone(x.Value(i))
	}
	return a.ValueStr(i)
}

// cmpValues orders the cells of one column, nulls last.
func cmpValues(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(boolInt(a == nil), boolInt(b == nil))
	}
	switch x := a.(type) {
	case int64:
		return cmp.Compare(x, b.(int64))
	case float64:
		return cmp.Compare(x, b.(float64))
	}
	return strings.Compare(a.(string), b.(string))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// answer sums up what was added.
func (c *checker) answer() *answer {
	a := &answer{Rows: c.rows, First: c.first}
	for i := range c.cols {
		s := &c.cols[i]
		o := colAnswer{Name: s.name, Kind: s.kind, N: s.n, Sum: "0", Dot: "0"}
		switch s.kind {
		case "text":
			o.Min, o.Max, o.Sum = s.smin, s.smax, integer(s.isum)
		case "float":
			o.Min, o.Max, o.Sum, o.Dot = s.fmin, s.fmax, decimal(s.fsum), decimal(s.fdot)
		default:
			o.Min, o.Max, o.Sum, o.Dot = s.imin, s.imax, integer(s.isum), integer(s.idot)
		}
		if s.n == 0 {
			o.Min, o.Max = nil, nil
		}
		if i == 0 {
			o.Dot = "0"
		}
		a.Cols = append(a.Cols, o)
	}
	return a
}

func integer(v int64) json.Number   { return json.Number(strconv.FormatInt(v, 10)) }
func decimal(v float64) json.Number { return json.Number(strconv.FormatFloat(v, 'g', -1, 64)) }

// tolerance is how far floats of two engines may be apart, relative to them.
const tolerance = 1e-9

// differ names the first difference of two answers, empty for none.
func (a *answer) differ(b *answer) string {
	if a.Rows != b.Rows {
		return fmt.Sprintf("%d rows and %d", a.Rows, b.Rows)
	}
	if len(a.Cols) != len(b.Cols) {
		return fmt.Sprintf("%d columns and %d", len(a.Cols), len(b.Cols))
	}
	for i := range a.Cols {
		if d := a.Cols[i].differ(&b.Cols[i]); d != "" {
			return fmt.Sprintf("column %s: %s", a.Cols[i].Name, d)
		}
	}
	if len(a.First) != len(b.First) {
		return fmt.Sprintf("%d first rows and %d", len(a.First), len(b.First))
	}
	for i := range a.First {
		for k := range a.First[i] {
			if k >= len(b.First[i]) || !same(a.First[i][k], b.First[i][k], false) {
				return fmt.Sprintf("row %d in order is %v and %v", i, a.First[i], b.First[i])
			}
		}
	}
	return ""
}

func (a *colAnswer) differ(b *colAnswer) string {
	exact := a.Kind != "float" && b.Kind != "float"
	switch {
	case (a.Kind == "text") != (b.Kind == "text"):
		return fmt.Sprintf("%s and %s", a.Kind, b.Kind)
	case a.N != b.N:
		return fmt.Sprintf("%d values and %d", a.N, b.N)
	}
	for _, x := range []struct {
		what string
		a, b any
	}{{"sum", a.Sum, b.Sum}, {"sum by key", a.Dot, b.Dot}, {"min", a.Min, b.Min}, {"max", a.Max, b.Max}} {
		if !same(x.a, x.b, exact) && !(x.what == "min" && a.nothing(x.a) && b.nothing(x.b)) {
			return fmt.Sprintf("%s is %v and %v", x.what, x.a, x.b)
		}
	}
	return ""
}

// rounding is how small a float is beside the largest of its column to be what rounding
// leaves of zero: a correlation of nothing is 0 or 1e-36.
const rounding = 1e-15

// nothing reports whether the least value of a column of floats is zero but for rounding.
func (a *colAnswer) nothing(v any) bool {
	x, _ := float(v)
	most, _ := float(a.Max)
	return a.Kind == "float" && math.Abs(x) <= rounding*math.Abs(most)
}

// same compares two values: numbers with the tolerance unless they must be equal.
func same(a, b any, exact bool) bool {
	x, ok := float(a)
	y, too := float(b)
	if !ok || !too {
		return a == b
	}
	if exact {
		return fmt.Sprint(a) == fmt.Sprint(b)
	}
	return x == y || math.Abs(x-y) <= tolerance*max(math.Abs(x), math.Abs(y))
}

// float reads a number of an answer, made here or read from JSON.
func float(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case int64:
		return float64(x), true
	case json.Number:
		f, err := x.Float64()
		return f, err == nil
	}
	return 0, false
}
