package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// real lists files of other programs, which lie beside the repository.
func real(t *testing.T, pattern string) []string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the files of other programs are not here: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing matches %s in %s: %v", pattern, dir, err)
	}
	return files
}

// TestRealText takes every CSV and TSV file through the commands, and to Parquet
// and back.
func TestRealText(t *testing.T) {
	r := local.New(local.Options{Memory: 1 << 30, SpillDir: t.TempDir()})
	defer r.Close()
	for _, path := range effort.Some(4, append(real(t, "vega/*.csv"), real(t, "vega/*.tsv")...)) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := read(t, r, path)
			for _, args := range [][]string{{"schema", path}, {"head", path}, {"describe", path}, {"demo", "--data", path}} {
				if out, errs, code := weft(args...); code != 0 || out == "" {
					t.Errorf("weft %s: exit %d: %s", args, code, errs)
				}
			}
			rows := int64(strings.Count(strings.TrimRight(string(text), "\r\n"), "\n")) // the header has a newline, the last row none
			if out, _, _ := weft("count", path); out != fmt.Sprintln(rows) || want.NumRows() != rows {
				t.Errorf("count %s, %d rows, %d lines below the header", out, want.NumRows(), rows)
			}
			dir := t.TempDir()
			pq, back := filepath.Join(dir, "t.parquet"), filepath.Join(dir, "back.csv.gz")
			for _, args := range [][]string{{"convert", path, pq}, {"convert", pq, back}} {
				if _, errs, code := weft(args...); code != 0 {
					t.Fatalf("weft %s: exit %d: %s", args, code, errs)
				}
			}
			equal(t, read(t, r, pq), want)
			equal(t, read(t, r, back), want)
		})
	}
}

func read(t *testing.T, r *local.Runner, path string) *frame.Table {
	t.Helper()
	f, err := (&app{}).open(t.Context(), []string{path})
	if err != nil {
		t.Fatal(err)
	}
	tab, err := f.Collect(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// equal compares tables with their types.
func equal(t *testing.T, got, want *frame.Table) {
	t.Helper()
	if got.NumRows() != want.NumRows() || len(got.Schema) != len(want.Schema) {
		t.Fatalf("%d rows of %v, want %d of %v", got.NumRows(), got.Schema, want.NumRows(), want.Schema)
	}
	for c, f := range want.Schema {
		if g := got.Schema[c]; g.Name != f.Name || g.Type != f.Type {
			t.Errorf("column %v, want %v", g, f)
		}
	}
	g, w := jsonRows(got), jsonRows(want)
	for i := range w {
		if string(g[i]) != string(w[i]) {
			t.Fatalf("row %d is %s, want %s", i, g[i], w[i])
		}
	}
}

// TestRealParquet reads every Parquet file of other writers: a table or an error
// that names the file, never a panic. One holds two texts of a gibibyte, which in this
// budget is such an error.
func TestRealParquet(t *testing.T) {
	good := 0
	for _, path := range append(real(t, "parquet-testing/data/*.parquet"), real(t, "parquet-testing/bad_data/*.parquet")...) {
		for _, args := range [][]string{{"head", path}, {"describe", path}} {
			out, errs, code := weft(append(args, "--memory", "1GiB")...)
			switch {
			case code == 0 && out != "":
				good++
			case code != 1 || !strings.HasPrefix(errs, "weft: ") || !strings.Contains(errs, filepath.Base(path)) || strings.Contains(errs, "panic"):
				t.Errorf("weft %s: exit %d: %s", args, code, errs)
			}
		}
	}
	if good < 40 {
		t.Errorf("only %d commands gave a table", good)
	}
}
