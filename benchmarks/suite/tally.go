package suite

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
)

// A figure sums up one engine's repetitions of one case.
type figure struct {
	engine, version string
	cpu, wall       spread // seconds
	calm            spread // wall seconds of the repetitions no other work disturbed
	peak            int64  // bytes, the largest of the processes
	reps            int    // repetitions in all processes
	tasks           int
	alloc           float64 // bytes per task
	each            float64 // seconds of a call, the middle of a process, the least of all
	copied          float64 // wall seconds of copying the case's file, the least; NaN without one
	failure         string
	note            string // on how the figures came about
}

// A spread is the smallest and the middle of some measurements.
type spread struct{ least, middle float64 }

func spreadOf(xs []float64) spread {
	if len(xs) == 0 {
		return spread{math.NaN(), math.NaN()}
	}
	s := slices.Sorted(slices.Values(xs))
	return spread{s[0], (s[(len(s)-1)/2] + s[len(s)/2]) / 2}
}

// A line is what is known of one case.
type line struct {
	bench   *bench
	rows    int
	threads int
	memory  int64
	figures map[string]*figure
	with    []string // what weft's answer was compared with
	wrong   []string // how answers differ
	loads   []float64
	rates   map[string]float64 // limits of the machine
}

// sumUp makes a line for each case that has results.
func sumUp(all []*result, known []knownAnswer, shared string) []line {
	var out []line
	found := rates(all)
	for i := range benches {
		b := &benches[i]
		sizes := map[int][]*result{}
		for _, r := range all {
			if r.Case == b.name && r.Curve == "" {
				sizes[r.Rows] = append(sizes[r.Rows], r)
			}
		}
		for _, rows := range slices.Sorted(maps.Keys(sizes)) {
			rs := sizes[rows]
			l := line{bench: b, rows: rows, memory: rs[0].Memory, figures: map[string]*figure{}, rates: found}
			l.with, l.wrong = verdict(b, rows, rs, known, shared)
			for _, r := range rs {
				if r.Load > 0 {
					l.loads = append(l.loads, r.Load)
				}
				l.threads = max(l.threads, r.Threads)
				if l.figures[r.Engine] == nil {
					l.figures[r.Engine] = figureOf(r.Engine, rs)
				}
			}
			for _, f := range l.figures {
				f.asMany(l.figures["weft"])
			}
			out = append(out, l)
		}
	}
	return out
}

// asMany makes the times of an engine those of as many tasks as weft ran: slow ones
// run fewer.
func (f *figure) asMany(weft *figure) {
	if weft == nil || f.tasks == 0 || f.tasks == weft.tasks {
		return
	}
	by := float64(weft.tasks) / float64(f.tasks)
	for _, s := range []*spread{&f.cpu, &f.wall, &f.calm} {
		s.least, s.middle = s.least*by, s.middle*by
	}
	f.note = fmt.Sprintf("ran %d calls, times %.4g", f.tasks, by)
}

func figureOf(engine string, rs []*result) *figure {
	f := &figure{engine: engine, alloc: math.Inf(1), each: math.Inf(1)}
	var cpu, wall, calm, copies []float64
	for _, r := range rs {
		if r.Engine != engine {
			continue
		}
		if r.Error != "" {
			f.failure = r.Error
			continue
		}
		for _, u := range r.Reps {
			cpu, wall = append(cpu, u.CPU), append(wall, u.Wall)
			if u.quiet() {
				calm = append(calm, u.Wall)
			}
		}
		for _, u := range r.Copies {
			copies = append(copies, u.Wall)
		}
		f.version, f.peak, f.tasks, f.alloc = r.Version, max(f.peak, r.Peak), r.Tasks, min(f.alloc, r.Alloc)
		if r.Middle > 0 {
			f.each = min(f.each, r.Middle)
		}
	}
	f.cpu, f.wall, f.calm, f.reps = spreadOf(cpu), spreadOf(wall), spreadOf(calm), len(cpu)
	f.copied = spreadOf(copies).least
	return f
}

// size is how many rows the tables of the case have; empty without tables.
func (l *line) size() string {
	if l.bench.from == nothing || l.bench.from == hardware {
		return ""
	}
	return sizeName(l.rows)
}

// ok reports whether an engine measured something.
func (l *line) ok(engine string) bool {
	f := l.figures[engine]
	return f != nil && !math.IsNaN(f.cpu.least)
}

// best returns the least of a measure over the variants of some peers, with the
// name of the variant; NaN if none ran.
func (l *line) best(peers []string, of func(*figure) float64) (float64, string) {
	least, by := math.NaN(), ""
	for _, e := range engines {
		if !slices.Contains(peers, e.peer) || !l.ok(e.name) {
			continue
		}
		if x := of(l.figures[e.name]); !(x >= least) {
			least, by = x, e.name
		}
	}
	return least, by
}

func leastCPU(f *figure) float64  { return f.cpu.least }
func leastWall(f *figure) float64 { return f.wall.least }

// wallMillis is the least wall time, eachMicros and eachMillis the middle of single calls.
func wallMillis(f *figure) float64 { return f.wall.least * 1e3 }
func eachMicros(f *figure) float64 { return f.each * 1e6 }
func eachMillis(f *figure) float64 { return f.each * 1e3 }

// ratio is weft's measure over that of the best of some peers.
func (l *line) ratio(peers []string, of func(*figure) float64) float64 {
	if !l.ok("weft") {
		return math.NaN()
	}
	least, _ := l.best(peers, of)
	return of(l.figures["weft"]) / least
}

// speedUp is the least wall time of one thread over that of all: of repetitions
// that no other work disturbed, if both have some. calm says that both have. The
// first repetition of a process touches its memory for the first time, so the middle
// of few says more of page faults than of threads.
func (l *line) speedUp() (gain float64, calm bool) {
	if !l.ok("weft") || !l.ok(weftOne) {
		return math.NaN(), false
	}
	one, all := l.figures[weftOne], l.figures["weft"]
	if x := one.calm.least / all.calm.least; !math.IsNaN(x) {
		return x, true
	}
	return one.wall.least / all.wall.least, false
}

// geometric is the geometric mean of the ratios there are.
func geometric(xs []float64) float64 {
	sum, n := 0.0, 0
	for _, x := range xs {
		if !math.IsNaN(x) {
			sum, n = sum+math.Log(x), n+1
		}
	}
	return math.Exp(sum / float64(n))
}

// A goal is something the project wants to hold, with what was measured.
type goal struct {
	what     string
	limit    float64
	atLeast  bool
	measured float64 // NaN: not measured
	unit     string
	clock    clock
	busy     bool // the machine had other work while it was measured
}

// A clock says how other work on the machine bears on a figure.
type clock uint8

const (
	cpuClock  clock = iota // somewhat: caches are shared
	wallClock              // it can only be worse than on an idle machine
	wallRatio              // it says nothing
)

func (g *goal) state() string {
	switch {
	case math.IsNaN(g.measured) || math.IsInf(g.measured, 0):
		return "not measured"
	case g.busy && g.clock == wallRatio:
		return "undecided: busy machine"
	case g.busy && g.clock == wallClock && (g.measured > g.limit) != g.atLeast:
		return "missed on a busy machine"
	case (g.measured >= g.limit) == g.atLeast || g.measured == g.limit:
		return "met"
	}
	return "missed"
}

// A family is cases whose goals are worded together. Ratios are of CPU seconds:
// they hold on a busy machine, too.
type family struct {
	prefix, title string
	peers         []string
	mean, each    float64 // limits of the ratio, 0: none
	single        bool    // each case is a goal of its own
}

var families = []family{
	{"h2o-groupby/", "Group-by, tables in memory", []string{"duckdb"}, 1, 2, false},
	{"h2o-join/", "Joins, tables in memory", []string{"duckdb", "polars"}, 1, 0, false},
	{"csv/", "Group-by from CSV", []string{"polars"}, 0, 0.6, true},
	{"parquet/", "Group-by from Parquet", []string{"duckdb", "polars"}, 0, 0, false},
	{"scan/columns", "All columns from Parquet", []string{"duckdb", "polars"}, 0, 1, false},
	{"scan/codes", "Columns with dictionaries from Parquet", []string{"duckdb", "polars"}, 0, 0.5, false},
	{"write/", "Files from tables in memory", []string{"duckdb", "polars"}, 0, 1, true},
	{"tpch/", "TPC-H from Parquet in 1 GiB", []string{"duckdb"}, 1.5, 0, false},
	{"1brc/", "Temperatures", []string{"polars"}, 0, 0.6, true},
	{"outofcore/", "More data than memory", []string{"duckdb"}, 0, 0, false},
	{"array/", "Arrays in memory", []string{"numpy", "numba", "dask"}, 0, 0, false},
	{"linalg/", "Matrices in memory", []string{"numpy", "scipy", "dask"}, 0, 0, false},
	{"sort/", "Sorts of tables in memory", []string{"duckdb", "polars"}, 0, 0, false},
	{"window/", "Windows over tables in memory", []string{"duckdb", "polars"}, 0, 1, false},
	{"asof/", "Joins by time, tables in memory", []string{"duckdb", "polars"}, 0, 1, false},
	{"cluster/", "A cluster of two workers on this machine", []string{"dask", "celery"}, 0, 0, false},
	{"sched/", "Small tasks", nil, 0, 0, false},
}

// goals words what was wanted and what was found. Cases whose answers differ do
// not count.
func goals(all []line) []goal {
	var out []goal
	lines := slices.DeleteFunc(slices.Clone(all), func(l line) bool { return len(l.wrong) > 0 })
	for _, f := range families {
		var ratios []float64
		worst, worstName, fullest := math.NaN(), "no peer ran", goal{limit: 1.15}
		for i := range lines {
			l := &lines[i]
			if !strings.HasPrefix(l.bench.name, f.prefix) {
				continue
			}
			if f.peers != nil {
				r := l.ratio(f.peers, leastCPU)
				ratios = append(ratios, r)
				if f.single {
					out = append(out, goal{what: l.bench.name + ": CPU against " + strings.Join(f.peers, " or "), limit: f.each, measured: r})
				}
				if !math.IsNaN(r) && !(r <= worst) {
					worst, worstName = r, l.bench.name
				}
			}
			if x := l.fill(); x > fullest.measured {
				fullest.measured, fullest.what = x, f.title+": largest resident size over the budget ("+l.bench.name+")"
			}
			out = append(out, own(l)...)
		}
		if fullest.what != "" {
			out = append(out, fullest)
		}
		against := strings.Join(f.peers, " or ")
		if f.mean > 0 && len(ratios) > 0 {
			out = append(out, goal{what: f.title + ": geometric mean of CPU against " + against, limit: f.mean, measured: geometric(ratios)})
		}
		if f.each > 0 && !f.single && len(ratios) > 0 {
			out = append(out, goal{what: f.title + ": largest CPU against " + against + " (" + worstName + ")", limit: f.each, measured: worst})
		}
	}
	return append(once(out), scaling(lines)...)
}

// once leaves out what was not measured in one place and was in another: the peers of a goal run at one scale only.
func once(all []goal) []goal {
	measured := map[string]bool{}
	for i := range all {
		measured[all[i].what] = measured[all[i].what] || !math.IsNaN(all[i].measured)
	}
	return slices.DeleteFunc(all, func(g goal) bool { return math.IsNaN(g.measured) && measured[g.what] })
}

// fill is weft's largest resident size over the budget of a case, 0 without one.
func (l *line) fill() float64 {
	if !l.ok("weft") || l.memory == 0 {
		return 0
	}
	return float64(l.figures["weft"].peak) / float64(l.memory)
}

// own are the goals of a case by itself.
func own(l *line) (out []goal) {
	if !l.ok("weft") {
		return nil
	}
	if l.ok(weftLocal) && l.rows >= 1e7 { // what is smaller is over before it is shared
		out = append(out, goal{what: l.bench.name + ": CPU against one process", limit: 1.3, measured: l.figures["weft"].cpu.least / l.figures[weftLocal].cpu.least})
	}
	if need := l.bench.need; l.rows >= 1e7 && need.least > 0 {
		out = append(out, goal{what: l.bench.name + ": of " + need.limit, limit: need.least, atLeast: true, measured: l.percent("weft"), unit: " %", clock: wallClock, busy: busy(l.loads)})
	}
	if l.rows >= 1e7 && l.bench.toDask > 0 {
		out = append(out, goal{what: l.bench.name + ": CPU against Dask", limit: l.bench.toDask, measured: l.ratio(dask, leastCPU)})
	}
	for _, w := range l.bench.wants {
		out = append(out, goal{what: l.bench.name + ": " + w.what, limit: w.most, measured: w.of(l.figures["weft"]), unit: " " + w.unit, clock: w.clock,
			busy: w.clock != cpuClock && busy(l.loads)})
	}
	return out
}

// A want is what a case shall need at most, in its unit.
type want struct {
	what  string
	most  float64
	unit  string
	clock clock
	of    func(*figure) float64
}

// smallTasks are the wants of tasks in this process.
var smallTasks = []want{
	{"wall time of a task", 1000, "ns", wallClock, perTask(leastWall, 1e9)},
	{"memory allocated for a task", 200, "B", cpuClock, func(f *figure) float64 { return f.alloc }},
}

// perTask divides a measure by the number of tasks, in units of which a second has so many.
func perTask(of func(*figure) float64, unit float64) func(*figure) float64 {
	return func(f *figure) float64 { return of(f) * unit / float64(f.tasks) }
}

// scaling is the smallest gain of the second thread over the cases that take one
// thread 200 ms, and each of them whose gain is too small.
func scaling(lines []line) (out []goal) {
	for i := range lines {
		l := &lines[i]
		s, calm := l.speedUp()
		if math.IsNaN(s) || l.figures[weftOne].wall.least < 0.2 {
			continue
		}
		out = append(out, goal{what: l.bench.name, limit: 1.7, atLeast: true, measured: s, clock: wallRatio, busy: !calm && busy(l.loads)})
	}
	slices.SortStableFunc(out, func(a, b goal) int { return cmp.Compare(a.measured, b.measured) })
	which := "smallest"
	for i := range out {
		if i > 0 && out[i].measured >= out[i].limit {
			return out[:i]
		}
		out[i].what = "all threads against one, cases above 200 ms: " + which + " gain in wall time (" + out[i].what + ")"
		which = "next"
	}
	return out
}

// busy reports whether the machine had more to do than these measurements: one
// running thread per processor is theirs.
func busy(loads []float64) bool {
	return len(loads) > 0 && spreadOf(loads).middle > float64(runtime.NumCPU()+1)
}
