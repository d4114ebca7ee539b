package data

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
)

// TestOffsets: offsets are moved to the beginning of the text, and those that fall or end elsewhere are named.
func TestOffsets(t *testing.T) {
	for _, c := range []struct {
		off  []int32
		text int
		say  string // empty: they are right
	}{
		{[]int32{0}, 0, ""}, {[]int32{0, 3, 3, 5}, 5, ""}, {[]int32{7, 9, 12}, 5, ""}, {[]int32{-4, -4, 1}, 5, ""},
		{[]int32{0, 4, 2, 5}, 5, "offset 2 of value 2 is below"}, {[]int32{0, 4, 5, 3}, 3, "offset 3 of value 3 is below"}, {[]int32{2, 1, 7}, 5, "offset 1 of value 1 is below"},
		{[]int32{0, math.MaxInt32, math.MinInt32, 5}, 5, "value 2 is below"}, {[]int32{math.MinInt32, math.MaxInt32}, 5, "of 5 bytes"},
		{[]int32{0, 6}, 5, "end at 6 of 5 bytes"}, {[]int32{3, 6}, 6, "end at 3 of 6 bytes"},
	} {
		r, v := bodyReader{}, chunk.Vec{N: len(c.off) - 1, Off: slices.Clone(c.off), Str: make([]byte, c.text)}
		r.offsets(&v)
		if c.say != "" {
			if r.err == nil || !strings.Contains(r.err.Error(), c.say) {
				t.Errorf("%v of %d bytes: %v, want %q", c.off, c.text, r.err, c.say)
			}
			continue
		}
		for i, o := range v.Off {
			if o != c.off[i]-c.off[0] {
				t.Errorf("%v became %v", c.off, v.Off)
			}
		}
		if r.err != nil {
			t.Errorf("%v of %d bytes: %v", c.off, c.text, r.err)
		}
	}
}

// TestCodes: a code that is not in the dictionary is found wherever it stands.
func TestCodes(t *testing.T) {
	d := chunk.NewDict(chunk.Vec{N: 7, Off: make([]int32, 8)})
	for n := range 150 {
		for bad := -1; bad < n; bad++ {
			v := chunk.Vec{N: n, Dict: d, Data: make([]byte, 4*n)}
			for i := range n {
				binary.NativeEndian.PutUint32(v.Data[4*i:], uint32(i%7))
			}
			if bad >= 0 {
				binary.NativeEndian.PutUint32(v.Data[4*bad:], []uint32{7, math.MaxUint32}[bad%2])
			}
			r := bodyReader{}
			if r.known(&v); (r.err == nil) != (bad < 0) {
				t.Fatalf("%d codes, number %d is none: %v", n, bad, r.err)
			}
		}
	}
}
