package local_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

// A number is the smallest block there is.
type number int64

func (number) Rows() int64                    { return 1 }
func (number) Bytes() int64                   { return 8 }
func (number) Runs() int                      { return 0 }
func (number) RunBytes(int) int64             { return 0 }
func (number) Open(int) (chunk.Reader, error) { return nil, errors.New("a number has no rows") }
func (number) Release()                       {}

type sumParams struct{ Add, FailBlock, FailTimes int64 }

// test.sum adds its inputs, its block number and a constant; it fails on one
// block, a given number of times.
var sum = op.Register(op.Spec[sumParams]{
	Name: "test.sum", Version: 1, Class: op.Opaque, Doc: "adds numbers",
	Infer: func(sumParams, []op.Meta) (op.Meta, error) { return op.Meta{Rows: -1}, nil },
	Block: func(p sumParams) (op.Block, error) { return &summing{p: p}, nil },
})

type summing struct {
	p     sumParams
	fails atomic.Int64
}

func (s *summing) Run(op.Task, []op.In, op.Out) error { return errors.New("runs directly") }

func (s *summing) Direct(_ context.Context, block int, in []op.In) (chunk.Value, error) {
	if s.p.FailTimes > 0 && int64(block) == s.p.FailBlock && s.fails.Add(1) <= s.p.FailTimes {
		return nil, errors.New("no luck")
	}
	n := number(s.p.Add) + number(block)
	for _, x := range in {
		n += value(x.Value)
	}
	return n, nil
}

// value finds the number, whoever else holds it.
func value(v chunk.Value) number {
	for {
		switch x := v.(type) {
		case number:
			return x
		case interface{ Unwrap() chunk.Value }:
			v = x.Unwrap()
		}
	}
}

func run(t testing.TB, r *local.Runner, g *graph.Graph, want graph.LayerID) (total int64, n int, err error) {
	j, err := r.Start(context.Background(), graph.Request{Graph: g, Want: want})
	if err != nil {
		return 0, 0, err
	}
	defer j.Close()
	for {
		d, err := j.Next(context.Background())
		if err == io.EOF {
			return total, n, nil
		}
		if err != nil {
			return 0, 0, err
		}
		total += int64(value(d.Value))
		n++
	}
}

func chain(n int32) (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	at, list := []int32{0, 0}, []int32{}
	for i := int32(1); i < n; i++ {
		list = append(list, i-1)
		at = append(at, int32(len(list)))
	}
	return g, g.Add(graph.Layer{Call: sum.With(sumParams{}), N: n, In: []graph.Edge{{From: 0, Wiring: op.Listed, At: at, List: list}}})
}

func tree(leaves int32) (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	at, list := make([]int32, leaves+1), []int32{}
	n := leaves
	for lo, hi := int32(0), leaves; hi-lo > 1; lo, hi = hi, n {
		for i := lo; i < hi; i += 2 {
			list = append(list, i)
			if i+1 < hi {
				list = append(list, i+1)
			}
			at = append(at, int32(len(list)))
			n++
		}
	}
	return g, g.Add(graph.Layer{Call: sum.With(sumParams{}), N: n, In: []graph.Edge{{From: 0, Wiring: op.Listed, At: at, List: list}}})
}

func TestManySmallTasks(t *testing.T) {
	r := local.New(local.Options{Threads: 3})
	defer r.Close()
	g := &graph.Graph{}
	l := g.Add(graph.Layer{Call: sum.With(sumParams{Add: 1}), N: 10000})
	if total, n, err := run(t, r, g, l); err != nil || n != 10000 || total != 10000*9999/2+10000 {
		t.Fatal(total, n, err)
	}
	cg, cl := chain(1000)
	if _, n, err := run(t, r, cg, cl); err != nil || n != 1000 {
		t.Fatal(n, err)
	}
}

func TestRetriesAndErrors(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	g := &graph.Graph{}
	l := g.Add(graph.Layer{Call: sum.With(sumParams{FailBlock: 3, FailTimes: 2}), N: 8, Retry: op.Retry{Max: 3, Delay: time.Millisecond}})
	if _, n, err := run(t, r, g, l); err != nil || n != 8 {
		t.Fatal(n, err)
	}
	g.Layers[l].Retry.Max = 2
	g.Layers[l].Origin = "main.go:7"
	if _, _, err := run(t, r, g, l); err == nil || !strings.Contains(err.Error(), "main.go:7: no luck") {
		t.Fatal(err)
	}
}

func BenchmarkTasks(b *testing.B) {
	flat := func() (*graph.Graph, graph.LayerID) {
		g := &graph.Graph{}
		return g, g.Add(graph.Layer{Call: sum.With(sumParams{}), N: 100000})
	}
	for _, c := range []struct {
		name string
		make func() (*graph.Graph, graph.LayerID)
		n    float64
	}{{"independent-100k", flat, 1e5}, {"chain-10k", func() (*graph.Graph, graph.LayerID) { return chain(10000) }, 1e4},
		{"tree-200k", func() (*graph.Graph, graph.LayerID) { return tree(100000) }, 2e5}} {
		b.Run(c.name, func(b *testing.B) {
			r := local.New(local.Options{Threads: 2})
			defer r.Close()
			b.ReportAllocs()
			for b.Loop() {
				g, l := c.make()
				if _, _, err := run(b, r, g, l); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/c.n, "ns/task")
		})
	}
}
