package suite

import (
	"cmp"
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
	Commands                  string
	Losses, Wrong             []string
	Overviews                 []pageOverview
	Goals                     []pageGoal
	Suites                    []pageSuite
	Curves                    []pageCurve
	Data                      pageData
}

type pageOverview struct {
	Title, Ratio, Peers, Class string
	Dask                       string
	Cases, Width               int // Width: of the bar in percent, where 100 is twice the peer's time
}

type pageGoal struct{ What, Wanted, Measured, State, Class string }

type pageSuite struct {
	Title   string
	Engines []string
	Rows    []pageRow
}

type pageRow struct {
	Case, Size, About string
	Cells             []pageCell
	Ratio, Class      string
	Dask              string
	Limit             string // how much of a limit of the machine was reached
}

// A pageCell is the time of an engine, Class "least" for the shortest with all threads.
type pageCell struct{ Text, Class string }

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
	p.Commands = r.commands()
	for _, o := range r.overviews() {
		p.Overviews = append(p.Overviews, pageOverview{o.title, round(o.ratio), o.peers, judge(o.ratio), round(o.dask), o.cases, int(min(100, max(1, 50*o.ratio)))})
	}
	for _, g := range goals(r.lines) {
		p.Goals = append(p.Goals, wordGoal(g))
	}
	for _, f := range families {
		if in := r.of(f); len(in) > 0 {
			s, c := suiteOf(f, in)
			p.Suites, p.Data.Suites = append(p.Suites, s), append(p.Data.Suites, c)
		}
	}
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

// judge is the class of a ratio.
func judge(ratio float64) string {
	switch {
	case ratio > 1:
		return "bad"
	case ratio <= 1:
		return "good"
	}
	return ""
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
		row := pageRow{Case: l.bench.name, Size: l.size(), About: l.bench.about, Limit: l.ofLimit()}
		shortest := math.Inf(1)
		for _, e := range s.Engines {
			if l.ok(e) && e != weftOne {
				shortest = min(shortest, l.figures[e].cpu.least)
			}
		}
		for k, e := range s.Engines {
			var v *float64
			cell := pageCell{Text: "–"}
			if l.ok(e) {
				x := l.figures[e].cpu.least
				v, cell.Text = &x, seconds(x)
				if x == shortest {
					cell.Class = "least"
				}
			}
			c.Values[k] = append(c.Values[k], v)
			row.Cells = append(row.Cells, cell)
		}
		ratio := l.ratio(f.peers, leastCPU)
		row.Ratio, row.Class, row.Dask = round(ratio), judge(ratio), round(l.ratio(dask, leastCPU))
		name := l.bench.name[strings.IndexByte(l.bench.name, '/')+1:]
		if slices.ContainsFunc(lines, func(o line) bool { return o.bench == l.bench && o.rows != l.rows }) {
			name += " " + sizeName(l.rows)
		}
		c.Cases, s.Rows = append(c.Cases, name), append(s.Rows, row)
	}
	return s, c
}

// losses are the cases in which a peer needs less CPU, the worst first.
func (r *report) losses() []string {
	type loss struct {
		ratio float64
		text  string
	}
	var all []loss
	peers := slices.Collect(maps.Keys(peerNames))
	for i := range r.lines {
		l := &r.lines[i]
		if x := l.ratio(peers, leastCPU); len(l.wrong) == 0 && x >= 1.005 && !math.IsInf(x, 0) { // as shown: more than 1.00
			_, by := l.best(peers, leastCPU)
			name := l.bench.name
			if size := l.size(); size != "" {
				name += " (" + size + " rows)"
			}
			all = append(all, loss{x, fmt.Sprintf("%s: %s times the CPU of %s", name, round(x), by)})
		}
	}
	slices.SortStableFunc(all, func(a, b loss) int { return cmp.Compare(b.ratio, a.ratio) })
	out := make([]string, len(all))
	for i, l := range all {
		out[i] = l.text
	}
	return out
}
