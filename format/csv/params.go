package csv

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// A Choice is yes, no, or found out from the data.
type Choice uint8

// The choices.
const (
	Auto Choice = iota
	Yes
	No
)

// A Ragged says what to do with a record that has fewer fields than the table
// has columns. More fields are an error always.
type Ragged uint8

// The policies.
const (
	RaggedError Ragged = iota // fail, naming the line
	RaggedPad                 // the missing fields are null
)

// A Codec is how a file is compressed.
type Codec = codec.Codec

// The codecs. ByName is by the first bytes of a file, or where it is written by its name.
const (
	ByName = codec.ByName
	Plain  = codec.Plain
	Gzip   = codec.Gzip
	Zstd   = codec.Zstd
	LZ4    = codec.LZ4
	Snappy = codec.Snappy
)

// Options are what the user says about delimited files. The zero value finds out
// everything it can.
type Options struct {
	Delimiter byte   // 0: tab for .tsv and .tab, else the one of , ; tab | that gives the most even records
	Quote     byte   // 0: the double quote
	NoQuotes  bool   // quotes are data
	Header    Choice // whether the first record has the column names
	// Names are the column names; with a header they replace it. A header's empty
	// names become column_1 …, repeated ones get _2 … .
	Names []string
	// Types gives the types of columns by name; the others are found out.
	Types map[string]dtype.Type
	Nulls []string // further spellings of null; the empty field always is
	// Ragged says what short records are.
	Ragged   Ragged
	Comment  byte // lines that begin with it are skipped; 0: none. Such files are read by one thread
	SkipRows int  // lines before the header or the first record
	// OneLine promises that no quoted field holds a newline. Splits of large files
	// can then be read without the bytes before them.
	OneLine        bool
	MaxRecordBytes int64 // a longer record is an error; 0: 16 MiB
	Codec          Codec
	NoKeys         bool  // leave the parts key=value of paths alone
	SplitBytes     int64 // bytes of a split; 0: 256 KiB, or 1024 records but at most 1 MiB
	BlockBytes     int64 // bytes of a block; 0: a 32nd of all, from 64 to 256 MiB, or all where the plan gains by it (up to 1 GiB when several processes run it)
}

// A File is an input file as it was when the plan was built.
type File struct {
	store.Info
	Codec  Codec
	Layout int32          // which of the layouts it has
	Keys   []expr.Literal // of the columns that its path gives
}

// A Layout is where the columns stand in some of the files.
type Layout struct {
	Header []string // the header that these files must have; empty: no check
	Cols   []int32  // the table's column of each field
}

// ReadParams are the parameters of "csv.read". Describe makes them.
type ReadParams struct {
	Files   []File
	Layouts []Layout
	Names   []string     // of all columns in the files, and of those that paths give
	Types   []dtype.Type // of the same
	Guessed []bool       // whether the type was found out from a sample
	Keys    []int32      // the columns that paths give, by position in Names; fields of these are not read
	HasHead bool         // the first record of every file is a header
	Skip    int64        // lines before it

	Delimiter byte
	Quote     byte // 0: no quotes
	Comment   byte // 0: none
	Nulls     []string
	Pad       bool
	OneLine   bool
	MaxRecord int64

	SplitBytes  int64
	BlockBytes  int64
	AutoBlocks  bool    // the user did not choose BlockBytes
	RecordBytes float64 // mean of the sample
	Ratio       float64 // text bytes per byte of a compressed file, in the sample

	Cols  []int32   // output columns by position in Names
	Where expr.Expr // rows to keep; none: all
	Limit int64     // rows wanted at most; 0: all
	Keep  []int32   // blocks to read; nil: all
}

// Read is the operator "csv.read".
var Read = op.Register(op.Spec[ReadParams]{
	Name:    "csv.read",
	Version: 2,
	Class:   op.Scanning,
	Doc:     "Reads delimited text files.",
	Infer:   inferRead,
	Mem:     memRead,
	Text:    textRead,
	Source:  newSource,
	Rules: op.Rules[ReadParams]{
		Blocks:    func(p ReadParams) int { return len(p.blocks()) },
		BlockMeta: blockMeta,
		Keep:      keepBlocks,
		Project:   project,
		Filter:    filter,
		Limit:     limit,
		Unite:     func(p ReadParams, most float64, _ op.Spared) (ReadParams, bool) { return unite(p, most) },
	},
})

const (
	longSplit        = 1 << 20 // of long records
	defaultMaxRecord = 16 << 20
	minBlock         = 64 << 20
	maxBlock         = 256 << 20
	maxFilesInBlock  = 4096
	maxUnited        = 16 << 20 * maxSplits // of one block: splits are not to be longer than that
	maxBlocks        = 1 << 16              // Seq has 16 bits for the block
	maxSplits        = 1 << 15              // of a block, without what many files add: Seq has 16 bits for the split
)

// A segment is bytes [lo, hi) of a file.
type segment struct {
	file   int
	lo, hi int64
}

// streamed reports whether file f is read from its beginning by one thread.
func (p *ReadParams) streamed(f int) bool { return p.Files[f].Codec > Plain || p.Comment != 0 }

// blocks cuts the files into blocks, from the files' facts alone: a large file
// into equal parts of whole splits, small neighbours into one block. A streamed
// file is never cut.
func (p *ReadParams) blocks() [][]segment {
	var all [][]segment
	var group []segment
	size := int64(0)
	flush := func() {
		if len(group) > 0 {
			all = append(all, group)
		}
		group, size = nil, 0
	}
	for f := range p.Files {
		n := p.Files[f].Size
		if n > p.BlockBytes && !p.streamed(f) {
			flush()
			parts := (n + p.BlockBytes - 1) / p.BlockBytes
			step := ((n+parts-1)/parts + p.SplitBytes - 1) / p.SplitBytes * p.SplitBytes
			for lo := int64(0); lo < n; lo += step {
				all = append(all, []segment{{f, lo, min(lo+step, n)}})
			}
			continue
		}
		if size+n > p.BlockBytes || len(group) == maxFilesInBlock {
			flush()
		}
		group = append(group, segment{f, 0, n})
		size += n
	}
	flush()
	if p.Keep == nil {
		return all
	}
	kept := make([][]segment, 0, len(p.Keep))
	for _, b := range p.Keep {
		if int(b) < len(all) && b >= 0 {
			kept = append(kept, all[b])
		}
	}
	return kept
}

// splits cuts the segments of a block into splits.
func (p *ReadParams) splits(block []segment) []segment {
	var out []segment
	for _, s := range block {
		if p.streamed(s.file) {
			out = append(out, s)
			continue
		}
		for lo := s.lo; lo < s.hi; lo += p.SplitBytes {
			out = append(out, segment{s.file, lo, min(lo+p.SplitBytes, s.hi)})
		}
	}
	return out
}

// textBytes estimates the bytes of text in a segment.
func (p *ReadParams) textBytes(s segment) float64 {
	n := float64(s.hi - s.lo)
	if p.Files[s.file].Codec > Plain {
		n *= p.Ratio
	}
	return n
}

// estimate describes the rows of some text bytes.
func (p *ReadParams) estimate(text float64) op.Meta {
	m := op.Meta{Schema: p.schema(), Rows: -1, Bytes: -1}
	if p.RecordBytes <= 0 {
		return m
	}
	m.Rows = text / p.RecordBytes
	width, share := 0.0, p.RecordBytes/float64(max(1, len(p.Names)))
	for _, f := range m.Schema {
		if f.Type.Kind.IsVar() {
			width += 4 + share
		} else {
			width += float64(f.Type.Width()) + 0.125
		}
	}
	if p.Limit > 0 {
		m.Rows = min(m.Rows, float64(p.Limit))
	}
	m.Bytes = m.Rows * width
	return m
}

func (p *ReadParams) schema() dtype.Schema {
	s := make(dtype.Schema, len(p.Cols))
	for i, c := range p.Cols {
		s[i] = dtype.Field{Name: p.Names[c], Type: p.Types[c], Nullable: true}
	}
	return s
}

func inferRead(p ReadParams, in []op.Meta) (op.Meta, error) {
	if err := p.check(); err != nil {
		return op.Meta{}, err
	}
	if len(in) > 0 {
		return op.Meta{}, fmt.Errorf("csv.read has no inputs")
	}
	blocks, text := p.blocks(), 0.0
	if len(blocks) > maxBlocks {
		return op.Meta{}, fmt.Errorf("csv: %d blocks, at most %d: choose larger ones with BlockBytes", len(blocks), maxBlocks)
	}
	for _, b := range blocks {
		for _, s := range b {
			text += p.textBytes(s)
		}
	}
	return p.inferWhere(p.estimate(text))
}

// check refuses parameters that Describe would not make: they may have come from
// elsewhere.
func (p *ReadParams) check() error {
	n := len(p.Names)
	g := grammar{p.Delimiter, p.Quote, p.Comment}
	switch {
	case n == 0 || len(p.Types) != n || len(p.Guessed) != n:
		return fmt.Errorf("csv: %d names, %d types, %d marks of guessed types: want the same number, at least one", n, len(p.Types), len(p.Guessed))
	case p.SplitBytes < 1 || p.SplitBytes > 1<<30 || p.BlockBytes < p.SplitBytes || p.BlockBytes > p.SplitBytes*maxSplits:
		return fmt.Errorf("csv: splits of %d bytes in blocks of %d: want 1 to 2^30, and 1 to %d splits in a block", p.SplitBytes, p.BlockBytes, maxSplits)
	case p.MaxRecord < 1 || p.MaxRecord > 1<<30:
		return fmt.Errorf("csv: records of at most %d bytes: want 1 to 2^30", p.MaxRecord)
	case p.Skip < 0 || p.Limit < 0 || math.IsNaN(p.RecordBytes) || math.IsNaN(p.Ratio):
		return fmt.Errorf("csv: negative skip or limit, or no number for a mean")
	}
	for i, t := range p.Types {
		if t.Kind == dtype.Invalid || t.Kind > dtype.Decimal128 || t.Kind == dtype.Decimal128 && (t.Precision < 1 || t.Precision > 38) {
			return fmt.Errorf("csv: column %q: text is not read as %s: read it as utf8 and cast that", p.Names[i], t)
		}
	}
	for i := range p.Files {
		if k := len(p.Files[i].Keys); k != len(p.Keys) {
			return fmt.Errorf("csv: %s gives %d columns by its path, want %d", store.Name(p.Files[i].Path), k, len(p.Keys))
		}
	}
	for _, c := range p.Cols {
		if c < 0 || int(c) >= n {
			return fmt.Errorf("csv: output column %d of %d", c, n)
		}
	}
	if err := p.checkLayouts(); err != nil {
		return err
	}
	return g.check()
}

func (p *ReadParams) checkLayouts() error {
	for _, l := range p.Layouts {
		seen := make([]bool, len(p.Names))
		for _, c := range l.Cols {
			if c < 0 || int(c) >= len(seen) || seen[c] {
				return fmt.Errorf("csv: a layout of the columns %v of %d", l.Cols, len(seen))
			}
			seen[c] = true
		}
		if len(l.Cols) == 0 || len(l.Header) > 0 && len(l.Header) != len(l.Cols) {
			return fmt.Errorf("csv: a layout of %d columns under %d names", len(l.Cols), len(l.Header))
		}
	}
	for i := range p.Files {
		if l := p.Files[i].Layout; l < 0 || int(l) >= len(p.Layouts) {
			return fmt.Errorf("csv: file %s has layout %d of %d", store.Name(p.Files[i].Path), l, len(p.Layouts))
		}
	}
	return nil
}

// check reports bytes that cannot be what they are meant to be.
func (g grammar) check() error {
	for _, x := range []struct {
		what string
		b    byte
		must bool
	}{{"delimiter", g.delim, true}, {"quote", g.quote, false}, {"comment byte", g.comment, false}} {
		if x.b == 0 && !x.must {
			continue
		}
		if x.b == 0 || x.b == '\n' || x.b == '\r' || x.b >= 0x80 {
			return fmt.Errorf("csv: the %s is %q: want an ASCII byte other than newline, carriage return and NUL", x.what, x.b)
		}
	}
	if g.delim == g.quote || g.delim == g.comment || g.quote != 0 && g.quote == g.comment {
		return fmt.Errorf("csv: delimiter %q, quote %q and comment %q must differ", g.delim, g.quote, g.comment)
	}
	return nil
}

// memRead counts what the reader of one thread keeps: the bytes of a split, the
// positions in a chunk, the chunk rewritten, and its columns. The fixed part has
// room for the glossaries (glossaryBytes), of which there is one set for all threads.
func memRead(p ReadParams, _ op.Meta) op.Need {
	rows := float64(maxRows)
	if p.RecordBytes > 0 {
		rows = min(rows, chunkBytes/p.RecordBytes)
	}
	width := 0.0
	for _, c := range p.Cols {
		width += 4.25 + float64(p.Types[c].Width())
	}
	n := p.SplitBytes*9/8 + 2<<20 + 4*chunkBytes + int64(rows*width)
	return op.Need{Floor: n, Want: 2 * n}
}

func textRead(p ReadParams) string {
	var b strings.Builder
	switch len(p.Files) {
	case 0:
		b.WriteString("no files")
	case 1:
		b.WriteString(store.Name(p.Files[0].Path))
	default:
		fmt.Fprintf(&b, "%s … %s (%d files)", store.Name(p.Files[0].Path), store.Name(p.Files[len(p.Files)-1].Path), len(p.Files))
	}
	if len(p.Cols) < len(p.Names) {
		fmt.Fprintf(&b, " columns=%s (%d of %d)", strings.Join(p.schema().Names(), ","), len(p.Cols), len(p.Names))
	}
	if !p.Where.None() {
		fmt.Fprintf(&b, " where %s", p.Where)
	}
	if p.Limit > 0 {
		fmt.Fprintf(&b, " limit=%d", p.Limit)
	}
	if p.Keep != nil {
		fmt.Fprintf(&b, " blocks=%d", len(p.Keep))
	}
	return b.String()
}

func blockMeta(p ReadParams, block int) op.Meta {
	text := 0.0
	for _, s := range p.blocks()[block] {
		text += p.textBytes(s)
	}
	m, _ := p.inferWhere(p.estimate(text))
	return m
}

func keepBlocks(p ReadParams, blocks []int) ReadParams {
	keep := make([]int32, len(blocks))
	for i, b := range blocks {
		keep[i] = int32(b)
		if p.Keep != nil {
			keep[i] = p.Keep[b]
		}
	}
	p.Keep = keep
	return p
}

func project(p ReadParams, cols []string) ReadParams {
	out := make([]int32, 0, len(cols))
	for _, name := range cols {
		out = append(out, int32(slices.Index(p.Names, name)))
	}
	p.Cols = out
	return p
}

func limit(p ReadParams, n int64) (ReadParams, bool) {
	if n < 1 {
		return p, false
	}
	if p.Limit == 0 || n < p.Limit {
		p.Limit = n
	}
	return p, true
}

// unite makes one block of files that have at most so many bytes of text together.
// Its splits grow when they would be too many.
func unite(p ReadParams, most float64) (ReadParams, bool) {
	blocks, size, text := p.blocks(), int64(0), 0.0
	for _, b := range blocks {
		for _, s := range b {
			size += s.hi - s.lo
			text += p.textBytes(s)
		}
	}
	if !p.AutoBlocks || p.Keep != nil || len(blocks) < 2 || text > most || size > maxUnited || len(p.Files) > maxFilesInBlock {
		return p, false
	}
	for size > p.SplitBytes*maxSplits {
		p.SplitBytes *= 2
	}
	p.BlockBytes = max(size, p.SplitBytes)
	return p, true
}
