package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec of all other messages
	"google.golang.org/grpc/mem"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/internal/outbox"
)

// A link is one side of a control stream. Records that are put while a frame is on
// its way out travel together in the next one.
type link struct {
	out  *outbox.Box[[]byte] // frames; records are still added to the last one
	sent uint64              // the number of that; guarded by the box
	got  atomic.Uint64
	owed atomic.Int64 // bytes put and not sent
	last func()       // when all is sent; nil: nothing
	half sync.Once
	pace *rate.Limiter // of what comes, at the scheduler
	cost int           // of the frame that came last
}

// At the scheduler, which hears one after the other, a peer is heard for so many frames a second, and that many more at once. One of many
// records counts as several: they travel together when there is much to say, so this is no bound
// for work, only for who says nothing at great length.
const (
	heardFrames  = 20_000
	heardAtOnce  = 1 << 14
	heardRecords = 64 // in a frame that counts once
)

// rest waits until the other side may be heard again, or ctx ends.
func (l *link) rest(ctx context.Context) error {
	return l.pace.WaitN(ctx, min(l.cost, heardAtOnce))
}

// frameFull is when a frame takes no more records.
const frameFull = 64 << 10

func newLink(send func(*[]byte) error) *link {
	l := &link{pace: rate.NewLimiter(heardFrames, heardAtOnce)}
	l.out = outbox.New(func(frames [][]byte) bool {
		for i := range frames {
			n := len(frames[i])
			if send(&frames[i]) != nil {
				return false
			}
			l.owed.Add(-int64(n))
		}
		return true
	})
	return l
}

// put queues records. After close it does nothing.
func (l *link) put(rs ...wire.Record) {
	l.out.Edit(func(frames [][]byte) [][]byte {
		for i := range rs {
			k := len(frames) - 1
			had := 0
			if k < 0 || len(frames[k]) > frameFull {
				l.sent++
				frames = append(frames, wire.Frame(make([]byte, 0, 256), l.sent, l.got.Load()))
				k++
			} else {
				had = len(frames[k])
			}
			frames[k] = wire.Append(frames[k], &rs[i])
			l.owed.Add(int64(len(frames[k]) - had))
		}
		return frames
	})
}

// maxOwed is how many bytes may wait for a client that does not read them before it is
// not read either.
const maxOwed = 16 << 20

// wait returns when the other side has read what it was sent, but for maxOwed bytes, or
// when ctx ends.
func (l *link) wait(ctx context.Context) {
	for l.owed.Load() > maxOwed {
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// close ends the link once what was put is sent, and waits for that. A client's or worker's stream is half closed then:
// the other side ends it when it has read all. (What is sent is lost if the stream is cancelled at once.)
func (l *link) close() {
	l.out.Close()
	if l.last != nil {
		l.half.Do(l.last)
	}
}

// open takes a frame that came in apart and calls f for its records, but for those
// that are about the stream itself.
func (l *link) open(b []byte, f func(*wire.Record) error) error {
	seq, _, rest, err := wire.Open(b)
	if err != nil {
		return err
	}
	if want := l.got.Load() + 1; seq != want {
		return fmt.Errorf("%w: frame %d came, frame %d was due", wire.ErrBroken, seq, want)
	}
	l.got.Store(seq)
	l.cost = 1
	var r wire.Record
	for n := 1; len(rest) > 0; n++ {
		l.cost = 1 + n/heardRecords
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
