//go:build !linux

package whole

import "os"

// send does nothing: there is no such hint.
func send(*os.File, int64, int64) {}
