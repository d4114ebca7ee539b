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
	"github.com/weft-data/weft/internal/mem"
)

// A Sink takes the blocks of a ticket, one after the other.
type Sink interface {
	// Alloc gives memory for a batch that comes, aligned to 64 bytes where it is large: n bytes, and as many as its codes of dictionaries
	// and of rows of tables have. The sink has it back with Put, or when Get returns. Where it gives nil, what comes is lent to
	// Put in memory that is used again.
	Alloc(n, codes int) (rest, coded []byte)
	// Put takes a batch that is lent, a short one only where the ticket said so. With kept its columns are the sink's, as far as they lie in memory of the sink.
	Put(ref, run int, b *chunk.Batch) (kept bool, err error)
	End(ref, runs int) error // the block is whole
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

// Get asks the worker at addr for the blocks of a ticket, signed with the secret of
// the job, and hands them to sink; schemas has the schema of each. Every failure but
// the sink's is a *FetchError.
func (p *Peers) Get(ctx context.Context, addr, secret string, t *Ticket, schemas []dtype.Schema, sink Sink) error {
	if err := p.room.Acquire(ctx, 1); err != nil {
		return &FetchError{0, addr, context.Cause(ctx)}
	}
	defer p.room.Release(1)
	w := p.way(addr)
	g := &getter{t: t, schemas: schemas, sink: sink}
	for {
		again, err := p.stream(ctx, addr, secret, g, w)
		var own *sinkError
		switch {
		case again:
			continue
		case errors.As(err, &own):
			return own.error
		case err != nil:
			return &FetchError{g.at(), addr, err}
		}
		return nil
	}
}

// stream reads one stream. Again: nothing has come, because the connection had ended before, or
// because the memory of the sender cannot be read.
func (p *Peers) stream(ctx context.Context, addr, secret string, g *getter, w *way) (again bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(p.stall, func() { cancel(fmt.Errorf("nothing came for %v", p.stall)) })
	defer alarm.Stop()
	c, used, err := p.take(ctx, addr)
	if err != nil {
		return false, cmp.Or(context.Cause(ctx), err)
	}
	c.alarm, c.stall = alarm, p.stall
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	g.t.Speed, g.drawn = 0, p.offer(c, w)
	if !within(c) { // else it is slow when the processors are busy, and packing would have them busier
		g.t.Speed = p.speed(w)
	}
	g.t.Proof = g.drawn
	err = c.ask(kindAsk, g.t.Bytes(secret))
	for over := false; err == nil && !over; {
		if over, err = g.next(c); err == nil && !over {
			g.clock.tick(p, w)
			err = p.still(c)
		}
	}
	g.clock.stop(p, w)
	p.give(addr, c, stop() && err == nil)
	switch cause := context.Cause(ctx); {
	case err == nil:
	case errors.As(err, new(*sinkError)):
	case err == errFar:
		p.part(w)
		return true, err
	case errors.Is(err, ErrCorrupt):
		p.blame(w, err)
	case cause != nil:
		err = cause
	case used && !g.heard && cut(err):
		return true, err
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		err = corrupt("the stream ended within block %d of %d", g.ref, len(g.t.Refs))
	}
	return false, err
}

type sinkError struct{ error }

// A getter is one stream being read.
type getter struct {
	t       *Ticket
	schemas []dtype.Schema
	sink    Sink
	dec     decoder
	words   lexicon
	ref     int    // the block that comes
	rows    uint64 // of it
	frames  uint64
	heard   bool // a frame has come

	open    head // the frame that comes, part by part
	body    body // of it
	have    int  // bytes of that which have come
	scratch body // for what the sink gives no memory for

	table *chunk.Table // of the short batches of this block that come
	short dtype.Schema // of these

	packed []byte // room for parts that are packed, and for lists

	drawn  Proof    // what was offered
	pid    int      // whose memory is read, 0: nobody's
	local  [][]byte // what is to be read, from where, and its checksums
	remote []uint64
	sums   []uint64
	noted  int // bytes of that

	clock clock
}

// at returns the block an error speaks of.
func (g *getter) at() int { return min(g.ref, max(0, len(g.t.Refs)-1)) }

// place finds the place of the part of the body that follows a head, of which only its own
// checksum was looked at: where it stays, and where it is read to.
func (g *getter) place(h *head) (stays, read []byte, err error) {
	switch more := g.have < g.body.size(); {
	case more != (h.kind == kindMore):
		return nil, nil, corrupt("a frame of kind %d after %d of %d bytes", h.kind, g.have, g.body.size())
	case more && h.codes != g.open.codes:
		return nil, nil, corrupt("%d bytes of codes in a body that began with %d", h.codes, g.open.codes)
	case more && (h.seq != uint64(g.have) || h.body != g.open.body):
		return nil, nil, corrupt("byte %d of a body of %d came, byte %d of %d was due", h.seq, h.body, g.have, g.open.body)
	case !more && h.kind == kindTable && h.body > mostTable:
		return nil, nil, corrupt("a table of %d bytes, at most %d are allowed", h.body, mostTable)
	case !more && h.body > maxBody:
		return nil, nil, corrupt("a body of %d bytes, at most %d are allowed", h.body, maxBody)
	case !more:
		g.open, g.have = *h, 0
		g.body = g.room(h)
	}
	to, n := g.body.from(g.have), int(h.part)
	if h.pack == lies {
		read, err = g.placeList(h)
		return nil, read, err
	}
	if n > len(to) || n == 0 && len(to) > 0 || n > partBytes {
		return nil, nil, corrupt("%d bytes for a body of which %d are missing", n, len(to))
	}
	full := n
	if h.pack != asIs {
		if full = min(partBytes, len(to)); n >= full {
			return nil, nil, corrupt("a packed part of %d bytes for %d", n, full)
		}
	}
	stays = to[:full]
	g.have += full
	g.clock.came += int64(full)
	g.clock.sent += int64(n)
	if h.pack == asIs {
		return stays, stays, nil
	}
	return stays, g.aside(n), nil
}

// aside is room for n bytes that do not stay.
func (g *getter) aside(n int) []byte {
	if g.packed == nil {
		g.packed = make([]byte, max(partBytes, mostList))
	}
	return g.packed[:n]
}

// room makes place for a body.
func (g *getter) room(h *head) (b body) {
	n, codes := int(h.body-h.codes), int(h.codes)
	switch {
	case h.kind == kindBatch && h.body > 0:
		b.rest, b.codes = g.sink.Alloc(n, codes)
	case h.kind == kindTable:
		b.rest = mem.Heap.Alloc(n)
	}
	return body{lend(b.rest, &g.scratch.rest, n), lend(b.codes, &g.scratch.codes, codes)}
}

// lend returns n bytes of b, or where that is nil of what is used again.
func lend(b []byte, again *[]byte, n int) []byte {
	if b == nil {
		if n > len(*again) {
			*again = mem.Heap.Alloc(n + n/4)
		}
		b = *again
	}
	return b[:n]
}

// next reads a frame. over says that it was the last one.
func (g *getter) next(c *conn) (over bool, err error) {
	var h head
	if err := c.head(&h); err != nil {
		return false, err
	}
	if h.kind == kindNear {
		return false, g.meet(c, &h)
	}
	g.heard = true
	if h.kind == kindFail {
		return false, c.told(&h)
	}
	stays, read, err := g.place(&h)
	if err == nil {
		err = c.part(&h, read)
	}
	switch {
	case err != nil:
	case h.pack == lies:
		err = g.pieces(read)
	case h.pack != asIs:
		err = unpack(h.pack, stays, read)
	}
	if err != nil {
		return false, err
	}
	if h.kind != kindFin && h.kind != kindTake && (int(h.ref) != g.ref || g.ref >= len(g.t.Refs)) {
		return false, corrupt("a frame of block %d, want one of %d", h.ref, g.ref)
	}
	if g.have < g.body.size() {
		return false, nil // there is more to come
	}
	h, whole := g.open, g.body
	g.body, g.have = body{}, 0
	switch h.kind {
	case kindDict:
		return false, g.dict(&h, whole)
	case kindTable:
		return false, g.take(&h, whole)
	case kindBatch:
		return false, g.batch(&h, whole)
	case kindEnd:
		if h.rows != g.rows || h.seq != g.frames || h.run > maxRuns {
			return false, corrupt("block %d ended with %d rows in %d frames, %d in %d came", g.ref, h.rows, h.seq, g.rows, g.frames)
		}
		if err := g.sink.End(g.ref, int(h.run)); err != nil {
			return false, &sinkError{err}
		}
		g.ref, g.rows, g.frames, g.table = g.ref+1, 0, 0, nil
		return false, nil
	case kindWait:
		return false, nil
	case kindTake:
		return false, g.taken(c)
	case kindFin:
		if g.ref != len(g.t.Refs) {
			return false, corrupt("the stream ended after %d of %d blocks", g.ref, len(g.t.Refs))
		}
		return true, nil
	}
	return false, corrupt("a frame of kind %d", h.kind)
}

// dict takes a dictionary for the next batch, of which each column has one at most.
func (g *getter) dict(h *head, b body) error {
	if g.words.full() {
		clear(g.dec.dicts)
		g.words = lexicon{}
	}
	if g.words.add(b.size()); g.words.fresh > len(g.schemas[g.ref]) {
		return corrupt("%d dictionaries before a batch of %d columns", g.words.fresh, len(g.schemas[g.ref]))
	}
	return g.dec.dict(h, b)
}

func (g *getter) batch(h *head, from body) error {
	r := g.t.Refs[g.ref]
	if int64(h.run) < int64(r.Lo) || r.Hi >= 0 && int64(h.run) >= int64(r.Hi) || h.run > maxRuns {
		return corrupt("run %d of block %d was not asked for", h.run, g.ref)
	}
	schema, short := g.schemas[g.ref], h.short > 0
	if short {
		if schema = g.short; g.table == nil {
			return corrupt("a short batch of block %d, and no table", g.ref)
		}
	}
	b, err := g.dec.rows(h, schema, from)
	if err == nil && short {
		err = g.numbered(b)
	}
	if err != nil {
		return err
	}
	g.rows += h.rows
	g.frames++
	g.words.fresh = 0
	kept, err := g.sink.Put(g.ref, int(h.run), b)
	if kept {
		g.dec.batch = chunk.Batch{}
	}
	if err != nil {
		return &sinkError{err}
	}
	return nil
}
