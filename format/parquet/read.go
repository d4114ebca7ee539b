// Package parquet reads and writes Parquet files: the operators "parquet.read"
// and "parquet.write", and Describe, which reads footers when a plan is built.
//
// Files are opened through the guard, which checks every length before Arrow's
// reader sees it. A block is some consecutive row groups of one file; a split is
// one row group. Text columns that are dictionary-encoded in a whole row group
// stay dictionary codes.
package parquet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/op"
)

// A File is an input; reading fails when size or time differ from these.
type File struct {
	Path    string
	Size    int64
	ModTime int64
}

// A Group is a row group of one of the files.
type Group struct {
	File  int32
	Index int32
	Rows  int64
	Bytes int64 // uncompressed, all columns
}

// Bounds are the statistics of one column in one row group.
type Bounds struct {
	Known    bool
	Min, Max expr.Literal
	Nulls    bool // there may be nulls
}

// ReadParams are the parameters of parquet.read. Describe makes them.
type ReadParams struct {
	Files  []File
	Schema dtype.Schema // of the files
	Groups []Group
	Bounds [][]Bounds // per group and column of Schema
	Cols   []int32    // output columns, positions in Schema
	Blocks []int32    // first group of each block, and the end
}

// blockBytes is how many uncompressed bytes of row groups make a block.
const blockBytes = 128 << 20

// Describe expands patterns, reads the footers and returns the parameters and
// the schema. All files must have the schema of the first.
func Describe(ctx context.Context, paths []string) (ReadParams, dtype.Schema, error) {
	var p ReadParams
	files, err := expand(paths)
	if err != nil {
		return p, nil, err
	}
	for _, path := range files {
		if err := p.add(ctx, path); err != nil {
			return p, nil, err
		}
	}
	for i := range p.Schema {
		p.Cols = append(p.Cols, int32(i))
	}
	p.cut()
	return p, p.Schema, nil
}

func expand(paths []string) (out []string, err error) {
	if len(paths) == 0 {
		return nil, errors.New("no files: give a path or a pattern")
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			out = append(out, p)
			continue
		}
		match, err := filepath.Glob(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		if len(match) == 0 {
			if _, err := os.Stat(p); err != nil {
				return nil, err
			}
		}
		out = append(out, match...)
	}
	return out, nil
}

// add describes one more file.
func (p *ReadParams) add(ctx context.Context, path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("%s is a folder: give a pattern such as %s", path, filepath.Join(path, "*.parquet"))
	}
	f, err := guard.OpenFile(ctx, path, guard.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	schema, err := chunk.FromArrowSchema(f.Schema())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if p.Schema == nil {
		p.Schema = schema
	} else if err := same(p.Schema, schema); err != nil {
		return fmt.Errorf("%s differs from %s: %w", path, p.Files[0].Path, err)
	}
	n := int32(len(p.Files))
	p.Files = append(p.Files, File{path, st.Size(), st.ModTime().UnixNano()})
	for i := range f.NumRowGroups() {
		g := f.RowGroup(i)
		p.Groups = append(p.Groups, Group{n, int32(i), g.Rows, g.Uncompressed})
		p.Bounds = append(p.Bounds, bounds(p.Schema, f, g))
	}
	return nil
}

// same compares schemas; nulls in either make the column nullable.
func same(have, got dtype.Schema) error {
	if len(have) != len(got) {
		return fmt.Errorf("%d columns instead of %d", len(got), len(have))
	}
	for i := range have {
		if have[i].Name != got[i].Name || have[i].Type != got[i].Type {
			return fmt.Errorf("column %d is %s instead of %s", i+1, got[i], have[i])
		}
		have[i].Nullable = have[i].Nullable || got[i].Nullable
	}
	return nil
}

// bounds takes the statistics over that can be compared with literals.
func bounds(schema dtype.Schema, f *guard.File, g guard.RowGroup) []Bounds {
	out := make([]Bounds, len(schema))
	for i, l := range f.Leaves() {
		if l.Nested || l.Field >= len(schema) {
			continue
		}
		s, t := g.Chunks[i].Stats, schema[l.Field].Type
		b := Bounds{Nulls: s.NullCount != 0}
		lo, ok1 := literal(s.Min, t)
		hi, ok2 := literal(s.Max, t)
		b.Known, b.Min, b.Max = ok1 && ok2, lo, hi
		out[l.Field] = b
	}
	return out
}

func literal(v any, t dtype.Type) (expr.Literal, bool) {
	switch x := v.(type) {
	case int64:
		return expr.Literal{Type: t, I: x}, t.Kind.IsSigned() || t.Kind == dtype.Date || t.Kind == dtype.Timestamp
	case uint64:
		return expr.Literal{Type: t, I: int64(x)}, t.Kind.IsUnsigned()
	case float64:
		return expr.Literal{Type: t, F: x}, t.Kind.IsFloat()
	case string:
		return expr.Literal{Type: t, S: x}, t.Kind == dtype.Utf8
	}
	return expr.Literal{}, false
}

// cut divides the groups into blocks.
func (p *ReadParams) cut() {
	p.Blocks = p.Blocks[:0:0]
	size := int64(0)
	for i, g := range p.Groups {
		if i == 0 || g.Bytes > blockBytes-size || p.Groups[i-1].File != g.File {
			p.Blocks = append(p.Blocks, int32(i))
			size = 0
		}
		size += g.Bytes
	}
	p.Blocks = append(p.Blocks, int32(len(p.Groups)))
}

// groups returns the row groups of a block. A table without groups has one
// empty block.
func (p *ReadParams) groups(block int) []Group {
	if block+1 >= len(p.Blocks) {
		return nil
	}
	return p.Groups[p.Blocks[block]:p.Blocks[block+1]]
}

func (p *ReadParams) schema() dtype.Schema {
	out := make(dtype.Schema, len(p.Cols))
	for i, c := range p.Cols {
		out[i] = p.Schema[c]
	}
	return out
}

func (p *ReadParams) meta(groups []Group) op.Meta {
	m := op.Meta{Schema: p.schema()}
	for _, g := range groups {
		m.Rows += float64(g.Rows)
		m.Bytes += float64(g.Bytes) * float64(len(p.Cols)) / float64(max(1, len(p.Schema)))
	}
	return m
}

// Read is the operator parquet.read.
var Read = op.Register(op.Spec[ReadParams]{
	Name: "parquet.read", Version: 1, Class: op.Scanning,
	Doc: "reads Parquet files",
	Infer: func(p ReadParams, _ []op.Meta) (op.Meta, error) {
		return p.meta(p.Groups), p.schema().Unique()
	},
	Mem: func(p ReadParams, in op.Meta) op.Need {
		most := int64(0)
		for _, g := range p.Groups {
			most = max(most, g.Bytes*int64(len(p.Cols))/int64(max(1, len(p.Schema))))
		}
		return op.Need{Floor: min(most, 16<<20), Want: most}
	},
	Text: func(p ReadParams) string {
		t := fmt.Sprintf("%q", p.Files[0].Path)
		if len(p.Files) > 1 {
			t += fmt.Sprintf(" and %d more", len(p.Files)-1)
		}
		if len(p.Cols) < len(p.Schema) {
			t += fmt.Sprintf("; %d of %d columns", len(p.Cols), len(p.Schema))
		}
		return t
	},
	Source: func(p ReadParams) (op.Source, error) { return &source{p: p}, nil },
	Rules: op.Rules[ReadParams]{
		Blocks:    func(p ReadParams) int { return max(1, len(p.Blocks)-1) },
		BlockMeta: func(p ReadParams, b int) op.Meta { return p.meta(p.groups(b)) },
		Uses:      func(ReadParams, []op.Meta, []string) [][]string { return nil },
		Project: func(p ReadParams, cols []string) ReadParams {
			out := p
			out.Cols = nil
			for _, c := range p.Cols { // in file order: the records come so
				if slices.Contains(cols, p.Schema[c].Name) {
					out.Cols = append(out.Cols, c)
				}
			}
			return out
		},
		Prune: prune,
		Keep:  keep,
	},
})

// prune returns the blocks that may hold rows for which the predicate is true.
func prune(p ReadParams, pred expr.Expr) (out []int) {
	for b := range max(1, len(p.Blocks)-1) {
		groups := p.groups(b)
		if len(groups) == 0 {
			continue
		}
		for i := range groups {
			if p.mayHold(int(p.Blocks[b])+i, pred) {
				out = append(out, b)
				break
			}
		}
	}
	return out
}

func (p *ReadParams) mayHold(group int, pred expr.Expr) bool {
	return expr.MayBeTrue(pred, func(col string) (lo, hi expr.Literal, nulls, known bool) {
		c := p.Schema.Index(col)
		if c < 0 {
			return lo, hi, true, false
		}
		b := p.Bounds[group][c]
		return b.Min, b.Max, b.Nulls, b.Known
	})
}

// keep narrows the reader to some blocks.
func keep(p ReadParams, blocks []int) ReadParams {
	out := p
	out.Groups, out.Bounds, out.Blocks = nil, nil, nil
	for _, b := range blocks {
		out.Blocks = append(out.Blocks, int32(len(out.Groups)))
		lo, hi := p.Blocks[b], p.Blocks[b+1]
		out.Groups = append(out.Groups, p.Groups[lo:hi]...)
		out.Bounds = append(out.Bounds, p.Bounds[lo:hi]...)
	}
	out.Blocks = append(out.Blocks, int32(len(out.Groups)))
	return out
}

// A source keeps the files open that its tasks read.
type source struct{ p ReadParams }

// Open implements op.Source.
func (s *source) Open(t op.Task, _ []op.In) (op.Feed, error) {
	return &feed{t: t, s: s, groups: s.p.groups(t.Block()), open: map[int32]*guard.File{}}, nil
}

type feed struct {
	t      op.Task
	s      *source
	groups []Group
	mu     sync.Mutex
	open   map[int32]*guard.File
}

func (f *feed) Splits() int                { return len(f.groups) }
func (f *feed) Reader() (op.Reader, error) { return &reader{f: f}, nil }

// Close implements op.Feed.
func (f *feed) Close() (err error) {
	for _, x := range f.open {
		err = errors.Join(err, x.Close())
	}
	return err
}

// file opens one of the files once per task and checks that it is the one that
// was described.
func (f *feed) file(n int32) (*guard.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.open[n]; x != nil {
		return x, nil
	}
	want := f.s.p.Files[n]
	st, err := os.Stat(want.Path)
	if err != nil {
		return nil, err
	}
	if st.Size() != want.Size || st.ModTime().UnixNano() != want.ModTime {
		return nil, fmt.Errorf("%s changed after the plan was built (%d bytes then, %d now): build it again", want.Path, want.Size, st.Size())
	}
	x, err := guard.OpenFile(f.t.Context(), want.Path, guard.Options{ReadDict: true})
	if err != nil {
		return nil, err
	}
	f.open[n] = x
	return x, nil
}

type reader struct{ f *feed }

func (r *reader) Close() error { return nil }

// batchRows is how many rows Arrow decodes at a time; morsels are cut from them.
const (
	batchRows  = 64 << 10
	morselRows = 8 << 10
)

// Read implements op.Reader.
func (r *reader) Read(split int, out op.Sink) error {
	f, g := r.f, r.f.groups[split]
	file, err := f.file(g.File)
	if err != nil {
		return err
	}
	cols := make([]int, 0, len(f.s.p.Cols))
	for i, l := range file.Leaves() {
		if slices.Contains(f.s.p.Cols, int32(l.Field)) {
			cols = append(cols, i)
		}
	}
	if len(cols) == 0 {
		return r.bare(split, g.Rows, out)
	}
	seq := uint64(f.t.Block())<<48 | uint64(split)<<32
	return file.ReadRowGroup(f.t.Context(), int(g.Index), cols, batchRows, func(rec arrow.Record) error {
		b, err := chunk.FromRecord(rec)
		if err != nil {
			return fmt.Errorf("%s: %w", f.s.p.Files[g.File].Path, err)
		}
		for lo := 0; lo < b.N; lo += morselRows {
			m := b.Slice(lo, min(b.N, lo+morselRows))
			m.Seq = seq
			seq++
			if err := out.Push(m); err != nil {
				return err
			}
		}
		return nil
	})
}

// bare gives rows of no columns: what counting needs.
func (r *reader) bare(split int, rows int64, out op.Sink) error {
	for at := int64(0); at < rows; at += morselRows {
		m := chunk.Batch{N: int(min(morselRows, rows-at)), Seq: uint64(r.f.t.Block())<<48 | uint64(split)<<32 | uint64(at/morselRows)}
		if err := out.Push(&m); err != nil {
			return err
		}
	}
	return nil
}
