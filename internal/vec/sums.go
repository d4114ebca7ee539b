package vec

// SumOfTwo returns the function that adds the results x[i] op y[i], each of them rounded, in the order of Reduce: it gives the
// bits of the sum of what Binary gives, without a place for that. It is for Add, Sub, Mul, Squares and Norm, and nil for others.
// Operands are taken to go on behind the slices: the memory is asked for what lies there, which is not read and need not be
// there.
func SumOfTwo(op BinaryOp) func(x, y []float64) float64 {
	switch op {
	case Add, Sub, Mul, Squares, Norm:
	default:
		return nil
	}
	block := sumOfTwoASM(op)
	if block == nil {
		f := scalarBinary[float64](op)
		block = func(x, y []float64) float64 {
			var acc [32]float64
			for i, v := range x {
				acc[i&31] += f(v, y[i])
			}
			return foldSum(acc[:])
		}
	}
	return func(x, y []float64) float64 {
		n := min(len(x), len(y))
		x, y = x[:n], y[:n]
		switch {
		case n <= Block:
			return block(x, y)
		case n <= 2*Block:
			s := block(x[:Block], y[:Block])
			return s + block(x[Block:], y[Block:])
		}
		var p Pairwise[float64]
		for ; len(x) > Block; x, y = x[Block:], y[Block:] {
			p.Add(block(x[:Block], y[:Block]))
		}
		p.Add(block(x, y))
		return p.Sum()
	}
}

// SumOfOne is SumOfTwo for the results op x[i], and for Sqrt.
func SumOfOne(op UnaryOp) func(x []float64) float64 {
	if op != Sqrt {
		return nil
	}
	block := sumOfOneASM(op)
	if block == nil {
		f := scalarUnary[float64](op)
		block = func(x []float64) float64 {
			var acc [32]float64
			for i, v := range x {
				acc[i&31] += f(v)
			}
			return foldSum(acc[:])
		}
	}
	return func(x []float64) float64 {
		if len(x) <= Block {
			return block(x)
		}
		var p Pairwise[float64]
		for ; len(x) > Block; x = x[Block:] {
			p.Add(block(x[:Block]))
		}
		p.Add(block(x))
		return p.Sum()
	}
}
