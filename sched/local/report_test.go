package local_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/sched/local"
)

// TestLayerFigures: rows, bytes, spilled bytes and repeated attempts stand at the layer they belong to.
func TestLayerFigures(t *testing.T) {
	r := local.New(local.Options{Threads: 2, Pool: 16 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	const n = 4_000_000
	g := &graph.Graph{}
	c, m, err := rows.Filter.Call(rows.FilterParams{Pred: expr.Col("i").Ge(0)}, table(t, g, n)) // what only reads a table stores nothing
	if err != nil {
		t.Fatal(err)
	}
	want := g.Add(graph.Layer{Call: c, Out: m, In: []graph.Edge{{From: 0}}})
	rep := read(t, r, graph.Request{Graph: g, Want: want})
	if l := rep.Layers[1]; l.Rows != n || l.Bytes < 8*n || l.Spilled < 8*n-16<<20 || l.PeakTaskBytes == 0 || l.Retries != 0 {
		t.Errorf("figures %+v of %d spilled in all", l, rep.Spilled)
	}
	g = &graph.Graph{}
	g.Add(graph.Layer{Call: sum.With(sumParams{FailBlock: 3, FailTimes: 2}), N: 8, Retry: op.Retry{Max: 3, Delay: time.Millisecond}})
	if l := read(t, r, graph.Request{Graph: g}).Layers[0]; l.Rows != 8 || l.Retries != 2 {
		t.Errorf("%d rows, %d retries, want 8 and 2", l.Rows, l.Retries)
	}
	r.Wait()
	if err := r.Node().Check(); err != nil {
		t.Error(err)
	}
}

// read runs a request to its end.
func read(t *testing.T, r *local.Runner, q graph.Request) graph.Report {
	t.Helper()
	j, err := r.Start(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for {
		d, err := j.Next(context.Background())
		if err == io.EOF {
			return j.Report()
		}
		if err != nil {
			t.Fatal(err)
		}
		d.Value.Release()
	}
}

// gates are what tasks of test.gate wait for, by their numbers.
var gates sync.Map

type gateParams struct{ ID int64 }

// test.gate is a step that lets the first split of its task pass, and the others when its gate opens.
var gated = op.Register(op.Spec[gateParams]{
	Name: "test.gate", Version: 1, Class: op.RowWise, Doc: "waits",
	Infer: func(_ gateParams, in []op.Meta) (op.Meta, error) { return in[0], nil },
	Pipe:  func(p gateParams, _ op.Meta) (op.Pipe, error) { return gatePipe(p), nil },
})

type gatePipe struct{ ID int64 }

func (p gatePipe) Open(op.Task, []op.In) (op.Stage, error) { return &gateStage{id: p.ID}, nil }
func (p gatePipe) Close() error                            { return nil }

type gateStage struct{ id int64 }

func (s *gateStage) Local() (op.Local, error) { return gateLocal{s}, nil }
func (s *gateStage) Drain() (op.Feed, error)  { return nil, nil }
func (s *gateStage) Finish(op.Out) error      { return nil }
func (s *gateStage) Close() error             { return nil }
func (s *gateStage) Serial() bool             { return true }

type gateLocal struct{ s *gateStage }

func (gateLocal) Close(op.Sink, bool) error { return nil }

func (l gateLocal) Push(m *chunk.Batch, out op.Sink) error {
	if m.Seq>>32&0xffff > 0 {
		if g, ok := gates.Load(l.s.id); ok {
			<-g.(chan bool)
		}
	}
	return out.Push(m)
}

// TestProgressWithinATask: the splits that are done count before their task has ended.
func TestProgressWithinATask(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	g := &graph.Graph{}
	c, m, err := gated.Call(gateParams{1}, table(t, g, 400_000)) // four splits
	if err != nil {
		t.Fatal(err)
	}
	open := make(chan bool)
	gates.Store(int64(1), open)
	var within float64
	want := g.Add(graph.Layer{Call: c, Out: m, In: []graph.Edge{{From: 0}}})
	read(t, r, graph.Request{Graph: g, Want: want, Progress: func(p graph.Progress) {
		if within == 0 && p.Fraction > 0 {
			within = p.Fraction
			close(open)
		}
	}})
	if within <= 0 || within >= 1 {
		t.Errorf("with one of four splits done the progress was %v", within)
	}
}
