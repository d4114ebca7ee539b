package exact

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/weft-data/weft/internal/kernel"
)

// Squares has what the groups of one sum of squares share; see Sums. A square is
// the sum of a head, its rounded float64, and a tail, exactly what rounding lost;
// a group has one Acc for the sum of each. The zero Squares is ready to use.
type Squares struct{ Head, Tail Sums }

// Reset forgets windows and wide states; the caller clears its accumulators.
func (q *Squares) Reset() { *q = Squares{} }

// Bytes estimates the heap bytes of the wide states.
func (q *Squares) Bytes() int64 { return q.Head.Bytes() + q.Tail.Bytes() }

// addOdd adds the square of a value that kernel.SplitSquares does not take: it is
// not finite, or head or tail were not exact.
func (q *Squares) addOdd(head *Acc, g uint32, v float64) {
	b := math.Float64bits(v)
	e, m := b>>52&0x7ff, b&(1<<52-1)
	switch e {
	case 0x7ff:
		q.Head.addWide(head, g, math.Float64bits(v*v))
		return
	case 0:
		e = 1
	default:
		m |= 1 << 52
	}
	hi, lo := bits.Mul64(m, m)
	q.Head.addScaled(g, 0, hi, lo, 2*(int(e)-1075))
}

// AddSquaresSlice adds the squares of all valid values to group g.
func AddSquaresSlice[T Float](q *Squares, headAcc, tailAcc *Acc, g uint32, vals []T, valid []uint64) {
	if valid == nil {
		addSquaresSlice(q, headAcc, tailAcc, g, vals)
		return
	}
	var v [block + 64]T
	for at := 0; at < len(vals); at += block {
		n := kernel.Compress(v[:], vals[at:min(at+block, len(vals))], valid[at>>6:])
		addSquaresSlice(q, headAcc, tailAcc, g, v[:n])
	}
}

func addSquaresSlice[T Float](q *Squares, headAcc, tailAcc *Acc, g uint32, vals []T) {
	var head, tail [block]float64
	var odd [block / 64]uint64
	for at := 0; at < len(vals); at += block {
		v := vals[at:min(at+block, len(vals))]
		h, t, o := head[:len(v)], tail[:len(v)], odd[:kernel.Words(len(v))]
		kernel.SplitSquares(v, h, t, o)
		AddSlice(&q.Head, headAcc, g, h, nil)
		AddSlice(&q.Tail, tailAcc, g, t, nil)
		for w, bad := range o {
			for ; bad != 0; bad &= bad - 1 {
				q.addOdd(headAcc, g, float64(v[w<<6+bits.TrailingZeros64(bad)]))
			}
		}
	}
}

// Value returns the exact sum of squares of group g, rounded once; NaN and
// infinities as Sums.Value.
func (q *Squares) Value(head, tail Acc, g uint32) float64 {
	if v, ok := q.odd(g).value(); ok {
		return v
	}
	var r register
	q.load(&r, head, tail, g)
	return r.value(r.abs(), 0)
}

func (q *Squares) odd(g uint32) odd {
	if w := q.Head.wide[g]; w != nil {
		return w.odd
	}
	return 0
}

func (q *Squares) load(r *register, head, tail Acc, g uint32) {
	r.load(&q.Head, head, q.Head.wide[g])
	r.load(&q.Tail, tail, q.Tail.wide[g])
}

// Variance returns the variance of the n values of group g from their exact sum a
// and exact sum of squares, dividing by n - ddof. NaN or an infinity among the
// values gives NaN; so does n <= ddof, for which callers report null. The result
// is within one unit in the last place however far the mean is from zero.
//
// Method: (n·Σx² − (Σx)²) / (n·(n−ddof)). The numerator is computed in double-double
// arithmetic; when cancellation eats more than 30 bits, in exact integers.
func Variance(n, ddof int64, s *Sums, a Acc, q *Squares, head, tail Acc, g uint32) float64 {
	if n <= ddof || n <= 0 || q.odd(g) != 0 {
		return math.NaN()
	}
	if s.wide[g] == nil && q.Head.wide[g] == nil && q.Tail.wide[g] == nil && n < 1<<26 {
		sum := s.pair(a)
		left := mulPair(addPair(q.Head.pair(head), q.Tail.pair(tail)), pair{float64(n), 0})
		right := mulPair(sum, sum)
		d := addPair(left, pair{-right.hi, -right.lo})
		if d.hi > left.hi*0x1p-30 && left.hi < 0x1p1000 && left.hi > 0x1p-800 {
			return quotient(d.hi, d.lo, float64(n)*float64(n-ddof))
		}
	}
	return q.exactVariance(n, ddof, s, a, head, tail, g)
}

// quotient returns (hi+lo) / d, where lo is what hi lacks of an exact value: rounded once,
// but for values that lie within 2^-50 of the middle between two floats.
func quotient(hi, lo, d float64) float64 {
	r := hi / d
	return r + (math.FMA(-r, d, hi)+lo)/d
}

func (q *Squares) exactVariance(n, ddof int64, s *Sums, a, head, tail Acc, g uint32) float64 {
	var rs, rq register
	rs.load(s, a, s.wide[g])
	q.load(&rq, head, tail, g)
	sum, sq := rs.integer(), rq.integer() // in units of 2^lowest
	sq.Mul(sq, big.NewInt(n)).Lsh(sq, -lowest)
	d := sq.Sub(sq, sum.Mul(sum, sum)) // in units of 2^(2·lowest)
	if d.Sign() == 0 {
		return 0
	}
	num := new(big.Float).SetInt(d)
	den := new(big.Float).SetInt(new(big.Int).Mul(big.NewInt(n), big.NewInt(n-ddof)))
	v := new(big.Float).SetPrec(256).Quo(num, den)
	f, _ := v.SetMantExp(v, 2*lowest).Float64()
	return f
}

// integer returns the number in units of 2^lowest.
func (r register) integer() *big.Int {
	neg := r.abs()
	b := make([]byte, 8*len(r.w))
	for i, w := range r.w {
		for k := range 8 {
			b[len(b)-1-8*i-k] = byte(w >> (8 * k))
		}
	}
	x := new(big.Int).SetBytes(b)
	if neg {
		x.Neg(x)
	}
	return x
}
