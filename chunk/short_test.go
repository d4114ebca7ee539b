package chunk_test

import (
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// texts is a column of texts.
func texts(list ...string) chunk.Vec {
	v := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(list), Off: []int32{0}}
	for _, s := range list {
		v.Str = append(v.Str, s...)
		v.Off = append(v.Off, int32(len(v.Str)))
	}
	return v
}

func ints(list ...int64) chunk.Vec {
	return chunk.Vec{Type: dtype.Of(dtype.Int64), N: len(list), Data: chunk.Bytes(list)}
}

// TestTables: which columns a table has, which short batches have, and when they are fewer bytes.
func TestTables(t *testing.T) {
	hole := chunk.Vec{Type: dtype.Of(dtype.Null), N: 3}
	tab := chunk.NewTable(&chunk.Batch{N: 3, Cols: []chunk.Vec{hole, ints(5, 6, 7), hole, texts("a", "bcd", "")}})
	if tab == nil || tab.Wide != 8+4+3 || tab.Has(0) || !tab.Has(1) || tab.Has(2) || !tab.Has(3) {
		t.Fatalf("the table is %+v", tab)
	}
	schema := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Bool)}, {Name: "b", Type: dtype.Of(dtype.Int64)}, {Name: "c", Type: dtype.Of(dtype.Utf8)}, {Name: "d", Type: dtype.Of(dtype.Utf8)}}
	if s := tab.Short(schema); len(s) != 3 || s[0].Name != "a" || s[1].Name != "c" || s[2].Type.Kind != dtype.Uint32 {
		t.Errorf("short batches have %v", s)
	}
	// 44 bytes, 14 a row: each row saves 10.
	if tab.Saves(8) || !tab.Saves(9) {
		t.Error("rows are worth the table that are not, or are not that are")
	}
	if chunk.NewTable(&chunk.Batch{N: 1, Cols: []chunk.Vec{texts(strings.Repeat("x", 1<<10))}}) != nil || chunk.NewTable(&chunk.Batch{Cols: []chunk.Vec{ints()}}) != nil ||
		chunk.NewTable(codedText([]string{"a"}, []int{0})) != nil {
		t.Error("a table of what is none")
	}
}

// TestFull: numbers that are null give nulls, the columns of its own stay, and values that are null in the table are.
func TestFull(t *testing.T) {
	hole, some := chunk.Vec{Type: dtype.Of(dtype.Null), N: 3}, ints(5, 6, 7)
	some.Valid = []uint64{0b101}
	tab := chunk.NewTable(&chunk.Batch{N: 3, Cols: []chunk.Vec{some, hole, texts("a", "bcd", "e")}})
	const n = 100
	numbers, own := make([]uint32, n), make([]int64, n)
	valid := make([]uint64, chunk.Words(n))
	for i := range n {
		numbers[i], own[i] = uint32(i%3), int64(i)
		if i%5 > 0 {
			valid[i>>6] |= 1 << (i & 63)
		}
	}
	at := chunk.Vec{Type: dtype.Of(dtype.Uint32), N: n, Valid: valid, Data: chunk.Bytes(numbers)}
	b, err := (&chunk.Batch{N: n, Seq: 9, Table: tab, Cols: []chunk.Vec{ints(own...), at}}).Full()
	if err != nil || b.N != n || b.Seq != 9 || b.Table != nil || len(b.Cols) != 3 {
		t.Fatal(b, err)
	}
	for i := range n {
		null := i%5 == 0
		if got := b.Cols[0].IsNull(i); got != (null || i%3 == 1) || !got && chunk.Values[int64](&b.Cols[0])[i] != int64(5+i%3) {
			t.Fatalf("number %d is %d, null %v", i, chunk.Values[int64](&b.Cols[0])[i], got)
		}
		if chunk.Values[int64](&b.Cols[1])[i] != int64(i) {
			t.Fatalf("row %d is %d", i, chunk.Values[int64](&b.Cols[1])[i])
		}
		if got := b.Cols[2].IsNull(i); got != null || !got && b.Cols[2].Text(i) != []string{"a", "bcd", "e"}[i%3] {
			t.Fatalf("text %d is %q, null %v", i, b.Cols[2].Text(i), got)
		}
	}
	long := chunk.NewTable(&chunk.Batch{N: 1, Cols: []chunk.Vec{texts(strings.Repeat("x", 1000))}})
	many := &chunk.Batch{N: 3e6, Table: long, Cols: []chunk.Vec{{Type: at.Type, N: 3e6, Data: make([]byte, 12e6)}}}
	if _, err := many.Full(); err == nil || !strings.Contains(err.Error(), "2 GiB") {
		t.Errorf("3 GB of text in one batch: %v", err)
	}
}
