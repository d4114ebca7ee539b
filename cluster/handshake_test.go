package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/shell"
)

// A caller speaks to a scheduler by hand.
type caller struct {
	t    *testing.T
	conn *grpc.ClientConn
	st   grpc.ClientStream
	seq  uint64
	end  context.CancelFunc
	rest []byte // of the last frame
}

func call(t *testing.T, s *Scheduler, what string) *caller {
	t.Helper()
	return callWith(t, s, what, insecure.NewCredentials())
}

func callWith(t *testing.T, s *Scheduler, what string, creds credentials.TransportCredentials) *caller {
	t.Helper()
	conn, err := dialControl(s.Addr(), grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(func() { cancel(); _ = conn.Close() })
	st, err := conn.NewStream(ctx, &bidi, "/"+service+"/"+what, grpc.MaxCallSendMsgSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	return &caller{t: t, conn: conn, st: st, end: cancel}
}

func (c *caller) say(rs ...wire.Record) {
	c.seq++
	b := wire.Frame(nil, c.seq, 0)
	for i := range rs {
		b = wire.Append(b, &rs[i])
	}
	c.send(b)
}

func (c *caller) send(b []byte) {
	if err := c.st.SendMsg(&b); err != nil && err != io.EOF {
		c.t.Error(err)
	}
}

// until reads records until one of the kind comes, or the end.
func (c *caller) until(k wire.Kind) (wire.Record, error) {
	for {
		var r wire.Record
		for len(c.rest) > 0 {
			var err error
			if c.rest, err = wire.Next(c.rest, &r); err != nil || r.Kind == k {
				return r, err
			}
		}
		var b []byte
		err := c.st.RecvMsg(&b)
		if err == nil {
			_, _, c.rest, err = wire.Open(b)
		}
		if err != nil {
			return r, err
		}
	}
}

func scheduler(t *testing.T) *Scheduler {
	s, err := Listen("127.0.0.1:0", SchedulerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestHandshake(t *testing.T) {
	var said diary
	s, err := Listen("127.0.0.1:0", SchedulerOptions{Log: said.log()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := Join(context.Background(), s.Addr(), WorkerOptions{Name: "first", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	hello := func(change func(*wire.Greeting)) wire.Record {
		hi := greeting("other")
		hi.Data, hi.Slots = "127.0.0.1:1", 1
		change(&hi)
		return wire.Record{Kind: wire.Hello, Data: wire.Encode(hi)}
	}
	for _, c := range []struct {
		name   string
		change func(*wire.Greeting)
		reason uint8
		text   string
	}{
		{"a later version", func(g *wire.Greeting) { g.Version, g.Oldest = 99, 98 }, wire.BadVersion, "speaks versions 98 to 99"},
		{"an earlier version", func(g *wire.Greeting) { g.Version, g.Oldest = 0, 0 }, wire.BadVersion, fmt.Sprintf("the scheduler %d to %d", wire.Oldest, wire.Version)},
		{"another operator", func(g *wire.Greeting) { g.Book[0]++; g.Listing = append(g.Listing, "zz.new@1 {}") }, wire.BadBook, `"zz.new@1 {}" is not in the workers`},
		{"one operator less", func(g *wire.Greeting) { g.Book[0]++; g.Listing = g.Listing[1:] }, wire.BadBook, "is missing in it"},
		{"a name twice", func(g *wire.Greeting) { g.Name = "first" }, wire.BadName, "a worker called first is there already"},
	} {
		x := call(t, s, "Worker")
		x.say(hello(c.change))
		if r, err := x.until(wire.Refused); err != nil || r.Class != c.reason || !strings.Contains(r.Text, c.text) {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
	}
	// a program of version 2 says less of itself, and has to hear why it is not let in all the same
	old := struct {
		Version, Oldest int32
		Build           string
		Book            [32]byte
		Listing         []string
		Name            string
	}{Version: 2, Oldest: 2, Name: "old"}
	for _, what := range []string{"Worker", "Client"} {
		x := call(t, s, what)
		x.say(wire.Record{Kind: wire.Hello, Data: wire.Encode(old)})
		if r, err := x.until(wire.Refused); err != nil || r.Class != wire.BadVersion || !strings.Contains(r.Text, "speaks versions 2 to 2 ") {
			t.Errorf("an old %s: %+v, %v", what, r, err)
		}
		if n := said.lines("msg=refused", "door="+what, "speaks versions 2 to 2 of the protocol, the scheduler "); n != 1 {
			t.Errorf("%d lines of the log tell of an old %s", n, what)
		}
	}
	if n := s.Workers(); n != 1 {
		t.Errorf("%d workers are up", n)
	}
}

// TestHostileStreams sends what no worker or client sends: the stream ends, the
// scheduler goes on.
func TestHostileStreams(t *testing.T) {
	s := scheduler(t)
	hi := wire.Record{Kind: wire.Hello, Data: wire.Encode(greeting("x"))}
	for name, do := range map[string]func(*caller){
		"no hello":          func(c *caller) { c.say(wire.Record{Kind: wire.Cancel, Job: 1}) },
		"rubbish":           func(c *caller) { c.send([]byte("GET / HTTP/1.1\r\n\r\n, and so on")) },
		"nothing":           func(c *caller) { c.send(nil) },
		"a frame left out":  func(c *caller) { c.say(hi); c.seq++; c.say(wire.Record{Kind: wire.Ask}) },
		"a frame twice":     func(c *caller) { c.say(hi); c.seq--; c.say(wire.Record{Kind: wire.Ask}) },
		"records of others": func(c *caller) { c.say(hi); c.say(wire.Record{Kind: wire.Run, Job: 1, N: 1}) },
		"too many plans":    func(c *caller) { c.say(hi); c.say(plans(maxPlans + 1)...) },
		"plans without end": func(c *caller) {
			c.say(hi)
			c.say(wire.Record{Kind: wire.Submit, Block: 1, Bytes: wire.MaxPlan / 2, Data: []byte{1}}, wire.Record{Kind: wire.Submit, Block: 2, Bytes: wire.MaxPlan / 2, Data: []byte{1}})
			c.say(wire.Record{Kind: wire.Submit, Block: 3, Bytes: 2, Data: []byte{1}})
		},
		"a plan that grows": func(c *caller) {
			c.say(hi)
			c.say(wire.Record{Kind: wire.Submit, Block: 1, Bytes: 2, Data: []byte{1}}, wire.Record{Kind: wire.Submit, Block: 1, Bytes: wire.MaxPlan, Data: []byte{1}})
		},
		"a plan without end":   func(c *caller) { c.say(hi); c.say(wire.Record{Kind: wire.Submit, Bytes: wire.MaxPlan + 1}) },
		"a plan that is wrong": func(c *caller) { c.say(hi); c.say(wire.Record{Kind: wire.Submit, Bytes: 3, Data: []byte{1, 2, 3, 4}}) },
	} {
		c := call(t, s, "Client")
		do(c)
		if r, err := c.until(wire.Finished); err == nil || errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	c := call(t, s, "Client")
	c.send(make([]byte, wire.MaxFrame+1))
	if _, err := c.until(wire.Finished); status.Code(err) != codes.ResourceExhausted {
		t.Error("a frame beyond the limit:", err)
	}
	if c := call(t, s, "Client"); c != nil {
		c.say(hi)
		if _, err := c.until(wire.Welcome); err != nil {
			t.Error("the scheduler is not well:", err)
		}
	}
}

// TestSilentStreams: who opens a stream and says nothing is sent away.
func TestSilentStreams(t *testing.T) {
	s, err := Listen("127.0.0.1:0", SchedulerOptions{Dead: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, what := range []string{"Worker", "Client", "Enroll"} {
		if _, err := call(t, s, what).until(wire.Welcome); err == nil || !strings.Contains(err.Error(), "nothing was said within 50ms") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func plans(n int) (out []wire.Record) {
	for i := range n {
		out = append(out, wire.Record{Kind: wire.Submit, Block: int32(i), Bytes: 100, Data: []byte("a")})
	}
	return out
}

// Where nobody listens, Dial ends when its patience does, at once without any.
func TestDialWithoutScheduler(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := lis.Addr().String()
	lis.Close()
	for _, wait := range []time.Duration{50 * time.Millisecond, -1} {
		c, err := Dial(context.Background(), addr, Options{Wait: wait})
		if c != nil || err == nil || !strings.Contains(err.Error(), "the scheduler at "+addr+" does not answer") {
			t.Errorf("wait %v: %v", wait, err)
		}
	}
}

// TestPlanOfAClientThatGoes: a plan whose client is cut off while it is written into
// the log is the client's when it comes back, and is cancelled when it does not.
func TestPlanOfAClientThatGoes(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	s, err := Listen("127.0.0.1:0", SchedulerOptions{Journal: t.TempDir(), Beat: 20 * time.Millisecond, Lease: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := wire.Encode(shell.Plan{Layers: []graph.Layer{{N: 1}}, Window: 1})
	for i := range 10 {
		hi := wire.Record{Kind: wire.Hello, Data: wire.Encode(greeting(fmt.Sprint("client ", i)))}
		plan := wire.Record{Kind: wire.Submit, Block: 1, Bytes: int64(len(b)), Data: b}
		c := call(t, s, "Client")
		c.say(hi)
		c.say(plan)
		if err := c.st.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for { // until the scheduler has seen that
			if _, err := c.until(wire.Fail); err != nil {
				break
			}
		}
		if i%2 == 0 {
			continue
		}
		c = call(t, s, "Client")
		c.say(hi)
		c.say(plan)
		if r, err := c.until(wire.Accepted); err != nil || r.Block != 1 || r.Text == "" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	Until(t, "as many jobs are there as clients", func() bool { return len(s.State().Jobs) <= 5 })
}

// TestNamesAreForgotten: a cluster may see any number of labels and resources, one after
// the other; those in use keep their numbers.
func TestNamesAreForgotten(t *testing.T) {
	s := scheduler(t)
	w, err := Join(context.Background(), s.Addr(), WorkerOptions{Labels: []string{"zone=a"}, Resources: []string{"gpu=2"}, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range 300 {
		bits, err := s.labelBits([]string{fmt.Sprint("l", i), "zone=a", fmt.Sprint("m", i)})
		if err != nil || bits&s.workers[0].labels == 0 || bits&(bits-1) == 0 {
			t.Fatalf("labels %d: %b, %v", i, bits, err)
		}
		has, err := s.amounts([]string{fmt.Sprint("r", i, "=3"), "gpu=1"})
		if err != nil || has.Within(&s.workers[0].stock) {
			t.Fatalf("resources %d: %v, the worker has %v, %v", i, has, s.workers[0].stock, err)
		}
	}
	if asks, err := s.amounts([]string{"gpu=2"}); err != nil || !asks.Within(&s.workers[0].stock) {
		t.Errorf("%v, the worker has %v, %v", asks, s.workers[0].stock, err)
	}
	if _, err := s.amounts([]string{"gpu=1048576", "gpu=1"}); err == nil || !strings.Contains(err.Error(), "1048577 in all") {
		t.Error(err)
	}
	if _, err := s.amounts([]string{"a=1", "b=1", "c=1", "d=1", "e=1", "f=1", "g=1", "h=1"}); err == nil || !strings.Contains(err.Error(), "one more than the 8") {
		t.Error(err)
	}
}
