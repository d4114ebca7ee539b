package guard

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
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

// TestIPCIntegration reads what other implementations wrote and compares every value with their JSON and with Arrow's
// own reader, but for decimals of 32 and 64 bits, which v17 does not know.
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
		doc := readJSONDoc(t, strings.TrimSuffix(strings.TrimSuffix(p, ".stream"), ".arrow_file")+".json.gz")
		got := ipcRecords(t, name, raw, isFile)
		compareJSON(t, name, got, &doc)
		if !strings.Contains(name, "decimal32") && !strings.Contains(name, "decimal64") {
			compareIPC(t, name, got, raw, isFile)
		}
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
