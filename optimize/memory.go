package optimize

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// memory projects what one task of each layer needs, from the estimates of the
// plan divided by the number of blocks, and refuses a plan with a task that
// cannot run in the budget even alone and spilling. Parts of a fused task run at
// the same time, so their needs add up.
func memory(p *Plan) error {
	p.Need = make([]op.Need, len(p.Graph.Layers))
	for i := range p.Graph.Layers {
		if p.Graph.Layers[i].Spare {
			continue
		}
		n, err := taskNeed(p.Graph, graph.LayerID(i), 1)
		if err != nil {
			return err
		}
		p.Need[i] = n
		for _, c := range p.Graph.Layers[i].Cuts { // either half needs no more than the whole
			p.Need[c.Front] = n
		}
		if p.Budget > 0 && n.Floor > p.Budget {
			return tooLarge(p, graph.LayerID(i))
		}
	}
	return nil
}

// taskNeed sums the needs of the parts of one task, had the layer times as many
// blocks as it has.
func taskNeed(g *graph.Graph, i graph.LayerID, times int) (n op.Need, err error) {
	l := &g.Layers[i]
	parts, err := op.Parts(l.Call, flowMeta(g, l), len(l.Sides()))
	if err != nil {
		return n, err
	}
	blocks := float64(Blocks(g, i)) * float64(times)
	for k, part := range parts {
		in, share := part.In, blocks
		switch e := firstFlow(l); {
		case k > 0:
		case e == nil && len(parts) > 1:
			in = parts[1].In
		case e == nil: // a source from outside: what it gives
			in = l.Out
		case e.Wiring == op.AllToAll:
			share = 1
		}
		in = perBlock(in, share)
		e, err := op.Lookup(part.Call.Op)
		if err != nil {
			return n, err
		}
		x := e.Mem(part.Call.Params, in)
		n.Floor, n.Want = add(n.Floor, x.Floor), add(n.Want, max(x.Floor, x.Want))
	}
	return n, nil
}

// add is a sum that stays at the largest number.
func add(a, b int64) int64 {
	if s, over := bits.Add64(uint64(max(a, 0)), uint64(max(b, 0)), 0); over == 0 && s <= math.MaxInt64 {
		return int64(s)
	}
	return math.MaxInt64
}

func firstFlow(l *graph.Layer) *graph.Edge {
	for k := range l.In {
		if !l.In[k].Side {
			return &l.In[k]
		}
	}
	return nil
}

// perBlock divides estimates, unknown ones left alone.
func perBlock(m op.Meta, blocks float64) op.Meta {
	if m.Rows > 0 {
		m.Rows = math.Ceil(m.Rows / blocks)
	}
	if m.Bytes > 0 {
		m.Bytes = math.Ceil(m.Bytes / blocks)
	}
	return m
}

// Blocks returns the number of blocks of a layer, estimated if it is decided
// while the plan runs; at least 1.
func Blocks(g *graph.Graph, i graph.LayerID) int {
	l := &g.Layers[i]
	if l.N > 0 {
		return int(l.N)
	}
	if l.Size.Runs > 0 {
		bytes := 0.0
		for _, e := range l.In {
			if !e.Side {
				bytes += max(0, g.Layers[e.From].Out.Bytes)
			}
		}
		want := uint64(min(bytes/float64(max(1, l.Size.TargetBytes)), 1<<31))
		return min(1<<bits.Len64(want), l.Size.Runs)
	}
	if e := firstFlow(l); e != nil && e.Wiring == op.OneToOne && e.From < i {
		return Blocks(g, e.From)
	}
	return 1
}

// tooLarge words why a plan is refused and what would help.
func tooLarge(p *Plan, i graph.LayerID) error {
	l, n := &p.Graph.Layers[i], p.Need[i]
	var s strings.Builder
	if l.Origin != "" {
		s.WriteString(l.Origin + ": ")
	}
	blocks := Blocks(p.Graph, i)
	need, has := size(float64(n.Floor)), size(float64(p.Budget))
	if need == has {
		need, has = fmt.Sprintf("%d B", n.Floor), fmt.Sprintf("%d B", p.Budget)
	}
	fmt.Fprintf(&s, "%s cannot run: a task of it needs at least %s of memory and the budget for buffers is %s", name(l.Call), need, has)
	in := flowMeta(p.Graph, l)
	if firstFlow(l) == nil {
		in = l.Out
	}
	fmt.Fprintf(&s, "; it has %s", tasks(l, blocks))
	if in.Rows >= 0 {
		fmt.Fprintf(&s, " for an estimated %s rows", count(in.Rows))
		if in.Bytes >= 0 {
			fmt.Fprintf(&s, ", %s", size(in.Bytes))
		}
	}
	budget := n.Floor
	if p.BudgetOf != nil {
		budget = p.BudgetOf(budget)
	}
	fmt.Fprintf(&s, ". Give a budget of %d MiB or more", (budget+1<<20-1)>>20)
	for times := 2; times <= 1<<12; times *= 2 {
		if x, err := taskNeed(p.Graph, i, times); err == nil && x.Floor <= p.Budget {
			fmt.Fprintf(&s, ", or divide the table into %d or more blocks (a task would then need %s)", blocks*times, size(float64(x.Floor)))
			break
		}
	}
	return fmt.Errorf("%s", s.String())
}
