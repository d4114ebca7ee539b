package suite

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// The commands are read from the results: sizes, peers, processes, repetitions, curves.
func TestCommandsOfResults(t *testing.T) {
	var all []*result
	add := func(name, engine string, rows, reps, runs int) {
		for range runs {
			all = append(all, &result{Engine: engine, Case: name, Rows: rows, Reps: make([]use, reps)})
		}
	}
	for _, b := range benches {
		rows, reps := scales["full"].of(&b), 3
		switch suite, _, _ := strings.Cut(b.name, "/"); suite {
		case "h2o-join", "outofcore":
			add(b.name, "weft", rows, reps, 2)
			add(b.name, "duckdb-arrow", rows, reps, 2)
			add(b.name, "duckdb", rows, reps, 2)
		case "array":
			add(b.name, "weft", 2_500_000, reps, 1)
			if b.name == "array/norm" {
				add(b.name, "numba", 2_500_000, reps, 1)
			}
		}
	}
	add("csv/q1", "weft", 10_000_000, 3, 2)
	add("csv/q1", "weft-1", 10_000_000, 5, 2) // patience
	add("csv/q1", "polars", 10_000_000, 3, 2)
	add("machine/read", "weft", 2_500_000, 5, 1) // with array
	for _, at := range []int{1, 2} {
		all = append(all, &result{Engine: "weft", Case: "csv/q1", Rows: 1000, Curve: "threads", At: at, Reps: make([]use, 1)})
	}
	want := []string{
		"h2o-join outofcore --scale full --peers duckdb --runs 2 --reps 3",
		"csv/q1 --scale full --peers polars --runs 2 --reps 3",
		"array --rows 2500000 --peers numba --runs 1 --reps 3",
		"csv/q1 --rows 1000 --peers none --curve threads=1,2",
	}
	var got []string
	for line := range strings.Lines(newReport(all, nil, "").commands()) {
		got = append(got, strings.TrimPrefix(strings.TrimSpace(line), "weft bench run "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Parts that another version of weft gave, or on another day, are told apart; what one
// version gave on one day is said once.
func TestVersionsOfResults(t *testing.T) {
	var all []*result
	for name, made := range map[string][2]string{"csv/q1": {"aaa", "2026-11-20"}, "parquet/q1": {"aaa", "2026-11-20"}, "sort/few": {"bbb+dirty", "2026-11-21"}} {
		all = append(all, &result{Engine: "weft", Case: name, Rows: 1000, Reps: make([]use, 1), Weft: made[0], Day: made[1]})
	}
	want := `    # weft aaa, 2026-11-20
    weft bench run csv/q1 parquet/q1 --rows 1000 --peers none --runs 1 --reps 1
    # weft bbb+dirty, 2026-11-21
    weft bench run sort/few --rows 1000 --peers none --runs 1 --reps 1
`
	if got := newReport(all, nil, "").commands(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBuiltFrom(t *testing.T) {
	built := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: modified}}}
	}
	for _, c := range []struct {
		info *debug.BuildInfo
		ok   bool
		want string
	}{{built("false"), true, "0123456789ab"}, {built("true"), true, "0123456789ab+dirty"}, {&debug.BuildInfo{}, true, ""}, {nil, false, ""}} {
		if got := builtFrom(c.info, c.ok); got != c.want {
			t.Errorf("%v: %q, want %q", c.info, got, c.want)
		}
	}
}

// The README has the summary of the results.
func TestFiguresOfTheReadme(t *testing.T) {
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	readme := read("README.md")
	if want, err := withSummary(readme, read("benchmarks", "RESULTS.md")); err != nil || readme != want {
		t.Errorf("%v: README.md has other figures than benchmarks/RESULTS.md: weft bench report --readme writes them", err)
	}
}

// The table of figures is replaced, and nothing else; a text without a place for it is not
// touched.
func TestWriteReadme(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	r := newReport([]*result{result1("weft", 0.125, "7"), result1("duckdb", 0.25, "7")}, nil, "")
	before, after := "| a |\n|---|\n\nBeside other systems, so far:\n\n", "\nProse.\n\n| b |\n"
	table := "| work | cases | weft / peer | peer | weft / Dask |\n| --- | ---:| --- | --- | --- |\n| Group-by, tables in memory | 1 | 0.50 | DuckDB | – |\n"
	for text, want := range map[string]string{
		before + "| old |\n|---|\n| 1 |\n" + after: before + table + after,
		before + "| old |":                         before + table,
		"No place.\n":                              "",
		before:                                     "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		err := r.writeReadme(path)
		if got, _ := os.ReadFile(path); want == "" && (err == nil || string(got) != text) || want != "" && (err != nil || string(got) != want) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}
