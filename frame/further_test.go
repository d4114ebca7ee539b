package frame_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
)

// further applies the other verbs:
//
//	tail N                    slice OFFSET N               index NAME
//	repartition N             sample FRACTION SEED      samplerows N SEED            dropnull NAME …
//	fillnull EXPR; NAME; …    valuecounts NAME             distinctby first|last|none NAME …
//	concat TABLE …            union TABLE …                intersect TABLE        except TABLE
//	cross TABLE               describe                     unpivot a,b keep=c,d name=x value=y
//	pivot KEY; … | COLUMN | VALUE; … | FN EXPR
func (h *hall) further(f *frame.Frame, verb, rest string) (*frame.Frame, error) {
	words := strings.Fields(rest)
	var others []*frame.Frame
	switch verb {
	case "concat", "union", "intersect", "except", "cross":
		for _, w := range words {
			if h.tables[w] == nil {
				return nil, fmt.Errorf("no table %q", w)
			}
			others = append(others, h.tables[w])
		}
	}
	switch verb {
	case "concat":
		return f.Concat(others...), nil
	case "union":
		return f.Union(others...), nil
	case "intersect":
		return f.Intersect(others[0]), nil
	case "except":
		return f.Except(others[0]), nil
	case "cross":
		return f.Cross(others[0]), nil
	case "tail":
		n, _ := number(rest)
		return f.Tail(n), nil
	case "slice":
		at, rest := number(rest)
		n, _ := number(rest)
		return f.Slice(at, n), nil
	case "repartition":
		n, _ := number(rest)
		return f.Repartition(int(n)), nil
	case "index":
		return f.WithRowIndex(rest), nil
	case "sample":
		p, err := strconv.ParseFloat(words[0], 64)
		if err != nil {
			return nil, err
		}
		s, _ := number(words[1])
		return f.Sample(p, uint64(s)), nil
	case "samplerows":
		n, rest := number(rest)
		s, _ := number(rest)
		return f.SampleRows(n, uint64(s)), nil
	case "dropnull":
		return f.DropNull(words...), nil
	case "fillnull":
		p := pieces(rest)
		e, err := expr.Parse(p[0])
		return f.FillNull(e, p[1:]...), err
	case "valuecounts":
		return f.ValueCounts(rest), nil
	case "distinctby":
		keep := map[string]frame.Keep{"first": frame.KeepFirst, "last": frame.KeepLast, "none": frame.KeepNone}
		return f.DistinctBy(keep[words[0]], words[1:]...), nil
	case "describe":
		return f.Describe(), nil
	case "unpivot":
		return unpivot(f, words), nil
	case "pivot":
		return pivot(f, rest)
	}
	if verb == "asof" {
		return h.asOf(f, words)
	}
	return moving(f, verb, rest)
}

// asOf reads "TABLE on=a|left=a right=b by=c,d leftby=c rightby=d backward|forward|nearest strict tolerance=X suffix=_x".
func (h *hall) asOf(f *frame.Frame, words []string) (*frame.Frame, error) {
	o := frame.AsOf{}
	for _, w := range words[1:] {
		key, val, _ := strings.Cut(w, "=")
		switch key {
		case "on":
			o.On = val
		case "left":
			o.LeftOn = val
		case "right":
			o.RightOn = val
		case "by":
			o.By = strings.Split(val, ",")
		case "leftby":
			o.LeftBy = strings.Split(val, ",")
		case "rightby":
			o.RightBy = strings.Split(val, ",")
		case "forward":
			o.Direction = frame.Forward
		case "nearest":
			o.Direction = frame.Nearest
		case "strict":
			o.Strict = true
		case "suffix":
			o.Suffix = val
		case "tolerance":
			if o.Tolerance = literal(val); o.Tolerance == false {
				d, err := time.ParseDuration(val)
				if err != nil {
					return nil, err
				}
				o.Tolerance = d
			}
		}
	}
	if h.tables[words[0]] == nil {
		return nil, fmt.Errorf("no table %q", words[0])
	}
	return f.JoinAsOf(h.tables[words[0]], o), nil
}

// moving applies the verbs of windows:
//
//	window BY … | NAME [desc]; … | NAME = FN [COL] [N] [whole | running | rows A B | range A B] [least N]; …
//	shift N COL …    diff N COL …     cumsum COL …   cumprod COL …   cummin COL …   cummax COL …   cumcount COL …
//	forward COL …    backward COL …   rolling N FN COL; …           rollingtime COL SPAN FN COL; …
//	topkby N BY … | NAME [desc]; …
func moving(f *frame.Frame, verb, rest string) (*frame.Frame, error) {
	words := strings.Fields(rest)
	switch verb {
	case "window":
		part := strings.Split(rest, "|")
		if len(part) != 3 {
			return nil, fmt.Errorf("want partition | order | functions")
		}
		o := frame.Over{By: strings.Fields(part[0]), Order: sortKeys(part[1])}
		var funcs []frame.WindowFunc
		for _, p := range pieces(part[2]) {
			w, err := windowFunc(strings.Fields(p))
			if err != nil {
				return nil, err
			}
			funcs = append(funcs, w)
		}
		return f.Window(o, funcs...), nil
	case "shift", "diff":
		n, rest := number(rest)
		if verb == "diff" {
			return f.Diff(n, strings.Fields(rest)...), nil
		}
		return f.Shift(n, strings.Fields(rest)...), nil
	case "cumsum":
		return f.CumSum(words...), nil
	case "cumprod":
		return f.CumProd(words...), nil
	case "cummin":
		return f.CumMin(words...), nil
	case "cummax":
		return f.CumMax(words...), nil
	case "cumcount":
		return f.CumCount(words...), nil
	case "forward":
		return f.FillNullForward(words...), nil
	case "backward":
		return f.FillNullBackward(words...), nil
	case "rolling":
		n, rest := number(rest)
		return f.Rolling(n, aggsOf(rest)...), nil
	case "rollingtime":
		span, err := time.ParseDuration(words[1])
		if err != nil {
			return nil, err
		}
		return f.RollingTime(words[0], span, aggsOf(strings.Join(words[2:], " "))...), nil
	case "explode":
		return f.Explode(rest), nil
	case "cut": // NAME AS left|right BREAK … [/ LABEL …]
		b := frame.Bins{Left: words[2] == "left"}
		breaks, labels, _ := strings.Cut(strings.Join(words[3:], " "), "/")
		for _, w := range strings.Fields(breaks) {
			b.Breaks = append(b.Breaks, literal(w))
		}
		b.Labels = strings.Fields(labels)
		return f.Cut(words[0], words[1], b), nil
	case "qcut": // NAME Q AS BY …
		n, _ := number(words[1])
		return f.QCut(words[0], n, words[2], words[3:]...), nil
	case "bytime": // NAME UNIT | FN NAME; …
		key, aggs, _ := strings.Cut(rest, "|")
		name, unit, _ := strings.Cut(strings.TrimSpace(key), " ")
		return f.GroupByTime(name, unit).Agg(aggsOf(aggs)...), nil
	case "resample": // NAME by=K,… every=UNIT fill=none|last|next|VALUE | FN NAME; …
		opts, aggs, _ := strings.Cut(rest, "|")
		o := frame.Resampled{}
		for i, w := range strings.Fields(opts) {
			key, val, _ := strings.Cut(w, "=")
			switch {
			case i == 0:
				o.On = w
			case key == "by":
				o.By = strings.Split(val, ",")
			case key == "every":
				o.Every = strings.ReplaceAll(val, "_", " ")
			case val == "last":
				o.Fill = frame.FillLast
			case val == "next":
				o.Fill = frame.FillNext
			default:
				o.Fill, o.Value = frame.FillGiven, literal(val)
			}
		}
		return f.Resample(o, aggsOf(aggs)...), nil
	case "topkby":
		n, rest := number(rest)
		by, order, _ := strings.Cut(rest, "|")
		return f.TopKBy(strings.Fields(by), n, sortKeys(order)...), nil
	}
	return nil, fmt.Errorf("no such verb")
}

func aggsOf(text string) (out []frame.Aggregate) {
	for _, p := range pieces(text) {
		w := strings.Fields(p)
		a := aggregates[w[0]](w[1])
		if len(w) == 4 {
			a = a.As(w[3])
		}
		out = append(out, a)
	}
	return out
}

// windowFunc reads "NAME = FN …".
func windowFunc(w []string) (f frame.WindowFunc, err error) {
	if len(w) < 3 || w[1] != "=" {
		return f, fmt.Errorf("want name = function, got %v", w)
	}
	name, fn, rest := w[0], w[2], w[3:]
	n := int64(1)
	if len(rest) > 0 {
		n, _ = number(rest[len(rest)-1])
	}
	switch fn {
	case "row_number":
		f = frame.RowNumber()
	case "rank":
		f = frame.Rank()
	case "dense_rank":
		f = frame.DenseRank()
	case "percent_rank":
		f = frame.PercentRank()
	case "ntile":
		f = frame.NTile(n)
	case "lag":
		f = frame.Lag(rest[0], n)
	case "lead":
		f = frame.Lead(rest[0], n)
	case "fill_forward":
		f = frame.FillForward(rest[0])
	case "fill_backward":
		f = frame.FillBackward(rest[0])
	default:
		least := int64(0)
		if i := len(rest) - 2; i >= 0 && rest[i] == "least" {
			least, rest = n, rest[:i]
		}
		f, err = windowAgg(fn, rest)
		f = f.AtLeast(least)
	}
	return f.As(name), err
}

func windowAgg(fn string, rest []string) (f frame.WindowFunc, err error) {
	a := frame.Count()
	if fn != "len" {
		make := aggregates[fn]
		if make == nil || len(rest) == 0 {
			return f, fmt.Errorf("no function %q", fn)
		}
		a, rest = make(rest[0]), rest[1:]
	}
	bound := func(s string) any {
		if s == "open" {
			return nil
		}
		if d, err := time.ParseDuration(s); err == nil && s != "0" {
			return d
		}
		return literal(s)
	}
	switch {
	case len(rest) == 1 && rest[0] == "whole":
		return a.Whole(), nil
	case len(rest) == 1 && rest[0] == "running":
		return a.Running(), nil
	case len(rest) == 3 && rest[0] == "rows":
		lo, _ := number(rest[1])
		hi, _ := number(rest[2])
		return a.Rows(lo, hi), nil
	case len(rest) == 3 && rest[0] == "range":
		return a.Range(bound(rest[1]), bound(rest[2])), nil
	}
	return f, fmt.Errorf("no frame %v", rest)
}

func unpivot(f *frame.Frame, words []string) *frame.Frame {
	var o frame.Unpivoted
	for _, w := range words {
		key, val, ok := strings.Cut(w, "=")
		switch {
		case !ok:
			o.Columns = strings.Split(w, ",")
		case key == "keep":
			o.Keep = strings.Split(val, ",")
		case key == "name":
			o.Name = val
		case key == "value":
			o.Value = val
		}
	}
	return f.Unpivot(o)
}

func pivot(f *frame.Frame, rest string) (*frame.Frame, error) {
	part := strings.Split(rest, "|")
	if len(part) != 4 {
		return nil, fmt.Errorf("want keys | column | values | aggregate")
	}
	keys, err := parsed(part[0])
	if err != nil {
		return nil, err
	}
	o := frame.Pivoted{Index: anys(keys), Column: strings.TrimSpace(part[1])}
	for _, p := range pieces(part[2]) {
		e, err := expr.Parse(p)
		if err != nil {
			return nil, err
		}
		switch l := e.N.(type) {
		case expr.Literal:
			switch {
			case l.Null:
				o.Values = append(o.Values, nil)
			default:
				o.Values = append(o.Values, literal(p))
			}
		}
	}
	fn, arg, _ := strings.Cut(strings.TrimSpace(part[3]), " ")
	switch make := aggregates[fn]; {
	case fn == "len":
		o.Agg = frame.Count()
	case make != nil:
		e, err := expr.Parse(arg)
		if err != nil {
			return nil, err
		}
		o.Agg = make(e)
	}
	return f.Pivot(o), nil
}

// literal reads a constant as a Go value.
func literal(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	if x, err := strconv.ParseFloat(s, 64); err == nil {
		return x
	}
	if t, err := strconv.Unquote(s); err == nil {
		return t
	}
	return s == "true"
}
