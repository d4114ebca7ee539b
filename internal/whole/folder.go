package whole

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Folder is being filled beside the path that it will have.
type Folder struct {
	Name string // of the folder as long as it is not complete
	path string
	done bool
}

// CreateFolder makes a temporary folder beside path, which must not be there yet.
func CreateFolder(path string) (*Folder, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	name, err := beside(path, func(name string) error { return os.Mkdir(name, 0o777) })
	return &Folder{Name: name, path: path}, err
}

// Commit makes all files durable and gives the folder its name. A name that is taken is an error.
func (f *Folder) Commit() error {
	err := filepath.WalkDir(f.Name, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		x, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(x.Sync(), x.Close())
	})
	if err == nil {
		err = os.Rename(f.Name, f.path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, known(err, f.Name, f.path))
	}
	f.done = true
	return nil
}

// Close removes a folder that was not committed.
func (f *Folder) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	return os.RemoveAll(f.Name)
}
