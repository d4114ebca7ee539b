package guard

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Cast converts an array to another type by Arrow's cast kernel, nulls staying null. With safe a value that
// does not fit (overflow, lost fraction, invalid UTF-8) is an error, otherwise it wraps or truncates as Go
// conversions do. Slices are rebased first. A pair of types without a kernel is ErrUnsupported: among them
// are value to dictionary and string to date. The result belongs to the garbage collector.
func Cast(ctx context.Context, a arrow.Array, to arrow.DataType, safe bool) (out arrow.Array, err error) {
	if arrow.TypeEqual(a.DataType(), to) {
		return a, nil
	}
	if !compute.CanCast(a.DataType(), to) {
		return nil, unsupported("no cast from %s to %s", a.DataType(), to)
	}
	if a, err = Rebase(a); err != nil {
		return nil, err
	}
	opt := compute.UnsafeCastOptions(to)
	if safe {
		opt = compute.SafeCastOptions(to)
	}
	err = caught(fmt.Sprintf("casting %s to %s", a.DataType(), to), func() (err error) {
		out, err = compute.CastArray(compute.WithAllocator(ctx, memory.DefaultAllocator), a, opt)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cast from %s to %s: %w", a.DataType(), to, err)
	}
	return out, nil
}
