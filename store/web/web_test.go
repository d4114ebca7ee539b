package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/store"
	_ "github.com/weft-data/weft/store/web"
)

// TestWeb reads a file of a server that fails now and then.
func TestWeb(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
	var requests, posted atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			posted.Add(1)
		case r.URL.Path == "/secret":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/whole": // no ranges
			w.Header().Set("Content-Length", "640000")
			_, _ = w.Write(want)
		case r.URL.Path == "/endless":
			w.(http.Flusher).Flush()
		case r.URL.Path != "/file":
			w.WriteHeader(http.StatusNotFound)
		case n%3 == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("ETag", `"7"`)
			http.ServeContent(w, r, "file", time.Time{}, bytes.NewReader(want))
		}
	}))
	defer s.Close()
	ctx := context.Background()
	f, x, err := store.Open(ctx, s.URL+"/file?sig=hidden")
	if err != nil || x.Size != int64(len(want)) {
		t.Fatal(x, err)
	}
	if b, err := io.ReadAll(f); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	b := make([]byte, 100_000)
	if n, err := f.ReadAt(b, 300_007); err != nil || !bytes.Equal(b[:n], want[300_007:400_007]) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for path, kind := range map[string]error{"/none": fs.ErrNotExist, "/secret": fs.ErrPermission} {
		before := requests.Load()
		if _, _, err := store.Open(ctx, s.URL+path+"?sig=hidden"); !errors.Is(err, kind) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "hidden") || requests.Load()-before != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if f, _, err := store.Open(ctx, s.URL+"/whole"); err != nil {
		t.Error(err)
	} else {
		if b, err := io.ReadAll(f); err != nil || len(b) != len(want) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if _, err := f.ReadAt(b, 500_000); err == nil || !strings.Contains(err.Error(), "parts of files") {
			t.Error(err)
		}
		_ = f.Close()
	}
	if _, err := store.Find(ctx, []string{s.URL + "/*.csv"}); err == nil || !strings.Contains(err.Error(), "without wildcards") {
		t.Error(err)
	}
	o, err := store.Create(ctx, s.URL+"/new")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Commit(); err == nil || !strings.Contains(err.Error(), "can only be read") || posted.Load() > 0 {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	s.Close()
	if _, err := store.Stat(ctx, s.URL+"/file?sig=hidden"); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("a server that is gone: %v", err)
	}
}
