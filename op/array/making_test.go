package array

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
)

// pieces keeps the elements of each run of a block.
type pieces struct {
	op.Out
	of map[int][]byte
}

func (r *pieces) Put(run int, b *chunk.Batch) error {
	r.of[run] = append(r.of[run], b.Cols[0].Data[:b.N*b.Cols[0].Type.Width()]...)
	return nil
}

// runsOf runs a block of a call.
func runsOf[P any](t *testing.T, o op.Op[P], p P, block int, in ...op.In) map[int][]byte {
	t.Helper()
	call, meta, err := o.Call(p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := op.Of(call).Bind(call.Params, meta)
	if err != nil {
		t.Fatal(err)
	}
	out := &pieces{of: map[int][]byte{}}
	if err := b.Block.Run(&taskOf{block: block}, in, out); err != nil {
		t.Fatal(err)
	}
	return out.of
}

// TestPiecesAreMade: pieces that are made where they stay are those that are cut out of blocks, of programs over the same axes and over one.
func TestPiecesAreMade(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	axis := func(n int64) (a grid.Axis) {
		for n > 0 {
			size := r.Int64N(n + 1)
			a, n = a.Append(size, 1), n-size
		}
		return a
	}
	several := 0
	for round := range 60 {
		cut := RechunkParams{Kind: elem.Int64}
		view := []grid.View{}
		for i := range 1 + r.IntN(3) {
			n := 1 + r.Int64N(40)
			cut.From, cut.To = append(cut.From, axis(n)), append(cut.To, axis(n))
			view = append(view, grid.View{Axis: int32(i), Step: 1})
		}
		of := &StripsParams{Space: cut.From, Outs: []int32{-1},
			Leaves: []Leaf{{Kind: Random, Type: elem.Int64, Grid: cut.From, View: view, Draw: Draw{Dist: Integers}, Nums: []uint64{0, 1 << 40}}}}
		if round%2 == 0 {
			line := grid.Axis{}
			for b := range cut.From.Blocks() {
				line = line.Append(product(blockShape(cut.From, int32(b))), 1)
			}
			g := grid.Grid{line}
			of = &StripsParams{Space: g, Outs: []int32{-1}, Leaves: []Leaf{{Kind: Range, Type: elem.Int64, Grid: g, View: []grid.View{{Axis: 0, Step: 1}}, Nums: []uint64{5, 3}}}}
		}
		for block := range int(cut.From.Blocks()) {
			n := int(product(blockShape(cut.From, int32(block))))
			data := make([]byte, 0, 8*n)
			if n > 0 {
				call, meta, err := Strips.Call(*of)
				if err != nil {
					t.Fatal(err)
				}
				b, err := op.Of(call).Bind(call.Params, meta)
				if err != nil {
					t.Fatal(err)
				}
				v, err := b.Block.(op.Direct).Direct(t.Context(), block, nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = chunk.Each(v, 0, func(b *chunk.Batch) error { data = append(data, b.Cols[0].Data[:8*b.N]...); return nil })
			}
			in := op.In{Value: chunk.NewBlock([][]*chunk.Batch{{{N: n, Cols: []chunk.Vec{{Type: elem.Int64.Storage(), N: n, Data: data}}}}}), Hi: 1}
			want, got := runsOf(t, Split, SplitParams{Cut: cut}, block, in), runsOf(t, Split, SplitParams{Cut: cut, Of: of}, block)
			for run := range want {
				if !bytes.Equal(want[run], got[run]) {
					t.Fatalf("%v: block %d of %v: piece %d is %v, want %v", cut, block, of.Space, run, got[run], want[run])
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%v: block %d has %d pieces, want %d", cut, block, len(got), len(want))
			}
			if len(got) > 1 {
				several++
			}
		}
	}
	if several == 0 {
		t.Error("every block had one piece")
	}
}

// TestSplitOfPrograms: what cannot be made piece by piece is refused, whoever made the parameters.
func TestSplitOfPrograms(t *testing.T) {
	two, line := grid.Grid{grid.Uniform(6, 3), grid.Uniform(4, 4)}, grid.Grid{grid.Uniform(24, 12)}
	program := func(space grid.Grid, kind LeafKind, k elem.Kind) *StripsParams {
		l := Leaf{Kind: kind, Type: k, Grid: space, Nums: []uint64{0, 1, 0, math.Float64bits(1)}}
		for i := range space {
			l.View = append(l.View, grid.View{Axis: int32(i), Step: 1})
		}
		return &StripsParams{Space: space, Leaves: []Leaf{l}, Outs: []int32{-1}}
	}
	for _, c := range []struct {
		of   *StripsParams
		good bool
	}{
		{nil, true}, {program(line, Range, elem.Int64), true}, {program(line, Range, elem.Float64), false}, {program(line, Input, elem.Int64), false},
		{program(line, Memory, elem.Int64), false}, {program(grid.Grid{grid.Uniform(24, 6)}, Range, elem.Int64), false}, {program(grid.Grid{grid.Uniform(22, 11)}, Range, elem.Int64), false},
		{program(two, Random, elem.Int64), false}, {&StripsParams{Space: two}, false},
	} {
		p := SplitParams{Cut: RechunkParams{From: two, To: grid.Grid{grid.Uniform(6, 6), grid.Uniform(4, 2)}, Kind: elem.Int64}, Of: c.of}
		err := p.check()
		if (err == nil) != c.good {
			t.Errorf("%+v: %v", c.of, err)
		}
		if err == nil && c.of != nil && !strings.HasSuffix(p.text(), " of "+c.of.text()) {
			t.Errorf("%s does not say what it is made of", p.text())
		}
	}
}

// TestShortPieces: rows of pieces that are short are cut out of blocks, and so is what others read.
func TestShortPieces(t *testing.T) {
	space := grid.Grid{grid.Uniform(8, 2), grid.Uniform(2*leastRow, 0)}
	of := StripsParams{Space: space, Outs: []int32{-1}, Leaves: []Leaf{{Kind: Random, Type: elem.Int64, Grid: space,
		View: []grid.View{{Axis: 0, Step: 1}, {Axis: 1, Step: 1}}, Draw: Draw{Dist: Integers}, Nums: []uint64{0, 9}}}}
	below, _, err := Strips.Call(of)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		row    int64
		others op.Others
		taken  bool
	}{{leastRow, op.NoOthers, true}, {leastRow - 1, op.NoOthers, false}, {leastRow, op.OthersNow, false}, {leastRow, op.OthersLater, false}} {
		p := SplitParams{Cut: RechunkParams{From: space, To: grid.Grid{grid.Uniform(8, 8), grid.Uniform(2*leastRow, c.row)}, Kind: elem.Int64}}
		if _, _, ok := takeMade(p, nil, 0, below, nil, c.others); ok != c.taken {
			t.Errorf("rows of %d, %v: taken is %v", c.row, c.others, ok)
		}
	}
}
