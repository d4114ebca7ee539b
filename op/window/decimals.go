package window

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
)

// decimals adds decimals in 192 bits, so that a sum may be too large on its way.
type decimals struct {
	results
	mean  bool
	scale int
	col   string
	n     int64
	sum   [3]uint64 // two's complement, the lowest word first
	wide  [][16]byte
}

func (a *decimals) reset() { a.n, a.sum = 0, [3]uint64{} }

func (a *decimals) begin(n int) {
	a.results.begin(n)
	a.wide = a.wide[:0]
}

// by adds a value to the sum, or with all ones in neg takes it away: what is added is its complement and one.
func (a *decimals) by(v *chunk.Vec, row int, neg uint64) {
	if v.IsNull(row) {
		return
	}
	x := &chunk.Values[[16]byte](v)[row]
	lo, hi := binary.LittleEndian.Uint64(x[:8]), binary.LittleEndian.Uint64(x[8:])
	top := uint64(int64(hi) >> 63)
	var c uint64
	a.sum[0], c = bits.Add64(a.sum[0], lo^neg, neg&1)
	a.sum[1], c = bits.Add64(a.sum[1], hi^neg, c)
	a.sum[2], _ = bits.Add64(a.sum[2], top^neg, c)
	a.n += 1 - 2*int64(neg&1)
}

func (a *decimals) add(v *chunk.Vec, row int, _ int64)    { a.by(v, row, 0) }
func (a *decimals) remove(v *chunk.Vec, row int, _ int64) { a.by(v, row, math.MaxUint64) }

func (a *decimals) span(v *chunk.Vec, lo, hi int, _ int64) {
	for i := lo; i < hi; i++ {
		a.by(v, i, 0)
	}
}

// whole is the sum in units of the last digit.
func (a *decimals) whole() *big.Int {
	x := big.NewInt(int64(a.sum[2]))
	for _, w := range []uint64{a.sum[1], a.sum[0]} {
		x.Add(x.Lsh(x, 64), new(big.Int).SetUint64(w))
	}
	return x
}

// most is the first whole number that has more than 38 digits.
var most = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)

func (a *decimals) put(times int) error {
	var x [16]byte
	switch {
	case a.n == 0:
		a.giveNull(times)
	case a.mean:
		a.give(math.Float64bits(exact.MeanOf(a.whole(), a.n, a.scale)), times)
		return nil
	case a.sum[2] != uint64(int64(a.sum[1])>>63), a.whole().CmpAbs(most) >= 0:
		return fmt.Errorf("a sum of column %q does not fit into %s: cast the column to float64", dtype.Shown(a.col), a.typ)
	default:
		binary.LittleEndian.PutUint64(x[:8], a.sum[0])
		binary.LittleEndian.PutUint64(x[8:], a.sum[1])
		a.give(0, times)
	}
	for range times {
		a.wide = append(a.wide, x)
	}
	return nil
}

func (a *decimals) end() (chunk.Vec, error) {
	v, err := a.results.end()
	if !a.mean {
		v.Data = chunk.Bytes(a.wide)
	}
	return v, err
}
