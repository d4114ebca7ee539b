package gemm

import (
	"unsafe"

	"github.com/weft-data/weft/internal/vec"
)

// kernel returns the micro-kernel of the level in use.
func kernel[T vec.Float]() micro[T] {
	if m := kernelASM[T](); m != nil {
		return *m
	}
	return micro[T]{4, 4, microGo[T]}
}

// microGo is the micro-kernel in plain Go, for tiles of 4 x 4.
func microGo[T vec.Float](k int, a, b, c *T, stride int) {
	x, y := unsafe.Slice(a, 4*k), unsafe.Slice(b, 4*k)
	tile := unsafe.Slice(c, 3*stride+4)
	for half := 0; half < 4; half += 2 { // eight sums fit into registers
		var s00, s01, s02, s03, s10, s11, s12, s13 T
		for p := 0; p+4 <= len(x) && p+4 <= len(y); p += 4 {
			u, v := (*[4]T)(x[p:]), (*[4]T)(y[p:])
			l, m := u[half], u[half+1]
			s00 += T(l * v[0])
			s01 += T(l * v[1])
			s02 += T(l * v[2])
			s03 += T(l * v[3])
			s10 += T(m * v[0])
			s11 += T(m * v[1])
			s12 += T(m * v[2])
			s13 += T(m * v[3])
		}
		r, q := tile[half*stride:][:4], tile[(half+1)*stride:][:4]
		r[0], r[1], r[2], r[3] = r[0]+s00, r[1]+s01, r[2]+s02, r[3]+s03
		q[0], q[1], q[2], q[3] = q[0]+s10, q[1]+s11, q[2]+s12, q[3]+s13
	}
}
