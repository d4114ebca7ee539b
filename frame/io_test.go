package frame_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched/local"
)

func runner(t testing.TB) *local.Runner {
	t.Helper()
	r := local.New(local.Options{Threads: 2, Pool: 256 << 20, SpillDir: t.TempDir()})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// everyType is a record of n rows with a column of every type, a third of all
// values null.
func everyType(n int) arrow.Record {
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}
	s := arrow.NewSchema([]arrow.Field{
		{Name: "bool", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "int8", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
		{Name: "int16", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		{Name: "int32", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "int64", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "uint8", Type: arrow.PrimitiveTypes.Uint8, Nullable: true},
		{Name: "uint16", Type: arrow.PrimitiveTypes.Uint16, Nullable: true},
		{Name: "uint32", Type: arrow.PrimitiveTypes.Uint32, Nullable: true},
		{Name: "uint64", Type: arrow.PrimitiveTypes.Uint64, Nullable: true},
		{Name: "float32", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
		{Name: "float64", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "utf8", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "dict", Type: dict, Nullable: true},
		{Name: "date", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: "local", Type: &arrow.TimestampType{Unit: arrow.Millisecond}, Nullable: true},
		{Name: "money", Type: &arrow.Decimal128Type{Precision: 20, Scale: 2}, Nullable: true},
		{Name: "full", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for i := range n {
		for c, f := range b.Fields() {
			if (i+c)%3 == 0 && c < len(b.Fields())-1 {
				f.AppendNull()
				continue
			}
			fill(f, i)
		}
	}
	return b.NewRecord()
}

// fill appends the i-th value of a type.
func fill(f array.Builder, i int) {
	switch x := f.(type) {
	case *array.BooleanBuilder:
		x.Append(i%2 == 0)
	case *array.Int8Builder:
		x.Append(int8(i - 100))
	case *array.Int16Builder:
		x.Append(int16(i - 1000))
	case *array.Int32Builder:
		x.Append(int32(i - 10000))
	case *array.Int64Builder:
		x.Append(math.MinInt64 + int64(i))
	case *array.Uint8Builder:
		x.Append(uint8(255 - i))
	case *array.Uint16Builder:
		x.Append(uint16(math.MaxUint16 - i))
	case *array.Uint32Builder:
		x.Append(uint32(math.MaxUint32 - i))
	case *array.Uint64Builder:
		x.Append(math.MaxUint64 - uint64(i))
	case *array.Float32Builder:
		x.Append(float32(i) / 3)
	case *array.Float64Builder:
		x.Append([]float64{1.0 / 3, math.Inf(1), math.NaN(), math.Copysign(0, -1), math.MaxFloat64}[i%5])
	case *array.StringBuilder:
		x.Append([]string{"", "a,b", "say \"hi\"", "two\nlines", strings.Repeat("long ", 9), "ünï"}[i%6])
	case *array.BinaryDictionaryBuilder:
		if err := x.AppendString([]string{"red", "green", "blue", ""}[i%4]); err != nil {
			panic(err)
		}
	case *array.Date32Builder:
		x.Append(arrow.Date32(i*100 - 1000))
	case *array.TimestampBuilder:
		x.Append(arrow.Timestamp(int64(i)*123_456_789_000 - 1_000_000))
	case *array.Decimal128Builder:
		x.Append(decimal128.FromI64(int64(i)*123_456_789_012 - 5))
	default:
		panic(fmt.Sprintf("%T", f))
	}
}

// same fails unless two tables have equal columns, types and values, bit for bit.
func same(t *testing.T, got, want *frame.Table) {
	t.Helper()
	if got.NumRows() != want.NumRows() || len(got.Schema) != len(want.Schema) {
		t.Fatalf("%d rows of %v, want %d of %v", got.NumRows(), got.Schema, want.NumRows(), want.Schema)
	}
	for c, f := range want.Schema {
		if g := got.Schema[c]; g.Name != f.Name || g.Type != f.Type {
			t.Errorf("column %d is %v, want %v", c, g, f)
		}
	}
	for i := range int(want.NumRows()) {
		for c, v := range want.Row(i) {
			x := got.Value(i, c)
			if f, ok := v.(float64); ok {
				if y, ok := x.(float64); ok && (math.Float64bits(y) == math.Float64bits(f) || y != y && f != f) {
					continue
				}
			}
			if at, ok := v.(time.Time); ok {
				if y, ok := x.(time.Time); ok && y.Equal(at) {
					continue
				}
			}
			if x != v {
				t.Fatalf("row %d, %s: %v (%T), want %v (%T)", i, want.Schema[c], x, x, v, v)
			}
		}
	}
}

func collect(t *testing.T, f *frame.Frame, r graph.Runner) *frame.Table {
	t.Helper()
	tab, err := f.Collect(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestEveryTypeThereAndBack(t *testing.T) {
	ctx, r := context.Background(), runner(t)
	recs := []arrow.Record{everyType(50), everyType(0), everyType(1), everyType(100).NewSlice(37, 99)}
	f := frame.FromRecords(recs...)
	want := collect(t, f, r)
	n := int64(0)
	for _, rec := range recs {
		n += rec.NumRows()
	}
	if want.NumRows() != n {
		t.Fatalf("%d rows, want %d", want.NumRows(), n)
	}
	if got := want.Value(50+1+2, want.Schema.Index("dict")); got != "blue" && got != nil {
		t.Errorf("dictionary value %v", got)
	}
	t.Run("records", func(t *testing.T) { same(t, collect(t, want.Frame(), r), want) })
	t.Run("parquet", func(t *testing.T) {
		for _, o := range []frame.ParquetOptions{{}, {Codec: "snappy", RowGroupRows: 7}, {Codec: "none", RowGroupRows: 1}} {
			path := filepath.Join(t.TempDir(), "t.parquet")
			if rows, err := f.WriteParquetWith(ctx, r, path, o); err != nil || rows != n {
				t.Fatalf("%+v: %d rows, %v", o, rows, err)
			}
			same(t, collect(t, frame.ReadParquet(path), r), want)
		}
	})
	t.Run("csv", func(t *testing.T) {
		for _, name := range []string{"t.csv", "t.tsv", "t.csv.gz", "t.csv.zst"} {
			path := filepath.Join(t.TempDir(), name)
			if rows, err := f.WriteCSV(ctx, r, path); err != nil || rows != n {
				t.Fatalf("%s: %d rows, %v", name, rows, err)
			}
			o := frame.CSVOptions{Types: map[string]dtype.Type{}}
			for _, c := range want.Schema {
				o.Types[c.Name] = c.Type
			}
			same(t, collect(t, frame.ReadCSVWith(o, path), r), want)
		}
	})
}

// Every verb that carries values must carry all types.
func TestEveryTypeThroughVerbs(t *testing.T) {
	r := runner(t)
	rec := everyType(60)
	f := frame.FromRecords(rec)
	all := collect(t, f, r)
	t.Run("sort", func(t *testing.T) {
		for _, c := range all.Schema.Names() {
			got := collect(t, f.Sort(frame.Desc(c)), r)
			back := collect(t, got.Frame().Sort("full"), r)
			same(t, back, all)
		}
	})
	t.Run("join", func(t *testing.T) {
		right := f.Rename(map[string]string{"full": "key"})
		got := collect(t, f.Select("full").JoinOn(right, frame.JoinOn{Left: []string{"full"}, Right: []string{"key"}}).Drop("full"), r)
		back := collect(t, got.Frame().Rename(map[string]string{"key": "full"}).Select(anyNames(all)...).Sort("full"), r)
		same(t, back, all)
	})
	t.Run("first", func(t *testing.T) {
		var aggs []frame.Aggregate
		for _, c := range all.Schema.Names()[:len(all.Schema)-1] {
			aggs = append(aggs, frame.First(c))
		}
		got := collect(t, f.GroupBy("full").Agg(aggs...).Select(anyNames(all)...).Sort("full"), r)
		same(t, got, all)
	})
	t.Run("keys", func(t *testing.T) {
		for _, c := range all.Schema.Names() {
			words := map[string]bool{}
			for i := range int(all.NumRows()) {
				words[frame.Word(all.Value(i, all.Schema.Index(c)), all.Schema[all.Schema.Index(c)].Type)] = true
			}
			if got := collect(t, f.Distinct(c), r); got.NumRows() != int64(len(words)) {
				t.Errorf("%s: %d distinct values, want %d", c, got.NumRows(), len(words))
			}
			n := collect(t, f.Join(f.Distinct(c), frame.Semi, c), r).NumRows()
			valid := collect(t, f.Filter(frame.Col(c).IsNotNull()), r).NumRows()
			if n != valid {
				t.Errorf("%s: %d rows meet their own keys, want %d", c, n, valid)
			}
		}
	})
}

func anyNames(t *frame.Table) []any {
	var out []any
	for _, n := range t.Schema.Names() {
		out = append(out, n)
	}
	return out
}

func TestFromRecordsMistakes(t *testing.T) {
	list := array.NewListBuilder(memory.DefaultAllocator, arrow.FixedWidthTypes.MonthInterval)
	list.AppendNull()
	nested := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "l", Type: list.Type()}}, nil), []arrow.Array{list.NewArray()}, 1)
	other := everyType(1).NewSlice(0, 1)
	cases := map[string]struct {
		f    *frame.Frame
		want string
	}{
		"none":    {frame.FromRecords(), "no records"},
		"nested":  {frame.FromRecords(nested), "not supported"},
		"schemas": {frame.FromRecords(other, nested), "record 1 has schema"},
	}
	for name, c := range cases {
		if err := c.f.Err(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "io_test.go:") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIterateStopsEarly(t *testing.T) {
	r := runner(t)
	path := filepath.Join(t.TempDir(), "n.csv")
	var b strings.Builder
	b.WriteString("n\n")
	for i := range 20000 {
		fmt.Fprintln(&b, i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f := frame.ReadCSVWith(frame.CSVOptions{SplitBytes: 128, BlockBytes: 512}, path)
	before := runtime.NumGoroutine()
	seen := 0
	for rec, err := range f.Iterate(context.Background(), r) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(rec.NumRows()) {
			if got := rec.Column(0).(*array.Int64).Value(i); got != int64(seen) {
				t.Fatalf("row %d is %d", seen, got)
			}
			seen++
		}
		if seen > 100 {
			break
		}
	}
	if seen <= 100 || seen > 2000 {
		t.Errorf("saw %d rows", seen)
	}
	r.Wait()
	if used := r.Node().Pool().Used(); used != 0 {
		t.Errorf("%d bytes are still in use", used)
	}
	n := runtime.NumGoroutine()
	for range 1000 { // those that have said that they are done may still be there
		if n <= before+1 {
			break
		}
		time.Sleep(5 * time.Millisecond)
		n = runtime.NumGoroutine()
	}
	if n > before+1 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	if n, err := f.Count(context.Background(), r); err != nil || n != 20000 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestIterateGivesErrorsLast(t *testing.T) {
	r := runner(t)
	f := small(t, "k,s\n1,a\n2,b\n").Select(frame.Col("s").Cast(dtype.Of(dtype.Int64)).As("n"))
	var errs []error
	for rec, err := range f.Iterate(context.Background(), r) {
		if rec != nil {
			t.Error("a row came")
		}
		errs = append(errs, err)
	}
	if len(errs) != 1 || errs[0] == nil || !strings.Contains(errs[0].Error(), `"a" does not convert to int64`) {
		t.Errorf("errors %v", errs)
	}
}

func TestCancelledContextEndsARun(t *testing.T) {
	r := runner(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("the user went away")
	cancel(why)
	if _, err := small(t, "k\n1\n").Collect(ctx, r); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A file that cannot be written completely is not written at all.
func TestWritesAreAtomic(t *testing.T) {
	ctx, r := context.Background(), runner(t)
	bad := small(t, "k,s\n1,2\n2,x\n").Select(frame.Col("s").Cast(dtype.Of(dtype.Int64)).As("n"))
	good := small(t, "k,s\n1,2\n2,x\n")
	writers := map[string]func(f *frame.Frame, path string) (int64, error){
		"t.csv":     func(f *frame.Frame, path string) (int64, error) { return f.WriteCSV(ctx, r, path) },
		"t.csv.gz":  func(f *frame.Frame, path string) (int64, error) { return f.WriteCSV(ctx, r, path) },
		"t.parquet": func(f *frame.Frame, path string) (int64, error) { return f.WriteParquet(ctx, r, path) },
	}
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if n, err := write(bad, path); err == nil || n != 0 {
				t.Errorf("wrote %d rows: %v", n, err)
			}
			listing(t, dir)
			if n, err := write(good, path); err != nil || n != 2 {
				t.Fatalf("wrote %d rows: %v", n, err)
			}
			listing(t, dir, name)
			old, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := write(bad, path); err == nil {
				t.Error("a bad table was written")
			}
			now, err := os.ReadFile(path)
			if err != nil || string(now) != string(old) {
				t.Errorf("the file that was there has changed: %v", err)
			}
			listing(t, dir, name)
			if n, err := write(good.Filter(frame.Col("k").Gt(9)), path); err != nil || n != 0 {
				t.Errorf("no rows: wrote %d: %v", n, err)
			}
			if _, err := write(good, filepath.Join(dir, "no such folder", name)); err == nil || !strings.Contains(err.Error(), "no such folder") {
				t.Errorf("a folder that is not there: %v", err)
			}
			if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm()&0o044 == 0 {
				t.Errorf("only its owner can read the file: %v, %v", st.Mode(), err)
			}
		})
	}
}

// listing fails unless a folder holds the given files and no others.
func listing(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func TestReadMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty, text := write("empty.csv", ""), write("text.parquet", "this is not Parquet, whatever its name says")
	gz := write("cut.csv.gz", "\x1f\x8b\x08\x00\x00\x00\x00\x00")
	one, two := write("one.csv", "a,b\n1,2\n"), write("two.csv", "a,c\n1,2\n")
	cases := map[string]struct {
		f    *frame.Frame
		want string
	}{
		"missing csv":     {frame.ReadCSV(filepath.Join(dir, "none.csv")), "none.csv"},
		"missing parquet": {frame.ReadParquet(filepath.Join(dir, "none.parquet")), "none.parquet"},
		"no match":        {frame.ReadCSV(filepath.Join(dir, "none-*.csv")), "none-*.csv"},
		"no paths":        {frame.ReadCSV(), "no"},
		"folder":          {frame.ReadCSV(dir), dir},
		"empty":           {frame.ReadCSV(empty), "empty.csv"},
		"not parquet":     {frame.ReadParquet(text), "text.parquet"},
		"cut gzip":        {frame.ReadCSV(gz), "cut.csv.gz"},
	}
	for name, c := range cases {
		err := c.f.Err()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "io_test.go:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := frame.ReadCSV(one, two).Schema().String(); s != "a int64?, b int64?, c int64?" {
		t.Errorf("two headers: %s", s)
	}
}

// A file that changes between the plan and its run is an error, not other data.
func TestFilesThatChangeAreRefused(t *testing.T) {
	r := runner(t)
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := frame.ReadCSV(path)
	if err := os.WriteFile(path, []byte("a\n1\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Collect(context.Background(), r); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

func TestFilesTogether(t *testing.T) {
	r := runner(t)
	dir := t.TempDir()
	for i, text := range []string{"a,b\n1,x\n", "a,b\n2,\n3,y\n", "a,b\n"} {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("part-%d.csv", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := frame.ReadCSV(filepath.Join(dir, "part-*.csv"))
	if got := lines(collect(t, f, r)); !slices.Equal(got, []string{"1 x", "2 null", "3 y"}) {
		t.Errorf("got %q", got)
	}
	for i := range 2 {
		part := f.Filter(frame.Col("a").Gt(int64(i)))
		if _, err := part.WriteParquet(context.Background(), r, filepath.Join(dir, fmt.Sprintf("part-%d.parquet", i))); err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(collect(t, frame.ReadParquet(filepath.Join(dir, "part-*.parquet")), r)); len(got) != 5 {
		t.Errorf("got %q", got)
	}
}

func TestTable(t *testing.T) {
	r := runner(t)
	var b strings.Builder
	b.WriteString("n,text\n")
	for i := range 30 {
		fmt.Fprintf(&b, "%d,\"line one\nof %d %s\"\n", i, i, strings.Repeat("x", i*3))
	}
	tab := collect(t, small(t, b.String()), r)
	s := tab.String()
	for _, want := range []string{"30 rows × 2 columns", "int64", "utf8", "⏎", "…", " 29 "} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
	if strings.Contains(s, " 15 ") || strings.Count(s, "\n") > 30 {
		t.Errorf("too long:\n%s", s)
	}
	hostile := collect(t, small(t, "\"a\x1b[2J\"\n\"\x1b[31m red\"\n"), r)
	if s := hostile.String() + hostile.HTML(); strings.Contains(s, "\x1b") || strings.Count(s, "\uFFFD[31m red") != 2 {
		t.Errorf("a terminal would obey %q", s)
	}
	none := collect(t, tab.Frame().Filter(frame.Lit(false)), r)
	if none.NumRows() != 0 || !strings.Contains(none.String(), "0 rows × 2 columns") {
		t.Errorf("got\n%s", none)
	}
	if got := collect(t, none.Frame(), r); got.NumRows() != 0 || len(got.Schema) != 2 {
		t.Errorf("got\n%s", got)
	}
}

// TestTimesOfOperators measures a plan whose later operators cost more than the earlier ones, which hand on what they
// kept back when their input has ended: no time may be taken off theirs for that.
func TestTimesOfOperators(t *testing.T) {
	r := runner(t)
	list := make([]string, 50_000)
	for i := range list {
		list[i] = fmt.Sprint("name ", i)
	}
	right := frame.FromColumns(frame.Values("name", list), frame.Values("again", list))
	f := frame.FromColumns(frame.Values("name", list[:9])).Join(right, frame.Full, "name").
		WithColumns(frame.Col("again").Str().ReplaceRe("[0-9]+(.*)", "$1").As("text"))
	for range 5 {
		rep, err := f.Analyze(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range rep.Layers {
			if l.Time < 0 {
				t.Fatalf("%s took %s\n%s", l.Name, l.Time, rep.After)
			}
		}
	}
}

// Analyze gives the figures of the plan, Explain runs nothing.
func TestExplainAndAnalyze(t *testing.T) {
	ctx, r := context.Background(), runner(t)
	f := small(t, "k,x\n1,2\n2,3\n").Filter(frame.Col("k").Gt(1)).GroupBy("k").Agg(frame.Sum("x"))
	rep, err := f.Explain(ctx, r)
	if err != nil || !strings.Contains(rep.Before, "filter") || !strings.Contains(rep.After, "k > 1") || rep.Picture == "" {
		t.Errorf("%v\n%s\n%s", err, rep.Before, rep.After)
	}
	rep, err = f.Analyze(ctx, r)
	if err != nil || len(rep.Layers) == 0 || rep.Wall <= 0 {
		t.Errorf("%v: %+v", err, rep)
	}
	seen := make(chan graph.Progress, 100)
	if _, err := f.Collect(ctx, r, frame.WithProgress(func(p graph.Progress) { seen <- p })); err != nil {
		t.Error(err)
	}
	if p := <-seen; p.Total == 0 { // the last report may come after the run
		t.Errorf("progress %+v", p)
	}
	if _, err := f.Collect(ctx, r, frame.Without("no such pass")); err == nil {
		t.Error("a pass that does not exist was left out")
	}
	if _, err := f.Collect(ctx, nil); err == nil || !strings.Contains(err.Error(), "no runner") {
		t.Errorf("without a runner: %v", err)
	}
}

// TestFixedZones writes and shows times of a zone that is hours and minutes, as other writers of Arrow have it.
func TestFixedZones(t *testing.T) {
	typ := &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "+05:45"}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "at", Type: typ}}, nil))
	b.Field(0).(*array.TimestampBuilder).Append(1_000_000_000_000)
	f := frame.FromRecords(b.NewRecord())
	tab, err := f.Collect(t.Context(), runner(t))
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := tab.Value(0, 0).(time.Time); !ok || at.Format(time.RFC3339) != "2001-09-09T07:31:40+05:45" {
		t.Errorf("%v", tab.Value(0, 0))
	}
	path := filepath.Join(t.TempDir(), "x.ndjson")
	if _, err := f.WriteJSON(t.Context(), runner(t), path); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "07:31:40.000+05:45") {
		t.Errorf("%s, %v", text, err)
	}
}
