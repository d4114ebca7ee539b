package local

import (
	"testing"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
)

// What is nearer to the result goes first, so that few blocks live at a time, and
// what is read last is known as such.
func TestOrderOfTasksAndReaders(t *testing.T) {
	g := &graph.Graph{Layers: []graph.Layer{
		{N: 4},
		{N: 4, In: []graph.Edge{{From: 0, Wiring: op.OneToOne}}},
		{N: 1, In: []graph.Edge{{From: 1, Wiring: op.AllToAll}, {From: 0, Wiring: op.AllToAll, Side: true}}},
	}}
	j := &job{plan: &optimize.Plan{Graph: g, Want: 2}, made: make([]bool, 3)}
	j.place()
	if a, b := j.key(1, 3), j.key(0, 0); a > b {
		t.Error("a source goes before the reader of one that is done")
	}
	if a, b := j.key(1, 0), j.key(1, 1); a > b {
		t.Error("the second block goes before the first")
	}
	if got, want := j.next(0, 3), j.key(2, 0); got != want {
		t.Errorf("block 3 of layer 0 is read next at %x, want %x: the last layer stands first in the order", got, want)
	}
	j.made[2] = true
	if got, want := j.next(0, 3), j.key(1, 3); got != want {
		t.Errorf("when layer 2 is made, block 3 of layer 0 is read next at %x, want %x", got, want)
	}
	j.made[1] = true
	if got := j.next(sched.LayerID(0), 3); got != 1<<64-1 {
		t.Errorf("nobody reads layer 0 any more, next is %x", got)
	}
	high := &job{plan: j.plan, pos: j.pos}
	high.req.Priority = 1
	if high.key(0, 3) > j.key(2, 0) {
		t.Error("a job of higher priority does not go first")
	}
}
