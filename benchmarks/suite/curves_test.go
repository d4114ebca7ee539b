package suite

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseSweep(t *testing.T) {
	s, err := parseSweep("rows=1e6,1000,1e6")
	if err != nil || s.by != "rows" || len(s.points) != 2 || s.points[0] != 1000 || s.points[1] != 1_000_000 {
		t.Errorf("%v, %v", s, err)
	}
	for text, want := range map[string]string{
		"size=1,2":      "want rows, threads, workers or block",
		"threads=1":     "two points",
		"threads=1,1":   "two points",
		"threads=1,x":   `"x" is no whole number`,
		"threads=1,0":   `"0" is no whole number`,
		"threads=1,1.5": `"1.5" is no whole number`,
	} {
		if _, err := parseSweep(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Every kind of curve is measured, kept apart from the other results, and drawn.
func TestCurves(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cases, err := find([]string{"h2o-groupby/q1", "array/norm", "cluster/tasks"})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c := &campaign{Cases: cases, Size: scale{rows: 2000, tasks: 1000}, Threads: 2, Runs: 1, Reps: 1, Data: t.TempDir(),
		lab: lab{self: []string{self}, timeOut: time.Minute}, log: &log}
	for _, text := range []string{"rows=1000,2000", "threads=1,2", "workers=1,2", "block=1000,10000"} {
		s, err := parseSweep(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Sweeps = append(c.Sweeps, s)
	}
	all, err := c.follow(t.Context(), engines[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 * (2 + 2 + 1 + 1); len(all) != want { // q1 and norm by rows and threads, tasks by workers, norm by block
		t.Fatalf("%d results, want %d\n%s", len(all), want, log.String())
	}
	for _, r := range all {
		if r.Error != "" || len(r.Reps) != 1 {
			t.Errorf("%s at %d %s: %s", r.Case, r.At, r.Curve, r.Error)
		}
	}
	r := newReport(all, nil, "")
	if len(r.lines) != 0 || len(r.bends) != 6 {
		t.Fatalf("%d lines and %d curves, want none and 6", len(r.lines), len(r.bends))
	}
	p := r.page()
	if len(p.Curves) != 12 || len(p.Data.Curves) != 12 || p.Data.Curves[0].By != "rows" || p.Data.Curves[1].Unit != "MiB" {
		t.Errorf("%d charts: %+v", len(p.Curves), p.Curves)
	}
	var b strings.Builder
	r.print(&b, false)
	for _, want := range []string{"Curves", "block", "workers"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report has no %s:\n%s", want, b.String())
		}
	}
}
