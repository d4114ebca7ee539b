package parquet_test

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/file"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// TestManyFilesInLittleMemory: the files of many keys are written though what they gather is more than the budget, each with
// its rows in their order, and not in crumbs.
func TestManyFilesInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 40 MB a time")
	}
	const n = 400_000
	reads := local.New(local.Options{Threads: 2, SpillDir: t.TempDir()})
	defer reads.Close()
	for _, keys := range []int{40, 1000} {
		id, key, name := make([]int64, n), make([]int64, n), make([]string, n)
		for i := range id {
			id[i], key[i], name[i] = int64(i), int64(i%keys), fmt.Sprintf("a text of its own, as long as forty bytes %d", i)
		}
		f := frame.FromColumns(frame.Values("id", id), frame.Values("key", key), frame.Values("name", name))
		ctx, dir := context.Background(), t.TempDir()+"/out"
		r := local.New(local.Options{Threads: 2, Pool: 24 << 20, SpillDir: t.TempDir()})
		defer r.Close()
		if rows, err := f.WriteParquetFolder(ctx, r, dir, frame.ParquetFolderOptions{By: []string{"key"}}); err != nil || rows != n {
			t.Fatalf("%d keys: %d rows: %v", keys, rows, err)
		}
		if r.Node().Spilled() == 0 {
			t.Errorf("%d keys: nothing waited", keys)
		}
		back := frame.ReadParquet(dir)
		sums := back.GroupBy("key").Agg(frame.Count().As("rows"), frame.Sum("id").As("ids"), frame.CountDistinct("name").As("names")).Sort("key")
		got, err := frame.Decode[keyed](ctx, reads, sums)
		if err != nil || len(got) != keys {
			t.Fatalf("%d keys: %v", len(got), err)
		}
		for k, x := range got {
			m := int64(n / keys)
			if want := (keyed{int64(k), m, m*int64(k) + int64(keys)*m*(m-1)/2, m}); x != want {
				t.Errorf("%+v, want %+v", x, want)
			}
		}
		falls, err := back.WithColumns(frame.Col("id").Sub(frame.Col("key")).IntDiv(keys).As("at")).Diff(1, "at").Filter(frame.Col("at").Le(0)).Count(ctx, reads)
		if err != nil || falls != int64(keys-1) { // from a file to the next
			t.Errorf("%d keys: the rows of %d fall behind those before them, %v", keys, falls, err)
		}
		crumbs(t, dir, keys)
	}
}

// keyed is what TestManyFilesInLittleMemory finds of a key.
type keyed struct {
	Key   int64 `weft:"key"`
	Rows  int64 `weft:"rows"`
	IDs   int64 `weft:"ids"`
	Names int64 `weft:"names"`
}

// crumbs holds that the files of a folder, written in little memory, have few row groups.
func crumbs(t *testing.T, dir string, keys int) {
	t.Helper()
	groups, files := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := file.OpenParquetFile(path, false)
		if err != nil {
			return err
		}
		defer f.Close()
		groups, files = groups+f.NumRowGroups(), files+1
		return nil
	})
	if err != nil || files != keys || groups > 4*files {
		t.Errorf("%d row groups of %d files, %d keys: %v", groups, files, keys, err)
	}
}
