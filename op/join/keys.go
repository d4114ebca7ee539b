package join

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// runs is into how many parts keys are divided by their hash. A run is the unit
// of building in parallel and of leaving out.
const runs = 64

// runOf returns the run of a key hash: its top six bits. Slots come from the
// bits below.
func runOf(h uint64) uint8 { return uint8(h >> 58) }

// A keyReader turns the key columns of batches into hashes and canonical words.
// Its results are scratch, valid until the next call. One thread uses it.
type keyReader struct {
	cols  []int
	h     []uint64
	tmp   []uint64
	words []uint64
	valid []uint64
	dicts map[uint64][]uint64 // dictionary → hash of every entry
	offer dictOffer
}

func newKeyReader(cols []int) *keyReader {
	return &keyReader{cols: cols, dicts: map[uint64][]uint64{}}
}

// validity returns a bitmap of the rows of m in which no key is null; nil means
// all.
func (k *keyReader) validity(m *chunk.Batch) []uint64 {
	var out []uint64
	for _, c := range k.cols {
		v := &m.Cols[c]
		switch {
		case v.Type.Kind == dtype.Null:
			k.valid = room(k.valid, chunk.Words(m.N))
			clear(k.valid)
			return k.valid
		case v.Valid == nil:
		case out == nil:
			out = v.Valid[:chunk.Words(m.N)]
		default:
			k.valid = room(k.valid, chunk.Words(m.N))
			kernel.And(k.valid, out, v.Valid)
			out = k.valid
		}
	}
	return out
}

// hashes returns the hash of every row's key. Rows with a null have some hash.
func (k *keyReader) hashes(m *chunk.Batch) []uint64 {
	k.h = room(k.h, m.N)
	for i, c := range k.cols {
		if i == 0 {
			k.column(&m.Cols[c], k.h)
			continue
		}
		k.tmp = room(k.tmp, m.N)
		k.column(&m.Cols[c], k.tmp)
		kernel.HashCombine(k.h, k.tmp)
	}
	return k.h
}

// column hashes one column: equal keys hash alike, whatever encoding holds them.
func (k *keyReader) column(v *chunk.Vec, out []uint64) {
	switch kind := v.Type.Kind; {
	case kind == dtype.Null:
		clear(out)
	case v.Dict != nil && k.offer.worth(v):
		h := k.dictHashes(v.Dict)
		for i, c := range chunk.Values[uint32](v) {
			out[i] = h[c]
		}
	case kind.IsVar():
		hashTexts(v, out)
	case kind == dtype.Decimal128:
		kernel.Hash128(unsafe.Slice((*[2]uint64)(unsafe.Pointer(unsafe.SliceData(v.Data))), v.N)[:len(out)], out)
	case kind.Width() == 4 && kind != dtype.Float32:
		kernel.Hash32(chunk.Values[uint32](v), out)
	case kind.Width() == 8 && kind != dtype.Float64:
		kernel.Hash64(chunk.Values[uint64](v), out)
	default:
		canonical(v, out)
		kernel.Hash64(out, out)
	}
}

// dictHashes returns the hash of every entry of a dictionary, made once.
func (k *keyReader) dictHashes(d *chunk.Dict) []uint64 {
	h, ok := k.dicts[d.ID]
	if !ok {
		if len(k.dicts) >= maxDicts {
			clear(k.dicts)
		}
		h = make([]uint64, d.Values.N)
		hashTexts(&d.Values, h)
		k.dicts[d.ID] = h
	}
	return h
}

// maxDicts bounds what is remembered per thread about dictionaries.
const maxDicts = 16

// A dictOffer decides whether work per dictionary entry is worth it: when at
// least as many rows as the dictionary has entries have come with it.
type dictOffer struct {
	id   uint64
	rows int
}

func (o *dictOffer) worth(v *chunk.Vec) bool {
	if o.id != v.Dict.ID {
		o.id, o.rows = v.Dict.ID, 0
	}
	o.rows += v.N
	return o.rows >= v.Dict.Values.N
}

// hashTexts hashes text values: short ones by their keys, longer ones by xxh3.
func hashTexts(v *chunk.Vec, out []uint64) {
	off, str, codes := textOf(v)
	var keys [128][2]uint64
	for lo := 0; lo < len(out); lo += len(keys) {
		n := min(len(keys), len(out)-lo)
		k, h := keys[:n], out[lo:lo+n]
		long := textKeys(v, lo, k)
		kernel.Hash128(k, h)
		for i := 0; long > 0; i++ {
			if k[i] != longKey {
				continue
			}
			long--
			j := lo + i
			if codes != nil {
				j = int(codes[j])
			}
			h[i] = xxh3.Hash(str[off[j]:off[j+1]])
		}
	}
}

// longKey is no key of a text of at most 15 bytes.
var longKey = [2]uint64{math.MaxUint64, math.MaxUint64}

// textKeys writes the keys of the texts of v from lo on, see kernel.TextKeys, longKey for
// those that are too long, and returns how many these are.
func textKeys(v *chunk.Vec, lo int, out [][2]uint64) (long int) {
	off, str, codes := textOf(v)
	if codes != nil {
		for i, j := range codes[lo : lo+len(out)] {
			if off[j+1]-off[j] > 15 {
				out[i] = longKey
				long++
			} else {
				out[i] = kernel.TextKeyAt(str, off[j], off[j+1])
			}
		}
		return long
	}
	off = off[lo : lo+len(out)+1]
	for i := 0; i < len(out); {
		if off[i+1]-off[i] > 15 {
			out[i] = longKey
			long++
			i++
		} else {
			i += kernel.TextKeys(str, off[i:], out[i:])
		}
	}
	return long
}

// textOf returns the offsets and bytes of a text vector, and its codes if it has
// a dictionary.
func textOf(v *chunk.Vec) (off []int32, str []byte, codes []uint32) {
	if v.Dict != nil {
		return v.Dict.Values.Off, v.Dict.Values.Str, chunk.Values[uint32](v)
	}
	return v.Off, v.Str, nil
}

// canonical writes a word per value such that values are equal exactly when
// their words are: integers sign- or zero-extended, floats by their bits with one
// NaN and one zero. It takes kinds of at most eight bytes.
func canonical(v *chunk.Vec, out []uint64) {
	switch v.Type.Kind {
	case dtype.Bool:
		w := v.Bits()
		for i := range out {
			out[i] = w[i>>6] >> (uint(i) & 63) & 1
		}
	case dtype.Int8:
		widen(chunk.Values[int8](v), out)
	case dtype.Int16:
		widen(chunk.Values[int16](v), out)
	case dtype.Int32, dtype.Date:
		widen(chunk.Values[int32](v), out)
	case dtype.Uint8:
		widen(chunk.Values[uint8](v), out)
	case dtype.Uint16:
		widen(chunk.Values[uint16](v), out)
	case dtype.Uint32:
		widen(chunk.Values[uint32](v), out)
	case dtype.Float32:
		for i, x := range chunk.Values[float32](v)[:len(out)] {
			b := math.Float32bits(x + 0) // -0 + 0 is 0
			if x != x {
				b = 0x7fc00000
			}
			out[i] = uint64(b)
		}
	case dtype.Float64:
		kernel.FloatKeys(chunk.Values[float64](v)[:len(out)], out)
	case dtype.Null:
		clear(out)
	default:
		copy(out, chunk.Values[uint64](v))
	}
}

func widen[T int8 | int16 | int32 | uint8 | uint16 | uint32](in []T, out []uint64) {
	in = in[:len(out)]
	for i, x := range in {
		out[i] = uint64(x)
	}
}

// A field is the place of one key column in a packed word: words are
// Σ (value-min)·stride, so that the keys of the table are 0 … domain-1.
type field struct{ min, span, stride uint64 }

// pack writes the packed keys of m to out and appends the rows that hold a value
// no build row has to miss.
func (k *keyReader) pack(m *chunk.Batch, fields []field, out []uint64, miss []uint32) []uint32 {
	for c, f := range fields {
		dst := out
		if c > 0 {
			k.words = room(k.words, m.N)
			dst = k.words
		}
		canonical(&m.Cols[k.cols[c]], dst)
		for i, w := range dst {
			w -= f.min
			dst[i] = w * f.stride
			if w > f.span {
				miss = append(miss, uint32(i))
			}
		}
		if c > 0 {
			for i, w := range dst {
				out[i] += w
			}
		}
	}
	return miss
}

// layOut gives fields their strides and returns the number of packed keys less
// one; false when they do not fit a word.
func layOut(fields []field) (last uint64, ok bool) {
	size := uint64(1)
	for i := len(fields) - 1; i >= 0; i-- {
		f := &fields[i]
		f.stride = size
		hi, lo := bits.Mul64(f.span, size)
		sum, carry := bits.Add64(last, lo, 0)
		if hi != 0 || carry != 0 {
			return 0, false
		}
		last = sum
		size = last + 1
		if size == 0 && i > 0 {
			return 0, false
		}
	}
	return last, true
}

// room returns a slice of n elements, s itself when it is large enough.
func room[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n, n+n/4+64)
}
