package parquet

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/whole"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// FolderOptions are the options of writing a folder. The zero value is good.
type FolderOptions struct {
	// By names the columns whose values become folders key=value; the files do not have them. Their types are
	// integers, bool, utf8 or date.
	By []string
	// Append adds files to a folder that has some, in a folder run-<number> of their own; without it such a folder is an
	// error.
	Append bool
	WriteOptions
}

// FolderParams are the parameters of parquet.folder and parquet.commit. Folder makes them.
type FolderParams struct {
	Dir     string // what appears at the end: the folder, or with New unset a folder run-<number> in it
	New     bool
	Stage   string // where files are until then
	Options FolderOptions
}

// Folder looks at a folder that will be written and returns the parameters.
func Folder(dir string, o FolderOptions) (FolderParams, error) {
	if store.IsRemote(dir) {
		return FolderParams{}, fmt.Errorf("%s: folders are written to paths of this machine: what is renamed as a whole, appears as a whole", store.Name(dir))
	}
	dir = filepath.Clean(dir)
	id := fmt.Sprintf("%d-%d", time.Now().UnixNano(), os.Getpid())
	p := FolderParams{Dir: dir, New: true, Stage: filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".stage-"+id), Options: o}
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return p, err
	case !st.IsDir():
		return p, fmt.Errorf("%s is a file, not a folder", dir)
	}
	p.New, p.Stage = false, filepath.Join(dir, "_stage-"+id)
	if o.Append {
		return p, nil
	}
	return p, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = fmt.Errorf("%s is there already: the option Append adds to folder %s", path, dir)
		}
		return err
	})
}

// Abandon removes what was written of a folder that failed.
func (p *FolderParams) Abandon() error { return os.RemoveAll(p.Stage) }

// filesSchema is the output of parquet.folder: the files of a block, by their paths below the folder.
var filesSchema = dtype.Schema{{Name: "file", Type: dtype.Of(dtype.Utf8)}, {Name: "rows", Type: dtype.Of(dtype.Int64)}}

// WriteFolder is the operator parquet.folder: every block writes files of its own, or in folders key=value, where
// nobody sees them yet. Its output are the files; parquet.commit, which reads those of all blocks, makes them the
// folder, so that the rows of a block that was written twice, after a failure, are there once.
var WriteFolder = op.Register(op.Spec[FolderParams]{
	Name: "parquet.folder", Version: 2, Class: op.Writing,
	Doc: "writes the files of a folder of Parquet files",
	Infer: func(p FolderParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(in[0].Schema); err != nil {
			return op.Meta{}, err
		}
		return op.Meta{Schema: filesSchema, Rows: -1, Bytes: -1}, nil
	},
	Mem:  func(FolderParams, op.Meta) op.Need { return op.Need{Floor: 16 << 20, Want: 64 << 20} },
	Text: func(p FolderParams) string { return fmt.Sprintf("%q by %s", p.Dir, strings.Join(p.Options.By, ", ")) },
	Pipe: func(p FolderParams, in op.Meta) (op.Pipe, error) {
		w := newFolderPipe(p, in.Schema)
		return op.Writes(func(t op.Task) (op.RowWriter, error) {
			return &folder{folderPipe: w, task: t, parts: map[string]*partition{}}, nil
		}), nil
	},
})

func (p *FolderParams) check(s dtype.Schema) error {
	for _, c := range p.Options.By {
		i, err := s.Find(c)
		if err != nil {
			return fmt.Errorf("option By: %w", err)
		}
		if k := s[i].Type.Kind; !k.IsInt() && k != dtype.Bool && k != dtype.Utf8 && k != dtype.Date {
			return fmt.Errorf("option By: column %q is %s, want integers, bool, utf8 or date", c, s[i].Type)
		}
	}
	if len(p.Options.By) >= len(s) {
		return fmt.Errorf("option By: no column is left for the files")
	}
	return p.Options.check(newFolderPipe(*p, s).schema)
}

type folderPipe struct {
	p      FolderParams
	by     []int // key columns
	rest   []int // those of the files
	keys   dtype.Schema
	schema dtype.Schema // of the files
}

func newFolderPipe(p FolderParams, s dtype.Schema) *folderPipe {
	w := &folderPipe{p: p}
	if len(p.Options.By) > 0 && p.Options.RowGroupRows == 0 {
		w.p.Options.RowGroupRows = defaultGroup / 8
	}
	for _, c := range p.Options.By {
		w.by = append(w.by, s.Index(c))
	}
	for i := range s {
		if !slices.Contains(p.Options.By, s[i].Name) {
			w.rest = append(w.rest, i)
		}
	}
	w.keys, w.schema = s.Pick(w.by), s.Pick(w.rest)
	return w
}

const (
	// maxOpen is how many files a block writes at once.
	maxOpen = 1024
	// A partition's rows are encoded when they are so many, or so many bytes.
	flushRows  = 1 << 14
	flushBytes = 1 << 20
)

// A folder is the files of one block, written by one thread in row order.
type folder struct {
	*folderPipe
	task  op.Task
	parts map[string]*partition // by the path of its folder
	order []*partition
	name  []byte
	pick  chunk.Batch
}

// A partition is one file.
type partition struct {
	name  string // below the folder
	file  *whole.File
	buf   *bufio.Writer
	out   *fileWriter
	rows  *chunk.Builder
	idx   []uint32
	total int64
}

// Finish implements op.RowWriter: the files get their names, where nobody looks yet.
func (f *folder) Finish(out op.Out, rows int64) error {
	if rows == 0 && len(f.by) == 0 && f.task.Block() == 0 {
		if _, err := f.of(nil); err != nil { // a folder of no rows has columns
			return err
		}
	}
	b := chunk.NewBuilder(filesSchema, f.task)
	defer b.Close()
	for _, p := range f.order {
		err := f.flush(p)
		if err == nil {
			err = p.out.finish()
		}
		if err == nil {
			err = p.buf.Flush()
		}
		if err == nil {
			err = p.file.Commit()
		}
		if err == nil {
			err = b.Append(&chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: filesSchema[0].Type, N: 1, Off: []int32{0, int32(len(p.name))}, Str: []byte(p.name)},
				{Type: filesSchema[1].Type, N: 1, Data: chunk.Bytes([]int64{p.total})}}})
		}
		if err != nil {
			return p.wrap(err)
		}
		p.out.close()
	}
	return out.Put(0, b.Flush())
}

func (p *partition) wrap(err error) error { return fmt.Errorf("writing %s: %w", p.name, err) }

// Close implements op.RowWriter: what is not complete leaves nothing behind.
func (f *folder) Close() (err error) {
	for _, p := range f.order {
		p.rows.Close()
		p.out.close()
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
	p := &partition{name: filepath.Join(string(name), fmt.Sprintf("part-%d.parquet", f.task.Block()))}
	path := filepath.Join(f.p.Stage, p.name)
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		p.file, err = whole.Create(path)
	}
	if err != nil {
		return nil, err
	}
	p.buf = bufio.NewWriterSize(p.file, 4<<10)
	if p.out, err = newFileWriter(f.task, p.buf, f.schema, f.p.Options.WriteOptions); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	p.rows = chunk.NewBuilder(f.schema, f.task)
	f.parts[string(name)] = p
	f.order = append(f.order, p)
	return p, nil
}

// flush encodes the rows of a partition.
func (f *folder) flush(p *partition) error {
	if p.rows.Len() == 0 {
		return nil
	}
	b := p.rows.Flush()
	defer b.Release()
	p.total += int64(b.N)
	return p.out.push(b)
}

// shrink gives back the memory of all partitions: their row groups end.
func (f *folder) shrink() error {
	for _, p := range f.order {
		err := f.flush(p)
		if err == nil {
			err = p.out.shrink()
		}
		if err != nil {
			return p.wrap(err)
		}
	}
	return nil
}

// Push implements op.RowWriter.
func (f *folder) Push(m *chunk.Batch) error {
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
			if err = f.shrink(); err == nil {
				err = p.rows.AppendRows(rest, p.idx)
			}
		}
		p.idx = p.idx[:0]
		if err == nil && (p.rows.Len() >= flushRows || p.rows.Bytes() >= flushBytes) {
			err = f.flush(p)
		}
		if err != nil {
			return p.wrap(err)
		}
	}
	return nil
}

// CommitFolder is the operator parquet.commit: it reads the files that all blocks of parquet.folder wrote and makes
// them the folder, all with one rename. Files of attempts that failed are removed before. Its output is one row: the
// number of rows written.
var CommitFolder = op.Register(op.Spec[FolderParams]{
	Name: "parquet.commit", Version: 1, Class: op.Writing,
	Doc: "makes written Parquet files a folder",
	Infer: func(_ FolderParams, in []op.Meta) (op.Meta, error) {
		if !slices.Equal(in[0].Schema, filesSchema) {
			return op.Meta{}, fmt.Errorf("parquet.commit reads the files of parquet.folder, not %s", in[0].Schema)
		}
		return op.Meta{Schema: op.WrittenSchema, Rows: 1, Bytes: 8}, nil
	},
	Mem:  func(FolderParams, op.Meta) op.Need { return op.Need{Floor: 1 << 20, Want: 1 << 20} },
	Text: func(p FolderParams) string { return fmt.Sprintf("%q", p.Dir) },
	Pipe: func(p FolderParams, _ op.Meta) (op.Pipe, error) {
		return op.Writes(func(op.Task) (op.RowWriter, error) { return &commit{p: p, files: map[string]int64{}}, nil }), nil
	},
})

// A commit is a folder about to appear.
type commit struct {
	p     FolderParams
	files map[string]int64 // rows by path below the folder
}

// Push implements op.RowWriter.
func (c *commit) Push(m *chunk.Batch) error {
	for i := range m.N {
		c.files[strings.Clone(m.Cols[0].Text(i))] = chunk.Values[int64](&m.Cols[1])[i]
	}
	return nil
}

// Close implements op.RowWriter.
func (c *commit) Close() error { return nil }

// Finish implements op.RowWriter.
func (c *commit) Finish(out op.Out, _ int64) error {
	if err := os.MkdirAll(c.p.Stage, 0o777); err != nil {
		return err
	}
	if err := c.tidy(); err != nil {
		return err
	}
	total := int64(0)
	for f, rows := range c.files {
		if _, err := os.Stat(filepath.Join(c.p.Stage, f)); err != nil {
			return fmt.Errorf("a file that was written is gone, or is on another machine: folders need a path that all workers share: %w", err)
		}
		total += rows
	}
	if err := c.rename(); err != nil {
		return fmt.Errorf("writing %s: %w", c.p.Dir, err)
	}
	return op.Written(out, total)
}

// tidy removes files that are not the committed ones.
func (c *commit) tidy() error {
	return filepath.WalkDir(c.p.Stage, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(c.p.Stage, path)
		if _, ok := c.files[name]; err == nil && !ok {
			err = os.Remove(path)
		}
		return err
	})
}

// rename gives the folder its name, or a part of it a name that is free.
func (c *commit) rename() error {
	if c.p.New {
		return os.Rename(c.p.Stage, c.p.Dir) // fails when there are files in it by now
	}
	for n := 0; ; n++ {
		to := filepath.Join(c.p.Dir, fmt.Sprintf("run-%d", n))
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		err := os.Rename(c.p.Stage, to)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
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
