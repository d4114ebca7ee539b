// Package journal keeps a log of records in a folder that survives the process that
// writes it. The log is files with numbers for names; a file is put under its number
// only if nobody has that number, so the file system orders the log and there is one
// writer: who finds its number taken, or a higher one, has been replaced.
//
//	file    "wftj", 4 bytes kind, records, 8 bytes xxh3 of all before
//	record  4 bytes length, then the bytes
//
// A file of the second kind stands for all before it, which are removed. Records
// that are added while a file is being written go into the next one together.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/internal/outbox"
	"github.com/weft-data/weft/internal/whole"
)

const (
	magic    = "wftj"
	delta    = 1 // records after those before
	snapshot = 2 // records in place of those before
	digits   = 12
	ending   = ".log"
)

// MaxRecord bounds a record.
const MaxRecord = 1<<31 - 1

// ErrDeposed is the error of a writer that another one has replaced.
var ErrDeposed = errors.New("journal: another process has taken over the log")

// ErrClosed is the error of records added after Close.
var ErrClosed = errors.New("journal: closed")

// An entry waits to be written.
type entry struct {
	recs [][]byte
	kind uint32
	then func(error)
}

// A Log is the one writer of a folder. It is safe for concurrent use.
type Log struct {
	dir  string
	out  *outbox.Box[entry]
	next uint64 // the number of the next file; this and err are the writer's
	err  error
}

// Open reads the log in a folder, which is made if there is none, and returns its
// records, oldest first, and their writer. A last file that is not whole, as a crash
// may leave it, is set aside under the name NUMBER.torn; one before the last is an
// error.
func Open(dir string) (*Log, [][]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	nums, err := list(dir)
	if err != nil {
		return nil, nil, err
	}
	l := &Log{dir: dir}
	var recs [][]byte
	for i, n := range nums {
		path := l.path(n)
		kind, more, err := read(path)
		switch {
		case err == nil && kind == snapshot:
			recs = more
		case err == nil:
			recs = append(recs, more...)
		case i == len(nums)-1 && errors.Is(err, errTorn):
			if err := os.Rename(path, path[:len(path)-len(ending)]+".torn"); err != nil {
				return nil, nil, fmt.Errorf("journal: setting a torn file aside: %w", err)
			}
			continue
		default:
			return nil, nil, err
		}
		l.next = n + 1
	}
	l.out = outbox.New(l.write)
	return l, recs, nil
}

func (l *Log) path(n uint64) string {
	return filepath.Join(l.dir, fmt.Sprintf("%0*d%s", digits, n, ending))
}

// list returns the numbers of the files of a folder, lowest first.
func list(dir string) (nums []uint64, err error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	for _, e := range all {
		name, ok := e.Name(), len(e.Name()) >= digits+len(ending) && filepath.Ext(e.Name()) == ending
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(name[:len(name)-len(ending)], 10, 64); err == nil {
			nums = append(nums, n)
		}
	}
	slices.Sort(nums)
	return nums, nil
}

var errTorn = errors.New("it is not whole")

// read reads a file.
func read(path string) (kind uint32, recs [][]byte, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, nil, fmt.Errorf("journal: %w", err)
	}
	torn := fmt.Errorf("journal: %s: %w", path, errTorn)
	if len(b) < 16 || string(b[:4]) != magic || binary.LittleEndian.Uint64(b[len(b)-8:]) != xxh3.Hash(b[:len(b)-8]) {
		return 0, nil, torn
	}
	kind, b = binary.LittleEndian.Uint32(b[4:]), b[8:len(b)-8]
	for len(b) > 0 {
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return 0, nil, torn
		}
		n := int(binary.LittleEndian.Uint32(b))
		recs = append(recs, b[4:4+n:4+n])
		b = b[4+n:]
	}
	if kind != delta && kind != snapshot {
		return 0, nil, fmt.Errorf("journal: %s is of kind %d, which a later release has written", path, kind)
	}
	return kind, recs, nil
}

// Add puts a record at the end of the log and calls then, from one goroutine and in
// order, when it is durable or cannot be any more. Once it could not be, no later
// record is.
func (l *Log) Add(rec []byte, then func(error)) { l.add(entry{[][]byte{rec}, delta, then}) }

// Replace puts records in place of all that were added before.
func (l *Log) Replace(recs [][]byte, then func(error)) { l.add(entry{recs, snapshot, then}) }

func (l *Log) add(e entry) {
	if !l.out.Edit(func(wait []entry) []entry { return append(wait, e) }) {
		go e.then(ErrClosed)
	}
}

// Close writes what was added and ends the writer.
func (l *Log) Close() error {
	l.out.Close()
	return l.err
}

// write writes entries, those of one kind in one file.
func (l *Log) write(list []entry) bool {
	for len(list) > 0 {
		n := 1
		for list[0].kind == delta && n < len(list) && list[n].kind == delta {
			n++
		}
		if l.err == nil {
			l.err = l.put(list[:n])
		}
		for _, e := range list[:n] {
			e.then(l.err)
		}
		list = list[n:]
	}
	return true
}

// put writes entries of one kind as one file.
func (l *Log) put(list []entry) error {
	b := binary.LittleEndian.AppendUint32([]byte(magic), list[0].kind)
	for _, e := range list {
		for _, r := range e.recs {
			if len(r) > MaxRecord {
				return fmt.Errorf("journal: a record of %d bytes", len(r))
			}
			b = append(binary.LittleEndian.AppendUint32(b, uint32(len(r))), r...)
		}
	}
	b = binary.LittleEndian.AppendUint64(b, xxh3.Hash(b))
	f, err := whole.Create(l.path(l.next))
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err = f.Write(b); err == nil {
		err = f.CommitNew()
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, fs.ErrExist) {
			return ErrDeposed
		}
		return fmt.Errorf("journal: %w", err)
	}
	if err := syncDir(l.dir); err != nil {
		return err
	}
	nums, err := below(l.dir, l.next)
	if err != nil {
		return err
	}
	l.next++
	if list[0].kind == snapshot {
		for _, n := range nums {
			if err := os.Remove(l.path(n)); err != nil {
				return fmt.Errorf("journal: %w", err)
			}
		}
	}
	return nil
}

// below returns the numbers below mine. A higher one means that this writer was
// replaced: its number was free because it is that of a file removed since.
func below(dir string, mine uint64) ([]uint64, error) {
	nums, err := list(dir)
	if err != nil {
		return nil, err
	}
	at := slices.Index(nums, mine)
	if at != len(nums)-1 {
		return nil, ErrDeposed
	}
	return nums[:at], nil
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	err = d.Sync()
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
