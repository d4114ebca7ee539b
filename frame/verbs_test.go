package frame_test

import (
	"fmt"
	"strings"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
)

// verb applies one line of a script:
//
//	filter PRED; PRED                    select EXPR [as NAME]; …         with EXPR as NAME; …
//	rename old=new …                     drop NAME …                      head N
//	distinct NAME …                      sort NAME [desc]; …              topk N NAME [desc]; …
//	group EXPR; … | FN EXPR [as NAME]; … largest N BY | KEY; …            smallest N BY | KEY; …
//	join KIND TABLE on=a,b left=a,b right=a,b suffix=_x
func (h *hall) verb(f *frame.Frame, verb, rest string) (*frame.Frame, error) {
	switch verb {
	case "filter":
		es, err := parsed(rest)
		return f.Filter(es...), err
	case "select":
		es, err := parsed(rest)
		return f.Select(anys(es)...), err
	case "with":
		es, err := parsed(rest)
		return f.WithColumns(es...), err
	case "rename":
		names := map[string]string{}
		for _, w := range strings.Fields(rest) {
			old, now, _ := strings.Cut(w, "=")
			names[old] = now
		}
		return f.Rename(names), nil
	case "drop":
		return f.Drop(strings.Fields(rest)...), nil
	case "head":
		n, _ := number(rest)
		return f.Head(n), nil
	case "distinct":
		return f.Distinct(strings.Fields(rest)...), nil
	case "sort":
		return f.Sort(sortKeys(rest)...), nil
	case "topk":
		n, by := number(rest)
		return f.TopK(n, sortKeys(by)...), nil
	case "group":
		return grouped(f, rest)
	case "largest", "smallest":
		return best(f, verb, rest)
	case "join":
		return h.join(f, rest)
	}
	return h.further(f, verb, rest)
}

// parsed reads expressions between semicolons.
func parsed(text string) ([]expr.Expr, error) {
	var out []expr.Expr
	for _, s := range pieces(text) {
		e, err := expr.Parse(s)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func pieces(text string) []string {
	var out []string
	for s := range strings.SplitSeq(text, ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func anys(es []expr.Expr) []any {
	out := make([]any, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

func sortKeys(text string) []any {
	var out []any
	for _, s := range pieces(text) {
		name, desc := strings.CutSuffix(s, " desc")
		if desc {
			out = append(out, frame.Desc(name))
		} else {
			out = append(out, name)
		}
	}
	return out
}

var aggregates = map[string]func(any) frame.Aggregate{
	"sum": frame.Sum, "mean": frame.Mean, "min": frame.Min, "max": frame.Max, "var": frame.Var, "std": frame.Std, "median": frame.Median,
	"first": frame.First, "last": frame.Last, "count_distinct": frame.CountDistinct, "any": frame.Any, "all": frame.All,
	"count": func(x any) frame.Aggregate { return frame.Count(x) }, "mode": frame.Mode, "skew": frame.Skew, "kurtosis": frame.Kurtosis,
	"list": frame.List, "approx_count_distinct": frame.ApproxCountDistinct,
	"quantile_30":        func(x any) frame.Aggregate { return frame.Quantile(x, 0.3) },
	"approx_quantile_30": func(x any) frame.Aggregate { return frame.ApproxQuantile(x, 0.3) },
	"quantile_2":         func(x any) frame.Aggregate { return frame.Quantile(x, 2) },
	"join_comma":         func(x any) frame.Aggregate { return frame.StringJoin(x, ", ") },
	"arg_min_n":          func(x any) frame.Aggregate { return frame.ArgMin(x, "n") },
	"arg_max_n":          func(x any) frame.Aggregate { return frame.ArgMax(x, "n") },
	"arg_max_k":          func(x any) frame.Aggregate { return frame.ArgMax(x, "k") },
	"cov_n":              func(x any) frame.Aggregate { return frame.Cov(x, "n") },
	"corr_n":             func(x any) frame.Aggregate { return frame.Corr(x, "n") },
}

// grouped reads "keys | aggregates".
func grouped(f *frame.Frame, rest string) (*frame.Frame, error) {
	left, right, _ := strings.Cut(rest, "|")
	keys, err := parsed(left)
	if err != nil {
		return nil, err
	}
	var aggs []frame.Aggregate
	for _, s := range pieces(right) {
		fn, arg, _ := strings.Cut(s, " ")
		if fn == "len" {
			_, name, _ := strings.Cut(s, "as ")
			aggs = append(aggs, frame.Count().As(name))
			continue
		}
		e, err := expr.Parse(arg)
		if err != nil {
			return nil, err
		}
		name := e.Name
		e.Name = ""
		make := aggregates[fn]
		if make == nil {
			return nil, fmt.Errorf("no aggregate %q", fn)
		}
		a := make(e)
		if name != "" {
			a = a.As(name)
		}
		aggs = append(aggs, a)
	}
	return f.GroupBy(anys(keys)...).Agg(aggs...), nil
}

// best reads "N BY | keys".
func best(f *frame.Frame, verb, rest string) (*frame.Frame, error) {
	left, right, _ := strings.Cut(rest, "|")
	n, by := number(left)
	keys, err := parsed(right)
	if err != nil {
		return nil, err
	}
	g := f.GroupBy(anys(keys)...)
	if verb == "largest" {
		return g.Largest(n, strings.TrimSpace(by)), nil
	}
	return g.Smallest(n, strings.TrimSpace(by)), nil
}

func (h *hall) join(f *frame.Frame, rest string) (*frame.Frame, error) {
	rest, where, conditional := strings.Cut(rest, " where=") // to the end of the line
	words := strings.Fields(rest)
	if len(words) < 2 || h.tables[words[1]] == nil {
		return nil, fmt.Errorf("want a kind and a table")
	}
	kinds := map[string]frame.JoinKind{"inner": frame.Inner, "left": frame.Left, "semi": frame.Semi, "anti": frame.Anti, "right": frame.Right, "full": frame.Full}
	kind, ok := kinds[words[0]]
	if !ok {
		return nil, fmt.Errorf("no kind %q", words[0])
	}
	o := frame.JoinOn{Kind: kind}
	for _, w := range words[2:] {
		key, val, _ := strings.Cut(w, "=")
		list := strings.Split(val, ",")
		switch key {
		case "on":
			o.On = list
		case "left":
			o.Left = list
		case "right":
			o.Right = list
		case "suffix":
			o.Suffix = val
		case "equal":
			l, r, _ := strings.Cut(val, "~")
			x, err := parsed(l)
			if err != nil {
				return nil, err
			}
			y, err := parsed(r)
			if err != nil {
				return nil, err
			}
			o.Equal = append(o.Equal, frame.Pair{Left: x[0], Right: y[0]})
		default:
			return nil, fmt.Errorf("no option %q", w)
		}
	}
	if conditional {
		x, err := parsed(where)
		if err != nil {
			return nil, err
		}
		o.Where = x[0]
	}
	return f.JoinOn(h.tables[words[1]], o), nil
}
