package array

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// A Named is an array whose axes have names, one letter each.
type Named struct {
	X    *Array
	Axes string
}

// Blockwise calls a function for each block of an array whose axes are the letters of
// out. Of every operand it gets the block at the same place along the axes that have
// those letters, and all of the others: they are contracted. An axis of out that no
// operand has is one chunk of the length that sizes says.
//
//	Blockwise(f, Float64, "ik", nil, Named{x, "ij"}, Named{y, "jk"})
func Blockwise(f Mapper, k DType, out string, sizes map[rune]int, in ...Named) *Array {
	return blockwise("Blockwise", f, k, []rune(out), sizes, in)
}

func blockwise(verb string, f Mapper, k DType, out []rune, sizes map[rune]int, in []Named) *Array {
	if !k.Valid() || f.name == "" && f.id == 0 {
		return fail(verb, "elements of %s: want a function from Register or Closure", k)
	}
	axes := map[rune]grid.Axis{}
	for i, o := range in {
		if o.X.err != nil {
			return o.X
		}
		names := []rune(o.Axes)
		if len(names) != len(o.X.grid) || repeated(names) {
			return fail(verb, "axes %q of operand %d, whose shape is %s", o.Axes, i, grid.Tuple(o.X.Shape()))
		}
		for j, c := range names {
			a, ok := axes[c]
			switch {
			case !ok:
				axes[c] = o.X.grid[j]
			case !a.Known() && !a.Equal(o.X.grid[j]):
				return o.X.loose(verb)
			case a.Len() != o.X.grid[j].Len():
				return fail(verb, "axis %q is %d and, of operand %d, %d", c, a.Len(), i, o.X.grid[j].Len())
			default:
				axes[c] = grid.Refine(a, o.X.grid[j])
			}
		}
	}
	if repeated(out) {
		return fail(verb, "axes %q of the result", string(out))
	}
	p := ops.BlockwiseParams{Name: f.name, ID: f.id, Call: ops.CallParams{Kind: k}}
	for _, c := range out {
		a, ok := axes[c]
		if n, given := sizes[c]; !ok && !given {
			return fail(verb, "axis %q of the result is none of an operand, and has no size", c)
		} else if !ok {
			a = grid.Uniform(int64(n), 0)
		}
		p.Call.Space = append(p.Call.Space, a)
	}
	p.Call.Out = []grid.Grid{p.Call.Space}
	links := make([]link, len(in))
	for i, o := range in {
		g := make(grid.Grid, len(o.X.grid))
		read := ops.Operand{Kind: o.X.kind}
		for j, c := range []rune(o.Axes) {
			g[j] = axes[c]
			to := slices.Index(out, c)
			if to < 0 {
				g[j] = o.X.grid[j]
			}
			if to < 0 && !g[j].Known() {
				return o.X.loose(verb)
			}
			read.Axes = append(read.Axes, int32(to)) // -1 is ops.All
		}
		x := o.X.cut(verb, g)
		if x.err != nil {
			return x
		}
		read.Grid = g
		p.Call.In = append(p.Call.In, read)
		links[i] = link{x.n, p.Call.Wire(i)}
	}
	y := add(verb, ops.Blockwise, p, p.Call.Space, k, links...)
	if y.err == nil {
		y.n.keep = f.keep
	}
	return y
}

// FromBlocks is an array each chunk of which a function makes, which gets its position among
// the chunks and reads nothing: from_delayed of Dask, for chunks that come of anywhere. It
// is called where and when a chunk is needed, and again when that was lost: what it makes
// must depend on the position alone. Elements are float64, or what Of says.
//
//	days := array.FromBlocks(load, []int{365, 1440}, array.Chunks(1, -1))
func FromBlocks(f Mapper, shape []int, opts ...Option) *Array {
	const verb = "FromBlocks"
	o := settle(elem.Float64, opts)
	if !f.valid() {
		return fail(verb, "want a function from Register or Closure")
	}
	g, err := o.grid(shape)
	if err != nil {
		return fail(verb, "%w", err)
	}
	p := ops.BlockwiseParams{Name: f.name, ID: f.id, Call: ops.CallParams{Kind: o.kind, Space: g, Out: []grid.Grid{g}}}
	y := add(verb, ops.Blockwise, p, g, o.kind)
	if y.err == nil {
		y.n.keep = f.keep
	}
	return y
}

func repeated(names []rune) bool {
	s := slices.Clone(names)
	slices.Sort(s)
	return len(slices.Compact(s)) < len(names)
}

// GUFunc calls a generalized ufunc: a function of the core axes of its operands, which
// the signature names, for blocks of all others, the loops, which broadcast. Core axes
// become one chunk. Blocks of operands and of the result have the loops first. A core
// axis of the result that no operand has is as long as sizes says.
//
//	GUFunc("(i,j),(j)->(i)", f, Float64, nil, matrices, vectors)
func GUFunc(signature string, f Mapper, k DType, sizes map[string]int, xs ...*Array) *Array {
	if bad := failed(xs...); bad != nil {
		return bad
	}
	cores, out, err := parseSignature(signature)
	if err == nil && len(cores) != len(xs) {
		err = fmt.Errorf("it has %d operands, %d are given", len(cores), len(xs))
	}
	if err != nil {
		return fail("GUFunc", "signature %q: %w", signature, err)
	}
	letter := map[string]rune{}
	name := func(core string) rune {
		if _, ok := letter[core]; !ok {
			c := []rune(core + "?")[0]
			for slices.Contains(slices.Collect(maps.Values(letter)), c) {
				c += 0x2000
			}
			letter[core] = c
		}
		return letter[core]
	}
	var loops []*Array
	for i, x := range xs {
		if len(x.grid) < len(cores[i]) {
			return fail("GUFunc", "operand %d of shape %s has no core axes (%s)", i, grid.Tuple(x.Shape()), strings.Join(cores[i], ","))
		}
		loops = append(loops, &Array{grid: x.grid[:len(x.grid)-len(cores[i])]})
	}
	space, _, err := broadcast(loops)
	if err != nil {
		return fail("GUFunc", "loops: %w", err)
	}
	var loop []rune
	for i := range space {
		loop = append(loop, rune(0x1000+i))
	}
	in := make([]Named, len(xs))
	for i, x := range xs {
		core := len(x.grid) - len(cores[i])
		shape := append(ints(space.Shape()), x.Shape()[core:]...)
		g := slices.Clone(space)
		axes := slices.Clone(loop)
		for j, c := range cores[i] {
			g = append(g, grid.Uniform(x.grid[core+j].Len(), 0))
			axes = append(axes, name(c))
		}
		in[i] = Named{x.BroadcastTo(shape).cut("GUFunc", g), string(axes)}
	}
	given := map[rune]int{}
	result := slices.Clone(loop)
	for _, c := range out {
		if n, ok := sizes[c]; ok {
			given[name(c)] = n
		}
		result = append(result, name(c))
	}
	return blockwise("GUFunc", f, k, result, given, in)
}

// parseSignature reads "(i,j),(j)->(i)".
func parseSignature(s string) (in [][]string, out []string, err error) {
	left, right, ok := strings.Cut(strings.ReplaceAll(s, " ", ""), "->")
	if !ok {
		return nil, nil, fmt.Errorf("want (…),(…)->(…)")
	}
	for left != "" {
		end := strings.IndexByte(left, ')')
		if left[0] != '(' || end < 0 {
			return nil, nil, fmt.Errorf("want (…), not %q", left)
		}
		in = append(in, cores(left[1:end]))
		if left = left[end+1:]; left != "" {
			if left[0] != ',' || left == "," {
				return nil, nil, fmt.Errorf("want a comma and (…), not %q", left)
			}
			left = left[1:]
		}
	}
	if len(right) < 2 || right[0] != '(' || strings.IndexByte(right, ')') != len(right)-1 {
		return nil, nil, fmt.Errorf("want one result (…), not %q", right)
	}
	return in, cores(right[1 : len(right)-1]), nil
}

func cores(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
