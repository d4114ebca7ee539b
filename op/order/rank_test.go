package order

import (
	"cmp"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRanks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	some := []uint64{0, 1, 2, 1 << 63, math.MaxUint64 - 1, math.MaxUint64}
	pick := func() uint64 { return some[r.IntN(len(some))] }
	for range 10_000 {
		x, y := rank{wide{pick(), pick()}, uint64(r.IntN(3))}, rank{wide{pick(), pick()}, ended + uint64(r.IntN(3))}
		want := uint64(0)
		if cmp.Or(cmp.Compare(x.hi, y.hi), cmp.Compare(x.lo, y.lo), cmp.Compare(x.from, y.from)) < 0 {
			want = 1
		}
		if got := x.below(y); got != want {
			t.Fatalf("%v below %v: %d, want %d", x, y, got, want)
		}
		if x.below(x) != 0 {
			t.Fatalf("%v is below itself", x)
		}
	}
}
