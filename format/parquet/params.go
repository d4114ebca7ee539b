// Package parquet reads and writes Parquet files: the operators "parquet.read"
// and "parquet.write", and Describe, which reads footers when a plan is built.
//
// # Reading
//
// A block is some consecutive row groups of one file, or of small files; a split is a row group or a
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
	"fmt"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// A File is an input as it was when the plan was built.
type File struct {
	store.Info
	Keys []expr.Literal // of the columns that its path gives
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
	Nulls    bool  // there may be nulls
	Distinct int64 // texts in the dictionary, about; 0 when there is none or it is not known
}

// ReadParams are the parameters of parquet.read. Describe makes them.
type ReadParams struct {
	Files  []File
	Schema dtype.Schema // the columns of all files, then those that paths give
	Keys   int32        // how many columns paths give
	Groups []Group
	Bounds [][]Bounds // per group and column of Schema
	Cols   []int32    // output columns, positions in Schema
	Blocks []int32    // first group of each block, and the end
	Piece  int64      // rows of a split at most
	Where  expr.Expr  // rows to keep; none: all
	Int96  string     // see Options
}

const (
	// blockBytes is how many uncompressed bytes of row groups make a block.
	blockBytes = 128 << 20
	// blockGroups is how many row groups make a block at most.
	blockGroups = 4096
	// blockFiles is how many small files share a block: all are open at once.
	blockFiles = 64
	// A split has an eighth of all rows, but not fewer nor more than these.
	minPiece = 1 << 15
	maxPiece = 1 << 20
	// maxSplits is how many splits a block may have: Seq has 16 bits for them.
	maxSplits = 1 << 16
	// maxPieces bounds what a row group that claims any number of rows is cut into.
	maxPieces = 4096
)

// cut divides the groups into blocks.
func (p *ReadParams) cut() {
	p.Blocks = p.Blocks[:0:0]
	size, rows, files := int64(0), int64(0), 0
	for i, g := range p.Groups {
		other := i > 0 && p.Groups[i-1].File != g.File
		if other {
			files++
		}
		if i == 0 || g.Bytes > blockBytes-size || other && (size >= blockBytes/4 || files >= blockFiles) || i-int(p.Blocks[len(p.Blocks)-1]) >= blockGroups {
			p.Blocks = append(p.Blocks, int32(i))
			size, files = 0, 0
		}
		size += g.Bytes
		rows += g.Rows
	}
	p.Blocks = append(p.Blocks, int32(len(p.Groups)))
	p.Piece = min(max(rows/8, minPiece), maxPiece)
}

// oneBlock makes one block of all groups, if they have at most so many bytes and are of few files.
func oneBlock(p ReadParams, most float64) (ReadParams, bool) {
	size, files := 0.0, map[int32]bool{}
	for _, g := range p.Groups {
		size += float64(g.Bytes)
		files[g.File] = true
	}
	if len(p.Blocks) < 3 || size > most || len(files) > blockFiles || len(p.Groups) > blockGroups {
		return p, false
	}
	one := p
	one.Blocks = []int32{0, int32(len(p.Groups))}
	if len(one.splits(0)) > maxSplits {
		return p, false
	}
	return one, true
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

func (p *ReadParams) schema() dtype.Schema { return scan.Pick(p.Schema, p.Cols) }

func (p *ReadParams) meta(groups []Group) op.Meta {
	m := op.Meta{Schema: p.schema()}
	stored := 0.0
	for _, g := range groups {
		m.Rows += float64(g.Rows)
		stored += float64(g.Bytes)
	}
	m.Bytes = p.inMemory(m.Rows, stored)
	m.Known = p.known(m.Rows)
	if !p.Where.None() {
		m = m.Where(p.Where)
	}
	m.Known = m.Known.Pick(m.Schema)
	return m
}

// inMemory estimates the bytes of rows of the columns that are read: values of fixed width
// by their width, however they are stored; texts share what the others leave of the bytes
// in the files, if that is more than texts are taken to have.
func (p *ReadParams) inMemory(rows, stored float64) float64 {
	texts := 0
	for _, f := range p.Schema {
		if f.Type.Kind.IsVar() {
			texts++
		}
	}
	all, out := rows*op.RowBytes(p.Schema), p.schema()
	n := rows * op.RowBytes(out)
	if stored <= all || texts == 0 {
		return n
	}
	for _, f := range out {
		if f.Type.Kind.IsVar() {
			n += (stored - all) / float64(texts)
		}
	}
	return n
}

// known has the bounds of the columns over all row groups, those of the predicate too.
func (p *ReadParams) known(rows float64) op.Known {
	out := op.Known{}
	for c, f := range p.Schema {
		facts, ok := p.facts(c)
		if ok {
			out = append(out, op.NamedFact{Col: f.Name, Fact: op.NewFact(facts, rows)})
		}
	}
	return out
}

// facts joins what the row groups say of a column; false when one says nothing.
func (p *ReadParams) facts(c int) (out expr.Facts, ok bool) {
	for g := range p.Groups {
		b := p.Bounds[g][c]
		if !b.Known && b.Distinct == 0 {
			return out, false
		}
		if b.Known && !b.Min.Null {
			out = out.Widen(b.Min, b.Max)
		}
		out.Distinct = max(out.Distinct, float64(b.Distinct))
		ok = true
	}
	return out, ok
}

// Read is the operator parquet.read.
var Read = op.Register(op.Spec[ReadParams]{
	Name: "parquet.read", Version: 1, Class: op.Scanning,
	Doc:   "reads Parquet files",
	Infer: inferRead,
	Mem:   memRead,
	Text: func(p ReadParams) string {
		return scan.Text(store.Name(p.Files[0].Path), len(p.Files), len(p.Cols), len(p.Schema), p.Where)
	},
	Source: newSource,
	Rules: op.Rules[ReadParams]{
		Blocks:    func(p ReadParams) int { return max(1, len(p.Blocks)-1) },
		BlockMeta: func(p ReadParams, b int) op.Meta { return p.meta(p.groups(b)) },
		Uses:      func(ReadParams, []op.Meta, []string) [][]string { return nil },
		Project: func(p ReadParams, cols []string) ReadParams {
			p.Cols = scan.Project(p.Schema, p.Cols, cols)
			return p
		},
		Unite: func(p ReadParams, most float64, spared op.Spared) (ReadParams, bool) {
			if spared != op.SparedGather { // groups that lie together in the files are found sooner block by block
				return p, false
			}
			return oneBlock(p, most)
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
	where, ok := scan.Take(p.Where, pred)
	if !ok {
		return p, pred
	}
	p.Where = where
	return p, expr.Expr{}
}

// where compiles the predicate; nil if there is none.
func (p *ReadParams) where() (*expr.Program, error) {
	if p.Where.None() {
		return nil, nil
	}
	prog, err := scan.Compile(p.Where, p.Schema.Pick(p.tested()))
	if err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
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
