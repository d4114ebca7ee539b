package cluster_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/internal/effort"
)

// The kinds of frames that carry blocks, as cluster/data has them, and where a head says which it is and how long its part.
const (
	kindDict, kindBatch, kindEnd, kindFin = 1, 2, 3, 4

	frameHead, atKind, atPart = 64, 4, 36
)

// A border is a relay before the blocks of a worker that knows where frames end.
type border struct {
	lis   net.Listener
	to    atomic.Pointer[string]
	what  func(kind byte) (pass, on bool) // of a whole frame: whether it passes, and whether the connection goes on
	mu    sync.Mutex
	conns map[net.Conn]bool // nil: it is over
	wg    sync.WaitGroup
}

func newBorder(t *testing.T, what func(kind byte) (pass, on bool)) *border {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &border{lis: lis, what: what, conns: map[net.Conn]bool{}}
	b.wg.Go(func() {
		for {
			in, err := lis.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", *b.to.Load())
			if err != nil {
				_ = in.Close()
				continue
			}
			b.mu.Lock()
			if b.conns != nil {
				b.conns[in], b.conns[out] = true, true
			}
			b.mu.Unlock()
			b.wg.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
			b.wg.Go(func() { b.frames(in, out); _, _ = in.Close(), out.Close() })
		}
	})
	t.Cleanup(func() {
		_ = lis.Close()
		b.mu.Lock()
		for c := range b.conns {
			_ = c.Close()
		}
		b.conns = nil
		b.mu.Unlock()
		b.wg.Wait()
	})
	return b
}

// frames passes whole frames, as long as the connection goes on.
func (b *border) frames(to io.Writer, from io.Reader) {
	for on := true; on; {
		head := make([]byte, frameHead)
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		frame := append(head, make([]byte, binary.LittleEndian.Uint32(head[atPart:]))...)
		if _, err := io.ReadFull(from, frame[frameHead:]); err != nil {
			return
		}
		var pass bool
		if pass, on = b.what(head[atKind]); pass {
			if _, err := to.Write(frame); err != nil {
				return
			}
		}
	}
}

// TestStreamsBreakAtBorders ends streams of blocks between two frames, after each kind of frame, and leaves out frames: what misses
// is noticed though each frame that came is sound. Once, it is asked for again, and nothing is made again; always, it is made elsewhere.
func TestStreamsBreakAtBorders(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	q, want := question(t, 12, 3000)
	all := tasksOf(t, q)
	for _, kind := range []byte{kindDict, kindBatch, kindEnd, kindFin} {
		for _, cut := range []bool{true, false} {
			for _, once := range []bool{true, false} {
				t.Run(fmt.Sprintf("kind %d/cut=%v/once=%v", kind, cut, once), func(t *testing.T) {
					var hits atomic.Int64
					p := newBorder(t, func(k byte) (pass, on bool) {
						if k != kind || once && hits.Load() > 0 || cut && k == kindFin { // after the last frame nothing misses
							return true, true
						}
						if hits.Add(1) > 1 && once {
							return true, true
						}
						return cut, !cut && k != kindFin // who waits for the last one waits for long
					})
					r := listen(t, cluster.SchedulerOptions{})
					o := cluster.WorkerOptions{Threads: 1}
					r.join(t, o)
					o.Advertise = p.lis.Addr().String()
					to := r.join(t, o).Addr()
					p.to.Store(&to)
					r.c = r.dial(t, cluster.Options{})
					if err := r.s.WaitWorkers(context.Background(), 2); err != nil {
						t.Fatal(err)
					}
					happens := !(cut && kind == kindFin)
					for try := 0; try == 0 || happens && hits.Load() == 0; try++ { // what a worker gives depends on who is faster
						if try == 50 {
							t.Fatal("the fault never happened")
						}
						compare(t, "all", collectDuring(t, r, q, 0, func() {}), want)
						if once {
							r.settled(t, 2, all, false)
						}
					}
				})
			}
		}
	}
}
