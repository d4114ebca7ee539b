package parquet

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/whole"
	"github.com/weft-data/weft/op"
)

// WriteParams are the parameters of parquet.write.
type WriteParams struct {
	Path         string
	Codec        string // "zstd" (the default), "snappy" or "none"
	RowGroupRows int64  // 0 means 2^20
}

// Write is the operator parquet.write: it writes its one input block, in order,
// to a temporary file beside Path and renames it when it is complete, so that
// Path is never half a file. Its output is one row: the number of rows written.
var Write = op.Register(op.Spec[WriteParams]{
	Name: "parquet.write", Version: 1, Class: op.Writing,
	Doc: "writes a Parquet file",
	Infer: func(p WriteParams, in []op.Meta) (op.Meta, error) {
		switch p.Codec {
		case "", "zstd", "snappy", "none":
		default:
			return op.Meta{}, fmt.Errorf("codec %q: want zstd, snappy or none", p.Codec)
		}
		return op.Meta{Schema: WrittenSchema, Rows: 1, Bytes: 8}, nil
	},
	Mem:  func(WriteParams, op.Meta) op.Need { return op.Need{Floor: 8 << 20, Want: 64 << 20} },
	Text: func(p WriteParams) string { return fmt.Sprintf("%q", p.Path) },
	Pipe: func(p WriteParams, in op.Meta) (op.Pipe, error) { return &writePipe{p, in.Schema}, nil },
})

// WrittenSchema is the output of operators that write: the rows they wrote.
var WrittenSchema = dtype.Schema{{Name: "rows", Type: dtype.Of(dtype.Int64)}}

type writePipe struct {
	p      WriteParams
	schema dtype.Schema
}

// Open implements op.Pipe.
func (w *writePipe) Open(op.Task, []op.In) (op.Stage, error) {
	f, err := whole.Create(w.p.Path)
	if err != nil {
		return nil, err
	}
	s := chunk.ToArrowSchema(w.schema)
	codec := w.p.Codec
	if codec == "" {
		codec = "zstd"
	}
	out, err := guard.NewWriter(f, s, guard.WriteOptions{Codec: codec, RowGroupRows: w.p.RowGroupRows})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &writing{pipe: w, f: f, s: s, out: out}, nil
}

func (w *writePipe) Close() error { return nil }

// writing is one file being written, by one thread in row order.
type writing struct {
	pipe *writePipe
	f    *whole.File
	s    *arrow.Schema
	out  *guard.Writer
	rows int64
}

// Serial implements op.Serial.
func (w *writing) Serial() bool { return true }

// Local implements op.Stage.
func (w *writing) Local() (op.Local, error) { return local{w}, nil }

// Drain implements op.Stage.
func (w *writing) Drain() (op.Feed, error) { return nil, nil }

// Finish implements op.Stage: the file gets its name.
func (w *writing) Finish(out op.Out) error {
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", w.pipe.p.Path, err)
	}
	if err := w.f.Commit(); err != nil {
		return err
	}
	return out.Put(0, &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: WrittenSchema[0].Type, N: 1, Data: chunk.Bytes([]int64{w.rows})}}})
}

// Close implements op.Stage: what is not complete leaves nothing behind.
func (w *writing) Close() error { return w.f.Close() }

type local struct{ *writing }

// Push implements op.Local.
func (l local) Push(m *chunk.Batch, _ op.Sink) error {
	rec, err := chunk.ToRecord(l.s, l.pipe.schema, m)
	if err != nil {
		return err
	}
	l.rows += int64(m.N)
	if err := l.out.Write(rec); err != nil {
		return fmt.Errorf("writing %s: %w", l.pipe.p.Path, err)
	}
	return nil
}

// Close implements op.Local.
func (l local) Close(op.Sink, bool) error { return nil }
