package data

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

// A relay stands between readers and a server and counts what the server says.
type relay struct {
	lis net.Listener
	to  string
	n   atomic.Int64
	wg  sync.WaitGroup
}

func newRelay(t testing.TB, to string) *relay {
	r := &relay{lis: listen(t), to: to}
	r.wg.Go(func() {
		for {
			in, err := r.lis.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			pass := func(to, from net.Conn, count *atomic.Int64) {
				n, _ := io.Copy(to, from) // until one of them is closed
				count.Add(n)
				_, _ = to.Close(), from.Close()
			}
			r.wg.Go(func() { pass(in, out, &r.n) })
			r.wg.Go(func() { pass(out, in, new(atomic.Int64)) })
		}
	})
	t.Cleanup(func() {
		_ = r.lis.Close()
		r.wg.Wait()
	})
	return r
}

// TestNearBodies: within a machine a large body does not go through the connection, a small one does. It is
// the same block in memory that the sink gives, in that of the stream, in several parts or one, and where blocks come through
// somebody else.
func TestNearBodies(t *testing.T) {
	if !mem.CanPeek {
		t.Skip("this system has no such call")
	}
	rnd := rand.New(rand.NewPCG(6, 6))
	run := []*chunk.Batch{batch(rnd, 100), batch(rnd, 30_000), batch(rnd, 5), batch(rnd, 3000)}
	var want []string
	size := int64(0)
	for _, b := range run {
		want = append(want, rows(b)...)
		size += int64(bodySize(b, 64))
	}
	s := NewServer(&shelf{v: chunk.NewBlock([][]*chunk.Batch{run})}, insecure.NewCredentials(), anybody)
	near := &slowly{Listener: listen(t), rate: 1e12}
	addr, p := startAt(t, s, near)
	through := newRelay(t, addr)
	get := func(at string, c *catcher) {
		t.Helper()
		if err := p.Get(context.Background(), at, key, &Ticket{Refs: []Ref{{Hi: -1}, {Hi: -1}}}, []dtype.Schema{schema, schema}, c); err != nil {
			t.Fatal(err)
		}
		for i, got := range c.got[0] {
			if got != want[i%len(want)] {
				t.Fatalf("row %d is %s, want %s", i, got, want[i%len(want)])
			}
		}
		if len(c.got[0]) != 2*len(want) {
			t.Fatalf("%d rows, want %d", len(c.got[0]), 2*len(want))
		}
	}
	for _, c := range []*catcher{{}, {own: true}, {keep: true, own: true}} {
		before := near.sent.Load()
		get(addr, c)
		if sent := near.sent.Load() - before; sent > size/2 {
			t.Errorf("%d bytes were sent for two blocks of %d", sent, size)
		}
	}
	get(through.lis.Addr().String(), &catcher{})
	if !p.way(through.lis.Addr().String()).far || p.way(addr).far {
		t.Error("who stands in between was not found out, or somebody who does not")
	}
	_ = p.Close()
	until(t, "the relay has passed on both blocks", func() bool { return through.n.Load() > 2*size })
}

// where words where a sender says that it lies.
func where(pid int, at uint64) []byte {
	return lie(head{kind: kindNear}, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, uint32(pid)), at))
}

// TestNearIsProven: who does not lie where it says, or says it for another, is asked again
// without an offer, and not offered anything any more.
func TestNearIsProven(t *testing.T) {
	if !mem.CanPeek {
		t.Skip("this system has no such call")
	}
	other := &mark{} // of another connection, in this process
	for name, says := range map[string]func(c *conn, tk Ticket) []byte{
		"nowhere":                       func(*conn, Ticket) []byte { return where(os.Getpid(), 8) },
		"in a process that is none":     func(*conn, Ticket) []byte { return where(1<<22+1, mem.Address(other[:])) },
		"in a process that is no one's": func(*conn, Ticket) []byte { return where(-1, mem.Address(other[:])) },
		"without the proof": func(c *conn, _ Ticket) []byte {
			*other = *newMark(Proof{}, c.LocalAddr(), c.RemoteAddr())
			return where(os.Getpid(), mem.Address(other[:]))
		},
		"with the proof, for another reader": func(c *conn, tk Ticket) []byte {
			*other = *newMark(tk.Proof, c.LocalAddr(), c.LocalAddr())
			return where(os.Getpid(), mem.Address(other[:]))
		},
	} {
		var offers []bool
		addr, p := teller(t, func(c *conn, tk Ticket) error {
			offered := tk.Proof != Proof{}
			offers = append(offers, offered)
			if offered {
				_, err := c.Write(says(c, tk))
				return errors.Join(err, c.await(kindAsk)) // until it goes
			}
			_, err := c.Write(append(lie(head{kind: kindEnd}, nil), lie(head{kind: kindFin, ref: 1}, nil)...))
			return err
		})
		for range 2 {
			if err := p.Get(context.Background(), addr, "", &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{}); err != nil {
				t.Error(name, err)
			}
		}
		_ = p.Close()
		if len(offers) != 3 || !offers[0] || offers[1] || offers[2] {
			t.Errorf("%s: offers were made in %v of its streams", name, offers)
		}
	}
}

// TestNearLies: a sender that is where it says, and whose lists are not right, is found out; nothing is written
// beside what they are to fill.
func TestNearLies(t *testing.T) {
	if !mem.CanPeek {
		t.Skip("this system has no such call")
	}
	le := binary.LittleEndian
	mine := make([]byte, 1<<20)
	far := func(n uint32, at uint64) []byte {
		return le.AppendUint64(le.AppendUint64(le.AppendUint32(nil, n), at), xxh3.Hash(mine[:min(16, n)]))
	}
	few := func(n uint32, b string) []byte { return append(le.AppendUint32(nil, n|fewBytes), b...) }
	body := head{kind: kindBatch, align: 8, rows: 1, body: 16, pack: lies}
	for name, list := range map[string][]byte{
		"nothing":              {},
		"an address alone":     le.AppendUint64(le.AppendUint32(nil, 16), mem.Address(mine)),
		"a strip too long":     far(chunk.SumStrip+1, mem.Address(mine)),
		"half of a length":     {1, 2},
		"a length and no more": le.AppendUint32(nil, 16),
		"pieces of nothing":    far(0, mem.Address(mine)),
		"too short":            far(15, mem.Address(mine)),
		"too long":             far(17, mem.Address(mine)),
		"something behind":     append(far(16, mem.Address(mine)), 1, 2, 3, 4),
		"few that do not come": few(16, "0123456789"),
		"few and too many":     few(17, "0123456789abcdefg"),
		"all that there is":    far(fewBytes-1, mem.Address(mine)),
		"memory of nobody":     far(16, 8),
		"the end of memory":    far(16, 1<<64-8),
		"beyond the bound":     make([]byte, mostList+1),
	} {
		m := &mark{}
		addr, p := teller(t, func(c *conn, tk Ticket) error {
			*m = *newMark(tk.Proof, c.LocalAddr(), c.RemoteAddr())
			_, err := c.Write(slices.Concat(where(os.Getpid(), mem.Address(m[:])), lie(body, list), lie(head{kind: kindEnd, rows: 1, seq: 1}, nil)))
			return errors.Join(err, c.await(kindTaken))
		})
		if err := p.Get(context.Background(), addr, "", &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{own: true}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, says := range map[string][]byte{
		"not asked for":     lie(body, far(16, mem.Address(mine))),
		"after other words": append(lie(head{kind: kindWait}, nil), where(os.Getpid(), mem.Address(mine))...),
		"in too many bytes": lie(head{kind: kindNear}, make([]byte, says+1)),
		"in too few":        lie(head{kind: kindNear}, make([]byte, says-1)),
	} {
		addr, p := liar(t, says)
		if err := p.Get(context.Background(), addr, "", &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("where it lies, %s: %v", name, err)
		}
	}
}

// TestNearIsNotGiven: who gives a block is not read, whatever it says of where it lies: the proof would
// be its own.
func TestNearIsNotGiven(t *testing.T) {
	d, addr, _ := serveDrawer(t, time.Minute)
	c, err := dial(context.Background(), addr, insecure.NewCredentials())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tk := &Ticket{Proof: Proof{1}, Refs: []Ref{{Hi: -1}}}
	m := newMark(tk.Proof, c.LocalAddr(), c.RemoteAddr())
	if err := c.ask(kindGive, tk.Bytes(key)); err != nil {
		t.Fatal(err)
	}
	if err := c.await(kindWait); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(where(os.Getpid(), mem.Address(m[:]))); err != nil {
		t.Fatal(err)
	}
	if err := <-(<-d.to).over; !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// listed is how many bytes a list stands for.
func listed(list []byte) (bytes int) {
	for len(list) > 0 {
		n, head := binary.LittleEndian.Uint32(list), 4+8+8
		if n&fewBytes != 0 {
			n &^= fewBytes
			head = 4 + int(n)
		}
		bytes += int(n)
		list = list[head:]
	}
	return bytes
}

// TestNearIsLentUntilTaken: what a reader was told of stays until it says that it has it, and comes back
// when it does not for too long or goes. The stream of one that says something else ends.
func TestNearIsLentUntilTaken(t *testing.T) {
	if !mem.CanPeek {
		t.Skip("this system has no such call")
	}
	words := make([]uint64, 1<<20) // some parts
	num := dtype.Of(dtype.Int64)
	b := &chunk.Batch{N: len(words), Cols: []chunk.Vec{{Type: num, N: len(words), Data: chunk.Bytes(words)}}}
	st := &counter{shelf: shelf{v: chunk.NewBlock([][]*chunk.Batch{{b}})}}
	s := NewServer(st, insecure.NewCredentials(), anybody)
	s.taking = time.Minute
	addr, _ := start(t, s)
	left := 0 // of the body, that were not told of yet
	told := func() *conn {
		t.Helper()
		left = bodySize(b, aligned(b))
		c := ask(t, addr, &Ticket{Proof: Proof{1}, Refs: []Ref{{Hi: -1}}})
		for _, kind := range []byte{kindNear, kindBatch} {
			var h head
			if err := c.head(&h); err != nil || h.kind != kind {
				t.Fatalf("a frame of kind %d, want %d: %v", h.kind, kind, err)
			}
			list, err := c.text(&h, mostList)
			if err != nil {
				t.Fatal(err)
			}
			if kind == kindBatch {
				left -= listed(list)
			}
		}
		if st.now.Load() != 1 {
			t.Fatalf("%d blocks are lent to one who was told where one lies", st.now.Load())
		}
		return c
	}
	back := func() { until(t, "it came back", func() bool { return st.now.Load() == 0 }) }
	c := told()
	_ = c.Close()
	back()
	c = told()
	if err := c.ask(kindAsk, nil); err != nil {
		t.Fatal(err)
	}
	back()
	_ = c.Close()
	c = told()
	defer c.Close()
	for left > 0 {
		var h head
		if err := c.head(&h); err != nil || h.kind != kindMore {
			t.Fatalf("a frame of kind %d: %v", h.kind, err)
		}
		list, err := c.text(&h, mostList)
		if err != nil {
			t.Fatal(err)
		}
		left -= listed(list)
	}
	if err := errors.Join(c.await(kindEnd), c.await(kindTake)); err != nil {
		t.Fatal(err)
	}
	if n := st.now.Load(); n != 1 {
		t.Fatalf("%d blocks are lent to one who is asked whether it has what it was told of", n)
	}
	if err := (&getter{pid: 1}).taken(c); err != nil {
		t.Fatal(err)
	}
	if err := c.await(kindFin); err != nil {
		t.Fatal(err)
	}
	back()
}

// FuzzList: any bytes are a list, or an error, and fill what they are to fill and nothing else.
func FuzzList(f *testing.F) {
	le := binary.LittleEndian
	f.Add(uint32(3), append(le.AppendUint32(nil, 3|fewBytes), "abc"...))
	f.Add(uint32(16), le.AppendUint64(le.AppendUint64(le.AppendUint32(nil, 16), 4096), 0))
	f.Fuzz(func(t *testing.T, n uint32, list []byte) {
		to := make([]byte, 1+n%1000, 1+n%1000+8)
		g := &getter{pid: 1<<22 + 1, body: body{rest: to}} // no process has this number, so nothing is read
		if err := g.pieces(list); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
		for _, x := range to[len(to):cap(to)] {
			if x != 0 {
				t.Fatal("written behind the end")
			}
		}
	})
}

// A meddler is a Sink that does something when there is room for a batch, of which nothing has come yet.
type meddler struct {
	catcher
	first func()
}

func (m *meddler) Alloc(n, codes int) (rest, coded []byte) {
	if m.first != nil {
		m.first()
	}
	return m.catcher.Alloc(n, codes)
}

// pooled has a block of one batch in a pool, of all that there are in a batch, and the buffers that have checksums.
func pooled(t *testing.T, p *mem.Pool, n int) (v *chunk.Block, large [][]byte) {
	t.Helper()
	b := chunk.NewBuilder(schema, p)
	if err := b.Append(batch(rand.New(rand.NewPCG(8, 8)), n)); err != nil {
		t.Fatal(err)
	}
	one := b.Flush()
	for i := range one.Cols {
		for _, buf := range one.Cols[i].Buffers() {
			if len(buf) >= chunk.LeastSum {
				large = append(large, buf)
			}
		}
	}
	return chunk.NewBlock([][]*chunk.Batch{{one}}), large
}

// TestNearSpoiledMemory: a block that does not lie in the memory of its sender any more as it was when it was first asked for is
// found out, wherever the byte is, by one who reads that memory and then by one who has it through the connection.
// That is counted, and the memory of the sender is not read any more.
func TestNearSpoiledMemory(t *testing.T) {
	if !mem.CanPeek {
		t.Skip("this system has no such call")
	}
	const n = 60_000
	v, large := pooled(t, mem.NewPool(0), n)
	t.Cleanup(v.Release) // when the server has ended
	if len(large) < 9 {
		t.Fatalf("%d large buffers", len(large))
	}
	s := NewServer(&shelf{v: v}, insecure.NewCredentials(), anybody)
	addr, p := startAt(t, s, listen(t))
	get := func(to Sink) error {
		return p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, to)
	}
	whole := &catcher{}
	if err := get(whole); err != nil || len(whole.got[0]) != n || p.way(addr).far {
		t.Fatal(err, len(whole.got[0]))
	}
	rnd := rand.New(rand.NewPCG(9, 9))
	for i, buf := range large {
		for _, at := range []int{0, len(buf) - 4, rnd.IntN(len(buf)) &^ 3} { // of offsets, the lowest byte: the sender goes by them too
			w := p.way(addr)
			p.mu.Lock()
			w.far = false
			p.mu.Unlock()
			before := p.Broken(addr)
			if err := get(&meddler{first: func() { buf[at] ^= 16 }}); !errors.Is(err, ErrCorrupt) || !errors.Is(err, errSpoiled) {
				t.Errorf("byte %d of buffer %d: %v", at, i, err)
			}
			if !p.way(addr).far {
				t.Errorf("byte %d of buffer %d: the sender is still read", at, i)
			}
			if err := get(&catcher{}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("byte %d of buffer %d, through the connection: %v", at, i, err)
			}
			if more := p.Broken(addr); before != 0 || more != 2 {
				t.Errorf("%d and %d broken blocks were counted, want 2", before, more)
			}
			buf[at] ^= 16
		}
	}
	if c := (&catcher{}); get(c) != nil || !slices.Equal(c.got[0], whole.got[0]) {
		t.Error("what is right again did not come through the connection")
	}
}

// TestSpoiledMemoryElsewhere: so is a block that has checksums where nobody reads memory, packed or not.
func TestSpoiledMemoryElsewhere(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	v, large := pooled(t, mem.NewPool(0), 60_000)
	t.Cleanup(v.Release) // when the server has ended
	v.Batches(0)[0].Sum()
	s := NewServer(&shelf{v: v}, insecure.NewCredentials(), anybody)
	addr, p := startAt(t, s, &slowly{Listener: elsewhere(t), rate: 1e12})
	get := func(link float64, c *catcher) error {
		w := p.way(addr)
		p.mu.Lock()
		w.link, w.asks = link, 0
		p.mu.Unlock()
		return p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, c)
	}
	for _, link := range []float64{0, 1e6} {
		whole := &catcher{}
		if err := get(link, whole); err != nil || len(whole.got[0]) != 60_000 {
			t.Fatal(err)
		}
		for i, buf := range large {
			for _, at := range []int{0, len(buf) - 4} {
				buf[at] ^= 16
				if err := get(link, &catcher{}); !errors.Is(err, ErrCorrupt) || p.way(addr).far {
					t.Errorf("byte %d of buffer %d, over a link of %v: %v", at, i, link, err)
				}
				buf[at] ^= 16
			}
		}
		if c := (&catcher{}); get(link, c) != nil || !slices.Equal(c.got[0], whole.got[0]) {
			t.Error("what is right again did not come")
		}
	}
}

// TestNearUsedAgain: memory of a block that is given back too early, and used for something else or unmapped while a reader has it
// copied, is not believed.
func TestNearUsedAgain(t *testing.T) {
	if !mem.CanPeek {
		t.Skip("this system has no such call")
	}
	for name, use := range map[string]func(p *mem.Pool){
		"used again": func(p *mem.Pool) {
			mem.Poison(7)
			defer mem.Poison(0)
			for n := chunk.LeastSum; n < 2<<20; n += n / 4 {
				defer p.Free(p.Alloc(n))
			}
		},
		"unmapped": func(p *mem.Pool) { p.Trim() },
	} {
		pool := mem.NewPool(0)
		v, _ := pooled(t, pool, 60_000)
		s := NewServer(&shelf{v: v}, insecure.NewCredentials(), anybody)
		addr, p := startAt(t, s, listen(t))
		one := v.Batches(0)[0]
		m := &meddler{first: func() { one.Release(); use(pool) }}
		err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, m)
		if !errors.Is(err, ErrCorrupt) || len(m.ends) > 0 || !p.way(addr).far {
			t.Errorf("%s: %v, %d blocks were whole", name, err, len(m.ends))
		}
	}
}

// A reel is a Value of numbers that count up, whose batches are borrowed until the next one: they have the same memory.
type reel struct {
	chunk.Value
	words   []uint64
	batches int
}

func (r *reel) Runs() int                      { return 1 }
func (r *reel) Open(int) (chunk.Reader, error) { return &reeling{reel: r}, nil }

type reeling struct {
	*reel
	i int
}

func (r *reeling) Next() (*chunk.Batch, error) {
	clear(r.words)
	if r.i == r.batches {
		return nil, io.EOF
	}
	for k := range r.words {
		r.words[k] = uint64(r.i*len(r.words) + k)
	}
	r.i++
	n := len(r.words)
	return &chunk.Batch{N: n, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: n, Data: chunk.Bytes(r.words)}}}, nil
}

func (r *reeling) Seek(int) error { return nil }
func (r *reeling) Close() error   { clear(r.words); return nil }

// TestNearBorrowedBatches: batches that are borrowed until the next one are taken before that, and those that stay as long as their
// reader are, with more than is announced before the sender waits.
func TestNearBorrowedBatches(t *testing.T) {
	const n, batches = 1 << 18, nearOwed/(8<<18) + 1
	all := make([]uint64, n*batches)
	var run []*chunk.Batch
	for i := range all {
		all[i] = uint64(i)
	}
	for x := all; len(x) > 0; x = x[n:] {
		run = append(run, &chunk.Batch{N: n, Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: n, Data: chunk.Bytes(x[:n])}}})
	}
	num := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}}
	for name, v := range map[string]chunk.Value{"borrowed": &reel{words: make([]uint64, n), batches: batches}, "lasting": chunk.NewBlock([][]*chunk.Batch{run})} {
		addr, p := serve(t, &shelf{v: v})
		c := &same{want: all}
		if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{num}, c); err != nil || c.rows != len(all) {
			t.Errorf("%s: %d rows, want %d: %v", name, c.rows, len(all), err)
		}
	}
}
