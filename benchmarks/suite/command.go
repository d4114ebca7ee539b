// Package suite measures weft beside its peers: the same questions about the same
// data, in cold processes that take turns, answers compared before a time is shown.
//
//	weft bench list                          the cases
//	weft bench gen                           make the data files
//	weft bench run h2o-groupby csv/q1        suites and cases; --scale tiny|small|full, --peers none for weft alone
//	weft bench run --html report.html        and a page with charts; --md for RESULTS.md
//	weft bench report --json FILE            the report of results kept by run --json
//
// Every measurement is made in a process of its own, so that CPU seconds and the
// largest resident size are those of the case. The peers are installed by
// benchmarks/peers/install.sh.
package suite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-data/weft/benchmarks/tpch"
	"github.com/weft-data/weft/internal/cpu"
)

// flags are those of run, gen and report.
type flags struct {
	peers, python, data, json, md, html, readme, shared, keep, scale string
	rows, bigRows, orders, threads, runs, reps                       int
	timeOut, patience, enough                                        time.Duration
	one, verify                                                      bool
	curves                                                           []string
	self                                                             []string // arguments of this program before those of the suite
}

// A scale is how large the tables are.
type scale struct {
	rows, big int // big: of 1brc and outofcore
	orders    int // of TPC-H
	linear    int // of linalg, where a decomposition takes some peers a hundred times as long as others
	tasks     int // divides the number of tasks
	timeOut   time.Duration
}

var scales = map[string]scale{
	"tiny":  {20_000, 50_000, tpch.ScaleOne / 100, 20_000, 100, time.Minute},
	"small": {1_000_000, 10_000_000, tpch.ScaleOne / 10, 100_000, 1, time.Minute},
	"full":  {10_000_000, 100_000_000, tpch.ScaleOne, 10_000_000, 1, 10 * time.Minute},
}

// Command returns the command called name, for a program that has it under the
// arguments self. The suite starts the program again for each measurement.
func Command(name string, in io.Reader, out, log io.Writer, self ...string) *cobra.Command {
	f := &flags{self: self}
	root := &cobra.Command{Use: name, Short: "Measure weft beside other systems", SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return cpu.Err() }}
	run := &cobra.Command{Use: "run [SUITE[/CASE]]…", Short: "Run cases and compare; without names all of them",
		Example: "  " + name + " run --scale tiny --peers none\n  " + name + " run h2o-groupby csv/q3 --html report.html",
		RunE:    func(c *cobra.Command, args []string) error { return f.run(c.Context(), args, out, log) }}
	gen := &cobra.Command{Use: "gen [SUITE[/CASE]]…", Short: "Make the data files, or verify them",
		RunE: func(_ *cobra.Command, args []string) error { return f.gen(args, log) }}
	rep := &cobra.Command{Use: "report", Short: "Show results kept by run --json", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.report(out) }}
	child := &cobra.Command{Use: "child", Short: "Run one case in this process", Args: cobra.NoArgs, Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error { return runChild(c.Context(), in, out) }}
	list := &cobra.Command{Use: "list", Short: "List the cases", Args: cobra.NoArgs, Run: func(*cobra.Command, []string) {
		for _, b := range benches {
			fmt.Fprintf(out, "%-18s %s\n", b.name, b.about)
		}
	}}
	for _, c := range []*cobra.Command{run, gen} {
		c.Flags().StringVar(&f.data, "data", defaultData(), "folder of the data files")
		c.Flags().StringVar(&f.scale, "scale", "small", "rows of the tables: tiny (20 thousand), small (1 million) or full (10 million); five to ten times as many for 1brc and outofcore, a tenth at small for linalg; scale factor 0.01, 0.1 or 1 for tpch")
		c.Flags().IntVar(&f.rows, "rows", 0, "rows of the tables, instead of the scale's")
		c.Flags().IntVar(&f.bigRows, "big-rows", 0, "rows of the tables of 1brc and outofcore, instead of the scale's")
		c.Flags().IntVar(&f.orders, "orders", 0, "orders of the tables of tpch, 1 500 000 at scale factor 1, instead of the scale's")
	}
	gen.Flags().BoolVar(&f.verify, "verify", false, "hash the files again and compare")
	run.Flags().IntVar(&f.runs, "runs", 1, "cold processes of each engine and case")
	run.Flags().IntVar(&f.reps, "reps", 3, "repetitions in each process")
	run.Flags().IntVar(&f.threads, "threads", runtime.NumCPU(), "threads of all engines")
	for _, c := range []*cobra.Command{run, rep} {
		c.Flags().StringVar(&f.json, "json", "", "file to which results are appended, a line of JSON each")
		c.Flags().StringVar(&f.md, "md", "", "file for the report in Markdown")
		c.Flags().StringVar(&f.html, "html", "", "file for the report as a page with charts")
		c.Flags().StringVar(&f.readme, "readme", "", "text in Markdown whose table of figures becomes the summary of the report")
		c.Flags().StringVar(&f.shared, "answers", filepath.Join("..", "shared", "answers"), "folder with further answers, if it is there")
		c.Flags().StringVar(&f.keep, "keep-answers", "", "file for the answers on which at least two systems agree")
	}
	run.Flags().StringVar(&f.peers, "peers", allPeers, "systems to compare with: some of "+peerList()+" with commas between, all, or none")
	run.Flags().StringArrayVar(&f.curves, "curve", nil, "vary something and draw what it does: rows=1e5,1e6 threads=1,2 workers=1,2,4 or block=1e4,1e6; may be repeated")
	run.Flags().StringVar(&f.python, "python", "", "Python that has the peers; else that of $WEFT_BENCH_VENV or benchmarks/.venv")
	run.Flags().BoolVar(&f.one, "one-thread", true, "run weft with one thread, too")
	run.Flags().DurationVar(&f.timeOut, "time-out", 0, "time for one process: what takes longer is cut, and listed as such; without it 1m at the scales tiny and small, 10m at full")
	run.Flags().DurationVar(&f.enough, "enough", 20*time.Second, "a process whose repetitions have taken so long makes no more of them")
	run.Flags().DurationVar(&f.patience, "patience", 0, "how long a process of weft goes on repeating while other work disturbs it")
	root.AddCommand(run, gen, rep, child, list)
	return root
}

// sizes are the rows of the tables, of the large ones, and what tasks are divided by.
func (f *flags) sizes() (scale, error) {
	s, ok := scales[f.scale]
	if !ok {
		return s, fmt.Errorf("--scale %s: want tiny, small or full", f.scale)
	}
	for _, n := range []struct {
		flag string
		n    int
		to   *int
	}{{"rows", f.rows, &s.rows}, {"rows", f.rows, &s.linear}, {"big-rows", f.bigRows, &s.big}, {"orders", f.orders, &s.orders}} {
		if n.n != 0 && (n.n < 1000 || n.n > 2_000_000_000) {
			return s, fmt.Errorf("--%s %d: want 1000 to 2000000000", n.flag, n.n)
		}
		if n.n != 0 {
			*n.to = n.n
		}
	}
	return s, nil
}

func (f *flags) campaign(ctx context.Context, names []string, log io.Writer) (*campaign, error) {
	cases, err := find(names)
	if err != nil {
		return nil, err
	}
	s, err := f.sizes()
	if err != nil {
		return nil, err
	}
	c := &campaign{Cases: withLimits(cases), Size: s, Threads: f.threads, Runs: f.runs, Reps: f.reps,
		Enough: f.enough, Patience: f.patience, Data: f.data, log: log}
	for _, text := range f.curves {
		s, err := parseSweep(text)
		if err != nil {
			return nil, err
		}
		c.Sweeps = append(c.Sweeps, s)
	}
	if c.lab, err = newLab(cmp.Or(f.timeOut, s.timeOut), f.self); err != nil {
		return nil, err
	}
	if c.Engines, err = choose(f.peers, f.one && f.threads > 1); err != nil || f.peers == "none" {
		return c, err
	}
	if err := c.lab.findPython(ctx, f.python); err != nil {
		if f.python != "" {
			return nil, fmt.Errorf("--python: %w", err)
		}
		c.say("the peers are skipped: %v; %s", err, howToInstall)
		c.Engines, err = choose("none", f.one && f.threads > 1)
		return c, err
	}
	var missing []string
	if c.Engines, missing = c.lab.installed(c.Engines); len(missing) > 0 {
		c.say("skipped: %s; %s", strings.Join(missing, "; "), howToInstall)
	}
	return c, nil
}

// withLimits puts the limits that cases are compared with before them.
func withLimits(cases []bench) []bench {
	var out []bench
	for _, b := range benches {
		has := func(c bench) bool { return c.name == b.name }
		if slices.ContainsFunc(cases, func(c bench) bool { return limitPrefix+c.need.limit == b.name }) && !slices.ContainsFunc(cases, has) {
			out = append(out, b)
		}
	}
	return append(out, cases...)
}

func (f *flags) gen(names []string, log io.Writer) error {
	cases, err := find(names)
	if err != nil {
		return err
	}
	sz, err := f.sizes()
	if err != nil {
		return err
	}
	c := &campaign{Cases: cases, Size: sz, log: log}
	s := &store{dir: f.data, say: c.say}
	return c.eachSize(func(tables []string, rows int) error {
		err := s.need(tables, rows)
		for _, t := range tables {
			if err == nil && f.verify {
				err = s.verify(s.path(t, rows))
			}
		}
		return err
	}, func(*bench) bool { return true })
}

func (f *flags) run(ctx context.Context, names []string, out, log io.Writer) (err error) {
	c, err := f.campaign(ctx, names, log)
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
	bent, err := c.follow(ctx, c.Engines[0])
	if err != nil {
		return err
	}
	all = append(all, bent...)
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
	r := newReport(all, known, f.shared)
	r.print(out, false)
	if f.md != "" {
		if err := r.writeResults(f.md); err != nil {
			return err
		}
	}
	if f.readme != "" {
		if err := r.writeReadme(f.readme); err != nil {
			return err
		}
	}
	if f.html != "" {
		if err := r.writePage(f.html); err != nil {
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
