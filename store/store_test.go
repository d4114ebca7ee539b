package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// shaky is a driver over a map whose requests fail: every third at once, every fifth in the middle.
type shaky struct {
	mu    sync.Mutex
	files map[string]string
	calls int
	dead  bool // every request fails
}

var errShaky = errors.New("connection reset")

func (s *shaky) call() error {
	s.calls++
	if s.dead || s.calls%3 == 0 {
		return errShaky
	}
	return nil
}

func (s *shaky) Stat(_ context.Context, path string) (Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(); err != nil {
		return Info{}, err
	}
	b, ok := s.files[path]
	if !ok {
		return Info{}, fs.ErrNotExist
	}
	return Info{Size: int64(len(b)), Version: int64(len(b))}, nil
}

func (s *shaky) List(_ context.Context, prefix string) (out []Info, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(); err != nil {
		return nil, err
	}
	for p, b := range s.files {
		if strings.HasPrefix(p, prefix) {
			out = append(out, Info{p, int64(len(b)), int64(len(b))})
		}
	}
	slices.SortFunc(out, func(a, b Info) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func (s *shaky) Range(_ context.Context, path string, off, n int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(); err != nil {
		return nil, err
	}
	b := s.files[path][off : off+n]
	if s.calls%5 == 0 {
		return io.NopCloser(io.MultiReader(strings.NewReader(b[:n/2]), broken{})), nil
	}
	return io.NopCloser(strings.NewReader(b)), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errShaky }

func (s *shaky) Put(_ context.Context, path string, r io.Reader, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err == nil && int64(len(b)) != size {
		err = Permanent{fmt.Errorf("%d bytes, want %d", len(b), size)}
	}
	s.files[path] = string(b)
	return err
}

func (s *shaky) Remove(_ context.Context, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(); err != nil {
		return err
	}
	delete(s.files, path)
	return nil
}

var shakes = &shaky{files: map[string]string{}}

func init() { Register("shaky", shakes) }

func content() string {
	var b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.String()
}

// TestRemote reads and writes through a driver whose requests fail.
func TestRemote(t *testing.T) {
	ctx, want := context.Background(), content()
	o, err := Create(ctx, "shaky://b/dir/x.csv")
	if err != nil {
		t.Fatal(err)
	}
	half := len(want) / 2
	if _, err := o.WriteAt([]byte(want[half:]), int64(half)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.WriteAt([]byte(want[:half]), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Stat(ctx, "shaky://b/dir/x.csv"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "shaky://b/dir/x.csv") {
		t.Errorf("there before it is complete: %v", err)
	}
	if err := errors.Join(o.Commit(), o.Close(), o.Close()); err != nil {
		t.Fatal(err)
	}
	f, x, err := Open(ctx, "shaky://b/dir/x.csv")
	if err != nil || x.Size != int64(len(want)) {
		t.Fatal(x, err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != want {
		t.Errorf("%d bytes of %d: %v", len(got), len(want), err)
	}
	for _, at := range []int{0, 5, 70_000, 200_000, len(want) - 4, len(want) - near, len(want)} {
		for _, n := range []int{0, 1, 8, 1000, near, 3 * near} {
			b := make([]byte, n)
			k, err := f.ReadAt(b, int64(at))
			if w := want[at:min(len(want), at+n)]; string(b[:k]) != w || (k < n) != (err == io.EOF) {
				t.Errorf("%d bytes at %d: %d, %v", n, at, k, err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	shakes.files["shaky://b/dir/x.csv"] = "other"
	if _, err := x.Open(ctx); err == nil || !strings.Contains(err.Error(), "shaky://b/dir/x.csv changed after the plan was built") {
		t.Error(err)
	}
	shakes.dead = true
	defer func() { shakes.dead = false }()
	before := shakes.calls
	if _, err := Stat(ctx, "shaky://b/dir/x.csv?key=secret"); !errors.Is(err, errShaky) || shakes.calls-before != attempts || strings.Contains(err.Error(), "secret") {
		t.Errorf("%d requests, %v", shakes.calls-before, err)
	}
}

// TestFind expands paths of a folder, here and behind a driver.
func TestFind(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	files := []string{"a.csv", "b.csv", "_old.csv", "k=1/x.csv", "k=2/x.csv", "k=2/.y.csv", "_tmp/z.csv", "odd[1].csv", "p/q/r/deep.tsv", "p/_w/q/deep.tsv"}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(dir+"/"+f), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+f, []byte(f), 0o666); err != nil {
			t.Fatal(err)
		}
		shakes.files["shaky://b/find/"+f] = f
	}
	for _, c := range []struct{ pattern, want string }{ // files, or the error
		{"/a.csv", "a.csv"}, {"/*.csv", "a.csv b.csv odd[1].csv"}, {"/_*.csv", "_old.csv"}, {"/_old.csv", "_old.csv"},
		{"/k=*/x.csv", "k=1/x.csv k=2/x.csv"}, {"", "a.csv b.csv k=1/x.csv k=2/x.csv odd[1].csv p/q/r/deep.tsv"}, {"/odd[1].csv", "odd[1].csv"},
		{"/none", "none"}, {"/n*", "no file matches"}, {"/[", "pattern"}, {"/_tmp", "_tmp/z.csv"},
		{"/**/*.csv", "a.csv b.csv k=1/x.csv k=2/x.csv odd[1].csv"}, {"/**/.*", "k=2/.y.csv"}, {"/**/_*/*", "_tmp/z.csv p/_w/q/deep.tsv"}, {"/k=2/**", "k=2/x.csv"},
		{"/**/k=*/**/x.csv", "k=1/x.csv k=2/x.csv"}, {"/none/**/x.csv", "no file matches"}, {"/**/[", "pattern"},
		{"/**/*.tsv", "p/q/r/deep.tsv"}, {"/p/**/q/**/deep.tsv", "p/q/r/deep.tsv"},
		{"/**/_w/**/*.tsv", "p/_w/q/deep.tsv"}, {"/*/_w/*/*.tsv", "p/_w/q/deep.tsv"}, {"/*/*/q/*.tsv", "no file matches"},
		{"/**/q/*", "p/q/r/deep.tsv"}, {"/**/q", "p/q/r/deep.tsv"}, {"/k=*", "k=1/x.csv k=2/x.csv"}, {"/*/q/*", "p/q/r/deep.tsv"},
		{"/*.csv/**", "no file matches"}, {"/**.csv", `in "**.csv" write *`}, {"/p/q**/x", `in "q**" write *`},
	} {
		for _, root := range []string{dir, "shaky://b/find"} {
			if root != dir && strings.HasPrefix(c.pattern, "/odd") {
				continue // an object store has no way to tell a name from a pattern
			}
			found, err := Find(context.Background(), []string{root + c.pattern})
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s%s: %v", root, c.pattern, err)
				}
				continue
			}
			var got []string
			for _, x := range found {
				got = append(got, strings.TrimPrefix(x.Path, root+"/"))
				if rest := strings.TrimLeft(x.Path[x.Base:], "/"); strings.HasPrefix(c.pattern, "/k=*") && !strings.HasPrefix(rest, "k=") || c.pattern == "" && rest != x.Path[len(root)+1:] {
					t.Errorf("%s: %d bytes were given", x.Path, x.Base)
				}
				if x.Size != int64(len(x.Path)-len(root)-1) {
					t.Errorf("%s has %d bytes", x.Path, x.Size)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s%s: %s, want %s", root, c.pattern, s, c.want)
			}
		}
	}
}

// TestFindRelative holds that what was found begins behind what was given, however that is written, and that links are
// followed where no ring of them can be.
func TestFindRelative(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/data/k=1/m", 0o777); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(os.WriteFile(dir+"/data/k=1/m/x.csv", nil, 0o666), os.Symlink("data", dir+"/link"),
		os.Symlink("../..", dir+"/data/k=1/ring"), os.Symlink("m/x.csv", dir+"/data/k=1/y.csv"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, c := range []struct{ path, want string }{
		{"./data", "data/ k=1/m/x.csv data/ k=1/y.csv"}, {"data/", "data/ k=1/m/x.csv data/ k=1/y.csv"}, {"link", "link/ k=1/m/x.csv link/ k=1/y.csv"},
		{"./data/*/y.csv", "data/ k=1/y.csv"}, {"data//k=*", "data/ k=1/m/x.csv data/ k=1/y.csv"}, {"./**/x.csv", " data/k=1/m/x.csv"},
		{"data/../link/*/*.csv", "link/ k=1/y.csv"}, {"l*/k=1/*.csv", " link/k=1/y.csv"}, {"link/**/x.csv", "link/ k=1/m/x.csv"},
		{"data/k=1/ring/*/k=1/*.csv", "data/k=1/ring/ data/k=1/y.csv data/k=1/ring/ link/k=1/y.csv"},
	} {
		found, err := Find(t.Context(), []string{c.path})
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
		}
		var got []string
		for _, x := range found {
			got = append(got, x.Path[:x.Base]+" "+x.Path[x.Base:])
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.path, s, c.want)
		}
	}
	t.Chdir("data")
	if found, err := Find(t.Context(), []string{"."}); err != nil || len(found) != 2 || found[0].Base != 0 {
		t.Error(found, err)
	}
}

// TestLocal holds what paths of this machine are.
func TestLocal(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	o, err := Create(ctx, dir+"/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(o, bytes.NewReader([]byte("abc"))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(o.Commit(), o.Close()); err != nil {
		t.Fatal(err)
	}
	x, err := Stat(ctx, dir+"/x")
	if err != nil || x.Size != 3 {
		t.Error(x, err)
	}
	x.Version++
	if _, err := x.Open(ctx); err == nil || !strings.Contains(err.Error(), "changed after the plan was built") {
		t.Error(err)
	}
	if _, err := Create(ctx, dir); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Error(err)
	}
	for path, want := range map[string]string{dir: "is a folder", "/dev/null": "is not a regular file", "s9://b/x?sig=y": "s9://b/x: this program has no driver for s9://"} {
		if _, _, err := Open(ctx, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string]string{"S3://b/k": "s3", "/a://b": "", "a/b://c": "", "c:/x": "", "://x": ""} {
		if got := Scheme(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// TestPathsInErrors holds that errors name the path that was given, not a temporary file beside it, and say when it is empty.
func TestPathsInErrors(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "none", "x.csv")
	_, err := Create(ctx, path)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v, want %s", err, path)
	}
	_, create := Create(ctx, "")
	_, stat := Stat(ctx, "")
	for _, err := range []error{create, stat} {
		if err == nil || !strings.Contains(err.Error(), "path") {
			t.Error(err)
		}
	}
}
