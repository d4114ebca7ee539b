package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A Sink takes the blocks of a ticket, one after the other.
type Sink interface {
	Put(ref, run int, b *chunk.Batch) error // a borrowed batch
	End(ref, runs int) error                // the block is whole
}

// Peers are connections to workers by address, made when they are needed. It is
// safe for concurrent use.
type Peers struct {
	creds credentials.TransportCredentials
	stall time.Duration
	mu    sync.Mutex
	conns map[string]*grpc.ClientConn
}

// NewPeers returns no connections yet. A fetch from which nothing comes for stall
// has failed.
func NewPeers(creds credentials.TransportCredentials, stall time.Duration) *Peers {
	return &Peers{creds: creds, stall: stall, conns: map[string]*grpc.ClientConn{}}
}

func (p *Peers) conn(addr string) (*grpc.ClientConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return nil, errors.New("data: the connections are closed")
	}
	if c := p.conns[addr]; c != nil {
		return c, nil
	}
	c, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(p.creds),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(newCodec()), grpc.MaxCallRecvMsgSize(MaxMessage)),
		grpc.WithInitialWindowSize(4<<20), grpc.WithInitialConnWindowSize(16<<20), grpc.WithReadBufferSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", addr, err)
	}
	p.conns[addr] = c
	return c, nil
}

// Close ends all connections.
func (p *Peers) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, c := range p.conns {
		errs = append(errs, c.Close())
	}
	p.conns = nil
	return errors.Join(errs...)
}

// Drop ends the connection to an address that is not used any more.
func (p *Peers) Drop(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.conns[addr]; c != nil {
		_ = c.Close()
		delete(p.conns, addr)
	}
}

// A FetchError says which block of a ticket did not come. Those before it are
// whole.
type FetchError struct {
	Ref  int
	Addr string
	Err  error
}

func (e *FetchError) Error() string { return fmt.Sprintf("fetching from %s: %v", e.Addr, e.Err) }

// Unwrap returns the reason.
func (e *FetchError) Unwrap() error { return e.Err }

var doGet = grpc.StreamDesc{StreamName: "DoGet", ServerStreams: true}

// Get asks the worker at addr for the blocks of a ticket, signed with the secret of
// the job, and hands them to sink; schemas has the schema of each. Every failure but
// the sink's is a *FetchError.
func (p *Peers) Get(ctx context.Context, addr, secret string, t *Ticket, schemas []dtype.Schema, sink Sink) error {
	c, err := p.conn(addr)
	if err != nil {
		return &FetchError{0, addr, err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(p.stall, func() { cancel(fmt.Errorf("nothing came for %v", p.stall)) })
	defer alarm.Stop()
	st, err := c.NewStream(ctx, &doGet, "/arrow.flight.protocol.FlightService/DoGet")
	if err == nil {
		err = st.SendMsg(&flight.Ticket{Ticket: t.Bytes(secret)})
	}
	if err == nil {
		err = st.CloseSend()
	}
	if err != nil && err != io.EOF {
		return &FetchError{0, addr, err}
	}
	g := &getter{t: t, schemas: schemas, sink: sink}
	for {
		over, err := g.next(st)
		if over {
			return nil
		}
		if err == nil {
			alarm.Reset(p.stall)
			continue
		}
		var own *sinkError
		if errors.As(err, &own) {
			return own.error
		}
		at := g.at(err)
		if cause := context.Cause(ctx); cause != nil {
			return &FetchError{at, addr, cause}
		}
		return &FetchError{at, addr, plain(err)}
	}
}

// plain words a status error.
func plain(err error) error {
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	_, text, _ := strings.Cut(st.Message(), ": ")
	switch st.Code() {
	case codes.NotFound:
		return ErrGone
	case codes.PermissionDenied:
		return ErrDenied
	}
	if text == "" {
		text = st.Message()
	}
	return errors.New(text)
}

type sinkError struct{ error }

// A getter is one stream being read.
type getter struct {
	t       *Ticket
	schemas []dtype.Schema
	sink    Sink
	dec     decoder
	in      inFrame
	ref     int    // the block that comes
	rows    uint64 // of it
	frames  uint64
}

// at returns the block an error speaks of.
func (g *getter) at(err error) int {
	if st, ok := status.FromError(err); ok {
		if num, _, ok := strings.Cut(st.Message(), ": "); ok {
			if i, err := strconv.Atoi(num); err == nil && i >= 0 && i < len(g.t.Refs) {
				return i
			}
		}
	}
	return min(g.ref, max(0, len(g.t.Refs)-1))
}

// next reads a frame. over says that it was the last one.
func (g *getter) next(st grpc.ClientStream) (over bool, err error) {
	if err := st.RecvMsg(&g.in); err != nil {
		if err == io.EOF {
			return false, corrupt("the stream ended within block %d of %d", g.ref, len(g.t.Refs))
		}
		return false, err
	}
	var h head
	if err := h.parse(g.in.head, g.in.body); err != nil {
		return false, err
	}
	if h.kind != kindFin && (int(h.ref) != g.ref || g.ref >= len(g.t.Refs)) {
		return false, corrupt("a frame of block %d, want one of %d", h.ref, g.ref)
	}
	switch h.kind {
	case kindDict:
		return false, g.dec.dict(&h, g.in.body)
	case kindBatch:
		return false, g.batch(&h)
	case kindEnd:
		if h.rows != g.rows || h.seq != g.frames || h.run > maxRuns {
			return false, corrupt("block %d ended with %d rows in %d frames, %d in %d came", g.ref, h.rows, h.seq, g.rows, g.frames)
		}
		if err := g.sink.End(g.ref, int(h.run)); err != nil {
			return false, &sinkError{err}
		}
		g.ref, g.rows, g.frames = g.ref+1, 0, 0
		return false, nil
	case kindFin:
		if g.ref != len(g.t.Refs) {
			return false, corrupt("the stream ended after %d of %d blocks", g.ref, len(g.t.Refs))
		}
		return true, nil
	}
	return false, corrupt("a frame of kind %d", h.kind)
}

func (g *getter) batch(h *head) error {
	r := g.t.Refs[g.ref]
	if int64(h.run) < int64(r.Lo) || r.Hi >= 0 && int64(h.run) >= int64(r.Hi) || h.run > maxRuns {
		return corrupt("run %d of block %d was not asked for", h.run, g.ref)
	}
	b, err := g.dec.rows(h, g.schemas[g.ref], g.in.body)
	if err != nil {
		return err
	}
	g.rows += h.rows
	g.frames++
	if err := g.sink.Put(g.ref, int(h.run), b); err != nil {
		return &sinkError{err}
	}
	return nil
}
