package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/weft-data/weft/cluster/wire"
)

// A line is how a worker or a client reaches its scheduler, and reaches it again.
type line struct {
	addr, role string
	conn       *grpc.ClientConn
	hi         wire.Greeting
	cluster    uint64 // as the scheduler said, see wire.Reply
	epoch      uint64
	durable    atomic.Bool
	stop       atomic.Pointer[context.CancelFunc] // of the stream
	opened     time.Time
	over       atomic.Bool // no other stream is wanted
	out        *revocation
	no         atomic.Pointer[wire.Refusal] // why who listens there is not the scheduler
}

// newLine prepares a connection; nothing is sent yet.
func newLine(addr, role, name string, creds credentials.TransportCredentials, out *revocation) (*line, error) {
	n := &line{addr: addr, role: role, hi: greeting(name), out: out}
	var err error
	if n.conn, err = dialControl(addr, grpc.WithTransportCredentials(wary{creds, n.refuse})); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return n, nil
}

// wary credentials tell of a peer that is not what it should be, or not any more.
type wary struct {
	credentials.TransportCredentials
	told func(*wire.Refusal)
}

// Clone implements credentials.TransportCredentials.
func (c wary) Clone() credentials.TransportCredentials {
	return wary{c.TransportCredentials.Clone(), c.told}
}

// ClientHandshake implements credentials.TransportCredentials.
func (c wary) ClientHandshake(ctx context.Context, name string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := c.TransportCredentials.ClientHandshake(ctx, name, raw)
	if no := (*wire.Refusal)(nil); errors.As(err, &no) {
		c.told(no)
	}
	return conn, info, err
}

// refuse ends the waiting for a stream: gRPC itself would try for ever.
func (n *line) refuse(no *wire.Refusal) {
	n.no.Store(no)
	n.drop()
}

// open opens a stream that ends with live and says hello. With wait it waits until
// somebody listens.
func (n *line) open(live context.Context, wait bool) (grpc.ClientStream, *link, error) {
	ctx, stop := context.WithCancel(live)
	n.no.Store(nil)
	n.stop.Store(&stop)
	st, err := n.conn.NewStream(ctx, &bidi, "/"+service+"/"+n.role, grpc.WaitForReady(wait))
	if err != nil {
		stop()
		if no := n.no.Load(); no != nil {
			return nil, nil, fmt.Errorf("the scheduler at %s: %w", n.addr, no)
		}
		return nil, nil, fmt.Errorf("cluster: the scheduler at %s does not answer: %w", n.addr, err)
	}
	n.opened = time.Now()
	l := newLink(func(b *[]byte) error { return st.SendMsg(b) })
	l.last = func() { _ = st.CloseSend() }
	n.hi.Cluster = n.cluster
	l.put(wire.Record{Kind: wire.Hello, Data: wire.Encode(n.hi)})
	return st, l, nil
}

// A party is who uses a line: a worker or a client.
type party interface {
	take(frame []byte) error // of the scheduler
	cut() *link              // the stream has ended: returns its link
	joined(l *link)          // there is another one
}

// keep hands on what the scheduler says until it is over: when a stream ends another
// one is made, for which it tries so long. It returns why there is none.
func (n *line) keep(live context.Context, st grpc.ClientStream, p party, wait time.Duration) error {
	for {
		err := n.listen(live, st, p)
		p.cut().close()
		var l *link
		if st, l, err = n.again(live, err, wait); err != nil {
			return err
		}
		p.joined(l)
	}
}

// listen hands on frames until the stream ends. A scheduler whose certificate is revoked is not heard any more.
func (n *line) listen(live context.Context, st grpc.ClientStream, p party) error {
	for {
		var b []byte
		if err := st.RecvMsg(&b); err != nil {
			return ended(live, err)
		}
		if err := n.out.refuse(shown(st.Context())); err != nil {
			return err
		}
		if err := p.take(b); err != nil {
			return err
		}
	}
}

// drop ends the stream there is.
func (n *line) drop() { (*n.stop.Load())() }

// ended words the end of a stream.
func ended(live context.Context, err error) error {
	if cause := context.Cause(live); cause != nil {
		return cause
	}
	return fmt.Errorf("cluster: the connection to the scheduler ended: %w", err)
}

// meet takes the scheduler's answer. Fresh says that it knows nothing of what was
// before.
func (n *line) meet(r *wire.Record) (reply wire.Reply, fresh bool, err error) {
	if err := wire.Decode(r.Data, &reply); err != nil {
		return reply, false, err
	}
	fresh = n.cluster != reply.Cluster
	if !fresh && reply.Epoch < n.epoch {
		return reply, false, fmt.Errorf("cluster: the scheduler at %s has been replaced: its epoch is %d, %d was seen", n.addr, reply.Epoch, n.epoch)
	}
	n.cluster, n.epoch = reply.Cluster, reply.Epoch
	n.durable.Store(reply.Durable)
	return reply, fresh, nil
}

// again opens another stream after one ended for a cause, if that may help: not
// when the scheduler said no, or is not believed, nor when it has ended and forgets. It tries for so
// long, and returns the cause if that was in vain.
func (n *line) again(live context.Context, cause error, wait time.Duration) (grpc.ClientStream, *link, error) {
	if n.over.Load() {
		return nil, nil, ErrClosed
	}
	var no *wire.Refusal
	if live.Err() != nil || errors.As(cause, &no) && no.Reason != wire.NotReady || errors.Is(cause, wire.ErrBroken) || errors.Is(cause, errRetired) {
		return nil, nil, cause
	}
	n.drop()
	if d := minApart - time.Since(n.opened); d > 0 {
		select {
		case <-time.After(d):
		case <-live.Done():
		}
	}
	if !n.durable.Load() && refused(n.addr) {
		return nil, nil, cause
	}
	late := time.AfterFunc(wait, func() { n.drop() })
	st, l, err := n.open(live, true)
	if !late.Stop() && err == nil {
		l.close()
		err = cause
	}
	switch {
	case errors.As(err, &no):
		return nil, nil, err
	case err != nil:
		return nil, nil, cause
	}
	return st, l, nil
}

// minApart is the least time between two streams.
const minApart = 50 * time.Millisecond
