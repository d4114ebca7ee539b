package rows

import (
	"fmt"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// MemoryParams are the parameters of rows.memory. ID names a table of this
// process: a plan that leaves it takes the table along in another operator's parameters.
type MemoryParams struct {
	ID     uint64
	Schema dtype.Schema
	Cols   []int // of the table, in output order
	Rows   int64
	Bytes  int64
	Blocks int
	Rising []string // columns whose values never fall from row to row: see Rising
}

var tables struct {
	sync.RWMutex
	last uint64
	byID map[uint64][]*chunk.Batch
}

// Keep makes batches readable by rows.memory and returns the parameters of the
// reading call. They stay until Drop. Buffers are borrowed for as long.
func Keep(schema dtype.Schema, batches []*chunk.Batch) MemoryParams {
	p := MemoryParams{Schema: schema, Blocks: 1}
	for i := range schema {
		p.Cols = append(p.Cols, i)
	}
	for _, b := range batches {
		p.Rows += int64(b.N)
		p.Bytes += b.Bytes()
	}
	tables.Lock()
	defer tables.Unlock()
	if tables.byID == nil {
		tables.byID = map[uint64][]*chunk.Batch{}
	}
	tables.last++
	p.ID = tables.last
	tables.byID[p.ID] = batches
	return p
}

// Batches returns the batches of a table that Keep has taken, borrowed.
func Batches(id uint64) ([]*chunk.Batch, bool) {
	tables.RLock()
	defer tables.RUnlock()
	b, ok := tables.byID[id]
	return b, ok
}

// Over returns the source that rows.memory would be if batches were its table.
func Over(p MemoryParams, batches []*chunk.Batch) op.Source { return memory{p, batches} }

// Drop forgets a table.
func Drop(id uint64) { tables.Lock(); delete(tables.byID, id); tables.Unlock() }

// Memory reads a table of this process.
var Memory = op.Register(op.Spec[MemoryParams]{
	Name: "rows.memory", Version: 1, Class: op.Scanning,
	Doc: "reads a table that lives in the memory of this process",
	Infer: func(p MemoryParams, _ []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: p.Schema, Rows: float64(p.Rows), Bytes: float64(p.Bytes), Layout: p.layout()}, p.Schema.Unique()
	},
	Text: func(p MemoryParams) string {
		return fmt.Sprintf("%d rows, %d of its columns", p.Rows, len(p.Cols))
	},
	Source: func(p MemoryParams) (op.Source, error) { return memory{p: p}, nil },
	Rules: op.Rules[MemoryParams]{
		Blocks: func(p MemoryParams) int { return p.Blocks },
		BlockMeta: func(p MemoryParams, _ int) op.Meta {
			n := float64(p.Blocks)
			return op.Meta{Schema: p.Schema, Rows: float64(p.Rows) / n, Bytes: float64(p.Bytes) / n, Layout: p.layout()}
		},
		Project: func(p MemoryParams, cols []string) MemoryParams {
			out := p
			out.Schema, out.Cols = nil, nil
			for _, c := range cols {
				i := p.Schema.Index(c)
				out.Schema, out.Cols = append(out.Schema, p.Schema[i]), append(out.Cols, p.Cols[i])
			}
			out.Bytes = p.Bytes * int64(len(cols)) / int64(max(1, len(p.Cols)))
			return out
		},
		Uses: func(MemoryParams, []op.Meta, []string) [][]string { return nil },
	},
})

type memory struct {
	p     MemoryParams
	given []*chunk.Batch // instead of the table p.ID
}

// Open implements op.Source.
func (m memory) Open(t op.Task, _ []op.In) (op.Feed, error) {
	batches, ok := m.given, true
	if batches == nil {
		batches, ok = Batches(m.p.ID)
	}
	if !ok {
		return nil, fmt.Errorf("the table in memory is gone: its frame was closed")
	}
	f := &memoryFeed{t: t, p: m.p, batches: batches, rows: morsel}
	for i, b := range batches {
		for lo := 0; lo < b.N; lo += splitRows {
			f.at = append(f.at, memorySplit{i, lo, min(b.N, lo+splitRows)})
		}
	}
	n := len(f.at)
	f.at = f.at[t.Block()*n/m.p.Blocks : (t.Block()+1)*n/m.p.Blocks]
	return f, nil
}

const (
	splitRows = 1 << 17 // so that threads share even a small table
	morsel    = 4096
	// standBytes is about how large batches are that are read as they stand: as those of other
	// blocks, of which somebody who reads them may hold a few beside his budget.
	standBytes = 4 << 20
)

type memorySplit struct{ batch, lo, hi int }

type memoryFeed struct {
	t       op.Task
	p       MemoryParams
	batches []*chunk.Batch
	at      []memorySplit
	rows    int // of a morsel
}

func (f *memoryFeed) Splits() int                { return len(f.at) }
func (f *memoryFeed) Reader() (op.Reader, error) { return &memoryReader{f: f}, nil }
func (f *memoryFeed) Close() error               { return nil }

// Widen implements op.Widening.
func (f *memoryFeed) Widen(rows int) { f.rows = max(f.rows, rows&^63) }

// Stand implements op.Standing: a run is of the batches that a split has.
func (f *memoryFeed) Stand() chunk.Value {
	runs := make([][]*chunk.Batch, len(f.at))
	for i, s := range f.at {
		b := f.batches[s.batch].Pick(f.p.Cols, &chunk.Batch{})
		n := s.hi - s.lo
		if size := b.Slice(s.lo, s.hi).Bytes(); size > standBytes {
			n = max(morsel, int(int64(n)*standBytes/size)&^63)
		}
		for lo := s.lo; lo < s.hi; lo += n {
			runs[i] = append(runs[i], b.Slice(lo, min(s.hi, lo+n)))
		}
	}
	return chunk.NewBlock(runs)
}

type memoryReader struct {
	f   *memoryFeed
	out chunk.Batch
}

// Read implements op.Reader: morsels borrow the table's buffers.
func (r *memoryReader) Read(split int, out op.Sink) error {
	s := r.f.at[split]
	b := r.f.batches[s.batch]
	for lo := s.lo; lo < s.hi; lo += r.f.rows {
		hi := min(s.hi, lo+r.f.rows)
		r.out.Cols = r.out.Cols[:0]
		for _, c := range r.f.p.Cols {
			r.out.Cols = append(r.out.Cols, b.Cols[c].Slice(lo, hi))
		}
		r.out.N, r.out.Seq, r.out.Sub = hi-lo, uint64(r.f.t.Block())<<48|uint64(split)<<32|uint64(lo-s.lo), 0
		if err := out.Push(&r.out); err != nil {
			return err
		}
	}
	return nil
}

func (r *memoryReader) Close() error { return nil }
