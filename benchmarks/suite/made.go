package suite

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// peerNames are the peers as prose has them.
var peerNames = map[string]string{"duckdb": "DuckDB", "polars": "Polars", "numpy": "NumPy", "scipy": "SciPy", "numba": "Numba", "pandas": "pandas", "dask": "Dask", "celery": "Celery"}

// A making is the words after "weft bench run" that give some results, but for the
// names of the cases.
type making struct {
	names []string
	flags string
	when  string // which weft on which day; empty where that is not known
}

// makings reads from results which commands give them: suites by their names where all
// their cases ran, suites of the same flags together.
func makings(all []*result) (out []making) {
	add := func(names []string, flags, when string) {
		if i := slices.IndexFunc(out, func(m making) bool { return m.flags == flags && m.when == when }); i >= 0 {
			out[i].names = append(out[i].names, names...)
		} else if len(names) > 0 {
			out = append(out, making{names, flags, when})
		}
	}
	for _, s := range suites() {
		cases, err := find([]string{s})
		if err != nil {
			panic(err) // suites are those of the cases
		}
		for _, rows := range sizesOf(all, s) {
			of := func(b *bench) []*result {
				return slices.DeleteFunc(slices.Clone(all), func(r *result) bool { return r.Case != b.name || r.Curve != "" || r.Rows != rows })
			}
			ran := slices.DeleteFunc(slices.Clone(cases), func(b bench) bool { return len(of(&b)) == 0 })
			if cases[0].from == hardware && len(ran) < len(cases) {
				continue // limits that came along with cases
			}
			var some []*result
			for i := range ran {
				some = append(some, of(&ran[i])...)
			}
			add(namesOf(s, ran, cases), flagsOf(ran, rows, some), whenOf(some))
		}
	}
	for _, b := range bends(all) {
		flags := ""
		if b.by != "rows" {
			flags = b.bench.sizeFlag(b.rows) + " "
		}
		points := make([]string, len(b.at))
		for i, at := range b.at {
			points[i] = sizeName(at)
		}
		of := slices.DeleteFunc(slices.Clone(all), func(r *result) bool { return r.Case != b.bench.name || r.Curve != b.by })
		add([]string{b.bench.name}, flags+"--peers none --curve "+b.by+"="+strings.Join(points, ","), whenOf(of))
	}
	return out
}

// whenOf says which versions of weft gave some results, and on which days.
func whenOf(rs []*result) string {
	var out []string
	for _, r := range rs {
		if r.Day == "" {
			continue
		}
		if s := "weft " + cmp.Or(r.Weft, "of an unknown commit") + ", " + r.Day; !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// commands are the lines of a shell, indented, each group of them after a comment that says
// which weft ran them and when, if that is known.
func (r *report) commands() string {
	var b strings.Builder
	for i, m := range r.made {
		if m.when != "" && (i == 0 || r.made[i-1].when != m.when) {
			fmt.Fprintf(&b, "    # %s\n", m.when)
		}
		fmt.Fprintf(&b, "    weft bench run %s %s\n", strings.Join(m.names, " "), m.flags)
	}
	return b.String()
}

// sizesOf are the numbers of rows with which cases of a suite ran.
func sizesOf(all []*result, suite string) (out []int) {
	for _, r := range all {
		if strings.HasPrefix(r.Case, suite+"/") && r.Curve == "" && !slices.Contains(out, r.Rows) {
			out = append(out, r.Rows)
		}
	}
	slices.Sort(out)
	return out
}

// namesOf is the name of a suite, or those of the cases that ran if some did not.
func namesOf(suite string, ran, cases []bench) (out []string) {
	if len(ran) == len(cases) {
		return []string{suite}
	}
	for i := range ran {
		out = append(out, ran[i].name)
	}
	return out
}

// flagsOf are the flags of the command that gave some results of some cases of one suite.
func flagsOf(cases []bench, rows int, rs []*result) string {
	b := &cases[0]
	flags := b.sizeFlag(rows)
	var peers []string
	for _, e := range engines {
		if e.peer == "" || !slices.ContainsFunc(rs, func(r *result) bool { return r.Engine == e.name }) {
			continue
		}
		name := e.peer
		for _, o := range engines { // a variant by its name where another one could have run, too
			if o.peer == e.peer && slices.ContainsFunc(cases, func(b bench) bool { return o.can(&b) }) &&
				!slices.ContainsFunc(rs, func(r *result) bool { return r.Engine == o.name }) {
				name = e.name
			}
		}
		if !slices.Contains(peers, name) {
			peers = append(peers, name)
		}
	}
	flags += " --peers " + cmp.Or(strings.Join(peers, ","), "none")
	runs, reps := map[string]int{}, map[int]int{}
	for _, r := range rs {
		runs[r.Case+" "+r.Engine]++
		reps[len(r.Reps)]++
	}
	flags += fmt.Sprintf(" --runs %d", slices.Max(slices.Collect(maps.Values(runs))))
	if b.from != hardware { // those say themselves how often
		flags += fmt.Sprintf(" --reps %d", usual(reps))
	}
	return flags
}

// usual is the number that is counted most often: what takes long is repeated less, what
// is disturbed more, and what failed not at all.
func usual(counts map[int]int) (most int) {
	for _, n := range slices.Sorted(maps.Keys(counts)) {
		if n > 0 && counts[n] >= counts[most] {
			most = n
		}
	}
	return most
}

// sizeFlag is what gives the tables of a case so many rows.
func (b *bench) sizeFlag(rows int) string {
	for name, s := range scales {
		if rows == s.of(b) {
			return "--scale " + name
		}
	}
	return fmt.Sprintf("--%s %d", b.rowsFlag(), rows)
}

// rowsFlag is the flag that sets the number of rows of a case.
func (b *bench) rowsFlag() string {
	switch {
	case b.big:
		return "big-rows"
	case b.orders:
		return "orders"
	}
	return "rows"
}

// of is how many rows the tables of a case have at a scale.
func (s scale) of(b *bench) int {
	switch {
	case b.big:
		return s.big
	case b.orders:
		return s.orders
	case linear(b):
		return s.linear
	}
	return s.rows
}
