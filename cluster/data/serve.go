package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// ErrGone says that a block is not (or not any more) where it was asked for.
var ErrGone = errors.New("data: the block is not here")

// ErrDenied says that a ticket was not signed by one who may have the blocks.
var ErrDenied = errors.New("data: the ticket is not signed with the secret of its job")

// A Store lends blocks to readers, and takes some from clients.
type Store interface {
	// Admit checks a ticket before anything is lent: ErrGone if the job is not
	// here, ErrDenied if the ticket does not have its signature.
	Admit(t *Ticket) error
	// Lend returns a block and a function that gives it back; ErrGone if it is
	// not here.
	Lend(t *Ticket, r Ref) (chunk.Value, func(), error)
	// Schema returns the columns of a layer; ErrGone if it is not here.
	Schema(t *Ticket, layer int32) (dtype.Schema, error)
	// Take returns where a block goes that a client gives, and its columns; ErrGone if
	// it is not waited for.
	Take(t *Ticket, r Ref) (Taker, dtype.Schema, error)
}

// A Server gives the blocks of a store to who has a connection for that, and to any Flight
// client.
type Server struct {
	server
	grpc   *grpc.Server
	allow  func(context.Context) error
	live   context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	conns  map[net.Conn]bool // that greet, and for blocks; nil: the server was stopped
}

// NewServer returns a server whose connections have creds; allow says, in the context of a
// peer, whether it may ask for blocks at all.
func NewServer(st Store, creds credentials.TransportCredentials, allow func(context.Context) error) *Server {
	s := &Server{server: server{store: st, room: semaphore.NewWeighted(lending), patience: patience, taking: taking, giving: giving}, allow: allow, conns: map[net.Conn]bool{}}
	s.live, s.cancel = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(grpc.Creds(gate{creds, s}), grpc.MaxRecvMsgSize(4<<20), grpc.MaxSendMsgSize(MaxMessage), grpc.ConnectionTimeout(silent),
		grpc.MaxConcurrentStreams(256), grpc.KeepaliveParams(keepalive.ServerParameters{Time: 20 * time.Second, Timeout: 20 * time.Second}),
		grpc.WriteBufferSize(256<<10), grpc.ReadBufferSize(64<<10),
		grpc.StreamInterceptor(func(srv any, st grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
			if err := allow(st.Context()); err != nil {
				return status.Error(codes.PermissionDenied, err.Error())
			}
			return h(srv, allowed{st, allow})
		}))
	flight.RegisterFlightServiceServer(s.grpc, &s.server)
	return s
}

// An allowed stream ends when its peer may not ask for blocks any more.
type allowed struct {
	grpc.ServerStream
	allow func(context.Context) error
}

// SendMsg implements grpc.ServerStream.
func (s allowed) SendMsg(m any) error {
	if err := s.allow(s.Context()); err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	return s.ServerStream.SendMsg(m)
}

// Serve takes connections until the server is stopped.
func (s *Server) Serve(lis net.Listener) error { return s.grpc.Serve(lis) }

// Stop ends all connections and waits for what they did.
func (s *Server) Stop() {
	s.cancel()
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
	s.grpc.Stop()
}

// enlist has Stop end a connection; false: it was called.
func (s *Server) enlist(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns != nil {
		s.conns[c] = true
	}
	return s.conns != nil
}

func (s *Server) strike(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// maxTicket bounds the bytes of a ticket.
const maxTicket = 128 + MaxRefs*32

// blocks answers the tickets of a connection until it ends.
func (s *Server) blocks(c *conn, info credentials.AuthInfo) {
	ctx := peer.NewContext(s.live, &peer.Peer{Addr: c.RemoteAddr(), AuthInfo: info})
	for {
		var h head
		_ = c.SetDeadline(time.Now().Add(silent))
		err := c.head(&h)
		give := h.kind == kindGive
		if err == nil && !give && h.kind != kindAsk {
			err = corrupt("a frame of kind %d, want a ticket", h.kind)
		}
		var b []byte
		if err == nil {
			b, err = c.text(&h, maxTicket)
		}
		if err != nil {
			return // who lives asks again
		}
		w := newWriter(c, s.taking)
		w.allow = func() error { return s.allow(ctx) }
		if err = w.allow(); err == nil && give {
			err = s.receive(c, w, b)
		} else if err == nil {
			err = s.answer(ctx, w, b)
		}
		if err != nil && w.settle() == nil {
			w.fail(err)
		}
		if w.close() != nil || give && err != nil { // frames may be on their way that nobody wants
			return
		}
	}
}

type server struct {
	flight.BaseFlightServer
	store    Store
	room     *semaphore.Weighted // bytes that may be lent
	patience time.Duration
	taking   time.Duration
	giving   time.Duration
}

// answer writes the stream of a ticket.
func (s *server) answer(ctx context.Context, w *writer, ticket []byte) error {
	t, err := ParseTicket(ticket)
	if err == nil && t.IPC {
		err = errors.New("data: the ticket is for an Arrow stream, which Flight gives")
	}
	if err == nil {
		err = s.store.Admit(&t)
	}
	if err != nil {
		return err
	}
	w.packer, w.short = packer{link: float64(t.Speed)}, t.Short
	if mem.CanPeek && t.Proof != (Proof{}) && within(w.c) {
		if err := w.greet(t.Proof); err != nil {
			return err
		}
	}
	if err := s.enter(ctx, lent, w.wait); err != nil {
		return err
	}
	defer s.room.Release(lent)
	for i, r := range t.Refs {
		if err := w.block(s.store, &t, uint32(i), r); err != nil {
			return err
		}
	}
	return errors.Join(w.settle(), w.send(&head{kind: kindFin, ref: uint32(len(t.Refs))}), w.flush()) // as long as it may have room
}

// DoGet implements Flight.
func (s *server) DoGet(tk *flight.Ticket, st flight.FlightService_DoGetServer) error {
	t, err := ParseTicket(tk.Ticket)
	if err == nil && !t.IPC {
		err = errors.New("data: the ticket is not for an Arrow stream")
	}
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if err := s.store.Admit(&t); err != nil {
		return wordError(0, err)
	}
	if err := s.enter(st.Context(), foreign, func() error { return nil }); err != nil {
		return wordError(0, err)
	}
	defer s.room.Release(foreign)
	return s.stream(&t, st)
}

// wordError gives an error its gRPC code, and the position in the ticket.
func wordError(ref int, err error) error {
	code := codes.Internal
	switch {
	case errors.Is(err, ErrGone):
		code = codes.NotFound
	case errors.Is(err, ErrDenied):
		code = codes.PermissionDenied
	}
	if st, ok := status.FromError(err); ok {
		code = st.Code()
	}
	return status.Error(code, strconv.Itoa(ref)+": "+err.Error())
}

// A writer is one stream on its way out. Small pieces are copied to the room, large ones are
// borrowed until flush has written them, many by one call of the system.
type writer struct {
	c      *conn
	taking time.Duration
	allow  func() error    // refuses a peer who may not have any more of the blocks; nil: nobody
	room   *[]byte         // its capacity stays: what is to be written lies in it
	told   int             // bytes of room that out has
	out    net.Buffers     // what is to be written
	size   int             // bytes of it, and of room
	lent   bool            // out has what is borrowed
	sum    xxh3.Hasher     // of the part that is being filled
	sent   map[uint64]bool // dictionaries that the reader knows
	words  lexicon
	short  bool           // the reader takes short batches
	table  *chunk.Table   // the one that the reader has for this block
	err    error          // of the connection: nothing more can be said
	near   bool           // the reader reads the memory of this process, see near.go
	mark   *mark          // what the reader looks for
	pin    runtime.Pinner // of it
	said   int            // bytes that lie here, told since the last flush
	owed   int            // bytes that lie here and were not taken yet
	later  []func() error // gives back what was lent for them
	packer
}

// roomBytes is what a writer has room for: a part and its head, and small ones before it.
const roomBytes = partBytes + 64<<10

var rooms = sync.Pool{New: func() any {
	b := make([]byte, 0, roomBytes)
	return &b
}}

// direct is how long a piece is that is not copied.
const direct = chunk.LeastSum

func newWriter(c *conn, taking time.Duration) *writer {
	return &writer{c: c, taking: taking, room: rooms.Get().(*[]byte), sent: map[uint64]bool{}}
}

// close writes what is left, and gives up the room.
func (w *writer) close() error {
	err := errors.Join(w.flush(), w.back())
	w.pin.Unpin()
	rooms.Put(w.room)
	w.room = nil
	return err
}

// reserve makes room for n bytes, at most roomBytes.
func (w *writer) reserve(n int) error {
	if w.err != nil || len(*w.room)+n <= roomBytes {
		return w.err
	}
	return w.flush()
}

// send adds a frame without a body.
func (w *writer) send(h *head) error {
	if err := w.reserve(headSize); err != nil {
		return err
	}
	h.sum = noBytes
	*w.room = h.append(*w.room)
	return w.added(headSize)
}

// added writes when there is enough to write.
func (w *writer) added(n int) error {
	if w.size += n; w.size >= partBytes {
		return w.flush()
	}
	return nil
}

// flush writes what was added.
func (w *writer) flush() error {
	if w.err != nil || w.size == 0 {
		return w.err
	}
	if w.told < len(*w.room) {
		w.out = append(w.out, (*w.room)[w.told:])
	}
	all := w.out
	_ = w.c.SetDeadline(time.Now().Add(w.taking))
	if _, w.err = w.out.WriteTo(w.c.Conn); w.err != nil {
		w.err = fmt.Errorf("data: %w", w.err)
	}
	clear(all)
	w.out, *w.room = all[:0], (*w.room)[:0]
	w.told, w.size, w.said, w.lent = 0, 0, 0, false
	return w.err
}

// wait tells the reader to go on waiting.
func (w *writer) wait() error { return errors.Join(w.send(&head{kind: kindWait}), w.flush()) }

// Why a block does not come.
const (
	causeOther = iota
	causeGone
	causeDenied
)

// maxReason bounds the bytes of a reason.
const maxReason = 1 << 10

// fail says why a block does not come. Where the connection has failed nobody hears it.
func (w *writer) fail(err error) {
	h := head{kind: kindFail, run: causeOther}
	switch {
	case errors.Is(err, ErrGone):
		h.run = causeGone
	case errors.Is(err, ErrDenied):
		h.run = causeDenied
	}
	text := err.Error()
	text = text[:min(len(text), maxReason)]
	if w.reserve(headSize+maxReason) == nil {
		*w.room = append(h.over([]byte(text)).append(*w.room), text...)
		w.size += headSize + len(text)
	}
}

// block sends the frames of one block.
func (w *writer) block(st Store, t *Ticket, ref uint32, r Ref) error {
	v, back, err := st.Lend(t, r)
	if err != nil {
		return err
	}
	err = w.frames(v, ref, r)
	return errors.Join(err, w.over(func() error { back(); return nil }))
}

// over gives back what was lent, now or when the reader has it.
func (w *writer) over(f func() error) error {
	if w.later = append(w.later, f); w.owed > 0 {
		return nil
	}
	return w.back()
}

// frames sends what a ticket asks for of a block.
func (w *writer) frames(v chunk.Value, ref uint32, r Ref) error {
	w.table = nil
	end := head{kind: kindEnd, ref: ref, run: uint32(v.Runs())}
	hi := int(r.Hi)
	if r.Hi < 0 || hi > v.Runs() {
		hi = v.Runs()
	}
	for run := max(0, int(r.Lo)); run < hi; run++ {
		in, err := v.Open(run)
		if err != nil {
			return err
		}
		in = w.shorten(in)
		if err = errors.Join(w.run(in, ref, run, &end), w.over(in.Close)); err != nil {
			return err
		}
	}
	return w.send(&end)
}

// run sends the batches of a run. Those that are borrowed until the next one are written before that, and were taken; the others stay
// until there is so much of them that it is better to wait for the reader.
func (w *writer) run(in chunk.Reader, ref uint32, run int, end *head) error {
	_, lasts := in.(chunk.Lasting)
	for {
		b, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil && w.allow != nil {
			err = w.allow()
		}
		if err == nil {
			err = w.batch(b, ref, run, end)
		}
		if err == nil && w.lent {
			err = w.flush()
		}
		if err == nil && (w.owed >= nearOwed || w.owed > 0 && !lasts) {
			err = w.settle()
		}
		if err != nil {
			return err
		}
	}
}

// batch sends a batch as one frame: readers may know batches by their numbers. Only
// what is larger than a message is sent in several.
func (w *writer) batch(b *chunk.Batch, ref uint32, run int, end *head) error {
	if b.N == 0 { // nor are its dictionaries
		return nil
	}
	if w.words.full() && slices.ContainsFunc(b.Cols, func(v chunk.Vec) bool { return v.Dict != nil && !w.sent[v.Dict.ID] }) {
		clear(w.sent)
		w.words = lexicon{}
	}
	for i := range b.Cols {
		if d := b.Cols[i].Dict; d != nil && !w.sent[d.ID] {
			if err := w.dict(d, ref); err != nil {
				return err
			}
		}
	}
	if err := w.tell(b.Table, ref); err != nil {
		return err
	}
	for lo := 0; lo < b.N; {
		n := b.N - lo
		part := b
		if n < b.N {
			part = b.Slice(lo, lo+n)
		}
		for fullSize(part, 64) > maxBody {
			if n <= 64 {
				return fmt.Errorf("data: %d rows have %d bytes, and a frame at most %d: long values must be split or left out", n, part.Bytes(), maxBody)
			}
			n = max(64, n/2/64*64)
			part = b.Slice(lo, lo+n)
		}
		if err := w.body(&head{kind: kindBatch, ref: ref, run: uint32(run), rows: uint64(n), seq: b.Seq}, part); err != nil {
			return err
		}
		end.rows += uint64(n)
		end.seq++
		lo += n
	}
	w.words.fresh = 0
	return nil
}

func (w *writer) dict(d *chunk.Dict, ref uint32) error {
	one := chunk.Batch{Cols: []chunk.Vec{d.Values}, N: d.Values.N}
	if bodySize(&one, 64) > maxBody {
		return fmt.Errorf("data: a dictionary of %d values has %d bytes, and a frame at most %d", d.Values.N, one.Bytes(), maxBody)
	}
	w.sent[d.ID] = true
	w.words.add(bodySize(&one, aligned(&one)))
	return w.body(&head{kind: kindDict, ref: ref, rows: uint64(one.N), seq: d.ID}, &one)
}

// body sends the frames of the vectors of a batch.
func (w *writer) body(h *head, b *chunk.Batch) error {
	align := aligned(b)
	all, codes := b.Written(align)
	h.align, h.body, h.codes = byte(align), uint32(all), uint32(codes)
	if b.Table != nil {
		h.short = 1
	}
	if len(b.Cols) == 0 {
		return w.send(h)
	}
	p := parts{w: w, h: *h, left: all, codes: codes, near: w.near && h.body >= leastNear, sums: b.Sums()}
	if p.near {
		p.sums = b.Sum()
	}
	return b.Write(align, p.put)
}

// Parts are a body on its way out. Those that stay where they lie, and strips that have a checksum, are parts as they come, others have
// partBytes but the last one, that before the codes, and those before such a strip.
type parts struct {
	w     *writer
	h     head
	at    int  // where the part that is being filled has its head in the room
	have  int  // bytes of it; 0: none is
	left  int  // bytes of the body that are still to come
	codes int  // bytes of codes, the last ones
	near  bool // they stay where they lie
	last  int  // where in the room the last piece of the list begins, if it has its bytes; else 0

	sums  *chunk.Sums // of what is to come; nil: nobody has looked at it before
	k     int         // large buffers that came
	wrong bool        // the part has a piece that is not what it was
}

// whole is the least strip that is a part of its own, with the checksum that it has.
const whole = 64 << 10

// put adds a buffer, or what fills it up.
func (p *parts) put(b []byte) error {
	if p.sums == nil || len(b) < chunk.LeastSum {
		return p.add(b)
	}
	sums := p.sums.Of(p.k, b)
	p.k++
	for _, sum := range sums {
		n := min(len(b), chunk.SumStrip)
		if err := p.strip(b[:n], sum); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// strip adds a strip of a buffer that has a checksum. Where that is not the checksum of a part it is compared: what is not what
// it was is sent so that it is found broken.
func (p *parts) strip(b []byte, sum uint64) error {
	w := p.w
	if !p.near && (w.may() || len(b) < whole) {
		p.wrong = p.wrong || xxh3.Hash(b) != sum
		return p.add(b)
	}
	if !p.near && p.have > 0 {
		if err := p.seal(w.sum.Sum64()); err != nil {
			return err
		}
	}
	if err := p.begin(); err != nil {
		return err
	}
	p.have += len(b)
	p.left -= len(b)
	if p.near {
		p.lie(b, sum)
		return p.listed()
	}
	p.lend(b)
	return p.seal(sum)
}

// add adds a piece. Where parts may be packed all of it is copied, so that a part lies together.
func (p *parts) add(b []byte) error {
	w := p.w
	for len(b) > 0 {
		if err := p.begin(); err != nil {
			return err
		}
		n := min(len(b), partBytes-p.have)
		switch {
		case p.near:
			n = len(b)
			p.few(b)
		case w.may():
			*w.room = append(*w.room, b[:n]...)
		default:
			_, _ = w.sum.Write(b[:n]) // never fails
			p.lend(b[:n])
		}
		b = b[n:]
		p.have += n
		p.left -= n
		switch {
		case p.near:
			if p.left == p.codes {
				p.last = 0 // what goes to two places is not one piece
			}
			if err := p.listed(); err != nil {
				return err
			}
		case p.have == partBytes || p.left == 0 || p.left == p.codes:
			if err := p.seal(w.sum.Sum64()); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin makes room for a part, if none is being filled.
func (p *parts) begin() error {
	w := p.w
	if p.have > 0 {
		return nil
	}
	n := min(partBytes, p.left)
	if p.near {
		n = mostList
	}
	if err := w.reserve(headSize + n); err != nil {
		return err
	}
	p.at, p.last, p.wrong = len(*w.room), 0, false
	*w.room = (*w.room)[:p.at+headSize]
	w.sum.Reset()
	return nil
}

// lend adds a piece to the bytes of the part that is being filled.
func (p *parts) lend(b []byte) {
	w := p.w
	if len(b) < direct {
		*w.room = append(*w.room, b...)
		return
	}
	w.out = append(w.out, (*w.room)[w.told:], b)
	w.told, w.lent = len(*w.room), true
}

// seal writes the head of a part that is full, and has a checksum as it lies.
func (p *parts) seal(sum uint64) error {
	w, h := p.w, &p.h
	if w.may() {
		part := (*w.room)[p.at+headSize:]
		h.pack = w.pack(&part)
		h.over(part)
		*w.room = (*w.room)[:p.at+headSize+len(part)]
	} else {
		h.pack, h.part, h.sum = asIs, uint32(p.have), sum
	}
	if p.wrong {
		h.sum = ^h.sum
	}
	p.next()
	return w.added(headSize + int(h.part))
}

// next puts the head of a part before it.
func (p *parts) next() {
	h := &p.h
	h.append((*p.w.room)[:p.at])
	p.have = 0
	h.kind, h.seq = kindMore, uint64(h.body)-uint64(p.left)
}
