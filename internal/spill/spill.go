// Package spill moves batches between memory and local disk: a Dir counts and
// removes what it holds, a File is a Value whose runs were appended to it.
//
// A file is a sequence of frames, each one batch of at most MaxRows rows:
//
//	┌──────────┬──────────┬──────────┬───────────┬───────────────────────┐
//	│ "wft1" 4 │ rows   4 │ bytes  8 │ xxh3    8 │ body: buffers, each   │
//	│          │          │ of body  │ of body   │ padded to 64 bytes    │
//	└──────────┴──────────┴──────────┴───────────┴───────────────────────┘
//
// The index of frames stays in memory. Small dictionaries do too (frames hold their
// codes), so a spill file means something only to the process that wrote it; they are
// few, see maxDicts, and other text is written as it is. Frames are
// not compressed: to write one and read it back takes a core as long as snappy
// takes to compress it, and half as long as lz4 or less (2.2, 2.4 and 0.7 to 1.4
// GB/s, the file in the system's cache: go test -bench 'WriteRead|Compress').
package spill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// ErrFull says that the disk, or the quota of the folder, has no room.
var ErrFull = errors.New("spill: no room")

// A CorruptError says that a file does not have what was written to it.
type CorruptError struct {
	File *File
	At   int64 // of the frame
	Err  error
	Fate string // what becomes of the file
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("spill: the frame at %d of %s cannot be read: %v (%s)", e.At, e.File.f.Name(), e.Err, e.Fate)
}

// Unwrap returns what was found.
func (e *CorruptError) Unwrap() error { return e.Err }

var errChecksum = errors.New("it does not match its checksum: the disk or its memory is faulty")

// folder begins the names of the folders.
const folder = "weft-spill-"

// A Dir is the place of one process's spill files. It is safe for concurrent
// use.
type Dir struct {
	path    string
	quota   int64 // bytes of all files together; 0 means that the disk is the bound
	mu      sync.Mutex
	made    bool
	n       int
	written atomic.Int64
	held    atomic.Int64 // bytes of the files there are
	full    atomic.Bool
	dicts   atomic.Int64 // bytes of the dictionaries that files keep
	kept    int64        // bytes of its files that are rotten and stay, guarded by keeping
	tell    func(error)
	bufs    buffers
}

// NewDir returns a Dir that makes a fresh folder below parent (the system's
// temporary folder when empty) with its first file.
func NewDir(parent string) *Dir {
	if parent == "" {
		parent = os.TempDir()
	}
	return &Dir{path: parent}
}

// Limit bounds the bytes of the files together, before the first is made; 0 means
// that the disk does.
func (d *Dir) Limit(quota int64) { d.quota = quota }

// Draw has the memory of large frames come from a, while that has some, before the first file is made.
func (d *Dir) Draw(a mem.Allocator) { d.bufs.mem = a }

// Tell has f hear of each file that is found rotten, once; it is called before the first file is made.
func (d *Dir) Tell(f func(err error)) { d.tell = f }

// Written returns the bytes ever spilled.
func (d *Dir) Written() int64 { return d.written.Load() }

// Held returns the bytes of the files there are.
func (d *Dir) Held() int64 { return d.held.Load() }

// Full reports whether the last that was to be written found no room.
func (d *Dir) Full() bool { return d.full.Load() }

// probe is how many bytes there must be room for before a full disk counts as one
// that has room.
const probe = 1 << 20

// Try reports whether there is room again, by writing a file and removing it.
func (d *Dir) Try() bool {
	f, err := d.Create(nil, 0)
	if err == nil {
		err = f.writeBytes(make([]byte, probe), 0)
		f.Release()
	}
	return err == nil
}

// errQuota is the quota's ENOSPC.
var errQuota = errors.New("the quota of the folder is used up")

// refused words an error of writing in a folder, and notes what it says of the disk.
func (d *Dir) refused(path string, err error) error {
	switch {
	case err == nil:
		d.full.Store(false)
		return nil
	case errors.Is(err, errQuota), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		d.full.Store(true)
		return fmt.Errorf("%w in %s beside %d bytes of spilled blocks: %w", ErrFull, path, d.held.Load(), err)
	}
	return fmt.Errorf("spill: %w", err)
}

// Close removes the folder and what is left in it.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.made {
		return nil
	}
	d.made = false
	err := os.RemoveAll(d.path)
	d.path = filepath.Dir(d.path)
	return err
}

// Create makes an empty spill file for batches of schema in n runs; writing to a
// higher run adds runs.
func (d *Dir) Create(schema dtype.Schema, n int) (*File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.made {
		p, err := os.MkdirTemp(d.path, folder)
		if err != nil {
			return nil, fmt.Errorf("%w (choose another folder with --spill-dir)", d.refused(d.path, err))
		}
		d.path, d.made = p, true
	}
	d.n++
	f, err := os.OpenFile(filepath.Join(d.path, fmt.Sprintf("%06d.spill", d.n)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, d.refused(d.path, err)
	}
	return &File{dir: d, f: f, schema: schema, runs: make([]runIndex, n), dicts: map[uint64]*chunk.Dict{}}, nil
}

type frame struct {
	at    int64
	bytes int
	rows  int
}

type runIndex struct {
	frames []frame
	rows   int64
	bytes  int64
}

// A File is a spilled Value. Write is safe for concurrent use. The reading of a
// run begins when the writing of it has ended; other runs may still be written.
type File struct {
	dir    *Dir
	f      *os.File
	schema dtype.Schema
	held   atomic.Int64 // bytes, as the folder counts them
	mu     sync.Mutex
	end    int64
	runs   []runIndex
	dicts  map[uint64]*chunk.Dict
	fate   string // it is rotten: what becomes of it, guarded by keeping
	kept   bool   // it stays
}

// MaxRows is the most rows a frame holds, so that a reader's buffer stays small.
const MaxRows = 16 << 10

// Write appends the rows of b to a run; b stays the caller's. After an error the run has
// some of the rows or none: it is to be forgotten, or the file released.
func (f *File) Write(run int, b *chunk.Batch) error {
	for lo := 0; lo < b.N; lo += MaxRows {
		part := b
		if b.N > MaxRows {
			part = b.Slice(lo, min(b.N, lo+MaxRows))
		}
		if err := f.writeFrame(run, part); err != nil {
			return err
		}
	}
	return nil
}

// maxDicts bounds the bytes of the dictionaries that the files of a folder keep in memory,
// which no budget counts, and maxDict those of each.
const (
	maxDicts = 4 << 20
	maxDict  = 256 << 10
)

// keeps reports whether frames may have the codes of d: the file keeps it already, or can.
func (f *File) keeps(d *chunk.Dict) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dicts[d.ID] != nil {
		return true
	}
	n := d.Bytes()
	if n > maxDict {
		return false
	}
	if f.dir.dicts.Add(n) > maxDicts {
		f.dir.dicts.Add(-n)
		return false
	}
	f.dicts[d.ID] = d
	return true
}

// texts returns b with text in the place of codes whose dictionaries the file does not keep.
func (f *File) texts(b *chunk.Batch) (*chunk.Batch, error) {
	out := b
	for i := range b.Cols {
		v := &b.Cols[i]
		if v.Dict == nil || f.keeps(v.Dict) {
			continue
		}
		plain, _, ok := v.Plain(mem.Heap)
		if !ok {
			return nil, fmt.Errorf("spill: %d rows have 2 GiB of text or more", b.N)
		}
		if out == b {
			out = &chunk.Batch{Cols: slices.Clone(b.Cols), N: b.N, Seq: b.Seq, Sub: b.Sub}
		}
		out.Cols[i] = plain
	}
	return out, nil
}

func (f *File) writeFrame(run int, b *chunk.Batch) error {
	b, err := f.texts(b)
	if err != nil {
		return err
	}
	n := frameSize(b)
	f.mu.Lock()
	at := f.end
	f.end += int64(n)
	f.mu.Unlock()
	f.dir.written.Add(int64(n))
	if n < largeFrame {
		buf := f.dir.bufs.take(n)
		buf.b = appendFrame(buf.b[:0], b)
		err = f.writeBytes(buf.b, at)
		f.dir.bufs.put(buf)
	} else {
		err = f.pour(b, at, n)
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.runs) <= run {
		f.runs = append(f.runs, runIndex{})
	}
	r := &f.runs[run]
	r.frames = append(r.frames, frame{at, n, b.N})
	r.rows += int64(b.N)
	r.bytes += int64(n)
	return nil
}

// Forget empties a run. What it had on disk stays there until the file is released.
func (f *File) Forget(run int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if run < len(f.runs) {
		f.runs[run] = runIndex{}
	}
}

// writeBytes counts b and writes it.
func (f *File) writeBytes(b []byte, at int64) error {
	d, n, err := f.dir, int64(len(b)), error(nil)
	f.held.Add(n)
	if held := d.held.Add(n); d.quota > 0 && held > d.quota {
		err = errQuota
	} else {
		_, err = f.f.WriteAt(b, at)
	}
	return d.refused(filepath.Dir(f.f.Name()), err)
}

// Rows implements chunk.Value.
func (f *File) Rows() (n int64) {
	for i := range f.runs {
		n += f.runs[i].rows
	}
	return n
}

// RunRows returns the rows of one run.
func (f *File) RunRows(run int) int64 { return f.runs[run].rows }

// Bytes implements chunk.Value.
func (f *File) Bytes() int64 { return f.end }

// Runs implements chunk.Value.
func (f *File) Runs() int { return len(f.runs) }

// RunBytes implements chunk.Value.
func (f *File) RunBytes(run int) int64 { return f.runs[run].bytes }

// Release implements chunk.Value: the file is gone, but for one that is rotten and kept.
func (f *File) Release() {
	_ = f.f.Close()
	_ = os.Remove(f.f.Name())
	if held := f.held.Swap(0); !f.isKept() {
		f.dir.held.Add(-held)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.dicts {
		f.dir.dicts.Add(-d.Bytes())
	}
	clear(f.dicts)
}

// Open implements chunk.Value.
func (f *File) Open(run int) (chunk.Reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &reader{f: f, frames: f.runs[run].frames}, nil
}

// dict returns a dictionary that a frame names.
func (f *File) dict(id uint64) *chunk.Dict { f.mu.Lock(); defer f.mu.Unlock(); return f.dicts[id] }

type reader struct {
	f      *File
	frames []frame
	i      int
	buf    *buffer
	batch  chunk.Batch
}

func (r *reader) Seek(i int) error { r.i = i; return nil }

func (r *reader) Close() error {
	if r.buf != nil {
		r.f.dir.bufs.put(r.buf)
		r.buf = nil
	}
	return nil
}
