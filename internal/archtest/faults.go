package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// quoted is a word of code in a table of markdown.
var quoted = regexp.MustCompile("`([^`]+)`")

// checkFaults wants the table of faults to be true: what it says holds names a test, or is simulated, and the tests
// and the cases of tests it names are there. A case is named as go test prints it.
func checkFaults(h *House) (out []Finding) {
	const file = "docs/faults.md"
	text, err := fs.ReadFile(h.FS, file)
	if err != nil {
		return []Finding{{file, "is missing: it says how faults are tested"}}
	}
	tests, cases := h.testNames()
	n := 0
	for row := range strings.Lines(string(text)) {
		n++
		where := fmt.Sprintf("%s:%d", file, n)
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) < 2 || strings.HasPrefix(row, "|---") || strings.HasPrefix(row, "| fault |") {
			continue
		}
		if len(cells) != 6 {
			out = append(out, Finding{where, fmt.Sprintf("a row of %d cells, want 4", len(cells)-2)})
			continue
		}
		tested := strings.Contains(cells[3], "simulated")
		for _, word := range quoted.FindAllStringSubmatch(cells[3], -1) {
			test, sub, _ := strings.Cut(word[1], "/")
			switch {
			case strings.HasPrefix(test, "Test") || strings.HasPrefix(test, "Fuzz"):
				tested = true
				if !tests[test] {
					out = append(out, Finding{where, "there is no test called " + test})
				}
				if sub != "" && !cases[sub] {
					out = append(out, Finding{where, "no test has a case called " + sub})
				}
			case sub == "" && strings.Contains(test, "_"):
				tested = true
				if !cases[test] {
					out = append(out, Finding{where, "no test has a case called " + test})
				}
			}
		}
		if strings.HasPrefix(strings.TrimSpace(cells[4]), "holds") && !tested {
			out = append(out, Finding{where, "says that it holds and names no test"})
		}
	}
	return out
}

// testNames returns the names of all test functions, and the texts in tests that may be names of cases.
func (h *House) testNames() (tests, cases map[string]bool) {
	tests, cases = map[string]bool{}, map[string]bool{}
	for _, p := range h.Packages {
		for _, f := range p.Files {
			if !f.Test {
				continue
			}
			ast.Inspect(f.AST, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.FuncDecl:
					tests[x.Name.Name] = true
				case *ast.BasicLit:
					if s, err := strconv.Unquote(x.Value); x.Kind == token.STRING && err == nil {
						cases[strings.ReplaceAll(s, " ", "_")] = true
					}
				}
				return true
			})
		}
	}
	return tests, cases
}
