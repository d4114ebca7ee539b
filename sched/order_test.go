package sched

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rows makes compressed rows of "reader: inputs" lists.
func rows(in ...[]int32) (at, deps []int32) {
	at = []int32{0}
	for _, r := range in {
		deps = append(deps, r...)
		at = append(at, int32(len(deps)))
	}
	return at, deps
}

func mustOrder(t *testing.T, at, deps []int32) []int32 {
	t.Helper()
	o, err := Order(at, deps)
	if err != nil {
		t.Fatal(err)
	}
	pos := make([]int, len(at)-1)
	for i := range pos {
		pos[i] = -1
	}
	for i, x := range o {
		pos[x] = i
	}
	for x := range pos {
		for _, d := range deps[at[x]:at[x+1]] {
			if pos[x] < 0 || pos[d] < 0 || pos[d] > pos[x] {
				t.Fatalf("%v: task %d runs before its input %d, or one of them never", o, x, d)
			}
		}
	}
	return o
}

func TestOrderChains(t *testing.T) {
	at, deps := rows(nil, []int32{0}, []int32{1}, nil, []int32{3}, []int32{4})
	if o := mustOrder(t, at, deps); !slices.Equal(o, []int32{0, 1, 2, 3, 4, 5}) {
		t.Fatalf("two chains are mixed: %v", o)
	}
}

func TestOrderPairs(t *testing.T) {
	at, deps := rows(nil, nil, nil, nil, []int32{0, 3}, []int32{1, 2})
	o := mustOrder(t, at, deps)
	if p := Peak(at, deps, o); p != 4 {
		t.Fatalf("partners are apart: %v, %d alive", o, p)
	}
	if i := slices.Index(o, 0); o[i+1] != 3 && (i == 0 || o[i-1] != 3) {
		t.Fatalf("partners are apart: %v", o)
	}
}

func TestOrderChainOfReductions(t *testing.T) {
	// c, b0…b2 read c, a0 reads b0, a1 reads a0 and b1, a2 reads a1 and b2
	at, deps := rows(nil, []int32{0}, []int32{0}, []int32{0}, []int32{1}, []int32{4, 2}, []int32{5, 3})
	if o := mustOrder(t, at, deps); !slices.Equal(o, []int32{0, 1, 4, 2, 5, 3, 6}) {
		t.Fatalf("got %v", o)
	}
}

func TestOrderErrors(t *testing.T) {
	at, deps := rows([]int32{1}, []int32{0}, nil)
	if _, err := Order(at, deps); err == nil || !strings.Contains(err.Error(), "[0 1]") {
		t.Fatalf("a circle of 0 and 1: %v", err)
	}
	for _, bad := range [][2][]int32{{nil, nil}, {{0, 2}, {0}}, {{0, 1}, {5}}, {{0, 2, 1}, {0}}} {
		if _, err := Order(bad[0], bad[1]); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
}

func TestOrderRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		n := 1 + r.IntN(60)
		perm := r.Perm(n)
		in := make([][]int32, n)
		for i := 1; i < n; i++ {
			for range r.IntN(4) {
				in[perm[i]] = append(in[perm[i]], int32(perm[r.IntN(i)]))
			}
		}
		at, deps := rows(in...)
		if o := mustOrder(t, at, deps); len(o) != n {
			t.Fatalf("%d of %d tasks ordered", len(o), n)
		}
	}
}

// TestReaders compares the arithmetic of spans with trying every block.
func TestReaders(t *testing.T) {
	for first := int32(-4); first <= 4; first++ {
		for n := int32(-1); n <= 4; n++ {
			for stride := int32(-3); stride <= 3; stride++ {
				w := Spans(first, n, stride)
				for m := int32(0); m <= 6; m++ {
					for x := range int32(7) {
						lo, hi := w.readers(x, m)
						for b := range m {
							a, z, _ := w.Needs(b, 7)
							if got, want := lo <= b && b < hi, a <= x && x < z; got != want {
								t.Fatalf("span(%d,%d,%d) of %d: block %d reads %d is %v, says %v", first, n, stride, m, b, x, want, got)
							}
						}
					}
				}
			}
		}
	}
}

// TestLongChain is a chain of 10,000 futures in one layer.
func TestLongChain(t *testing.T) {
	const n = 10_000
	at, list := []int32{0}, []int32{}
	for b := int32(0); b < n; b++ {
		if b > 0 {
			list = append(list, b-1)
		}
		at = append(at, int32(len(list)))
	}
	spec := &Spec{Layers: []Layer{{N: n, In: []Edge{{From: 0, Wiring: Lists(at, list)}}},
		{N: 1, In: []Edge{{From: 0, Wiring: Spans(n-1, 1, 1)}}, Keep: Ordered}}}
	ran, peak := drive(t, New(Options{}), spec, 2, 2, nil, false)
	if len(ran) != n+1 || peak > 3 {
		t.Fatalf("%d tasks ran, %d blocks alive", len(ran), peak)
	}
}

// TestInterleaved holds that the sources of c = a + b are drawn pair by pair, and those of a join build side first.
func TestInterleaved(t *testing.T) {
	spec := &Spec{Layers: []Layer{{N: 100}, {N: 100}, {N: 100, Keep: Stream, In: []Edge{{From: 0}, {From: 1}}}}}
	if _, peak := drive(t, New(Options{}), spec, 1, 1, nil, true); peak > 4 {
		t.Fatalf("a + b keeps %d blocks alive", peak)
	}
	join := &Spec{Layers: []Layer{{N: 50}, {N: 5}, {N: 50, Keep: Stream, In: []Edge{{From: 0}, {From: 1, Wiring: Everything()}}}}}
	if _, peak := drive(t, New(Options{}), join, 1, 1, nil, true); peak > 8 {
		t.Fatalf("a join keeps %d blocks alive", peak)
	}
}

// TestOrderNamesACircle: of any graph with a circle Order names the tasks of one, of any other it says none.
func TestOrderNamesACircle(t *testing.T) {
	circles := 0
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 51))
		deps := make([][]int32, 1+rnd.IntN(30))
		for range rnd.IntN(2 * len(deps)) {
			a, b := rnd.IntN(len(deps)), int32(rnd.IntN(len(deps)))
			if int(b) > a || rnd.IntN(8) == 0 {
				deps[a] = append(deps[a], b)
			}
		}
		reaches := make([][]bool, len(deps)) // by one step or more
		for i := range deps {
			reaches[i] = make([]bool, len(deps))
			for _, d := range deps[i] {
				reaches[i][d] = true
			}
		}
		for k := range deps {
			for i := range deps {
				for j := range deps {
					reaches[i][j] = reaches[i][j] || reaches[i][k] && reaches[k][j]
				}
			}
		}
		round := false
		for i := range deps {
			round = round || reaches[i][i]
		}
		_, err := Order(rows(deps...))
		if (err != nil) != round {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err == nil {
			continue
		}
		circles++
		_, list, _ := strings.Cut(err.Error(), "[")
		var path []int32
		for _, word := range strings.Fields(strings.TrimSuffix(list, "]")) {
			x, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			path = append(path, int32(x))
		}
		if len(path) == 0 {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, x := range path {
			if y := path[(i+1)%len(path)]; !slices.Contains(deps[x], y) {
				t.Fatalf("seed %d: %v, and %d does not wait for %d", seed, err, x, y)
			}
		}
	}
	if circles < 100 {
		t.Errorf("%d graphs had a circle", circles)
	}
}
