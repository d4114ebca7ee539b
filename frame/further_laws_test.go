package frame_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestFurtherSameBits runs windows and other verbs that store what they read, with
// some threads and so little memory that blocks lie on disk.
func TestFurtherSameBits(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	n := effort.Of(120_000, 30_000)
	path := filepath.Join(t.TempDir(), "sales.csv")
	sales(t, path, n, n/50, true) // nine tenths have one part
	f := frame.ReadCSV(path)
	w := f.Window(frame.Over{By: []string{"part"}, Order: []any{"qty", frame.Desc("amount")}},
		frame.RowNumber().As("i"), frame.DenseRank().As("d"), frame.NTile(10).As("q"),
		frame.Lag("note", 3).As("lag"), frame.Lead("amount", 1000).As("lead"), frame.FillBackward("note").As("fill"),
		frame.Sum("amount").Running().As("run"), frame.Mean("amount").Rows(-50, 50).As("mean"),
		frame.Max("amount").Rows(-500, 0).As("max"), frame.Sum("amount").Whole().As("all"), frame.Last("user").Whole().As("last"),
		frame.Count().Range(0, 0).As("peers"))
	plans := map[string]*frame.Frame{
		"windows": w,
		"wholes": f.Window(frame.Over{By: []string{"part", "qty"}}, frame.Sum("amount").Whole().As("all"), frame.Std("amount").Whole().As("std"),
			frame.First("note").Whole().As("first"), frame.Last("user").Whole().As("last"), frame.Count().Whole().As("rows")),
		"places": f.Concat(f.Sample(0.5, 7)).WithRowIndex("row").Slice(-int64(n), int64(n/2)),
		"shape":  f.Select("user", "part", "qty").Unpivot(frame.Unpivoted{Keep: []string{"user"}}).CumSum("value"),
		"asof":   f.JoinAsOf(f.Select("part", "amount", "note"), frame.AsOf{On: "amount", By: []string{"part"}, Strict: true}).Repartition(5),
		"joins":  f.Head(5000).Join(f.Tail(5000).Select("user", "qty"), frame.Full, "user"),
	}
	for name, p := range plans {
		var want uint64
		for _, o := range effort.Some(2, []local.Options{{Threads: 1, Memory: 2 << 30}, {Threads: 8, Memory: 2 << 30}, {Threads: 2, Pool: 48 << 20}, {Threads: 8, Pool: 64 << 20}}) {
			o.SpillDir = t.TempDir()
			r := local.New(o)
			got, rows, err := sum(p, r)
			spilled := r.Node().Spilled()
			if err = errors.Join(err, r.Close()); err != nil {
				t.Fatalf("%s, %+v: %v", name, o, err)
			}
			if want == 0 {
				want = got
			}
			if got != want || rows == 0 {
				t.Errorf("%s, %d threads, pool %d: checksum %x of %d rows, want %x", name, o.Threads, o.Pool, got, rows, want)
			}
			t.Logf("%s, %d threads, pool %d MiB: %d rows, %d MiB spilled", name, o.Threads, o.Pool>>20, rows, spilled>>20)
		}
	}
}
