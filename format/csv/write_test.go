package csv

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/numeral"
	"github.com/weft-data/weft/op"
)

// keep is the output of a breaker.
type keep struct{ batches []*chunk.Batch }

func (k *keep) Put(_ int, b *chunk.Batch) error { k.batches = append(k.batches, b); return nil }
func (k *keep) PutValue(chunk.Value) error      { return nil }

// writeBatches runs csv.write with two threads.
func writeBatches(t testing.TB, path string, o WriteOptions, schema dtype.Schema, morsels []*chunk.Batch) (int64, error) {
	t.Helper()
	return writeOn(t, 2, path, o, schema, morsels)
}

// writeOn runs csv.write with some threads.
func writeOn(t testing.TB, threads int, path string, o WriteOptions, schema dtype.Schema, morsels []*chunk.Batch) (int64, error) {
	t.Helper()
	call, _, err := Write.Call(WriteParams{Path: path, Options: o}, op.Meta{Schema: schema})
	if err != nil {
		return 0, err
	}
	bound, err := op.Of(call).Bind(call.Params, op.Meta{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	stage, err := bound.Pipe.Open(newTask(0, threads), nil)
	if err != nil {
		return 0, err
	}
	local, err := stage.Local()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range morsels {
		if err := local.Push(m, nil); err != nil {
			stage.Close()
			return 0, err
		}
	}
	if err := local.Close(nil, false); err != nil {
		t.Fatal(err)
	}
	var out keep
	if err := stage.Finish(&out); err != nil {
		return 0, err
	}
	return chunk.Values[int64](&out.batches[0].Cols[0])[0], stage.Close()
}

// random makes a vector of n values of a type, with nulls.
func random(r *rand.Rand, typ dtype.Type, n int) chunk.Vec {
	v := chunk.Vec{Type: typ, N: n, Valid: make([]uint64, chunk.Words(n))}
	for i := range v.Valid {
		v.Valid[i] = r.Uint64() | r.Uint64()
	}
	words := make([]uint64, n*max(1, typ.Width())/8+2)
	for i := range words {
		words[i] = r.Uint64() >> r.IntN(64)
	}
	v.Data = chunk.Bytes(words)
	switch typ.Kind {
	case dtype.Utf8, dtype.Binary:
		v.Data = nil
		v.Off = make([]int32, n+1)
		for i := range n {
			for range r.IntN(6) {
				v.Str = append(v.Str, []string{"a", "bc", ",", "\"", "\n", "\r", "NA", "é", "1", " "}[r.IntN(10)]...)
			}
			v.Off[i+1] = int32(len(v.Str))
		}
	case dtype.Float64:
		for i := range n {
			f := math.Float64frombits(r.Uint64())
			switch r.IntN(4) {
			case 0:
				f = float64(r.IntN(1000))
			case 1:
				f = float64(r.Int64N(1e9)) / 1e6
			case 2:
				f = -float64(r.Int64N(1e15)) / 1e3
			}
			chunk.Values[float64](&v)[i] = f
		}
	case dtype.Float32:
		for i := range n {
			chunk.Values[float32](&v)[i] = math.Float32frombits(r.Uint32())
		}
	case dtype.Date:
		for i := range n {
			chunk.Values[int32](&v)[i] = int32(firstDay + r.IntN(lastDay-firstDay+1))
		}
	case dtype.Timestamp:
		for i := range n {
			s := int64(firstDay+r.IntN(lastDay-firstDay+1))*86400 + r.Int64N(86400)
			if typ.Unit == dtype.Nano {
				s = r.Int64N(6e9)
			}
			chunk.Values[int64](&v)[i] = s*typ.Unit.PerSecond() + r.Int64N(typ.Unit.PerSecond())
		}
	case dtype.Decimal128:
		for i := range n {
			lo := r.Int64() >> r.IntN(60)
			chunk.Slice[uint64](v.Data, 2*n)[2*i] = uint64(lo)
			chunk.Slice[uint64](v.Data, 2*n)[2*i+1] = uint64(lo >> 63)
		}
	case dtype.Null:
		v.Data, v.Valid = nil, nil
	}
	return v
}

var everyType = []dtype.Type{
	dtype.Of(dtype.Utf8), dtype.Of(dtype.Bool), dtype.Of(dtype.Int8), dtype.Of(dtype.Int16), dtype.Of(dtype.Int32), dtype.Of(dtype.Int64),
	dtype.Of(dtype.Uint8), dtype.Of(dtype.Uint16), dtype.Of(dtype.Uint32), dtype.Of(dtype.Uint64), dtype.Of(dtype.Float32), dtype.Of(dtype.Float64),
	dtype.Of(dtype.Binary), dtype.Of(dtype.Date), dtype.TimestampOf(dtype.Second, ""), dtype.TimestampOf(dtype.Milli, ""), dtype.TimestampOf(dtype.Micro, "UTC"),
	dtype.TimestampOf(dtype.Nano, ""), dtype.DecimalOf(30, 4), dtype.Of(dtype.Null),
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var schema dtype.Schema
	types := map[string]dtype.Type{}
	for i, typ := range everyType {
		name := fmt.Sprintf("c%d, %s", i, typ)
		schema = append(schema, dtype.Field{Name: name, Type: typ, Nullable: true})
		types[name] = typ
	}
	for _, c := range []struct {
		name string
		o    WriteOptions
		read Options
	}{
		{"a.csv", WriteOptions{}, Options{Types: types}},
		{"a.tsv", WriteOptions{}, Options{Types: types}},
		{"a.csv.gz", WriteOptions{Null: "NA"}, Options{Types: types, Nulls: []string{"NA"}}},
		{"a.csv.zst", WriteOptions{Delimiter: ';', NoHeader: true}, Options{Types: types, Delimiter: ';', Header: No, Names: schema.Names()}},
	} {
		var morsels []*chunk.Batch
		var want [][]string
		for i := range 40 {
			m := &chunk.Batch{N: r.IntN(150), Seq: uint64(i)}
			for _, typ := range everyType {
				m.Cols = append(m.Cols, random(r, typ, m.N))
			}
			morsels = append(morsels, m)
			for k := range m.N {
				var row []string
				for c := range m.Cols {
					row = append(row, show(&m.Cols[c], k))
				}
				want = append(want, row)
			}
		}
		path := filepath.Join(t.TempDir(), c.name)
		rows, err := writeBatches(t, path, c.o, schema, morsels)
		if err != nil || rows != int64(len(want)) {
			t.Fatalf("%s: %d rows of %d, %v", c.name, rows, len(want), err)
		}
		got := mustCollect(t, describe(t, c.read, path))
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, want %d", c.name, len(got), len(want))
		}
		for i := range got {
			for k := range got[i] {
				if got[i][k] != want[i][k] {
					t.Fatalf("%s: row %d %s: %q, want %q", c.name, i, schema[k], got[i][k], want[i][k])
				}
			}
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestThreadsWriteTheSameText holds that a file depends neither on threads nor on morsels, with several pieces of text
// for each thread, compressed ones too.
func TestThreadsWriteTheSameText(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	r := rand.New(rand.NewPCG(5, 6))
	var schema dtype.Schema
	for i, typ := range everyType {
		schema = append(schema, dtype.Field{Name: fmt.Sprint("c", i), Type: typ, Nullable: true})
	}
	const rows = 40_001
	whole := &chunk.Batch{N: rows}
	for _, typ := range everyType {
		whole.Cols = append(whole.Cols, random(r, typ, rows))
	}
	dir := t.TempDir()
	for _, name := range []string{"a.csv", "a.csv.gz", "a.csv.zst"} {
		var want []byte
		for _, c := range effort.Some(3, []struct{ threads, morsel int }{{1, 8192}, {1, 64}, {2, 4096}, {2, 640}, {5, 8256}, {3, 1 << 20}}) {
			var morsels []*chunk.Batch
			for lo := 0; lo < rows; lo += c.morsel {
				morsels = append(morsels, whole.Slice(lo, min(rows, lo+c.morsel)))
			}
			path := filepath.Join(dir, name)
			n, err := writeOn(t, c.threads, path, WriteOptions{}, schema, morsels)
			if err != nil || n != rows {
				t.Fatalf("%s: %d rows of %d, %v", name, n, rows, err)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) || len(got) < 1<<20 {
				t.Errorf("%s by %d threads in morsels of %d: %d other bytes, want %d", name, c.threads, c.morsel, len(got), len(want))
			}
		}
	}
}

func textVec(s ...string) chunk.Vec {
	v := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(s), Off: []int32{0}, Valid: []uint64{^uint64(0)}}
	for i, x := range s {
		if x == null {
			v.Valid[0] &^= 1 << i
		} else {
			v.Str = append(v.Str, x...)
		}
		v.Off = append(v.Off, int32(len(v.Str)))
	}
	return v
}

func TestOneColumnOfNullsAndText(t *testing.T) {
	schema := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	want := []string{null, "", "x", null, "\ufeffy", "\n", null}
	path := filepath.Join(t.TempDir(), "x.csv")
	if _, err := writeBatches(t, path, WriteOptions{}, schema, []*chunk.Batch{{N: len(want), Cols: []chunk.Vec{textVec(want...)}}}); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if string(text) != "a\n\n\"\"\nx\n\n\"\ufeffy\"\n\"\n\"\n\n" {
		t.Errorf("written as %q", text)
	}
	var got []string
	for _, r := range mustCollect(t, describe(t, Options{Types: map[string]dtype.Type{"a": dtype.Of(dtype.Utf8)}}, path)) {
		got = append(got, r[0])
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWriterLeavesNothingOnFailure(t *testing.T) {
	dir := t.TempDir()
	schema := dtype.Schema{{Name: "d", Type: dtype.Of(dtype.Date)}}
	far := &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: schema[0].Type, N: 1, Data: chunk.Bytes([]int32{lastDay + 1})}}}
	path := filepath.Join(dir, "x.csv")
	_, err := writeBatches(t, path, WriteOptions{}, schema, []*chunk.Batch{far})
	if err == nil || !strings.Contains(err.Error(), `column "d"`) {
		t.Errorf("a date in the year 10000: %v", err)
	}
	days := make([]int32, 30_000)
	days[20_000] = lastDay + 1
	late := &chunk.Batch{N: len(days), Cols: []chunk.Vec{{Type: schema[0].Type, N: len(days), Data: chunk.Bytes(days)}}}
	for _, name := range []string{"x.csv", "x.csv.zst"} { // after much that other threads have made, and some have written
		if _, err := writeOn(t, 3, filepath.Join(dir, name), WriteOptions{}, schema, []*chunk.Batch{late}); err == nil || !strings.Contains(err.Error(), `column "d"`) {
			t.Errorf("%s: a date in the year 10000 among others: %v", name, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, p := range []WriteParams{{Path: ""}, {Path: "x", Options: WriteOptions{Delimiter: '.'}}, {Path: "x", Options: WriteOptions{Delimiter: '"'}},
		{Path: "x", Options: WriteOptions{Delimiter: 'e'}}, {Path: "x", Options: WriteOptions{Null: "a,b"}}} {
		if _, _, err := Write.Call(p, op.Meta{Schema: schema}); err == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
	if _, err := writeBatches(t, dir, WriteOptions{}, schema, nil); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("writing a folder: %v", err)
	}
}

func TestFloatsAreShortest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	check := func(v float64) {
		t.Helper()
		s := string(numeral.AppendFloat(nil, v, 64))
		back, ok := parseFloat([]byte(s))
		if !ok || math.Float64bits(back) != math.Float64bits(v) && v == v {
			t.Fatalf("%b is written %s and read back as %b", v, s, back)
		}
		if v != v || math.IsInf(v, 0) {
			return
		}
		if std := strconv.FormatFloat(math.Abs(v), 'e', -1, 64); digitCount(s) > max(digitCount(std), 1) {
			t.Fatalf("%s has more digits than %s", s, std)
		}
	}
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 0.3, 1e15, 1e-6, 1e-7, 123456789.123456, 999999999.9999995, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1)} {
		check(v)
	}
	for range 30_000 {
		check(math.Float64frombits(r.Uint64()))
		check(float64(r.Int64N(1e16)) / 1e6)
		check(-math.Ldexp(r.Float64(), r.IntN(60)-30))
	}
}

// digitCount counts significant digits.
func digitCount(s string) int {
	m, _, _ := strings.Cut(s, "e")
	m = strings.Trim(strings.ReplaceAll(strings.TrimPrefix(m, "-"), ".", ""), "0")
	return len(m)
}

func TestFloatsParseAsStrconv(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	forms := []string{"%g", "%f", "%.3f", "%e", "%.17g", "%.0f", "%.1f", "%+.2f"}
	for range 50_000 {
		v := math.Ldexp(r.Float64()-0.5, r.IntN(120)-60)
		s := fmt.Sprintf(forms[r.IntN(len(forms))], v)
		want, _ := strconv.ParseFloat(s, 64)
		if got, ok := parseFloat([]byte(s)); !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s: %v %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "-", ".", "e1", "1e", "1e+", "0x10", "1_000", "1.2.3", "--1", "1 2", "in", "nane", "1e999"} {
		if v, ok := parseFloat([]byte(s)); ok {
			t.Errorf("%q is read as %v", s, v)
		}
	}
}

// TestNumericColumns compares the loops over columns with strconv.
func TestNumericColumns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	var text strings.Builder
	text.WriteString("i,f\n")
	var want [][]string
	for range 50_000 {
		i := r.Int64() >> r.IntN(64)
		f := strconv.FormatFloat(math.Ldexp(r.Float64()-0.5, r.IntN(80)-40), 'f', r.IntN(12), 64)
		fmt.Fprintf(&text, "%d,%s\n", i, f)
		v, _ := strconv.ParseFloat(f, 64)
		w := strconv.FormatFloat(v, 'g', -1, 64)
		want = append(want, []string{fmt.Sprint(i), w})
	}
	path := writeFile(t, "x.csv", text.String())
	types := map[string]dtype.Type{"i": dtype.Of(dtype.Int64), "f": dtype.Of(dtype.Float64)}
	got := mustCollect(t, describe(t, Options{Types: types}, path))
	for i := range want {
		if got[i][0] != want[i][0] || got[i][1] != want[i][1] {
			t.Fatalf("row %d: %q, want %q", i, got[i], want[i])
		}
	}
}

func TestDates(t *testing.T) {
	for day := int64(firstDay); day <= lastDay; day += 1 + day&7 {
		b, ok := appendDate(nil, day)
		got, okp := parseDate(b)
		if !ok || !okp || int64(got) != day {
			t.Fatalf("day %d is written %s and read back as %d", day, b, got)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	p, _, err := Describe(context.Background(), []string{benchFile(b, false)}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	src, err := newSource(p)
	if err != nil {
		b.Fatal(err)
	}
	feed, _ := src.Open(newTask(0, 1), nil)
	r, _ := feed.Reader()
	var batches []*chunk.Batch
	bld := chunk.NewBuilder(p.schema(), mem.Heap)
	for i := range min(8, feed.Splits()) {
		if err := r.Read(i, sinkFunc(func(m *chunk.Batch) error {
			err := bld.Append(m)
			out := bld.Flush()
			out.Seq = m.Seq
			batches = append(batches, out)
			return err
		})); err != nil {
			b.Fatal(err)
		}
	}
	path := filepath.Join(b.TempDir(), "out.csv")
	rows := int64(0)
	for b.Loop() {
		if rows, err = writeBatches(b, path, WriteOptions{}, p.schema(), batches); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

// TestDictionariesAreQuotedWhereNeeded writes codes of dictionaries with texts that must be quoted.
func TestDictionariesAreQuotedWhereNeeded(t *testing.T) {
	f := rowFormat{delim: ',', null: "NA"}
	schema := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Utf8)}}
	var out []byte
	for k, texts := range [][]string{{"plain", "a,b", "", "NA", `q"`}, {"x", "y\n"}, {"plain", "a,b", "", "NA", `q"`}} {
		v := chunk.Vec{Type: schema[0].Type, Off: []int32{0}, N: len(texts)}
		for _, s := range texts {
			v.Str = append(v.Str, s...)
			v.Off = append(v.Off, int32(len(v.Str)))
		}
		codes := make([]uint32, 2*len(texts))
		for i := range codes {
			codes[i] = uint32(i % len(texts))
		}
		col := chunk.Vec{Type: v.Type, N: len(codes), Data: chunk.Bytes(codes), Dict: chunk.NewDict(v)}
		if k == 2 {
			col.Valid = []uint64{^uint64(1)}
		}
		var err error
		if out, err = f.appendRows(out, &chunk.Batch{N: col.N, Cols: []chunk.Vec{col}}, schema); err != nil {
			t.Fatal(err)
		}
	}
	once := "plain\n\"a,b\"\n\"\"\n\"NA\"\n\"q\"\"\"\n"
	if want := once + once + strings.Repeat("x\n\"y\n\"\n", 2) + "NA" + once[5:] + once; string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
}
