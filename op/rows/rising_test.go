package rows_test

import (
	"math"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op/rows"
)

// A column rises when its numbers do, within batches and from one to the next.
func TestRising(t *testing.T) {
	ints := func(x ...int64) arrow.Array {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		b.AppendValues(x, nil)
		return b.NewArray()
	}
	floats := func(x ...float64) arrow.Array {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		b.AppendValues(x, nil)
		return b.NewArray()
	}
	small := func(x ...uint8) arrow.Array {
		b := array.NewUint8Builder(memory.DefaultAllocator)
		b.AppendValues(x, nil)
		return b.NewArray()
	}
	nulls := array.NewInt64Builder(memory.DefaultAllocator)
	nulls.AppendValues([]int64{1, 2, 3}, []bool{true, false, true})
	texts := array.NewStringBuilder(memory.DefaultAllocator)
	texts.AppendValues([]string{"a", "b"}, nil)
	for _, c := range []struct {
		what string
		cols []arrow.Array
		want bool
	}{
		{"nothing", nil, false},
		{"no rows", []arrow.Array{ints()}, false},
		{"one", []arrow.Array{ints(5)}, true},
		{"equal ones", []arrow.Array{ints(-5, -5, 7), ints(7, 7)}, true},
		{"an empty batch between", []arrow.Array{ints(1, 2), ints(), ints(2, 9)}, true},
		{"falls within", []arrow.Array{ints(1, 3, 2)}, false},
		{"falls at the end", []arrow.Array{ints(1, 2), ints(3, 4, 3)}, false},
		{"falls from batch to batch", []arrow.Array{ints(1, 5), ints(4, 6)}, false},
		{"falls over an empty batch", []arrow.Array{ints(1, 5), ints(), ints(4, 6)}, false},
		{"extremes", []arrow.Array{ints(math.MinInt64, 0, math.MaxInt64)}, true},
		{"floats", []arrow.Array{floats(math.Inf(-1), -1, 0, math.Copysign(0, -1), 2, math.Inf(1))}, true},
		{"NaN at the end", []arrow.Array{floats(1, math.NaN())}, false},
		{"NaN in front", []arrow.Array{floats(math.NaN(), 1)}, false},
		{"unsigned", []arrow.Array{small(1, 200, 255)}, true},
		{"nulls", []arrow.Array{nulls.NewArray()}, false},
		{"texts", []arrow.Array{texts.NewArray()}, false},
	} {
		var bs []*chunk.Batch
		for _, a := range c.cols {
			s := arrow.NewSchema([]arrow.Field{{Name: "x", Type: a.DataType(), Nullable: true}}, nil)
			b, err := chunk.FromRecord(array.NewRecord(s, []arrow.Array{a}, int64(a.Len())))
			if err != nil {
				t.Fatal(err)
			}
			bs = append(bs, b)
		}
		if got := rows.Rising(bs, 0); got != c.want {
			t.Errorf("%s: rises is %v, want %v", c.what, got, c.want)
		}
	}
}
