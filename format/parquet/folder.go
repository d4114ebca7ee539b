package parquet

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/whole"
	"github.com/weft-data/weft/op"
)

// FolderOptions are the options of writing a folder. The zero value is good.
type FolderOptions struct {
	// By names the columns whose values become folders key=value; the files do not have them. Their types are
	// integers, bool, utf8 or date.
	By []string
	// Append adds files to a folder that has some; without it such a folder is an error.
	Append       bool
	Codec        string // "zstd" (the default), "snappy" or "none"
	RowGroupRows int64  // 0 means 2^20, and 2^17 with By
}

// FolderParams are the parameters of parquet.folder. Folder makes them.
type FolderParams struct {
	Dir     string
	Run     int64 // files are called part-<run>-<block>.parquet
	Options FolderOptions
}

// Folder looks at a folder that will be written and returns the parameters: with Append the next number of a run.
func Folder(dir string, o FolderOptions) (FolderParams, error) {
	p := FolderParams{Dir: dir, Options: o}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path == dir:
			return nil
		case err != nil:
			return err
		case path == dir && !d.IsDir():
			return fmt.Errorf("%s is a file, not a folder", dir)
		case d.IsDir():
			return nil
		case !o.Append:
			return fmt.Errorf("%s is there already: the option Append adds to folder %s", path, dir)
		}
		if x := strings.Split(d.Name(), "-"); len(x) == 3 && x[0] == "part" {
			if n, err := strconv.ParseInt(x[1], 10, 62); err == nil {
				p.Run = max(p.Run, n+1)
			}
		}
		return nil
	})
	return p, err
}

// WriteFolder is the operator parquet.folder: every block writes files of its own into a folder, or into folders
// key=value below it. A file appears when it is complete, all files of a block at its end. The output of a block is
// one row: the number of rows written.
var WriteFolder = op.Register(op.Spec[FolderParams]{
	Name: "parquet.folder", Version: 1, Class: op.Writing,
	Doc: "writes a folder of Parquet files",
	Infer: func(p FolderParams, in []op.Meta) (op.Meta, error) {
		switch p.Options.Codec {
		case "", "zstd", "snappy", "none":
		default:
			return op.Meta{}, fmt.Errorf("codec %q: want zstd, snappy or none", p.Options.Codec)
		}
		for _, c := range p.Options.By {
			i, err := in[0].Schema.Find(c)
			if err != nil {
				return op.Meta{}, fmt.Errorf("option By: %w", err)
			}
			if k := in[0].Schema[i].Type.Kind; !k.IsInt() && k != dtype.Bool && k != dtype.Utf8 && k != dtype.Date {
				return op.Meta{}, fmt.Errorf("option By: column %q is %s, want integers, bool, utf8 or date", c, in[0].Schema[i].Type)
			}
		}
		if len(p.Options.By) >= len(in[0].Schema) {
			return op.Meta{}, fmt.Errorf("option By: no column is left for the files")
		}
		return op.Meta{Schema: WrittenSchema, Rows: 1, Bytes: 8}, nil
	},
	Mem:  func(FolderParams, op.Meta) op.Need { return op.Need{Floor: 16 << 20, Want: 64 << 20} },
	Text: func(p FolderParams) string { return fmt.Sprintf("%q by %s", p.Dir, strings.Join(p.Options.By, ", ")) },
	Pipe: func(p FolderParams, in op.Meta) (op.Pipe, error) { return newFolderPipe(p, in.Schema), nil },
})

type folderPipe struct {
	p      FolderParams
	by     []int // key columns
	rest   []int // those of the files
	keys   dtype.Schema
	schema dtype.Schema // of the files
	arrow  *arrow.Schema
}

func newFolderPipe(p FolderParams, s dtype.Schema) *folderPipe {
	w := &folderPipe{p: p}
	for _, c := range p.Options.By {
		w.by = append(w.by, s.Index(c))
	}
	for i := range s {
		if !contains(p.Options.By, s[i].Name) {
			w.rest = append(w.rest, i)
		}
	}
	w.keys, w.schema = s.Pick(w.by), s.Pick(w.rest)
	w.arrow = chunk.ToArrowSchema(w.schema)
	return w
}

func contains(s []string, x string) bool {
	for _, y := range s {
		if x == y {
			return true
		}
	}
	return false
}

// Open implements op.Pipe.
func (w *folderPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return &folder{folderPipe: w, task: t, parts: map[string]*partition{}}, nil
}

// Close implements op.Pipe.
func (w *folderPipe) Close() error { return nil }

const (
	// maxOpen is how many files a block writes at once.
	maxOpen = 1024
	// A partition's rows are written when they are so many, or so many bytes.
	flushRows  = 1 << 16
	flushBytes = 4 << 20
)

// A folder is the files of one block, written by one thread in row order.
type folder struct {
	*folderPipe
	task  op.Task
	parts map[string]*partition // by the path of its folder
	order []*partition
	name  []byte
	pick  chunk.Batch
	total int64
}

// A partition is one file.
type partition struct {
	file *whole.File
	out  *guard.Writer
	rows *chunk.Builder
	idx  []uint32
}

// Serial implements op.Serial.
func (f *folder) Serial() bool { return true }

// Local implements op.Stage.
func (f *folder) Local() (op.Local, error) { return folderLocal{f}, nil }

// Drain implements op.Stage.
func (f *folder) Drain() (op.Feed, error) { return nil, nil }

// Finish implements op.Stage: the files get their names.
func (f *folder) Finish(out op.Out) error {
	for _, p := range f.order {
		if err := f.flush(p); err != nil {
			return err
		}
		if err := p.out.Close(); err != nil {
			return fmt.Errorf("writing %s: %w", p.file.Name(), err)
		}
	}
	for _, p := range f.order {
		if err := p.file.CommitNew(); err != nil {
			return err
		}
	}
	return out.Put(0, &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: WrittenSchema[0].Type, N: 1, Data: chunk.Bytes([]int64{f.total})}}})
}

// Close implements op.Stage: what is not complete leaves nothing behind.
func (f *folder) Close() (err error) {
	for _, p := range f.order {
		p.rows.Close()
		err = errors.Join(err, p.file.Close())
	}
	return err
}

// of returns the partition of a folder, opening it when it is new.
func (f *folder) of(name []byte) (*partition, error) {
	if p := f.parts[string(name)]; p != nil {
		return p, nil
	}
	if len(f.order) == maxOpen {
		return nil, fmt.Errorf("more than %d different keys (%s) in one block: sort by them first, or choose fewer", maxOpen, strings.Join(f.p.Options.By, ", "))
	}
	dir := filepath.Join(f.p.Dir, string(name))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	file, err := whole.Create(filepath.Join(dir, fmt.Sprintf("part-%d-%d.parquet", f.p.Run, f.task.Block())))
	if err != nil {
		return nil, err
	}
	codec, per := f.p.Options.Codec, f.p.Options.RowGroupRows
	if codec == "" {
		codec = "zstd"
	}
	if per == 0 && len(f.by) > 0 {
		per = 1 << 17
	}
	out, err := guard.NewWriter(file, f.arrow, guard.WriteOptions{Codec: codec, RowGroupRows: per})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	p := &partition{file: file, out: out, rows: chunk.NewBuilder(f.schema, f.task)}
	f.parts[string(name)] = p
	f.order = append(f.order, p)
	return p, nil
}

// flush writes the rows of a partition.
func (f *folder) flush(p *partition) error {
	if p.rows.Len() == 0 {
		return nil
	}
	b := p.rows.Flush()
	defer b.Release()
	rec, err := chunk.ToRecord(f.arrow, f.schema, b)
	if err == nil {
		err = p.out.Write(rec)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", p.file.Name(), err)
	}
	return nil
}

type folderLocal struct{ *folder }

// Close implements op.Local.
func (l folderLocal) Close(op.Sink, bool) error { return nil }

// Push implements op.Local.
func (l folderLocal) Push(m *chunk.Batch, _ op.Sink) error {
	f := l.folder
	f.total += int64(m.N)
	for i := range m.N {
		f.name = f.name[:0]
		for k, c := range f.by {
			if k > 0 {
				f.name = append(f.name, filepath.Separator)
			}
			f.name = appendKey(f.name, f.keys[k].Name, &m.Cols[c], i)
		}
		p, err := f.of(f.name)
		if err != nil {
			return err
		}
		p.idx = append(p.idx, uint32(i))
	}
	rest := m.Pick(f.rest, &f.pick)
	for _, p := range f.order {
		if len(p.idx) == 0 {
			continue
		}
		err := p.rows.AppendRows(rest, p.idx)
		if errors.Is(err, mem.ErrBudget) { // room comes from what all partitions hold
			err = nil
			for _, q := range f.order {
				err = errors.Join(err, f.flush(q))
			}
			if err == nil {
				err = p.rows.AppendRows(rest, p.idx)
			}
		}
		p.idx = p.idx[:0]
		if err == nil && (p.rows.Len() >= flushRows || p.rows.Bytes() >= flushBytes) {
			err = f.flush(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appendKey appends key=value for row i of v.
func appendKey(dst []byte, name string, v *chunk.Vec, i int) []byte {
	dst = append(append(dst, strings.ReplaceAll(url.PathEscape(name), "=", "%3D")...), '=')
	if v.IsNull(i) {
		return append(dst, hiveNull...)
	}
	switch v.Type.Kind {
	case dtype.Utf8:
		return append(dst, escaped(v.Text(i))...)
	case dtype.Bool:
		return strconv.AppendBool(dst, v.Bool(i))
	case dtype.Date:
		return time.Unix(int64(chunk.Values[int32](v)[i])*86400, 0).UTC().AppendFormat(dst, time.DateOnly)
	case dtype.Int8:
		return strconv.AppendInt(dst, int64(chunk.Values[int8](v)[i]), 10)
	case dtype.Int16:
		return strconv.AppendInt(dst, int64(chunk.Values[int16](v)[i]), 10)
	case dtype.Int32:
		return strconv.AppendInt(dst, int64(chunk.Values[int32](v)[i]), 10)
	case dtype.Int64:
		return strconv.AppendInt(dst, chunk.Values[int64](v)[i], 10)
	case dtype.Uint8:
		return strconv.AppendUint(dst, uint64(chunk.Values[uint8](v)[i]), 10)
	case dtype.Uint16:
		return strconv.AppendUint(dst, uint64(chunk.Values[uint16](v)[i]), 10)
	case dtype.Uint32:
		return strconv.AppendUint(dst, uint64(chunk.Values[uint32](v)[i]), 10)
	}
	return strconv.AppendUint(dst, chunk.Values[uint64](v)[i], 10)
}

// escaped makes text a part of a path that readers turn back: only what paths, or the rule key=value, need otherwise
// is changed.
func escaped(s string) string {
	if s == hiveNull {
		return "%5F" + s[1:]
	}
	plain := true
	for _, c := range []byte(s) {
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c >= 0x80)
	}
	if plain {
		return s
	}
	return url.PathEscape(s)
}
