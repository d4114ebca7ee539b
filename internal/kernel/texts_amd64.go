package kernel

import "github.com/weft-data/weft/internal/cpu"

func textKeysASM(str []byte, off []int32, out [][2]uint64) int {
	if level == cpu.Generic || len(out) == 0 {
		return 0
	}
	return textKeysAVX2(ptr(str), ptr(off), len(out), ptr(out))
}

func firstSlotsASM(keys [][2]uint64, hash []uint64, slots []uint32, table [][2]uint64, codes, other []uint32) (int, bool) {
	if level == cpu.Generic {
		return 0, false
	}
	return firstSlotsAVX2(ptr(keys), ptr(hash), len(keys), ptr(slots), len(slots)-1, ptr(table), ptr(codes), ptr(other)), true
}
