package optimize

import (
	"strconv"
	"strings"
	"time"
)

// count prints a number of rows in short: three digits and a power of thousand.
func count(x float64) string { return scaled(x, 1000, []string{"", "k", "M", "G", "T"}) }

// size prints bytes in binary units; a negative number is unknown.
func size(x float64) string {
	if x < 0 {
		return "? B"
	}
	return scaled(x, 1024, []string{" B", " KiB", " MiB", " GiB", " TiB"})
}

// scaled prints x with three significant digits in the largest unit that leaves
// at least one before the point.
func scaled(x, base float64, units []string) string {
	u := 0
	for u < len(units)-1 && x >= base-0.5 {
		x /= base
		u++
	}
	digits := 0
	if u > 0 {
		switch {
		case x < 9.995:
			digits = 2
		case x < 99.95:
			digits = 1
		}
	}
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if digits > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + units[u]
}

// short prints a duration with about three digits.
func short(d time.Duration) string {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
