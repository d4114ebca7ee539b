package store

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// deep is the element of a pattern that stands for any number of folders.
const deep = "**"

const wildcards = "*?["

// A glob is the part of a pattern from its first wildcard on, in elements.
type glob struct {
	elems []string
	sep   string
}

// everything matches the files of a folder.
var everything = &glob{elems: []string{deep}, sep: separator("")}

func newGlob(p string) (*glob, error) {
	if _, err := path.Match(p, ""); err != nil {
		return nil, fmt.Errorf("pattern %s: %w", p, err)
	}
	g := &glob{sep: separator(p)}
	g.elems = strings.Split(p[base(p):], g.sep)
	for _, e := range g.elems {
		if strings.Contains(e, deep) && e != deep {
			return nil, fmt.Errorf("pattern %s: ** stands for folders, and alone between separators, as in data/**/*.csv; in %q write *", p, e)
		}
	}
	return g, nil
}

// base is the number of bytes of a pattern before the element with its first wildcard.
func base(p string) int {
	return strings.LastIndex(p[:strings.IndexAny(p, wildcards)], separator(p)) + 1
}

// match reports whether a file, whose path is given from base on, matches, or a folder around it.
func (g *glob) match(p string) bool {
	name := strings.Split(p, g.sep)
	return g.of(g.elems, name) || g.of(append(slices.Clip(g.elems), deep), name)
}

func (g *glob) of(want, name []string) bool {
	var rest, from []string // behind the last **, and what that has not taken: taking less is always enough for those before
	for len(name) > 0 || len(want) > 0 {
		switch {
		case len(want) == 1 && want[0] == deep:
			return len(name) > 0 && !slices.ContainsFunc(name, veiled)
		case len(want) > 0 && want[0] == deep:
			want = want[1:]
			rest, from = want, name
		case len(want) > 0 && len(name) > 0 && g.one(want[0], name[0]):
			want, name = want[1:], name[1:]
		case len(from) == 0 || veiled(from[0]):
			return false
		default:
			from = from[1:]
			want, name = rest, from
		}
	}
	return true
}

// enters reports whether there may be matches below a folder.
func (g *glob) enters(p string) bool {
	at := slices.Index(g.elems, deep)
	for i, x := range strings.Split(p, g.sep) {
		switch {
		case at >= 0 && i >= at:
			if veiled(x) && !slices.ContainsFunc(g.elems[at:], func(e string) bool { return g.one(e, x) }) {
				return false
			}
		case i == len(g.elems):
			return true
		case !g.one(g.elems[i], x):
			return false
		}
	}
	return true
}

// one matches one element.
func (g *glob) one(want, name string) bool {
	ok, _ := path.Match(want, name)
	return ok && !(veiled(name) && strings.IndexAny(want, wildcards) == 0)
}

// veiled reports whether folders pass a name by, and wildcards at the start of an element do not stand for it.
func veiled(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }
