// Package script runs tests that are written as text: commands with golden answers.
//
// A file is a list of stanzas. A stanza is a command line, input lines if the command wants any, a fence, and the
// expected output up to a blank line:
//
//	# comments and blank lines stand between stanzas
//	rechunk axes=(0,1) to="10 10" verbose
//	first input line
//	----
//	the expected output
//
// Words and values are separated by spaces; those with spaces of their own are quoted as in Go. A backslash at the end
// of a command line continues it. Output that holds blank lines stands between double fences:
//
//	----
//	----
//	one
//
//	two
//	----
//	----
//
// The test calls Run with a handler that turns one stanza into its output. With "go test -rewrite" the outputs found
// replace the expected ones; that is allowed only if the difference is read and explained.
// A key=value that the handler never looks at fails the test: a misspelt option must not pass silently.
package script

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "script: replace expected outputs by the ones found")

// Rewriting reports whether -rewrite is set. A test that runs the same files under several configurations
// skips all but the first then, so that only one of them writes.
func Rewriting() bool { return *rewrite }

// Handler runs one stanza and returns its output. Errors that are part of the behaviour are output; t is for the rest.
type Handler func(t *testing.T, d *Stanza) string

// Run runs every file that matches glob, in a subtest named after it. It fails when no file matches.
func Run(t *testing.T, glob string, f func(t *testing.T, d *Stanza) string) {
	t.Helper()
	RunEach(t, glob, func(*testing.T) Handler { return f })
}

// RunEach is Run with a fresh handler for every file, for handlers that keep state between stanzas.
func RunEach(t *testing.T, glob string, start func(t *testing.T) Handler) {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("script: no file matches %s (%v)", glob, err)
	}
	for _, name := range files {
		base := strings.TrimSuffix(filepath.Base(name), ".txt")
		t.Run(base, func(t *testing.T) { runFile(t, name, start(t)) })
	}
}

func runFile(t *testing.T, name string, f Handler) {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(name, string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.Stanzas {
		got := call(t, d, f)
		switch msg := d.judge(got); {
		case msg == "":
		case *rewrite && d.unread() == "":
			d.Want = got
		default:
			t.Error(msg)
		}
	}
	if out := s.String(); *rewrite && !t.Failed() && out != string(text) {
		if err := os.WriteFile(name, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// call names the stanza when the handler does not return: it panicked or ended the test.
func call(t *testing.T, d *Stanza, f Handler) string {
	returned := false
	defer func() {
		if !returned {
			t.Logf("%s: in %q", d.Pos, d.Cmd)
		}
	}()
	out := f(t, d)
	returned = true
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	return out
}

// judge returns what is wrong with a stanza whose handler returned got, or "".
func (d *Stanza) judge(got string) string {
	if key := d.unread(); key != "" {
		return fmt.Sprintf("%s: %s: the command knows no %s=", d.Pos, d.Cmd, key)
	}
	if !writable(got) {
		return fmt.Sprintf("%s: %s: this output cannot stand in a script, it looks like a fence:\n%s", d.Pos, d.Cmd, got)
	}
	if got != d.Want {
		return fmt.Sprintf("%s: %s\n%s\n--- want\n%s--- got\n%s", d.Pos, d.Cmd, firstDifference(d.Want, got), d.Want, got)
	}
	return ""
}

func firstDifference(want, got string) string {
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	for i := 0; i < len(w) && i < len(g); i++ {
		if w[i] != g[i] && w[i] != "" && g[i] != "" {
			return fmt.Sprintf("output line %d: want %q, got %q", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w)-1, len(g)-1)
}

// Stanza is one command with its golden answer.
type Stanza struct {
	Pos   string // file:line of the command
	Cmd   string // first word of the command line
	Input string // the lines between command and fence, each with its newline
	Want  string // expected output; empty or ending in a newline
	args  []arg
	raw   string // everything before the fence, as it stands in the file
}

// arg is a word (no key) or key=val of the command line.
type arg struct {
	key, val string
	read     bool
}

// Words returns the words after the command that are not key=value.
func (d *Stanza) Words() []string {
	var ws []string
	for _, a := range d.args {
		if a.key == "" {
			ws = append(ws, a.val)
		}
	}
	return ws
}

// Lookup returns the value of key and whether it is given; of several the last.
func (d *Stanza) Lookup(key string) (val string, ok bool) {
	for i := range d.args {
		if a := &d.args[i]; a.key == key && key != "" {
			val, ok, a.read = a.val, true, true
		}
	}
	return val, ok
}

// Has reports whether word stands on the command line.
func (d *Stanza) Has(word string) bool {
	for _, a := range d.args {
		if a.key == "" && a.val == word {
			return true
		}
	}
	return false
}

// Str returns the value of key, or def.
func (d *Stanza) Str(key, def string) string {
	if v, ok := d.Lookup(key); ok {
		return v
	}
	return def
}

// Int returns the value of key, or def. It ends the test when the value is not an integer.
func (d *Stanza) Int(t testing.TB, key string, def int) int {
	t.Helper()
	v, ok := d.Lookup(key)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %s: %s=%s is not an integer", d.Pos, d.Cmd, key, v)
	}
	return n
}

// Lines returns the input lines without their newlines.
func (d *Stanza) Lines() []string {
	if d.Input == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(d.Input, "\n"), "\n")
}

// unread returns the first key nobody looked up, or "".
func (d *Stanza) unread() string {
	for _, a := range d.args {
		if a.key != "" && !a.read {
			return a.key
		}
	}
	return ""
}
