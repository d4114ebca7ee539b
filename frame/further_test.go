package frame_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
)

// further applies the other verbs:
//
//	tail N                    slice OFFSET N               index NAME
//	sample FRACTION SEED      samplerows N SEED            dropnull NAME …
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
	return nil, fmt.Errorf("no such verb")
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
