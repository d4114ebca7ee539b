// Package store reads and writes files by name, wherever they are: paths of this machine, and URLs such as
// s3://bucket/dir/part-*.parquet.
//
// Every scheme has a driver. Paths have theirs here; those of object stores and of the web are in packages of their
// own (store/s3, store/gs, store/azblob, store/web), or together in store/cloud, which a program imports for their
// effect, so that one that reads local files does not carry them:
//
//	import _ "github.com/weft-data/weft/store/s3"
//
// A plan names files with the Info they had when it was built; whoever opens them by it gets an error when they
// are others by then.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/weft-data/weft/internal/whole"
)

// An Info is a file and what tells whether it is still the same.
type Info struct {
	Path    string
	Size    int64
	Version int64 // a number that changes with the content: the time of the last change, a hash of the entity tag
}

// A File is open for reading: at any place, and from its beginning on. ReadAt is safe for concurrent use.
type File interface {
	io.ReaderAt
	io.Reader
	io.Closer
	Name() string
}

// An Output is a file that is being written. It appears under its name with Commit, whole, or never; Close after
// Commit does nothing, without it what was written is removed. Until then it lies on this machine.
type Output interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
	io.Closer
	Commit() error
}

// A Driver knows the files of a scheme. Its errors need not name the file.
type Driver interface {
	// Stat describes one file; fs.ErrNotExist if there is none.
	Stat(ctx context.Context, path string) (Info, error)
	// List describes all files whose paths begin with prefix, in the order of their paths.
	List(ctx context.Context, prefix string) ([]Info, error)
	// Range reads n bytes from off on.
	Range(ctx context.Context, path string, off, n int64) (io.ReadCloser, error)
	// Put makes the file at path of the size bytes of r.
	Put(ctx context.Context, path string, r io.Reader, size int64) error
	// Remove removes a file.
	Remove(ctx context.Context, path string) error
}

var (
	mu      sync.RWMutex
	drivers = map[string]Driver{}
)

// Register adds the driver of a scheme such as "s3". It panics when there is one.
func Register(scheme string, d Driver) {
	mu.Lock()
	defer mu.Unlock()
	if drivers[scheme] != nil {
		panic("store: two drivers of " + scheme)
	}
	drivers[scheme] = d
}

// Scheme returns the scheme of a URL, "" for a path of this machine.
func Scheme(path string) string {
	s, _, ok := strings.Cut(path, "://")
	if !ok || s == "" || strings.ContainsAny(s, `/\.`) {
		return ""
	}
	return strings.ToLower(s)
}

// IsRemote reports whether a path is a URL.
func IsRemote(path string) bool { return Scheme(path) != "" }

func driver(path string) (Driver, error) {
	s := Scheme(path)
	mu.RLock()
	defer mu.RUnlock()
	if d := drivers[s]; d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("%s: this program has no driver for %s://: import github.com/weft-data/weft/store/s3, gs, azblob, web (http and https) or cloud (all of them)", Name(path), s)
}

// Name is a path for messages: that of a URL is without its query, which may have a signature in it.
func Name(path string) string {
	if IsRemote(path) {
		path, _, _ = strings.Cut(path, "?")
	}
	return path
}

// Stat describes a file.
func Stat(ctx context.Context, path string) (Info, error) {
	if path == "" {
		return Info{}, errors.New("the path of a file is empty")
	}
	if !IsRemote(path) {
		st, err := os.Stat(path)
		if err != nil {
			return Info{}, err
		}
		return local(path, st)
	}
	d, err := driver(path)
	if err != nil {
		return Info{}, err
	}
	var x Info
	err = tries(ctx, func() (err error) { x, err = d.Stat(ctx, path); return err })
	if err != nil {
		return x, Named(path, err)
	}
	x.Path = path
	return x, nil
}

func local(path string, st fs.FileInfo) (Info, error) {
	switch {
	case st.IsDir():
		return Info{}, folderError{path}
	case !st.Mode().IsRegular():
		return Info{}, fmt.Errorf("%s is not a regular file", path)
	}
	return Info{path, st.Size(), st.ModTime().UnixNano()}, nil
}

// A folderError says that a path is a folder.
type folderError struct{ path string }

func (e folderError) Error() string { return e.path + " is a folder" }

// Open opens a file as it is now.
func Open(ctx context.Context, path string) (File, Info, error) {
	if IsRemote(path) {
		x, err := Stat(ctx, path)
		if err != nil {
			return nil, x, err
		}
		f, err := x.remote(ctx)
		return f, x, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, Info{}, err
	}
	x := Info{}
	st, err := f.Stat()
	if err == nil {
		x, err = local(path, st)
	}
	if err != nil {
		return nil, x, errors.Join(err, f.Close())
	}
	return f, x, nil
}

// Open opens the file if it is still the same. ctx bounds what is read of it, too.
func (x Info) Open(ctx context.Context) (File, error) {
	f, now, err := Open(ctx, x.Path)
	if err != nil {
		return nil, err
	}
	if now.Size != x.Size || now.Version != x.Version {
		err := fmt.Errorf("%s changed after the plan was built (%d bytes then, %d now): build it again", Name(x.Path), x.Size, now.Size)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Create begins a file.
func Create(ctx context.Context, path string) (Output, error) {
	if path == "" {
		return nil, errors.New("no path to write to")
	}
	if !IsRemote(path) {
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			return nil, folderError{path}
		}
		return whole.Create(path)
	}
	d, err := driver(path)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "weft-upload-*")
	if err != nil {
		return nil, err
	}
	return &upload{File: f, ctx: ctx, driver: d, path: path}, nil
}

// An upload is a remote file that is written here first, so that it can be sent again.
type upload struct {
	*os.File
	ctx    context.Context
	driver Driver
	path   string
}

// Commit implements Output.
func (u *upload) Commit() error {
	st, err := u.Stat()
	if err == nil {
		err = tries(u.ctx, func() error {
			return u.driver.Put(u.ctx, u.path, io.NewSectionReader(u.File, 0, st.Size()), st.Size())
		})
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", Name(u.path), err)
	}
	return nil
}

// Close implements Output.
func (u *upload) Close() error {
	if u.File == nil {
		return nil
	}
	name := u.Name()
	_ = u.File.Close()
	u.File = nil
	return os.Remove(name)
}

// Remove removes a file.
func Remove(ctx context.Context, path string) error {
	if !IsRemote(path) {
		return os.Remove(path)
	}
	d, err := driver(path)
	if err != nil {
		return err
	}
	return Named(path, tries(ctx, func() error { return d.Remove(ctx, path) }))
}

// Below is the path of a file in a folder, given its name with slashes; a URL keeps its query.
func Below(dir, name string) string {
	if !IsRemote(dir) {
		return filepath.Join(dir, filepath.FromSlash(name))
	}
	dir, query, found := strings.Cut(dir, "?")
	path := strings.TrimSuffix(dir, "/") + "/" + name
	if found {
		path += "?" + query
	}
	return path
}

// Ends reports whether the name of a file, without a query and in any case, ends in one of some endings.
func Ends(path string, endings ...string) bool {
	path = strings.ToLower(Name(path))
	for _, e := range endings {
		if strings.HasSuffix(path, e) {
			return true
		}
	}
	return false
}

// separator stands between the elements of a path.
func separator(path string) string {
	if IsRemote(path) {
		return "/"
	}
	return string(filepath.Separator)
}

// Named says of which file an error is, unless it says so itself.
func Named(path string, err error) error {
	if err == nil || strings.Contains(err.Error(), Name(path)) {
		return err
	}
	return fmt.Errorf("%s: %w", Name(path), err)
}
