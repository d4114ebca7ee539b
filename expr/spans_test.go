package expr

import (
	"maps"
	"slices"
	"testing"

	"github.com/weft-data/weft/dtype"
)

// TestSpansAreThoseOfTruncate holds that spans begin where date.truncate of some instant between the
// two does, each once and in order, around changes of clocks: by an hour, two, half of one and the odd
// seconds of early zones, at midnight, a minute behind it and over a whole day, forward and back.
func TestSpansAreThoseOfTruncate(t *testing.T) {
	changes := map[string][]int64{"Europe/Berlin": {1711846800, 1729990800, -2422054408}, "America/Santiago": {1725768000, 1712458800}, "America/St_Johns": {1289097060, 1268537460},
		"Australia/Lord_Howe": {1712415600, 1728142200}, "Antarctica/Troll": {1711846800, 1729990800}, "Africa/Casablanca": {1710036000, 1713060000}, "Asia/Kathmandu": {504901800},
		"Pacific/Apia": {1325239200}, "Africa/Monrovia": {63593070}, "Asia/Manila": {-3944621040}, "America/Anchorage": {-3225223727}, "+05:45": {1711846800}, "": {1711846800}}
	units := []string{"90 seconds", "7 minutes", "15 minutes", "20 minutes", "45 minutes", "hour", "90 minutes", "2 hours", "5 hours", "6 hours", "12 hours", "24 hours", "1000 minutes", "day", "2 days", "week", "month"}
	for zone, at := range changes {
		for _, change := range at {
			for _, unit := range units {
				p, err := periodOf(unit)
				if err != nil {
					t.Fatal(err)
				}
				const around, tick = 200_000, 30
				w, err := newSpanWalk(dtype.TimestampOf(dtype.Second, zone), p)
				if err != nil {
					t.Fatal(err)
				}
				set := map[int64]bool{}
				first, end := change-around, change+around
				for v := change - change%tick - around; v < end; v += tick {
					w.one.units[0] = v
					if b, ok := w.down(0); ok && b > first && b < end {
						set[b] = true
					}
				}
				want := slices.Sorted(maps.Keys(set))
				var got []int64
				for v, ok := w.next(first); v < end; v, ok = w.next(v) {
					if !ok {
						t.Fatalf("%s, %s: no span behind %d", zone, unit, v)
					}
					if w.one.units[0] = v; len(got) > 0 && v <= got[len(got)-1] {
						t.Fatalf("%s, %s: %d comes behind %d", zone, unit, v, got[len(got)-1])
					}
					got = append(got, v)
				}
				for v := first + 1; v < end; v += 13 * tick { // also from within a span
					i, found := slices.BinarySearch(got, v)
					if found {
						i++
					}
					if b, ok := w.next(v); i < len(got) && (!ok || b != got[i]) {
						t.Fatalf("%s, %s: behind %d comes %d, want %d", zone, unit, v, b, got[i])
					}
				}
				if last := len(got) - 1; len(got) == len(want)+1 && got[last] > end-2*tick { // no tick is in it
					got = got[:last]
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, %s: spans begin at %v, want %v", zone, unit, missing(got, want), missing(want, got))
				}
			}
		}
	}
}

// missing is what is in a and not in b.
func missing(a, b []int64) (out []int64) {
	for _, v := range a {
		if !slices.Contains(b, v) {
			out = append(out, v)
		}
	}
	return out
}
