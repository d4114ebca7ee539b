package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const fencesFile = "docs/fences.txt"

// fences are the lines of docs/fences.txt by verb. In each map the key is the subject of the fence and the
// value the patterns of all its lines.
type fences struct {
	pure    map[string][]string // package → all it may import
	imports map[string][]string // import pattern → packages that may import it
	calls   map[string][]string // package.Name pattern → packages that may name it
	words   map[string][]string // word → packages whose comments may hold it
	names   map[string][]string // package name → folders that may bear it
	spawn   []string            // packages that may start goroutines
}

func readFences(h *House) (*fences, []Finding) {
	fs := &fences{map[string][]string{}, map[string][]string{}, map[string][]string{}, map[string][]string{}, map[string][]string{}, nil}
	lines, err := h.list(fencesFile)
	if err != nil {
		return fs, []Finding{{fencesFile, err.Error()}}
	}
	var out []Finding
	for _, l := range lines {
		if msg := fs.add(l); msg != "" {
			out = append(out, Finding{l.where, msg})
		}
	}
	return fs, out
}

// add takes one line; it returns what is wrong with it.
func (fs *fences) add(l line) string {
	if l.reason == "" {
		return "a fence needs a reason after --"
	}
	w := l.words
	if w[0] == "go" && len(w) > 2 && w[1] == "in" {
		fs.spawn = append(fs.spawn, w[2:]...)
		return ""
	}
	verbs := map[string]struct {
		to   map[string][]string
		join string
	}{
		"pure": {fs.pure, "may"}, "import": {fs.imports, "in"}, "call": {fs.calls, "in"}, "word": {fs.words, "in"}, "name": {fs.names, "in"},
	}
	v, ok := verbs[w[0]]
	if !ok || len(w) < 4 || w[2] != v.join {
		return fmt.Sprintf("cannot read %q, see the top of the file", strings.Join(w, " "))
	}
	v.to[w[1]] = append(v.to[w[1]], w[3:]...)
	return ""
}

// checkFences: the list itself can be read, and every line has a reason.
func checkFences(h *House) []Finding {
	_, out := readFences(h)
	return out
}

// checkPure: a pure package imports what its line lists and nothing else, neither of the house nor of elsewhere.
func checkPure(h *House) []Finding {
	fs, _ := readFences(h)
	var out []Finding
	h.eachImport(func(p *Package, spec *ast.ImportSpec, imported string) {
		may, pure := fs.pure[p.Path]
		if folder, ok := h.inHouse(imported); ok {
			imported = folder
		}
		if pure && !matchAny(may, imported) {
			out = append(out, Finding{h.pos(spec.Pos()), fmt.Sprintf("%s is pure and may not import %s", p.Path, imported)})
		}
	})
	return out
}

// checkImports: fenced imports stay in the packages listed for them.
func checkImports(h *House) []Finding {
	fs, _ := readFences(h)
	var out []Finding
	h.eachImport(func(p *Package, spec *ast.ImportSpec, imported string) {
		for pattern, in := range fs.imports {
			if match(pattern, imported) && !matchAny(in, p.Path) {
				out = append(out, Finding{h.pos(spec.Pos()), fmt.Sprintf("%s may not import %s, fenced by %q", p.Path, imported, pattern)})
			}
		}
	})
	return out
}

// checkCalls: fenced functions of other packages are not named, be it in a call or as a value. The builtins print and
// println are treated as functions of the package "builtin".
func checkCalls(h *House) []Finding {
	fs, _ := readFences(h)
	var out []Finding
	h.eachNode(func(p *Package, f *File, n ast.Node) {
		full := ""
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				if imported, ok := importNamed(f.AST, x.Name); ok {
					full = imported + "." + n.Sel.Name
				}
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "print" || fn.Name == "println") {
				full = "builtin." + fn.Name
			}
		}
		for pattern, in := range fs.calls {
			if ok, _ := path.Match(pattern, full); ok && !matchAny(in, p.Path) {
				out = append(out, Finding{h.pos(n.Pos()), fmt.Sprintf("%s may not use %s, fenced by %q", p.Path, full, pattern)})
			}
		}
	})
	return out
}

// majorVersion is the end of an import path that is not part of the package's name.
var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

// importNamed returns the import path that an identifier stands for in a file.
func importNamed(f *ast.File, name string) (string, bool) {
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		local := path.Base(majorVersion.ReplaceAllString(imported, ""))
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == name {
			return imported, true
		}
	}
	return "", false
}

// eachNode visits every node of every non-test file.
func (h *House) eachNode(f func(p *Package, file *File, n ast.Node)) {
	for _, p := range h.Packages {
		for _, file := range p.code() {
			ast.Inspect(file.AST, func(n ast.Node) bool {
				if n != nil {
					f(p, file, n)
				}
				return true
			})
		}
	}
}

// checkGoroutines: go statements, and calls x.Go(f) as of sync.WaitGroup and errgroup, only where listed.
func checkGoroutines(h *House) []Finding {
	fs, _ := readFences(h)
	var out []Finding
	h.eachNode(func(p *Package, f *File, n ast.Node) {
		spawns := false
		switch n := n.(type) {
		case *ast.GoStmt:
			spawns = true
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			spawns = ok && sel.Sel.Name == "Go" && len(n.Args) == 1
		}
		if spawns && !matchAny(fs.spawn, p.Path) {
			out = append(out, Finding{h.pos(n.Pos()), p.Path + " may not start goroutines"})
		}
	})
	return out
}

// checkWords: comments, those of tests included, do not hold the fenced words.
func checkWords(h *House) []Finding {
	fs, _ := readFences(h)
	var out []Finding
	res := map[string]*regexp.Regexp{}
	for word := range fs.words {
		res[word] = regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`)
	}
	for _, p := range h.Packages {
		for _, f := range p.Files {
			for _, g := range f.AST.Comments {
				for _, c := range g.List {
					for word, re := range res {
						if re.MatchString(c.Text) && !matchAny(fs.words[word], p.Path) {
							out = append(out, Finding{h.pos(c.Pos()), "a comment says " + word})
						}
					}
				}
			}
		}
	}
	return out
}

// checkNames: fenced package names are not used.
func checkNames(h *House) []Finding {
	fs, _ := readFences(h)
	var out []Finding
	for _, p := range h.Packages {
		for _, name := range []string{p.Name, path.Base(p.Path)} {
			if in, ok := fs.names[name]; ok && !matchAny(in, p.Path) {
				out = append(out, Finding{p.Path, "the name " + name + " says nothing, find the owner of what is in it"})
				break
			}
		}
	}
	return out
}
