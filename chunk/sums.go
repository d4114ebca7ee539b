package chunk

import (
	"unsafe"

	"github.com/zeebo/xxh3"
)

// SumStrip is how many bytes of a buffer have one checksum: few enough to be still in the cache of a processor that has
// copied them.
const SumStrip = 256 << 10

// LeastSum is the least buffer that has checksums: what is shorter is copied where it goes, with a checksum of its own.
const LeastSum = 4 << 10

// Sums are the checksums of the large buffers of a batch that does not change any more, strip by strip: of what they
// were when they were made, whoever gets a copy of them later.
type Sums struct{ bufs []summed }

type summed struct {
	first  *byte
	n      int
	strips []uint64
}

// Sum returns the checksums of b, which are kept with its buffers if it owns them: they are made once.
func (b *Batch) Sum() *Sums {
	if s := b.Sums(); s != nil {
		return s
	}
	s := &Sums{}
	_ = b.Write(1, func(buf []byte) error { // in the order in which they are asked for
		if len(buf) >= LeastSum {
			s.bufs = append(s.bufs, summed{unsafe.SliceData(buf), len(buf), strips(buf)})
		}
		return nil
	})
	if b.own != nil {
		b.own.sums.Store(s)
	}
	return s
}

// Sums returns the checksums that are kept with the buffers of b; nil if there are none.
func (b *Batch) Sums() *Sums {
	if b.own == nil {
		return nil
	}
	return b.own.sums.Load()
}

// Of returns the checksums of the strips of buf, number k of the large buffers of the batch. What is not of that batch,
// but of another one with the same owner, or of a part of it, has them made.
func (s *Sums) Of(k int, buf []byte) []uint64 {
	if k < len(s.bufs) && s.bufs[k].first == unsafe.SliceData(buf) && s.bufs[k].n == len(buf) {
		return s.bufs[k].strips
	}
	return strips(buf)
}

func strips(b []byte) (sums []uint64) {
	sums = make([]uint64, 0, (len(b)+SumStrip-1)/SumStrip)
	for len(b) > 0 {
		n := min(len(b), SumStrip)
		sums = append(sums, xxh3.Hash(b[:n]))
		b = b[n:]
	}
	return sums
}
