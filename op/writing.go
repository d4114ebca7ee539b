package op

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// WrittenSchema is the output of operators that write a table: a row per block with the number of rows written.
var WrittenSchema = dtype.Schema{{Name: "rows", Type: dtype.Of(dtype.Int64)}}

// Written gives the output of such an operator.
func Written(out Out, rows int64) error {
	return out.Put(0, &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: WrittenSchema[0].Type, N: 1, Data: chunk.Bytes([]int64{rows})}}})
}

// A RowWriter takes the rows of one block, in order, on one thread.
type RowWriter interface {
	// Push takes a borrowed morsel.
	Push(m *chunk.Batch) error
	// Finish completes what is written and gives the output; rows is how many were pushed.
	Finish(out Out, rows int64) error
	// Close frees everything and removes what is not complete.
	Close() error
}

// Writes returns the pipe of an operator that writes blocks with RowWriters.
func Writes(open func(Task) (RowWriter, error)) Pipe { return writes(open) }

type writes func(Task) (RowWriter, error)

// Open implements Pipe.
func (w writes) Open(t Task, _ []In) (Stage, error) {
	r, err := w(t)
	if err != nil {
		return nil, err
	}
	return &rowStage{RowWriter: r}, nil
}

// Close implements Pipe.
func (writes) Close() error { return nil }

// A rowStage is a RowWriter at work.
type rowStage struct {
	RowWriter
	rows int64
}

// Serial implements Serial.
func (s *rowStage) Serial() bool { return true }

// Ordered implements Ordered.
func (s *rowStage) Ordered() bool { return true }

// Sharing implements Sharing.
func (s *rowStage) Sharing() bool { x, ok := s.RowWriter.(Sharing); return ok && x.Sharing() }

// Local implements Stage.
func (s *rowStage) Local() (Local, error) { return rowLocal{s}, nil }

// Drain implements Stage.
func (s *rowStage) Drain() (Feed, error) { return nil, nil }

// Finish implements Stage.
func (s *rowStage) Finish(out Out) error { return s.RowWriter.Finish(out, s.rows) }

type rowLocal struct{ *rowStage }

// Push implements Local.
func (l rowLocal) Push(m *chunk.Batch, _ Sink) error {
	l.rows += int64(m.N)
	return l.RowWriter.Push(m)
}

// Close implements Local.
func (rowLocal) Close(Sink, bool) error { return nil }
