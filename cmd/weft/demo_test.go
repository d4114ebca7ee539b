package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"strconv"
	"strings"
	"testing"
)

// TestDemoTotals adds up the rows that are written and compares with the closed
// forms.
func TestDemoTotals(t *testing.T) {
	for _, rows := range []int64{1, 2, 7, 10, 79, 80, 1000, 12345, 700_000} {
		for _, seed := range []int64{0, 1, 9, -5, 1 << 40} {
			if testing.Short() && rows > 100_000 || rows > 100_000 && seed != 1 {
				continue
			}
			d := newDemoData(rows, seed)
			var b bytes.Buffer
			w := bufio.NewWriter(&b)
			if err := d.writeSales(context.Background(), w, func(float64) {}); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			records, err := csv.NewReader(&b).ReadAll()
			if err != nil || int64(len(records)) != rows+1 {
				t.Fatalf("%d rows: %d records, %v", rows, len(records), err)
			}
			users := map[string]bool{}
			var got totals
			for _, r := range records[1:] {
				if r[2] != "ok" {
					continue
				}
				qty, err1 := strconv.ParseInt(r[3], 10, 64)
				price, err2 := strconv.ParseFloat(r[4], 64)
				if err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				users[r[1]] = true
				got.Orders++
				got.Qty += qty
				got.Cents += qty * toCents(price)
			}
			got.Groups = int64(len(users))
			for name := range users {
				k, err := strconv.ParseInt(strings.TrimPrefix(name, "user-"), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				got.Users += k
			}
			if want := d.expected(); got != want {
				t.Errorf("%d rows, seed %d: %+v, the closed form says %+v", rows, seed, got, want)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"256MiB": 256 << 20, "1.5g": 3 << 29, "4GB": 4e9, " 7 kb ": 7000, "12": 12, "1TiB": 1 << 40} {
		if n, err := parseBytes(s); err != nil || n != want {
			t.Errorf("%q: %d, %v", s, n, err)
		}
	}
	for _, s := range []string{"", "much", "-1", "1e30", "5 parsecs", "NaN"} {
		if n, err := parseBytes(s); err == nil {
			t.Errorf("%q: %d", s, n)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 5 << 40: "5120.0 GiB"} {
		if got := wordBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := wordCount(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{7: "7", 1500: "1.5k", 25_000_000: "25.0M", 3_000_000_000: "3.0G"} {
		if got := shortCount(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
