package exec

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// An Import makes a stored block of rows that come from another process. Its
// memory belongs to the house: it is counted, and spilled when it is short. It is
// for one goroutine.
type Import struct {
	s   *stored
	b   *chunk.Builder
	run int
}

// Import begins a block of batches of schema; next is the key of the earliest task
// that will read it.
func (n *Node) Import(schema dtype.Schema, next uint64) *Import {
	return &Import{s: newStored(n, schema, &Meter{}, next), b: chunk.NewBuilder(schema, n)}
}

// Put appends a borrowed batch to a run. It stays one batch: readers may know the
// batches of a run by their numbers.
func (i *Import) Put(run int, b *chunk.Batch) error {
	i.run = run
	err := i.b.Append(b)
	if err == nil {
		return i.flush()
	}
	if err == mem.ErrBudget { // nothing is left to spill: straight to disk
		freed, err := i.s.putOnDisk(run, b)
		i.s.node.put(i.s.node.house.num, i.s, -freed)
		return err
	}
	return err
}

// Adopt appends a batch whose vectors lie in a buffer of the node (Node.Alloc), which
// is the block's from now on.
func (i *Import) Adopt(run int, b *chunk.Batch, buf []byte) error {
	i.run = run
	own := &chunk.Batch{Cols: b.Cols, N: b.N, Seq: b.Seq}
	own.Own(i.s.node, [][]byte{buf})
	return i.add(own)
}

// flush moves the gathered rows into the block.
func (i *Import) flush() error { return i.add(i.b.Flush()) }

// add puts a batch that owns buffers of the node into the block.
func (i *Import) add(b *chunk.Batch) error {
	if b.N == 0 {
		b.Release()
		return nil
	}
	n, held := i.s.node, int64(0)
	for _, buf := range b.Rehome(n, vault{n}) {
		held += int64(cap(buf))
	}
	if i.s.add(i.run, b, held) {
		n.house.put(i.s, held)
		return nil
	}
	err := i.s.write(i.run, b)
	b.Release()
	n.house.give(held)
	return err
}

// Close ends the block, which has at least so many runs then, and returns it.
func (i *Import) Close(runs int) (chunk.Value, error) {
	if err := i.flush(); err != nil {
		i.Drop()
		return nil, err
	}
	i.b.Close()
	i.s.mu.Lock()
	for len(i.s.runs) < runs {
		i.s.runs = append(i.s.runs, storedRun{})
	}
	i.s.mu.Unlock()
	return i.s, nil
}

// Drop gives up a block that was not closed.
func (i *Import) Drop() { i.b.Close(); i.s.Release() }

// Whole reports whether the tasks of a layer look into all runs of their shuffled
// inputs, and not just into those of their share.
func (p *Program) Whole(l graph.LayerID) bool {
	w, ok := p.layers[l].bound[0].Source.(interface{ Whole() bool })
	return ok && w.Whole()
}

// Picks returns the one run that a task reads of each of the n blocks it has of an
// input, nil if it may read all; see op.Picker.
func (p *Program) Picks(l graph.LayerID, block, edge, n int) []int {
	x, ok := p.layers[l].bound[0].Block.(op.Picker)
	if !ok {
		return nil
	}
	if runs := x.Picks(block, edge, n); len(runs) == n {
		return runs
	}
	return nil // what does not fit the operator is for its Run to refuse
}

// Reopen binds a layer again that CloseLayer has closed, when blocks of it must be
// made once more.
func (p *Program) Reopen(l graph.LayerID) error {
	ly := p.layers[l]
	for i := range ly.bound {
		if ly.bound[i].Source != nil || ly.bound[i].Block != nil || ly.bound[i].Pipe != nil {
			continue
		}
		part := ly.parts[i]
		e, err := op.Lookup(part.Call.Op)
		if err != nil {
			return err
		}
		if ly.bound[i], err = e.Bind(part.Call.Params, part.In); err != nil {
			return err
		}
	}
	return nil
}
