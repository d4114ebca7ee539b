package frame_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

var benchRows = flag.Int("benchrows", 10_000_000, "rows of the benchmarks of windows and joins by time")

// ticks is a table of keys, times and values in memory, in no order.
func ticks(n, keys int, seed uint64) *frame.Frame {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64}, {Name: "t", Type: arrow.PrimitiveTypes.Int64}, {Name: "v", Type: arrow.PrimitiveTypes.Float64}}, nil)
	var recs []arrow.Record
	for lo := 0; lo < n; lo += 1 << 20 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, s)
		for range min(1<<20, n-lo) {
			b.Field(0).(*array.Int64Builder).Append(rnd.Int64N(int64(keys)))
			b.Field(1).(*array.Int64Builder).Append(rnd.Int64N(1 << 40))
			b.Field(2).(*array.Float64Builder).Append(float64(rnd.IntN(1000000)) / 100)
		}
		recs = append(recs, b.NewRecord())
	}
	return frame.FromRecords(recs...)
}

func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// run measures a plan in CPU seconds.
func run(b *testing.B, f *frame.Frame, opts ...frame.Option) {
	r := local.New(local.Options{Threads: 2, Memory: 4 << 30, SpillDir: b.TempDir()})
	defer r.Close()
	b.ResetTimer()
	from := cpu()
	for b.Loop() {
		if _, err := f.Collect(context.Background(), r, opts...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu()-from)/float64(b.N), "cpu-s/op")
}

func BenchmarkWindow(b *testing.B) {
	f := ticks(*benchRows, 100_000, 1)
	o := frame.Over{By: []string{"k"}, Order: []any{"t"}}
	for _, q := range []struct {
		name string
		w    frame.WindowFunc
	}{
		{"row_number", frame.RowNumber()},
		{"rank", frame.Rank()},
		{"lag", frame.Lag("v", 1)},
		{"running", frame.Sum("v").Running()},
		{"moving_mean", frame.Mean("v").Rows(-6, 0)},
		{"moving_max", frame.Max("v").Rows(-99, 0)},
		{"whole", frame.Sum("v").Whole()},
		{"range", frame.Sum("v").Range(-1_000_000_000, 0)},
	} {
		b.Run(q.name, func(b *testing.B) {
			o := o
			if q.name == "whole" {
				o.Order = nil // nor have the peers one
			}
			run(b, f.Window(o, q.w.As("w")).GroupBy().Agg(frame.Sum("w"), frame.Sum("t").As("t2")))
		})
	}
}

// BenchmarkLists reads a list of four numbers on average in each of a million rows of a Parquet file.
func BenchmarkLists(b *testing.B) {
	r := local.New(local.Options{Threads: 2, Memory: 4 << 30, SpillDir: b.TempDir()})
	path := filepath.Join(b.TempDir(), "lists.parquet")
	_, err := ticks(4_000_000, 1_000_000, 1).GroupBy("k").Agg(frame.List("t").As("x")).WriteParquet(context.Background(), r, path)
	r.Close()
	if err != nil {
		b.Fatal(err)
	}
	run(b, frame.ReadParquet(path).GroupBy().Agg(frame.Sum(frame.Col("x").List().Len())))
}

// BenchmarkWithin joins a million points with a hundred thousand intervals, of which
// one holds each point on average; in keys, they are those of a number of users, or of
// one each.
func BenchmarkWithin(b *testing.B) {
	type point struct{ User, X int64 }
	type interval struct{ User, From, To, V int64 }
	for _, c := range []struct {
		name        string
		users, long int64
		on          []string
	}{{"all", 1, 20_000, nil}, {"users=1000", 1000, 20_000_000, []string{"User"}}, {"users=100000", 1e5, 2e9, []string{"User"}}} {
		b.Run(c.name, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 2))
			points, intervals := make([]point, 1e6), make([]interval, 1e5)
			for i := range points {
				points[i] = point{rnd.Int64N(c.users), rnd.Int64N(1e9)}
			}
			for i := range intervals {
				from := rnd.Int64N(1e9)
				intervals[i] = interval{rnd.Int64N(c.users), from, from + rnd.Int64N(c.long), int64(i)}
			}
			x := frame.Col("X")
			on := frame.JoinOn{On: c.on, Where: x.Ge(frame.Col("From")).And(x.Lt(frame.Col("To")))}
			f := frame.FromStructs(points).JoinOn(frame.FromStructs(intervals), on)
			run(b, f.GroupBy().Agg(frame.Count(), frame.Sum("V")))
		})
	}
}

func BenchmarkAsOf(b *testing.B) {
	l, r := ticks(*benchRows, 100_000, 1), ticks(*benchRows, 100_000, 2)
	for _, q := range []struct {
		name string
		o    frame.AsOf
	}{
		{"time", frame.AsOf{On: "t"}},
		{"by", frame.AsOf{On: "t", By: []string{"k"}}},
		{"nearest", frame.AsOf{On: "t", By: []string{"k"}, Direction: frame.Nearest}},
	} {
		b.Run(q.name, func(b *testing.B) {
			run(b, l.JoinAsOf(r, q.o).GroupBy().Agg(frame.Sum("v"), frame.Sum("v_right").As("w")))
		})
	}
}
