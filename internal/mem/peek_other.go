//go:build !linux

package mem

import "errors"

// CanPeek: no system but Linux has such a call that needs no further rights.
const CanPeek = false

// Peek fails.
func Peek(int, [][]byte, []uint64) error { return errors.ErrUnsupported }
