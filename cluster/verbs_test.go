package cluster_test

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
)

// arrays are what moves blocks: cuts anew, transposes, folds, products.
func arrays() map[string]*array.Array {
	x := array.Random(7).Normal(5, 2, []int{600, 400}, array.Chunks(100, 100))
	y := array.Random(8).Normal(0, 1, []int{400, 300}, array.Chunks(150, 70))
	return map[string]*array.Array{
		"elementwise": x.Mul(2).Add(x.Square()),
		"rechunk":     x.Rechunk(600, 17),
		"transpose":   x.Transpose().Rechunk(400, 30).Add(1),
		"sum":         x.Sum(),
		"columns":     x.Sub(x.Mean(0)).Div(x.Std(0, 0)),
		"rows":        x.Max(1),
		"matmul":      x.MatMul(y),
		"scan":        x.CumSum(0),
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
	for _, after := range []int{1, 4, 9} {
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

// TestManyJobs: nothing is left of a thousand jobs, some of which fail or are given
// up, neither goroutines nor files nor memory.
func TestManyJobs(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand jobs")
	}
	sales, products := tables(t, 2, 40)
	qs := queries(sales, products)
	bad := sales.WithColumns(frame.Col("qty").Add(int64(1<<63 - 1)).As("x"))
	r := newRig(t, 2, cluster.WorkerOptions{Pool: 64 << 20})
	var before [3]int
	for i := range 1000 {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		switch i % 5 {
		case 0:
			if _, err := bad.Collect(ctx, r.c); err == nil {
				t.Fatal("an overflow is no error")
			}
		case 1:
			for _, err := range qs["filter"].Iterate(ctx, r.c) {
				if err != nil {
					t.Fatal(i, err)
				}
				break
			}
		case 2:
			_, err := qs["join"].Collect(ctx, r.c)
			if err != nil {
				t.Fatal(i, err)
			}
		case 3: // cancelled in the middle, at many points
			short, stop := context.WithTimeout(ctx, time.Duration(i)*3*time.Microsecond)
			_, _ = qs["join"].Collect(short, r.c)
			stop()
		default:
			if _, err := qs["few"].Collect(ctx, r.c); err != nil {
				t.Fatal(i, err)
			}
		}
		cancel()
		if i == 100 {
			before = left(t, r)
		}
	}
	after := left(t, r)
	for i, what := range []string{"goroutines", "open files", "bytes of heap"} {
		slack := []int{5, 5, 4 << 20}[i]
		if after[i] > before[i]+slack {
			t.Errorf("%d %s after 1000 jobs, %d after 100", after[i], what, before[i])
		}
	}
	if n := r.s.Remembered(); n > 0 {
		t.Errorf("the scheduler remembers the ends of %d jobs that nobody asks for", n)
	}
	for _, w := range r.workers {
		if n := w.Node().Pool().Used(); n > 0 {
			t.Errorf("%s: %d bytes of buffers are left", w.Name(), n)
		}
	}
}

// left waits until no job is there and counts goroutines, open files and bytes.
func left(t *testing.T, r *rig) [3]int {
	t.Helper()
	for i := 0; len(r.s.State().Jobs) > 0 || slices.ContainsFunc(r.workers, func(w *cluster.Worker) bool { return w.Node().Pool().Used() > 0 }); i++ {
		if i == 500 {
			t.Fatal("jobs do not end")
		}
		time.Sleep(10 * time.Millisecond)
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return counted(len(files))
}

func counted(files int) [3]int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
	runtime.ReadMemStats(&m)
	return [3]int{runtime.NumGoroutine(), files, int(m.HeapAlloc)}
}
