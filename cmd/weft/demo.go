package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/spf13/cobra"
	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
)

// defaultDemoBudget makes the demo's data several times larger than memory.
const (
	defaultDemoBudget = 256 << 20
	defaultDemoRows   = 25_000_000
	demoShown         = 20
)

func (a *app) demo() *cobra.Command {
	rows, seed := int64(defaultDemoRows), int64(1)
	var data []string
	c := &cobra.Command{
		Use: "demo", Short: "Filter, group, join and sort a file several times larger than the memory budget",
		Long: "demo makes a CSV file (once, in the user's cache folder), then filters it, groups it by a key with\n" +
			"millions of values, joins and sorts the result within the memory budget (256 MiB unless --memory says\n" +
			"otherwise), checks the answer against totals known from how the data was made, and prints the plan,\n" +
			"the first rows and what it took. With --data it profiles your own files in the same budget.",
		Args:    cobra.NoArgs,
		Example: "  weft demo\n  weft demo --rows 100000000 --memory 1GiB\n  weft demo --json\n  weft demo --data trips.csv",
		RunE: func(c *cobra.Command, _ []string) error {
			if a.memory == "" {
				a.budget = defaultDemoBudget
				limitHeap(a.budget)
			}
			if len(data) > 0 {
				return a.profile(c.Context(), data)
			}
			if rows < 1 || rows > 1e11 {
				return usageError{fmt.Errorf("--rows %d: want 1 to 100000000000", rows)}
			}
			return a.runDemo(c.Context(), newDemoData(rows, seed))
		},
	}
	a.clusterFlags(c, "run on the cluster of this scheduler, whose workers see the same files (default: in this process)")
	c.Flags().Int64Var(&rows, "rows", rows, "rows of the data")
	c.Flags().Int64Var(&seed, "seed", seed, "seed of the data")
	c.Flags().StringSliceVar(&data, "data", nil, "profile these files instead")
	return c
}

// job is the demo's query.
func (d *demoData) job() *frame.Frame {
	sales := frame.ReadCSV(d.sales).
		Filter(frame.Col("state").Eq("ok")).
		WithColumns(frame.Col("price").Mul(frame.Col("qty")).As("amount"))
	perUser := sales.GroupBy("user").Agg(
		frame.Count().As("orders"), frame.Sum("qty"), frame.Sum("amount"), frame.Max("price").As("dearest")).
		WithColumns(frame.Col("amount").Round(2).As("amount"))
	return perUser.
		Join(frame.ReadCSV(d.people), frame.Inner, "user").
		Sort(frame.Desc("amount"), frame.Asc("user"))
}

func (a *app) runDemo(ctx context.Context, d demoData) (err error) {
	if err := d.files(ctx, a.making(d.rows)); err != nil {
		return err
	}
	r, spilled, end, err := a.engine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	f := d.job()
	if !a.json {
		rep, err := f.Explain(ctx, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "The plan, results first:\n\n%s\n", rep.After)
	}
	opt, done := a.bar("demo")
	start := time.Now()
	sum := newChecksum()
	head := &frame.Table{Schema: f.Schema()}
	got := tally{last: math.Inf(1)}
	for rec, e := range f.Iterate(ctx, r, opt) {
		if e != nil {
			done()
			return e
		}
		if n := head.NumRows(); n < demoShown {
			head.Records = append(head.Records, rec.NewSlice(0, min(rec.NumRows(), demoShown-n)))
		}
		if e := got.add(rec); e != nil {
			done()
			return e
		}
		sum.add(f.Schema(), rec)
	}
	done()
	took := time.Since(start)
	if want := d.expected(); got.totals != want {
		return fmt.Errorf("the answer is wrong: it adds up to %+v, the data to %+v; delete %s if it was changed, else please report this", got.totals, want, d.sales)
	}
	return a.printDemo(d, head, sum, got.totals, took, spilled())
}

// A tally sums up the answer and looks at every row.
type tally struct {
	totals
	last float64 // amount of the row before
}

func (t *tally) add(rec arrow.Record) error {
	tab := frame.Table{Records: []arrow.Record{rec}, Schema: demoSchema}
	for i := range int(rec.NumRows()) {
		row := tab.Row(i)
		user, ok := strings.CutPrefix(fmt.Sprint(row[0]), "user-")
		k, err := strconv.ParseInt(user, 10, 64)
		amount, _ := row[3].(float64)
		if !ok || err != nil || row[5] != "s"+strconv.FormatInt(k%5, 10) || !(amount <= t.last) {
			return fmt.Errorf("row %d of the answer is wrong, below one with amount %v: %v; please report this", t.Groups+1, t.last, row)
		}
		orders, _ := row[1].(int64) // what is null is missing from the sums
		qty, _ := row[2].(int64)
		t.last = amount
		t.Groups++
		t.Users += k
		t.Orders += orders
		t.Qty += qty
		t.Cents += toCents(amount)
	}
	return nil
}

// demoSchema types the columns that totals reads.
var demoSchema = dtype.Schema{{Name: "user"}, {Name: "orders"}, {Name: "qty"}, {Name: "amount"}, {Name: "dearest"}, {Name: "segment"}}

// A checksum adds the hashes of rows, so it does not depend on their order. A
// row is hashed as its values in words, separated by the unit separator.
type checksum struct {
	sum, rows uint64
	b         strings.Builder
}

func newChecksum() *checksum { return &checksum{} }

func (c *checksum) add(schema dtype.Schema, rec arrow.Record) {
	tab := frame.Table{Records: []arrow.Record{rec}, Schema: schema}
	for i := range int(rec.NumRows()) {
		c.b.Reset()
		for k, f := range schema {
			if k > 0 {
				c.b.WriteByte(0x1f)
			}
			c.b.WriteString(frame.Word(tab.Value(i, k), f.Type))
		}
		c.sum += xxh3.HashString(c.b.String())
		c.rows++
	}
}

func (c *checksum) String() string { return fmt.Sprintf("%016x", c.sum) }

func (a *app) printDemo(d demoData, head *frame.Table, sum *checksum, got totals, took time.Duration, spilled int64) error {
	peak := peakBytes()
	if a.json {
		return a.print(map[string]any{
			"answer": jsonRows(head), "answer_rows": sum.rows, "checksum": sum.String(), "rows": d.rows, "seconds": took.Seconds(),
			"peak_bytes": peak, "budget_bytes": a.budget, "spilled_bytes": spilled,
		})
	}
	fmt.Fprintf(a.out, "%s\nthe first %d of %s rows; checksum of all: %s\n\n", head, head.NumRows(), wordCount(int64(sum.rows)), sum)
	fmt.Fprintf(a.out, "%s rows in %.1f s: %s rows/s\n", wordCount(d.rows), took.Seconds(), wordCount(int64(float64(d.rows)/took.Seconds())))
	fmt.Fprintf(a.out, "spilled %s; peak memory %s of a budget of %s (%.0f %%)\n", wordBytes(spilled), wordBytes(peak), wordBytes(a.budget), 100*float64(peak)/float64(a.budget))
	_, err := fmt.Fprintf(a.out, "checked: %s users, %s orders, %s items, %s.%02d sold, as the data was made\n",
		wordCount(got.Groups), wordCount(got.Orders), wordCount(got.Qty), wordCount(got.Cents/100), got.Cents%100)
	return err
}

// making tells a terminal that data is being made.
func (a *app) making(rows int64) func(float64) {
	last := time.Now()
	return func(x float64) {
		if time.Since(last) > time.Second {
			last = time.Now()
			fmt.Fprintf(a.errs, "making %s rows of data, once: %.0f %%\n", wordCount(rows), 100*x)
		}
	}
}

// profile summarises the user's own files within the budget.
func (a *app) profile(ctx context.Context, paths []string) (err error) {
	f, err := a.open(ctx, paths)
	if err != nil {
		return err
	}
	r := a.runner()
	defer func() { err = errors.Join(err, r.Close()) }()
	start := time.Now()
	opt, done := a.bar("profile")
	n, cols, err := summarise(ctx, r, f, opt)
	if err == nil {
		err = tops(ctx, r, f, cols, 5, func(*graph.Request) {})
	}
	done()
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"schema": jsonSchema(f.Schema()), "rows": n, "columns": cols, "seconds": time.Since(start).Seconds(),
			"peak_bytes": peakBytes(), "budget_bytes": a.budget, "spilled_bytes": r.Node().Spilled()})
	}
	if err := a.printSummary(n, cols); err != nil {
		return err
	}
	for _, c := range cols {
		words := make([]string, len(c.Top))
		for i, v := range c.Top {
			words[i] = fmt.Sprintf("%s (%s)", c.word(v.Value), wordCount(v.Rows))
			if v.Value == nil {
				words[i] = fmt.Sprintf("null (%s)", wordCount(v.Rows))
			}
		}
		fmt.Fprintf(a.out, "most frequent %s: %s\n", c.Column, strings.Join(words, ", "))
	}
	_, err = fmt.Fprintf(a.out, "%.1f s; spilled %s; peak memory %s of a budget of %s\n", time.Since(start).Seconds(),
		wordBytes(r.Node().Spilled()), wordBytes(peakBytes()), wordBytes(a.budget))
	return err
}
