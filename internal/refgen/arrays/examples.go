package main

import (
	"go/ast"
	"go/parser"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weft-data/weft/internal/script"
)

// mostExample bounds the characters of an example.
const mostExample = 260

// An example is a stanza and its price: the characters, and more than any stanza may have
// if its elements are all alike, which shows little.
type example struct {
	text  string
	price int
}

func exampleOf(d *script.Stanza) example {
	e := example{d.Input + d.Want, len(d.Input) + len(d.Want)}
	_, rows, _ := strings.Cut(d.Want, "\n") // after the shape
	elements := strings.Fields(rows)
	slices.Sort(elements)
	if len(slices.Compact(elements)) < 2 {
		e.price += mostExample
	}
	return e
}

// examples are the cheapest stanzas of the scripts of a folder that give elements and in
// which a function, or a method with a dot in front, is what is called last; else one in
// which it is called at all.
func examples(folder string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	last, some := map[string]example{}, map[string]example{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := script.Parse(name, string(b))
		if err != nil {
			return nil, err
		}
		for _, d := range s.Stanzas {
			if d.Cmd == "run" && strings.Count(d.Want, "\n") > 1 && len(d.Input)+len(d.Want) <= mostExample {
				note(last, some, d.Input, exampleOf(d))
			}
		}
	}
	maps.Copy(some, last)
	texts := map[string]string{}
	for name, e := range some {
		texts[name] = e.text
	}
	return texts, nil
}

// note keeps an example of what its input calls.
func note(last, some map[string]example, input string, x example) {
	keep := func(to map[string]example, name string) {
		if was, ok := to[name]; !ok || x.price < was.price {
			to[name] = x
		}
	}
	lines := strings.Split(strings.TrimSpace(input), "\n")
	for i, line := range lines {
		if _, e, ok := strings.Cut(line, " = "); ok {
			line = e
		}
		e, err := parser.ParseExpr(line)
		if err != nil {
			return // of another command
		}
		if c, ok := e.(*ast.CallExpr); ok && i == len(lines)-1 {
			keep(last, called(c))
		}
		ast.Inspect(e, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				keep(some, called(c))
			}
			return true
		})
	}
}

// called names what a call calls: of a Source, which Random and With make, with its type.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.SelectorExpr:
		if from, ok := f.X.(*ast.CallExpr); ok && (called(from) == "Random" || called(from) == "Source.With") {
			return "Source." + f.Sel.Name
		}
		return "." + f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}
