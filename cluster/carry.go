package cluster

import (
	"errors"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
)

// MaxCarried bounds the bytes of tables in memory (frame.FromRecords) that travel
// with a plan: every worker gets them.
const MaxCarried = 256 << 20

// carriedParams are those of rows.memory with the table itself.
type carriedParams struct {
	Table rows.MemoryParams
	Data  []byte
}

// carried reads a table that came with the plan.
var carried = op.Register(op.Spec[carriedParams]{
	Name: "cluster.table", Version: 1, Class: op.Scanning,
	Doc: "reads a table that travels with the plan",
	Infer: func(p carriedParams, _ []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: p.Table.Schema, Rows: float64(p.Table.Rows), Bytes: float64(p.Table.Bytes)}, p.Table.Schema.Unique()
	},
	Text: func(p carriedParams) string { return fmt.Sprintf("%d rows, %d bytes", p.Table.Rows, len(p.Data)) },
	Source: func(p carriedParams) (op.Source, error) {
		if p.Table.Blocks < 1 || p.Table.Blocks > 1<<20 || len(p.Table.Cols) != len(p.Table.Schema) {
			return nil, errors.New("the table that came with the plan is broken")
		}
		batches, err := data.ParseTable(p.Data, p.Table.Schema)
		if err != nil {
			return nil, err
		}
		for i := range p.Table.Cols {
			p.Table.Cols[i] = i
		}
		if batches == nil {
			batches = []*chunk.Batch{}
		}
		return rows.Over(p.Table, batches), nil
	},
	Rules: op.Rules[carriedParams]{Blocks: func(p carriedParams) int { return p.Table.Blocks }},
})

// portable replaces what lives in the memory of this process by what can travel.
func portable(g *graph.Graph) error {
	left := int64(MaxCarried)
	for i := range g.Layers {
		l := &g.Layers[i]
		parts, err := op.Parts(l.Call, op.Meta{}, 0)
		if err != nil {
			return err
		}
		changed := false
		for k := range parts {
			if parts[k].Call.Op != rows.Memory.Name() {
				continue
			}
			changed = true
			if parts[k].Call, err = carry(parts[k].Call, &left); err != nil {
				if l.Origin != "" {
					err = fmt.Errorf("%s: %w", l.Origin, err)
				}
				return err
			}
		}
		if changed {
			l.Call = op.Fuse(parts)
		}
	}
	return nil
}

// carry makes a call that has its table with it.
func carry(c op.Call, left *int64) (op.Call, error) {
	p, err := rows.Memory.Decode(c)
	if err != nil {
		return c, err
	}
	batches, ok := rows.Batches(p.ID)
	if !ok {
		return c, errors.New("the table in memory is gone: its frame was closed")
	}
	var picked []*chunk.Batch
	bytes := int64(0)
	for _, b := range batches {
		x := b.Pick(p.Cols, &chunk.Batch{})
		bytes += x.Bytes()
		picked = append(picked, x)
	}
	if *left -= bytes; *left < 0 {
		return c, fmt.Errorf("tables in memory of more than %d MiB cannot travel with a plan: write this one (%d MiB) to a file that the workers can read", int64(MaxCarried)>>20, bytes>>20)
	}
	return carried.With(carriedParams{p, data.AppendTable(nil, picked)}), nil
}
