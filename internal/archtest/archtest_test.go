package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weft-data/weft/internal/script"
)

// TestHouse holds this repository to its rules.
func TestHouse(t *testing.T) {
	h, err := Load(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Packages) < 3 {
		t.Fatalf("found %d packages, this is not the house", len(h.Packages))
	}
	for _, r := range Rules {
		t.Run(r.Name, func(t *testing.T) {
			for _, f := range sorted(r.Check(h)) {
				t.Error(f)
			}
		})
	}
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

func sorted(fs []Finding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.String())
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// TestRulesBite runs each rule on small trees that break it. The trees are inputs of the scripts:
//
//	check rule
//	-- folder/file.go --
//	text
//
// Each tree has a go.mod of the module "house" added.
func TestRulesBite(t *testing.T) {
	bitten := map[string]bool{}
	script.Run(t, "testdata/*.txt", func(t *testing.T, d *script.Stanza) string {
		if d.Cmd == "load" {
			_, err := Load(plant(d))
			return fmt.Sprint("error: ", err)
		}
		words := d.Words()
		i := slices.IndexFunc(Rules, func(r Rule) bool { return len(words) == 1 && r.Name == words[0] })
		if d.Cmd != "check" || i < 0 {
			t.Fatalf("%s: want check and one of the rules", d.Pos)
		}
		h, err := Load(plant(d))
		if err != nil {
			return "error: " + err.Error()
		}
		found := sorted(Rules[i].Check(h))
		if len(found) == 0 {
			return "clean"
		}
		bitten[words[0]] = true
		return strings.Join(found, "\n")
	})
	for _, r := range Rules {
		if !bitten[r.Name] {
			t.Errorf("no tree breaks the rule %s", r.Name)
		}
	}
}

// plant makes a file tree of the input of a stanza. A line "%n text" stands for n lines of that text.
func plant(d *script.Stanza) fstest.MapFS {
	tree := fstest.MapFS{"go.mod": &fstest.MapFile{Data: []byte("module house\n\ngo 1.26\n")}}
	name := ""
	for _, l := range d.Lines() {
		if n, ok := strings.CutPrefix(l, "-- "); ok {
			name = strings.TrimSuffix(n, " --")
			tree[name] = &fstest.MapFile{}
			continue
		}
		n, text := 1, l
		if strings.HasPrefix(l, "%") {
			fmt.Sscanf(l, "%%%d", &n)
			_, text, _ = strings.Cut(l, " ")
		}
		tree[name].Data = append(tree[name].Data, strings.Repeat(text+"\n", n)...)
	}
	return tree
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"op", "op", true}, {"op", "op/elem", false},
		{"op/*", "op/elem", true}, {"op/*", "op", false}, {"op/*", "op/elem/x", false},
		{"cluster/...", "cluster", true}, {"cluster/...", "cluster/a/b", true}, {"cluster/...", "clusters", false},
		{"none", "none", false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}
