// Package archtest holds the style guide as tests: who may import whom, what is fenced in, how large things may grow
// and what must be documented. The rules read docs/floors.txt, docs/fences.txt and docs/excused.txt of the house.
//
// The source tree is parsed as files, not as a build: files of every platform and build tag are checked on any
// machine. Nested modules, testdata and hidden folders are not part of the house.
package archtest

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
)

// House is a parsed source tree.
type House struct {
	FS       fs.FS
	Module   string // import path of the root
	Packages []*Package
	fset     *token.FileSet
}

// Package is one folder with Go files, test files included.
type Package struct {
	Path  string // folder relative to the root; "." for the root
	Name  string
	Files []*File
}

// File is one Go file.
type File struct {
	Path      string
	Test      bool // name ends in _test.go
	Generated bool // banner by the Go convention
	AST       *ast.File
	Lines     int
}

// Finding is one broken rule.
type Finding struct {
	Where string // file:line, file, or package
	What  string
}

func (f Finding) String() string { return f.Where + ": " + f.What }

// Rule is one law of the house. Check returns where it is broken.
type Rule struct {
	Name  string
	Check func(h *House) []Finding
}

// Rules are all laws, in no particular order: they do not depend on each other.
var Rules = []Rule{
	{"floors", checkFloors},
	{"fences", checkFences},
	{"pure", checkPure},
	{"imports", checkImports},
	{"calls", checkCalls},
	{"goroutines", checkGoroutines},
	{"words", checkWords},
	{"names", checkNames},
	{"sizes", checkSizes},
	{"comments", checkComments},
	{"map", checkMap},
	{"faults", checkFaults},
}

// Load parses the tree. Errors: no go.mod at the root, a file that does not parse, two packages in one folder.
func Load(tree fs.FS) (*House, error) {
	mod, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		return nil, err
	}
	h := &House{FS: tree, fset: token.NewFileSet()}
	for line := range strings.Lines(string(mod)) {
		if w := strings.Fields(line); len(w) == 2 && w[0] == "module" {
			h.Module = w[1]
		}
	}
	if h.Module == "" {
		return nil, fmt.Errorf("go.mod has no module line")
	}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return h.enter(name)
		}
		if strings.HasSuffix(name, ".go") {
			return h.add(name)
		}
		return nil
	})
	sort.Slice(h.Packages, func(i, j int) bool { return h.Packages[i].Path < h.Packages[j].Path })
	return h, err
}

// enter decides whether a folder belongs to the house.
func (h *House) enter(dir string) error {
	base := path.Base(dir)
	if dir == "." {
		return nil
	}
	if base == "testdata" || base[0] == '.' || base[0] == '_' {
		return fs.SkipDir
	}
	if _, err := fs.Stat(h.FS, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (h *House) add(name string) error {
	text, err := fs.ReadFile(h.FS, name)
	if err != nil {
		return err
	}
	tree, err := parser.ParseFile(h.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	f := &File{
		Path: name, AST: tree, Test: strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(tree), Lines: strings.Count(string(text), "\n"),
	}
	p := h.folder(path.Dir(name))
	p.Files = append(p.Files, f)
	if f.Test {
		return nil
	}
	if p.Name != "" && p.Name != tree.Name.Name {
		return fmt.Errorf("%s: package %s, but the folder holds package %s", name, tree.Name.Name, p.Name)
	}
	p.Name = tree.Name.Name
	return nil
}

// folder returns the package of a folder. WalkDir stays in a folder until it is done, except for visits to its
// children, so the search from the end is short.
func (h *House) folder(dir string) *Package {
	for i := len(h.Packages) - 1; i >= 0; i-- {
		if h.Packages[i].Path == dir {
			return h.Packages[i]
		}
	}
	p := &Package{Path: dir}
	h.Packages = append(h.Packages, p)
	return p
}

// pos names a place in the tree.
func (h *House) pos(p token.Pos) string {
	at := h.fset.Position(p)
	return fmt.Sprintf("%s:%d", at.Filename, at.Line)
}

// code yields the files whose imports and statements count: not tests.
func (p *Package) code() []*File {
	var fs []*File
	for _, f := range p.Files {
		if !f.Test {
			fs = append(fs, f)
		}
	}
	return fs
}

// eachImport calls f for every import of non-test files.
func (h *House) eachImport(f func(p *Package, spec *ast.ImportSpec, imported string)) {
	for _, p := range h.Packages {
		for _, file := range p.code() {
			for _, spec := range file.AST.Imports {
				if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
					f(p, spec, imported)
				}
			}
		}
	}
}

// inHouse returns the folder of an import path of this module.
func (h *House) inHouse(imported string) (folder string, ok bool) {
	if imported == h.Module {
		return ".", true
	}
	return strings.CutPrefix(imported, h.Module+"/")
}

// line is one line of a list under docs: its words, and its reason after " -- ".
type line struct {
	where  string
	words  []string
	reason string
}

// list reads a file of lines, without comments (# to the end of the line) and blank lines.
func (h *House) list(name string) ([]line, error) {
	f, err := h.FS.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []line
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		text, reason, _ := strings.Cut(text, " -- ")
		if words := strings.Fields(text); len(words) > 0 {
			out = append(out, line{fmt.Sprintf("%s:%d", name, n), words, strings.TrimSpace(reason)})
		}
	}
	return out, sc.Err()
}

// match tells whether a folder or import path matches a pattern: as path.Match, and "a/..." is a and all below it.
// The pattern "none" matches nothing.
func match(pattern, name string) bool {
	if pattern == "none" {
		return false
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == base || strings.HasPrefix(name, base+"/")
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if match(p, name) {
			return true
		}
	}
	return false
}
