package parquet

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/scan"
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
	// error. By must name the same keys as those of the files that are there, and columns of the same names must have types
	// that readers unite.
	//
	// Several programs may append at the same time: each gets a number of its own, readers see all files of one of them or
	// none, and who comes last is refused, with nothing left behind, if its rows do not fit to what others added meanwhile.
	// What is looked at and named is under a lock of the folder where its file system has such locks (flock), else two that do
	// not fit may still come both. What a program that was killed had written stays in a folder _stage-<name>, which readers
	// pass by and anybody may remove. At a URL nothing of this holds: files appear one by one, and those of a program that was
	// killed stay, under names part-<name> that all its files have.
	Append bool
	WriteOptions
}

// FolderParams are the parameters of parquet.folder and parquet.commit. Folder makes them.
type FolderParams struct {
	Dir     string // what appears at the end: the folder, or with New unset a folder run-<number> in it
	New     bool
	Run     int32        // the least number that was free when it was looked at
	Schema  dtype.Schema // of the rows, to append them
	Stage   string       // where files are until then; of a URL Dir itself, where objects cannot be renamed
	Part    string       // what the names of files begin with
	Options FolderOptions
}

// stage begins the names of folders in which files are until they are complete. Readers pass them by.
const stage = "_stage-"

// Folder looks at a folder into which rows of schema s will be written and returns the parameters. To append it reads the
// footers of the files that are there, as readers of the folder do.
func Folder(ctx context.Context, dir string, s dtype.Schema, o FolderOptions) (FolderParams, error) {
	id := rand.Text()
	if store.IsRemote(dir) {
		p := FolderParams{Dir: dir, Stage: dir, Part: "part-" + id + "-", Options: o}
		there, err := p.objects(ctx)
		switch {
		case err == nil && o.Append:
			err = p.joins(ctx, s, there)
		case err == nil && len(there) > 0:
			err = fmt.Errorf("%s is there already: the option Append adds to folder %s", store.Name(there[0].Path), store.Name(dir))
		}
		return p, err
	}
	dir = filepath.Clean(dir)
	p := FolderParams{Dir: dir, New: true, Schema: s, Stage: filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".stage-"+id), Part: "part-", Options: o}
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return p, err
	case !st.IsDir():
		return p, fmt.Errorf("%s is a file, not a folder", dir)
	}
	p.New, p.Stage = false, filepath.Join(dir, stage+id)
	if o.Append {
		for p.taken(p.Run) { // before what is there is looked at
			p.Run++
		}
		there, err := p.objects(ctx)
		if err != nil {
			return p, err
		}
		return p, p.joins(ctx, s, there)
	}
	return p, p.empty()
}

// empty reports the first file of a folder to which nothing is to be added, but for those that are not complete.
func (p *FolderParams) empty() error {
	return filepath.WalkDir(p.Dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err == nil && d.IsDir() && strings.HasPrefix(d.Name(), stage):
			return fs.SkipDir
		case err == nil && !d.IsDir():
			err = fmt.Errorf("%s is there already: the option Append adds to folder %s", path, p.Dir)
		}
		return err
	})
}

// run is the folder of a number.
func (p *FolderParams) run(n int32) string { return filepath.Join(p.Dir, fmt.Sprintf("run-%d", n)) }

// taken reports whether a number is.
func (p *FolderParams) taken(n int32) bool { _, err := os.Lstat(p.run(n)); return err == nil }

// since lists what others have added since the folder was looked at.
func (p *FolderParams) since(ctx context.Context) ([]store.Place, error) {
	if p.New {
		return p.objects(ctx)
	}
	var found []store.Place
	for n := p.Run; p.taken(n); n++ {
		more, err := store.Find(ctx, []string{p.run(n)})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // of no rows
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// objects lists what is in the folder.
func (p *FolderParams) objects(ctx context.Context) ([]store.Place, error) {
	found, err := store.Find(ctx, []string{p.Dir})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return found, err
}

// Abandon removes what was written of a folder that failed.
func (p *FolderParams) Abandon(ctx context.Context) error {
	if !store.IsRemote(p.Dir) {
		return os.RemoveAll(p.Stage)
	}
	found, err := p.objects(ctx)
	for _, x := range found {
		if strings.HasPrefix(path.Base(store.Name(x.Path)), p.Part) {
			err = errors.Join(err, store.Remove(ctx, x.Path))
		}
	}
	return err
}

// known is err by the path of the folder that the user knows, not by the one where its files are until it is complete.
func (p *FolderParams) known(err error) error {
	if err == nil || p.Stage == p.Dir {
		return err
	}
	return &elsewhere{err, p.Stage, p.Dir}
}

// elsewhere is an error about a folder that is known by another path.
type elsewhere struct {
	err   error
	stage string
	dir   string
}

func (e *elsewhere) Error() string { return strings.ReplaceAll(e.err.Error(), e.stage, e.dir) }
func (e *elsewhere) Unwrap() error { return e.err }

// filesSchema is the output of parquet.folder: the files of a block, by their paths below the folder.
var filesSchema = dtype.Schema{{Name: "file", Type: dtype.Of(dtype.Utf8)}, {Name: "rows", Type: dtype.Of(dtype.Int64)}}

// WriteFolder is the operator parquet.folder: every block writes files of its own, or in folders key=value, where
// nobody sees them yet. Its output are the files; parquet.commit, which reads those of all blocks, makes them the
// folder, so that the rows of a block that was written twice, after a failure, are there once.
var WriteFolder = op.Register(op.Spec[FolderParams]{
	Name: "parquet.folder", Version: 4, Class: op.Writing,
	Doc: "writes the files of a folder of Parquet files",
	Infer: func(p FolderParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(in[0].Schema); err != nil {
			return op.Meta{}, err
		}
		return op.Meta{Schema: filesSchema, Rows: -1, Bytes: -1}, nil
	},
	Mem: func(FolderParams, op.Meta) op.Need { return op.Need{Floor: 16 << 20, Want: 64 << 20} },
	Text: func(p FolderParams) string {
		return fmt.Sprintf("%q by %s", store.Name(p.Dir), strings.Join(p.Options.By, ", "))
	},
	Pipe: func(p FolderParams, in op.Meta) (op.Pipe, error) {
		w := newFolderPipe(p, in.Schema)
		return op.Writes(func(t op.Task) (op.RowWriter, error) {
			return &folder{folderPipe: w, task: count(t), parts: map[string]*partition{}}, nil
		}), nil
	},
})

func (p *FolderParams) check(s dtype.Schema) error {
	for n, c := range p.Options.By {
		i, err := s.Find(c)
		if err == nil && slices.Contains(p.Options.By[:n], c) {
			err = fmt.Errorf("column %q is there twice", c)
		}
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
	in     dtype.Schema
}

func newFolderPipe(p FolderParams, s dtype.Schema) *folderPipe {
	w := &folderPipe{p: p, in: s}
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
	// maxFiles is how many files a block writes.
	maxFiles = 1024
	// openBytes is what a file should be able to gather, when there are more than leastOpen of them at the same time.
	openBytes = 512 << 10
	leastOpen = 16
	// A partition's rows are encoded when they are so many, or so many bytes.
	flushRows  = 1 << 14
	flushBytes = 1 << 20
	// fileBytes is about what an open file has on the garbage-collected heap.
	fileBytes = 48 << 10
)

// A folder is the files of one block, written by one thread in row order.
type folder struct {
	*folderPipe
	task  *counted
	parts map[string]*partition // those that are open, by the path of their folder
	order []*partition
	later later
	over  bool // the rows that waited are written: the files of a run are all open at the same time
	name  []byte
	pick  chunk.Batch
}

// A partition is one file.
type partition struct {
	name    string // below the folder
	file    store.Output
	buf     *bufio.Writer
	out     *fileWriter
	rows    *chunk.Builder
	idx     []uint32
	total   int64
	counted int64 // bytes
}

// Finish implements op.RowWriter: the files get their names, where nobody looks yet.
func (f *folder) Finish(out op.Out, rows int64) error {
	if rows == 0 && len(f.by) == 0 && f.task.Block() == 0 {
		if _, err := f.of(nil); err != nil { // a folder of no rows has columns
			return err
		}
	}
	b := chunk.NewBuilder(filesSchema, f.task.Task) // whose output it is
	defer b.Close()
	if err := f.complete(b); err != nil {
		return err
	}
	if err := f.spill(); err != nil {
		return err
	}
	f.over = true
	for run := range min(len(f.later.runs), laterRuns) {
		if err := f.again(run); err != nil {
			return err
		}
		if err := f.complete(b); err != nil {
			return err
		}
	}
	return out.Put(0, b.Flush())
}

// complete ends the files that are open, and notes them in b.
func (f *folder) complete(b *chunk.Builder) error {
	for len(f.order) > 0 {
		p := f.order[0]
		err := f.flush(p)
		if err == nil {
			err = f.task.encode(p.out.finish)
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
			return f.wrap(p, err)
		}
		f.order[0], f.order = nil, f.order[1:]
		if err := f.close(p); err != nil {
			return f.wrap(p, err)
		}
	}
	clear(f.parts)
	f.order = nil
	return nil
}

// close frees what a file has, and removes it if it is not complete.
func (f *folder) close(p *partition) error {
	p.rows.Close()
	p.out.close()
	f.task.Release(p.counted)
	return p.file.Close()
}

func (f *folder) wrap(p *partition, err error) error {
	name := store.Name(store.Below(f.p.Dir, p.name))
	if err = f.p.known(err); strings.Contains(err.Error(), name) {
		return err
	}
	return fmt.Errorf("writing %s: %w", name, err)
}

// Close implements op.RowWriter: what is not complete leaves nothing behind.
func (f *folder) Close() (err error) {
	f.later.close()
	defer f.task.close()
	for _, p := range f.order {
		err = errors.Join(err, f.close(p))
	}
	return err
}

// of returns the partition of a folder, opening it when it is new; nil when its rows have to wait.
func (f *folder) of(name []byte) (*partition, error) {
	if p := f.parts[string(name)]; p != nil {
		return p, nil
	}
	if !f.over {
		_, waits := f.later.runs[string(name)]
		if !waits && len(f.order)+len(f.later.runs) == maxFiles {
			return nil, fmt.Errorf("more than %d different keys (%s) in one block: sort by them first, or choose fewer", maxFiles, strings.Join(f.p.Options.By, ", "))
		}
		if waits || !f.mayOpen(len(f.order)) {
			return nil, nil
		}
	}
	p := &partition{name: path.Join(string(name), fmt.Sprintf("%s%d.parquet", f.p.Part, f.task.Block()))}
	at, err := store.Below(f.p.Stage, p.name), error(nil)
	if !store.IsRemote(at) {
		err = os.MkdirAll(filepath.Dir(at), 0o777)
	}
	if err == nil {
		p.file, err = store.Create(f.task.Context(), at)
	}
	if err != nil {
		return nil, f.p.known(err)
	}
	if int64(len(f.order))*fileBytes < f.task.share() && f.task.Reserve(fileBytes) { // if there is room for it
		p.counted = fileBytes
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
	return f.task.encode(func() error { return p.out.push(b) })
}

// shrink gives back the memory of all partitions: their row groups end.
func (f *folder) shrink() error {
	for _, p := range f.order {
		err := f.flush(p)
		if err == nil {
			err = f.task.encode(p.out.shrink)
		}
		if err != nil {
			return f.wrap(p, err)
		}
	}
	return nil
}

// Push implements op.RowWriter.
func (f *folder) Push(m *chunk.Batch) (err error) {
	for i := range m.N {
		f.name = f.name[:0]
		for k, c := range f.by {
			if k > 0 {
				f.name = append(f.name, '/')
			}
			if f.name, err = appendKey(f.name, f.keys[k].Name, &m.Cols[c], i); err != nil {
				return err
			}
		}
		p, err := f.of(f.name)
		if err != nil {
			return err
		}
		if p == nil {
			f.later.put(f.name, i)
			continue
		}
		p.idx = append(p.idx, uint32(i))
	}
	if err := f.wait(m); err != nil {
		return err
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
			return f.wrap(p, err)
		}
	}
	if f.task.held.Load() > f.task.share() {
		return f.shrink()
	}
	return nil
}

// CommitFolder is the operator parquet.commit: it reads the files that all blocks of parquet.folder wrote and makes
// them the folder, all with one rename. Files of attempts that failed are removed before. Objects of a URL have their
// names already: each appears whole when its block has ended, under a name that a second attempt writes again. The
// output is one row: the number of rows written.
var CommitFolder = op.Register(op.Spec[FolderParams]{
	Name: "parquet.commit", Version: 3, Class: op.Writing,
	Doc: "makes written Parquet files a folder",
	Infer: func(_ FolderParams, in []op.Meta) (op.Meta, error) {
		if !slices.Equal(in[0].Schema, filesSchema) {
			return op.Meta{}, fmt.Errorf("parquet.commit reads the files of parquet.folder, not %s", in[0].Schema)
		}
		return op.Meta{Schema: op.WrittenSchema, Rows: 1, Bytes: 8}, nil
	},
	Mem:  func(FolderParams, op.Meta) op.Need { return op.Need{Floor: 1 << 20, Want: 1 << 20} },
	Text: func(p FolderParams) string { return fmt.Sprintf("%q", store.Name(p.Dir)) },
	Pipe: func(p FolderParams, _ op.Meta) (op.Pipe, error) {
		return op.Writes(func(t op.Task) (op.RowWriter, error) {
			return &commit{p: p, ctx: t.Context(), files: map[string]int64{}}, nil
		}), nil
	},
})

// A commit is a folder about to appear.
type commit struct {
	p     FolderParams
	ctx   context.Context
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
	if store.IsRemote(c.p.Dir) {
		total := int64(0)
		for _, rows := range c.files {
			total += rows
		}
		return op.Written(out, total)
	}
	if err := os.MkdirAll(c.p.Stage, 0o777); err != nil {
		return c.p.known(err)
	}
	if err := c.tidy(); err != nil {
		return c.p.known(err)
	}
	total := int64(0)
	for f, rows := range c.files {
		if _, err := os.Stat(store.Below(c.p.Stage, f)); err != nil {
			return fmt.Errorf("a file that was written is gone, or is on another machine: folders need a path that all workers share: %w", c.p.known(err))
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
		if _, ok := c.files[filepath.ToSlash(name)]; err == nil && !ok {
			err = os.Remove(path)
		}
		return err
	})
}

// rename gives the folder its name, or a part of it a name that is free.
func (c *commit) rename() error {
	if c.p.New {
		err := os.Rename(c.p.Stage, c.p.Dir)
		switch {
		case !errors.Is(err, fs.ErrExist):
			return unlinked(err)
		case !c.p.Options.Append:
			return errors.New("files have appeared in it while it was written: the option Append adds to them")
		}
	}
	unlock, err := whole.Lock(c.p.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if !c.p.Options.Append {
		if err := c.p.empty(); err != nil {
			return fmt.Errorf("files have appeared in it while it was written: %w", err)
		}
	}
	there, err := c.p.since(c.ctx)
	if err == nil {
		err = c.p.joins(c.ctx, c.p.Schema, there)
	}
	if err != nil {
		return fmt.Errorf("others have added to it meanwhile: %w", err)
	}
	for n := c.p.Run; ; n++ {
		if c.p.taken(n) {
			continue
		}
		err := os.Rename(c.p.Stage, c.p.run(n))
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return unlinked(err)
		}
	}
}

// unlinked is the reason of a failed rename without its two paths.
func unlinked(err error) error {
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// appendKey appends key=value for row i of v.
func appendKey(dst []byte, name string, v *chunk.Vec, i int) ([]byte, error) {
	dst = append(append(dst, pathEscape(name)...), '=')
	switch {
	case v.IsNull(i):
		return append(dst, scan.HiveNull...), nil
	case v.Type.Kind == dtype.Utf8:
		return append(dst, escaped(v.Text(i))...), nil
	}
	return expr.AppendText(dst, v, i)
}

// escaped makes text a part of a path that readers turn back: only what paths, or the rule key=value, need otherwise
// is changed.
func escaped(s string) string {
	if s == scan.HiveNull {
		return "%5F" + s[1:]
	}
	plain := true
	for _, c := range []byte(s) {
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c >= 0x80)
	}
	if plain {
		return s
	}
	return pathEscape(s)
}

// pathEscape is url.PathEscape that leaves no = either: readers differ in which one of several parts key and value.
func pathEscape(s string) string { return strings.ReplaceAll(url.PathEscape(s), "=", "%3D") }
