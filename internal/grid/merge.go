package grid

import "iter"

// Sizes yields how many elements the blocks have, one after the other. Chunk sizes must be
// known.
func (g Grid) Sizes() iter.Seq[int64] {
	return func(yield func(int64) bool) { g.sizes(1, yield) }
}

// sizes yields those of g, each so many times as large, until yield says no.
func (g Grid) sizes(times int64, yield func(int64) bool) bool {
	if len(g) == 0 {
		return yield(times)
	}
	for _, n := range g[0].All() {
		if !g[1:].sizes(times*n, yield) {
			return false
		}
	}
	return true
}

// Merge returns the grid of a shape of which each axis is one axis of g, or neighbouring
// ones as one: with their blocks, in the order of their numbers. It reports false when the
// shape is not made like that.
func (g Grid) Merge(shape []int) (out Grid, ok bool) {
	if len(shape) == 0 {
		return Grid{}, g.Blocks() == 1 && g.Elements() == 1
	}
	// ends[j][i] is where the axes of g end that make axis j of the shape when they begin at
	// i, so that the others make the other ones; 0 for nowhere
	ends := make([][]int, len(shape)+1)
	ends[len(shape)] = make([]int, len(g)+1)
	ends[len(shape)][len(g)] = len(g)
	for j := len(shape) - 1; j >= 0; j-- {
		ends[j] = make([]int, len(g)+1)
		for i := range g {
			n := int64(1)
			for k := i; k < len(g) && ends[j][i] == 0; k++ {
				if n *= g[k].Len(); n == int64(shape[j]) && ends[j+1][k+1] > 0 {
					ends[j][i] = k + 1
				}
			}
		}
	}
	for i, j := 0, 0; j < len(shape); j++ {
		end := ends[j][i]
		if end == 0 {
			return nil, false
		}
		out = append(out, g[i:end].axis())
		i = end
	}
	return out, true
}

// axis is one axis with a chunk for every block of g.
func (g Grid) axis() (a Axis) {
	for n := range g.Sizes() {
		a = a.Append(n, 1)
	}
	return a
}
