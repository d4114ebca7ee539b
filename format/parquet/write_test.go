package parquet_test

import (
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
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched/local"
	"github.com/weft-data/weft/store"
)

func runner(t testing.TB, threads int) graph.Runner {
	r := local.New(local.Options{Threads: threads, Memory: 256 << 20})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// sales are n rows whose keys are awkward.
func sales(n int) *frame.Frame {
	s := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "shop=name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "year", Type: arrow.PrimitiveTypes.Int16, Nullable: true}, {Name: "day", Type: arrow.FixedWidthTypes.Date32}, {Name: "v", Type: arrow.PrimitiveTypes.Float64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	shops := []string{"plain", "a/b=c %41", "ä.ö", "", "__HIVE_DEFAULT_PARTITION__", "..", "007"}
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		if i%9 == 8 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(shops[i%len(shops)])
		}
		if i%5 == 4 {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.Int16Builder).Append(int16(2020 + i%3))
		}
		b.Field(3).(*array.Date32Builder).Append(arrow.Date32(19000 + i%2))
		b.Field(4).(*array.Float64Builder).Append(float64(i) / 4)
	}
	return frame.FromRecords(b.NewRecord())
}

func lines(t testing.TB, f *frame.Frame) []string {
	t.Helper()
	tab, err := f.Sort("id").Collect(context.Background(), runner(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range int(tab.NumRows()) {
		out = append(out, fmt.Sprint(tab.Row(i)))
	}
	return out
}

// files lists what is below a folder.
func files(t testing.TB, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, strings.TrimPrefix(p, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFolderRoundTrip writes folders by keys and reads the same rows back.
func TestFolderRoundTrip(t *testing.T) {
	for _, by := range [][]string{nil, {"day"}, {"shop=name"}, {"year", "shop=name"}} {
		for threads := 1; threads <= 2; threads++ {
			dir := filepath.Join(t.TempDir(), "out")
			src := sales(5000)
			n, err := src.WriteParquetFolder(context.Background(), runner(t, threads), dir, frame.ParquetFolderOptions{By: by})
			if err != nil || n != 5000 {
				t.Fatalf("%v: %d rows, %v", by, n, err)
			}
			cols := []any{"id", "v", "day", "year", "shop=name"}
			want := lines(t, src.Select(cols...))
			if got := lines(t, frame.ReadParquet(dir).Select(cols...)); !slices.Equal(got, want) {
				t.Fatalf("%v, %d threads: differs, first %v, want %v", by, threads, got[:3], want[:3])
			}
			for _, f := range files(t, dir) {
				if b := filepath.Base(f); !strings.HasPrefix(b, "part-") || !strings.HasSuffix(b, ".parquet") {
					t.Errorf("%s is left", f)
				}
			}
		}
	}
}

// TestAppend adds to a folder, and never without being asked.
func TestAppend(t *testing.T) {
	dir := t.TempDir()
	o := frame.ParquetFolderOptions{By: []string{"day"}}
	src := sales(100)
	r := runner(t, 1)
	for _, o.Append = range []bool{false, true, true} {
		if _, err := src.WriteParquetFolder(context.Background(), r, dir, o); err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(t, frame.ReadParquet(dir).Filter(expr.Col("id").Eq(7))); len(got) != 3 {
		t.Errorf("%d rows of one written three times", len(got))
	}
	if got := files(t, dir); len(got) != 6 {
		t.Errorf("%v", got)
	}
	o.Append = false
	if _, err := src.WriteParquetFolder(context.Background(), r, dir, o); err == nil || !strings.Contains(err.Error(), "option Append") || !strings.Contains(err.Error(), "write_test.go") {
		t.Errorf("%v", err)
	}
}

// TestOnlyKeys holds that files without columns are refused.
func TestOnlyKeys(t *testing.T) {
	_, err := sales(3).Select("id", "day").WriteParquetFolder(context.Background(), runner(t, 1), t.TempDir(), frame.ParquetFolderOptions{By: []string{"day", "id"}})
	if err == nil || !strings.Contains(err.Error(), "no column is left") {
		t.Errorf("%v", err)
	}
}

// TestFolderErrors holds that mistakes say what is wrong and leave nothing behind.
func TestFolderErrors(t *testing.T) {
	r := runner(t, 1)
	for want, o := range map[string]frame.ParquetFolderOptions{
		`no column "nope"`: {By: []string{"nope"}}, `column "v" is float64`: {By: []string{"v"}}, `codec "lzma"`: {WriteOptions: frame.ParquetOptions{Codec: "lzma"}},
		"more than 1024 different keys": {By: []string{"id"}},
	} {
		dir := filepath.Join(t.TempDir(), "x")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := sales(3000).WriteParquetFolder(context.Background(), r, dir, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if left := files(t, dir); len(left) != 0 {
			t.Errorf("%s: %v is left", want, left[0])
		}
	}
}

// TestFolderErrorPath holds that an error of a folder names it, not the place where its files are until it is complete.
func TestFolderErrorPath(t *testing.T) {
	for _, there := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "out")
		if there {
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		long := sales(3).WithColumns(expr.Lit(strings.Repeat("x", 300)).As("k"))
		_, err := long.WriteParquetFolder(context.Background(), runner(t, 1), dir, frame.ParquetFolderOptions{By: []string{"k"}})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "k=xxx")) || strings.Contains(err.Error(), "stage") {
			t.Errorf("%v", err)
		}
		if left := files(t, filepath.Dir(dir)); len(left) != 0 {
			t.Errorf("%v is left", left)
		}
	}
}

// A lateStore is told that nobody wants what it puts, and has it a moment later.
type lateStore struct {
	store.Driver
	begun chan struct{}
	mu    sync.Mutex
	has   []store.Info
}

var late = &lateStore{begun: make(chan struct{}, 1)}

func init() { store.Register("late", late) }

func (s *lateStore) Stat(context.Context, string) (store.Info, error) {
	return store.Info{}, fs.ErrNotExist
}

func (s *lateStore) Put(ctx context.Context, path string, _ io.Reader, size int64) error {
	s.begun <- struct{}{}
	<-ctx.Done()
	time.Sleep(20 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has = append(s.has, store.Info{Path: path, Size: size})
	return nil
}

func (s *lateStore) List(context.Context, string) ([]store.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.has), nil
}

func (s *lateStore) Remove(_ context.Context, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has = slices.DeleteFunc(s.has, func(x store.Info) bool { return x.Path == path })
	return nil
}

// TestAbandonComesLast: an object that is being written when the query ends is removed with those that were there.
func TestAbandonComesLast(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-late.begun; cancel() }()
	if _, err := sales(100).WriteParquetFolder(ctx, runner(t, 1), "late://table", frame.ParquetFolderOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	time.Sleep(50 * time.Millisecond) // longer than the store is late
	if left, _ := late.List(ctx, ""); len(left) != 0 {
		t.Errorf("%s is left", left[0].Path)
	}
}
