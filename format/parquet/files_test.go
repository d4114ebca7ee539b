package parquet

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/mem"
)

// sharedData gives a folder of real files beside the repository, or skips the test.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	p := filepath.Join("..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("%s is not there", filepath.Join("../shared/data", name))
	}
	return p
}

// refusals are the files that cannot be read, each with what its error must say. All are broken or encrypted, but for one that
// wants the option Int96: see TestInt96OfSpark.
var refusals = map[string]string{
	"ARROW-GH-41317.parquet":                         "encodings are not a list of numbers",
	"ARROW-GH-41321.parquet":                         "column int64: page 1: definition levels",
	"ARROW-GH-47662.parquet":                         "column flba_field: page 0: PLAIN: corrupt data: 100 values of 4 bytes in 364 bytes",
	"ARROW-RS-GH-6229-DICTHEADER.parquet":            "lies outside the file of 533 bytes",
	"ARROW-RS-GH-6229-LEVELS.parquet":                "column outer.list.item.c: page 1: definition levels",
	"PARQUET-1481.parquet":                           "group Handle has no columns",
	"datapage_v1-corrupt-checksum.parquet":           "column a: page 0: corrupt data: its checksum is",
	"rle-dict-uncompressed-corrupt-checksum.parquet": "column long_field: page 0: corrupt data: its checksum is",
	"ARROW-GH-45185.parquet":                         "the first value does not start a row",
	"int96_from_spark.parquet":                       "does not fit in 64 bits of ns (option Int96 asks for coarser units)",

	"encrypt_columns_and_footer.parquet.encrypted":                     "encrypted footer",
	"encrypt_columns_and_footer_aad.parquet.encrypted":                 "encrypted footer",
	"encrypt_columns_and_footer_bloom_filter.parquet.encrypted":        "encrypted footer",
	"encrypt_columns_and_footer_ctr.parquet.encrypted":                 "encrypted footer",
	"encrypt_columns_and_footer_disable_aad_storage.parquet.encrypted": "encrypted footer",
	"external_key_material_java.parquet.encrypted":                     "encrypted footer",
	"uniform_encryption.parquet.encrypted":                             "encrypted footer",
	"encrypt_columns_plaintext_footer.parquet.encrypted":               "the column is encrypted",
}

// misread are the files that v17 gives another type than the format's rules for lists of old writers.
var misread = map[string]bool{"old_list_structure.parquet": true}

// TestFiles reads every file of other writers, the broken ones too: all rows come, equal to what Arrow reads where it
// reads the file, or the error is the expected one.
func TestFiles(t *testing.T) {
	dir := sharedData(t, "parquet-testing")
	var paths []string
	for _, p := range []string{"/data/*.parquet", "/data/*.encrypted", "/data/aes256/*", "/bad_data/*.parquet"} {
		some, err := filepath.Glob(dir + p)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, some...)
	}
	seen, compared := 0, 0
	for _, p := range paths {
		name := filepath.Base(p)
		if name == gibibytes {
			continue
		}
		got, _, err := readFile(t, p, Options{})
		say, refused := refusals[name]
		switch {
		case refused && (err == nil || !isClear(err) || !strings.Contains(err.Error(), say)):
			t.Errorf("%s: error %v, want one that says %q", name, err, say)
		case !refused && err != nil:
			t.Errorf("%s: %v", name, err)
		case refused:
			seen++
		default:
			if want := byArrow(p); want != nil && !misread[name] {
				compared++
				sameRows(t, name, got.got, want)
			}
		}
	}
	if seen < len(refusals) || compared < 25 {
		t.Errorf("saw %d files refused, the list has %d; compared %d", seen, len(refusals), compared)
	}
}

// byArrow is what v17 reads; nil where it cannot, or stores the values in another way.
func byArrow(path string) (out [][]any) {
	defer func() {
		if recover() != nil {
			out = nil
		}
	}()
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		return nil
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1 << 20}, memory.DefaultAllocator)
	if err != nil {
		return nil
	}
	rr, err := r.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return nil
	}
	out = [][]any{}
	for rr.Next() {
		b, err := chunk.FromRecord(rr.Record())
		if err != nil {
			return nil
		}
		for i := range b.N {
			row := make([]any, len(b.Cols))
			for c := range b.Cols {
				row[c] = value(&b.Cols[c], i)
			}
			out = append(out, row)
		}
	}
	if int64(len(out)) != f.NumRows() {
		return nil
	}
	return out
}

// TestExpected compares with the files that hold the values as text.
func TestExpected(t *testing.T) {
	dir := sharedData(t, "parquet-testing")
	for _, name := range []string{"delta_byte_array", "delta_binary_packed", "delta_encoding_required_column", "delta_encoding_optional_column"} {
		got, schema, err := readFile(t, dir+"/data/"+name+".parquet", Options{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(dir + "/data/" + name + "_expect.csv")
		if err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		columns := map[string]int{}
		for i, f := range schema {
			columns[strings.Trim(f.Name, " :")] = i
		}
		if len(lines)-1 != len(got.got) || len(lines[0]) != len(columns) {
			t.Fatalf("%s: %d rows, %d columns, expected %d, %d", name, len(got.got), len(columns), len(lines)-1, len(lines[0]))
		}
		for i, line := range lines[1:] {
			for c, want := range line {
				v := got.got[i][columns[strings.Trim(lines[0][c], " :")]]
				if v == nil {
					v = ""
				}
				if fmt.Sprint(v) != strings.TrimSpace(want) {
					t.Fatalf("%s: row %d, %s: %v, want %q", name, i, lines[0][c], v, want)
				}
			}
		}
	}
}

// TestTwins compares files that hold the same data in encodings or codecs that v17 does not read.
func TestTwins(t *testing.T) {
	dir := sharedData(t, "parquet-testing") + "/data/"
	load := func(name string) [][]any {
		got, _, err := readFile(t, dir+name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return got.got
	}
	for i, row := range load("byte_stream_split_extended.gzip.parquet") {
		for c := 0; c < len(row); c += 2 {
			if row[c] != row[c+1] {
				t.Fatalf("row %d, column %d: %v differs from its plain twin %v", i, c+1, row[c+1], row[c])
			}
		}
	}
	for _, pair := range [][2]string{{"hadoop_lz4_compressed.parquet", "non_hadoop_lz4_compressed.parquet"},
		{"hadoop_lz4_compressed.parquet", "lz4_raw_compressed.parquet"},
		{"hadoop_lz4_compressed_larger.parquet", "lz4_raw_compressed_larger.parquet"}} {
		sameRows(t, pair[1], load(pair[0]), load(pair[1]))
	}
}

// TestIndexes holds that page indexes and bloom filters of other writers leave rows out, and only those that fail.
func TestIndexes(t *testing.T) {
	dir := sharedData(t, "parquet-testing") + "/data/"
	for _, c := range []struct{ file, pred, count string }{
		{"alltypes_tiny_pages.parquet", "id > 7200", "rows left out by the page index"},
		{"alltypes_tiny_pages_plain.parquet", "id > 100 and id < 140", "rows left out by the page index"},
		{"alltypes_tiny_pages.parquet", "id == 3650 or id == 12", "rows left out by the page index"},
		{"int32_with_null_pages.parquet", "int32_field > 2000000000", "rows left out by the page index"},
		{"int32_with_null_pages.parquet", "is_null(int32_field)", ""},
		{"data_index_bloom_encoding_stats.parquet", `String == "Hello"`, ""},
		{"data_index_bloom_encoding_stats.parquet", `String == "Helloo"`, "rows left out by bloom filters"},
		{"data_index_bloom_encoding_with_length.parquet", `String in ("Helloo", "hallo")`, "rows left out by bloom filters"},
	} {
		p, schema, err := Describe(context.Background(), []string{dir + c.file}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		all, _, err := read(t, p, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		e, err := expr.Parse(c.pred)
		if err != nil {
			t.Fatal(err)
		}
		q, _ := filter(p, e)
		got, tk, err := read(t, q, 1<<30)
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		// The same rows again, by a predicate that no index helps.
		col := expr.Columns(e)[0]
		at := schema.Index(col)
		prog, err := expr.Compile(e, schema)
		if err != nil {
			t.Fatal(err)
		}
		keep := &kept{state: prog.NewState()}
		src, err := newSource(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := readBlock(src, newTask(1<<30), keep); err != nil {
			t.Fatal(err)
		}
		if len(got.got) != keep.n || len(got.got) == len(all.got) {
			t.Errorf("%s, %s: %d rows of %d, want %d", c.file, c.pred, len(got.got), len(all.got), keep.n)
		}
		if c.count != "" && tk.counts[c.count] == 0 {
			t.Errorf("%s, %s (column %d): %v", c.file, c.pred, at, tk.counts)
		}
	}
}

// kept counts the rows that a predicate keeps.
type kept struct {
	state *expr.State
	n     int
}

func (k *kept) Push(m *chunk.Batch) error {
	_, n, err := k.state.Filter(m)
	k.n += n
	return err
}

// gibibytes is a file of two rows with a text of a gibibyte each, which it holds in pages of 1627 bytes.
const gibibytes = "large_string_map.brotli.parquet"

// TestPagesOfAGibibyte reads it, a row a morsel, in the memory that the refusal by a smaller budget names. pyarrow gives the
// same: 2^30 times "a", and 1, twice. The reading is left out of short runs and where there is less memory: it takes some
// seconds, and never more than the budget, of which the pool is the bound.
func TestPagesOfAGibibyte(t *testing.T) {
	path := sharedData(t, "parquet-testing") + "/data/" + gibibytes
	p, schema, err := Describe(context.Background(), []string{path}, Options{})
	if err != nil || schema.String() != "arr list(struct(key utf8, value int32))?" {
		t.Fatal(schema, err)
	}
	entry := chunk.ShapeOf(schema[0].Type.Elem())
	run := func(budget int64) (rows int, err error) {
		src, err := newSource(p)
		if err != nil {
			t.Fatal(err)
		}
		tk := newTask(budget)
		defer tk.Trim()
		err = readBlock(src, tk, sinkFunc(func(m *chunk.Batch) error {
			l := chunk.ViewList(dtype.Struct, m.Cols[0].Str[m.Cols[0].Off[0]:m.Cols[0].Off[1]])
			if m.N != 1 || l.N != 1 {
				return fmt.Errorf("%d rows, %d entries", m.N, l.N)
			}
			key, value := entry.Var(l.Var(0), 0), entry.Fixed(l.Var(0), 1)
			if len(key) != 1<<30 || bytes.Count(key, []byte("a")) != 1<<30 || !bytes.Equal(value, []byte{1, 0, 0, 0}) {
				t.Errorf("row %d: a key of %d bytes, value % x", rows, len(key), value)
			}
			rows++
			return nil
		}))
		return rows, err
	}
	_, err = run(1 << 30)
	if err == nil || !errors.Is(err, mem.ErrBudget) {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`column arr.key_value.key: page 0: .* a page of 1073741828 bytes \(1627 in the file\): a memory budget of (\d+) MiB would do, this task's is 1024 MiB$`).FindStringSubmatch(err.Error())
	if said == nil {
		t.Fatal(err)
	}
	enough, err := strconv.ParseInt(said[1], 10, 64)
	if err != nil || enough > 9<<10 {
		t.Fatal(enough, err)
	}
	if testing.Short() {
		t.Skip("the rest needs gibibytes of memory")
	}
	if free := available(t); free < enough {
		t.Skipf("%d MiB of memory are free, the rest needs up to %d", free, enough)
	}
	if rows, err := run(enough << 20); rows != 2 || err != nil {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// available is how many MiB of memory the system says are free; none where it does not say.
func available(t *testing.T) (mib int64) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "MemAvailable:")
	if _, err := fmt.Sscanf(rest, "%d kB", &mib); err != nil {
		t.Fatal(err)
	}
	return mib >> 10
}

type sinkFunc func(*chunk.Batch) error

func (f sinkFunc) Push(m *chunk.Batch) error { return f(m) }
