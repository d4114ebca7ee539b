package group

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// fakeTask is an op.Task over a pool of its own.
type fakeTask struct {
	*mem.Pool
	dir     *spill.Dir
	threads int
	block   int
	mu      sync.Mutex
	counts  map[string]int64
	moody   *moody
}

func newFakeTask(t testing.TB, budget int64, threads int) *fakeTask {
	dir := spill.NewDir(t.TempDir())
	pool := mem.NewPool(budget)
	t.Cleanup(func() { dir.Close(); pool.Trim() })
	return &fakeTask{Pool: pool, dir: dir, threads: threads, counts: map[string]int64{}}
}

func (f *fakeTask) Context() context.Context { return context.Background() }
func (f *fakeTask) Block() int               { return f.block }
func (f *fakeTask) Threads() int             { return f.threads }
func (f *fakeTask) Alloc(n int) []byte {
	if f.moody.refuses() {
		return nil
	}
	return f.Pool.Alloc(n)
}
func (f *fakeTask) Reserve(n int64) bool  { return !f.moody.refuses() && f.Pool.Reserve(n) }
func (f *fakeTask) Shared() mem.Allocator { return f.Pool }
func (f *fakeTask) Budget() int64         { return f.Limit() }
func (f *fakeTask) Spill(s dtype.Schema, runs int) (*spill.File, error) {
	return f.dir.Create(s, runs)
}
func (f *fakeTask) Count(name string, n int64) {
	f.mu.Lock()
	f.counts[name] += n
	f.mu.Unlock()
}

func (f *fakeTask) Fork(n int, g func(i int) error) error {
	errs := make([]error, f.threads)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for th := range f.threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				if errs[th] == nil {
					errs[th] = g(i)
				}
			}
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// fakeOut keeps what is put, on the heap.
type fakeOut struct {
	mu     sync.Mutex
	schema dtype.Schema
	runs   [][]*chunk.Batch
	value  chunk.Value
	puts   int
}

func (o *fakeOut) Put(run int, b *chunk.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.puts++
	c := chunk.NewBuilder(o.schema, mem.Heap)
	if err := c.Append(b); err != nil {
		return err
	}
	for len(o.runs) <= run {
		o.runs = append(o.runs, nil)
	}
	o.runs[run] = append(o.runs[run], c.Flush())
	b.Release()
	return nil
}

func (o *fakeOut) PutValue(v chunk.Value) error { o.value = v; return nil }

func (o *fakeOut) result() chunk.Value {
	if o.value != nil {
		return o.value
	}
	return chunk.NewBlock(o.runs)
}

// config says how a group-by is run.
type config struct {
	threads int
	blocks  int   // map tasks; 0: one complete task
	apart   bool  // what can be is found apart
	morsel  int   // rows
	budget  int64 // 0: none
	disk    int64 // bytes; 0: as many as it takes
	moody   *moody
}

// runGroup runs p over the batches and returns the output batches.
func runGroup(t testing.TB, p Params, in dtype.Schema, data []*chunk.Batch, c config) (*fakeTask, []*chunk.Batch, error) {
	t.Helper()
	task := newFakeTask(t, c.budget, c.threads)
	task.moody = c.moody
	task.dir.Limit(c.disk)
	meta := op.Meta{Schema: in, Rows: -1, Bytes: -1}
	outMeta, err := inferBy(p, []op.Meta{meta})
	if err != nil {
		return task, nil, err
	}
	if c.apart {
		out, err := runApart(t, task, p, in, data, c, outMeta.Schema)
		if err != nil {
			return task, nil, err
		}
		return task, out, checkFreed(t, task)
	}
	if c.blocks == 0 {
		v, err := runPartial(t, task, partialOp, partialParams{By: p, Complete: true}, in, data, c, outMeta.Schema)
		if err != nil {
			return task, nil, err
		}
		return task, batchesOf(t, v, outMeta.Schema), checkFreed(t, task)
	}
	var ins []op.In
	pl, err := newPlan(p, in)
	if err != nil {
		return task, nil, err
	}
	for b := range c.blocks {
		part := data[b*len(data)/c.blocks : (b+1)*len(data)/c.blocks]
		v, err := runPartial(t, task, partialOp, partialParams{By: p}, in, part, c, pl.partialSchema())
		if err != nil {
			return task, nil, err
		}
		defer v.Release()
		ins = append(ins, op.In{Value: v, Lo: 0, Hi: hashRuns})
	}
	if err := checkFreed(t, task); err != nil {
		return task, nil, err
	}
	out, err := runFinal(task, pl, ins, outMeta.Schema)
	if err != nil {
		return task, nil, err
	}
	return task, out, checkFreed(t, task)
}

func checkFreed(t testing.TB, task *fakeTask) error {
	t.Helper()
	if n := task.Used(); n != 0 {
		t.Errorf("%d bytes are still handed out", n)
	}
	return nil
}

func runPartial(t testing.TB, task *fakeTask, reads op.Op[partialParams], p partialParams, in dtype.Schema, data []*chunk.Batch, c config, schema dtype.Schema) (v chunk.Value, err error) {
	call, _, err := reads.Call(p, op.Meta{Schema: in})
	if err != nil {
		return nil, err
	}
	bound, err := op.Of(call).Bind(call.Params, op.Meta{Schema: in})
	if err != nil {
		return nil, err
	}
	st, err := bound.Pipe.Open(task, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	var wg sync.WaitGroup
	errs := make([]error, c.threads)
	for th := range c.threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			l, err := st.Local()
			if err != nil {
				errs[th] = err
				return
			}
			for i := th; i < len(data) && err == nil; i += c.threads {
				err = pushAll(l, data[i], c.morsel)
			}
			errs[th] = errors.Join(err, l.Close(nil, err != nil))
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	out := &fakeOut{schema: schema}
	if err := st.Finish(out); err != nil {
		return nil, err
	}
	return out.result(), nil
}

func pushAll(l op.Local, b *chunk.Batch, morsel int) error {
	for lo := 0; lo < b.N; lo += morsel {
		m := b.Slice(lo, min(b.N, lo+morsel))
		m.Seq = b.Seq + uint64(lo/morsel)
		if err := l.Push(m, nil); err != nil {
			return err
		}
	}
	return nil
}

type sinkFunc func(*chunk.Batch) error

func (f sinkFunc) Push(b *chunk.Batch) error { return f(b) }

func runFinal(task *fakeTask, pl *plan, ins []op.In, schema dtype.Schema) ([]*chunk.Batch, error) {
	feed, err := finalSource{pl}.Open(task, ins)
	if err != nil {
		return nil, err
	}
	var out []*chunk.Batch
	var mu sync.Mutex
	sink := sinkFunc(func(b *chunk.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		c := chunk.NewBuilder(schema, mem.Heap)
		if err := c.Append(b); err != nil {
			return err
		}
		out = append(out, c.Flush())
		return nil
	})
	readers := make(chan op.Reader, task.threads)
	for range task.threads {
		r, err := feed.Reader()
		if err != nil {
			return nil, err
		}
		readers <- r
	}
	err = task.Fork(feed.Splits(), func(i int) error {
		r := <-readers
		defer func() { readers <- r }()
		return r.Read(i, sink)
	})
	for range task.threads {
		r := <-readers
		err = errors.Join(err, r.Close())
	}
	return out, errors.Join(err, feed.Close())
}

func batchesOf(t testing.TB, v chunk.Value, schema dtype.Schema) (out []*chunk.Batch) {
	t.Helper()
	for run := range v.Runs() {
		r, err := v.Open(run)
		if err != nil {
			t.Fatal(err)
		}
		for {
			b, err := r.Next()
			if err != nil {
				break
			}
			c := chunk.NewBuilder(schema, mem.Heap)
			if err := c.Append(b); err != nil {
				t.Fatal(err)
			}
			out = append(out, c.Flush())
		}
		r.Close()
	}
	return out
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 77)) }
