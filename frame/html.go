package frame

import (
	"fmt"
	"html"
	"strings"

	"github.com/weft-data/weft/internal/cell"
)

// HTML words the table for notebooks and pages, as String does for terminals:
// types under the names, at most 20 rows and 16 columns with the middle left out,
// long values cut, and the shape below. Everything is escaped.
func (t *Table) HTML() string {
	cols, gap := shownCols(len(t.Schema))
	var b strings.Builder
	b.WriteString("<table class=\"weft\">\n<thead>\n")
	line := func(tag string, text func(c int) string, attr func(c int) string) {
		b.WriteString("<tr>")
		for i, c := range cols {
			if i == gap {
				fmt.Fprintf(&b, "<%s>…</%s>", tag, tag)
			}
			fmt.Fprintf(&b, "<%s%s>%s</%s>", tag, attr(c), html.EscapeString(text(c)), tag)
		}
		b.WriteString("</tr>\n")
	}
	side := func(c int) string {
		if t.Schema[c].Type.Kind.IsNumeric() {
			return ` style="text-align:right"`
		}
		return ""
	}
	line("th", func(c int) string { return cell.Line(t.Schema[c].Name) }, side)
	line("th", func(c int) string { return t.Schema[c].Type.String() }, side)
	b.WriteString("</thead>\n<tbody>\n")
	n := int(t.NumRows())
	for i := 0; i < n; i++ {
		if n > maxShownRows && i == maxShownRows/2 {
			line("td", func(int) string { return "…" }, side)
			i = n - maxShownRows/2
		}
		line("td", func(c int) string { return cell.Cut(Word(t.Value(i, c), t.Schema[c].Type), maxShownCell) }, side)
	}
	fmt.Fprintf(&b, "</tbody>\n</table>\n<p>%d %s × %d %s</p>\n", n, plural(n, "row"), len(t.Schema), plural(len(t.Schema), "column"))
	return b.String()
}

// MIMEBundle returns the table in the formats that notebooks choose from, by their
// media types.
func (t *Table) MIMEBundle() map[string]string {
	return map[string]string{"text/plain": t.String(), "text/html": t.HTML()}
}
