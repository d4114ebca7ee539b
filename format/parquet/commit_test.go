package parquet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
)

// taken is an op.Out that keeps what it was given.
type taken struct{ rows int64 }

func (o *taken) Put(_ int, b *chunk.Batch) error {
	o.rows = chunk.Values[int64](&b.Cols[0])[0]
	return nil
}

func (*taken) PutValue(chunk.Value) error { return errors.New("not a value") }

// staged makes a folder that is about to appear, with a file of an attempt that failed.
func staged(t *testing.T, dir string, o FolderOptions) *commit {
	t.Helper()
	p, err := Folder(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"k=1/part-0.parquet", "k=2/part-0.parquet", "k=2/.part-1.parquet.7-0.tmp", "k=3/part-9.parquet"} {
		path := filepath.Join(p.Stage, f)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(f), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return &commit{p: p, files: map[string]int64{"k=1/part-0.parquet": 3, "k=2/part-0.parquet": 4}}
}

func below(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			path, err = filepath.Rel(dir, path)
			out = append(out, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// TestCommit holds that the files of a folder appear together, those that were committed and no others.
func TestCommit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sales")
	c := staged(t, dir, FolderOptions{})
	if got := below(t, dir); got != "" {
		t.Errorf("before the commit there are %s", got)
	}
	var out taken
	if err := c.Finish(&out, 0); err != nil || out.rows != 7 {
		t.Fatal(out, err)
	}
	first := "k=1/part-0.parquet k=2/part-0.parquet"
	if got := below(t, dir); got != first {
		t.Errorf("%s, want %s", got, first)
	}
	c = staged(t, dir, FolderOptions{Append: true})
	if err := c.Finish(&out, 0); err != nil {
		t.Fatal(err)
	}
	both := first + " run-0/k=1/part-0.parquet run-0/k=2/part-0.parquet"
	if got := below(t, dir); got != both {
		t.Errorf("%s, want %s", got, both)
	}
	c = staged(t, dir, FolderOptions{Append: true})
	if err := os.Remove(filepath.Join(c.p.Stage, "k=1/part-0.parquet")); err != nil {
		t.Fatal(err)
	}
	if err := c.Finish(&out, 0); err == nil || !strings.Contains(err.Error(), "path that all workers share") {
		t.Errorf("a file that is lost: %v", err)
	}
	if err := c.p.Abandon(); err != nil {
		t.Fatal(err)
	}
	if got := below(t, dir); got != both {
		t.Errorf("%s, want %s", got, both)
	}
	late := filepath.Join(t.TempDir(), "late")
	c = staged(t, late, FolderOptions{})
	if err := errors.Join(os.Mkdir(late, 0o777), os.WriteFile(late+"/other", nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := c.Finish(&out, 0); err == nil || !strings.Contains(err.Error(), late) {
		t.Errorf("a folder that appeared meanwhile: %v", err)
	}
	if got := below(t, late); got != "other" {
		t.Errorf("%s", got)
	}
	if _, err := Folder("s3://bucket/x", FolderOptions{}); err == nil || !strings.Contains(err.Error(), "s3://bucket/x") {
		t.Error(err)
	}
}
