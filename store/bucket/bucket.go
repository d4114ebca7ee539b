// Package bucket is the driver of object stores: it reaches their buckets through gocloud.dev/blob.
package bucket

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/weft-data/weft/store"
)

// Register makes the buckets of a scheme, which a package of gocloud.dev/blob has registered there, files of
// package store: scheme://bucket/key?options. The options are those of that package, for example
// region=eu-west-1&endpoint=https://minio.example:9000&use_path_style=true.
func Register(scheme string) { store.Register(scheme, &driver{open: map[string]*blob.Bucket{}}) }

// A driver keeps the buckets that it has opened: their connections are worth keeping.
type driver struct {
	mu   sync.Mutex
	open map[string]*blob.Bucket // by URL without the key
}

// parts takes a URL apart: the bucket's own URL, the key, and the query with its question mark.
func parts(url string) (bucket, key, query string) {
	scheme, rest, _ := strings.Cut(url, "://")
	rest, query, found := strings.Cut(rest, "?")
	if found {
		query = "?" + query
	}
	host, key, _ := strings.Cut(rest, "/")
	return scheme + "://" + host, key, query
}

// bucket opens the bucket of a URL.
func (d *driver) bucket(ctx context.Context, url string) (b *blob.Bucket, key string, err error) {
	root, key, query := parts(url)
	d.mu.Lock()
	defer d.mu.Unlock()
	if b := d.open[root+query]; b != nil {
		return b, key, nil
	}
	b, err = blob.OpenBucket(context.WithoutCancel(ctx), root+query)
	if err != nil {
		return nil, "", store.Permanent{Err: fmt.Errorf("opening bucket %s: %w", root, err)}
	}
	d.open[root+query] = b
	return b, key, nil
}

// wrap says what kind an error of a request is.
func wrap(err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.OK:
		return nil
	case gcerrors.NotFound:
		return store.As(err, fs.ErrNotExist)
	case gcerrors.PermissionDenied:
		return store.As(err, fs.ErrPermission)
	case gcerrors.InvalidArgument, gcerrors.Unimplemented, gcerrors.FailedPrecondition:
		return store.Permanent{Err: err}
	}
	return err
}

// version tells contents apart by what both a listing and a request say.
func version(seconds int64, md5 []byte) int64 { return int64(xxh3.HashSeed(md5, uint64(seconds))) }

// Stat implements store.Driver.
func (d *driver) Stat(ctx context.Context, url string) (store.Info, error) {
	b, key, err := d.bucket(ctx, url)
	if err != nil {
		return store.Info{}, err
	}
	if key == "" {
		return store.Info{}, fs.ErrNotExist
	}
	a, err := b.Attributes(ctx, key)
	if err != nil {
		return store.Info{}, wrap(err)
	}
	return store.Info{Path: url, Size: a.Size, Version: version(a.ModTime.Unix(), a.MD5)}, nil
}

// List implements store.Driver.
func (d *driver) List(ctx context.Context, prefix string) (out []store.Info, err error) {
	b, key, err := d.bucket(ctx, prefix)
	if err != nil {
		return nil, err
	}
	root, _, query := parts(prefix)
	for it := b.List(&blob.ListOptions{Prefix: key}); ; {
		o, err := it.Next(ctx)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, wrap(err)
		}
		if !o.IsDir && !strings.HasSuffix(o.Key, "/") { // what consoles make to show folders
			out = append(out, store.Info{Path: root + "/" + o.Key + query, Size: o.Size, Version: version(o.ModTime.Unix(), o.MD5)})
		}
	}
}

// Range implements store.Driver.
func (d *driver) Range(ctx context.Context, url string, off, n int64) (io.ReadCloser, error) {
	b, key, err := d.bucket(ctx, url)
	if err != nil {
		return nil, err
	}
	r, err := b.NewRangeReader(ctx, key, off, n, nil)
	if err != nil {
		return nil, wrap(err)
	}
	return r, nil
}

// Put implements store.Driver: the object appears when all of it was sent.
func (d *driver) Put(ctx context.Context, url string, r io.Reader, _ int64) error {
	b, key, err := d.bucket(ctx, url)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w, err := b.NewWriter(ctx, key, nil)
	if err != nil {
		return wrap(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		stop() // so that Close gives up what was sent
		_ = w.Close()
		return wrap(err)
	}
	return wrap(w.Close())
}

// Remove implements store.Driver.
func (d *driver) Remove(ctx context.Context, url string) error {
	b, key, err := d.bucket(ctx, url)
	if err != nil {
		return err
	}
	return wrap(b.Delete(ctx, key))
}
