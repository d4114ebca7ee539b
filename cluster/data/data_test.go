package data

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
	lent int
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
	s.lent++
	return s.v, func() { s.lent-- }, nil
}

// A catcher is a Sink.
type catcher struct {
	got  map[int][]string
	ends []int
	fail error
}

func (c *catcher) Put(_, run int, b *chunk.Batch) error {
	if c.got == nil {
		c.got = map[int][]string{}
	}
	c.got[run] = append(c.got[run], rows(b)...)
	return c.fail
}
func (c *catcher) End(_, runs int) error { c.ends = append(c.ends, runs); return nil }

func serve(t testing.TB, st Store) (addr string, p *Peers) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(ServerOptions()...)
	Register(s, st)
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
	for _, x := range []Ref{{Hi: -1}, {Lo: 1, Hi: 3}, {Lo: 5, Hi: 99}, {Lo: 7, Hi: 9}} {
		c := &catcher{}
		if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{x, x}}, []dtype.Schema{schema, schema}, c); err != nil {
			t.Fatal(x, err)
		}
		for r := range runs {
			w := append(append([]string(nil), want[r]...), want[r]...) // it was asked for twice
			if r < int(x.Lo) || x.Hi >= 0 && r >= int(x.Hi) {
				w = nil
			}
			if len(c.got[r]) != len(w) || fmt.Sprint(c.got[r]) != fmt.Sprint(w) {
				t.Fatalf("%v: run %d has %d rows, want %d, or other values", x, r, len(c.got[r]), len(w))
			}
		}
		if len(c.ends) != 2 || c.ends[0] != len(runs) {
			t.Error(x, "ends", c.ends)
		}
	}
	if st.lent != 0 {
		t.Errorf("%d blocks were not given back", st.lent)
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
	good := AppendTable(nil, []*chunk.Batch{batch(rnd, 100), batch(rnd, 7)})
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

// FuzzBody has frames whose checksums are right and whose contents are not.
func FuzzBody(f *testing.F) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{0, 1, 9} {
		b := batch(rnd, n)
		b.Cols[4] = chunk.Vec{Type: schema[4].Type, N: n, Off: make([]int32, n+1)}
		f.Add(uint32(n), appendBody(nil, b))
	}
	f.Fuzz(func(t *testing.T, n uint32, body []byte) {
		aligned := chunk.Bytes(make([]uint64, len(body)/8+1))[:len(body)]
		copy(aligned, body)
		h := head{kind: kindBatch, rows: uint64(n & (1<<31 - 1)), body: uint64(len(body))}
		d := decoder{}
		b, err := d.rows(&h, schema, aligned)
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

func BenchmarkTransfer(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var run []*chunk.Batch
	num := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}, {Name: "b", Type: dtype.Of(dtype.Float64)}}
	for range 64 {
		words := make([]uint64, 1<<17)
		for i := range words {
			words[i] = rnd.Uint64()
		}
		v := chunk.Vec{Type: num[0].Type, N: len(words), Data: chunk.Bytes(words)}
		w := v
		w.Type = num[1].Type
		run = append(run, &chunk.Batch{N: v.N, Cols: []chunk.Vec{v, w}})
	}
	v := chunk.NewBlock([][]*chunk.Batch{run})
	addr, p := serve(b, &shelf{v: v})
	b.SetBytes(v.Bytes())
	start := cpu()
	defer func() {
		b.ReportMetric(float64((cpu()-start).Milliseconds())/float64(b.N)/float64(v.Bytes())*1e9, "cpu-ms/GB")
	}()
	for b.Loop() {
		if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{num}, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}

// nothing drops what comes.
type nothing struct{}

func (nothing) Put(int, int, *chunk.Batch) error { return nil }
func (nothing) End(int, int) error               { return nil }

// cpu is the time this process has computed.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
