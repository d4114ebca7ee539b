package array

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
)

// A noted block has the same batch in all of its runs, and notes which is opened.
type noted struct {
	chunk.Value
	opened *int
}

func (v noted) Open(run int) (chunk.Reader, error) {
	*v.opened = run
	return v.Value.Open(0)
}

// A taskOf is a task of a block.
type taskOf struct {
	heapTask
	block int
}

func (t *taskOf) Block() int { return t.block }

// freeing takes blocks and frees them.
type freeing struct{ op.Out }

func (freeing) Put(_ int, b *chunk.Batch) error { b.Release(); return nil }

// TestPicks: the runs that joined blocks read are those that they say; of pieces without
// elements none is read.
func TestPicks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, m = 30, 20
	zeros := chunk.NewBlock([][]*chunk.Batch{{{N: n * m, Cols: []chunk.Vec{{Type: elem.Int64.Storage(), N: n * m, Data: make([]byte, 8*n*m)}}}}})
	axis := func(n int64) (a grid.Axis) {
		for n > 0 {
			size := r.Int64N(min(n, 9) + 1)
			a, n = a.Append(size, 1), n-size
		}
		return a
	}
	several := 0
	for range 50 {
		p := RechunkParams{From: grid.Grid{axis(n), axis(m)}, To: grid.Grid{axis(n), axis(m)}, Kind: elem.Int64}
		call, meta, err := Join.Call(p)
		if err != nil {
			t.Fatal(err)
		}
		b, err := op.Of(call).Bind(call.Params, meta)
		if err != nil {
			t.Fatal(err)
		}
		wire := p.Wire()
		for block := range int(p.To.Blocks()) {
			from := []int32{int32(block)}
			if !wire.One {
				from = wire.Box.Append(nil, int32(block))
			}
			opened, in := make([]int, len(from)), make([]op.In, len(from))
			for i := range in {
				opened[i] = -1
				in[i] = op.In{Value: noted{zeros, &opened[i]}, Hi: 1}
			}
			if err := b.Block.Run(&taskOf{block: block}, in, freeing{}); err != nil {
				t.Fatal(err)
			}
			got := b.Block.(op.Picker).Picks(block, 0, len(from))
			if got == nil && len(from) == 0 {
				continue // a block without elements
			}
			if len(got) != len(from) || slices.Min(got) < 0 {
				t.Fatalf("%v: block %d picks the runs %v of %d blocks", p, block, got, len(from))
			}
			for i, run := range opened {
				if run >= 0 && run != got[i] {
					t.Fatalf("%v: block %d picks the runs %v of %v and reads %v", p, block, got, from, opened)
				}
			}
			if slices.Max(got) > 0 {
				several++
			}
		}
	}
	if several == 0 {
		t.Error("every block had one piece")
	}
}
