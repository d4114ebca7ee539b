package array

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/weft-data/weft/internal/strip"
)

// A row of shares is a number that is divided at random among kinds: what a multinomial
// or a multivariate hypergeometric distribution draws. The kinds are the leaves of a
// binary tree; at each node the number is divided between its two sides, binomially or
// hypergeometrically, by a stream of that node and row. So an element is a function of
// its position, found in as many steps as the tree is deep, whatever of the row is wanted.

// kinds are the number of kinds and their weights, which follow the first number.
func kinds(d Dist, nums []uint64) ([]float64, error) {
	if len(nums) < 3 || nums[1] < 1 || nums[1] > uint64(len(nums)-2) {
		return nil, errors.New("no kinds: want a weight for each")
	}
	w := make([]float64, nums[1])
	for i, x := range nums[2 : 2+len(w)] {
		if d == Multinomial {
			w[i] = math.Float64frombits(x)
		} else {
			w[i] = float64(int64(x))
		}
	}
	total, err := SumOfWeights(w)
	switch taken := float64(int64(nums[0])); {
	case err != nil:
		return nil, err
	case d == Multinomial && total == 0:
		return nil, errors.New("the weights add up to 0")
	case d != Multinomial && (total > mostPopulation || taken > total):
		return nil, fmt.Errorf("%.0f taken of %.0f: want at most all, and of 2^31", taken, total)
	}
	return w, nil
}

// SumOfWeights is the sum of weights, none of which is negative, and which is finite.
func SumOfWeights(w []float64) (sum float64, err error) {
	for i, x := range w {
		if !(x >= 0) || math.IsInf(x, 0) {
			return 0, fmt.Errorf("weight %d is %v", i, x)
		}
		sum += x
	}
	if math.IsInf(sum, 0) {
		return 0, fmt.Errorf("the weights add up to %v", sum)
	}
	return sum, nil
}

// shares binds a distribution of rows.
func (d Draw) shares(nums []uint64, size int64) (drawer, error) {
	w, err := kinds(d.Dist, nums)
	if err != nil {
		return nil, err
	}
	n := uint64(len(w))
	if uint64(size)%n != 0 {
		return nil, fmt.Errorf("%d elements are no rows of %d kinds", size, n)
	}
	depth := bits.Len64(n - 1)
	first := uint64(1) << depth // the leaf of kind 0
	sums := make([]float64, 2*first)
	copy(sums[first:], w)
	for i := first - 1; i > 0; i-- {
		sums[i] = sums[2*i] + sums[2*i+1]
	}
	total, apart := float64(int64(nums[0])), d.Dist == Multinomial
	return func(dst []byte, idx, stride uint64, k int) {
		v := strip.View[int64](dst, k)
		var s stream64
		var at [65]uint64 // the nodes on the way to the kind before, from the root
		var has [65]float64
		row := ^uint64(0)
		at[0], has[0] = 1, total
		for i := range v {
			if r := idx / n; r != row {
				row, at[1] = r, 0
			}
			leaf := first + idx%n
			known := true
			for level := 1; level <= depth; level++ {
				node := leaf >> (depth - level)
				if known = known && at[level] == node; known {
					continue
				}
				s = stream64{idx: row, lane: node >> 1 << 32, key: d.Key}
				left := divided(&s, has[level-1], sums[node&^1], sums[node|1], apart)
				if at[level], has[level] = node, left; node&1 == 1 {
					has[level] = has[level-1] - left
				}
			}
			v[i] = int64(has[depth])
			idx += stride
		}
	}, nil
}

// divided is what of n falls to the left of two sides.
func divided(s *stream64, n, left, right float64, apart bool) float64 {
	switch {
	case n == 0 || left == 0:
		return 0
	case right == 0:
		return n
	case apart:
		d := binomialOf(n, left/(left+right))
		return d.draw(s)
	}
	d := hypergeometricOf(left, right, n)
	return d.draw(s)
}
