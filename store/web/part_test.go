package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestParts holds that what a server gives is what was asked for, and that one that stands still is not waited for.
func TestParts(t *testing.T) {
	free := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			w.Header().Set("Content-Range", "bytes 0-3/100")
		case "/several":
			w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
		default:
			w.Header().Set("Content-Range", "bytes 4-7/100")
		}
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, "ab")
		if r.URL.Path == "/stands" {
			w.(http.Flusher).Flush()
			select {
			case <-free:
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, "cdefgh")
	}))
	defer s.Close()
	defer close(free)
	d := &driver{s.Client(), 20 * time.Millisecond}
	for path, want := range map[string]string{"/other": `gives the range "bytes 0-3/100" where bytes from 4 on`, "/several": `gives the range ""`} {
		if _, err := d.Range(context.Background(), s.URL+path, 4, 4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	r, err := d.Range(context.Background(), s.URL+"/stands", 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "ab" || !errors.Is(err, errSilent) {
		t.Errorf("%q, %v", b, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	d.stall = time.Hour
	if r, err = d.Range(context.Background(), s.URL+"/", 4, 4); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "abcd" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
