package shell

import (
	"errors"

	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/sched"
)

// ClassOf says whom the scheduler is to blame for the error of a task that was not told
// to end. Where memory or disk were short, or what the task itself had spilled was
// rotten, it is done once more with nothing beside it; all else is the user's.
func ClassOf(err error) sched.Class {
	var rotten *spill.CorruptError
	if errors.Is(err, mem.ErrBudget) || errors.Is(err, spill.ErrFull) || errors.As(err, &rotten) {
		return sched.OverMemory
	}
	return sched.User
}
