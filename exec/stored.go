package exec

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/spill"
)

// A stored is an output block: first an op.Out that takes batches, then a
// chunk.Value that gives them. Each run begins in memory; when memory is short
// whole runs move to a spill file and what is put later follows them there, so
// the order within a run never changes. Runs that are being read stay.
type stored struct {
	node   *Node
	schema dtype.Schema
	meter  *Meter
	num    int32  // the machine's number, -1 while it has none; guarded by the node
	next   uint64 // key of the earliest reader

	mu       sync.Mutex
	moved    sync.Cond // a run is not moving any more
	runs     []storedRun
	file     *spill.File
	other    chunk.Value // set by PutValue: the whole output
	rows     int64
	bytes    int64
	released bool
	taken    bool // less was spilled than asked for, because of runs being read
}

type storedRun struct {
	mem    []*chunk.Batch
	held   int64 // bytes of the pool in mem
	bytes  int64
	rows   int64
	pins   int
	moving bool // being written: nobody else looks at it
	short  bool // some batch in mem is short
	disk   bool // batches are in the file, mem is empty
}

func newStored(n *Node, schema dtype.Schema, m *Meter, next uint64) *stored {
	s := &stored{node: n, schema: schema, meter: m, num: -1, next: next}
	s.moved.L = &s.mu
	return s
}

// vault is the allocator of batches in stored blocks: they are in nobody's
// account but the machine's books.
type vault struct{ *Node }

// Free implements mem.Allocator.
func (v vault) Free(b []byte) { v.pool.Free(b) }

// settle waits until a run is not moving; s is locked.
func (s *stored) settle(run int) {
	for run < len(s.runs) && s.runs[run].moving {
		s.moved.Wait()
	}
}

// add takes a batch with held bytes of the pool into a run, or reports that the
// run is on disk, and the batch must be written.
func (s *stored) add(run int, b *chunk.Batch, held int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(run)
	for len(s.runs) <= run {
		s.runs = append(s.runs, storedRun{})
	}
	r, size := &s.runs[run], b.Bytes()
	r.rows += int64(b.N)
	r.bytes += size
	s.rows += int64(b.N)
	s.bytes += size
	if r.disk {
		return false
	}
	r.mem = append(r.mem, b)
	r.held += held
	r.short = r.short || b.Table != nil
	return true
}

// putOnDisk appends a borrowed batch for which there is no room in memory: its run
// moves to the file first. It returns how much of the pool that has freed.
func (s *stored) putOnDisk(run int, b *chunk.Batch) (freed int64, err error) {
	s.mu.Lock()
	s.settle(run)
	for len(s.runs) <= run {
		s.runs = append(s.runs, storedRun{})
	}
	if !s.runs[run].disk {
		if freed, err = s.move(run); err != nil {
			s.mu.Unlock()
			return freed, err
		}
	}
	r, size := &s.runs[run], b.Bytes()
	r.rows += int64(b.N)
	r.bytes += size
	s.rows += int64(b.N)
	s.bytes += size
	s.mu.Unlock()
	return freed, s.write(run, b)
}

// write appends a batch to a run on disk. Only one thread puts to a run at a time
// where order matters, so that writing outside the lock keeps it.
func (s *stored) write(run int, b *chunk.Batch) (err error) {
	if b.Table != nil {
		if b, err = b.Full(); err != nil {
			return err
		}
	}
	s.meter.spilled.Add(b.Bytes())
	return s.file.Write(run, b)
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

// evict writes runs to disk until about need bytes of the pool came free, the last
// runs first: readers begin with the first. Runs being read are left out.
func (s *stored) evict(need int64) (freed int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.runs) - 1; i >= 0 && freed < need && !s.released; i-- {
		r := &s.runs[i]
		if r.disk || r.pins > 0 || r.moving || r.held == 0 { // nothing of the pool: moving it would free nothing
			continue
		}
		held, err := s.move(i)
		if freed += held; err != nil {
			return freed, err
		}
	}
	s.taken = freed < need
	return freed, nil
}

// move writes one run, without the lock, and frees its memory.
func (s *stored) move(i int) (held int64, err error) {
	if s.file == nil {
		if s.file, err = s.node.dir.Create(s.schema, len(s.runs)); err != nil {
			return 0, err
		}
	}
	r := &s.runs[i]
	r.moving = true
	list := r.mem
	s.mu.Unlock()
	for _, b := range list {
		if err = s.write(i, b); err != nil {
			break
		}
	}
	s.mu.Lock()
	r = &s.runs[i]
	r.moving = false
	s.moved.Broadcast()
	if s.released {
		s.drop()
		return 0, err
	}
	if err != nil { // it stays in memory, and may move again when there is room
		s.file.Forget(i)
		return 0, err
	}
	for _, b := range list {
		b.Release()
	}
	held, r.held, r.mem, r.disk = r.held, 0, nil, true
	return held, nil
}

// value is what the block became.
func (s *stored) value() chunk.Value {
	if s.other != nil {
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

// Batches implements chunk.Resident: the run stays in memory until Release. What is short is not lent.
func (s *stored) Batches(run int) []*chunk.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(run)
	if run >= len(s.runs) || s.runs[run].disk || s.runs[run].short || s.released {
		return nil
	}
	s.runs[run].pins++
	return s.runs[run].mem
}

func (s *stored) unpin(run int) {
	s.mu.Lock()
	r := &s.runs[run]
	r.pins--
	loose := s.taken && r.pins == 0 && !s.released
	if loose {
		s.taken = false
	}
	s.mu.Unlock()
	if loose {
		s.node.loose(s)
	}
}

// Open implements chunk.Value.
func (s *stored) Open(run int) (chunk.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(run)
	switch {
	case s.released:
		return nil, fmt.Errorf("exec: a released block was opened")
	case run >= len(s.runs):
		return &runReader{}, nil
	case s.runs[run].disk:
		return s.file.Open(run)
	}
	s.runs[run].pins++
	r := &runReader{s: s, run: run, mem: s.runs[run].mem}
	if s.runs[run].short {
		return &fullReader{r: r, saves: s.saves(run)}, nil
	}
	return r, nil
}

// Release implements chunk.Value. It does not wait for a run that is just being
// written: whoever writes it frees the rest.
func (s *stored) Release() {
	s.mu.Lock()
	if s.released {
		s.mu.Unlock()
		return
	}
	s.released = true
	s.drop()
	if s.other != nil {
		s.other.Release()
	}
	s.mu.Unlock()
	s.node.free(s)
}

// drop frees what a released block has, unless a run is moving; s is locked.
func (s *stored) drop() {
	for i := range s.runs {
		if s.runs[i].moving {
			return
		}
	}
	for i := range s.runs {
		for _, b := range s.runs[i].mem {
			b.Release()
		}
		s.runs[i].mem = nil
	}
	if s.file != nil {
		s.file.Release()
		s.file = nil
	}
}

// Rotten reports whether err says that a value cannot be read back from the disk of
// this process: who holds it has it no more.
func Rotten(err error, v chunk.Value) bool {
	var bad *spill.CorruptError
	if !errors.As(err, &bad) {
		return false
	}
	if s := storedOf(v); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.file == bad.File
	}
	return v == chunk.Value(bad.File)
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

// Lasts implements chunk.Lasting: the run is not moved while it is read.
func (r *runReader) Lasts() {}

func (r *runReader) Close() error {
	if r.s != nil {
		r.s.unpin(r.run)
		r.s = nil
	}
	return nil
}

// saves reports whether what is short of a run is worth its table; s is locked.
func (s *stored) saves(run int) bool {
	r := &s.runs[run]
	for _, b := range r.mem {
		if b.Table != nil {
			return b.Table.Saves(s.rows)
		}
	}
	return false
}

// A fullReader gives full batches of a run that has short ones, each until the next: it is not chunk.Lasting.
type fullReader struct {
	r     *runReader
	saves bool
	full  *chunk.Batch // what was given last: another process may be told its addresses, which holds nothing
}

func (r *fullReader) Next() (b *chunk.Batch, err error) {
	if b, err = r.r.Next(); err == nil && b.Table != nil {
		b, err = b.Full()
	}
	r.full = b
	return b, err
}

func (r *fullReader) Seek(i int) error { return r.r.Seek(i) }
func (r *fullReader) Close() error     { return r.r.Close() }

// Short implements chunk.Shortened.
func (r *fullReader) Short() chunk.Reader {
	if !r.saves {
		return nil
	}
	return r.r
}
