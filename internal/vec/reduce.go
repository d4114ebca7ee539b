package vec

import "math"

// ReduceOp makes one element of many.
type ReduceOp uint8

// The reductions.
const (
	// Sum is 0 of nothing; for all types. See Reduce for the order.
	Sum ReduceOp = iota
	// Prod is 1 of nothing; for all types, in the order of Sum.
	Prod
	// Least is the minimum, NaN if one element is NaN, -0 below 0; for all but complex numbers.
	Least
	// Greatest is the maximum, NaN if one element is NaN, 0 above -0; for all but complex numbers.
	Greatest
	// SumSquares is the sum of x*x, in the order of Sum; of float64 each step is rounded once (fused).
	SumSquares
	reduceOps
)

var reduceNames = [...]string{"sum", "prod", "min", "max", "sumsquares"}

// String returns the name in small letters.
func (op ReduceOp) String() string { return nameOf(op, reduceNames[:], "ReduceOp") }

// Block is the number of elements that reductions of floats add up before they merge the result with that of other
// blocks, as a balanced tree (see Pairwise). A program that reduces strips of this length and merges them the same way gets
// the bits of the reduction of the whole.
const Block = 256

// Reduce returns the function that reduces all elements, or nil if T has no such reduction. Least and Greatest of nothing
// are the identities: the greatest and the least number (infinities of floats).
//
// Floats are added in a fixed order, the same at every level: element i of a block of Block elements goes to lane i mod
// 32 (mod 64 of float32), then lane i takes lane i+16, i+8 and so on, and blocks are merged by Pairwise. The error is at
// most about log2(n)+13 roundings of the sum of magnitudes.
func Reduce[T Elem](op ReduceOp) func(x []T) T {
	switch op {
	case Least, Greatest:
		return extremes[T](op)
	case Sum, SumSquares:
		if f := blockReduce[T](op); f != nil {
			return func(x []T) T {
				if len(x) <= Block {
					return f(x)
				}
				var p Pairwise[T]
				for ; len(x) > Block; x = x[Block:] {
					p.Add(f(x[:Block]))
				}
				p.Add(f(x))
				return p.Sum()
			}
		}
	case Prod:
		if f := blockReduce[T](op); f != nil {
			return func(x []T) T {
				p := T(1)
				for ; len(x) > Block; x = x[Block:] {
					p *= f(x[:Block])
				}
				return p * f(x)
			}
		}
	}
	return nil
}

// blockReduce returns the function for at most Block elements.
func blockReduce[T Elem](op ReduceOp) func(x []T) T {
	if f := reduceASM[T](op); f != nil {
		return f
	}
	return blockReduceGo[T](op)
}

func blockReduceGo[T Elem](op ReduceOp) func(x []T) T {
	switch op {
	case Sum:
		return sumBlock[T]
	case Prod:
		return prodBlock[T]
	case SumSquares:
		return squaresBlock[T]
	}
	return nil
}

// lanesOf is the number of lanes of a block; a power of two.
func lanesOf[T Elem]() int {
	if sizeOf[T]() == 4 {
		return 64
	}
	return 32
}

func sumBlock[T Elem](x []T) T {
	var acc [64]T
	lanes := lanesOf[T]()
	for ; len(x) >= lanes; x = x[lanes:] {
		a := acc[:lanes]
		for i, v := range x[:lanes] {
			a[i] += v
		}
	}
	for i, v := range x {
		acc[i] += v
	}
	return foldSum(acc[:lanes])
}

func prodBlock[T Elem](x []T) T {
	var acc [64]T
	lanes := lanesOf[T]()
	for i := range acc {
		acc[i] = 1
	}
	for i, v := range x {
		acc[i&(lanes-1)] *= v
	}
	for n := lanes / 2; n > 0; n /= 2 {
		for i := range n {
			acc[i] *= acc[i+n]
		}
	}
	return acc[0]
}

func squaresBlock[T Elem](x []T) T { return dotBlock(x, x) }

// dotBlock adds products; of float64 fused.
func dotBlock[T Elem](x, y []T) T {
	var acc [64]T
	lanes := lanesOf[T]()
	y = y[:len(x)]
	a, fused := any(&acc).(*[64]float64)
	if !fused {
		for i, v := range x {
			acc[i&(lanes-1)] += T(v * y[i])
		}
		return foldSum(acc[:lanes])
	}
	u, w := any(x).([]float64), any(y).([]float64)
	for i, v := range u {
		l := &a[i&31]
		*l = math.FMA(v, w[i], *l)
	}
	return foldSum(acc[:lanes])
}

func foldSum[T Elem](acc []T) T {
	for n := len(acc) / 2; n > 0; n /= 2 {
		for i, v := range acc[n : 2*n] {
			acc[i] += v
		}
	}
	return acc[0]
}

// Dot returns the function that adds the products x[i]*y[i] in the order of Reduce; of float64 each step is rounded once.
func Dot[T Elem]() func(x, y []T) T {
	f := dotASM[T]()
	if f == nil {
		f = dotBlock[T]
	}
	return func(x, y []T) T {
		n := min(len(x), len(y))
		x, y = x[:n], y[:n]
		if n <= Block {
			return f(x, y)
		}
		var p Pairwise[T]
		for ; len(x) > Block; x, y = x[Block:], y[Block:] {
			p.Add(f(x[:Block], y[:Block]))
		}
		p.Add(f(x, y))
		return p.Sum()
	}
}

// Pairwise merges sums of equally long blocks as a balanced tree, in the order in which they come: the rounding errors of n
// sums grow with log2(n). The zero value is the empty sum.
type Pairwise[T Elem] struct {
	n     uint64
	level [64]T // level[i] is the sum of 2^i blocks where bit i of n is set
}

// Add appends the sum of the next block.
func (p *Pairwise[T]) Add(v T) {
	i := 0
	for n := p.n; n&1 != 0; n >>= 1 {
		v = p.level[i] + v
		i++
	}
	p.level[i] = v
	p.n++
}

// Sum returns the sum of all blocks so far.
func (p *Pairwise[T]) Sum() T {
	var s T
	first := true
	for i, n := 0, p.n; n != 0; i, n = i+1, n>>1 {
		switch {
		case n&1 == 0:
		case first:
			s, first = p.level[i], false
		default:
			s = p.level[i] + s
		}
	}
	return s
}

// extremes returns Least or Greatest.
func extremes[T Elem](op ReduceOp) func(x []T) T {
	var z T
	var f any
	switch any(z).(type) {
	case int8:
		f = extreme[int8](op)
	case int16:
		f = extreme[int16](op)
	case int32:
		f = extreme[int32](op)
	case int64:
		f = extreme[int64](op)
	case uint8:
		f = extreme[uint8](op)
	case uint16:
		f = extreme[uint16](op)
	case uint32:
		f = extreme[uint32](op)
	case uint64:
		f = extreme[uint64](op)
	case float32:
		f = extreme[float32](op)
	case float64:
		f = extreme[float64](op)
	}
	return as[func(x []T) T](f)
}

func extreme[T Number](op ReduceOp) func(x []T) T {
	if f := reduceASM[T](op); f != nil {
		return f
	}
	if op == Least {
		return leastGo[T]
	}
	return greatestGo[T]
}

// identities returns the least of nothing and the greatest of nothing.
func identities[T Number]() (least, greatest T) {
	if isFloat[T]() {
		inf := math.Inf(1)
		return T(inf), T(-inf)
	}
	bits := 8 * uint(sizeOf[T]())
	if isSigned[T]() {
		top := int64(1)<<(bits-1) - 1
		return T(top), T(-top - 1)
	}
	top := ^uint64(0) >> (64 - bits)
	return T(top), 0
}

func leastGo[T Number](x []T) T {
	m, _ := identities[T]()
	for _, v := range x {
		m = min(m, v)
	}
	return m
}

func greatestGo[T Number](x []T) T {
	_, m := identities[T]()
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// ArgReduce returns the function that finds the index of the first least or greatest element (op is Least or Greatest),
// which is the first NaN if there is one, or -1 of nothing. 0 and -0 are equal. It is nil for other reductions.
func ArgReduce[T Number](op ReduceOp) func(x []T) int {
	switch op {
	case Least:
		f := extreme[T](op)
		return func(x []T) int { return argExtreme(x, f, func(a, b T) bool { return a < b }) }
	case Greatest:
		f := extreme[T](op)
		return func(x []T) int { return argExtreme(x, f, func(a, b T) bool { return a > b }) }
	}
	return nil
}

// argExtreme finds the first block with the best element, then the element.
func argExtreme[T Number](x []T, reduce func(x []T) T, better func(a, b T) bool) int {
	if len(x) == 0 {
		return -1
	}
	from := 0
	best := reduce(x[:min(len(x), Block)])
	for i := Block; i < len(x) && best == best; i += Block {
		if v := reduce(x[i:min(len(x), i+Block)]); better(v, best) || v != v {
			from, best = i, v
		}
	}
	for i, v := range x[from:] {
		if v == best || v != v {
			return from + i
		}
	}
	return -1 // not reached: the best element is one of the block
}
