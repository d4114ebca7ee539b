package group

import (
	"slices"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// TestApart: for which groupings values are found apart, and of which columns.
func TestApart(t *testing.T) {
	in := op.Meta{Rows: 1e6, Schema: dtype.Schema{{Name: "few", Type: dtype.Of(dtype.Int64)}, {Name: "many", Type: dtype.Of(dtype.Int64)},
		{Name: "s", Type: dtype.Of(dtype.Utf8)}, {Name: "l", Type: dtype.ListOf(dtype.Of(dtype.Int64))}}}
	for col, n := range map[string]float64{"few": 7, "many": 8} {
		in.Known = append(in.Known, op.NamedFact{Col: col, Fact: op.NewFact(expr.Facts{Distinct: n}, in.Rows)})
	}
	kinds := func(col string) Agg { return Agg{Fn: CountDistinct, Col: col, As: "kinds"} }
	most := func(col string) Agg { return Agg{Fn: Mode, Col: col, As: "most"} }
	sum := Agg{Fn: Sum, Col: "many", As: "sum"}
	for name, c := range map[string]struct {
		p     Params
		want  []string
		alone bool
	}{
		"no keys":          {Params{Aggs: []Agg{kinds("s")}}, []string{"s"}, true},
		"twice":            {Params{Aggs: []Agg{kinds("s"), most("s"), {Fn: CountDistinct, Col: "s", As: "again"}}}, []string{"s"}, true},
		"few groups":       {Params{Keys: []string{"few"}, Aggs: []Agg{most("s")}}, []string{"s"}, true},
		"of two columns":   {Params{Keys: []string{"few"}, Aggs: []Agg{kinds("s"), most("many")}}, []string{"s", "many"}, true},
		"beside others":    {Params{Keys: []string{"few"}, Aggs: []Agg{sum, kinds("s")}}, []string{"s"}, false},
		"many groups":      {Params{Keys: []string{"many"}, Aggs: []Agg{kinds("s")}}, nil, false},
		"unknown groups":   {Params{Keys: []string{"s"}, Aggs: []Agg{kinds("few")}}, nil, false},
		"of a key":         {Params{Keys: []string{"few"}, Aggs: []Agg{kinds("few")}}, nil, false},
		"beside a median":  {Params{Aggs: []Agg{kinds("s"), {Fn: Median, Col: "few", As: "m"}}}, nil, false},
		"another function": {Params{Aggs: []Agg{sum}}, nil, false},
		"where they are":   {Params{Aggs: []Agg{kinds("s")}, Local: true}, nil, false},
		"of no key":        {Params{Aggs: []Agg{kinds("l")}}, nil, false},
		"nothing":          {Params{}, nil, false},
	} {
		a, err := c.p.apart(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		if a != nil {
			for i, f := range a.found {
				if got = append(got, in.Schema[f.col].Name); a.sets[i].p.Keys[len(c.p.Keys)] != got[i] {
					t.Errorf("%s: pairs %v", name, a.sets[i].p.Keys)
				}
			}
			if a.alone != c.alone {
				t.Errorf("%s: alone %v", name, a.alone)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
