// Package parquet reads and writes Parquet files: the operators "parquet.read"
// and "parquet.write", and Describe, which reads footers when a plan is built.
//
// # Reading
//
// A block is some consecutive row groups of one file; a split is a row group or a
// range of its rows. The guard checks footers, page headers and lengths; values
// are decoded here, morsel by morsel, into buffers of the task. A morsel lies
// within one page of every column. Text whose page holds dictionary codes keeps
// them: the vector has the codes and the dictionary of its column chunk.
//
// A predicate on the reader leaves out blocks and row groups by their statistics,
// row groups by bloom filters, and rows by the page index; the columns it reads
// are decoded first, the others only for morsels in which it keeps a row.
package parquet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	Piece  int64      // rows of a split at most
	Where  expr.Expr  // rows to keep; none: all
}

const (
	// blockBytes is how many uncompressed bytes of row groups make a block.
	blockBytes = 128 << 20
	// blockGroups is how many row groups make a block at most: Seq has 16 bits for
	// the split.
	blockGroups = 4096
	// A split has an eighth of all rows, but not fewer nor more than these.
	minPiece = 1 << 17
	maxPiece = 1 << 20
	// maxPieces bounds what a row group that claims any number of rows is cut into.
	maxPieces = 4096
)

// Options are what the user says about Parquet files. The zero value is good.
type Options struct {
	// Columns are the columns to read, nil for all. Files with columns of types
	// that frames do not store can be read by naming others.
	Columns []string
}

// Describe expands patterns, reads the footers and returns the parameters and
// the schema. All files must have the schema of the first.
func Describe(ctx context.Context, paths []string, o Options) (ReadParams, dtype.Schema, error) {
	var p ReadParams
	files, err := expand(paths)
	if err != nil {
		return p, nil, err
	}
	for _, path := range files {
		if err := errors.Join(ctx.Err(), p.add(path, o)); err != nil {
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
func (p *ReadParams) add(path string, o Options) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("%s is a folder: give a pattern such as %s", path, filepath.Join(path, "*.parquet"))
	}
	f, err := guard.OpenFile(path, guard.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	schema, leaves, err := schemaOf(f, o)
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
		size := int64(0)
		for _, l := range leaves {
			size += g.Chunks[l].Uncompressed
		}
		p.Groups = append(p.Groups, Group{n, int32(i), g.Rows, size})
		p.Bounds = append(p.Bounds, bounds(p.Schema, leaves, g))
	}
	return nil
}

// schemaOf returns the columns of a file that are asked for, and their leaves.
func schemaOf(f *guard.File, o Options) (s dtype.Schema, leaves []int, err error) {
	var all []string
	for i := range f.NumLeaves() {
		l := f.Leaf(i)
		if !slices.Contains(all, l.Name) {
			all = append(all, l.Name)
		}
		if o.Columns != nil && !slices.Contains(o.Columns, l.Name) {
			continue
		}
		t, err := leafType(f, l)
		if err != nil {
			return nil, nil, err
		}
		s = append(s, dtype.Field{Name: l.Name, Type: t, Nullable: l.MaxDef > 0 || t.Kind == dtype.Null})
		leaves = append(leaves, i)
	}
	for _, c := range o.Columns {
		if _, err := s.Find(c); err != nil {
			return nil, nil, fmt.Errorf("option Columns: no column %q; the file has %s", c, strings.Join(all, ", "))
		}
	}
	return s, leaves, s.Unique()
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
func bounds(schema dtype.Schema, leaves []int, g *guard.RowGroup) []Bounds {
	out := make([]Bounds, len(schema))
	for i, l := range leaves {
		out[i] = boundsOf(g.Chunks[l].Stats, schema[i].Type)
	}
	return out
}

func boundsOf(s guard.Stats, t dtype.Type) Bounds {
	b := Bounds{Nulls: s.NullCount != 0}
	lo, ok1 := literal(s.Min, t)
	hi, ok2 := literal(s.Max, t)
	b.Known, b.Min, b.Max = ok1 && ok2, lo, hi
	return b
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
	size, rows := int64(0), int64(0)
	for i, g := range p.Groups {
		if i == 0 || g.Bytes > blockBytes-size || p.Groups[i-1].File != g.File || i-int(p.Blocks[len(p.Blocks)-1]) >= blockGroups {
			p.Blocks = append(p.Blocks, int32(i))
			size = 0
		}
		size += g.Bytes
		rows += g.Rows
	}
	p.Blocks = append(p.Blocks, int32(len(p.Groups)))
	p.Piece = min(max(rows/8, minPiece), maxPiece)
}

// A segment is rows [lo, hi) of group at of a block.
type segment struct {
	at     int
	lo, hi int64
}

// splits cuts the groups of a block, those left out in which no row passes.
func (p *ReadParams) splits(block int) (out []segment) {
	piece := max(p.Piece, minPiece)
	for i, g := range p.groups(block) {
		if !p.Where.None() && !p.mayHold(int(p.Blocks[block])+i, p.Where) {
			continue
		}
		n := min(max(1, (g.Rows+piece/2)/piece), maxPieces) // of like length, none much longer than asked
		for k := range n {
			out = append(out, segment{i, g.Rows * k / n, g.Rows * (k + 1) / n})
		}
	}
	return out
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
	if !p.Where.None() {
		m.Rows, m.Bytes = m.Rows*passed, m.Bytes*passed
	}
	return m
}

// passed is the share of rows that a predicate is taken to keep, in estimates.
const passed = 0.3

// Read is the operator parquet.read.
var Read = op.Register(op.Spec[ReadParams]{
	Name: "parquet.read", Version: 1, Class: op.Scanning,
	Doc:   "reads Parquet files",
	Infer: inferRead,
	Mem:   memRead,
	Text: func(p ReadParams) string {
		t := fmt.Sprintf("%q", p.Files[0].Path)
		if len(p.Files) > 1 {
			t += fmt.Sprintf(" and %d more", len(p.Files)-1)
		}
		if len(p.Cols) < len(p.Schema) {
			t += fmt.Sprintf("; %d of %d columns", len(p.Cols), len(p.Schema))
		}
		if !p.Where.None() {
			t += fmt.Sprintf("; where %s", p.Where)
		}
		return t
	},
	Source: newSource,
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
		Prune:  prune,
		Keep:   keep,
		Filter: filter,
	},
})

func inferRead(p ReadParams, _ []op.Meta) (op.Meta, error) {
	if _, err := p.where(); err != nil {
		return op.Meta{}, err
	}
	return p.meta(p.Groups), p.schema().Unique()
}

// memRead counts what one thread keeps: per column a window of the file, a page as
// it is decoded, and a morsel.
func memRead(p ReadParams, in op.Meta) op.Need {
	cols, groups := max(1, int64(len(p.Schema))), max(1, int64(len(p.Groups)))
	total := int64(0)
	for _, g := range p.Groups {
		total += g.Bytes
	}
	chunk := total / cols / groups
	n := int64(len(p.Cols)+len(expr.Columns(p.Where))) * (min(chunk, pageBytes) + min(chunk, pageBytes/4) + morselRows*32)
	return op.Need{Floor: n, Want: 2 * n}
}

// pageBytes is what a page is taken to have: most writers end pages there.
const pageBytes = 1 << 20

// filter takes a predicate into the reader.
func filter(p ReadParams, pred expr.Expr) (ReadParams, expr.Expr) {
	if pred.None() || !expr.Deterministic(pred) {
		return p, pred
	}
	all := expr.Conjuncts(pred)
	if !p.Where.None() {
		all = append(expr.Conjuncts(p.Where), all...)
	}
	p.Where = expr.AndAll(all)
	return p, expr.Expr{}
}

// where compiles the predicate; nil if there is none.
func (p *ReadParams) where() (*expr.Program, error) {
	if p.Where.None() {
		return nil, nil
	}
	prog, err := expr.Compile(p.Where, p.Schema.Pick(p.tested()))
	if err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
	}
	if k := prog.Field().Type.Kind; k != dtype.Bool && k != dtype.Null {
		return nil, fmt.Errorf("parquet: %s is %s, want a predicate", p.Where, prog.Field().Type)
	}
	return prog, nil
}

// tested are the columns that the predicate reads, by their positions in Schema.
func (p *ReadParams) tested() (out []int) {
	for _, name := range expr.Columns(p.Where) {
		if i := p.Schema.Index(name); i >= 0 {
			out = append(out, i)
		}
	}
	return out
}

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
