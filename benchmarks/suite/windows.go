package suite

import (
	"github.com/weft-data/weft/frame"
)

// A windowQuery adds columns to some of the group-by table's.
type windowQuery struct {
	name, about string
	cols        []any
	over        frame.Over
	funcs       []frame.WindowFunc
}

func (q *windowQuery) plan(in tables) *frame.Frame {
	return in["g1"].Select(q.cols...).Window(q.over, q.funcs...)
}

// windowQueries look at rows around a row. What the ordered ones give does not depend on how
// rows that are equal in order stand.
var windowQueries = []windowQuery{
	{"whole", "sum of v1, mean of v3 over the rows of equal id6", []any{"id6", "v1", "v3"}, frame.Over{By: []string{"id6"}},
		[]frame.WindowFunc{frame.Sum("v1").Whole().As("total"), frame.Mean("v3").Whole().As("middle")}},
	{"few", "greatest v3 over the rows of equal id4", []any{"id4", "v3"}, frame.Over{By: []string{"id4"}},
		[]frame.WindowFunc{frame.Max("v3").Whole().As("most")}},
	{"text", "mean of v3 over the rows of equal id3, a text", []any{"id3", "v3"}, frame.Over{By: []string{"id3"}},
		[]frame.WindowFunc{frame.Mean("v3").Whole().As("middle")}},
	{"rank", "rank of v3 among the rows of equal id6", []any{"id6", "v3"}, frame.Over{By: []string{"id6"}, Order: []any{"v3"}},
		[]frame.WindowFunc{frame.Rank().As("place")}},
	{"running", "running sum of v3 in its order over the rows of equal id6, and the v3 before", []any{"id6", "v3"}, frame.Over{By: []string{"id6"}, Order: []any{"v3"}},
		[]frame.WindowFunc{frame.Sum("v3").Running().As("total"), frame.Lag("v3", 1).As("before")}},
	{"moving", "mean of seven v3 in their order over the rows of equal id6", []any{"id6", "v3"}, frame.Over{By: []string{"id6"}, Order: []any{"v3"}},
		[]frame.WindowFunc{frame.Mean("v3").Rows(-6, 0).As("middle")}},
}

// asOfQueries join ticks with the last ones before them.
var asOfQueries = []struct {
	name, about string
	plan        func(in tables) *frame.Frame
}{
	{"time", "each x with the last y up to its time", func(in tables) *frame.Frame {
		return in["ticks_x"].Select("t", "v1").JoinAsOf(in["ticks_y"].Select("t", "v2"), frame.AsOf{On: "t"})
	}},
	{"by", "each x with the last y of equal k up to its time", func(in tables) *frame.Frame {
		return in["ticks_x"].JoinAsOf(in["ticks_y"], frame.AsOf{On: "t", By: []string{"k"}})
	}},
}

// tickTables calls use for the two tables of the as-of joins, in order of time. A tick is of
// one of a thousand keys; no two of a table have the same time.
func tickTables(rows int, use func(*table) error) error {
	for i, name := range []string{"x", "y"} {
		r, now := newRandom(uint64(1000+i)), int64(0)
		err := use(&table{
			name: "ticks_" + name, rows: rows, delimiter: ',', header: true,
			cols: []column{{name: "t"}, {name: "k"}, {name: []string{"v1", "v2"}[i], form: micro}},
			fill: func(dst [][]int64, n int) {
				for i := range n {
					now += r.below(100) + 1
					dst[0][i], dst[1][i], dst[2][i] = now, r.below(1000)+1, r.micros()
				}
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
