package group

import (
	"math"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// By is the operator group.by.
var By op.Op[Params]

func init() {
	By = op.Register(op.Spec[Params]{
		Name: "group.by", Version: 1, Class: op.Logical,
		Doc:   "computes aggregates, or the distinct keys, or the best rows, of every group of rows with equal keys",
		Infer: inferBy,
		Text:  Params.text,
		Lower: lower,
		Rules: op.Rules[Params]{
			Project: Params.project,
			Uses:    uses,
			Through: through,
			Serves:  serves,
			Whole:   func(p Params) bool { return !p.Local && len(p.Keys) > 0 },
		},
	})
}

// partialParams are the parameters of group.partial. Complete: give finished
// groups.
type partialParams struct {
	By       Params
	Complete bool
}

var partialOp = op.Register(op.Spec[partialParams]{
	Name: "group.partial", Version: 1, Class: op.Breaking,
	Doc: "aggregates the rows of a block, for group.final or, if nothing of a group lies elsewhere, for good",
	Infer: func(p partialParams, in []op.Meta) (op.Meta, error) {
		if p.Complete {
			return inferBy(p.By, in)
		}
		pl, err := newPlan(p.By, in[0].Schema)
		if err != nil {
			return op.Meta{}, err
		}
		return op.Meta{Schema: pl.partialSchema(), Rows: in[0].Rows, Bytes: in[0].Bytes}, nil
	},
	Mem:  func(p partialParams, in op.Meta) op.Need { return need(in) },
	Text: func(p partialParams) string { return p.By.text() },
	Pipe: func(p partialParams, in op.Meta) (op.Pipe, error) {
		pl, err := newPlan(p.By, in.Schema)
		if err != nil {
			return nil, err
		}
		return partialPipe{pl, p.Complete}, nil
	},
})

// finalParams are the parameters of group.final; In is the schema that
// group.partial read.
type finalParams struct {
	By Params
	In dtype.Schema
}

var finalOp = op.Register(op.Spec[finalParams]{
	Name: "group.final", Version: 1, Class: op.Gathering,
	Doc: "merges the states of group.partial and gives the finished groups",
	Infer: func(p finalParams, in []op.Meta) (op.Meta, error) {
		m := op.Meta{Schema: p.In, Rows: -1, Bytes: -1}
		if len(in) > 0 {
			m.Rows, m.Bytes = in[0].Rows, in[0].Bytes
		}
		return inferBy(p.By, []op.Meta{m})
	},
	Mem:  func(p finalParams, in op.Meta) op.Need { return need(in) },
	Text: func(p finalParams) string { return p.By.text() },
	Source: func(p finalParams) (op.Source, error) {
		pl, err := newPlan(p.By, p.In)
		if err != nil {
			return nil, err
		}
		return finalSource{pl}, nil
	},
})

// known is what is known of the keys: a single one is a key of the result.
func (p Params) known(in op.Meta, rows float64) op.Known {
	out := op.Known{}
	for _, k := range p.Keys {
		f, ok := in.Known.Of(k)
		if !ok {
			continue
		}
		f.Table = rows
		if len(p.Keys) == 1 && p.Top == nil {
			f.Domain = max(f.Domain, rows)
		}
		out = append(out, op.NamedFact{Col: k, Fact: f})
	}
	return out
}

// inferBy describes the result. Without knowledge of the keys, groups are taken
// to be the square root of the rows times 100.
func inferBy(p Params, in []op.Meta) (op.Meta, error) {
	outs, err := p.outputs(in[0].Schema)
	if err != nil {
		return op.Meta{}, err
	}
	m := op.Meta{Rows: -1, Bytes: -1}
	for _, o := range outs {
		m.Schema = append(m.Schema, o.field)
	}
	switch {
	case len(p.Keys) == 0 && p.Top == nil:
		m.Rows = 1
	case in[0].Rows >= 0:
		if m.Rows = op.Groups(in[0], p.Keys); m.Rows < 0 {
			m.Rows = min(in[0].Rows, 100*math.Sqrt(in[0].Rows))
		}
		m.Known = p.known(in[0], m.Rows)
	}
	if m.Rows >= 0 {
		m.Bytes = m.Rows * rowBytes(m.Schema)
	}
	if kept := p.keptKeys(outs); len(p.Keys) > 0 && len(kept) == len(p.Keys) {
		m.Layout.Hashed = slices.Clone(p.Keys)
	}
	return m, nil
}

// keptKeys returns the keys that are in the output.
func (p Params) keptKeys(outs []output) (k []string) {
	for _, o := range outs {
		if o.key >= 0 {
			k = append(k, p.Keys[o.key])
		}
	}
	return k
}

// rowBytes estimates a row in memory.
func rowBytes(s dtype.Schema) float64 {
	n := 0
	for _, f := range s {
		if f.Type.Kind.IsVar() {
			n += 20
		} else {
			n += max(f.Type.Width(), 1)
		}
	}
	return float64(n)
}

// need is the same for both halves: below the floor not even a lap and its runs
// find room.
func need(in op.Meta) op.Need {
	n := op.Need{Floor: 16 << 20, Want: 64 << 20}
	if in.Bytes >= 0 {
		n.Want = max(n.Floor, min(int64(2*in.Bytes), 1<<30))
	}
	return n
}

// finalBytes is how much packed input a block of group.final reads.
const finalBytes = 64 << 20

func lower(p Params, f *op.Fragment) error {
	in := f.In[0]
	if p.Local || len(f.Blocks) > 0 && f.Blocks[0] == 1 {
		call, meta, err := partialOp.Call(partialParams{p, true}, in)
		if err != nil {
			return err
		}
		meta.Rows, meta.Bytes, meta.Layout = f.Out.Rows, f.Out.Bytes, f.Out.Layout
		f.Step(call, op.Input(0), meta)
		return nil
	}
	call, meta, err := partialOp.Call(partialParams{p, false}, in)
	if err != nil {
		return err
	}
	part := f.Step(call, op.Input(0), meta)
	call, out, err := finalOp.Call(finalParams{p, in.Schema}, meta)
	if err != nil {
		return err
	}
	out.Rows, out.Bytes, out.Layout = f.Out.Rows, f.Out.Bytes, f.Out.Layout
	n := op.Node{Call: call, Meta: out, In: []op.Part{{From: part, Wiring: op.Shuffled}}, Size: op.Size{Runs: hashRuns, TargetBytes: finalBytes}}
	if len(p.Keys) == 0 {
		n.In[0].Wiring, n.Size = op.AllToAll, op.Size{Fixed: 1}
	}
	f.Add(n)
	return nil
}

// project keeps the named output columns and drops aggregates nobody reads.
func (p Params) project(cols []string) Params {
	out := p
	out.Out = slices.Clone(cols)
	out.Aggs = nil
	for _, a := range p.Aggs {
		if slices.Contains(cols, a.As) {
			out.Aggs = append(out.Aggs, a)
		}
	}
	if p.Top != nil {
		t := *p.Top
		t.Cols = []string{}
		for _, c := range cols {
			if !slices.Contains(p.Keys, c) {
				t.Cols = append(t.Cols, c)
			}
		}
		out.Top = &t
	}
	return out
}

// uses returns the keys and the columns behind the named outputs.
func uses(p Params, in []op.Meta, cols []string) [][]string {
	used := slices.Clone(p.Keys)
	add := func(c string) {
		if c != "" && !slices.Contains(used, c) {
			used = append(used, c)
		}
	}
	for _, a := range p.Aggs {
		if slices.Contains(cols, a.As) {
			add(a.Col)
			add(a.Col2)
		}
	}
	if p.Top != nil {
		add(p.Top.By)
		for _, c := range cols {
			add(c)
		}
	}
	return [][]string{used}
}

// through lets predicates on key columns be evaluated on rows: they keep or drop
// whole groups. Aggregates over the whole table have no keys, and must see every
// row.
func through(p Params, _ []op.Meta, pred expr.Expr, _ int) (expr.Expr, bool) {
	if len(p.Keys) == 0 {
		return pred, false
	}
	for _, c := range expr.Columns(pred) {
		if !slices.Contains(p.Keys, c) {
			return pred, false
		}
	}
	return pred, true
}

// serves says that rows of a group are in one block already when the input is
// hashed by some of the keys.
func serves(p Params, in []op.Meta) (op.Call, bool) {
	h := in[0].Layout.Hashed
	if p.Local || len(h) == 0 {
		return op.Call{}, false
	}
	for _, c := range h {
		if !slices.Contains(p.Keys, c) {
			return op.Call{}, false
		}
	}
	p.Local = true
	return By.With(p), true
}
