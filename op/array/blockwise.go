package array

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// BlockwiseParams are the parameters of array.blockwise: a function of what a call
// reads, see CallParams, with one result.
type BlockwiseParams struct {
	Name string // of a registered function, or
	ID   uint64 // of a closure of this process
	Call CallParams
}

func (p *BlockwiseParams) check() error {
	if len(p.Call.Out) != 1 {
		return fmt.Errorf("%d results", len(p.Call.Out))
	}
	return p.Call.check()
}

func (p *BlockwiseParams) made() (grid.Grid, elem.Kind) { return p.Call.Out[0], p.Call.Kind }

// Blockwise computes blocks by a function.
var Blockwise = declare(declaration[BlockwiseParams]{
	name: "array.blockwise",
	doc:  "computes blocks by a function of the user from blocks along axes that have names",
	room: func(p *BlockwiseParams) (n int64) {
		for i := range p.Call.In { // they are copied: the function may write to them
			n += 2 * mem.Size(int(p.Call.reads(i))*p.Call.In[i].Kind.Width())
		}
		return n
	},
	text:   func(p *BlockwiseParams) string { return nameOf(p.Name) },
	impure: true,
	block: func(p *BlockwiseParams) (op.Block, error) {
		f, err := called(p.Name, p.ID)
		return p.Call.bind(func(c *Call) error { return c.apply(f) }), err
	},
})

// apply calls a function with what the task reads.
func (c *Call) apply(f Function) error {
	for i := range c.In {
		p := &c.In[i]
		if len(p.Data) == 0 {
			continue
		}
		buf := c.Alloc(len(p.Data))
		if buf == nil {
			return fmt.Errorf("array: what a function reads of input %d: %w", i, mem.ErrBudget)
		}
		defer c.Free(buf)
		copy(buf, p.Data)
		p.Data = buf
	}
	clear(c.Out[0].Data)
	return f(c.Context(), c.At, c.In, c.Out[0])
}
