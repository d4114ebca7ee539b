package order

import "unsafe"

// entriesOf views a buffer as n entries.
func entriesOf(b []byte, n int) []entry {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*entry)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
