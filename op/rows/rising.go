package rows

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// layout says that the rows are sorted by the first column that rises, of those that are read.
func (p MemoryParams) layout() (l op.Layout) {
	for _, c := range p.Rising {
		if p.Schema.Index(c) >= 0 {
			return op.Layout{Sorted: []op.SortKey{{Col: c}}}
		}
	}
	return l
}

// Rising reports that the values of a column of a table in memory never fall from one row to
// the next: numbers, dates and times without nulls or NaN. It reads up to the first that does.
func Rising(batches []*chunk.Batch, col int) bool {
	var last *chunk.Vec
	for _, b := range batches {
		v := &b.Cols[col]
		if b.N == 0 {
			continue
		}
		if v.Valid != nil || !rising(v, last) {
			return false
		}
		last = v
	}
	return last != nil
}

// rising reports that v does not fall, nor does it begin below the last value of the one before.
func rising(v, before *chunk.Vec) bool {
	switch k := v.Type.Kind; k {
	case dtype.Int8:
		return risingOf[int8](v, before)
	case dtype.Int16:
		return risingOf[int16](v, before)
	case dtype.Int32, dtype.Date:
		return risingOf[int32](v, before)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return risingOf[int64](v, before)
	case dtype.Uint8:
		return risingOf[uint8](v, before)
	case dtype.Uint16:
		return risingOf[uint16](v, before)
	case dtype.Uint32:
		return risingOf[uint32](v, before)
	case dtype.Uint64:
		return risingOf[uint64](v, before)
	case dtype.Float32:
		return risingOf[float32](v, before)
	case dtype.Float64:
		return risingOf[float64](v, before)
	}
	return false
}

func risingOf[T kernel.Number](v, before *chunk.Vec) bool {
	x := chunk.Values[T](v)[:v.N]
	last := x[0]
	if before != nil {
		last = chunk.Values[T](before)[before.N-1]
	}
	for _, y := range x {
		if !(last <= y) {
			return false
		}
		last = y
	}
	return true
}
