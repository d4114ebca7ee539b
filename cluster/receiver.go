package cluster

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// A receiver makes a block of garbage-collected buffers.
type receiver struct {
	schema dtype.Schema
	runs   [][]*chunk.Batch
	b      *chunk.Builder
	run    int
	whole  bool // the batch that comes is kept as it is
}

func (s *receiver) reset() { s.runs, s.b, s.run = nil, chunk.NewBuilder(s.schema, mem.Heap), 0 }

func (s *receiver) flush() {
	if s.b.Len() > 0 {
		s.add(s.b.Flush())
	}
}

func (s *receiver) add(b *chunk.Batch) {
	for len(s.runs) <= s.run {
		s.runs = append(s.runs, nil)
	}
	s.runs[s.run] = append(s.runs[s.run], b)
}

// keepFrom is how many bytes a batch has that is kept where it came to; smaller ones are
// put together.
const keepFrom = 32 << 10

// Alloc implements data.Sink. Codes do not stay: what a client has of a block is decoded at once, as what a job in its own
// process hands out is, while they are in the cache of the processor.
func (s *receiver) Alloc(n, codes int) (rest, coded []byte) {
	if s.whole = n+codes >= keepFrom; s.whole {
		rest = mem.Heap.Alloc(n)
	}
	return rest, nil
}

// Put implements data.Sink.
func (s *receiver) Put(_, run int, b *chunk.Batch) (kept bool, err error) {
	whole := s.whole
	s.whole = false
	if b.Table != nil {
		if b, err = b.Full(); err != nil {
			return false, err
		}
	}
	if run != s.run || s.b.Filled() > 4<<20 || whole {
		s.flush()
		s.run = run
	}
	if !whole {
		return false, s.b.Append(b)
	}
	b = &chunk.Batch{Cols: b.Cols, N: b.N, Seq: b.Seq}
	b.Own(mem.Heap, nil)
	if b, err = chunk.Kept(s.schema, b); err == nil {
		s.add(b)
	}
	return true, err
}

// End implements data.Sink.
func (s *receiver) End(_, runs int) error {
	s.flush()
	for len(s.runs) < runs {
		s.runs = append(s.runs, nil)
	}
	s.b.Close()
	return nil
}

// An inline block came with the word that it was made.
type inline []byte

func (b inline) Payload() []byte    { return b }
func (b inline) Rows() int64        { return 1 }
func (b inline) Bytes() int64       { return int64(len(b)) }
func (b inline) Runs() int          { return 1 }
func (b inline) RunBytes(int) int64 { return int64(len(b)) }
func (b inline) Release()           {}

// Open implements chunk.Value: one row with the bytes.
func (b inline) Open(int) (chunk.Reader, error) {
	v := chunk.Vec{Type: dtype.Of(dtype.Binary), N: 1, Off: []int32{0, int32(len(b))}, Str: b}
	return chunk.NewBlock([][]*chunk.Batch{{{Cols: []chunk.Vec{v}, N: 1}}}).Open(0)
}
