package numeral

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// TestAppendInt holds the short way to write numbers against the library's.
func TestAppendInt(t *testing.T) {
	var all []int64
	for _, v := range []int64{0, 9, 10, 99, 100, 999, 1000, 9999, 10000, 99999, 100000, 999999, 1000000, math.MaxInt64, math.MinInt64} {
		all = append(all, v, -v, v+1, v-1)
	}
	for v := range int64(20_000) {
		all = append(all, v*53)
	}
	for v := int64(1); v < math.MaxInt64/10; v *= 10 {
		all = append(all, v, v-1, v+1, 3*v+7, -v)
	}
	for _, v := range all {
		if got := string(AppendInt([]byte{'x'}, v)); got != "x"+strconv.FormatInt(v, 10) {
			t.Fatalf("%s, want x%d", got, v)
		}
	}
	for u := range uint32(1e8) / 97 {
		u *= 97
		d := eight(u)
		for i := 7; i >= 0; i-- {
			if byte(d>>(8*i)) != byte(u%10) {
				t.Fatalf("digit %d of %x is not %d", i, d, u%10)
			}
			u /= 10
		}
	}
}

// TestAppendFloat holds that floats read back and have as few digits as the library gives.
func TestAppendFloat(t *testing.T) {
	all := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1e-6, 1e-7, 123456.789012, 999999999.999999, 1e15, 1e21, 5e-324, math.MaxFloat64, 1.0 / 3, 2.5e-5, math.Inf(1), math.Inf(-1)}
	for i := range 20_000 {
		all = append(all, float64(i*7919)/1e6, float64(i)*1.1, -float64(i)/3)
	}
	for _, v := range all {
		got := string(AppendFloat(nil, v, 64))
		back, err := strconv.ParseFloat(got, 64)
		if err != nil || math.Float64bits(back) != math.Float64bits(v) {
			t.Fatalf("%s of %g reads back as %g, %v", got, v, back, err)
		}
		if !math.IsInf(v, 0) && !strings.ContainsAny(got, ".e") {
			t.Errorf("%s reads back as an integer", got)
		}
		if short := strconv.FormatFloat(v, 'e', -1, 64); digitsOf(got) > digitsOf(short) {
			t.Errorf("%s has more digits than %s", got, short)
		}
	}
	for v, want := range map[float32]string{0.1: "0.1", 3: "3.0", 1e20: "1e+20"} {
		if got := string(AppendFloat(nil, float64(v), 32)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// digitsOf counts the digits of a number but for zeros at its ends.
func digitsOf(s string) int {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "-"), "e")
	if strings.Contains(s, ".") {
		s = strings.TrimRight(s, "0")
	}
	return len(strings.Trim(strings.ReplaceAll(s, ".", ""), "0"))
}
