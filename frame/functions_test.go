package frame_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

// A spread is the state of the distance between the least and the greatest value.
type spread struct {
	Some   bool
	Lo, Hi float64
	Rows   int64
}

type spreadRow struct {
	Width *float64 `weft:"width"`
	Rows  int64    `weft:"rows"`
}

var width = op.Fold("frame_test/width", op.Folding[pair, spread, spreadRow]{
	Init: func() spread { return spread{} },
	Update: func(s spread, p pair) (spread, error) {
		s.Rows++
		switch {
		case p.K == "bad":
			return s, errors.New("a bad key")
		case p.N == nil:
			return s, nil
		case !s.Some:
			s.Some, s.Lo, s.Hi = true, *p.N, *p.N
		}
		s.Lo, s.Hi = min(s.Lo, *p.N), max(s.Hi, *p.N)
		return s, nil
	},
	Merge: func(a, b spread) (spread, error) {
		a.Rows += b.Rows
		switch {
		case !b.Some:
		case !a.Some:
			a.Some, a.Lo, a.Hi = true, b.Lo, b.Hi
		default:
			a.Lo, a.Hi = min(a.Lo, b.Lo), max(a.Hi, b.Hi)
		}
		return a, nil
	},
	Finish: func(s spread) (spreadRow, error) {
		if !s.Some {
			return spreadRow{Rows: s.Rows}, nil
		}
		return spreadRow{Width: ptr(s.Hi - s.Lo), Rows: s.Rows}, nil
	},
})

// TestFold compares a user's aggregate with the aggregates there are, with many and
// with few groups, by threads and with little memory.
func TestFold(t *testing.T) {
	var list []pair
	for i := range 50_000 {
		p := pair{K: fmt.Sprint("k", i*7919%[]int{3, 20_011}[i%2])}
		if i%5 > 0 {
			p.N = ptr(math.Mod(float64(i)*1.37, 1000))
		}
		list = append(list, p)
	}
	in := frame.FromStructs(list).Repartition(7)
	for _, o := range effort.Some(2, []local.Options{{Threads: 1}, {Threads: 2}, {Threads: 8}, {Threads: 2, Pool: 40 << 20}}) {
		o.SpillDir = t.TempDir()
		r := local.New(o)
		for _, keys := range [][]any{{"k"}, {expr.Col("k").Str().Len().As("len")}, {}} {
			got := frame.Fold(in.GroupBy(keys...), width)
			want := in.GroupBy(keys...).Agg(frame.Max("n").As("hi"), frame.Min("n").As("lo"), frame.Count().As("rows"))
			cols := []any{expr.Col("hi").Sub(expr.Col("lo")).As("width"), "rows"}
			if len(keys) > 0 {
				name := got.Schema()[0].Name
				cols = append([]any{name}, cols...)
				got, want = got.Sort(name), want.Sort(name)
			}
			a, err := got.Collect(context.Background(), r)
			b, err2 := want.Select(cols...).Collect(context.Background(), r)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if x, y := lines(a), lines(b); !reflect.DeepEqual(x, y) || len(x) == 0 {
				t.Errorf("%+v: keys %v: %d rows, %.3q; want %d, %.3q", o, keys, len(x), x, len(y), y)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFoldEdges(t *testing.T) {
	r := roomy(t)
	ctx := context.Background()
	in := frame.FromStructs([]pair{{"a", nil}, {"b", ptr(1.0)}, {"b", ptr(math.NaN())}})
	none := in.Filter(frame.Col("k").Eq("z"))
	if got, err := frame.Decode[spreadRow](ctx, r, frame.Fold(none.GroupBy(), width)); err != nil || !reflect.DeepEqual(got, []spreadRow{{}}) {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	if got, err := frame.Decode[spreadRow](ctx, r, frame.Fold(none.GroupBy("k"), width)); err != nil || len(got) != 0 {
		t.Errorf("no groups: %v, %v", got, err)
	}
	closure := op.FoldClosure(op.Folding[pair, int64, struct{ N int64 }]{
		Init:   func() int64 { return 0 },
		Update: func(s int64, _ pair) (int64, error) { return s + 1, nil },
		Merge:  func(a, b int64) (int64, error) { return a + b, nil },
		Finish: func(s int64) (struct{ N int64 }, error) { return struct{ N int64 }{s}, nil },
	})
	if got, err := frame.Decode[struct{ N int64 }](ctx, r, frame.Fold(in.GroupBy("k"), closure).Sort("k")); err != nil || len(got) != 2 || got[1].N != 2 {
		t.Errorf("closure: %v, %v", got, err)
	}
	if _, err := frame.Fold(frame.FromStructs([]pair{{"bad", nil}}).GroupBy("k"), width).Collect(ctx, r); err == nil || !strings.Contains(err.Error(), "frame_test/width of rows: a bad key") {
		t.Errorf("%v: want the function and its error", err)
	}
	if err := frame.Fold(in.Select("k").GroupBy("k"), width).Err(); err == nil || !strings.Contains(err.Error(), `no column "n"`) || !strings.Contains(err.Error(), "functions_test.go") {
		t.Errorf("%v: want the column and the line", err)
	}
	if err := frame.Fold(in.Rename(map[string]string{"k": "rows"}).WithColumns(frame.Col("rows").As("k")).GroupBy("rows"), width).Err(); err == nil || !strings.Contains(err.Error(), "keys and result") {
		t.Errorf("%v: want the clash", err)
	}
}

var summary = arrow.NewSchema([]arrow.Field{{Name: "first", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "rows", Type: arrow.PrimitiveTypes.Int64}}, nil)

// summarize gives the first key and the number of the rows of a partition.
var summarize = frame.RecordFunction("frame_test/summarize", summary, func(_ context.Context, rec arrow.Record) (arrow.Record, error) {
	if rec.NumRows() == 0 {
		return nil, nil
	}
	k := rec.Column(0).(*array.String)
	if k.Value(0) == "bad" {
		return nil, errors.New("a bad key")
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, summary)
	b.Field(0).(*array.StringBuilder).Append(k.Value(0))
	b.Field(1).(*array.Int64Builder).Append(rec.NumRows())
	return b.NewRecord(), nil
})

func TestMapPartitions(t *testing.T) {
	r := roomy(t)
	ctx := context.Background()
	var list []pair
	for i := range 10_000 {
		list = append(list, pair{K: fmt.Sprint(i), N: ptr(1.0)})
	}
	in := frame.FromStructs(list)
	got, err := in.Repartition(4).MapPartitions(summarize).Collect(ctx, r)
	if want := []string{"0 2500", "2500 2500", "5000 2500", "7500 2500"}; err != nil || !reflect.DeepEqual(lines(got), want) {
		t.Errorf("%v, %v: want %v", lines(got), err, want)
	}
	got, err = in.Repartition(3).MapPartitions(summarize).Filter(frame.Col("rows").Gt(0)).GroupBy().Agg(frame.Sum("rows")).Collect(ctx, r)
	if err != nil || got.Value(0, 0) != int64(10_000) {
		t.Errorf("%v, %v", got, err)
	}
	same := frame.RecordFunction("", pairSchema, func(_ context.Context, rec arrow.Record) (arrow.Record, error) { return rec, nil })
	a, err := in.MapPartitions(same).Collect(ctx, r)
	b, _ := in.Collect(ctx, r)
	if err != nil || !reflect.DeepEqual(lines(a), lines(b)) {
		t.Errorf("the same rows: %v", err)
	}
	wrong := frame.RecordFunction("", summary, func(_ context.Context, rec arrow.Record) (arrow.Record, error) { return rec, nil })
	if _, err := in.MapPartitions(wrong).Collect(ctx, r); err == nil || !strings.Contains(err.Error(), "column 0 is k utf8, want first utf8") {
		t.Errorf("%v: want what is wrong", err)
	}
	if _, err := frame.FromStructs([]pair{{"bad", nil}}).MapPartitions(summarize).Collect(ctx, r); err == nil || !strings.Contains(err.Error(), "frame_test/summarize: a bad key") {
		t.Errorf("%v: want the function and its error", err)
	}
	small := local.New(local.Options{Threads: 1, Pool: 64 << 20, SpillDir: t.TempDir()})
	defer small.Close()
	big := in.Repartition(1).Cross(frame.FromColumns(frame.Values("m", make([]int64, 400)))).Select("k", "m")
	if _, err := big.Repartition(1).MapPartitions(summarize).Collect(ctx, small); err == nil || !strings.Contains(err.Error(), "divide it by Repartition") {
		t.Errorf("%v: want what to do about it", err)
	}
}

var pairSchema = arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)

// TestFunctionsInACluster: what has a name runs in any process of the program.
func TestFunctionsInACluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pairs.csv")
	var b strings.Builder
	b.WriteString("k,n\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "k%d,%d\n", i%7, i*31%1000)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	in := frame.ReadCSVWith(frame.CSVOptions{BlockBytes: 4 << 10, SplitBytes: 1 << 10}, path).WithColumns(frame.Col("n").Cast(dtype.Of(dtype.Float64)).As("n"))
	here, there := roomy(t), room{threads: 2, pool: 256 << 20, workers: 2}.open(t)
	for name, f := range map[string]*frame.Frame{
		"fold":       frame.Fold(in.GroupBy("k"), width).Sort("k"),
		"partitions": in.MapPartitions(summarize).Sort("rows", "first"),
		"rows":       frame.MapRows(in, double).Sort("k", "d"),
	} {
		a, err := f.Collect(context.Background(), here)
		c, err2 := f.Collect(context.Background(), there)
		if err != nil || err2 != nil || len(lines(a)) == 0 || !reflect.DeepEqual(lines(a), lines(c)) {
			t.Errorf("%s: %v, %v: %.3q here and %.3q there", name, err, err2, lines(a), lines(c))
		}
	}
}
