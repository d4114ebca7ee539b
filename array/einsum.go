package array

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/internal/elem"
)

// Einsum is the sum of products that a formula says, as in NumPy: "ij,jk->ik" names
// the axes of each operand by letters; axes of one letter go along each other, and
// letters that are not behind the arrow are summed. Without an arrow the result has
// the letters that occur once, in alphabetical order. "..." stands for axes that
// are broadcast. Operands are joined from the left to the right, two at a time, by
// products of matrices; one that has all axes of the other, by products of elements.
func Einsum(formula string, xs ...*Array) *Array {
	const verb = "Einsum"
	if f := failed(xs...); f != nil {
		return f
	}
	terms, out, err := parseEinsum(formula, xs)
	if err != nil {
		return fail(verb, "%q of shapes %s: %w", formula, shapes(xs), err)
	}
	kind := xs[0].kind
	for _, x := range xs[1:] {
		kind = elem.Promote(kind, x.kind)
	}
	for i := range terms {
		terms[i].x = terms[i].x.As(kind)
	}
	acc := terms[0].diagonal().only(out, terms[1:])
	for i, t := range terms[1:] {
		acc = acc.join(verb, t.diagonal().only(out, append([]term{acc}, terms[i+2:]...)), out, terms[i+2:])
		if acc.x.err != nil {
			return acc.x
		}
	}
	return acc.ordered(out)
}

// A term is an operand and the names of its axes.
type term struct {
	x    *Array
	axes string
}

// dots are the names of axes that the dots stand for, the last one first.
const dots = "0123456789"

func parseEinsum(formula string, xs []*Array) (terms []term, out string, err error) {
	left, right, arrow := strings.Cut(strings.ReplaceAll(formula, " ", ""), "->")
	names := strings.Split(left, ",")
	for _, c := range strings.ReplaceAll(strings.ReplaceAll(left, ",", "")+right, "...", "") {
		if c < 'A' || c > 'z' || c > 'Z' && c < 'a' {
			return nil, "", fmt.Errorf("%q is no letter", c)
		}
	}
	if len(names) != len(xs) {
		return nil, "", fmt.Errorf("%d operands are named, %d are given", len(names), len(xs))
	}
	most, lengths := 0, map[rune]int{}
	for i, s := range names {
		rest := len(xs[i].grid) - len(strings.Replace(s, "...", "", 1))
		if n := strings.Count(s, "..."); n > 1 || n == 0 && rest != 0 || rest < 0 || rest > len(dots) {
			return nil, "", fmt.Errorf("operand %d has %d axes, which %q does not name", i, len(xs[i].grid), s)
		}
		most = max(most, rest)
		s = strings.Replace(s, "...", reversed(dots[:rest]), 1)
		for a, c := range s {
			n := int(xs[i].grid[a].Len())
			if strings.ContainsRune(dots, c) && n == 1 {
				continue
			}
			if had, ok := lengths[c]; ok && had != n {
				return nil, "", fmt.Errorf("axis %q is %d and %d", c, had, n)
			}
			lengths[c] = n
		}
		terms = append(terms, term{xs[i], s})
	}
	for i := range terms { // dots of length 1 are left out where others are longer
		t := &terms[i]
		for a := len(t.axes) - 1; a >= 0; a-- {
			c := rune(t.axes[a])
			if n, ok := lengths[c]; strings.ContainsRune(dots, c) && t.x.grid[a].Len() == 1 && ok && n != 1 {
				t.x, t.axes = t.x.Squeeze(a), t.axes[:a]+t.axes[a+1:]
			}
		}
	}
	if !arrow {
		right = once(left)
		if most > 0 {
			right = "..." + right
		}
	}
	out = strings.Replace(right, "...", reversed(dots[:most]), 1)
	for i, c := range out {
		if !strings.ContainsRune(strings.Join(axesOf(terms), ""), c) {
			return nil, "", fmt.Errorf("the result has axis %q, which no operand has", c)
		}
		if strings.ContainsRune(out[:i], c) {
			return nil, "", fmt.Errorf("the result has axis %q twice", c)
		}
	}
	return terms, out, nil
}

func axesOf(ts []term) (out []string) {
	for _, t := range ts {
		out = append(out, t.axes)
	}
	return out
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// once returns the letters that occur once, in order.
func once(s string) string {
	var b []byte
	for c := byte('A'); c <= 'z'; c++ {
		if c <= 'Z' || c >= 'a' {
			if strings.Count(s, string(c)) == 1 {
				b = append(b, c)
			}
		}
	}
	return string(b)
}

// diagonal leaves one axis of those with the same name.
func (t term) diagonal() term {
	for a := 0; a < len(t.axes); a++ {
		b := strings.IndexByte(t.axes[a+1:], t.axes[a])
		if b < 0 {
			continue
		}
		b += a + 1
		n := int(t.x.grid[a].Len())
		mask := Eye(n, n, 0, Of(Bool))
		for i := len(t.axes) - 1; i >= 0; i-- {
			if i > b {
				mask = mask.ExpandDims(2)
			} else if i > a && i < b {
				mask = mask.ExpandDims(1)
			}
		}
		kind := t.x.kind
		t = term{Where(mask, t.x, Zeros(nil, Of(kind))).Sum(b).As(kind), t.axes[:b] + t.axes[b+1:]}
		a--
	}
	return t
}

// only sums the axes that neither the result nor other terms have.
func (t term) only(out string, others []term) term {
	need := out + strings.Join(axesOf(others), "")
	var sum []int
	kept := ""
	for a, c := range t.axes {
		if strings.ContainsRune(need, c) {
			kept += string(c)
		} else {
			sum = append(sum, a)
		}
	}
	if sum == nil {
		return t
	}
	return term{t.x.Sum(sum...).As(t.x.kind), kept}
}

// join multiplies two terms and sums what nothing later needs: axes of both that
// are needed are a stack of matrices, the others of both are summed, the rest are
// rows and columns. Where there are no rows or no columns, elements are read once by either
// way: then they are multiplied and summed as they lie, in one program with what made them.
func (t term) join(verb string, u term, out string, later []term) term {
	need := out + strings.Join(axesOf(later), "")
	var stack, sum, rows, cols string
	for _, c := range t.axes {
		switch {
		case !strings.ContainsRune(u.axes, c):
			rows += string(c)
		case strings.ContainsRune(need, c):
			stack += string(c)
		default:
			sum += string(c)
		}
	}
	for _, c := range u.axes {
		if !strings.ContainsRune(t.axes, c) {
			cols += string(c)
		}
	}
	if sum == "" { // nothing to add: elements of both are multiplied
		axes := stack + rows + cols
		return term{t.along(axes).times(u.along(axes)), axes}
	}
	if rows == "" || cols == "" {
		all := t.axes
		if rows == "" {
			all = u.axes
		}
		return term{t.along(all).times(u.along(all)), all}.only(out, later)
	}
	shape := append(append(t.sizes(stack), t.sizes(rows)...), u.sizes(cols)...)
	a := t.ordered(stack + rows + sum).Reshape(append(t.sizes(stack), times(t.sizes(rows)), times(t.sizes(sum)))...)
	b := u.ordered(stack + sum + cols).Reshape(append(t.sizes(stack), times(t.sizes(sum)), times(u.sizes(cols)))...)
	return term{product(verb, a, b).Reshape(shape...), stack + rows + cols}
}

// sizes are the lengths of some axes.
func (t term) sizes(axes string) []int {
	at := make([]int, len(axes))
	for i := range axes {
		at[i] = strings.IndexByte(t.axes, axes[i])
	}
	return t.x.lengths(at)
}

// ordered brings the axes into an order.
func (t term) ordered(axes string) *Array {
	at := make([]int, len(axes))
	for i := range axes {
		at[i] = strings.IndexByte(t.axes, axes[i])
	}
	if len(at) < 2 {
		return t.x
	}
	return t.x.Transpose(at...)
}

// along brings the axes into an order of more axes, with length 1 where it has none.
func (t term) along(axes string) *Array {
	mine := ""
	for _, c := range axes {
		if strings.ContainsRune(t.axes, c) {
			mine += string(c)
		}
	}
	x := t.ordered(mine)
	for i, c := range axes {
		if !strings.ContainsRune(t.axes, c) {
			x = x.ExpandDims(i)
		}
	}
	return x
}
