// Package varint reads numbers of variable length from bytes that may be broken.
package varint

import "encoding/binary"

// A Reader takes numbers and bytes off the front of B. The first that is not there, or too long, sets Bad; what
// is read then is zero, so that callers check once.
type Reader struct {
	B   []byte
	Bad bool
}

// Unsigned takes a number as binary.AppendUvarint writes it.
func (r *Reader) Unsigned() uint64 {
	v, n := binary.Uvarint(r.B)
	if n <= 0 {
		r.Bad = true
		return 0
	}
	r.B = r.B[n:]
	return v
}

// Signed takes a number as binary.AppendVarint writes it (zigzag).
func (r *Reader) Signed() int64 {
	v := r.Unsigned()
	return int64(v>>1) ^ -int64(v&1)
}

// Bytes takes n bytes, which it shares with B.
func (r *Reader) Bytes(n uint64) []byte {
	if r.Bad || n > uint64(len(r.B)) {
		r.Bad = true
		return nil
	}
	x := r.B[:n:n]
	r.B = r.B[n:]
	return x
}
