package order

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// A fakeTask is an op.Task with the given threads and memory without end.
type fakeTask struct {
	*mem.Pool
	dir     *spill.Dir
	threads int
	mu      sync.Mutex
	counts  map[string]int64
}

func newFakeTask(t testing.TB) *fakeTask {
	f := &fakeTask{Pool: mem.NewPool(0), dir: spill.NewDir(t.TempDir()), threads: 1, counts: map[string]int64{}}
	t.Cleanup(func() { _ = f.dir.Close() })
	return f
}

func forker(threads int) *fakeTask { return &fakeTask{Pool: mem.NewPool(0), threads: threads} }

func (t *fakeTask) Context() context.Context { return context.Background() }
func (t *fakeTask) Block() int               { return 0 }
func (t *fakeTask) Threads() int             { return t.threads }
func (t *fakeTask) Shared() mem.Allocator    { return t.Pool }
func (t *fakeTask) Budget() int64            { return t.Pool.Limit() }
func (t *fakeTask) Spill(s dtype.Schema, runs int) (*spill.File, error) {
	return t.dir.Create(s, runs)
}

func (t *fakeTask) Count(name string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[name] += n
}

func (t *fakeTask) Fork(n int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for range t.threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					once.Do(func() { first = err })
				}
			}
		}()
	}
	wg.Wait()
	return first
}

// A fakeOut keeps what is put.
type fakeOut struct {
	mu   sync.Mutex
	runs [][]*chunk.Batch
}

func newFakeOut() *fakeOut { return &fakeOut{} }

func (o *fakeOut) Put(run int, b *chunk.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.runs) <= run {
		o.runs = append(o.runs, nil)
	}
	o.runs[run] = append(o.runs[run], b)
	return nil
}

func (o *fakeOut) PutValue(chunk.Value) error { panic("not here") }

func (o *fakeOut) rows(t *testing.T) (rows [][]any) {
	rows, err := optest.Read(nil, chunk.NewBlock(o.runs))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

var _ op.Task = (*fakeTask)(nil)
