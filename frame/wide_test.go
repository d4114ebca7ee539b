package frame_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestWideGroupBy holds that a group-by has as many aggregates as anybody wants, in memory and on disk, and Describe as many columns.
func TestWideGroupBy(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	const cols, rows, keys = 400, 6000, 5
	group := make([]int64, rows)
	var data []frame.ColumnData
	for i := range group {
		group[i] = int64(i % keys)
	}
	data = append(data, frame.Values("k", group))
	var aggs []frame.Aggregate
	for c := range cols {
		v := make([]int64, rows)
		for i := range v {
			v[i] = int64(i * c)
		}
		name := fmt.Sprint("c", c)
		data = append(data, frame.Values(name, v))
		aggs = append(aggs, frame.Sum(name).As(name+"s"), frame.Min(name).As(name+"i"), frame.Max(name).As(name+"x"), frame.Mean(name).As(name+"m"))
	}
	x := frame.FromColumns(data...)
	for _, memory := range effort.Some(1, []int64{32 << 20, 512 << 20}) {
		r := local.New(local.Options{Threads: 2, Pool: memory, SpillDir: t.TempDir()})
		got, err := x.GroupBy("k").Agg(aggs...).Sort("k").Collect(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		for k := range keys {
			n, hi := int64(rows/keys), int64(rows-keys+k)
			for c := range int64(cols) {
				at, sum := int(1+4*c), n*(int64(k)+hi)/2
				for i, want := range []any{c * sum, c * int64(k), c * hi, float64(c*sum) / float64(n)} {
					if v := got.Value(k, at+i); v != want {
						t.Fatalf("%d MiB, group %d: %s is %v, want %v", memory>>20, k, got.Schema[at+i].Name, v, want)
					}
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	about, err := x.Describe().Collect(context.Background(), runner(t))
	if err != nil || about.NumRows() != cols+1 {
		t.Error(about, err)
	}
}

// BenchmarkDescribe shows what planning of thousands of columns costs: the rows are few.
func BenchmarkDescribe(b *testing.B) {
	for _, cols := range []int{500, 5000} {
		b.Run(fmt.Sprint(cols), func(b *testing.B) {
			var data []frame.ColumnData
			for c := range cols {
				data = append(data, frame.Values(fmt.Sprint("c", c), []int64{1, int64(c), 3}))
			}
			x := frame.FromColumns(data...)
			for b.Loop() {
				if _, err := x.Describe().Collect(context.Background(), runner(b)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
