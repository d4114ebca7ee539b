package zarr

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/weft-data/weft/internal/whole"
)

// Folder is the store of a folder of this machine: a file per object.
type Folder string

// Path is the file of an object.
func (f Folder) Path(key string) string { return filepath.Join(string(f), filepath.FromSlash(key)) }

// Read implements Store.
func (f Folder) Read(_ context.Context, key string, limit int64) (b []byte, err error) {
	in, err := os.Open(f.Path(key))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes where at most %d are possible", in.Name(), st.Size(), limit)
	}
	b = make([]byte, st.Size())
	_, err = io.ReadFull(in, b)
	return b, err
}

// Write implements Store.
func (f Folder) Write(_ context.Context, key string, data []byte) error {
	path := f.Path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
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
