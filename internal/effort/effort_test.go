package effort

import (
	"slices"
	"testing"
)

func TestSpread(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	for n, want := range map[int][]int{0: {}, 1: {0}, 2: {0, 8}, 3: {0, 4, 8}, 4: {0, 2, 5, 8}, 8: {0, 1, 2, 3, 4, 5, 6, 8}, 9: all, 12: all} {
		if got := spread(n, all); !slices.Equal(got, want) {
			t.Errorf("%d of 9: %v, want %v", n, got, want)
		}
	}
}

// TestShort holds that nothing is left out unless it was asked for.
func TestShort(t *testing.T) {
	most, cases := 24, 3
	if testing.Short() {
		most, cases = 6, 2
	}
	if got := Of(24, 6); got != most {
		t.Error(got)
	}
	if got := Some(2, []string{"a", "b", "c"}); len(got) != cases {
		t.Error(got)
	}
	went := t.Run("long", func(t *testing.T) {
		Long(t, "it is asked to be")
		if testing.Short() {
			t.Error("not skipped")
		}
	})
	if !went {
		t.Error("failed")
	}
}
