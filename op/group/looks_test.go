package group

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

// looks is a context that counts how often it is asked, and ends at the last time there is.
type looks struct {
	context.Context
	n, last int
}

func (l *looks) Err() error {
	if l.n++; l.n == l.last {
		return context.Canceled
	}
	return nil
}

// TestMediansEndSoon: the median of many values asks for each stretch of them whether it goes on, and ends when it does not.
func TestMediansEndSoon(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	const n = 8 * stretch
	r := rand.New(rand.NewPCG(1, 2))
	vals := make([]int64, n)
	for i := range vals {
		vals[i] = r.Int64()
	}
	median := func(ctx context.Context) (int64, error) {
		p := &medianPart{q: 0.5, n: n, rowPart: rowPart{t: &table{mem: mem.Heap, made: 1}}}
		p.gids.s, p.vals.s = make([]uint32, n), slices.Clone(vals)
		if ok, err := p.order(ctx); !ok || err != nil {
			return 0, err
		}
		a, _, _, _, err := p.middle(ctx, 0)
		return a, err
	}
	want := slices.Sorted(slices.Values(vals))[(n-1)/2]
	all := &looks{}
	if got, err := median(all); got != want || err != nil {
		t.Fatal(got, want, err)
	}
	if least := n/stretch + n/stretch/4; all.n < least { // each value is moved once, and a quarter of them, at least, once more
		t.Errorf("it asks %d times, want %d at least", all.n, least)
	}
	for last := 1; last <= all.n; last += effort.Of(1, 3) {
		if _, err := median(&looks{last: last}); err != context.Canceled {
			t.Errorf("ended at %d of %d: %v", last, all.n, err)
		}
	}
}
