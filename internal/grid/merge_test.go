package grid

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMerge(t *testing.T) {
	g := Grid{Sizes(3, 2), Sizes(1), Sizes(4, 4, 1), Sizes(2)}
	for _, c := range []struct {
		shape []int
		want  string // none where nothing is merged like that
	}{
		{[]int{5, 1, 9, 2}, "((3,2),(1),(4,4,1),(2))"},
		{[]int{90}, "((24,24,6,16,16,4),)"},
		{[]int{5, 18}, "((3,2),(8,8,2))"},
		{[]int{45, 2}, "((12,12,3,8,8,2),(2))"},
		{[]int{5, 9, 2}, "((3,2),(4,4,1),(2))"},
		{[]int{5, 1, 18}, "((3,2),(1),(8,8,2))"},
		{[]int{10, 9}, ""}, {[]int{5, 3, 3, 2}, ""}, {[]int{5, 1, 1, 9, 2}, ""}, {[]int{}, ""}, {[]int{5, 9}, ""},
	} {
		m, ok := g.Merge(c.shape)
		if ok != (c.want != "") || ok && m.String() != c.want {
			t.Errorf("%v: %v, want %q", c.shape, m, c.want)
		}
	}
	if m, ok := (Grid{Sizes(1), Sizes(1)}).Merge(nil); !ok || len(m) != 0 {
		t.Error("a number is not made of axes of length 1")
	}
	if m, ok := (Grid{Sizes(2, 2), Sizes(0, 0)}).Merge([]int{0}); !ok || m.Blocks() != 4 {
		t.Errorf("of nothing: %v", m)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		g, shape := Grid{}, []int{1}
		for range 1 + r.IntN(4) {
			a := randomAxis(r, int64(1+r.IntN(6)))
			g = append(g, a)
			if r.IntN(2) == 0 && len(g) > 1 {
				shape = append(shape, 1)
			}
			shape[len(shape)-1] *= int(a.Len())
		}
		m, ok := g.Merge(shape)
		if !ok || !slices.Equal(slices.Collect(m.Sizes()), slices.Collect(g.Sizes())) || m.Elements() != g.Elements() {
			t.Fatalf("%v to %v: %v", g, shape, m)
		}
	}
}
