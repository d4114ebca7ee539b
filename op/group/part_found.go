package group

import (
	"bytes"

	"github.com/weft-data/weft/dtype"
)

// foundParts are the states of functions whose values can be found apart: no row goes to
// them, but what was found.
var foundParts = map[string]partKind{CountDistinct: partFound, Mode: partBest}

// foundPart is how many values were found.
type foundPart struct{ countPart }

func (p *foundPart) update(*lap) {}

// bestPart is the value that was found most often, the least of several: how often, and
// its order key or {position, length} of a text.
type bestPart struct {
	textPart
	isText bool
}

func newBest(row func(w int) rowPart, k dtype.Kind) *bestPart {
	if isText(k) {
		return &bestPart{textPart{rowPart: row(24), lead: 1}, true}
	}
	return &bestPart{textPart: textPart{rowPart: row(16)}}
}

func (p *bestPart) start(row []byte) {
	if p.isText {
		putInt64(row[16:], -1)
	}
}

func (p *bestPart) update(*lap) {}

// offer is a value with an order key that was found n times.
func (p *bestPart) offer(g uint32, n, key int64) {
	b, s := p.base()
	most, best := int64At(b, s, g, 0), int64At(b, s, g, 1)
	if n > *most || n == *most && key < *best {
		*most, *best = n, key
	}
}

// offerText is offer for texts and decimals. Room was made before.
func (p *bestPart) offerText(g uint32, n int64, s []byte) {
	b, st := p.base()
	most := int64At(b, st, g, 0)
	if n < *most {
		return
	}
	if old, _ := p.get(g); n > *most || bytes.Compare(s, old) < 0 {
		*most = n
		p.set(g, s)
	}
}

func (p *bestPart) merge(gid []uint32, b []byte, off []int32, at int) error {
	if p.isText { // comes with its extra
		return nil
	}
	for i, g := range gid {
		p.offer(g, srcInt64(b, off[i], at), srcInt64(b, off[i], at+8))
	}
	return nil
}

func (p *bestPart) plain() bool { return !p.isText }

// extra is the text behind a 1, so that an empty text is not nothing.
func (p *bestPart) extra(g uint32, dst []byte) []byte {
	if !p.isText {
		return dst
	}
	s, ok := p.get(g)
	if !ok {
		return dst
	}
	return append(append(dst, 1), s...)
}

func (p *bestPart) mergeExtra(g uint32, state, extra []byte) error {
	if !p.isText || len(extra) == 0 || extra[0] != 1 {
		return errCorrupt
	}
	p.offerText(g, getInt64(state), extra[1:])
	return nil
}
