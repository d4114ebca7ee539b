package rows

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// ConcatParams are the parameters of rows.concat: the columns, which every input
// has, among others.
type ConcatParams struct{ Cols []string }

// Concat gives the rows of its inputs one after the other. A column has one type
// in all inputs, and may be null in the output when it may be in one of them.
//
// Memory: the inputs are blocks, which spill; their rows pass in morsels.
var Concat op.Op[ConcatParams]

// appendOp reads all blocks of all inputs, in order, as one block.
var appendOp = op.Register(op.Spec[struct{}]{
	Name: "rows.append", Version: 1, Class: op.RowWise,
	Doc: "hands on the rows of all input blocks",
	Infer: func(_ struct{}, in []op.Meta) (op.Meta, error) {
		return inferConcat(ConcatParams{in[0].Schema.Names()}, in)
	},
	Pipe:  func(struct{}, op.Meta) (op.Pipe, error) { return pipe(func() op.Local { return passing{} }), nil },
	Rules: op.Rules[struct{}]{Passes: true},
})

func init() {
	Concat = op.Register(op.Spec[ConcatParams]{
		Name: "rows.concat", Version: 1, Class: op.Logical,
		Doc:   "gives the rows of several tables one after the other",
		Infer: inferConcat,
		Rules: op.Rules[ConcatParams]{
			Project: func(_ ConcatParams, cols []string) ConcatParams { return ConcatParams{cols} },
			Uses: func(_ ConcatParams, in []op.Meta, cols []string) [][]string {
				out := make([][]string, len(in))
				for i := range out {
					out[i] = cols
				}
				return out
			},
			Through: func(_ ConcatParams, _ []op.Meta, pred expr.Expr, _ int) (expr.Expr, bool) {
				return pred, true
			},
			Every: true,
		},
		Lower: lowerConcat,
	})
}

// lowerConcat picks the columns of inputs that have others too, or another order.
func lowerConcat(p ConcatParams, f *op.Fragment) error {
	var parts []op.Part
	for i, in := range f.In {
		from := op.Input(i)
		if !slices.Equal(in.Schema.Names(), p.Cols) {
			call := selectColumns(p.Cols)
			m, err := op.Of(call).Infer(call.Params, []op.Meta{in})
			if err != nil {
				return err
			}
			from = f.Step(call, from, m)
		}
		parts = append(parts, op.Part{From: from, Wiring: op.AllToAll})
	}
	f.Add(op.Node{Call: appendOp.With(struct{}{}), Meta: f.Out, Size: op.Size{Fixed: 1}, In: parts})
	return nil
}

// inferConcat checks that the inputs are alike and adds up their sizes.
func inferConcat(p ConcatParams, in []op.Meta) (op.Meta, error) {
	m := op.Meta{}
	if len(p.Cols) == 0 || len(in) == 0 {
		return m, fmt.Errorf("no tables or no columns to put one after the other")
	}
	for i, x := range in {
		for c, name := range p.Cols {
			at, err := x.Schema.Find(name)
			if err != nil {
				return m, fmt.Errorf("table %d: %w", i+1, err)
			}
			f := x.Schema[at]
			if i == 0 {
				m.Schema = append(m.Schema, f)
			}
			g := &m.Schema[c]
			if f.Type != g.Type {
				return m, fmt.Errorf("column %q is %s in table %d and %s in the first: cast one of them", dtype.Shown(name), f.Type, i+1, g.Type)
			}
			g.Nullable = g.Nullable || f.Nullable
		}
		m.Rows, m.Bytes = sum(m.Rows, x.Rows), sum(m.Bytes, x.Bytes)
	}
	return m, m.Schema.Unique()
}

// sum adds estimates; what is unknown makes the sum unknown.
func sum(a, b float64) float64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}
