package array_test

import (
	"context"
	"errors"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

// looks is a context that counts how often it is asked, and ends at the last time there is.
type looks struct {
	context.Context
	n, last int
}

func (l *looks) Err() error {
	if l.n++; l.last > 0 && l.n >= l.last {
		return context.Canceled
	}
	return nil
}

// A taker takes a plan and does not run it.
type taker struct{ g *graph.Graph }

var errTaken = errors.New("taken")

func (r *taker) Start(_ context.Context, q graph.Request) (graph.Job, error) {
	r.g = q.Graph
	return nil, errTaken
}

// oneByOne computes a plan whose layers have one block each, with one thread; what is asked of l is asked by its tasks.
func oneByOne(t *testing.T, x *array.Array, l *looks) error {
	t.Helper()
	r := &taker{}
	if _, err := x.Compute(context.Background(), r); !errors.Is(err, errTaken) {
		t.Fatal(err)
	}
	node := exec.NewNode(exec.Options{Threads: 1})
	p, err := exec.Bind(r.g)
	if err != nil {
		t.Fatal(err)
	}
	made := make([]chunk.Value, len(r.g.Layers))
	for i := range r.g.Layers {
		w := exec.Work{Layer: graph.LayerID(i)}
		for k, e := range r.g.Layers[i].In {
			v := made[e.From]
			w.In.Flow = append(w.In.Flow, op.In{Value: v, Hi: v.Runs(), Edge: k})
		}
		done := make(chan error, 1)
		w.Done = func(v chunk.Value, err error) { made[i] = v; done <- err }
		p.Start(l, node, w)
		if err = <-done; err != nil {
			break
		}
	}
	for _, v := range made {
		if v != nil {
			v.Release()
		}
	}
	if err := errors.Join(p.Close(), node.Close()); err != nil {
		t.Fatal(err)
	}
	if used := node.Pool().Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
	return err
}

// every is every other position from the last on.
func every(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = 2 * (n - 1 - i)
	}
	return at
}

// TestKernelsEndSoon: each time an operator has gone over some thousand elements of a block it asks whether its task goes
// on, and ends, with nothing left behind, when it does not. That nothing takes longer is what passes count: how often an
// operator goes over all elements.
func TestKernelsEndSoon(t *testing.T) {
	const n, stretch = 1 << 18, 1 << 14
	x := array.Random(1).Uniform(0, 1, []int{n}, array.Chunks(n))
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = int64(i * 7 % n)
	}
	whole := array.FromSlice(numbers, []int{n}, array.Chunks(n))
	square := array.Random(1).Uniform(0, 1, []int{512, 512}, array.Chunks(512))
	for _, c := range []struct {
		name   string
		x      *array.Array
		passes int
	}{
		{"sort", x.Sort(0), 2},
		{"positions in order", x.ArgSort(0), 3},
		{"median", x.Median(0), 1},
		{"the largest", x.TopK(10, 0), 2},
		{"distinct", x.Unique(), 20},
		{"places", x.SearchSorted(x, false), 4},
		{"histogram", x.Histogram([]float64{0, 0.1, 0.5, 1}), 1},
		{"counts", whole.BinCount(n + 1), 1},
		{"by positions", x.Gather(whole, 0), 3},
		{"by positions of lines", square.TakeAlong(square.ArgSort(0), 0), 35},
		{"running sums", x.CumSum(0), 1},
		{"transform", x.RFFT(0), 2},
		{"assigned", whole.Assign(whole.Index(array.S(0, n-1)), array.S(1, n)), 2},
		{"assigned by positions", whole.AssignTake(1, every(n/2), 0), 1},
	} {
		all := &looks{Context: context.Background()}
		if err := oneByOne(t, c.x, all); err != nil {
			t.Fatal(c.name, err)
		}
		if want := c.passes * n / stretch; all.n < want {
			t.Errorf("%s: it asks %d times, want %d at least", c.name, all.n, want)
		}
		for last := 2; last <= all.n; last += max(1, all.n/effort.Of(7, 2)) {
			if err := oneByOne(t, c.x, &looks{Context: context.Background(), last: last}); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: it is ended at %d of %d: %v", c.name, last, all.n, err)
			}
		}
	}
}
