package kernel

import "github.com/weft-data/weft/internal/cpu"

// packedMost is the largest width that four bytes hold wherever the number begins in the first of them.
const packedMost = 25

// An eight says where the numbers of a group of eight are: of the first four in the 16 bytes at its begin, of the others in the
// 16 bytes from half of the group's on. Four bytes from the number's first one on go to its lane, where they are shifted.
type eight struct {
	bytes  [32]byte
	shifts [8]uint32
	mask   uint32
}

var eightOf = func() (t [packedMost + 1]eight) {
	for w := 1; w <= packedMost; w++ {
		e := &t[w]
		e.mask = 1<<w - 1
		for i := range 8 {
			bit := i * w
			if i >= 4 {
				bit -= w / 2 * 8
			}
			e.shifts[i] = uint32(bit % 8)
			for k := range 4 {
				e.bytes[4*i+k] = byte(bit/8 + k)
			}
		}
	}
	return t
}()

// unpackASM unpacks whole eights, as many as lie far enough from the end of src.
func unpackASM(dst []uint32, src []byte, width uint) int {
	w := int(width)
	if level == cpu.Generic || w > packedMost || len(dst) < 8 || len(src) < 16+w/2 {
		return 0
	}
	n := min(len(dst)/8, (len(src)-16-w/2)/w+1)
	unpackAVX2(ptr(dst), ptr(src), &eightOf[w].bytes[0], n, w)
	return 8 * n
}
