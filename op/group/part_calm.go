package group

import (
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

const (
	calmLead  = 8       // n, five words of small integers and two to fill a line
	calmWidth = 4 * 64  // of a correlation's state: whole lines
	calmValue = 1 << 16 // magnitude: calmRows products of two have a sum of less than 63 bits
	calmRows  = 1 << 30
)

// updateCalm adds pairs of small integers.
func (p *momentsPart) updateCalm(x, y *chunk.Vec, g []uint32) bool {
	v, ok := p.smallInts(0, x, len(g))
	if !ok {
		return false
	}
	w, ok := p.smallInts(1, y, len(g))
	if !ok {
		return false
	}
	p.unit = [2]int{intUnit, intUnit}
	if p.calm += int64(len(g)); p.calm > calmRows {
		p.settle()
		p.calm = int64(len(g))
	}
	b, s := p.base()
	for i, g := range g {
		a, v, w := (*[6]int64)(unsafe.Pointer(int64At(b, s, g, 0))), v[i], w[i]
		a[0]++
		a[1] += v
		a[2] += w
		a[3] += v * v
		a[4] += w * w
		a[5] += v * w
	}
	return true
}

// smallInts returns the first n values of an argument, all valid; false if one is no integer below
// calmValue.
func (p *momentsPart) smallInts(arg int, v *chunk.Vec, n int) ([]int64, bool) {
	k := v.Type.Kind
	if !k.IsInt() || k == dtype.Uint64 {
		return nil, false
	}
	var o []int64
	if k == dtype.Int64 {
		o = chunk.Slice[int64](v.Data, n)
	} else {
		if p.ints[arg] == nil {
			p.ints[arg] = make([]int64, lapRows)
		}
		o = p.ints[arg][:n]
		orderKeys(v, o)
	}
	var most uint64 // no less than the magnitude of each, which may be one more below zero
	for _, x := range o {
		most |= uint64(x ^ x>>63)
	}
	return o, most < calmValue
}

// settle adds the words of small integers to the sums.
func (p *momentsPart) settle() {
	b, s := p.base()
	for g := range uint32(p.t.made) {
		for k := range p.sums() {
			c := int64At(b, s, g, 1+uintptr(k))
			addSmall(p.at(b, s, g, k)[:], *c)
			*c = 0
		}
	}
	p.calm = 0
}
