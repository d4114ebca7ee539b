package array_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestRandomPrograms compares programs on arrays cut at random, in several rooms,
// with the same programs on whole arrays, verb by verb.
func TestRandomPrograms(t *testing.T) {
	var runners []*local.Runner
	for _, m := range []local.Options{{Threads: 1, Pool: 64 << 20}, {Threads: 8, Pool: 64 << 20}, {Threads: 2, Pool: 600 << 10}} {
		m.SpillDir = t.TempDir()
		r := local.New(m)
		defer r.Close()
		runners = append(runners, r)
	}
	ctx := context.Background()
	for seed := range effort.Of[uint64](500, 120) {
		cut := &author{r: rand.New(rand.NewPCG(seed, 1)), cuts: rand.New(rand.NewPCG(seed, 2))}
		whole := &author{r: rand.New(rand.NewPCG(seed, 1))}
		x, y := cut.write(), whole.write()
		want, err := y.Compute(ctx, runners[0], array.Without("weld", "merge", "remerge"))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, whole.text)
		}
		for i, r := range runners {
			got, err := x.Compute(ctx, r)
			if err != nil {
				t.Fatalf("seed %d, room %d: %v\n%s", seed, i, err, cut.text)
			}
			if !slices.Equal(got.Shape, want.Shape) || !reflect.DeepEqual(got.All(), want.All()) {
				t.Fatalf("seed %d, room %d, %v:\n%v\nwant\n%v\n%s", seed, i, x, got.All(), want.All(), cut.text)
			}
		}
	}
	for _, r := range runners {
		r.Wait()
		if n := r.Node().Pool().Used(); n != 0 {
			t.Errorf("%d bytes are still taken", n)
		}
	}
}

// An author writes programs on int64 arrays, which are exact.
type author struct {
	r, cuts *rand.Rand // what, and how it is cut
	text    string
	made    []*array.Array
}

func (a *author) note(format string, args ...any) { a.text += fmt.Sprintf(format+"\n", args...) }

// chunks are random sizes of each axis, or the whole.
func (a *author) chunks(shape []int) []any {
	out := make([]any, len(shape))
	for i, n := range shape {
		out[i] = -1
		if a.cuts == nil {
			continue
		}
		switch a.cuts.IntN(3) {
		case 0:
			out[i] = 1 + a.cuts.IntN(n+1)
		case 1:
			sizes := []int{}
			for left := n; left > 0; {
				k := min(left, a.cuts.IntN(5))
				sizes = append(sizes, k)
				left -= k
			}
			if n > 0 {
				out[i] = sizes
			}
		}
	}
	return out
}

func (a *author) write() *array.Array {
	for range 2 + a.r.IntN(2) {
		shape := make([]int, 1+a.r.IntN(3))
		n := 1
		for i := range shape {
			shape[i] = 1 + a.r.IntN(9)
			n *= shape[i]
		}
		c := a.chunks(shape)
		a.note("#%d = %v cut %v", len(a.made), shape, c)
		if a.r.IntN(2) == 0 {
			v := make([]int64, n)
			for i := range v {
				v[i] = int64(a.r.IntN(100) - 50)
			}
			a.made = append(a.made, array.FromSlice(v, shape, array.Chunks(c...)))
		} else {
			a.made = append(a.made, array.Random(a.r.Uint64()).Integers(-50, 50, shape, array.Chunks(c...)))
		}
	}
	for range 3 + a.r.IntN(8) {
		i, j := a.r.IntN(len(a.made)), a.r.IntN(len(a.made))
		if a.r.IntN(2) == 0 {
			i = len(a.made) - 1
		}
		x := a.verb(a.made[i], a.made[j], i, j)
		if x.Err() == nil && x.Size() < 20000 {
			a.made = append(a.made, x)
		}
	}
	return a.made[len(a.made)-1]
}

func (a *author) verb(x, y *array.Array, i, j int) *array.Array {
	d := x.NDim()
	ax := 0
	if d > 0 {
		ax = a.r.IntN(d)
	}
	k, step := a.r.IntN(7), 1+a.r.IntN(3)
	what := a.r.IntN(22)
	a.note("#%d = verb %d of #%d, #%d, axis %d, %d, %d", len(a.made), what, i, j, ax, k, step)
	switch what {
	case 0, 1:
		return x.Add(y)
	case 2:
		return x.Mul(3).Sub(y)
	case 3:
		return x.Maximum(y).Mod(1000)
	case 4:
		return x.T()
	case 5:
		return x.Flip(ax)
	case 6:
		return x.ExpandDims(ax).Add(x)
	case 7:
		ix := make([]array.Ix, d)
		for q := range ix {
			ix[q] = array.All
		}
		if d > 0 {
			ix[ax] = array.S(k/2, k+3, step)
		}
		return x.Index(ix...)
	case 8:
		if d == 0 {
			return x
		}
		return x.Sum(ax)
	case 9:
		return x.Max()
	case 10:
		if d == 0 {
			return x
		}
		return x.ArgMin(ax)
	case 11:
		return array.Where(x.Gt(y), x, y)
	case 12:
		return x.Rechunk(a.chunks(x.Shape())...)
	case 13:
		return x.Ravel()
	case 14:
		if d == 0 {
			return x
		}
		s := x.Shape()
		return x.Reshape(append([]int{s[0], -1}, s[d-1])...)
	}
	if d > 0 {
		n := x.Shape()[ax]
		switch what {
		case 15:
			return x.CumSum(ax)
		case 16:
			return array.Concat(ax, x, x.Mul(2), x.Flip(ax))
		case 17:
			return x.Pad(ax, min(k, n), min(step, n), []array.Boundary{array.Reflect, array.Periodic, array.Constant(7)}[step-1])
		case 18:
			if n > 0 {
				return x.Take([]int{k % n, 0, n - 1, step % n}, ax)
			}
		case 19:
			return x.MatMul(x.T())
		case 20:
			return x.Roll(k-3, ax).Diff(ax)
		}
	}
	return x.Neg().Add(x.Mul(x))
}
