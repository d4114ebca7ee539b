package rows

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op"
)

// Single makes one block of a table's blocks, in order: what a writer of one
// file needs.
var Single op.Op[struct{}]

// pass hands morsels on: the layer of Single reads all blocks through it.
var pass = op.Register(op.Spec[struct{}]{
	Name: "rows.pass", Version: 1, Class: op.RowWise,
	Doc:   "gives its input as it is",
	Infer: func(_ struct{}, in []op.Meta) (op.Meta, error) { return in[0], nil },
	Pipe:  func(struct{}, op.Meta) (op.Pipe, error) { return pipe(func() op.Local { return passing{} }), nil },
	Rules: op.Rules[struct{}]{LimitThrough: func(struct{}) bool { return true }},
})

func init() {
	Single = op.Register(op.Spec[struct{}]{
		Name: "rows.single", Version: 1, Class: op.Logical,
		Doc:   "makes one block of all blocks, in order",
		Infer: func(_ struct{}, in []op.Meta) (op.Meta, error) { return in[0], nil },
		Rules: op.Rules[struct{}]{
			Uses:         func(_ struct{}, _ []op.Meta, cols []string) [][]string { return [][]string{cols} },
			Project:      func(p struct{}, _ []string) struct{} { return p },
			LimitThrough: func(struct{}) bool { return true },
			Spares:       func(struct{}) op.Spared { return op.SparedGather },
		},
		Lower: func(_ struct{}, f *op.Fragment) error {
			if f.Blocks[0] == 1 {
				f.Same = true
				return nil
			}
			f.Single(pass.With(struct{}{}), op.Input(0), f.Out)
			return nil
		},
	})
}

type passing struct{}

func (passing) Push(m *chunk.Batch, out op.Sink) error { return out.Push(m) }
func (passing) Close(op.Sink, bool) error              { return nil }
