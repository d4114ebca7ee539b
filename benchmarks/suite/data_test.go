package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/weft-data/weft/benchmarks/tpch"
	"github.com/weft-data/weft/internal/effort"
)

// The sums are of files that an older generator made, independent of this one.
func TestFilesAreAsTheyWere(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	s := &store{dir: t.TempDir(), say: t.Logf}
	sizes := map[string]int{"g1_1e5.csv": 100_000, "brc_1e5.txt": 100_000}
	_ = trade(tpch.Smallest, func(t *table) error {
		sizes[fileName(t.name, 15_000)] = 15_000
		return nil
	})
	if !testing.Short() {
		for _, part := range []string{"x", "small", "medium", "big"} {
			sizes["j1_1e6_"+part+".csv"] = 1_000_000
		}
	}
	byRows := map[int][]string{}
	for file, rows := range sizes {
		table := strings.TrimSuffix(strings.TrimSuffix(file, ".csv"), ".txt")
		table = strings.Replace(table, "_"+sizeName(rows), "", 1)
		if _, ok := known[file]; !ok || fileName(table, rows) != file {
			t.Fatalf("%s: sum known: %v; the name of %s is %s", file, ok, table, fileName(table, rows))
		}
		byRows[rows] = append(byRows[rows], table)
	}
	for rows, tables := range byRows {
		if err := s.need(tables, rows); err != nil { // fails if a sum differs
			t.Fatal(err)
		}
	}
	for file := range sizes {
		if have, err := hash(filepath.Join(s.dir, file)); err != nil || have != known[file] {
			t.Errorf("%s: %v, %v, want %v", file, have, err, known[file])
		}
	}
}

func TestStoreMakesAgainWhatWasCut(t *testing.T) {
	s := &store{dir: t.TempDir(), say: t.Logf}
	path := s.path("g1", 1000)
	make1 := func() []byte {
		t.Helper()
		if err := s.need([]string{"g1"}, 1000); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := make1()
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if string(make1()) != string(whole) {
		t.Fatal("the second file differs from the first")
	}
	if err := s.verify(path); err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.verify(path); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Fatalf("a flipped bit: %v", err)
	}
}

func TestForms(t *testing.T) {
	for _, c := range []struct {
		c    column
		v    int64
		want string
	}{
		{column{form: number}, 7, "7"},
		{column{form: label, width: 3}, 7, "id007"}, {column{form: label, width: 3}, 100, "id100"}, {column{form: label}, 1234, "id1234"},
		{column{form: label, width: 10}, 90, "id0000000090"},
		{column{form: micro}, 0, "0"}, {column{form: micro}, 42_000_000, "42"}, {column{form: micro}, 1_500_000, "1.5"},
		{column{form: micro}, 99_000_001, "99.000001"}, {column{form: micro}, 70, "0.00007"},
		{column{form: tenth}, -5, "-0.5"}, {column{form: tenth}, 123, "12.3"}, {column{form: tenth}, 0, "0.0"},
		{column{form: named, names: []string{"a", "b"}}, 1, "b"},
	} {
		if got := string(c.c.appendText(nil, c.v)); got != c.want {
			t.Errorf("%+v: %d is %q, want %q", c.c, c.v, got, c.want)
		}
	}
	for rows, want := range map[int]string{10_000_000: "1e7", 25_000_000: "25e6", 12_345: "12345", 1000: "1e3", 100: "100"} {
		if got := sizeName(rows); got != want {
			t.Errorf("%d rows are called %s, want %s", rows, got, want)
		}
	}
}

// A table in memory has the values of the file.
func TestRecordsAreTheFile(t *testing.T) {
	const rows = 20_000
	recs, err := g1(rows, 100).records()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	n := int64(0)
	for _, r := range recs {
		n += r.NumRows()
		for i := range int(r.NumRows()) {
			for c, a := range r.Columns() {
				sep := ","
				if c == 8 {
					sep = "\n"
				}
				switch x := a.(type) {
				case *array.String:
					b.WriteString(x.Value(i) + sep)
				default:
					b.WriteString(fmt.Sprint(cell(x, i)) + sep)
				}
			}
		}
	}
	s := &store{dir: t.TempDir(), say: t.Logf}
	if err := s.need([]string{"g1"}, rows); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(s.path("g1", rows))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(file), "\n")
	if n != rows || normal(b.String()) != normal(body) {
		t.Fatal("the records differ from the file")
	}
}

// normal writes small decimals in one way: the file never uses an exponent.
func normal(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		f := strings.Split(strings.TrimSpace(line), ",")
		var x float64
		fmt.Sscan(f[8], &x)
		out = append(out, strings.Join(f[:8], ",")+fmt.Sprintf(",%.6f", x))
	}
	return strings.Join(out, "\n")
}
