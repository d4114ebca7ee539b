package frame_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	warray "github.com/weft-data/weft/array"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/sched/local"
)

// nested is everyType with columns of lists, structs and times.
func nested(n int) arrow.Record {
	pair := arrow.StructOf(arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int16, Nullable: true}, arrow.Field{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true})
	types := []arrow.DataType{arrow.ListOf(arrow.PrimitiveTypes.Int32), arrow.ListOf(arrow.BinaryTypes.String), arrow.ListOf(arrow.FixedWidthTypes.Boolean), pair,
		arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Duration_ns, arrow.BinaryTypes.Binary}
	flat := everyType(n)
	fields, cols := flat.Schema().Fields(), slices.Clone(flat.Columns())
	for c, t := range types {
		b := array.NewBuilder(memory.DefaultAllocator, t)
		for i := range n {
			if (i+c)%3 == 0 {
				b.AppendNull()
				continue
			}
			switch x := b.(type) {
			case *array.ListBuilder:
				x.Append(true)
				for k := range i % 4 {
					if (i+k)%5 == 0 {
						x.ValueBuilder().AppendNull()
					} else {
						fill(x.ValueBuilder(), i*k)
					}
				}
			case *array.StructBuilder:
				x.Append(true)
				fill(x.FieldBuilder(0), i)
				x.FieldBuilder(1).AppendNull()
			case *array.Time32Builder:
				x.Append(arrow.Time32(i))
			case *array.Time64Builder:
				x.Append(arrow.Time64(i))
			case *array.DurationBuilder:
				x.Append(arrow.Duration(i))
			case *array.BinaryBuilder:
				x.Append(make([]byte, i%20))
			}
		}
		fields, cols = append(fields, arrow.Field{Name: fmt.Sprint("n", c), Type: t, Nullable: true}), append(cols, b.NewArray())
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(n))
}

// plansOfMemory are plans over the rows of nested in files of three formats, for what writes values to memory in its own way.
func plansOfMemory(t *testing.T, dir string, n int) map[string]*frame.Frame {
	c, r := frame.Col, runner(t)
	all := frame.FromRecords(nested(n))
	flat := frame.FromRecords(everyType(n))
	ctx := context.Background()
	var err [4]error
	_, err[0] = all.WriteParquet(ctx, r, dir+"/in.parquet")
	_, err[1] = all.WriteArrowWith(ctx, r, dir+"/in.arrow", frame.ArrowOptions{Rows: 777})
	_, err[2] = flat.Drop("local").WriteCSV(ctx, r, dir+"/in.csv")
	_, err[3] = flat.Drop("local", "money").WriteJSON(ctx, r, dir+"/in.json")
	for _, e := range err {
		if e != nil {
			t.Fatal(e)
		}
	}
	numbers := flat.Select("bool", "int8", "int32", "int64", "uint16", "float32", "float64", "utf8", "dict", "at", "full")
	computed := numbers.WithColumns(c("int32").Mul(3).Add(c("int8")).As("i"), c("float64").Div(c("float32")).As("f"), c("int32").Lt(c("uint16")).Or(c("bool")).As("b"),
		expr.If(c("int8").Gt(0)).Then(c("int32")).Else(nil).As("if"), c("int32").Cast(dtype.Of(dtype.Utf8)).As("text"), c("int8").Cast(dtype.Of(dtype.Float64)).As("cast"), c("bool").Not().As("not"), c("float64").IsNull().As("null"))
	few := numbers.Filter(c("full").Gt(frame.Lit(-9_223_372_036_854_775_700))).Rename(map[string]string{"bool": "b2", "int8": "i8", "int64": "i64"}).Select("full", "b2", "i8", "i64")
	keys := numbers.WithColumns(c("int32").Mod(7).As("key"))
	out := map[string]*frame.Frame{
		"all": all, "parquet": frame.ReadParquet(dir + "/in.parquet"), "arrow": frame.ReadArrow(dir + "/in.arrow"), "csv": frame.ReadCSV(dir + "/in.csv"), "json": frame.ReadJSON(dir + "/in.json"),
		"filtered": all.Filter(c("int8").Gt(3)), "from file": frame.ReadParquet(dir + "/in.parquet").Filter(c("int32").Lt(-9_000)), "sliced": all.Slice(65, 700), "head": all.Head(1), "none": all.Filter(c("int8").Gt(1000)),
		"computed": computed, "sorted": numbers.Sort("utf8", frame.Desc("int32")), "top": numbers.TopK(20, "float64"), "distinct": numbers.Distinct("bool", "int8"),
		"left": numbers.Join(few, frame.Left, "full"), "outer": few.Join(numbers.Drop("bool"), frame.Full, "full"),
		"groups": keys.GroupBy("key", "dict").Agg(frame.Sum("int32").As("s"), frame.Mean("float32").As("m"), frame.Std("int8").As("d"), frame.Min("utf8").As("t"), frame.Max("float64").As("x"), frame.First("bool").As("b"),
			frame.Last("at").As("l"), frame.CountDistinct("utf8").As("n"), frame.Median("int8").As("q"), frame.List("int8").As("all"), frame.Corr("int8", "float32").As("r")).Sort("key", "dict"), // groups are in no order
		"window":   numbers.Window(frame.Over{By: []string{"dict"}, Order: []any{"full"}}, frame.Lag("int64", 2).As("lag"), frame.Lead("bool", 1).As("lead"), frame.FillForward("int8").As("filled")),
		"exploded": all.Select("full", "n0", "bool").Explode("n0"), "shifted": numbers.Shift(3, "int8", "bool", "utf8"), "concat": numbers.Select("full", "bool").Concat(numbers.Select("full", "bool")),
		"unpivot": numbers.Unpivot(frame.Unpivoted{Keep: []string{"full"}, Columns: []string{"int8", "int32"}}), "filled": numbers.FillNullForward("bool", "int32", "utf8"),
	}
	if n == 0 { // a file without a line has no columns
		delete(out, "json")
	}
	return out
}

// sinks write a frame in every format, some in several ways.
func sinks(t *testing.T, f *frame.Frame, dir string) {
	ctx := context.Background()
	r := local.New(local.Options{Threads: 2, Pool: 64 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	done := func(_ int64, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	done(f.WriteArrow(ctx, r, dir+"/x.arrow"))
	done(f.WriteArrowWith(ctx, r, dir+"/x.arrows", frame.ArrowOptions{Stream: true, Rows: 333}))
	done(f.WriteArrowWith(ctx, r, dir+"/x.zstd.arrow", frame.ArrowOptions{Codec: "zstd"}))
	done(f.WriteArrowWith(ctx, r, dir+"/x.lz4.arrow", frame.ArrowOptions{Codec: "lz4"}))
	done(f.WriteParquet(ctx, r, dir+"/x.parquet"))
	done(f.WriteParquetWith(ctx, r, dir+"/x.none.parquet", frame.ParquetOptions{Codec: "none", PageV2: true, RowGroupRows: 500}))
	tab, err := f.Collect(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	var kept bytes.Buffer // as the user's own program would write it
	if len(tab.Records) > 0 {
		w := ipc.NewWriter(&kept, ipc.WithSchema(tab.Records[0].Schema()))
		for _, rec := range tab.Records {
			if err := w.Write(rec); err != nil {
				t.Fatal(err)
			}
		}
	}
	done(0, os.WriteFile(dir+"/collected", kept.Bytes(), 0o666))
}

// TestNothingOfMemory holds that files are of their rows alone, and not of what was in the memory they were made in.
func TestNothingOfMemory(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	defer mem.Poison(0)
	for _, n := range effort.Some(1, []int{1500, 0, 1, 5000}) {
		in := t.TempDir()
		mem.Poison(0)
		for name, f := range plansOfMemory(t, in, n) {
			want, wrong := map[string][]byte{}, map[string]bool{}
			for _, with := range []byte{0x55, 0xaa} {
				dir := t.TempDir()
				mem.Poison(with)
				sinks(t, f, dir)
				for path, raw := range contents(t, dir) {
					if old, ok := want[path]; !ok {
						want[path] = raw
					} else if !bytes.Equal(raw, old) {
						wrong[path] = true
					}
				}
			}
			if len(wrong) > 0 {
				t.Errorf("%s, %d rows: memory is seen in %v", name, n, slices.Sorted(maps.Keys(wrong)))
			}
		}
	}
}

// contents reads the files of a folder.
func contents(t *testing.T, dir string) map[string][]byte {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out[path[len(dir):]], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNothingOfMemoryInArrays is TestNothingOfMemory for what frames write as arrays.
func TestNothingOfMemoryInArrays(t *testing.T) {
	defer mem.Poison(0)
	ctx, c := context.Background(), frame.Col
	for name, cols := range map[string][]string{"floats": {"float64", "float32"}, "bools": {"null", "other"}, "ints": {"full", "full2"}} {
		f := frame.FromRecords(everyType(1501)).WithColumns(c("int8").IsNull().As("null"), c("int16").IsNotNull().As("other"), c("full").Add(1).As("full2")).Filter(c("full").Ne(0))
		var want map[string][]byte
		for _, with := range []byte{0x55, 0xaa} {
			mem.Poison(with)
			dir, r := t.TempDir(), runner(t)
			x, err := f.Array(2, cols...).ComputeChunkSizes(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := x.WriteNPY(ctx, r, dir+"/x.npy"); err != nil {
				t.Fatal(err)
			}
			for i, o := range []warray.ZarrOptions{{}, {Codec: "none", Chunks: []int{100, 1}}, {Version: 2, Codec: "lz4", Chunks: []int{77, 1}}, {Chunks: []int{64, 1}, Shards: []int{640, 1}}} {
				if err := x.WriteZarr(ctx, r, fmt.Sprint(dir, "/", i, ".zarr"), o); err != nil {
					t.Fatal(err)
				}
			}
			got := contents(t, dir)
			if want == nil {
				want = got
			}
			if !maps.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%s: memory of %#x is seen", name, with)
			}
		}
	}
}
