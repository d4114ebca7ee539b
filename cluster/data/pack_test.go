package data

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

func noise(n int) []byte {
	rnd := rand.New(rand.NewPCG(9, 9))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// TestWhatIsPacked: packed is what comes sooner so, as far as the link is known. Over the slow ones that is seconds, which
// no thread waits for its turn while it packs.
func TestWhatIsPacked(t *testing.T) {
	zeros := make([]byte, partBytes)
	for _, c := range []struct {
		name   string
		link   float64
		b      []byte
		packed bool
	}{
		{"zeros, nothing is measured", 0, zeros, false},
		{"zeros on the loopback interface", 1e9, zeros, false},
		{"zeros over a slow link", 1e3, zeros, true},
		{"noise over a slow link", 1e3, noise(partBytes), false},
		{"a few zeros over a slow link", 1e3, zeros[:leastPack-1], false},
		{"more of them", 1e3, zeros[:leastPack], true},
	} {
		p := packer{link: c.link}
		b := append(make([]byte, 0, partBytes), c.b...)
		how := p.pack(&b)
		if (how != asIs) != c.packed {
			t.Errorf("%s: packed in way %d", c.name, how)
		}
		if how == asIs {
			if !bytes.Equal(b, c.b) {
				t.Errorf("%s: not packed, and changed", c.name)
			}
			continue
		}
		got := noise(len(c.b))
		if err := unpack(how, got, b); err != nil || !bytes.Equal(got, c.b) || len(b) >= len(c.b) {
			t.Errorf("%s: way %d, %d bytes of %d: %v", c.name, how, len(b), len(c.b), err)
		}
	}
}

// TestCostOfPacking: the time of both ends against that of the link.
func TestCostOfPacking(t *testing.T) {
	const n = 100_000
	for _, c := range []struct {
		link   float64
		took   time.Duration
		packed int
		worth  bool
	}{
		{100e6, 200 * time.Microsecond, n / 2, true},   // 0.4 + 0.5 ms for 1 ms
		{100e6, 300 * time.Microsecond, n / 2, false},  // 0.6 + 0.5 ms
		{10e6, 300 * time.Microsecond, n / 2, true},    // 0.6 + 5 ms for 10 ms
		{10e6, time.Microsecond, n * 91 / 100, true},   // less than a part in ten is not looked for here
		{400e6, 100 * time.Microsecond, n / 50, true},  // 0.2 + 0.005 ms for 0.25 ms
		{400e6, 130 * time.Microsecond, n / 50, false}, // 0.26 + 0.005 ms
	} {
		p := packer{link: c.link}
		if worth := p.cost(c.took, c.packed) < p.cost(0, n); worth != c.worth {
			t.Errorf("%+v: %v", c, worth)
		}
	}
}

// TestUnpackingIsBounded: what is packed is taken for what it must be, and for nothing else.
func TestUnpackingIsBounded(t *testing.T) {
	zeros := make([]byte, 64<<20)
	var endless bytes.Buffer // says not how long it is
	z, err := zstd.NewWriter(&endless, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(zeros[:partBytes])
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, partBytes)
	beyond := append(dst, 77)[:partBytes] // one byte more lies behind it
	dst = beyond
	bad := map[string][]byte{"nothing": nil, "noise": noise(5000), "a zstd stream": endless.Bytes()}
	for how := byte(packS2); how < packs; how++ {
		good := pack(how, nil, zeros[:partBytes])
		if err := unpack(how, dst, good); err != nil {
			t.Error(how, err)
		}
		bad["a bomb"], bad["too long"], bad["too short"] = pack(how, nil, zeros), pack(how, nil, zeros[:partBytes+1]), pack(how, nil, zeros[:partBytes-1])
		bad["cut"], bad["doubled"] = good[:len(good)-1], append(append([]byte(nil), good...), good...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for name, b := range bad {
			if err := unpack(how, dst, b); !errors.Is(err, ErrCorrupt) {
				t.Errorf("way %d, %s: %v", how, name, err)
			}
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("way %d: %d bytes were allocated", how, n)
		}
		if dst[:partBytes+1][partBytes] != 77 {
			t.Errorf("way %d wrote behind the end", how)
		}
	}
	if err := unpack(packs, dst, zeros[:10]); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// TestPackedPartsThatDoNotFit has heads that are right and parts that are not.
func TestPackedPartsThatDoNotFit(t *testing.T) {
	zeros := make([]byte, partBytes)
	small := pack(packS2, nil, zeros)
	other := pack(packS2, nil, zeros[:100])
	none := dtype.Schema{}
	for name, says := range map[string][][]byte{
		"packed to nothing":            {lie(head{kind: kindBatch, align: 8, body: partBytes, pack: packS2}, []byte{})},
		"packed to more":               {lie(head{kind: kindBatch, align: 8, body: 10, pack: packS2}, zeros[:10])},
		"an end that is packed":        {lie(head{kind: kindEnd, pack: packS2}, []byte{})},
		"another length":               {lie(head{kind: kindBatch, align: 8, body: partBytes, pack: packS2}, other)},
		"another way":                  {lie(head{kind: kindBatch, align: 8, body: partBytes, pack: packZstd}, small)},
		"a way that is none":           {lie(head{kind: kindBatch, align: 8, body: partBytes, pack: packs}, small)},
		"right, for rows that are not": {lie(head{kind: kindBatch, align: 8, rows: 1, body: partBytes, pack: packS2}, small)},
	} {
		addr, p := liar(t, says...)
		if err := p.Get(context.Background(), addr, "", &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{none}, &catcher{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for how := byte(packS2); how < packs; how++ {
		f.Add(how, uint32(5000), pack(how, nil, make([]byte, 5000)))
	}
	f.Fuzz(func(t *testing.T, how byte, n uint32, src []byte) {
		dst := make([]byte, 1+n%partBytes, 1+n%partBytes+8)
		if err := unpack(how, dst, src); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
		for _, x := range dst[len(dst):cap(dst)] {
			if x != 0 {
				t.Fatal("written behind the end")
			}
		}
	})
}

// slowly listens, counts what is sent, and lets so many bytes a second through.
type slowly struct {
	net.Listener
	rate float64
	sent atomic.Int64
}

// Accept implements net.Listener.
func (l *slowly) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &throttled{c, l}, err
}

type throttled struct {
	net.Conn
	l *slowly
}

// Write implements net.Conn.
func (c *throttled) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		k := min(len(b), 16<<10)
		time.Sleep(time.Duration(float64(k) / c.l.rate * 1e9))
		k, err = c.Conn.Write(b[:k])
		c.l.sent.Add(int64(k))
		n += k
		b = b[k:]
	}
	return n, err
}

// elsewhere is a listener at an address that callers of this machine do not have: Linux has many
// on the loopback interface.
func elsewhere(t testing.TB) net.Listener {
	lis, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this system has no second address on the loopback interface: ", err)
	}
	return lis
}

// TestSlowLinksArePacked: the first stream measures the way, the next ones are packed, and one
// of some is not, to measure it again.
func TestSlowLinksArePacked(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	const n = 5 << 15 // rows, of 8 bytes
	words := make([]uint64, n)
	for i := range words {
		words[i] = uint64(i % 1000)
	}
	num := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}}
	b := &chunk.Batch{N: n, Cols: []chunk.Vec{{Type: num[0].Type, N: n, Data: chunk.Bytes(words)}}}
	slow := &slowly{Listener: elsewhere(t), rate: 1e6}
	addr, p := startAt(t, NewServer(&shelf{v: chunk.NewBlock([][]*chunk.Batch{{b}})}, insecure.NewCredentials(), anybody), slow)
	get := func() int64 {
		before := slow.sent.Load()
		c := &same{want: words}
		if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{num}, c); err != nil || c.rows != n {
			t.Fatalf("%d rows: %v", c.rows, err)
		}
		return slow.sent.Load() - before
	}
	if sent := get(); sent < b.Bytes() {
		t.Errorf("%d bytes were sent of %d before anything was measured", sent, b.Bytes())
	}
	bytes, took := p.Moved(addr)
	if link := p.way(addr).link; bytes < b.Bytes()*2/3 || took <= 0 || link <= 0 || link >= fastLink {
		t.Fatalf("%d of %d bytes in %v were measured, the link has %.0f a second", bytes, b.Bytes(), took, link)
	}
	if again, _ := p.Moved(addr); again != 0 {
		t.Errorf("%d bytes were told twice", again)
	}
	was := p.way(addr).link
	if sent := get(); sent > b.Bytes()/2 {
		t.Errorf("%d bytes of %d were sent over a link of %.0f a second", sent, b.Bytes(), was)
	}
	if p.way(addr).link != was {
		t.Error("a stream that was packed has measured the link")
	}
	whole := 0
	p.way(addr).asks = 0
	for range afresh {
		if p.speed(p.way(addr)) == 0 {
			whole++
		}
	}
	if whole != 1 {
		t.Errorf("%d of %d streams measure the way again", whole, afresh)
	}
	p.Drop(addr)
	if p.speed(p.way(addr)) != 0 {
		t.Error("what comes to an address is believed of who has it next")
	}
}

// same is a Sink that compares numbers.
type same struct {
	nothing
	want []uint64
	rows int
}

// Put implements Sink.
func (c *same) Put(_, _ int, b *chunk.Batch) (bool, error) {
	for i, x := range chunk.Values[uint64](&b.Cols[0]) {
		if x != c.want[c.rows+i] {
			return false, errors.New("another number")
		}
	}
	c.rows += b.N
	return false, nil
}
