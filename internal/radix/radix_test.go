package radix

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/weft-data/weft/internal/effort"
)

// pair is an element: a key, and where it was.
type pair struct {
	key uint64
	at  int
}

// some are Threads that run everything at once.
type some int

func (n some) Threads() int { return int(n) }

func (n some) Context() context.Context { return context.Background() }

func (n some) Fork(k int, f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, k)
	for i := range k {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestSort holds both sorts to the library's stable one, over keys that differ in few or many, high or low bits.
func TestSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(i int) uint64{
		"random":    func(int) uint64 { return r.Uint64() },
		"small":     func(int) uint64 { return r.Uint64N(300) },
		"equal":     func(int) uint64 { return 1 << 63 },
		"sorted":    func(i int) uint64 { return uint64(i) },
		"falling":   func(i int) uint64 { return ^uint64(i) },
		"two ends":  func(int) uint64 { return r.Uint64N(2)<<63 | r.Uint64N(3) },
		"one large": func(int) uint64 { return max(r.Uint64N(10), 8)<<60 | r.Uint64N(1<<20) },
		"high bits": func(int) uint64 { return r.Uint64N(1<<30) << 34 },
	}
	for name, key := range kinds {
		for _, n := range []int{0, 1, 2, insertMax, insertMax + 1, 257, 5000, lsdMax + 1, ForkMin + 77} {
			rows := make([]pair, n)
			for i := range rows {
				rows[i] = pair{key(i), i}
			}
			want := slices.Clone(rows)
			slices.SortStableFunc(want, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
			for _, toB := range []bool{false, true} {
				a, b := slices.Clone(rows), make([]pair, n)
				Sort(a, b, toB)
				if toB {
					a = b
				}
				same(t, fmt.Sprint(name, n, toB), a, want)
			}
			for _, threads := range []Threads{Alone{context.Background()}, some(1), some(3)} {
				a := slices.Clone(rows)
				if err := SortAll(threads, a, make([]pair, n)); err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprint(name, n, threads), a, want)
			}
		}
	}
}

func same(t *testing.T, what string, got, want []pair) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

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

// TestSortsEndSoon: a sort of many elements asks before it looks at, counts, moves and sorts a stretch of them whether it
// goes on, whatever the keys are, and ends when it shall not.
func TestSortsEndSoon(t *testing.T) {
	const n = 6 * Stretch
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range []struct {
		name string
		key  func() uint64
		asks int // for each stretch
	}{
		{"random", r.Uint64, 4},
		{"one bucket has nearly half", func() uint64 { return max(r.Uint64N(16), 7)<<59 | r.Uint64N(1<<40) }, 6},
		{"one bucket has most", func() uint64 { return max(r.Uint64N(10), 8)<<59 | r.Uint64N(1<<40) }, 7},
		{"few keys", func() uint64 { return r.Uint64N(100) }, 4},
	} {
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = kind.key()
		}
		all := &looks{}
		if err := SortAll(Alone{all}, slices.Clone(keys), make([]uint64, n)); err != nil {
			t.Fatal(err)
		}
		if want := kind.asks * n / Stretch; all.n < want {
			t.Errorf("%s: it asks %d times, want %d at least", kind.name, all.n, want)
		}
		for last := 1; last <= all.n; last += effort.Of(5, 25) {
			l := &looks{last: last}
			if err := SortAll(Alone{l}, slices.Clone(keys), make([]uint64, n)); err != context.Canceled || l.n != last {
				t.Fatalf("%s: ended at %d of %d: %v, %d looks", kind.name, last, all.n, err, l.n)
			}
		}
	}
}
