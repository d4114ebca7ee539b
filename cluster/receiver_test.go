package cluster

import (
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// putOver gives a receiver a batch, and writes over the memory that is not its own.
func putOver(t *testing.T, s *receiver, run int, b *chunk.Batch, again []byte) {
	t.Helper()
	if _, err := s.Put(0, run, b); err != nil {
		t.Fatal(err)
	}
	for i := range again {
		again[i] = 0xff
	}
}

// TestReceivedCodesDoNotStay: a client keeps the text of a large batch, and not the codes it came as: their memory is used for the
// next batch. Of a small batch it keeps nothing of what came.
func TestReceivedCodesDoNotStay(t *testing.T) {
	schema := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}, {Name: "n", Type: dtype.Of(dtype.Int64)}}
	dict := chunk.NewDict(chunk.Vec{Type: schema[0].Type, N: 2, Off: []int32{0, 1, 4}, Str: []byte("axyz")})
	s := &receiver{schema: schema}
	s.reset()
	again := make([]byte, 1<<20) // for what the receiver gives no memory for
	for run, n := range []int{10, 20_000} {
		rest, coded := s.Alloc(8*chunk.Words(n)+8*n, 4*n)
		if large := n > 10; (rest != nil) != large || coded != nil {
			t.Fatalf("%d rows: %d bytes for what stays, %d for codes", n, len(rest), len(coded))
		}
		if rest == nil {
			rest = again[4*n:]
		}
		clear(rest)
		b := &chunk.Batch{N: n, Cols: []chunk.Vec{
			{Type: schema[0].Type, N: n, Dict: dict, Valid: chunk.Slice[uint64](rest, chunk.Words(n)), Data: again[:4*n]},
			{Type: schema[1].Type, N: n, Data: rest[8*chunk.Words(n):][:8*n]}}}
		for i := range n {
			chunk.Values[uint32](&b.Cols[0])[i], chunk.Values[int64](&b.Cols[1])[i] = uint32(i%2), int64(i)
			if i%3 > 0 {
				b.Cols[0].Valid[i>>6] |= 1 << (i & 63)
			}
		}
		putOver(t, s, run, b, again)
	}
	if err := s.End(0, 2); err != nil {
		t.Fatal(err)
	}
	for run, n := range []int{10, 20_000} {
		b := s.runs[run][0]
		if large := n > 10; len(s.runs[run]) != 1 || b.N != n || large && b.Cols[0].Dict != nil {
			t.Fatalf("run %d has %d batches of %d rows, want one of %d, or codes", run, len(s.runs[run]), b.N, n)
		}
		for i := range n {
			text := []string{"a", "xyz"}[i%2]
			if null := i%3 == 0; b.Cols[0].IsNull(i) != null || !null && b.Cols[0].Text(i) != text || chunk.Values[int64](&b.Cols[1])[i] != int64(i) {
				t.Fatalf("row %d of run %d: %v %q %d", i, run, b.Cols[0].IsNull(i), b.Cols[0].Text(i), chunk.Values[int64](&b.Cols[1])[i])
			}
		}
	}
}

// TestReceivedTablesAreFilledIn: a client keeps full rows of short batches, of small and of large ones, and nothing of the numbers.
func TestReceivedTablesAreFilledIn(t *testing.T) {
	schema := dtype.Schema{{Name: "n", Type: dtype.Of(dtype.Int64)}, {Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	hole := chunk.Vec{Type: dtype.Of(dtype.Null), N: 2}
	tab := chunk.NewTable(&chunk.Batch{N: 2, Cols: []chunk.Vec{hole, {Type: schema[1].Type, N: 2, Off: []int32{0, 1, 4}, Str: []byte("axyz")}}})
	s := &receiver{schema: schema}
	s.reset()
	again := make([]byte, 1<<20)
	for run, n := range []int{10, 20_000} {
		rest, _ := s.Alloc(8*n, 4*n)
		if rest == nil {
			rest = again[4*n:]
		}
		b := &chunk.Batch{N: n, Table: tab, Cols: []chunk.Vec{{Type: schema[0].Type, N: n, Data: rest[:8*n]}, {Type: dtype.Of(dtype.Uint32), N: n, Data: again[:4*n]}}}
		for i := range n {
			chunk.Values[int64](&b.Cols[0])[i], chunk.Values[uint32](&b.Cols[1])[i] = int64(i), uint32(i%2)
		}
		putOver(t, s, run, b, again)
	}
	if err := s.End(0, 2); err != nil {
		t.Fatal(err)
	}
	for run, n := range []int{10, 20_000} {
		b := s.runs[run][0]
		if len(s.runs[run]) != 1 || b.N != n || b.Table != nil || len(b.Cols) != 2 {
			t.Fatalf("run %d has %d batches, the first of %d rows, want one of %d that is full", run, len(s.runs[run]), b.N, n)
		}
		for i := range n {
			if text := []string{"a", "xyz"}[i%2]; b.Cols[1].Text(i) != text || chunk.Values[int64](&b.Cols[0])[i] != int64(i) {
				t.Fatalf("row %d of run %d: %d %q", i, run, chunk.Values[int64](&b.Cols[0])[i], b.Cols[1].Text(i))
			}
		}
	}
}
