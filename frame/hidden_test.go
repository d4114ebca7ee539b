package frame_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
)

// shows fails the test if a text has names of columns that verbs make for a while as they are, and not as they are shown.
func shows(t *testing.T, about, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, "\x00") || strings.Contains(line, `\x00`) {
			t.Errorf("%s: %q", about, line)
		}
	}
}

// Plans, pictures and errors call the columns that verbs make for a while by what they hold.
func TestHiddenColumns(t *testing.T) {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	a := frame.FromColumns(frame.Values("k", []string{"a", "b", "b"}), frame.Values("i", []int64{math.MinInt64, math.MaxInt64, math.MaxInt64}),
		frame.Values("u", []uint64{1, 2, math.MaxUint64}), frame.Values("x", []float64{1, 2, 3}), frame.Values("at", []time.Time{at, at.Add(time.Hour), at.Add(5 * time.Hour)}))
	b := frame.FromColumns(frame.Values("k", []string{"a", "b"}), frame.Values("i", []int32{1, 2}), frame.Values("u", []int64{1, -2}),
		frame.Values("at", []time.Time{at, at.Add(time.Minute)}))
	k, i, twice := frame.Col("k"), frame.Col("i"), frame.Col("i").Add(frame.Col("i"))
	nulls := a.WithColumns(expr.If(k.Ne("a")).Then(k).End().As("k"))
	over := frame.Over{By: []string{"k"}, Order: []any{"at"}}
	for name, c := range map[string]struct {
		f    *frame.Frame
		want string // in the plan
		err  string
	}{
		"diff":     {a.Diff(1, "i"), "i - lag(i,1)", "i - lag(i,1): 9223372036854775807 - -9223372036854775808 does not fit int64"},
		"twice":    {a.Diff(-1, "u", "u"), "u - lag(u,-1)'", "does not fit uint64"},
		"shift":    {a.Shift(1, "i", "x", "i"), "i = Shift(i)'", ""},
		"sum":      {a.Tail(2).CumSum("i"), "CumSum(i)", `a sum of column "i" does not fit into int64`},
		"argument": {a.Window(over, frame.Sum(i.IntDiv(2).Add(math.MaxInt64/2)).Running().As("s"), frame.Max(i.IntDiv(2).Add(math.MaxInt64/2)).Whole().As("m")), "max(i // 2 + 4611686018427387903')", `a sum of column "i // 2 + 4611686018427387903" does not fit into int64`},
		"wide":     {a.Window(over, frame.Sum(twice).Whole().As("s")), "sum(i + i)", "expr: i + i: "},
		"type":     {a.Window(over, frame.Sum(k.Str().Upper()).Whole().As("s")), "", `sum of column "str.upper(k)": type utf8 has none`},
		"grouped":  {a.GroupBy("k").Agg(frame.Sum(i.IntDiv(2)).As("s"), frame.Corr(i.IntDiv(2), frame.Col("x").Add(1)).As("c")), "sum(i // 2)", ""},
		"of a sum": {a.GroupBy("k").Agg(frame.Sum(i.IntDiv(2).Add(math.MaxInt64 / 2)).As("s")), "", "sum of column i // 2 + 4611686018427387903 overflows int64"},
		"of text":  {a.GroupBy("k").Agg(frame.Sum(k.Str().Upper()).As("s")), "", `sum of column "str.upper(k)": type utf8 has none`},
		"range":    {a.Window(frame.Over{Order: []any{"k"}}, frame.Sum(frame.Col("x").Add(1)).Range(-1, 1).As("s")), "", `a range of "k": values of type utf8`},
		"at least": {a.Window(over, frame.Mean("x").Rows(-2, 0).AtLeast(2).As("m")), "count of m", ""},
		"whole":    {nulls.Window(frame.Over{By: []string{"k"}}, frame.Sum("x").Whole().As("s")), "is_null(k)", ""},
		"top":      {a.TopKBy([]string{"k"}, 2, "i"), "row_number <= 2", ""},
		"sample":   {a.SampleRows(2, 7), "draw", ""},
		"bins":     {a.QCut("x", 3, "q"), "rank", ""},
		"resample": {a.Resample(frame.Resampled{On: "at", Every: "hour", Fill: frame.FillLast}, frame.Sum("x").As("x")), "filled x", ""},
		"sides":    {a.Select("k").Except(b.Select("k")), "not((some right)) and not((all right))", ""},
		"describe": {a.Describe(), "rows - ", ""},
		"distinct": {a.DistinctBy(frame.KeepNone, "k"), "size == 1", ""},
		"cross":    {a.Cross(b), "", ""},
		"full":     {a.Join(b, frame.Full, "k").Filter(i.Add(i).Gt(0)), "full on k", "i + i: "},
		"right":    {a.Join(b, frame.Right, "k").WithColumns(i.Add(1).As("j")), "left.i", "9223372036854775807 + 1 does not fit int64"},
		"types":    {a.Join(b, frame.Inner, "i"), "i = cast(i, int64)", ""},
		"compared": {a.Join(b, frame.Left, "u"), "cast(u, decimal(20, 0))", ""},
		"equal":    {a.JoinOn(b, frame.JoinOn{Equal: []frame.Pair{{Left: i.Add(1), Right: frame.Col("i")}}}), "i + 1 = i", "i + 1: 9223372036854775807 + 1 does not fit int64"},
		"bounds":   {a.JoinOn(b, frame.JoinOn{On: []string{"k"}, Where: k.Le(frame.Col("k")).And(i.Sub(1).Lt(frame.Col("u_right").Mul(2)))}), "i - 1 < ", "i - 1: -9223372036854775808 - 1 does not fit int64"},
		"keys":     {a.JoinOn(b, frame.JoinOn{Equal: []frame.Pair{{Left: k.Str().Upper(), Right: frame.Col("i").Add(1)}}}), "", `key "str.upper(k) = i + 1" is utf8 on the left`},
		"where":    {a.JoinOn(b, frame.JoinOn{Kind: frame.Left, Where: i.Sub(1).Lt(frame.Col("u_right").Mul(2))}), "left row", "-9223372036854775808 - 1 does not fit int64"},
		"list":     {a.WithColumns(expr.ListOf(i).As("l")).Window(frame.Over{By: []string{"l"}}, frame.Sum("x").Whole().As("s")), "", "l"},
		"cast":     {a.CumSum("i").WithColumns(i.Cast(dtype.Of(dtype.Int8)).As("s")).Select("s"), "", "cast(CumSum(i), int8)"},
	} {
		rep, err := c.f.Explain(t.Context(), runner(t))
		if err == nil {
			shows(t, name, rep.String()+rep.Picture+fmt.Sprint(rep.Schema, rep.Layers))
			if !strings.Contains(rep.String(), c.want) {
				t.Errorf("%s: the plan has no %q\n%s", name, c.want, rep)
			}
			_, err = c.f.Collect(t.Context(), runner(t))
		}
		got := fmt.Sprint(err)
		shows(t, name, got)
		if (err != nil) != (c.err != "") || !strings.Contains(got, c.err) {
			t.Errorf("%s: error %s, want one with %q", name, got, c.err)
		}
	}
}
