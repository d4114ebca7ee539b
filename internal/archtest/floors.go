package archtest

import (
	"fmt"
	"go/ast"
	"math"
	"strconv"
)

const floorsFile = "docs/floors.txt"

// floor is one pattern of docs/floors.txt.
type floor struct {
	n       int
	pattern string
}

// checkFloors: a package imports packages of lower floors only, and every package has a floor. Tests are free.
func checkFloors(h *House) []Finding {
	floors, out := readFloors(h)
	at := map[string]int{}
	for _, p := range h.Packages {
		n, ok := floorOf(floors, p.Path)
		if !ok {
			out = append(out, Finding{p.Path, "has no floor, give it one in " + floorsFile})
			n = math.MaxInt
		}
		at[p.Path] = n
	}
	h.eachImport(func(p *Package, spec *ast.ImportSpec, imported string) {
		folder, ok := h.inHouse(imported)
		if !ok {
			return
		}
		low, known := at[folder]
		switch {
		case !known:
			out = append(out, Finding{h.pos(spec.Pos()), fmt.Sprintf("imports %s, which does not exist", folder)})
		case low == math.MaxInt: // reported above
		case low >= at[p.Path]:
			out = append(out, Finding{h.pos(spec.Pos()),
				fmt.Sprintf("%s on floor %d imports %s on floor %d, only lower floors may be imported", p.Path, at[p.Path], folder, low)})
		}
	})
	return out
}

func readFloors(h *House) ([]floor, []Finding) {
	lines, err := h.list(floorsFile)
	if err != nil {
		return nil, []Finding{{floorsFile, err.Error()}}
	}
	var floors []floor
	var out []Finding
	seen := map[string]bool{}
	for _, l := range lines {
		n, err := strconv.Atoi(l.words[0])
		if err != nil || n < 0 {
			out = append(out, Finding{l.where, fmt.Sprintf("a line starts with the number of a floor, not with %q", l.words[0])})
			continue
		}
		for _, pattern := range l.words[1:] {
			if seen[pattern] {
				out = append(out, Finding{l.where, pattern + " stands on two floors"})
			}
			seen[pattern] = true
			floors = append(floors, floor{n, pattern})
		}
	}
	return floors, out
}

// floorOf returns the floor of the most specific pattern: the name itself, else the longest pattern.
func floorOf(floors []floor, folder string) (n int, ok bool) {
	best := -1
	for _, f := range floors {
		if f.pattern == folder {
			return f.n, true
		}
		if match(f.pattern, folder) && len(f.pattern) > best {
			best, n, ok = len(f.pattern), f.n, true
		}
	}
	return n, ok
}
