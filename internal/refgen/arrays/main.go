// Command arrays writes the reference of package array from its source, its scripts and
// what its verbs say of each type: arrays FILE, in the folder of the package.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// sections are those of the page: the functions and methods of some files.
var sections = []struct{ title, files string }{
	{"Making arrays", "create.go make.go"},
	{"Random numbers", "random.go distributions.go"},
	{"Element by element", "elementwise.go functions.go"},
	{"Reductions and statistics", "reduce.go stats.go"},
	{"Selection and assignment", "select.go along.go assign.go"},
	{"Shapes and chunks", "shape.go rechunk.go join.go pad.go"},
	{"Order, counting and quantiles", "sort.go count.go lines.go"},
	{"Products of matrices and linear algebra", "matmul.go einsum.go linalg.go spectrum.go norms.go"},
	{"Fourier transforms", "fft.go"},
	{"Functions of the user", "blockwise.go call.go"},
	{"Files, and other libraries", "io.go interop.go table.go"},
	{"Plans and results", "array.go compute.go persist.go print.go"},
}

const head = `# Functions of arrays

<!-- Written by go generate ./array from the source, the scripts and the verbs. Do not edit. -->

Every function and method of package array, with what it says of itself, the types it takes (→ the type of what it
gives, where that is another one) and an example. Types are tried: of a verb of two arrays, with two of one type.

Examples are stanzas of the tests (` + "`array/testdata`" + `), in their notation: ` + "`L(2, 3)`" + ` is ` + "`[]int{2, 3}`" + `, ` + "`F(1, 2)`" + ` is ` + "`[]float64{1, 2}`" + `,
` + "`A(values, shape)`" + ` is ` + "`FromSlice`" + `, ` + "`Z(re, im)`" + ` a complex number, ` + "`B(1)`" + ` is true, ` + "`i1 … u8 f4 f8 c8 c16 boolean`" + ` are types by their bytes.
Below each stands what it gives: shape, type, chunks and elements.
`

func main() {
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	check(err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		check(err)
		files = append(files, f)
	}
	d, err := doc.NewFromFiles(fset, files, "github.com/weft-data/weft/array")
	check(err)
	all := append([]*doc.Func{}, d.Funcs...)
	for _, t := range d.Types {
		all = append(append(all, t.Funcs...), t.Methods...)
	}
	found, err := examples("testdata")
	check(err)
	out, written := head+workflow(fset), 0
	for _, s := range sections {
		var mine []*doc.Func
		for _, f := range all {
			if file := filepath.Base(fset.Position(f.Decl.Pos()).Filename); strings.Contains(" "+s.files+" ", " "+file+" ") {
				mine = append(mine, f)
			}
		}
		sort.Slice(mine, func(i, j int) bool { return mine[i].Name < mine[j].Name })
		if written += len(mine); len(mine) == 0 {
			continue
		}
		out += "\n## " + s.title + "\n\n"
		for _, f := range mine {
			out += entry(fset, f, found)
		}
	}
	if written != len(all) {
		panic("arrays: a file of the package belongs to no section")
	}
	check(os.WriteFile(os.Args[1], []byte(out), 0o644))
}

// workflow is the example that strings verbs together, as it is tested: what its function says of itself, and its body,
// at whose end is what it prints.
func workflow(fset *token.FileSet) string {
	f, err := parser.ParseFile(fset, "example_climate_test.go", nil, parser.ParseComments)
	check(err)
	examples := doc.Examples(f)
	if len(examples) != 1 {
		panic("arrays: not one example of a workflow")
	}
	e := examples[0]
	code, ok := e.Code.(*ast.BlockStmt)
	if !ok {
		panic("arrays: an example without a body")
	}
	var b strings.Builder
	check(format.Node(&b, fset, &printer.CommentedNode{Node: code, Comments: e.Comments}))
	body := strings.TrimSuffix(strings.TrimPrefix(b.String(), "{\n"), "\n}")
	body = strings.TrimSpace(strings.ReplaceAll("\n"+body, "\n\t", "\n"))
	return "\n## A workflow\n\n" + text(e.Doc) + "\n\n```go\n" + body + "\n```\n"
}

func check(err error) {
	if err != nil {
		panic("arrays: " + err.Error())
	}
}

// entry is the paragraph of a function.
func entry(fset *token.FileSet, f *doc.Func, found map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**`%s`**  \n%s\n", signature(fset, f.Decl), text(f.Doc))
	name := f.Name
	switch f.Recv {
	case "Source":
		name = "Source." + name
	case "*Array":
		name = "." + name
		if types := accepted(f.Name); types != "" {
			fmt.Fprintf(&b, "Types: %s.\n", types)
		}
	}
	if e := found[name]; e != "" {
		fmt.Fprintf(&b, "\n```\n%s```\n", e)
	}
	return b.String() + "\n"
}

// signature is a function as it is called, and what it returns.
func signature(fset *token.FileSet, f *ast.FuncDecl) string {
	var b bytes.Buffer
	check(printer.Fprint(&b, fset, &ast.FuncDecl{Name: f.Name, Type: f.Type}))
	s := strings.TrimPrefix(b.String(), "func ")
	if f.Recv != nil {
		s = f.Recv.List[0].Names[0].Name + "." + s
	}
	return strings.Join(strings.Fields(s), " ")
}

// text is a comment as Markdown.
func text(comment string) string {
	var b strings.Builder
	for _, p := range strings.Split(strings.TrimSpace(comment), "\n\n") {
		if strings.HasPrefix(p, "\t") {
			fmt.Fprintf(&b, "\n```go\n%s\n```\n\n", strings.TrimPrefix(strings.ReplaceAll(p, "\n\t", "\n"), "\t"))
			continue
		}
		fmt.Fprintln(&b, strings.ReplaceAll(p, "\n", " "))
	}
	return strings.TrimRight(b.String(), "\n") + "  "
}
