// Package whole writes files that appear under their names when they are complete, never before.
package whole

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A File is being written beside the path that it will have.
type File struct {
	*os.File
	path string
	done bool
	size int64 // written in order
	sent int64 // of it, on the way to the disk
}

// sendBytes are sent on their way to the disk together.
const sendBytes = 8 << 20

// Write implements io.Writer. The disk begins while the file is being written, so that Commit has little to wait for.
func (f *File) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.wrote(int64(n))
	return n, known(err, f.Name(), f.path)
}

// ReadFrom implements io.ReaderFrom, as the system does it best.
func (f *File) ReadFrom(r io.Reader) (int64, error) {
	n, err := f.File.ReadFrom(r)
	f.wrote(n)
	return n, known(err, f.Name(), f.path)
}

// known is err about the path that the user knows, not the temporary one.
func known(err error, temp, path string) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) && e.Path == temp {
		e.Path = path
	}
	if e := (*os.LinkError)(nil); errors.As(err, &e) && e.Old == temp {
		return &fs.PathError{Op: e.Op, Path: path, Err: e.Err}
	}
	return err
}

func (f *File) wrote(n int64) {
	if f.size += n; f.size-f.sent >= sendBytes {
		send(f.File, f.sent, f.size-f.sent)
		f.sent = f.size
	}
}

// Create makes a temporary file in the folder of path, or of the file that path is a link to. It has the permissions of
// the file that is there, else of any new one. Its name begins with a dot, so that readers of the folder pass it by. What
// is there and no regular file, a device for example, is an error: its name would be taken from it.
func Create(path string) (*File, error) {
	to, err := target(path)
	if err != nil {
		return &File{}, err
	}
	x, perm := &File{path: to}, fs.FileMode(0o666)
	st, err := os.Stat(to)
	there := err == nil
	if there {
		if perm = st.Mode().Perm(); !st.Mode().IsRegular() {
			return x, fmt.Errorf("%s is there and not a regular file", path)
		}
	}
	_, err = beside(to, func(name string) (err error) {
		x.File, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		return err
	})
	if err == nil && there { // what the mask of new files takes away
		if err = x.Chmod(perm); err != nil {
			err = errors.Join(fmt.Errorf("writing %s: %w", path, err), x.Close())
		}
	}
	return x, err
}

// target follows links: a file takes the place of what they lead to, not theirs.
func target(path string) (string, error) {
	at := path
	for range 40 {
		to, err := os.Readlink(at)
		if err != nil {
			return at, nil // not a link, or nothing
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(at), to)
		}
		at = to
	}
	return "", fmt.Errorf("%s: too many links", path)
}

// beside makes something under a name that is free in the folder of path.
func beside(path string, create func(name string) error) (name string, err error) {
	for i := 0; ; i++ {
		name = filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d.tmp", filepath.Base(path), os.Getpid(), i))
		if err = create(name); !os.IsExist(err) {
			return name, known(err, name, path)
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
	temp := f.Name()
	err := errors.Join(known(f.Sync(), temp, f.path), known(f.File.Close(), temp, f.path))
	if err == nil {
		err = known(name(temp, f.path), temp, f.path)
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
