package parquet

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A lookup numbers the distinct values of a column chunk that is being written, in the order in which they come. It
// refuses values beyond its limits, or when memory is refused: then the chunk goes on without a dictionary.
type lookup struct {
	alloc mem.Allocator
	width int  // of a value; 0: byte arrays
	n     int  // values
	slots tail // uint64 per slot: the upper half of the hash and the code + 1, 0 if free
	shift uint
	plain tail // the values as they stand in a page, byte arrays with their lengths
	off   tail // uint32 per byte array: where its bytes begin in plain
}

// Limits of a dictionary. Above the soft one it must be worth its bytes.
const (
	softDict   = 1 << 20
	hardDict   = 16 << 20
	firstSlots = 1 << 10
)

// reset empties the dictionary; it keeps its buffers.
func (d *lookup) reset() {
	d.n, d.plain.n, d.off.n = 0, 0, 0
	clear(d.slots.b[:d.slots.n])
}

func (d *lookup) free() {
	for _, t := range []*tail{&d.slots, &d.plain, &d.off} {
		t.free(d.alloc)
	}
	d.n = 0
}

// grow makes room for another value of size bytes.
func (d *lookup) grow(size int) bool {
	if d.plain.n+size > hardDict {
		return false
	}
	if 2*(d.n+1) > d.slots.n/8 && !d.rehash(max(firstSlots, 2*d.slots.n/8)) {
		return false
	}
	if d.width == 0 {
		if _, err := d.off.room(d.alloc, 4); err != nil {
			return false
		}
	}
	_, err := d.plain.room(d.alloc, size)
	return err == nil
}

func (d *lookup) rehash(slots int) bool {
	b := d.alloc.Alloc(slots * 8)
	if b == nil {
		return false
	}
	clear(b)
	from, to := chunk.Slice[uint64](d.slots.b, d.slots.n/8), chunk.Slice[uint64](b, slots)
	shift := uint(64 - bits.TrailingZeros(uint(slots)))
	for _, s := range from {
		if s != 0 { // the slot comes from the upper bits, which the entry has
			at := s >> shift
			for to[at] != 0 {
				at = (at + 1) & uint64(slots-1)
			}
			to[at] = s
		}
	}
	d.alloc.Free(d.slots.b)
	d.slots, d.shift = tail{b, slots * 8}, shift
	return true
}

// upper are the bits of a hash that a slot keeps.
const upper = 0xffffffff_00000000

// codesOf sets out to the codes of values, new ones included; false when the dictionary is full.
func codesOf[T uint32 | uint64](d *lookup, v []T, out []uint32) bool {
	if d.slots.n == 0 && !d.rehash(firstSlots) {
		return false
	}
	slots, mask := chunk.Slice[uint64](d.slots.b, d.slots.n/8), uint64(d.slots.n/8-1)
	values := chunk.Slice[T](d.plain.b, d.n)
	for i, x := range v {
		h := kernel.HashKey(uint64(x))
		at := h >> d.shift
		for {
			s := slots[at]
			if s == 0 {
				if !d.grow(d.width) {
					return false
				}
				if k := uint64(d.slots.n / 8); k != mask+1 {
					slots, mask = chunk.Slice[uint64](d.slots.b, int(k)), k-1
					for at = h >> d.shift; slots[at] != 0; at = (at + 1) & mask {
					}
				}
				d.n++
				slots[at] = h&upper | uint64(d.n)
				d.plain.n += d.width
				values = chunk.Slice[T](d.plain.b, d.n)
				values[d.n-1], out[i] = x, uint32(d.n-1)
				break
			}
			if c := uint32(s) - 1; (s^h)&upper == 0 && values[c] == x {
				out[i] = c
				break
			}
			at = (at + 1) & mask
		}
	}
	return true
}

// code returns the code of a byte array.
func (d *lookup) code(x []byte) (uint32, bool) {
	if d.slots.n == 0 && !d.rehash(firstSlots) {
		return 0, false
	}
	slots, mask := chunk.Slice[uint64](d.slots.b, d.slots.n/8), uint64(d.slots.n/8-1)
	h := xxh3.Hash(x)
	at := h >> d.shift
	for {
		s := slots[at]
		if s == 0 {
			break
		}
		if c := uint32(s) - 1; (s^h)&upper == 0 && string(d.bytes(c)) == string(x) {
			return c, true
		}
		at = (at + 1) & mask
	}
	if !d.grow(4 + len(x)) {
		return 0, false
	}
	slots, mask = chunk.Slice[uint64](d.slots.b, d.slots.n/8), uint64(d.slots.n/8-1)
	for at = h >> d.shift; slots[at] != 0; at = (at + 1) & mask {
	}
	d.n++
	slots[at] = h&upper | uint64(d.n)
	binary.LittleEndian.PutUint32(d.off.b[d.off.n:], uint32(d.plain.n+4))
	d.off.n += 4
	binary.LittleEndian.PutUint32(d.plain.b[d.plain.n:], uint32(len(x)))
	d.plain.n += 4 + copy(d.plain.b[d.plain.n+4:], x)
	return uint32(d.n - 1), true
}

// bytes is the byte array of a code.
func (d *lookup) bytes(c uint32) []byte {
	at := binary.LittleEndian.Uint32(d.off.b[4*c:])
	return d.plain.b[at : at+binary.LittleEndian.Uint32(d.plain.b[at-4:])]
}

// entry is the value of a code as it stands in a plain page.
func (d *lookup) entry(c uint32) []byte {
	if d.width > 0 {
		return d.plain.b[int(c)*d.width : (int(c)+1)*d.width]
	}
	at := binary.LittleEndian.Uint32(d.off.b[4*c:])
	return d.plain.b[at-4 : at+binary.LittleEndian.Uint32(d.plain.b[at-4:])]
}

// bits is the width of the codes.
func (d *lookup) bits() uint { return uint(bits.Len(uint(max(d.n-1, 0)))) }
