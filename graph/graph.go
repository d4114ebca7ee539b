// Package graph is the plan as data: layers of blocks, each layer one operator
// call. A Graph holds no function, lock, channel or handle, so it prints,
// compares, travels, and a layer of a million blocks is one line of it.
package graph

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
)

// A LayerID numbers layers in the order they were added: inputs come before
// users.
type LayerID int32

// An Edge is an input of a layer.
type Edge struct {
	From   LayerID
	Wiring op.Wiring
	Side   bool // given to the pipe at Open instead of flowing through it
	Hint   bool // may be absent; never changes results
	// Listed wiring only: block b needs blocks List[At[b]:At[b+1]]. An edge may
	// lead to its own layer, to lower-numbered blocks.
	At, List []int32
	Box      *grid.Box // Boxed wiring only
}

// Blocks appends the blocks that block b needs through a Listed or Boxed wiring.
func (e *Edge) Blocks(dst []int32, b int32) []int32 {
	if e.Wiring == op.Boxed {
		return e.Box.Append(dst, b)
	}
	return append(dst, e.List[e.At[b]:e.At[b+1]]...)
}

// A Layer is one operator applied to every block of its output.
type Layer struct {
	Call   op.Call
	In     []Edge
	Out    op.Meta
	N      int32   // blocks; 0 when not decided yet
	Size   op.Size // how N is decided when the inputs are finished
	Retry  op.Retry
	Origin string // file:line of the user's call
	// Cuts are where the layer may be cut in two, in the order of its steps. It is decided
	// when its side inputs are finished.
	Cuts []Cut
	// Spare: a layer that is nothing, without a call, unless another one is cut to it.
	Spare bool
	Lent  *Lent // no task makes the blocks: the runner has them already
}

// A Cut makes two layers of one: Front, which was spare, ends with Divide before a step, and what
// is left of the layer begins with Back, which reads the runs of Front and of the step's side
// input. The layer is cut when that has more rows or bytes than were thought of.
type Cut struct {
	Part         int // the step, by its place among the parts of the layer's call
	Front        LayerID
	Divide, Back op.Call
	Size         op.Size // of what is left, unless the layer is one block: then it stays one
	Rows, Bytes  int64
}

// Late reports whether the number of blocks is decided while the plan runs.
func (l *Layer) Late() bool { return l.Size.Runs > 0 }

// Sides returns the side inputs of a layer.
func (l *Layer) Sides() (out []Edge) {
	for _, e := range l.In {
		if e.Side {
			out = append(out, e)
		}
	}
	return out
}

// Flows returns the inputs of a layer whose rows flow through it.
func (l *Layer) Flows() (out []Edge) {
	for _, e := range l.In {
		if !e.Side {
			out = append(out, e)
		}
	}
	return out
}

// A Graph is a list of layers in topological order. The zero Graph is empty.
// Layers of one Graph may be shared by any number of collections.
type Graph struct{ Layers []Layer }

// Add appends a layer and returns its number. It panics when an input does not
// exist yet: that is a mistake of the program, not of its input.
func (g *Graph) Add(l Layer) LayerID {
	for _, e := range l.In {
		if e.From < 0 || int(e.From) > len(g.Layers) || int(e.From) == len(g.Layers) && e.Wiring != op.Listed {
			panic(fmt.Sprintf("graph: layer %d (%s) reads layer %d, which does not exist yet", len(g.Layers), l.Call.Op, e.From))
		}
	}
	g.Layers = append(g.Layers, l)
	return LayerID(len(g.Layers) - 1)
}

// Clone returns a graph whose layers can be replaced without changing g.
func (g *Graph) Clone() *Graph {
	out := &Graph{Layers: append([]Layer(nil), g.Layers...)}
	for i := range out.Layers {
		out.Layers[i].In = append([]Edge(nil), out.Layers[i].In...)
	}
	return out
}

// Splice adds all layers of another graph and returns the number that its layer want
// has then.
func (g *Graph) Splice(other *Graph, want LayerID) LayerID {
	first := LayerID(len(g.Layers))
	for _, l := range other.Layers {
		l.In = append([]Edge(nil), l.In...)
		for i := range l.In {
			l.In[i].From += first
		}
		g.Add(l)
	}
	return first + want
}

// Tasks returns the number of tasks of the layers whose size is known.
func (g *Graph) Tasks() (n int64) {
	for i := range g.Layers {
		n += int64(g.Layers[i].N)
	}
	return n
}

// A Mode says what Start is to do.
type Mode uint8

// The modes.
const (
	Run     Mode = iota
	Explain      // plan only: the report is complete, there are no blocks
	Analyze      // run, discard the blocks, measure every operator
)

// A Request asks a Runner for the blocks of one layer.
type Request struct {
	Graph    *Graph
	Want     LayerID
	Mode     Mode
	Ordered  bool     // deliver blocks in block order
	Priority int32    // higher first; jobs of equal priority share the slots
	Off      []string // optimizer passes to leave out
	// Keep says that the reader keeps the blocks for good: they are made of
	// garbage-collected buffers outside of the memory budget, and are not copied
	// once more.
	Keep bool
	// Progress, when set, is called now and then from one goroutine.
	Progress func(Progress)
}

// Progress is how far a job is.
type Progress struct {
	Done, Total int64 // tasks; Total grows while late layers are decided
	Fraction    float64
	Rows        int64 // read from outside
	Spilled     int64 // bytes
	Phase       string
}

// A Runner is the one interface to computation.
type Runner interface {
	Start(ctx context.Context, r Request) (Job, error)
}

// A Job is a running request. Next returns the next block and io.EOF at the end;
// the caller releases the block.
//
// Close ends the job and returns when its tasks have ended, also those of a job that
// has failed: from then on nothing of it reads or writes. Tasks heed the end of their
// context, but a function of the user's may not: it is waited for as long as the runner
// says and then goes on alone, which Close reports with ErrRunning if the job was not
// read to its end.
type Job interface {
	Next(ctx context.Context) (Delivered, error)
	// Withdraw gives up blocks of the wanted layer that were not read yet, and all blocks
	// that read them: their tasks end, they are not delivered any more, the others are. The
	// request is not Ordered. It does not wait for the tasks.
	Withdraw(blocks []int32)
	Report() Report
	Close() error
}

// ErrRunning is what Close returns when tasks of a job that has failed, or was given
// up, may still run.
var ErrRunning = errors.New("tasks of the job may still run: they have not heeded its end in time")

// A Delivered is one finished block of the wanted layer.
type Delivered struct {
	Block int32
	Value chunk.Value
}

// A Report describes a plan and, after a run, what it did.
type Report struct {
	Schema  dtype.Schema
	Before  string // the plan as built
	After   string // the plan as run, one line per layer; measured figures with Analyze
	Picture string // Mermaid flowchart
	Layers  []LayerReport
	Wall    time.Duration
	Spilled int64
	Peak    int64 // highest bytes of the memory pool
	Budget  int64
}

// String shows the plan as built and as run: what Explain returns is to be printed.
func (r Report) String() string { return "as built\n" + r.Before + "\nas run\n" + r.After }

// A LayerReport has the figures of one operator of the plan that ran.
type LayerReport struct {
	Name          string
	Tasks         int64
	Rows, Bytes   int64         // output
	EstRows       float64       // estimated output
	Time          time.Duration // on all threads, this operator alone
	Spilled       int64
	Counts        map[string]int64 // named figures of the operator, for example rows skipped
	Floor, Want   int64
	Retries       int64
	PeakTaskBytes int64
}
