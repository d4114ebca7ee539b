package group

import (
	"math"
	"math/bits"

	"github.com/weft-data/weft/dtype"
)

// sketchPart estimates the number of distinct values of a group: HyperLogLog (Flajolet
// et al. 2007) of 4,096 registers with the estimator of Ertl (2017, "New cardinality
// estimation algorithms for HyperLogLog sketches", algorithm 6); up to sparseMost
// values the hashes themselves. Both depend on the set of values alone, in
// whatever order and pieces they come.
//
// Taking a value twice changes nothing, so room does all the work.
type sketchPart struct {
	regionPart
	hash *rowHasher
}

const (
	sketchBits = 12
	registers  = 1 << sketchBits // bytes of a dense region
	sparseMost = 192
	sparseMin  = 64 // bytes of the least region
)

func (p *sketchPart) room(l *lap) bool {
	v := &l.args[p.arg]
	if v.Type.Kind == dtype.Null {
		return true
	}
	if p.hash == nil {
		p.hash = newRowHasher([]dtype.Type{p.t.pl.args[p.arg].t})
	}
	for i, h := range p.hash.rows(l.args[p.arg:p.arg+1], l.n) {
		if !v.IsNull(i) && !p.enter(l.gid[i], h) {
			return false
		}
	}
	return true
}

func (p *sketchPart) update(*lap) {}

// enter takes the hash of a value.
func (p *sketchPart) enter(g uint32, x uint64) bool {
	x = max(x, 1)
	h := p.head(g)
	if h.cap == registers {
		register(p.region(g), x)
		return true
	}
	if h.cap > 0 {
		if e := hashSlot(p.region(g), x); getInt64(e) != 0 {
			return true
		}
	}
	if 4*(h.n+1)*8 > 3*h.cap {
		if !p.widen(g) {
			return false
		}
	}
	if h.n++; h.cap == registers {
		register(p.region(g), x)
		return true
	}
	putInt64(hashSlot(p.region(g), x), int64(x))
	return true
}

// widen doubles the table of hashes, or makes registers of it.
func (p *sketchPart) widen(g uint32) bool {
	h := p.head(g)
	n := max(2*int(h.cap), sparseMin)
	if h.n >= sparseMost {
		n = registers
	}
	return p.renew(g, n, func(next, old []byte) {
		for at := 0; at < len(old); at += 8 {
			switch x := uint64(getInt64(old[at:])); {
			case x == 0:
			case n == registers:
				register(next, x)
			default:
				putInt64(hashSlot(next, x), int64(x))
			}
		}
	})
}

// hashSlot returns where x is in a table of hashes, or belongs.
func hashSlot(b []byte, x uint64) []byte {
	mask := uint64(len(b)/8 - 1)
	for i := x; ; i++ {
		e := b[i&mask*8:][:8]
		if y := uint64(getInt64(e)); y == 0 || y == x {
			return e
		}
	}
}

// register notes a hash: the top bits choose a register, which keeps the greatest
// number of zeros before the next bit that is set.
func register(b []byte, x uint64) {
	i := x >> (64 - sketchBits)
	rank := byte(bits.LeadingZeros64(x<<sketchBits|1<<(sketchBits-1)) + 1)
	b[i] = max(b[i], rank)
}

// extra is the registers, or the hashes.
func (p *sketchPart) extra(g uint32, dst []byte) []byte {
	b := p.region(g)
	if len(b) == registers {
		return append(dst, b...)
	}
	for at := 0; at < len(b); at += 8 {
		if getInt64(b[at:]) != 0 {
			dst = append(dst, b[at:at+8]...)
		}
	}
	return dst
}

func (p *sketchPart) prepare(g uint32, extra []byte) bool {
	if len(extra) != registers {
		for at := 0; at+8 <= len(extra); at += 8 {
			if !p.enter(g, uint64(getInt64(extra[at:]))) {
				return false
			}
		}
		return true
	}
	for h := p.head(g); h.cap < registers; {
		h.n = max(h.n, sparseMost)
		if !p.widen(g) {
			return false
		}
	}
	b := p.region(g)
	for i, x := range extra {
		b[i] = max(b[i], x)
	}
	return true
}

func (p *sketchPart) mergeExtra(_ uint32, _, extra []byte) error {
	if len(extra)%8 != 0 || len(extra) > registers {
		return errCorrupt
	}
	return nil // prepare took it
}

// estimate returns the number of distinct values.
func (p *sketchPart) estimate(g uint32) int64 {
	h := p.head(g)
	if h.cap != registers {
		return h.n
	}
	return distinct(p.region(g))
}

// distinct estimates from the registers.
func distinct(regs []byte) int64 {
	const q = 64 - sketchBits
	var c [q + 2]float64
	for _, r := range regs {
		c[min(r, q+1)]++
	}
	const m = float64(registers)
	z := m * tau(1-c[q+1]/m)
	for k := q; k > 0; k-- {
		z = (z + c[k]) / 2
	}
	z += m * sigma(c[0]/m)
	return int64(math.Round(m * m / (2 * math.Ln2 * z)))
}

// sigma is x + Σ x^(2^k)·2^(k-1).
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for last := -1.0; z != last; y += y {
		x *= x
		last = z
		z += x * y
	}
	return z
}

// tau is (1 - x - Σ (1-x^(2^-k))²·2^-k) / 3.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for last := -1.0; z != last; {
		x = math.Sqrt(x)
		last = z
		y /= 2
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}
