package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/cell"
)

// A summary describes one column.
type summary struct {
	Column string     `json:"column"`
	Type   string     `json:"type"`
	Nulls  int64      `json:"nulls"`
	Min    any        `json:"min"`
	Max    any        `json:"max"`
	Mean   any        `json:"mean,omitempty"`
	Std    any        `json:"std,omitempty"`
	Top    []topValue `json:"top,omitempty"`
	typ    dtype.Type
}

type topValue struct {
	Value any   `json:"value"`
	Rows  int64 `json:"rows"`
}

func (a *app) describe() *cobra.Command {
	return &cobra.Command{
		Use: "describe FILE…", Short: "Summarise every column: nulls, smallest, largest, mean, deviation", Args: cobra.MinimumNArgs(1),
		Example: "  weft describe trips.csv\n  weft describe --json --memory 512MiB 'trips-*.parquet'",
		RunE: func(c *cobra.Command, args []string) (err error) {
			f, err := a.open(c.Context(), args)
			if err != nil {
				return err
			}
			r := a.runner()
			defer func() { err = errors.Join(err, r.Close()) }()
			opt, done := a.bar("describe")
			n, cols, err := summarise(c.Context(), r, f, opt)
			done()
			if err != nil {
				return err
			}
			if a.json {
				return a.print(map[string]any{"rows": n, "columns": cols})
			}
			return a.printSummary(n, cols)
		},
	}
}

// summarise computes the summaries of all columns in one pass over the rows.
func summarise(ctx context.Context, r graph.Runner, f *frame.Frame, opt frame.Option) (rows int64, cols []summary, err error) {
	schema := f.Schema()
	for lo := 0; lo == 0 || lo < len(schema); lo += columnsAtOnce {
		n, part, err := summariseSome(ctx, r, f, schema[lo:min(len(schema), lo+columnsAtOnce)], opt)
		if err != nil {
			return 0, nil, err
		}
		rows, cols = n, append(cols, part...)
	}
	return rows, cols, nil
}

// columnsAtOnce is how many columns one pass over the rows summarises: a wide
// table is read several times, each time only some of its columns.
const columnsAtOnce = 30

// summariseSome computes the summaries of some columns in one pass.
func summariseSome(ctx context.Context, r graph.Runner, f *frame.Frame, schema dtype.Schema, opt frame.Option) (rows int64, cols []summary, err error) {
	aggs := []frame.Aggregate{frame.Count().As("rows")}
	add := func(i int, word string, a frame.Aggregate) { aggs = append(aggs, a.As(fmt.Sprintf("%d %s", i, word))) }
	for i, c := range schema {
		add(i, "count", frame.Count(c.Name))
		if orders(c.Type.Kind) {
			add(i, "min", frame.Min(c.Name))
			add(i, "max", frame.Max(c.Name))
		}
		if c.Type.Kind.IsNumeric() {
			add(i, "mean", frame.Mean(c.Name))
			add(i, "std", frame.Std(c.Name))
		}
	}
	t, err := f.GroupBy().Agg(aggs...).Collect(ctx, r, opt)
	if err != nil {
		return 0, nil, err
	}
	get := func(i int, word string) any {
		if c := t.Schema.Index(fmt.Sprintf("%d %s", i, word)); c >= 0 {
			return jsonValue(t.Value(0, c), t.Schema[c].Type)
		}
		return nil
	}
	rows, _ = t.Value(0, 0).(int64)
	for i, c := range schema {
		count, _ := get(i, "count").(int64)
		cols = append(cols, summary{Column: c.Name, Type: c.Type.String(), typ: c.Type, Nulls: rows - count,
			Min: get(i, "min"), Max: get(i, "max"), Mean: get(i, "mean"), Std: get(i, "std")})
	}
	return rows, cols, nil
}

func orders(k dtype.Kind) bool {
	return k != dtype.Null && k != dtype.Binary && k != dtype.List && k != dtype.Struct
}

func (a *app) printSummary(n int64, cols []summary) error {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	w.AppendHeader(table.Row{"column", "type", "nulls", "min", "max", "mean", "std"})
	w.SetColumnConfigs([]table.ColumnConfig{{Number: 3, Align: text.AlignRight}, {Number: 4, WidthMax: 28}, {Number: 5, WidthMax: 28}})
	for _, c := range cols {
		w.AppendRow(table.Row{cell.Line(c.Column), c.Type, wordCount(c.Nulls), c.word(c.Min), c.word(c.Max), c.word(c.Mean), c.word(c.Std)})
	}
	_, err := fmt.Fprintf(a.out, "%s\n%s %s\n", w.Render(), wordCount(n), map[bool]string{true: "row", false: "rows"}[n == 1])
	return err
}

// word prints a figure; what a column does not have stays empty.
func (c *summary) word(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case float64:
		if c.typ.Kind != dtype.Float64 {
			return fmt.Sprintf("%.6g", x)
		}
		return fmt.Sprintf("%.8g", x)
	}
	return cell.Cut(frame.Word(v, c.typ), 28)
}

// tops adds the most frequent values of every column to its summary.
func tops(ctx context.Context, r graph.Runner, f *frame.Frame, cols []summary, n int64, opt frame.Option) error {
	for i := range cols {
		c := &cols[i]
		if c.typ.Kind == dtype.Null {
			continue
		}
		groups := f.GroupBy(c.Column).Agg(frame.Count().As("rows of it"))
		t, err := groups.TopK(n, frame.Desc("rows of it"), c.Column).Collect(ctx, r, opt)
		if err != nil {
			return fmt.Errorf("column %q: %w", c.Column, err)
		}
		for k := range int(t.NumRows()) {
			rows, _ := t.Value(k, 1).(int64)
			c.Top = append(c.Top, topValue{jsonValue(t.Value(k, 0), t.Schema[0].Type), rows})
		}
	}
	return nil
}
