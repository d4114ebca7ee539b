package guard

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
)

// TestIPCCut cuts a stream and a file at every byte. A stream may end between two records, marked or not, as the format says;
// everywhere else a cut is an error that names the file and a byte.
func TestIPCCut(t *testing.T) {
	rec := recordOf(map[string]arrow.Array{
		"i": arr(t, arrow.PrimitiveTypes.Int64, `[1, null, 3]`),
		"d": arr(t, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `["u", "v", "u"]`),
	}, "i", "d")
	var buf bytes.Buffer
	w, err := NewIPCWriter(&buf, rec.Schema(), IPCWriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var empty bytes.Buffer
	if e, err := NewIPCWriter(&empty, rec.Schema(), IPCWriteOptions{}); err != nil || e.Close() != nil {
		t.Fatal(err)
	}
	ends := []int{empty.Len() - 8} // of the schema: eight bytes are the end marker
	for range 3 {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, buf.Len())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw := buf.Bytes()
	rows := func(b []byte, file bool) (n int64, err error) {
		var x *IPCReader
		if file {
			x, err = OpenIPC(bytes.NewReader(b), int64(len(b)), IPCOptions{Name: "x.arrow"})
		} else {
			x, err = NewIPCStream(bytes.NewReader(b), IPCOptions{Name: "x.arrow"})
		}
		for err == nil {
			var r arrow.Record
			if r, err = x.Next(); err == nil {
				n += r.NumRows()
			}
		}
		if err == io.EOF {
			err = nil
		}
		return n, err
	}
	for n := range raw {
		got, err := rows(raw[:n], false)
		if k := slices.Index(ends, n); k >= 0 {
			if err != nil || got != int64(3*k) {
				t.Errorf("cut behind record %d, at %d: %d rows, %v", k, n, got, err)
			}
			continue
		}
		var begin int
		if err == nil || !isClear(err) || !strings.HasPrefix(err.Error(), "x.arrow: message at byte ") {
			t.Fatalf("cut at %d of %d: %d rows, %v", n, len(raw), got, err)
		}
		if _, e := fmt.Sscanf(err.Error(), "x.arrow: message at byte %d:", &begin); e != nil || begin > n || begin < ends[max(0, got/3)] && n > ends[0] {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if got, err := rows(raw, false); err != nil || got != 9 {
		t.Errorf("whole: %d rows, %v", got, err)
	}
	if got, err := rows(append(slices.Clone(raw), make([]byte, 9)...), false); err != nil || got != 9 {
		t.Errorf("zeros behind: %d rows, %v", got, err)
	}
	want := fmt.Sprintf("the stream ends at byte %d, and ", len(raw))
	if got, err := rows(append(slices.Clone(raw), raw...), false); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("twice: %d rows, %v", got, err)
	}
	whole := writeIPC(t, IPCWriteOptions{File: true}, rec, rec)
	for n := range whole {
		if got, err := rows(whole[:n], true); err == nil || !isClear(err) || !strings.HasPrefix(err.Error(), "x.arrow: ") || n > 30 && !strings.Contains(err.Error(), fmt.Sprintf("at byte %d ", n)) {
			t.Fatalf("file cut at %d of %d: %d rows, %v", n, len(whole), got, err)
		}
	}
}
