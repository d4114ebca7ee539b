package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	alone   bool   // in one process, even where the case has workers
	env     string // of the process, beside this one's
	can     func(*bench) bool
}

// weftOne is weft with one thread.
const weftOne = "weft-1"

// weftLocal is what cases of a cluster cost without one: as many threads in one
// process.
const weftLocal = "weft-local"

// bestCore is what makes OpenBLAS use AVX-512 where it does not choose it by itself.
const bestCore = "OPENBLAS_CORETYPE=SkylakeX"

// engines are all, in the order of the tables. DuckDB, Polars and Dask come twice
// because they are fast in different ways; the better one counts. Goals are about
// DuckDB and Polars.
var engines = []engine{
	{name: "weft", can: func(*bench) bool { return true }},
	{name: weftOne, threads: 1, can: func(b *bench) bool { return b.from != nothing && b.from != hardware && b.workers == 0 }},
	{name: weftLocal, alone: true, can: func(b *bench) bool { return b.tabular() && b.workers > 0 }},
	{name: "numpy", peer: "numpy", variant: "numpy", can: func(b *bench) bool { return b.from == numeric }},
	{name: "scipy", peer: "scipy", variant: "scipy", can: linear},
	{name: "numpy-skylakex", peer: "numpy", variant: "numpy", env: bestCore, can: linear},
	{name: "scipy-skylakex", peer: "scipy", variant: "scipy", env: bestCore, can: linear},
	{name: "numba", peer: "numba", variant: "numba", can: func(b *bench) bool { return b.name == "array/norm" || b.name == "array/sine" }},
	{name: "duckdb", peer: "duckdb", variant: "duckdb", can: (*bench).alone},
	{name: "duckdb-arrow", peer: "duckdb", variant: "duckdb-arrow", can: func(b *bench) bool { return b.from == inMemory }},
	{name: "polars", peer: "polars", variant: "polars", can: func(b *bench) bool { return b.alone() && (b.memory == 0 || b.orders) && b.tables[0] != "brc" }},
	{name: "polars-streaming", peer: "polars", variant: "polars-streaming", can: (*bench).alone},
	{name: "pandas", peer: "pandas", variant: "pandas", can: func(b *bench) bool { return b.alone() && !b.big && !b.rare() }},
	{name: "dask", peer: "dask", variant: "dask", can: func(b *bench) bool { return (b.alone() || b.from == numeric) && b.to == "" && !b.rare() }},
	{name: "dask-distributed", peer: "dask", variant: "dask-distributed", can: func(b *bench) bool {
		return (b.tabular() || b.from == numeric || b.calls) && b.to == "" && !b.rare()
	}},
	{name: "celery", peer: "celery", variant: "celery", can: func(b *bench) bool {
		return b.calls && !b.idle && b.name != "cluster/transfer" && b.name != "cluster/exchange" && b.name != "cluster/move"
	}},
}

// tabular says that a case is about tables.
func (b *bench) tabular() bool {
	return b.from != nothing && b.from != numeric && b.from != hardware && b.from != raw
}

// linear says that it is about matrices.
func linear(b *bench) bool { return strings.HasPrefix(b.name, "linalg/") }

// rare says that the queries of its family are written for DuckDB and Polars alone.
func (b *bench) rare() bool {
	family, _, _ := strings.Cut(b.name, "/")
	return slices.Contains([]string{"window", "asof", "scan", "write"}, family)
}

// alone says that it is about tables in one process.
func (b *bench) alone() bool { return b.tabular() && b.workers == 0 }

// allPeers stands for all peers that are installed.
const allPeers = "all"

func peerList() string { return strings.Join(slices.Sorted(maps.Keys(peerNames)), ", ") }

// choose returns weft's engines and those of the peers: a list of names, of peers or of
// their variants, allPeers or "none".
func choose(peers string, one bool) ([]engine, error) {
	var names []string
	switch peers {
	case "none":
	case allPeers:
		names = slices.Collect(maps.Keys(peerNames))
	default:
		names = strings.Split(peers, ",")
	}
	for _, n := range names {
		if !slices.ContainsFunc(engines, func(e engine) bool { return e.peer != "" && (e.peer == n || e.name == n) }) {
			return nil, fmt.Errorf("--peers %s: want some of %s with commas between, %s, or none", peers, peerList(), allPeers)
		}
	}
	var out []engine
	for _, e := range engines {
		if e.name == "weft" || e.name == weftLocal || e.name == weftOne && one || e.peer != "" && (slices.Contains(names, e.peer) || slices.Contains(names, e.name)) {
			out = append(out, e)
		}
	}
	return out, nil
}

// A lab is where processes are started.
type lab struct {
	self    []string // this program, and the arguments that lead to the suite
	version string   // of this program
	python  string   // with the peers; empty when there is none
	has     packages // of that Python
	runner  string   // peers/runner.py
	timeOut time.Duration
}

// packages are the peers that a Python can run, with their versions, and what those miss
// that it cannot.
type packages struct {
	Versions, Missing map[string]string
}

// howToInstall ends the line that names missing peers.
const howToInstall = "benchmarks/peers/install.sh installs them, or --python names a Python that has them"

// findPython finds the interpreter of the peers: the one that is named, and no other, or
// else the first of the usual ones that runs the runner.
func (l *lab) findPython(ctx context.Context, named string) error {
	peers, err := peersFolder()
	if err != nil {
		return err
	}
	l.runner = filepath.Join(peers, "runner.py")
	usual := []string{join(os.Getenv("WEFT_BENCH_VENV"), "bin", "python"), filepath.Join(peers, "..", ".venv", "bin", "python")}
	if named != "" {
		usual = []string{named}
	}
	for _, python := range usual {
		if python == "" {
			continue
		}
		has, e := l.packages(ctx, python)
		if e == nil {
			l.python, l.has = python, has
			return nil
		}
		err = errors.Join(err, e)
	}
	return err
}

// packages asks a Python what it has.
func (l *lab) packages(ctx context.Context, python string) (has packages, err error) {
	var bad bytes.Buffer
	c := exec.CommandContext(ctx, python, l.runner, "--versions")
	c.Stderr = &bad
	text, err := c.Output()
	if err == nil {
		err = json.Unmarshal(text, &has)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", python, err, tail(bad.String()))
	}
	return has, err
}

// installed leaves out the engines whose peers the Python has not, and says of these what
// is missing.
func (l *lab) installed(es []engine) (out []engine, missing []string) {
	for _, e := range es {
		why := e.peer + ": " + l.has.Missing[e.peer]
		switch {
		case e.peer == "" || l.has.Versions[e.peer] != "":
			out = append(out, e)
		case !slices.Contains(missing, why):
			missing = append(missing, why)
		}
	}
	return out, missing
}

func join(dir string, parts ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// command is what has an engine do an order.
func (l *lab) command(ctx context.Context, e engine, o order) (*exec.Cmd, error) {
	if e.peer != "" {
		c := exec.CommandContext(ctx, l.python, l.runner, "--engine", e.variant, "--case", o.Case, "--data", o.Data,
			"--rows", strconv.Itoa(o.Rows), "--threads", strconv.Itoa(o.Threads),
			"--memory", strconv.FormatInt(o.Memory, 10), "--reps", strconv.Itoa(o.Reps), "--enough", strconv.FormatFloat(o.Enough.Seconds(), 'f', -1, 64), "--scale", strconv.Itoa(max(1, o.Scale)))
		c.Env = append(os.Environ(), "POLARS_MAX_THREADS="+strconv.Itoa(o.Threads), "OPENBLAS_NUM_THREADS="+strconv.Itoa(o.Threads))
		if e.env != "" {
			c.Env = append(c.Env, e.env)
		}
		return c, nil
	}
	c := exec.CommandContext(ctx, l.self[0], append(slices.Clone(l.self[1:]), "child")...)
	in, err := json.Marshal(o)
	c.Stdin, c.Env = bytes.NewReader(in), os.Environ()
	if o.Memory > 0 { // the backstop that the weft command sets, too
		c.Env = append(c.Env, "GOMEMLIMIT="+strconv.FormatInt(o.Memory, 10), "GOGC=50")
	}
	return c, err
}

// run has an engine do an order in a new process.
func (l *lab) run(ctx context.Context, e engine, o order) (*result, error) {
	if e.threads > 0 {
		o.Threads = e.threads
	}
	o.Alone = e.alone
	ctx, cancel := context.WithTimeoutCause(ctx, l.timeOut, fmt.Errorf("no answer after %v", l.timeOut))
	defer cancel()
	c, err := l.command(ctx, e, o)
	if err != nil {
		return nil, err
	}
	var out, bad bytes.Buffer
	c.Stdout, c.Stderr = &out, &bad
	endTogether(c)
	c.WaitDelay = 5 * time.Second // processes that a peer has started hold its output open
	err = c.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
		bad.Reset() // what it said until then does not matter
	}
	err = errors.Join(err, cleared(o.Data, c.Process))
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
	res.Engine, res.Weft, res.Day = e.name, l.version, time.Now().UTC().Format(time.DateOnly)
	return res, ctx.Err()
}

// cleared removes what a process that was cut has left of its answer.
func cleared(data string, p *os.Process) (err error) {
	if p == nil {
		return nil
	}
	left, _ := filepath.Glob(filepath.Join(data, fmt.Sprintf("*-%d.out.*", p.Pid)))
	for _, f := range left {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

// tail is the end of a process's complaint.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// prepare has the Arrow and Parquet files made beside data files.
func (l *lab) prepare(ctx context.Context, data string, files []string) error {
	c := exec.CommandContext(ctx, l.python, append([]string{l.runner, "--data", data, "--prepare"}, files...)...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("preparing %s for the peers: %w: %s", strings.Join(files, ", "), err, tail(string(out)))
	}
	return nil
}
