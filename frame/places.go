package frame

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/op/rows"
)

// Slice returns n rows from row offset on, in the order of the input, or fewer at
// its end; with a negative n all from there on. A negative offset counts from
// the end: Slice(-3, 2) are the last rows but one and two.
func (f *Frame) Slice(offset, n int64) *Frame {
	below := f
	if offset >= 0 && n >= 0 && n <= math.MaxInt64-offset {
		below = f.Head(offset + n) // reading stops there
		if offset == 0 {
			return below
		}
	}
	return add("Slice", calls(rows.Place, rows.PlaceParams{From: offset, N: n}), below)
}

// Tail returns the last n rows in the order of the input.
func (f *Frame) Tail(n int64) *Frame {
	if n < 0 {
		return fail("Tail", fmt.Errorf("%d rows: want 0 or more", n))
	}
	if n == 0 {
		return f.Head(0)
	}
	return add("Tail", calls(rows.Tail, rows.TailParams{N: n}), f)
}

// WithRowIndex adds a column in front, the number of the row from 0 on, int64.
func (f *Frame) WithRowIndex(name string) *Frame {
	if name == "" {
		return fail("WithRowIndex", fmt.Errorf("the column needs a name"))
	}
	return add("WithRowIndex", calls(rows.Place, rows.PlaceParams{N: -1, Index: name}), f)
}

// Sample returns every row with the chance fraction, from 0 to 1, in the order of
// the input. Which rows depends on the seed and on their places in the table,
// and neither on threads nor on how the table is divided.
func (f *Frame) Sample(fraction float64, seed uint64) *Frame {
	switch {
	case !(fraction >= 0 && fraction <= 1):
		return fail("Sample", fmt.Errorf("a fraction of %v: want 0 to 1; SampleRows takes a number of rows", fraction))
	case fraction == 1:
		return f
	}
	below := uint64(math.Ldexp(fraction, 64))
	if below == 0 {
		return f.Head(0)
	}
	return add("Sample", calls(rows.Place, rows.PlaceParams{N: -1, Below: below, Seed: seed}), f)
}

// Columns of SampleRows.
const (
	rowPlace = "\x00place"
	rowDraw  = "\x00draw"
)

// SampleRows returns n rows, or all if there are fewer, in the order of the
// input; every choice of n rows is equally likely. Which rows depends on the seed
// and on their places in the table, and neither on threads nor on how the table
// is divided.
func (f *Frame) SampleRows(n int64, seed uint64) *Frame {
	if n < 0 {
		return fail("SampleRows", fmt.Errorf("%d rows: want 0 or more", n))
	}
	return add("SampleRows", calls(rows.Place, rows.PlaceParams{N: -1, Index: rowPlace, Draw: rowDraw, Seed: seed}), f).
		TopK(n, rowDraw, rowPlace).Sort(rowPlace).Drop(rowPlace, rowDraw)
}

// Repartition divides the rows, in their order, into blocks of equally many: tasks
// that can run side by side. Only what follows may run faster; results do not
// change.
func (f *Frame) Repartition(blocks int) *Frame {
	return add("Repartition", calls(rows.Part, rows.PartParams{Blocks: blocks}), f)
}
