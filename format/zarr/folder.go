package zarr

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/weft-data/weft/internal/whole"
)

// A Folder is the store of a folder of this machine: a file per object.
type Folder struct {
	Dir string
	// Fresh says that nobody reads the folder before it is complete: what is written is not
	// made durable file by file.
	Fresh bool
}

// Path is the file of an object.
func (f Folder) Path(key string) string { return filepath.Join(f.Dir, filepath.FromSlash(key)) }

// Open implements Store.
func (f Folder) Open(_ context.Context, key string) (Object, error) { return OpenFile(f.Path(key)) }

// file is an open file of known size.
type file struct {
	*os.File
	st os.FileInfo
}

func (f file) Size() int64 { return f.st.Size() }

// OpenFile opens a file as an object.
func OpenFile(path string) (Object, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return file{f, st}, nil
}

// Write implements Store.
func (f Folder) Write(_ context.Context, key string, data []byte) error {
	path := f.Path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if f.Fresh {
		return os.WriteFile(path, data, 0o666)
	}
	w, err := whole.Create(path)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit()
}
