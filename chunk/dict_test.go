package chunk_test

import (
	"fmt"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// words is a batch of n codes of a new dictionary of as many words, and every seventh
// row null.
func words(n int) (*chunk.Batch, [][]any) {
	d := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: n, Off: []int32{0}}
	codes, valid, rows := make([]uint32, n), make([]uint64, chunk.Words(n)), make([][]any, n)
	for i := range n {
		d.Str = fmt.Appendf(d.Str, "%0*d", i%40, i)
		d.Off = append(d.Off, int32(len(d.Str)))
		if codes[i] = uint32(n - 1 - i); i%7 != 0 {
			valid[i>>6] |= 1 << (i & 63)
		}
	}
	for i := range n {
		if rows[i] = []any{nil}; i%7 != 0 {
			rows[i][0] = d.Text(n - 1 - i)
		}
	}
	return &chunk.Batch{N: n, Cols: []chunk.Vec{{Type: d.Type, N: n, Valid: valid, Data: chunk.Bytes(codes), Dict: chunk.NewDict(d)}}}, rows
}

// TestLargeDictionaries: rows that a builder gives out do not keep a dictionary that is
// large beside them, unless there is no memory for their text.
func TestLargeDictionaries(t *testing.T) {
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	for _, c := range []struct {
		words, copies int
		room          int64
		coded         bool
	}{
		{40, 1, 1 << 20, true},    // it is small
		{1000, 1, 1 << 20, false}, // it has a word for every row
		{1000, 9, 1 << 20, true},  // rows have more codes than it has text
		{1000, 1, 9 << 10, true},  // no memory
		{1000, 2, 1 << 20, false}, // several batches of it, yet few
		{50_000, 2, 16 << 20, false},
	} {
		pool := mem.NewPool(c.room)
		b := chunk.NewBuilder(s, pool)
		in, rows := words(c.words)
		var want [][]any
		for range c.copies {
			if err := b.Append(in); err != nil {
				t.Fatal(c, err)
			}
			want = append(want, rows...)
		}
		out := b.Flush()
		if coded := out.Cols[0].Dict != nil; coded != c.coded {
			t.Errorf("%+v: codes: %v", c, coded)
		}
		same(t, fmt.Sprint(c), []*chunk.Batch{out}, want)
		if err := b.Append(in); c.room > 1<<14 && err != nil {
			t.Fatal(err)
		} else if err == nil {
			next := b.Flush()
			same(t, fmt.Sprint(c, ", the next"), []*chunk.Batch{next}, rows)
			next.Release()
		}
		if out.Release(); pool.Used() != 0 {
			t.Errorf("%+v: %d bytes are still handed out", c, pool.Used())
		}
	}
}
