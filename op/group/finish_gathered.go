package group

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/chunk"
)

// gathered computes the aggregates whose states are regions.
func (f *finisher) gathered(a *aggPlan, p part, gid []uint32, o *outVec) error {
	var short [16]byte
	for i, g := range gid {
		switch p := p.(type) {
		case *sketchPart:
			fixedOut[int64](o, len(gid))[i] = p.estimate(g)
		case *collectPart:
			if err := f.collected(a, p, g, i, o); err != nil {
				return err
			}
		case *bestPart:
			f.best(a, p, g, i, o)
		case *tallyPart:
			if p.buckets {
				x, ok := p.quantile(g, a.q, !a.t.Kind.IsFloat())
				putFloat(o, fixedOut[float64](o, len(gid)), i, x, ok)
				continue
			}
			key, ok := p.mode(g)
			if !ok {
				o.setNull(i)
			}
			switch {
			case p.col == nil:
				putFixed(o, i, fromOrder(a.t.Kind, key))
			case ok:
				o.addBytes(i, p.bytesOf(uint32(key), &short), true)
			default:
				o.addBytes(i, nil, false)
			}
		}
	}
	return nil
}

// best writes the mode of a group as value i.
func (f *finisher) best(a *aggPlan, p *bestPart, g uint32, i int, o *outVec) {
	ok := p.word(g, 0) > 0
	if !ok {
		o.setNull(i)
	}
	if !p.isText {
		putFixed(o, i, fromOrder(a.t.Kind, p.word(g, 1)))
		return
	}
	b, _ := p.get(g)
	o.addBytes(i, b, ok)
}

// collected writes the list, or the joined texts, of a group as value i.
func (f *finisher) collected(a *aggPlan, p *collectPart, g uint32, i int, o *outVec) error {
	found := p.segments(g)
	n := 0 // values
	for _, r := range found {
		n += p.segment(r).n
	}
	if a.fn == List {
		o.reserve(f.task, int(p.size(g))+n/8+64)
		o.str = p.appendList(o.str, found, n)
	} else {
		o.reserve(f.task, int(p.size(g))+n*max(0, len(a.sep)-4)+64)
		some := false
		for _, r := range found {
			s := p.segment(r)
			for range s.n {
				b, null := p.next(&s)
				if null {
					continue
				}
				if some {
					o.str = append(o.str, a.sep...)
				}
				o.str, some = append(o.str, b...), true
			}
		}
		if !some {
			o.setNull(i)
		}
	}
	if len(o.str) > math.MaxInt32 {
		return fmt.Errorf("%s of column %s: one value has %d bytes, and at most 2 GiB are possible", a.fn, a.col, len(o.str)-int(o.off[len(o.off)-1]))
	}
	o.off = append(o.off, int32(len(o.str)))
	return nil
}

// appendList appends the record of the list of the n values of segments.
func (p *collectPart) appendList(dst []byte, found []segmentRef, n int) []byte {
	plain := p.wide > 0
	for _, r := range found {
		plain = plain && !p.segment(r).nulls
	}
	if plain && n > 0 {
		dst = chunk.AppendListHead(dst, n)
		for _, r := range found {
			dst = append(dst, p.segment(r).values...)
		}
		return dst
	}
	p.parts.must(p.t.task, 0, n)
	parts := p.parts.s[:0]
	for _, r := range found {
		s := p.segment(r)
		whole := len(s.values)
		for range s.n {
			b, null := p.next(&s)
			x := listPart{noValue, r.piece, r.at + uint32(p.head+whole-len(s.values)-len(b))}
			if !null {
				x.size = uint32(len(b))
			}
			parts = append(parts, x)
		}
	}
	return chunk.AppendParts(dst, p.kind, n, func(k int) ([]byte, bool) {
		x := parts[k]
		if x.size == noValue {
			return nil, true
		}
		return p.slabs.at(x.piece)[x.at:][:x.size], false
	})
}

// A listPart says where one element of a list lies in a piece; of null the size is noValue.
type listPart struct{ size, piece, at uint32 }
