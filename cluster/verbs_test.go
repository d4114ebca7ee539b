package cluster_test

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
)

// arrays are what moves blocks: cuts anew, transposes, folds, products.
func arrays() map[string]*array.Array {
	x := array.Random(7).Normal(5, 2, []int{600, 400}, array.Chunks(100, 100))
	y := array.Random(8).Normal(0, 1, []int{400, 300}, array.Chunks(150, 70))
	some := x.Compress(x.Slice(":,0").Gt(5), 0) // of which is not known how many rows it has
	return map[string]*array.Array{
		"elementwise": x.Mul(2).Add(x.Square()),
		"rechunk":     x.Rechunk(600, 17),
		"transpose":   x.Transpose().Rechunk(400, 30).Add(1),
		"sum":         x.Sum(),
		"columns":     x.Sub(x.Mean(0)).Div(x.Std(0, 0)),
		"rows":        x.Max(1),
		"matmul":      x.MatMul(y),
		"scan":        x.CumSum(0),
		"positions":   x.NanArgMax(0).As(array.Float64),
		"median":      x.As(array.Float32).NanMedian(0).As(array.Float64),
		"largest":     x.TopK(5, 0),
		"low pass":    x.RFFT(0).Mul(2).IRFFT(0, array.Points(600)),
		"some rows":   some.Sub(some.Median(1).ExpandDims(1)).Sort(1),
		"some sums":   some.T().MatMul(some.CumSum(0)),
		"some solved": some.Slice(":,:30").LstSq(some.Slice(":,30")),
		"by a vector": array.Einsum("i,ij->j", x.Slice(":,3"), x.Sub(x.Mean(0))),
	}
}

// TestArraysSameAsLocal compares bits.
func TestArraysSameAsLocal(t *testing.T) {
	r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for name, x := range arrays() {
		want, err := array.Collect[float64](ctx, here, x)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := array.Collect[float64](ctx, r.c, x)
		if err != nil {
			t.Fatal(name, err)
		}
		if at := differ(got, want); at >= 0 || len(want) == 0 {
			t.Errorf("%s: %d of %d numbers, the first that differs is %d", name, len(got), len(want), at)
		}
	}
}

// differ returns where two lists of numbers differ, -1 if they do not.
func differ(a, b []float64) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || math.Float64bits(a[i]) != math.Float64bits(b[i]) {
			return i
		}
	}
	return -1
}

// TestArraysOutliveWorkers kills a worker process in the middle of products and cuts
// anew: the bits stay the same.
func TestArraysOutliveWorkers(t *testing.T) {
	x := array.Random(7).Normal(5, 2, []int{900, 900}, array.Chunks(100, 100))
	q := x.MatMul(x.Transpose()).Rechunk(900, 50).Sub(1)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	want, err := array.Collect[float64](ctx, here, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int64{5, 60} {
		r := up(t, 3, cluster.SchedulerOptions{})
		out := make(chan []float64)
		go func() {
			got, err := array.Collect[float64](ctx, r.c, q)
			if err != nil {
				t.Error(err)
			}
			out <- got
		}()
		for r.s.Finished() < after && ctx.Err() == nil {
			time.Sleep(50 * time.Microsecond)
		}
		r.signal(t, 1, syscall.SIGKILL)
		if at := differ(<-out, want); at >= 0 {
			t.Errorf("killed after %d tasks: number %d differs", after, at)
		}
	}
}

// TestFoldersAreWrittenOnce kills worker processes while they write a folder, so that
// blocks are written again: each row is there once, and nothing else is left.
func TestFoldersAreWrittenOnce(t *testing.T) {
	sales, _ := tables(t, 12, 3000)
	want, err := sales.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for _, after := range effort.Some(1, []int{4, 1, 9}) {
		r := up(t, 3, cluster.SchedulerOptions{})
		dir := filepath.Join(t.TempDir(), "out")
		done := make(chan error, 1)
		go func() {
			n, err := sales.WriteParquetFolder(ctx, r.c, dir, frame.ParquetFolderOptions{By: []string{"city"}})
			if err == nil && n != want.NumRows() {
				err = fmt.Errorf("%d rows were written, want %d", n, want.NumRows())
			}
			done <- err
		}()
		for ctx.Err() == nil { // the moment files get their names
			n := 0
			_ = filepath.WalkDir(filepath.Dir(dir), func(path string, _ fs.DirEntry, _ error) error {
				if filepath.Ext(path) == ".parquet" {
					n++
				}
				return nil
			})
			if n >= after {
				break
			}
		}
		r.signal(t, 0, syscall.SIGKILL)
		if err := <-done; err != nil {
			t.Fatal(after, err)
		}
		got, err := frame.ReadParquet(dir).Select("id", "product", "city", "price", "qty").Collect(ctx, here)
		if err != nil {
			t.Fatal(after, err)
		}
		compare(t, "written", got, want)
		if all, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(all) != 1 {
			t.Errorf("beside the folder there is %v, %v", all, err)
		}
	}
}
