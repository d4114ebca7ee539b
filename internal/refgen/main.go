// Command refgen writes the reference of the functions of expressions from their
// registry: refgen FILE.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/weft-data/weft/expr"
)

// families are the sections of the page: those of functions with a prefix, then
// those of the names listed.
var families = []struct{ prefix, title, names string }{
	{"", "Operators and choices", "add sub mul div intdiv mod neg eq ne lt le gt ge and or xor not is_null is_not_null coalesce null_if least greatest clip hash"},
	{"", "Numbers", ""},
	{"str.", "Text", ""},
	{"bytes.", "Bytes", ""},
	{"date.", "Dates and timestamps", ""},
	{"duration.", "Durations", ""},
	{"list.", "Lists", ""},
	{"struct.", "Structs", ""},
}

const head = `# Functions of expressions

<!-- Written by go generate ./expr from the registry. Do not edit. -->

What filters, projections and aggregates compute, in the text form that ` + "`expr.Parse`" + ` reads; in Go they are methods
(` + "`Col(\"name\").Str().Upper()`" + `) or ` + "`expr.Call(\"str.upper\", Col(\"name\"))`" + `. Operators have signs: + - * / // % == != < <= > >= and or xor.
Beside functions there are constants (` + "`3 2.5 \"text\" true null date(\"2024-05-01\") duration[s](\"1h30m\")`" + `), conversions
(` + "`cast(x, int64)`, `try_cast(x, date)`" + `), lists of values (` + "`x in (1, 2)`" + `) and ` + "`case when x > 0 then 1 else 2 end`" + `.

Numbers of different types have a common type, which is float64 for uint64 and a signed integer that are computed with, and decimal(20, 0) where
one of them is chosen or they are compared; constants go along with the type of the other side where it has their value.

A null argument gives null unless the function says otherwise. An argument called constant must be one. Every example is a test.
`

func main() {
	out := head
	done := map[string]bool{}
	for _, f := range families {
		out += "\n## " + f.title + "\n\n"
		for _, fn := range expr.Functions() {
			family := ""
			if i := strings.IndexByte(fn.Name, '.'); i >= 0 {
				family = fn.Name[:i+1]
			}
			listed := f.names == "" || strings.Contains(" "+f.names+" ", " "+fn.Name+" ")
			if family != f.prefix || done[fn.Name] || !listed {
				continue
			}
			done[fn.Name] = true
			out += entry(fn)
		}
	}
	if len(done) != len(expr.Functions()) {
		panic("refgen: a function belongs to no section")
	}
	if err := os.WriteFile(os.Args[1], []byte(out), 0o644); err != nil {
		panic(err)
	}
}

// entry is the paragraph of a function.
func entry(f expr.Function) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**`%s`** → %s  \n%s", f, f.Result, f.Doc)
	if f.Nulls != "" {
		fmt.Fprintf(&b, " Nulls: %s.", f.Nulls)
	}
	if f.Errors != "" {
		fmt.Fprintf(&b, " Fails on %s.", f.Errors)
	}
	fmt.Fprintf(&b, "  \n`%s` gives `%s`\n\n", f.Example, f.Gives)
	return b.String()
}
