package chunk_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// codedText makes a batch of one column: row i has value code[i] of values, or null for a negative code.
func codedText(values []string, code []int) *chunk.Batch {
	d := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(values), Off: []int32{0}}
	for _, s := range values {
		d.Str = append(d.Str, s...)
		d.Off = append(d.Off, int32(len(d.Str)))
	}
	codes, valid := make([]uint32, len(code)), make([]uint64, chunk.Words(len(code)))
	for i, c := range code {
		if c >= 0 {
			codes[i] = uint32(c)
			valid[i>>6] |= 1 << (i & 63)
		}
	}
	v := chunk.Vec{Type: d.Type, N: len(code), Valid: valid, Data: chunk.Bytes(codes), Dict: chunk.NewDict(d)}
	return &chunk.Batch{N: len(code), Cols: []chunk.Vec{v}}
}

func TestCodesBecomeTextInRecords(t *testing.T) {
	var values []string
	for n := range 40 {
		values = append(values, strings.Repeat(string(rune('a'+n%26)), n))
	}
	var code []int
	for i := range 1000 {
		code = append(code, i*i%41-1) // -1 is null
	}
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	rec, err := chunk.ToRecord(chunk.ToArrowSchema(s), s, codedText(values, code))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	col := rec.Column(0).(*array.String)
	for i, c := range code {
		if col.IsNull(i) != (c < 0) || c >= 0 && col.Value(i) != values[c] {
			t.Fatalf("row %d is %q, want value %d", i, col.Value(i), c)
		}
	}
}

func TestTooMuchTextBehindCodesIsRefused(t *testing.T) {
	code := make([]int, 2100)
	s := dtype.Schema{{Name: "long", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	_, err := chunk.ToRecord(chunk.ToArrowSchema(s), s, codedText([]string{strings.Repeat("x", 1<<20)}, code))
	if err == nil || !strings.Contains(err.Error(), `column "long"`) || !strings.Contains(err.Error(), "2 GiB") {
		t.Errorf("2.1 GiB of text in one batch: %v", err)
	}
}

// What is kept shares nothing with what it was made of, unless that is garbage-collected
// and plain already.
func TestKeptRowsOutliveTheirBatch(t *testing.T) {
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}, {Name: "n", Type: dtype.Of(dtype.Int64)}}
	numbers := []int64{7, 8, 9}
	b := codedText([]string{"a", "bcd"}, []int{1, -1, 0})
	b.Cols = append(b.Cols, chunk.Vec{Type: s[1].Type, N: 3, Data: chunk.Bytes(numbers)})
	kept, err := chunk.Kept(s, b)
	if err != nil {
		t.Fatal(err)
	}
	clear(numbers)
	clear(b.Cols[0].Data)
	clear(b.Cols[0].Valid)
	if v := &kept.Cols[0]; v.Dict != nil || v.Text(0) != "bcd" || !v.IsNull(1) || v.Text(2) != "a" || v.IsNull(0) {
		t.Errorf("texts %q, %q", v.Text(0), v.Text(2))
	}
	if n := chunk.Values[int64](&kept.Cols[1]); n[0] != 7 || n[2] != 9 {
		t.Errorf("numbers %v", n)
	}
	if again, err := chunk.Kept(s, kept); again != kept || err != nil {
		t.Errorf("kept rows are copied again: %v", err)
	}
	c := chunk.NewBuilder(s, mem.Heap)
	if err := c.Append(codedWith(b)); err != nil {
		t.Fatal(err)
	}
	own := c.Flush()
	if plain, err := chunk.Kept(s, own); err != nil || plain == own || plain.Cols[0].Dict != nil || own.Cols[0].Dict == nil {
		t.Errorf("codes in garbage-collected buffers are kept as codes: %v", err)
	} else {
		own.Release()
		plain.Release()
	}
}

// codedWith gives b, whose values a test has cleared, other ones.
func codedWith(b *chunk.Batch) *chunk.Batch {
	fresh := codedText([]string{"x", "y"}, []int{0, 1, 0})
	return &chunk.Batch{N: b.N, Cols: []chunk.Vec{fresh.Cols[0], b.Cols[1]}}
}
