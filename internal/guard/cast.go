package guard

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Rebase gives an array equal to a whose offset is 0, a itself when it is there already. Arrow v17's binary
// kernels compute the last byte of validity wrongly for some pairs of slices (arrow/bitutil/bitmaps.go,
// endMask), and its IPC writer mistakes shifted offsets; arrays at offset 0 with offsets from 0 are safe.
// The copy takes the bytes of the slice, not of its parent.
func Rebase(a arrow.Array) (out arrow.Array, err error) {
	if !needsRebase(a.Data()) {
		return a, nil
	}
	err = caught("rebasing "+a.DataType().String(), func() error {
		out, err = rebase(a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// rebase copies by concatenation, which v17 has for most types; a struct or an extension goes by its parts,
// and so does what v17 does not concatenate.
func rebase(a arrow.Array) (arrow.Array, error) {
	switch a := a.(type) {
	case *array.Null:
		return array.NewNull(a.Len()), nil
	case *array.Dictionary:
		idx, err := Rebase(a.Indices())
		if err != nil {
			return nil, err
		}
		return array.NewDictionaryArray(a.DataType(), idx, a.Dictionary()), nil
	case array.ExtensionArray:
		st, err := Rebase(a.Storage())
		if err != nil {
			return nil, err
		}
		return array.NewExtensionArrayWithStorage(a.DataType().(arrow.ExtensionType), st), nil
	}
	out, err := array.Concatenate([]arrow.Array{a}, memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("%w: rebasing %s: %w", ErrUnsupported, a.DataType(), err)
	}
	return out, nil
}

// needsRebase says whether some level of the array starts elsewhere than at its first slot or byte.
func needsRebase(d arrow.ArrayData) bool {
	if d.Offset() != 0 || firstOffset(d) != 0 {
		return true
	}
	for _, kid := range d.Children() {
		if needsRebase(kid) {
			return true
		}
	}
	return false
}

// firstOffset is the first of the offsets of a string or list array, 0 for other types.
func firstOffset(d arrow.ArrayData) int64 {
	bs := d.Buffers()
	if len(bs) < 2 || bs[1] == nil || bs[1].Len() == 0 {
		return 0
	}
	switch d.DataType().ID() {
	case arrow.STRING, arrow.BINARY, arrow.LIST, arrow.MAP:
		return int64(cast[int32](bs[1].Bytes())[0])
	case arrow.LARGE_STRING, arrow.LARGE_BINARY, arrow.LARGE_LIST:
		return cast[int64](bs[1].Bytes())[0]
	}
	return 0
}

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
