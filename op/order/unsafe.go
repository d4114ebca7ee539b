package order

import "unsafe"

// entriesOf views a buffer as n entries.
func entriesOf(b []byte, n int) []entry {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*entry)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// halvesOf views the upper (0) or the lower (1) halves of words as those of entries. What else an entry has belongs to
// another half, of the last to what lies behind w: it is not to be touched.
func halvesOf(w []wide, half int) []entry {
	if len(w) == 0 {
		return nil
	}
	return unsafe.Slice((*entry)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(w)), 8*half)), len(w))
}
