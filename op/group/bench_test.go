package group

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// The benchmarks are the queries of the h2o group-by benchmark (G1, 1e7 rows,
// K=100) on a table in memory. They report CPU time, which other load disturbs
// least: go test ./op/group -run - -bench . -benchtime 5x

const h2oRows = 10_000_000

var h2o struct {
	sync.Once
	schema  dtype.Schema
	morsels []*chunk.Batch
}

// h2oTable makes the table once, cut into morsels.
func h2oTable() (dtype.Schema, []*chunk.Batch) {
	h2o.Do(func() {
		utf8, i32, i64, f64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int32), dtype.Of(dtype.Int64), dtype.Of(dtype.Float64)
		for _, f := range []struct {
			n string
			t dtype.Type
		}{{"id1", utf8}, {"id2", utf8}, {"id3", utf8}, {"id4", i32}, {"id5", i32}, {"id6", i32}, {"v1", i32}, {"v2", i64}, {"v3", f64}} {
			h2o.schema = append(h2o.schema, dtype.Field{Name: f.n, Type: f.t})
		}
		const batch = 1 << 20
		r := newRand(1)
		for lo := 0; lo < h2oRows; lo += batch {
			n := min(batch, h2oRows-lo)
			b := &chunk.Batch{N: n, Seq: uint64(lo/batch) << 32}
			for _, c := range []struct {
				format string
				n      int
			}{{"id%03d", 100}, {"id%03d", 100}, {"id%010d", 100000}} {
				v := chunk.Vec{Type: utf8, N: n, Off: make([]int32, 1, n+1)}
				for range n {
					v.Str = fmt.Appendf(v.Str, c.format, 1+r.IntN(c.n))
					v.Off = append(v.Off, int32(len(v.Str)))
				}
				b.Cols = append(b.Cols, v)
			}
			for _, c := range []int{100, 100, 100000, 5} {
				x := make([]int32, n)
				for i := range x {
					x[i] = int32(1 + r.IntN(c))
				}
				b.Cols = append(b.Cols, chunk.Vec{Type: i32, N: n, Data: chunk.Bytes(x)})
			}
			v2, v3 := make([]int64, n), make([]float64, n)
			for i := range v2 {
				v2[i], v3[i] = int64(1+r.IntN(15)), math.Round(r.Float64()*1e8)/1e6
			}
			b.Cols = append(b.Cols, chunk.Vec{Type: i64, N: n, Data: chunk.Bytes(v2)}, chunk.Vec{Type: f64, N: n, Data: chunk.Bytes(v3)})
			for at := 0; at < n; at += 4096 {
				m := b.Slice(at, min(n, at+4096))
				m.Seq += uint64(at / 4096)
				h2o.morsels = append(h2o.morsels, m)
			}
		}
	})
	return h2o.schema, h2o.morsels
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchQuery(b *testing.B, p Params) {
	schema, ms := h2oTable()
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			task := newFakeTask(b, 0, threads)
			b.ReportAllocs()
			best := time.Duration(math.MaxInt64)
			rows := 0
			for b.Loop() {
				start := cpuTime()
				rows = benchRun(b, task, p, schema, ms, threads)
				best = min(best, cpuTime()-start)
			}
			b.ReportMetric(float64(best.Microseconds())/1e3, "cpu-ms/op")
			b.ReportMetric(float64(rows), "groups")
		})
	}
}

// BenchmarkShuffle is Q3 by way of ten map tasks and a reduce task.
func BenchmarkShuffle(b *testing.B) {
	schema, ms := h2oTable()
	p := Params{Keys: []string{"id3"}, Aggs: []Agg{{Fn: Sum, Col: "v1", As: "v1"}, {Fn: Mean, Col: "v3", As: "v3"}}}
	task := newFakeTask(b, 0, 1)
	pl, err := newPlan(p, schema)
	if err != nil {
		b.Fatal(err)
	}
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := cpuTime()
		var ins []op.In
		for m := range 10 {
			st, _ := partialPipe{pl, false}.Open(task, nil)
			l, _ := st.Local()
			for i := m * len(ms) / 10; i < (m+1)*len(ms)/10; i++ {
				if err := l.Push(ms[i], nil); err != nil {
					b.Fatal(err)
				}
			}
			out := &fakeOut{schema: pl.partialSchema()}
			if err := errors.Join(l.Close(nil, false), st.Finish(out), st.Close()); err != nil {
				b.Fatal(err)
			}
			ins = append(ins, op.In{Value: out.result(), Lo: 0, Hi: hashRuns})
		}
		if _, err := runFinal(task, pl, ins, pl.schema()); err != nil {
			b.Fatal(err)
		}
		best = min(best, cpuTime()-start)
	}
	b.ReportMetric(float64(best.Microseconds())/1e3, "cpu-ms/op")
}

type countOut struct {
	mu   sync.Mutex
	rows int
}

func (o *countOut) Put(_ int, b *chunk.Batch) error {
	o.mu.Lock()
	o.rows += b.N
	o.mu.Unlock()
	b.Release()
	return nil
}

func (o *countOut) PutValue(v chunk.Value) error { v.Release(); return nil }

func benchRun(b *testing.B, task *fakeTask, p Params, schema dtype.Schema, ms []*chunk.Batch, threads int) int {
	pl, err := newPlan(p, schema)
	if err != nil {
		b.Fatal(err)
	}
	st, _ := partialPipe{pl, true}.Open(task, nil)
	_ = task.Fork(threads, func(th int) error {
		l, _ := st.Local()
		for i := th * len(ms) / threads; i < (th+1)*len(ms)/threads; i++ {
			if err := l.Push(ms[i], nil); err != nil {
				b.Error(err)
			}
		}
		return l.Close(nil, false)
	})
	var out countOut
	if err := st.Finish(&out); err != nil {
		b.Fatal(err)
	}
	st.Close()
	return out.rows
}

func BenchmarkQ1(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id1"}, Aggs: []Agg{{Fn: Sum, Col: "v1", As: "v1"}}})
}

func BenchmarkQ3(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id3"}, Aggs: []Agg{{Fn: Sum, Col: "v1", As: "v1"}, {Fn: Mean, Col: "v3", As: "v3"}}})
}

func BenchmarkQ5(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id6"}, Aggs: []Agg{{Fn: Sum, Col: "v1", As: "v1"}, {Fn: Sum, Col: "v2", As: "v2"}, {Fn: Sum, Col: "v3", As: "v3"}}})
}

func BenchmarkQ7(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id3"}, Aggs: []Agg{{Fn: Max, Col: "v1", As: "v1"}, {Fn: Min, Col: "v2", As: "v2"}}})
}

func BenchmarkQ8(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id6"}, Top: &Top{By: "v3", N: 2, Cols: []string{"v3"}}})
}

func BenchmarkQ9(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id2", "id4"}, Aggs: []Agg{{Fn: Corr, Col: "v1", Col2: "v2", As: "r"}}})
}

func BenchmarkQ10(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id1", "id2", "id3", "id4", "id5", "id6"}, Aggs: []Agg{{Fn: Sum, Col: "v3", As: "v3"}, {Fn: Len, As: "n"}}})
}

// BenchmarkRows is of keys that need more than 64 bits: the different rows of the table.
func BenchmarkRows(b *testing.B) {
	benchQuery(b, Params{Keys: []string{"id1", "id2", "id3", "id4", "id5", "id6", "v1", "v2", "v3"}})
}

// BenchmarkGathered is of states of any size, by 100 and by 100,000 keys.
func BenchmarkGathered(b *testing.B) {
	for _, a := range []Agg{{Fn: List, Col: "v3"}, {Fn: StringJoin, Col: "id3", Sep: ","}, {Fn: Mode, Col: "id6"}, {Fn: Mode, Col: "id3"}, {Fn: ArgMin, Col: "id3", Col2: "v3"}} {
		for _, key := range []string{"id4", "id6"} {
			if a.As = "x"; a.Col != key {
				b.Run(fmt.Sprintf("%s of %s by %s", a.Fn, a.Col, key), func(b *testing.B) { benchQuery(b, Params{Keys: []string{key}, Aggs: []Agg{a}}) })
			}
		}
	}
}

func BenchmarkWholeTable(b *testing.B) {
	benchQuery(b, Params{Aggs: []Agg{{Fn: Sum, Col: "v1", As: "v1"}, {Fn: Mean, Col: "v3", As: "v3"}, {Fn: Len, As: "n"}, {Fn: Max, Col: "v2", As: "m"}}})
}

var _ op.Out = (*countOut)(nil)
