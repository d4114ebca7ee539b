package strip

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/internal/elem"
)

// TestArg compares the folds of positions with their definition: few values, so that many are as good as others, NaN and
// infinities among them, given as rows and as cells, in ascending and in other orders of positions, and merged.
func TestArg(t *testing.T) {
	values := []float32{1, 2, 3, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		f := []Fold{ArgMin, ArgMax, NanArgMin, NanArgMax}[r.IntN(4)]
		some := values[r.IntN(3):]
		some = some[:1+r.IntN(len(some))]
		x := make([]float32, 1+r.IntN(30))
		for i := range x {
			x[i] = some[r.IntN(len(some))]
		}
		want := int64(-1)
		for i, v := range x {
			nan := v != v
			switch {
			case nan && (f == NanArgMin || f == NanArgMax):
			case want < 0, nan && x[want] == x[want], (f == ArgMin || f == NanArgMin) && v < x[want], (f == ArgMax || f == NanArgMax) && v > x[want]:
				want = int64(i)
			}
		}
		fold, err := f.NewFolder(elem.Float32)
		if err != nil {
			t.Fatal(err)
		}
		state := func() [][]byte {
			s := [][]byte{make([]byte, 4), make([]byte, 8)}
			fold.Init(s, 1)
			return s
		}
		row, turned, cells, merged := state(), state(), state(), state()
		fold.Begin()
		k := r.IntN(len(x) + 1)
		fold.Strip(Raw(x[:k]), k, 0, 1)
		fold.Strip(Raw(x[k:]), len(x)-k, int64(k), 1)
		fold.End(row)
		back := make([]float32, len(x))
		for i, v := range x {
			back[len(x)-1-i] = v
		}
		fold.Begin()
		fold.Strip(Raw(back), len(back), int64(len(x)-1), -1)
		fold.End(turned)
		for _, i := range r.Perm(len(x)) {
			fold.Cells(cells, Raw(x[i:i+1]), 1, int64(i))
		}
		later := state()
		for i := range x {
			to := merged
			if i >= k {
				to = later
			}
			fold.Cells(to, Raw(x[i:i+1]), 1, int64(i))
		}
		fold.Merge(merged, later, 1)
		for how, s := range map[string][][]byte{"a row": row, "a row from its end": turned, "cells": cells, "merged": merged} {
			if got := View[int64](s[1], 1)[0]; got != want {
				t.Fatalf("%s of %v, %s: %d, want %d", f, x, how, got, want)
			}
		}
	}
}
