package data

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A drawer is a Store that waits for blocks.
type drawer struct {
	shelf
	to   chan *taken
	full error // what takers say
}

// Taken is a block that came.
type taken struct {
	catcher
	over chan error
}

func (t *taken) Over(err error) { t.over <- err }

func (d *drawer) Take(_ *Ticket, r Ref) (Taker, dtype.Schema, error) {
	if r.Block != 0 {
		return nil, nil, ErrGone
	}
	x := &taken{catcher: catcher{own: true, fail: d.full}, over: make(chan error, 1)}
	d.to <- x
	return x, schema, nil
}

// serveDrawer starts a server that waits for blocks, from clients that may say nothing for stall.
func serveDrawer(t *testing.T, stall time.Duration) (*drawer, string, *Peers) {
	d := &drawer{to: make(chan *taken, 10)}
	s := NewServer(d, insecure.NewCredentials(), anybody)
	s.giving = stall
	addr, p := start(t, s)
	return d, addr, p
}

// TestBlocksAreGiven: a block that a client gives comes as it was, where it is waited for, from who has the secret.
func TestBlocksAreGiven(t *testing.T) {
	d, addr, p := serveDrawer(t, giving)
	rnd := rand.New(rand.NewPCG(8, 9))
	var runs [][]*chunk.Batch
	var want [][]string
	for _, n := range []int{0, 1, 70, 40000} {
		b := batch(rnd, n)
		runs, want = append(runs, []*chunk.Batch{b, b}), append(want, append(rows(b), rows(b)...))
	}
	v, ctx := chunk.NewBlock(runs), context.Background()
	if err := p.Give(ctx, addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, v); err != nil {
		t.Fatal(err)
	}
	x := <-d.to
	if err := <-x.over; err != nil || len(x.ends) != 1 || x.ends[0] != len(runs) {
		t.Error(err, x.ends)
	}
	for r := range runs {
		if fmt.Sprint(x.got[r]) != fmt.Sprint(want[r]) {
			t.Errorf("run %d has %d rows, want %d, or other values", r, len(x.got[r]), len(want[r]))
		}
	}
	for _, c := range []struct {
		secret string
		refs   []Ref
		want   error
	}{{"another", []Ref{{}}, ErrDenied}, {key, []Ref{{Block: 1}}, ErrGone}, {key, []Ref{{}, {}}, nil}} {
		err := p.Give(ctx, addr, c.secret, &Ticket{Refs: c.refs}, v)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if len(d.to) > 0 {
		t.Error("somebody was let give a block who may not")
	}
}

// TestGivingThatEnds: a client that goes away in the middle, that says nothing any more, or whose block has no place, ends the
// taking of the block and nothing else.
func TestGivingThatEnds(t *testing.T) {
	d, addr, p := serveDrawer(t, 50*time.Millisecond)
	b := batch(rand.New(rand.NewPCG(1, 1)), 1000)
	for _, gone := range []bool{true, false} {
		c, err := dial(context.Background(), addr, insecure.NewCredentials())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ticket := (&Ticket{Refs: []Ref{{Hi: -1}}}).Bytes(key)
		_, err = c.Write(append((&head{kind: kindGive}).over(ticket).append(nil), ticket...))
		w := newWriter(c, time.Minute)
		if err == nil {
			err = errors.Join(c.await(kindWait), w.batch(b, 0, 0, &head{}), w.close())
		}
		if err != nil {
			t.Fatal(err)
		}
		x := <-d.to
		if gone {
			_ = c.Close()
		}
		if err := <-x.over; err == nil || len(x.ends) > 0 {
			t.Errorf("gone %v: %v, %d blocks are whole", gone, err, len(x.ends))
		}
	}
	d.full = errors.New("no room")
	err := p.Give(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, chunk.NewBlock([][]*chunk.Batch{{b}}))
	if err == nil || !strings.Contains(err.Error(), "no room") {
		t.Error("refused:", err)
	}
	if err := <-(<-d.to).over; err != d.full {
		t.Error("its taker was told", err)
	}
}
