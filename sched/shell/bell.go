package shell

import (
	"context"

	"github.com/weft-data/weft/graph"
)

// A Bell wakes the reader of a job. Rings while nobody waits count as one.
type Bell chan struct{}

// NewBell returns a bell.
func NewBell() Bell { return make(Bell, 1) }

// Ring wakes the reader.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Next is graph.Job.Next of every driver: it asks take for a block, now and whenever
// the bell has rung, until there is one, or an error, or ctx ends.
func (b Bell) Next(ctx context.Context, take func() (d graph.Delivered, ok bool, err error)) (graph.Delivered, error) {
	for {
		if d, ok, err := take(); ok || err != nil {
			return d, err
		}
		select {
		case <-b:
		case <-ctx.Done():
			return graph.Delivered{}, context.Cause(ctx)
		}
	}
}
