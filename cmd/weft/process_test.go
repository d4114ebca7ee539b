package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// process starts the command as a process of its own.
func process(t *testing.T, args ...string) (c *exec.Cmd, out, errs *bytes.Buffer) {
	t.Helper()
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	c = exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "WEFT_BE_THE_COMMAND=1")
	c.Stdout, c.Stderr = out, errs
	return c, out, errs
}

// exit is the code a process ended with.
func exit(t *testing.T, err error) int {
	t.Helper()
	var e *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.ExitCode()
	}
	t.Fatal(err)
	return -1
}

func TestExitCodes(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, c := range []struct {
		args string
		code int
		out  string
		errs string
	}{
		{"version", 0, "weft ", ""},
		{"version --json", 0, `"isa":`, ""},
		{"", 0, "Usage:", ""},
		{"help count", 0, "weft count FILE…", ""},
		{"count none.csv", 1, "", "weft: none.csv: no such file"},
		{"count", 2, "", "Usage: weft count FILE…"},
		{"--wat", 2, "", "unknown flag: --wat"},
		{"demo --rows 100 --json", 0, `"answer_rows":13`, ""},
	} {
		p, out, errs := process(t, strings.Fields(c.args)...)
		if code := exit(t, p.Run()); code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.errs) {
			t.Errorf("weft %s: exit %d, want %d\n%s%s", c.args, code, c.code, out, errs)
		}
		if c.code == 0 && errs.Len() > 0 || c.code != 0 && out.Len() > 0 {
			t.Errorf("weft %s: results belong to the output, errors to the error output\n%s---\n%s", c.args, out, errs)
		}
	}
}

// wait polls until a pattern has a match.
func wait(t *testing.T, pattern string) {
	t.Helper()
	for range 2000 {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("nothing matches %s", pattern)
}

// TestInterrupt stops the demo while it makes data and while it spills: nothing
// is left behind.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted from here")
	}
	if testing.Short() {
		t.Skip("makes 50 MB of data")
	}
	cache, spill := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	args := []string{"demo", "--rows", "1500000", "--memory", "96MiB", "--spill-dir", spill}
	for _, when := range []string{filepath.Join(cache, "weft", "demo", ".sales-*.tmp"), filepath.Join(spill, "*", "*")} {
		p, _, errs := process(t, args...)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		wait(t, when)
		if err := p.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := exit(t, p.Wait()); code != 1 || !strings.HasSuffix(errs.String(), "weft: stopped\n") {
			t.Errorf("exit %d: %s", code, errs)
		}
		for _, left := range []string{filepath.Join(cache, "weft", "demo", ".*.tmp"), filepath.Join(spill, "*")} {
			if found, err := filepath.Glob(left); err != nil || len(found) > 0 {
				t.Errorf("left behind: %v, %v", found, err)
			}
		}
		if p, out, errs := process(t, "demo", "--rows", "1500000", "--spill-dir", spill, "--json"); exit(t, p.Run()) != 0 {
			t.Errorf("afterwards: %s%s", out, errs)
		}
	}
}

// TestDemoInLittleMemory holds the demo to its budget, and the answer to what it
// is with plenty.
func TestDemoInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 50 MB of data")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	type result struct {
		Checksum string
		Peak     int64 `json:"peak_bytes"`
		Budget   int64 `json:"budget_bytes"`
		Spilled  int64 `json:"spilled_bytes"`
	}
	run := func(args ...string) (r result) {
		p, out, errs := process(t, append([]string{"demo", "--rows", "1500000", "--json"}, args...)...)
		if code := exit(t, p.Run()); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errs)
		}
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	plenty := run("--memory", "2GiB")
	little := run("--memory", "96MiB", "--threads", "2")
	if plenty.Spilled != 0 || little.Spilled == 0 {
		t.Errorf("spilled %d bytes of 2 GiB, %d of 96 MiB", plenty.Spilled, little.Spilled)
	}
	if little.Checksum != plenty.Checksum {
		t.Errorf("checksum %s in 96 MiB, %s in 2 GiB", little.Checksum, plenty.Checksum)
	}
	if runtime.GOOS == "linux" && little.Peak > little.Budget*115/100 {
		t.Errorf("peak %d of a budget of %d", little.Peak, little.Budget)
	}
}
