package array_test

import (
	"context"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

// Folds over any axes, of arrays and of views with their axes in another order, come to each cell once or several times, for
// more rows than are added at a time or for fewer. Small whole numbers are added, so that no order of them matters.
func TestFoldsOfCells(t *testing.T) {
	ctx := context.Background()
	r := local.New(local.Options{Pool: 16 << 20, Threads: 2})
	defer r.Close()
	rnd := rand.New(rand.NewPCG(64, 1))
	m := &maker{rnd: rnd, layout: rand.New(rand.NewPCG(64, 2))}
	for range 150 {
		shape, n := make([]int, 4), 1
		for i := range shape {
			shape[i] = []int{1, 2, 3, 7, 18, 40}[rnd.IntN(6)]
			n *= shape[i]
		}
		data := make([]float64, n)
		for i := range data {
			if data[i] = float64(rnd.IntN(100) - 50); rnd.IntN(9) == 0 {
				data[i] = math.NaN()
			}
		}
		turn := rnd.Perm(4)
		axes := rnd.Perm(4)[:1+rnd.IntN(3)]
		x := array.FromSlice(data, shape, array.Chunks(m.chunks(shape)...)).Transpose(turn...)
		kept := slices.DeleteFunc([]int{0, 1, 2, 3}, func(a int) bool { return slices.Contains(axes, a) })
		cells := 1
		for _, a := range kept {
			cells *= shape[turn[a]]
		}
		sums, counts := make([]float64, cells), make([]float64, cells)
		at := make([]int, 4) // of an element of the array, before its axes are turned
		for i, v := range data {
			for a, rest := 3, i; a >= 0; a-- {
				at[a], rest = rest%shape[a], rest/shape[a]
			}
			cell := 0
			for _, a := range kept {
				cell = cell*shape[turn[a]] + at[turn[a]]
			}
			if v == v {
				sums[cell] += v
				counts[cell]++
			}
		}
		got, err := array.Collect[float64](ctx, r, x.NanMean(axes...))
		if err != nil {
			t.Fatal(err)
		}
		for c, v := range got {
			if want := sums[c] / counts[c]; v != want && (v == v || want == want) {
				t.Fatalf("mean of %s over %v: cell %d is %v, want %v", x, axes, c, v, want)
			}
		}
	}
}

// firstStep is where a plan says how many tasks read an array in memory.
var firstStep = regexp.MustCompile(`sum of m0[^)]*\) +([0-9]+)`)

// Short rows of chunks of an array in memory are folded as one, along the last axis and no
// other: the results are those of one chunk, and fewer tasks are planned, but not too few.
func TestFoldsOfJoinedRows(t *testing.T) {
	r := local.New(local.Options{Pool: 16 << 20, Threads: 2})
	defer r.Close()
	rnd := rand.New(rand.NewPCG(65, 1))
	verbs := []func(*array.Array, ...int) *array.Array{(*array.Array).Sum, (*array.Array).Mean, (*array.Array).Min, (*array.Array).ArgMax, (*array.Array).Any}
	for _, c := range []struct {
		shape  []int
		chunks []any
		axes   []int
		tasks  string // of the only step that reads the array
	}{
		{[]int{90, 4000}, []any{10, 60}, []int{1}, "72"},        // of 67 chunks 9 at a time are one
		{[]int{90, 4000}, []any{10, 60}, nil, "72"},             // over both axes, as well
		{[]int{90, 4000}, []any{10, 60}, []int{0}, "603"},       // rows end where their cells do
		{[]int{90, 400}, []any{10, 60}, []int{1}, "63"},         // too few tasks as it is
		{[]int{2000, 90}, []any{10, 9}, []int{-1}, "200"},       // whole rows
		{[]int{4, 50, 900}, []any{1, 5, 90}, []int{0, 2}, "80"}, // of three axes
		{[]int{40, 30000}, []any{1, 5000}, []int{1}, "120"},     // as long as they need be
	} {
		n := 1
		for _, k := range c.shape {
			n *= k
		}
		data := make([]float64, n)
		for i := range data {
			data[i] = float64(rnd.IntN(100) - 50)
		}
		x, whole := array.FromSlice(data, c.shape, array.Chunks(c.chunks...)), array.FromSlice(data, c.shape, array.Chunks(-1))
		for _, f := range verbs {
			same(t, r, f(x, c.axes...), f(whole, c.axes...))
		}
		rep, err := x.Sum(c.axes...).Explain(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if found := firstStep.FindStringSubmatch(rep.String()); found == nil || found[1] != c.tasks {
			t.Errorf("%v in chunks of %v over %v: want %s tasks that read it\n%v", c.shape, c.chunks, c.axes, c.tasks, rep)
		}
	}
}
