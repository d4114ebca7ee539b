package array

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/quantile"
	"github.com/weft-data/weft/internal/strip"
)

// total orders floats as sorts do: -0 before 0, NaN last.
func total(a, b float64) int {
	switch {
	case a != a || b != b:
		return cmp.Compare(fmt.Sprint(a != a), fmt.Sprint(b != b))
	case a == b:
		return cmp.Compare(fmt.Sprint(!math.Signbit(a)), fmt.Sprint(!math.Signbit(b)))
	}
	return cmp.Compare(a, b)
}

// TestKeys: the keys of every type have the order of the elements, and give them back.
func TestKeys(t *testing.T) {
	f := []float64{0, math.Copysign(0, -1), 1, -1, 1.5, -1.5, math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, math.Inf(1), math.Inf(-1), math.NaN()}
	keys := make([]uint64, len(f))
	keyings[elem.Float64].to(keys, strip.Raw(f), 0, 1)
	for i, a := range f {
		for j, b := range f {
			if cmp.Compare(keys[i], keys[j]) != total(a, b) {
				t.Errorf("%v and %v have keys %x and %x", a, b, keys[i], keys[j])
			}
		}
	}
	down := slices.Clone(keys)
	reverse(elem.Float64, down)
	for i, a := range f {
		for j, b := range f {
			want := total(b, a)
			if a != a || b != b {
				want = total(a, b)
			}
			if cmp.Compare(down[i], down[j]) != want {
				t.Errorf("downwards %v and %v have keys %x and %x", a, b, down[i], down[j])
			}
		}
	}
	back := make([]float64, len(f))
	keyings[elem.Float64].from(strip.Raw(back), 0, 1, keys)
	for i := range f {
		if total(f[i], back[i]) != 0 {
			t.Errorf("%v came back as %v", f[i], back[i])
		}
	}
	wholes(t, elem.Int8, []int8{math.MinInt8, -1, 0, 1, math.MaxInt8})
	wholes(t, elem.Int16, []int16{math.MinInt16, -1, 0, 1, math.MaxInt16})
	wholes(t, elem.Int32, []int32{math.MinInt32, -1, 0, 1, math.MaxInt32})
	wholes(t, elem.Int64, []int64{math.MinInt64, -1, 0, 1, math.MaxInt64})
	wholes(t, elem.Uint8, []uint8{0, 1, 127, 128, 255})
	wholes(t, elem.Uint16, []uint16{0, 1, 1 << 15, math.MaxUint16})
	wholes(t, elem.Uint32, []uint32{0, 1, 1 << 31, math.MaxUint32})
	wholes(t, elem.Uint64, []uint64{0, 1, 1 << 63, math.MaxUint64})
}

func wholes[T cmp.Ordered](t *testing.T, k elem.Kind, sorted []T) {
	keys, back := make([]uint64, len(sorted)), make([]T, len(sorted))
	keyings[k].to(keys, strip.Raw(sorted), 0, 1)
	keyings[k].from(strip.Raw(back), 0, 1, keys)
	if !slices.IsSorted(keys) || !slices.Equal(back, sorted) {
		t.Errorf("%s: keys %x, and back %v", k, keys, back)
	}
}

// TestCuts: below counts what comes before a cut in the order of keys, blocks, places.
func TestCuts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		keys := make([]uint64, r.IntN(9))
		for i := range keys {
			keys[i] = []uint64{0, 1, 2, math.MaxUint64}[r.IntN(4)]
		}
		slices.Sort(keys)
		block := uint64(r.IntN(3))
		c := cut{[]uint64{0, 1, 2, math.MaxUint64}[r.IntN(4)], uint64(r.IntN(3)), 0}
		if c.block == block { // a cut of a block is one of its elements, or its end
			c.rank = uint64(r.IntN(len(keys) + 1))
			if int(c.rank) < len(keys) {
				c.key = keys[c.rank]
			} else if c.key = math.MaxUint64; len(keys) > 0 {
				c.key = keys[len(keys)-1]
			}
		}
		want := 0
		for i, k := range keys {
			if (cut{k, block, uint64(i)}).less(c) {
				want++
			}
		}
		if got := c.below(keys, block); got != want {
			t.Fatalf("%d of %v in block %d before %v, not %d", got, keys, block, c, want)
		}
	}
}

// TestQuantile: quantiles lie between their neighbours, whatever these are.
func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	quantileOf := func(a, b, q float64, way quantile.Method) float64 {
		f := finder[uint64]{ctx: context.Background(), keys: make([]uint64, 2), value: math.Float64frombits}
		if n := lineKeys(f.keys, []uint64{math.Float64bits(b), math.Float64bits(a)}, 0, 1); n != 2 {
			t.Errorf("%d keys", n)
		}
		v, err := f.quantile(q, way)
		if err != nil {
			t.Error(err)
		}
		return v
	}
	for _, c := range []struct {
		a, b, f float64
		way     quantile.Method
		want    float64
	}{
		{1, 3, 0.25, quantile.Linear, 1.5}, {1, 3, 0.75, quantile.Linear, 2.5}, {1, 3, 0.25, quantile.Lower, 1}, {1, 3, 0.25, quantile.Higher, 3},
		{1, 3, 0.25, quantile.Midpoint, 2}, {1, 3, 0.25, quantile.Nearest, 1}, {1, 3, 0.5, quantile.Nearest, 1}, {1, 3, 0.75, quantile.Nearest, 3},
		{1, inf, 0.25, quantile.Linear, inf}, {1, inf, 0.75, quantile.Linear, inf}, {-inf, 1, 0.75, quantile.Midpoint, -inf}, {inf, inf, 0.5, quantile.Linear, inf},
		{1, inf, 0, quantile.Linear, 1}, {-inf, inf, 0, quantile.Midpoint, -inf},
	} {
		if got := quantileOf(c.a, c.b, c.f, c.way); got != c.want {
			t.Errorf("quantile %v of %v and %v, way %d, is %v, not %v", c.f, c.a, c.b, c.way, got, c.want)
		}
	}
	if got := quantileOf(-inf, inf, 0.5, quantile.Linear); got == got {
		t.Errorf("between the infinities there is %v", got)
	}
}

// TestCallParams: parameters that do not fit each other are refused, whoever made them.
func TestCallParams(t *testing.T) {
	g := func(sizes ...int64) grid.Grid { return grid.Grid{grid.Sizes(sizes...)} }
	good := CallParams{Space: g(2, 3), Out: []grid.Grid{g(2, 3)}, Kind: elem.Int64, In: []Operand{{Grid: g(2, 3), Kind: elem.Int64, Axes: []int32{0}}}}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(p *CallParams){
		"a result cut otherwise": func(p *CallParams) { p.Out = []grid.Grid{g(5)} },
		"no result":              func(p *CallParams) { p.Out = nil },
		"a type that is none":    func(p *CallParams) { p.Kind = 99 },
		"too few axes":           func(p *CallParams) { p.In[0].Axes = nil },
		"an axis that is none":   func(p *CallParams) { p.In[0].Axes = []int32{1} },
		"blocks that are not":    func(p *CallParams) { p.In[0].Axes = []int32{Only(2)} },
		"fewer chunks":           func(p *CallParams) { p.In[0].Grid = g(5) },
		"groups of other chunks": func(p *CallParams) { p.In[0].Grid = g(1, 1, 4) },
		"a run below 0":          func(p *CallParams) { p.In[0].Run = -1 },
		"no chunks":              func(p *CallParams) { p.Space = grid.Grid{{}} },
		"too many elements":      func(p *CallParams) { p.Space = g(1<<57, 1<<57) },
	} {
		p := good
		p.In = slices.Clone(good.In)
		if change(&p); p.check() == nil {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}

// TestManyQuantiles finds quantiles of lines in which many elements are equal, some NaN, or infinite, or zeros of both signs, and
// compares with the sorted lines: all that are asked for together, in any order.
func TestManyQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		line := make([]uint32, 1+r.IntN(90))
		var numbers []float64
		for i := range line {
			v := float32(r.IntN(1+r.IntN(40)) - 9)
			if r.IntN(9) == 0 {
				v = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1))}[r.IntN(4)]
			}
			line[i] = math.Float32bits(v)
			if v == v {
				numbers = append(numbers, float64(v))
			}
		}
		slices.Sort(numbers)
		keys := make([]uint32, len(line))
		keys = keys[:lineKeys(keys, line, 0, 1)]
		if len(keys) != len(numbers) {
			t.Fatalf("%d numbers, want %d", len(keys), len(numbers))
		}
		f := finder[uint32]{ctx: context.Background(), keys: keys, value: func(b uint32) float64 { return float64(math.Float32frombits(b)) }}
		qs := make([]float64, r.IntN(9))
		for i := range qs {
			qs[i] = float64(r.IntN(21)) / 20
		}
		slices.Sort(qs)
		for _, q := range qs {
			if len(numbers) == 0 {
				break
			}
			i, part := quantile.Linear.Place(q, int64(len(numbers)))
			want := quantile.Blend(numbers[i], numbers[min(int(i)+1, len(numbers)-1)], part)
			if got, err := f.quantile(q, quantile.Linear); err != nil || got != want && (got == got || want == want) {
				t.Fatalf("quantile %v of %v: %v, want %v, %v", q, numbers, got, want, err)
			}
		}
	}
}

// TestLeast: the least keys are those that a stable sort puts first, with their places.
func TestLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 4))
	s := &sorting{}
	for range 500 {
		keys := make([]uint64, 1+r.IntN(200))
		sorted := make([]place, len(keys))
		for i := range keys {
			keys[i] = uint64(r.IntN(1 + r.IntN(100)))
			sorted[i] = place{keys[i], uint64(i)}
		}
		slices.SortStableFunc(sorted, func(a, b place) int { return cmp.Compare(a.k, b.k) })
		k := 1 + r.IntN(min(len(keys), fewBest))
		if got, err := s.least(&Call{}, keys, k); err != nil || !slices.Equal(got, sorted[:k]) {
			t.Fatalf("the least %d of %v: %v, %v", k, keys, got, err)
		}
	}
}
