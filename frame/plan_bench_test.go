package frame_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// programs are chains of verbs programs as loops write them: n of them on a table of the columns x and y.
var programs = []struct {
	name string
	most int // verbs
	make func(f *frame.Frame, n int) *frame.Frame
}{
	{"replace", 3000, func(f *frame.Frame, n int) *frame.Frame { // a column anew from itself
		for range n {
			f = f.WithColumns(frame.Col("x").Add(1).As("x"))
		}
		return f
	}},
	{"add", 3000, func(f *frame.Frame, n int) *frame.Frame { // each column from the one before
		last := "x"
		for i := range n {
			next := fmt.Sprint("c", i)
			f, last = f.WithColumns(frame.Col(last).Add(1).As(next)), next
		}
		return f
	}},
	{"swap", 3000, func(f *frame.Frame, n int) *frame.Frame {
		for range n {
			f = f.Select(frame.Col("y").As("x"), frame.Col("x").As("y"))
		}
		return f
	}},
	{"filter", 3000, func(f *frame.Frame, n int) *frame.Frame {
		for i := range n {
			f = f.Filter(frame.Col("x").Ne(i))
		}
		return f
	}},
	{"mixed", 3000, func(f *frame.Frame, n int) *frame.Frame {
		for i := 0; i < n; i += 3 {
			f = f.WithColumns(frame.Col("y").Add(i).As("z")).Filter(frame.Col("z").Gt(i)).Select("x", frame.Col("z").As("y"))
		}
		return f
	}},
	{"rename", 3000, func(f *frame.Frame, n int) *frame.Frame {
		for i := range n {
			f = f.Rename(map[string]string{f.Schema()[0].Name: fmt.Sprint("r", i)})
		}
		return f
	}},
	{"sort", 3000, func(f *frame.Frame, n int) *frame.Frame {
		for range n {
			f = f.Sort("x")
		}
		return f
	}},
	{"group", 1000, func(f *frame.Frame, n int) *frame.Frame {
		for range n {
			f = f.GroupBy("y").Agg(frame.Sum("x").As("x"))
		}
		return f
	}},
	{"join", 50, func(f *frame.Frame, n int) *frame.Frame {
		for i := range n {
			f = f.Join(xy([]int64{1, 2, 3}).Select(frame.Col("x"), frame.Col("y").As(fmt.Sprint("j", i))), frame.Inner, "x")
		}
		return f
	}},
	{"concat", 3000, func(f *frame.Frame, n int) *frame.Frame { // of as many frames at once
		all := make([]*frame.Frame, n)
		for i := range all {
			all[i] = f.Filter(frame.Col("x").Ne(i))
		}
		return all[0].Concat(all[1:]...)
	}},
	{"append", 3000, func(f *frame.Frame, n int) *frame.Frame { // one after the other
		g := f
		for i := range n {
			g = g.Concat(f.Filter(frame.Col("x").Ne(i)))
		}
		return g
	}},
	{"double", 20, func(f *frame.Frame, n int) *frame.Frame { // of 2ⁿ paths
		for i := range n {
			f = f.Concat(f.Filter(frame.Col("x").Ne(i)))
		}
		return f
	}},
	{"wide", 5000, func(_ *frame.Frame, n int) *frame.Frame { // n columns, a few verbs
		cols := make([]frame.ColumnData, n)
		for i := range cols {
			cols[i] = frame.Values(fmt.Sprint("c", i), []int64{1, 2, 3})
		}
		return frame.FromColumns(cols...).WithColumns(frame.Col("c1").Add(1).As("c1")).Filter(frame.Col("c2").Gt(0)).Sort("c3").Rename(map[string]string{"c4": "d"})
	}},
	{"wide_sums", 5000, func(_ *frame.Frame, n int) *frame.Frame {
		cols := make([]frame.ColumnData, n)
		aggs := make([]frame.Aggregate, n)
		for i := range cols {
			cols[i] = frame.Values(fmt.Sprint("c", i), []int64{1, 2, 3})
			aggs[i] = frame.Sum(fmt.Sprint("c", i))
		}
		return frame.FromColumns(cols...).GroupBy().Agg(aggs...)
	}},
}

func xy(x []int64) *frame.Frame { return frame.FromColumns(frame.Values("x", x), frame.Values("y", x)) }

// BenchmarkPlan measures programs from their first verb to the plan that would run.
func BenchmarkPlan(b *testing.B) {
	for _, c := range programs {
		for _, n := range slices.Compact([]int{10, min(100, c.most), min(1000, c.most), c.most}) {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				r := local.New(local.Options{Threads: 1})
				defer r.Close()
				f := xy([]int64{1, 2, 3})
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.make(f, n).Explain(context.Background(), r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkComputed measures columns that are computed of each other, with and without the pass
// that makes one projection of them.
func BenchmarkComputed(b *testing.B) {
	f := ticks(1<<20, 100, 1)
	last := "v"
	for i := range 300 {
		next := fmt.Sprint("c", i)
		f, last = f.WithColumns(frame.Col(last).Add(1).As(next)), next
	}
	sums := []frame.Aggregate{frame.Sum("v")}
	for i := range 300 {
		sums = append(sums, frame.Max(fmt.Sprint("c", i)))
	}
	f = f.GroupBy().Agg(sums...)
	b.Run("flat", func(b *testing.B) { run(b, f) })
	b.Run("each", func(b *testing.B) { run(b, f, frame.Without("flatten")) })
}
