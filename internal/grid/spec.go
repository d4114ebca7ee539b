package grid

import (
	"fmt"
	"math"
	"slices"
)

// A Spec says how one axis is to be cut.
type Spec struct {
	Auto  bool    // as the block's bytes demand, together with the other such axes
	Size  int64   // chunks of this size; 0 or less means the whole axis
	Sizes []int64 // exactly these
}

// Whole is the spec of an axis that is not cut.
var Whole = Spec{}

// Divide cuts axes of the given lengths. Auto axes share what the others leave of
// limit elements per block: their chunks have equal sizes, but for axes that are
// shorter, whose rest the others get.
//
// Errors: sizes that do not add up to the axis, negative sizes.
func Divide(shape []int64, specs []Spec, limit int64) (Grid, error) {
	if len(specs) != len(shape) {
		return nil, fmt.Errorf("chunks for %d axes, the shape %s has %d", len(specs), Tuple(shape), len(shape))
	}
	g := make(Grid, len(shape))
	var auto []int
	left := float64(max(limit, 1))
	for i, s := range specs {
		switch {
		case s.Sizes != nil:
			sum := int64(0)
			for _, n := range s.Sizes {
				if n < 0 {
					return nil, fmt.Errorf("a chunk of axis %d has the size %d", i, n)
				}
				sum += n
			}
			if sum != shape[i] {
				return nil, fmt.Errorf("chunks do not add up to shape: %s is %d, axis %d of %s is %d", Tuple(s.Sizes), sum, i, Tuple(shape), shape[i])
			}
			g[i] = Sizes(s.Sizes...)
		case s.Auto:
			auto = append(auto, i)
			continue
		default:
			g[i] = Uniform(shape[i], s.Size)
		}
		left /= float64(max(g[i].Max(), 1))
	}
	for len(auto) > 0 {
		side := math.Pow(max(left, 1), 1/float64(len(auto)))
		k := slices.IndexFunc(auto, func(i int) bool { return float64(shape[i]) <= side })
		if k < 0 {
			for _, i := range auto {
				g[i] = Uniform(shape[i], max(1, int64(side+1e-9)))
			}
			break
		}
		i := auto[k]
		g[i] = Uniform(shape[i], 0)
		left /= float64(max(shape[i], 1))
		auto = slices.Delete(auto, k, k+1)
	}
	return g, nil
}

// Tuple prints integers as (3, 4); one as (3,).
func Tuple[T int | int32 | int64](x []T) string {
	s := "("
	for i, v := range x {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprint(v)
	}
	if len(x) == 1 {
		s += ","
	}
	return s + ")"
}
