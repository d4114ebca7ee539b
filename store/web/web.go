// Package web lets package store read http:// and https:// URLs, of servers that give ranges of a file.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/store"
)

func init() {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConnsPerHost = 16
	t.DisableCompression = true // bytes must be those of the file
	d := &driver{&http.Client{Transport: t}}
	store.Register("http", d)
	store.Register("https", d)
}

type driver struct{ client *http.Client }

// get makes a request; off -1 asks for the header only.
func (d *driver) get(ctx context.Context, url string, off, n int64) (*http.Response, error) {
	method := http.MethodGet
	if off < 0 {
		method = http.MethodHead
	}
	q, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, store.Permanent{Err: err}
	}
	if off >= 0 {
		q.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	}
	r, err := d.client.Do(q)
	if err != nil {
		return nil, bare(err)
	}
	if r.StatusCode < 300 {
		return r, nil
	}
	_ = r.Body.Close()
	err = fmt.Errorf("the server says %s", r.Status)
	switch {
	case r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusGone:
		return nil, store.As(err, fs.ErrNotExist)
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		return nil, store.As(err, fs.ErrPermission)
	case r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusRequestTimeout || r.StatusCode >= 500:
		return nil, err
	}
	return nil, store.Permanent{Err: err}
}

// bare leaves the URL, whose query may be secret, out of an error.
func bare(err error) error {
	var u interface{ Unwrap() error }
	if errors.As(err, &u) {
		if inner := u.Unwrap(); inner != nil {
			return inner
		}
	}
	return err
}

// Stat implements store.Driver.
func (d *driver) Stat(ctx context.Context, url string) (store.Info, error) {
	r, err := d.get(ctx, url, -1, 0)
	if err != nil {
		return store.Info{}, err
	}
	_ = r.Body.Close()
	if r.ContentLength < 0 {
		return store.Info{}, store.Permanent{Err: errors.New("the server does not say how long the file is: download it first")}
	}
	tag := r.Header.Get("ETag")
	if tag == "" {
		tag = r.Header.Get("Last-Modified")
	}
	return store.Info{Path: url, Size: r.ContentLength, Version: int64(xxh3.HashString(tag))}, nil
}

// List implements store.Driver.
func (d *driver) List(context.Context, string) ([]store.Info, error) {
	return nil, store.Permanent{Err: errors.New("web servers do not list files: name each of them, without wildcards")}
}

// Range implements store.Driver.
func (d *driver) Range(ctx context.Context, url string, off, n int64) (io.ReadCloser, error) {
	r, err := d.get(ctx, url, off, n)
	if err != nil {
		return nil, err
	}
	if r.StatusCode == http.StatusPartialContent {
		return r.Body, nil
	}
	if off > 0 { // the whole file came
		_ = r.Body.Close()
		return nil, store.Permanent{Err: errors.New("the server does not give parts of files: download it first")}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r.Body, n), r.Body}, nil
}

// Put implements store.Driver.
func (d *driver) Put(context.Context, string, io.Reader, int64) error {
	return store.Permanent{Err: errors.New("files of the web can only be read")}
}
