package spill

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// A file that does not have what was written to it is kept: it gets a second name beside the folder, so that it outlives the process, for
// who wants to know what is wrong with the disk. It keeps its place there, too: what comes next is not written to the same blocks of
// a disk that may be failing. What is kept is bounded, whoever kept it: the first files stay, those after them are removed as others are.
const (
	mostKept  = 16      // files in one place
	keptBytes = 1 << 30 // of them
	quotaPart = 8       // one process keeps at most this part of its quota, of which that takes its share
)

// keptAs begins the names of kept files; those of their folder and their own follow.
const keptAs = "weft-rotten-"

// keeping has the folders of a process count one after the other.
var keeping sync.Mutex

// rotten says that a frame of f is not what was written, and what becomes of f.
func (f *File) rotten(at int64, found error) error {
	fate, first := f.condemn()
	err := &CorruptError{f, at, found, fate}
	if first && f.dir.tell != nil {
		f.dir.tell(err)
	}
	return err
}

// condemn keeps f, which is rotten, if there is room for that. It returns what becomes of it, and whether that was not known before.
func (f *File) condemn() (fate string, first bool) {
	keeping.Lock()
	defer keeping.Unlock()
	if f.fate != "" {
		return f.fate, false
	}
	d, held := f.dir, f.held.Load()
	own, name := filepath.Split(f.f.Name())
	own = filepath.Clean(own)
	place := filepath.Dir(own)
	aside := filepath.Join(place, keptAs+strings.TrimPrefix(filepath.Base(own), folder)+"-"+name)
	n, size := kept(place)
	switch {
	case n >= mostKept || size+held > keptBytes:
		f.fate = fmt.Sprintf("it is not kept: %d such files with %d bytes are in %s", n, size, place)
	case d.quota > 0 && d.kept+held > d.quota/quotaPart || d.full.Load():
		f.fate = "it is not kept: there is no room for it"
	default:
		if err := os.Link(f.f.Name(), aside); err != nil {
			f.fate = fmt.Sprintf("it is not kept: %v", err)
			break
		}
		f.fate, f.kept = "it is kept as "+aside, true
		d.kept += held
	}
	return f.fate, true
}

// kept counts the files that are kept in a place, and their bytes.
func kept(place string) (n int, size int64) {
	files, _ := filepath.Glob(filepath.Join(place, keptAs+"*"))
	for _, path := range files {
		if st, err := os.Stat(path); err == nil {
			n, size = n+1, size+st.Size()
		}
	}
	return n, size
}

// isKept reports whether the file has a second name.
func (f *File) isKept() bool { keeping.Lock(); defer keeping.Unlock(); return f.kept }

// KeepRotten moves files that were kept in a folder that is about to be removed to another one, as far as there is room.
func KeepRotten(from, to string) {
	keeping.Lock()
	defer keeping.Unlock()
	files, _ := filepath.Glob(filepath.Join(from, keptAs+"*"))
	n, size := kept(to)
	for _, path := range files {
		st, err := os.Stat(path)
		if err == nil && n < mostKept && size+st.Size() <= keptBytes && os.Rename(path, filepath.Join(to, filepath.Base(path))) == nil {
			n, size = n+1, size+st.Size()
		}
	}
}
