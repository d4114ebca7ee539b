package chunk

import "unsafe"

// GatherText writes the texts idx of src, whose offsets are from, to str behind
// off[0], and their ends to off[1:]. Indices must be below len(from)-1. str needs
// room for the texts only, but where it has 16 bytes more the copying is fastest;
// up to 16 bytes behind the last text are undefined. Bytes of src behind its length
// may be read, and not used, as far as it has capacity. Offsets that do not fit src
// or str stop with Go's own panic.
func GatherText(off []int32, str []byte, from []int32, src []byte, idx []uint32) {
	src = src[:cap(src)]
	if len(src) < 16 || len(str) < 16 {
		gatherTextGo(off, str, from, src, idx)
		return
	}
	at, dst := uintptr(off[0]), off[1:len(idx)+1]
	to, by := unsafe.Pointer(unsafe.SliceData(str)), unsafe.Pointer(unsafe.SliceData(src))
	// A negative offset is a large uintptr: beyond both.
	lastTo, lastBy := uintptr(len(str)-16), uintptr(len(src)-16)
	for i, j := range idx {
		lo, hi := from[j], from[j+1]
		n := uintptr(hi) - uintptr(lo)
		switch far := uintptr(lo) > lastBy || at > lastTo; {
		case n <= 8 && !far:
			*(*uint64)(unsafe.Add(to, at)) = *(*uint64)(unsafe.Add(by, lo))
		case n <= 16 && !far:
			*(*[16]byte)(unsafe.Add(to, at)) = *(*[16]byte)(unsafe.Add(by, lo))
		default:
			copyText(str[at:at+n], src[lo:hi])
		}
		at += n
		dst[i] = int32(at)
	}
}

// copyText is copy of a text; dst is as long. One of 17 to 32 bytes is its first 16 and its
// last 16.
func copyText(dst, src []byte) {
	if n := len(src); n > 16 && n <= 32 && len(dst) == n {
		x, y := *(*[16]byte)(src), *(*[16]byte)(src[n-16:])
		*(*[16]byte)(dst), *(*[16]byte)(dst[n-16:]) = x, y
		return
	}
	copy(dst, src)
}

// GatherTextSome is GatherText where value i is written only if bit i of valid is
// set, and is empty otherwise.
func GatherTextSome(off []int32, str []byte, from []int32, src []byte, idx []uint32, valid []uint64) {
	src = src[:cap(src)]
	at, dst := int(off[0]), off[1:len(idx)+1]
	for i, j := range idx {
		lo, hi := int(from[j]), int(from[j+1])
		n := (hi - lo) & -int(valid[i>>6]>>(uint(i)&63)&1)
		if uint(n) <= 16 && lo+16 <= len(src) && at+16 <= len(str) {
			*(*[16]byte)(str[at:]) = *(*[16]byte)(src[lo:])
		} else {
			copy(str[at:at+n], src[lo:lo+n])
		}
		at += n
		dst[i] = int32(at)
	}
}

// gatherTextGo is GatherText for texts so few that nothing may be read behind them,
// and says what GatherText does.
func gatherTextGo(off []int32, str []byte, from []int32, src []byte, idx []uint32) {
	at, dst := int(off[0]), off[1:len(idx)+1]
	for i, j := range idx {
		t := src[from[j]:from[j+1]]
		copy(str[at:at+len(t)], t)
		at += len(t)
		dst[i] = int32(at)
	}
}
