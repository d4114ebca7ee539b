package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent writes all families elsewhere and compares them with those of package kernel.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	dir := t.TempDir()
	if err := generate(dir); err != nil {
		t.Fatal(err)
	}
	made, err := filepath.Glob(filepath.Join(dir, "zz_*"))
	if err != nil || len(made) != 2*len(families) {
		t.Fatalf("%d files for %d families, error %v", len(made), len(families), err)
	}
	for _, path := range made {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if got, err := os.ReadFile(filepath.Join("..", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes (%v): run go generate in package kernel", name, err)
		}
	}
	kept, err := filepath.Glob(filepath.Join("..", "zz_*"))
	if err != nil || len(kept) != len(made) {
		t.Errorf("package kernel has %d generated files, the generator writes %d", len(kept), len(made))
	}
}
