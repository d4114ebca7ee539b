// Package whole writes files that appear under their names when they are complete, never before.
package whole

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A File is being written beside the path that it will have.
type File struct {
	*os.File
	path string
	done bool
}

// Create makes a temporary file in the folder of path, with the permissions of any new file. Its name begins with a
// dot, so that readers of the folder pass it by.
func Create(path string) (*File, error) {
	for i := 0; ; i++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d.tmp", filepath.Base(path), os.Getpid(), i))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !os.IsExist(err) {
			return &File{File: f, path: path}, err
		}
	}
}

// Write makes the file at path of what fill writes; nothing of it is left when fill fails.
func Write(path string, fill func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	err = fill(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Commit()
	}
	return errors.Join(err, f.Close())
}

// Commit makes the file durable and gives it its name, in place of any file that has it.
func (f *File) Commit() error { return f.commit(os.Rename) }

// CommitNew is Commit, but a file that has the name already is an error and stays as it is.
func (f *File) CommitNew() error {
	return f.commit(func(from, to string) error {
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

func (f *File) commit(name func(from, to string) error) error {
	err := f.Sync()
	if err = errors.Join(err, f.File.Close()); err == nil {
		err = name(f.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	f.done = true
	return nil
}

// Close removes a file that was not committed.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	_ = f.File.Close()
	return os.Remove(f.Name())
}
