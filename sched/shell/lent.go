package shell

import (
	"errors"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// lentOp is the operator of blocks that a runner keeps. Its tasks are never run: the
// scheduler knows their layers to be lent (sched.Lent).
var lentOp = Idle("sched.lent", "blocks that the runner keeps, of a request before")

// Idle registers an operator whose tasks have no work.
func Idle(name, doc string) op.Op[struct{}] {
	return op.Register(op.Spec[struct{}]{Name: name, Version: 1, Class: op.Opaque, Doc: doc,
		Infer: func(struct{}, []op.Meta) (op.Meta, error) { return op.Meta{Rows: -1, Bytes: -1}, nil },
		Block: func(struct{}) (op.Block, error) { return idle{}, nil }})
}

type idle struct{}

// Run implements op.Block.
func (idle) Run(op.Task, []op.In, op.Out) error {
	return errors.New("a block that is kept is not computed")
}

// LentLayer is a layer of blocks that a runner keeps, as out describes them.
func LentLayer(out op.Meta, from graph.Lent) graph.Layer {
	return graph.Layer{Call: lentOp.With(struct{}{}), N: int32(len(from.Blocks)), Out: out, Lent: &from}
}
