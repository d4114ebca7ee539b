package cluster

import (
	"context"
	"fmt"

	"github.com/weft-data/weft/cluster/wire"
)

// An inquiry is what a client wants to know of the scheduler, and who waits for it.
type inquiry struct {
	ask    wire.Record
	answer chan []byte
}

// Inquiries are those of one kind that have no answer yet. The scheduler answers them in
// their order.
type inquiries struct {
	open  []inquiry
	whole wire.Whole // of the answer that comes
}

// again asks all of them on another stream.
func (q *inquiries) again(l *link) {
	q.whole = wire.Whole{}
	for i := range q.open {
		l.put(q.open[i].ask)
	}
}

// take takes a part of an answer.
func (q *inquiries) take(r *wire.Record) error {
	b, err := q.whole.Add(r)
	if err != nil || b == nil || len(q.open) == 0 {
		return err
	}
	q.open[0].answer <- b
	q.open = q.open[1:]
	return nil
}

// ask waits for the answer to a question. One that is asked before the scheduler has said
// its welcome on this stream goes out with that: twice would have the answers to those
// after it be taken for others'.
func (c *Client) ask(ctx context.Context, q *inquiries, ask wire.Record) ([]byte, error) {
	x := inquiry{ask, make(chan []byte, 1)}
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, c.err
	}
	q.open = append(q.open, x)
	if c.met {
		c.link.put(ask)
	}
	c.mu.Unlock()
	select {
	case b := <-x.answer:
		return b, nil
	case <-c.done:
		return nil, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster: the scheduler does not answer: %w", context.Cause(ctx))
	}
}
