package zarr

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/weft-data/weft/store"
)

// A Folder is the store of a folder, of this machine or by URL: a file per object.
type Folder struct {
	Dir string
	// Fresh says that nobody reads the folder, of this machine, before it is complete: what is
	// written is not made durable file by file.
	Fresh bool
}

// Path is the file of an object.
func (f Folder) Path(key string) string {
	if store.IsRemote(f.Dir) {
		return f.Dir + "/" + key
	}
	return filepath.Join(f.Dir, filepath.FromSlash(key))
}

// Open implements Store.
func (f Folder) Open(ctx context.Context, key string) (store.File, store.Info, error) {
	return store.Open(ctx, f.Path(key))
}

// Write implements Store.
func (f Folder) Write(ctx context.Context, key string, data []byte) error {
	path := f.Path(key)
	if !store.IsRemote(path) {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
	}
	if f.Fresh {
		return fresh(ctx, path, data)
	}
	w, err := store.Create(ctx, path)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := write(ctx, w, data); err != nil {
		return err
	}
	return w.Commit()
}

// fresh writes a file of a folder that nobody reads.
func fresh(ctx context.Context, path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(ctx, f, data), f.Close())
}

// write writes data unless the context ends before that.
func write(ctx context.Context, w io.Writer, data []byte) (err error) {
	for part := range pieces(ctx, data, &err) {
		if _, err = w.Write(part); err != nil {
			break
		}
	}
	return err
}
