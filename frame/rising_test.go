package frame_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// A tick is a row of ticked.
type tick struct{ id, t, k, v int64 }

// ticked makes a frame of records of up to 3000 rows.
func ticked(rows []tick) *frame.Frame {
	var fields []arrow.Field
	for _, n := range []string{"id", "t", "k", "v"} {
		fields = append(fields, arrow.Field{Name: n, Type: arrow.PrimitiveTypes.Int64})
	}
	var recs []arrow.Record
	for part := range slices.Chunk(rows, 3000) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
		for _, r := range part {
			for i, x := range []int64{r.id, r.t, r.k, r.v} {
				b.Field(i).(*array.Int64Builder).Append(x)
			}
		}
		recs = append(recs, b.NewRecord())
	}
	return frame.FromRecords(recs...)
}

// Tables that stand in the order of their times are joined by time as they stand, and give what
// the same rows in any order give.
func TestRisingRecordsAreNotSorted(t *testing.T) {
	ctx, r := context.Background(), runner(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	sides := [2][]tick{}
	for s := range sides {
		now := int64(0)
		for i := range 20_000 {
			now += 1 + rnd.Int64N(5) // no two rows of a side are equal in time
			sides[s] = append(sides[s], tick{int64(i), now, rnd.Int64N(50), rnd.Int64N(1000)})
		}
	}
	left, right := ticked(sides[0]), ticked(sides[1])
	for _, s := range sides {
		rnd.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	}
	mixedLeft, mixedRight := ticked(sides[0]), ticked(sides[1])
	sorts := func(f *frame.Frame) bool {
		t.Helper()
		rep, err := f.Explain(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(rep.After, "order.")
	}
	text := func(f *frame.Frame) string {
		t.Helper()
		got, err := f.Collect(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, r := range got.Records {
			for i := range int(r.NumRows()) {
				for c := range int(r.NumCols()) {
					b.WriteString(r.Column(c).ValueStr(i) + " ")
				}
				b.WriteByte('\n')
			}
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		f    *frame.Frame
		want bool
	}{
		"by id": {left.Sort("id"), false}, "by time": {left.Select("t", "v").Sort("t"), false}, "falling": {left.Sort(frame.Desc("id")), true},
		"by two": {left.Sort("id", "v"), true}, "by value": {left.Sort("v"), true}, "mixed": {mixedLeft.Sort("id"), true},
	} {
		if got := sorts(c.f); got != c.want {
			t.Errorf("%s: sorts is %v, want %v", name, got, c.want)
		}
	}
	for _, o := range []frame.AsOf{
		{Direction: frame.Backward}, {Direction: frame.Backward, Strict: true}, {Direction: frame.Forward}, {Direction: frame.Forward, Strict: true},
		{Direction: frame.Nearest}, {Direction: frame.Backward, Tolerance: 2}, {Direction: frame.Backward, By: []string{"k"}}, {Direction: frame.Forward, By: []string{"k"}, Strict: true},
	} {
		o.On = "t"
		cols := []any{"t", "k", "v"}
		f := left.Select(cols...).JoinAsOf(right.Select(cols...), o)
		if got, want := sorts(f), len(o.By) > 0; got != want {
			t.Errorf("%+v: sorts is %v, want %v", o, got, want)
		}
		if text(f.Sort("t")) != text(mixedLeft.Select(cols...).JoinAsOf(mixedRight.Select(cols...), o).Sort("t")) {
			t.Errorf("%+v: rows in order and mixed ones give different answers", o)
		}
	}
}

// What reads tables in memory as they stand stores no copies of them: there is room for none.
func TestTablesInMemoryAreNotStored(t *testing.T) {
	rows, want := make([]tick, 2_500_000), int64(0)
	for i := range rows {
		rows[i] = tick{id: int64(i), t: 2 * int64(i), v: int64(i % 1000)}
		want += rows[i].v
	}
	f := ticked(rows).Select("t", "v")
	r := local.New(local.Options{Threads: 2, Pool: 36 << 20, SpillDir: t.TempDir()})
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	got, err := f.JoinAsOf(f, frame.AsOf{On: "t"}).GroupBy().Agg(frame.Sum("v_right").As("s")).Collect(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Value(0, 0); s != want {
		t.Errorf("the sum is %v, want %d", s, want)
	}
	if n := r.Node().Spilled(); n > 0 {
		t.Errorf("%d bytes were spilled", n)
	}
}
