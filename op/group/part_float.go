package group

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
)

// floatSumPart sums floats exactly.
type floatSumPart struct {
	rowPart
	arg    int
	sums   exact.Sums
	held   int64 // bytes of wide states that are reserved
	states [][accBytes]byte
}

// accBytes is the width of a sum in a row, and of a packed one.
const accBytes = 16

// accs returns the sums of all groups.
func (p *floatSumPart) accs() exact.Accs {
	return exact.InRows(p.t.rows.s, p.t.made, p.off, p.t.stride)
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
	p.held = 0
}

func (p *floatSumPart) free() { p.reset() }

func (p *floatSumPart) update(l *lap) {
	a := &l.lanes[p.arg]
	acc := p.accs()
	switch {
	case a.n == 0:
	case p.t.whole && a.v.Type.Kind == dtype.Float32:
		exact.AddSlice(&p.sums, acc.At(0), 0, values[float32](a), nil)
	case p.t.whole:
		exact.AddSlice(&p.sums, acc.At(0), 0, values[float64](a), nil)
	case a.v.Type.Kind == dtype.Float32:
		exact.AddAll(&p.sums, acc, a.g, values[float32](a), nil)
	default:
		exact.AddAll(&p.sums, acc, a.g, values[float64](a), nil)
	}
}

// unit returns the binary exponent of the accumulators' unit.
func (p *floatSumPart) unit() int {
	b := p.sums.Pack(exact.Acc{})
	return 32 * int(int8(b[15]))
}

// value returns the sum of group g, which is a, rounded once. It is sums.Value with a short
// way for groups without wide states whose sums are far from the ends of the
// range: they are nearly all, and often there are as many as rows.
func (p *floatSumPart) value(a exact.Acc, g uint32, unit int) float64 {
	neg := uint64(a.Hi >> 63)
	lo, borrow := bits.Sub64(a.Lo^neg, neg, 0)
	hi, _ := bits.Sub64(uint64(a.Hi)^neg, neg, borrow)
	if p.sums.HasWide() || unit < -800 || unit > 700 || hi|lo == 0 {
		return p.sums.Value(a, g)
	}
	// The top 63 bits, with everything below in the last: conversion rounds them
	// to 53, ties to even.
	exp := unit + 64
	if hi == 0 {
		hi, lo, exp = lo, 0, unit
	}
	z := uint(bits.LeadingZeros64(hi))
	top := hi<<z | lo>>1>>(63-z)
	if lo<<z != 0 {
		top |= 1
	}
	f := float64(int64(top>>1 | top&1))
	f *= math.Float64frombits(uint64(exp-int(z)+1+1023) << 52) // exact
	if neg != 0 {
		return -f
	}
	return f
}

func (p *floatSumPart) pack(g uint32, dst []byte) {
	b := p.sums.Pack(*p.accs().At(g))
	copy(dst, b[:])
}

func (p *floatSumPart) packAll(gid []uint32, dst []byte, at, step int) {
	accs := p.accs()
	for i, g := range gid {
		b := p.sums.Pack(*accs.At(g))
		copy(dst[i*step+at:], b[:])
	}
}

func (p *floatSumPart) plain() bool { return !p.sums.HasWide() }

func (p *floatSumPart) extra(g uint32, dst []byte) []byte {
	if !p.sums.HasWide() {
		return dst
	}
	return p.sums.AppendWide(dst, g)
}

func (p *floatSumPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	if cap(p.states) < len(gid) {
		p.states = make([][accBytes]byte, max(len(gid), lapRows))
	}
	st := p.states[:len(gid)]
	for i := range st {
		st[i] = *(*[accBytes]byte)(unsafe.Pointer(unsafe.SliceData(b[int(off[i])+at:][:accBytes])))
	}
	return p.sums.MergePacked(p.accs(), gid, st)
}

func (p *floatSumPart) mergeExtra(g uint32, _, extra []byte) error {
	return p.sums.MergeWide(p.accs(), g, extra)
}
