package kernel

import (
	"bytes"
	"slices"
	"testing"
)

func TestTextKeys(t *testing.T) { atLevels(t, testTextKeys) }

func testTextKeys(t *testing.T) {
	strs, offs, keys := newArena[byte](t, 16*largest), newArena[int32](t, largest+1), newArena[[2]uint64](t, largest)
	for _, n := range lengths() {
		for _, long := range []bool{false, true} {
			r := newRand(n)
			off := offs.end(0, n+1)
			size, first := int32(r.IntN(20)), n
			for i := range off {
				off[i] = size
				size += int32(r.IntN(16))
				if long && i < n && r.IntN(30) == 0 {
					size += 16
					first = min(first, i)
				}
			}
			str := strs.end(0, int(off[n]))
			for i := range str {
				str[i] = byte(r.IntN(4)) // zeroes too: only the length tells them from what is not there
			}
			out := keys.end(1, n)
			if done := TextKeys(str, off, out); done != first {
				t.Fatalf("%d texts: %d done, the first long one is %d", n, done, first)
			}
			for i, k := range out[:first] {
				text := str[off[i]:off[i+1]]
				var want [2]uint64
				for j, b := range text {
					want[j/8] |= uint64(b) << (j % 8 * 8)
				}
				want[1] |= uint64(len(text)) << 56
				if x, y := TextKey(text), TextKeyAt(str, off[i], off[i+1]); k != want || x != want || y != want {
					t.Fatalf("text %d of %d, %x: %x, %x and %x, want %x", i, n, text, k, x, y, want)
				}
			}
		}
	}
}

// TestTextKeysBehind holds that what lies behind texts does not count.
func TestTextKeysBehind(t *testing.T) { atLevels(t, testTextKeysBehind) }

func testTextKeysBehind(t *testing.T) {
	text := []byte("onetwothree")
	off := []int32{0, 3, 6, 11}
	want, got := make([][2]uint64, 3), make([][2]uint64, 3)
	TextKeys(text[:11:11], off, want)
	for _, more := range []int{0, 1, 4, 5, 15, 16, 17, 40} {
		TextKeys(append(bytes.Clone(text), bytes.Repeat([]byte{0xee}, more)...)[:11], off, got)
		if !slices.Equal(got, want) {
			t.Errorf("with %d bytes behind: %x, want %x", more, got, want)
		}
		str := append(bytes.Clone(text), bytes.Repeat([]byte{0xee}, more)...)
		if k := TextKeyAt(str[:11], off[1], off[2]); k != want[1] {
			t.Errorf("with %d bytes behind: %x, want %x", more, k, want[1])
		}
	}
}

func TestFirstSlots(t *testing.T) { atLevels(t, testFirstSlots) }

func testFirstSlots(t *testing.T) {
	keys, hashes, lists := newArena[[2]uint64](t, largest), newArena[uint64](t, largest), newArena[uint32](t, largest)
	for _, n := range lengths() {
		for _, size := range []int{1, 8, 64, 4096} {
			r := newRand(n + size)
			table := keys.end(0, 1+r.IntN(size))
			for i := range table {
				table[i] = [2]uint64{r.Uint64N(3), r.Uint64N(3)}
			}
			slots := lists.end(0, size)
			for i := range slots {
				slots[i] = uint32(r.IntN(len(table) + 1))
			}
			k, h := keys.end(1, n), hashes.end(0, n)
			for i := range k {
				k[i], h[i] = [2]uint64{r.Uint64N(3), r.Uint64N(3)}, r.Uint64()
			}
			codes, other := lists.end(1, n), lists.end(2, n)
			count := FirstSlots(k, h, slots, table, codes, other)
			var want []uint32
			for i := range k {
				c := uint32(0)
				if s := slots[h[i]%uint64(size)]; s > 0 {
					c = s - 1
				}
				if codes[i] != c {
					t.Fatalf("row %d of %d, %d slots: code %d, want %d", i, n, size, codes[i], c)
				}
				if table[c] != k[i] {
					want = append(want, uint32(i))
				}
			}
			if !slices.Equal(other[:count], want) {
				t.Fatalf("%d rows, %d slots: others %d, want %d", n, size, other[:count], want)
			}
		}
	}
}
