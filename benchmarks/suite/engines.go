package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An engine runs orders in cold processes.
type engine struct {
	name    string
	peer    string // duckdb or polars; empty for weft
	variant string // of the runner; empty for weft
	threads int    // overrides the order's when not 0
	can     func(*bench) bool
}

// weftOne is weft with one thread.
const weftOne = "weft-1"

// engines are all, in the order of the tables. DuckDB, Polars and Dask come twice
// because they are fast in different ways; the better one counts. Goals are about
// DuckDB and Polars.
var engines = []engine{
	{name: "weft", can: func(*bench) bool { return true }},
	{name: weftOne, threads: 1, can: func(b *bench) bool { return b.from != nothing && b.from != hardware && b.workers == 0 }},
	{name: "numpy", peer: "numpy", variant: "numpy", can: func(b *bench) bool { return b.from == numeric }},
	{name: "scipy", peer: "scipy", variant: "scipy", can: func(b *bench) bool { return strings.HasPrefix(b.name, "linalg/") }},
	{name: "numba", peer: "numba", variant: "numba", can: func(b *bench) bool { return b.name == "array/norm" || b.name == "array/sine" }},
	{name: "duckdb", peer: "duckdb", variant: "duckdb", can: (*bench).alone},
	{name: "duckdb-arrow", peer: "duckdb", variant: "duckdb-arrow", can: func(b *bench) bool { return b.from == inMemory }},
	{name: "polars", peer: "polars", variant: "polars", can: func(b *bench) bool { return b.alone() && (b.memory == 0 || b.orders) && b.tables[0] != "brc" }},
	{name: "polars-streaming", peer: "polars", variant: "polars-streaming", can: (*bench).alone},
	{name: "pandas", peer: "pandas", variant: "pandas", can: func(b *bench) bool { return b.alone() && !b.big && !b.orders }},
	{name: "dask", peer: "dask", variant: "dask", can: func(b *bench) bool { return (b.alone() || b.from == numeric) && b.sorted == nil && !b.orders }},
	{name: "dask-distributed", peer: "dask", variant: "dask-distributed", can: func(b *bench) bool {
		return (b.tabular() || b.from == numeric || b.workers > 0) && b.sorted == nil && !b.orders
	}},
}

// tabular says that a case is about tables.
func (b *bench) tabular() bool { return b.from != nothing && b.from != numeric && b.from != hardware }

// alone says that it is about tables in one process.
func (b *bench) alone() bool { return b.tabular() && b.workers == 0 }

// choose returns weft's engines and those of the peers, a list of names or "none".
func choose(peers string, one bool) ([]engine, error) {
	var names []string
	if peers != "none" {
		names = strings.Split(peers, ",")
	}
	for _, n := range names {
		if !slices.ContainsFunc(engines, func(e engine) bool { return e.peer == n && n != "" }) {
			return nil, fmt.Errorf("--peers %s: want some of duckdb, polars, numpy, scipy, numba, pandas, dask with commas between, or none", peers)
		}
	}
	var out []engine
	for _, e := range engines {
		if e.name == "weft" || e.name == weftOne && one || slices.Contains(names, e.peer) {
			out = append(out, e)
		}
	}
	return out, nil
}

// A lab is where processes are started.
type lab struct {
	self    []string // this program, and the arguments that lead to the suite
	python  string   // with the peers; empty when there is none
	runner  string   // peers/runner.py
	timeOut time.Duration
}

// howToInstall is what a missing peer is reported with.
const howToInstall = "the peers are skipped: no Python with them; install them with benchmarks/peers/install.sh, or name one with --python"

// findPython returns the interpreter that has the peers.
func findPython(flag, peers string) string {
	for _, p := range []string{flag, join(os.Getenv("WEFT_BENCH_VENV"), "bin", "python"), filepath.Join(peers, "..", ".venv", "bin", "python")} {
		if p != "" && exec.Command(p, filepath.Join(peers, "runner.py"), "--versions").Run() == nil {
			return p
		}
	}
	return ""
}

// installed leaves out the engines whose peers the Python has not, and names these.
func (l *lab) installed(es []engine) (out []engine, missing []string, err error) {
	text, err := exec.Command(l.python, l.runner, "--versions").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", l.python, err)
	}
	var versions map[string]string
	if err := json.Unmarshal(text, &versions); err != nil {
		return nil, nil, fmt.Errorf("the versions of the peers: %w", err)
	}
	for _, e := range es {
		switch {
		case e.peer == "" || versions[e.peer] != "":
			out = append(out, e)
		case !slices.Contains(missing, e.peer):
			missing = append(missing, e.peer)
		}
	}
	return out, missing, nil
}

func join(dir string, parts ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// run has an engine do an order in a new process.
func (l *lab) run(ctx context.Context, e engine, o order) (*result, error) {
	if e.threads > 0 {
		o.Threads = e.threads
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.timeOut, fmt.Errorf("no answer after %v", l.timeOut))
	defer cancel()
	var c *exec.Cmd
	if e.peer == "" {
		c = exec.CommandContext(ctx, l.self[0], append(slices.Clone(l.self[1:]), "child")...)
		in, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		c.Stdin = bytes.NewReader(in)
		c.Env = os.Environ()
		if o.Memory > 0 { // the backstop that the weft command sets, too
			c.Env = append(c.Env, "GOMEMLIMIT="+strconv.FormatInt(o.Memory, 10), "GOGC=50")
		}
	} else {
		c = exec.CommandContext(ctx, l.python, l.runner, "--engine", e.variant, "--case", o.Case, "--data", o.Data,
			"--rows", strconv.Itoa(o.Rows), "--threads", strconv.Itoa(o.Threads),
			"--memory", strconv.FormatInt(o.Memory, 10), "--reps", strconv.Itoa(o.Reps), "--scale", strconv.Itoa(max(1, o.Scale)))
		c.Env = append(os.Environ(), "POLARS_MAX_THREADS="+strconv.Itoa(o.Threads))
	}
	var out, bad bytes.Buffer
	c.Stdout, c.Stderr = &out, &bad
	err := c.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	res := &result{}
	if err == nil {
		d := json.NewDecoder(&out)
		d.UseNumber()
		err = d.Decode(res)
	}
	if err != nil {
		res = &result{Case: o.Case, Rows: o.Rows, Threads: o.Threads, Memory: o.Memory,
			Error: errors.Join(err, errors.New(tail(bad.String()))).Error()}
	}
	res.Engine = e.name
	return res, ctx.Err()
}

// tail is the end of a process's complaint.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// prepare has the Arrow and Parquet files made beside a data file.
func (l *lab) prepare(ctx context.Context, data, file string) error {
	c := exec.CommandContext(ctx, l.python, l.runner, "--prepare", file, "--data", data)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("preparing %s for the peers: %w: %s", file, err, tail(string(out)))
	}
	return nil
}
