package mem

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CanPeek says that the system can copy from the memory of another process, if it is of the same
// user and nothing forbids it (Yama's ptrace_scope, a container).
const CanPeek = true

// Peek copies from the memory of a process: remote says where each part of local lies there.
func Peek(pid int, local [][]byte, remote []uint64) error {
	const most = 1024 // UIO_MAXIOV
	for len(local) > 0 {
		n := min(len(local), most)
		to, from, want := make([]unix.Iovec, n), make([]unix.RemoteIovec, n), 0
		for i := range n {
			to[i].Base = unsafe.SliceData(local[i])
			to[i].SetLen(len(local[i]))
			from[i] = unix.RemoteIovec{Base: uintptr(remote[i]), Len: len(local[i])}
			want += len(local[i])
		}
		got, err := unix.ProcessVMReadv(pid, to, from, 0)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%d of %d bytes", got, want)
		}
		local, remote = local[n:], remote[n:]
	}
	return nil
}
