package suite

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/table"

	"github.com/weft-data/weft/internal/whole"
)

// A report is what the tables are made of.
type report struct {
	lines []line
	bends []bend
	made  []making
}

func newReport(all []*result, known []knownAnswer, shared string) *report {
	return &report{lines: sumUp(all, known, shared), bends: bends(all), made: makings(all)}
}

// of are the lines of a family, but for those whose answers differ.
func (r *report) of(f family) (out []line) {
	for _, l := range r.lines {
		if strings.HasPrefix(l.bench.name, f.prefix) && len(l.wrong) == 0 {
			out = append(out, l)
		}
	}
	return out
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
	p.summary(r.overviews())
	p.failures(r.lines)
	p.answers(r.lines)
	p.goals(goals(r.lines))
	p.limits(r.lines)
	for _, f := range families {
		if in := r.of(f); len(in) > 0 {
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

// An overview is a family in a row: weft's processor time over that of the best of its
// peers.
type overview struct {
	title string
	cases int
	ratio float64 // the geometric mean
	peers string
	dask  float64 // the ratio to Dask, NaN where it did not run
}

func (r *report) overviews() (out []overview) {
	for _, f := range families {
		in := r.of(f)
		if all := slices.DeleteFunc(ratios(in, f.peers, leastCPU), math.IsNaN); len(all) > 0 {
			out = append(out, overview{f.title, len(all), geometric(all), rivals(in, f.peers), geometric(ratios(in, dask, leastCPU))})
		}
	}
	return out
}

func (p *printer) summary(all []overview) {
	t := newTable("work", "cases", "weft / peer", "peer", "weft / Dask")
	for _, o := range all {
		t.AppendRow(pretty.Row{o.title, o.cases, round(o.ratio), o.peers, round(o.dask)})
	}
	if t.Length() > 0 {
		p.heading("Summary: processor time, geometric means")
		p.render(t)
	}
}

// dask is the peer that every family is compared with where it ran.
var dask = []string{"dask"}

// rivals names those of some peers that ran.
func rivals(lines []line, peers []string) string {
	var names []string
	for _, e := range engines {
		if name := peerNames[e.peer]; slices.Contains(peers, e.peer) && !slices.Contains(names, name) &&
			slices.ContainsFunc(lines, func(l line) bool { return l.ok(e.name) }) {
			names = append(names, name)
		}
	}
	if len(names) > 1 {
		return "the best of " + strings.Join(names, ", ")
	}
	return strings.Join(names, "")
}

// failures lists what was cut or failed.
func (p *printer) failures(lines []line) {
	var all []string
	for _, l := range lines {
		for _, e := range engines {
			if f := l.figures[e.name]; f != nil && f.failure != "" {
				all = append(all, l.bench.name+", "+e.name+": "+tail(f.failure))
			}
		}
	}
	if len(all) == 0 {
		return
	}
	p.heading("Without a figure")
	for _, s := range all {
		fmt.Fprintln(p.w, "- "+s)
	}
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
		if len(lines) > 0 && lines[0].rates[l.name] > 0 { // all lines have all rates
			t.AppendRow(pretty.Row{l.name, round(lines[0].rates[l.name]) + " " + l.unit, l.about})
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
		head = append(head, "best peer's CPU", "", "ratio", "weft wall", "best peer's wall", "", "ratio", "to Dask's CPU")
	} else {
		head = append(head, "weft wall", "tasks", "ns per task", "bytes per task")
	}
	t := newTable(append(head, "one thread", "gain", "peak MiB", "of the limit")...)
	for i := range lines {
		t.AppendRow(row(f, &lines[i]))
	}
	if f.peers != nil && len(lines) > 1 {
		cpu, wall := ratios(lines, f.peers, leastCPU), ratios(lines, f.peers, leastWall)
		t.AppendRow(pretty.Row{"geometric mean", "", "", "", "", "", round(geometric(cpu)), "", "", "", round(geometric(wall)), round(geometric(ratios(lines, dask, leastCPU))), "", "", "", ""})
	}
	p.render(t)
}

// row has the least times of weft and of the best variant of the peers.
func row(f family, l *line) pretty.Row {
	out := pretty.Row{l.bench.name, l.size(), l.bench.about}
	w := l.figures["weft"]
	if w == nil {
		w = &figure{cpu: spreadOf(nil), wall: spreadOf(nil)}
	}
	if f.peers == nil {
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
	out = append(out, round(l.ratio(dask, leastCPU)))
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
			t.AppendRow(pretty.Row{l.bench.name, e.name, x.cpu.String(), x.wall.String(), x.peak / mib, cmp.Or(tail(x.failure), x.note)})
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
	case x > 0 && x < 0.01:
		return fmt.Sprintf("%.2g", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// writeResults writes the file for the repository.
func (r *report) writeResults(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# Results

What these commands measured on %s, %d processors, %s memory, %s, %s:

%s
Every engine ran every case in cold processes (--runs), with repetitions in each (--reps), the engines taking turns at
each case. The files of a case were read once before each process, so that no engine found them cold. Seconds are the
least of all repetitions with the middle one in parentheses. CPU is user and system time of all threads. %s

Tables in memory are plain Arrow (no dictionaries) for weft, duckdb-arrow and Polars; duckdb has them in its own
format, which took it time that is not counted. Ratios are weft's seconds over those of the best variant of the peers
named. %s.
`, cpuName(), runtime.NumCPU(), memorySize(), runtime.GOOS+"/"+runtime.GOARCH, runtime.Version(), r.commands(), r.loadText(), r.versions())
	r.print(&b, true)
	if err := writeText(path, b.String()); err != nil {
		return fmt.Errorf("--md: %w", err)
	}
	return nil
}

func writeText(path, text string) error {
	return whole.Write(path, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

// Where the summary stands in RESULTS.md, and what comes before it in README.md.
const (
	inResults = "## Summary"
	inReadme  = "Beside other systems"
)

// writeReadme replaces the table of figures of a text by the summary.
func (r *report) writeReadme(path string) error {
	var b strings.Builder
	(&printer{&b, true}).summary(r.overviews())
	text, err := os.ReadFile(path)
	if err == nil {
		var with string
		if with, err = withSummary(string(text), b.String()); err == nil {
			err = writeText(path, with)
		}
	}
	if err != nil {
		return fmt.Errorf("--readme: %w", err)
	}
	return nil
}

// withSummary returns a README whose table of figures is the summary of some results.
func withSummary(readme, results string) (string, error) {
	from, to, err := tableAfter(results, inResults)
	if err != nil {
		return "", fmt.Errorf("the results: %w", err)
	}
	at, end, err := tableAfter(readme, inReadme)
	if err != nil {
		return "", err
	}
	return readme[:at] + results[from:to] + readme[end:], nil
}

// tableAfter says where the first table is after some words in a text in Markdown.
func tableAfter(text, words string) (from, to int, err error) {
	at := strings.Index(text, words)
	if at < 0 {
		return 0, 0, fmt.Errorf("no %q", words)
	}
	from = -1
	for line := range strings.Lines(text[at:]) {
		switch row := strings.HasPrefix(line, "|"); {
		case row && from < 0:
			from = at
		case !row && from >= 0:
			return from, at, nil
		}
		at += len(line)
	}
	if from < 0 {
		return 0, 0, fmt.Errorf("no table after %q", words)
	}
	return from, at, nil
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
	var seen []string
	for _, l := range r.lines {
		for _, e := range engines {
			if f := l.figures[e.name]; e.peer != "" && f != nil && f.version != "" {
				if s := peerNames[e.peer] + " " + f.version; !slices.Contains(seen, s) {
					seen = append(seen, s)
				}
			}
		}
	}
	if len(seen) == 0 {
		return "No peers ran"
	}
	return strings.Join(seen, ", ") + fmt.Sprintf("; %d threads", slices.MaxFunc(r.lines, func(a, b line) int { return a.threads - b.threads }).threads)
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
