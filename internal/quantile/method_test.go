package quantile

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// numpy has the quantiles 0, 0.05, 0.1875, 0.2, 0.3, 0.5, 0.77, 0.95 and 1 of so many numbers 0.1·i³, as numpy.quantile of NumPy
// 2.4.6 gives them.
const numpy = `
1 linear: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 lower: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 higher: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 midpoint: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 nearest: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 inverted_cdf: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 averaged_inverted_cdf: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 closest_observation: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 interpolated_inverted_cdf: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 hazen: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 weibull: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 median_unbiased: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
1 normal_unbiased: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1
5 linear: 0.1 0.24000000000000002 0.625 0.66 1.18 2.7 6.888000000000001 11.28 12.5
5 lower: 0.1 0.1 0.1 0.1 0.8 2.7 6.4 6.4 12.5
5 higher: 0.1 0.8 0.8 0.8 2.7 2.7 12.5 12.5 12.5
5 midpoint: 0.1 0.45 0.45 0.45 1.75 2.7 9.45 9.45 12.5
5 nearest: 0.1 0.1 0.8 0.8 0.8 2.7 6.4 12.5 12.5
5 inverted_cdf: 0.1 0.1 0.1 0.1 0.8 2.7 6.4 12.5 12.5
5 averaged_inverted_cdf: 0.1 0.1 0.1 0.45 0.8 2.7 6.4 12.5 12.5
5 closest_observation: 0.1 0.1 0.1 0.1 0.8 0.8 6.4 12.5 12.5
5 interpolated_inverted_cdf: 0.1 0.1 0.1 0.1 0.45 1.75 5.845000000000001 10.975 12.5
5 hazen: 0.1 0.1 0.40625 0.45 0.8 2.7 8.534999999999998 12.5 12.5
5 weibull: 0.1 0.1 0.1875 0.24 0.66 2.7 10.182 12.5 12.5
5 median_unbiased: 0.1 0.1 0.3333333333333333 0.38 0.7533333333333334 2.7 9.084000000000003 12.5 12.5
5 normal_unbiased: 0.1 0.1 0.3515625 0.3975000000000001 0.765 2.7 8.946750000000003 12.5 12.5
8 linear: 0.1 0.3450000000000001 1.39375 1.5600000000000005 3.0700000000000003 9.45 26.55300000000001 45.285 51.2
8 lower: 0.1 0.1 0.8 0.8 2.7 6.4 21.6 34.300000000000004 51.2
8 higher: 0.1 0.8 2.7 2.7 6.4 12.5 34.300000000000004 51.2 51.2
8 midpoint: 0.1 0.45 1.75 1.75 4.550000000000001 9.45 27.950000000000003 42.75 51.2
8 nearest: 0.1 0.1 0.8 0.8 2.7 12.5 21.6 51.2 51.2
8 inverted_cdf: 0.1 0.1 0.8 0.8 2.7 6.4 34.300000000000004 51.2 51.2
8 averaged_inverted_cdf: 0.1 0.1 0.8 0.8 2.7 9.45 34.300000000000004 51.2 51.2
8 closest_observation: 0.1 0.1 0.8 0.8 0.8 6.4 21.6 51.2 51.2
8 interpolated_inverted_cdf: 0.1 0.1 0.45 0.52 1.56 6.4 23.632000000000005 44.44 51.2
8 hazen: 0.1 0.1 0.8 0.9900000000000002 2.51 9.45 29.982000000000006 51.2 51.2
8 weibull: 0.1 0.1 0.58125 0.66 2.13 9.45 33.411 51.2 51.2
8 median_unbiased: 0.1 0.1 0.7270833333333333 0.8 2.383333333333333 9.45 31.125000000000004 51.2 51.2
8 normal_unbiased: 0.1 0.1 0.7453125 0.8474999999999999 2.4150000000000005 9.45 30.839250000000003 51.2 51.2`

// TestMethods holds every method to NumPy, to the last bit.
func TestMethods(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(numpy), "\n") {
		head, want, _ := strings.Cut(line, ": ")
		var n int64
		var name string
		if _, err := fmt.Sscan(head, &n, &name); err != nil {
			t.Fatal(err)
		}
		m := Method(slices.Index(Methods, name))
		value := func(i int64) float64 { return 0.1 * math.Pow(float64(min(i+1, n)), 3) }
		var got []string
		for _, q := range []float64{0, 0.05, 0.1875, 0.2, 0.3, 0.5, 0.77, 0.95, 1} {
			i, part := m.Place(q, n)
			text := fmt.Sprint(Blend(value(i), value(i+1), part))
			if !strings.Contains(text, ".") {
				text += ".0"
			}
			got = append(got, text)
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s:\n%s\nNumPy has\n%s", head, got, want)
		}
	}
}
