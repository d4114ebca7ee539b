package frame

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/cell"
)

// A Table is a collected frame: plain Arrow records owned by the garbage
// collector.
type Table struct {
	Schema  dtype.Schema
	Records []arrow.Record
}

// NumRows returns the number of rows.
func (t *Table) NumRows() (n int64) {
	for _, r := range t.Records {
		n += r.NumRows()
	}
	return n
}

// Frame makes a lazy frame of the table.
func (t *Table) Frame() *Frame {
	if len(t.Records) == 0 {
		return inMemory(append(dtype.Schema(nil), t.Schema...), nil, t)
	}
	return FromRecords(t.Records...)
}

// Value returns the value at a row and a column as a Go value: nil, bool, an
// integer or float of the column's width, string, []byte, time.Time for dates
// and timestamps, time.Duration for durations (an int64 of units beyond 292 years)
// and, since midnight, for times of day, []any for lists, map[string]any for
// structs, and a decimal as its text. It panics outside of the table.
func (t *Table) Value(row, col int) any {
	for _, r := range t.Records {
		if n := int(r.NumRows()); row >= n {
			row -= n
			continue
		}
		return value(r.Column(col), row, t.Schema[col].Type)
	}
	panic(fmt.Sprintf("frame: row %d is outside of a table of %d rows", row, t.NumRows()))
}

// Row returns a row as Go values, see Value.
func (t *Table) Row(row int) []any {
	out := make([]any, len(t.Schema))
	for c := range out {
		out[c] = t.Value(row, c)
	}
	return out
}

func value(a arrow.Array, i int, t dtype.Type) any {
	if a.IsNull(i) {
		return nil
	}
	switch x := a.(type) {
	case *array.Null:
		return nil
	case *array.Boolean:
		return x.Value(i)
	case *array.Int8:
		return x.Value(i)
	case *array.Int16:
		return x.Value(i)
	case *array.Int32:
		return x.Value(i)
	case *array.Int64:
		return x.Value(i)
	case *array.Uint8:
		return x.Value(i)
	case *array.Uint16:
		return x.Value(i)
	case *array.Uint32:
		return x.Value(i)
	case *array.Uint64:
		return x.Value(i)
	case *array.Float32:
		return x.Value(i)
	case *array.Float64:
		return x.Value(i)
	case *array.String:
		return x.Value(i)
	case *array.Binary:
		return x.Value(i)
	case *array.Date32:
		return x.Value(i).ToTime()
	case *array.Timestamp:
		at := x.Value(i).ToTime(arrow.TimeUnit(t.Unit))
		if loc, err := expr.Location(t.Zone); err == nil {
			at = at.In(loc)
		}
		return at
	case *array.Decimal128:
		v := x.Value(i)
		return expr.DecimalText(v.HighBits(), v.LowBits(), t.Scale)
	case *array.Time32:
		return time.Duration(x.Value(i)) * (time.Second / time.Duration(t.Unit.PerSecond()))
	case *array.Time64:
		return time.Duration(x.Value(i)) * (time.Second / time.Duration(t.Unit.PerSecond()))
	case *array.Duration:
		return duration(int64(x.Value(i)), t.Unit)
	case *array.List:
		lo, hi := x.ValueOffsets(i)
		out := make([]any, 0, hi-lo)
		for k := lo; k < hi; k++ {
			out = append(out, value(x.ListValues(), int(k), t.Elem()))
		}
		return out
	case *array.Struct:
		out := map[string]any{}
		for k, f := range t.Fields() {
			out[f.Name] = value(x.Field(k), i, f.Type)
		}
		return out
	}
	panic(fmt.Sprintf("frame: no Go value for Arrow type %s", a.DataType()))
}

// duration is a time.Duration, or the number of units where one cannot tell it.
func duration(n int64, u dtype.Unit) any {
	unit := int64(time.Second) / u.PerSecond()
	if n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return n
	}
	return time.Duration(n * unit)
}

// Word writes a value as tables and commands show it: floats in their shortest
// form, times in ISO 8601, null as "null".
func Word(v any, t dtype.Type) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return x
	case []byte:
		return fmt.Sprintf("%x", x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(x), 'g', -1, 32)
	case time.Duration:
		if t.Kind == dtype.Time {
			return time.Unix(0, 0).UTC().Add(x).Format("15:04:05.999999999")
		}
		return x.String()
	case []any:
		words := make([]string, len(x))
		for i, v := range x {
			words[i] = inner(v, t.Elem())
		}
		return "[" + strings.Join(words, ", ") + "]"
	case map[string]any:
		var words []string
		for _, f := range t.Fields() {
			words = append(words, f.Name+": "+inner(x[f.Name], f.Type))
		}
		return "{" + strings.Join(words, ", ") + "}"
	case time.Time:
		if t.Kind == dtype.Date {
			return x.Format(time.DateOnly)
		}
		if t.Zone == "" {
			return x.Format("2006-01-02T15:04:05.999999999")
		}
		return x.Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	return fmt.Sprint(v)
}

// inner words a value within a list or struct: text in quotes.
func inner(v any, t dtype.Type) string {
	if s, ok := v.(string); ok && t.Kind != dtype.Decimal128 {
		return strconv.Quote(s)
	}
	return Word(v, t)
}

// Limits of a printed table.
const (
	maxShownRows = 20
	maxShownCols = 16
	maxShownCell = 40
)

// String prints the table: types under the names, at most 20 rows and 16
// columns with the middle left out, long values cut, and the shape below.
func (t *Table) String() string {
	cols, gap := shownCols(len(t.Schema))
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	head, types := table.Row{}, table.Row{}
	var configs []table.ColumnConfig
	for i, c := range cols {
		if i == gap {
			head, types = append(head, "…"), append(types, "…")
		}
		f := t.Schema[c]
		head, types = append(head, cell.Line(f.Name)), append(types, f.Type.String())
		if f.Type.Kind.IsNumeric() || f.Type.Kind == dtype.Decimal128 {
			configs = append(configs, table.ColumnConfig{Number: len(head), Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(head)
	w.AppendRow(types)
	w.AppendSeparator()
	n := int(t.NumRows())
	for i := 0; i < n; i++ {
		if n > maxShownRows && i == maxShownRows/2 {
			dots := make(table.Row, len(head))
			for k := range dots {
				dots[k] = "…"
			}
			w.AppendRow(dots)
			i = n - maxShownRows/2
		}
		w.AppendRow(t.shownRow(i, cols, gap))
	}
	return w.Render() + fmt.Sprintf("\n%d %s × %d %s", n, plural(n, "row"), len(t.Schema), plural(len(t.Schema), "column"))
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func (t *Table) shownRow(i int, cols []int, gap int) table.Row {
	row := table.Row{}
	for k, c := range cols {
		if k == gap {
			row = append(row, "…")
		}
		row = append(row, cell.Cut(Word(t.Value(i, c), t.Schema[c].Type), maxShownCell))
	}
	return row
}

// shownCols chooses the columns to print, and before which of them some are left
// out (-1 for none).
func shownCols(n int) (cols []int, gap int) {
	gap = -1
	for i := range n {
		if n > maxShownCols && i >= maxShownCols/2 && i < n-maxShownCols/2 {
			gap = maxShownCols / 2
			continue
		}
		cols = append(cols, i)
	}
	return cols, gap
}
