package optest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// A Lingering is a job, of tasks in this process, of which block 0 goes on after it was
// told to stop, and block 1 fails when block 0 has begun.
type Lingering struct {
	graph.Job
	Begun chan struct{} // closed when block 0 has begun
	Over  chan struct{} // to be closed, so that a deaf one ends
	left  atomic.Int64
}

// Left returns how many tasks of block 0 go on.
func (l *Lingering) Left() int64 { return l.left.Load() }

// Linger begins one, on a runner whose tasks are in this process. Block 0 takes a moment
// to stop; a deaf one does not stop before Over.
func Linger(t testing.TB, ctx context.Context, r graph.Runner, deaf bool, blocks int32) *Lingering {
	t.Helper()
	l := &Lingering{Begun: make(chan struct{}), Over: make(chan struct{})}
	p := lingerParams{lingerers.n.Add(1), deaf}
	lingerers.Store(p.ID, l)
	c, m, err := linger.Call(p)
	if err != nil {
		t.Fatal(err)
	}
	g := &graph.Graph{}
	if l.Job, err = r.Start(ctx, graph.Request{Graph: g, Want: g.Add(graph.Layer{Call: c, Out: m, N: blocks})}); err != nil {
		t.Fatal(err)
	}
	return l
}

// lingerers has all of them, by number.
var lingerers struct {
	sync.Map
	n atomic.Int64
}

type lingerParams struct {
	ID   int64
	Deaf bool
}

var linger = op.Register(op.Spec[lingerParams]{
	Name: "test.linger", Version: 1, Class: op.Opaque, Doc: "goes on after it was told to stop",
	Infer: func(lingerParams, []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}}, Rows: -1, Bytes: -1}, nil
	},
	Block: func(p lingerParams) (op.Block, error) { return lingerBlock(p), nil },
})

type lingerBlock lingerParams

// Run implements op.Block.
func (b lingerBlock) Run(t op.Task, _ []op.In, _ op.Out) error {
	x, _ := lingerers.Load(b.ID)
	l := x.(*Lingering)
	if t.Block() == 1 {
		<-l.Begun
		return errors.New("linger: error")
	}
	l.left.Add(1)
	defer l.left.Add(-1)
	close(l.Begun)
	<-t.Context().Done()
	if b.Deaf {
		<-l.Over
	} else {
		time.Sleep(30 * time.Millisecond) // it tidies up
	}
	return t.Context().Err()
}

// EndsWithItsTasks holds a runner, with two threads for the job in one process, to the law
// of graph.Job: when a job is closed no task of it runs, whether it has failed, was
// cancelled, was given up, or lost its connection, which cut ends if there is any.
func EndsWithItsTasks(t *testing.T, r graph.Runner, cut func()) {
	if cut == nil {
		cut = func() {}
	}
	for _, how := range []string{"failed", "cancelled", "given up", "cut"} {
		ctx, cancel := context.WithCancel(context.Background())
		blocks := int32(1)
		if how == "failed" {
			blocks = 2
		}
		j := Linger(t, ctx, r, false, blocks)
		switch <-j.Begun; how {
		case "failed":
			if _, err := j.Next(ctx); err == nil || !strings.Contains(err.Error(), "linger: error") {
				t.Error(how, err)
			}
		case "cancelled":
			cancel()
			if _, err := j.Next(context.Background()); !errors.Is(err, context.Canceled) {
				t.Error(how, err)
			}
		case "cut":
			cut()
		}
		if err := j.Close(); err != nil {
			t.Error(how, err)
		}
		if n := j.Left(); n != 0 {
			t.Errorf("%s: %d tasks run after the end of their job", how, n)
		}
		cancel()
	}
}
