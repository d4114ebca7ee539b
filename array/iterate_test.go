package array_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
)

// TestIterate puts an array together again of its chunks, which come in order.
func TestIterate(t *testing.T) {
	r := runner(t)
	x := array.Arange(0, 7*9*2, 1).Reshape(7, 9, 2).Rechunk(3, 4, 2).Transpose(1, 0, 2)
	want, err := array.Collect[int64](ctx, r, x)
	if err != nil {
		t.Fatal(err)
	}
	got, seen := make([]int64, len(want)), 0
	for c, err := range x.Iterate(ctx, r) {
		if err != nil {
			t.Fatal(err)
		}
		if n := x.NumBlocks() / 3; c.At[0] != seen/n || c.At[1] != seen%n || c.At[2] != 0 {
			t.Errorf("chunk %d is at %v", seen, c.At)
		}
		seen++
		v, err := array.Values[int64](c.Result)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range v {
			k, j := i%c.Shape[2], i/c.Shape[2]
			got[((c.From[0]+j/c.Shape[1])*7+c.From[1]+j%c.Shape[1])*2+c.From[2]+k] = e
		}
	}
	if seen != x.NumBlocks() || !slices.Equal(got, want) {
		t.Errorf("%d chunks: %v, want %v", seen, got, want)
	}
}

// TestIterateLoose: chunks of unknown sizes have theirs when they are made.
func TestIterateLoose(t *testing.T) {
	x := array.Arange(0, 20, 1).Reshape(10, 2).Rechunk(4, 1)
	s := ""
	for c, err := range x.Select(x.Slice(":, 0").Mod(6).Ne(0)).Iterate(ctx, runner(t)) {
		if err != nil {
			t.Fatal(err)
		}
		s += fmt.Sprint(c.At, c.From == nil, c.Shape, c.All(), ";")
	}
	if want := "[0 0] true [2 1] [2 4];[0 1] true [2 1] [3 5];[1 0] true [3 1] [8 10 14];[1 1] true [3 1] [9 11 15];[2 0] true [1 1] [16];[2 1] true [1 1] [17];"; s != want {
		t.Errorf("%s, want %s", s, want)
	}
}

// TestIterateEnds leaves the loop, and meets mistakes before and in a run.
func TestIterateEnds(t *testing.T) {
	r := runner(t)
	n := 0
	for _, err := range array.Ones([]int{1000}, array.Chunks(1)).Iterate(ctx, r) {
		if err != nil {
			t.Error(err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d chunks", n)
	}
	for what, x := range map[string]*array.Array{
		"do not fit": array.Ones([]int{2}).Add(array.Ones([]int{3})),
		"broken in":  array.FromBlocks(broken, []int{2}),
	} {
		n := 0
		for c, err := range x.Iterate(ctx, r) {
			if n++; c != nil || err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d steps", what, n)
		}
	}
}
