package mem

import "sync/atomic"

var refusing atomic.Pointer[func() bool]

// Refuse has f asked before a pool hands out or reserves memory from now on: true refuses it, as if
// others had taken the last of the budget at that moment; nil ends that. What is refused may be asked
// for again, so a task ends with the right answer or with ErrBudget: tests hold that with it.
func Refuse(f func() bool) {
	if f == nil {
		refusing.Store(nil)
		return
	}
	refusing.Store(&f)
}

func refused() bool {
	f := refusing.Load()
	return f != nil && (*f)()
}
