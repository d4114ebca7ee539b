package exec

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
)

// A stored is an output block: first an op.Out that takes batches, then a
// chunk.Value that gives them. Each run begins in memory; when memory is short
// whole runs move to a spill file and what is put later follows them there, so
// the order within a run never changes. Runs that are being read stay.
type stored struct {
	node   *Node
	schema dtype.Schema

	mu       sync.Mutex
	runs     []storedRun
	file     *spill.File
	other    chunk.Value // set by PutValue: the whole output
	rows     int64
	bytes    int64
	released bool
	kept     bool // the batches are not of the pool: moving them would free nothing

	resident atomic.Int64 // bytes that eviction could free
}

type storedRun struct {
	mem   []*chunk.Batch
	bytes int64
	rows  int64
	pins  int
	disk  bool // batches are in the file, mem is empty
}

func newStored(n *Node, schema dtype.Schema) *stored {
	s := &stored{node: n, schema: schema}
	n.addStored(s)
	return s
}

// Put implements op.Out.
func (s *stored) Put(run int, b *chunk.Batch) error {
	if b.N == 0 {
		b.Release()
		return nil
	}
	if !b.Owned() {
		c := chunk.NewBuilder(s.schema, s.node)
		switch err := c.Append(b); err {
		case nil:
			b = c.Flush()
		case mem.ErrBudget:
			c.Close()
			return s.putOnDisk(run, b)
		default:
			return err
		}
	}
	size := b.Bytes()
	s.mu.Lock()
	for len(s.runs) <= run {
		s.runs = append(s.runs, storedRun{})
	}
	r := &s.runs[run]
	r.rows += int64(b.N)
	r.bytes += size
	s.rows += int64(b.N)
	s.bytes += size
	if !r.disk {
		r.mem = append(r.mem, b)
		if !s.kept {
			s.resident.Add(size)
		}
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	// Only one thread puts to a run at a time where order matters, so that
	// writing outside the lock keeps it.
	err := s.file.Write(run, b)
	b.Release()
	return err
}

// putOnDisk appends a borrowed batch for which there is no room in memory: its run
// moves to the file first.
func (s *stored) putOnDisk(run int, b *chunk.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.runs) <= run {
		s.runs = append(s.runs, storedRun{})
	}
	r := &s.runs[run]
	if !r.disk {
		if err := s.move(run); err != nil {
			return err
		}
	}
	size := b.Bytes()
	r.rows += int64(b.N)
	r.bytes += size
	s.rows += int64(b.N)
	s.bytes += size
	return s.file.Write(run, b)
}

// move writes a run to the file. The block is locked and nobody reads the run.
func (s *stored) move(run int) (err error) {
	if s.file == nil {
		if s.file, err = s.node.dir.Create(s.schema, len(s.runs)); err != nil {
			return err
		}
	}
	r := &s.runs[run]
	for _, b := range r.mem {
		if err := s.file.Write(run, b); err != nil {
			return err
		}
	}
	for _, b := range r.mem {
		b.Release()
	}
	r.mem, r.disk = nil, true
	s.resident.Add(-r.bytes)
	return nil
}

// PutValue implements op.Out.
func (s *stored) PutValue(v chunk.Value) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.other != nil || s.rows > 0 {
		return fmt.Errorf("exec: an operator gave two outputs")
	}
	s.other = v
	return nil
}

// evict writes runs to disk until about need bytes came free.
func (s *stored) evict(need int64) (freed int64, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released || s.kept || s.other != nil {
		return 0, nil
	}
	for i := range s.runs {
		r := &s.runs[i]
		if r.disk || r.pins > 0 || len(r.mem) == 0 {
			continue
		}
		if err := s.move(i); err != nil {
			return freed, err
		}
		if freed += r.bytes; freed >= need {
			break
		}
	}
	return freed, nil
}

// value is what the block became.
func (s *stored) value() chunk.Value {
	if s.other != nil {
		s.node.dropStored(s)
		return s.other
	}
	return s
}

// Rows implements chunk.Value.
func (s *stored) Rows() int64 { s.mu.Lock(); defer s.mu.Unlock(); return s.rows }

// Bytes implements chunk.Value.
func (s *stored) Bytes() int64 { s.mu.Lock(); defer s.mu.Unlock(); return s.bytes }

// Runs implements chunk.Value.
func (s *stored) Runs() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.runs) }

// RunBytes implements chunk.Value.
func (s *stored) RunBytes(run int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if run >= len(s.runs) {
		return 0
	}
	return s.runs[run].bytes
}

// Batches implements chunk.Resident: the run stays in memory until Release.
func (s *stored) Batches(run int) []*chunk.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if run >= len(s.runs) || s.runs[run].disk || s.released {
		return nil
	}
	s.pin(run)
	return s.runs[run].mem
}

func (s *stored) pin(run int) {
	r := &s.runs[run]
	if r.pins++; r.pins == 1 && !s.kept {
		s.resident.Add(-r.bytes)
	}
}

func (s *stored) unpin(run int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.runs[run]
	if r.pins--; r.pins == 0 && !s.released && !s.kept {
		s.resident.Add(r.bytes)
	}
}

// Open implements chunk.Value.
func (s *stored) Open(run int) (chunk.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.released:
		return nil, fmt.Errorf("exec: a released block was opened")
	case run >= len(s.runs):
		return &runReader{}, nil
	case s.runs[run].disk:
		return s.file.Open(run)
	}
	s.pin(run)
	return &runReader{s: s, run: run, mem: s.runs[run].mem}, nil
}

// Release implements chunk.Value.
func (s *stored) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released {
		return
	}
	s.released = true
	s.node.dropStored(s)
	s.resident.Store(0)
	for i := range s.runs {
		for _, b := range s.runs[i].mem {
			b.Release()
		}
		s.runs[i].mem = nil
	}
	if s.file != nil {
		s.file.Release()
	}
	if s.other != nil {
		s.other.Release()
	}
}

type runReader struct {
	s   *stored
	run int
	mem []*chunk.Batch
	i   int
}

func (r *runReader) Next() (*chunk.Batch, error) {
	if r.i >= len(r.mem) {
		return nil, io.EOF
	}
	r.i++
	return r.mem[r.i-1], nil
}

func (r *runReader) Seek(i int) error { r.i = i; return nil }

func (r *runReader) Close() error {
	if r.s != nil {
		r.s.unpin(r.run)
		r.s = nil
	}
	return nil
}
