package spill

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// TestBuffers: what waits to be used again is bounded, whatever sizes come back in what order, and is used again.
func TestBuffers(t *testing.T) {
	var s buffers
	r := rand.New(rand.NewPCG(1, 2))
	var out []*buffer
	for range 5000 {
		if len(out) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(out))
			s.put(out[i])
			out[i] = out[len(out)-1]
			out = out[:len(out)-1]
		} else {
			n := 1 << r.IntN(22)
			b := s.take(n)
			if cap(b.b) < n {
				t.Fatalf("%d bytes of room, want %d", cap(b.b), n)
			}
			out = append(out, b)
		}
		sum := 0
		for i, b := range s.idle {
			if sum += cap(b.b); i > 0 && cap(s.idle[i-1].b) > cap(b.b) {
				t.Fatal("they are not in order")
			}
		}
		if sum != s.bytes || sum > maxIdle {
			t.Fatalf("%d bytes are idle and %d are counted, %d may be", sum, s.bytes, maxIdle)
		}
	}
	var one buffers
	b := one.take(1000)
	one.put(b)
	if one.take(900) != b {
		t.Error("it is not used again")
	}
	large := one.take(1 << 20)
	one.put(large)
	if one.take(1000) == large {
		t.Error("a buffer of 1 MiB for 1000 bytes")
	}
}

// TestLargeFrames: a frame of many megabytes is written without a buffer of its size, and read into one of the budget, which gets it
// back; where that has no room it is read all the same.
func TestLargeFrames(t *testing.T) {
	const n = 1000
	long := bytes.Repeat([]byte("0123456789abcdef"), 5*largeFrame/16)
	off, num, valid := make([]int32, n+1), make([]int64, n), make([]uint64, chunk.Words(n))
	for i := range n {
		off[i+1] = int32((i + 1) * len(long) / n)
		num[i] = int64(i)
		valid[i>>6] |= uint64(i&1) << (i & 63)
	}
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8)}, {Name: "i", Type: dtype.Of(dtype.Int64), Nullable: true}, {Name: "t", Type: dtype.Of(dtype.Utf8)}}
	b := &chunk.Batch{N: n, Seq: 7, Cols: []chunk.Vec{{Type: s[0].Type, N: n, Off: off, Str: long},
		{Type: s[1].Type, N: n, Data: chunk.Bytes(num), Valid: valid}, {Type: s[2].Type, N: n, Off: off, Str: long}}}
	for _, room := range []int64{64 << 20, 1 << 20} {
		pool := mem.NewPool(room)
		defer pool.Trim()
		d := NewDir(t.TempDir())
		defer d.Close()
		d.Draw(pool)
		f, err := d.Create(s, 1)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := f.Write(0, b); err != nil {
				t.Fatal(err)
			}
		}
		if pool.Peak() > 0 || d.bufs.bytes > 2*pouring {
			t.Errorf("writing took %d bytes of the budget, and left %d", pool.Peak(), d.bufs.bytes)
		}
		r, err := f.Open(0)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if got.N != n || got.Seq != 7 || !bytes.Equal(got.Cols[0].Str, long) || !slices.Equal(got.Cols[2].Off, off) || !bytes.Equal(got.Cols[2].Str, long) ||
				!bytes.Equal(got.Cols[1].Data, b.Cols[1].Data) || !slices.Equal(got.Cols[1].Valid, valid) {
				t.Error("a frame is not as it was written")
			}
			if used := pool.Used(); (used > 2*int64(len(long))) != (room > 2*int64(len(long))) {
				t.Errorf("%d bytes of a budget of %d are used", used, room)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("a third frame: %v", err)
		}
		if r.Close(); pool.Used() != 0 {
			t.Errorf("%d bytes were not given back", pool.Used())
		}
		f.Release()
	}
}
