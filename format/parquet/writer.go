package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// ColumnOptions say how one column is written.
type ColumnOptions struct {
	Name string // of the column; nested ones are written alike at every depth
	// Encoding is "" for a dictionary where it pays, "plain", "delta" (differences of integers, of the lengths of
	// text), or "byte_stream_split" (byte k of all numbers together, which compresses floats better).
	Encoding string
	// Bloom adds a bloom filter per row group, so that readers that look for a value leave out row groups.
	Bloom bool
}

// WriteOptions are the options of writing. The zero value is good.
type WriteOptions struct {
	Codec        string // "zstd" (the default), "snappy", "gzip", "lz4" (LZ4_RAW) or "none"
	RowGroupRows int64  // 0 means 2^20, and 2^17 in folders by keys
	PageV2       bool   // data pages of version 2, whose levels are not compressed
	Columns      []ColumnOptions
}

const (
	defaultGroup = 1 << 20
	// A page has so many rows, a multiple of what morsels have, or ends when a column has so many bytes.
	pageRows = 5 * morselRows
	fullPage = 1 << 20
)

// check holds the options against the columns of the files.
func (o *WriteOptions) check(s dtype.Schema) error {
	if _, err := guard.CodecNumber(o.codec()); err != nil {
		return err
	}
	if o.RowGroupRows < 0 {
		return fmt.Errorf("option RowGroupRows: %d", o.RowGroupRows)
	}
	if len(s) == 0 {
		return errors.New("a Parquet file has a column at least")
	}
	for _, c := range o.Columns {
		i, err := s.Find(c.Name)
		if err != nil {
			return fmt.Errorf("option Columns: %w", err)
		}
		switch c.Encoding {
		case "", "plain", "delta", "byte_stream_split":
		default:
			return fmt.Errorf("option Columns: encoding %q of column %q: want plain, delta or byte_stream_split", c.Encoding, c.Name)
		}
		k := s[i].Type.Kind
		if c.Encoding == "delta" && (k.IsFloat() || k == dtype.Bool) || c.Encoding == "byte_stream_split" && (k.IsVar() || k == dtype.Bool) {
			return fmt.Errorf("option Columns: encoding %s does not hold column %q of %s", c.Encoding, c.Name, s[i].Type)
		}
	}
	for _, f := range s {
		if _, err := shredOf(f, 0); err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
	}
	return nil
}

func (o *WriteOptions) codec() string {
	if o.Codec == "" {
		return "zstd"
	}
	return o.Codec
}

// A fileWriter encodes one file. It is for one goroutine; pages are encoded on the threads that the task lends.
type fileWriter struct {
	task   op.Task
	out    io.Writer
	schema dtype.Schema
	shreds []*shred // by column
	leaves []*leafWriter
	group  int64 // rows of a row group
	atOnce int   // rows of a page

	at     int64 // bytes written
	rows   int   // of the page
	inRows int64 // of the row group, the page's included
	total  int64
	groups []writtenGroup
	slice  chunk.Batch
	bits   [][2][morselRows / 64]uint64 // by column: what cut moved
}

// newFileWriter begins a file on out; the options were checked.
func newFileWriter(t op.Task, out io.Writer, s dtype.Schema, o WriteOptions) (*fileWriter, error) {
	w := &fileWriter{task: t, out: out, schema: s, group: o.RowGroupRows}
	if w.group == 0 {
		w.group = defaultGroup
	}
	codec, err := guard.CodecNumber(o.codec())
	if err != nil {
		return nil, err
	}
	for _, f := range s {
		x, err := shredOf(f, 0)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		w.shreds = append(w.shreds, x)
		opt := ColumnOptions{}
		for _, c := range o.Columns {
			if c.Name == f.Name {
				opt = c
			}
		}
		x.leavesOf(nil, func(path []string, n *shred) {
			l := &leafWriter{stored: n.stored, name: f.Name, path: path, maxDef: n.def, maxRep: n.rep, codec: codec, v2: o.PageV2, opt: opt, alloc: t}
			l.dict = lookup{alloc: t, width: l.width}
			l.begin()
			n.leaf = l
			w.leaves = append(w.leaves, l)
		})
	}
	// Wide tables have shorter pages, so that all pages together stay small.
	w.atOnce = max(pageRows/(1+len(w.leaves)/64), 256)
	return w, w.write([]byte(magic))
}

// magic is at both ends of a file.
const magic = "PAR1"

func (w *fileWriter) write(b []byte) error {
	n, err := w.out.Write(b)
	w.at += int64(n)
	return err
}

// push takes the rows of a batch, which it only borrows.
func (w *fileWriter) push(b *chunk.Batch) error {
	for lo := 0; lo < b.N; {
		n := min(b.N-lo, w.atOnce-w.rows, morselRows, int(min(w.group-w.inRows, morselRows)))
		part := b
		if n < b.N {
			part = &w.slice
			part.Cols = part.Cols[:0]
			for i := range b.Cols {
				part.Cols = append(part.Cols, w.cut(i, &b.Cols[i], lo, lo+n))
			}
			part.N = n
		}
		for i, x := range w.shreds {
			if err := x.add(w.task, &part.Cols[i]); err != nil {
				return err
			}
		}
		lo, w.rows, w.inRows, w.total = lo+n, w.rows+n, w.inRows+int64(n), w.total+int64(n)
		if w.rows == w.atOnce || w.full() {
			if err := w.seal(); err != nil {
				return err
			}
		}
		if w.inRows == w.group {
			if err := w.endGroup(); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut returns values [lo, hi) of column i, at most a morsel of them. Bits that do not begin at a word are moved.
func (w *fileWriter) cut(i int, v *chunk.Vec, lo, hi int) chunk.Vec {
	if lo&63 == 0 {
		return v.Slice(lo, hi)
	}
	from := lo &^ 63
	out, off := v.Slice(from, hi), lo-from
	out.N = hi - lo
	if w.bits == nil {
		w.bits = make([][2][morselRows / 64]uint64, len(w.shreds))
	}
	b := &w.bits[i]
	if out.Valid != nil {
		kernel.CopyBits(b[0][:], 0, out.Valid, off, out.N)
		out.Valid = b[0][:chunk.Words(out.N)]
	}
	switch k := v.Type.Kind; {
	case v.Dict != nil:
		out.Data = out.Data[4*off:]
	case k.IsVar():
		out.Off = out.Off[off:]
	case k == dtype.Bool:
		kernel.CopyBits(b[1][:], 0, chunk.Slice[uint64](out.Data, chunk.Words(hi-from)), off, out.N)
		out.Data = chunk.Bytes(b[1][:chunk.Words(out.N)])
	default:
		out.Data = out.Data[off*v.Type.Width():]
	}
	return out
}

// full reports whether a column has gathered so much that the page should end.
func (w *fileWriter) full() bool {
	for _, l := range w.leaves {
		if l.bytes() >= fullPage {
			return true
		}
	}
	return false
}

// encode makes the pages of all columns.
func (w *fileWriter) encode() error {
	w.rows = 0
	if w.task.Threads() > 1 && len(w.leaves) > 1 {
		return w.task.Fork(len(w.leaves), func(i int) error { return w.leaves[i].encode(w.group) })
	}
	for _, l := range w.leaves {
		if err := l.encode(w.group); err != nil {
			return err
		}
	}
	return nil
}

// seal ends the page of every column. Where there is no memory to keep it, the row group ends.
func (w *fileWriter) seal() error {
	if err := w.encode(); err != nil {
		return err
	}
	for _, l := range w.leaves {
		if !l.keep() {
			return w.writeGroup()
		}
	}
	return nil
}

// endGroup ends the row group.
func (w *fileWriter) endGroup() error {
	if w.inRows == 0 {
		return nil
	}
	if w.rows > 0 {
		if err := w.encode(); err != nil {
			return err
		}
	}
	return w.writeGroup()
}

// writeGroup writes the pages that were made.
func (w *fileWriter) writeGroup() error {
	g := writtenGroup{rows: w.inRows, at: w.at}
	for _, l := range w.leaves {
		c, err := w.writeChunk(l)
		if err != nil {
			return err
		}
		g.chunks = append(g.chunks, c)
	}
	for i, l := range w.leaves {
		b, err := l.bloom()
		if err != nil {
			return err
		}
		if b != nil {
			head := bloomHead(len(b))
			g.chunks[i].bloomAt, g.chunks[i].bloomLen = w.at, len(head)+len(b)
			err = errors.Join(w.write(head), w.write(b))
			w.task.Free(b)
			if err != nil {
				return err
			}
		}
		l.begin()
	}
	w.groups = append(w.groups, g)
	w.inRows = 0
	return nil
}

// writeChunk writes the pages of one leaf.
func (w *fileWriter) writeChunk(l *leafWriter) (c writtenChunk, err error) {
	defer l.drop()
	c = writtenChunk{values: l.total, nulls: l.nulls, dict: -1}
	dict, raw, err := l.dictPage()
	if err != nil {
		return c, err
	}
	if dict != nil {
		c.dict = w.at
		c.use(guard.Plain)
		c.raw += int64(raw)
		if err := w.write(dict); err != nil {
			return c, err
		}
	}
	start := w.at - int64(len(dict))
	c.data = w.at
	row := int64(0)
	for _, p := range l.all() {
		c.pages = append(c.pages, writtenPage{at: w.at, bytes: len(p.b), row: row, nulls: int64(p.nulls), lo: p.lo.b, hi: p.hi.b, empty: p.empty, bounded: p.bounded})
		row += int64(p.rows)
		c.use(p.encoding)
		c.raw += int64(p.raw)
		if err := w.write(p.b); err != nil {
			return c, err
		}
	}
	if l.maxDef > 0 {
		c.use(guard.RLE)
	}
	c.packed = w.at - start
	c.lo, c.hi, c.bounded = l.chunk.limits(&l.stored)
	return c, nil
}

// finish writes what is left, and the footer.
func (w *fileWriter) finish() error {
	if err := w.endGroup(); err != nil {
		return err
	}
	for i := range w.groups {
		for k := range w.groups[i].chunks {
			c := &w.groups[i].chunks[k]
			b := columnIndex(c, w.leaves[k])
			if b != nil {
				c.columnAt, c.columnLen = w.at, len(b)
				if err := w.write(b); err != nil {
					return err
				}
			}
		}
	}
	for i := range w.groups {
		for k := range w.groups[i].chunks {
			c := &w.groups[i].chunks[k]
			b := offsetIndex(c)
			c.offsetAt, c.offsetLen = w.at, len(b)
			if err := w.write(b); err != nil {
				return err
			}
		}
	}
	b, err := w.footer()
	if err != nil {
		return err
	}
	return w.write(b)
}

// shrink ends the row group and frees all buffers.
func (w *fileWriter) shrink() error {
	err := w.endGroup()
	for _, l := range w.leaves {
		l.close()
		l.begin()
	}
	return err
}

// close frees what is left, also after an error.
func (w *fileWriter) close() {
	for _, l := range w.leaves {
		l.close()
	}
}
