package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestShareOfALimit(t *testing.T) {
	rate := &result{Engine: "weft", Case: "machine/read", Rate: 10}
	norm := &result{Engine: "weft", Case: "array/norm", Rows: 1_000_000, Reps: []use{{Wall: 0.128, CPU: 0.2}},
		Answer: &answer{Rows: 1, Cols: []colAnswer{{Name: "v", Kind: "float", N: 1, Sum: "1", Dot: "0"}}}}
	for _, c := range []struct {
		all  []*result
		want string
	}{
		{[]*result{rate, norm}, "50 % of read"}, // 640 MB in 0.128 s are 5 GB/s
		{[]*result{norm}, ""},
	} {
		r := newReport(c.all, nil, "")
		i := slices.IndexFunc(r.lines, func(l line) bool { return l.bench.name == "array/norm" })
		if have := r.lines[i].ofLimit(); have != c.want {
			t.Errorf("%q, want %q", have, c.want)
		}
		var b strings.Builder
		r.print(&b, false)
		if strings.Contains(b.String(), "10.00 GB/s") != (c.want != "") {
			t.Errorf("the limit is shown where it was not measured, or not where it was:\n%s", b.String())
		}
	}
}

// What part of a limit is wanted, and how much of Dask's time, are goals at full scale; so is
// what cutting a file anew takes over copying it.
func TestGoalsOfLimits(t *testing.T) {
	one := &answer{Rows: 1, Cols: []colAnswer{{Name: "v", Kind: "float", N: 1, Sum: "1", Dot: "0"}}}
	norm := func(engine string, rows int, wall, cpu float64) *result {
		return &result{Engine: engine, Case: "array/norm", Rows: rows, Reps: []use{{Wall: wall, CPU: cpu}}, Answer: one}
	}
	recut := &result{Engine: "weft", Case: "outofcore/rechunk", Rows: 100_000_000, Reps: []use{{Wall: 5, CPU: 4}, {Wall: 3, CPU: 4}},
		Copies: []use{{Wall: 2}, {Wall: 2.5}}, Answer: one}
	all := []*result{{Engine: "weft", Case: "machine/read", Rate: 10}, norm("weft", 1_000_000, 0.1, 0.1), norm("dask", 1_000_000, 1, 1),
		norm("weft", 10_000_000, 1.28, 0.2), norm("dask", 10_000_000, 4, 2), recut}
	got := map[string]string{}
	for _, g := range goals(sumUp(all, nil, "")) {
		got[g.what] += fmt.Sprintf("%.2f of %.2f: %s", g.measured, g.limit, g.state())
	}
	for what, want := range map[string]string{
		"array/norm: of read":                                        "50.00 of 85.00: missed",
		"array/norm: CPU against Dask":                               "0.10 of 0.20: met",
		"outofcore/rechunk: wall time over that of copying the file": "1.50 of 1.30: missed",
	} {
		if got[what] != want {
			t.Errorf("%s: %q, want %q", what, got[what], want)
		}
	}
	recut.Copies = nil
	for _, g := range goals(sumUp(all, nil, "")) {
		if strings.HasPrefix(g.what, "outofcore/rechunk: wall") && g.state() != "not measured" {
			t.Errorf("%g without a copy", g.measured)
		}
	}
}

// Cases bring the limits that they are compared with.
func TestLimitsOfCases(t *testing.T) {
	cases, err := find([]string{"array/norm", "linalg/qr", "h2o-join/q1"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range withLimits(cases) {
		names = append(names, b.name)
	}
	if want := []string{"machine/read", "machine/fma", "h2o-join/q1", "array/norm", "linalg/qr"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// A peer that is not installed is left out, with what it misses; a Python that cannot run
// the runner is an error with its last words.
func TestMissingPeers(t *testing.T) {
	python := filepath.Join(t.TempDir(), "python")
	say := func(script string) {
		if err := os.WriteFile(python, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all, err := choose("duckdb,polars,celery", false)
	if err != nil {
		t.Fatal(err)
	}
	say(`echo '{"versions": {"duckdb": "2.0.0"}, "missing": {"polars": "no polars", "celery": "no redis"}}'`)
	l := &lab{}
	if err := l.findPython(t.Context(), python); err != nil || l.python != python {
		t.Fatalf("%q, %v", l.python, err)
	}
	some, missing := l.installed(all)
	if !slices.Equal(missing, []string{"polars: no polars", "celery: no redis"}) || len(some) != 4 {
		t.Errorf("%d engines, missing %q", len(some), missing)
	}
	say("echo no such thing >&2; exit 3")
	l = &lab{}
	if err := l.findPython(t.Context(), python); l.python != "" || err == nil || !strings.Contains(err.Error(), python+": exit status 3: no such thing") {
		t.Errorf("%q, %v", l.python, err)
	}
}

// The shape of a table is its own, whatever its family has beside it.
func TestShapes(t *testing.T) {
	for _, b := range benches {
		for _, name := range b.tables {
			if x := shape(name); x == nil || x.name != name || len(x.cols) == 0 {
				t.Errorf("the shape of %s of %s is %+v", name, b.name, x)
			}
		}
	}
}

// A process that takes too long is cut, with what it has started, and leaves no file.
func TestCut(t *testing.T) {
	data := t.TempDir()
	python := filepath.Join(t.TempDir(), "python")
	script := "#!/bin/sh\ntouch " + data + "/peer-$$.out.parquet\nsleep 60 &\necho $! > " + data + "/child\nwait\n"
	if err := os.WriteFile(python, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	l := &lab{python: python, timeOut: 300 * time.Millisecond}
	res, err := l.run(t.Context(), engine{name: "duckdb", peer: "duckdb"}, order{Data: data})
	if err == nil || !strings.Contains(res.Error, "no answer after 300ms") {
		t.Errorf("%+v, %v", res, err)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "*.parquet")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	pid, err := os.ReadFile(filepath.Join(data, "child"))
	if err != nil {
		t.Skip("the process was cut before it started another") // on a very busy machine
	}
	for range 1000 { // it is killed, and has to be seen to the end by the system
		b, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("what the process started is still there")
}
