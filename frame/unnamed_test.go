package frame_test

import (
	"context"
	"testing"

	"github.com/weft-data/weft/frame"
)

// TestColumnWithoutName: files have columns called nothing at all, and verbs let them be.
func TestColumnWithoutName(t *testing.T) {
	f := frame.FromColumns(frame.Values("", []int64{3, 1, 2}), frame.Values("k", []string{"a", "b", "a"}))
	r := runner(t)
	for name, c := range map[string]struct {
		f    *frame.Frame
		rows int64
	}{
		"slice":    {f.Slice(1, 2), 2},
		"tail":     {f.Tail(2), 2},
		"index":    {f.WithRowIndex("i"), 3},
		"sample":   {f.SampleRows(2, 1), 2},
		"describe": {f.Describe(), 2},
		"sort":     {f.Sort(""), 3},
		"groups":   {f.GroupBy("").Agg(frame.Count().As("n"), frame.First("k").As("k")), 3},
		"sums":     {f.GroupBy("k").Agg(frame.Sum("").As("s")), 2},
		"top":      {f.TopKBy([]string{"k"}, 1, ""), 2},
		"window":   {f.Window(frame.Over{By: []string{""}}, frame.RowNumber().As("n")), 3},
		"lag":      {f.Shift(1, "k"), 3},
		"distinct": {f.Distinct(), 3},
		"join":     {f.Join(f.Select("", frame.Col("k").As("l")), frame.Inner, ""), 3},
		"unpivot":  {f.Unpivot(frame.Unpivoted{Keep: []string{"k"}, Columns: []string{""}}), 3},
	} {
		tab, err := c.f.Collect(context.Background(), r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if tab.NumRows() != c.rows {
			t.Errorf("%s: %d rows, want %d", name, tab.NumRows(), c.rows)
		}
	}
}
