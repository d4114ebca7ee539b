// Command benchmarks measures weft beside DuckDB and Polars.
//
//	go run ./benchmarks gen                     make the data files (about 1.5 GB; --big-rows 100000000 makes 7 GB more)
//	go run ./benchmarks run                     all cases; --cases regexp, --rows N, --peers none for weft alone
//	go run ./benchmarks run --md RESULTS.md     and write the report
//	go run ./benchmarks report --json FILE      the report of results kept by run --json
//	go run ./benchmarks child                   one case in this process (an order as JSON on the standard input)
//
// Every measurement is made in a cold process of its own, so that CPU seconds and
// the largest resident size are those of the case. The engines take turns. Answers
// are compared with each other, and with answers known from before, before a time
// is shown. The peers are installed by benchmarks/peers/install.sh.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(os.Stdin, os.Stdout, os.Stderr).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		stop()
		os.Exit(1)
	}
}

// flags are those of run, gen and report.
type flags struct {
	cases, peers, python, data, json, md, shared, keep string
	rows, bigRows, threads, runs, reps                 int
	timeOut                                            time.Duration
	one, verify                                        bool
}

func command(in io.Reader, out, log io.Writer) *cobra.Command {
	f := &flags{}
	root := &cobra.Command{Use: "benchmarks", Short: "Measures weft beside DuckDB and Polars", SilenceUsage: true, SilenceErrors: true}
	run := &cobra.Command{Use: "run", Short: "Run cases and compare", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), out, log) }}
	gen := &cobra.Command{Use: "gen", Short: "Make the data files, or verify them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.gen(log) }}
	rep := &cobra.Command{Use: "report", Short: "Show results kept by run --json", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.report(out) }}
	child := &cobra.Command{Use: "child", Short: "Run one case in this process", Args: cobra.NoArgs, Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error { return runChild(c.Context(), in, out) }}
	list := &cobra.Command{Use: "list", Short: "List the cases", Args: cobra.NoArgs, Run: func(*cobra.Command, []string) {
		for _, b := range benches {
			fmt.Fprintf(out, "%-18s %s\n", b.name, b.about)
		}
	}}
	for _, c := range []*cobra.Command{run, gen} {
		c.Flags().StringVar(&f.cases, "cases", ".", "regular expression for the names of the cases")
		c.Flags().StringVar(&f.data, "data", defaultData(), "folder of the data files")
		c.Flags().IntVar(&f.rows, "rows", 10_000_000, "rows of the tables")
		c.Flags().IntVar(&f.bigRows, "big-rows", 100_000_000, "rows of the tables of the cases brc and memory")
	}
	gen.Flags().BoolVar(&f.verify, "verify", false, "hash the files again and compare")
	for _, c := range []*cobra.Command{run, rep} {
		c.Flags().StringVar(&f.json, "json", "", "file to which results are appended, a line of JSON each")
		c.Flags().StringVar(&f.md, "md", "", "file for the report in Markdown")
		c.Flags().StringVar(&f.shared, "answers", filepath.Join("..", "shared", "answers"), "folder with further answers, if it is there")
		c.Flags().StringVar(&f.keep, "keep-answers", "", "file for the answers on which at least two systems agree")
		c.Flags().IntVar(&f.runs, "runs", 3, "cold processes of each engine and case")
		c.Flags().IntVar(&f.reps, "reps", 3, "repetitions in each process")
		c.Flags().IntVar(&f.threads, "threads", 2, "threads of all engines")
	}
	run.Flags().StringVar(&f.peers, "peers", "duckdb,polars", "systems to compare with, or none")
	run.Flags().StringVar(&f.python, "python", "", "Python that has the peers; else that of $WEFT_BENCH_VENV or benchmarks/.venv")
	run.Flags().BoolVar(&f.one, "one-thread", true, "run weft with one thread, too")
	run.Flags().DurationVar(&f.timeOut, "time-out", 20*time.Minute, "time for one process")
	root.AddCommand(run, gen, rep, child, list)
	return root
}

func (f *flags) campaign(log io.Writer) (*campaign, error) {
	cases, err := find(f.cases)
	if err != nil {
		return nil, err
	}
	for _, n := range []int{f.rows, f.bigRows} {
		if n < 1000 || n > 2_000_000_000 {
			return nil, fmt.Errorf("%d rows: want 1000 to 2000000000", n)
		}
	}
	c := &campaign{Cases: cases, Rows: f.rows, BigRows: f.bigRows, Threads: f.threads, Runs: f.runs, Reps: f.reps, Data: f.data, log: log}
	if c.lab, err = newLab(f.python, f.timeOut); err != nil {
		return nil, err
	}
	c.Engines, err = choose(f.peers, f.one && f.threads > 1)
	if c.lab.python == "" && f.peers != "none" && err == nil {
		c.say(howToInstall)
		c.Engines, err = choose("none", f.one && f.threads > 1)
	}
	return c, err
}

func (f *flags) gen(log io.Writer) error {
	cases, err := find(f.cases)
	if err != nil {
		return err
	}
	c := &campaign{Rows: f.rows, BigRows: f.bigRows, log: log}
	s := &store{dir: f.data, say: c.say}
	for i := range cases {
		rows := c.rows(&cases[i])
		if err := s.need(cases[i].tables, rows); err != nil {
			return err
		}
		for _, t := range cases[i].tables {
			if f.verify {
				if err := s.verify(s.path(t, rows)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (f *flags) run(ctx context.Context, out, log io.Writer) (err error) {
	c, err := f.campaign(log)
	if err != nil {
		return err
	}
	if f.json != "" {
		file, err := os.OpenFile(f.json, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		c.keep = file
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	all, err := c.run(ctx)
	if err != nil {
		return err
	}
	return f.show(out, all)
}

// report shows results that were kept.
func (f *flags) report(out io.Writer) error {
	file, err := os.Open(f.json)
	if err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	defer file.Close()
	var all []*result
	d := json.NewDecoder(file)
	d.UseNumber()
	for {
		r := &result{}
		if err := d.Decode(r); err == io.EOF {
			return f.show(out, all)
		} else if err != nil {
			return fmt.Errorf("%s: %w", f.json, err)
		}
		all = append(all, r)
	}
}

// show compares the answers, then prints and writes the report.
func (f *flags) show(out io.Writer, all []*result) error {
	known, err := readAgreed()
	if err != nil {
		return err
	}
	r := &report{lines: sumUp(all, known, f.shared), threads: f.threads, runs: f.runs, reps: f.reps}
	r.print(out, false)
	if f.md != "" {
		if err := r.writeResults(f.md); err != nil {
			return err
		}
	}
	if f.keep != "" {
		if err := keepAnswers(f.keep, all); err != nil {
			return err
		}
	}
	if wrong := r.wrong(); len(wrong) > 0 {
		return fmt.Errorf("answers differ: %v", wrong)
	}
	return nil
}
