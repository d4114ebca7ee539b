package mem

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// TestAdvise finds the inner pages of a large buffer among those for which huge pages are
// asked, and a small buffer not.
func TestAdvise(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("the kernel has no huge pages to give")
	}
	large, small := make([]byte, 3*advised), make([]byte, advised-1)
	Advise(large)
	Advise(small)
	if !asked(t, &large[len(large)/2]) {
		t.Error("no huge pages were asked for a large buffer")
	}
	if asked(t, &small[len(small)/2]) {
		t.Error("huge pages were asked for a small buffer")
	}
}

// asked reports whether huge pages were asked for the page of p.
func asked(t *testing.T, p *byte) bool {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	at, here := uint64(uintptr(unsafe.Pointer(p))), false
	for s := bufio.NewScanner(f); s.Scan(); {
		var lo, hi uint64
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &lo, &hi); n == 2 {
			here = lo <= at && at < hi
		} else if flags, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok && here {
			return strings.Contains(flags+" ", " hg ")
		}
	}
	t.Skip("the buffer is not listed")
	return false
}

// TestSmallSlabsLieInHugePages: buffers below a huge page are asked for in such pages too, one after the other, and those that are unmapped take
// nothing from the others.
func TestSmallSlabsLieInHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("the kernel has no huge pages to give")
	}
	p := NewPool(0)
	var bufs [][]byte
	for i := range 120 { // more than an arena has
		b := p.Alloc(40<<10 + i%4*200<<10)
		for at := range b {
			b[at] = byte(i)
		}
		bufs = append(bufs, b)
	}
	for i, b := range bufs {
		if i%3 == 0 {
			if i%60 == 0 && !asked(t, &b[len(b)/2]) {
				t.Fatalf("no huge pages were asked for a buffer of %d bytes", len(b))
			}
			continue
		}
		p.Free(b)
	}
	p.Trim()
	for i := 0; i < len(bufs); i += 3 {
		if n := bytes.Count(bufs[i], []byte{byte(i)}); n != len(bufs[i]) {
			t.Fatalf("%d of %d bytes of buffer %d are left", n, len(bufs[i]), i)
		}
		p.Free(bufs[i])
	}
	if p.Trim(); p.Used() != 0 {
		t.Errorf("%d bytes are used", p.Used())
	}
}
