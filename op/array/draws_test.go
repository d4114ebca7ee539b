package array

import (
	"math"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
)

// uneven reports chi-square of counts that should be alike when it is beyond six deviations.
func uneven(counts []float64, all float64) (chi float64, bad bool) {
	want := all / float64(len(counts))
	for _, v := range counts {
		chi += (v - want) * (v - want) / want
	}
	free := float64(len(counts) - 1)
	return chi, chi > free+6*math.Sqrt(2*free)
}

// TestPermutersOfKeysNearEachOther: where one permutation takes an element says nothing of
// where one of a key nearby takes it or another one; of many numbers, by their last bits.
func TestPermutersOfKeysNearEachOther(t *testing.T) {
	for _, c := range []struct{ n, keys, apart uint64 }{{4, 10_000, 16}, {5, 10_000, 4}, {16, 10_000, 4}, {8192, 10_000, 12}} {
		least := min(c.n, 16)
		for apart := uint64(1); apart <= c.apart; apart++ {
			seen := make([][]float64, least)
			for i := range seen {
				seen[i] = make([]float64, least*least)
			}
			for k := range c.keys {
				key := k * 1_000_003
				one, other := Permuter(key, c.n), Permuter(key+apart, c.n)
				for i := range seen {
					seen[i][one(0)%least*least+other(uint64(i))%least]++
				}
			}
			for i, counts := range seen {
				if chi, bad := uneven(counts, float64(c.keys)); bad {
					t.Fatalf("of %d elements, keys %d apart: element %d: chi² %.0f of %d", c.n, apart, i, chi, len(counts)-1)
				}
			}
		}
	}
}

// TestOrdersHaveEqualChances: of five numbers each of the 120 orders; of more than are
// shuffled, by where the first one goes.
func TestOrdersHaveEqualChances(t *testing.T) {
	const keys = 24_000
	orders, first := map[[5]uint64]float64{}, make([]float64, 20)
	for k := range uint64(keys) {
		place, far := Permuter(k, 5), Permuter(k, 5000)
		var order [5]uint64
		for i := range order {
			order[i] = place(uint64(i))
		}
		orders[order]++
		first[far(0)/250]++
	}
	var counts []float64
	for _, n := range orders {
		counts = append(counts, n)
	}
	if chi, bad := uneven(counts, keys); bad || len(counts) != 120 {
		t.Errorf("%d orders of 5: chi² %.0f", len(counts), chi)
	}
	if chi, bad := uneven(first, keys); bad {
		t.Errorf("first of 5000: chi² %.0f", chi)
	}
}

// TestRandomLeaves: what a distribution cannot be drawn with is refused with the plan, before anything is bound.
func TestRandomLeaves(t *testing.T) {
	line := grid.Grid{grid.Uniform(10, 5)}
	one := math.Float64bits(1)
	for _, c := range []struct {
		dist Dist
		kind elem.Kind
		nums []uint64
		say  string // empty: it is right
	}{
		{Normal, elem.Float64, []uint64{one, one}, ""}, {Normal, elem.Float32, []uint64{one, one}, ""},
		{Integers, elem.Int64, []uint64{0, 9}, ""}, {Permutation, elem.Int64, nil, ""},
		{Normal, elem.Float64, []uint64{one}, "normal: 1 numbers for 2 parameters"}, {Integers, elem.Int64, []uint64{3}, "integers: 1 numbers for 2 parameters"},
		{Normal, elem.Int64, []uint64{one, one}, "random numbers of int64"}, {Poisson, elem.Float64, []uint64{one}, "random numbers of float64"},
		{Normal, elem.Float64, []uint64{one, math.Float64bits(-1)}, "want for deviation 0 or a positive number"},
		{numDists, elem.Float64, []uint64{one, one}, "no such distribution"}, {Multinomial, elem.Int64, []uint64{4, 9, one}, "no kinds"},
	} {
		l := Leaf{Kind: Random, Type: c.kind, Grid: line, View: []grid.View{{Axis: 0, Step: 1}}, Draw: Draw{Dist: c.dist}, Nums: c.nums}
		err := l.check(line)
		if (err == nil) != (c.say == "") || err != nil && !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s of %s with %d numbers: %v, want %q", c.dist, c.kind, len(c.nums), err, c.say)
		}
	}
}
