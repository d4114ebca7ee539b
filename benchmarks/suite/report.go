package suite

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/table"
)

// A report is what the tables are made of.
type report struct {
	lines   []line
	bends   []bend
	threads int
	runs    int
	reps    int
}

// wrong lists the answers that differ.
func (r *report) wrong() (out []string) {
	for _, l := range r.lines {
		for _, w := range l.wrong {
			out = append(out, l.bench.name+": "+w)
		}
	}
	return out
}

// print writes the report, answers first: no times of a case whose answers differ.
func (r *report) print(w io.Writer, markdown bool) {
	p := &printer{w, markdown}
	if losses := r.losses(); len(losses) > 0 {
		p.heading("Where weft is slower")
		for _, l := range losses {
			fmt.Fprintln(w, "- "+l)
		}
	}
	p.answers(r.lines)
	p.goals(goals(r.lines))
	p.limits(r.lines)
	for _, f := range families {
		var in []line
		for _, l := range r.lines {
			if strings.HasPrefix(l.bench.name, f.prefix) && len(l.wrong) == 0 {
				in = append(in, l)
			}
		}
		if len(in) > 0 {
			p.family(f, in)
		}
	}
	p.curves(r.bends)
	p.everyEngine(r.lines)
}

type printer struct {
	w        io.Writer
	markdown bool
}

func (p *printer) heading(s string) {
	if p.markdown {
		fmt.Fprintf(p.w, "\n## %s\n\n", s)
	} else {
		fmt.Fprintf(p.w, "\n%s\n", s)
	}
}

func (p *printer) render(t pretty.Writer) {
	if p.markdown {
		fmt.Fprintln(p.w, t.RenderMarkdown())
	} else {
		fmt.Fprintln(p.w, t.Render())
	}
}

func newTable(head ...any) pretty.Writer {
	t := pretty.NewWriter()
	t.SetStyle(pretty.StyleLight)
	t.Style().Format.Header = 0
	t.AppendHeader(pretty.Row(head))
	return t
}

// answers says which answers were compared with which.
func (p *printer) answers(lines []line) {
	p.heading("Answers")
	t := newTable("case", "rows", "agrees with", "differs")
	for _, l := range lines {
		if l.bench.from == nothing || l.bench.from == hardware {
			continue
		}
		with := strings.Join(l.with, ", ")
		if with == "" {
			with = "nothing to compare with"
		}
		t.AppendRow(pretty.Row{l.bench.name, sizeName(l.rows), with, strings.Join(l.wrong, "; ")})
	}
	p.render(t)
}

func (p *printer) goals(gs []goal) {
	p.heading("Goals")
	t := newTable("goal", "wanted", "measured", "")
	for _, g := range gs {
		sign := "≤ "
		if g.atLeast {
			sign = "≥ "
		}
		t.AppendRow(pretty.Row{g.what, sign + round(g.limit) + g.unit, round(g.measured) + g.unit, g.state()})
	}
	p.render(t)
}

// limits lists what the machine can do at most.
func (p *printer) limits(lines []line) {
	t := newTable("limit of the machine", "measured", "what")
	for _, l := range limits {
		for i := range lines {
			if rate := lines[i].rates[l.name]; lines[i].bench.name == limitPrefix+l.name && rate > 0 {
				t.AppendRow(pretty.Row{l.name, round(rate) + " " + l.unit, l.about})
			}
		}
	}
	if t.Length() > 0 {
		p.heading("Limits of the machine, measured in this run")
		p.render(t)
	}
}

// family writes the table of a family: weft beside the best variant of the peers.
func (p *printer) family(f family, lines []line) {
	p.heading(f.title)
	head := []any{"case", "rows", "what", "weft CPU"}
	if f.peers != nil {
		head = append(head, "best peer's CPU", "", "ratio", "weft wall", "best peer's wall", "", "ratio")
	} else {
		head = append(head, "weft wall", "tasks", "ns per task", "bytes per task")
	}
	t := newTable(append(head, "one thread", "gain", "peak MiB", "of the limit")...)
	for i := range lines {
		t.AppendRow(row(f, &lines[i]))
	}
	if f.peers != nil && len(lines) > 1 {
		cpu, wall := ratios(lines, f.peers, leastCPU), ratios(lines, f.peers, leastWall)
		t.AppendRow(pretty.Row{"geometric mean", "", "", "", "", "", round(geometric(cpu)), "", "", "", round(geometric(wall)), "", "", "", ""})
	}
	p.render(t)
}

// row has the least times of weft and of the best variant of the peers.
func row(f family, l *line) pretty.Row {
	out := pretty.Row{l.bench.name, sizeName(l.rows), l.bench.about}
	w := l.figures["weft"]
	if w == nil {
		w = &figure{cpu: spreadOf(nil), wall: spreadOf(nil)}
	}
	if f.peers == nil {
		out[1] = ""
		n := float64(w.tasks)
		return append(out, seconds(w.cpu.least), seconds(w.wall.least), w.tasks, round(w.wall.least*1e9/n), round(w.alloc), "", "", w.peak/mib, "")
	}
	out = append(out, seconds(w.cpu.least))
	for _, of := range []func(*figure) float64{leastCPU, leastWall} {
		x, by := l.best(f.peers, of)
		if len(out) > 4 {
			out = append(out, seconds(w.wall.least))
		}
		out = append(out, seconds(x), by, round(l.ratio(f.peers, of)))
	}
	one := "–"
	if l.ok(weftOne) {
		one = seconds(l.figures[weftOne].wall.least)
	}
	gain, calm := l.speedUp()
	text := round(gain)
	if !calm && !math.IsNaN(gain) {
		text += " (disturbed)"
	}
	return append(out, one, text, w.peak/mib, l.ofLimit())
}

func ratios(lines []line, peers []string, of func(*figure) float64) (out []float64) {
	for i := range lines {
		out = append(out, lines[i].ratio(peers, of))
	}
	return out
}

// everyEngine lists what each engine needed for each case.
func (p *printer) everyEngine(lines []line) {
	p.heading("Every engine: least (middle)")
	t := newTable("case", "engine", "CPU s", "wall s", "peak MiB", "")
	for _, l := range lines {
		for _, e := range engines {
			x := l.figures[e.name]
			if x == nil || len(l.wrong) > 0 {
				continue
			}
			t.AppendRow(pretty.Row{l.bench.name, e.name, x.cpu.String(), x.wall.String(), x.peak / mib, tail(x.failure)})
		}
	}
	p.render(t)
}

func (s spread) String() string { return seconds(s.least) + " (" + seconds(s.middle) + ")" }

// seconds has three figures that count.
func seconds(x float64) string {
	switch {
	case math.IsNaN(x):
		return "–"
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

// round shows a ratio or a size.
func round(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case x >= 20:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// writeResults writes the file for the repository.
func (r *report) writeResults(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# Results

Made by `+"`go run ./cmd/weft bench run --scale full --md benchmarks/RESULTS.md`"+` on %s, %d processors, %s memory, %s, %s.

Every engine ran every case in cold processes (%d each) with %d repetitions in each (1brc and outofcore: one), the
engines taking turns at each case. Seconds are the least of all repetitions with the middle one in parentheses. CPU is
user and system time of all threads. %s

Tables in memory are plain Arrow (no dictionaries) for weft, duckdb-arrow and Polars; duckdb has them in its own
format, which took it time that is not counted. Ratios are weft's seconds over those of the best variant of the peers
named. %s.
`, cpuName(), runtime.NumCPU(), memorySize(), runtime.GOOS+"/"+runtime.GOARCH, runtime.Version(), r.runs, r.reps, r.loadText(), r.versions())
	r.print(&b, true)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// loadText says how busy the machine was, and what that does to the figures.
func (r *report) loadText() string {
	var all []float64
	for _, l := range r.lines {
		all = append(all, l.loads...)
	}
	if len(all) == 0 {
		return "How busy the machine was is not known."
	}
	s := fmt.Sprintf("The load of the machine when the\nprocesses began was from %.1f to %.1f, %.1f in the middle.", slices.Min(all), slices.Max(all), spreadOf(all).middle)
	if !busy(all) {
		return s
	}
	return s + " **The machine had other work**: wall\nseconds are worse than on an idle machine by an unknown factor, so the gain of the second thread says nothing here;\nCPU seconds are inflated too, by shared caches. " + r.noise()
}

// noise says how far repetitions of the same work were apart.
func (r *report) noise() string {
	var apart []float64
	for _, l := range r.lines {
		for _, f := range l.figures {
			if f.reps > 2 {
				apart = append(apart, f.cpu.middle/f.cpu.least)
			}
		}
	}
	if len(apart) == 0 {
		return ""
	}
	s := spreadOf(apart)
	return fmt.Sprintf("The middle repetition of a case took %.2f times the CPU of\nthe least in the middle case, %.2f in the worst: closer ratios than that are ties.", s.middle, slices.Max(apart))
}

// versions names the peers.
func (r *report) versions() string {
	seen := map[string]string{}
	for _, l := range r.lines {
		for name, f := range l.figures {
			if f.version != "" && !strings.HasPrefix(name, "weft") {
				base, _, _ := strings.Cut(name, "-")
				seen[base] = f.version
			}
		}
	}
	if len(seen) == 0 {
		return "No peers ran"
	}
	return fmt.Sprintf("DuckDB %s, Polars %s, %d threads", seen["duckdb"], seen["polars"], r.threads)
}

// cpuName is the processor's name as the system gives it.
func cpuName() string {
	if s := field("/proc/cpuinfo", "model name"); s != "" {
		return s
	}
	return "an unknown processor"
}

func memorySize() string {
	var kb int64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d kB", &kb); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f GiB", float64(kb)/(1<<20))
}

// field reads a value of a file of "name: value" lines.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
