package chunk

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/dtype"
)

// TestUnlister: every list gives its elements in order, one that is null or empty a null when it is asked for, in
// buffers that other columns have been in.
func TestUnlister(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	var used [2]Unlister
	for round := range 200 {
		elem := []dtype.Type{dtype.Of(dtype.Int64), dtype.Of(dtype.Int16), dtype.Of(dtype.Bool), dtype.Of(dtype.Utf8), dtype.DecimalOf(20, 2),
			dtype.Of(dtype.Null), dtype.ListOf(dtype.Of(dtype.Uint8))}[round%7]
		v := Vec{Type: dtype.ListOf(elem), N: r.IntN(150), Off: []int32{0}}
		v.Valid = make([]uint64, Words(v.N)+1)
		nulls := []float64{0, 0.2}[r.IntN(2)]
		var want [2][]string
		var ends [2][]int
		for i := range v.N {
			n := r.IntN(5) * r.IntN(30)
			if r.IntN(9) == 0 {
				n = 0
			} else {
				v.Valid[i>>6] |= 1 << (i & 63)
			}
			var parts []any
			for range n {
				if elem.Kind == dtype.Null || r.Float64() < nulls {
					parts = append(parts, nil)
					continue
				}
				w, isVar := recordWidth(elem.Kind)
				b := make([]byte, w)
				if isVar {
					b = make([]byte, r.IntN(20))
				}
				for k := range b {
					b[k] = byte(r.IntN(2))
				}
				parts = append(parts, b)
			}
			v.Str = AppendParts(v.Str, elem.Kind, n, func(k int) ([]byte, bool) { b, ok := parts[k].([]byte); return b, !ok })
			v.Off = append(v.Off, int32(len(v.Str)))
			for _, p := range parts {
				s := "null"
				if p != nil {
					s = fmt.Sprint(p)
				}
				want[0], want[1] = append(want[0], s), append(want[1], s)
			}
			if n == 0 {
				want[1] = append(want[1], "null")
			}
			ends[0], ends[1] = append(ends[0], len(want[0])), append(ends[1], len(want[1]))
		}
		if r.IntN(3) == 0 { // the same lists as codes of a dictionary
			v = codedLists(v)
		}
		for k := range used {
			off, child := used[k].Unpack(&v, k == 1)
			if child.N != len(want[k]) || len(off) != v.N+1 || off[0] != 0 {
				t.Fatalf("%s: %d elements of %d lists, want %d of %d", elem, child.N, len(off)-1, len(want[k]), v.N)
			}
			for i, e := range ends[k] {
				if int(off[i+1]) != e {
					t.Fatalf("%s: list %d ends at %d, want %d", elem, i, off[i+1], e)
				}
			}
			for i, w := range want[k] {
				var bit [1]byte
				got := "null"
				if b, null := PartOf(&child, i, &bit); !null {
					got = fmt.Sprint(b)
				}
				if got != w {
					t.Fatalf("%s: element %d is %s, want %s", elem, i, got, w)
				}
			}
		}
	}
}

// codedLists is v with codes of a dictionary, the last values first.
func codedLists(v Vec) Vec {
	all := Vec{Type: v.Type, N: v.N, Off: []int32{0}}
	codes := make([]uint32, v.N)
	for i := range v.N {
		j := v.N - 1 - i
		all.Str = append(all.Str, v.Str[v.Off[j]:v.Off[j+1]]...)
		all.Off = append(all.Off, int32(len(all.Str)))
		codes[i] = uint32(j)
	}
	return Vec{Type: v.Type, N: v.N, Valid: v.Valid, Data: Bytes(codes), Dict: NewDict(all)}
}
