package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// attempts is how often a request is made at most before its error counts.
const attempts = 4

// A Permanent error of a driver is not tried again.
type Permanent struct{ Err error }

// Error implements error.
func (e Permanent) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e Permanent) Unwrap() error { return e.Err }

// As makes errors.Is report a kind of error, such as fs.ErrNotExist, for err; its text stays.
func As(err, kind error) error { return ofKind{err, kind} }

type ofKind struct{ err, kind error }

// Error implements error.
func (e ofKind) Error() string { return e.err.Error() }

// Unwrap returns the error and its kind.
func (e ofKind) Unwrap() []error { return []error{e.err, e.kind} }

// tries runs f until it succeeds, some times at most, with growing pauses between them.
func tries(ctx context.Context, f func() error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = 50 * time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := f()
		if p := (Permanent{}); errors.As(err, &p) {
			return struct{}{}, backoff.Permanent(p.Err)
		} else if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, context.Canceled) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxTries(attempts))
	return err
}

// near is how many bytes a small request reads: headers and indexes lie close together.
const near = 64 << 10

// A remote is a file behind a driver.
type remote struct {
	Info
	ctx context.Context
	d   Driver

	seq    io.ReadCloser // where Read is
	at     int64
	failed int // of Read, since bytes came last

	mu    sync.Mutex
	cache []byte // bytes from cacheAt on
	from  int64
}

func (x Info) remote(ctx context.Context) (File, error) {
	d, err := driver(x.Path)
	if err != nil {
		return nil, err
	}
	return &remote{Info: x, ctx: ctx, d: d}, nil
}

// Name implements File.
func (f *remote) Name() string { return Name(f.Path) }

// Close implements File.
func (f *remote) Close() error {
	if f.seq == nil {
		return nil
	}
	seq := f.seq
	f.seq = nil
	return seq.Close()
}

// ReadAt implements io.ReaderAt.
func (f *remote) ReadAt(p []byte, off int64) (n int, err error) {
	switch {
	case off < 0:
		return 0, fmt.Errorf("%s: byte %d", f.Name(), off)
	case len(p) == 0:
		return 0, nil
	case off >= f.Size:
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), f.Size-off)]
	if len(want) < near {
		n, err = f.nearby(want, off)
	} else {
		n, err = f.load(want, off)
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// nearby reads few bytes, from what was read around them before if they are there.
func (f *remote) nearby(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off < f.from || off+int64(len(p)) > f.from+int64(len(f.cache)) {
		from := max(0, min(off, f.Size-near))
		b := make([]byte, min(near, f.Size-from))
		if _, err := f.load(b, from); err != nil {
			return 0, err
		}
		f.cache, f.from = b, from
	}
	return copy(p, f.cache[off-f.from:]), nil
}

// load reads bytes that are all there.
func (f *remote) load(p []byte, off int64) (n int, err error) {
	err = tries(f.ctx, func() error {
		r, err := f.d.Range(f.ctx, f.Path, off+int64(n), int64(len(p)-n))
		if err != nil {
			return err
		}
		k, err := io.ReadFull(r, p[n:])
		n += k
		if n == len(p) {
			_ = r.Close()
			return nil
		}
		return errors.Join(err, r.Close())
	})
	if err != nil {
		return n, fmt.Errorf("%s: reading %d bytes at %d: %w", f.Name(), len(p), off, err)
	}
	return n, nil
}

// Read implements io.Reader: one request, begun again where it broke off.
func (f *remote) Read(p []byte) (n int, err error) {
	if f.at >= f.Size || len(p) == 0 {
		return 0, io.EOF
	}
	for {
		if f.seq == nil {
			err := tries(f.ctx, func() (err error) {
				f.seq, err = f.d.Range(f.ctx, f.Path, f.at, f.Size-f.at)
				return err
			})
			if err != nil {
				return 0, fmt.Errorf("%s: reading from byte %d: %w", f.Name(), f.at, err)
			}
		}
		n, err = f.seq.Read(p)
		f.at += int64(n)
		switch {
		case n > 0:
			f.failed = 0
			return n, nil
		case f.at >= f.Size:
			return 0, io.EOF
		case err == nil:
			continue
		}
		if f.failed++; f.failed >= attempts || f.ctx.Err() != nil {
			return 0, fmt.Errorf("%s: reading from byte %d: %w", f.Name(), f.at, err)
		}
		_ = f.seq.Close()
		f.seq = nil
	}
}
