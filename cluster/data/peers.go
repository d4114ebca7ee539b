package data

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/credentials"
)

// Peers are connections to workers by address, made when they are needed: one for each stream
// that is open at the same time. It is safe for concurrent use.
type Peers struct {
	creds credentials.TransportCredentials
	stall time.Duration
	mu    sync.Mutex
	conns map[string]map[*conn]bool // true: it rests; nil: all are closed
	ways  map[string]*way
	room  *semaphore.Weighted // streams that may be open
	// Still refuses a peer that is not called again over a connection that rests, and whose stream is not read on; nil: none. It is
	// set before anything else.
	Still func(credentials.AuthInfo) error
}

// NewPeers returns no connections yet. A fetch from which nothing comes for stall
// has failed.
func NewPeers(creds credentials.TransportCredentials, stall time.Duration) *Peers {
	return &Peers{creds: creds, stall: stall, conns: map[string]map[*conn]bool{}, ways: map[string]*way{}, room: semaphore.NewWeighted(reading)}
}

var errClosed = errors.New("data: the connections are closed")

// take returns a connection for a stream. Used: it has carried others, and its other end may
// be gone.
func (p *Peers) take(ctx context.Context, addr string) (c *conn, used bool, err error) {
	if c, err = p.wake(addr); c != nil || err != nil {
		return c, true, err
	}
	if c, err = dial(ctx, addr, p.creds); err != nil {
		return nil, false, fmt.Errorf("data: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return nil, false, errors.Join(errClosed, c.Close())
	}
	if p.conns[addr] == nil {
		p.conns[addr] = map[*conn]bool{}
	}
	p.conns[addr][c] = false
	return c, false, nil
}

// wake returns a connection that rests, nil if there is none. Those to peers that may not be called any more are ended.
func (p *Peers) wake(addr string) (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return nil, errClosed
	}
	for c, rests := range p.conns[addr] {
		if !rests {
			continue
		}
		c.rest.Stop()
		if p.still(c) == nil {
			p.conns[addr][c] = false
			return c, nil
		}
		p.remove(addr, c)
	}
	return nil, nil
}

// remove ends a connection; p is locked.
func (p *Peers) remove(addr string, c *conn) {
	_ = c.Close()
	if delete(p.conns[addr], c); len(p.conns[addr]) == 0 {
		delete(p.conns, addr)
	}
}

// still refuses a peer that nothing more is said to.
func (p *Peers) still(c *conn) error {
	if p.Still == nil {
		return nil
	}
	return p.Still(c.info)
}

// give takes a connection back, to rest if its stream was read to the end.
func (p *Peers) give(addr string, c *conn, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.conns[addr]
	resting := 0
	for _, rests := range list {
		if rests {
			resting++
		}
	}
	if _, ok := list[c]; !ok || !whole || resting >= spare {
		p.remove(addr, c)
		return
	}
	list[c] = true
	c.rest = time.AfterFunc(rest, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.conns[addr][c] {
			p.remove(addr, c)
		}
	})
}

// Close ends all connections.
func (p *Peers) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for addr := range p.conns {
		p.end(addr)
	}
	p.conns = nil
	return nil
}

// Drop ends the connections to an address that is not used any more.
func (p *Peers) Drop(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(addr)
	delete(p.ways, addr)
}

// end ends the connections to an address, and with them their streams; p is locked.
func (p *Peers) end(addr string) {
	for c, rests := range p.conns[addr] {
		if rests {
			c.rest.Stop()
		}
		_ = c.Close()
	}
	delete(p.conns, addr)
}
