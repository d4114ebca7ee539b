package array

import (
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
	ops "github.com/weft-data/weft/op/array"
)

// OfTable is the array of the rows of a table in so many blocks, whose columns are
// all of the type of k: a vector, or a matrix with a column for each. How many rows
// blocks have is not known, see Select. Frame.Array is how programs call it.
func OfTable(t Table, blocks int, k DType, vector bool) *Array {
	in := t.Graph.Layers[t.Want].Out
	p := ops.FromTableParams{Kind: k, Vector: vector}
	call, out, err := ops.FromTable.Call(p, in)
	if err != nil || blocks < 1 {
		return fail("Array", "%d blocks: %w", blocks, err)
	}
	// what blocks may have in the plan's estimate; they take what they need
	rows := int64(max(in.Rows, 0))/int64(blocks) + 1
	g := grid.Grid{{{Size: grid.Unknown(rows), Count: int64(blocks)}}}
	if !vector {
		g = append(g, grid.Uniform(int64(len(in.Schema)), 0))
	}
	if _, err := g.Loose(); err != nil {
		return fail("Array", "%w", err)
	}
	table := &node{table: &t, out: in, blocks: int32(blocks)}
	n := &node{call: call, out: out, blocks: int32(blocks), in: []link{{table, grid.Wiring{One: true}}}, origin: graph.Caller("weft/array"), keep: t.Keep}
	return &Array{n: n, grid: g, kind: k}
}

// Table is the plan of a table with the rows of a vector, or of a matrix with a
// column for each name. FromArray of package frame is how programs call it.
func (x *Array) Table(names []string) (Table, op.Meta, error) {
	if x.err != nil {
		return Table{}, op.Meta{}, x.err
	}
	if len(x.grid) == 2 {
		if !x.grid[1].Known() {
			return Table{}, op.Meta{}, x.loose("FromArray").err
		}
		x = x.cut("FromArray", grid.Grid{x.grid[0], grid.Uniform(x.grid[1].Len(), 0)})
	}
	p := ops.ToTableParams{In: x.grid, Kind: x.kind, Names: names}
	y := add("FromArray", ops.IntoTable, p, rowsOf(x.grid), elem.Int64, link{x.n, grid.Wiring{One: true}})
	if y.err != nil {
		return Table{}, op.Meta{}, y.err
	}
	g, want := y.plan()
	return Table{g, want, y}, y.n.out, nil
}

// rowsOf is the first axis of a grid.
func rowsOf(g grid.Grid) grid.Grid {
	if len(g) == 0 {
		return g
	}
	return g[:1]
}
