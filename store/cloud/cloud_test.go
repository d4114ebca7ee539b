package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/format/parquet"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
	"github.com/weft-data/weft/store"
	_ "github.com/weft-data/weft/store/cloud"
)

// A place is a bucket: how URLs in it begin, and how they end.
type place struct{ root, query string }

func (p place) at(key string) string { return p.root + key + p.query }

// places starts a server of each kind of object store, with an empty bucket, and runs a test there.
func places(t *testing.T, f func(t *testing.T, p place)) {
	for _, c := range []struct {
		name  string
		start func(t *testing.T) place
	}{{"s3", s3}, {"gs", gs}, {"azblob", azblob}} {
		t.Run(c.name, func(t *testing.T) { f(t, c.start(t)) })
	}
}

func s3(t *testing.T) place {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	// Of one clock that stands: the server and its store would each look at their own, a second apart now and then, and a
	// listing and a request would differ.
	clock := gofakes3.FixedTimeSource(time.Now())
	b := s3mem.New(s3mem.WithTimeSource(clock))
	if err := b.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(gofakes3.New(b, gofakes3.WithTimeSource(clock)).Server())
	t.Cleanup(s.Close)
	return place{"s3://data/", "?region=us-east-1&use_path_style=true&endpoint=" + s.URL}
}

// google is one server for all tests: its address is not in the URLs, and a bucket that is open stays so.
var google = sync.OnceValues(func() (*fakestorage.Server, error) {
	h := httptest.NewUnstartedServer(nil)
	host := h.Listener.Addr().String()
	s, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, PublicHost: host, ExternalURL: "http://" + host})
	if err == nil {
		h.Config.Handler = s.HTTPHandler()
		h.Start()
	}
	return s, err
})

func gs(t *testing.T) place {
	t.Helper()
	s, err := google()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(s.URL(), "http://"))
	name := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	s.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: name})
	return place{"gs://" + name + "/", ""}
}

func azblob(t *testing.T) place {
	t.Helper()
	t.Setenv("AZURE_STORAGE_ACCOUNT", "x")
	t.Setenv("AZURE_STORAGE_KEY", "eQ==")
	host := strings.TrimPrefix(newAzure(t).URL, "http://")
	return place{"azblob://data/", "?protocol=http&localemu=true&domain=" + host}
}

// put makes an object of a text.
func put(t *testing.T, url, text string) {
	t.Helper()
	o, err := store.Create(context.Background(), url)
	if err == nil {
		_, err = io.WriteString(o, text)
		err = errors.Join(err, o.Commit(), o.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestObjects writes, lists and reads objects.
func TestObjects(t *testing.T) { places(t, testObjects) }

func testObjects(t *testing.T, p place) {
	ctx := context.Background()
	want := strings.Repeat("some text that is long enough\n", 10_000)
	for _, key := range []string{"in/a.csv", "in/b c.csv", "other.csv"} {
		put(t, p.at(key), want)
	}
	found, err := store.Find(ctx, []string{p.at("in/*.csv")})
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
	if _, err := store.Stat(ctx, p.at("none")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), p.root+"none") {
		t.Error(err)
	}
	scheme, _, _ := strings.Cut(p.root, "://")
	none := place{scheme + "://nobucket/", p.query}
	if _, err := store.Find(ctx, []string{none.at("*")}); err == nil || !strings.Contains(err.Error(), none.root) {
		t.Error(err)
	}
	if _, err := store.Stat(ctx, p.root+"x?nonsense=1"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Error(err)
	}
}

// TestFrames writes and reads tables of every format in a bucket.
func TestFrames(t *testing.T) { places(t, testFrames) }

func testFrames(t *testing.T, p place) {
	ctx := context.Background()
	r := local.New(local.Options{Threads: 2, Memory: 256 << 20})
	defer r.Close()
	var text strings.Builder
	text.WriteString("k,v,s\n")
	for i := range 30_000 {
		fmt.Fprintf(&text, "%d,%d.5,name %d\n", i%7, i, i%100)
	}
	put(t, p.at("t/x.csv"), text.String())
	src := frame.ReadCSV(p.at("t/*.csv"))
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
		"x.parquet":    {func(to string) (int64, error) { return src.WriteParquet(ctx, r, to) }, frame.ReadParquet},
		"x.arrow":      {func(to string) (int64, error) { return src.WriteArrow(ctx, r, to) }, frame.ReadArrow},
		"x.csv.gz":     {func(to string) (int64, error) { return src.WriteCSV(ctx, r, to) }, frame.ReadCSV},
		"x.ndjson.zst": {func(to string) (int64, error) { return src.WriteJSON(ctx, r, to) }, frame.ReadJSON},
		"x.tsv.lz4":    {func(to string) (int64, error) { return src.WriteCSV(ctx, r, to) }, frame.ReadCSV},
	} {
		if n, err := c.write(p.at("out/" + name)); err != nil || n != 30_000 {
			t.Fatalf("%s: %d rows, %v", name, n, err)
		}
		f := c.read(p.at("out/" + name))
		if got := sum(f); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		put(t, p.at("out/"+name), "")
		if _, err := f.Count(ctx, r); err == nil || !strings.Contains(err.Error(), p.root+"out/"+name+" changed after the plan was built") {
			t.Errorf("%s: an object that changed: %v", name, err)
		}
	}
	if err := frame.ReadParquet(p.at("none")).Err(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), p.root+"none") || strings.Contains(err.Error(), "?") {
		t.Error(err)
	}
}

// TestFolder writes tables into folders of a bucket, adds to them, and leaves nothing of what fails.
func TestFolder(t *testing.T) { places(t, testFolder) }

func testFolder(t *testing.T, p place) {
	ctx := context.Background()
	r := local.New(local.Options{Threads: 2, Memory: 256 << 20})
	defer r.Close()
	var text strings.Builder
	text.WriteString("k,v\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "%s,%d\n", []string{"a b", "x/y", "ü?", ""}[i%4], i)
	}
	put(t, p.at("in.csv"), text.String())
	src := frame.ReadCSVWith(frame.CSVOptions{BlockBytes: 64 << 10, SplitBytes: 16 << 10}, p.at("in.csv"))
	dir := p.at("out/table")
	rows := func(n int64) string {
		t.Helper()
		tab, err := frame.ReadParquet(dir).GroupBy("k").Agg(frame.Count().As("n"), frame.Sum("v").As("v")).Sort("k").Collect(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			if tab.Value(i, 1) != n {
				t.Errorf("%v rows of a key, want %d: %s", tab.Value(i, 1), n, tab)
			}
		}
		return fmt.Sprint(tab)
	}
	by := frame.ParquetFolderOptions{By: []string{"k"}}
	if n, err := src.WriteParquetFolder(ctx, r, dir, by); err != nil || n != 20_000 {
		t.Fatal(n, err)
	}
	want, err := src.GroupBy("k").Agg(frame.Count().As("n"), frame.Sum("v").As("v")).Sort("k").Collect(ctx, r)
	if got := rows(5000); err != nil || got != fmt.Sprint(want) {
		t.Errorf("%s\nwant\n%s, %v", got, want, err)
	}
	if _, err := src.WriteParquetFolder(ctx, r, dir, by); err == nil || !strings.Contains(err.Error(), "the option Append adds to folder "+p.root+"out/table") || strings.Contains(err.Error(), "?") {
		t.Error(err)
	}
	by.Append = true
	if n, err := src.WriteParquetFolder(ctx, r, dir, by); err != nil || n != 20_000 {
		t.Fatal(n, err)
	}
	rows(10_000)
	before, err := store.Find(ctx, []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	bad := src.WithColumns(expr.Col("v").Add(20_000).Cast(dtype.Of(dtype.Int16)).As("w")) // the last rows do not fit
	if _, err := bad.WriteParquetFolder(ctx, r, dir, by); err == nil {
		t.Error("a table with an error was written")
	}
	after, err := store.Find(ctx, []string{dir})
	if err != nil || len(after) != len(before) {
		t.Errorf("%d objects, %d before a query that failed: %v", len(after), len(before), err)
	}
}

// TestAbandon removes the objects of one writing, and no others, from folders that end in a slash or not.
func TestAbandon(t *testing.T) { places(t, testAbandon) }

func testAbandon(t *testing.T, p place) {
	ctx := context.Background()
	for _, dir := range []string{p.at("out"), p.at("out/")} {
		put(t, p.at("out/part-of-another-0.parquet"), "")
		w, err := parquet.Folder(ctx, dir, dtype.Schema{{Name: "x", Type: dtype.Of(dtype.Int64)}}, parquet.FolderOptions{Append: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"0.parquet", "1.parquet"} {
			put(t, store.Below(w.Stage, w.Part+name), "")
			put(t, store.Below(w.Stage, "k=1/"+w.Part+name), "")
		}
		err = w.Abandon(ctx)
		left, bad := store.Find(ctx, []string{dir})
		if err != nil || bad != nil || len(left) != 1 {
			t.Errorf("%s: %d objects are left: %v, %v", dir, len(left), err, bad)
		}
	}
}

// TestCluster reads objects on several workers, each its own blocks, and writes one.
func TestCluster(t *testing.T) { places(t, testCluster) }

func testCluster(t *testing.T, p place) {
	ctx := context.Background()
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
		o, err := store.Create(ctx, p.at(fmt.Sprintf("parts/%d.csv", part)))
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
	f := frame.ReadCSVWith(frame.CSVOptions{BlockBytes: 8 << 10, SplitBytes: 4 << 10}, p.at("parts/*.csv"))
	if n, err := f.WriteParquet(ctx, c, p.at("all.parquet")); err != nil || n != 20_000 {
		t.Fatal(n, err)
	}
	tab, err := frame.ReadParquet(p.at("all.parquet")).GroupBy().Agg(frame.Sum("v")).Collect(ctx, c)
	if err != nil || tab.Value(0, 0) != want {
		t.Errorf("%v, want %d: %v", tab, want, err)
	}
}
