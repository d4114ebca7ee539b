package order

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/sched/local"
)

const benchRows = 10_000_000

// benchTable makes n rows of the named kinds of columns.
func benchTable(n int, cols ...string) optest.Table {
	r := rand.New(rand.NewPCG(1, 2))
	t := optest.Table{Schema: dtype.Schema{}}
	for _, c := range cols {
		t.Schema = append(t.Schema, dtype.Field{Name: c, Type: map[string]dtype.Type{"u64": dtype.Of(dtype.Uint64), "f64": dtype.Of(dtype.Float64),
			"v": dtype.Of(dtype.Float64), "k": dtype.Of(dtype.Int32), "id": dtype.Of(dtype.Utf8)}[c]})
	}
	const per = 1 << 17
	for lo := 0; lo < n; lo += per {
		b := &chunk.Batch{N: min(per, n-lo)}
		for i, c := range cols {
			v := chunk.Vec{Type: t.Schema[i].Type, N: b.N}
			switch c {
			case "u64":
				x := make([]uint64, b.N)
				for i := range x {
					x[i] = r.Uint64()
				}
				v.Data = chunk.Bytes(x)
			case "f64", "v":
				x := make([]float64, b.N)
				for i := range x {
					x[i] = r.Float64() * 100
				}
				v.Data = chunk.Bytes(x)
			case "k":
				x := make([]int32, b.N)
				for i := range x {
					x[i] = r.Int32N(100)
				}
				v.Data = chunk.Bytes(x)
			case "id":
				v.Off = append(v.Off, 0)
				for range b.N {
					v.Str = fmt.Appendf(v.Str, "id%010d", r.IntN(benchRows))
					v.Off = append(v.Off, int32(len(v.Str)))
				}
			}
			b.Cols = append(b.Cols, v)
		}
		t.Batches = append(t.Batches, b)
	}
	return t
}

// drain runs a plan on one operator and reads its output without copying it.
func drain(b *testing.B, r *local.Runner, in optest.Table, build func(in []op.Meta) (op.Call, op.Meta, error)) graph.Report {
	p := rows.Keep(in.Schema, in.Batches)
	defer rows.Drop(p.ID)
	p.Blocks = max(1, in.Blocks)
	c, m, err := rows.Memory.Call(p)
	if err != nil {
		b.Fatal(err)
	}
	g := &graph.Graph{}
	from := g.Add(graph.Layer{Call: c, Out: m})
	if c, m, err = build([]op.Meta{m}); err != nil {
		b.Fatal(err)
	}
	want := g.Add(graph.Layer{Call: c, In: []graph.Edge{{From: from}}, Out: m})
	j, err := r.Start(context.Background(), graph.Request{Graph: g, Want: want, Ordered: true})
	if err != nil {
		b.Fatal(err)
	}
	for {
		d, err := j.Next(context.Background())
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		d.Value.Release()
	}
	rep := j.Report()
	j.Close()
	r.Wait()
	return rep
}

func bench(b *testing.B, o local.Options, in optest.Table, build func(in []op.Meta) (op.Call, op.Meta, error)) {
	o.SpillDir = b.TempDir()
	r := local.New(o)
	defer r.Close()
	drain(b, r, in, build) // touches the slabs
	before := cpuTime()
	for b.Loop() {
		drain(b, r, in, build)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
	b.ReportMetric(float64((cpuTime()-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func BenchmarkSort(b *testing.B) {
	for _, c := range []struct {
		cols []string
		keys []op.SortKey
	}{
		{[]string{"u64"}, []op.SortKey{{Col: "u64"}}},
		{[]string{"f64", "v", "k"}, []op.SortKey{{Col: "f64"}}},
		{[]string{"id"}, []op.SortKey{{Col: "id"}}},
		{[]string{"k", "f64", "v"}, []op.SortKey{{Col: "k"}, {Col: "f64", Desc: true}}},
	} {
		in := benchTable(benchRows, c.cols...)
		for _, blocks := range []int{1, 8} {
			for _, threads := range []int{1, 2} {
				in.Blocks = blocks
				b.Run(fmt.Sprintf("%v/blocks%d/threads%d", c.cols, blocks, threads), func(b *testing.B) {
					bench(b, local.Options{Threads: threads}, in, sorted(c.keys))
				})
			}
		}
	}
}

func BenchmarkTopK(b *testing.B) {
	in := benchTable(benchRows, "f64", "v", "id")
	for _, n := range []int64{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bench(b, local.Options{Threads: 1}, in, top([]op.SortKey{{Col: "f64"}}, n))
		})
	}
}

// BenchmarkExternal sorts in a budget of a quarter of the rows.
func BenchmarkExternal(b *testing.B) {
	in := benchTable(benchRows, "f64", "v", "k")
	for _, blocks := range []int{1, 8} {
		in.Blocks = blocks
		b.Run(fmt.Sprintf("blocks%d", blocks), func(b *testing.B) {
			bench(b, local.Options{Threads: 2, Pool: 64 << 20}, in, sorted([]op.SortKey{{Col: "f64"}}))
		})
	}
}

// cpuTime is what the process used on all threads: other programs on the machine
// change it less than the wall time.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
