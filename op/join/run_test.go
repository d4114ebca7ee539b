package join_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/sched/local"
)

// rowsParams describe rows (k, v): keys are pseudo-random below Keys, but Hot of
// 1000 rows have key 7; v counts up.
type rowsParams struct {
	Val                     string
	Blocks, Rows, Keys, Hot int64
	Est                     int64 // rows, as plans are told; 0 means that they are not
}

const splits = 8

var source = op.Register(op.Spec[rowsParams]{
	Name: "jointest.rows", Version: 1, Class: op.Scanning, Doc: "makes rows",
	Infer: func(p rowsParams, _ []op.Meta) (op.Meta, error) {
		rows := float64(p.Est)
		if p.Est == 0 {
			rows = -1
		}
		return op.Meta{Rows: rows, Bytes: -1, Schema: dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: p.Val, Type: dtype.Of(dtype.Int64)}}}, nil
	},
	Source: func(p rowsParams) (op.Source, error) { return p, nil },
	Rules:  op.Rules[rowsParams]{Blocks: func(p rowsParams) int { return int(p.Blocks) }},
})

// key is a fixed function of the row number.
func (p rowsParams) key(i int64) int64 {
	x := uint64(i) * 0x9e3779b97f4a7c15
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	x ^= x >> 32
	if int64(x%1000) < p.Hot {
		return 7
	}
	return int64(x>>10) % p.Keys * 1000
}

func (p rowsParams) Open(t op.Task, _ []op.In) (op.Feed, error) {
	return rowsFeed{p, int64(t.Block())}, nil
}

type rowsFeed struct {
	p     rowsParams
	block int64
}

func (f rowsFeed) Splits() int                { return splits }
func (f rowsFeed) Reader() (op.Reader, error) { return f, nil }
func (f rowsFeed) Close() error               { return nil }

func (f rowsFeed) Read(split int, out op.Sink) error {
	part := f.block*splits + int64(split)
	lo, hi := f.p.Rows*part/(f.p.Blocks*splits), f.p.Rows*(part+1)/(f.p.Blocks*splits)
	k, v := make([]int64, 4096), make([]int64, 4096)
	for n := uint64(0); lo < hi; n++ {
		m := int(min(4096, hi-lo))
		for i := range m {
			k[i], v[i] = f.p.key(lo+int64(i)), lo+int64(i)
		}
		t := dtype.Of(dtype.Int64)
		b := &chunk.Batch{N: m, Seq: uint64(f.block<<16|int64(split))<<32 | n, Cols: []chunk.Vec{
			{Type: t, N: m, Data: chunk.Bytes(k[:m])}, {Type: t, N: m, Data: chunk.Bytes(v[:m])}}}
		if err := out.Push(b); err != nil {
			return err
		}
		lo += int64(m)
	}
	return nil
}

// total adds up all columns; its block is one row of the sums and the count.
var total = op.Register(op.Spec[struct{}]{
	Name: "jointest.total", Version: 1, Class: op.Breaking, Doc: "adds up",
	Infer: func(_ struct{}, in []op.Meta) (op.Meta, error) {
		s := dtype.Schema{{Name: "sum", Type: dtype.Of(dtype.Int64)}, {Name: "n", Type: dtype.Of(dtype.Int64)}}
		return op.Meta{Schema: s, Rows: 1}, nil
	},
	Pipe: func(struct{}, op.Meta) (op.Pipe, error) { return totalPipe{}, nil },
})

type totalPipe struct{}

func (totalPipe) Open(op.Task, []op.In) (op.Stage, error) { return &totalStage{}, nil }
func (totalPipe) Close() error                            { return nil }

type totalStage struct {
	mu     sync.Mutex
	sum, n int64
}

func (s *totalStage) Local() (op.Local, error) { return &totalLocal{s: s}, nil }
func (s *totalStage) Drain() (op.Feed, error)  { return nil, nil }
func (s *totalStage) Close() error             { return nil }
func (s *totalStage) Finish(out op.Out) error {
	t := dtype.Of(dtype.Int64)
	b := chunk.NewBuilder(dtype.Schema{{Name: "sum", Type: t}, {Name: "n", Type: t}}, mem.Heap)
	if err := b.Append(&chunk.Batch{N: 1, Cols: []chunk.Vec{
		{Type: t, N: 1, Data: chunk.Bytes([]int64{s.sum})}, {Type: t, N: 1, Data: chunk.Bytes([]int64{s.n})}}}); err != nil {
		return err
	}
	return out.Put(0, b.Flush())
}

type totalLocal struct {
	s      *totalStage
	sum, n int64
}

func (l *totalLocal) Push(m *chunk.Batch, _ op.Sink) error {
	for c := range m.Cols {
		for i, x := range chunk.Values[int64](&m.Cols[c]) {
			if !m.Cols[c].IsNull(i) {
				l.sum += x
			}
		}
	}
	l.n += int64(m.N)
	return nil
}

func (l *totalLocal) Close(op.Sink, bool) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.sum += l.sum
	l.s.n += l.n
	return nil
}

// join runs the plan on a runner and returns the count and the sum of all output
// values, which wrap.
func runPlan(t *testing.T, o local.Options, l, r rowsParams, kind join.Kind, off ...string) (n, sum int64, rep graph.Report) {
	t.Helper()
	return runJoin(t, o, l, r, join.Params{Left: []string{"k"}, Right: []string{"k"}, Kind: kind}, off...)
}

func runJoin(t *testing.T, o local.Options, l, r rowsParams, p join.Params, off ...string) (n, sum int64, rep graph.Report) {
	t.Helper()
	o.SpillDir = t.TempDir()
	rt := local.New(o)
	defer func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	}()
	g := &graph.Graph{}
	add := func(c op.Call, m op.Meta, err error, blocks int32, in ...graph.LayerID) graph.LayerID {
		if err != nil {
			t.Fatal(err)
		}
		layer := graph.Layer{Call: c, Out: m, N: blocks}
		for _, x := range in {
			layer.In = append(layer.In, graph.Edge{From: x})
		}
		return g.Add(layer)
	}
	lc, lm, err := source.Call(l)
	left := add(lc, lm, err, int32(l.Blocks))
	rc, rm, err := source.Call(r)
	right := add(rc, rm, err, int32(r.Blocks))
	jc, jm, err := join.Hash.Call(p, lm, rm)
	joined := add(jc, jm, err, int32(l.Blocks), left, right)
	tc, tm, err := total.Call(struct{}{}, jm)
	want := add(tc, tm, err, int32(l.Blocks), joined)
	j, err := rt.Start(context.Background(), graph.Request{Graph: g, Want: want, Off: off})
	if err != nil {
		t.Fatal(err)
	}
	for {
		d, err := j.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rd, err := d.Value.Open(0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := rd.Next()
		if err != nil {
			t.Fatal(err)
		}
		sum += chunk.Values[int64](&b.Cols[0])[0]
		n += chunk.Values[int64](&b.Cols[1])[0]
		rd.Close()
		d.Value.Release()
	}
	rep = j.Report()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	rt.Wait()
	used := func() int64 { return rt.Node().Pool().Used() }
	for end := time.Now().Add(10 * time.Second); used() != 0 && time.Now().Before(end); { // what is being spilled is freed when it is written
		time.Sleep(time.Millisecond)
	}
	if n := used(); n != 0 {
		t.Errorf("%d bytes are still in use", n)
	}
	return n, sum, rep
}

// reference computes what runPlan returns.
func reference(l, r rowsParams, kind join.Kind) (n, sum int64) {
	type side struct{ n, sum int64 }
	right := map[int64]side{}
	for i := range r.Rows {
		k := r.key(i)
		right[k] = side{right[k].n + 1, right[k].sum + i}
	}
	for i := range l.Rows {
		k := l.key(i)
		m := right[k]
		switch {
		case kind == join.Semi && m.n > 0, (kind == join.Anti || kind == join.Left || kind == join.Full) && m.n == 0:
			n, sum = n+1, sum+k+i
		case kind != join.Semi && kind != join.Anti && m.n > 0:
			n, sum = n+m.n, sum+m.n*(k+i)+m.sum
		}
	}
	if kind != join.Full {
		return n, sum
	}
	left := map[int64]bool{}
	for i := range l.Rows {
		left[l.key(i)] = true
	}
	for k, m := range right {
		if !left[k] {
			n, sum = n+m.n, sum+m.n*k+m.sum
		}
	}
	return n, sum
}

// TestPlans runs whole plans on the scheduler, with much and with little memory.
func TestPlans(t *testing.T) {
	many := rowsParams{Val: "v", Blocks: 3, Rows: 300_000, Keys: 1_000_000}
	few := rowsParams{Val: "w", Blocks: 2, Rows: effort.Of[int64](1_000_000, 600_000), Keys: 1_000_000}
	hotL := rowsParams{Val: "v", Blocks: 3, Rows: 200, Keys: 1000, Hot: 300}
	hotR := rowsParams{Val: "w", Blocks: 2, Rows: effort.Of[int64](1_000_000, 600_000), Keys: 1000, Hot: 990}
	for _, c := range effort.Some(1, []struct {
		name string
		l, r rowsParams
	}{{"wide", many, few}, {"hot", hotL, hotR}}) {
		for _, kind := range effort.Some(1, []join.Kind{join.Left, join.Inner, join.Semi, join.Anti, join.Full}) {
			n, sum := reference(c.l, c.r, kind)
			for _, o := range []local.Options{{Threads: 2}, {Threads: 2, Pool: 18 << 20}} {
				gotN, gotSum, rep := runPlan(t, o, c.l, c.r, kind)
				if one := strings.Contains(rep.After, "join.match"); one != (kind == join.Full) {
					t.Errorf("%s %s: divided is %v\n%s", c.name, kind, one, rep.After)
				}
				if gotN != n || gotSum != sum {
					t.Errorf("%s %s with %d bytes: %d rows adding up to %d, want %d and %d", c.name, kind, o.Pool, gotN, gotSum, n, sum)
				}
				if o.Pool > 0 && (kind == join.Inner || kind == join.Left || kind == join.Full) && rep.Spilled == 0 {
					t.Errorf("%s %s with %d bytes: nothing was spilled", c.name, kind, o.Pool)
				}
			}
		}
	}
}

// TestWithin runs joins with bounds: where the values are integers without nulls, and
// keys have many rows, no other pairs come out than those that meet the bounds.
func TestWithin(t *testing.T) {
	bound := func(left string, c join.Comparison, right string) join.Bound {
		return join.Bound{Left: left, Op: c, Right: right}
	}
	for _, keys := range effort.Some(1, []int64{20, 1}) {
		small := rowsParams{Val: "v", Blocks: 3, Rows: 3000, Keys: keys}
		other := rowsParams{Val: "w", Blocks: 2, Rows: 2500, Keys: keys}
		few := rowsParams{Val: "v", Blocks: 3, Rows: 3000, Keys: keys, Est: 3000}
		many := rowsParams{Val: "w", Blocks: 2, Rows: 500_000, Keys: keys, Est: 40}
		for _, c := range []struct {
			name   string
			l, r   rowsParams
			within []join.Bound
			pair   func(k, v, w int64) bool
		}{
			{"less", small, other, []join.Bound{bound("v", join.Less, "w")}, func(_, v, w int64) bool { return v < w }},
			{"at least", small, other, []join.Bound{bound("v", join.GreaterOrEqual, "w")}, func(_, v, w int64) bool { return v >= w }},
			{"both", small, other, []join.Bound{bound("v", join.Greater, "w"), bound("k", join.LessOrEqual, "w")}, func(k, v, w int64) bool { return v > w && k <= w }},
			{"equal", few, many, []join.Bound{bound("v", join.LessOrEqual, "w"), bound("v", join.GreaterOrEqual, "w")}, nil},
		} {
			n, sum := pairs(c.l, c.r, c.pair)
			p := join.Params{Left: []string{"k"}, Right: []string{"k"}, Within: c.within}
			for _, o := range effort.Some(2, []local.Options{{Threads: 1}, {Threads: 3}, {Threads: 2, Pool: 34 << 20}}) {
				for _, off := range [][]string{nil, {"divide"}} {
					if gotN, gotSum, rep := runJoin(t, o, c.l, c.r, p, off...); gotN != n || gotSum != sum {
						t.Errorf("%s of %d keys, %d bytes, without %v: %d rows adding up to %d, want %d and %d\n%s", c.name, keys, o.Pool, off, gotN, gotSum, n, sum, rep.After)
					} else if divided := strings.Contains(rep.After, "join.match"); divided != (c.r.Est > 0 && off == nil) {
						t.Errorf("%s of %d keys, without %v: divided is %v\n%s", c.name, keys, off, divided, rep.After)
					}
				}
			}
		}
	}
}

// pairs counts and adds up the rows with equal keys whose values meet a condition;
// without one, those with equal values.
func pairs(l, r rowsParams, meet func(k, v, w int64) bool) (n, sum int64) {
	for v := range l.Rows {
		k := l.key(v)
		if meet == nil && v < r.Rows && r.key(v) == k {
			n, sum = n+1, sum+k+2*v
		}
		for w := int64(0); w < r.Rows && meet != nil; w++ {
			if r.key(w) == k && meet(k, v, w) {
				n, sum = n+1, sum+k+v+w
			}
		}
	}
	return n, sum
}

// TestCutPlans runs plans whose estimates were wrong by far: the side that was to be a small
// table is the larger one. The layer is cut, and the answer is the same.
func TestCutPlans(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	few := rowsParams{Val: "v", Blocks: 3, Rows: 3000, Keys: 400_000, Est: 3000}
	many := rowsParams{Val: "w", Blocks: 2, Rows: 400_000, Keys: 400_000, Est: 40}
	hot := rowsParams{Val: "w", Blocks: 2, Rows: 400_000, Keys: 1000, Hot: 990, Est: 40}
	for _, c := range []struct {
		name  string
		l, r  rowsParams
		kinds []join.Kind
	}{
		{"a large table", few, many, []join.Kind{join.Inner, join.Left, join.Semi, join.Anti}},
		{"a table with a hot key", few, hot, []join.Kind{join.Inner, join.Left, join.Semi}},
		{"the left side is the table", many, few, []join.Kind{join.Inner}},
		{"one block", rowsParams{Val: "v", Blocks: 1, Rows: 3000, Keys: 400_000, Est: 3000}, many, []join.Kind{join.Inner, join.Left}},
		{"more are looked up than was thought, too", rowsParams{Val: "v", Blocks: 3, Rows: 700_000, Keys: 400_000, Est: 3000}, many, []join.Kind{join.Inner, join.Left}},
	} {
		c.l.Val, c.r.Val = "v", "w"
		for _, kind := range effort.Some(1, c.kinds) {
			n, sum := reference(c.l, c.r, kind)
			for _, o := range effort.Some(2, []local.Options{{Threads: 1}, {Threads: 3}, {Threads: 2, Pool: 34 << 20}}) {
				gotN, gotSum, rep := runPlan(t, o, c.l, c.r, kind)
				if gotN != n || gotSum != sum {
					t.Errorf("%s, %s with %d bytes: %d rows adding up to %d, want %d and %d", c.name, kind, o.Pool, gotN, gotSum, n, sum)
				}
				cut := strings.Contains(rep.After, "join.match("+kind.String()+" on k; planned as a table of ")
				if !cut || strings.Contains(rep.After, "join.probe") {
					t.Errorf("%s, %s: not cut\n%s", c.name, kind, rep.After)
				}
			}
			if gotN, gotSum, rep := runPlan(t, local.Options{Threads: 2}, c.l, c.r, kind, "divide"); gotN != n || gotSum != sum || strings.Contains(rep.After, "join.match") {
				t.Errorf("%s, %s without cuts: %d rows adding up to %d, want %d and %d\n%s", c.name, kind, gotN, gotSum, n, sum, rep.After)
			}
		}
	}
	// What is as was thought, or small, is not cut.
	right := many
	right.Rows = 200_000
	if _, _, rep := runPlan(t, local.Options{Threads: 2}, few, right, join.Inner); strings.Contains(rep.After, "join.match") {
		t.Errorf("a small table was divided\n%s", rep.After)
	}
	right, left := many, few
	left.Est = 200_000
	if _, _, rep := runPlan(t, local.Options{Threads: 2}, left, right, join.Inner); strings.Contains(rep.After, "join.match") {
		t.Errorf("a table was divided for many rows\n%s", rep.After)
	}
}

// TestResident joins tables far larger than the budget, some with a hot key, and
// looks at the resident size of the process, which only grows: run one case at a
// time, with WEFT_LONG=1 and -run 'Resident/hot build/left'.
func TestResident(t *testing.T) {
	if os.Getenv("WEFT_LONG") == "" {
		t.Skip("set WEFT_LONG=1 to run")
	}
	const budget = 256 << 20
	hot, cold := rowsParams{Blocks: 8, Rows: 40_000_000, Keys: 1000, Hot: 999}, rowsParams{Blocks: 4, Rows: 3000, Keys: 1000, Hot: 10}
	big := rowsParams{Blocks: 8, Rows: 30_000_000, Keys: 40_000_000}
	for _, c := range []struct {
		name string
		l, r rowsParams
	}{{"big", big, big}, {"hot build", cold, hot}, {"hot probe", hot, cold}} {
		for _, kind := range []join.Kind{join.Inner, join.Left, join.Semi, join.Anti} {
			t.Run(c.name+"/"+kind.String(), func(t *testing.T) {
				c.l.Val, c.r.Val = "v", "w"
				n, _, rep := runPlan(t, local.Options{Threads: 2, Memory: budget}, c.l, c.r, kind)
				peak := highWater(t)
				t.Logf("%d rows, %d MiB spilled, VmHWM %d MiB", n, rep.Spilled>>20, peak>>20)
				if peak > budget*115/100 {
					t.Errorf("VmHWM is %d MiB of %d", peak>>20, budget>>20)
				}
			})
		}
	}
}

// highWater returns VmHWM.
func highWater(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
