package local_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
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
	return &trapStage{p.kind, t}, nil
}
func (p trapPipe) Close() error { return nil }

type trapStage struct {
	kind string
	t    op.Task
}

func (s *trapStage) Local() (op.Local, error) { return trapLocal{s}, nil }
func (s *trapStage) Drain() (op.Feed, error)  { return nil, nil }
func (s *trapStage) Finish(op.Out) error      { return nil }
func (s *trapStage) Close() error             { return nil }

type trapLocal struct{ *trapStage }

func (trapLocal) Close(op.Sink, bool) error { return nil }

func (s trapLocal) Push(m *chunk.Batch, out op.Sink) error {
	if s.t.Alloc(1<<20) == nil || !s.t.Reserve(1000) {
		return errors.New("trap: no memory")
	}
	if _, err := s.t.Spill(dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}}, 1); err != nil {
		return err
	}
	switch s.kind {
	case "panic":
		panic("trap: panic")
	case "fork":
		return s.t.Fork(8, func(i int) error {
			if i == 5 {
				panic("trap: fork")
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
	for _, kind := range []string{"open", "panic", "fork", "error"} {
		g, want := trapped(t, kind)
		j, err := r.Start(context.Background(), graph.Request{Graph: g, Want: want})
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Next(context.Background())
		if err == nil || !strings.Contains(err.Error(), "trap: "+kind) {
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
