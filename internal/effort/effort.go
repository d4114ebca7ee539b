// Package effort says how much a test does. All of it is the rule; in short mode, go test -short, it does less of the
// same: fewer seeds, smaller tables, some of the cases. What is counted must be held to a share of what was done.
package effort

import "testing"

// Of returns all, or few in short mode.
func Of[N ~int | ~int64 | ~uint64](all, few N) N {
	if testing.Short() {
		return few
	}
	return all
}

// Some returns all cases, or n of them in short mode: the first, the last, and others at equal distances.
func Some[T any](n int, all []T) []T {
	if !testing.Short() {
		return all
	}
	return spread(n, all)
}

// spread returns n of all, or all if there are no more.
func spread[T any](n int, all []T) []T {
	if n >= len(all) {
		return all
	}
	some := make([]T, n)
	for i := range some {
		some[i] = all[i*(len(all)-1)/max(n-1, 1)]
	}
	return some
}

// Long leaves out, in short mode, a test that cannot be made small.
func Long(t testing.TB, why string) {
	if t.Helper(); testing.Short() {
		t.Skip("long: " + why)
	}
}
