package parquet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
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
	p, err := Folder(t.Context(), dir, dtype.Schema{{Name: "x", Type: dtype.Of(dtype.Int64)}, {Name: "k", Type: dtype.Of(dtype.Int64)}}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"k=1/part-0.parquet", "k=2/part-0.parquet", "k=2/.part-1.parquet.7-0.tmp", "k=3/part-9.parquet"} {
		path := filepath.Join(p.Stage, f)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(f), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return &commit{p: p, ctx: t.Context(), files: map[string]int64{"k=1/part-0.parquet": 3, "k=2/part-0.parquet": 4}}
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
	c = staged(t, dir, FolderOptions{By: []string{"k"}, Append: true})
	if err := c.Finish(&out, 0); err != nil {
		t.Fatal(err)
	}
	both := first + " run-0/k=1/part-0.parquet run-0/k=2/part-0.parquet"
	if got := below(t, dir); got != both {
		t.Errorf("%s, want %s", got, both)
	}
	c = staged(t, dir, FolderOptions{By: []string{"k"}, Append: true})
	if err := os.Remove(filepath.Join(c.p.Stage, "k=1/part-0.parquet")); err != nil {
		t.Fatal(err)
	}
	lost := filepath.Join(dir, "k=1", "part-0.parquet") + ": no such file"
	if err := c.Finish(&out, 0); err == nil || !strings.Contains(err.Error(), "path that all workers share") || !strings.Contains(err.Error(), lost) {
		t.Errorf("a file that is lost: %v", err)
	}
	if err := c.p.Abandon(t.Context()); err != nil {
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
	if err := c.Finish(&out, 0); err == nil || err.Error() != "writing "+late+": files have appeared in it while it was written: the option Append adds to them" {
		t.Errorf("a folder that appeared meanwhile: %v", err)
	}
	if got := below(t, late); got != "other" {
		t.Errorf("%s", got)
	}
	if _, err := Folder(t.Context(), "s3://bucket/x", nil, FolderOptions{}); err == nil || !strings.Contains(err.Error(), "s3://bucket/x") {
		t.Error(err)
	}
}

// TestCommitsMeet holds what programs do to a folder that look at it at the same time and then give it their files: those that
// append come all, each whole and under a number of its own, unless their rows do not fit; of those that do not append one comes.
func TestCommitsMeet(t *testing.T) {
	const number, text = dtype.Int64, dtype.Utf8
	var out taken
	file := func(dir string, x dtype.Kind, o FolderOptions) *commit {
		t.Helper()
		p, err := Folder(t.Context(), dir, dtype.Schema{{Name: "x", Type: dtype.Of(x)}, {Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "l", Type: dtype.Of(dtype.Int64)}}, o)
		if err != nil {
			t.Fatal(err)
		}
		name := o.By[0] + "=1/" + p.Part + "0.parquet"
		if x == number {
			put(t, filepath.Join(p.Stage, name), small(t, "x", i64, `[1]`))
		} else {
			put(t, filepath.Join(p.Stage, name), small(t, "x", str, `["1"]`))
		}
		return &commit{p: p, ctx: t.Context(), files: map[string]int64{name: 1}}
	}
	by := func(keys ...string) FolderOptions { return FolderOptions{By: keys, Append: true} }
	for name, c := range map[string]struct {
		there  bool // the folder
		a, b   dtype.Kind
		oa, ob FolderOptions
		want   string // the error of the second one
		files  string
	}{
		"alike":          {true, number, number, by("k"), by("k"), "", "run-0/k=1/part-0.parquet run-1/k=1/part-0.parquet"},
		"alike, none":    {false, number, number, by("k"), by("k"), "", "k=1/part-0.parquet run-0/k=1/part-0.parquet"},
		"other keys":     {true, number, number, by("k"), by("l"), "others have added to it meanwhile: option Append: the files of folder", "run-0/k=1/part-0.parquet"},
		"keys, none":     {false, number, number, by("k"), by("l"), "others have added to it meanwhile: option Append: the files of folder", "k=1/part-0.parquet"},
		"other types":    {true, number, text, by("k"), by("k"), `others have added to it meanwhile: option Append: column "x" is int64`, "run-0/k=1/part-0.parquet"},
		"no appending":   {true, number, number, FolderOptions{By: []string{"k"}}, FolderOptions{By: []string{"k"}}, "files have appeared in it while it was written", "run-0/k=1/part-0.parquet"},
		"only the other": {true, number, number, by("k"), FolderOptions{By: []string{"k"}}, "files have appeared in it while it was written", "run-0/k=1/part-0.parquet"},
	} {
		dir := filepath.Join(t.TempDir(), "sales")
		if c.there {
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		first, second := file(dir, c.a, c.oa), file(dir, c.b, c.ob)
		if err := first.Finish(&out, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		err := second.Finish(&out, 0)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if err != nil {
			if err := second.p.Abandon(t.Context()); err != nil {
				t.Error(name, err)
			}
		}
		if got := below(t, dir); got != c.files {
			t.Errorf("%s: %s, want %s", name, got, c.files)
		}
	}
}
