package expr

import (
	"math"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
)

func TestCivil(t *testing.T) {
	check := func(day int64) {
		y, m, d := civil(day)
		wy, wm, wd := time.Unix(day*secondsPerDay, 0).UTC().Date()
		if y != int64(wy) || m != int(wm) || d != wd {
			t.Fatalf("day %d: %d-%d-%d, want %d-%d-%d", day, y, m, d, wy, wm, wd)
		}
		if back := dayOf(y, m, d); back != day {
			t.Fatalf("%d-%d-%d: day %d, want %d", y, m, d, back, day)
		}
	}
	for day := int64(-800_000); day < 800_000; day++ {
		check(day)
	}
	for _, day := range []int64{-eraShift - 1, -eraShift, -eraShift + 1, 1<<29 - 1, 1 << 29, math.MinInt32, math.MaxInt32} {
		check(day)
	}
}

// TestInstantsNearTheEnds: splitting and joining is the identity, also where a
// second no longer fits whole.
func TestInstantsNearTheEnds(t *testing.T) {
	for u := dtype.Second; u <= dtype.Nano; u++ {
		c, err := newClock(dtype.TimestampOf(u, ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []int64{math.MinInt64, math.MinInt64 + 1, math.MinInt64 / 2, -1, 0, 1, math.MaxInt64/2 + 1, math.MaxInt64} {
			if u == dtype.Second && (v > math.MaxInt64/2+1 || v < math.MinInt64/2) {
				continue // beyond any calendar
			}
			day, sec, frac := c.local(v)
			if back, ok := c.instant(day, sec, frac); !ok || back != v {
				t.Errorf("%d %s: %d, %v", v, u, back, ok)
			}
		}
		if _, ok := c.instant(math.MaxInt64/2, 0, 0); ok {
			t.Errorf("an instant beyond %s was accepted", u)
		}
	}
}

func TestTextOfTimesRoundTrips(t *testing.T) {
	for _, typ := range []dtype.Type{tDate, dtype.TimestampOf(dtype.Milli, ""), dtype.TimestampOf(dtype.Nano, "America/New_York"), dtype.TimestampOf(dtype.Second, "Asia/Kolkata")} {
		for _, v := range []int64{0, 1, -1, 19000, 1_700_000_000, 1_710_054_000} {
			l := Literal{Type: typ, I: v}
			text, err := castLit(l, tText)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := castLit(text, typ); typ.Kind == dtype.Timestamp && (err != nil || back.I != v) {
				t.Errorf("%s %d is %s, read as %d (%v)", typ, v, text.S, back.I, err)
			}
		}
	}
}
