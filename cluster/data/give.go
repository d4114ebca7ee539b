package data

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// Blocks also go the other way: a client gives one to a worker that waits for it. It says so
// with a ticket for the block (give), the worker answers that it may come (wait), and at its end that it
// is whole (fin). The frames between are those that a ticket is answered with, and are checked and
// bounded the same way.

// A Taker is a Sink for a block that is given.
type Taker interface {
	Sink
	// Over tells how it ended, once: with nil the block is whole.
	Over(err error)
}

// giving is how long a client that gives a block may say nothing.
const giving = 10 * time.Second

// Give sends a block to the worker at addr, which waits for it; t, signed with the secret
// of the job, is for this block. ErrGone: the worker does not wait for it, or not any
// more. Every failure is a *FetchError.
func (p *Peers) Give(ctx context.Context, addr, secret string, t *Ticket, v chunk.Value) error {
	if err := p.room.Acquire(ctx, 1); err != nil {
		return &FetchError{0, addr, context.Cause(ctx)}
	}
	defer p.room.Release(1)
	ticket := t.Bytes(secret)
	for {
		again, err := p.hand(ctx, addr, ticket, v)
		switch {
		case again:
			continue
		case err != nil:
			return &FetchError{0, addr, err}
		}
		return nil
	}
}

// hand gives a block over one connection. Again: that had ended before.
func (p *Peers) hand(ctx context.Context, addr string, ticket []byte, v chunk.Value) (again bool, err error) {
	c, used, err := p.take(ctx, addr)
	if err != nil {
		return false, cmp.Or(context.Cause(ctx), err)
	}
	c.alarm = nil // what stands still is found by the deadlines
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	w := newWriter(c, p.stall)
	w.allow = func() error { return p.still(c) }
	_ = c.SetDeadline(time.Now().Add(p.stall))
	if err = c.ask(kindGive, ticket); err == nil {
		err = c.await(kindWait)
	}
	again = used && err != nil && cut(err)
	if err == nil {
		err = w.frames(v, 0, Ref{Hi: -1})
		if err == nil {
			err = errors.Join(w.send(&head{kind: kindFin, ref: 1}), w.flush())
		}
		if err == nil || w.err != nil { // a worker that takes no more says why
			_ = c.SetDeadline(time.Now().Add(p.stall))
			if said := c.await(kindFin); err == nil || said != nil && !cut(said) {
				err = said
			}
		}
	}
	err = errors.Join(err, w.close())
	_ = c.SetDeadline(time.Time{})
	p.give(addr, c, stop() && err == nil)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return false, cause
	}
	return again, err
}

// await reads an answer, which is of a kind or says why not.
func (c *conn) await(kind byte) error {
	var h head
	if err := c.head(&h); err != nil {
		return err
	}
	switch h.kind {
	case kind:
		return nil
	case kindFail:
		return c.told(&h)
	}
	return corrupt("an answer of kind %d, want %d", h.kind, kind)
}

// receive reads the frames of a block that is given.
func (s *server) receive(c *conn, w *writer, ticket []byte) error {
	t, err := ParseTicket(ticket)
	if err == nil && (len(t.Refs) != 1 || t.IPC) {
		err = fmt.Errorf("data: a ticket for %d blocks, one can be given", len(t.Refs))
	}
	if err == nil {
		err = s.store.Admit(&t)
	}
	if err != nil {
		return err
	}
	to, schema, err := s.store.Take(&t, t.Refs[0])
	if err != nil {
		return err
	}
	g := &getter{t: &t, schemas: []dtype.Schema{schema}, sink: to}
	err = w.wait()
	for over := false; err == nil && !over; {
		_ = c.SetDeadline(time.Now().Add(s.giving))
		if over, err = g.next(c); err == nil {
			err = w.allow()
		}
	}
	var own *sinkError
	switch {
	case errors.As(err, &own):
		err = own.error
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		err = corrupt("the stream ended within the block")
	}
	if to.Over(err); err != nil {
		return err
	}
	return errors.Join(w.send(&head{kind: kindFin, ref: 1}), w.flush())
}
