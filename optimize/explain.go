package optimize

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// Describe writes the plan's texts into a report: as built, as run, and as a
// Mermaid flowchart. Figures that the report has already, from a run, are shown
// beside the estimates.
func Describe(rep *graph.Report, before *graph.Graph, want graph.LayerID, p *Plan) {
	b := &Plan{Graph: before.Clone(), Want: want}
	if cull(b) == nil {
		rep.Before = Text(b, nil)
	}
	rep.After = Text(p, rep)
	rep.Picture = Picture(p)
}

// maxLines, maxText and maxIndent bound the text of a plan: layers and operators beyond are
// counted, parameters and lists of inputs beyond are cut, and branches beyond stand below each
// other: which layer reads them is said by its line.
const (
	maxLines  = 1000
	maxText   = 96
	maxIndent = 32
)

// Text prints a plan as a tree with results on top: a line reads from the line
// below it, or from the branches below it. The operators of one task stand under
// each other, the first line with the layer's number, the others behind a dotted
// bar. A layer is one line however many tasks it has; a layer with several
// readers is drawn once.
//
//	operator                           tasks  est. rows  est. bytes  memory            reads
//	#1 group.final(by k; sum(v) as v)  1..64        333    5.2 KiB   16 MiB..16.1 MiB  #0 shuffled
//	#0 group.partial(by k; sum(v))         4        333    5.2 KiB   16 MiB..32 MiB
//	┊  rows.filter(x > 3)                           333
//	┊  rows.memory(1000 rows)                     1 000
//
// With rep from a run, measured rows, bytes, time, memory and the operators' own
// counts stand beside the estimates, and a last line sums up. Memory is the
// projection for one task: what it needs at least, and what it would use at full
// speed; peak is the most that one task took.
func Text(p *Plan, rep *graph.Report) string {
	t := &tree{p: p, drawn: make([]bool, len(p.Graph.Layers))}
	if rep != nil {
		t.figures(rep.Layers)
	}
	t.chain(p.Want, "", "", 0)
	var s strings.Builder
	writeTable(&s, t.lines)
	if t.left > 0 {
		fmt.Fprintf(&s, "… and %d more layers\n", t.left)
	}
	if t.parts > 0 {
		fmt.Fprintf(&s, "… and %d more operators of the last task above\n", t.parts)
	}
	if rep != nil && len(rep.Layers) > 0 { // it ran
		fmt.Fprintf(&s, "%s, peak %s", rep.Wall.Round(time.Microsecond), size(float64(rep.Peak)))
		if rep.Budget > 0 {
			fmt.Fprintf(&s, " of %s", size(float64(rep.Budget)))
		}
		fmt.Fprintf(&s, ", spilled %s\n", size(float64(rep.Spilled)))
	}
	return s.String()
}

// The columns of the text.
const (
	colOp = iota
	colTasks
	colEstRows
	colRows
	colEstBytes
	colBytes
	colTime
	colMemory
	colPeak
	colSpilled
	colCounts
	colReads
	colOrigin
	colN
)

var headers = [colN]string{"operator", "tasks", "est. rows", "rows", "est. bytes", "bytes", "time", "memory", "peak", "spilled", "counts", "reads", "from"}

// tree draws a plan line by line.
type tree struct {
	p        *Plan
	measured map[graph.LayerID][]graph.LayerReport // one per part
	drawn    []bool
	lines    [][colN]string
	left     int // layers that were not drawn because there are too many
	parts    int // and operators of the last one that was
}

// figures sorts the figures of a run to the layers: they come one per operator,
// in the order of the plan. Figures of another plan are left out.
func (t *tree) figures(all []graph.LayerReport) {
	m := map[graph.LayerID][]graph.LayerReport{}
	for i := range t.p.Graph.Layers {
		n := len(partsOf(t.p.Graph, &t.p.Graph.Layers[i]))
		if n > len(all) {
			return
		}
		m[graph.LayerID(i)], all = all[:n], all[n:]
	}
	if len(all) == 0 {
		t.measured = m
	}
}

// partsOf takes a layer apart; a call that cannot be taken apart is one part. A spare layer has none.
func partsOf(g *graph.Graph, l *graph.Layer) []op.FusedPart {
	if l.Spare {
		return nil
	}
	parts, err := op.Parts(l.Call, flowMeta(g, l), len(l.Sides()))
	if err != nil {
		return []op.FusedPart{{Call: l.Call}}
	}
	return parts
}

// chain draws layer i and what it reads; first is put before its first line,
// rest before the others, which are so many branches deep.
func (t *tree) chain(i graph.LayerID, first, rest string, deep int) {
	for {
		if t.drawn[i] {
			if len(t.lines) < maxLines {
				t.lines = append(t.lines, [colN]string{colOp: fmt.Sprintf("%s#%d above", first, i)})
			}
			return
		}
		t.drawn[i] = true
		if len(t.lines) >= maxLines {
			t.left++
		} else {
			t.layer(i, first, rest)
		}
		below := t.below(i)
		if len(below) != 1 {
			for n, from := range below {
				switch {
				case deep >= maxIndent:
					t.chain(from, rest+"─ ", rest, deep)
				case n < len(below)-1:
					t.chain(from, rest+"├─ ", rest+"│  ", deep+1)
				default:
					t.chain(from, rest+"└─ ", rest+"   ", deep+1)
				}
			}
			return
		}
		i, first = below[0], rest
	}
}

// below lists what layer i reads, each once, itself left out.
func (t *tree) below(i graph.LayerID) (out []graph.LayerID) {
	seen := map[graph.LayerID]bool{i: true}
	for _, e := range t.p.Graph.Layers[i].In {
		if !seen[e.From] {
			seen[e.From] = true
			out = append(out, e.From)
		}
	}
	return out
}

// layer draws the operators of one layer, last first.
func (t *tree) layer(i graph.LayerID, first, rest string) {
	l := &t.p.Graph.Layers[i]
	parts := partsOf(t.p.Graph, l)
	id := fmt.Sprintf("#%d ", i)
	for k := len(parts) - 1; k >= 0; k-- {
		if len(t.lines) >= maxLines {
			t.parts = k + 1
			return
		}
		var row [colN]string
		out := l.Out
		if k == len(parts)-1 {
			row[colOp] = first + id + text(parts[k].Call)
			row[colTasks] = taskCount(t.p.Graph, i)
			row[colReads], row[colOrigin] = cut(reads(i, l)), l.Origin
			if t.p.Need != nil && t.p.Need[i].Want > 0 {
				row[colMemory] = size(float64(t.p.Need[i].Floor)) + ".." + size(float64(t.p.Need[i].Want))
			}
			row[colEstBytes] = estimate(out.Bytes, size)
		} else {
			row[colOp] = rest + "┊" + strings.Repeat(" ", len(id)-1) + text(parts[k].Call)
			out = parts[k+1].In
		}
		row[colEstRows] = estimate(out.Rows, count)
		if m := t.measured[i]; m != nil {
			measure(&row, &m[k])
		}
		t.lines = append(t.lines, row)
	}
}

// measure fills in the figures of a run.
func measure(row *[colN]string, m *graph.LayerReport) {
	row[colRows] = count(float64(m.Rows))
	row[colTime] = short(m.Time)
	if m.Bytes > 0 {
		row[colBytes] = size(float64(m.Bytes))
	}
	if m.PeakTaskBytes > 0 {
		row[colPeak] = size(float64(m.PeakTaskBytes))
	}
	if m.Spilled > 0 {
		row[colSpilled] = size(float64(m.Spilled))
	}
	var counts []string
	for name, n := range m.Counts {
		counts = append(counts, fmt.Sprintf("%s %s", name, count(float64(n))))
	}
	slices.Sort(counts)
	if m.Retries > 0 {
		counts = append(counts, fmt.Sprintf("retries %d", m.Retries))
	}
	row[colCounts] = strings.Join(counts, ", ")
}

// text words an operator on one line.
func text(c op.Call) string {
	return cut(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, op.Text(c)))
}

func cut(s string) string {
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	return string([]rune(s)[:maxText-1]) + "…"
}

// name words the operators of a call without their parameters.
func name(c op.Call) string {
	parts, err := op.Parts(c, op.Meta{}, 0)
	if err != nil {
		return c.Op
	}
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.Call.Op
	}
	return strings.Join(names, " → ")
}

// taskCount words the number of tasks of a layer.
func taskCount(g *graph.Graph, i graph.LayerID) string {
	for {
		l := &g.Layers[i]
		switch e := firstFlow(l); {
		case l.N > 0:
			return fmt.Sprint(l.N)
		case l.Size.Runs > 0:
			return fmt.Sprintf("1..%d", l.Size.Runs)
		case e == nil || e.Wiring != op.OneToOne || e.From >= i:
			return ""
		default:
			i = e.From
		}
	}
}

// tasks words the number of tasks in a sentence.
func tasks(l *graph.Layer, blocks int) string {
	about := ""
	if l.N == 0 {
		about = "about "
	}
	if blocks == 1 {
		return about + "1 task"
	}
	return fmt.Sprintf("%s%d tasks", about, blocks)
}

// reads lists the inputs of a layer with their wirings.
func reads(i graph.LayerID, l *graph.Layer) string {
	parts := make([]string, len(l.In))
	for k, e := range l.In {
		parts[k] = fmt.Sprintf("#%d%s", e.From, wiring(e))
		if e.From == i {
			parts[k] = "itself" + wiring(e)
		}
	}
	return strings.Join(parts, ", ")
}

func wiring(e graph.Edge) string {
	s := [...]string{"", " all", " shuffled", " listed", " boxed"}[e.Wiring]
	if e.Side {
		s += " side"
	}
	if e.Hint {
		s += " hint"
	}
	return s
}

func estimate(x float64, word func(float64) string) string {
	if x < 0 {
		return "?"
	}
	return word(x)
}

// writeTable writes lines in columns as wide as their widest cell, without the
// columns that are empty. Figures stand to the right.
func writeTable(s *strings.Builder, lines [][colN]string) {
	var width [colN]int
	for _, l := range lines {
		for c, cell := range l {
			width[c] = max(width[c], utf8.RuneCountInString(cell))
		}
	}
	for c := range width {
		if width[c] > 0 {
			width[c] = max(width[c], len(headers[c]))
		}
	}
	for _, l := range append([][colN]string{headers}, lines...) {
		var row strings.Builder
		for c, cell := range l {
			if width[c] == 0 {
				continue
			}
			if c > 0 {
				row.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[c]-utf8.RuneCountInString(cell))
			if right := c >= colTasks && c <= colTime || c == colPeak || c == colSpilled; right {
				row.WriteString(pad + cell)
			} else {
				row.WriteString(cell + pad)
			}
		}
		s.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
}
