package guard

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

const (
	ipcMagic = "ARROW1"

	msgSchema = 1
	msgDict   = 2
	msgBatch  = 3
)

// message is one parsed IPC message: the header table and the bytes of the body.
type message struct {
	kind    byte
	version int16
	head    flatTable
	body    []byte
}

// A meter knows how many bytes it gave.
type meter struct {
	r io.Reader
	n int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

// end says whether a stream may end here, behind a marker or without one: writers need not make one, so a stream that is
// cut between two messages is a stream. What no writer leaves behind is a dictionary without its record, and bytes behind
// the marker, which are another stream's.
func (m *meter) end(begin int64, last byte) error {
	if m.n == begin {
		if last == msgDict {
			return corrupt("the stream ends behind a dictionary where a record belongs")
		}
		return io.EOF
	}
	var more [8]byte
	at := m.n
	n, err := io.ReadFull(m, more[:])
	switch {
	case more != [8]byte{}:
		return corrupt("the stream ends at byte %d, and %q follows: was one file appended to another?", at, more[:n])
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return fmt.Errorf("reading behind the end marker: %w", err)
	}
	return io.EOF
}

// readMessage reads the next message of a stream. io.EOF means the end, by marker or by the end of r.
func readMessage(r io.Reader, lim Limits) (*message, error) {
	n, err := readPrefix(r)
	if err != nil {
		return nil, err
	}
	if n > lim.Footer {
		return nil, overLimit("a message header of %d bytes, the limit is %d", n, lim.Footer)
	}
	meta, err := readGrowing(r, n)
	if err != nil {
		return nil, fmt.Errorf("message header: %w", err)
	}
	m, size, err := parseMessage(meta)
	if err != nil {
		return nil, err
	}
	if size > lim.Body {
		return nil, overLimit("a message body of %d bytes, the limit is %d", size, lim.Body)
	}
	if m.body, err = readGrowing(r, size); err != nil {
		return nil, fmt.Errorf("message body: %w", err)
	}
	return m, nil
}

// readPrefix reads the length of the next message header: since format 0.15 after a marker of four 0xff.
func readPrefix(r io.Reader) (int64, error) {
	var b [4]byte
	if n, err := io.ReadFull(r, b[:]); err != nil {
		if n == 0 && err == io.EOF {
			return 0, io.EOF
		}
		return 0, readFault(err, "a message length")
	}
	n := int32(binary.LittleEndian.Uint32(b[:]))
	if n == -1 {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return 0, readFault(err, "a message length")
		}
		n = int32(binary.LittleEndian.Uint32(b[:]))
	}
	if n == 0 {
		return 0, io.EOF
	}
	if n < 0 {
		return 0, corrupt("a message header of %d bytes", n)
	}
	return int64(n), nil
}

// readFault tells the end of the data, which is corruption, from a failing reader.
func readFault(err error, what string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return corrupt("the data ends inside %s", what)
	}
	return fmt.Errorf("reading %s: %w", what, err)
}

// readGrowing reads n bytes, allocating at most twice what really came and 1 MiB.
func readGrowing(r io.Reader, n int64) ([]byte, error) {
	out := make([]byte, 0, min(n, 1<<20))
	for int64(len(out)) < n {
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(n, 2*int64(cap(out))))
			copy(grown, out)
			out = grown
		}
		k, err := io.ReadFull(r, out[len(out):cap(out)])
		out = out[:len(out)+k]
		if err != nil {
			return nil, readFault(err, fmt.Sprintf("%d bytes, %d are there", n, len(out)))
		}
	}
	return out, nil
}

func parseMessage(meta []byte) (*message, int64, error) {
	f := newFlat(meta)
	t := f.root()
	m := &message{version: t.i16(0, 0), kind: t.byte(1)}
	size := t.i64(3, 0)
	head, ok := t.sub(2)
	m.head = head
	switch {
	case f.err != nil:
		return nil, 0, f.err
	case !ok:
		return nil, 0, corrupt("a message without header")
	case m.version < 3 || m.version > 4:
		return nil, 0, unsupported("metadata version V%d", int(m.version)+1)
	case size < 0:
		return nil, 0, corrupt("a message body of %d bytes", size)
	}
	return m, size, nil
}

// IPCOptions say how Arrow IPC data is read. The zero value is good for any file.
type IPCOptions struct {
	// Name stands for the file or stream in errors.
	Name string
	// Limits bound allocation; Footer and Body count here.
	Limits Limits
}

// IPCReader reads records from an Arrow IPC stream or file. It is for one goroutine. Every array has been
// validated; records belong to the garbage collector and stay good after the next call.
type IPCReader struct {
	name   string
	lim    Limits
	schema *parsedSchema
	dicts  *dictStore
	next   func() (*message, error)
	begin  int64 // of the message that is read
	last   byte  // the kind of the message before it
	blocks []block
	at     int
	file   bool
	err    error
}

// NewIPCStream reads the schema of the stream r, which ends with the stream. Memory grows with what r really gives: a length is never
// allocated ahead by more than 1 MiB.
func NewIPCStream(r io.Reader, opt IPCOptions) (*IPCReader, error) {
	x := newIPCReader(opt, "arrow stream")
	in := &meter{r: r}
	x.next = func() (*message, error) {
		x.begin = in.n
		m, err := readMessage(in, x.lim)
		if err == io.EOF {
			return nil, in.end(x.begin, x.last)
		}
		if err == nil {
			x.last = m.kind
		}
		return m, err
	}
	err := caught("reading the schema", func() error {
		m, err := x.next()
		if err == io.EOF {
			return corrupt("the stream is empty")
		}
		if err != nil {
			return err
		}
		if m.kind != msgSchema {
			return corrupt("the stream starts with a message of type %d, not a schema", m.kind)
		}
		return x.setSchema(m.head)
	})
	if err != nil {
		return nil, x.failAt(err)
	}
	return x, nil
}

func newIPCReader(opt IPCOptions, name string) *IPCReader {
	if opt.Name != "" {
		name = opt.Name
	}
	return &IPCReader{name: name, lim: opt.Limits.withDefaults()}
}

func (x *IPCReader) fail(err error) error {
	return &Error{File: x.name, RowGroup: -1, Err: err}
}

// failAt is fail for the message that was read last.
func (x *IPCReader) failAt(err error) error {
	return x.fail(fmt.Errorf("message at byte %d: %w", x.begin, err))
}

func (x *IPCReader) setSchema(t flatTable) (err error) {
	if x.schema, err = parseSchema(t, false); err == nil {
		x.dicts = newDictStore(x.schema.dicts)
	}
	return err
}

// Schema is the schema of every record.
func (x *IPCReader) Schema() *arrow.Schema { return x.schema.schema }

// Next gives the next record, io.EOF after the last. An error is final.
func (x *IPCReader) Next() (arrow.Record, error) {
	if x.err != nil {
		return nil, x.err
	}
	var rec arrow.Record
	err := caught("reading a record", func() (err error) {
		rec, err = x.read()
		return err
	})
	switch {
	case err == nil:
		return rec, nil
	case err == io.EOF:
		x.err = io.EOF
	default:
		x.err = x.failAt(err)
	}
	return nil, x.err
}

// read takes messages up to the next record.
func (x *IPCReader) read() (arrow.Record, error) {
	for {
		m, err := x.next()
		if err != nil {
			return nil, err
		}
		switch m.kind {
		case msgDict:
			if err := x.dicts.add(m.head, m.body, m.version, x.lim); err != nil {
				return nil, err
			}
		case msgBatch:
			return x.record(m)
		default:
			return nil, corrupt("a message of type %d where a record belongs", m.kind)
		}
	}
}

func (x *IPCReader) record(m *message) (arrow.Record, error) {
	b, err := newBatch(m.head, m.body, m.version, x.lim, x.dicts)
	if err != nil {
		return nil, err
	}
	cols := make([]arrow.Array, len(x.schema.plans))
	for i, p := range x.schema.plans {
		if cols[i], err = b.array(p); err != nil {
			return nil, fmt.Errorf("column %s: %w", x.schema.schema.Field(i).Name, err)
		}
		if int64(cols[i].Len()) != b.rows {
			return nil, corrupt("column %s has %d rows, the batch %d", x.schema.schema.Field(i).Name, cols[i].Len(), b.rows)
		}
	}
	return array.NewRecord(x.schema.schema, cols, b.rows), nil
}

// block is where a message of a file lies.
type block struct {
	off, meta, body int64
}

// OpenIPC reads the footer, the schema and the dictionaries of the Arrow IPC file of size bytes behind r,
// which must stay open while records are read.
func OpenIPC(r io.ReaderAt, size int64, opt IPCOptions) (*IPCReader, error) {
	x := newIPCReader(opt, "arrow file")
	x.file = true
	var dicts []block
	err := caught("reading the footer", func() (err error) {
		if dicts, err = x.openFile(r, size); err != nil {
			return err
		}
		for i, b := range dicts {
			m, err := readBlock(r, b, x.lim)
			if err == nil && m.kind != msgDict {
				err = corrupt("a message of type %d", m.kind)
			}
			if err == nil {
				err = x.dicts.add(m.head, m.body, m.version, x.lim)
			}
			if err != nil {
				return fmt.Errorf("dictionary %d at byte %d: %w", i, b.off, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, x.fail(err)
	}
	x.next = func() (*message, error) {
		if x.at == len(x.blocks) {
			return nil, io.EOF
		}
		x.begin = x.blocks[x.at].off
		m, err := readBlock(r, x.blocks[x.at], x.lim)
		if err == nil && m.kind != msgBatch {
			err = corrupt("a message of type %d where record %d belongs", m.kind, x.at)
		}
		if err != nil {
			return nil, err
		}
		x.at++
		return m, nil
	}
	return x, nil
}

// IsFile reports whether x reads a file, whose records can be read in any order.
func (x *IPCReader) IsFile() bool { return x.file }

// NumRecords is the number of records of a file.
func (x *IPCReader) NumRecords() int { return len(x.blocks) }

// Seek makes record i of a file the next, 0 <= i <= NumRecords.
func (x *IPCReader) Seek(i int) {
	if x.at = i; x.err == io.EOF {
		x.err = nil
	}
}

func (x *IPCReader) openFile(r io.ReaderAt, size int64) (dicts []block, err error) {
	const tail = 4 + len(ipcMagic)
	if size < int64(2*len(ipcMagic)+6) {
		return nil, corrupt("%d bytes is too short for an Arrow file", size)
	}
	var end [tail]byte
	if _, err := r.ReadAt(end[:], size-int64(tail)); err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading the last %d bytes: %w", tail, err)
	}
	if string(end[4:]) != ipcMagic {
		return nil, corrupt("not a whole Arrow file: it ends at byte %d in %q where %q belongs: it was cut, or is still being written", size, end[4:], ipcMagic)
	}
	n := int64(int32(binary.LittleEndian.Uint32(end[:])))
	if n <= 0 || n > size-int64(tail)-8 {
		return nil, corrupt("the footer of %d bytes does not fit in the file of %d bytes", n, size)
	}
	if n > x.lim.Footer {
		return nil, overLimit("the footer has %d bytes, the limit is %d", n, x.lim.Footer)
	}
	data := size - int64(tail) - n
	raw := make([]byte, n)
	if _, err := r.ReadAt(raw, data); err != nil {
		return nil, readFault(err, "the footer")
	}
	if dicts, err = x.readFooter(raw, data); err != nil {
		return nil, fmt.Errorf("footer at byte %d: %w", data, err)
	}
	return dicts, nil
}

// readFooter takes the schema and the places of all messages, which lie in the first data bytes.
func (x *IPCReader) readFooter(raw []byte, data int64) (dicts []block, err error) {
	t := newFlat(raw).root()
	st, ok := t.sub(1)
	if t.f.err != nil {
		return nil, t.f.err
	}
	if !ok {
		return nil, corrupt("no schema")
	}
	if err := x.setSchema(st); err != nil {
		return nil, err
	}
	total := int64(0)
	if dicts, err = readBlocks(t.vec(2, 24), data, &total); err != nil {
		return nil, fmt.Errorf("dictionaries: %w", err)
	}
	if x.blocks, err = readBlocks(t.vec(3, 24), data, &total); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	return dicts, t.f.err
}

// readBlocks parses Block structures and holds them inside the file's data. Together they may not be larger
// than it: messages do not overlap, and a footer could otherwise name a large one any number of times.
func readBlocks(v []byte, data int64, total *int64) ([]block, error) {
	out := make([]block, 0, len(v)/24)
	for ; len(v) > 0; v = v[24:] {
		b := block{off: int64(binary.LittleEndian.Uint64(v)), meta: int64(int32(binary.LittleEndian.Uint32(v[8:]))),
			body: int64(binary.LittleEndian.Uint64(v[16:]))}
		if b.off < 0 || b.meta <= 0 || b.body < 0 || b.off > data || b.meta > data-b.off || b.body > data-b.off-b.meta {
			return nil, corrupt("block %d: %d + %d bytes at %d of %d", len(out), b.meta, b.body, b.off, data)
		}
		if *total += b.meta + b.body; *total > data {
			return nil, corrupt("the blocks add up to more than the file's %d bytes", data)
		}
		out = append(out, b)
	}
	return out, nil
}

func readBlock(r io.ReaderAt, b block, lim Limits) (*message, error) {
	if b.meta > lim.Footer || b.body > lim.Body {
		return nil, overLimit("a message of %d + %d bytes, the limits are %d and %d", b.meta, b.body, lim.Footer, lim.Body)
	}
	s := io.NewSectionReader(r, b.off, b.meta)
	n, err := readPrefix(s)
	if err == io.EOF {
		return nil, corrupt("a block without message")
	}
	if err != nil {
		return nil, err
	}
	pos, _ := s.Seek(0, io.SeekCurrent)
	if n > b.meta-pos {
		return nil, corrupt("a message header of %d bytes in %d", n, b.meta-pos)
	}
	meta, err := readGrowing(s, n)
	if err != nil {
		return nil, err
	}
	m, size, err := parseMessage(meta)
	if err != nil {
		return nil, err
	}
	if size > b.body {
		return nil, corrupt("a message body of %d bytes in a block of %d", size, b.body)
	}
	m.body, err = readGrowing(io.NewSectionReader(r, b.off+b.meta, size), size)
	return m, err
}

// counted is a writer that knows its position, which is all that Arrow seeks for.
type counted struct {
	w   io.Writer
	pos int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.pos += int64(n)
	return n, err
}

func (c *counted) Seek(off int64, whence int) (int64, error) {
	if off != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("seek in data that is only appended")
	}
	return c.pos, nil
}

// IPCWriteOptions say how Arrow IPC data is written. The zero value writes an uncompressed stream.
type IPCWriteOptions struct {
	// File writes the random-access file format.
	File bool
	// Codec is "", "none", "lz4" or "zstd".
	Codec string
}

// IPCWriter writes records as an Arrow IPC stream or file. It is for one goroutine. Data is complete after
// Close only.
type IPCWriter struct {
	w      interface{ Write(arrow.Record) error }
	close  func() error
	schema *arrow.Schema
	closed bool
	broken error // the first fault of Arrow's writer; its state is not good for more
}

// NewIPCWriter starts a stream or file of the schema on w. w is not closed.
func NewIPCWriter(w io.Writer, schema *arrow.Schema, opt IPCWriteOptions) (*IPCWriter, error) {
	opts := []ipc.Option{ipc.WithSchema(schema), ipc.WithAllocator(memory.DefaultAllocator)}
	switch opt.Codec {
	case "", "none":
	case "lz4":
		opts = append(opts, ipc.WithLZ4())
	case "zstd":
		opts = append(opts, ipc.WithZstd())
	default:
		return nil, fmt.Errorf("arrow codec %q: want none, lz4 or zstd", opt.Codec)
	}
	out := &IPCWriter{schema: schema}
	err := caught("starting", func() error {
		if !opt.File {
			s := ipc.NewWriter(noClose{w}, opts...)
			out.w, out.close = s, s.Close
			return nil
		}
		f, err := ipc.NewFileWriter(&counted{w: w}, opts...)
		if err == nil {
			out.w, out.close = f, f.Close
		}
		return err
	})
	if err != nil {
		return nil, &Error{File: "arrow", RowGroup: -1, Err: err}
	}
	return out, nil
}

// Write appends a record of the schema. Arrays are validated and rebased first: the writer of v17 makes data
// that no reader accepts of strings whose offsets do not start at 0.
func (w *IPCWriter) Write(rec arrow.Record) error {
	switch {
	case w.broken != nil:
		return w.broken
	case w.closed:
		return fmt.Errorf("arrow: write after close")
	case !rec.Schema().Equal(w.schema):
		return fmt.Errorf("arrow: record of schema %v in data of schema %v", rec.Schema(), w.schema)
	}
	cols := make([]arrow.Array, rec.NumCols())
	for i := range cols {
		err := caught("checking the column", func() error { return Validate(rec.Column(i)) })
		if err == nil {
			cols[i], err = Rebase(rec.Column(i))
		}
		if err != nil {
			return &Error{File: "arrow", RowGroup: -1, Column: w.schema.Field(i).Name, Err: err}
		}
	}
	err := caught("writing", func() error { return w.w.Write(array.NewRecord(w.schema, cols, rec.NumRows())) })
	if err != nil {
		w.broken = &Error{File: "arrow", RowGroup: -1, Err: err}
	}
	return w.broken
}

// Close writes the end marker or the footer. After a failed Write it gives that error; the second call does
// nothing.
func (w *IPCWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	if w.broken != nil {
		return w.broken
	}
	if err := caught("closing", w.close); err != nil {
		return &Error{File: "arrow", RowGroup: -1, Err: err}
	}
	return nil
}
