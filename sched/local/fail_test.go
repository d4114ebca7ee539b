package local_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/sched/local"
)

type trapParams struct{ Kind string }

// test.trap takes memory and then does what its kind says.
var trap = op.Register(op.Spec[trapParams]{
	Name: "test.trap", Version: 1, Class: op.RowWise, Doc: "misbehaves",
	Infer: func(_ trapParams, in []op.Meta) (op.Meta, error) { return in[0], nil },
	Pipe:  func(p trapParams, _ op.Meta) (op.Pipe, error) { return trapPipe{p.Kind}, nil },
})

type trapPipe struct{ kind string }

func (p trapPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	if p.kind == "open" {
		return nil, errors.New("trap: open")
	}
	p.spring("open")
	return &trapStage{p, t}, nil
}
func (p trapPipe) Close() error { return nil }

// spring panics or ends the goroutine if that is what the trap does here.
func (p trapPipe) spring(here string) {
	switch p.kind {
	case here + " panic":
		panic("trap: " + p.kind)
	case here + " exit":
		runtime.Goexit()
	}
}

type trapStage struct {
	trapPipe
	t op.Task
}

func (s *trapStage) Local() (op.Local, error) { return trapLocal{s}, nil }
func (s *trapStage) Drain() (op.Feed, error)  { s.spring("drain"); return nil, nil }
func (s *trapStage) Finish(op.Out) error      { return nil }
func (s *trapStage) Close() error             { return nil }

type trapLocal struct{ *trapStage }

func (s trapLocal) Close(op.Sink, bool) error { s.spring("close"); return nil }

func (s trapLocal) Push(m *chunk.Batch, out op.Sink) error {
	if s.t.Alloc(1<<18) == nil || !s.t.Reserve(1000) {
		return errors.New("trap: no memory")
	}
	if _, err := s.t.Spill(dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}}, 1); err != nil {
		return err
	}
	s.spring("push")
	switch s.kind {
	case "fork panic", "fork exit":
		return s.t.Fork(8, func(i int) error {
			if i == 5 {
				s.spring("fork")
			}
			return nil
		})
	case "hang":
		<-s.t.Context().Done()
		return s.t.Context().Err()
	case "error":
		return errors.New("trap: error")
	}
	return out.Push(m)
}

// table is n rows of one column in memory, as the first layer of a graph.
func table(t *testing.T, g *graph.Graph, n int) op.Meta {
	v := make([]int64, n)
	p := rows.Keep(dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}},
		[]*chunk.Batch{{N: n, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: n, Data: chunk.Bytes(v)}}}})
	t.Cleanup(func() { rows.Drop(p.ID) })
	c, m, err := rows.Memory.Call(p)
	if err != nil {
		t.Fatal(err)
	}
	g.Add(graph.Layer{Call: c, Out: m})
	return m
}

func trapped(t *testing.T, kind string) (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	m := table(t, g, 400_000)
	c, m, err := trap.Call(trapParams{kind}, m)
	if err != nil {
		t.Fatal(err)
	}
	return g, g.Add(graph.Layer{Call: c, Out: m, In: []graph.Edge{{From: 0}}})
}

func TestFailuresLeaveNothingBehind(t *testing.T) {
	r := local.New(local.Options{Threads: 3, Pool: 64 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	kinds := []string{"open", "error"}
	for _, where := range []string{"open", "push", "fork", "drain", "close"} {
		kinds = append(kinds, where+" panic", where+" exit")
	}
	for _, kind := range kinds {
		g, want := trapped(t, kind)
		j, err := r.Start(context.Background(), graph.Request{Graph: g, Want: want})
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Next(context.Background())
		if exit := strings.HasSuffix(kind, " exit"); err == nil || exit && !errors.Is(err, op.ErrExit) || !exit && !strings.Contains(err.Error(), "trap: "+kind) {
			t.Errorf("%s: %v", kind, err)
		}
		j.Close()
		r.Wait()
		if used := r.Node().Pool().Used(); used != 0 {
			t.Errorf("%s: %d bytes are still taken", kind, used)
		}
	}
}

func TestCancelEndsAJobSoon(t *testing.T) {
	r := local.New(local.Options{Threads: 2, Pool: 64 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	g, want := trapped(t, "hang")
	j, err := r.Start(ctx, graph.Request{Graph: g, Want: want})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := j.Next(context.Background()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	j.Close()
	r.Wait()
	if used := r.Node().Pool().Used(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
}

// TestAJobEndsWithItsTasks: when Close has returned no task of the job runs.
func TestAJobEndsWithItsTasks(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	optest.EndsWithItsTasks(t, r, nil)
}

// TestAJobWaitsForItsOwnTasksOnly: what a job has in the queue is not begun once it has
// ended, though others have all threads.
func TestAJobWaitsForItsOwnTasksOnly(t *testing.T) {
	r := local.New(local.Options{Threads: 1})
	defer r.Close()
	long := optest.Linger(t, context.Background(), r, false, 1)
	<-long.Begun
	ctx, cancel := context.WithCancel(context.Background())
	j := optest.Linger(t, ctx, r, false, 64)
	cancel()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-j.Begun:
		t.Error("a task was begun")
	default:
	}
	if n := long.Left(); n != 1 {
		t.Errorf("%d tasks of the other job run, want 1", n)
	}
	if err := long.Close(); err != nil {
		t.Error(err)
	}
}

// TestDeafTasks: a function that does not heed its context is not waited for longer than
// Options.Stuck, and whoever closes the job hears of it.
func TestDeafTasks(t *testing.T) {
	r := local.New(local.Options{Threads: 2, Stuck: 20 * time.Millisecond})
	j := optest.Linger(t, context.Background(), r, true, 2)
	if _, err := j.Next(context.Background()); err == nil || !strings.Contains(err.Error(), "linger: error") {
		t.Error(err)
	}
	if err := j.Close(); !errors.Is(err, graph.ErrRunning) {
		t.Error(err)
	}
	if n := j.Left(); n != 1 {
		t.Errorf("%d tasks go on, want 1", n)
	}
	close(j.Over)
	r.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

type shortParams struct{ Tries int64 }

// shortTries counts the tasks of test.short.
var shortTries atomic.Int64

// test.short has no memory for its first tries.
var short = op.Register(op.Spec[shortParams]{
	Name: "test.short", Version: 1, Class: op.Opaque, Doc: "has no memory at first",
	Infer: func(shortParams, []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}}, Rows: -1, Bytes: -1}, nil
	},
	Block: func(p shortParams) (op.Block, error) { return shortBlock(p), nil },
})

type shortBlock shortParams

func (b shortBlock) Run(op.Task, []op.In, op.Out) error {
	if shortTries.Add(1) <= b.Tries {
		return fmt.Errorf("short: %w", mem.ErrBudget)
	}
	return nil
}

// TestOutOfMemoryIsTriedAlone: a task that had no memory is done once more, as on a cluster.
func TestOutOfMemoryIsTriedAlone(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	for tries, want := range map[int64]error{1: nil, 5: mem.ErrBudget} {
		shortTries.Store(0)
		c, m, err := short.Call(shortParams{tries})
		if err != nil {
			t.Fatal(err)
		}
		g := &graph.Graph{}
		q := graph.Request{Graph: g, Want: g.Add(graph.Layer{Call: c, Out: m, N: 1})}
		if _, err := graph.Each(context.Background(), r, q, nil, func(graph.Delivered) error { return nil }); !errors.Is(err, want) {
			t.Errorf("short of memory %d times: %v", tries, err)
		}
		if n := shortTries.Load(); n != 2 {
			t.Errorf("short of memory %d times: %d attempts, want 2", tries, n)
		}
	}
}

func TestClosedRunner(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	g, want := trapped(t, "")
	if _, err := r.Start(context.Background(), graph.Request{Graph: g, Want: want}); err == nil {
		t.Error("a closed runner started a job")
	}
}
