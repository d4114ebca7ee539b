package optimize

import (
	"fmt"
	"strings"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// Describe writes the plan's texts into a report: as built, as run, and as a
// Mermaid flowchart.
func Describe(rep *graph.Report, before *graph.Graph, want graph.LayerID, p *Plan) {
	b := &Plan{Graph: before.Clone(), Want: want}
	if cull(b) == nil {
		rep.Before = Text(b, nil)
	}
	rep.After = Text(p, rep)
	rep.Picture = Picture(p)
}

// Text prints a plan, one line per layer, results first. Estimates are in rows
// and bytes; measured figures come from rep when it has any.
func Text(p *Plan, rep *graph.Report) string {
	var s strings.Builder
	for i := len(p.Graph.Layers) - 1; i >= 0; i-- {
		l := &p.Graph.Layers[i]
		fmt.Fprintf(&s, "#%d %s  %s", i, op.Text(l.Call), blocks(l))
		if l.Out.Rows >= 0 {
			fmt.Fprintf(&s, "  ~%s rows %s", count(l.Out.Rows), size(l.Out.Bytes))
		}
		if p.Need != nil && p.Need[i].Want > 0 {
			fmt.Fprintf(&s, "  mem %s..%s", size(float64(p.Need[i].Floor)), size(float64(p.Need[i].Want)))
		}
		for j, e := range l.In {
			arrow := "  ← "
			if j > 0 {
				arrow = ", "
			}
			fmt.Fprintf(&s, "%s#%d%s", arrow, e.From, edge(e))
		}
		s.WriteByte('\n')
	}
	if rep != nil {
		measured(&s, rep)
	}
	return s.String()
}

func blocks(l *graph.Layer) string {
	switch {
	case l.N == 1:
		return "1 task"
	case l.N > 0:
		return fmt.Sprintf("%d tasks", l.N)
	case l.Size.Runs > 0:
		return fmt.Sprintf("1..%d tasks", l.Size.Runs)
	}
	return "tasks as its input"
}

func edge(e graph.Edge) string {
	s := [...]string{"", " all", " shuffled", " listed"}[e.Wiring]
	if e.Side {
		s += " side"
	}
	return s
}

// measured appends the figures of a run.
func measured(s *strings.Builder, rep *graph.Report) {
	for _, l := range rep.Layers {
		fmt.Fprintf(s, "  %-16s %d tasks, %s rows", l.Name, l.Tasks, count(float64(l.Rows)))
		if l.EstRows >= 0 {
			fmt.Fprintf(s, " (estimated %s)", count(l.EstRows))
		}
		fmt.Fprintf(s, ", %v", l.Time.Round(10e3))
		if l.PeakTaskBytes > 0 {
			fmt.Fprintf(s, ", peak %s a task", size(float64(l.PeakTaskBytes)))
		}
		for k, n := range l.Counts {
			fmt.Fprintf(s, ", %s %d", k, n)
		}
		s.WriteByte('\n')
	}
}

// count prints a number of rows in short.
func count(x float64) string {
	for _, u := range []struct {
		at   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if x >= u.at {
			return fmt.Sprintf("%.3g%s", x/u.at, u.name)
		}
	}
	return fmt.Sprintf("%.0f", x)
}

// size prints bytes in binary units.
func size(x float64) string {
	if x < 0 {
		return "? B"
	}
	for _, u := range []string{"B", "KiB", "MiB", "GiB"} {
		if x < 1024 || u == "GiB" {
			return fmt.Sprintf("%.3g %s", x, u)
		}
		x /= 1024
	}
	return ""
}

// Picture draws a plan as a Mermaid flowchart.
func Picture(p *Plan) string {
	var s strings.Builder
	s.WriteString("flowchart BT\n")
	for i := range p.Graph.Layers {
		l := &p.Graph.Layers[i]
		fmt.Fprintf(&s, "  L%d[\"%s<br/>%s\"]\n", i, strings.NewReplacer(`"`, "#quot;", "\n", " ").Replace(op.Text(l.Call)), blocks(l))
		for _, e := range l.In {
			fmt.Fprintf(&s, "  L%d -->|%s| L%d\n", e.From, label(e), i)
		}
	}
	return s.String()
}

func label(e graph.Edge) string {
	if t := strings.TrimSpace(edge(e)); t != "" {
		return t
	}
	return "block by block"
}
