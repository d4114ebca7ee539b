package optimize_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// The operators of the scripts: small ones, each with the rules that one pass
// asks for. They are planned and never run.

// scanParams: a reader of N blocks; block b has the values [10b, 10b+10) in its
// first column.
type scanParams struct {
	File   string
	Schema dtype.Schema
	N      int
	Rows   float64
	Bytes  float64
	Where  expr.Expr
	Keep   []int
	Limit  int64
	Small  bool      // may be read as one block
	Values []float64 // of the columns, how many different ones; 0 is not known
}

func (p scanParams) width() (n float64) {
	for _, f := range p.Schema {
		n += float64(max(8, f.Type.Width()))
	}
	return n
}

// known are columns with whole numbers from 1 on.
func (p scanParams) known() op.Known {
	out := op.Known{}
	for i, f := range p.Schema {
		if i < len(p.Values) && p.Values[i] > 0 {
			number := func(v float64) expr.Literal { return expr.Literal{Type: f.Type, I: int64(v)} }
			fact := op.NewFact(expr.Facts{Min: number(1), Max: number(p.Values[i])}, p.Rows)
			out = append(out, op.NamedFact{Col: f.Name, Fact: fact})
		}
	}
	return out
}

var errNoRun = errors.New("this operator is planned and never run")

type notRun struct{}

func (notRun) Open(op.Task, []op.In) (op.Feed, error) { return nil, errNoRun }

type notPiped struct{}

func (notPiped) Open(op.Task, []op.In) (op.Stage, error) { return nil, errNoRun }
func (notPiped) Close() error                            { return nil }

var scanOp = op.Register(op.Spec[scanParams]{
	Name: "t.scan", Version: 1, Class: op.Scanning, Doc: "reads",
	Infer: func(p scanParams, _ []op.Meta) (op.Meta, error) {
		share := 1.0
		if p.Keep != nil {
			share = float64(len(p.Keep)) / float64(p.N)
		}
		if !p.Where.None() {
			share /= 3
		}
		m := op.Meta{Schema: p.Schema, Rows: p.Rows, Bytes: -1}
		if p.Rows >= 0 {
			m.Rows *= share
			m.Bytes = m.Rows * p.width()
		}
		m.Known = p.known()
		return m, nil
	},
	Mem: func(p scanParams, in op.Meta) op.Need { return op.Need{Floor: 1 << 20, Want: 2 << 20} },
	Text: func(p scanParams) string {
		t := p.File + ": " + strings.Join(p.Schema.Names(), ", ")
		if !p.Where.None() {
			t += " where " + p.Where.String()
		}
		if p.Keep != nil {
			t += fmt.Sprintf(" blocks %v", p.Keep)
		}
		if p.Limit > 0 {
			t += fmt.Sprintf(" first %d", p.Limit)
		}
		return t
	},
	Source: func(scanParams) (op.Source, error) { return notRun{}, nil },
	Rules: op.Rules[scanParams]{
		Blocks: func(p scanParams) int {
			if p.Keep != nil {
				return len(p.Keep)
			}
			return p.N
		},
		Keep: func(p scanParams, blocks []int) scanParams {
			p.Keep = slices.Clone(blocks)
			return p
		},
		Prune: func(p scanParams, pred expr.Expr) (keep []int) {
			for b := range p.N {
				if mayHold(pred, p.Schema[0].Name, int64(10*b), int64(10*b+9)) {
					keep = append(keep, b)
				}
			}
			return keep
		},
		Project: func(p scanParams, cols []string) scanParams {
			all := p
			p.Schema, p.Values = nil, nil
			for i, f := range all.Schema {
				if !slices.Contains(cols, f.Name) {
					continue
				}
				p.Schema = append(p.Schema, f)
				if len(all.Values) > 0 {
					p.Values = append(p.Values, all.Values[i])
				}
			}
			return p
		},
		// The reader tests only comparisons with constants.
		Filter: func(p scanParams, pred expr.Expr) (scanParams, expr.Expr) {
			var mine, rest []expr.Expr
			for _, c := range expr.Conjuncts(pred) {
				if _, _, _, ok := comparison(c); ok {
					mine = append(mine, c)
				} else {
					rest = append(rest, c)
				}
			}
			p.Where = expr.AndAll(append(expr.Conjuncts(p.Where), mine...))
			return p, expr.AndAll(rest)
		},
		Limit: func(p scanParams, n int64) (scanParams, bool) {
			p.Limit = n
			return p, true
		},
		Unite: func(p scanParams, most float64, _ op.Spared) (scanParams, bool) {
			ok := (p.Small || math.IsInf(most, 1)) && p.N > 1 && p.Keep == nil
			p.N = 1
			return p, ok
		},
	},
})

// comparison takes apart: column, sign, constant.
func comparison(e expr.Expr) (col, fn string, x int64, ok bool) {
	f, ok := e.N.(expr.Func)
	if !ok || len(f.Args) != 2 {
		return "", "", 0, false
	}
	c, ok := f.Args[0].(expr.Column)
	l, ok2 := f.Args[1].(expr.Literal)
	return c.Name, f.Fn, l.I, ok && ok2
}

func mayHold(pred expr.Expr, col string, lo, hi int64) bool {
	for _, c := range expr.Conjuncts(pred) {
		name, fn, x, ok := comparison(c)
		if !ok || name != col {
			continue
		}
		if fn == "gt" && hi <= x || fn == "lt" && lo >= x || fn == "eq" && (x < lo || x > hi) {
			return false
		}
	}
	return true
}

// sumParams: a group-by whose keys are columns and whose one aggregate is a sum.
type sumParams struct {
	Keys  []string
	Sums  []string
	Local bool
}

var sumOp = op.Register(op.Spec[sumParams]{
	Name: "t.sum", Version: 1, Class: op.Logical, Doc: "sums by group",
	Infer: func(p sumParams, in []op.Meta) (op.Meta, error) { return inferSum(p, in) },
	Text:  textSum,
	Lower: func(p sumParams, f *op.Fragment) error {
		part, meta, err := partialOp.Call(p, f.In[0])
		if err != nil {
			return err
		}
		ref := f.Step(part, op.Input(0), meta)
		if p.Local || f.Blocks[0] == 1 {
			return nil
		}
		final, meta, err := finalOp.Call(p, meta)
		if err != nil {
			return err
		}
		f.Add(op.Node{Call: final, Meta: meta, In: []op.Part{{From: ref, Wiring: op.Shuffled}}, Size: op.Size{Runs: 64, TargetBytes: 1 << 20}})
		return nil
	},
	Rules: op.Rules[sumParams]{
		Project: func(p sumParams, cols []string) sumParams {
			p.Sums = slices.DeleteFunc(slices.Clone(p.Sums), func(c string) bool { return !slices.Contains(cols, "sum_"+c) })
			return p
		},
		Uses: func(p sumParams, in []op.Meta, cols []string) [][]string {
			use := slices.Clone(p.Keys)
			for _, c := range p.Sums {
				if slices.Contains(cols, "sum_"+c) {
					use = append(use, c)
				}
			}
			return [][]string{use}
		},
		Through: func(p sumParams, in []op.Meta, pred expr.Expr, _ int) (expr.Expr, bool) {
			for _, c := range expr.Columns(pred) {
				if !slices.Contains(p.Keys, c) {
					return pred, false
				}
			}
			return pred, true
		},
		Spares: func(p sumParams) op.Spared {
			if p.Local || len(p.Keys) == 0 {
				return op.SparedNothing
			}
			return op.SparedShuffle
		},
		Serves: func(p sumParams, in []op.Meta) (op.Call, bool) {
			h := in[0].Layout.Hashed
			if p.Local || len(h) == 0 || slices.ContainsFunc(h, func(c string) bool { return !slices.Contains(p.Keys, c) }) {
				return op.Call{}, false
			}
			p.Local = true
			return sumCall(p), true
		},
	},
})

var sumCall func(sumParams) op.Call

func init() { sumCall = sumOp.With }

func textSum(p sumParams) string {
	t := "by " + strings.Join(p.Keys, ", ")
	if len(p.Sums) > 0 {
		t += "; sum of " + strings.Join(p.Sums, ", ")
	}
	if p.Local {
		t += "; no shuffle"
	}
	return t
}

func inferSum(p sumParams, in []op.Meta) (op.Meta, error) {
	m := op.Meta{Rows: -1, Bytes: -1, Layout: op.Layout{Hashed: p.Keys}}
	for _, c := range append(slices.Clone(p.Keys), p.Sums...) {
		i, err := in[0].Schema.Find(c)
		if err != nil {
			if i, err = in[0].Schema.Find("sum_" + c); err != nil {
				return m, err
			}
		}
		f := in[0].Schema[i]
		if !slices.Contains(p.Keys, c) {
			f.Name = "sum_" + c
		}
		m.Schema = append(m.Schema, f)
	}
	if in[0].Rows >= 0 {
		m.Rows = in[0].Rows / 10
		m.Bytes = m.Rows * float64(8*len(m.Schema))
	}
	return m, nil
}

var partialOp = op.Register(op.Spec[sumParams]{
	Name: "t.sum_partial", Version: 1, Class: op.Breaking, Doc: "sums in one block",
	Infer: inferSum, Text: textSum,
	Mem:  func(p sumParams, in op.Meta) op.Need { return op.Need{Floor: 1 << 20, Want: 1<<20 + int64(in.Bytes)} },
	Pipe: func(sumParams, op.Meta) (op.Pipe, error) { return notPiped{}, nil },
})

var finalOp = op.Register(op.Spec[sumParams]{
	Name: "t.sum_final", Version: 1, Class: op.Gathering, Doc: "adds sums",
	Infer: inferSum, Text: textSum,
	Source: func(sumParams) (op.Source, error) { return notRun{}, nil },
})

// t.union gives the rows of all inputs.
var unionOp = op.Register(op.Spec[struct{}]{
	Name: "t.union", Version: 1, Class: op.Gathering, Doc: "unites",
	Infer: func(_ struct{}, in []op.Meta) (op.Meta, error) {
		m := in[0]
		for _, x := range in[1:] {
			m.Rows, m.Bytes = m.Rows+x.Rows, m.Bytes+x.Bytes
		}
		return m, nil
	},
	Source: func(struct{}) (op.Source, error) { return notRun{}, nil },
	Rules: op.Rules[struct{}]{
		Every: true,
		Through: func(_ struct{}, in []op.Meta, pred expr.Expr, input int) (expr.Expr, bool) {
			return pred, true
		},
		Uses: func(_ struct{}, in []op.Meta, cols []string) (out [][]string) {
			for range in {
				out = append(out, cols)
			}
			return out
		},
	},
})

// sortParams: a sort keeps whole rows; it can keep the first Top of them.
type sortParams struct {
	By  string
	Top int64
}

var sortOp = op.Register(op.Spec[sortParams]{
	Name: "t.sort", Version: 1, Class: op.Breaking, Doc: "sorts",
	Infer: func(p sortParams, in []op.Meta) (op.Meta, error) {
		m := in[0]
		m.Layout = op.Layout{Sorted: []op.SortKey{{Col: p.By}}}
		if p.Top > 0 {
			m.Rows = min(m.Rows, float64(p.Top))
		}
		_, err := m.Schema.Find(p.By)
		return m, err
	},
	Mem: func(p sortParams, in op.Meta) op.Need {
		return op.Need{Floor: 1<<20 + int64(max(0, in.Bytes))/2, Want: int64(max(0, in.Bytes)) * 2}
	},
	Text: func(p sortParams) string {
		if p.Top > 0 {
			return fmt.Sprintf("by %s, first %d", p.By, p.Top)
		}
		return "by " + p.By
	},
	Pipe: func(sortParams, op.Meta) (op.Pipe, error) { return notPiped{}, nil },
	Rules: op.Rules[sortParams]{
		Uses: func(p sortParams, in []op.Meta, cols []string) [][]string {
			return [][]string{append(slices.Clone(cols), p.By)}
		},
		Through: func(_ sortParams, _ []op.Meta, pred expr.Expr, _ int) (expr.Expr, bool) { return pred, true },
		Limit: func(p sortParams, n int64) (sortParams, bool) {
			p.Top = n
			return p, true
		},
	},
})

// limitParams: the first N rows.
type limitParams struct{ N int64 }

var limitOp = op.Register(op.Spec[limitParams]{
	Name: "t.limit", Version: 1, Class: op.Breaking, Doc: "limits",
	Infer: func(p limitParams, in []op.Meta) (op.Meta, error) {
		m := in[0]
		m.Rows = min(m.Rows, float64(p.N))
		return m, nil
	},
	Text: func(p limitParams) string { return fmt.Sprint(p.N) },
	Pipe: func(limitParams, op.Meta) (op.Pipe, error) { return notPiped{}, nil },
	Rules: op.Rules[limitParams]{
		Rows:         func(p limitParams) (int64, bool) { return p.N, true },
		LimitThrough: func(limitParams) bool { return true },
		Uses:         func(_ limitParams, _ []op.Meta, cols []string) [][]string { return [][]string{cols} },
	},
})

// t.call is a function of the user: nothing is known of it, unless Pure.
type callParams struct{ Fn string }

var callOp = op.Register(op.Spec[callParams]{
	Name: "t.call", Version: 1, Class: op.Opaque, Doc: "calls",
	Infer: func(callParams, []op.Meta) (op.Meta, error) { return op.Meta{Rows: -1, Bytes: -1}, nil },
	Text:  func(p callParams) string { return p.Fn },
	Block: func(callParams) (op.Block, error) { return nil, nil },
})

var pureOp = op.Register(op.Spec[callParams]{
	Name: "t.pure", Version: 1, Class: op.Opaque, Doc: "calls a function without effects",
	Infer: func(callParams, []op.Meta) (op.Meta, error) { return op.Meta{Rows: -1, Bytes: -1}, nil },
	Text:  func(p callParams) string { return p.Fn },
	Block: func(callParams) (op.Block, error) { return nil, nil },
	Rules: op.Rules[callParams]{Pure: true},
})
