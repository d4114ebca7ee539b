package archtest

import (
	"io/fs"
	"path"
	"strings"
)

// checkMap wants every package in the map of the house: a line of docs/ARCHITECTURE.md names its folder, or all
// folders beside it with a star.
func checkMap(h *House) (out []Finding) {
	const file = "docs/ARCHITECTURE.md"
	text, err := fs.ReadFile(h.FS, file)
	if err != nil {
		return []Finding{{file, "is missing: it names the folders"}}
	}
	named := func(s string) bool { return strings.Contains(string(text), "`"+s+"`") }
	for _, p := range h.Packages {
		if p.Path != "." && !named(p.Path) && !named(path.Dir(p.Path)+"/*") {
			out = append(out, Finding{p.Path, "is not in " + file})
		}
	}
	return out
}
