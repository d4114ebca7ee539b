package rows

import (
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// PartParams are the parameters of rows.part: into how many blocks.
type PartParams struct{ Blocks int }

// maxBlocks is the most blocks that rows.part makes.
const maxBlocks = 1 << 14

// Part divides the rows, in order, into blocks of equally many.
//
// Memory: the table is stored once, in blocks that spill; rows pass in morsels.
var Part op.Op[PartParams]

var partOp = op.Register(op.Spec[PartParams]{
	Name: "rows.parts", Version: 1, Class: op.Gathering,
	Doc:    "reads an equal share of the rows of all blocks",
	Infer:  inferPart,
	Text:   func(p PartParams) string { return fmt.Sprintf("%d blocks", p.Blocks) },
	Source: func(p PartParams) (op.Source, error) { return parting{p.Blocks}, nil },
})

func init() {
	Part = op.Register(op.Spec[PartParams]{
		Name: "rows.part", Version: 1, Class: op.Logical,
		Doc:   "divides the rows into blocks of equally many",
		Infer: inferPart,
		Text:  func(p PartParams) string { return fmt.Sprintf("%d blocks", p.Blocks) },
		Rules: op.Rules[PartParams]{
			Uses:         func(_ PartParams, _ []op.Meta, cols []string) [][]string { return [][]string{cols} },
			Through:      func(_ PartParams, _ []op.Meta, pred expr.Expr, _ int) (expr.Expr, bool) { return pred, true },
			LimitThrough: func(PartParams) bool { return true },
		},
		Lower: func(p PartParams, f *op.Fragment) error {
			held := f.Step(hold.With(struct{}{}), op.Input(0), f.In[0])
			counts := f.Step(countOp.With(struct{}{}), held, op.Meta{Schema: countSchema, Rows: 1, Bytes: 8})
			f.Add(op.Node{Call: partOp.With(p), Meta: f.Out, Size: op.Size{Fixed: p.Blocks},
				In: []op.Part{{From: held, Wiring: op.AllToAll}, {From: counts, Wiring: op.AllToAll}}})
			return nil
		},
	})
}

func inferPart(p PartParams, in []op.Meta) (op.Meta, error) {
	if p.Blocks < 1 || p.Blocks > maxBlocks {
		return op.Meta{}, fmt.Errorf("%d blocks: want 1 to %d", p.Blocks, maxBlocks)
	}
	m := in[0]
	m.Layout.Hashed = nil
	return m, nil
}

type parting struct{ blocks int }

// Open implements op.Source: edge 0 has the blocks, edge 1 the counts of each.
func (s parting) Open(t op.Task, in []op.In) (op.Feed, error) {
	f := &placeFeed{p: PlaceParams{N: -1}, t: t}
	var held, counts []op.In
	for _, x := range in {
		if x.Edge == 0 {
			held = append(held, x)
		} else {
			counts = append(counts, x)
		}
	}
	total := int64(0)
	for b, x := range counts {
		err := chunk.Each(x.Value, 0, func(m *chunk.Batch) error {
			for r, n := range chunk.Values[int64](&m.Cols[0]) {
				f.runs = append(f.runs, placedRun{held[b].Value, r, total, total + n})
				total += n
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	b, n := int64(t.Block()), int64(s.blocks)
	f.lo, f.hi = share(total, b, n), share(total, b+1, n)
	f.keepWanted()
	return f, nil
}

// share is total·b/n without running over.
func share(total, b, n int64) int64 { return total/n*b + total%n*b/n }
