package guard

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/weft-data/weft/internal/mem"
)

var bg = context.Background()

// sharedData gives a folder of real files beside the repository, or skips the test.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the test")
		}
		dir = up
	}
	p := filepath.Join(dir, "..", "shared", "data", name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("%s is not there", filepath.Join("../shared/data", name))
	}
	return p
}

// allocBound is what reading an input may allocate in all.
func allocBound(input int) uint64 { return 64<<20 + 4*uint64(input) }

type outcome struct {
	err   error
	rows  int64
	bytes uint64
}

// measured runs f with a time limit and counts all bytes allocated meanwhile. f must not panic.
func measured(t testing.TB, name string, limit time.Duration, f func() (int64, error)) outcome {
	t.Helper()
	done := make(chan outcome, 1)
	go func() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rows, err := func() (rows int64, err error) {
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("PANIC %v", r)
					t.Errorf("%s: panic: %v", name, r)
				}
			}()
			return f()
		}()
		runtime.ReadMemStats(&after)
		done <- outcome{err, rows, after.TotalAlloc - before.TotalAlloc}
	}()
	select {
	case o := <-done:
		return o
	case <-time.After(limit):
		t.Fatalf("%s: still running after %v", name, limit)
		return outcome{}
	}
}

// isClear says whether an error says what it should: of this package's kinds, with the place.
func isClear(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.File != "" &&
		(errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrLimit) || errors.Is(err, mem.ErrBudget))
}

// readParquet reads every page of a file, its page indexes and bloom filters.
func readParquet(b []byte, opt Options) (int64, error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)), opt)
	if err != nil {
		return 0, err
	}
	rows := int64(0)
	for g := range f.NumRowGroups() {
		for c := range f.foot.leaves {
			if err := readPages(f, g, c); err != nil {
				return rows, err
			}
			x, err := f.PageIndex(g, c)
			if err == nil && x != nil && len(x.Rows) != len(x.Offsets) {
				err = errors.New("an index with rows without offsets")
			}
			if err != nil {
				return rows, err
			}
			if bloom, err := f.Bloom(g, c); err != nil {
				return rows, err
			} else if bloom != nil {
				bloom.MayHold(uint64(c) * 0x9e3779b97f4a7c15)
			}
		}
		rows += f.RowGroup(g).Rows
	}
	return rows, nil
}

func readPages(f *File, g, c int) error {
	pool := mem.NewPool(64 << 20)
	p, err := f.Pages(g, c, pool)
	if err != nil {
		return err
	}
	defer func() {
		p.Close()
		if pool.Used() != 0 {
			panic("pages keep buffers after Close")
		}
	}()
	for {
		h, err := p.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Values <= 0 {
			return fmt.Errorf("a page of %d values", h.Values)
		}
		if _, err := p.Load(); err != nil {
			return err
		}
	}
}

func openIPC(b []byte, file bool) (*IPCReader, error) {
	if file {
		return OpenIPC(bytes.NewReader(b), int64(len(b)), IPCOptions{})
	}
	return NewIPCStream(bytes.NewReader(b), IPCOptions{})
}

func readIPC(b []byte, file bool) (int64, error) {
	r, err := openIPC(b, file)
	if err != nil {
		return 0, err
	}
	rows := int64(0)
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += rec.NumRows()
		touch(rec)
	}
}

// touch reads up to 100 slots from both ends of every column, as a program would: an array that lies about
// its buffers panics here.
func touch(r arrow.Record) {
	for _, c := range r.Columns() {
		n := c.Len()
		for i := 0; i < n; i++ {
			if i == 100 && n > 200 {
				i = n - 100
			}
			if c.IsValid(i) {
				_ = c.ValueStr(i)
			}
		}
	}
}

// arr builds an array of a type from JSON.
func arr(t testing.TB, typ arrow.DataType, json string) arrow.Array {
	t.Helper()
	a, _, err := array.FromJSON(memory.DefaultAllocator, typ, bytes.NewReader([]byte(json)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func recordOf(cols map[string]arrow.Array, order ...string) arrow.Record {
	var fields []arrow.Field
	var arrs []arrow.Array
	for _, name := range order {
		fields = append(fields, arrow.Field{Name: name, Type: cols[name].DataType(), Nullable: true})
		arrs = append(arrs, cols[name])
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), arrs, int64(arrs[0].Len()))
}

// parquetOptions say how the files of tests are written.
type parquetOptions struct {
	Codec        string
	RowGroupRows int64
	NoDictionary bool
}

func writeParquet(t testing.TB, opt parquetOptions, rec arrow.Record) []byte {
	t.Helper()
	codec := map[string]compress.Compression{"": compress.Codecs.Uncompressed, "snappy": compress.Codecs.Snappy, "zstd": compress.Codecs.Zstd}[opt.Codec]
	props := parquet.NewWriterProperties(parquet.WithCompression(codec), parquet.WithDictionaryDefault(!opt.NoDictionary), parquet.WithCreatedBy("weft"))
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(rec.Schema(), &buf, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	for lo, per := int64(0), cmp.Or(opt.RowGroupRows, rec.NumRows()); lo < rec.NumRows() && err == nil; lo += per {
		err = w.Write(rec.NewSlice(lo, min(lo+per, rec.NumRows())))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func writeIPC(t testing.TB, opt IPCWriteOptions, recs ...arrow.Record) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewIPCWriter(&buf, recs[0].Schema(), opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
