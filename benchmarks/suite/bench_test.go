package suite

import (
	"strings"
	"testing"

	"github.com/weft-data/weft/sched/local"
)

// Queries over a million rows in memory. Besides the wall time they report the
// processor time, which other work on the machine disturbs less.
func BenchmarkQueries(b *testing.B) {
	const rows = 1_000_000
	loaded := map[string]func() tables{}
	for i := range benches {
		q := &benches[i]
		if q.from != inMemory || q.to != "" {
			continue
		}
		b.Run(q.name, func(b *testing.B) {
			kind := strings.Join(q.tables, ",")
			if loaded[kind] == nil {
				clear(loaded) // one set of tables at a time
				in, err := q.inputs(order{Rows: rows})
				if err != nil {
					b.Fatal(err)
				}
				loaded[kind] = in
			}
			r := local.New(local.Options{Threads: 2})
			defer r.Close()
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				if _, err := q.plan(loaded[kind]()).Collect(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/op")
		})
	}
}

// Small tasks; what is reported is for one of them.
func BenchmarkTasks(b *testing.B) {
	for i := range benches {
		q := &benches[i]
		if q.tasks == nil || q.workers > 0 {
			continue
		}
		b.Run(strings.TrimPrefix(q.name, "sched/"), func(b *testing.B) {
			r := local.New(local.Options{Threads: 2})
			defer r.Close()
			b.ReportAllocs()
			n, cpu := 0, cpuTime()
			for b.Loop() {
				ran, err := q.tasks(&tasks{ctx: b.Context(), runner: r, scale: 1})
				if err != nil {
					b.Fatal(err)
				}
				n += ran
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/task")
			b.ReportMetric(float64(cpuTime()-cpu)/float64(n), "cpu-ns/task")
		})
	}
}
