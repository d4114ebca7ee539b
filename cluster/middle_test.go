package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/internal/effort"
)

// opaque is a codec that leaves messages as they are.
type opaque struct{}

func (opaque) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}
func (opaque) Unmarshal(d mem.BufferSlice, v any) error { *v.(*[]byte) = d.Materialize(); return nil }
func (opaque) Name() string                             { return "opaque" }

// A passing is what becomes of frame number at of a stream in one direction: what it
// returns is sent on.
type passing func(at int, b []byte) [][]byte

// frames are one side of a stream.
type frames interface {
	SendMsg(any) error
	RecvMsg(any) error
}

// newMiddle stands between workers and their scheduler. handle is asked for each stream
// and direction.
func newMiddle(t *testing.T, to string, handle func(up bool) passing) (addr string) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+to, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(opaque{})))
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(opaque{}), grpc.UnknownServiceHandler(func(_ any, below grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(below)
		above, err := conn.NewStream(below.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
		if err != nil {
			return err
		}
		ends := make(chan error, 2)
		pass := func(to, from frames, handle passing) {
			for at := 0; ; at++ {
				var b []byte
				err := from.RecvMsg(&b)
				if err != nil {
					ends <- err
					return
				}
				for _, x := range handle(at, b) {
					if err := to.SendMsg(&x); err != nil {
						ends <- err
						return
					}
				}
			}
		}
		go pass(above, below, handle(true))
		go pass(below, above, handle(false))
		return <-ends
	}))
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { defer wg.Done(); _ = s.Serve(lis) }()
	t.Cleanup(func() {
		s.Stop()
		_ = conn.Close()
		wg.Wait()
	})
	return lis.Addr().String()
}

// TestAnotherVersion: a worker and a client that speak another version than their scheduler are refused at once, know why, and
// do not try again.
func TestAnotherVersion(t *testing.T) {
	r := newRig(t, 1, cluster.WorkerOptions{Threads: 1})
	var streams atomic.Int64
	addr := newMiddle(t, r.addr, func(up bool) passing {
		return func(at int, b []byte) [][]byte {
			if up && at == 0 {
				streams.Add(1)
				_, _, rest, err := wire.Open(b)
				var hi wire.Record
				if err == nil {
					_, err = wire.Next(rest, &hi)
				}
				if err != nil || hi.Kind != wire.Hello {
					t.Errorf("the first record is %+v, %v", hi, err)
					return nil
				}
				hi.Data[0], hi.Data[8] = 99, 98 // a part of b
			}
			return [][]byte{b}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, worker := cluster.Join(ctx, addr, cluster.WorkerOptions{Threads: 1, SpillDir: t.TempDir()})
	_, client := cluster.Dial(ctx, addr, cluster.Options{})
	for who, err := range map[string]error{"worker": worker, "client": client} {
		var no *wire.Refusal
		if want := fmt.Sprintf("versions 98 to 99 of the protocol, the scheduler %d to %d", wire.Oldest, wire.Version); !errors.As(err, &no) || no.Reason != wire.BadVersion || !strings.Contains(no.Text, want) {
			t.Errorf("%s: %v", who, err)
		}
	}
	if n := streams.Load(); n != 2 {
		t.Errorf("%d streams were opened, want one of each", n)
	}
	if n := r.s.Workers(); n != 1 {
		t.Errorf("%d workers are up", n)
	}
}

// TestFramesDoubledSwappedHeldUp has frames of control streams come twice, in another
// order, or late: what cannot be ends the session, what is late counts, and the answers
// are right.
func TestFramesDoubledSwappedHeldUp(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	sales, products := tables(t, 12, 3000)
	qs := queries(sales, products)
	for _, up := range effort.Some(1, []bool{true, false}) {
		for name, handle := range map[string]func() passing{
			"doubled": func() passing {
				return func(at int, b []byte) [][]byte {
					if at == 6 {
						return [][]byte{b, b}
					}
					return [][]byte{b}
				}
			},
			"swapped": func() passing {
				var kept []byte
				return func(at int, b []byte) [][]byte {
					switch at {
					case 6:
						kept = b
						return nil
					case 7:
						return [][]byte{b, kept}
					}
					return [][]byte{b}
				}
			},
			"held up": func() passing {
				return func(at int, b []byte) [][]byte {
					if at%5 == 4 {
						time.Sleep(30 * time.Millisecond)
					}
					return [][]byte{b}
				}
			},
		} {
			t.Run(fmt.Sprintf("%s/up=%v", name, up), func(t *testing.T) {
				r := newRig(t, 1, cluster.WorkerOptions{Threads: 1})
				var hits atomic.Int64
				direct := r.addr
				r.addr = newMiddle(t, direct, func(goes bool) passing {
					spoil := handle()
					return func(at int, b []byte) [][]byte {
						if goes != up {
							return [][]byte{b}
						}
						if at == 6 {
							hits.Add(1)
						}
						return spoil(at, b)
					}
				})
				r.join(t, cluster.WorkerOptions{Threads: 1})
				r.addr = direct
				for _, q := range []string{"all", "sort", "group"} {
					same(t, q, qs[q], r.c)
				}
				if hits.Load() == 0 {
					t.Error("too few frames came by")
				}
				until(t, "the cluster is idle", r.idle)
			})
		}
	}
}
