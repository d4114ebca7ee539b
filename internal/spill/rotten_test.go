package spill_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/internal/spill"
)

// rot writes a file in d, flips a bit of it and reads it, which must fail. It returns the error and what the file has.
func rot(t *testing.T, d *spill.Dir, n int) (f *spill.File, bad *spill.CorruptError, has []byte) {
	t.Helper()
	f, err := d.Create(schema, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(0, optest.Rows(schema, rows(n), 0).Batches[0]); err != nil {
		t.Fatal(err)
	}
	path := newest(t, d)
	if has, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	has[len(has)/2] ^= 4
	if err := os.WriteFile(path, has, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := optest.Read(nil, f); !errors.As(err, &bad) {
		t.Fatalf("a rotten file was read: %v", err)
	}
	return f, bad, has
}

// newest is the path of the file that was made last.
func newest(t *testing.T, d *spill.Dir) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(d.Path(), "*.spill"))
	if len(files) == 0 {
		t.Fatal("there is no file")
	}
	return files[len(files)-1]
}

// keptIn are the files that are kept in a folder.
func keptIn(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "weft-rotten-*"))
	return files
}

// A file that is rotten is kept where its error says, as it was, when it is released or its folder is closed; sound ones are not.
func TestRottenFilesAreKept(t *testing.T) {
	for _, released := range []bool{true, false} {
		place := t.TempDir()
		d, told := spill.NewDir(place), 0
		d.Tell(func(error) { told++ })
		sound, err := d.Create(schema, 1)
		if err != nil {
			t.Fatal(err)
		}
		f, bad, has := rot(t, d, 100)
		if _, err := optest.Read(nil, f); err == nil || err.Error() != bad.Error() { // it is kept once, however often it is read
			t.Error(err)
		}
		if told != 1 {
			t.Errorf("it was told %d times", told)
		}
		if released {
			f.Release()
		}
		sound.Release()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		files := keptIn(place)
		if len(files) != 1 || !strings.Contains(bad.Error(), "(it is kept as "+files[0]+")") {
			t.Fatalf("%v: kept are %v", bad, files)
		}
		if got, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(got, has) {
			t.Errorf("%d bytes were kept, want %d as they were: %v", len(got), len(has), err)
		}
		if all, _ := os.ReadDir(place); len(all) != 1 {
			t.Errorf("%d entries are left", len(all))
		}
	}
}

// No more than so many files are kept in one place, whichever process keeps them; those that came first stay.
func TestKeptFilesAreBounded(t *testing.T) {
	place, i := t.TempDir(), 0
	for range 3 {
		d := spill.NewDir(place)
		var files []*spill.File
		for range 7 {
			f, bad, _ := rot(t, d, 10)
			if n := len(keptIn(place)); n > 16 || n == 16 && i == 20 && !strings.Contains(bad.Error(), "it is not kept: 16 such files") {
				t.Errorf("%d files are kept with file %d: %v", n, i, bad)
			}
			i++
			files = append(files, f)
		}
		for _, f := range files {
			f.Release()
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(keptIn(place)); n != 16 {
		t.Errorf("%d files are kept, want 16", n)
	}
}

// A large file beside those that are kept is not; what one process keeps is no more than a part of its quota, and takes its share of it.
func TestKeptBytesAreBounded(t *testing.T) {
	place := t.TempDir()
	large, err := os.Create(filepath.Join(place, "weft-rotten-large.spill"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(large.Truncate(1<<30-100), large.Close()); err != nil {
		t.Fatal(err)
	}
	d := spill.NewDir(place)
	defer d.Close()
	f, bad, _ := rot(t, d, 100)
	f.Release()
	if n := len(keptIn(place)); n != 1 || !strings.Contains(bad.Error(), "it is not kept: 1 such files with 1073741724 bytes") || d.Held() != 0 {
		t.Errorf("%d files are kept, %d bytes held: %v", n, d.Held(), bad)
	}

	place = t.TempDir()
	d = spill.NewDir(place)
	defer d.Close()
	d.Limit(200 << 10)
	for i, want := range []int{1, 1} { // an eighth is 25 KiB; one has 18
		f, bad, has := rot(t, d, 300)
		f.Release()
		if n := len(keptIn(place)); n != want || d.Held() != int64(len(has)) || i > 0 != strings.Contains(bad.Error(), "no room") {
			t.Errorf("%d files are kept, %d bytes held of %d: %v", n, d.Held(), len(has), bad)
		}
	}
}

// What was kept in a folder that is about to be removed goes to where it stays, as far as there is room.
func TestKeptFilesAreMoved(t *testing.T) {
	place := t.TempDir()
	for name, n := range map[string]int{"a": 10, "b": 10} {
		dir := filepath.Join(place, name)
		for i := range n {
			path := filepath.Join(dir, "weft-rotten-"+name+string(rune('0'+i))+".spill")
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, []byte(name), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "running"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		spill.KeepRotten(dir, place)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(keptIn(place)); n != 16 {
		t.Errorf("%d files are kept, want 16", n)
	}
	if all, _ := os.ReadDir(place); len(all) != 16 {
		t.Errorf("%d entries are left", len(all))
	}
}
