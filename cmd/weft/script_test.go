package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/script"
)

// TestMain makes the test binary the command itself when it is told to, so that
// exit codes and signals are those of a process.
func TestMain(m *testing.M) {
	if os.Getenv("WEFT_BE_THE_COMMAND") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/*.txt, each in an empty folder. The commands are
//
//	file NAME      the input becomes a file; zeros=N appends that many zero bytes
//	weft ARG …     runs the command; its output, its errors, and the exit code unless it is 0
//	cat NAME       a file
//	ls             the files of the folder
func TestScripts(t *testing.T) {
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(percent) }()
	files, err := filepath.Abs(filepath.Join("testdata", "*.txt")) // each script runs in another folder
	if err != nil {
		t.Fatal(err)
	}
	script.RunEach(t, files, func(t *testing.T) script.Handler {
		dir := t.TempDir()
		t.Chdir(dir)
		t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
		return func(t *testing.T, d *script.Stanza) string {
			switch d.Cmd {
			case "file":
				text := d.Input + string(make([]byte, d.Int(t, "zeros", 0)))
				if err := os.WriteFile(d.Words()[0], []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return ""
			case "cat":
				b, err := os.ReadFile(d.Words()[0])
				if err != nil {
					return err.Error()
				}
				return string(b)
			case "ls":
				return list(t)
			case "weft":
				out, errs, code := weft(d.Words()...)
				return steady(out) + steady(errs) + map[bool]string{false: fmt.Sprintf("exit %d\n", code)}[code == 0]
			}
			t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
			return ""
		}
	})
}

func list(t *testing.T) string {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "cache" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

// weft runs the command in this process.
func weft(args ...string) (out, errs string, exit int) {
	var o, e bytes.Buffer
	root := newRoot(&o, &e)
	root.SetArgs(args)
	if err := root.ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(&e, "weft:", message(context.Background(), err))
		exit = code(err)
	}
	return o.String(), e.String(), exit
}

var (
	measured = regexp.MustCompile(`(seconds|peak_bytes|spilled_bytes)":[0-9.e+-]+`)
	figures  = regexp.MustCompile(`(?m)^.* s: .*rows/s$|^.*peak memory.*$`)
	plan     = regexp.MustCompile(`(?ms)^operator .*?\n\n`) // its estimates are not this package's business
)

// steady takes out what differs from run to run.
func steady(s string) string {
	s = measured.ReplaceAllString(s, `$1":N`)
	s = figures.ReplaceAllString(s, "FIGURES")
	return plan.ReplaceAllString(s, "PLAN\n\n")
}
