package array

import (
	"fmt"

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

// Blockwise computes blocks by a function.
var Blockwise = op.Register(op.Spec[BlockwiseParams]{
	Name: "array.blockwise", Version: 1, Class: op.Opaque,
	Doc: "computes blocks by a function of the user from blocks along axes that have names",
	Infer: func(p BlockwiseParams, _ []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		return Describe(p.Call.Out[0].Elements(), p.Call.Kind), nil
	},
	Mem: func(p BlockwiseParams, _ op.Meta) op.Need {
		n := mem.Size(int(p.Call.Out[0].MaxBlock()) * p.Call.Kind.Width())
		for i := range p.Call.In { // they are copied: the function may write to them
			n += 2 * mem.Size(int(p.Call.In[i].reads())*p.Call.In[i].Kind.Width())
		}
		return op.Need{Floor: n, Want: n}
	},
	Text: func(p BlockwiseParams) string {
		if p.Name == "" {
			return "closure"
		}
		return p.Name
	},
	Block: func(p BlockwiseParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		f, err := called(p.Name, p.ID)
		if err != nil {
			return nil, err
		}
		c := &calling{p: p.Call, run: func(c *Call) error { return c.apply(f) }}
		for _, o := range p.Call.In {
			c.axes = append(c.axes, lookups(o.Grid))
		}
		return c, nil
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
