package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/cell"
	"github.com/weft-data/weft/store"
)

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use: "schema FILE…", Short: "Print the columns and their types", Args: cobra.MinimumNArgs(1),
		Example: "  weft schema trips.csv\n  weft schema --json 'trips-*.parquet'",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := a.open(c.Context(), args)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(jsonSchema(f.Schema()))
			}
			w := table.NewWriter()
			w.SetStyle(table.StyleLight)
			w.Style().Format.Header = text.FormatDefault
			w.AppendHeader(table.Row{"column", "type", "nulls"})
			for _, x := range f.Schema() {
				w.AppendRow(table.Row{cell.Line(x.Name), x.Type.String(), map[bool]string{true: "possible", false: "none"}[x.Nullable]})
			}
			_, err = fmt.Fprintln(a.out, w.Render())
			return err
		},
	}
}

func jsonSchema(s dtype.Schema) []map[string]any {
	out := []map[string]any{}
	for _, f := range s {
		out = append(out, map[string]any{"name": f.Name, "type": f.Type.String(), "nullable": f.Nullable})
	}
	return out
}

func (a *app) head() *cobra.Command {
	n := int64(10)
	c := &cobra.Command{
		Use: "head FILE…", Short: "Print the first rows", Args: cobra.MinimumNArgs(1),
		Example: "  weft head -n 5 trips.csv",
		RunE: func(c *cobra.Command, args []string) error {
			if n < 0 {
				return usageError{fmt.Errorf("-n %d: want 0 or more", n)}
			}
			f, err := a.open(c.Context(), args)
			if err != nil {
				return err
			}
			return a.show(c.Context(), f.Head(n), "head")
		},
	}
	c.Flags().Int64VarP(&n, "rows", "n", n, "how many rows")
	return c
}

// show collects a small frame and prints it.
func (a *app) show(ctx context.Context, f *frame.Frame, title string) (err error) {
	r := a.runner()
	defer func() { err = errors.Join(err, r.Close()) }()
	opt, done := a.bar(title)
	t, err := f.Collect(ctx, r, opt)
	done()
	if err != nil {
		return err
	}
	if a.json {
		return a.print(jsonRows(t))
	}
	_, err = fmt.Fprintln(a.out, t)
	return err
}

// jsonRows is a table as a list of objects whose keys keep the column order.
// Numbers that JSON has no word for (NaN, infinities) are text.
func jsonRows(t *frame.Table) []json.RawMessage {
	rows := make([]json.RawMessage, 0, t.NumRows())
	for i := range int(t.NumRows()) {
		var b strings.Builder
		b.WriteByte('{')
		for c, f := range t.Schema {
			if c > 0 {
				b.WriteByte(',')
			}
			b.Write(jsonWord(f.Name))
			b.WriteByte(':')
			b.Write(jsonWord(jsonValue(t.Value(i, c), f.Type)))
		}
		b.WriteByte('}')
		rows = append(rows, json.RawMessage(b.String()))
	}
	return rows
}

func jsonValue(v any, t dtype.Type) any {
	switch x := v.(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return frame.Word(x, t)
		}
	case float32:
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return frame.Word(x, t)
		}
	case time.Time, []byte:
		return frame.Word(x, t)
	}
	return v
}

func jsonWord(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // only values of the kinds above come here
		panic(err)
	}
	return b
}

func (a *app) count() *cobra.Command {
	return &cobra.Command{
		Use: "count FILE…", Short: "Print the number of rows", Args: cobra.MinimumNArgs(1),
		Example: "  weft count 'trips-*.csv.gz'",
		RunE: func(c *cobra.Command, args []string) (err error) {
			f, err := a.open(c.Context(), args)
			if err != nil {
				return err
			}
			r := a.runner()
			defer func() { err = errors.Join(err, r.Close()) }()
			opt, done := a.bar("count")
			n, err := f.Count(c.Context(), r, opt)
			done()
			if err != nil {
				return err
			}
			if a.json {
				return a.print(map[string]int64{"rows": n})
			}
			_, err = fmt.Fprintln(a.out, n)
			return err
		},
	}
}

func (a *app) convert() *cobra.Command {
	return &cobra.Command{
		Use: "convert IN… OUT", Short: "Convert between CSV, TSV, JSON, Parquet and Arrow, told by the names", Args: cobra.MinimumNArgs(2),
		Example: "  weft convert trips.csv.gz trips.parquet\n  weft convert 'part-*.parquet' all.csv.zst\n  weft convert https://example.org/events.ndjson.gz events.parquet",
		RunE: func(c *cobra.Command, args []string) (err error) {
			in, out := args[:len(args)-1], args[len(args)-1]
			k := byName(out)
			if k == nil || k.write == nil {
				return usageError{fmt.Errorf("%s: the name must end in .csv, .tsv or .ndjson (with .gz, .zst, .lz4 or .snappy behind, or not), .parquet or .arrow", out)}
			}
			if st, err := os.Stat(filepath.Dir(out)); !store.IsRemote(out) && (err != nil || !st.IsDir()) {
				return fmt.Errorf("%s: there is no folder %s to write to", out, filepath.Dir(out))
			}
			f, err := a.open(c.Context(), in)
			if err != nil {
				return err
			}
			if err := distinct(in, out); err != nil {
				return err
			}
			r := a.runner()
			defer func() { err = errors.Join(err, r.Close()) }()
			opt, done := a.bar("convert")
			n, err := k.write(f, c.Context(), r, out, opt)
			done()
			if err != nil {
				return err
			}
			if a.json {
				return a.print(map[string]any{"rows": n, "path": out})
			}
			_, err = fmt.Fprintf(a.out, "%s rows written to %s\n", wordCount(n), out)
			return err
		},
	}
}

// distinct refuses to write over an input.
func distinct(in []string, out string) error {
	to, err := os.Stat(out)
	if err != nil {
		return nil // nothing is there yet
	}
	for _, p := range in {
		if st, err := os.Stat(p); err == nil && os.SameFile(st, to) {
			return fmt.Errorf("%s is both input and output", out)
		}
	}
	return nil
}
