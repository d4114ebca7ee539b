package web_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
	"github.com/weft-data/weft/store"
)

// TestErrorsNameOnce holds that what is said of files of the web names each of them once, and never what stands in the
// query of a URL, which lets those who know it in.
func TestErrorsNameOnce(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	r := local.New(local.Options{Threads: 1, Pool: 64 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	n := make([]int64, 400_000)
	for i := range n {
		n[i] = int64(i) * 1_000_003
	}
	f := frame.FromColumns(frame.Values("a", n), frame.Values("b", n))
	for name, write := range map[string]func(string) (int64, error){
		"big.csv":     func(p string) (int64, error) { return f.WriteCSV(ctx, r, p) },
		"big.json":    func(p string) (int64, error) { return f.WriteJSON(ctx, r, p) },
		"big.parquet": func(p string) (int64, error) { return f.WriteParquet(ctx, r, p) },
		"big.arrow":   func(p string) (int64, error) { return f.WriteArrow(ctx, r, p) },
	} {
		if _, err := write(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{
		"bad.csv": []byte("a,b\n1,2\n3,4,5\n"), "wide.csv": []byte("a,b,c\nx,y,z\n"), "text.csv": []byte("a,b\nx\xff,y\n"), "none.csv": nil, "short.csv.gz": []byte("\x1f\x8bxxxx"),
		"plain.csv.gz": []byte("a,b\n1,2\n"), "open.csv": []byte("a,\"b\n1,2\n"), "bad.json": []byte("{\"a\":1}\n{\"a\":}\n"), "bad.parquet": []byte("PAR1xxxxPAR1"), "bad.arrow": []byte("ARROW1\x00\x00xxxx"),
	}
	for _, name := range []string{"big.csv", "big.json", "big.parquet", "big.arrow"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	var gets, allowed atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, ok := files[strings.TrimPrefix(q.URL.Path, "/")]
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case q.Method == http.MethodGet && gets.Add(1) > allowed.Load():
			w.WriteHeader(http.StatusForbidden)
		default:
			http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(b))
		}
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	readers := map[string]func(...string) *frame.Frame{".csv": frame.ReadCSV, ".json": frame.ReadJSON, ".parquet": frame.ReadParquet, ".arrow": frame.ReadArrow}
	failed := 0
	for _, name := range append(slices.Sorted(maps.Keys(files)), "absent.csv", "absent.parquet") {
		for _, most := range []int64{0, 1, 2, 3, 4, 6, 1 << 40} { // requests that are answered
			gets.Store(0)
			allowed.Store(most)
			f := readers[filepath.Ext(strings.TrimSuffix(name, ".gz"))](s.URL + "/" + name + "?sig=hidden")
			if f.Err() == nil {
				rep, err := f.Explain(ctx, r)
				if err != nil || strings.Contains(rep.String()+rep.Picture, "hidden") {
					t.Errorf("%s: %v\n%s", name, err, rep)
				}
			}
			_, err := f.Collect(ctx, r)
			if err == nil {
				continue
			}
			failed++
			if got := err.Error(); strings.Contains(got, "hidden") || strings.Count(got, host) != 1 || strings.Contains(got, "403") && strings.Contains(got, "option Codec") {
				t.Errorf("%s, %d requests answered: %s", name, most, got)
			}
		}
	}
	if failed < 60 {
		t.Errorf("only %d of the readings failed", failed)
	}
	allowed.Store(1 << 40)
	for name, err := range map[string]error{
		"two schemas":  frame.ReadParquetWith(frame.ParquetReadOptions{Columns: []string{"z"}}, s.URL+"/big.parquet?sig=hidden").Err(),
		"no columns":   frame.ReadCSVWith(frame.CSVOptions{Names: []string{"a"}}, s.URL+"/wide.csv?sig=hidden").Err(),
		"write":        second(f.WriteCSV(ctx, r, s.URL+"/out.csv?sig=hidden")),
		"write folder": second(f.WriteParquetFolder(ctx, r, s.URL+"/out?sig=hidden", frame.ParquetFolderOptions{Append: true})),
	} {
		if got := fmt.Sprint(err); err == nil || strings.Contains(got, "hidden") || strings.Count(got, host) != 1 {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := store.Find(ctx, []string{"http://[::1]:1/x.csv"}); err == nil || strings.Contains(err.Error(), "wildcards") {
		t.Errorf("an address in brackets: %v", err)
	}
}

func second[A any](_ A, err error) error { return err }
