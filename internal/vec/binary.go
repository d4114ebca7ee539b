package vec

// Binary returns the function that sets dst[i] = x[i] op y[i], or nil if T has no such operation.
func Binary[T Elem](op BinaryOp) func(dst, x, y []T) {
	if f := binaryASM[T](op); f != nil {
		return f
	}
	if f := fastBinary[T](op); f != nil {
		return f
	}
	f := scalarBinary[T](op)
	if f == nil {
		return nil
	}
	if g := rangedBinaryASM[T](op); g != nil {
		return beyondBinary(g, f)
	}
	return func(dst, x, y []T) {
		n := min(len(dst), len(x), len(y))
		dst, x, y = dst[:n], x[:n], y[:n]
		for i, v := range x {
			dst[i] = f(v, y[i])
		}
	}
}

// BinaryRight returns the function that sets dst[i] = x[i] op c, or nil if T has no such operation.
func BinaryRight[T Elem](op BinaryOp) func(dst, x []T, c T) {
	if f := rightASM[T](op); f != nil {
		return f
	}
	if f := fastRight[T](op); f != nil {
		return f
	}
	f := scalarBinary[T](op)
	if f == nil {
		return nil
	}
	if g := rangedRightASM[T](op); g != nil {
		return beyondConstant(g, f)
	}
	return func(dst, x []T, c T) {
		n := min(len(dst), len(x))
		dst, x = dst[:n], x[:n]
		for i, v := range x {
			dst[i] = f(v, c)
		}
	}
}

// BinaryLeft returns the function that sets dst[i] = c op x[i], or nil if T has no such operation.
func BinaryLeft[T Elem](op BinaryOp) func(dst, x []T, c T) {
	switch op {
	case Add, Mul, Min, Max, And, Or, Xor:
		return BinaryRight[T](op)
	}
	if f := leftASM[T](op); f != nil {
		return f
	}
	f := scalarBinary[T](op)
	if f == nil {
		return nil
	}
	if g := rangedLeftASM[T](op); g != nil {
		return beyondConstant(g, func(x, c T) T { return f(c, x) })
	}
	return func(dst, x []T, c T) {
		n := min(len(dst), len(x))
		dst, x = dst[:n], x[:n]
		for i, v := range x {
			dst[i] = f(c, v)
		}
	}
}

// beyondBinary does what a loop with a range leaves: a vector by the definition, then the loop goes on.
func beyondBinary[T Elem](loop func(dst, x, y []T) int, f func(x, y T) T) func(dst, x, y []T) {
	return func(dst, x, y []T) {
		n := min(len(dst), len(x), len(y))
		dst, x, y = dst[:n], x[:n], y[:n]
		for i := loop(dst, x, y); i < len(x); i = loop(dst, x, y) {
			dst, x, y = dst[i:], x[i:], y[i:]
			k := min(8, len(x))
			for j, v := range x[:k] {
				dst[j] = f(v, y[j])
			}
			dst, x, y = dst[k:], x[k:], y[k:]
		}
	}
}

// beyondConstant is beyondBinary with a constant for one operand.
func beyondConstant[T Elem](loop func(dst, x []T, c T) int, f func(x, c T) T) func(dst, x []T, c T) {
	return func(dst, x []T, c T) {
		n := min(len(dst), len(x))
		dst, x = dst[:n], x[:n]
		for i := loop(dst, x, c); i < len(x); i = loop(dst, x, c) {
			dst, x = dst[i:], x[i:]
			k := min(8, len(x))
			for j, v := range x[:k] {
				dst[j] = f(v, c)
			}
			dst, x = dst[k:], x[k:]
		}
	}
}

// scalarBinary returns the definition of an operation, for one element, or nil if T has no such operation.
func scalarBinary[T Elem](op BinaryOp) func(x, y T) T {
	switch op {
	case Add:
		return func(x, y T) T { return x + y }
	case Sub:
		return func(x, y T) T { return x - y }
	case Mul:
		return func(x, y T) T { return x * y }
	}
	var z T
	var f any
	switch any(z).(type) {
	case int8:
		f = binaryInteger[int8](op)
	case int16:
		f = binaryInteger[int16](op)
	case int32:
		f = binaryInteger[int32](op)
	case int64:
		f = binaryInteger[int64](op)
	case uint8:
		f = binaryInteger[uint8](op)
	case uint16:
		f = binaryInteger[uint16](op)
	case uint32:
		f = binaryInteger[uint32](op)
	case uint64:
		f = binaryInteger[uint64](op)
	case float32:
		f = binaryFloat[float32](op)
	case float64:
		f = binaryFloat[float64](op)
	case complex64:
		f = binaryComplex[complex64](op)
	case complex128:
		f = binaryComplex[complex128](op)
	}
	return as[func(x, y T) T](f)
}

// fastBinary has loops without a call for each element, for the operations whose cost would be that of the call.
func fastBinary[T Elem](op BinaryOp) func(dst, x, y []T) {
	switch op {
	case Add:
		return addGo[T]
	case Sub:
		return subGo[T]
	case Mul:
		return mulGo[T]
	}
	var z T
	var f any
	switch any(z).(type) {
	case int8:
		f = at(loopsInteger[int8](), op)
	case int16:
		f = at(loopsInteger[int16](), op)
	case int32:
		f = at(loopsInteger[int32](), op)
	case int64:
		f = at(loopsInteger[int64](), op)
	case uint8:
		f = at(loopsInteger[uint8](), op)
	case uint16:
		f = at(loopsInteger[uint16](), op)
	case uint32:
		f = at(loopsInteger[uint32](), op)
	case uint64:
		f = at(loopsInteger[uint64](), op)
	case float32:
		f = at(loopsFloat[float32](), op)
	case float64:
		f = at(loopsFloat[float64](), op)
	}
	return as[func(dst, x, y []T)](f)
}

func loopsInteger[T Integer]() []func(dst, x, y []T) {
	return []func(dst, x, y []T){Min: minGo[T], Max: maxGo[T], And: andGo[T], Or: orGo[T], Xor: xorGo[T]}
}

func loopsFloat[T Float]() []func(dst, x, y []T) {
	return []func(dst, x, y []T){Div: divGo[T], Min: minGo[T], Max: maxGo[T]}
}

func addGo[T Elem](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

func subGo[T Elem](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = v - y[i]
	}
}

func mulGo[T Elem](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = v * y[i]
	}
}

func divGo[T Float](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = v / y[i]
	}
}

func minGo[T Number](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = min(v, y[i])
	}
}

func maxGo[T Number](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = max(v, y[i])
	}
}

func andGo[T Integer](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = v & y[i]
	}
}

func orGo[T Integer](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = v | y[i]
	}
}

func xorGo[T Integer](dst, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = v ^ y[i]
	}
}

// fastRight is fastBinary with a constant on the right.
func fastRight[T Elem](op BinaryOp) func(dst, x []T, c T) {
	switch op {
	case Add:
		return addRightGo[T]
	case Sub:
		return subRightGo[T]
	case Mul:
		return mulRightGo[T]
	}
	return nil
}

func addRightGo[T Elem](dst, x []T, c T) {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	for i, v := range x {
		dst[i] = v + c
	}
}

func subRightGo[T Elem](dst, x []T, c T) {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	for i, v := range x {
		dst[i] = v - c
	}
}

func mulRightGo[T Elem](dst, x []T, c T) {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	for i, v := range x {
		dst[i] = v * c
	}
}
