package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
	"github.com/weft-data/weft/store"
	_ "github.com/weft-data/weft/store/s3"
)

// bucket starts a server with a bucket and returns how URLs end there.
func bucket(t *testing.T) (query string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	b := s3mem.New()
	if err := b.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(gofakes3.New(b).Server())
	t.Cleanup(s.Close)
	return "?region=us-east-1&use_path_style=true&endpoint=" + s.URL
}

// TestObjects writes, lists and reads objects.
func TestObjects(t *testing.T) {
	query, ctx := bucket(t), context.Background()
	want := strings.Repeat("some text that is long enough\n", 10_000)
	for _, key := range []string{"in/a.csv", "in/b c.csv", "other.csv"} {
		o, err := store.Create(ctx, "s3://data/"+key+query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(o, want); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.Commit(), o.Close()); err != nil {
			t.Fatal(err)
		}
	}
	found, err := store.Find(ctx, []string{"s3://data/in/*.csv" + query}, false, "*.csv")
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	for _, x := range found {
		f, err := x.Open(ctx) // what a listing says is what a request says
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(f); err != nil || string(b) != want {
			t.Errorf("%s: %d bytes, %v", x.Path, len(b), err)
		}
		b := make([]byte, 10)
		if _, err := f.ReadAt(b, 100_000); err != nil || string(b) != want[100_000:100_010] {
			t.Errorf("%q, %v", b, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := store.Stat(ctx, "s3://data/none"+query); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "s3://data/none") {
		t.Error(err)
	}
	if _, err := store.Find(ctx, []string{"s3://nobucket/*" + query}, false, "*.csv"); err == nil || !strings.Contains(err.Error(), "s3://nobucket/") {
		t.Error(err)
	}
	if _, err := store.Stat(ctx, "s3://data/x?nonsense=1"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Error(err)
	}
}

// TestFrames writes and reads tables of every format in a bucket.
func TestFrames(t *testing.T) {
	query, ctx := bucket(t), context.Background()
	r := local.New(local.Options{Threads: 2, Memory: 256 << 20})
	defer r.Close()
	var text strings.Builder
	text.WriteString("k,v,s\n")
	for i := range 30_000 {
		fmt.Fprintf(&text, "%d,%d.5,name %d\n", i%7, i, i%100)
	}
	at := func(name string) string { return "s3://data/" + name + query }
	o, err := store.Create(ctx, at("t/x.csv"))
	if err == nil {
		_, err = io.WriteString(o, text.String())
	}
	if err = errors.Join(err, o.Commit(), o.Close()); err != nil {
		t.Fatal(err)
	}
	src := frame.ReadCSV(at("t/*.csv"))
	sum := func(f *frame.Frame) string {
		tab, err := f.Filter(expr.Col("k").Gt(2)).GroupBy("k").Agg(frame.Count().As("n"), frame.Sum("v").As("v"), frame.Max("s").As("s")).Sort("k").Collect(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(tab)
	}
	want := sum(src)
	for name, c := range map[string]struct {
		write func(path string) (int64, error)
		read  func(paths ...string) *frame.Frame
	}{
		"x.parquet":    {func(p string) (int64, error) { return src.WriteParquet(ctx, r, p) }, frame.ReadParquet},
		"x.arrow":      {func(p string) (int64, error) { return src.WriteArrow(ctx, r, p) }, frame.ReadArrow},
		"x.csv.gz":     {func(p string) (int64, error) { return src.WriteCSV(ctx, r, p) }, frame.ReadCSV},
		"x.ndjson.zst": {func(p string) (int64, error) { return src.WriteJSON(ctx, r, p) }, frame.ReadJSON},
		"x.tsv.lz4":    {func(p string) (int64, error) { return src.WriteCSV(ctx, r, p) }, frame.ReadCSV},
	} {
		if n, err := c.write(at("out/" + name)); err != nil || n != 30_000 {
			t.Fatalf("%s: %d rows, %v", name, n, err)
		}
		f := c.read(at("out/" + name))
		if got := sum(f); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		o, err := store.Create(ctx, at("out/"+name))
		if err = errors.Join(err, o.Commit(), o.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Count(ctx, r); err == nil || !strings.Contains(err.Error(), "s3://data/out/"+name+" changed after the plan was built") {
			t.Errorf("%s: an object that changed: %v", name, err)
		}
	}
	if err := frame.ReadParquet(at("none")).Err(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "s3://data/none") || strings.Contains(err.Error(), "endpoint") {
		t.Error(err)
	}
}

// TestCluster reads objects on several workers, each its own blocks, and writes one.
func TestCluster(t *testing.T) {
	query, ctx := bucket(t), context.Background()
	s, err := cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		w, err := cluster.Join(ctx, s.Addr(), cluster.WorkerOptions{Threads: 1, SpillDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
	}
	c, err := cluster.Dial(ctx, s.Addr(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := int64(0)
	for part := range 4 {
		o, err := store.Create(ctx, fmt.Sprintf("s3://data/parts/%d.csv%s", part, query))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(o, "v")
		for i := range 5000 {
			fmt.Fprintln(o, part*i)
			want += int64(part * i)
		}
		if err := errors.Join(o.Commit(), o.Close()); err != nil {
			t.Fatal(err)
		}
	}
	f := frame.ReadCSVWith(frame.CSVOptions{BlockBytes: 8 << 10, SplitBytes: 4 << 10}, "s3://data/parts/*.csv"+query)
	if n, err := f.WriteParquet(ctx, c, "s3://data/all.parquet"+query); err != nil || n != 20_000 {
		t.Fatal(n, err)
	}
	tab, err := frame.ReadParquet("s3://data/all.parquet"+query).GroupBy().Agg(frame.Sum("v")).Collect(ctx, c)
	if err != nil || tab.Value(0, 0) != want {
		t.Errorf("%v, want %d: %v", tab, want, err)
	}
}
