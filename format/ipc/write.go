package ipc

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// WriteOptions are the options of writing. The zero value is good.
type WriteOptions struct {
	Codec  string // "none" (the default), "lz4" or "zstd"
	Stream bool   // write a stream, not a file with random access
	Rows   int64  // of a record; 0 means 2^16
}

// WriteParams are the parameters of ipc.write.
type WriteParams struct {
	Path    string
	Options WriteOptions
}

// Write is the operator ipc.write: it writes its one input block, in order, to a temporary file beside Path and
// renames it when it is complete. Its output is one row: the number of rows written.
var Write = op.Register(op.Spec[WriteParams]{
	Name: "ipc.write", Version: 1, Class: op.Writing,
	Doc: "writes an Arrow IPC file or stream",
	Infer: func(p WriteParams, in []op.Meta) (op.Meta, error) {
		switch p.Options.Codec {
		case "", "none", "lz4", "zstd":
		default:
			return op.Meta{}, fmt.Errorf("codec %q: want none, lz4 or zstd", p.Options.Codec)
		}
		if p.Options.Rows < 0 {
			return op.Meta{}, fmt.Errorf("records of %d rows", p.Options.Rows)
		}
		return op.Meta{Schema: op.WrittenSchema, Rows: 1, Bytes: 8}, nil
	},
	Mem:  func(WriteParams, op.Meta) op.Need { return op.Need{Floor: 8 << 20, Want: 32 << 20} },
	Text: func(p WriteParams) string { return fmt.Sprintf("%q", store.Name(p.Path)) },
	Pipe: func(p WriteParams, in op.Meta) (op.Pipe, error) {
		return op.Writes(func(t op.Task) (op.RowWriter, error) { return begin(t, p, in.Schema) }), nil
	},
})

// A writer is one file being written.
type writer struct {
	p      WriteParams
	schema dtype.Schema
	task   op.Task
	file   store.Output
	buf    *bufio.Writer
	out    *guard.IPCWriter
	arrow  *arrow.Schema
	rows   *chunk.Builder // of the next record
	per    int
	part   []uint32 // of a morsel: what of it goes into one record
}

func begin(t op.Task, p WriteParams, schema dtype.Schema) (*writer, error) {
	f, err := store.Create(t.Context(), p.Path)
	if err != nil {
		return nil, err
	}
	s := &writer{p: p, schema: schema, task: t, file: f, buf: bufio.NewWriterSize(f, 256<<10), arrow: chunk.ToArrowSchema(schema), per: 1 << 16}
	if p.Options.Rows > 0 {
		s.per = int(p.Options.Rows)
	}
	s.rows = chunk.NewBuilder(schema, t)
	if s.out, err = guard.NewIPCWriter(s.buf, s.arrow, guard.IPCWriteOptions{File: !p.Options.Stream, Codec: p.Options.Codec}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// Finish implements op.RowWriter: the file gets its name.
func (s *writer) Finish(out op.Out, rows int64) error {
	err := s.flush()
	if err == nil {
		err = errors.Join(s.out.Close(), s.buf.Flush())
	}
	if err != nil {
		return s.wrap(err)
	}
	if err := s.file.Commit(); err != nil {
		return err
	}
	return op.Written(out, rows)
}

func (s *writer) wrap(err error) error {
	return fmt.Errorf("writing %s: %w", store.Name(s.p.Path), err)
}

// Close implements op.RowWriter.
func (s *writer) Close() error { s.rows.Close(); return s.file.Close() }

// flush writes the rows gathered so far as one record.
func (s *writer) flush() error {
	if s.rows.Len() == 0 {
		return nil
	}
	b := s.rows.Flush()
	defer b.Release()
	size := b.Bytes()
	if !s.task.Reserve(size) { // for the copy that Arrow writes
		return fmt.Errorf("no memory for a record of %d bytes: %w", size, mem.ErrBudget)
	}
	defer s.task.Release(size)
	rec, err := chunk.ToRecord(s.arrow, s.schema, b)
	if err != nil {
		return err
	}
	return s.out.Write(rec)
}

// Push implements op.RowWriter. Records end where their number of rows does, wherever morsels do, which
// differs from run to run where threads read a text.
func (s *writer) Push(m *chunk.Batch) error {
	for at := 0; at < m.N; {
		n := min(m.N-at, s.per-s.rows.Len())
		err := s.add(m, at, n)
		if errors.Is(err, mem.ErrBudget) && s.rows.Len() > 0 {
			if err = s.flush(); err == nil {
				err = s.add(m, at, n)
			}
		}
		if err == nil && s.rows.Len() == s.per {
			err = s.flush()
		}
		if err != nil {
			return s.wrap(err)
		}
		at += n
	}
	return nil
}

// add appends n rows of m, which begin at row at.
func (s *writer) add(m *chunk.Batch, at, n int) error {
	if n == m.N {
		return s.rows.Append(m)
	}
	s.part = s.part[:0]
	for i := range n {
		s.part = append(s.part, uint32(at+i))
	}
	return s.rows.AppendRows(m, s.part)
}
