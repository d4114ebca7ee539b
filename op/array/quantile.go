package array

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/quantile"
	"github.com/weft-data/weft/internal/radix"
	"github.com/weft-data/weft/internal/strip"
)

// Quantile finds quantiles along an axis of one chunk of float32 or float64. Ints are the
// axis, the quantile.Method, and 1 to leave NaN out; else the quantiles of a line with a NaN are
// NaN. Nums are the quantiles, from 0 to 1.
var Quantile = define("array.quantile", "quantiles along an axis", procedure{
	version: 3, // of float32, too
	room:    func(p *CallParams) int64 { return lineRoom(p.In[0].Grid[p.Ints[0]].Max(), false) },
	run: func(c *Call) error {
		switch k := c.In[0].Kind; k {
		case elem.Float32:
			return quantilesOf(c, func(b uint32) float64 { return float64(math.Float32frombits(b)) })
		case elem.Float64:
			return quantilesOf(c, func(b uint64) float64 { return math.Float64frombits(b) })
		default:
			return fmt.Errorf("quantiles of %s", k)
		}
	},
})

// quantilesOf finds quantiles of floats that are K as bits.
func quantilesOf[K uint32 | uint64](c *Call, value func(bits K) float64) error {
	axis, way, skip := int(c.P.Ints[0]), quantile.Method(c.P.Ints[1]), c.P.Ints[2] == 1
	n := int(c.In[0].Shape[axis])
	src, dst := values[K](c.In[0]), values[float64](c.Out[0])
	asked := make([]int, len(c.P.Nums)) // the quantiles, in ascending order
	for i := range asked {
		asked[i] = i
	}
	slices.SortFunc(asked, func(i, j int) int { return cmp.Compare(c.P.Nums[i], c.P.Nums[j]) })
	return lines(c, axis, int64(len(asked)), false, func(s *sorting, in, out, step int64) error {
		keys, m, err := strip.View[K](strip.Raw(s.keys), n), 0, error(nil)
		for lo, hi := range stretches(c.Task, n, &err) {
			m += lineKeys(keys[m:m+hi-lo], src, in+int64(lo)*step, step)
		}
		if err != nil {
			return err
		}
		keys = keys[:m]
		f := finder[K]{ctx: c.Context(), keys: keys, value: value}
		for _, i := range asked {
			v, err := math.NaN(), error(nil)
			if len(keys) > 0 && (skip || len(keys) == n) {
				v, err = f.quantile(c.P.Nums[i], way)
			}
			if err != nil {
				return err
			}
			dst[out+int64(i)*step] = v
		}
		return nil
	})
}

// A finder finds quantiles of a line, in ascending order.
type finder[K uint32 | uint64] struct {
	ctx   context.Context
	keys  []K
	value func(bits K) float64
	done  int // so many have their places already, and nothing behind them is smaller
}

func (f *finder[K]) quantile(q float64, way quantile.Method) (float64, error) {
	i, part := way.Place(q, int64(len(f.keys)))
	lo, hi, err := f.pair(int(i))
	return quantile.Blend(f.value(lineBits(lo)), f.value(lineBits(hi)), part), err
}

// pair returns the element of a rank, and the one that comes after it, if there is one.
func (f *finder[K]) pair(i int) (lo, hi K, err error) {
	if i >= f.done {
		if err := radix.Nth(f.ctx, f.keys[f.done:], i-f.done); err != nil {
			return 0, 0, err
		}
		f.done = i + 1
	}
	if i+1 == len(f.keys) {
		return f.keys[i], f.keys[i], nil
	}
	if i+1 == f.done {
		least := i + 1
		for k, v := range f.keys[i+1:] {
			if v < f.keys[least] {
				least = i + 1 + k
			}
		}
		f.keys[least], f.keys[i+1] = f.keys[i+1], f.keys[least]
		f.done = i + 2
	}
	return f.keys[i], f.keys[i+1], nil
}

// lineKeys writes the keys, as wide as the elements, of what is not NaN of len(dst) elements of src: at, at+step, … It
// returns how many these are.
func lineKeys[K uint32 | uint64](dst, src []K, at, step int64) (n int) {
	inf, sign := K(0x7f800000), ^(^K(0) >> 1)
	if widthOf[K]() == 8 {
		inf = K(uint64(0x7ff) << 52 & uint64(^K(0)))
	}
	for range dst {
		b := src[at]
		k := b | sign
		if b&sign != 0 {
			k = ^b
		}
		dst[n] = k
		if b&^sign <= inf {
			n++
		}
		at += step
	}
	return n
}

// lineBits are the bits of an element, of its key.
func lineBits[K uint32 | uint64](k K) K {
	sign := ^(^K(0) >> 1)
	if k&sign != 0 {
		return k &^ sign
	}
	return ^k
}
