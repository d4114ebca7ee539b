package frame_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
)

// keyed are the readers of files whose paths may give columns.
var keyed = map[string]func(paths ...string) *frame.Frame{
	"csv": frame.ReadCSV, "ndjson": frame.ReadJSON, "parquet": frame.ReadParquet, "arrow": frame.ReadArrow,
}

// plantKeys writes the table of a CSV text to a file, whose ending says the format.
func plantKeys(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, r, ctx := frame.ReadCSV(in), runner(t), context.Background()
	var err error
	switch filepath.Ext(path) {
	case ".csv":
		_, err = f.WriteCSV(ctx, r, path)
	case ".ndjson":
		_, err = f.WriteJSON(ctx, r, path)
	case ".parquet":
		_, err = f.WriteParquet(ctx, r, path)
	default:
		_, err = f.WriteArrow(ctx, r, path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPathsGiveColumns reads folders key=value in every format: the columns that paths give stand behind those of the files
// and take the place of one of the same name, whatever its type and place there.
func TestPathsGiveColumns(t *testing.T) {
	r := runner(t)
	for ending, open := range keyed {
		dir := t.TempDir()
		at := func(rest string) string { return filepath.Join(dir, rest+"."+ending) }
		plantKeys(t, at("year=2023/name=a%20b/1"), "x,name,other\n1,9.5,p\n2,9.5,q\n")
		plantKeys(t, at("year=2023/name=c/1"), "x,name,other\n3,9.5,p\n")
		plantKeys(t, at("year=2024/name=__HIVE_DEFAULT_PARTITION__/2"), "x,name,other\n4,9.5,r\n")
		check := func(what string, f *frame.Frame, want ...string) {
			t.Helper()
			if got := lines(collect(t, f, r)); !slices.Equal(got, want) {
				t.Errorf("%s: %s: got %q, want %q", ending, what, got, want)
			}
		}
		all := at("*/*/*")
		check("two keys", open(all), "1 p 2023 \"a b\"", "2 q 2023 \"a b\"", "3 p 2023 c", "4 r 2024 null")
		if s := collect(t, open(all), r).Schema; s[2].Name != "year" || s[2].Type != dtype.Of(dtype.Int64) || s[3].Name != "name" || s[3].Type != dtype.Of(dtype.Utf8) {
			t.Errorf("%s: the schema is %s", ending, s)
		}
		every := []string{"1 p 2023 \"a b\"", "2 q 2023 \"a b\"", "3 p 2023 c", "4 r 2024 null"}
		plantKeys(t, at("_temporary/year=1/name=d/1"), "x,name,other\n7,9.5,p\n")
		for _, name := range []string{"_SUCCESS", ".crc", "year=2024/_committed"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		check("a folder", open(dir), every...)
		check("a folder with a separator behind it", open(dir+string(filepath.Separator)), every...)
		check("folders of a pattern", open(filepath.Join(dir, "year=*")), every...)
		check("all below", open(filepath.Join(dir, "**")), every...)
		check("all below with the ending", open(at("**/*")), every...)
		check("a folder of a key", open(filepath.Join(dir, "year=2023")), "1 p \"a b\"", "2 q \"a b\"", "3 p c")
		check("one file", open(at("year=2024/*/*")), "4 r null")
		check("a key before the wildcard", open(at("year=2023/*/*")), "1 p \"a b\"", "2 q \"a b\"", "3 p c")
		check("no wildcard", open(at("year=2023/name=c/1")), "3 9.5 p")
		check("keys alone", open(all).Select(frame.Col("name"), frame.Col("year")), "\"a b\" 2023", "\"a b\" 2023", "c 2023", "null 2024")
		check("no keys", open(all).Select(frame.Col("other")), "p", "q", "p", "r")
		check("a test of a key", open(all).Filter(frame.Col("year").Eq(2023)).Filter(frame.Col("x").Gt(1)), "2 q 2023 \"a b\"", "3 p 2023 c")
		check("a test of a text", open(all).Filter(frame.Col("name").Eq("a b")).Filter(frame.Col("x").Gt(1)), "2 q 2023 \"a b\"")
		check("a test of a key that is not shown", open(all).Filter(frame.Col("name").IsNull()).Select(frame.Col("x")), "4")
		plantKeys(t, at("month=1/name=c/1"), "x,name,other\n3,9.5,p\n")
		if err := open(all).Err(); err == nil || !strings.Contains(err.Error(), "does not give column") {
			t.Errorf("%s: other keys: %v", ending, err)
		}
	}
}

// TestFoldersOfAnyEnding holds that the files of a folder count whatever their endings are, and that one of another format is an
// error with its name where the format can tell.
func TestFoldersOfAnyEnding(t *testing.T) {
	r := runner(t)
	for ending, open := range keyed {
		dir := t.TempDir()
		plantKeys(t, filepath.Join(dir, "a."+ending), "x\n1\n")
		plantKeys(t, filepath.Join(dir, "b."+ending), "x\n2\n")
		if err := os.Rename(filepath.Join(dir, "b."+ending), filepath.Join(dir, "part-0")); err != nil {
			t.Fatal(err)
		}
		if got := lines(collect(t, open(dir), r)); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("%s: got %q", ending, got)
		}
		if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("\"what\nthis is"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(dir).Collect(context.Background(), r); err == nil || !strings.Contains(err.Error(), "notes.txt") {
			t.Errorf("%s: %v", ending, err)
		}
	}
}

// TestNoKeys leaves paths alone where an option says so.
func TestNoKeys(t *testing.T) {
	r := runner(t)
	for ending, open := range map[string]func(path string) *frame.Frame{
		"csv":     func(p string) *frame.Frame { return frame.ReadCSVWith(frame.CSVOptions{NoKeys: true}, p) },
		"ndjson":  func(p string) *frame.Frame { return frame.ReadJSONWith(frame.JSONOptions{NoKeys: true}, p) },
		"parquet": func(p string) *frame.Frame { return frame.ReadParquetWith(frame.ParquetReadOptions{NoKeys: true}, p) },
		"arrow":   func(p string) *frame.Frame { return frame.ReadArrowWith(frame.ArrowReadOptions{NoKeys: true}, p) },
	} {
		dir := t.TempDir()
		plantKeys(t, filepath.Join(dir, "name=c", "1."+ending), "x,name\n3,9.5\n")
		if got := lines(collect(t, open(filepath.Join(dir, "*", "*."+ending)), r)); !slices.Equal(got, []string{"3 9.5"}) {
			t.Errorf("%s: got %q", ending, got)
		}
	}
	dir, types := t.TempDir(), map[string]dtype.Type{"name": dtype.Of(dtype.Utf8)}
	for ending, open := range map[string]func(path string) *frame.Frame{
		"csv":    func(p string) *frame.Frame { return frame.ReadCSVWith(frame.CSVOptions{Types: types}, p) },
		"ndjson": func(p string) *frame.Frame { return frame.ReadJSONWith(frame.JSONOptions{Types: types}, p) },
	} {
		plantKeys(t, filepath.Join(dir, "name=c", "1."+ending), "x,name\n3,9.5\n")
		if err := open(filepath.Join(dir, "*", "*."+ending)).Err(); err == nil || !strings.Contains(err.Error(), `column "name" is given by paths`) {
			t.Errorf("%s: a type of a key: %v", ending, err)
		}
	}
}
