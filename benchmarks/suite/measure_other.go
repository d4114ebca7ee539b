//go:build !unix

package suite

import "time"

// cpuTime is not known here: CPU seconds are shown as 0.
func cpuTime() time.Duration { return 0 }
