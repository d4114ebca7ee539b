package group

import (
	"unsafe"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
)

// floatSumPart sums floats exactly. Its accumulators are an array of their own,
// because a change of window moves them all.
type floatSumPart struct {
	rowPart
	arg    int
	sums   exact.Sums
	acc    buf[exact.Acc]
	n      int   // accumulators that are zero or in use
	held   int64 // bytes of wide states that are reserved
	states [][16]byte
}

func (p *floatSumPart) packed() int { return 16 }

func (p *floatSumPart) grow(n int) bool {
	if n <= p.n {
		return true
	}
	if !p.acc.grow(p.t.mem, p.n, n) {
		return false
	}
	clear(p.acc.s[p.n:n])
	p.n = n
	return true
}

// room reserves what wide states took since the last lap: they are small
// compared with a lap, so that being one late does no harm.
func (p *floatSumPart) room(*lap) bool {
	if b := p.sums.Bytes(); b > p.held {
		if !p.t.reserve(b - p.held) {
			return false
		}
		p.held = b
	}
	return true
}

func (p *floatSumPart) reset() {
	p.sums.Reset()
	p.t.release(p.held)
	p.n, p.held = 0, 0
}

func (p *floatSumPart) free() {
	p.reset()
	p.acc.free(p.t.mem)
}

func (p *floatSumPart) update(l *lap) {
	a := &l.lanes[p.arg]
	acc := p.acc.s[:p.n]
	switch {
	case a.n == 0:
	case p.t.whole && a.v.Type.Kind == dtype.Float32:
		exact.AddSlice(&p.sums, &acc[0], 0, values[float32](a), nil)
	case p.t.whole:
		exact.AddSlice(&p.sums, &acc[0], 0, values[float64](a), nil)
	case a.v.Type.Kind == dtype.Float32:
		exact.AddAll(&p.sums, acc, a.g, values[float32](a), nil)
	default:
		exact.AddAll(&p.sums, acc, a.g, values[float64](a), nil)
	}
}

func (p *floatSumPart) pack(g uint32, dst []byte) {
	b := p.sums.Pack(p.acc.s[g])
	copy(dst, b[:])
}

func (p *floatSumPart) extra(g uint32, dst []byte) []byte {
	if !p.sums.HasWide() {
		return dst
	}
	return p.sums.AppendWide(dst, g)
}

func (p *floatSumPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	if cap(p.states) < len(gid) {
		p.states = make([][16]byte, max(len(gid), lapRows))
	}
	st := p.states[:len(gid)]
	for i := range st {
		st[i] = *(*[16]byte)(unsafe.Pointer(unsafe.SliceData(b[int(off[i])+at:][:16])))
	}
	return p.sums.MergePacked(p.acc.s[:p.n], gid, st)
}

func (p *floatSumPart) mergeExtra(g uint32, _, extra []byte) error {
	return p.sums.MergeWide(p.acc.s[:p.n], g, extra)
}
