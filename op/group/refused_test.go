package group

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
)

// moody refuses now and then what its pool would give, as other threads and tasks
// that take the last of it do.
type moody struct {
	mu   sync.Mutex
	rand *rand.Rand
	one  int // of so many
}

func (m *moody) refuses() bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rand.IntN(m.one) == 0
}

// refused has a plan done 30 times by an allocator that refuses now and then, and returns how often it ended with an
// answer, the right one, and how often it was done.
func refused(t *testing.T, p Params, tab *refTable, how func(seed uint64) config) (done, all int) {
	t.Helper()
	ref, err := reference(t, p, tab)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range effort.Of[uint64](30, 6) {
		all++
		c := how(seed)
		c.moody = &moody{rand: newRand(seed), one: 2 << (seed % 6)}
		_, got, err := runGroup(t, p, tab.schema, tab.batches(2048, nil), c)
		if errors.Is(err, mem.ErrBudget) {
			continue
		}
		if err != nil {
			t.Fatalf("%s seed %d: %v", p.text(), seed, err)
		}
		diff(t, fmt.Sprintf("%s seed %d", p.text(), seed), rowsOf(tab.schema, got), ref)
		done++
	}
	return done, all
}

// What is refused, wherever it is, leaves the answer right and nothing handed out.
func TestRefusedAtRandom(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	text, i64, f64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int64), dtype.Of(dtype.Float64)
	tab := manyGroupsTable(10000, 5000, text, i64, f64, text)
	done, all := 0, 0
	some := []Agg{{Fn: Len, As: "n"}, {Fn: Sum, Col: "c1", As: "s"}, {Fn: Mean, Col: "c2", As: "m"}, {Fn: Min, Col: "c3", As: "lo"},
		{Fn: Last, Col: "c3", As: "last"}, {Fn: Var, Col: "c2", As: "v"}}
	for _, p := range effort.Some(3, []Params{{Keys: []string{"c0"}, Aggs: some}, {Keys: []string{"c1"}, Aggs: some}, {Keys: []string{"c0", "c1"}, Aggs: some},
		{Keys: []string{"c0"}, Aggs: []Agg{{Fn: Median, Col: "c2", As: "m"}, {Fn: CountDistinct, Col: "c3", As: "d"}}},
		{Keys: []string{"c0"}, Top: &Top{By: "c1", N: 3}}}) {
		d, a := refused(t, p, tab, func(seed uint64) config {
			return config{threads: 1 + int(seed%3), morsel: 1024, blocks: int(seed % 2 * 2), budget: 4 << 20}
		})
		done, all = done+d, all+a
	}
	if done < all/2 {
		t.Errorf("%d of %d runs ended with an answer", done, all)
	}
}

// A disk that is full is an error that says so, or was not needed.
func TestFullDisk(t *testing.T) {
	text, i64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int64)
	tab := manyGroupsTable(20000, 10000, text, i64)
	full, seeds := 0, effort.Of(200, 40)
	for seed := range uint64(seeds) {
		c := config{threads: 1 + int(seed%3), morsel: 1024, blocks: int(seed % 2 * 2), budget: 4 << 20, disk: 1000 << (seed % 12)}
		c.moody = &moody{rand: newRand(seed), one: 16 << (seed % 2)}
		p := Params{Keys: []string{"c0"}, Aggs: []Agg{{Fn: Sum, Col: "c1", As: "s"}, {Fn: []string{Max, Median}[seed/2%2], Col: "c1", As: "m"}}}
		_, _, err := runGroup(t, p, tab.schema, tab.batches(2048, nil), c)
		switch {
		case errors.Is(err, spill.ErrFull):
			full++
		case err != nil && !errors.Is(err, mem.ErrBudget):
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if full < seeds/4 {
		t.Errorf("the disk was full in %d of %d runs", full, seeds)
	}
}
