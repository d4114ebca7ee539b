package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// three is a block of three rows.
type three struct{ chunk.Value }

func (three) Bytes() int64 { return 24 }
func (three) Rows() int64  { return 3 }

// TestAdopt hands a range of six tasks to a worker that had the job before: one runs, one ended while the range was on
// its way, one was freed. Only those that must be made are queued.
func TestAdopt(t *testing.T) {
	w, j, told := deaf()
	w.outlived, w.adopted = map[taskKey]bool{}, map[taskKey]uint32{}
	j.outlived, j.blocks = true, [][]*held{make([]*held, 8)}
	w.outlived[taskKey{7, sched.Block{Block: 2}}] = true
	j.blocks[0][4] = &held{v: three{}}
	j.blocks[0][5] = &held{v: three{}, freed: true}

	w.ready(item{Job: j, First: 1, N: 6, Attempt: 9})
	var queued []int32
	for it, ok := w.queue.Real(); ok; it, ok = w.queue.Real() {
		queued = append(queued, it.First)
	}
	w.link.close()
	if !slices.Equal(queued, []int32{1, 3, 5, 6}) {
		t.Errorf("queued: %v", queued)
	}
	if len(w.outlived) != 0 || len(w.adopted) != 1 || w.adopted[taskKey{7, sched.Block{Block: 2}}] != 9 {
		t.Errorf("outlived %v, adopted %v", w.outlived, w.adopted)
	}
	if x := *told; len(x) != 1 || x[0].Kind != wire.Done || x[0].Block != 4 || x[0].Attempt != 9 || x[0].Rows != 3 {
		t.Errorf("reported: %+v", x)
	}
}

// deaf is a worker without a node or a scheduler, a job of 8 real tasks, and what the worker tells once its link is closed.
func deaf() (w *Worker, j *work, told *[]wire.Record) {
	w, told = &Worker{}, new([]wire.Record)
	w.link = newLink(func(frame *[]byte) error {
		_, _, rest, err := wire.Open(*frame)
		for r := (wire.Record{}); err == nil && len(rest) > 0; *told = append(*told, r) {
			rest, err = wire.Next(rest, &r)
		}
		return err
	})
	j = newWork(w, 7)
	j.plan = &shell.Plan{Layers: []graph.Layer{{N: 8}}}
	j.sh, j.broken = shell.New(j.plan), errors.New("its tasks are real ones")
	return w, j, told
}

// TestOnTheWay hands tasks to a worker that has said it begins nothing more while something runs there: they were on their
// way, and it gives them back.
func TestOnTheWay(t *testing.T) {
	w, j, told := deaf()
	w.carriers, w.pressed, w.said = 1, time.Now(), true
	w.ready(item{Job: j, First: 2, N: 3, Attempt: 4})
	w.feed()
	w.link.close()
	if len(*told) != 3 {
		t.Fatalf("reported: %+v", *told)
	}
	for i, r := range *told {
		if r.Kind != wire.Returned || r.Job != 7 || r.Block != int32(2+i) || r.Attempt != 4 {
			t.Errorf("reported: %+v", r)
		}
	}
}

// TestDeafIsWhatRuns: a task that was halted and has got to the node is deaf, one whose inputs are on their way is not.
// What is in the hand of a carrier with such a task goes back with it, and is not begun.
func TestDeafIsWhatRuns(t *testing.T) {
	w, j, _ := deaf()
	defer w.link.close()
	w.jobs = map[int32]*work{7: j}
	for b := range int32(2) {
		x := &gather{j: j, ctx: shell.NewTask(j.ctx), block: b, attempt: 3}
		x.ctx.Halt()
		j.tasks[sched.Block{Block: b}] = x
	}
	j.tasks[sched.Block{Block: 1}].seat = &exec.Seat{}
	c, other := &carrier{}, &carrier{}
	w.carrying = map[*carrier]bool{c: true, other: true}
	for first, c := range map[int32]*carrier{2: c, 5: other} {
		w.queue.AddDirect(item{Job: j, First: first, N: 3, Attempt: 3})
		c.hand.Take(&w.queue, 3)
		c.hand.Begin(j.ctx, j, 0, first)
	}
	c.hand.Halt(j, 0, 2)
	time.Sleep(time.Millisecond)
	recs := w.deaf()
	for i, r := range recs {
		if r.Kind != wire.Returned || r.Block != int32(1+i) || r.Attempt != 3 {
			t.Errorf("%+v", r)
		}
	}
	if len(recs) != 4 {
		t.Errorf("%d tasks go back, want 1 to 4", len(recs))
	}
	c.hand.End()
	other.hand.End()
	if c.hand.Begin(j.ctx, j, 0, 3) != nil || other.hand.Begin(j.ctx, j, 0, 6) == nil {
		t.Error("one was begun that had gone back, or one was not that is kept")
	}
}

// TestWithdrawnWhileItComes: a block that is given up while it is fetched, and does not come, is not waited for.
func TestWithdrawnWhileItComes(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := &Client{table: roster{1: {addr: lis.Addr().String()}}, peers: data.NewPeers(insecure.NewCredentials(), time.Minute), jobs: map[int32]*clientJob{}}
	c.link = newLink(func(*[]byte) error { return nil })
	defer func() { c.link.close(); _ = c.peers.Close() }()
	j := &clientJob{c: c, id: 7, ctx: ctx, plan: &optimize.Plan{Graph: &graph.Graph{Layers: []graph.Layer{{N: 1}}}}, bell: shell.NewBell(), lost: map[int32]bool{},
		got: []delivery{{block: 0, worker: 1}}, over: true}
	c.jobs[7] = j
	go func() {
		conn, err := lis.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		j.Withdraw([]int32{0})
		_, _ = conn.Close(), lis.Close()
	}()
	if _, err := j.Next(ctx); err != io.EOF {
		t.Errorf("%v, %d blocks are waited for", err, len(j.lost))
	}
}

// TestUnreadComesAgain: a job has finished, and not all of it was read, when the connection of the client is another one. What was not
// read comes again: the end is not told before that.
func TestUnreadComesAgain(t *testing.T) {
	c := &Client{jobs: map[int32]*clientJob{}}
	c.link = newLink(func(*[]byte) error { return nil })
	defer c.link.close()
	j := &clientJob{c: c, id: 7, bell: shell.NewBell(), lost: map[int32]bool{}, over: true}
	c.jobs[7] = j
	now, cancel := context.WithCancel(context.Background())
	cancel() // who would wait hears of that
	next := func() (int32, error) {
		d, err := j.Next(now)
		return d.Block, err
	}
	for b := range int32(4) {
		j.got = append(j.got, delivery{block: b, data: []byte("x")})
	}
	j.given.set(2)
	if b, err := next(); b != 0 || err != nil {
		t.Fatal(b, err)
	}
	c.mu.Lock()
	j.attach()
	c.mu.Unlock()
	for _, b := range []int32{3, 1} {
		if _, err := next(); err != context.Canceled {
			t.Errorf("before block %d has come again: %v", b, err)
		}
		c.mu.Lock()
		if err := c.hear(&wire.Record{Kind: wire.Deliver, Job: 7, Block: b, Data: []byte("x")}); err != nil {
			t.Error(err)
		}
		c.mu.Unlock()
		if got, err := next(); got != b || err != nil {
			t.Errorf("block %d, %v, want block %d", got, err, b)
		}
	}
	if _, err := next(); err != io.EOF {
		t.Error(err)
	}
}

// TestRetireWithANewSession: a worker that says in one breath what it has from its earlier session and that it retires is gone
// after that, for the machine too.
func TestRetireWithANewSession(t *testing.T) {
	s := scheduler(t)
	hi := greeting("w")
	hi.Data, hi.Slots = "127.0.0.1:1", 1
	hello := wire.Record{Kind: wire.Hello, Data: wire.Encode(hi)}
	for _, says := range [][]wire.Record{{{Kind: wire.Listed}}, {{Kind: wire.Listed}, {Kind: wire.Retire}}} {
		c := call(t, s, "Worker")
		c.say(hello)
		if _, err := c.until(wire.Welcome); err != nil {
			t.Fatal(err)
		}
		c.say(says...)
		if len(says) == 1 {
			Until(t, "it is up", func() bool { s.mu.Lock(); defer s.mu.Unlock(); _, up := s.st.Load(0); return up })
		} else if _, err := c.until(wire.Retired); err != nil {
			t.Fatal(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, up := s.st.Load(0); up || s.up() != 0 {
		t.Errorf("%d workers are there, and the machine has the one that is gone: %v", s.up(), up)
	}
}

// TestDiesBeforeItHasSaidAll: a worker that comes back and dies before it has said what it has is gone, for the machine too, which
// has heard of its earlier session only: what that held is made again elsewhere.
func TestDiesBeforeItHasSaidAll(t *testing.T) {
	s := scheduler(t)
	hi := greeting("w")
	hi.Data, hi.Slots = "127.0.0.1:1", 1
	hello := wire.Record{Kind: wire.Hello, Data: wire.Encode(hi)}
	up := func() bool { s.mu.Lock(); defer s.mu.Unlock(); _, up := s.st.Load(0); return up }
	for n := range 2 {
		c := call(t, s, "Worker")
		c.say(hello)
		if _, err := c.until(wire.Welcome); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			c.say(wire.Record{Kind: wire.Listed})
			Until(t, "it is up", up)
			continue
		}
		if err := c.st.CloseSend(); err != nil { // nobody listens at its address
			t.Fatal(err)
		}
	}
	Until(t, "it is gone", func() bool { return s.Workers() == 0 })
	if up() {
		t.Error("the machine waits for the worker that is gone")
	}
}

// TestLastWordComesLast: a client that has come back hears that a job is over behind what it has missed of it, also when the
// job ends before it attaches.
func TestLastWordComesLast(t *testing.T) {
	s := scheduler(t)
	c := newClient(greeting("away"))
	var told []wire.Record
	c.link = newLink(func(frame *[]byte) error {
		_, _, rest, err := wire.Open(*frame)
		for r := (wire.Record{}); err == nil && len(rest) > 0; {
			if rest, err = wire.Next(rest, &r); r.Kind != wire.Progress {
				told = append(told, r)
			}
		}
		return err
	})
	j := &job{s: s, id: 7, client: c, plan: &shell.Plan{Layers: []graph.Layer{{N: 2}}}}
	j.sh = shell.New(j.plan)
	s.mu.Lock()
	c.jobs[j.id] = j
	j.out.set(0) // it was told of on a connection that is gone
	j.deliver(&sched.Action{First: 1}, nil)
	j.finish()
	s.attach(c, 7)
	s.mu.Unlock()
	c.link.close()
	i := slices.IndexFunc(told, func(r wire.Record) bool { return r.Kind == wire.Finished })
	if i != len(told)-1 || !slices.ContainsFunc(told, func(r wire.Record) bool { return r.Kind == wire.Deliver && r.Block == 0 }) {
		t.Errorf("told: %+v", told)
	}
}
