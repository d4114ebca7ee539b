package optimize

import (
	"fmt"
	"strings"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// Picture draws a plan as a Mermaid flowchart, results on top: a box per layer
// with its operators, first to last from below, and an arrow per input.
//
// Texts are quoted, and what Mermaid or the HTML in it would read as its own is
// written as character codes: "#" begins a code, "<" a tag, a backquote Markdown.
func Picture(p *Plan) string {
	var s strings.Builder
	s.WriteString("flowchart BT\n")
	drawn := 0
	for i := range p.Graph.Layers {
		if i >= maxLines {
			fmt.Fprintf(&s, "  more[\"%d more layers\"]\n", len(p.Graph.Layers)-i)
			break
		}
		l := &p.Graph.Layers[i]
		if l.Spare {
			continue
		}
		parts := partsOf(p.Graph, l)
		var lines []string
		for k := len(parts) - 1; k >= 0; k-- {
			if drawn++; drawn > maxLines {
				lines = append(lines, fmt.Sprintf("%d more operators", k+1))
				break
			}
			lines = append(lines, escape(text(parts[k].Call)))
		}
		figures := "#35;" + fmt.Sprint(i)
		if l.N > 0 {
			figures += ", " + tasks(l, int(l.N))
		} else if n := taskCount(p.Graph, graph.LayerID(i)); n != "" {
			figures += ", " + n + " tasks"
		}
		if l.Out.Rows >= 0 {
			figures += ", about " + count(l.Out.Rows) + " rows"
		}
		fmt.Fprintf(&s, "  L%d[\"%s<br/><i>%s</i>\"]\n", i, strings.Join(lines, "<br/>"), figures)
		for _, e := range l.In {
			arrow := "-->"
			if e.Wiring == op.AllToAll || e.Wiring == op.Shuffled {
				arrow = "==>"
			}
			if w := strings.TrimSpace(wiring(e)); w != "" {
				arrow += "|\"" + w + "\"|"
			}
			fmt.Fprintf(&s, "  L%d %s L%d\n", e.From, arrow, i)
		}
	}
	return s.String()
}

var escaper = strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "`", "#96;", "\\", "#92;", ";", "#59;", "\u007f", " ")

func escape(s string) string { return escaper.Replace(s) }
