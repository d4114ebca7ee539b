package data

import (
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// How a part of a body is packed on its way; part of the head.
const (
	asIs = iota
	packS2
	packZstd
	packs

	lies = 0x80 // it is not there, see near.go
)

const (
	fastLink   = 500e6     // bytes a second: over a link as fast nothing is packed, whatever a sample says
	sampled    = 64 << 10  // bytes of a stream that are packed to see whether it is worth it
	tries      = 3         // the best counts: the others may have waited for a processor
	leastPack  = 4 << 10   // a shorter part stays as it is
	leastGain  = 10        // one part in so many: what saves less is nothing
	mostPacked = partBytes // of a part before it is packed
)

// The coders of all streams: each goroutine that packs takes one of those that they have.
var (
	zstdPacker = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(mostPacked), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // the options are right
		}
		return e
	})
	zstdUnpacker = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxWindow(mostPacked), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic(err) // the options are right
		}
		return d
	})
)

// pack packs src, into dst if there is room.
func pack(how byte, dst, src []byte) []byte {
	if how == packZstd {
		return zstdPacker().EncodeAll(src, dst[:0])
	}
	return s2.Encode(dst, src)
}

// unpack fills dst with what was packed. That says how long it is before anything is
// unpacked, and must be as long as dst.
func unpack(how byte, dst, src []byte) (err error) {
	n := -1
	switch how {
	case packS2:
		n, err = s2.DecodedLen(src)
	case packZstd:
		var h zstd.Header
		if err = h.Decode(src); err == nil && h.HasFCS && h.FrameContentSize <= mostPacked {
			n = int(h.FrameContentSize)
		}
	}
	if err != nil || n != len(dst) || n == 0 {
		return corrupt("a packed part says that it has %d bytes, want %d (%v)", n, len(dst), err)
	}
	var out []byte
	if how == packS2 {
		out, err = s2.Decode(dst, src)
	} else {
		out, err = zstdUnpacker().DecodeAll(src, dst[:0:n])
	}
	if err != nil || len(out) != n || &out[0] != &dst[0] {
		return corrupt("a packed part of %d bytes is not %d bytes (%v)", len(src), n, err)
	}
	return nil
}

// A packer packs the parts of one stream, if that is worth it on the link it goes over.
type packer struct {
	link   float64 // bytes a second, as the reader has measured; 0: not known
	how    byte
	chosen bool
	room   []byte
}

// may reports whether parts may be packed.
func (p *packer) may() bool { return p.link > 0 && p.link < fastLink && (!p.chosen || p.how != asIs) }

// pack packs a part where it lies, or leaves it, and says how it is packed now.
func (p *packer) pack(part *[]byte) byte {
	b := *part
	if !p.may() || len(b) < leastPack {
		return asIs
	}
	if !p.chosen {
		p.room = make([]byte, s2.MaxEncodedLen(mostPacked))
		p.chosen, p.how = true, p.choose(b[:min(len(b), sampled)])
		if p.how == asIs {
			p.room = nil
			return asIs
		}
	}
	out := pack(p.how, p.room, b)
	if len(out) > len(b)-len(b)/leastGain {
		return asIs
	}
	*part = append(b[:0], out...)
	return p.how
}

// choose tries on the first bytes of a stream how they come soonest.
func (p *packer) choose(sample []byte) (best byte) {
	least := p.cost(0, len(sample)-len(sample)/leastGain)
	for how := byte(packS2); how < packs; how++ {
		for range tries {
			start := time.Now()
			n := len(pack(how, p.room, sample))
			if c := p.cost(time.Since(start), n); c < least {
				best, least = how, c
			}
		}
	}
	return best
}

// cost is how many seconds n bytes take that were packed in some time. Both ends have other
// work for their processors, and what is packed must be unpacked, which takes no longer.
func (p *packer) cost(packing time.Duration, n int) float64 {
	return 2*packing.Seconds() + float64(n)/p.link
}
