package kernel

import "math"

// The hash of this house mixes 64 bits by two multiplications and three shifts, so that every key bit reaches
// every result bit: a table may take its slot from the top, its tag from the bottom, a sketch any bits between (the
// tests hold that for the keys tables see). One multiplication, though quicker, measurably does not. Wider keys and
// further columns are first folded into 64 bits by an odd multiplier. Source of the mixer and its constants: Pelle
// Evensen, moremur, 2019. It does not resist an attacker who chooses keys.
//
// The result is the same on every machine and at every level, and may be written to files; it may change only
// together with the name of what holds it.
const (
	hashSeed = 0xa0761d6478bd642f // so that zero is no fixed point
	hashFold = 0xe7037ed1a0b428db
	hashMul1 = 0x3c79ac492ba7b653
	hashMul2 = 0x1c69b3f74ac4ae35
)

// HashKey is the hash of one 64-bit key.
func HashKey(key uint64) uint64 {
	x := key + hashSeed
	x = (x ^ x>>27) * hashMul1
	x = (x ^ x>>33) * hashMul2
	return x ^ x>>27
}

// Hash64 sets out[i] = HashKey(keys[i]) for len(keys) elements. out may be keys. Integers of other widths must
// be widened (sign-extended if signed) to hash alike; floats must first go through FloatKeys.
func Hash64(keys, out []uint64) {
	out = out[:len(keys)]
	done := hash64ASM(keys, out)
	hash64Go(keys[done:], out[done:])
}

func hash64Go(keys, out []uint64) {
	out = out[:len(keys)]
	for i, k := range keys {
		out[i] = HashKey(k)
	}
}

// Hash32 sets out[i] = HashKey(uint64(keys[i])) for len(keys) elements: a key of 32 bits hashes as the same
// number in 64 bits.
func Hash32(keys []uint32, out []uint64) {
	out = out[:len(keys)]
	done := hash32ASM(keys, out)
	hash32Go(keys[done:], out[done:])
}

func hash32Go(keys []uint32, out []uint64) {
	out = out[:len(keys)]
	for i, k := range keys {
		out[i] = HashKey(uint64(k))
	}
}

// HashKey128 is the hash of one 16-byte key: HashKey(key[0] + key[1]*K), K a fixed odd number.
func HashKey128(key [2]uint64) uint64 { return HashKey(key[0] + key[1]*hashFold) }

// Hash128 sets out[i] = HashKey128(keys[i]) for len(keys) elements.
func Hash128(keys [][2]uint64, out []uint64) {
	out = out[:len(keys)]
	done := hash128ASM(keys, out)
	hash128Go(keys[done:], out[done:])
}

func hash128Go(keys [][2]uint64, out []uint64) {
	out = out[:len(keys)]
	for i := range keys {
		out[i] = HashKey(keys[i][0] + keys[i][1]*hashFold)
	}
}

// HashCombine folds a further key column, or its hashes, into h: h[i] = HashKey128({next[i], h[i]}) for len(h) elements.
// It is not commutative: (a, b) and (b, a) hash differently.
func HashCombine(h, next []uint64) {
	next = next[:len(h)]
	done := hashCombineASM(h, next)
	hashCombineGo(h[done:], next[done:])
}

func hashCombineGo(h, next []uint64) {
	next = next[:len(h)]
	for i, v := range h {
		h[i] = HashKey(next[i] + v*hashFold)
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
