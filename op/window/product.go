package window

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// products multiplies the values up to a row, one after the other: what was rounded cannot be taken back, so that no frame
// moves.
type products struct {
	results
	col  string
	n    int64
	x    uint64 // as the type of the results has it
	over bool   // it does not fit
}

func (a *products) reset() {
	a.n, a.x, a.over = 0, 1, false
	if a.typ.Kind.IsFloat() {
		a.x = math.Float64bits(1)
	}
}

func (a *products) add(v *chunk.Vec, row int, _ int64) {
	if v.IsNull(row) {
		return
	}
	a.n++
	switch {
	case a.typ.Kind.IsFloat():
		a.x = math.Float64bits(math.Float64frombits(a.x) * floatAt(v, row))
	case v.Type.Kind == dtype.Uint64:
		a.times(false, a.x, chunk.Values[uint64](v)[row], math.MaxUint64)
	case a.typ.Kind == dtype.Uint64:
		a.times(false, a.x, uint64(integerAt(v, row)), math.MaxUint64)
	default:
		x, y := int64(a.x), integerAt(v, row)
		most := uint64(math.MaxInt64)
		if x < 0 != (y < 0) {
			most++
		}
		a.times(x < 0 != (y < 0), size(x), size(y), most)
	}
}

// times notes a product of two sizes.
func (a *products) times(negative bool, x, y, most uint64) {
	hi, lo := bits.Mul64(x, y)
	a.over = a.over || hi != 0 || lo > most
	if a.x = lo; negative {
		a.x = -lo
	}
}

// size is |x|, of the least integer too.
func size(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func (a *products) span(v *chunk.Vec, lo, hi int, _ int64) {
	for i := lo; i < hi; i++ {
		a.add(v, i, 0)
	}
}

func (a *products) remove(*chunk.Vec, int, int64) {
	panic("window: a product is of a frame that only grows")
}

func (a *products) put(times int) error {
	switch {
	case a.n == 0:
		a.giveNull(times)
	case a.over:
		return fmt.Errorf("a product of column %q does not fit into %s: cast the column to float64", dtype.Shown(a.col), a.typ)
	default:
		a.give(a.x, times)
	}
	return nil
}
