// Tally reads the events of "go test -json" from standard input, prints what "go test" would, and adds the numbers of
// tests that passed, failed and were skipped to the end of a file, as one line of three numbers.
//
// It exits with 1 when something failed or nothing arrived.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

type tally struct {
	out                     io.Writer
	passed, failed, skipped int
	output                  map[[2]string][]string // package and test → what it printed; test "" is the package
	broken                  map[string]bool        // packages with a failed test
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ... | tally file")
		os.Exit(2)
	}
	t := newTally(os.Stdout)
	t.read(os.Stdin)
	if err := t.save(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	if !t.good() {
		if t.failed == 0 {
			fmt.Fprintln(os.Stderr, "tally: no test ran")
		}
		os.Exit(1)
	}
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, output: map[[2]string][]string{}, broken: map[string]bool{}}
}

// read takes events until the input ends. Lines of any length are read: a test may print what it likes.
func (t *tally) read(in io.Reader) {
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			t.line(line)
		}
		if err != nil {
			return
		}
	}
}

// good is false also when nothing ran: a wrong pattern of packages must not look like success.
func (t *tally) good() bool { return t.failed == 0 && t.passed+t.skipped > 0 }

func (t *tally) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil {
		fmt.Fprint(t.out, line)
		return
	}
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "output":
		t.output[key] = append(t.output[key], e.Output)
	case "pass", "fail", "skip":
		t.end(e)
		delete(t.output, key)
	}
}

// end closes a test, or a package when e.Test is empty.
func (t *tally) end(e event) {
	lines := t.output[[2]string{e.Package, e.Test}]
	if e.Test != "" {
		switch e.Action {
		case "pass":
			t.passed++
		case "skip":
			t.skipped++
		case "fail":
			t.failed++
			t.broken[e.Package] = true
			fmt.Fprint(t.out, strings.Join(lines, ""))
		}
		return
	}
	// A package fails alone when it does not build, or when its process ends before its tests do: then the tests
	// that never ended hold the reason.
	if e.Action == "fail" && !t.broken[e.Package] {
		t.failed++
		for key, lines := range t.output {
			if key[0] == e.Package && key[1] != "" {
				fmt.Fprint(t.out, strings.Join(lines, ""))
			}
		}
	}
	for _, l := range lines {
		if l != "PASS\n" && !strings.Contains(l, "[no test files]") {
			fmt.Fprint(t.out, l)
		}
	}
}

func (t *tally) save(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	fmt.Fprintln(f, t.passed, t.failed, t.skipped)
	return f.Close()
}
