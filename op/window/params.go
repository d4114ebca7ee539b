package window

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// The functions. Those of a frame look at Frame; nulls are no values to them.
//
//	row_number     1, 2, … within the partition                                int64
//	rank           1 + the rows that are before all peers (equal order keys)    int64
//	dense_rank     1 + the groups of peers before                               int64
//	percent_rank   (rank - 1) / (rows of the partition - 1), 0 if it is alone   float64
//	ntile          1 … N in parts of equal size, the first ones one larger      int64
//	lag, lead      the value N rows before or after, null outside               as the column
//	fill_forward   the last value up to this row that is not null               as the column
//	fill_backward  the next value from this row on that is not null             as the column
//	first, last    the value of the first or last row in the frame, or null      as the column
//	count          values in the frame, or rows if there is no column           int64
//	sum, mean, min, max, var, std, median, quantile, any, all
//	               of the values in the frame, as in package group, but that
//	               the sum of a mean of integers or floats is rounded before it is divided
//	skew, kurtosis, corr, cov  as in package group, of integers as floats, of values whose products
//	               are floats (NaN otherwise); skew and kurtosis may be off by 2^-48, corr by 2^-50
//	product        of the values up to the row, one after the other             int64, uint64 or float64
const (
	RowNumber    = "row_number"
	Rank         = "rank"
	DenseRank    = "dense_rank"
	PercentRank  = "percent_rank"
	NTile        = "ntile"
	Lag          = "lag"
	Lead         = "lead"
	FillForward  = "fill_forward"
	FillBackward = "fill_backward"
	First        = "first"
	Last         = "last"
	Count        = "count"
	Sum          = "sum"
	Mean         = "mean"
	Min          = "min"
	Max          = "max"
	Var          = "var"
	Std          = "std"
	Product      = "product"
	Median       = "median"
	Quantile     = "quantile"
	Skew         = "skew"
	Kurtosis     = "kurtosis"
	Corr         = "corr"
	Cov          = "cov"
	Any          = "any"
	All          = "all"
)

var functions = []string{RowNumber, Rank, DenseRank, PercentRank, NTile, Lag, Lead, FillForward, FillBackward, First, Last, Count, Sum, Mean, Min, Max, Var, Std, Product,
	Median, Quantile, Skew, Kurtosis, Corr, Cov, Any, All}

// A Frame says which rows of the partition a function looks at. The zero Frame is
// the row alone (or, with Range, its peers).
//
// By rows: those from the row From before (negative) or after to the row To. By
// Range: those whose only order key lies between the row's key plus From and plus
// To, in the direction of the order; in the key's own unit, or for float keys by
// FromFloat and ToFloat. Null keys, and NaN ones, have their like in the frame and
// nothing else. OpenFrom and OpenTo reach to the partition's ends.
type Frame struct {
	Range              bool
	OpenFrom, OpenTo   bool
	From, To           int64
	FromFloat, ToFloat float64
}

// Whole is the frame of all rows of the partition.
var Whole = Frame{OpenFrom: true, OpenTo: true}

// A Func is one function of column Col, called As.
type Func struct {
	Fn    string
	Col   string
	Col2  string // the second column of corr and cov
	As    string
	N     int64   // rows of lag and lead, parts of ntile
	Q     float64 // which quantile, from 0 to 1
	Frame Frame
}

// Params are the parameters of window.over: the input is in the order of By and
// then Order.
type Params struct {
	By    []string
	Order []op.SortKey
	Funcs []Func
}

// Over adds the functions' columns behind the others. Rows keep their order.
//
// Memory: a batch for each cursor; min and max of moving frames keep the values
// that can still win, median and quantile 8 bytes or a little more for each value in the frame.
// Errors:  unknown columns or functions, frames that a function has not, integer
// sums that do not fit, frames whose values in order do not fit into the memory budget.
var Over op.Op[Params]

func init() {
	Over = op.Register(op.Spec[Params]{
		Name: "window.over", Version: 2, Class: op.Logical,
		Doc:   "adds columns computed from the rows around each row",
		Infer: func(p Params, in []op.Meta) (op.Meta, error) { return p.infer(in[0]) },
		Text:  Params.text,
		Lower: lower,
		Rules: op.Rules[Params]{
			Project: func(p Params, cols []string) Params {
				out := p
				out.Funcs = nil
				for _, f := range p.Funcs {
					if slices.Contains(cols, f.As) {
						out.Funcs = append(out.Funcs, f)
					}
				}
				return out
			},
			Uses: Params.uses,
			Through: func(p Params, _ []op.Meta, pred expr.Expr, _ int) (expr.Expr, bool) {
				for _, c := range expr.Columns(pred) {
					if !slices.Contains(p.By, c) {
						return pred, false
					}
				}
				return pred, len(p.By) > 0 // whole partitions stay or go
			},
		},
	})
}

var runOp = op.Register(op.Spec[runParams]{
	Name: "window.run", Version: 2, Class: op.Gathering,
	Doc:   "gives ordered rows with columns computed from the rows around each",
	Infer: func(p runParams, in []op.Meta) (op.Meta, error) { return p.P.infer(in[0]) },
	Mem: func(p runParams, in op.Meta) op.Need {
		n := int64(16+len(p.P.Funcs)) << 20
		return op.Need{Floor: 16 << 20, Want: n}
	},
	Text: func(p runParams) string { return p.P.text() },
	Source: func(p runParams) (op.Source, error) {
		b, err := p.P.bind(p.In)
		return b, err
	},
})

// runParams are the parameters of window.run; In is the schema it reads.
type runParams struct {
	P  Params
	In dtype.Schema
}

func lower(p Params, f *op.Fragment) error {
	call := runOp.With(runParams{p, f.In[0].Schema})
	if len(p.By) == 0 {
		f.Single(call, op.Input(0), f.Out)
		return nil
	}
	f.Add(op.Node{Call: call, Meta: f.Out, In: []op.Part{{From: op.Input(0), Wiring: op.OneToOne}, {From: op.Input(0), Wiring: op.AllToAll}}})
	return nil
}

func (p Params) uses(_ []op.Meta, cols []string) [][]string {
	var need []string
	add := func(c string) {
		if !slices.Contains(need, c) {
			need = append(need, c)
		}
	}
	made := map[string]bool{}
	for _, f := range p.Funcs {
		made[f.As] = true
		if slices.Contains(cols, f.As) {
			for _, c := range []string{f.Col, f.Col2} {
				if c != "" {
					add(c)
				}
			}
		}
	}
	for _, c := range cols {
		if !made[c] {
			add(c)
		}
	}
	for _, c := range p.By {
		add(c)
	}
	for _, k := range p.Order {
		add(k.Col)
	}
	return [][]string{need}
}

func (p Params) infer(in op.Meta) (op.Meta, error) {
	m := in
	m.Schema = slices.Clone(in.Schema)
	for _, c := range p.By {
		if _, err := in.Schema.Find(c); err != nil {
			return m, err
		}
	}
	for _, k := range p.Order {
		if _, err := in.Schema.Find(k.Col); err != nil {
			return m, err
		}
	}
	for _, f := range p.Funcs {
		out, err := p.result(f, in.Schema)
		if err != nil {
			return m, err
		}
		m.Schema = append(m.Schema, out)
	}
	if n := len(in.Schema); n > 0 && m.Bytes > 0 {
		m.Bytes *= float64(len(m.Schema)) / float64(n)
	}
	return m, m.Schema.Unique()
}

// result checks a function and gives its column.
func (p Params) result(f Func, in dtype.Schema) (dtype.Field, error) {
	out := dtype.Field{Name: f.As, Type: dtype.Of(dtype.Int64)}
	if f.As == "" {
		return out, fmt.Errorf("the column of %s has no name", f.Fn)
	}
	if !slices.Contains(functions, f.Fn) {
		return out, fmt.Errorf("unknown window function %q: want one of %s", f.Fn, strings.Join(functions, ", "))
	}
	switch f.Fn {
	case RowNumber, NTile:
		if f.Fn == NTile && f.N < 1 {
			return out, fmt.Errorf("ntile of %d parts: want 1 or more", f.N)
		}
		return out, nil
	case Rank, DenseRank, PercentRank:
		if len(p.Order) == 0 {
			return out, fmt.Errorf("%s needs an order: without one all rows are equal", f.Fn)
		}
		if f.Fn == PercentRank {
			out.Type = dtype.Of(dtype.Float64)
		}
		return out, nil
	case Count:
		if f.Col == "" {
			return out, p.checkFrame(f, in)
		}
	}
	c, err := in.Find(f.Col)
	if err != nil {
		return out, err
	}
	t := in[c].Type
	out.Type, out.Nullable = t, true
	bad := fmt.Errorf("%s of column %q: type %s has none", f.Fn, dtype.Shown(f.Col), t)
	number := t.Kind.IsNumeric() || t.Kind == dtype.Bool || t.Kind == dtype.Null
	switch f.Fn {
	case Lag, Lead, FillForward, FillBackward:
		return out, nil
	case First, Last:
	case Any, All:
		if t.Kind != dtype.Bool && t.Kind != dtype.Null {
			return out, bad
		}
		out.Type, out.Nullable = dtype.Of(dtype.Bool), false
	case Count:
		out.Type, out.Nullable = dtype.Of(dtype.Int64), false
	case Sum, Product:
		if f.Fn == Product && f.Frame != (Frame{OpenFrom: true}) {
			return out, fmt.Errorf("%s of another frame than the rows up to each: there is none", f.Fn)
		}
		switch {
		case t.Kind == dtype.Bool || t.Kind.IsSigned():
			out.Type = dtype.Of(dtype.Int64)
		case t.Kind.IsUnsigned():
			out.Type = dtype.Of(dtype.Uint64)
		case t.Kind.IsFloat():
			out.Type = dtype.Of(dtype.Float64)
		case t.Kind == dtype.Decimal128 && f.Fn == Sum:
			out.Type = dtype.DecimalOf(38, t.Scale)
		case t.Kind != dtype.Null && (t.Kind != dtype.Duration || f.Fn == Product):
			return out, bad
		}
	case Quantile, Median, Mean, Var, Std, Skew, Kurtosis:
		if f.Fn == Quantile && !(f.Q >= 0 && f.Q <= 1) {
			return out, fmt.Errorf("quantile %v of column %q: want 0 to 1", f.Q, dtype.Shown(f.Col))
		}
		switch {
		case t.Kind == dtype.Duration && (f.Fn == Mean || f.Fn == Median):
			return out, p.checkFrame(f, in)
		case !number && (t.Kind != dtype.Decimal128 || f.Fn != Mean):
			return out, bad
		}
		out.Type = dtype.Of(dtype.Float64)
	case Corr, Cov:
		d, err := in.Find(f.Col2)
		if err != nil {
			return out, err
		}
		if k := in[d].Type.Kind; !k.IsNumeric() && k != dtype.Bool && k != dtype.Null {
			return out, fmt.Errorf("%s of column %q: type %s has none", f.Fn, dtype.Shown(f.Col2), in[d].Type)
		}
		if !number {
			return out, bad
		}
		out.Type = dtype.Of(dtype.Float64)
	case Min, Max:
		if t.Kind == dtype.Null || t.Kind == dtype.Invalid || t.Kind.IsNested() {
			return out, bad
		}
	}
	return out, p.checkFrame(f, in)
}

// checkFrame holds a frame to what its unit allows.
func (p Params) checkFrame(f Func, in dtype.Schema) error {
	fr := f.Frame
	if !fr.Range {
		if !fr.OpenFrom && !fr.OpenTo && fr.From > fr.To {
			return fmt.Errorf("%s of the rows from %d to %d: the frame ends before it begins", f.Fn, fr.From, fr.To)
		}
		return nil
	}
	if len(p.Order) == 0 {
		return fmt.Errorf("%s over a range needs an order", f.Fn)
	}
	peers := (fr.OpenFrom || fr.From == 0 && fr.FromFloat == 0) && (fr.OpenTo || fr.To == 0 && fr.ToFloat == 0)
	if peers {
		return nil
	}
	if len(p.Order) != 1 {
		return fmt.Errorf("%s over a range of values needs one order key, there are %d", f.Fn, len(p.Order))
	}
	i, err := in.Find(p.Order[0].Col)
	if err != nil {
		return err
	}
	switch k := in[i].Type.Kind; {
	case k.IsFloat():
		if !fr.OpenFrom && !fr.OpenTo && !(fr.FromFloat <= fr.ToFloat) || fr.From != 0 || fr.To != 0 {
			return fmt.Errorf("%s over keys from %v to %v: want two floats, the first not the greater, for the key %q of type %s", f.Fn, fr.FromFloat, fr.ToFloat, dtype.Shown(p.Order[0].Col), in[i].Type)
		}
	case k.IsInt() || k == dtype.Date || k == dtype.Timestamp || k == dtype.Time || k == dtype.Duration:
		if !fr.OpenFrom && !fr.OpenTo && fr.From > fr.To || fr.FromFloat != 0 || fr.ToFloat != 0 {
			return fmt.Errorf("%s over keys from %d to %d: want two whole numbers, the first not the greater, for the key %q of type %s", f.Fn, fr.From, fr.To, dtype.Shown(p.Order[0].Col), in[i].Type)
		}
	default:
		return fmt.Errorf("%s over a range of %q: values of type %s have no distance; only the range of peers is there", f.Fn, dtype.Shown(p.Order[0].Col), in[i].Type)
	}
	return nil
}

func (p Params) text() string {
	var parts []string
	for _, f := range p.Funcs {
		args := f.Col
		if f.Col2 != "" {
			args += ", " + f.Col2
		}
		if f.Fn == Quantile {
			args += fmt.Sprintf(", %v", f.Q)
		}
		parts = append(parts, f.Fn+"("+args+") as "+f.As)
	}
	s := strings.Join(parts, ", ")
	if len(p.By) > 0 {
		s += " within " + strings.Join(p.By, ", ")
	}
	for i, k := range p.Order {
		s += map[bool]string{true: " in order of ", false: ", "}[i == 0] + k.Col
	}
	return s
}
