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
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched/shell"
)

// A caller speaks to a scheduler by hand.
type caller struct {
	t    *testing.T
	conn *grpc.ClientConn
	st   grpc.ClientStream
	seq  uint64
}

func call(t *testing.T, s *Scheduler, what string) *caller {
	t.Helper()
	conn, err := dialControl(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(func() { cancel(); _ = conn.Close() })
	st, err := conn.NewStream(ctx, &bidi, "/"+service+"/"+what, grpc.MaxCallSendMsgSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	return &caller{t: t, conn: conn, st: st}
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
		var b []byte
		if err := c.st.RecvMsg(&b); err != nil {
			return wire.Record{}, err
		}
		_, _, rest, err := wire.Open(b)
		var r wire.Record
		for len(rest) > 0 && err == nil {
			if rest, err = wire.Next(rest, &r); err == nil && r.Kind == k {
				return r, nil
			}
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
	s := scheduler(t)
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
		"no hello":             func(c *caller) { c.say(wire.Record{Kind: wire.Cancel, Job: 1}) },
		"rubbish":              func(c *caller) { c.send([]byte("GET / HTTP/1.1\r\n\r\n, and so on")) },
		"nothing":              func(c *caller) { c.send(nil) },
		"a frame left out":     func(c *caller) { c.say(hi); c.seq++; c.say(wire.Record{Kind: wire.Ask}) },
		"a frame twice":        func(c *caller) { c.say(hi); c.seq--; c.say(wire.Record{Kind: wire.Ask}) },
		"records of others":    func(c *caller) { c.say(hi); c.say(wire.Record{Kind: wire.Run, Job: 1, N: 1}) },
		"too many plans":       func(c *caller) { c.say(hi); c.say(plans(maxPlans + 1)...) },
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
	for name, p := range map[string]shell.Plan{"empty": {}, "want": {Want: 7}} {
		c := call(t, s, "Client")
		b := wire.Encode(p)
		c.say(hi)
		c.say(wire.Record{Kind: wire.Submit, Bytes: int64(len(b)), Data: b})
		if r, err := c.until(wire.Fail); err != nil || !strings.Contains(r.Text, "the plan has 0") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if c := call(t, s, "Client"); c != nil {
		c.say(hi)
		if _, err := c.until(wire.Welcome); err != nil {
			t.Error("the scheduler is not well:", err)
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
