package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

func TestMain(m *testing.M) {
	if !ranAsTarget() {
		goleak.VerifyTestMain(m)
	}
}

var schema = dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64), Nullable: true}, {Name: "f", Type: dtype.Of(dtype.Float32)},
	{Name: "b", Type: dtype.Of(dtype.Bool), Nullable: true}, {Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true},
	{Name: "d", Type: dtype.Of(dtype.Utf8)}, {Name: "n", Type: dtype.Of(dtype.Null), Nullable: true}, {Name: "m", Type: dtype.DecimalOf(20, 2)},
	{Name: "l", Type: dtype.ListOf(dtype.Of(dtype.Int8))}}

// batch makes n rows of every kind of vector.
func batch(rnd *rand.Rand, n int) *chunk.Batch {
	valid := func() []uint64 {
		v := make([]uint64, chunk.Words(n)+1)
		for i := range v {
			v[i] = rnd.Uint64()
		}
		return v
	}
	fixed := func(w int) []byte {
		b := chunk.Bytes(make([]uint64, n*w/8+9))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b[:n*w]
	}
	text := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: n, Valid: valid(), Off: make([]int32, n+1)}
	for i := range n {
		text.Str = fmt.Appendf(text.Str, "%d", rnd.IntN(1000))
		text.Off[i+1] = int32(len(text.Str))
	}
	dict := chunk.NewDict(chunk.Vec{Type: dtype.Of(dtype.Utf8), N: 3, Off: []int32{0, 1, 1, 4}, Str: []byte("axyz")})
	lists := chunk.NewDict(chunk.Vec{Type: schema[7].Type, N: 3, Off: []int32{0, 0, 5, 11}, Str: []byte("\x02\x00\x00\x00\x07\x04\x00\x00\x00\x08\x09")})
	codes := make([]uint32, n+16)[:n]
	for i := range codes {
		codes[i] = uint32(rnd.IntN(3))
	}
	return &chunk.Batch{N: n, Seq: rnd.Uint64(), Cols: []chunk.Vec{
		{Type: schema[0].Type, N: n, Valid: valid(), Data: fixed(8)}, {Type: schema[1].Type, N: n, Data: fixed(4)},
		{Type: schema[2].Type, N: n, Valid: valid(), Data: chunk.Bytes(valid())[:chunk.Words(n)*8]}, text,
		{Type: schema[4].Type, N: n, Data: chunk.Bytes(codes), Dict: dict}, {Type: schema[5].Type, N: n}, {Type: schema[6].Type, N: n, Data: fixed(16)},
		{Type: schema[7].Type, N: n, Data: chunk.Bytes(codes), Dict: lists}}}
}

// rows words a batch, value by value.
func rows(b *chunk.Batch) (out []string) {
	for i := range b.N {
		s := ""
		for c := range b.Cols {
			v := &b.Cols[c]
			switch {
			case v.Type.Kind == dtype.Null || v.IsNull(i):
				s += "null|"
			case v.Type.Kind == dtype.Bool:
				s += fmt.Sprint(v.Bool(i), "|")
			case v.Type.Kind.IsVar():
				s += v.Type.String() + fmt.Sprintf(" %q|", v.Text(i))
			default:
				w := v.Type.Width()
				s += fmt.Sprintf("%x|", v.Data[i*w:(i+1)*w])
			}
		}
		out = append(out, s)
	}
	return out
}

// A shelf is a Store.
type shelf struct {
	v    chunk.Value
	lent atomic.Int64
}

const key = "a secret"

func (s *shelf) Admit(t *Ticket) error {
	if !t.Signed(key) {
		return ErrDenied
	}
	return nil
}

func (s *shelf) Schema(*Ticket, int32) (dtype.Schema, error) { return schema, nil }

func (s *shelf) Lend(t *Ticket, r Ref) (chunk.Value, func(), error) {
	if r.Block != 0 {
		return nil, nil, ErrGone
	}
	s.lent.Add(1)
	return s.v, func() { s.lent.Add(-1) }, nil
}

func (s *shelf) Take(*Ticket, Ref) (Taker, dtype.Schema, error) { return nil, nil, ErrGone }

// A catcher is a Sink.
type catcher struct {
	keep bool // batches, and look at them at the end
	own  bool // has memory of its own for them; keep: of which codes get none
	gave []byte
	kept []func()
	got  map[int][]string
	ends []int
	fail error
}

func (c *catcher) Alloc(n, codes int) (rest, coded []byte) {
	if c.gave = nil; c.own {
		c.gave = chunk.Bytes(make([]uint64, (n+codes)/8+9))[:n+codes]
		rest, coded = c.gave[:n:n], c.gave[n:]
	}
	return rest, coded
}

func (c *catcher) Put(_, run int, b *chunk.Batch) (bool, error) {
	if v := &b.Cols[0]; c.own && b.N > 0 {
		if at := uintptr(unsafe.Pointer(&v.Data[0])) - uintptr(unsafe.Pointer(&c.gave[0])); at >= uintptr(len(c.gave)) {
			return false, errors.New("the batch is not in the memory it was given")
		}
	}
	if c.got == nil {
		c.got = map[int][]string{}
	}
	own := *b
	look := func() { c.got[run] = append(c.got[run], rows(&own)...) }
	if c.keep {
		c.kept = append(c.kept, look)
	} else {
		look()
	}
	return c.keep, c.fail
}

func (c *catcher) End(_, runs int) error {
	c.ends = append(c.ends, runs)
	for _, look := range c.kept {
		look()
	}
	c.kept = nil
	return nil
}

// anybody may ask.
func anybody(context.Context) error { return nil }

func serve(t testing.TB, st Store) (addr string, p *Peers) {
	return start(t, NewServer(st, insecure.NewCredentials(), anybody))
}

func listen(t testing.TB) net.Listener {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

// start starts a server that ends with the test, and has peers to ask it.
func start(t testing.TB, s *Server) (addr string, p *Peers) { return startAt(t, s, listen(t)) }

func startAt(t testing.TB, s *Server, lis net.Listener) (addr string, p *Peers) {
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(lis) }()
	p = NewPeers(insecure.NewCredentials(), 5*time.Second)
	t.Cleanup(func() {
		_ = p.Close()
		s.Stop()
		<-done
	})
	return lis.Addr().String(), p
}

func TestBlocksComeAsTheyWere(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	rnd := rand.New(rand.NewPCG(3, 4))
	var runs [][]*chunk.Batch
	var want [][]string
	for _, n := range []int{0, 1, 63, 64, 65, 70000} {
		b := batch(rnd, n)
		run := []*chunk.Batch{b, batch(rnd, 5)}
		runs = append(runs, run)
		want = append(want, append(rows(b), rows(run[1])...))
	}
	st := &shelf{v: chunk.NewBlock(runs)}
	addr, p := serve(t, st)
	for i, x := range []Ref{{Hi: -1}, {Hi: -1}, {Lo: 1, Hi: 3}, {Lo: 5, Hi: 99}, {Lo: 7, Hi: 9}} {
		c := &catcher{keep: i == 0, own: i == 0 || i == 2}
		if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{x, x}}, []dtype.Schema{schema, schema}, c); err != nil {
			t.Fatal(x, err)
		}
		for r := range runs {
			w := append(append([]string(nil), want[r]...), want[r]...) // it was asked for twice
			if r < int(x.Lo) || x.Hi >= 0 && r >= int(x.Hi) {
				w = nil
			}
			if !slices.Equal(c.got[r], w) {
				t.Fatalf("%v: run %d has %d rows, want %d, or other values", x, r, len(c.got[r]), len(w))
			}
		}
		if len(c.ends) != 2 || c.ends[0] != len(runs) {
			t.Error(x, "ends", c.ends)
		}
	}
	if n := st.lent.Load(); n != 0 {
		t.Errorf("%d blocks were not given back", n)
	}
}

// TestTicketsAreSigned: blocks are given for the secret of their job and for nothing
// else, and a ticket cannot be changed.
func TestTicketsAreSigned(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	addr, p := serve(t, &shelf{v: chunk.NewBlock([][]*chunk.Batch{{batch(rnd, 3)}})})
	ask := &Ticket{Life: 5, Job: 7, Refs: []Ref{{Hi: -1}}}
	for _, secret := range []string{"", "another", key + "x"} {
		c := &catcher{}
		if err := p.Get(context.Background(), addr, secret, ask, []dtype.Schema{schema}, c); !errors.Is(err, ErrDenied) || len(c.got) > 0 {
			t.Errorf("%q: %v, %v", secret, err, c.got)
		}
	}
	b := ask.Bytes(key)
	for i := range b {
		b[i] ^= 1
		if got, err := ParseTicket(b); err == nil && got.Signed(key) {
			t.Errorf("byte %d changed, and the signature holds", i)
		}
		b[i] ^= 1
	}
	if got, err := ParseTicket(b); err != nil || !got.Signed(key) || got.Signed("") {
		t.Error(got, err)
	}
}

func TestErrorsNameTheBlock(t *testing.T) {
	addr, p := serve(t, &shelf{v: chunk.NewBlock([][]*chunk.Batch{{batch(rand.New(rand.NewPCG(1, 1)), 10)}})})
	c := &catcher{}
	err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}, {Block: 1, Hi: -1}}}, []dtype.Schema{schema, schema}, c)
	var fe *FetchError
	if !errors.As(err, &fe) || fe.Ref != 1 || !errors.Is(err, ErrGone) || len(c.ends) != 1 {
		t.Errorf("%v, %d blocks came", err, len(c.ends))
	}
	own := errors.New("no room")
	if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{fail: own}); err != own {
		t.Error("the sink's error:", err)
	}
	if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema[:2]}, &catcher{}); !errors.Is(err, ErrCorrupt) {
		t.Error("another schema:", err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	hole := NewPeers(insecure.NewCredentials(), 100*time.Millisecond)
	defer hole.Close()
	start := time.Now()
	if err := hole.Get(context.Background(), lis.Addr().String(), key, &Ticket{Refs: []Ref{{}}}, []dtype.Schema{schema}, &catcher{}); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("a black hole: %v after %v", err, time.Since(start))
	}
}

// TestEveryFlippedBitIsFound flips bits of frames and cuts them: nothing of them
// is believed, and nothing panics.
func TestEveryFlippedBitIsFound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	good := AppendTable(nil, []*chunk.Batch{batch(rnd, effort.Of(100, 20)), batch(rnd, 7)})
	if got, err := ParseTable(good, schema); err != nil || len(got) != 2 {
		t.Fatal(err)
	}
	for i := range len(good) * 8 {
		b := append([]byte(nil), good...)
		b[i/8] ^= 1 << (i % 8)
		if _, err := ParseTable(b, schema); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for n := range good {
		if _, err := ParseTable(good[:n], schema); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// TestPartsThatDoNotFit has frames whose checksums are right and which do not follow on
// each other.
func TestPartsThatDoNotFit(t *testing.T) {
	first := head{kind: kindBatch, align: 8, rows: 1, body: 100}
	more := head{kind: kindMore, seq: 40, body: 100}
	end := head{kind: kindEnd}
	coded, moreCoded := first, more
	coded.codes, moreCoded.codes = 30, 30
	for _, c := range []struct {
		text  string
		heads []head
		sizes []int
	}{
		{"", []head{first, more}, []int{40, 60}},
		{"", []head{first, more, end}, []int{40, 60, 0}},
		{"", []head{coded, moreCoded, {kind: kindMore, seq: 70, body: 100, codes: 30}, end}, []int{40, 30, 30, 0}},
		{"60 bytes for a body of which 30 are missing", []head{coded, moreCoded}, []int{40, 60}},
		{"0 bytes of codes in a body that began with 30", []head{coded, more}, []int{40, 30}},
		{"of kind 5 after 0 of 0 bytes", []head{more}, []int{60}},
		{"of kind 2 after 40 of 100 bytes", []head{first, first}, []int{40, 40}},
		{"of kind 3 after 40 of 100 bytes", []head{first, end}, []int{40, 0}},
		{"byte 50 of a body of 100 came, byte 40 of 100 was due", []head{first, {kind: kindMore, seq: 50, body: 100}}, []int{40, 50}},
		{"byte 40 of a body of 90 came", []head{first, {kind: kindMore, seq: 40, body: 90}}, []int{40, 50}},
		{"61 bytes for a body of which 60 are missing", []head{first, more}, []int{40, 61}},
		{"101 bytes for a body of which 100 are missing", []head{first}, []int{101}},
		{"0 bytes for a body of which 60 are missing", []head{first, more}, []int{40, 0}},
		{"1 bytes for a body of which 0 are missing", []head{end}, []int{1}},
		{"a body of 67174401 bytes", []head{{kind: kindBatch, body: maxBody + 1}}, []int{1}},
	} {
		g := &getter{sink: nothing{}}
		var err error
		for i := range c.heads {
			c.heads[i].part = uint32(c.sizes[i])
			if _, _, err = g.place(&c.heads[i]); err != nil {
				break
			}
			if g.have == g.body.size() {
				g.body, g.have = body{}, 0
			}
		}
		if c.text == "" && err != nil || c.text != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%v, want %q", err, c.text)
		}
	}
}

// FuzzBody has frames whose checksums are right and whose contents are not.
func FuzzBody(f *testing.F) {
	rnd, dicts := rand.New(rand.NewPCG(7, 8)), map[uint64]*chunk.Dict{}
	for _, n := range []int{0, 1, 9} {
		b := batch(rnd, n)
		if n == 1 {
			b.Cols[4] = chunk.Vec{Type: schema[4].Type, N: n, Off: make([]int32, n+1)}
		}
		for _, v := range b.Cols {
			if v.Dict != nil {
				dicts[v.Dict.ID] = v.Dict
			}
		}
		all, codes := b.Written(8)
		text := make([]byte, 0, all)
		if err := b.Write(8, func(x []byte) error { text = append(text, x...); return nil }); err != nil || len(text) != all {
			f.Fatal(err, len(text), all)
		}
		f.Add(uint32(n), uint32(codes), text)
	}
	f.Fuzz(func(t *testing.T, n, codes uint32, text []byte) {
		aligned := chunk.Bytes(make([]uint64, len(text)/8+1))[:len(text)]
		copy(aligned, text)
		h := head{kind: kindBatch, align: 8, rows: uint64(n & (1<<31 - 1)), body: uint32(len(text)), codes: min(codes, uint32(len(text))) &^ 7}
		d := decoder{dicts: maps.Clone(dicts)}
		b, err := d.rows(&h, schema, h.split(aligned))
		if err != nil {
			return
		}
		c := chunk.NewBuilder(schema, mem.Heap)
		if err := c.Append(b); err != nil {
			t.Fatal(err)
		}
		_ = rows(b)
	})
}

// BenchmarkTransfer moves a gigabyte of two columns of numbers from server to client and
// drops it there, near and as if they were on two machines; beside it what carries that does alone: the same bytes in messages of
// Flight as its library sends them, without checksums, and through a TCP connection.
func BenchmarkTransfer(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var run []*chunk.Batch
	num := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}, {Name: "b", Type: dtype.Of(dtype.Float64)}}
	words := make([]uint64, 1<<26)
	for i := range words {
		words[i] = rnd.Uint64()
	}
	for x := words; len(x) > 0; x = x[1<<20:] {
		v := chunk.Vec{Type: num[0].Type, N: 1 << 20, Data: chunk.Bytes(x[:1<<20])}
		w := v
		w.Type = num[1].Type
		run = append(run, &chunk.Batch{N: v.N, Cols: []chunk.Vec{v, w}})
	}
	v := chunk.NewBlock([][]*chunk.Batch{run})
	measured := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(v.Bytes())
			start := cpu()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-start).Milliseconds())/float64(b.N)/float64(v.Bytes())*1e9, "cpu-ms/GB")
		})
	}
	ctx := context.Background()
	for name, lis := range map[string]net.Listener{"blocks-near": listen(b), "blocks": elsewhere(b)} {
		addr, p := startAt(b, NewServer(&shelf{v: v}, insecure.NewCredentials(), anybody), lis)
		measured(name, func() error {
			return p.Get(ctx, addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{num}, nothing{})
		})
	}
	bytes := chunk.Bytes(words)
	c := plainFlight(b, bytes)
	measured("plain-flight", func() error {
		st, err := c.DoGet(ctx, &flight.Ticket{})
		for n := 0; err == nil && n < 2*len(bytes); {
			var d *flight.FlightData
			d, err = st.Recv()
			n += len(d.GetDataBody())
		}
		return err
	})
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer lis.Close()
	measured("tcp", func() error { return plainTCP(lis, bytes) })
}

// bare gives the same bytes twice.
type bare struct {
	flight.BaseFlightServer
	b []byte
}

func (p *bare) DoGet(_ *flight.Ticket, st flight.FlightService_DoGetServer) error {
	for range 2 {
		for x := p.b; len(x) > 0; x = x[1<<20:] {
			if err := st.Send(&flight.FlightData{DataBody: x[:1<<20]}); err != nil {
				return err
			}
		}
	}
	return nil
}

func plainFlight(b *testing.B, bytes []byte) flight.Client {
	s := flight.NewServerWithMiddleware(nil)
	if err := s.Init("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	s.RegisterFlightService(&bare{b: bytes})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve() }()
	c, err := flight.NewClientWithMiddleware(s.Addr().String(), nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Close()
		s.Shutdown()
		<-done
	})
	return c
}

func plainTCP(lis net.Listener, bytes []byte) error {
	sent := make(chan error, 1)
	go func() {
		c, err := lis.Accept()
		for i := 0; err == nil && i < 2; i++ {
			_, err = c.Write(bytes)
		}
		sent <- errors.Join(err, c.Close())
	}()
	c, err := net.Dial("tcp", lis.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 256<<10)
	for err == nil {
		_, err = c.Read(buf)
	}
	if err != io.EOF {
		return err
	}
	return <-sent
}

// nothing drops what comes.
type nothing struct{}

func (nothing) Put(int, int, *chunk.Batch) (bool, error) { return false, nil }
func (nothing) End(int, int) error                       { return nil }
func (nothing) Alloc(int, int) (rest, coded []byte)      { return nil, nil }

// cpu is the time this process has computed.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
