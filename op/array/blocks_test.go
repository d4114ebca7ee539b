package array

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// TestRunInPieces reads the runs of a block that come in several batches, as those do
// that were written to disk.
func TestRunInPieces(t *testing.T) {
	batch := func(vals ...int64) *chunk.Batch {
		return &chunk.Batch{N: len(vals), Cols: []chunk.Vec{{Type: elem.Int64.Storage(), N: len(vals), Data: strip.Raw(vals)}}}
	}
	in := op.In{Value: chunk.NewBlock([][]*chunk.Batch{{batch(1, 2, 3), batch(4)}, {batch(5, 6), batch(7, 8)}}), Hi: 2}
	for run, want := range [][]int64{{1, 2, 3, 4}, {5, 6, 7, 8}} {
		data, done, err := contiguous(&heapTask{}, in, run, 4, 8)
		if err != nil {
			t.Fatal(err)
		}
		if got := strip.View[int64](data, 4); !slices.Equal(got, want) {
			t.Errorf("run %d is %v, want %v", run, got, want)
		}
		done()
	}
}

// A fullDisk takes blocks, as an op.Out that cannot write them.
type fullDisk struct{ op.Out }

func (fullDisk) Put(_ int, b *chunk.Batch) error { b.Release(); return errors.New("no space left") }

// heapTask is block 0, with memory.
type heapTask struct {
	op.Task
	freed int
}

func (*heapTask) Context() context.Context { return context.Background() }
func (*heapTask) Block() int               { return 0 }
func (*heapTask) Alloc(n int) []byte       { return make([]byte, n) }
func (t *heapTask) Free([]byte)            { t.freed++ }

// TestPutFails gives away blocks that cannot be written: they are the output's then,
// and a second release would end the program.
func TestPutFails(t *testing.T) {
	four := grid.Grid{grid.Uniform(4, 0)}
	in := []op.In{{Value: chunk.NewBlock([][]*chunk.Batch{{{N: 4, Cols: []chunk.Vec{{Type: elem.Int64.Storage(), N: 4, Data: make([]byte, 32)}}}}}), Hi: 1}}
	p := TakeParams{In: four, Index: []int64{3, 2, 1, 0}, Cut: four[0], Kind: elem.Int64}
	call, meta, err := Take.Call(p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := op.Of(call).Bind(call.Params, meta)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]op.Block{"take": b.Block, "fromtable": fromTable{FromTableParams{Kind: elem.Int64, Vector: true}}} {
		var task heapTask
		if err := x.Run(&task, in, fullDisk{}); err == nil || task.freed != 1 {
			t.Errorf("%s: %v, %d buffers freed", name, err, task.freed)
		}
	}
}
