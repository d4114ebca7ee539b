package suite

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/weft-data/weft/internal/whole"
)

// The page is one file: style, charts (uPlot, whose licence is beside it) and data
// are inside.
var (
	//go:embed page/page.html
	pageText string
	//go:embed page/uplot.js
	chartScript string
	//go:embed page/uplot.css
	chartStyle string
)

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// A page is what the template shows.
type page struct {
	CSS                       template.CSS
	JS                        template.JS
	Machine, Versions, Method string
	Losses, Wrong             []string
	Goals                     []pageGoal
	Suites                    []pageSuite
	Curves                    []pageCurve
	Data                      pageData
}

type pageGoal struct{ What, Wanted, Measured, State, Class string }

type pageSuite struct {
	Title   string
	Engines []string
	Rows    []pageRow
}

type pageRow struct {
	Case, Size, About string
	Cells             []string
	Ratio, Class      string
	Limit             string // how much of a limit of the machine was reached
}

type pageCurve struct{ Title string }

// pageData is read by the script: null where an engine did not run.
type pageData struct {
	Suites []chart `json:"suites"`
	Curves []curve `json:"curves"`
}

type chart struct {
	Cases   []string     `json:"cases"`
	Engines []string     `json:"engines"`
	Values  [][]*float64 `json:"values"`
}

type curve struct {
	Rows    []int        `json:"rows"`
	By      string       `json:"by"`   // what they are, if not rows
	Unit    string       `json:"unit"` // of the values
	Engines []string     `json:"engines"`
	Values  [][]*float64 `json:"values"`
}

// writePage writes the report as a page with charts.
func (r *report) writePage(path string) error {
	if err := whole.Write(path, func(w io.Writer) error { return pageTemplate.Execute(w, r.page()) }); err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	return nil
}

func (r *report) page() *page {
	p := &page{CSS: template.CSS(chartStyle), JS: template.JS(chartScript), Versions: r.versions(), Wrong: r.wrong(), Losses: r.losses(),
		Machine: fmt.Sprintf("%s, %d processors, %s memory, %s/%s, %s", cpuName(), runtime.NumCPU(), memorySize(), runtime.GOOS, runtime.GOARCH, runtime.Version())}
	p.Method = "Each engine ran each case in cold processes, the engines taking turns; the least CPU seconds of all threads are shown. " + strings.ReplaceAll(r.loadText(), "**", "")
	for _, g := range goals(r.lines) {
		p.Goals = append(p.Goals, wordGoal(g))
	}
	for _, f := range families {
		var in []line
		for _, l := range r.lines {
			if strings.HasPrefix(l.bench.name, f.prefix) && len(l.wrong) == 0 {
				in = append(in, l)
			}
		}
		if len(in) > 0 {
			s, c := suiteOf(f, in)
			p.Suites, p.Data.Suites = append(p.Suites, s), append(p.Data.Suites, c)
		}
	}
	p.Curves, p.Data.Curves = curves(r.lines)
	for i := range r.bends {
		heads, data := r.bends[i].charts()
		p.Curves, p.Data.Curves = append(p.Curves, heads...), append(p.Data.Curves, data...)
	}
	return p
}

func wordGoal(g goal) pageGoal {
	sign := "≤ "
	if g.atLeast {
		sign = "≥ "
	}
	w := pageGoal{g.what, sign + round(g.limit) + g.unit, round(g.measured) + g.unit, g.state(), ""}
	switch w.State {
	case "met":
		w.Class = "good"
	case "missed":
		w.Class = "bad"
	}
	return w
}

// ran lists the engines that have figures for some of the lines.
func ran(lines []line) (out []string) {
	for _, e := range engines {
		if slices.ContainsFunc(lines, func(l line) bool { return l.ok(e.name) }) {
			out = append(out, e.name)
		}
	}
	return out
}

// suiteOf makes the table and the chart of a family.
func suiteOf(f family, lines []line) (pageSuite, chart) {
	s, c := pageSuite{Title: f.title, Engines: ran(lines)}, chart{Engines: ran(lines)}
	c.Values = make([][]*float64, len(c.Engines))
	for i := range lines {
		l := &lines[i]
		row := pageRow{Case: l.bench.name, Size: sizeName(l.rows), About: l.bench.about, Limit: l.ofLimit()}
		for k, e := range s.Engines {
			var v *float64
			cell := "–"
			if l.ok(e) {
				x := l.figures[e].cpu.least
				v, cell = &x, seconds(x)
			}
			c.Values[k] = append(c.Values[k], v)
			row.Cells = append(row.Cells, cell)
		}
		ratio := l.ratio(f.peers, leastCPU)
		row.Ratio = round(ratio)
		switch {
		case ratio > 1:
			row.Class = "bad"
		case ratio <= 1:
			row.Class = "good"
		}
		name := l.bench.name[strings.IndexByte(l.bench.name, '/')+1:]
		if slices.ContainsFunc(lines, func(o line) bool { return o.bench == l.bench && o.rows != l.rows }) {
			name += " " + sizeName(l.rows)
		}
		c.Cases, s.Rows = append(c.Cases, name), append(s.Rows, row)
	}
	return s, c
}

// curves are the cases that were measured at several sizes.
func curves(lines []line) (heads []pageCurve, data []curve) {
	for i := range benches {
		b := &benches[i]
		at := map[int]line{}
		for _, l := range lines {
			if l.bench == b && len(l.wrong) == 0 {
				at[l.rows] = l
			}
		}
		if len(at) < 2 {
			continue
		}
		var in []line
		c := curve{Rows: slices.Sorted(maps.Keys(at)), By: "rows", Unit: "seconds"}
		for _, n := range c.Rows {
			in = append(in, at[n])
		}
		c.Engines = ran(in)
		for _, e := range c.Engines {
			var vs []*float64
			for _, l := range in {
				var v *float64
				if l.ok(e) {
					x := l.figures[e].wall.least
					v = &x
				}
				vs = append(vs, v)
			}
			c.Values = append(c.Values, vs)
		}
		heads, data = append(heads, pageCurve{b.name + ": seconds against rows"}), append(data, c)
	}
	return heads, data
}

// losses are the cases in which a peer needs less CPU, the worst first.
func (r *report) losses() []string {
	type loss struct {
		ratio float64
		text  string
	}
	var all []loss
	for i := range r.lines {
		l := &r.lines[i]
		for _, f := range families {
			if !strings.HasPrefix(l.bench.name, f.prefix) || f.peers == nil || len(l.wrong) > 0 {
				continue
			}
			peers := []string{"duckdb", "polars", "numpy"}
			if x := l.ratio(peers, leastCPU); x > 1 && !math.IsInf(x, 0) {
				_, by := l.best(peers, leastCPU)
				all = append(all, loss{x, fmt.Sprintf("%s (%s rows): %s times the CPU of %s", l.bench.name, sizeName(l.rows), round(x), by)})
			}
		}
	}
	slices.SortFunc(all, func(a, b loss) int {
		if a.ratio > b.ratio {
			return -1
		}
		return 1
	})
	out := make([]string, len(all))
	for i, l := range all {
		out[i] = l.text
	}
	return out
}
