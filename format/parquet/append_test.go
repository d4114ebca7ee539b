package parquet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/dtype"
)

// TestAppend holds that rows are added to a folder just when readers will take the files together, and that nothing is
// written otherwise.
func TestAppend(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sales")
	ms := arrow.FixedWidthTypes.Timestamp_ms
	put(t, dir+"/year=2023/month=1/1.parquet", small(t, "a", i32, `[1]`, "b", str, `["x"]`, "l", arrow.ListOf(ms), `[[0]]`))
	put(t, dir+"/year=2024/month=2/2.parquet", small(t, "a", i64, `[1]`, "c", f64, `[0.5]`))
	put(t, dir+"/_old/more.parquet", small(t, "a", str, `["hidden"]`))
	for name, text := range map[string]string{"/notes.txt": "of nobody's table", "/cut.parquet": ""} {
		if err := os.WriteFile(dir+name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(dir+"/cut.parquet", dir+"/year=2024/month=2/cut.parquet"); err != nil {
		t.Fatal(err)
	}
	before := below(t, dir)
	col := func(name string, typ dtype.Type) dtype.Field { return dtype.Field{Name: name, Type: typ} }
	i64, text := dtype.Of(dtype.Int64), dtype.Of(dtype.Utf8)
	year, month := col("year", i64), col("month", text)
	both := []string{"month", "year"}
	for name, c := range map[string]struct {
		s    dtype.Schema
		by   []string
		want string // of the error; none: it is added
	}{
		"same":       {dtype.Schema{col("a", i64), col("b", text), year, month}, both, ""},
		"other":      {dtype.Schema{col("new", i64), year, month}, both, ""},
		"wider":      {dtype.Schema{col("a", dtype.Of(dtype.Int8)), col("c", dtype.Of(dtype.Float32)), year, month}, both, ""},
		"seconds":    {dtype.Schema{col("l", dtype.ListOf(dtype.TimestampOf(dtype.Second, "UTC"))), year, month}, both, ""},
		"fewer keys": {dtype.Schema{col("a", i64), year, month}, both[:1], `option Append: the files of folder ` + dir + ` are by ["month" "year"], option By asks for files by ["month"]`},
		"no keys":    {dtype.Schema{col("a", i64), year, month}, nil, `option By asks for files by no keys`},
		"other keys": {dtype.Schema{col("a", i64), year, month}, []string{"a", "month"}, `option By asks for files by ["a" "month"]`},
		"other type": {dtype.Schema{col("a", i64), col("b", i64), year, month}, both, `option Append: column "b" is utf8 in the files of folder ` + dir + ` and int64 in the rows that are to be added: no type holds both utf8 and int64 without loss`},
		"lossy":      {dtype.Schema{col("c", i64), year, month}, both, `column "c" is float64 in the files of folder ` + dir + ` and int64`},
		"unit":       {dtype.Schema{col("l", dtype.ListOf(i64)), year, month}, both, `column "l"`},
		"twice":      {dtype.Schema{col("a", i64), year, month}, []string{"month", "year", "year"}, `option By: column "year" is there twice`},
		"by none":    {dtype.Schema{col("a", i64), year, month}, []string{"months"}, `option By: no column "months"`},
	} {
		_, err := Folder(t.Context(), dir, c.s, FolderOptions{By: c.by, Append: true})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if got := below(t, dir); got != before {
			t.Errorf("%s: the folder has %s", name, got)
		}
	}
	put(t, dir+"/3.parquet", small(t, "a", f64, `[1]`))
	if _, err := Folder(t.Context(), dir, dtype.Schema{col("a", i64)}, FolderOptions{Append: true}); err == nil || !strings.Contains(err.Error(), "folder "+dir+" cannot be read as one table as it is") {
		t.Errorf("a folder with files of different keys: %v", err)
	}
	for _, sub := range []string{"none", "none/_hidden"} { // a folder without files, and one that nobody has made
		none := t.TempDir()
		if err := os.MkdirAll(filepath.Join(none, sub), 0o777); err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{none, none + "/new"} {
			if _, err := Folder(t.Context(), at, dtype.Schema{col("a", i64)}, FolderOptions{Append: true}); err != nil {
				t.Error(err)
			}
		}
	}
}
