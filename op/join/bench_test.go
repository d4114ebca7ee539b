//go:build unix

package join

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

const benchRows = 10_000_000

// benchTable makes n rows of an int32 key and a float64 in batches of 8192.
func benchTable(key, val string, n int, keyOf func(i int) int32) *input {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	in := &input{schema: dtype.Schema{{Name: key, Type: dtype.Of(dtype.Int32)}, {Name: val, Type: dtype.Of(dtype.Float64)}}, est: -1}
	keys, vals := make([]int32, n), make([]float64, n)
	for i := range keys {
		keys[i], vals[i] = keyOf(i), r.Float64()
	}
	for lo := 0; lo < n; lo += 8192 {
		hi := min(n, lo+8192)
		in.batches = append(in.batches, &chunk.Batch{N: hi - lo, Seq: uint64(lo) << 32, Cols: []chunk.Vec{
			{Type: in.schema[0].Type, N: hi - lo, Data: chunk.Bytes(keys[lo:hi])},
			{Type: in.schema[1].Type, N: hi - lo, Data: chunk.Bytes(vals[lo:hi])}}})
	}
	return in
}

// joinTables are 1e7 probe rows of which 91 in 100 find one of n build rows.
// Stride spreads the keys, so that no array over the keys is possible.
func joinTables(n int, stride int32) (l, r *input) {
	rng := rand.New(rand.NewPCG(uint64(n), 5))
	dom := max(11, n*11/10)
	perm := rng.Perm(dom)
	l = benchTable("k", "v", benchRows, func(int) int32 { return int32(rng.IntN(dom)) * stride })
	r = benchTable("k", "w", n, func(i int) int32 { return int32(perm[i]) * stride })
	return l, r
}

// benchmarkJoin probes on the given number of threads. Sum reads the two
// payloads, the other form reads the key too.
func benchmarkJoin(b *testing.B, n int, stride int32, threads int, cols []string) {
	l, r := joinTables(n, stride)
	p := Params{Left: []string{"k"}, Right: []string{"k"}, Columns: cols}
	task := newTask(b, 0, threads)
	start := cpuTime()
	for b.Loop() {
		rows, sum := 0, 0.0
		err := runParallel(task, p, l, r, func() func(m *chunk.Batch) error {
			return func(m *chunk.Batch) error {
				s := 0.0
				v, w := chunk.Values[float64](&m.Cols[len(m.Cols)-2]), chunk.Values[float64](&m.Cols[len(m.Cols)-1])
				for i := range v {
					s += v[i] + w[i]
				}
				if threads == 1 {
					rows += m.N
					sum += s
				}
				return nil
			}
		})
		if err != nil || threads == 1 && rows < benchRows*9/10 {
			b.Fatal(rows, err)
		}
	}
	b.ReportMetric(float64((cpuTime()-start).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// cpuTime is what the process has used on all threads: wall time says little on
// a machine that others use too.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// runParallel is run with a sink per thread and the build layer timed with it.
func runParallel(t *fakeTask, p Params, l, r *input, sink func() func(m *chunk.Batch) error) error {
	t.sinks = sink
	defer func() { t.sinks = nil }()
	return run(t, p, l, r, nil)
}

func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{10, 10_000, 10_000_000} {
		for _, stride := range []int32{1, 97} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("sum/%d/stride%d/threads%d", n, stride, threads), func(b *testing.B) { benchmarkJoin(b, n, stride, threads, []string{"v", "w"}) })
			}
		}
		b.Run(fmt.Sprintf("all/%d/threads2", n), func(b *testing.B) { benchmarkJoin(b, n, 1, 2, []string{"k", "v", "w"}) })
	}
}

// BenchmarkText joins 1e7 rows on text of twelve bytes with n rows: as plain text
// and as codes.
func BenchmarkText(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		for _, coded := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/coded=%v", n, coded), func(b *testing.B) {
				l, r := joinTables(n, 1)
				dict := &chunk.Dict{ID: nextDict.Add(1), Values: idTexts(seq32(max(11, n*11/10)))}
				for _, in := range []*input{l, r} {
					in.schema[0].Type = dtype.Of(dtype.Utf8)
					for _, m := range in.batches {
						k := chunk.Values[uint32](&m.Cols[0])
						if coded {
							m.Cols[0] = chunk.Vec{Type: dtype.Of(dtype.Utf8), N: m.N, Dict: dict, Data: m.Cols[0].Data}
						} else {
							m.Cols[0] = idTexts(k)
						}
					}
				}
				p := Params{Left: []string{"k"}, Right: []string{"k"}, Columns: []string{"v", "w"}}
				task := newTask(b, 0, 1)
				start := cpuTime()
				for b.Loop() {
					rows := 0
					if err := run(task, p, l, r, func(m *chunk.Batch) error { rows += m.N; return nil }); err != nil || rows < benchRows*9/10 {
						b.Fatal(rows, err)
					}
				}
				b.ReportMetric(float64((cpuTime()-start).Milliseconds())/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

func seq32(n int) []uint32 {
	s := make([]uint32, n)
	for i := range s {
		s[i] = uint32(i)
	}
	return s
}

func idTexts(k []uint32) chunk.Vec {
	v := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(k), Off: []int32{0}}
	for _, x := range k {
		v.Str = fmt.Appendf(v.Str, "id%010d", x)
		v.Off = append(v.Off, int32(len(v.Str)))
	}
	return v
}

// BenchmarkFanOut gives every one of 1e6 probe rows ten matches.
func BenchmarkFanOut(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 3))
	l := benchTable("k", "v", 1_000_000, func(int) int32 { return int32(rng.IntN(10_000)) })
	r := benchTable("k", "w", 100_000, func(i int) int32 { return int32(i % 10_000) })
	task := newTask(b, 0, 1)
	start := cpuTime()
	for b.Loop() {
		rows := 0
		if err := run(task, Params{Left: []string{"k"}, Right: []string{"k"}}, l, r, func(m *chunk.Batch) error { rows += m.N; return nil }); err != nil || rows != 10_000_000 {
			b.Fatal(rows, err)
		}
	}
	b.ReportMetric(float64((cpuTime()-start).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// BenchmarkProduct pairs each of 4,000 rows with 20,000.
func BenchmarkProduct(b *testing.B) {
	one := func(int) int32 { return 0 }
	l, r := benchTable("k", "v", 4_000, one), benchTable("k", "w", 20_000, one)
	task := newTask(b, 0, 1)
	start := cpuTime()
	for b.Loop() {
		rows := 0
		if err := run(task, Params{Left: []string{"k"}, Right: []string{"k"}, Columns: []string{"v", "w"}}, l, r, func(m *chunk.Batch) error { rows += m.N; return nil }); err != nil || rows != 80_000_000 {
			b.Fatal(rows, err)
		}
	}
	b.ReportMetric(float64((cpuTime()-start).Milliseconds())/float64(b.N), "cpu-ms/op")
}
