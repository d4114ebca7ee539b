package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

func describe(t *testing.T, o Options, paths ...string) ReadParams {
	t.Helper()
	p, _, err := Describe(context.Background(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustCollect(t *testing.T, p ReadParams) [][]string {
	t.Helper()
	rows, err := collect(t, p, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// numbered makes a table whose third column has quoted newlines and delimiters now
// and then.
func numbered(n int) string {
	var b strings.Builder
	b.WriteString("n,half,text\n")
	for i := range n {
		text := fmt.Sprintf("t%d", i)
		switch {
		case i%97 == 5:
			text = fmt.Sprintf("\"a,%d\n\"\"b\"\"\"", i)
		case i%101 == 7:
			text = ""
		}
		fmt.Fprintf(&b, "%d,%g,%s\n", i, float64(i)/2, text)
	}
	return b.String()
}

func wantNumbered(i int) []string {
	text := fmt.Sprintf("t%d", i)
	switch {
	case i%97 == 5:
		text = fmt.Sprintf("a,%d\n\"b\"", i)
	case i%101 == 7:
		text = null
	}
	half := fmt.Sprintf("%d", i/2)
	if i%2 == 1 {
		half += ".5"
	}
	return []string{fmt.Sprint(i), half, text}
}

func checkNumbered(t *testing.T, rows [][]string, n int) {
	t.Helper()
	if len(rows) != n {
		t.Fatalf("%d rows, want %d", len(rows), n)
	}
	for i, r := range rows {
		if !slices.Equal(r, wantNumbered(i)) {
			t.Fatalf("row %d is %q, want %q", i, r, wantNumbered(i))
		}
	}
}

func TestSplitsAndBlocksOfALargeFile(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	path := writeFile(t, "big.csv", numbered(60_000))
	for _, o := range effort.Some(2, []Options{{}, {SplitBytes: 10_007, BlockBytes: 100_000}, {SplitBytes: 1 << 20, BlockBytes: 1 << 20}, {SplitBytes: 300, BlockBytes: 100_000}}) {
		p := describe(t, o, path)
		checkNumbered(t, mustCollect(t, p), 60_000)
		shuffled := func(n int) []int { return rand.New(rand.NewPCG(1, 1)).Perm(n) }
		rows, err := collect(t, p, 1000, shuffled)
		if err != nil {
			t.Fatal(err)
		}
		checkNumbered(t, rows, 60_000)
	}
	// The last block alone, with the state of everything before it unknown.
	p := describe(t, Options{SplitBytes: 10_000, BlockBytes: 100_000}, path)
	n := len(p.blocks())
	if n < 10 {
		t.Fatalf("%d blocks", n)
	}
	rows := mustCollect(t, keepBlocks(p, []int{n - 1}))
	if last := rows[len(rows)-1]; !slices.Equal(last, wantNumbered(59_999)) {
		t.Errorf("last row %q", last)
	}
	two := mustCollect(t, keepBlocks(keepBlocks(p, []int{1, 3, 5}), []int{0, 2}))
	if want := append(mustCollect(t, keepBlocks(p, []int{1})), mustCollect(t, keepBlocks(p, []int{5}))...); table(two) != table(want) {
		t.Error("keeping twice reads other blocks")
	}
}

func TestEstimates(t *testing.T) {
	path := writeFile(t, "big.csv", numbered(60_000))
	p := describe(t, Options{BlockBytes: 1 << 20}, path)
	m, err := inferRead(p, nil)
	if err != nil || m.Rows < 50_000 || m.Rows > 70_000 {
		t.Errorf("%g rows estimated for 60000, %v", m.Rows, err)
	}
	sum := 0.0
	for b := range p.blocks() {
		sum += blockMeta(p, b).Rows
	}
	if sum < m.Rows*0.99 || sum > m.Rows*1.01 {
		t.Errorf("blocks sum up to %g of %g rows", sum, m.Rows)
	}
}

func packed(t *testing.T, text string, codec Codec) string {
	var b bytes.Buffer
	for _, part := range []string{text[:len(text)/3], text[len(text)/3:]} {
		if codec == Gzip {
			w := gzip.NewWriter(&b)
			w.Write([]byte(part))
			w.Close()
		} else {
			w, err := zstd.NewWriter(&b)
			if err != nil {
				t.Fatal(err)
			}
			w.Write([]byte(part))
			w.Close()
		}
	}
	return b.String()
}

// A compressed file of a byte order mark has no records, as a plain one.
func TestMarkAlone(t *testing.T) {
	for _, c := range []struct {
		name, text string
		rows       int
	}{{"x.csv", "\ufeff", 0}, {"x.csv.gz", packed(t, "\ufeff", Gzip), 0}, {"y.csv", "\ufeff\n", 1}, {"y.csv.gz", packed(t, "\ufeff\n", Gzip), 1}} {
		p := describe(t, Options{Names: []string{"a"}, Header: No}, writeFile(t, c.name, c.text))
		if rows := mustCollect(t, p); len(rows) != c.rows {
			t.Errorf("%s: %d rows, want %d", c.name, len(rows), c.rows)
		}
	}
}

func TestCompressedFiles(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	text := numbered(80_000) // more than one piece
	for _, c := range []struct {
		name  string
		codec Codec
	}{{"x.csv.gz", Gzip}, {"x.csv.zst", Zstd}, {"named-otherwise", Gzip}} {
		path := writeFile(t, c.name, packed(t, text, c.codec))
		p := describe(t, Options{}, path)
		if p.Files[0].Codec != c.codec || len(p.blocks()) != 1 {
			t.Fatalf("%s: %v", c.name, p.Files)
		}
		checkNumbered(t, mustCollect(t, p), 80_000)
		rows, err := collect(t, p, 5000, descend) // one thread
		if err != nil {
			t.Fatal(err)
		}
		checkNumbered(t, rows, 80_000)
		if m, _ := inferRead(p, nil); m.Rows < 60_000 || m.Rows > 100_000 {
			t.Errorf("%s: %g rows estimated", c.name, m.Rows)
		}
	}
	cut := packed(t, text, Gzip)
	path := writeFile(t, "cut.csv.gz", cut[:len(cut)-1000])
	if _, err := collect(t, describe(t, Options{}, path), 0, nil); err == nil || !strings.Contains(err.Error(), "cut.csv.gz") {
		t.Errorf("a truncated file: %v", err)
	}
	path = writeFile(t, "not.csv.gz", "a,b\n1,2\n")
	if _, _, err := Describe(context.Background(), []string{path}, Options{}); err == nil || !strings.Contains(err.Error(), "does not begin like one") {
		t.Errorf("text named .gz: %v", err)
	}
}

// TestFaultsNameAType holds that what is said about a value of another type than the sample's would help.
func TestFaultsNameAType(t *testing.T) {
	for value, want := range map[string]string{`"x"`: "utf8", `"2.5"`: "float64", `"1e-3"`: "float64", `"9223372036854775808"`: "utf8", `"007"`: "utf8"} {
		f := &fault{msg: "int64", typed: &column{name: "n", typ: dtype.Of(dtype.Int64), guessed: true}}
		if got := f.text(value); !strings.HasSuffix(got, fmt.Sprintf(`column "n": %s is not int64 (types were inferred from a sample; override with option Types{"n": %s})`, value, want)) {
			t.Errorf("%s", got)
		}
	}
	path := writeFile(t, "t.csv", "at\n10:20:30\n")
	_, _, err := Describe(context.Background(), []string{path}, Options{Types: map[string]dtype.Type{"at": dtype.TimeOf(dtype.Second)}})
	if err == nil || err.Error() != `csv: column "at": text is not read as time[s]: read it as utf8 and cast that` {
		t.Error(err)
	}
}

func TestErrorsInLargeFilesNameTheLine(t *testing.T) {
	text := numbered(200_000)
	lines := strings.Count(text, "\n")
	bad := text + "oops,1,x\n" + numbered(1000)[len("n,half,text\n"):]
	want := fmt.Sprintf(":%d: column \"n\": \"oops\" is not int64 (types were inferred from a sample; override with option Types{\"n\": utf8})", lines+1)
	plain := writeFile(t, "x.csv", bad)
	for _, path := range []string{plain, writeFile(t, "x.csv.gz", packed(t, bad, Gzip))} {
		p := describe(t, Options{Types: map[string]dtype.Type{"n": dtype.Of(dtype.Int64)}}, path)
		p.Guessed[0] = true // whether the samples hold the bad line is not what is tested
		_, err := collect(t, p, 0, nil)
		if err == nil || !strings.HasSuffix(err.Error(), filepath.Base(path)+want) {
			t.Errorf("got  %v\nwant …%s", err, want)
		}
	}
	if p := describe(t, Options{}, plain); p.Types[0].Kind != dtype.Int64 {
		t.Logf("the samples hold the bad line: %s", p.Types[0])
	}
}

func TestFilesThatChange(t *testing.T) {
	path := writeFile(t, "x.csv", "a\n1\n")
	p := describe(t, Options{}, path)
	if err := os.WriteFile(path, []byte("a\n1\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := collect(t, p, 0, nil); err == nil || !strings.Contains(err.Error(), "changed after the plan was built") {
		t.Errorf("longer: %v", err)
	}
	p = describe(t, Options{}, path)
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := collect(t, p, 0, nil); err == nil || !strings.Contains(err.Error(), "changed after") {
		t.Errorf("touched: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := collect(t, p, 0, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
}

func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	var want [][]string
	for i := range 20 {
		text := "a,b\n"
		for k := range i {
			text += fmt.Sprintf("%d,%d\n", i, k)
			want = append(want, []string{fmt.Sprint(i), fmt.Sprint(k)})
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%02d.csv", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := describe(t, Options{}, filepath.Join(dir, "f*.csv"))
	if n := len(p.blocks()); n != 1 {
		t.Errorf("20 small files make %d blocks", n)
	}
	if got := mustCollect(t, p); table(got) != table(want) {
		t.Errorf("got %s", table(got))
	}
	p = describe(t, Options{BlockBytes: 60, SplitBytes: 16}, filepath.Join(dir, "f*.csv"))
	if n := len(p.blocks()); n < 8 {
		t.Errorf("%d blocks", n)
	}
	if got := mustCollect(t, p); table(got) != table(want) {
		t.Errorf("in blocks of 60 bytes: %s", table(got))
	}
	other := filepath.Join(dir, "g.csv")
	if err := os.WriteFile(other, []byte("b,a\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = describe(t, Options{}, filepath.Join(dir, "f*.csv"), other)
	if got := mustCollect(t, p); table(got) != table(append(want, []string{"2", "1"})) {
		t.Errorf("columns in another order: %s", table(got))
	}
	for path, want := range map[string]string{filepath.Join(dir, "*.txt"): "no file matches", t.TempDir(): "is a folder without files", filepath.Join(dir, "none.csv"): "no such file"} {
		if _, _, err := Describe(context.Background(), []string{path}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestFilesWithOtherColumns reads files whose columns came and went, in large and small splits.
func TestFilesWithOtherColumns(t *testing.T) {
	files := []struct{ name, text string }{
		{"a.csv", "id,name\n1,x\n2,\n"},
		{"b.csv", "name,id,price\n\"y,\ny\",3,1.5\nz,4,\n"}, // another order, and one more
		{"c.csv", "id\n5\n"},                                // one less
		{"d.csv", ""},
		{"e.csv", "id,price,on\n6,7,2024-01-02\n"},
		{"f.csv", "id,name\n7.5,w\n"}, // a wider type, behind the files that are read for types
		{"g.csv.gz", "on,id\n2024-01-03,8\n"},
	}
	var paths []string
	for _, f := range files {
		text := f.text
		if strings.HasSuffix(f.name, ".gz") {
			b, err := codec.NewPacker(Gzip).Pack(nil, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		paths = append(paths, writeFile(t, f.name, text))
	}
	n := null
	want := [][]string{{"1", "x", n, n}, {"2", n, n, n}, {"3", "y,\ny", "1.5", n}, {"4", "z", n, n}, {"5", n, n, n}, {"6", n, "7", "2024-01-02"}, {"7.5", "w", n, n}, {"8", n, n, "2024-01-03"}}
	for _, o := range []Options{{}, {SplitBytes: 4, BlockBytes: 8}, {SplitBytes: 7}, {Comment: '#'}} {
		p := describe(t, o, paths...)
		if s := p.schema().String(); s != "id float64?, name utf8?, price float64?, on date?" {
			t.Fatal(s)
		}
		if got := mustCollect(t, p); table(got) != table(want) {
			t.Errorf("%+v: %s", o, table(got))
		}
		var ons [][]string
		for _, r := range want {
			ons = append(ons, []string{r[3], r[0]})
		}
		if got := mustCollect(t, project(p, []string{"on", "id"})); table(got) != table(ons) {
			t.Errorf("two columns: %s", table(got))
		}
		for _, c := range []struct {
			pred expr.Expr
			keep func(r []string) bool
		}{
			{expr.Col("price").IsNull(), func(r []string) bool { return r[2] == n }},
			{expr.Col("price").Gt(1), func(r []string) bool { return r[2] != n }},
			{expr.Col("on").IsNotNull().Or(expr.Col("name").Eq("z")), func(r []string) bool { return r[3] != n || r[1] == "z" }},
		} {
			q, _ := filter(p, c.pred)
			var rows [][]string
			for _, r := range want {
				if c.keep(r) {
					rows = append(rows, r)
				}
			}
			if got := mustCollect(t, q); table(got) != table(rows) {
				t.Errorf("where %s: %s", c.pred, table(got))
			}
		}
		q, _ := limit(p, 4) // of every block at least
		if got := mustCollect(t, q); len(got) < 4 || table(got[:4]) != table(want[:4]) {
			t.Errorf("the first four rows: %s", table(got))
		}
	}
	for text, o := range map[string]Options{"3,4\n": {}, "u,v\nx,y\n": {}, "id,4\n5,6\n": {}, "5,6\n": {Header: Yes}} {
		_, _, err := Describe(t.Context(), []string{paths[0], writeFile(t, "data.csv", text)}, o)
		if err == nil || !strings.Contains(err.Error(), "data.csv: the first record is "+text[:3]) {
			t.Errorf("data in place of a header, %q: %v", text, err)
		}
	}
	if p := describe(t, Options{Names: []string{"a", "b"}, Header: Yes}, paths[0], writeFile(t, "p.csv", "u,v\nx,y\n")); table(mustCollect(t, p)) != table([][]string{{"1", "x"}, {"2", n}, {"x", "y"}}) {
		t.Error("with names, columns are not taken by position")
	}
}

func TestProjectionAndLimit(t *testing.T) {
	path := writeFile(t, "x.csv", numbered(30_000))
	p := describe(t, Options{SplitBytes: 5000}, path)
	for i, r := range mustCollect(t, project(p, []string{"text", "n"})) {
		if w := wantNumbered(i); !slices.Equal(r, []string{w[2], w[0]}) {
			t.Fatalf("row %d: %q", i, r)
		}
	}
	if rows := mustCollect(t, project(p, nil)); len(rows) != 30_000 || len(rows[0]) != 0 {
		t.Errorf("no columns: %d rows", len(rows))
	}
	for _, n := range []int64{1, 100, 29_999, 40_000} {
		q, ok := limit(p, n)
		if !ok {
			t.Fatal("no limit")
		}
		got := mustCollect(t, q)
		if int64(len(got)) < min(n, 30_000) {
			t.Fatalf("limit %d: %d rows", n, len(got))
		}
		checkNumbered(t, got[:min(n, 30_000)], int(min(n, 30_000)))
	}
	q, _ := limit(p, 10)
	if rows, err := collect(t, q, 0, func(n int) []int { return []int{0, 1, 2, 3} }); err != nil || len(rows) != 10 {
		t.Errorf("limit 10 in order reads %d rows, %v", len(rows), err)
	}
}

// A limit can be served by the splits before this one while this one is being read.
func TestLimitFallsDuringASplit(t *testing.T) {
	rows := 3*maxRows + 100
	path := writeFile(t, "x.csv", "a\n"+strings.Repeat("1\n", rows))
	p := describe(t, Options{SplitBytes: int64(rows)}, path)
	q, _ := limit(p, maxRows+1000)
	src, err := newSource(q)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := src.Open(newTask(0, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	readers := make([]op.Reader, 2)
	for i := range readers {
		if readers[i], err = feed.Reader(); err != nil {
			t.Fatal(err)
		}
		defer readers[i].Close()
	}
	given := map[int]int{}
	err = readers[1].Read(1, sinkFunc(func(m *chunk.Batch) error {
		given[1] += m.N
		if given[1] > m.N {
			return nil
		}
		return readers[0].Read(0, sinkFunc(func(m *chunk.Batch) error { given[0] += m.N; return nil }))
	}))
	if err != nil || given[0] != maxRows+1000 || given[1] != maxRows {
		t.Errorf("rows by split: %v, %v", given, err)
	}
}

func TestLongAndWideRecords(t *testing.T) {
	long := strings.Repeat("x\"\"y,\n", 200_000) // more than a window
	path := writeFile(t, "long.csv", "a,b\n1,\""+long+"\"\n2,z\n3,\""+long+"\"\n")
	want := strings.ReplaceAll(long, `""`, `"`)
	for _, split := range []int64{1 << 20, 300_000, 7001} {
		rows := mustCollect(t, describe(t, Options{SplitBytes: split}, path))
		if len(rows) != 3 || rows[0][1] != want || rows[1][1] != "z" || rows[2][1] != want {
			t.Fatalf("split %d: %d rows", split, len(rows))
		}
	}
	p := describe(t, Options{}, path)
	p.MaxRecord = 1 << 20
	if _, err := collect(t, p, 0, func(int) []int { return []int{0} }); err == nil || !strings.Contains(err.Error(), "long.csv:2: the record has") {
		t.Errorf("over-long: %v", err)
	}

	var head, row strings.Builder
	const cols = 3000
	for c := range cols {
		fmt.Fprintf(&head, "c%d,", c)
		fmt.Fprintf(&row, "%d,", c)
	}
	line := strings.TrimSuffix(row.String(), ",") + "\n"
	path = writeFile(t, "wide.csv", strings.TrimSuffix(head.String(), ",")+"\n"+strings.Repeat(line, 100))
	rows := mustCollect(t, describe(t, Options{}, path))
	if len(rows) != 100 || len(rows[99]) != cols || rows[99][cols-1] != fmt.Sprint(cols-1) {
		t.Errorf("wide: %d rows", len(rows))
	}
}

func TestManyShortRowsMakeSeveralMorsels(t *testing.T) {
	path := writeFile(t, "x.csv", "a\n"+strings.Repeat("1\n", 50_000))
	p := describe(t, Options{}, path)
	src, err := newSource(p)
	if err != nil {
		t.Fatal(err)
	}
	feed, _ := src.Open(newTask(0, 1), nil)
	r, _ := feed.Reader()
	var sizes []int
	if err := r.Read(0, sinkFunc(func(m *chunk.Batch) error { sizes = append(sizes, m.N); return nil })); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sizes, []int{maxRows, maxRows, maxRows, 50_000 - 3*maxRows}) {
		t.Errorf("morsels of %v", sizes)
	}
	calls := 0
	err = r.Read(0, sinkFunc(func(*chunk.Batch) error { calls++; return op.ErrEnough }))
	if !errors.Is(err, op.ErrEnough) || calls != 1 {
		t.Errorf("enough after %d calls: %v", calls, err)
	}
	task := newTask(0, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	task.ctx = ctx
	feed, _ = src.Open(task, nil)
	r, _ = feed.Reader()
	if err := r.Read(0, sinkFunc(func(*chunk.Batch) error { return nil })); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type sinkFunc func(*chunk.Batch) error

func (f sinkFunc) Push(m *chunk.Batch) error { return f(m) }

func TestReadingAllocatesNothingPerChunk(t *testing.T) {
	path := writeFile(t, "x.csv", numbered(40_000))
	src, err := newSource(describe(t, Options{}, path))
	if err != nil {
		t.Fatal(err)
	}
	feed, _ := src.Open(newTask(0, 1), nil)
	r, _ := feed.Reader()
	nothing := sinkFunc(func(*chunk.Batch) error { return nil })
	read := func() {
		if err := r.Read(0, nothing); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if n := testing.AllocsPerRun(5, read); n > 2 {
		t.Errorf("%g allocations to read a split of several chunks", n)
	}
}

// TestRealFiles reads real data: every file has sensible types, and all bytes of
// text columns arrive.
func TestRealFiles(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/vega/*sv")
	if len(files) == 0 {
		t.Skip("no data")
	}
	want := map[string]string{
		"airports.csv":                       "iata utf8?, name utf8?, city utf8?, state utf8?, country utf8?, latitude float64?, longitude float64?",
		"disasters.csv":                      "Entity utf8?, Year int64?, Deaths int64?",
		"flights-airport.csv":                "origin utf8?, destination utf8?, count int64?",
		"github.csv":                         "time utf8?, count int64?",
		"seattle-weather-hourly-normals.csv": "date timestamp[us]?, pressure float64?, temperature float64?, wind float64?",
		"sp500-2000.csv":                     "date date?, open float64?, high float64?, low float64?, close float64?, adjclose float64?, volume int64?",
		"stocks.csv":                         "symbol utf8?, date utf8?, price float64?",
		"unemployment.tsv":                   "id int64?, rate float64?",
		"weather.csv":                        "location utf8?, date date?, precipitation float64?, temp_max float64?, temp_min float64?, wind float64?, weather utf8?",
		"windvectors.csv":                    "longitude float64?, latitude float64?, dir int64?, dirCat int64?, speed float64?",
		"zipcodes.csv":                       "zip_code utf8?, latitude float64?, longitude float64?, city utf8?, state utf8?, county utf8?",
		"birdstrikes.csv": "Airport Name utf8?, Aircraft Make Model utf8?, Effect Amount of damage utf8?, Flight Date date?, Aircraft Airline Operator utf8?, " +
			"Origin State utf8?, Phase of flight utf8?, Wildlife Size utf8?, Wildlife Species utf8?, Time of day utf8?, Cost Other int64?, Cost Repair int64?, Cost Total $ int64?, Speed IAS in knots int64?",
	}
	for _, f := range files {
		p, schema, err := Describe(context.Background(), []string{f}, Options{SplitBytes: 3001})
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if got := schema.String(); got != want[filepath.Base(f)] {
			t.Errorf("%s: %s", f, got)
		}
		rows, err := collect(t, p, 1000, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(f) == ".tsv" {
			text = bytes.ReplaceAll(text, []byte("\t"), []byte(","))
		}
		ref, ok := reference(text)
		if !ok || len(ref)-1 != len(rows) {
			t.Errorf("%s: %d rows, encoding/csv has %d", f, len(rows), len(ref)-1)
			continue
		}
		for c, field := range schema {
			if field.Type.Kind != dtype.Utf8 {
				continue
			}
			for i := range rows {
				if got := rows[i][c]; got != ref[i+1][c] && (got != null || ref[i+1][c] != "") {
					t.Fatalf("%s: row %d column %s: %q, want %q", f, i, field.Name, got, ref[i+1][c])
				}
			}
		}
	}
}

// TestLevels runs the tests of the grammar on every instruction set.
func TestLevels(t *testing.T) {
	if os.Getenv("WEFT_ISA") != "" || testing.Short() {
		t.Skip("one level was chosen, or no time for more")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []string{"generic", "avx2"} {
		cmd := exec.Command(exe, "-test.short", "-test.run", "TestRandomText|TestScripts|TestSplits|TestLong")
		cmd.Env = append(os.Environ(), "WEFT_ISA="+level)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", level, err, out)
		}
	}
}

func TestSplitsAreReadOnce(t *testing.T) {
	path := writeFile(t, "x.csv", numbered(100_000))
	p := describe(t, Options{SplitBytes: 4096}, path)
	src, err := newSource(p)
	if err != nil {
		t.Fatal(err)
	}
	task := newTask(0, 4)
	feed, _ := src.Open(task, nil)
	next := make(chan int, feed.Splits())
	for i := range feed.Splits() {
		next <- i
	}
	close(next)
	nothing := sinkFunc(func(*chunk.Batch) error { return nil })
	if err := task.Fork(4, func(int) error {
		r, err := feed.Reader()
		if err != nil {
			return err
		}
		defer r.Close()
		for i := range next {
			if err := r.Read(i, nothing); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// A thread may take a split's number before another that claims an earlier one.
	if again, n := task.counts["splits read for their quotes"], int64(feed.Splits()); again > n/4 {
		t.Errorf("%d of %d splits were read twice", again, n)
	}
}

// TestSamplesFromTheMiddleAndTheEnd has values of other types where the first
// sample does not reach.
func TestSamplesFromTheMiddleAndTheEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString("a,b,c,d\n")
	const n = 150_000
	for i := range n {
		x, y, z := "1", "2024-01-01", ""
		if i > n*2/5 && i < n*3/5 {
			x = "1.5"
		}
		if i > n-1000 {
			y, z = "2024-01-01T10:00:00", "7"
		}
		fmt.Fprintf(&b, "%s,%s,%s,\"quoted, \n%d\"\n", x, y, z, i)
	}
	path := writeFile(t, "x.csv", b.String())
	if b.Len() < 3*headSample {
		t.Fatalf("only %d bytes", b.Len())
	}
	p := describe(t, Options{}, path)
	if got, want := p.schema().String(), "a float64?, b timestamp[us]?, c int64?, d utf8?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if rows := mustCollect(t, p); len(rows) != n {
		t.Errorf("%d rows", len(rows))
	}
}
