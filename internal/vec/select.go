package vec

import (
	"bytes"
	"encoding/binary"
)

// Where returns the function that sets dst[i] to x[i] where the mask is true and to y[i] where it is not.
func Where[T Elem]() func(dst []T, mask []uint8, x, y []T) {
	if f := whereASM[T](); f != nil {
		return f
	}
	return whereGo[T]
}

func whereGo[T Elem](dst []T, mask []uint8, x, y []T) {
	n := min(len(dst), len(mask), len(x), len(y))
	dst, mask, x, y = dst[:n], mask[:n], x[:n], y[:n]
	for i, m := range mask {
		v := y[i]
		if m != 0 {
			v = x[i]
		}
		dst[i] = v
	}
}

// Fill sets all elements to c.
func Fill[T any](dst []T, c T) {
	if len(dst) == 0 {
		return
	}
	const short = 64
	for i := range dst[:min(short, len(dst))] {
		dst[i] = c
	}
	for n := short; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// Iota sets dst[i] = first + i*step, each product and sum rounded as T rounds.
func Iota[T Elem](dst []T, first, step T) {
	var i T
	if sizeOf[T]() <= 2 { // indices that do not fit wrap, and so do the products
		for j := range dst {
			dst[j] = first + i*step
			i++
		}
		return
	}
	for j := range dst {
		dst[j] = T(i*step) + first
		i++
	}
}

// MaskNot sets dst[i] = 1 where the mask is false and 0 where it is not. dst may be mask.
func MaskNot(dst, mask []uint8) {
	n := min(len(dst), len(mask))
	for i, m := range mask[:n] {
		dst[i] = bit(m == 0)
	}
}

// Any reports whether one element of a mask is true.
func Any(mask []uint8) bool {
	for ; len(mask) >= 8; mask = mask[8:] {
		if binary.LittleEndian.Uint64(mask) != 0 {
			return true
		}
	}
	for _, m := range mask {
		if m != 0 {
			return true
		}
	}
	return false
}

// All reports whether all elements of a mask are true.
func All(mask []uint8) bool { return bytes.IndexByte(mask, 0) < 0 }

// Count returns the number of true elements of a mask.
func Count(mask []uint8) int { return len(mask) - bytes.Count(mask, zero) }

var zero = []byte{0}
