package group

import (
	"math"
	"math/bits"
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

	touched uint64 // keeps fetch from being optimised away
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
	if p.n > many {
		p.touched = p.fetch(a.g)
	}
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

// many is the number of accumulators from which they do not fit the second-level
// cache: then their lines are fetched ahead, which a loop with few instructions
// does with more misses at once.
const many = 1 << 17

func (p *floatSumPart) fetch(g []uint32) (x uint64) {
	acc := p.acc.s[:p.n]
	for _, g := range g {
		x += acc[g].Lo
	}
	return x
}

// unit returns the binary exponent of the accumulators' unit.
func (p *floatSumPart) unit() int {
	b := p.sums.Pack(exact.Acc{})
	return 32 * int(int8(b[15]))
}

// value returns the sum of group g, rounded once. It is sums.Value with a short
// way for groups without wide states whose sums are far from the ends of the
// range: they are nearly all, and often there are as many as rows.
func (p *floatSumPart) value(g uint32, unit int) float64 {
	a := p.acc.s[g]
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
	b := p.sums.Pack(p.acc.s[g])
	copy(dst, b[:])
}

func (p *floatSumPart) packAll(gid []uint32, dst []byte, at, step int) {
	for i, g := range gid {
		p.pack(g, dst[i*step+at:])
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
