package guard

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// Options say how a Parquet file is opened. The zero value is good for any file.
type Options struct {
	// Name stands for the file in errors; OpenFile sets it to the path.
	Name string
	// ReadDict keeps the dictionary of every top-level byte-array column (STRING, BINARY) in those row groups
	// where all of its data pages are dictionary-encoded: the column then is
	// dictionary<values=its type, indices=int32>, otherwise its plain type. The type of a column can so
	// differ from row group to row group; look at the record's schema.
	ReadDict bool
	// SkipChecksums leaves page checksums unverified. They are verified by default where a page has one.
	SkipChecksums bool
	// Limits bound allocation.
	Limits Limits
}

// Leaf is a column as Parquet stores it. A top-level column of a plain type is one leaf, a nested column has
// one for every value below it. Row groups are read, and statistics given, by leaf number.
type Leaf struct {
	// Path is the dotted path in the schema of the file, for instance "a.list.element".
	Path string
	// Field is the number of the top-level field that holds the leaf.
	Field int
	// Physical is the type of the stored values, for instance INT64 or BYTE_ARRAY.
	Physical string
	// MaxDef and MaxRep are the largest definition and repetition level.
	MaxDef, MaxRep int
	// Nested says that the leaf is part of a list, map or struct. Only the whole of such a field can be read.
	Nested bool
}

// Chunk describes the part of one leaf that lies in one row group.
type Chunk struct {
	// Values counts values and nulls; for a leaf outside lists it is the number of rows.
	Values int64
	// Compressed and Uncompressed are bytes, page headers included.
	Compressed, Uncompressed int64
	// Codec is the name of the compression, Encodings are the names of what the footer says of all pages
	// (levels and dictionary included).
	Codec     string
	Encodings []string
	// Stats are the usable statistics.
	Stats Stats
}

// RowGroup describes one row group.
type RowGroup struct {
	Rows int64
	// Compressed is the number of bytes in the file, Uncompressed the same after decompression.
	Compressed, Uncompressed int64
	// Chunks has one entry per leaf.
	Chunks []Chunk
}

// File is an open Parquet file. Its methods are safe for concurrent use when the reader below it is.
type File struct {
	name   string
	src    io.ReaderAt
	size   int64
	closer io.Closer
	opt    Options
	foot   *footer
	meta   *metadata.FileMetaData
	tree   *pqarrow.SchemaManifest
	schema *arrow.Schema
	groups []RowGroup
}

// OpenFile opens the Parquet file at path. Close it after use.
func OpenFile(ctx context.Context, path string, opt Options) (*File, error) {
	fd, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := fd.Stat()
	if err != nil {
		fd.Close()
		return nil, err
	}
	if opt.Name == "" {
		opt.Name = path
	}
	f, err := Open(ctx, fd, st.Size(), opt)
	if err != nil {
		fd.Close()
		return nil, err
	}
	f.closer = fd
	return f, nil
}

// Open reads and checks the footer of the Parquet file of size bytes behind r. r must stay open while the
// File is used; Close does not close it.
func Open(ctx context.Context, r io.ReaderAt, size int64, opt Options) (*File, error) {
	if opt.Name == "" {
		opt.Name = "parquet"
	}
	opt.Limits = opt.Limits.withDefaults()
	f := &File{name: opt.Name, src: r, size: size, opt: opt}
	if err := ctx.Err(); err != nil {
		return nil, f.fail(-1, "", err)
	}
	if err := caught("reading the footer", f.open); err != nil {
		return nil, f.fail(-1, "", err)
	}
	return f, nil
}

// fail gives err a place, keeping one that it already has.
func (f *File) fail(rg int, col string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		if e.File == "" {
			e.File = f.name
		}
		if e.RowGroup < 0 {
			e.RowGroup = rg
		}
		if e.Column == "" {
			e.Column = col
		}
		return e
	}
	return &Error{File: f.name, RowGroup: rg, Column: col, Err: err}
}

func (f *File) open() error {
	raw, err := f.readFooter()
	if err != nil {
		return err
	}
	if f.foot, err = parseFooter(raw, f.size); err != nil {
		return err
	}
	if f.foot.encrypted {
		return unsupported("the file is encrypted (plain footer)")
	}
	if f.meta, err = metadata.NewFileMetaData(raw, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if f.meta.Schema == nil || f.meta.Schema.NumColumns() != len(f.foot.leaves) {
		return unsupported("the schema has a part that Arrow cannot map")
	}
	hint, err := f.schemaHint()
	if err != nil {
		return err
	}
	if err := f.buildSchema(hint); err != nil {
		return err
	}
	f.describe()
	return nil
}

func (f *File) readFooter() ([]byte, error) {
	if f.size < 12 {
		return nil, corrupt("%d bytes is too short for a Parquet file", f.size)
	}
	var tail [8]byte
	if _, err := f.src.ReadAt(tail[:], f.size-8); err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading the last 8 bytes: %w", err)
	}
	switch string(tail[4:]) {
	case "PAR1":
	case "PARE":
		return nil, unsupported("the file is encrypted (encrypted footer)")
	default:
		return nil, corrupt("not a Parquet file: it ends in %q where %q belongs", tail[4:], "PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > f.size-12 {
		return nil, corrupt("the footer of %d bytes does not fit in the file of %d bytes", n, f.size)
	}
	if n > f.opt.Limits.Footer {
		return nil, overLimit("the footer has %d bytes, the limit is %d", n, f.opt.Limits.Footer)
	}
	raw := make([]byte, n)
	if _, err := f.src.ReadAt(raw, f.size-8-n); err != nil {
		return nil, fmt.Errorf("reading the footer of %d bytes: %w", n, err)
	}
	return raw, nil
}

// schemaHint gives the Arrow schema that Arrow writers store beside Parquet's own, parsed and written anew,
// because Arrow would parse it without checks. Dictionaries are taken out of it (Options.ReadDict says what
// is read as one) and fixed-size lists become lists (pqarrow v17 loses their null elements). Types that this
// Arrow does not know make the hint worthless, not the file.
func (f *File) schemaHint() (metadata.KeyValueMetadata, error) {
	const key = "ARROW:schema"
	text, ok := f.foot.kv[key]
	if !ok {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return nil, corrupt("the stored Arrow schema is not base64: %v", err)
		}
	}
	enc, err := rewriteSchema(raw, f.opt.Limits)
	if err != nil {
		return nil, err
	}
	if enc == nil {
		return nil, nil
	}
	kv := metadata.NewKeyValueMetadata()
	return kv, kv.Append(key, base64.StdEncoding.EncodeToString(enc))
}

func (f *File) buildSchema(hint metadata.KeyValueMetadata) (err error) {
	f.tree, err = pqarrow.NewSchemaManifest(f.meta.Schema, hint, &pqarrow.ArrowReadProperties{})
	if err != nil && hint != nil {
		// A hint that does not fit the file (columns renamed or retyped after it was made) is not needed.
		f.tree, err = pqarrow.NewSchemaManifest(f.meta.Schema, nil, &pqarrow.ArrowReadProperties{})
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	fields := make([]arrow.Field, len(f.tree.Fields))
	for i := range f.tree.Fields {
		fields[i] = fieldOf(&f.tree.Fields[i])
		if err := checkType(fields[i].Type); err != nil {
			return &Error{RowGroup: -1, Column: fields[i].Name, Err: err}
		}
	}
	md := f.userMetadata()
	f.schema = arrow.NewSchema(fields, &md)
	return nil
}

// userMetadata is the file's key-value metadata without the Arrow schema, keys sorted.
func (f *File) userMetadata() arrow.Metadata {
	var keys, vals []string
	for k := range f.foot.kv {
		if k != "ARROW:schema" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		vals = append(vals, f.foot.kv[k])
	}
	return arrow.NewMetadata(keys, vals)
}

func (f *File) describe() {
	f.groups = make([]RowGroup, len(f.foot.groups))
	for g := range f.groups {
		in, out := &f.foot.groups[g], &f.groups[g]
		out.Rows = in.rows
		out.Chunks = make([]Chunk, len(in.chunks))
		for c := range in.chunks {
			m := &in.chunks[c]
			ordered := c < len(f.foot.typeOrder) && f.foot.typeOrder[c]
			names := make([]string, len(m.encodings))
			for i, e := range m.encodings {
				names[i] = encodingName(e)
			}
			out.Chunks[c] = Chunk{Values: m.values, Compressed: m.compressed, Uncompressed: m.uncompressed,
				Codec: codecName(m.codec), Encodings: names, Stats: statsOf(m, &f.foot.leaves[c], ordered)}
			out.Compressed += m.compressed
			out.Uncompressed += m.uncompressed
		}
	}
}

// Name is what errors call the file.
func (f *File) Name() string { return f.name }

// Schema is the Arrow schema of the whole file. With Options.ReadDict a record's schema can differ from it
// in that columns are dictionaries.
func (f *File) Schema() *arrow.Schema { return f.schema }

// Rows is the number of rows in the file.
func (f *File) Rows() int64 { return f.foot.rows }

// CreatedBy is the writer's name and version, as it wrote them.
func (f *File) CreatedBy() string { return f.foot.createdBy }

// NumRowGroups is the number of row groups.
func (f *File) NumRowGroups() int { return len(f.groups) }

// RowGroup describes row group i, 0 <= i < NumRowGroups. Its slices belong to the File.
func (f *File) RowGroup(i int) RowGroup { return f.groups[i] }

// Leaves lists the columns as the file stores them; their numbers are the columns of ReadRowGroup.
func (f *File) Leaves() []Leaf {
	out := make([]Leaf, len(f.foot.leaves))
	for i := range out {
		out[i] = f.foot.leaves[i].Leaf
	}
	return out
}

// LeavesOf gives the leaves of top-level field i.
func (f *File) LeavesOf(i int) []int {
	var out []int
	for c := range f.foot.leaves {
		if f.foot.leaves[c].Field == i {
			out = append(out, c)
		}
	}
	return out
}

// Close closes the file that OpenFile opened; after Open it does nothing.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
