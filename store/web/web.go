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
	d := &driver{&http.Client{Transport: t}, t.ResponseHeaderTimeout}
	store.Register("http", d)
	store.Register("https", d)
}

type driver struct {
	client *http.Client
	stall  time.Duration // a server that sends nothing for so long is asked again
}

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
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := d.get(ctx, url, off, n)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	err = given(r, off)
	if err != nil {
		_ = r.Body.Close()
		cancel(nil)
		return nil, err
	}
	p := &part{from: io.LimitReader(r.Body, n), body: r.Body, ctx: ctx, cancel: cancel, stall: d.stall}
	p.late = time.AfterFunc(d.stall, func() { cancel(errSilent) })
	return p, nil
}

// given holds that the bytes of an answer begin where they were asked for.
func given(r *http.Response, off int64) error {
	if r.StatusCode != http.StatusPartialContent {
		if off > 0 { // the whole file came
			return store.Permanent{Err: errors.New("the server does not give parts of files: download it first")}
		}
		return nil
	}
	said := r.Header.Get("Content-Range")
	var from int64
	if _, err := fmt.Sscanf(said, "bytes %d-", &from); err != nil || from != off {
		return fmt.Errorf("the server gives the range %q where bytes from %d on are asked for", said, off)
	}
	return nil
}

var errSilent = errors.New("the server has begun to send and then sends nothing")

// A part is the body of an answer that may not stand still.
type part struct {
	from   io.Reader
	body   io.Closer
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	late   *time.Timer // runs while somebody reads
	stall  time.Duration
}

// Read implements io.Reader.
func (p *part) Read(b []byte) (int, error) {
	p.late.Reset(p.stall)
	n, err := p.from.Read(b)
	p.late.Stop()
	if err != nil && context.Cause(p.ctx) == errSilent {
		err = errSilent
	}
	return n, err
}

// Close implements io.Closer.
func (p *part) Close() error {
	p.late.Stop()
	p.cancel(nil)
	return p.body.Close()
}

// Remove implements store.Driver.
func (d *driver) Remove(context.Context, string) error {
	return store.Permanent{Err: errors.New("files of the web can only be read")}
}

// Put implements store.Driver.
func (d *driver) Put(context.Context, string, io.Reader, int64) error {
	return store.Permanent{Err: errors.New("files of the web can only be read")}
}
