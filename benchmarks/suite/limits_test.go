package suite

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
		r := &report{lines: sumUp(c.all, nil, "")}
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

// A peer that is not installed is named and left out.
func TestMissingPeers(t *testing.T) {
	python := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(python, []byte("#!/bin/sh\necho '{\"duckdb\": \"2.0.0\"}'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	all, err := choose("duckdb,polars,numba", false)
	if err != nil {
		t.Fatal(err)
	}
	some, missing, err := (&lab{python: python}).installed(all)
	if err != nil || !slices.Equal(missing, []string{"polars", "numba"}) && !slices.Equal(missing, []string{"numba", "polars"}) || len(some) != 3 {
		t.Errorf("%d engines, missing %v, %v", len(some), missing, err)
	}
}
