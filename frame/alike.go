package frame

import (
	"fmt"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/rows"
)

// alike casts columns of both sides to their common types.
func (f *Frame) alike(right *Frame, l, r []string, common func(a, b dtype.Type) (dtype.Type, error)) (a, b *Frame, err error) {
	if len(l) != len(r) {
		return nil, nil, fmt.Errorf("%d key columns on the left, %d on the right", len(l), len(r))
	}
	casts := [2]map[string]dtype.Type{{}, {}}
	for i := range l {
		x, err := f.n.out.Schema.Find(l[i])
		if err != nil {
			return nil, nil, fmt.Errorf("left: %w", err)
		}
		y, err := right.n.out.Schema.Find(r[i])
		if err != nil {
			return nil, nil, fmt.Errorf("right: %w", err)
		}
		s, t := f.n.out.Schema[x].Type, right.n.out.Schema[y].Type
		if s == t {
			continue
		}
		both, err := common(s, t)
		if err != nil {
			return nil, nil, fmt.Errorf("key %q is %s on the left and %q is %s on the right: cast one of them", dtype.Shown(l[i]), s, dtype.Shown(r[i]), t)
		}
		casts[0][l[i]], casts[1][r[i]] = both, both
	}
	return f.cast(casts[0]), right.cast(casts[1]), nil
}

// cast converts columns in place.
func (f *Frame) cast(to map[string]dtype.Type) *Frame {
	p := rows.ProjectParams{Exprs: f.all()}
	changed := false
	for i, c := range f.n.out.Schema {
		if t, ok := to[c.Name]; ok && t != c.Type {
			p.Exprs[i] = expr.Col(c.Name).Cast(t).As(c.Name)
			changed = true
		}
	}
	if !changed {
		return f
	}
	return add("cast", calls(rows.Project, p), f)
}
