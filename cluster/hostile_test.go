package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// plan has layers of n blocks each, with their inputs.
func planOf(n int32, in ...[]graph.Edge) shell.Plan {
	p := shell.Plan{Want: graph.LayerID(len(in) - 1)}
	for i := range in {
		p.Layers = append(p.Layers, graph.Layer{Call: op.Call{Op: "test.none"}, N: n, In: in[i]})
	}
	return p
}

func changed(p shell.Plan, f func(*shell.Plan)) shell.Plan { f(&p); return p }

// everyone reads everything, in a grid of a side and its square.
func everyone(side int32) *grid.Box {
	all := grid.BoxAxis{Blocks: side, Axis: -1, N: side}
	return &grid.Box{Out: []int32{side, side}, In: []grid.BoxAxis{all, all}}
}

// TestHostilePlans: what cannot be run is refused with its reason before a task of it
// exists, whatever it asks for, and the scheduler goes on.
func TestHostilePlans(t *testing.T) {
	s := scheduler(t)
	c := call(t, s, "Client")
	c.say(wire.Record{Kind: wire.Hello, Data: wire.Encode(greeting("x"))})
	one := func(from int) []graph.Edge { return []graph.Edge{{From: graph.LayerID(from)}} }
	list := func(from int, at, list []int32) []graph.Edge {
		return []graph.Edge{{From: graph.LayerID(from), Wiring: op.Listed, At: at, List: list}}
	}
	box := func(x *grid.Box) []graph.Edge { return []graph.Edge{{Wiring: op.Boxed, Box: x}} }
	for i, x := range []struct {
		want string
		p    shell.Plan
	}{
		{"the plan has 0", shell.Plan{}},
		{"layer 7 is wanted, the plan has 1", changed(planOf(1, nil), func(p *shell.Plan) { p.Want = 7 })},
		{"layer 1 (test.none): input 0 is layer 9", planOf(1, nil, one(9))},
		{"layer 1 (test.none): input 0 is layer -1", planOf(1, nil, one(-1))},
		{"layer 0 (test.none): input 0 is layer 1, which does not come before it", planOf(1, one(1), one(0))}, // a circle
		{"layer 1 (test.none): input 0 is layer 1, which does not come before it", planOf(1, nil, one(1))},
		{"row 1 names block 1, must be in [0, 1)", planOf(2, list(0, []int32{0, 0, 1}, []int32{1}))}, // tasks in a circle
		{"names block 5, must be in [0, 2)", planOf(2, nil, list(0, []int32{0, 1, 2}, []int32{0, 5}))},
		{"names block -1", planOf(2, nil, list(0, []int32{0, 1, 2}, []int32{0, -1}))},
		{"table rows cover [0, 9) of 2 entries", planOf(2, nil, list(0, []int32{0, 1, 9}, []int32{0, 1}))},
		{"table row 0 ends before it begins", planOf(2, nil, list(0, []int32{2, 1, 2}, []int32{0, 1}))},
		{"lists 2 ends of rows for 2 blocks", planOf(2, nil, list(0, []int32{0, 1}, []int32{0}))},
		{"one-to-one from 2 blocks to 3", changed(planOf(2, nil, one(0)), func(p *shell.Plan) { p.Layers[1].N = 3 })},
		{"-5 blocks", planOf(-5, nil)},
		{"at most 134217728 are allowed", planOf(1<<30, nil)},
		{"at most 134217728 are allowed", planOf(1<<26, nil, nil, nil)},
		{"at most 268435456 are allowed in a job", planOf(1<<20, nil, box(everyone(1<<10)))},
		{"a box that does not fit", planOf(4, nil, box(everyone(3)))},
		{"a box that does not fit", planOf(4, nil, box(nil))},
		{"wiring 99", planOf(1, nil, []graph.Edge{{Wiring: 99}})},
		{"a shuffle into no runs", planOf(1, nil, []graph.Edge{{Wiring: op.Shuffled}})},
		{"blocks of 2097152 runs", changed(planOf(0, nil), func(p *shell.Plan) { p.Layers[0].Size.Runs = 1 << 21 })},
		{"2 ranks for 1 layers", changed(planOf(1, nil), func(p *shell.Plan) { p.Rank = make([]int32, 2) })},
		{"0 memory needs for 1 layers", changed(planOf(1, nil), func(p *shell.Plan) { p.Need = []op.Need{} })},
		{"a name of 256 bytes", changed(planOf(1, nil), func(p *shell.Plan) { p.Name = strings.Repeat("x", 256) })},
		{"layer 0 (test.none): borrows 1 blocks for 2", changed(planOf(2, nil, one(0)), func(p *shell.Plan) { p.Layers[0].Lent = &graph.Lent{Blocks: []int32{0}} })},
		{"layer 0 (test.none): borrows 1 blocks for 1", changed(planOf(1, nil), func(p *shell.Plan) { p.Layers[0].Lent = &graph.Lent{Blocks: []int32{0}} })}, // the wanted one
		{"layer 0 borrows of job 9, which this client does not have", changed(planOf(1, nil, one(0)), func(p *shell.Plan) { p.Layers[0].Lent = &graph.Lent{Job: 9, Blocks: []int32{0}} })},
		{"a label of 256 bytes", changed(planOf(1, nil), func(p *shell.Plan) { p.Labels = []string{strings.Repeat("x", 256)} })},
	} {
		b := wire.Encode(x.p)
		start := time.Now()
		wire.Parts(wire.Record{Kind: wire.Submit, Block: int32(i + 1)}, b, func(r *wire.Record) { c.say(*r) })
		if r, err := c.until(wire.Fail); err != nil || r.Class != uint8(sched.Invalid) || !strings.Contains(r.Text, x.want) {
			t.Errorf("want %q: class %d, %q, %v", x.want, r.Class, r.Text, err)
		}
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%q took %v", x.want, d)
		}
	}
	b := wire.Encode(planOf(1, nil))
	binary.LittleEndian.PutUint64(b, maxLayers+1) // refused before they are looked at
	c.say(wire.Record{Kind: wire.Submit, Block: 1000, Bytes: int64(len(b)), Data: b})
	if r, err := c.until(wire.Fail); err != nil || r.Class != uint8(sched.Invalid) || !strings.Contains(r.Text, "the plan has 65537 layers, at most 65536 are allowed") {
		t.Errorf("class %d, %q, %v", r.Class, r.Text, err)
	}
	if n := len(s.State().Jobs); n != 0 {
		t.Errorf("%d jobs are there", n)
	}
}

// TestUnknownOperators are refused by the workers: the scheduler need not have those of
// its users.
func TestUnknownOperators(t *testing.T) {
	s := scheduler(t)
	w, err := Join(context.Background(), s.Addr(), WorkerOptions{Threads: 1, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := call(t, s, "Client")
	c.say(wire.Record{Kind: wire.Hello, Data: wire.Encode(greeting("x"))})
	deep := planOf(1, make([][]graph.Edge, effort.Of(50_000, 10_000))...)
	for i := 1; i < len(deep.Layers); i++ {
		deep.Layers[i].In = []graph.Edge{{From: graph.LayerID(i - 1)}}
	}
	for i, p := range []shell.Plan{planOf(1, nil), deep, changed(planOf(3, nil), func(p *shell.Plan) { p.Layers[0].Call.Params = strings.Repeat("\xff", 100) })} {
		wire.Parts(wire.Record{Kind: wire.Submit, Block: int32(i + 1)}, wire.Encode(p), func(r *wire.Record) { c.say(*r) })
		if r, err := c.until(wire.Fail); err != nil || !strings.Contains(r.Text, `layer 0: op: unknown operator "test.none"`) {
			t.Errorf("%q, %v", r.Text, err)
		}
		c.say(wire.Record{Kind: wire.Cancel, Job: int32(i + 1)})
		if _, err := c.until(wire.Closed); err != nil {
			t.Error(err)
		}
	}
	if st := s.State(); len(st.Workers) != 1 || len(st.Jobs) != 0 || st.Workers[0].Busy != 0 {
		t.Errorf("%+v", st)
	}
}

// FuzzPlan: any bytes are a plan that the machine can run, or an error.
func FuzzPlan(f *testing.F) {
	for _, p := range []shell.Plan{planOf(2, nil), planOf(2, nil, []graph.Edge{{}}), planOf(4, nil, []graph.Edge{{Wiring: op.Boxed, Box: everyone(2)}}),
		planOf(2, []graph.Edge{{Wiring: op.Listed, At: []int32{0, 0, 1}, List: []int32{0}}})} {
		f.Add(wire.Encode(p))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := newJob(nil, nil, b)
		if err != nil {
			return
		}
		tasks := int64(0)
		for i := range j.plan.Layers {
			l := &j.plan.Layers[i]
			tasks += int64(l.N)
			for _, e := range l.In {
				if e.Wiring == op.Boxed {
					tasks += e.Box.Pairs()
				}
			}
		}
		if tasks > 1<<16 {
			return
		}
		st := sched.New(sched.Options{MaxTasks: 1 << 16, MaxReads: 1 << 16})
		st.Step(sched.Event{Kind: sched.WorkerUp, Session: 1, Slots: 2}, nil)
		st.Step(sched.Event{Kind: sched.Submit, Job: 1, Spec: j.spec()}, nil)
		if err := st.Check(); err != nil {
			t.Error(err)
		}
	})
}

// TestFloods: a client that says much and reads nothing is not read either, one that asks
// much waits for its answers, and the others are served.
func TestFloods(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	s := scheduler(t)
	hi := func(name string) (wire.Record, uint64) {
		g := greeting(name)
		return wire.Record{Kind: wire.Hello, Data: wire.Encode(g)}, g.Life
	}
	served := func() {
		t.Helper()
		c := call(t, s, "Client")
		hello, _ := hi("calm")
		c.say(hello)
		c.say(wire.Record{Kind: wire.Ask}, wire.Record{Kind: wire.Ask}) // in one frame
		for range 2 {
			if _, err := c.until(wire.State); err != nil {
				t.Error("the scheduler does not answer:", err)
			}
		}
	}
	deaf := call(t, s, "Client")
	hello, life := hi("deaf")
	deaf.say(hello)
	pings := make([]wire.Record, 200_000)
	for i := range pings {
		pings[i] = wire.Record{Kind: wire.Ping, Nanos: 1 << 40}
	}
	gone := make(chan bool)
	go func() {
		defer close(gone)
		for range 60 { // 80 MB of answers
			deaf.say(pings...)
		}
	}()
	most, end := int64(0), time.Now().Add(time.Minute)
	for full := false; time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		if c := s.clients[life]; c != nil {
			most = max(most, c.link.owed.Load())
		}
		s.mu.Unlock()
		if !full && most >= maxOwed { // it stays at that
			full, end = true, time.Now().Add(time.Second)
		}
	}
	if most < maxOwed || most > maxOwed+8<<20 {
		t.Errorf("up to %d bytes waited for a client that reads nothing, want about %d", most, maxOwed)
	}
	served()
	deaf.end()
	<-gone

	for _, k := range effort.Some(1, []wire.Kind{wire.Ask, wire.Find}) {
		answer := map[wire.Kind]wire.Kind{wire.Ask: wire.State, wire.Find: wire.Found}[k]
		curious := call(t, s, "Client")
		hello, _ = hi("curious")
		curious.say(hello)
		start, asks := time.Now(), make([]wire.Record, 100_000)
		for i := range asks {
			asks[i].Kind = k
		}
		curious.say(asks...)
		served()
		for got := 0; time.Since(start) < 2*time.Second; got++ {
			if _, err := curious.until(answer); err != nil {
				t.Fatal(err)
			}
			if most := 11*questions + int(time.Since(start).Seconds()*questions); got > most {
				t.Fatalf("%d questions were answered within %v, at most %d should be", got, time.Since(start), most)
			}
		}
		curious.end()
		// What is not answered any more leaves one error, not one around another for each question.
		stacks := make([]byte, 32<<20)
		for range 50 {
			if n := runtime.Stack(stacks, true); bytes.Contains(stacks[:n], []byte("frames elided")) {
				t.Fatal("the error of who has gone is as deep as it had questions")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestTinyFrames: of a peer that says nothing at great length, in frames of one record or of a million, no more is heard than its share, and
// others are served meanwhile.
func TestTinyFrames(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	s := scheduler(t)
	for _, what := range effort.Some(1, []string{"Client", "Worker"}) {
		for _, n := range []int{1, 1_000_000} {
			c := call(t, s, what)
			hi := greeting("a lot")
			hi.Data, hi.Slots = "127.0.0.1:1", 1
			c.say(wire.Record{Kind: wire.Hello, Data: wire.Encode(hi)})
			recs := make([]wire.Record, n)
			for i := range recs {
				recs[i] = wire.Record{Kind: wire.Pong}
			}
			over := make(chan struct{})
			var said atomic.Int64
			start := time.Now()
			go func() {
				defer close(over)
				for time.Since(start) < time.Second {
					c.say(recs...)
					said.Add(1)
				}
			}()
			for i := range 20 { // each of them is answered, while the other is at it
				x := call(t, s, "Client")
				x.say(wire.Record{Kind: wire.Hello, Data: wire.Encode(greeting(fmt.Sprint("calm ", i)))})
				x.say(wire.Record{Kind: wire.Ask})
				if _, err := x.until(wire.State); err != nil {
					t.Error(what, n, err)
				}
				x.end()
			}
			<-over
			took := time.Since(start)
			cost := int64(1 + n/heardRecords)
			// what the system and gRPC have taken and nobody has heard, and what waits behind the one that is heard
			if most := heardAtOnce + heardFrames*int64(took.Seconds()+1) + cost*(17+4<<20/int64(32+2*n)); said.Load()*cost > most {
				t.Errorf("%s: %d frames of %d records went out within %v, at most %d should", what, said.Load(), n, took, most/cost)
			}
			c.end()
		}
	}
}
