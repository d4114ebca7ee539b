package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weft-data/weft/benchmarks/suite"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/sched/local"
)

// An app is what all commands share.
type app struct {
	out, errs io.Writer
	memory    string
	threads   int
	spillDir  string
	json      bool
	budget    int64
	at        string // address of the scheduler
	security  cluster.Security
	reading   reading
}

// newRoot builds the command tree.
func newRoot(out, errs io.Writer) *cobra.Command {
	a := &app{out: out, errs: errs}
	root := &cobra.Command{
		Use:   "weft",
		Short: "Tables larger than memory: look into them, convert them, compute on them",
		Long: "weft reads CSV, JSON, Parquet and Arrow files of any size, on this machine and on the web, within a memory budget.\n" +
			"It is the command of the Go library github.com/weft-data/weft.",
		Example:       "  weft demo\n  weft schema trips.csv\n  weft head -n 5 'trips-*.parquet'\n  weft convert trips.csv.gz trips.parquet",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() },
	}
	root.SetOut(out)
	root.SetErr(errs)
	f := root.PersistentFlags()
	f.StringVar(&a.memory, "memory", "", "memory budget of the process, for example 256MiB or 4GB (default: half of the machine's or container's)")
	f.IntVar(&a.threads, "threads", 0, "threads (default: one per CPU)")
	f.StringVar(&a.spillDir, "spill-dir", "", "folder for what does not fit into memory (default: the system's temporary folder)")
	f.BoolVar(&a.json, "json", false, "print JSON for programs")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nSee '%s --help'", err, c.CommandPath())}
	})
	root.AddCommand(a.reads(a.demo()), a.reads(a.schema()), a.reads(a.head()), a.reads(a.describe()), a.reads(a.count()), a.reads(a.convert()),
		a.scheduler(), a.worker(), a.cluster(), a.status(), a.version())
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	root.AddCommand(suite.Command("bench", os.Stdin, out, errs, "bench"))
	root.Args = usageArgs(cobra.NoArgs)
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

// usageArgs makes wrong arguments usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return usageError{fmt.Errorf("%w\nUsage: %s", err, c.UseLine())}
		}
		return nil
	}
}

// prepare reads the flags every command has.
func (a *app) prepare() error {
	if err := cpu.Err(); err != nil {
		return usageError{err}
	}
	if a.threads < 0 {
		return usageError{fmt.Errorf("--threads %d: want 1 or more", a.threads)}
	}
	a.budget = defaultBudget()
	if a.memory != "" {
		n, err := parseBytes(a.memory)
		if err != nil {
			return usageError{fmt.Errorf("--memory: %w", err)}
		}
		if n < 64<<20 {
			return usageError{fmt.Errorf("--memory %s: want at least 64MiB", a.memory)}
		}
		a.budget = n
	}
	if a.spillDir != "" {
		if st, err := os.Stat(a.spillDir); err != nil || !st.IsDir() {
			return fmt.Errorf("--spill-dir %s: there is no such folder", a.spillDir)
		}
	}
	limitHeap(a.budget)
	return nil
}

// limitHeap is the backstop behind the engine's own accounting. The buffers are
// outside of the collector's heap, which is small beside them: collecting early
// costs little, and the limit makes it return what it does not need.
func limitHeap(budget int64) {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(max(64<<20, budget/4))
}

// runner starts the embedded engine.
func (a *app) runner() *local.Runner {
	return local.New(local.Options{Threads: a.threads, Memory: a.budget, SpillDir: a.spillDir})
}

// parseBytes reads a size such as 256MiB, 4GB, 1.5g or 1000000.
func parseBytes(s string) (int64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	unit := int64(1)
	for _, u := range []struct {
		name string
		n    int64
	}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
		{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40}, {"b", 1}} {
		if strings.HasSuffix(t, u.name) {
			t, unit = strings.TrimSpace(strings.TrimSuffix(t, u.name)), u.n
			break
		}
	}
	x, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(x) || x < 0 || x*float64(unit) > 1<<60 {
		return 0, fmt.Errorf("%q is not a size: write for example 256MiB or 4GB", s)
	}
	return int64(x * float64(unit)), nil
}

// wordBytes prints a size.
func wordBytes(n int64) string {
	x := float64(n)
	for _, u := range []string{"B", "KiB", "MiB", "GiB"} {
		if x < 1024 || u == "GiB" {
			return strconv.FormatFloat(x, 'f', map[bool]int{true: 0, false: 1}[u == "B"], 64) + " " + u
		}
		x /= 1024
	}
	return ""
}

// print writes a JSON value.
func (a *app) print(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// bar shows progress on a terminal and nothing elsewhere. Call done at the end.
func (a *app) bar(title string) (opt frame.Option, done func()) {
	if f, ok := a.errs.(*os.File); !ok || !isTerminal(f) {
		return func(*graph.Request) {}, func() {}
	}
	return newBar(a.errs, title)
}

// newBar draws a bar on out until done is called.
func newBar(out io.Writer, title string) (opt frame.Option, done func()) {
	w := progress.NewWriter()
	w.SetOutputWriter(out)
	w.SetAutoStop(true) // Stop does nothing before Render has begun: a plan can be refused before that
	w.SetUpdateFrequency(100 * time.Millisecond)
	w.SetTrackerLength(20)
	w.SetStyle(progress.StyleBlocks)
	w.Style().Visibility.Value = false
	w.Style().Options.PercentFormat = "%3.0f%%"
	w.Style().Options.TimeInProgressPrecision = 100 * time.Millisecond
	w.Style().Options.TimeDonePrecision = 100 * time.Millisecond
	w.Style().Options.Separator = " "
	w.Style().Colors = progress.StyleColors{Message: text.Colors{}, Percent: text.Colors{text.FgCyan}}
	t := &progress.Tracker{Message: title, Total: 1000}
	w.AppendTracker(t)
	end := make(chan struct{})
	go func() { w.Render(); close(end) }()
	opt = frame.WithProgress(func(p graph.Progress) {
		t.SetValue(min(999, int64(p.Fraction*1000)))
		message := cmp.Or(p.Phase, title)
		t.UpdateMessage(fmt.Sprintf("%s, %s rows, %s spilled", message, shortCount(p.Rows), wordBytes(p.Spilled)))
	})
	return opt, func() {
		t.MarkAsDone()
		w.Stop()
		<-end
	}
}

func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// shortCount prints a number in four characters or so: lines of progress must fit
// a narrow terminal.
func shortCount(n int64) string {
	x := float64(n)
	for _, u := range []string{"", "k", "M"} {
		if x < 1000 {
			return strconv.FormatFloat(x, 'f', map[bool]int{true: 0, false: 1}[u == ""], 64) + u
		}
		x /= 1000
	}
	return strconv.FormatFloat(x, 'f', 1, 64) + "G"
}

// wordCount prints a number with thousands separated.
func wordCount(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs, Example: "  weft version --json",
		RunE: func(*cobra.Command, []string) error {
			v := "devel"
			if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
				v = b.Main.Version
			}
			if a.json {
				return a.print(map[string]string{"version": v, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "isa": cpu.String()})
			}
			_, err := fmt.Fprintf(a.out, "weft %s, %s, %s/%s, %s\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH, cpu.String())
			return err
		},
	}
}
