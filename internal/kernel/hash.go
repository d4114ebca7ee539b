package kernel

import (
	"math"
	"math/bits"
)

// The hash of this house is the folded multiply: the high and the low half of a 64x64-bit product, xored.
// One such step mixes every input bit into the top and the bottom bits of the result (the tests measure how
// well), so a table may take its slot from the top and its tag from the bottom. Source: Wang Yi's wyhash; the
// constants are its primes. It does not resist an attacker who chooses keys.
//
// The result is the same on every machine and at every level, and may be written to files; it may change only
// together with the name of this constant set.
const (
	hashK0 = 0xa0761d6478bd642f
	hashK1 = 0xe7037ed1a0b428db
	hashK2 = 0x8ebc6af09c88c6e3
	hashK3 = 0x589965cc75374cc3
)

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// HashKey is the hash of one 64-bit key: fold(key ^ K0, K1).
func HashKey(key uint64) uint64 { return fold(key^hashK0, hashK1) }

// Hash64 sets out[i] = HashKey(keys[i]) for len(keys) elements. out may be keys. Integers of other widths must
// be widened (sign-extended if signed) to hash alike; floats must first go through FloatKeys.
func Hash64(keys, out []uint64) {
	out = out[:len(keys)]
	for len(keys) >= 4 && len(out) >= 4 {
		out[0], out[1], out[2], out[3] = HashKey(keys[0]), HashKey(keys[1]), HashKey(keys[2]), HashKey(keys[3])
		keys, out = keys[4:], out[4:]
	}
	for i, k := range keys {
		out[i] = HashKey(k)
	}
}

// Hash32 sets out[i] = HashKey(uint64(keys[i])) for len(keys) elements: a key of 32 bits hashes as the same
// number in 64 bits.
func Hash32(keys []uint32, out []uint64) {
	out = out[:len(keys)]
	for len(keys) >= 4 && len(out) >= 4 {
		out[0], out[1] = HashKey(uint64(keys[0])), HashKey(uint64(keys[1]))
		out[2], out[3] = HashKey(uint64(keys[2])), HashKey(uint64(keys[3]))
		keys, out = keys[4:], out[4:]
	}
	for i, k := range keys {
		out[i] = HashKey(uint64(k))
	}
}

// HashKey128 is the hash of one 16-byte key: fold(key[0] ^ K0, key[1] ^ K1).
func HashKey128(key [2]uint64) uint64 { return fold(key[0]^hashK0, key[1]^hashK1) }

// Hash128 sets out[i] = HashKey128(keys[i]) for len(keys) elements.
func Hash128(keys [][2]uint64, out []uint64) {
	out = out[:len(keys)]
	for i := range keys {
		out[i] = fold(keys[i][0]^hashK0, keys[i][1]^hashK1)
	}
}

// HashCombine folds the hashes of a further key column into h: h[i] = fold(h[i] ^ K2, next[i] ^ K3) for len(h)
// elements. It is not commutative: (a, b) and (b, a) hash differently.
func HashCombine(h, next []uint64) {
	next = next[:len(h)]
	for i, v := range h {
		h[i] = fold(v^hashK2, next[i]^hashK3)
	}
}

// FloatKeys writes the bits of x, with -0 as 0 and every NaN as the one quiet NaN 0x7ff8000000000000, so that equal
// keys have equal bits. float32 keys must be widened first: they then equal the float64 keys of the same value.
func FloatKeys(x []float64, out []uint64) {
	out = out[:len(x)]
	for i, v := range x {
		b := math.Float64bits(v + 0) // -0 + 0 is 0
		if v != v {
			b = 0x7ff8 << 48
		}
		out[i] = b
	}
}
