package cluster

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec of all other messages
	"google.golang.org/grpc/mem"

	"github.com/weft-data/weft/cluster/wire"
)

// A link is one side of a control stream. Records that are put while a frame is on
// its way out travel together in the next one.
type link struct {
	send func(*[]byte) error

	mu     sync.Mutex
	news   sync.Cond
	frames [][]byte // to be sent; records are still added to the last one
	sent   uint64
	got    uint64
	closed bool
	done   chan struct{} // the writer has ended
}

// frameFull is when a frame takes no more records.
const frameFull = 64 << 10

func newLink(send func(*[]byte) error) *link {
	l := &link{send: send, done: make(chan struct{})}
	l.news.L = &l.mu
	go l.write()
	return l
}

// put queues records. After close it does nothing.
func (l *link) put(rs ...wire.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	for i := range rs {
		k := len(l.frames) - 1
		if k < 0 || len(l.frames[k]) > frameFull {
			l.sent++
			l.frames = append(l.frames, wire.Frame(make([]byte, 0, 256), l.sent, l.got))
			k++
		}
		l.frames[k] = wire.Append(l.frames[k], &rs[i])
	}
	l.news.Signal()
}

// write sends frames until the link is closed and what was put is sent.
func (l *link) write() {
	defer close(l.done)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.frames) == 0 && !l.closed {
			l.news.Wait()
		}
		if len(l.frames) == 0 {
			return
		}
		list := l.frames
		l.frames = nil
		l.mu.Unlock()
		var err error
		for i := range list {
			if err = l.send(&list[i]); err != nil {
				break
			}
		}
		l.mu.Lock()
		if err != nil {
			l.closed = true
			l.frames = nil
			return
		}
	}
}

// close ends the link once what was put is sent, and waits for that.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.news.Signal()
	l.mu.Unlock()
	<-l.done
}

// open takes a frame that came in apart and calls f for its records, but for those
// that are about the stream itself.
func (l *link) open(b []byte, f func(*wire.Record) error) error {
	seq, _, rest, err := wire.Open(b)
	if err != nil {
		return err
	}
	l.mu.Lock()
	want := l.got + 1
	if seq == want {
		l.got = seq
	}
	l.mu.Unlock()
	if seq != want {
		return fmt.Errorf("%w: frame %d came, frame %d was due", wire.ErrBroken, seq, want)
	}
	var r wire.Record
	for len(rest) > 0 {
		if rest, err = wire.Next(rest, &r); err == nil {
			err = l.take(&r, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take answers what every side of a stream answers in the same way; f gets the rest.
func (l *link) take(r *wire.Record, f func(*wire.Record) error) error {
	switch r.Kind {
	case wire.Refused:
		return &wire.Refusal{Reason: r.Class, Text: r.Text}
	case wire.Ping:
		l.put(wire.Record{Kind: wire.Pong, Nanos: r.Nanos})
		return nil
	case wire.Pong:
		return nil
	}
	return f(r)
}

// rawCodec passes frames through gRPC as they are. All other messages are protobuf.
type rawCodec struct{ encoding.CodecV2 }

func newRawCodec() rawCodec { return rawCodec{encoding.GetCodecV2("proto")} }

// Marshal implements encoding.CodecV2.
func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c rawCodec) Unmarshal(d mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return c.CodecV2.Unmarshal(d, v)
	}
	*b = d.Materialize()
	return nil
}

// Name implements encoding.CodecV2.
func (rawCodec) Name() string { return "weft" }
