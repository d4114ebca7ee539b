package array

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
)

// Drawn is random numbers whose parameters are elements of arrays. Ints has the
// distribution, the key and then two numbers for each parameter: 0 and its bits, or 1 and
// the input, cut as the result, that has it for each element. Elements are those that
// leaves of kind Random have with the same parameters at the same place.
var Drawn = define("array.drawn", "random numbers, each with parameters of its own", procedure{run: func(c *Call) error {
	d := &drawn{Call: c, draw: Draw{Dist(c.P.Ints[0]), uint64(c.P.Ints[1])}, shape: make([]int64, len(c.P.Space))}
	for k := 2; k < len(c.P.Ints); k += 2 {
		d.nums = append(d.nums, uint64(c.P.Ints[k+1]))
		d.from = append(d.from, nil)
		if c.P.Ints[k] == 1 {
			d.from[len(d.from)-1] = values[uint64](c.In[c.P.Ints[k+1]])
		}
	}
	lo := make([]int64, len(d.shape))
	for j, a := range c.P.Out[0] {
		d.shape[j] = a.Len()
		lo[j], _ = a.Lookup().Bounds(c.At[j])
	}
	return d.block(lo)
}})

// DrawnInts are the parameters of Drawn, without those of the distribution.
func DrawnInts(d Dist, key uint64) []int64 { return []int64{int64(d), int64(key)} }

// A drawn is one task of Drawn.
type drawn struct {
	*Call
	draw  Draw
	shape []int64    // of the whole array
	from  [][]uint64 // of each parameter the elements, nil for a number
	nums  []uint64   // those of the element at hand
	fill  drawer     // for nums, nil before the first element
}

// block draws the elements of a block that begins at lo.
func (d *drawn) block(lo []int64) error {
	out := d.Out[0]
	row := int64(1) // elements that follow each other in the block and in the array
	if n := len(out.Shape); n > 0 {
		row = out.Shape[n-1]
	}
	at := slices.Clone(lo)
	for i := int64(0); i < product(out.Shape); i += row {
		if err := d.Context().Err(); err != nil {
			return err
		}
		idx := int64(0)
		for j, n := range d.shape {
			idx = idx*n + at[j]
		}
		if err := d.row(out, i, row, idx); err != nil {
			return err
		}
		for j := len(at) - 2; j >= 0; j-- {
			if at[j]++; at[j] < lo[j]+out.Shape[j] {
				break
			}
			at[j] = lo[j]
		}
	}
	return nil
}

// row draws n elements from i of the block on, which are those from idx on of the array:
// as many together as have the same parameters.
func (d *drawn) row(out Piece, i, n, idx int64) error {
	w := int64(out.Kind.Width())
	for end, mute := i+n, int64(stretch/8); i < end; {
		if mute <= 0 { // a law with its parameters may cost more than what is drawn by it
			if err := d.Context().Err(); err != nil {
				return err
			}
			mute = stretch / 8
		}
		if err := d.take(out.Kind, i, idx); err != nil {
			return err
		}
		k := int64(1)
		for k < stretch/8 && i+k < end && d.same(i+k) {
			k++
		}
		mute -= k
		d.fill(out.Data[i*w:(i+k)*w], uint64(idx), 1, int(k))
		i, idx = i+k, idx+k
	}
	return nil
}

// same reports whether an element has the parameters of the one at hand.
func (d *drawn) same(i int64) bool {
	for p, v := range d.from {
		if v != nil && v[i] != d.nums[p] {
			return false
		}
	}
	return true
}

// take makes the parameters of an element those at hand.
func (d *drawn) take(k elem.Kind, i, idx int64) (err error) {
	if d.fill != nil && d.same(i) {
		return nil
	}
	for p, v := range d.from {
		if v != nil {
			d.nums[p] = v[i]
		}
	}
	if err = d.draw.Dist.Check(k, d.nums); err == nil {
		d.fill, err = d.draw.bind(k, d.nums, 0)
	}
	if err != nil {
		at := make([]int, len(d.shape))
		for j := len(at) - 1; j >= 0; j-- {
			at[j] = int(idx % d.shape[j])
			idx /= d.shape[j]
		}
		return fmt.Errorf("array: parameters of element %s: %w", grid.Tuple(at), err)
	}
	return nil
}
