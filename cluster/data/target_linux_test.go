package data

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// A target is a process of its own that hostile streams are sent to. It has no more address space than it needs for some large bodies, one after the other, and
// what a stream may have sent before, so that a length that is believed ends it.
const (
	envTarget   = "WEFT_DATA_TARGET" // the address that it fetches from; "give": it takes blocks
	targetSpace = 1 << 30            // bytes of address space beyond those it has when it begins: bodies that the collector has not yet given back leave holes
	targetHeap  = 128 << 20          // bytes of which the collector has to think that there are no more
	targetGrows = 256 << 20          // resident bytes, at most: one body, its room, and what the collector leaves
)

// ranAsTarget is called first of all.
func ranAsTarget() bool {
	what := os.Getenv(envTarget)
	if what == "" {
		return false
	}
	debug.SetMemoryLimit(targetHeap)
	space := statusBytes("VmSize") + targetSpace
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: space, Max: space}); err != nil {
		fmt.Println("failed", err)
		return true
	}
	before := statusBytes("VmRSS")
	if what == "give" {
		takeAll()
	} else {
		fetchAll(what)
	}
	fmt.Println("grew", statusBytes("VmHWM")-before)
	return true
}

// statusBytes is a line of what the system says of this process.
func statusBytes(name string) uint64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), name+":")
	rest, _, _ = strings.Cut(rest, "kB")
	n, _ := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
	return n << 10
}

// An abyss takes every block and keeps nothing.
type abyss struct{ shelf }

type falling struct{ nothing }

func (falling) Over(error) {}

func (*abyss) Take(*Ticket, Ref) (Taker, dtype.Schema, error) { return falling{}, schema, nil }

// takeAll is a worker that clients give blocks to, until its input ends.
func takeAll() {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	s := NewServer(&abyss{}, insecure.NewCredentials(), anybody)
	s.giving = 2 * time.Second
	go func() { _ = s.Serve(lis) }()
	fmt.Println("at", lis.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Stop()
}

// fetchAll is a reader that asks somebody for blocks as often as its input says.
func fetchAll(addr string) {
	p := NewPeers(insecure.NewCredentials(), 2*time.Second)
	defer p.Close()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}, {Hi: -1}}}, []dtype.Schema{schema, schema}, nothing{})
		p.way(addr).far = false // it is offered every time
		switch {
		case errors.Is(err, ErrCorrupt):
			fmt.Println("corrupt")
		default:
			fmt.Printf("else %q\n", fmt.Sprint(err))
		}
	}
}

// startTarget runs a target. Its lines come one by one; end has it end, and returns how many bytes it grew.
func startTarget(t *testing.T, what string) (in io.Writer, line func() string, end func() uint64) {
	t.Helper()
	if b, ok := debug.ReadBuildInfo(); !ok || slices.Contains(b.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector takes more address space than can be bounded")
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), envTarget+"="+what)
	var said bytes.Buffer
	c.Stderr = &said
	to, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(from)
	line = func() string {
		if !lines.Scan() {
			_ = c.Process.Kill()
			t.Fatalf("the process has ended: %v\n%.2000s", c.Wait(), said.String())
		}
		return lines.Text()
	}
	return to, line, func() (grew uint64) {
		_ = to.Close()
		if n, err := fmt.Sscanf(line(), "grew %d", &grew); n != 1 {
			t.Error(err)
		}
		if err := c.Wait(); err != nil {
			t.Errorf("%v\n%.2000s", err, said.String())
		}
		return grew
	}
}

// A piece is a frame of a stream.
type piece struct {
	h    head
	part []byte
}

// piecesOf takes a stream apart.
func piecesOf(t *testing.T, stream []byte) (out []piece) {
	for len(stream) > 0 {
		var p piece
		if err := p.h.peek(stream[:headSize]); err != nil {
			t.Fatal(err)
		}
		n := headSize + int(p.h.part)
		p.part = stream[headSize:n]
		out, stream = append(out, p), stream[n:]
	}
	return out
}

// extremes are what lengths and counts are changed to.
var extremes = []uint64{0, 1, 7, 16, 255, partBytes, partBytes + 1, maxRuns, maxRuns + 1, maxBody, maxBody + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 33, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// spoil changes a stream so that its checksums are right, and what it says is not so.
func spoil(rnd *rand.Rand, good []piece) (stream []byte) {
	at, pick := rnd.IntN(len(good)), func() uint64 { return extremes[rnd.IntN(len(extremes))] }
	for i, p := range good {
		if i != at {
			stream = append(p.h.over(p.part).append(stream), p.part...)
			continue
		}
		part, h := bytes.Clone(p.part), p.h
		for range 1 + rnd.IntN(3) {
			switch k := rnd.IntN(10); {
			case k == 0:
				h.body = uint32(pick())
			case k == 1:
				h.rows = pick()
			case k == 2:
				h.seq = pick()
			case k == 3:
				h.run = uint32(pick())
			case k == 4:
				h.kind = byte(rnd.IntN(kindTaken + 2))
			case k == 5:
				h.align, h.pack = byte(rnd.IntN(256)), byte(rnd.IntN(5))
			case k == 6:
				h.ref = uint32(pick())
			case k == 7:
				h.codes = uint32(pick())
			case len(part) >= 8: // lengths in descriptors, offsets, codes
				binary.LittleEndian.PutUint64(part[rnd.IntN(len(part)/8)*8:], pick())
			}
		}
		h.over(part)
		if rnd.IntN(8) == 0 {
			h.part = uint32(pick())
		}
		for range 1 + rnd.IntN(2)*rnd.IntN(50) { // or the same again, and again
			stream = append(h.append(stream), part...)
		}
	}
	return stream
}

// endless are streams that are right as far as they come, and would go on.
var endless = []struct {
	name  string
	frame func(i int) []byte
	bytes int
}{
	{"dictionaries", dictionary, 5 << 28},
	{"dictionaries and batches without rows", func(i int) []byte {
		if i%6 == 5 {
			return lie(head{kind: kindBatch, align: 8, body: uint32(16 * len(schema))}, make([]byte, 16*len(schema)))
		}
		return dictionary(i)
	}, 5 << 28},
	{"waits", func(int) []byte { return lie(head{kind: kindWait}, nil) }, 64 << 20},
	{"large bodies that begin", func(int) []byte {
		return lie(head{kind: kindBatch, align: 8, rows: 1, body: maxBody}, make([]byte, 100))
	}, 1},
}

// dictionary is a frame with a dictionary of one long value.
func dictionary(i int) []byte {
	part, le := bytes.Repeat([]byte("x"), partBytes), binary.LittleEndian
	text := uint64(len(part) - 16 - 8)
	le.PutUint64(part, 0)
	le.PutUint64(part[8:], text)
	le.PutUint64(part[16:], text<<32)
	return lie(head{kind: kindDict, align: 8, rows: 1, seq: uint64(i) + 1, body: partBytes}, part)
}

// hostile are the streams that a target gets.
func hostile(t *testing.T, n int) (out []func(w io.Writer) error) {
	good := piecesOf(t, answer(t))
	rnd := rand.New(rand.NewPCG(5, 25))
	for range n {
		b := spoil(rnd, good)
		out = append(out, func(w io.Writer) error { _, err := w.Write(b); return err })
	}
	for _, e := range effort.Some(2, endless) {
		out = append(out, func(w io.Writer) (err error) {
			for i, sent := 0, 0; sent < e.bytes && err == nil; i++ {
				b := e.frame(i)
				sent += len(b)
				_, err = w.Write(b)
			}
			return err
		})
	}
	return out
}

// TestHostileAnswersUnderLimit: a reader with little address space asks one for blocks who answers with streams that are not so, or have
// no end: it says so of each, lives, and does not grow.
func TestHostileAnswersUnderLimit(t *testing.T) {
	streams := hostile(t, effort.Of(1500, 300))
	rnd := rand.New(rand.NewPCG(2, 2))
	for range effort.Of(500, 100) {
		b := wild(rnd)
		streams = append(streams, func(w io.Writer) error { _, err := w.Write(b); return err })
	}
	var says func(io.Writer) error
	near := false
	addr, p := teller(t, func(c *conn, tk Ticket) error {
		w := newWriter(c, time.Second)
		defer w.close()
		if near = !near; near && tk.Proof != (Proof{}) {
			if err := errors.Join(w.greet(tk.Proof), w.flush()); err != nil {
				return err
			}
		}
		return says(c)
	})
	defer p.Close()
	in, line, end := startTarget(t, addr)
	failed := 0
	for _, says = range streams {
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		if line() == "corrupt" {
			failed++
		}
	}
	if grew := end(); grew > targetGrows {
		t.Errorf("the process grew by %d bytes", grew)
	} else {
		t.Logf("%d of %d streams were corrupt, the process grew by %d bytes", failed, len(streams), grew)
	}
	if failed < len(streams)*3/4 { // some are as they should be: those where one number is as good as another
		t.Errorf("%d of %d streams were corrupt", failed, len(streams))
	}
}

// wild is a frame with a list of what lies anywhere.
func wild(rnd *rand.Rand) []byte {
	le, list := binary.LittleEndian, []byte(nil)
	for range 1 + rnd.IntN(3000) {
		n := uint32(extremes[rnd.IntN(len(extremes))])
		if rnd.IntN(2) == 0 {
			n = uint32(rnd.IntN(1 << 18))
		}
		list = le.AppendUint64(le.AppendUint64(le.AppendUint32(list, n), rnd.Uint64()>>rnd.IntN(64)), rnd.Uint64())
	}
	return lie(head{kind: kindBatch, align: 64, pack: lies, rows: 1000, body: uint32(rnd.IntN(maxBody + 2))}, list)
}

// TestHostileGiftsUnderLimit: the same for a worker that clients give blocks to, who have the secret. It serves the next one.
func TestHostileGiftsUnderLimit(t *testing.T) {
	_, line, end := startTarget(t, "give")
	addr, ok := strings.CutPrefix(line(), "at ")
	if !ok {
		t.Fatal(addr)
	}
	ticket := (&Ticket{Refs: []Ref{{Hi: -1}}}).Bytes(key)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i, says := range hostile(t, effort.Of(1500, 300)) {
		c, err := dial(ctx, addr, insecure.NewCredentials())
		if err == nil {
			err = c.ask(kindGive, ticket)
		}
		if err == nil {
			err = c.await(kindWait)
		}
		if err != nil {
			t.Errorf("stream %d: %v", i, err)
			break
		}
		_ = says(c) // it may have had enough before
		_ = c.Close()
	}
	if grew := end(); grew > targetGrows {
		t.Errorf("the process grew by %d bytes", grew)
	} else {
		t.Logf("the process grew by %d bytes", grew)
	}
}
