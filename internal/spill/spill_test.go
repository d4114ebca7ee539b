package spill_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/internal/spill"
)

var schema = dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64), Nullable: true}, {Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true},
	{Name: "b", Type: dtype.Of(dtype.Bool)}, {Name: "d", Type: dtype.DecimalOf(9, 2)}, {Name: "n", Type: dtype.Of(dtype.Null)}, {Name: "h", Type: dtype.Of(dtype.Int8)}}

func rows(n int) [][]any {
	out := make([][]any, n)
	for i := range out {
		out[i] = []any{int64(i), strings.Repeat("ä", i%40), i%3 == 0, [16]byte{byte(i)}, nil, int8(i)}
		if i%4 == 1 {
			out[i][0], out[i][1] = nil, nil
		}
	}
	return out
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	d := spill.NewDir(t.TempDir())
	for _, n := range []int{0, 1, 63, 64, 65, spill.MaxRows, spill.MaxRows + 1, 3*spill.MaxRows + 7} {
		f, err := d.Create(schema, 1)
		if err != nil {
			t.Fatal(err)
		}
		want := rows(n)
		for _, b := range optest.Rows(schema, want, 0).Batches {
			if err := f.Write(3, b); err != nil {
				t.Fatal(err)
			}
		}
		if f.Rows() != int64(n) || n > 0 && f.Runs() != 4 {
			t.Errorf("%d rows in %d runs", f.Rows(), f.Runs())
		}
		got, err := optest.Read(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := optest.Text(got), optest.Text(want); strings.Join(a, "\n") != strings.Join(b, "\n") {
			t.Errorf("%d rows came back as %d", n, len(got))
		}
		f.Release()
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDictionariesAndSeek(t *testing.T) {
	d := spill.NewDir(t.TempDir())
	defer d.Close()
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8)}}
	f, err := d.Create(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	dict := chunk.NewDict(chunk.Vec{Type: s[0].Type, N: 2, Off: []int32{0, 1, 3}, Str: []byte("abb")})
	for i := range 5 {
		b := &chunk.Batch{N: 2, Seq: uint64(i), Cols: []chunk.Vec{{Type: s[0].Type, N: 2, Data: chunk.Bytes([]uint32{1, uint32(i & 1)}), Dict: dict}}}
		if err := f.Write(0, b); err != nil {
			t.Fatal(err)
		}
	}
	r, err := f.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Seek(3); err != nil {
		t.Fatal(err)
	}
	b, err := r.Next()
	if err != nil || b.Seq != 3 || b.Cols[0].Text(0) != "bb" || b.Cols[0].Text(1) != "bb" || b.Cols[0].Dict != dict {
		t.Fatal(b, err)
	}
	if _, err = r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err = r.Next(); err != io.EOF {
		t.Fatal(err)
	}
}

// TestDictionariesAreBounded: a folder keeps few bytes of dictionaries in memory, whatever
// its files are given, and none when they are gone; what is read has the same text.
func TestDictionariesAreBounded(t *testing.T) {
	d := spill.NewDir(t.TempDir())
	defer d.Close()
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	const rows = spill.MaxRows + 100
	var files []*spill.File
	coded, plain := 0, 0
	for k := range 4 {
		f, err := d.Create(s, 1)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		for i := range 40 {
			words := 2000 + i%4*4000 // the largest are not kept
			v := chunk.Vec{Type: s[0].Type, N: words, Off: []int32{0}}
			for w := range words {
				v.Str = fmt.Appendf(v.Str, "file %d, dictionary %d, word %d", k, i, w)
				v.Off = append(v.Off, int32(len(v.Str)))
			}
			codes, valid := make([]uint32, rows), make([]uint64, chunk.Words(rows))
			for j := range codes {
				if codes[j] = uint32((i + j) % words); j%5 != 0 {
					valid[j>>6] |= 1 << (j & 63)
				}
			}
			b := &chunk.Batch{N: rows, Seq: uint64(i), Cols: []chunk.Vec{{Type: s[0].Type, N: rows, Valid: valid, Data: chunk.Bytes(codes), Dict: chunk.NewDict(v)}}}
			if err := f.Write(0, b); err != nil {
				t.Fatal(err)
			}
			if held := d.Dicts(); held > spill.MaxDicts {
				t.Fatalf("%d bytes of dictionaries are kept", held)
			}
		}
	}
	for k, f := range files {
		r, err := f.Open(0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			words := 2000 + i%4*4000
			for lo := 0; lo < rows; {
				b, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				v := &b.Cols[0]
				if v.Dict != nil {
					coded++
				} else {
					plain++
				}
				for j := range b.N {
					if null := (lo+j)%5 == 0; null != v.IsNull(j) || !null && v.Text(j) != fmt.Sprintf("file %d, dictionary %d, word %d", k, i, (i+lo+j)%words) {
						t.Fatalf("file %d, batch %d, row %d: %q", k, i, lo+j, v.Text(j))
					}
				}
				lo += b.N
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		f.Release()
	}
	if coded == 0 || plain == 0 {
		t.Errorf("%d frames have codes, %d text: both should be tested", coded, plain)
	}
	if held := d.Dicts(); held != 0 {
		t.Errorf("%d bytes of dictionaries are kept without a file", held)
	}
}

func TestConcurrentWritersKeepEachRunInOrder(t *testing.T) {
	d := spill.NewDir(t.TempDir())
	defer d.Close()
	f, err := d.Create(schema, 8)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for run := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for _, b := range optest.Rows(schema, rows(500), 100).Batches {
				if err := f.Write(run, b); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	got, err := optest.Read(nil, f)
	if err != nil || len(got) != 4000 {
		t.Fatal(len(got), err)
	}
	for i, r := range got {
		if r[5] != int8(i%500) {
			t.Fatalf("row %d is %v", i, r)
		}
	}
}

func TestAFlippedBitIsFound(t *testing.T) {
	dir := t.TempDir()
	d := spill.NewDir(dir)
	defer d.Close()
	f, err := d.Create(schema, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(0, optest.Rows(schema, rows(100), 0).Batches[0]); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.spill"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 9, 70, 300, len(raw) - 70} {
		bad := append([]byte(nil), raw...)
		bad[at] ^= 4
		if err := os.WriteFile(files[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := optest.Read(nil, f)
		var rotten *spill.CorruptError
		if !errors.As(err, &rotten) || rotten.File != f || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("bit of byte %d: %v", at, err)
		}
	}
	if err := os.Truncate(files[0], int64(len(raw)/2)); err != nil {
		t.Fatal(err)
	}
	var rotten *spill.CorruptError
	if _, err := optest.Read(nil, f); !errors.As(err, &rotten) {
		t.Errorf("half of a file: %v", err)
	}
}

// A folder with a quota is full like a disk, and has room again when files go.
func TestQuota(t *testing.T) {
	d := spill.NewDir(t.TempDir())
	defer d.Close()
	d.Limit(3 << 20)
	batch := optest.Rows(schema, rows(spill.MaxRows), 0).Batches[0]
	var files []*spill.File
	var err error
	for err == nil && len(files) < 100 {
		var f *spill.File
		if f, err = d.Create(schema, 1); err == nil {
			files = append(files, f)
			err = f.Write(0, batch)
		}
	}
	if !errors.Is(err, spill.ErrFull) || !d.Full() || len(files) < 2 || !strings.Contains(err.Error(), "no room in ") {
		t.Fatalf("%d files, full %v: %v", len(files), d.Full(), err)
	}
	for _, f := range files {
		f.Release()
	}
	if d.Held() != 0 || !d.Try() || d.Full() || d.Held() != 0 {
		t.Errorf("%d bytes are held, full %v", d.Held(), d.Full())
	}
}

func TestNoFolder(t *testing.T) {
	d := spill.NewDir(filepath.Join(t.TempDir(), "not", "there"))
	if _, err := d.Create(schema, 1); err == nil || !strings.Contains(err.Error(), "--spill-dir") {
		t.Error(err)
	}
}

// BenchmarkWriteRead writes eight frames and reads them back.
func BenchmarkWriteRead(b *testing.B) {
	d := spill.NewDir(b.TempDir())
	defer d.Close()
	batch := optest.Rows(schema, rows(spill.MaxRows), 0).Batches[0]
	b.SetBytes(8 * batch.Bytes())
	for b.Loop() {
		f, err := d.Create(schema, 1)
		if err != nil {
			b.Fatal(err)
		}
		for range 8 {
			if err := f.Write(0, batch); err != nil {
				b.Fatal(err)
			}
		}
		r, _ := f.Open(0)
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		r.Close()
		f.Release()
	}
}

// BenchmarkCompress compresses what BenchmarkWriteRead writes, which nothing does: it is what frames are spared.
func BenchmarkCompress(b *testing.B) {
	batch := optest.Rows(schema, rows(spill.MaxRows), 0).Batches[0]
	var plain, out []byte
	for i := range batch.Cols {
		plain = batch.Cols[i].AppendTo(plain, 64)
	}
	for _, c := range []codec.Codec{codec.LZ4, codec.Snappy} {
		b.Run(c.String(), func(b *testing.B) {
			pack := codec.NewPacker(c)
			b.SetBytes(batch.Bytes())
			for b.Loop() {
				var err error
				if out, err = pack.Pack(out[:0], plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
