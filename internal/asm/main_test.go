package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent writes all files elsewhere and compares them with those of the packages: none is missing, none
// is left over.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	dir, packages := t.TempDir(), []string{"kernel", "vec", "gemm", "fft"}
	for _, p := range packages {
		if err := os.MkdirAll(filepath.Join(dir, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := generate(dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		made, err := filepath.Glob(filepath.Join(dir, p, "zz_*"))
		if err != nil || len(made) == 0 {
			t.Fatalf("package %s: %d files, error %v", p, len(made), err)
		}
		for _, path := range made {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join("..", p, filepath.Base(path))
			if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what the generator writes (%v): run go generate in package vec", name, err)
			}
		}
		kept, err := filepath.Glob(filepath.Join("..", p, "zz_*"))
		if err != nil || len(kept) != len(made) {
			t.Errorf("package %s has %d generated files, the generator writes %d", p, len(kept), len(made))
		}
	}
}
