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
			Spares: func(p Params) op.Spared {
				if p.Local || len(p.Keys) == 0 {
					return op.SparedNothing
				}
				return op.SparedShuffle
			},
		},
	})
}

// partialParams are the parameters of group.partial. Complete: give finished
// groups. All is the schema of all rows that group.final is to have groups of, where
// the input is a part of them: it says which columns may be null.
type partialParams struct {
	By       Params
	Complete bool
	All      dtype.Schema
}

// plan plans for an input with schema s.
func (p partialParams) plan(s dtype.Schema) (*plan, error) {
	if len(p.All) > 0 {
		s = p.All
	}
	return newPlan(p.By, s)
}

var partialOp = op.Register(op.Spec[partialParams]{
	Name: "group.partial", Version: 3, Class: op.Breaking,
	Doc: "aggregates the rows of a block, for group.final or, if nothing of a group lies elsewhere, for good",
	Infer: func(p partialParams, in []op.Meta) (op.Meta, error) {
		if p.Complete {
			return inferBy(p.By, in)
		}
		pl, err := p.plan(in[0].Schema)
		if err != nil {
			return op.Meta{}, err
		}
		return op.Meta{Schema: pl.partialSchema(), Rows: in[0].Rows, Bytes: in[0].Bytes}, nil
	},
	Mem:  func(p partialParams, in op.Meta) op.Need { return need(in) },
	Text: func(p partialParams) string { return p.By.text() },
	Pipe: func(p partialParams, in op.Meta) (op.Pipe, error) {
		pl, err := p.plan(in.Schema)
		if err != nil {
			return nil, err
		}
		return partialPipe{pl, p.Complete}, nil
	},
})

// finalParams are the parameters of group.final; In is the schema that
// group.partial read. Apart says that it was group.apart.
type finalParams struct {
	By    Params
	In    dtype.Schema
	Apart bool
}

var finalOp = op.Register(op.Spec[finalParams]{
	Name: "group.final", Version: 2, Class: op.Gathering,
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
		pl, err := planOf(p.By, p.In, p.Apart)
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
		m.Bytes = m.Rows * op.RowBytes(m.Schema)
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
	apart, err := p.apart(f.In[0])
	if err != nil {
		return err
	}
	pieces, err := inPieces(p, f)
	if err != nil {
		return err
	}
	if apart == nil && !pieces && (p.Local || len(f.Blocks) > 0 && f.Blocks[0] == 1) {
		call, meta, err := partialOp.Call(partialParams{By: p, Complete: true}, f.In[0])
		if err != nil {
			return err
		}
		meta.Rows, meta.Bytes, meta.Layout = f.Out.Rows, f.Out.Bytes, f.Out.Layout
		f.Step(call, op.Input(0), meta)
		return nil
	}
	reads := partialOp
	if apart != nil {
		reads = apartOp
	}
	parts, states, err := lowerReads(p, f, reads, pieces)
	if err != nil {
		return err
	}
	if apart != nil {
		call, meta, err := foundOp.Call(finalParams{By: p, In: f.In[0].Schema, Apart: true}, states)
		if err != nil {
			return err
		}
		meta.Rows = f.Out.Rows
		n := op.Node{Call: call, Meta: meta, In: parts, Size: op.Size{Runs: hashRuns * apart.base.shelf.sets, TargetBytes: finalBytes}}
		parts, states = []op.Part{{From: f.Add(n), Wiring: op.Shuffled}}, meta
	}
	call, meta, err := finalOp.Call(finalParams{By: p, In: f.In[0].Schema, Apart: apart != nil}, states)
	if err != nil {
		return err
	}
	meta.Rows, meta.Bytes, meta.Layout = f.Out.Rows, f.Out.Bytes, f.Out.Layout
	n := op.Node{Call: call, Meta: meta, In: parts, Size: op.Size{Runs: hashRuns, TargetBytes: finalBytes}}
	if len(p.Keys) == 0 {
		for i := range n.In {
			n.In[i].Wiring = op.AllToAll
		}
		n.Size = op.Size{Fixed: 1}
	}
	f.Add(n)
	return nil
}

// lowerReads adds the nodes that read rows: one, or one for each of the pieces of the input.
func lowerReads(p Params, f *op.Fragment, reads op.Op[partialParams], pieces bool) (parts []op.Part, states op.Meta, err error) {
	step := func(params partialParams, from op.Ref, in op.Meta) error {
		call, meta, err := reads.Call(params, in)
		if err != nil {
			return err
		}
		if states.Schema == nil {
			states = meta
		} else {
			states.Rows, states.Bytes = both(states.Rows, meta.Rows), both(states.Bytes, meta.Bytes)
		}
		parts = append(parts, op.Part{From: f.Step(call, from, meta), Wiring: op.Shuffled})
		return nil
	}
	if !pieces {
		err = step(partialParams{By: p}, op.Input(0), f.In[0])
		return parts, states, err
	}
	for k, x := range f.Pieces[0] {
		if err := step(partialParams{By: p, All: f.In[0].Schema}, op.PieceOf(0, k), x.Meta); err != nil {
			return nil, states, err
		}
	}
	return parts, states, nil
}

// apart plans what is found apart; nil if nothing is.
func (p Params) apart(in op.Meta) (*apart, error) {
	if p.Local || p.Top != nil {
		return nil, nil
	}
	if n := op.Groups(in, p.Keys); len(p.Keys) > 0 && n < 0 || in.Rows >= 0 && in.Rows < n*largeGroup {
		return nil, nil
	}
	return newApart(p, in.Schema)
}

// inPieces reports that the input is several tables one after the other whose rows go to
// their groups where they are. A state that asks for the row's position needs them as one
// table: blocks of different tables have the same numbers. A few integers stay together,
// too: one task makes records of them, and states that meet cost more than storing the rows.
// Other keys are seldom records, and storing their rows costs more, but where texts repeat: Intersect of
// 24 million rows took 11 s of CPU stored first and 4.3 in pieces with texts nearly all different, 4.1 and 5.3 with two
// million different ones.
func inPieces(p Params, f *op.Fragment) (bool, error) {
	if p.Local || len(f.Pieces) == 0 || len(f.Pieces[0]) == 0 {
		return false, nil
	}
	pl, err := newPlan(p, f.In[0].Schema)
	if err != nil || pl.positional {
		return false, err
	}
	bytes := 0
	for _, t := range pl.types {
		if !isRaw(t.Kind) {
			return true, nil
		}
		bytes += t.Width()
	}
	return len(pl.keys) == 0 || bytes > pieceKeyBytes, nil
}

// pieceKeyBytes is from how many bytes of integers on rows are not stored to be grouped together.
const pieceKeyBytes = 64

// both adds estimates; what is unknown makes the sum unknown.
func both(a, b float64) float64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
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
		if !slices.Contains(used, c) {
			used = append(used, c)
		}
	}
	for _, a := range p.Aggs {
		if slices.Contains(cols, a.As) {
			if a.Fn != Len {
				add(a.Col)
			}
			if a.Col2 != "" {
				add(a.Col2)
			}
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
