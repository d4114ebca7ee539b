package suite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/benchmarks/tpch"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/format/csv"
	"github.com/weft-data/weft/frame"
)

// A source is where a case's tables are before the clock starts.
type source uint8

const (
	inMemory   source = iota // Arrow records
	textFile                 // delimited files
	columnFile               // Parquet files that a peer has written, snappy
	numeric                  // arrays in memory
	hardware                 // none: the case is a limit of the machine
	nothing                  // no tables: the case is about tasks
	raw                      // an array in a file without a header
)

// A bench is one case: a query over tables, a question about arrays, or many small tasks. All engines run
// it under the same name.
type bench struct {
	name   string
	tables []string
	from   source
	big    bool  // of a size of its own
	orders bool  // rows are orders of TPC-H
	memory int64 // budget in bytes; 0 is none
	plan   func(in tables) *frame.Frame
	to     string // the format of the file that the answer is written to, "csv" or "parquet"; empty: it is collected
	tasks  func(*tasks) (int, error)
	array  arrayCase
	file   fileCase
	about  string
	// ordered, when set, are number columns by which the rows of the answer come.
	ordered []string
	workers int     // processes of one thread each, in a cluster; 0: this process
	idle    bool    // a cluster without workers
	calls   bool    // small ones on workers, as the peers have them too
	wants   []want  // of it alone
	need    amount  // that the case must do at least; none: not compared with a limit
	toDask  float64 // of its CPU seconds, at most; 0: not a goal
}

// tables are frames by name.
type tables map[string]*frame.Frame

const mib = 1 << 20

// benches are all cases, in the order of the report.
var benches = list()

func list() []bench {
	var out []bench
	for i, q := range groupQueries {
		out = append(out, bench{name: fmt.Sprintf("h2o-groupby/q%d", i+1), tables: []string{"g1"}, from: inMemory, plan: q.plan, about: q.about})
	}
	for i, q := range joinQueries {
		out = append(out, bench{name: fmt.Sprintf("h2o-join/q%d", i+1), tables: []string{"j1_x", "j1_" + q.right}, from: inMemory, plan: q.plan, about: q.about})
	}
	for _, i := range []int{1, 3, 5, 10} {
		q := groupQueries[i-1]
		out = append(out, bench{name: fmt.Sprintf("csv/q%d", i), tables: []string{"g1"}, from: textFile, plan: q.plan, about: q.about + ", from CSV"})
	}
	out = append(out, bench{name: "csv/all", tables: []string{"g1"}, from: textFile, plan: everyColumn, about: "sums of all numbers and largest texts by id1: every column is parsed"})
	for _, i := range []int{1, 3, 10} {
		q := groupQueries[i-1]
		out = append(out, bench{name: fmt.Sprintf("parquet/q%d", i), tables: []string{"g1"}, from: columnFile, plan: q.plan, about: q.about + ", from Parquet"})
	}
	for _, q := range scanQueries {
		out = append(out, bench{name: "scan/" + q.name, tables: []string{"g1"}, from: columnFile, plan: q.plan, about: q.about})
	}
	for _, format := range []string{"csv", "parquet"} {
		out = append(out, bench{name: "write/" + format, tables: []string{"g1"}, from: inMemory, to: format, about: "all columns to a file",
			plan: func(in tables) *frame.Frame { return in["g1"] }})
	}
	for _, a := range arrayCases {
		b := bench{name: "array/" + a.name, from: numeric, array: a.load, about: a.about, toDask: a.toDask}
		if a.bytes != nil {
			b.need = amount{"read", a.bytes, a.least}
		}
		out = append(out, b)
	}
	for _, a := range linalgCases {
		size := func(rows int) float64 { return float64(sideOf(rows)) }
		if a.tall {
			size = func(rows int) float64 { return float64(rows) }
		}
		out = append(out, bench{name: "linalg/" + a.name, from: numeric, array: a.load, about: a.about,
			need: amount{"fma", func(rows int) float64 { return a.flops(size(rows)) }, a.least}, toDask: a.toDask})
	}
	for _, s := range sortQueries {
		out = append(out, bench{name: "sort/" + s.name, tables: []string{"g1"}, from: inMemory, about: s.about, ordered: s.numbers,
			plan: func(in tables) *frame.Frame { return in["g1"].Select("id3", "id6", "v1", "v3").Sort(s.by...) }})
	}
	for _, q := range windowQueries {
		out = append(out, bench{name: "window/" + q.name, tables: []string{"g1"}, from: inMemory, about: q.about, plan: q.plan})
	}
	for _, q := range asOfQueries {
		out = append(out, bench{name: "asof/" + q.name, tables: []string{"ticks_x", "ticks_y"}, from: inMemory, about: q.about, plan: q.plan})
	}
	for _, l := range limits {
		out = append(out, bench{name: limitPrefix + l.name, from: hardware, about: l.about})
	}
	for _, q := range tpch.All {
		b := bench{name: "tpch/" + q.Name, from: columnFile, orders: true, memory: 1024 * mib, about: q.About + ", in 1 GiB"}
		for _, t := range q.Tables {
			b.tables = append(b.tables, "tpch_"+t)
		}
		b.plan = func(in tables) *frame.Frame {
			t := tpch.Tables{}
			for name, f := range in {
				t[strings.TrimPrefix(name, "tpch_")] = f
			}
			return q.Plan(t)
		}
		out = append(out, b)
	}
	return append(out,
		bench{name: "1brc/stations", tables: []string{"brc"}, from: textFile, big: true, plan: temperatures, about: "min, mean, max by station",
			wants: []want{{"largest resident size", 150, "MiB", cpuClock, func(f *figure) float64 { return float64(f.peak) / mib }}}},
		bench{name: "outofcore/q3", tables: []string{"g1"}, from: textFile, big: true, memory: 512 * mib, plan: groupQueries[2].plan,
			about: groupQueries[2].about + ", from CSV in 512 MiB"},
		bench{name: "outofcore/sort", tables: []string{"g1"}, from: textFile, big: true, memory: 1024 * mib, plan: sorted, to: "parquet", ordered: []string{"v3", "id6"},
			about: "id6, v1, v3 sorted by v3 and id6, from CSV to Parquet in 1 GiB"},
		bench{name: "outofcore/rechunk", from: raw, big: true, memory: 1024 * mib, file: recut,
			about: "sums of the columns of a square of ten numbers a row, cut from (1, all) to (all, 1), from a file in 1 GiB",
			wants: []want{{"wall time over that of copying the file", 1.3, "×", wallRatio, func(f *figure) float64 { return f.wall.least / f.copied }}}},
		bench{name: "outofcore/matmul", from: raw, big: true, memory: 1024 * mib, file: squared, need: amount{"fma", squareFlops, 80},
			about: "column sums of the product of a square of 32-bit numbers with itself, from a file in 1 GiB"},
		bench{name: "sched/independent", from: nothing, tasks: independent, about: "100 000 calls that need nothing", wants: smallTasks},
		bench{name: "sched/chain", from: nothing, tasks: chain, about: "10 000 calls, each needs the one before", wants: smallTasks},
		bench{name: "sched/tree", from: nothing, tasks: tree, about: "200 000 calls that add pairs", wants: smallTasks},
		bench{name: "cluster/tasks", from: nothing, workers: 2, calls: true, tasks: independent, about: "100 000 calls that need nothing, two workers",
			wants: []want{{"wall time of a task", 10, "µs", wallClock, perTask(leastWall, 1e6)}, {"CPU of a task", 5, "µs", cpuClock, perTask(leastCPU, 1e6)}}},
		bench{name: "cluster/latency", from: nothing, workers: 2, calls: true, tasks: latency, about: "1000 calls, one after the other, two workers",
			wants: []want{{"wall time of a call, in the middle", 500, "µs", wallClock, eachMicros}}},
		bench{name: "cluster/submits", from: nothing, workers: 2, calls: true, tasks: submits, about: "1000 calls one by one, then their results, two workers",
			wants: []want{{"wall time", 20, "ms", wallClock, wallMillis}}},
		bench{name: "cluster/sums", from: nothing, workers: 2, calls: true, tasks: sums, about: "100 additions and their sum, two workers",
			wants: []want{{"wall time", 3, "ms", wallClock, wallMillis}}},
		bench{name: "cluster/ingest", from: nothing, workers: 2, idle: true, calls: true, tasks: ingest(1_000_000), about: "a plan of 1 000 000 blocks to a scheduler without workers",
			wants: []want{{"wall time", 50, "ms", wallClock, wallMillis}}},
		bench{name: "cluster/ingest10", from: nothing, workers: 2, idle: true, tasks: ingest(10_000_000), about: "a plan of 10 000 000 blocks to a scheduler without workers",
			wants: []want{{"wall time", 200, "ms", wallClock, wallMillis}}},
		bench{name: "cluster/transfer", from: nothing, workers: 2, calls: true, tasks: transfer, about: "32 results of 8 MiB to the client"},
		bench{name: "cluster/move", from: nothing, workers: 2, calls: true, tasks: move, about: "1 GB of numbers that one worker has, added up by the other one",
			wants: []want{{"wall time of a GB from worker to worker, in the middle", 667, "ms", wallClock, eachMillis}}},
		bench{name: "cluster/exchange", from: nothing, workers: 2, calls: true, tasks: exchange, about: "1 GB of numbers cut by rows, then by columns, and added up: half of it goes from worker to worker",
			wants: []want{{"wall time of a MiB from worker to worker, with all else", 699, "µs", wallClock, perTask(leastWall, 1e6)}}},
		bench{name: "cluster/q3", tables: []string{"g1"}, from: columnFile, workers: 2, plan: groupQueries[2].plan, about: groupQueries[2].about + ", from Parquet, two workers"},
		bench{name: "cluster/q5", tables: []string{"g1"}, from: columnFile, workers: 2, plan: groupQueries[4].plan, about: groupQueries[4].about + ", from Parquet, two workers"},
		bench{name: "cluster/q10", tables: []string{"g1"}, from: columnFile, workers: 2, plan: groupQueries[9].plan, about: groupQueries[9].about + ", from Parquet, two workers"},
		bench{name: "cluster/join", tables: []string{"j1_x", "j1_medium"}, from: textFile, workers: 2, plan: joinQueries[1].plan, about: joinQueries[1].about + ", from CSV, two workers"},
		bench{name: "cluster/big", tables: []string{"j1_x", "j1_big"}, from: textFile, workers: 2, plan: joinQueries[4].plan, about: joinQueries[4].about + ", from CSV, two workers"},
	)
}

// find returns the cases of some suites, and some by their whole names; all for no
// names.
func find(names []string) ([]bench, error) {
	var out []bench
	used := make([]bool, len(names))
	for _, b := range benches {
		suite, _, _ := strings.Cut(b.name, "/")
		take := len(names) == 0
		for i, n := range names {
			if n == b.name || n == suite {
				take, used[i] = true, true
			}
		}
		if take {
			out = append(out, b)
		}
	}
	for i, ok := range used {
		if !ok {
			return nil, fmt.Errorf("no suite or case is called %s; there are %s, and their cases as list shows them", names[i], strings.Join(suites(), ", "))
		}
	}
	return out, nil
}

// suites are the names of all suites.
func suites() (out []string) {
	for _, b := range benches {
		if s, _, _ := strings.Cut(b.name, "/"); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// A query is a plan with what it does in words.
type query struct {
	about string
	right string // of joins
	plan  func(in tables) *frame.Frame
}

// sortQueries sort four columns of the group-by table.
var sortQueries = []struct {
	name, about string
	by          []any
	numbers     []string // the keys before the first text
}{
	{"float", "by a float and an integer", []any{"v3", "id6"}, []string{"v3", "id6"}},
	{"text", "by a text and an integer", []any{"id3", "id6"}, nil},
	{"few", "by an integer of five values and a float", []any{"v1", "v3"}, []string{"v1", "v3"}},
}

// scanQueries look at each value of some columns of the group-by table, and do next to nothing with it.
var scanQueries = []struct {
	name, about string
	plan        func(in tables) *frame.Frame
}{
	{"columns", "bytes of all texts and means of all numbers: every column is read", scan("id1", "id2", "id3", "id4", "id5", "id6", "v1", "v2", "v3")},
	{"codes", "the same of the seven columns that have a dictionary for all their values", scan("id1", "id2", "id4", "id5", "id6", "v1", "v2")},
}

// scan adds up the bytes of id1, id2 and id3, which are texts, and has the means of other columns.
func scan(cols ...string) func(in tables) *frame.Frame {
	var aggs []frame.Aggregate
	for _, c := range cols {
		if c == "id1" || c == "id2" || c == "id3" {
			aggs = append(aggs, frame.Sum(frame.Col(c).Str().Bytes()).As(c))
		} else {
			aggs = append(aggs, frame.Mean(c))
		}
	}
	return func(in tables) *frame.Frame { return in["g1"].GroupBy().Agg(aggs...) }
}

// groupQueries are the ten questions of the h2o.ai benchmark.
var groupQueries = []query{
	{"sum of v1 by id1", "", func(in tables) *frame.Frame { return in["g1"].GroupBy("id1").Agg(frame.Sum("v1")) }},
	{"sum of v1 by id1, id2", "", func(in tables) *frame.Frame { return in["g1"].GroupBy("id1", "id2").Agg(frame.Sum("v1")) }},
	{"sum of v1, mean of v3 by id3", "", func(in tables) *frame.Frame { return in["g1"].GroupBy("id3").Agg(frame.Sum("v1"), frame.Mean("v3")) }},
	{"means of v1, v2, v3 by id4", "", func(in tables) *frame.Frame {
		return in["g1"].GroupBy("id4").Agg(frame.Mean("v1"), frame.Mean("v2"), frame.Mean("v3"))
	}},
	{"sums of v1, v2, v3 by id6", "", func(in tables) *frame.Frame {
		return in["g1"].GroupBy("id6").Agg(frame.Sum("v1"), frame.Sum("v2"), frame.Sum("v3"))
	}},
	{"median and deviation of v3 by id4, id5", "", func(in tables) *frame.Frame {
		return in["g1"].GroupBy("id4", "id5").Agg(frame.Median("v3").As("median_v3"), frame.Std("v3").As("sd_v3"))
	}},
	{"max of v1 less min of v2 by id3", "", func(in tables) *frame.Frame {
		return in["g1"].GroupBy("id3").Agg(frame.Max("v1").As("hi"), frame.Min("v2").As("lo")).
			Select("id3", frame.Col("hi").Sub(frame.Col("lo")).As("range_v1_v2"))
	}},
	{"two largest v3 by id6", "", func(in tables) *frame.Frame {
		return in["g1"].Select("id6", frame.Col("v3").As("largest2_v3")).Filter(frame.Col("largest2_v3").IsNotNull()).
			GroupBy("id6").Largest(2, "largest2_v3")
	}},
	{"squared correlation of v1, v2 by id2, id4", "", func(in tables) *frame.Frame {
		return in["g1"].GroupBy("id2", "id4").Agg(frame.Corr("v1", "v2").As("r")).
			Select("id2", "id4", frame.Col("r").Mul(frame.Col("r")).As("r2"))
	}},
	{"sum of v3 and count by all six ids", "", func(in tables) *frame.Frame {
		return in["g1"].GroupBy("id1", "id2", "id3", "id4", "id5", "id6").Agg(frame.Sum("v3"), frame.Count().As("count"))
	}},
}

// joinQueries are the five questions of the h2o.ai benchmark.
var joinQueries = []query{
	{"x with small on id1", "small", joined("small", frame.Inner, "id1", "id4")},
	{"x with medium on id2", "medium", joined("medium", frame.Inner, "id2", "id1", "id4", "id5")},
	{"x with medium on id2, rows without a match kept", "medium", joined("medium", frame.Left, "id2", "id1", "id4", "id5")},
	{"x with medium on id5, a text", "medium", joined("medium", frame.Inner, "id5", "id1", "id2", "id4")},
	{"x with big on id3", "big", joined("big", frame.Inner, "id3", "id1", "id2", "id4", "id5", "id6")},
}

// joined joins x with a table whose other columns get its name in front.
func joined(right string, kind frame.JoinKind, key string, others ...string) func(in tables) *frame.Frame {
	return func(in tables) *frame.Frame {
		names := map[string]string{}
		for _, c := range others {
			names[c] = right + "_" + c
		}
		return in["j1_x"].Join(in["j1_"+right].Rename(names), kind, key)
	}
}

func everyColumn(in tables) *frame.Frame {
	return in["g1"].GroupBy("id1").Agg(frame.Max("id2"), frame.Max("id3"), frame.Sum("id4"), frame.Sum("id5"), frame.Sum("id6"),
		frame.Sum("v1"), frame.Sum("v2"), frame.Sum("v3"))
}

func temperatures(in tables) *frame.Frame {
	return in["brc"].GroupBy("station").
		Agg(frame.Min("temperature").As("min"), frame.Mean("temperature").As("mean"), frame.Max("temperature").As("max"))
}

func sorted(in tables) *frame.Frame { return in["g1"].Select("id6", "v1", "v3").Sort("v3", "id6") }

// textOptions are how a table's file is to be read.
func textOptions(t *table) frame.CSVOptions {
	o := frame.CSVOptions{Delimiter: t.delimiter, Types: map[string]dtype.Type{}}
	for _, c := range t.cols {
		if c.write != nil {
			o.Types[c.name] = c.typ
		}
	}
	if t.header {
		return o
	}
	o.Header = csv.No
	for _, c := range t.cols {
		o.Names = append(o.Names, c.name)
		if c.form == tenth {
			o.Types[c.name] = dtype.Of(dtype.Float64)
		}
	}
	return o
}
