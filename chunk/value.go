package chunk

import (
	"errors"
	"io"
)

// A Value is the output of a task: one block of a layer. The rows of a frame
// block are divided into runs (reduce partitions; one run when nobody shuffles)
// of batches. Values are reference-counted by whoever stores them and may move
// between memory and disk; readers do not notice.
type Value interface {
	Rows() int64
	Bytes() int64 // in memory or on disk
	Runs() int
	// RunBytes returns the bytes of one run, for sizing what reads it.
	RunBytes(run int) int64
	// Open reads a run from its first batch on. Readers are independent.
	Open(run int) (Reader, error)
	// Release frees the block; it must not be opened any more.
	Release()
}

// A Reader iterates over the batches of a run. Next returns io.EOF at the end;
// a batch is borrowed until the next call of Next or Close. Seek moves to batch
// number i of the run.
type Reader interface {
	Next() (*Batch, error)
	Seek(i int) error
	Close() error
}

// A Lasting reader gives batches that stay until it is closed, not just until the next one.
type Lasting interface {
	Reader
	Lasts()
}

// Each calls f for the batches of a run, each borrowed, until it returns an error.
func Each(v Value, run int, f func(*Batch) error) (err error) {
	r, err := v.Open(run)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.Close(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = f(b)
		}
		if err != nil {
			return err
		}
	}
}

// EachOfAll is Each for all runs, one after the other.
func EachOfAll(v Value, f func(*Batch) error) error {
	for run := range v.Runs() {
		if err := Each(v, run, f); err != nil {
			return err
		}
	}
	return nil
}

// A Block is a Value in memory.
type Block struct{ runs [][]*Batch }

// NewBlock returns a block that owns the batches of its runs.
func NewBlock(runs [][]*Batch) *Block { return &Block{runs} }

// Rows implements Value.
func (b *Block) Rows() (n int64) {
	for _, run := range b.runs {
		for _, x := range run {
			n += int64(x.N)
		}
	}
	return n
}

// Bytes implements Value.
func (b *Block) Bytes() (n int64) {
	for r := range b.runs {
		n += b.RunBytes(r)
	}
	return n
}

// Runs implements Value.
func (b *Block) Runs() int { return len(b.runs) }

// RunBytes implements Value.
func (b *Block) RunBytes(run int) (n int64) {
	for _, x := range b.runs[run] {
		n += x.Bytes()
	}
	return n
}

// Batches returns the batches of a run, borrowed from the block. Only an
// in-memory block has them; callers that can use whole batches in place (a join
// table, a merge) ask for this before they copy through Open.
func (b *Block) Batches(run int) []*Batch { return b.runs[run] }

// A Resident value can lend the batches of a run in place. Nil means that the
// run is not in memory: read it through Open. Lent batches stay until the value
// is released.
type Resident interface{ Batches(run int) []*Batch }

// Open implements Value.
func (b *Block) Open(run int) (Reader, error) { return &blockReader{b.runs[run], 0}, nil }

// Release implements Value.
func (b *Block) Release() {
	for _, run := range b.runs {
		for _, x := range run {
			x.Release()
		}
	}
	b.runs = nil
}

type blockReader struct {
	run []*Batch
	i   int
}

func (r *blockReader) Next() (*Batch, error) {
	if r.i >= len(r.run) {
		return nil, io.EOF
	}
	r.i++
	return r.run[r.i-1], nil
}

func (r *blockReader) Seek(i int) error { r.i = i; return nil }
func (r *blockReader) Close() error     { return nil }

// Lasts implements Lasting.
func (r *blockReader) Lasts() {}
