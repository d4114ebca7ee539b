package radix

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNth compares with sorting: elements in any order, in ascending and descending order, many of them equal, and of such
// places that the samples are the least elements.
func TestNth(t *testing.T) {
	t.Run("32", nth[uint32])
	t.Run("64", nth[uint64])
}

func nth[K uint32 | uint64](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for n := range 400 {
		a := make([]K, 1+n*n%911)
		for i := range a {
			switch n % 6 {
			case 0:
				a[i] = K(r.Uint64())
			case 1:
				a[i] = K(i)
			case 2:
				a[i] = K(len(a) - i)
			case 3:
				a[i] = ^K(0) - K(r.IntN(3))
			case 4:
				a[i] = K(r.IntN(len(a)) * i % 17)
			case 5:
				a[i] = K(i)
				if i%(1+len(a)/16) == len(a)/32 {
					a[i] = 0
				}
			}
		}
		sorted := slices.Clone(a)
		slices.Sort(sorted)
		i := r.IntN(len(a))
		if err := Nth(context.Background(), a, i); err != nil {
			t.Fatal(err)
		}
		if a[i] != sorted[i] || slices.Max(a[:i+1]) != a[i] || slices.Min(a[i:]) != a[i] {
			t.Fatalf("case %d: element %d of %d is %d, want %d", n, i, len(a), a[i], sorted[i])
		}
		if slices.Sort(a); !slices.Equal(a, sorted) {
			t.Fatalf("case %d: other elements", n)
		}
	}
}

func TestNthEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Nth(ctx, make([]uint64, 1<<20), 5); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func BenchmarkNth(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 9))
	from := make([]uint32, 1000)
	for i := range from {
		from[i] = r.Uint32N(3000)
	}
	a := make([]uint32, len(from))
	b.SetBytes(int64(len(from)))
	for b.Loop() {
		copy(a, from)
		_ = Nth(context.Background(), a, len(a)/2)
	}
}
