package chunk

import "github.com/weft-data/weft/dtype"

// none backs columns of nulls: it has the values of 4096 rows of any type.
var none [8 << 10]uint64

// AllNull is a column of n nulls. Its buffers are only read: columns of few rows share them.
func AllNull(t dtype.Type, n int) Vec {
	words := none[:]
	if n >= len(none)/2 {
		words = make([]uint64, 2*n+1)
	}
	v := Vec{Type: t, N: n, Valid: words[:Words(n)]}
	switch {
	case t.Kind.IsVar():
		v.Off = Slice[int32](Bytes(words), n+1)
	case t.Kind == dtype.Bool:
		v.Data = Bytes(words[:Words(n)])
	default:
		v.Data = Bytes(words)[:n*t.Width()]
	}
	return v
}
