package ipc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/sched/local"
)

func runner(t testing.TB, threads int) graph.Runner {
	r := local.New(local.Options{Threads: threads, Memory: 256 << 20})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// sample is n rows of several types with nulls, the text of one column as a dictionary.
func sample(n int) arrow.Record {
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}
	s := arrow.NewSchema([]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "d", Type: dict, Nullable: true}, {Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for i := range n {
		if i%7 == 3 {
			for _, f := range b.Fields() {
				f.AppendNull()
			}
			continue
		}
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append(strings.Repeat("x", i%40))
		_ = b.Field(2).(*array.BinaryDictionaryBuilder).AppendString([]string{"red", "green", "blue"}[i%3])
		b.Field(3).(*array.BooleanBuilder).Append(i%2 == 0)
		l := b.Field(4).(*array.ListBuilder)
		l.Append(true)
		for k := range i % 4 {
			l.ValueBuilder().(*array.Int32Builder).Append(int32(k))
		}
	}
	return b.NewRecord()
}

func texts(t testing.TB, f *frame.Frame, r graph.Runner) string {
	t.Helper()
	tab, err := f.Collect(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range int(tab.NumRows()) {
		for c := range tab.Schema {
			b.WriteString(fmt.Sprint(cell(tab, i, c)) + "|")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestRoundTrip writes files and streams in every codec and reads them with one thread and two.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{0, 1, 10000} {
		src := frame.FromRecords(sample(n))
		want := texts(t, src, runner(t, 1))
		for _, o := range []frame.ArrowOptions{{}, {Codec: "lz4", Rows: 1000}, {Codec: "zstd", Stream: true, Rows: 333}, {Stream: true}} {
			path := filepath.Join(dir, "x.arrow")
			rows, err := src.WriteArrowWith(context.Background(), runner(t, 2), path, o)
			if err != nil || rows != int64(n) {
				t.Fatalf("%+v: %d rows, %v", o, rows, err)
			}
			if got, want := records(t, path), recordsOf(n, o.Rows); !slices.Equal(got, want) {
				t.Errorf("%+v: records of %v rows, want %v", o, got, want)
			}
			for threads := 1; threads <= 2; threads++ {
				if got := texts(t, frame.ReadArrow(path), runner(t, threads)); got != want {
					t.Fatalf("%+v, %d rows, %d threads: differs", o, n, threads)
				}
			}
			one := frame.ReadArrow(path).Filter(expr.Col("i").Gt(n-2)).Select("d", "i")
			if got, want := texts(t, one, runner(t, 2)), texts(t, src.Filter(expr.Col("i").Gt(n-2)).Select("d", "i"), runner(t, 1)); got != want {
				t.Errorf("%+v: %q, want %q", o, got, want)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("%v left behind, %v", left, err)
			}
		}
	}
}

// recordsOf is how many rows the records of n rows have: per each but the last, 2^16 when that is 0.
func recordsOf(n int, per int64) (out []int) {
	if per == 0 {
		per = 1 << 16
	}
	for ; n > 0; n -= out[len(out)-1] {
		out = append(out, min(n, int(per)))
	}
	return out
}

// records is how many rows the records of a file or stream have.
func records(t *testing.T, path string) (out []int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (*guard.IPCReader, error) { return guard.NewIPCStream(bytes.NewReader(raw), guard.IPCOptions{}) }
	if bytes.HasPrefix(raw, []byte("ARROW1")) {
		open = func() (*guard.IPCReader, error) {
			return guard.OpenIPC(bytes.NewReader(raw), int64(len(raw)), guard.IPCOptions{})
		}
	}
	in, err := open()
	for err == nil {
		var rec arrow.Record
		if rec, err = in.Next(); err == nil {
			out = append(out, int(rec.NumRows()))
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	return out
}

// TestDictionaries reads a stream of Arrow's writer whose records share a dictionary.
func TestDictionaries(t *testing.T) {
	var buf bytes.Buffer
	rec := sample(5000)
	w := ipc.NewWriter(&buf, ipc.WithSchema(rec.Schema()))
	for at := int64(0); at < 5000; at += 1000 {
		if err := w.Write(rec.NewSlice(at, at+1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/d.arrows"
	if err := os.WriteFile(path, buf.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	want := texts(t, frame.FromRecords(rec), runner(t, 1))
	if got := texts(t, frame.ReadArrow(path), runner(t, 2)); got != want {
		t.Error("differs")
	}
	if got := texts(t, frame.ReadArrow(path, path), runner(t, 2)); got != want+want {
		t.Error("twice differs")
	}
}

// TestErrors holds that mistakes and broken files are errors with the file's name.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.arrow")
	if err := os.WriteFile(bad, []byte("ARROW1 and nothing more"), 0o666); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text.csv")
	if err := os.WriteFile(text, []byte("some,columns\n1,2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.arrow")
	if _, err := frame.FromRecords(sample(3)).Select("i").WriteArrow(context.Background(), runner(t, 1), other); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good.arrow")
	if _, err := frame.FromRecords(sample(3)).WriteArrow(context.Background(), runner(t, 1), good); err != nil {
		t.Fatal(err)
	}
	two := filepath.Join(dir, "two.arrow")
	out, err := os.Create(two)
	if err != nil {
		t.Fatal(err)
	}
	x := arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64}
	if err := errors.Join(ipc.NewWriter(out, ipc.WithSchema(arrow.NewSchema([]arrow.Field{x, x}, nil))).Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]*frame.Frame{
		`two.arrow: two columns are called "x"`:                                 frame.ReadArrow(two),
		`text.csv: neither an Arrow file nor a stream: it begins with "some,c"`: frame.ReadArrow(text),
		"no such file": frame.ReadArrow(dir + "/none.arrow"), "is a folder without files": frame.ReadArrow(t.TempDir()), "bad.arrow": frame.ReadArrow(bad),
		"5 columns instead of 1": frame.ReadArrow(other, good), "no files": frame.ReadArrow(),
	} {
		if err := f.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := frame.FromRecords(sample(3)).WriteArrowWith(context.Background(), runner(t, 1), good, frame.ArrowOptions{Codec: "lzma"}); err == nil || !strings.Contains(err.Error(), `"lzma"`) {
		t.Errorf("%v", err)
	}
}

// TestOddTypes reads files of pyarrow's: types that become others, and a list without values that was cut from one that had
// some, whose offsets do not begin at 0.
func TestOddTypes(t *testing.T) {
	f := frame.ReadArrow(filepath.Join("testdata", "odd.arrow"))
	if got, want := f.Schema().String(), "view utf8?, bytes binary?, d32 decimal(7, 2)?, d64 decimal(18, 6)?, d256 decimal(38, 3)?, half float32?, runs utf8?, "+
		"dict decimal(10, 1)?, list list(decimal(3, 1))?, views list(int32)?, uuid binary?"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	rows := []string{
		"short|[97]|-1.25|-123456789012.345678|-1.500|5.9604645e-08|x|-2.5|[0.1 <nil>]|[1]|[0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0]|\n",
		"a text longer than twelve bytes|<nil>|<nil>|<nil>|<nil>|-6.097555e-05|x|0.5|[]|[2 3]|[0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1]|\n",
		"<nil>|[109 111 114 101 32 116 104 97 110 32 116 119 101 108 118 101 32 98 121 116 101 115 32 111 102 32 105 116]|99999.99|0.000001|" +
			"12345678901234567890123456789012345.678|1|<nil>|<nil>|<nil>|<nil>|[0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 2]|\n",
		"|[]|0.00|0.000000|0.000|<nil>|y|-2.5|[-0.1]|[]|<nil>|\n",
	}
	for threads := 1; threads <= 2; threads++ {
		if got, want := texts(t, f, runner(t, threads)), strings.Join(append(rows[:4:4], rows[1:]...), ""); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if got := texts(t, frame.ReadArrow(filepath.Join("testdata", "cut.arrow")), runner(t, 1)); got != "[]|\n[]|\n<nil>|\n" {
		t.Error(got)
	}
}

// TestIntegration reads what other implementations wrote: rows, or an error that names a type.
func TestIntegration(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "arrow-ipc", "arrow-ipc-stream", "integration")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("../shared/data/arrow-ipc is not there")
	}
	files, err := filepath.Glob(dir + "/*/*.arrow_file")
	if err != nil {
		t.Fatal(err)
	}
	r, read := runner(t, 2), 0
	for _, path := range files {
		f := frame.ReadArrow(path)
		if f.Err() != nil {
			if s := f.Err().Error(); !strings.Contains(s, filepath.Base(path)) || !strings.Contains(s, "support") && !strings.Contains(s, "two columns") && !strings.Contains(s, "decimals of") {
				t.Errorf("%v", s)
			}
			continue
		}
		a, err := f.Collect(context.Background(), r)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		b, err := frame.ReadArrow(strings.TrimSuffix(path, ".arrow_file")+".stream").Collect(context.Background(), r)
		if err != nil || a.NumRows() != b.NumRows() {
			t.Errorf("%s: %d rows, the stream %v", path, a.NumRows(), err)
			continue
		}
		read++
	}
	if read < 20 {
		t.Errorf("read %d files", read)
	}
}

// cell is a value, nested ones as Arrow writes them.
func cell(tab *frame.Table, i, c int) any {
	if v := tab.Value(i, c); v != nil {
		return v
	}
	for _, r := range tab.Records {
		if n := int(r.NumRows()); i >= n {
			i -= n
			continue
		}
		if a := r.Column(c); a.IsValid(i) {
			return a.ValueStr(i)
		}
		break
	}
	return nil
}
