package data

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

var errRevoked = errors.New("it was revoked")

// A halting sink has something happen when its first batch has come.
type halting struct {
	catcher
	batches int
	first   func()
}

func (h *halting) Put(ref, run int, b *chunk.Batch) (bool, error) {
	if h.batches++; h.batches == 1 {
		h.first()
	}
	return false, nil
}

// many is a shelf with a block of so many batches that not all of them fit into what is on its way.
func many() (s *shelf, n int) {
	b := batch(rand.New(rand.NewPCG(1, 1)), 20_000)
	n = 400
	bs := make([]*chunk.Batch, n)
	for i := range bs {
		bs[i] = b
	}
	return &shelf{v: chunk.NewBlock([][]*chunk.Batch{bs})}, n
}

// TestStreamsEndWithTheirPeers: who is revoked while it reads blocks, by either protocol, or gives one, gets and gives no more of
// them than was on its way; nor is a sender heard any more who is. What was lent comes back.
func TestStreamsEndWithTheirPeers(t *testing.T) {
	ctx := context.Background()
	read := func(t *testing.T, addr string, p *Peers, all int, revoke func()) {
		to := &halting{first: revoke}
		err := p.Get(ctx, addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, to)
		if err == nil || !strings.Contains(err.Error(), errRevoked.Error()) || to.batches == all {
			t.Errorf("%d of %d batches, %v", to.batches, all, err)
		}
	}
	for name, by := range map[string]func(t *testing.T, addr string, p *Peers, all int, revoke func()){
		"reader": read,
		"flight": func(t *testing.T, addr string, _ *Peers, all int, revoke func()) {
			conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			tk := Ticket{Refs: []Ref{{Hi: -1}}, IPC: true}
			st, err := flight.NewFlightServiceClient(conn).DoGet(ctx, &flight.Ticket{Ticket: tk.Bytes(key)})
			n := 0
			for ; err == nil; n++ {
				if _, err = st.Recv(); n == 1 {
					revoke()
				}
			}
			if !strings.Contains(err.Error(), errRevoked.Error()) || n > all {
				t.Errorf("%d messages, and then %v", n, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var revoked atomic.Bool
			st, all := many()
			addr, p := start(t, NewServer(st, insecure.NewCredentials(), func(context.Context) error {
				if revoked.Load() {
					return errRevoked
				}
				return nil
			}))
			by(t, addr, p, all, func() { revoked.Store(true) })
			if n := st.lent.Load(); n != 0 {
				t.Errorf("%d blocks are lent", n)
			}
		})
	}
	t.Run("sender", func(t *testing.T) {
		var revoked atomic.Bool
		st, all := many()
		addr, p := serve(t, st)
		p.Still = func(credentials.AuthInfo) error {
			if revoked.Load() {
				return errRevoked
			}
			return nil
		}
		read(t, addr, p, all, func() { revoked.Store(true) })
	})
	t.Run("giver", func(t *testing.T) {
		var revoked atomic.Bool
		d := &drawer{to: make(chan *taken, 1)}
		addr, p := start(t, NewServer(d, insecure.NewCredentials(), func(context.Context) error {
			if len(d.to) > 0 { // it has begun
				revoked.Store(true)
				return errRevoked
			}
			return nil
		}))
		st, _ := many()
		if err := p.Give(ctx, addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, st.v); err == nil || !revoked.Load() {
			t.Error("it was taken:", err)
		}
		if err := <-(<-d.to).over; err == nil || !strings.Contains(err.Error(), errRevoked.Error()) {
			t.Error("the taker:", err)
		}
	})
	t.Run("taker", func(t *testing.T) {
		d, addr, p := serveDrawer(t, giving)
		p.Still = func(credentials.AuthInfo) error {
			if len(d.to) > 0 {
				return errRevoked
			}
			return nil
		}
		st, _ := many()
		if err := p.Give(ctx, addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, st.v); err == nil || !strings.Contains(err.Error(), errRevoked.Error()) {
			t.Error("it was given:", err)
		}
	})
}
