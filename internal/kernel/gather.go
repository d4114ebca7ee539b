package kernel

// Gather sets dst[i] = src[idx[i]] for len(idx) elements. Every index must be less than len(src): that is the
// caller's to know (indices come from MaskToIndex, a hash table or a sort, never from data). Memory is safe all the
// same: an index out of range stops with Go's own panic and reads nothing. dst must not overlap src.
//
// There is assembly for sources that registers hold, as dictionaries often are; otherwise the loop waits for memory.
func Gather[T Element](dst, src []T, idx []uint32) {
	dst = dst[:len(idx)]
	done := gatherASM(dst, src, idx)
	dst, idx = dst[done:], idx[done:]
	for len(idx) >= 4 && len(dst) >= 4 {
		a, b, c, d := src[idx[0]], src[idx[1]], src[idx[2]], src[idx[3]]
		dst[0], dst[1], dst[2], dst[3] = a, b, c, d
		idx, dst = idx[4:], dst[4:]
	}
	for i, x := range idx {
		dst[i] = src[x]
	}
}

// GatherBits sets bit i of dst to bit idx[i] of src for len(idx) bits. Every index must lie within the words of
// src; one that does not panics. dst must not overlap src.
func GatherBits(dst, src []uint64, idx []uint32) {
	dst = dst[:Words(len(idx))]
	for i := range dst {
		b := idx[:min(64, len(idx))]
		idx = idx[len(b):]
		var w uint64
		for j, x := range b {
			w |= src[x>>6] >> (x & 63) & 1 << (uint(j) & 63)
		}
		dst[i] = w
	}
}
