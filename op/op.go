// Package op is the book of operators: what each one does to schemas, to memory
// and to data. A Call names an operator and carries its parameters as canonical
// bytes, so it means the same in every process that has the same book, and equal
// work has equal bytes.
//
//	Spec --Register--> Op --Call(params, inputs)--> Call   (plain data, travels)
//	Call --Bind------> Bound                               (ready in this process)
//
// A bound operator takes one of four parts in a task:
//
//	Source   makes morsels, from outside or from the runs of input blocks
//	Pipe     takes morsels: a step passes them on, a breaker keeps state and
//	         gives it out as the task's output block
//	Block    input blocks in, output block out; no morsels
//	Lower    a logical operator: replaced by those above before anything runs
package op

import (
	"context"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
)

// A Class says what the optimizer may assume of an operator.
type Class uint8

// The classes.
const (
	Opaque    Class = iota // nothing
	Scanning               // a source of rows from outside: no inputs
	RowWise                // output rows depend on one input row each, order is kept
	Breaking               // sees all rows of its block before it gives any
	Gathering              // reads runs of input blocks
	Writing                // ends a plan with an effect outside
	Logical                // must be lowered
)

func (c Class) String() string {
	return [...]string{"opaque", "scanning", "row-wise", "breaking", "gathering", "writing", "logical"}[c]
}

// A Call is an operator applied to parameters: plain data.
type Call struct {
	Op     string // "family.verb"
	Params string // canonical bytes
}

// A Meta is what is known of a table before it is computed. Negative estimates
// mean unknown.
type Meta struct {
	Schema dtype.Schema
	Rows   float64 // estimated rows in all blocks
	Bytes  float64 // estimated bytes in memory in all blocks
	Layout Layout
	Known  Known // of some columns, to estimate with
}

// A Layout is what is known of the order and partitioning of a table's rows.
// It is never required for correctness.
type Layout struct {
	Sorted []SortKey // rows are sorted by these, within and across blocks
	Hashed []string  // equal values of these columns are in one block
}

// A SortKey orders rows by a column.
type SortKey struct {
	Col        string
	Desc       bool
	NullsFirst bool // default: nulls last, whatever the direction
}

// An In is one input block of a task: the runs [Lo, Hi) of a value. Edge is the
// position of the layer's input it came through.
type In struct {
	chunk.Value
	Lo, Hi int
	Edge   int
}

// A Task is the only way an operator gets threads, memory and disk. Buffers
// from Alloc are counted against the memory budget; a nil buffer means that the
// operator must spill. What a task still holds at its end is freed for it.
type Task interface {
	mem.Allocator
	Context() context.Context
	// Block is the number of the output block within its layer.
	Block() int
	// Threads is how many goroutines Fork may use now, at least 1.
	Threads() int
	// Fork calls f(0)…f(n-1), on idle slots of the node if there are any, and
	// returns the first error after all calls have ended.
	Fork(n int, f func(i int) error) error
	// Shared is the allocator of what outlives the task: state in a Pipe that all
	// tasks of a layer share. Its buffers are freed by the Pipe's Close.
	Shared() mem.Allocator
	// Reserve counts bytes that do not come from Alloc; false means spill.
	Reserve(n int64) bool
	Release(n int64)
	// Budget is the whole memory budget of the node in bytes. It may steer how
	// early an operator spills, never what it returns.
	Budget() int64
	// Spill makes a spill file that is removed with the task, unless it is given
	// to Out as the output.
	Spill(schema dtype.Schema, runs int) (*spill.File, error)
	// Count adds to a named figure of the layer for Explain(Analyze), for
	// example "rows skipped".
	Count(name string, n int64)
}

// A Sink takes morsels. Push returns ErrEnough when no more rows are wanted;
// whoever gets it stops and passes it up.
type Sink interface{ Push(m *chunk.Batch) error }

// Rows are rows that a step has found but not copied together yet. They are
// borrowed like a morsel, until the call they are passed to returns.
type Rows interface {
	// Morsel copies them together and returns them as a morsel.
	Morsel() *chunk.Batch
	// Into appends them to b. It returns mem.ErrBudget, and appends nothing, when b
	// is refused memory.
	Into(b *chunk.Builder) error
	// Len is their number and Seq their place, see chunk.Batch.
	Len() int
	Seq() uint64
}

// Referring rows have columns from a table of few rows. A block that leaves the process can have them as short batches.
type Referring interface {
	Rows
	// Table is that table, the same one as long as there is the step; nil: there is none.
	Table() *chunk.Table
	// IntoShort is Into for a builder of short batches.
	IntoShort(b *chunk.Builder) error
}

// A RowSink is a sink that copies the rows it is given. It takes them as Rows too,
// so that they are copied once and not twice.
type RowSink interface{ PushRows(r Rows) error }

// PushRows hands rows to a sink, in the form it likes best.
func PushRows(out Sink, r Rows) error {
	if s, ok := out.(RowSink); ok {
		return s.PushRows(r)
	}
	return out.Push(r.Morsel())
}

// An Out takes the output of a breaker.
type Out interface {
	// Put appends a batch to a run and becomes its owner; a batch that owns
	// nothing is copied. It spills when memory is short. Safe for concurrent
	// use; batches of one run keep the order of their Put calls.
	Put(run int, b *chunk.Batch) error
	// PutValue makes v the whole output, instead of Put.
	PutValue(v chunk.Value) error
}

// A Source makes the morsels of a task.
type Source interface {
	// Open prepares one task; in has the task's input blocks, none for a reader.
	Open(t Task, in []In) (Feed, error)
}

// A Feed is the opened source of one task. Its splits can be read
// independently, in any order, by several threads.
type Feed interface {
	Splits() int
	Reader() (Reader, error) // one per thread
	Close() error
}

// A Reader reads splits into a sink. Batches it pushes carry Seq with the split
// number (of all the layer's blocks: block<<16 | split is enough) in the high
// half. It checks the task's context at least every few milliseconds.
type Reader interface {
	Read(split int, out Sink) error
	Close() error
}

// A Pipe is a bound step or breaker, shared by all tasks of its layer in this
// process: state common to them (a join table) is built once, under its own lock.
type Pipe interface {
	// Open prepares one task; side has the blocks of the layer's side inputs.
	Open(t Task, side []In) (Stage, error)
	// Close frees what the tasks shared.
	Close() error
}

// A Stage is a step or breaker at work in one task.
type Stage interface {
	// Local makes the state of one thread.
	Local() (Local, error)
	// Drain is called when all Locals are closed; a step that kept rows back
	// returns them as a feed, whose morsels go through the steps after it. Nil
	// means none.
	Drain() (Feed, error)
	// Finish is called once, last: a breaker gives its output. Steps do nothing.
	Finish(out Out) error
	// Close frees everything, also after an error.
	Close() error
}

// A Serial stage needs the morsels of its task in split order, on one thread.
type Serial interface{ Serial() bool }

// An Ordered stage is a Serial one that takes all the morsels of its task: while it takes
// those of one split other threads may make those of later ones, which are kept for it.
type Ordered interface{ Ordered() bool }

// A Contiguous stage or feed gains when the splits that one thread reads follow each other in
// the input. Otherwise threads take the splits in turn.
type Contiguous interface{ Contiguous() bool }

// A Jumper is a Local that is told before a split is read that does not follow the one which was
// read before it on the same thread: splits in between are another thread's, or come later. Splits that follow
// each other may have no rows.
type Jumper interface{ Jump() }

// A Choosy stage gives nothing for some of its rows, and can tell them by a few columns
// alone once it is open: a join whose table is complete. Its other rows are taken one by
// one, so whoever makes them may leave those out.
type Choosy interface {
	// Choice returns how rows are told; false when the stage gives something for all.
	Choice() (Choice, bool)
	// From returns which column of its input an output column is, as it is; -1 for one
	// that the stage makes.
	From(col int) int
}

// A Choice says by which columns rows are told. Rows is how many there are to match:
// the fewer, the less is left. Meets reports whether the stage may give something for a row
// whose column Cols[i] has a value between two, so that a whole part of the rows can be left
// out by its least and greatest; any thread may ask it.
type Choice struct {
	Cols  []int
	Rows  int64
	Meets func(i int, lo, hi expr.Literal) bool
	Sieve func() Sieve // of one thread
}

// A Sieve tests rows on one thread. m has the columns of its Choice; the bits of the mask,
// scratch until the next call, are of the rows to keep: all for which the stage gives something,
// and maybe others. A Quick one tests a row in far less
// time than the stage does, so that it pays where it leaves out many rows of every morsel.
type Sieve interface {
	Sift(m *chunk.Batch) (mask []uint64, kept int)
	Quick() bool
}

// A Sifted feed can test some columns of its rows before it makes the others. Sift is
// called before its readers are made; that rows are left out is never required.
type Sifted interface{ Sift(c Choice) }

// A Standing feed has its rows in memory as they are, borrowed for as long as the plan runs. A
// layer that does nothing else with them gives Stand, one run for each split, as its block: they
// are not copied.
type Standing interface{ Stand() chunk.Value }

// A Widening feed gives larger morsels at no cost: it is told of how many rows before its readers are made.
type Widening interface{ Widen(rows int) }

// A Sharing stage divides each morsel among the threads of its task itself, so that it gains when they are large. What
// it makes of the rows must not depend on where morsels end.
type Sharing interface{ Sharing() bool }

// A Local is a stage on one thread.
type Local interface {
	// Push takes a borrowed morsel.
	Push(m *chunk.Batch, out Sink) error
	// Close ends this thread: a step flushes to out, a breaker hands its state to
	// its stage. It is called exactly once, with failed set when the task failed
	// and nothing more must be pushed.
	Close(out Sink, failed bool) error
}

// A Block runs a task on whole blocks. TimeOut and cancellation are in
// t.Context().
type Block interface {
	Run(t Task, in []In, out Out) error
}

// A Picker is a Block whose tasks read single runs of their inputs. Picks returns which
// run task block reads of each of the n blocks it has of an input, in their order; nil
// means that it may read all of them. Only what is read is brought to where the task is.
type Picker interface {
	Picks(block, edge, n int) []int
}

// A Direct block operator needs nothing of its task but the context: no threads,
// memory or disk. Small tasks by the hundred thousand take this door; in is
// borrowed. When a function of the user's has ended the goroutine, Direct is called
// again for what the block gives then, with a context that ended with ErrExit.
type Direct interface {
	Direct(ctx context.Context, block int, in []In) (chunk.Value, error)
}

// A Need is the projected memory of one task: Floor is the least it can run in,
// with spilling; Want is what it would use at full speed.
type Need struct{ Floor, Want int64 }

// Retry says how often and how soon a failed task is tried again.
type Retry struct {
	Max     int // attempts in all; 0 and 1 mean no retry
	Delay   time.Duration
	Factor  float64 // the delay grows by this; 0 means 2
	TimeOut time.Duration
}
