package kernel

import "encoding/binary"

// TextKeys writes the keys of len(out) texts: text i is str[off[i]:off[i+1]], and the key of one of at most 15 bytes has its
// bytes, zeroes, and its length in the last byte, so that texts are equal if their keys are. It ends before the
// first longer text and returns how many it has done. Offsets must not descend, and must lie within str: that is the caller's
// to know. What is behind a text, as far as str has capacity, is read and masked away.
func TextKeys(str []byte, off []int32, out [][2]uint64) int {
	off = off[:len(out)+1]
	// A key is loaded with 16 bytes; the last texts may be too near the end.
	safe := len(out)
	for limit := cap(str) - 16; safe > 0 && int(off[safe-1]) > limit; {
		safe--
	}
	done := textKeysASM(str, off, out[:safe])
	if done += textKeysGo(str, off[done:], out[done:safe]); done < safe {
		return done
	}
	for i := safe; i < len(out); i++ {
		text := str[off[i]:off[i+1]]
		if len(text) > 15 {
			return i
		}
		out[i] = TextKey(text)
	}
	return len(out)
}

// textKeysGo does texts that lie 16 bytes or more before the end of str.
func textKeysGo(str []byte, off []int32, out [][2]uint64) int {
	str, off = str[:cap(str)], off[:len(out)+1]
	lo := off[0]
	for i := range out {
		hi := off[i+1]
		n := uint(hi - lo)
		if n > 15 {
			return i
		}
		out[i] = maskedKey(str[lo:], n)
		lo = hi
	}
	return len(out)
}

// maskedKey is the key of the first n of 16 bytes.
func maskedKey(b []byte, n uint) [2]uint64 {
	b, m := b[:16], &textMasks[n]
	return [2]uint64{binary.LittleEndian.Uint64(b) & m[0], binary.LittleEndian.Uint64(b[8:])&m[1] | uint64(n)<<56}
}

// textMasks keep the first bytes of 16, by their number.
var textMasks = func() (m [16][2]uint64) {
	for n := range m {
		for i := range n {
			m[n][i/8] |= 0xff << (i % 8 * 8)
		}
	}
	return m
}()

// TextKeyAt is the key of the text str[lo:hi] of at most 15 bytes; it reads what TextKeys may.
func TextKeyAt(str []byte, lo, hi int32) [2]uint64 {
	if int(lo)+16 > cap(str) {
		return TextKey(str[lo:hi])
	}
	return maskedKey(str[lo:cap(str)], uint(hi-lo))
}

// TextKey is the key of one text of at most 15 bytes.
func TextKey(text []byte) [2]uint64 {
	var b [16]byte
	copy(b[:15], text)
	b[15] = byte(len(text))
	return [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

// FirstSlots looks keys up in a table of codes: slots[hash & (len(slots)-1)], where the search for a key begins, holds 0 or
// one more than a code, and table[code] its key. It sets codes[i] to the code in the first slot of keys[i], or to 0 for a free slot,
// and lists in other the rows whose key is not table[codes[i]]. It returns how many these are.
//
// len(slots) is a power of two, table has at least one key, and slots hold codes of it: that is the caller's to know. Lists
// have room for len(keys).
func FirstSlots(keys [][2]uint64, hash []uint64, slots []uint32, table [][2]uint64, codes, other []uint32) int {
	hash, codes, other = hash[:len(keys)], codes[:len(keys)], other[:len(keys)]
	if len(keys) == 0 {
		return 0
	}
	_ = table[0]
	if count, done := firstSlotsASM(keys, hash, slots, table, codes, other); done {
		return count
	}
	return firstSlotsGo(keys, hash, slots, table, codes, other)
}

func firstSlotsGo(keys [][2]uint64, hash []uint64, slots []uint32, table [][2]uint64, codes, other []uint32) (n int) {
	mask := uint64(len(slots) - 1)
	for i, h := range hash {
		codes[i] = max(slots[h&mask], 1) - 1
	}
	for i, c := range codes {
		x, y := &keys[i], &table[c]
		other[n] = uint32(i)
		n += int(b2u((x[0]^y[0])|(x[1]^y[1]) != 0))
	}
	return n
}
