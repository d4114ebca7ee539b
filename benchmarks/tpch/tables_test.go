package tpch

import (
	"strings"
	"testing"
	"time"
)

// rows are the first n rows of a table as text, made in batches.
func rows(t *Table, n, batch int) (out []string) {
	dst := make([][]int64, len(t.Cols))
	for c := range dst {
		dst[c] = make([]int64, batch)
	}
	for len(out) < n {
		t.Fill(dst, batch)
		for i := range batch {
			var b []byte
			for c := range dst {
				b = append(t.Cols[c].Append(b, dst[c][i]), '|')
			}
			out = append(out, string(b))
		}
	}
	return out[:n]
}

// The first rows of the specification's generator; whole files are compared by their
// sums in benchmarks/suite.
func TestFirstRows(t *testing.T) {
	first := map[string]string{
		"region":   "0|AFRICA|lar deposits. blithely final packages cajole. regular waters are final requests. regular accounts are according to |",
		"nation":   "0|ALGERIA|0| haggle. carefully final deposits detect slyly agai|",
		"supplier": "1|Supplier#000000001| N kD4on9OM Ipw3,gf0JBoQDd7tgrzrddZ|17|27-918-335-1736|5755.94|each slyly above the careful|",
		"part":     "1|goldenrod lavender spring chocolate lace|Manufacturer#1|Brand#13|PROMO BURNISHED COPPER|7|JUMBO PKG|901.00|ly. slyly ironi|",
		"customer": "1|Customer#000000001|IVhzIApeRb ot,c,E|15|25-989-741-2988|711.56|BUILDING|to the even, regular platelets. regular, ironic epitaphs nag e|",
		"orders":   "1|370|O|172799.49|1996-01-02|5-LOW|Clerk#000000951|0|nstructions sleep furiously among |",
		"lineitem": "1|1552|93|1|17.00|24710.35|0.04|0.02|N|O|1996-03-13|1996-02-12|1996-03-22|DELIVER IN PERSON|TRUCK|egular courts above the|",
	}
	all, err := New(ScaleOne / 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		n := min(x.Rows, 20)
		have := rows(x, n, 5)
		if want, ok := first[x.Name]; ok && have[0] != want {
			t.Errorf("%s begins\n%s, want\n%s", x.Name, have[0], want)
		}
	}
}

func TestDates(t *testing.T) {
	for d := int64(firstDay); d < firstDay+2557; d++ {
		want := time.Unix(d*86400, 0).UTC().Format(time.DateOnly)
		if have := string(appendDate(nil, d)); have != want {
			t.Fatalf("day %d is %s, want %s", d, have, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int{0, -1500, 1499, 1501} {
		if _, err := New(n); err == nil || !strings.Contains(err.Error(), "multiple of 1500") {
			t.Errorf("%d orders: %v", n, err)
		}
	}
	all, err := New(ScaleOne / 10)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"region": 5, "nation": 25, "supplier": 1000, "part": 20_000, "partsupp": 80_000, "customer": 15_000, "orders": 150_000, "lineitem": 600_572}
	for _, x := range all {
		if x.Rows != want[x.Name] {
			t.Errorf("%s has %d rows, want %d", x.Name, x.Rows, want[x.Name])
		}
	}
}
