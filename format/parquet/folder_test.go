package parquet

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/expr"
)

// small makes a record of columns by name from JSON.
func small(t testing.TB, cols ...any) arrow.Record {
	t.Helper()
	var fields []arrow.Field
	var arrs []arrow.Array
	for i := 0; i < len(cols); i += 3 {
		a, _, err := array.FromJSON(memory.DefaultAllocator, cols[i+1].(arrow.DataType), strings.NewReader(cols[i+2].(string)))
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, arrow.Field{Name: cols[i].(string), Type: a.DataType(), Nullable: true})
		arrs = append(arrs, a)
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), arrs, int64(arrs[0].Len()))
}

// put writes a record as a file of a folder.
func put(t testing.TB, path string, rec arrow.Record) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(arrowFile(t, rec), path); err != nil {
		t.Fatal(err)
	}
}

var (
	i8, i32, i64 = arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64
	f32, f64     = arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64
	str          = arrow.BinaryTypes.String
)

// TestFolder reads a folder whose paths give columns, and leaves out files by them.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/year=2023/name=a%20b/1.parquet", small(t, "x", i64, `[1, 2]`))
	put(t, dir+"/year=2023/name=c/1.parquet", small(t, "x", i64, `[3]`))
	put(t, dir+"/year=2024/name=__HIVE_DEFAULT_PARTITION__/2.parquet", small(t, "x", i64, `[null]`))
	put(t, dir+"/_temporary/x=1/9.parquet", small(t, "x", i64, `[99]`))
	put(t, dir+"/year=2024/.hidden.parquet", small(t, "x", i64, `[98]`))
	want := [][]any{{int64(1), int64(2023), "a b"}, {int64(2), int64(2023), "a b"}, {int64(3), int64(2023), "c"}, {nil, int64(2024), nil}}
	for _, path := range []string{dir, dir + "/*/*/*.parquet", dir + "/year=*/name=*/*"} {
		got, s, err := readFile(t, path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != "x int64?, year int64, name utf8?" {
			t.Errorf("%s: %s", path, s)
		}
		sameRows(t, path, got.got, want)
	}
	if got, s, err := readFile(t, dir+"/year=2023/*/*", Options{}); err != nil || s.String() != "x int64?, name utf8" || len(got.got) != 3 {
		t.Errorf("keys before the wildcard: %s %v", s, err)
	}
	if got, s, err := readFile(t, dir, Options{NoKeys: true}); err != nil || len(s) != 1 || len(got.got) != 4 {
		t.Errorf("NoKeys: %s %v", s, err)
	}
	if got, s, err := readFile(t, dir, Options{Columns: []string{"name"}}); err != nil || s.String() != "name utf8?" || len(got.got) != 4 {
		t.Errorf("one key: %s %v", s, err)
	}
	p, _, err := Describe(context.Background(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for text, rows := range map[string]int{"year == 2024": 1, `name == "c" or x == 1`: 2, "is_null(name)": 1, "year > 2024": 0} {
		e, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		q, _ := filter(p, e)
		got, tk, err := read(t, q, 1<<28)
		if err != nil || len(got.got) != rows {
			t.Errorf("%s: %d rows, %v", text, len(got.got), err)
		}
		if text == "year == 2024" && tk.counts["rows left out by statistics"] != 3 {
			t.Errorf("%s: %v", text, tk.counts)
		}
	}
	put(t, dir+"/deep/year=2023/more.parquet", small(t, "x", i64, `[1]`))
	if _, _, err := readFile(t, dir, Options{}); err == nil || !strings.Contains(err.Error(), "more.parquet") && !strings.Contains(err.Error(), "NoKeys") {
		t.Errorf("other keys: %v", err)
	}
	if _, _, err := readFile(t, t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "without files") {
		t.Errorf("empty folder: %v", err)
	}
}

// TestEvolution reads files whose columns came, went and grew.
func TestEvolution(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/1.parquet", small(t, "a", i8, `[1, null]`, "b", str, `["x", "y"]`, "f", f32, `[1.5, 2]`))
	put(t, dir+"/2.parquet", small(t, "f", f64, `[0.25]`, "a", i64, `[5000000000]`))
	put(t, dir+"/3.parquet", small(t, "c", str, `["new"]`, "a", i32, `[-7]`, "f", i32, `[3]`))
	got, s, err := readFile(t, dir+"/*.parquet", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.String() != "a int64?, b utf8?, f float64?, c utf8?" {
		t.Errorf("%s", s)
	}
	sameRows(t, "evolution", got.got, [][]any{{int64(1), "x", "1.5", nil}, {nil, "y", "2", nil}, {int64(5000000000), nil, "0.25", nil}, {int64(-7), nil, "3", "new"}})
	p, _, err := Describe(context.Background(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"a > 1000": 1, `c == "new"`: 1, "is_null(b)": 2, "f > 1": 3} {
		e, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		q, _ := filter(p, e)
		if out, _, err := read(t, q, 1<<28); err != nil || len(out.got) != want {
			t.Errorf("%s: %d rows, %v", text, len(out.got), err)
		}
	}
	if _, _, err := readFile(t, dir, Options{Same: true}); err == nil || !strings.Contains(err.Error(), "option Same") || !strings.Contains(err.Error(), "2.parquet") {
		t.Errorf("Same: %v", err)
	}
	put(t, dir+"/4.parquet", small(t, "b", i64, `[1]`))
	if _, _, err := readFile(t, dir, Options{}); err == nil || !strings.Contains(err.Error(), `column "b" of `+dir+"/1.parquet and "+dir+"/4.parquet: no type holds both utf8 and int64") {
		t.Errorf("clash: %v", err)
	}
	if err := os.Remove(dir + "/4.parquet"); err != nil {
		t.Fatal(err)
	}
	put(t, dir+"/4.parquet", small(t, "f", i64, `[1]`))
	if _, _, err := readFile(t, dir, Options{}); err == nil || !strings.Contains(err.Error(), "float64 and int64 without loss") {
		t.Errorf("lossy: %v", err)
	}
	put(t, dir+"/4.parquet", small(t, "p", &arrow.Decimal128Type{Precision: 38, Scale: 2}, `["1.25"]`))
	put(t, dir+"/5.parquet", small(t, "p", &arrow.Decimal128Type{Precision: 10, Scale: 4}, `["1.2525"]`))
	if _, _, err := readFile(t, dir, Options{}); err == nil || !strings.Contains(err.Error(), "decimal(38, 2) and decimal(10, 4) without loss") {
		t.Errorf("decimals: %v", err)
	}
}

// TestNullsEvolve holds that a column of no type goes with all types.
func TestNullsEvolve(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/1.parquet", small(t, "d", arrow.Null, `[null]`, "s", arrow.FixedWidthTypes.Date32, `["1969-12-31"]`))
	put(t, dir+"/2.parquet", small(t, "d", arrow.FixedWidthTypes.Date32, `["1970-01-02"]`, "s", arrow.Null, `[null]`))
	got, s, err := readFile(t, dir, Options{})
	if err != nil || s.String() != "d date?, s date?" {
		t.Fatal(s, err)
	}
	sameRows(t, "nulls", got.got, [][]any{{nil, int64(-1)}, {int64(1), nil}})
}

// TestListsEvolve holds that elements of lists are widened as columns are, and not where values would be lost.
func TestListsEvolve(t *testing.T) {
	list := arrow.ListOf
	dir := t.TempDir()
	put(t, dir+"/1.parquet", small(t, "x", list(list(i8)), `[[[1, null]], null]`, "y", list(arrow.Null), `[[null], []]`))
	put(t, dir+"/2.parquet", small(t, "x", list(list(i64)), `[[[9007199254740993]]]`, "y", list(f64), `[[0.5]]`))
	got, s, err := readFile(t, dir, Options{})
	if err != nil || s.String() != "x list(list(int64))?, y list(float64)?" || len(got.got) != 3 {
		t.Fatalf("%s %v %v", s, got, err)
	}
	for name, typ := range map[string]arrow.DataType{"list(list(float64))": list(list(f64)), "list(list(uint64))": list(list(arrow.PrimitiveTypes.Uint64)), "list(date)": list(arrow.FixedWidthTypes.Date32), "int64": i64} {
		put(t, dir+"/3.parquet", small(t, "x", typ, `[null]`))
		if _, _, err := readFile(t, dir, Options{}); err == nil || !strings.Contains(err.Error(), "no type holds both list(list(int64)) and "+name+" without loss") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
