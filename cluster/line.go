package cluster

import (
	"context"
	"errors"
	"fmt"
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
}

// newLine prepares a connection; nothing is sent yet.
func newLine(addr, role, name string, creds credentials.TransportCredentials) (*line, error) {
	n := &line{addr: addr, role: role, hi: greeting(name)}
	var err error
	if n.conn, err = dialControl(addr, grpc.WithTransportCredentials(creds)); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return n, nil
}

// open opens a stream that ends with live and says hello. With wait it waits until
// somebody listens.
func (n *line) open(live context.Context, wait bool) (grpc.ClientStream, *link, error) {
	ctx, stop := context.WithCancel(live)
	n.stop.Store(&stop)
	st, err := n.conn.NewStream(ctx, &bidi, "/"+service+"/"+n.role, grpc.WaitForReady(wait))
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("cluster: the scheduler at %s does not answer: %w", n.addr, err)
	}
	n.opened = time.Now()
	l := newLink(func(b *[]byte) error { return st.SendMsg(b) })
	n.hi.Cluster = n.cluster
	l.put(wire.Record{Kind: wire.Hello, Data: wire.Encode(n.hi)})
	return st, l, nil
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
// when the scheduler said no, nor when it has ended and forgets. It tries for so
// long, and returns the cause if that was in vain.
func (n *line) again(live context.Context, cause error, wait time.Duration) (grpc.ClientStream, *link, error) {
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
	if err != nil {
		return nil, nil, cause
	}
	return st, l, nil
}

// minApart is the least time between two streams.
const minApart = 50 * time.Millisecond
