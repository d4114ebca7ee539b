package chunk

import (
	"encoding/binary"

	"github.com/weft-data/weft/dtype"
)

// Flags of the first byte of a vector that is written down.
const (
	HasValid = 1 << iota
	HasDict
	HasNothing // it is of type Null
)

// Write writes the vector down, part by part: 16 bytes (flags at 0, from 8 on the number of its dictionary or how many
// bytes of text it has), then its Buffers, each filled up to a multiple of align bytes, which is a power of two up to 64.
// Dictionaries are not written.
func (v *Vec) Write(align int, put func([]byte) error) error {
	d, bufs := v.describe(), v.Buffers()
	return write(align, put, d[:], bufs[0], bufs[1], bufs[2])
}

// describe makes the 16 bytes that a vector begins with.
func (v *Vec) describe() (d [16]byte) {
	if v.Valid != nil {
		d[0] |= HasValid
	}
	if v.Type.Kind == dtype.Null {
		d[0] |= HasNothing
	}
	if v.Dict != nil {
		d[0] |= HasDict
		binary.LittleEndian.PutUint64(d[8:], v.Dict.ID)
	} else {
		binary.LittleEndian.PutUint64(d[8:], uint64(len(v.Buffers()[2])))
	}
	return d
}

// write gives parts one by one, each filled up.
func write(align int, put func([]byte) error, parts ...[]byte) error {
	for _, b := range parts {
		if err := put(b); err != nil {
			return err
		}
		if r := len(b) % align; r != 0 {
			if err := put(zeros[:align-r]); err != nil {
				return err
			}
		}
	}
	return nil
}

var zeros [64]byte

// AppendTo is Write into memory.
func (v *Vec) AppendTo(dst []byte, align int) []byte {
	_ = v.Write(align, func(b []byte) error {
		dst = append(dst, b...)
		return nil
	})
	return dst
}

// coded reports whether column i is numbers of what is elsewhere: codes of a dictionary, or rows of the table.
func (b *Batch) coded(i int) bool {
	return b.Cols[i].Dict != nil || b.Table != nil && i == len(b.Cols)-1
}

// Write writes the batch down: its vectors one after the other as theirs does, but without the codes of those that have a
// dictionary and the numbers of rows of a table; these come last. So who does not keep codes has them read to where nothing stays.
func (b *Batch) Write(align int, put func([]byte) error) error {
	for i := range b.Cols {
		v := &b.Cols[i]
		d, bufs := v.describe(), v.Buffers()
		if b.coded(i) {
			bufs[1] = nil
		}
		if err := write(align, put, d[:], bufs[0], bufs[1], bufs[2]); err != nil {
			return err
		}
	}
	for i := range b.Cols {
		if b.coded(i) {
			if err := write(align, put, b.Cols[i].Buffers()[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Written is how many bytes Write gives, and how many of them, the last ones, are codes.
func (b *Batch) Written(align int) (all, codes int) {
	full := func(n int) int { return (n + align - 1) / align * align }
	for i := range b.Cols {
		v := &b.Cols[i]
		all += full(16)
		for _, buf := range v.Buffers() {
			all += full(len(buf))
		}
		if b.coded(i) {
			codes += full(4 * v.N)
		}
	}
	return all, codes
}
