package vec

// Transpose returns the function that sets dst[j*ldd+i] = src[i*lds+j] for i below rows and j below cols: the transposed
// tile. Strides are in elements. dst and src must not overlap. It panics if a tile does not lie within its slice.
//
// The tile is done in squares of 32 elements, each in register tiles where there is assembly; for large matrices whose
// strides are multiples of 4 KiB call it with tiles of some 64 rows and columns.
func Transpose[T any]() func(dst []T, ldd int, src []T, lds int, rows, cols int) {
	tile := tileASM[T]()
	return func(dst []T, ldd int, src []T, lds int, rows, cols int) {
		if rows <= 0 || cols <= 0 {
			return
		}
		checkTile(cols, len(src), rows, lds)
		checkTile(rows, len(dst), cols, ldd)
		transpose(tile, dst, ldd, src, lds, rows, cols)
	}
}

// square is the side of the squares that are transposed at a time: source and destination stay in the first cache.
const square = 32

func transpose[T any](tile *tileKernel[T], dst []T, ldd int, src []T, lds int, rows, cols int) {
	for i := 0; i < rows; i += square {
		h := min(square, rows-i)
		for j := 0; j < cols; j += square {
			w := min(square, cols-j)
			s, d := src[i*lds+j:], dst[j*ldd+i:]
			hh, ww := 0, 0
			if tile != nil {
				hh, ww = h/tile.side*tile.side, w/tile.side*tile.side
			}
			for r := 0; r < hh; r += tile.side {
				if ww > 0 {
					tile.run(d[r:], ldd, s[r*lds:], lds, ww/tile.side)
				}
			}
			// What is left: a strip below and one to the right.
			if ww < w && hh > 0 {
				transposeGo(d[ww*ldd:], ldd, s[ww:], lds, hh, w-ww)
			}
			if hh < h {
				transposeGo(d[hh:], ldd, s[hh*lds:], lds, h-hh, w)
			}
		}
	}
}

// CopyRows returns the function that copies rows of so many bytes, stride apart in src, to dst, where each begins where
// the one before ends. The memory is asked for what lies ahead bytes behind each line that is read, as by RowSums, where
// rows are whole lines of 64 bytes.
func CopyRows() func(dst, src []byte, bytes, rows, stride, ahead int) {
	f := copyRowsASM()
	return func(dst, src []byte, bytes, rows, stride, ahead int) {
		if rows <= 0 || bytes <= 0 {
			return
		}
		checkTile(bytes, len(src), rows, stride)
		checkTile(bytes, len(dst), rows, bytes)
		if f != nil && bytes%64 == 0 {
			f(dst, src, bytes/64, rows, stride, ahead)
			return
		}
		for r := range rows {
			copy(dst[r*bytes:(r+1)*bytes], src[r*stride:])
		}
	}
}

// tileKernel transposes tiles squares of side elements that lie beside each other in the source.
type tileKernel[T any] struct {
	side int
	run  func(dst []T, ldd int, src []T, lds int, tiles int)
}

func transposeGo[T any](dst []T, ldd int, src []T, lds int, rows, cols int) {
	for j := range cols {
		d := dst[j*ldd:][:rows]
		for i := range d {
			d[i] = src[i*lds+j]
		}
	}
}
