package cluster_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/internal/spill"
)

// spilling is an array whose running sums three workers of 20 MiB cannot keep in memory.
func spilling() *array.Array {
	x := array.Random(7).Normal(5, 2, []int{2000, 4000}, array.Chunks(500, 500))
	return x.CumSum(0).CumSum(1).Sum(1)
}

// spilled computes that in this process, for a test that does it again.
func spilled(t *testing.T) (context.Context, []float64) {
	t.Helper()
	if testing.Short() {
		t.Skip("spills 100 MB")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	want, err := array.Collect[float64](ctx, here, spilling())
	if err != nil {
		t.Fatal(err)
	}
	return ctx, want
}

// collect starts the computation of an array on a cluster.
func collect(ctx context.Context, r *rig, x *array.Array) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		got, err := array.Collect[float64](ctx, r.c, x)
		out <- answer{got, err}
	}()
	return out
}

type answer struct {
	got []float64
	err error
}

func (a answer) is(t *testing.T, want []float64) {
	t.Helper()
	if at := differ(a.got, want); a.err != nil || at >= 0 {
		t.Errorf("number %d differs, %v", at, a.err)
	}
}

// paused counts the workers that ask for nothing.
func (r *rig) paused() (n int) {
	for _, w := range r.s.State().Workers {
		if w.Paused {
			n++
		}
	}
	return n
}

// TestFullDisk: a worker whose disk is full says so, gives back what it has not begun, and
// the others do it; when there is room again it goes on.
func TestFullDisk(t *testing.T) {
	ctx, want := spilled(t)
	small := t.TempDir()
	for _, c := range []struct {
		name string
		o    cluster.WorkerOptions
	}{
		{"a quota", cluster.WorkerOptions{Spill: 3 << 20}},
		{"a small disk", cluster.WorkerOptions{SpillDir: small}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.o.SpillDir != "" {
				if err := syscall.Mount("none", small, "tmpfs", 0, "size=3m"); err != nil {
					t.Skip("a file system of 3 MiB cannot be mounted here: ", err)
				}
				t.Cleanup(func() { _ = syscall.Unmount(small, 0) })
			}
			r := newRig(t, 2, cluster.WorkerOptions{Threads: 1, Pool: 20 << 20})
			c.o.Threads, c.o.Pool = 1, 20<<20
			w := r.join(t, c.o)
			full, was := false, 0
			for ctx.Err() == nil && !full { // which of the three stores how much is not the same each time
				for out := collect(ctx, r, spilling()); out != nil; {
					full, was = full || w.Node().Full(), max(was, r.paused())
					select {
					case a := <-out:
						a.is(t, want)
						out = nil
					case <-time.After(time.Millisecond):
					}
				}
			}
			if !full || was > 1 {
				t.Errorf("the disk was full: %v; %d workers paused", full, was)
			}
			until(t, "the worker is there again", func() bool { return r.paused() == 0 && r.s.Workers() == 3 })
			if n := w.Node().OnDisk(); n > 3<<20 {
				t.Errorf("%d bytes are on its disk", n)
			}
			(<-collect(ctx, r, array.Arange(0, 1000, 1, array.Chunks(10)).Mul(2.0))).is(t, twice(1000))
		})
	}
}

func twice(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 2 * float64(i)
	}
	return out
}

// TestAllDisksFull: where nobody has room the job fails and says how much there was, and
// the cluster goes on.
func TestAllDisksFull(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for disks")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1, Pool: 12 << 20, Spill: 2 << 20})
	a := <-collect(ctx, r, spilling())
	if a.err == nil || !strings.Contains(a.err.Error(), "no room in ") || !strings.Contains(a.err.Error(), "bytes of spilled blocks") {
		t.Errorf("%d numbers, %v", len(a.got), a.err)
	}
	until(t, "the cluster is idle", r.idle)
	(<-collect(ctx, r, array.Arange(0, 1000, 1, array.Chunks(10)).Mul(2.0))).is(t, twice(1000))
}

// TestRottenDisk flips bits in files that workers have spilled: the blocks are found to be
// lost, by tasks there and by readers elsewhere, and are made again. The files are kept, and the logs of the workers say where.
func TestRottenDisk(t *testing.T) {
	ctx, want := spilled(t)
	dir := t.TempDir()
	said := &pad{}
	o := cluster.WorkerOptions{Threads: 1, Pool: 20 << 20, SpillDir: dir, Log: slog.New(slog.NewTextHandler(said, nil))}
	r := newRig(t, 3, o)
	(<-collect(ctx, r, spilling())).is(t, want)
	sound := r.s.Finished()
	out, spoiled := collect(ctx, r, spilling()), map[string]bool{}
	for {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Dir(path) != dir && len(spoiled) < 40 && !spoiled[path] && flip(path) {
				spoiled[path] = true
			}
			return nil
		})
		select {
		case a := <-out:
			a.is(t, want)
		case <-time.After(time.Millisecond):
			continue
		}
		break
	}
	if again := r.s.Finished() - 2*sound; len(spoiled) == 0 || again <= 0 {
		t.Errorf("%d files were spoiled, %d tasks were done again", len(spoiled), again)
	} else {
		t.Logf("%d files were spoiled, %d tasks were done again", len(spoiled), again)
	}
	until(t, "the cluster is idle", r.idle)
	files, _ := filepath.Glob(filepath.Join(dir, "weft-rotten-*"))
	if len(files) == 0 || len(files) > 16 {
		t.Errorf("%d files are kept", len(files))
	}
	for _, path := range files {
		if !strings.Contains(said.String(), "it is kept as "+path) {
			t.Errorf("no log says where %s is", path)
		}
	}
}

// rotten is how many of the files are rotten that the blocks of scratching write to come.
var rotten atomic.Int64

// scratching writes a file of its own and reads it back, as a sort larger than memory does.
var scratching = array.Register("cluster_test/scratching", func(_ context.Context, _ []int, in []*array.Block, out *array.Block) (err error) {
	parent, err := os.MkdirTemp("", "scratching")
	if err != nil {
		return err
	}
	dir := spill.NewDir(parent)
	defer func() { err = errors.Join(err, dir.Close(), os.RemoveAll(parent)) }()
	schema := dtype.Schema{{Name: "x", Type: dtype.Of(dtype.Int64)}}
	f, err := dir.Create(schema, 1)
	if err != nil {
		return err
	}
	defer f.Release()
	rows := make([][]any, 10000)
	for i := range rows {
		rows[i] = []any{rand.Int64()}
	}
	if err := f.Write(0, optest.Rows(schema, rows, 0).Batches[0]); err != nil {
		return err
	}
	if rotten.Add(-1) >= 0 {
		files, _ := filepath.Glob(filepath.Join(parent, "*", "*.spill"))
		for _, path := range files {
			flip(path)
		}
	}
	if _, err := optest.Read(nil, f); err != nil {
		return err
	}
	copy(array.Elements[float64](out), array.Elements[float64](in[0]))
	return nil
})

// TestRottenScratch: a task whose own file cannot be read back is done once more; twice is
// too often.
func TestRottenScratch(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
	x := array.MapBlocks(scratching, array.Float64, array.Arange(0, 500, 1, array.Chunks(50)).Mul(2.0))
	rotten.Store(1)
	(<-collect(ctx, r, x)).is(t, twice(500))
	if n := rotten.Load(); n >= 0 {
		t.Error("no file was rotten")
	}
	rotten.Store(1 << 20)
	if a := <-collect(ctx, r, x); a.err == nil || !strings.Contains(a.err.Error(), "does not match its checksum") {
		t.Errorf("%d numbers, %v", len(a.got), a.err)
	}
}

// flip turns a bit in the middle of a file that has something.
func flip(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Size() < 1<<16 {
		return false
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], st.Size()/2); err != nil {
		return false
	}
	b[0] ^= 16
	_, err = f.WriteAt(b[:], st.Size()/2)
	return err == nil
}
