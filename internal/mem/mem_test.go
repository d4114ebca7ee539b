package mem

import (
	"math/rand/v2"
	"os"
	"testing"
	"unsafe"
)

func TestPoolCountsAndRefuses(t *testing.T) {
	p := NewPool(8 << 20)
	a := p.Alloc(3 << 20)
	if a == nil || p.Used() != Size(3<<20) {
		t.Fatalf("used %d", p.Used())
	}
	if p.Alloc(6<<20) != nil {
		t.Fatal("9 MiB fitted into 8")
	}
	p.Free(a)
	if p.Used() != 0 {
		t.Fatalf("used %d after Free", p.Used())
	}
	b := p.Alloc(3 << 20)
	if unsafe.SliceData(a) != unsafe.SliceData(b) {
		t.Error("the freed slab was not reused")
	}
	p.Free(b)
	if c := p.Alloc(7 << 20); c == nil {
		t.Error("a cached slab of another class blocked an allocation that fits")
	}
}

func TestFreeOfForeignBufferPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewPool(0).Free(make([]byte, 1<<20))
}

func TestRandomTraffic(t *testing.T) {
	p := NewPool(64 << 20)
	r := rand.New(rand.NewPCG(1, 2))
	var live [][]byte
	for range 20000 {
		if len(live) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(live))
			p.Free(live[i])
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
			continue
		}
		n := 1 + r.IntN(1<<r.IntN(22))
		b := p.Alloc(n)
		if b == nil {
			continue
		}
		if len(b) != n || cap(b) < n+pad {
			t.Fatalf("Alloc(%d): len %d cap %d", n, len(b), cap(b))
		}
		if n >= SlabMin && uintptr(unsafe.Pointer(&b[0]))%64 != 0 {
			t.Fatalf("slab at %p is not aligned", &b[0])
		}
		b[0], b[n-1] = 1, 1
		live = append(live, b)
	}
	for _, b := range live {
		p.Free(b)
	}
	if p.Used() != 0 || p.Peak() > p.Limit() {
		t.Fatalf("used %d peak %d", p.Used(), p.Peak())
	}
}

// What is handed out keeps to the limit to the byte, also where a buffer would be a larger piece since there is no
// room for a shelf of the right ones.
func TestLargerPiecesKeepToTheLimit(t *testing.T) {
	p := NewPool(16 << 20)
	fill := func(size int, room int64) (got [][]byte) {
		for p.Room() >= room {
			b := p.Alloc(size)
			if b == nil {
				break
			}
			got = append(got, b)
		}
		return got
	}
	const piece = 8<<10 - pad
	pieces := fill(piece, 0)
	for i := 0; i < len(pieces); i += 2 { // every shelf keeps some
		p.Free(pieces[i])
	}
	for _, size := range []int{100 << 10, 20 << 10, 10 << 10} { // until no more may be mapped
		fill(size, 0)
	}
	fill(piece, 2*(piece+pad))
	fill(900, 6<<10) // these are of the heap
	if room := p.Room(); room < 5<<10-pad || room >= piece {
		t.Fatalf("room for %d bytes: less than a piece, more than half of one", room)
	}
	if p.Alloc(3 << 10); p.Peak() > p.Limit() {
		t.Errorf("%d bytes of %d were handed out", p.Peak(), p.Limit())
	}
}

func BenchmarkAllocFree1MiB(b *testing.B) {
	p := NewPool(64 << 20)
	for b.Loop() {
		p.Free(p.Alloc(1 << 20))
	}
}

// Behind every buffer there is room to read, whatever its size.
func TestBuffersHaveRoomBehind(t *testing.T) {
	p := NewPool(64 << 20)
	for _, base := range []int{0, 1 << 10, 32 << 10, 40_000, 256 << 10} {
		for n := base; n < base+17; n++ {
			for name, a := range map[string]Allocator{"heap": Heap, "pool": p} {
				b := a.Alloc(n)
				if len(b) != n || cap(b) < n+64 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 != 0 {
					t.Fatalf("%s: %d bytes asked for, %d with room for %d given", name, n, len(b), cap(b))
				}
				clear(b[:cap(b)])
				a.Free(b)
			}
		}
	}
}

// Buffers of any small sizes, a few of each living on, do not fill the budget with
// free pieces.
func TestManySizes(t *testing.T) {
	p := NewPool(32 << 20)
	var live [][]byte
	for round := range 24 {
		var gone [][]byte
		for i := range 200 {
			b := p.Alloc(2000 + 8*(round*200+i)%60000)
			if b == nil {
				t.Fatalf("round %d: no place for a buffer with %d of %d bytes in use", round, p.Used(), p.Limit())
			}
			if i%25 == 0 {
				live = append(live, b)
			} else {
				gone = append(gone, b)
			}
		}
		for _, b := range gone {
			p.Free(b)
		}
	}
	for _, b := range live {
		p.Free(b)
	}
	if p.Used() != 0 {
		t.Errorf("%d bytes left", p.Used())
	}
}

// Pieces of the memory of a process come to where they are to stay, more than the system takes at once.
func TestPeek(t *testing.T) {
	if !CanPeek {
		t.Skip("this system has no such call")
	}
	const pieces, size = 2500, 7
	from, to := make([]byte, pieces*size), make([]byte, pieces*size)
	for i := range from {
		from[i] = byte(i * 31 >> 3)
	}
	var local [][]byte
	var remote []uint64
	for i := range pieces { // the last one first
		local = append(local, to[i*size:(i+1)*size])
		remote = append(remote, Address(from[(pieces-1-i)*size:]))
	}
	if err := Peek(os.Getpid(), local, remote); err != nil {
		t.Fatal(err)
	}
	for i := range pieces {
		if got, want := string(local[i]), string(from[(pieces-1-i)*size:][:size]); got != want {
			t.Fatalf("piece %d is %q, want %q", i, got, want)
		}
	}
	for name, at := range map[string]uint64{"nobody's memory": 8, "the end of memory": 1<<64 - 4} {
		if err := Peek(os.Getpid(), local[:1], []uint64{at}); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if err := Peek(-1, local[:1], remote); err == nil {
		t.Error("a process that is none was read")
	}
}
