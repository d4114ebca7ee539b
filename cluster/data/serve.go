package data

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// ErrGone says that a block is not (or not any more) where it was asked for.
var ErrGone = errors.New("data: the block is not here")

// ErrDenied says that a ticket was not signed by one who may have the blocks.
var ErrDenied = errors.New("data: the ticket is not signed with the secret of its job")

// A Store lends blocks to readers.
type Store interface {
	// Admit checks a ticket before anything is lent: ErrGone if the job is not
	// here, ErrDenied if the ticket does not have its signature.
	Admit(t *Ticket) error
	// Lend returns a block and a function that gives it back; ErrGone if it is
	// not here.
	Lend(t *Ticket, r Ref) (chunk.Value, func(), error)
	// Schema returns the columns of a layer; ErrGone if it is not here.
	Schema(t *Ticket, layer int32) (dtype.Schema, error)
}

// Register makes a server give the blocks of a store to any Flight client.
func Register(s *grpc.Server, st Store) {
	flight.RegisterFlightServiceServer(s, &server{store: st})
}

// ServerOptions are what a gRPC server needs that blocks are given by.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ForceServerCodecV2(newCodec()), grpc.MaxRecvMsgSize(4 << 20), grpc.MaxSendMsgSize(MaxMessage),
		grpc.MaxConcurrentStreams(256), grpc.WriteBufferSize(256 << 10), grpc.ReadBufferSize(64 << 10)}
}

type server struct {
	flight.BaseFlightServer
	store Store
}

// DoGet implements Flight.
func (s *server) DoGet(tk *flight.Ticket, st flight.FlightService_DoGetServer) error {
	t, err := ParseTicket(tk.Ticket)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if err := s.store.Admit(&t); err != nil {
		return wordError(0, err)
	}
	if t.IPC {
		return s.stream(&t, st)
	}
	w := &writer{st: st, sent: map[uint64]bool{}}
	for i, r := range t.Refs {
		if err := w.block(s.store, &t, uint32(i), r); err != nil {
			return wordError(i, err)
		}
	}
	return w.send(&head{kind: kindFin, ref: uint32(len(t.Refs))}, nil)
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

// A writer is one stream.
type writer struct {
	st   grpc.ServerStream
	sent map[uint64]bool // dictionaries
}

func (w *writer) send(h *head, body *[]byte) error {
	var b []byte
	if body != nil {
		b = *body
	}
	return w.st.SendMsg(&outFrame{h.append(nil, b), body})
}

// block sends the frames of one block.
func (w *writer) block(st Store, t *Ticket, ref uint32, r Ref) error {
	v, back, err := st.Lend(t, r)
	if err != nil {
		return err
	}
	defer back()
	end := head{kind: kindEnd, ref: ref, run: uint32(v.Runs())}
	hi := int(r.Hi)
	if r.Hi < 0 || hi > v.Runs() {
		hi = v.Runs()
	}
	for run := max(0, int(r.Lo)); run < hi; run++ {
		err := chunk.Each(v, run, func(b *chunk.Batch) error { return w.batch(b, ref, run, &end) })
		if err != nil {
			return err
		}
	}
	return w.send(&end, nil)
}

// batch sends a batch as one frame: readers may know batches by their numbers. Only
// what is larger than a message is sent in several.
func (w *writer) batch(b *chunk.Batch, ref uint32, run int, end *head) error {
	for i := range b.Cols {
		if d := b.Cols[i].Dict; d != nil && !w.sent[d.ID] {
			if err := w.dict(d, ref); err != nil {
				return err
			}
		}
	}
	for lo := 0; lo < b.N; {
		n := b.N - lo
		part := b
		if n < b.N {
			part = b.Slice(lo, lo+n)
		}
		for bodySize(part) > maxBody {
			if n <= 64 {
				return fmt.Errorf("data: %d rows have %d bytes, and a message at most %d: long values must be split or left out", n, part.Bytes(), maxBody)
			}
			n = max(64, n/2/64*64)
			part = b.Slice(lo, lo+n)
		}
		body := mem.DefaultBufferPool().Get(bodySize(part))
		*body = appendBody((*body)[:0], part)
		h := head{kind: kindBatch, ref: ref, run: uint32(run), rows: uint64(n), seq: b.Seq}
		if err := w.send(&h, body); err != nil {
			return err
		}
		end.rows += uint64(n)
		end.seq++
		lo += n
	}
	return nil
}

func (w *writer) dict(d *chunk.Dict, ref uint32) error {
	one := chunk.Batch{Cols: []chunk.Vec{d.Values}, N: d.Values.N}
	if bodySize(&one) > maxBody {
		return fmt.Errorf("data: a dictionary of %d values has %d bytes, and a message at most %d", d.Values.N, one.Bytes(), maxBody)
	}
	body := mem.DefaultBufferPool().Get(bodySize(&one))
	*body = appendBody((*body)[:0], &one)
	w.sent[d.ID] = true
	return w.send(&head{kind: kindDict, ref: ref, rows: uint64(one.N), seq: d.ID}, body)
}
