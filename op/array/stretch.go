package array

import (
	"iter"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/op"
)

// stretch is how many elements a loop over a block handles between two looks at whether its task goes on: what costs
// a microsecond for each of them, a search in a long vector, then takes 16 ms, and adding takes 5 µs, a look 10 ns.
const stretch = 1 << 14

// stretches are the bounds of the parts of n elements between which a task can end. When it has ended they are cut short,
// and err says so; of few elements there is one part, and nobody looks.
func stretches[N int | int64](t op.Task, n N, err *error) iter.Seq2[N, N] {
	return func(yield func(lo, hi N) bool) {
		for lo := N(0); lo < n; lo += stretch {
			if lo > 0 {
				if *err = t.Context().Err(); *err != nil {
					return
				}
			}
			if !yield(lo, min(lo+stretch, n)) {
				return
			}
		}
	}
}

// touch writes to the pages of memory that is then filled in another order: what is first to touch new pages waits until
// the system has cleared them, and a line across a block touches them all.
func touch(t op.Task, data []byte) error {
	const page, most = 4 << 10, 4 << 20
	for i := 0; i < len(data); i += page {
		if i%most == 0 {
			if err := t.Context().Err(); err != nil {
				return err
			}
		}
		data[i] = 0
	}
	return nil
}

// keysOf writes the keys of elements at, at+step, … of a piece, those of the opposite order if it goes down.
func (c *Call) keysOf(dst []uint64, p Piece, at, step int64, down bool) error {
	to := keyings[p.Kind].to
	for lo := 0; lo < len(dst); lo += stretch {
		if lo > 0 {
			if err := c.Context().Err(); err != nil {
				return err
			}
		}
		part := dst[lo:min(lo+stretch, len(dst))]
		if to(part, p.Data, at+int64(lo)*step, step); down {
			reverse(p.Kind, part)
		}
	}
	return nil
}

// elementsOf writes the elements of such keys, which it changes.
func (c *Call) elementsOf(p Piece, kind elem.Kind, at, step int64, keys []uint64, down bool) (err error) {
	for lo, hi := range stretches(c.Task, len(keys), &err) {
		if down {
			reverse(kind, keys[lo:hi])
		}
		keyings[kind].from(p.Data, at+int64(lo)*step, step, keys[lo:hi])
	}
	return err
}

// placesOf writes keys and where each of them is.
func (c *Call) placesOf(dst []place, keys []uint64) (err error) {
	for lo, hi := range stretches(c.Task, len(keys), &err) {
		for i, k := range keys[lo:hi] {
			dst[lo+i] = place{k, uint64(lo + i)}
		}
	}
	return err
}

// copied copies elements.
func copied[T any](t op.Task, dst, src []T) (err error) {
	for lo, hi := range stretches(t, len(src), &err) {
		copy(dst[lo:hi], src[lo:hi])
	}
	return err
}
