package whole

import (
	"errors"
	"io"
	"os"
	"testing"
)

// TestWhole holds that a name stands for a complete file or for what was there before.
func TestWhole(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/x"
	write := func(text string, end func(*File) error) error {
		f, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		err = end(f)
		if e := f.Close(); e != nil {
			t.Error(e)
		}
		return err
	}
	check := func(want string) {
		t.Helper()
		b, _ := os.ReadFile(path)
		all, err := os.ReadDir(dir)
		if string(b) != want || err != nil || len(all) > 1 {
			t.Errorf("%q, want %q; %d files, %v", b, want, len(all), err)
		}
	}
	if err := write("lost", func(*File) error { return nil }); err != nil {
		t.Error(err)
	}
	check("")
	if err := write("one", (*File).CommitNew); err != nil {
		t.Error(err)
	}
	check("one")
	if err := write("two", (*File).CommitNew); !os.IsExist(err) && err == nil {
		t.Error("a file was replaced")
	}
	check("one")
	if err := write("three", (*File).Commit); err != nil {
		t.Error(err)
	}
	check("three")
	four := func(w io.Writer) error { _, err := io.WriteString(w, "four"); return err }
	if err := Write(path, four); err != nil {
		t.Error(err)
	}
	check("four")
	bad := errors.New("bad")
	if err := Write(path, func(w io.Writer) error { return errors.Join(four(w), bad) }); !errors.Is(err, bad) {
		t.Error(err)
	}
	check("four")
	if err := Write(dir+"/none/x", four); err == nil {
		t.Error("a written file in a folder that is not there")
	}
	if _, err := Create(dir + "/none/x"); err == nil {
		t.Error("a file in a folder that is not there")
	}
}
