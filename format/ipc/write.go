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
	"github.com/weft-data/weft/internal/whole"
	"github.com/weft-data/weft/op"
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
		return op.Meta{Schema: written, Rows: 1, Bytes: 8}, nil
	},
	Mem:  func(WriteParams, op.Meta) op.Need { return op.Need{Floor: 8 << 20, Want: 32 << 20} },
	Text: func(p WriteParams) string { return fmt.Sprintf("%q", p.Path) },
	Pipe: func(p WriteParams, in op.Meta) (op.Pipe, error) { return &pipe{p, in.Schema}, nil },
})

// written is the output: the rows that were written.
var written = dtype.Schema{{Name: "rows", Type: dtype.Of(dtype.Int64)}}

type pipe struct {
	p      WriteParams
	schema dtype.Schema
}

// Open implements op.Pipe.
func (w *pipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	f, err := whole.Create(w.p.Path)
	if err != nil {
		return nil, err
	}
	s := &stage{pipe: w, task: t, file: f, buf: bufio.NewWriterSize(f, 256<<10), arrow: chunk.ToArrowSchema(w.schema), per: 1 << 16}
	if w.p.Options.Rows > 0 {
		s.per = int(w.p.Options.Rows)
	}
	s.rows = chunk.NewBuilder(w.schema, t)
	if s.out, err = guard.NewIPCWriter(s.buf, s.arrow, guard.IPCWriteOptions{File: !w.p.Options.Stream, Codec: w.p.Options.Codec}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// Close implements op.Pipe.
func (w *pipe) Close() error { return nil }

// A stage is one file being written, by one thread in row order.
type stage struct {
	*pipe
	task  op.Task
	file  *whole.File
	buf   *bufio.Writer
	out   *guard.IPCWriter
	arrow *arrow.Schema
	rows  *chunk.Builder // of the next record
	per   int
	total int64
}

// Serial implements op.Serial.
func (s *stage) Serial() bool { return true }

// Local implements op.Stage.
func (s *stage) Local() (op.Local, error) { return local{s}, nil }

// Drain implements op.Stage.
func (s *stage) Drain() (op.Feed, error) { return nil, nil }

// Finish implements op.Stage: the file gets its name.
func (s *stage) Finish(out op.Out) error {
	err := s.flush()
	if err == nil {
		err = errors.Join(s.out.Close(), s.buf.Flush())
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", s.p.Path, err)
	}
	if err := s.file.Commit(); err != nil {
		return err
	}
	return out.Put(0, &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: written[0].Type, N: 1, Data: chunk.Bytes([]int64{s.total})}}})
}

// Close implements op.Stage: what is not complete leaves nothing behind.
func (s *stage) Close() error { s.rows.Close(); return s.file.Close() }

// flush writes the rows gathered so far as one record.
func (s *stage) flush() error {
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

type local struct{ *stage }

// Push implements op.Local.
func (l local) Push(m *chunk.Batch, _ op.Sink) error {
	err := l.rows.Append(m)
	if errors.Is(err, mem.ErrBudget) && l.rows.Len() > 0 {
		if err = l.flush(); err == nil {
			err = l.rows.Append(m)
		}
	}
	l.total += int64(m.N)
	if err == nil && l.rows.Len() >= l.per {
		err = l.flush()
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", l.p.Path, err)
	}
	return nil
}

// Close implements op.Local.
func (l local) Close(op.Sink, bool) error { return nil }
