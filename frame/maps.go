package frame

import (
	"runtime"

	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/gorows"
)

// MapRows applies a function to every row. Its argument is a struct whose exported
// fields take the columns of their names (as by Decode), its result a struct whose
// fields become the columns of the new frame. Rows keep their order.
//
// A function made by op.Func runs wherever the same program does; one made by
// op.Closure stays in this process. It is called by several goroutines, must depend
// on its argument alone, and an error ends the plan.
func MapRows[A, R any](f *Frame, fn op.Fn[A, R]) *Frame { return mapped("MapRows", f, gorows.Map, fn) }

// MapBatches is MapRows for a function from some rows, in order, to any number of
// rows. How the rows of a table are divided is not defined: what the rows become
// must not depend on it.
func MapBatches[A, R any](f *Frame, fn op.Fn[[]A, []R]) *Frame {
	return mapped("MapBatches", f, gorows.MapBatch, fn)
}

func mapped[A, R any](verb string, f *Frame, o op.Op[gorows.MapParams], fn op.Fn[A, R]) *Frame {
	p := gorows.MapParams{Fn: fn.Name()}
	if p.Fn == "" {
		p = gorows.Keep(fn.Typed())
	}
	out := add(verb, calls(o, p), f)
	switch {
	case p.ID == 0:
	case out.err != nil:
		gorows.Drop(p.ID)
	default:
		runtime.AddCleanup(out.n, gorows.Drop, p.ID)
	}
	return out
}
