package varint

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestReader reads back what was written and stops at what is broken.
func TestReader(t *testing.T) {
	var b []byte
	for _, v := range []int64{0, -1, 63, -64, math.MaxInt64, math.MinInt64} {
		b = binary.AppendVarint(b, v)
	}
	b = binary.AppendUvarint(b, math.MaxUint64)
	b = append(b, "abc"...)
	r := Reader{B: b}
	for _, v := range []int64{0, -1, 63, -64, math.MaxInt64, math.MinInt64} {
		if got := r.Signed(); got != v {
			t.Errorf("%d, want %d", got, v)
		}
	}
	if got := r.Unsigned(); got != math.MaxUint64 {
		t.Errorf("%d", got)
	}
	if got := string(r.Bytes(2)); got != "ab" || r.Bad {
		t.Errorf("%q %v", got, r.Bad)
	}
	if r.Bytes(2); !r.Bad {
		t.Error("two bytes of one")
	}
	for _, broken := range [][]byte{nil, {0x80}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
		r := Reader{B: broken}
		if v := r.Unsigned(); v != 0 || !r.Bad || r.Bytes(0) != nil {
			t.Errorf("%x: %d %v", broken, v, r.Bad)
		}
	}
}
