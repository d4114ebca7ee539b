package zarr

import (
	"context"
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
		return os.WriteFile(path, data, 0o666)
	}
	w, err := store.Create(ctx, path)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit()
}
