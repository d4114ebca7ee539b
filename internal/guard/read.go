package guard

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// chunkSlack is how far the pages of a chunk may reach beyond its stated size: parquet-mr up to 1.2.8 did not
// count the header of the dictionary page.
const chunkSlack = 100

// ReadRowGroup reads leaves of row group rg and calls fn with records of up to batchRows rows (64 Ki when
// batchRows is not positive), in row order. The columns of a record are the top-level fields that hold any
// of the leaves, in the order of the file; of a nested field all leaves are read. columns nil means all.
//
// A record is shorter than batchRows when it is the last, or when longer ones could break Limits.Batch.
// Records are immutable and belong to the garbage collector; fn may keep them. An error of fn stops the
// reading and is returned as it is. Every other error is an *Error. ctx is looked at before every record.
//
// Arrow runs on the calling goroutine only. The compressed bytes of the chosen columns are held in memory
// during the call, the uncompressed ones a page at a time.
func (f *File) ReadRowGroup(ctx context.Context, rg int, columns []int, batchRows int, fn func(arrow.Record) error) error {
	if rg < 0 || rg >= len(f.groups) {
		return f.fail(rg, "", fmt.Errorf("no such row group, the file has %d", len(f.groups)))
	}
	if batchRows <= 0 {
		batchRows = 64 << 10
	}
	leaves, err := f.wholeFields(columns)
	if err != nil {
		return f.fail(rg, "", err)
	}
	r := &groupReader{f: f, rg: rg, batch: int64(batchRows)}
	if err := caught("reading the row group", func() error { return r.open(ctx, leaves) }); err != nil {
		return f.fail(rg, "", err)
	}
	for left := f.groups[rg].Rows; left > 0; {
		if err := ctx.Err(); err != nil {
			return f.fail(rg, "", err)
		}
		n := min(left, r.batch)
		rec, err := r.record(n)
		if err != nil {
			return f.fail(rg, "", err)
		}
		left -= n
		if err := fn(rec); err != nil {
			return err
		}
	}
	return f.fail(rg, "", r.finish())
}

// wholeFields sorts the leaves, removes duplicates and completes nested fields.
func (f *File) wholeFields(columns []int) ([]int, error) {
	var out []int
	want := make([]bool, len(f.tree.Fields))
	for _, c := range columns {
		if c < 0 || c >= len(f.foot.leaves) {
			return nil, fmt.Errorf("no leaf column %d, the file has %d", c, len(f.foot.leaves))
		}
		want[f.foot.leaves[c].Field] = true
	}
	for c := range f.foot.leaves {
		if columns == nil || want[f.foot.leaves[c].Field] {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no columns asked for")
	}
	return out, nil
}

// leafReader is one leaf of a row group being read.
type leafReader struct {
	stream *pageStream
	col    *pqarrow.ColumnReader
	field  arrow.Field
	path   string
}

type groupReader struct {
	f      *File
	rg     int
	batch  int64
	leaves map[int]*leafReader // by leaf number
	fields []int               // top-level fields to build
	schema *arrow.Schema
}

func (r *groupReader) open(ctx context.Context, leaves []int) error {
	r.leaves = make(map[int]*leafReader, len(leaves))
	for _, c := range leaves {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.openLeaf(c); err != nil {
			return &Error{RowGroup: r.rg, Column: r.f.foot.leaves[c].Path, Err: err}
		}
		if fld := r.f.foot.leaves[c].Field; len(r.fields) == 0 || r.fields[len(r.fields)-1] != fld {
			r.fields = append(r.fields, fld)
		}
	}
	if err := r.openArrow(ctx, leaves); err != nil {
		return err
	}
	fields := make([]arrow.Field, len(r.fields))
	for i, fld := range r.fields {
		fields[i] = r.f.schema.Field(fld)
		if n := &r.f.tree.Fields[fld]; len(n.Children) == 0 {
			fields[i].Type = r.leaves[n.ColIndex].field.Type
		}
	}
	md := r.f.schema.Metadata()
	r.schema = arrow.NewSchema(fields, &md)
	return nil
}

// openLeaf reads the bytes of a chunk, walks its pages and shortens the batch where records could become
// too large.
func (r *groupReader) openLeaf(c int) error {
	f, l := r.f, &r.f.foot.leaves[c]
	m := &f.foot.groups[r.rg].chunks[c]
	if !knownCodec(m.codec) {
		return unsupported("codec %s", codecName(m.codec))
	}
	b := make([]byte, min(m.compressed+chunkSlack, f.size-m.start()))
	if n, err := f.src.ReadAt(b, m.start()); err != nil && !(err == io.EOF && n == len(b)) {
		return fmt.Errorf("reading %d bytes at %d: %w", len(b), m.start(), err)
	}
	pages, err := chunkPages(b, m, l, &f.opt.Limits)
	if err != nil {
		return err
	}
	s := &pageStream{leaf: l, codec: m.codec, pages: pages, lim: &f.opt.Limits, crc: !f.opt.SkipChecksums}
	keepDict := f.opt.ReadDict && l.typ == physBytes && !l.Nested && allDict(pages) && isText(fieldOfLeaf(f.tree, c).Type)
	rows, err := s.safeRows(keepDict, r.batch)
	if err != nil {
		return err
	}
	r.batch = rows
	field := fieldOfLeaf(f.tree, c)
	if keepDict {
		field.Type = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: field.Type}
	}
	r.leaves[c] = &leafReader{stream: s, field: field, path: l.Path}
	return nil
}

func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.BINARY:
		return true
	}
	return false
}

func fieldOfLeaf(t *pqarrow.SchemaManifest, c int) arrow.Field { return *t.ColIndexToField[c].Field }

// safeRows gives how many rows, at most want, can be decoded at once so that the values stay within
// Limits.Batch. What matters is the most bytes that a value of a page takes: for dictionary codes the
// longest entry, for expanded encodings what a trial run gives.
func (s *pageStream) safeRows(keepDict bool, want int64) (int64, error) {
	limit, per := s.lim.Batch, int64(max(valueWidth(s.leaf), 1))
	if s.leaf.typ == physBytes {
		for i := range s.pages {
			p := &s.pages[i]
			if p.typ != pageDict && !isDictEncoding(p.encoding) {
				per = max(per, p.uncompressed/p.values)
			}
		}
		longest, err := s.longestEntry(keepDict)
		if err != nil {
			return 0, err
		}
		expanded, err := s.trial()
		if err != nil {
			return 0, err
		}
		per = max(per, longest, expanded)
	}
	if per <= limit/want {
		return want, nil
	}
	return max(limit/per, 1), nil
}

// longestEntry decompresses the dictionary to find its longest value.
func (s *pageStream) longestEntry(keepDict bool) (int64, error) {
	if keepDict || len(s.pages) == 0 || s.pages[0].typ != pageDict {
		return 0, nil
	}
	p := &s.pages[0]
	raw, err := s.expand(p)
	if err == nil {
		err = checkPlain(raw, int(p.values), s.leaf)
	}
	if err != nil {
		return 0, fmt.Errorf("dictionary: %w", err)
	}
	return int64(longestPlain(raw, int(p.values))), nil
}

// trial runs once over a chunk with DELTA_BYTE_ARRAY pages, whose size says nothing of their content's.
func (s *pageStream) trial() (per int64, err error) {
	if !slices.ContainsFunc(s.pages, func(p page) bool { return p.encoding == encDeltaBytes }) {
		return 0, nil
	}
	t := &pageStream{leaf: s.leaf, codec: s.codec, pages: s.pages, lim: s.lim, crc: s.crc}
	for i := range t.pages {
		out, err := t.make(i)
		if err != nil {
			return 0, err
		}
		if t.pages[i].encoding == encDeltaBytes {
			per = max(per, int64(len(out))/t.pages[i].values)
		}
	}
	return per, nil
}

// virtualFile is what Arrow believes to be the file: the stream of leaf c starts at byte (c+1)<<40.
type virtualFile struct{ leaves map[int]*leafReader }

const leafSpan = 40

func (v virtualFile) ReadAt(p []byte, off int64) (int, error) {
	l := v.leaves[int(off>>leafSpan)-1]
	if l == nil {
		return 0, io.EOF
	}
	return l.stream.ReadAt(p, off&(1<<leafSpan-1))
}

// Read is here because Arrow's interface asks for it; no code path reads that way.
func (virtualFile) Read([]byte) (int, error) { return 0, io.EOF }

func (virtualFile) Seek(int64, int) (int64, error) { return 1 << 62, nil }

// openArrow makes Arrow's readers. The manifest is flattened to its leaves, so that Arrow never builds its
// struct and list readers: those decode on goroutines of their own even when told not to (errgroup in
// structReader.LoadBatch), where a panic ends the process. assemble.go puts the leaves together.
func (r *groupReader) openArrow(ctx context.Context, leaves []int) error {
	meta, err := r.f.meta.Subset([]int{r.rg})
	if err != nil {
		return err
	}
	meta.FileMetaData.KeyValueMetadata = nil
	group := *meta.RowGroups[0]
	group.Columns = slices.Clone(group.Columns)
	for _, c := range leaves {
		chunk := *group.Columns[c]
		md := *chunk.MetaData
		md.Codec, md.DictionaryPageOffset = codecNone, nil
		md.DataPageOffset, md.TotalCompressedSize = int64(c+1)<<leafSpan, 1<<leafSpan-chunkSlack
		chunk.MetaData = &md
		group.Columns[c] = &chunk
	}
	meta.RowGroups[0] = &group
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	rd, err := file.NewParquetReader(virtualFile{r.leaves}, file.WithMetadata(meta), file.WithReadProps(props))
	if err != nil {
		return err
	}
	fr, err := pqarrow.NewFileReader(rd, pqarrow.ArrowReadProperties{BatchSize: r.batch}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	fr.Manifest.Fields = make([]pqarrow.SchemaField, len(leaves))
	for i, c := range leaves {
		l := r.leaves[c]
		info := r.f.tree.ColIndexToField[c].LevelInfo
		fr.Manifest.Fields[i] = pqarrow.SchemaField{Field: &l.field, ColIndex: c, LevelInfo: info}
		l.col, err = fr.GetFieldReader(ctx, i, map[int]bool{c: true}, []int{0})
		if err == nil && l.col == nil {
			err = unsupported("Arrow has no reader for it")
		}
		if err != nil {
			return &Error{RowGroup: r.rg, Column: l.path, Err: err}
		}
	}
	return nil
}

// record decodes n rows of every leaf and puts them together.
func (r *groupReader) record(n int64) (arrow.Record, error) {
	cols := make([]arrow.Array, len(r.fields))
	for i, fld := range r.fields {
		part, err := r.build(&r.f.tree.Fields[fld], n)
		if err != nil {
			return nil, err
		}
		cols[i] = part.arr
		err = caught("checking the column", func() error { return Validate(part.arr) })
		if err == nil && int64(part.arr.Len()) != n {
			err = corrupt("the column ends after %d of %d rows of a batch", part.arr.Len(), n)
		}
		if err != nil {
			return nil, &Error{RowGroup: r.rg, Column: r.schema.Field(i).Name, Err: err}
		}
	}
	return array.NewRecord(r.schema, cols, n), nil
}

// finish holds that every leaf was as long as the row group and no longer.
func (r *groupReader) finish() error {
	rows := r.f.groups[r.rg].Rows
	for _, l := range r.leaves {
		s := l.stream
		if s.err != nil {
			return &Error{RowGroup: r.rg, Column: l.path, Err: s.err}
		}
		if rows > 0 && s.next == len(s.pages) && s.rows != rows {
			return &Error{RowGroup: r.rg, Column: l.path, Err: corrupt("the column has %d rows, the row group %d", s.rows, rows)}
		}
	}
	return nil
}
