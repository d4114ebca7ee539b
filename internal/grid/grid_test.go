package grid

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDivide(t *testing.T) {
	auto, whole := Spec{Auto: true}, Whole
	for _, c := range []struct {
		shape []int64
		specs []Spec
		limit int64
		want  string
	}{
		{[]int64{10, 7}, []Spec{{Size: 4}, {Size: 3}}, 0, "((4,4,2),(3,3,1))"},
		{[]int64{20000, 20000}, []Spec{auto, auto}, 64 << 20 / 8, "((2896,2896,2896,2896,2896,2896,2624),(2896,2896,2896,2896,2896,2896,2624))"},
		{[]int64{100000, 1000}, []Spec{auto, whole}, 10_000_000 / 8, "((80×1250),(1000))"},
		{[]int64{0, 10}, []Spec{{Size: 5}, {Size: 5}}, 0, "((0),(5,5))"},
		{[]int64{3, 1000}, []Spec{auto, auto}, 300, "((3),(100,100,100,100,100,100,100,100,100,100))"},
		{[]int64{5}, []Spec{{Sizes: []int64{2, 0, 3}}}, 0, "((2,0,3),)"},
	} {
		g, err := Divide(c.shape, c.specs, c.limit)
		if err != nil || g.String() != c.want {
			t.Errorf("%v: %v %v, want %s", c.shape, g, err, c.want)
		}
	}
	if _, err := Divide([]int64{7, 5}, []Spec{{Size: 3}, {Sizes: []int64{2, 2}}}, 0); err == nil {
		t.Error("chunks that do not add up were taken")
	}
}

func TestRefine(t *testing.T) {
	if got := Refine(Sizes(4, 6), Sizes(5, 5)); !got.Equal(Sizes(4, 1, 5)) {
		t.Error(got)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		n := int64(r.IntN(30))
		a, b := randomAxis(r, n), randomAxis(r, n)
		c := Refine(a, b)
		if c.Len() != n {
			t.Fatalf("%v and %v: %v", a, b, c)
		}
		ends := func(x Axis) (out []int64) {
			s := int64(0)
			for _, k := range x.All() {
				s += k
				out = append(out, s)
			}
			return out
		}
		for _, e := range append(ends(a), ends(b)...) {
			if e != 0 && !slices.Contains(ends(c), e) {
				t.Fatalf("%v and %v: %v lacks the end %d", a, b, c, e)
			}
		}
	}
}

func randomAxis(r *rand.Rand, n int64) (a Axis) {
	for left := n; left > 0; {
		k := int64(r.IntN(int(left) + 1))
		if r.IntN(3) == 0 {
			k = min(left, 2)
		}
		a = a.Append(k, 1)
		left -= k
	}
	if a == nil {
		return Axis{{0, 1}}
	}
	return a
}

// TestWire compares wirings with what they mean, element by element.
func TestWire(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		d := r.IntN(3)
		space := make(Grid, d)
		for i := range space {
			space[i] = randomAxis(r, int64(1+r.IntN(8)))
		}
		var leaf Grid
		var views []View
		for range r.IntN(3) {
			v := View{Axis: -1, Start: int64(r.IntN(4))}
			if d > 0 && r.IntN(3) > 0 {
				v.Axis = int32(r.IntN(d))
				v.Step = int64([]int{1, 1, 1, 2, -1, -2}[r.IntN(6)])
				n := space[v.Axis].Len()
				if v.Step < 0 {
					v.Start = -v.Step * (n - 1)
				} else if r.IntN(2) == 0 {
					v.Start = 0
				}
			}
			top := v.Start + 1
			if v.Axis >= 0 {
				_, top = v.Range(0, space[v.Axis].Len())
			}
			a := randomAxis(r, top+int64(r.IntN(2)))
			if v.Axis >= 0 && v.Start == 0 && v.Step == 1 && r.IntN(2) == 0 {
				a = space[v.Axis]
			}
			leaf, views = append(leaf, a), append(views, v)
		}
		w := Wire(space, leaf, views)
		if w.Box != nil && !w.Box.Valid() {
			t.Fatalf("%v %v %v: %v", space, leaf, views, *w.Box)
		}
		pairs := int64(0)
		for b := range int32(space.Blocks()) {
			var got []int32
			if w.One {
				got = []int32{b}
			} else {
				got = w.Box.Append(nil, b)
			}
			pairs += int64(len(got))
			if want := meets(space, leaf, views, b); !slices.Equal(got, want) && len(want)+len(got) > 0 {
				if blockElements(space, b) == 0 { // it may read what it likes
					continue
				}
				// chunks of no elements between others are read too
				if subset(want, got) && zeros(leaf) {
					continue
				}
				t.Fatalf("space %v leaf %v views %v block %d: %v, want %v", space, leaf, views, b, got, want)
			}
		}
		if !w.One && w.Box.Pairs() != pairs {
			t.Fatalf("space %v leaf %v views %v: %d pairs, want %d", space, leaf, views, w.Box.Pairs(), pairs)
		}
	}
}

func subset(a, b []int32) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

func zeros(g Grid) bool { return slices.ContainsFunc(g, slicesHaveZero) }

func blockElements(g Grid, b int32) int64 {
	at := make([]int32, len(g))
	Coords(g.Counts(), b, at)
	n := int64(1)
	for i, a := range g {
		lo, hi := a.Lookup().Bounds(int64(at[i]))
		n *= hi - lo
	}
	return n
}

// meets lists the blocks of leaf that hold an element read at an index of block b.
func meets(space, leaf Grid, views []View, b int32) (out []int32) {
	at := make([]int32, len(space))
	Coords(space.Counts(), b, at)
	var walk func(i int, idx []int64)
	walk = func(i int, idx []int64) {
		if i < len(space) {
			lo, hi := space[i].Lookup().Bounds(int64(at[i]))
			for x := lo; x < hi; x++ {
				walk(i+1, append(idx, x))
			}
			return
		}
		pos := make([]int32, len(leaf))
		for j, v := range views {
			x := v.Start
			if v.Axis >= 0 {
				x = v.At(idx[v.Axis])
			}
			pos[j] = int32(leaf[j].Lookup().Find(x))
		}
		if n := Number(leaf.Counts(), pos); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	walk(0, nil)
	slices.Sort(out)
	return hull(leaf, out) // wirings are boxes: what lies between is read too
}

// hull is the smallest box around blocks.
func hull(g Grid, blocks []int32) (out []int32) {
	if len(blocks) == 0 {
		return nil
	}
	d := len(g)
	lo, hi, at := make([]int32, d), make([]int32, d), make([]int32, d)
	for i, b := range blocks {
		Coords(g.Counts(), b, at)
		for j := range at {
			if i == 0 || at[j] < lo[j] {
				lo[j] = at[j]
			}
			hi[j] = max(hi[j], at[j]+1)
		}
	}
	for b := range int32(g.Blocks()) {
		Coords(g.Counts(), b, at)
		in := true
		for j := range at {
			in = in && at[j] >= lo[j] && at[j] < hi[j]
		}
		if in {
			out = append(out, b)
		}
	}
	return out
}

// TestWireIsSmall: ten million blocks are wired without looking at them.
func TestWireIsSmall(t *testing.T) {
	g := Grid{Uniform(1e10, 1000)}
	w := Wire(g, g, []View{{Axis: 0, Step: 1}})
	if !w.One {
		t.Error("a chain of equal grids is not one to one")
	}
	box, counts := Groups(g.Counts(), []int32{64})
	if got := fmt.Sprint(counts, len(box.In), box.In[0].Table == nil); got != "[156250] 1 true" {
		t.Error(got)
	}
}
