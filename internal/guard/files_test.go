package guard

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

func glob(t testing.TB, patterns ...string) []string {
	t.Helper()
	var out []string
	for _, p := range patterns {
		fs, err := filepath.Glob(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fs...)
	}
	if len(out) == 0 {
		t.Fatalf("no files match %v", patterns)
	}
	return out
}

// parquetRefusals are the files that cannot be read, each with what its error must say.
var parquetRefusals = map[string]string{
	"ARROW-GH-41317.parquet":              "encodings are not a list of numbers",
	"ARROW-GH-41321.parquet":              "column int64: page 1: corrupt data: definition levels",
	"ARROW-GH-45185.parquet":              "the first value does not start a row",
	"ARROW-GH-47662.parquet":              "column flba_field: page 0: corrupt data: 100 values of 4 bytes in 364 bytes",
	"ARROW-RS-GH-6229-DICTHEADER.parquet": "lies outside the file of 533 bytes",
	"ARROW-RS-GH-6229-LEVELS.parquet":     "the pages have 21 values, the chunk says 1",
	"PARQUET-1481.parquet":                "group Handle has no columns",

	"datapage_v1-corrupt-checksum.parquet":           "column a: corrupt data: page 0: its checksum is",
	"rle-dict-uncompressed-corrupt-checksum.parquet": "column long_field: corrupt data: page 0: its checksum is",
	"incorrect_map_schema.parquet":                   "MAP keys must be required",
	"large_string_map.brotli.parquet":                "a page has 1073741828 bytes (1627 compressed), the limit is 268435456",
	"unknown-logical-type.parquet":                   "column with unknown type has a logical type that this build does not know",

	"encrypt_columns_and_footer.parquet.encrypted":                     "encrypted footer",
	"encrypt_columns_and_footer_aad.parquet.encrypted":                 "encrypted footer",
	"encrypt_columns_and_footer_bloom_filter.parquet.encrypted":        "encrypted footer",
	"encrypt_columns_and_footer_ctr.parquet.encrypted":                 "encrypted footer",
	"encrypt_columns_and_footer_disable_aad_storage.parquet.encrypted": "encrypted footer",
	"external_key_material_java.parquet.encrypted":                     "encrypted footer",
	"uniform_encryption.parquet.encrypted":                             "encrypted footer",
	"encrypt_columns_plaintext_footer.parquet.encrypted":               "the column is encrypted",
}

// TestParquetFiles reads every file of other writers, the broken ones too: either all rows come, or the
// error is the expected one. ARROW-GH-43605 of the broken ones is readable: its dictionary has one entry, so
// that codes of no bits are right.
func TestParquetFiles(t *testing.T) {
	dir := sharedData(t, "parquet-testing")
	seen := 0
	for _, p := range glob(t, dir+"/data/*.parquet", dir+"/data/*.encrypted", dir+"/data/aes256/*", dir+"/bad_data/*.parquet") {
		name := filepath.Base(p)
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, dict := range []bool{false, true} {
			var want int64
			o := measured(t, name, 20*time.Second, func() (int64, error) {
				f, err := Open(bg, bytes.NewReader(raw), int64(len(raw)), Options{Name: name})
				if err == nil {
					want = f.Rows()
				}
				n, err2 := readParquet(raw, Options{Name: name, ReadDict: dict}, 1000)
				if err == nil {
					err = err2
				}
				return n, err
			})
			say, refused := parquetRefusals[name]
			switch {
			case o.bytes > allocBound(len(raw)):
				t.Errorf("%s: %d bytes of input made %d allocated", name, len(raw), o.bytes)
			case refused && (o.err == nil || !isClear(o.err) || !strings.Contains(o.err.Error(), say)):
				t.Errorf("%s: error %v, want one that says %q", name, o.err, say)
			case !refused && (o.err != nil || o.rows != want):
				t.Errorf("%s: %d of %d rows, %v", name, o.rows, want, o.err)
			case refused && !dict:
				seen++
				t.Logf("%s -> %v", name, o.err)
			}
		}
	}
	if seen < len(parquetRefusals) {
		t.Errorf("saw %d files refused, the list has %d", seen, len(parquetRefusals))
	}
}

// TestParquetAgainstArrow compares the values with those of pqarrow's own reader, wherever that one can read
// the file without fault, and short batches with long ones everywhere.
func TestParquetAgainstArrow(t *testing.T) {
	dir := sharedData(t, "parquet-testing")
	same := 0
	for _, p := range glob(t, dir+"/data/*.parquet") {
		name := filepath.Base(p)
		if _, refused := parquetRefusals[name]; refused {
			continue
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(bg, bytes.NewReader(raw), int64(len(raw)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Rows() == 0 {
			continue
		}
		few := 3 + int(f.Rows())/100
		long, short := collect(t, raw, Options{}, nil, 1<<20), collect(t, raw, Options{}, nil, few)
		for g := range long {
			for i := range long[g].Columns() {
				if !sameValues(long[g].Column(i), short[g].Column(i)) {
					t.Errorf("%s: row group %d, column %d differs between batches of %d rows and one batch", name, g, i, few)
				}
			}
		}
		tab, err := arrowTable(raw)
		if err != nil {
			t.Logf("%s: Arrow itself: %v", name, err)
			continue
		}
		got := join(t, long)
		for i := 0; i < int(tab.NumCols()); i++ {
			want, err := array.Concatenate(tab.Column(i).Data().Chunks(), memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			if !sameValues(got.Column(i), want) {
				t.Errorf("%s: column %s differs from Arrow's:\n%v\n%v", name, got.ColumnName(i), got.Column(i), want)
			}
		}
		same++
	}
	if same < 40 {
		t.Errorf("only %d files compared", same)
	}
}

func sameValues(a, b arrow.Array) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := 0; i < a.Len(); i++ {
		if a.IsNull(i) != b.IsNull(i) || a.IsValid(i) && a.ValueStr(i) != b.ValueStr(i) {
			return false
		}
	}
	return true
}

// arrowTable reads with Arrow alone, on one goroutine as far as it can be told to.
func arrowTable(raw []byte) (tab arrow.Table, err error) {
	err = caught("reading", func() error {
		f, err := file.NewParquetReader(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		for g := 0; g < f.NumRowGroups(); g++ {
			for c := 0; c < f.MetaData().Schema.NumColumns(); c++ {
				m, err := f.MetaData().RowGroup(g).ColumnChunk(c)
				if err != nil {
					return err
				}
				for _, e := range m.Encodings() {
					if int(e) >= encSplit {
						return unsupported("encoding %v", e)
					}
				}
				if !arrowHasCodec(int64(m.Compression())) {
					return unsupported("codec %v", m.Compression())
				}
			}
		}
		r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1 << 20}, memory.DefaultAllocator)
		if err != nil {
			return err
		}
		var recs []arrow.Record
		rr, err := r.GetRecordReader(bg, nil, nil)
		if err != nil {
			return err
		}
		for rr.Next() {
			rr.Record().Retain()
			recs = append(recs, rr.Record())
		}
		if rr.Err() != nil && rr.Err() != io.EOF {
			return rr.Err()
		}
		tab = array.NewTableFromRecords(rr.Schema(), recs)
		return nil
	})
	return tab, err
}

func arrowHasCodec(c int64) bool {
	return c == codecNone || c == codecSnappy || c == codecGzip || c == codecBrotli || c == codecZstd
}

// TestParquetExpected compares the delta encodings with the values that their writers published.
func TestParquetExpected(t *testing.T) {
	dir := sharedData(t, "parquet-testing")
	for _, name := range []string{"delta_byte_array", "delta_binary_packed", "delta_encoding_required_column", "delta_encoding_optional_column"} {
		raw, err := os.ReadFile(dir + "/data/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(dir + "/data/" + name + "_expect.csv")
		if err != nil {
			t.Fatal(err)
		}
		rec := join(t, collect(t, raw, Options{}, nil, 77))
		lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		head := lines[0]
		if len(lines)-1 != int(rec.NumRows()) || len(head) != int(rec.NumCols()) {
			t.Fatalf("%s: %d x %d, expected %d x %d", name, rec.NumRows(), rec.NumCols(), len(lines)-1, len(head))
		}
		columns := map[string]int{}
		for i, f := range rec.Schema().Fields() {
			columns[strings.Trim(f.Name, " :")] = i
		}
		if len(columns) != len(head) {
			t.Fatalf("%s: the columns are %v", name, rec.Schema())
		}
		for i, line := range lines[1:] {
			for c, want := range line {
				col := rec.Column(columns[strings.Trim(head[c], " :")])
				got := ""
				if col.IsValid(i) {
					got = col.ValueStr(i)
				}
				if got != strings.TrimSpace(want) {
					t.Fatalf("%s: row %d, %s: %q, want %q", name, i, head[c], got, want)
				}
			}
		}
	}
}

// TestParquetTwins compares files that hold the same data in encodings or codecs with and without Arrow's
// help: BYTE_STREAM_SPLIT and LZ4 are read by this package alone.
func TestParquetTwins(t *testing.T) {
	dir := sharedData(t, "parquet-testing")
	load := func(name string) arrow.Record {
		raw, err := os.ReadFile(dir + "/data/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return join(t, collect(t, raw, Options{}, nil, 0))
	}
	split := load("byte_stream_split_extended.gzip.parquet")
	for i := 0; i < int(split.NumCols()); i += 2 {
		if !sameValues(split.Column(i), split.Column(i+1)) {
			t.Errorf("column %s differs from its plain twin", split.ColumnName(i+1))
		}
	}
	for _, pair := range [][2]string{{"hadoop_lz4_compressed.parquet", "non_hadoop_lz4_compressed.parquet"},
		{"hadoop_lz4_compressed.parquet", "lz4_raw_compressed.parquet"},
		{"hadoop_lz4_compressed_larger.parquet", "lz4_raw_compressed_larger.parquet"}} {
		a, b := load(pair[0]), load(pair[1])
		for i := 0; i < int(a.NumCols()); i++ {
			if !sameValues(a.Column(i), b.Column(i)) {
				t.Errorf("%s and %s differ in column %d", pair[0], pair[1], i)
			}
		}
	}
}

// TestIPCIntegration reads what other implementations wrote, compares the row counts with their JSON and the
// values with Arrow's own reader. 32 and 64 bit decimals are younger than v17.
func TestIPCIntegration(t *testing.T) {
	dir := sharedData(t, "arrow-ipc")
	n := 0
	for _, p := range glob(t, dir+"/arrow-ipc-stream/integration/*/*.stream", dir+"/arrow-ipc-stream/integration/*/*.arrow_file") {
		name := filepath.Base(filepath.Dir(p)) + "/" + filepath.Base(p)
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		isFile := strings.HasSuffix(p, ".arrow_file")
		if strings.Contains(name, "decimal32") || strings.Contains(name, "decimal64") {
			if _, err := openIPC(raw, isFile); !isClear(err) || !strings.Contains(err.Error(), "decimals of") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		want := jsonCounts(t, strings.TrimSuffix(strings.TrimSuffix(p, ".stream"), ".arrow_file")+".json.gz")
		got := ipcRecords(t, name, raw, isFile)
		if len(got) != len(want) {
			t.Errorf("%s: %d records, the JSON has %d", name, len(got), len(want))
			continue
		}
		for i := range got {
			if got[i].NumRows() != want[i] {
				t.Errorf("%s: record %d has %d rows, the JSON %d", name, i, got[i].NumRows(), want[i])
			}
		}
		compareIPC(t, name, got, raw, isFile)
		n++
	}
	if n < 80 {
		t.Errorf("only %d files read", n)
	}
}

func ipcRecords(t *testing.T, name string, raw []byte, isFile bool) (out []arrow.Record) {
	t.Helper()
	r, err := openIPC(raw, isFile)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, rec)
	}
}

func jsonCounts(t *testing.T, path string) (out []int64) {
	t.Helper()
	fd, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	z, err := gzip.NewReader(fd)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Batches []struct{ Count int64 } }
	if err := json.NewDecoder(z).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	for _, b := range doc.Batches {
		out = append(out, b.Count)
	}
	return out
}

// compareIPC compares records with those of Arrow's reader.
func compareIPC(t *testing.T, name string, got []arrow.Record, raw []byte, isFile bool) {
	t.Helper()
	err := caught("Arrow's own reader", func() error {
		var next func(int) (arrow.Record, error)
		if isFile {
			r, err := ipc.NewFileReader(bytes.NewReader(raw))
			if err != nil {
				return err
			}
			next = r.Record
		} else {
			r, err := ipc.NewReader(bytes.NewReader(raw))
			if err != nil {
				return err
			}
			next = func(int) (arrow.Record, error) { return r.Read() }
		}
		for i := range got {
			want, err := next(i)
			if err != nil {
				return err
			}
			if !want.Schema().Equal(got[i].Schema()) {
				t.Errorf("%s: schema\n%v\nArrow's is\n%v", name, got[i].Schema(), want.Schema())
			}
			for c := range got[i].Columns() {
				if !sameValues(got[i].Column(c), want.Column(c)) {
					t.Errorf("%s: record %d, column %s differs:\n%v\n%v", name, i, want.ColumnName(c), got[i].Column(c), want.Column(c))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Logf("%s: Arrow itself: %v", name, err)
	}
}

// fuzzedReadable are the files of the fuzzers that are good Arrow data after all, with their rows: all of its
// values lie in its buffers.
var fuzzedReadable = map[string]int64{
	"clusterfuzz-testcase-minimized-arrow-ipc-file-fuzz-6088759971217408": 200,
}

// TestIPCFuzzed reads the files that crashed other implementations: a clear error, in bounds.
func TestIPCFuzzed(t *testing.T) {
	dir := sharedData(t, "arrow-ipc")
	for _, p := range glob(t, dir+"/arrow-ipc-file/cluster*", dir+"/arrow-ipc-stream/cluster*") {
		name := filepath.Base(p)
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		isFile := strings.Contains(p, "/arrow-ipc-file/")
		o := measured(t, name, 20*time.Second, func() (int64, error) { return readIPC(raw, isFile) })
		rows, good := fuzzedReadable[name]
		switch {
		case o.bytes > allocBound(len(raw)):
			t.Errorf("%s: %d bytes of input made %d allocated", name, len(raw), o.bytes)
		case good && (o.err != nil || o.rows != rows):
			t.Errorf("%s: %d rows of %d, %v", name, o.rows, rows, o.err)
		case !good && !isClear(o.err):
			t.Errorf("%s: %d rows and error %v", name, o.rows, o.err)
		default:
			t.Logf("%s -> %d rows, %v", strings.TrimPrefix(name, "clusterfuzz-testcase-"), o.rows, o.err)
		}
	}
}

// TestSchemaHint holds that a stored Arrow schema is used when it is good and refused when it is not.
func TestSchemaHint(t *testing.T) {
	ts := arr(t, &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"}, `["2024-05-06T07:08:09Z", null]`)
	dict := arr(t, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `["a", "b"]`)
	raw := writeParquet(t, WriteOptions{}, recordOf(map[string]arrow.Array{"t": ts, "d": dict}, "t", "d"))
	f, err := Open(bg, bytes.NewReader(raw), int64(len(raw)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Schema().Field(0).Type.String(); got != "timestamp[ms, tz=UTC]" && got != "timestamp[s, tz=UTC]" {
		t.Errorf("the time zone is lost: %s", got)
	}
	if got := f.Schema().Field(1).Type.ID(); got != arrow.STRING {
		t.Errorf("a dictionary without ReadDict: %s", got)
	}
	text := f.foot.kv["ARROW:schema"]
	enc, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(enc) < 100 {
		t.Fatal("the writer stored no Arrow schema")
	}
	bad := 0
	for i := range enc {
		broken := bytes.Clone(enc)
		broken[i] ^= 0xff
		text2 := base64.StdEncoding.EncodeToString(broken)
		file := bytes.Replace(raw, []byte(text), []byte(text2), 1)
		o := measured(t, "hint", 10*time.Second, func() (int64, error) { return readParquet(file, Options{}, 0) })
		if o.err != nil && !isClear(o.err) || o.bytes > allocBound(len(file)) {
			t.Errorf("byte %d of the stored schema: %v, %d bytes", i, o.err, o.bytes)
		}
		if o.err != nil {
			bad++
		}
	}
	if bad == 0 {
		t.Error("no broken schema was noticed")
	}
}
