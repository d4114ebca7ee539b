package data

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// A doorman is a listener that remembers who came.
type doorman struct {
	net.Listener
	mu   sync.Mutex
	came []net.Conn
}

// Accept implements net.Listener.
func (d *doorman) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.came = append(d.came, c)
	}
	return c, err
}

// count returns how many came; with cut their connections are ended.
func (d *doorman) count(cut bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.came {
		if cut {
			_ = c.Close()
		}
	}
	return len(d.came)
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 20 s: ", what)
		}
	}
}

func few() *shelf {
	return &shelf{v: chunk.NewBlock([][]*chunk.Batch{{batch(rand.New(rand.NewPCG(1, 1)), 100)}})}
}

// TestConnectionsRest: streams one after the other have one connection, streams at the same time
// several, and one that has ended while it rested is replaced without anybody's notice.
func TestConnectionsRest(t *testing.T) {
	door := &doorman{Listener: listen(t)}
	addr, p := startAt(t, NewServer(few(), insecure.NewCredentials(), anybody), door)
	get := func() {
		t.Helper()
		if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		get()
	}
	if n := door.count(true); n != 1 {
		t.Errorf("%d connections for 10 streams one after the other", n)
	}
	get()
	if n := door.count(false); n != 2 {
		t.Errorf("%d connections when the first one has ended", n)
	}
	var wg sync.WaitGroup
	for range 4 * spare {
		wg.Go(func() {
			if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p.mu.Lock()
	n := len(p.conns[addr])
	p.mu.Unlock()
	if n > spare {
		t.Errorf("%d connections rest, at most %d may", n, spare)
	}
	p.Drop(addr)
	p.mu.Lock()
	n = len(p.conns[addr])
	p.mu.Unlock()
	if n != 0 {
		t.Errorf("%d connections to an address that is not used any more", n)
	}
	get()
}

// TestRestingConnectionsAreAsked: a connection that rests carries no stream any more to who may not be called.
func TestRestingConnectionsAreAsked(t *testing.T) {
	door := &doorman{Listener: listen(t)}
	addr, p := startAt(t, NewServer(few(), insecure.NewCredentials(), anybody), door)
	var no error // for the connection there is
	p.Still = func(info credentials.AuthInfo) (err error) {
		if info == nil || info.AuthType() != "insecure" {
			t.Errorf("asked of %v", info)
		}
		err, no = no, nil
		return err
	}
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			no = errors.New("it was revoked")
		}
		if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{}); err != nil {
			t.Fatal(err)
		}
		if n := door.count(false); n != want {
			t.Errorf("stream %d: %d connections, want %d", i, n, want)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.conns[addr]); n != 1 {
		t.Errorf("%d connections are kept", n)
	}
}

// A watched connection looks at an alarm while it is read.
type watched struct {
	net.Conn
	alarm *time.Timer
	ran   bool
}

// Read implements net.Conn.
func (c *watched) Read(b []byte) (int, error) {
	c.ran = c.alarm.Stop()
	return len(b), nil
}

// TestAlarmRunsWhileWaiting: a peer is silent as long as it is waited for, not while its bytes are stored.
func TestAlarmRunsWhileWaiting(t *testing.T) {
	alarm := time.AfterFunc(time.Hour, func() {})
	w := &watched{alarm: alarm}
	c := newConn(w)
	c.alarm, c.stall = alarm, time.Hour
	for range 2 {
		w.ran = false
		if _, err := c.Read(make([]byte, 9)); err != nil || !w.ran {
			t.Errorf("the alarm ran while it was read: %v, %v", w.ran, err)
		}
		if alarm.Stop() {
			t.Error("the alarm runs, and nobody waits")
		}
	}
}

// TestDropEndsStreams: who waits for blocks of a worker that is gone hears of it at once.
func TestDropEndsStreams(t *testing.T) {
	lis := listen(t) // accepts and never answers
	defer lis.Close()
	p := NewPeers(insecure.NewCredentials(), time.Minute)
	defer p.Close()
	addr, done := lis.Addr().String(), make(chan error, 1)
	go func() {
		done <- p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{}}}, []dtype.Schema{schema}, &catcher{})
	}()
	until(t, "the stream is open", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.conns[addr]) == 1
	})
	p.Drop(addr)
	var failed *FetchError
	if err := <-done; !errors.As(err, &failed) {
		t.Error(err)
	}
	_ = p.Close()
	if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{}}}, []dtype.Schema{schema}, &catcher{}); !errors.Is(err, errClosed) {
		t.Error("after the end:", err)
	}
}

// TestReadersThatTakeNothing: what was lent to a reader that takes nothing comes back.
func TestReadersThatTakeNothing(t *testing.T) {
	words := make([]uint64, 4<<20) // more than the system has on its way
	num := dtype.Of(dtype.Int64)
	b := &chunk.Batch{N: len(words), Cols: []chunk.Vec{{Type: num, N: len(words), Data: chunk.Bytes(words)}}}
	st := &counter{shelf: shelf{v: chunk.NewBlock([][]*chunk.Batch{{b}})}}
	s := NewServer(st, insecure.NewCredentials(), anybody)
	s.taking = 100 * time.Millisecond
	addr, _ := start(t, s)
	c := ask(t, addr, &Ticket{Refs: []Ref{{Hi: -1}}})
	defer c.Close()
	until(t, "the block was lent", func() bool { return st.most.Load() == 1 })
	until(t, "it came back", func() bool { return st.now.Load() == 0 })
	until(t, "so did its room", func() bool { return s.room.TryAcquire(lending) })
}

// TestAskersThatLie: who says what is no ticket is sent away, and others are served. Who says
// nothing does not keep the server from stopping.
func TestAskersThatLie(t *testing.T) {
	s := NewServer(few(), insecure.NewCredentials(), anybody)
	addr, p := start(t, s)
	tk := (&Ticket{Refs: []Ref{{Hi: -1}}}).Bytes(key)
	flipped := lie(head{kind: kindAsk}, tk)
	flipped[headSize+3] ^= 1
	for name, says := range map[string][]byte{
		"rubbish":                append([]byte(greeting), noise(headSize)...),
		"another kind":           append([]byte(greeting), lie(head{kind: kindBatch}, tk)...),
		"a ticket without bound": append([]byte(greeting), (&head{kind: kindAsk, part: 1<<32 - 1}).append(nil)...),
		"a flipped bit":          append([]byte(greeting), flipped...),
		"half of a head":         append([]byte(greeting), flipped[:headSize/2]...),
		"half of a ticket":       append([]byte(greeting), flipped[:headSize+5]...),
		"neither of the two":     []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"no greeting":            []byte("wfb"),
	} {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_, err = c.Write(says)
		}
		if err != nil {
			t.Fatal(name, err)
		}
		_ = c.(*net.TCPConn).CloseWrite() // it may have been sent away by now
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if b, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) || len(b) > 100 {
			t.Errorf("%s: %d bytes and %v came back", name, len(b), err)
		}
		_ = c.Close()
	}
	if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{schema}, &catcher{}); err != nil {
		t.Error(err)
	}
	for _, says := range []string{"", "wf", greeting, greeting + "\x77"} {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_, err = io.WriteString(c, says)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	until(t, "all have come", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) >= 4
	})
	begun := time.Now()
	s.Stop()
	if d := time.Since(begun); d > silent/2 {
		t.Errorf("it stopped after %v", d)
	}
}

// TestWhoMayAsk: who may not ask is told why, at both doors, and each door has its own tickets.
func TestWhoMayAsk(t *testing.T) {
	var deny atomic.Bool
	addr, p := start(t, NewServer(few(), insecure.NewCredentials(), func(context.Context) error {
		if deny.Load() {
			return errors.New("not with that certificate")
		}
		return nil
	}))
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	blocks := func(tk Ticket) error {
		return p.Get(context.Background(), addr, key, &tk, []dtype.Schema{schema}, &catcher{})
	}
	stream := func(tk Ticket) error {
		st, err := flight.NewFlightServiceClient(conn).DoGet(context.Background(), &flight.Ticket{Ticket: tk.Bytes(key)})
		for err == nil {
			_, err = st.Recv()
		}
		if err == io.EOF {
			return nil
		}
		return err
	}
	ours, theirs := Ticket{Refs: []Ref{{Hi: -1}}}, Ticket{IPC: true, Refs: []Ref{{Hi: -1}}}
	for _, c := range []struct {
		deny bool
		get  func(Ticket) error
		tk   Ticket
		want string
	}{
		{true, blocks, ours, "not with that certificate"},
		{true, stream, theirs, "not with that certificate"},
		{false, blocks, ours, ""},
		{false, stream, theirs, ""},
		{false, blocks, theirs, "which Flight gives"},
		{false, stream, ours, "is not for an Arrow stream"},
	} {
		deny.Store(c.deny)
		err := c.get(c.tk)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// answer returns the bytes of a stream with two blocks, of pieces that are borrowed and pieces that are copied.
func answer(t testing.TB) []byte {
	rnd := rand.New(rand.NewPCG(3, 3))
	st := &shelf{v: chunk.NewBlock([][]*chunk.Batch{{batch(rnd, 1100), batch(rnd, 3)}})}
	s := &server{store: st, room: semaphore.NewWeighted(lending), patience: patience}
	here, there := net.Pipe()
	done := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(there)
		done <- b
	}()
	w := newWriter(newConn(here), time.Minute)
	err := s.answer(context.Background(), w, (&Ticket{Refs: []Ref{{Hi: -1}, {Hi: -1}}}).Bytes(key))
	if err = errors.Join(err, w.close(), here.Close()); err != nil {
		t.Fatal(err)
	}
	return <-done
}

// read reads a stream, and returns how many blocks came whole.
func read(b []byte) (int, error) {
	g := &getter{t: &Ticket{Refs: []Ref{{Hi: -1}, {Hi: -1}}}, schemas: []dtype.Schema{schema, schema}, sink: nothing{}}
	c := &conn{in: bufio.NewReader(bytes.NewReader(b))}
	for {
		over, err := g.next(c)
		if over || err != nil {
			return g.ref, err
		}
	}
}

// TestSpoiledStreams flips bits all over a stream, and cuts it: no block is believed to be whole
// that is not, nor the stream.
func TestSpoiledStreams(t *testing.T) {
	good := answer(t)
	if n, err := read(good); n != 2 || err != nil {
		t.Fatalf("%d blocks, %v", n, err)
	}
	b := bytes.Clone(good)
	for i := 0; i < len(b); i += effort.Of(5, 35) {
		b[i] ^= 1 << (i % 8)
		if _, err := read(b); !errors.Is(err, ErrCorrupt) && !cut(err) {
			t.Fatalf("bit %d of byte %d of %d: %v", i%8, i, len(b), err)
		}
		b[i] = good[i]
		if _, err := read(b[:i]); !cut(err) {
			t.Fatalf("cut at %d of %d: %v", i, len(b), err)
		}
	}
}

// FuzzStream: any bytes are a stream, or an error.
func FuzzStream(f *testing.F) {
	good := answer(f)
	f.Add(good)
	f.Add(lie(head{kind: kindBatch, align: 8, body: 30}, make([]byte, 30)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := read(b); err == nil && n != 2 {
			t.Errorf("%d blocks", n)
		}
	})
}
