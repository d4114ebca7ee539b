package array_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/quantile"
	"github.com/weft-data/weft/sched/local"
)

// A maker draws a chain of verbs. What it does depends on rnd and on shapes and types alone, so that the chain is
// the same for every layout; layout draws the chunks.
type maker struct {
	rnd, layout *rand.Rand
	r           graph.Runner
	text        strings.Builder
	rounded     bool // the last digits depend on the layout: no verb may make more of that
}

// chunks draws chunk sizes; those of a maker without a layout are whole axes.
func (m *maker) chunks(shape []int) []any {
	out := make([]any, len(shape))
	for i, n := range shape {
		out[i] = -1
		if m.layout != nil {
			out[i] = 1 + m.layout.IntN(max(n, 1))
		}
	}
	return out
}

// fresh makes an array: small numbers, of floats now and then NaN, infinities and zeros of both signs.
func (m *maker) fresh(shape []int, k array.DType) *array.Array {
	n := 1
	for _, s := range shape {
		n *= s
	}
	data := make([]float64, n)
	for i := range data {
		data[i] = float64(m.rnd.IntN(19) - 9)
		if k == array.Float64 || k == array.Float32 {
			data[i] /= 4
			switch m.rnd.IntN(40) {
			case 0:
				data[i] = math.NaN()
			case 1:
				data[i] = math.Inf(1 - 2*m.rnd.IntN(2))
			case 2:
				data[i] = math.Copysign(0, -1)
			}
		}
	}
	if n == 0 {
		return array.Zeros(shape, array.Chunks(m.chunks(shape)...), array.Of(k))
	}
	return array.FromSlice(data, shape, array.Chunks(m.chunks(shape)...)).As(k)
}

func (m *maker) shape() []int {
	s := make([]int, 1+m.rnd.IntN(3))
	for i := range s {
		s[i] = []int{0, 1, 2, 3, 4, 5, 7, 9}[m.rnd.IntN(8)]
	}
	return s
}

// axes draws some axes of x.
func (m *maker) axes(x *array.Array) []int { return m.rnd.Perm(x.NDim())[:m.rnd.IntN(x.NDim()+1)] }

// known has chunk sizes computed.
func (m *maker) known(x *array.Array) *array.Array {
	y, err := x.ComputeChunkSizes(context.Background(), m.r)
	if err != nil {
		return array.Failed(err)
	}
	return y
}

// A verb gives nil where it has nothing to do with x.
type verb struct {
	name string
	adds bool                                               // floats, so that they are rounded as the layout has it
	do   func(m *maker, x *array.Array, a int) *array.Array // a is an axis of x, of n elements
}

func real(x *array.Array) bool { return x.DType() != array.Bool }

var randomVerbs = []verb{
	{"pairs", false, func(m *maker, x *array.Array, _ int) *array.Array {
		if !real(x) {
			return nil
		}
		shape := x.Shape()
		for i := range shape {
			if m.rnd.IntN(4) == 0 {
				shape[i] = 1
			}
		}
		y := m.fresh(shape, []array.DType{array.Int64, array.Float64, array.Int32}[m.rnd.IntN(3)])
		return []func(any) *array.Array{x.Add, x.Sub, x.Mul, x.Maximum, x.Minimum, x.Lt, x.Eq, x.Mod}[m.rnd.IntN(8)](y)
	}},
	{"alone", false, func(m *maker, x *array.Array, _ int) *array.Array {
		if !real(x) {
			return nil
		}
		return []func() *array.Array{x.Abs, x.Sign, x.Square, x.IsNaN, x.NaNToNum, x.Round, x.Sqrt, x.Exp}[m.rnd.IntN(8)]()
	}},
	{"reduce", true, func(m *maker, x *array.Array, a int) *array.Array {
		if !real(x) {
			return []func(...int) *array.Array{x.Any, x.All, x.Sum, x.CountNonzero}[m.rnd.IntN(4)](m.axes(x)...)
		}
		if m.rnd.IntN(3) == 0 {
			return []func(...int) *array.Array{x.ArgMax, x.ArgMin}[m.rnd.IntN(2)](a)
		}
		return []func(...int) *array.Array{x.Sum, x.Mean, x.Max, x.Min, x.CountNonzero, x.Median, x.Ptp}[m.rnd.IntN(7)](m.axes(x)...)
	}},
	{"spread", true, func(m *maker, x *array.Array, a int) *array.Array {
		if !real(x) {
			return nil
		}
		return []func(float64, ...int) *array.Array{x.Std, x.Var}[m.rnd.IntN(2)](float64(m.rnd.IntN(2)), a)
	}},
	{"along", true, func(m *maker, x *array.Array, a int) *array.Array {
		if !real(x) {
			return nil
		}
		return []func(int) *array.Array{x.CumSum, x.CumMax, x.CumMin, x.Diff}[m.rnd.IntN(4)](a)
	}},
	{"sort", false, func(m *maker, x *array.Array, a int) *array.Array {
		switch down := m.rnd.IntN(2) == 0; m.rnd.IntN(4) {
		case 0:
			return x.Sort(a, down)
		case 1:
			return x.ArgSort(a, down)
		case 2:
			return m.known(x.Ravel().Unique())
		}
		if x.Shape()[a] == 0 {
			return nil
		}
		return x.TopK(1+m.rnd.IntN(x.Shape()[a]), a)
	}},
	{"quantile", false, func(m *maker, x *array.Array, a int) *array.Array {
		if !real(x) {
			return nil
		}
		return x.Quantile([]float64{0, 0.3, 0.5, 1}[m.rnd.IntN(4)], quantile.Methods[m.rnd.IntN(len(quantile.Methods))], a)
	}},
	{"turn", false, func(m *maker, x *array.Array, a int) *array.Array {
		switch m.rnd.IntN(5) {
		case 0:
			return x.Transpose(m.rnd.Perm(x.NDim())...)
		case 1:
			return x.Flip(m.axes(x)...)
		case 2:
			return x.Roll(m.rnd.IntN(9)-4, a)
		case 3:
			return x.Ravel()
		}
		return x.ExpandDims(a)
	}},
	{"widen", false, func(m *maker, x *array.Array, a int) *array.Array {
		switch n := x.Shape()[a]; {
		case n == 0:
			return nil
		case m.rnd.IntN(3) == 0:
			return x.Repeat(m.rnd.IntN(3), a)
		case m.rnd.IntN(2) == 0:
			return x.Pad(a, m.rnd.IntN(5), m.rnd.IntN(5), []array.Boundary{array.Reflect, array.Periodic, array.Nearest, array.Constant(1)}[m.rnd.IntN(4)])
		default:
			return x.SlidingWindow(1+m.rnd.IntN(n), a)
		}
	}},
	{"slice", false, func(m *maker, x *array.Array, _ int) *array.Array {
		ix := make([]array.Ix, x.NDim())
		for i, n := range x.Shape() {
			lo := m.rnd.IntN(n + 1)
			if ix[i] = array.S(lo, lo+m.rnd.IntN(n-lo+1), 1+m.rnd.IntN(3)); n > 0 && m.rnd.IntN(4) == 0 {
				ix[i] = array.I(m.rnd.IntN(n))
			}
		}
		return x.Index(ix...)
	}},
	{"take", false, func(m *maker, x *array.Array, a int) *array.Array {
		n := x.Shape()[a]
		if n == 0 {
			return nil
		}
		at := make([]int, m.rnd.IntN(9))
		for i := range at {
			at[i] = m.rnd.IntN(2*n) - n
		}
		return x.Take(at, a)
	}},
	{"select", false, func(m *maker, x *array.Array, _ int) *array.Array {
		return m.known(x.Select(m.fresh(x.Shape(), array.Int64).Gt(0)))
	}},
	{"where", false, func(m *maker, x *array.Array, _ int) *array.Array {
		return array.Where(m.fresh(x.Shape(), array.Int64).Gt(0), x, m.fresh(x.Shape(), x.DType()))
	}},
	{"join", false, func(m *maker, x *array.Array, a int) *array.Array {
		shape := x.Shape()
		shape[a] = m.rnd.IntN(4)
		return array.Concat(a, x, m.fresh(shape, x.DType()))
	}},
	{"product", false, func(m *maker, x *array.Array, _ int) *array.Array {
		if x.DType() != array.Int64 {
			return nil
		}
		return x.MatMul(m.fresh([]int{x.Shape()[x.NDim()-1], 1 + m.rnd.IntN(4)}, array.Int64))
	}},
	{"cut", false, func(m *maker, x *array.Array, _ int) *array.Array { return x.Rechunk(m.chunks(x.Shape())...) }},
}

// moving are the verbs that leave elements as they are.
var moving = map[string]bool{"turn": true, "widen": true, "slice": true, "take": true, "select": true, "where": true, "join": true, "cut": true}

// chain draws verbs, up to five.
func (m *maker) chain() *array.Array {
	x := m.fresh(m.shape(), []array.DType{array.Int64, array.Float64, array.Int32, array.Float32, array.Int8, array.Bool}[m.rnd.IntN(6)])
	for range 1 + m.rnd.IntN(5) {
		if x.Err() != nil || x.NDim() == 0 || x.Size() > 4000 {
			break
		}
		v := randomVerbs[m.rnd.IntN(len(randomVerbs))]
		if m.rounded && !moving[v.name] {
			continue
		}
		if y := v.do(m, x, m.rnd.IntN(x.NDim())); y != nil {
			x, m.rounded = y, m.rounded || v.adds
			fmt.Fprintf(&m.text, "%s %v\n", v.name, x)
		}
	}
	return x
}

// alike compares results: exactly, but that floats may differ in their last digits.
func alike(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if f, ok := x.(float32); ok {
			x, y = float64(f), float64(y.(float32))
			if math.Abs(x.(float64)-y.(float64)) <= 1e-5*math.Abs(x.(float64)) {
				continue
			}
		}
		f, ok := x.(float64)
		if !ok && x != y {
			return false
		}
		if g, _ := y.(float64); ok && f != g && !(f != f && g != g) && math.Abs(f-g) > 1e-9*math.Abs(f) {
			return false
		}
	}
	return true
}

// TestRandomLayouts runs random chains of verbs on arrays of one chunk, and with the inputs in random chunks on several
// threads: the answers are alike.
func TestRandomLayouts(t *testing.T) {
	n := effort.Of(1500, 250)
	one := local.New(local.Options{Threads: 1, Pool: 256 << 20, SpillDir: t.TempDir()})
	some := local.New(local.Options{Threads: 3, Pool: 64 << 20, SpillDir: t.TempDir()})
	failed := 0
	for i := range uint64(n) {
		var want []any
		var errs [2]error
		for k := range 2 {
			m := &maker{rnd: rand.New(rand.NewPCG(*seed+i, 5)), r: one}
			if k == 1 {
				m.layout, m.r = rand.New(rand.NewPCG(*seed+i, 6)), some
			}
			x := m.chain()
			res, err := x.Compute(context.Background(), m.r)
			if errs[k] = err; err != nil {
				continue
			}
			got := append([]any{fmt.Sprint(res.Shape, x.DType())}, res.All()...)
			if k == 1 && errs[0] == nil && !alike(want, got) {
				t.Fatalf("seed %d:\n%s--- want\n%v\n--- got\n%v", *seed+i, m.text.String(), want, got)
			}
			want = got
		}
		if errs[0] != nil {
			failed++
		}
		if (errs[0] == nil) != (errs[1] == nil) {
			t.Fatalf("seed %d: %v in one chunk, %v in several", *seed+i, errs[0], errs[1])
		}
	}
	if failed > n/4 {
		t.Errorf("%d of %d chains were mistakes", failed, n)
	}
	for _, r := range []*local.Runner{one, some} {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
