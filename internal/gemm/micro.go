package gemm

import (
	"unsafe"

	"github.com/weft-data/weft/internal/vec"
)

// tiles returns the micro-kernels of the level in use, first the one for products of many columns.
func tiles[T vec.Float]() []micro[T] {
	if m := kernelsASM[T](); m != nil {
		return m
	}
	return []micro[T]{{4, 4, microGo[T]}}
}

// tileFor returns the micro-kernel for a product with so many columns: that which computes the fewest beyond them.
func tileFor[T vec.Float](cols int) micro[T] {
	all := tiles[T]()
	best := all[0]
	if cols > manyCols {
		return best
	}
	for _, m := range all[1:] {
		if roundUp(cols, m.nr) < roundUp(cols, best.nr) {
			best = m
		}
	}
	return best
}

// manyCols is from where on what the tiles at the edge compute in vain does not count.
const manyCols = 512

// microGo is the micro-kernel in plain Go, for tiles of 4 x 4.
func microGo[T vec.Float](k int, a *T, rs, cs int, b, c *T, stride int) {
	x, y := unsafe.Slice(a, 3*rs+(k-1)*cs+1), unsafe.Slice(b, 4*k)
	tile := unsafe.Slice(c, 3*stride+4)
	for half := 0; half < 4; half += 2 { // eight sums fit into registers
		var s00, s01, s02, s03, s10, s11, s12, s13 T
		at := half * rs
		for p := 0; p+4 <= len(y); p += 4 {
			v := (*[4]T)(y[p:])
			l, m := x[at], x[at+rs]
			at += cs
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
