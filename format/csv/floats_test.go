package csv

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
)

// decimal-like text: mostly short numbers with a point somewhere, some that are not numbers.
func decimalText(r *rand.Rand) string {
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	s := []string{"", "", "-", "-", "+"}[r.IntN(5)] + digits(r.IntN(11))
	if r.IntN(5) > 0 {
		s += "." + digits(r.IntN(11))
	}
	switch r.IntN(40) {
	case 0:
		s += "e" + strconv.Itoa(r.IntN(40)-20)
	case 1:
		s += "."
	case 2:
		s = "-" + s
	case 3:
		s += []string{"x", " ", "/", ":", "-", "\x00"}[r.IntN(6)]
	case 4:
		s = []string{"-0", "-0.0", "nan", "-inf", ".", "-.", "-", "0.", ".5", "-.5", "9007199254740993", "99999999.9999999", "12345678.1234567"}[r.IntN(13)]
	}
	return s
}

// TestFloatsAreRoundedOnce compares the loop over a column with strconv, bit by bit, for
// numbers whose neighbours are digits and points, too.
func TestFloatsAreRoundedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 2))
	o := Options{Header: No, Delimiter: ',', Types: map[string]dtype.Type{"column_1": dtype.Of(dtype.Float64), "column_2": dtype.Of(dtype.Float64)}}
	var text strings.Builder
	var want []float64
	var wrong []string
	for len(want) < 40_000 {
		s := decimalText(r)
		v, ok := parseFloat([]byte(strings.Trim(s, " ")))
		if strings.Trim(s, " ") == "" {
			continue
		}
		if !ok {
			wrong = append(wrong, s)
			continue
		}
		if x, err := strconv.ParseFloat(strings.Trim(s, " "), 64); err != nil || math.Float64bits(x) != math.Float64bits(v) && x == x {
			t.Fatalf("%q is %v, strconv says %v, %v", s, v, x, err)
		}
		want = append(want, v)
		text.WriteString(s)
		text.WriteByte(",\n"[(len(want)+1)&1])
	}
	rows, err := collect(t, describe(t, o, writeFile(t, "x.csv", text.String())), 3000, nil)
	if err != nil || len(rows) != len(want)/2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, row := range rows {
		for c, s := range row {
			w := want[2*i+c]
			x, _ := strconv.ParseFloat(s, 64)
			if math.Float64bits(x) != math.Float64bits(w) && (x == x || w == w) {
				t.Fatalf("row %d column %d is %v, want %v", i, c, x, w)
			}
		}
	}
	if len(wrong) < 100 {
		t.Fatalf("%d texts that are not numbers", len(wrong))
	}
	for _, s := range wrong[:100] {
		if rows, err := collect(t, describe(t, o, writeFile(t, "x.csv", "1.5,2\n"+s+",3.25\n")), 0, descend); err == nil || !strings.Contains(err.Error(), "x.csv:2: column \"column_1\"") {
			t.Errorf("%q is read as %v, %v", s, rows, err)
		}
	}
}
