package join

import (
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// lower makes a build layer of one side and a probe step on the other. Of a full join somebody
// must see which rows of the table were found at all: where all rows that are looked up are one block, the
// step does; else both sides are divided.
func lower(p Params, f *op.Fragment) error {
	l, r := f.In[0], f.In[1]
	cols, _, err := p.output(l.Schema, r.Schema)
	if err != nil {
		return err
	}
	probe, build, swap := 0, 1, swapped(p.Kind, l, r)
	pk, bk, within := p.Left, p.Right, p.Within
	if swap {
		probe, build, pk, bk, within = 1, 0, p.Right, p.Left, turned(p.Within)
		for i := range cols {
			cols[i].Build = !cols[i].Build
		}
	}
	bp := buildParams{Keys: bk, Nulls: p.Kind == Full}
	for _, c := range cols {
		if c.Build {
			bp.add(c.In)
		}
	}
	for _, b := range within {
		bp.add(b.Right)
	}
	call, meta, err := buildOp.Call(bp, f.In[build])
	if err != nil {
		return err
	}
	side := f.Step(call, op.Input(build), meta)
	pp := probeParams{Keys: pk, Kind: p.Kind, Cols: cols, Build: meta.Schema, BuildRows: meta.Rows, BuildBytes: meta.Bytes, InPlace: p.InPlace, Within: within}
	if p.Kind == Full && f.Blocks[probe] != 1 {
		return pp.apart(f, probe, side)
	}
	call, out, err := probeOp.Call(pp, f.In[probe], meta)
	if err != nil {
		return err
	}
	out.Rows, out.Bytes, out.Layout = f.Out.Rows, f.Out.Bytes, f.Out.Layout
	f.Add(op.Node{Call: call, Meta: out, In: []op.Part{
		{From: op.Input(probe), Wiring: op.OneToOne}, {From: side, Wiring: op.AllToAll, Side: true}}})
	return nil
}

// apart is the join with both sides divided; table is the layer that divides the one of which
// a table was to be made.
func (p probeParams) apart(f *op.Fragment, probe int, table op.Ref) error {
	d, err := p.division(f.In[probe])
	if err != nil {
		return err
	}
	out, err := p.infer(d.Meta)
	if err != nil {
		return err
	}
	front := f.Step(d.Front, op.Input(probe), d.Meta)
	out.Rows, out.Bytes, out.Layout = f.Out.Rows, f.Out.Bytes, f.Out.Layout
	f.Add(op.Node{Call: d.Back, Meta: out, Size: d.Size, In: []op.Part{{From: front, Wiring: op.Shuffled}, {From: table, Wiring: op.Shuffled}}})
	return nil
}

// spares says that a full join need not divide the rows of its left side where they are one block.
func spares(p Params) op.Spared {
	if p.Kind == Full {
		return op.SparedShuffle
	}
	return op.SparedNothing
}

// swapped reports that the left side makes the smaller table. Half is the margin
// that estimates must clear, because the right side keeps the left rows' order.
func swapped(k Kind, l, r op.Meta) bool {
	if k != Inner && k != Full || l.Rows < 0 || r.Rows < 0 {
		return false
	}
	if l.Bytes >= 0 && r.Bytes >= 0 {
		return l.Bytes < r.Bytes/2 && l.Rows < r.Rows
	}
	return l.Rows < r.Rows/2
}

// match words a join that gives all columns under their own names or the default ones.
func match(p Params) (op.Match, bool) {
	m := op.Match{Left: p.Left, Right: p.Right, Kind: op.MatchKind(p.Kind), Some: len(p.Within) > 0}
	return m, p.Kind != Full && p.Columns == nil && p.Suffix == "" && !p.InPlace
}

func withMatch(m op.Match) op.Call {
	return Hash.With(Params{Left: m.Left, Right: m.Right, Kind: Kind(m.Kind)})
}

func project(p Params, cols []string) Params {
	p.Columns = cols
	return p
}

// uses returns the keys and the columns behind the named output columns.
func uses(p Params, in []op.Meta, names []string) [][]string {
	cols, _, err := p.columns(in[0].Schema, in[1].Schema)
	if err != nil {
		return [][]string{in[0].Schema.Names(), in[1].Schema.Names()}
	}
	need := [2]map[string]bool{{}, {}}
	for i := range p.Left {
		need[0][p.Left[i]], need[1][p.Right[i]] = true, true
	}
	for _, b := range p.Within {
		need[0][b.Left], need[1][b.Right] = true, true
	}
	for _, c := range cols {
		if slices.Contains(names, c.Out) {
			need[side(c)][c.In] = true
		}
	}
	// A clash of names must stay one, or output names would change.
	for _, c := range cols {
		if c.Build && c.Out != c.In && need[1][c.In] {
			need[0][c.In] = true
		}
	}
	return [][]string{pick(in[0].Schema, need[0]), pick(in[1].Schema, need[1])}
}

func side(c Col) int {
	if c.Build {
		return 1
	}
	return 0
}

func pick(s dtype.Schema, need map[string]bool) []string {
	var out []string
	for _, f := range s {
		if need[f.Name] {
			out = append(out, f.Name)
		}
	}
	return out
}

// through lets a predicate that reads columns of one side pass to that side: to
// the left for every kind, to the right only where a right row that is missing
// makes no other output row (inner). Of a full join predicates on keys that both sides share
// pass to both.
func through(p Params, in []op.Meta, pred expr.Expr, input int) (expr.Expr, bool) {
	if p.Kind == Full {
		cols := expr.Columns(pred)
		return pred, len(cols) > 0 && !slices.ContainsFunc(cols, func(c string) bool { return !p.shared(c) })
	}
	if input == 1 && p.Kind != Inner {
		return pred, false
	}
	cols, _, err := p.columns(in[0].Schema, in[1].Schema)
	if err != nil {
		return pred, false
	}
	names := map[string]string{}
	for _, c := range cols {
		if side(c) == input {
			names[c.Out] = c.In
		}
	}
	if input == 1 { // the key column that was dropped equals the left one
		for i, k := range p.Right {
			if p.Left[i] == k {
				names[k] = k
			}
		}
	}
	for _, c := range expr.Columns(pred) {
		if _, ok := names[c]; !ok {
			return pred, false
		}
	}
	return expr.Rename(pred, names), true
}
