package script

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestScripts(t *testing.T) {
	Run(t, "testdata/*.txt", func(t *testing.T, d *Stanza) string {
		s, err := Parse("x", strings.ReplaceAll(d.Input, "++++", fence))
		if err != nil {
			return "error: " + err.Error()
		}
		var out string
		switch d.Cmd {
		case "parse":
			out = describe(s)
		case "rewrite":
			text := d.Str("out", "")
			for _, inner := range s.Stanzas {
				inner.Want = call(t, inner, func(*testing.T, *Stanza) string { return text })
			}
			out = s.String()
		case "judge":
			text := d.Str("got", "")
			got := call(t, s.Stanzas[0], func(*testing.T, *Stanza) string { return text })
			if out = s.Stanzas[0].judge(got); out == "" {
				out = "good"
			}
		default:
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
		}
		return strings.ReplaceAll(strings.ReplaceAll(out, "\n"+fence, "\n++++"), "++++\n"+fence, "++++\n++++")
	})
}

func describe(s *Script) string {
	if len(s.Stanzas) == 0 {
		return "nothing"
	}
	var w strings.Builder
	for _, d := range s.Stanzas {
		fmt.Fprintf(&w, "%s at %s\n", d.Cmd, d.Pos)
		for _, a := range d.args {
			if a.key == "" {
				fmt.Fprintf(&w, "  word %q\n", a.val)
			} else {
				fmt.Fprintf(&w, "  %s = %q\n", a.key, a.val)
			}
		}
		fmt.Fprintf(&w, "  input %q\n  want %q\n", d.Input, strings.ReplaceAll(d.Want, fence, "++++"))
	}
	return w.String()
}

func TestAccess(t *testing.T) {
	s, err := Parse("x", "sum a b n=3 s=text n=4\n1\n\n2\n----\n")
	if err != nil {
		t.Fatal(err)
	}
	d := s.Stanzas[0]
	if w := d.Words(); !reflect.DeepEqual(w, []string{"a", "b"}) || !d.Has("b") || d.Has("n") || d.Has("c") {
		t.Errorf("words %v", w)
	}
	if got := d.Lines(); !reflect.DeepEqual(got, []string{"1", "", "2"}) {
		t.Errorf("lines %q", got)
	}
	if d.Int(t, "n", 7) != 4 || d.Int(t, "m", 7) != 7 || d.Str("none", "def") != "def" {
		t.Error("wrong values")
	}
	if d.unread() != "s" {
		t.Errorf("unread is %q, want s", d.unread())
	}
	if v, ok := d.Lookup("s"); v != "text" || !ok || d.unread() != "" {
		t.Errorf("s = %q, %v, unread %q", v, ok, d.unread())
	}
	if _, ok := d.Lookup(""); ok {
		t.Error("words are not values of the empty key")
	}
}

// The handler of each file is its own, and -rewrite changes the files whose outputs differ, only those.
func TestRewriteFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("one.txt", "# c\ncount\n----\n9\n\ncount\n----\n2\n")
	write("two.txt", "count\r\n----\r\n1\r\n")
	old := *rewrite
	*rewrite = true
	defer func() { *rewrite = old }()
	RunEach(t, filepath.Join(dir, "*.txt"), func(*testing.T) Handler {
		n := 0
		return func(*testing.T, *Stanza) string { n++; return fmt.Sprint(n) }
	})
	for name, want := range map[string]string{
		"one.txt": "# c\ncount\n----\n1\n\ncount\n----\n2\n",
		"two.txt": "count\n----\n1\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Whatever parses is written back such that it reads the same, and writing is stable.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/parse.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("show\n----\n----\na\n\nb\n----\n----\n\n# tail")
	f.Add("\r")
	f.Fuzz(func(t *testing.T, text string) {
		one, err := Parse("x", text)
		if err != nil {
			return
		}
		two, err := Parse("x", one.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", text, one, err)
		}
		if one.String() != two.String() || len(one.Stanzas) != len(two.Stanzas) {
			t.Fatalf("unstable: %q became %q", one, two)
		}
		for i, d := range one.Stanzas {
			if e := two.Stanzas[i]; d.Cmd != e.Cmd || d.Input != e.Input || d.Want != e.Want || !reflect.DeepEqual(d.args, e.args) {
				t.Fatalf("stanza %d: %+v became %+v", i, d, e)
			}
		}
	})
}
