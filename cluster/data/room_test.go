package data

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// A counter is a Store that counts what it has lent, now and at most.
type counter struct {
	shelf
	now, most atomic.Int64
}

// Lend implements Store.
func (c *counter) Lend(*Ticket, Ref) (chunk.Value, func(), error) {
	n := c.now.Add(1)
	for was := c.most.Load(); n > was && !c.most.CompareAndSwap(was, n); was = c.most.Load() {
	}
	return c.v, func() { c.now.Add(-1) }, nil
}

// TestReadersThatDoNotRead: however many readers ask for blocks and take nothing, what they
// are lent is bounded. Who comes after them waits, is told so, and has its blocks when they go;
// that it waited does not make the way slow.
func TestReadersThatDoNotRead(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	const room, readers = 4, 60
	words := make([]uint64, 2<<20) // more than is on its way to a reader
	num := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}}
	b := &chunk.Batch{N: len(words), Cols: []chunk.Vec{{Type: num[0].Type, N: len(words), Data: chunk.Bytes(words)}}}
	st := &counter{shelf: shelf{v: chunk.NewBlock([][]*chunk.Batch{{b}})}}
	srv := NewServer(st, insecure.NewCredentials(), anybody)
	srv.room, srv.patience = semaphore.NewWeighted(room*lent+lent/2), 20*time.Millisecond
	addr, _ := start(t, srv)
	p := NewPeers(insecure.NewCredentials(), 300*time.Millisecond)
	defer p.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tk := &Ticket{Refs: []Ref{{Hi: -1}}}
	var idle []*conn
	gone := func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}
	defer func() { gone() }()
	for range readers {
		idle = append(idle, ask(t, addr, tk))
	}
	for end := time.Now().Add(5 * time.Second); st.now.Load() < room && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	got, asked := make(chan error, 1), time.Now()
	last := &same{want: words}
	go func() { got <- p.Get(context.Background(), addr, key, tk, []dtype.Schema{num}, last) }()
	select {
	case err := <-got:
		t.Fatalf("a reader had its turn, %d were lent to others: %v", st.now.Load(), err)
	case <-time.After(600 * time.Millisecond): // twice as long as it waits for a sign
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if most := st.most.Load(); most != room {
		t.Errorf("blocks were lent to %d readers at the same time, there is room for %d", most, room)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > (room+2)*(lent+4<<20) {
		t.Errorf("%d readers that take nothing have %d bytes", readers, grown)
	}
	waited := time.Since(asked)
	gone()
	if err := <-got; err != nil || last.rows != b.N {
		t.Errorf("%d rows came when they were gone: %v", last.rows, err)
	}
	if n, took := p.Moved(addr); n == 0 || took > time.Since(asked)-waited {
		t.Errorf("%d bytes in %v, of which it waited %v", n, took, waited)
	}
	if most := st.most.Load(); most != room {
		t.Errorf("blocks were lent to %d readers at the same time, there is room for %d", most, room)
	}
}

// ask opens a stream from which nothing is read.
func ask(t *testing.T, addr string, tk *Ticket) *conn {
	c, err := dial(context.Background(), addr, insecure.NewCredentials())
	if err != nil {
		t.Fatal(err)
	}
	b := tk.Bytes(key)
	if _, err := c.Write(lie(head{kind: kindAsk}, b)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStreamsOfAReader: a reader has no more streams open than it has windows for.
func TestStreamsOfAReader(t *testing.T) {
	st := &counter{shelf: shelf{v: chunk.NewBlock([][]*chunk.Batch{{batch(rand.New(rand.NewPCG(1, 1)), 1000)}})}}
	addr, p := serve(t, st)
	if err := p.room.Acquire(context.Background(), reading); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	get := func(ctx context.Context) error {
		return p.Get(ctx, addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{})
	}
	if err := get(ctx); err == nil || st.most.Load() != 0 {
		t.Errorf("a stream more than there may be: %v", err)
	}
	p.room.Release(reading)
	for range 2 * reading {
		if err := get(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if !p.room.TryAcquire(reading) {
		t.Error("streams that have ended count")
	}
}
