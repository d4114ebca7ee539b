package suite

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/table"
)

// A sweep runs weft at several points of one thing that is otherwise fixed: the curve
// shows what that does to time and memory.
type sweep struct {
	by     string // rows, threads, workers or block
	points []int
}

// sweeps are what can be varied: which cases it concerns, and how an order says it.
var sweeps = map[string]struct {
	of  func(b *bench) bool
	set func(o *order, at int)
}{
	"rows":    {func(b *bench) bool { return !b.orders && (b.alone() || b.from == numeric) }, func(o *order, at int) { o.Rows = at }},
	"threads": {func(b *bench) bool { return b.workers == 0 && b.from != hardware && b.from != nothing }, func(o *order, at int) { o.Threads = at }},
	"workers": {func(b *bench) bool { return b.workers > 0 && !b.idle }, func(o *order, at int) { o.Workers = at }},
	"block":   {func(b *bench) bool { return b.from == numeric }, func(o *order, at int) { o.Block = at }},
}

// parseSweep reads "threads=1,2" or "rows=1e5,1e6".
func parseSweep(s string) (sweep, error) {
	by, list, _ := strings.Cut(s, "=")
	out := sweep{by: by}
	if _, ok := sweeps[by]; !ok {
		return out, fmt.Errorf("--curve %s: want rows, threads, workers or block, = and points with commas between", s)
	}
	for word := range strings.SplitSeq(list, ",") {
		x, err := strconv.ParseFloat(word, 64)
		if err != nil || x < 1 || x > 1e9 || x != float64(int(x)) {
			return out, fmt.Errorf("--curve %s: %q is no whole number from 1 to 1e9", s, word)
		}
		out.points = append(out.points, int(x))
	}
	slices.Sort(out.points)
	if out.points = slices.Compact(out.points); len(out.points) < 2 {
		return out, fmt.Errorf("--curve %s: a curve has two points at least", s)
	}
	return out, nil
}

// follow measures the points of all curves.
func (c *campaign) follow(ctx context.Context, weft engine) (all []*result, err error) {
	for _, s := range c.Sweeps {
		v := sweeps[s.by]
		for i := range c.Cases {
			b := &c.Cases[i]
			if !v.of(b) {
				continue
			}
			for _, at := range s.points {
				o := c.order(b)
				v.set(&o, at)
				if err := c.files(ctx, b, o.Rows); err != nil {
					return all, err
				}
				if err := c.warm(ctx, b, o.Rows); err != nil {
					return all, err
				}
				c.say("curve: %s at %d %s (load %s)", b.name, at, s.by, load())
				res, err := c.lab.run(ctx, weft, o)
				if err != nil && ctx.Err() != nil {
					return all, ctx.Err()
				}
				res.Curve, res.At = s.by, at
				if all = append(all, res); res.Error != "" {
					c.say("  %s", res.Error)
				}
				if err := c.save(res); err != nil {
					return all, err
				}
			}
		}
	}
	return all, nil
}

// A bend is the curve of one case.
type bend struct {
	bench   *bench
	by      string
	rows    int // of the case, where they do not vary
	at      []int
	figures []*figure
}

// bends collects the curves of some results, in the order of the cases.
func bends(all []*result) (out []bend) {
	for i := range benches {
		for _, by := range []string{"rows", "threads", "workers", "block"} {
			b := bend{bench: &benches[i], by: by}
			points := map[int][]*result{}
			for _, r := range all {
				if r.Case == b.bench.name && r.Curve == by {
					b.rows = r.Rows
					points[r.At] = append(points[r.At], r)
				}
			}
			for at := range points {
				b.at = append(b.at, at)
			}
			slices.Sort(b.at)
			for _, at := range b.at {
				b.figures = append(b.figures, figureOf("weft", points[at]))
			}
			if len(b.at) > 1 {
				out = append(out, b)
			}
		}
	}
	return out
}

// charts are the two of a curve: seconds and memory.
func (b *bend) charts() (heads []pageCurve, data []curve) {
	seconds := curve{Rows: b.at, By: b.by, Unit: "seconds", Engines: []string{"wall", "CPU"}, Values: make([][]*float64, 2)}
	memory := curve{Rows: b.at, By: b.by, Unit: "MiB", Engines: []string{"peak"}, Values: make([][]*float64, 1)}
	for _, f := range b.figures {
		wall, cpu, peak := f.wall.least, f.cpu.least, float64(f.peak)/mib
		if f.failure != "" {
			seconds.Values[0], seconds.Values[1], memory.Values[0] = append(seconds.Values[0], nil), append(seconds.Values[1], nil), append(memory.Values[0], nil)
			continue
		}
		seconds.Values[0], seconds.Values[1] = append(seconds.Values[0], &wall), append(seconds.Values[1], &cpu)
		memory.Values[0] = append(memory.Values[0], &peak)
	}
	return []pageCurve{{b.bench.name + ": seconds against " + b.by}, {b.bench.name + ": memory against " + b.by}}, []curve{seconds, memory}
}

// curves writes the table of all curves.
func (p *printer) curves(bs []bend) {
	if len(bs) == 0 {
		return
	}
	p.heading("Curves")
	t := newTable("case", "by", "", "wall s", "CPU s", "peak MiB", "")
	for _, b := range bs {
		for i, at := range b.at {
			f := b.figures[i]
			t.AppendRow(pretty.Row{b.bench.name, b.by, sizeName(at), seconds(f.wall.least), seconds(f.cpu.least), f.peak / mib, tail(f.failure)})
		}
	}
	p.render(t)
}
