package guard

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
)

// Options say how a Parquet file is opened. The zero value is good for any file.
type Options struct {
	// Name stands for the file in errors.
	Name string
	// Closer, if it is not nil, is closed by File.Close.
	Closer io.Closer
	// SkipChecksums leaves page checksums unverified. They are verified by default where a page has one.
	SkipChecksums bool
	// Limits bound allocation.
	Limits Limits
}

// Physical is the type of the values that a column stores.
type Physical uint8

// The physical types, numbered as in parquet.thrift.
const (
	Boolean Physical = iota
	Int32
	Int64
	Int96
	Float
	Double
	ByteArray
	FixedLenByteArray
)

func (p Physical) String() string {
	return [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}[p&7]
}

// Width is the number of bytes of a stored value, 0 for BOOLEAN and BYTE_ARRAY; length is that of the column.
func (p Physical) Width(length int) int {
	return [...]int{0, 4, 8, 12, 4, 8, 0, length}[p&7]
}

// Leaf is a column as Parquet stores it. A top-level column of a plain type is one leaf, a nested column has
// one for every value below it. Pages are read, and statistics given, by leaf number.
type Leaf struct {
	// Path is the dotted path in the schema of the file, for instance "a.list.element"; Name is that of the
	// top-level field.
	Path, Name string
	// Field is the number of the top-level field that holds the leaf.
	Field int
	// Physical is the type of the stored values, Length the bytes of one of FIXED_LEN_BYTE_ARRAY.
	Physical Physical
	Length   int
	// Logical says what the values mean.
	Logical Logical
	// MaxDef and MaxRep are the largest definition and repetition level.
	MaxDef, MaxRep int
	// Nested says that the leaf is part of a list, map or struct.
	Nested bool
}

// Chunk describes the part of one leaf that lies in one row group.
type Chunk struct {
	// Values counts values and nulls; for a leaf outside lists it is the number of rows.
	Values int64
	// Compressed and Uncompressed are bytes, page headers included.
	Compressed, Uncompressed int64
	// Codec is the name of the compression.
	Codec string
	// Stats are the usable statistics.
	Stats Stats
	// Indexed says that the chunk has an offset index, Filtered that it has a bloom filter.
	Indexed, Filtered bool
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
	groups []RowGroup
	arrow  map[string]arrow.DataType
}

// Open reads and checks the footer of the Parquet file of size bytes behind r. r must stay open while the
// File is used; Close closes the Closer of opt only.
func Open(r io.ReaderAt, size int64, opt Options) (*File, error) {
	if opt.Name == "" {
		opt.Name = "parquet"
	}
	opt.Limits = opt.Limits.withDefaults()
	f := &File{name: opt.Name, src: r, size: size, opt: opt, closer: opt.Closer}
	if err := f.open(); err != nil {
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
	if err := f.schemaHint(); err != nil {
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

// schemaHint reads the Arrow schema that Arrow writers store beside Parquet's own. It only adds what Parquet does
// not keep, such as the names of time zones; it says nothing of fields with types that this build does not know.
func (f *File) schemaHint() error {
	text, ok := f.foot.kv["ARROW:schema"]
	if !ok {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return corrupt("the stored Arrow schema is not base64: %v", err)
		}
	}
	s, err := storedSchema(raw, f.opt.Limits)
	if err != nil || s == nil {
		return err
	}
	f.arrow = make(map[string]arrow.DataType, s.NumFields())
	for _, x := range s.Fields() {
		f.arrow[x.Name] = x.Type
	}
	return nil
}

// ArrowType is the type of a top-level field in the Arrow schema that the writer stored, nil when there is none.
func (f *File) ArrowType(name string) arrow.DataType { return f.arrow[name] }

func (f *File) describe() {
	f.groups = make([]RowGroup, len(f.foot.groups))
	for g := range f.groups {
		in, out := &f.foot.groups[g], &f.groups[g]
		out.Rows = in.rows
		out.Chunks = make([]Chunk, len(in.chunks))
		for c := range in.chunks {
			m := &in.chunks[c]
			ordered := c < len(f.foot.typeOrder) && f.foot.typeOrder[c]
			out.Chunks[c] = Chunk{Values: m.values, Compressed: m.compressed, Uncompressed: m.uncompressed,
				Codec: codecName(m.codec), Stats: statsOf(m, &f.foot.leaves[c], ordered),
				Indexed: m.offsets.Len > 0, Filtered: m.bloom.At > 0}
			out.Compressed += m.compressed
			out.Uncompressed += m.uncompressed
		}
	}
}

// Name is what errors call the file.
func (f *File) Name() string { return f.name }

// Rows is the number of rows in the file.
func (f *File) Rows() int64 { return f.foot.rows }

// NumRowGroups is the number of row groups.
func (f *File) NumRowGroups() int { return len(f.groups) }

// RowGroup describes row group i, 0 <= i < NumRowGroups. Its slices belong to the File.
func (f *File) RowGroup(i int) *RowGroup { return &f.groups[i] }

// Leaf describes leaf i of the columns as the file stores them.
func (f *File) Leaf(i int) *Leaf { return &f.foot.leaves[i].Leaf }

// Fields are the top-level fields of the schema; they belong to the File.
func (f *File) Fields() []Node { return f.foot.tree }

// Close closes Options.Closer, if there is one.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
