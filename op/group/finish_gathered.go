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

// collected writes the list, or the joined texts, of a group as value i.
func (f *finisher) collected(a *aggPlan, p *collectPart, g uint32, i int, o *outVec) error {
	list, b, err := p.values(g)
	if err != nil {
		return err
	}
	if a.fn == List {
		o.str = chunk.AppendParts(o.str, a.t.Kind, len(list), func(k int) ([]byte, bool) {
			return b[list[k].at : list[k].at+list[k].n], list[k].null
		})
	} else {
		some := false
		for _, e := range list {
			if e.null {
				continue
			}
			if some {
				o.str = append(o.str, a.sep...)
			}
			o.str, some = append(o.str, b[e.at:e.at+e.n]...), true
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
