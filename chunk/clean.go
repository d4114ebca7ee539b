package chunk

import (
	"math/bits"
	"slices"

	"github.com/weft-data/weft/dtype"
)

// clean is v with nothing but its values in its buffers: under nulls zeros and empty texts, behind the last bit zeros.
// Without it there is whatever the memory had in it, or was computed from that: it would go into files, and two runs would
// write two of them. With mine set buffers are changed in place, else those that must be are copied. Dictionaries must be
// decoded; nested values are read only where they are not null.
func clean(v Vec, mine bool) Vec {
	isBool := v.Type.Kind == dtype.Bool
	if over := uint(v.N) % 64; over > 0 {
		if v.Valid != nil {
			v.Valid = cut(v.Valid, Words(v.N)-1, 1<<over-1, mine)
		}
		if isBool {
			v.Data = Bytes(cut(v.Bits(), Words(v.N)-1, 1<<over-1, mine))
		}
	}
	switch {
	case v.Nulls() == 0 || v.Type.Kind == dtype.Null || v.Type.Kind.IsNested():
	case isBool:
		b := v.Bits()
		for i := range b {
			b = cut(b, i, v.Valid[i], mine)
		}
		v.Data = Bytes(b)
	case v.Type.Kind.IsVar():
		cleanText(&v)
	default:
		switch v.Type.Width() {
		case 1:
			v.Data = cleanFixed[uint8](&v, mine)
		case 2:
			v.Data = cleanFixed[uint16](&v, mine)
		case 4:
			v.Data = cleanFixed[uint32](&v, mine)
		case 8:
			v.Data = cleanFixed[uint64](&v, mine)
		case 16:
			v.Data = cleanFixed[[16]byte](&v, mine)
		}
	}
	return v
}

// cut is b with the bits of word i that keep has not cleared.
func cut(b []uint64, i int, keep uint64, mine bool) []uint64 {
	if b[i]&^keep == 0 {
		return b
	}
	if !mine {
		b = slices.Clone(b)
	}
	b[i] &= keep
	return b
}

func cleanFixed[T Fixed](v *Vec, mine bool) []byte {
	x := Values[T](v)
	var zero T
	for w, valid := range v.Valid[:Words(v.N)] {
		part := x[w<<6 : min(w<<6+64, v.N)]
		for nulls := ^valid << (64 - len(part)) >> (64 - len(part)); nulls != 0; nulls &= nulls - 1 {
			if i := bits.TrailingZeros64(nulls); part[i] != zero {
				if !mine {
					x, mine = slices.Clone(x), true
					part = x[w<<6 : w<<6+len(part)]
				}
				part[i] = zero
			}
		}
	}
	return Bytes(x)
}

// cleanText copies the texts of v if one under a null is not empty.
func cleanText(v *Vec) {
	hidden := int32(0) // bytes of texts under nulls
	for i, w := 0, 0; i < v.N; i, w = i+64, w+1 {
		for nulls := ^v.Valid[w]; nulls != 0; nulls &= nulls - 1 {
			if k := i + bits.TrailingZeros64(nulls); k < v.N {
				hidden += v.Off[k+1] - v.Off[k]
			}
		}
	}
	if hidden == 0 {
		return
	}
	off, str := make([]int32, v.N+1), make([]byte, 0, v.Off[v.N]-v.Off[0]-hidden)
	for i := range v.N {
		if !v.IsNull(i) {
			str = append(str, v.Str[v.Off[i]:v.Off[i+1]]...)
		}
		off[i+1] = int32(len(str))
	}
	v.Off, v.Str = off, str
}
