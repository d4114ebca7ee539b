package window

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// A Direction says which right row an as-of join looks for.
type Direction uint8

// The directions.
const (
	Backward Direction = iota // the last right row at or before the left row's time
	Forward                   // the first right row at or after it
	Nearest                   // the closer of the two; of equally close ones that before
)

func (d Direction) String() string {
	if int(d) < len(directions) {
		return directions[d]
	}
	return fmt.Sprintf("direction(%d)", uint8(d))
}

var directions = [...]string{"backward", "forward", "nearest"}

// AsOfParams are the parameters of window.asof. Input 0, the left table, is in the
// order of LeftBy and then LeftOn; input 1 in that of RightBy and RightOn.
type AsOfParams struct {
	LeftBy, RightBy []string // pairwise of one type
	LeftOn, RightOn string   // numbers, dates or timestamps of one type
	Direction       Direction
	Strict          bool // a right row of the very same time does not match
	// Within, with Limited, is how far the times may lie apart, in the unit of the
	// key; WithinFloat for float keys.
	Limited     bool
	Within      int64
	WithinFloat float64
	Suffix      string   // of right columns whose name the left side has; "_right" if empty
	Columns     []string // output columns wanted, in order of the full output; nil means all
}

// AsOf gives every left row once, in order, with the columns of the right row that
// matches it by time, or nulls. Null and NaN times and null keys match nothing. Of
// right rows with equal times Backward takes the last one, Forward the first one.
//
// Memory: a batch of each side per thread, and of the right side the first row of
// every run; both sides are blocks, which spill.
var AsOf op.Op[AsOfParams]

func init() {
	AsOf = op.Register(op.Spec[AsOfParams]{
		Name: "window.asof", Version: 1, Class: op.Logical,
		Doc:   "joins each left row with the right row that is closest in time",
		Infer: inferAsOf, Text: AsOfParams.text,
		Lower: func(p AsOfParams, f *op.Fragment) error {
			f.Add(op.Node{Call: matchOp.With(matchParams{p, f.In[0].Schema, f.In[1].Schema}), Meta: f.Out,
				In: []op.Part{{From: op.Input(0), Wiring: op.OneToOne}, {From: op.Input(1), Wiring: op.AllToAll}}})
			return nil
		},
		Rules: op.Rules[AsOfParams]{
			Project: func(p AsOfParams, cols []string) AsOfParams { p.Columns = cols; return p },
			Uses:    AsOfParams.uses,
			Through: func(p AsOfParams, in []op.Meta, pred expr.Expr, input int) (expr.Expr, bool) {
				for _, c := range expr.Columns(pred) {
					if in[0].Schema.Index(c) < 0 {
						return pred, false
					}
				}
				return pred, input == 0
			},
		},
	})
}

// matchParams are the parameters of window.match, with what it reads.
type matchParams struct {
	P           AsOfParams
	Left, Right dtype.Schema
}

var matchOp = op.Register(op.Spec[matchParams]{
	Name: "window.match", Version: 1, Class: op.Gathering,
	Doc:    "merges ordered tables: each left row with the right row closest in time",
	Infer:  func(p matchParams, in []op.Meta) (op.Meta, error) { return inferAsOf(p.P, in) },
	Mem:    func(matchParams, op.Meta) op.Need { return op.Need{Floor: 16 << 20, Want: 24 << 20} },
	Text:   func(p matchParams) string { return p.P.text() },
	Source: func(p matchParams) (op.Source, error) { return newMatching(p) },
})

func (p AsOfParams) text() string {
	s := fmt.Sprintf("%s %s = %s", p.Direction, p.LeftOn, p.RightOn)
	if len(p.LeftBy) > 0 {
		s += " within " + strings.Join(p.LeftBy, ", ")
	}
	if p.Limited && p.WithinFloat != 0 {
		s += fmt.Sprintf(", at most %v apart", p.WithinFloat)
	} else if p.Limited {
		s += fmt.Sprintf(", at most %d apart", p.Within)
	}
	return s
}

// An asOfCol is an output column: of a side, by position there.
type asOfCol struct {
	right bool
	at    int
}

// columns lists all output columns.
func (p AsOfParams) columns(l, r dtype.Schema) (cols []asOfCol, out dtype.Schema) {
	suffix := p.Suffix
	if suffix == "" {
		suffix = "_right"
	}
	for i, f := range l {
		cols, out = append(cols, asOfCol{false, i}), append(out, f)
	}
	for i, f := range r {
		if k := slices.Index(p.RightBy, f.Name); k >= 0 && p.LeftBy[k] == f.Name {
			continue
		}
		if l.Index(f.Name) >= 0 {
			f.Name += suffix
		}
		f.Nullable = true
		cols, out = append(cols, asOfCol{true, i}), append(out, f)
	}
	return cols, out
}

// wanted is columns after Project.
func (p AsOfParams) wanted(l, r dtype.Schema) ([]asOfCol, dtype.Schema, error) {
	cols, out := p.columns(l, r)
	if p.Columns == nil {
		return cols, out, out.Unique()
	}
	var c []asOfCol
	var s dtype.Schema
	for _, name := range p.Columns {
		i, err := out.Find(name)
		if err != nil {
			return nil, nil, err
		}
		c, s = append(c, cols[i]), append(s, out[i])
	}
	return c, s, s.Unique()
}

func (p AsOfParams) uses(in []op.Meta, names []string) [][]string {
	cols, out := p.columns(in[0].Schema, in[1].Schema)
	need := [2][]string{slices.Clone(p.LeftBy), slices.Clone(p.RightBy)}
	add := func(side int, c string) {
		if !slices.Contains(need[side], c) {
			need[side] = append(need[side], c)
		}
	}
	add(0, p.LeftOn)
	add(1, p.RightOn)
	for i, c := range cols {
		right := in[1].Schema
		switch {
		case !slices.Contains(names, out[i].Name):
		case !c.right:
			add(0, out[i].Name)
		default:
			add(1, right[c.at].Name)
			if out[i].Name != right[c.at].Name { // a clash of names must stay one
				add(0, right[c.at].Name)
			}
		}
	}
	return need[:]
}

func inferAsOf(p AsOfParams, in []op.Meta) (op.Meta, error) {
	l, r := in[0].Schema, in[1].Schema
	if len(p.LeftBy) != len(p.RightBy) {
		return op.Meta{}, fmt.Errorf("%d key columns on the left, %d on the right", len(p.LeftBy), len(p.RightBy))
	}
	if p.Direction > Nearest {
		return op.Meta{}, fmt.Errorf("unknown direction %d: want backward, forward or nearest", p.Direction)
	}
	if p.Direction == Nearest && p.Strict {
		return op.Meta{}, fmt.Errorf("the nearest row cannot be asked for strictly: ask for backward or forward")
	}
	for i := range len(p.LeftBy) + 1 {
		a, b := p.LeftOn, p.RightOn
		if i < len(p.LeftBy) {
			a, b = p.LeftBy[i], p.RightBy[i]
		}
		x, err := l.Find(a)
		if err != nil {
			return op.Meta{}, fmt.Errorf("left: %w", err)
		}
		y, err := r.Find(b)
		if err != nil {
			return op.Meta{}, fmt.Errorf("right: %w", err)
		}
		if l[x].Type != r[y].Type {
			return op.Meta{}, fmt.Errorf("%q is %s on the left and %q is %s on the right: cast one of them", dtype.Shown(a), l[x].Type, dtype.Shown(b), r[y].Type)
		}
		if k := l[x].Type.Kind; i == len(p.LeftBy) && !k.IsNumeric() && k != dtype.Date && k != dtype.Timestamp && k != dtype.Time && k != dtype.Duration {
			return op.Meta{}, fmt.Errorf("column %q is %s: want a number, date or timestamp to be close by", dtype.Shown(a), l[x].Type)
		}
	}
	if p.Limited && (p.Within < 0 || !(p.WithinFloat >= 0)) {
		return op.Meta{}, fmt.Errorf("times at most %v apart: want 0 or more", min(float64(p.Within), p.WithinFloat))
	}
	_, out, err := p.wanted(l, r)
	if err != nil {
		return op.Meta{}, err
	}
	m := op.Meta{Schema: out, Rows: in[0].Rows, Bytes: in[0].Bytes}
	if m.Bytes > 0 && len(l) > 0 {
		m.Bytes *= float64(len(out)) / float64(len(l))
	}
	for _, k := range in[0].Layout.Sorted {
		if out.Index(k.Col) < 0 {
			break
		}
		m.Layout.Sorted = append(m.Layout.Sorted, k)
	}
	return m, nil
}
