package order

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// TestSamplesArePeeled: samples have the keys of the first of every step rows and of the last one, all numbers, and of the
// texts and lists that are no keys nothing. Of long texts that are keys they have the beginning.
func TestSamplesArePeeled(t *testing.T) {
	text := dtype.Of(dtype.Utf8)
	list := dtype.ListOf(text)
	s := dtype.Schema{{Name: "k", Type: text}, {Name: "n", Type: dtype.Of(dtype.Int64)}, {Name: "t", Type: text, Nullable: true}, {Name: "l", Type: list, Nullable: true}, {Name: "m", Type: list}, {Name: "j", Type: text}}
	const rows = 2000
	c := chunk.NewBuilder(s, mem.Heap)
	for i := range rows {
		one := func(t dtype.Type, x string) chunk.Vec {
			return chunk.Vec{Type: t, N: 1, Off: []int32{0, int32(len(x))}, Str: []byte(x)}
		}
		parts := one(text, fmt.Sprint("part ", i))
		record := string(chunk.AppendList(nil, &parts, 0, 1))
		b := &chunk.Batch{N: 1, Cols: []chunk.Vec{one(text, fmt.Sprintf("%06d", i)), {Type: s[1].Type, N: 1, Data: chunk.Bytes([]int64{int64(i)})},
			one(text, fmt.Sprint("text ", i)), one(list, record), one(list, record), one(text, strings.Repeat("y", i))}}
		if err := c.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	keys := []key{{col: 0, kind: dtype.Utf8}, {col: 5, kind: dtype.Utf8}}
	task := forker(1)
	g := gatherer{schema: s, t: task}
	if took, err := g.add(c.Flush(), 0, false); took != rows || err != nil {
		t.Fatal(took, err)
	}
	es := make([]entry, rows)
	for i := range es {
		es[i].id = uint32(i/pageRows)<<pageBits | uint32(i%pageRows)
	}
	for _, step := range []int{1, 7, 64, rows, 2 * rows} {
		got, err := newWriter(s, g.pages, nil).samples(es, step, keys)
		if err != nil {
			t.Fatal(err)
		}
		if want := (rows+step-1)/step + 1; got.N != want {
			t.Fatalf("step %d: %d samples, want %d", step, got.N, want)
		}
		for i := range got.N {
			at := i * step
			if i == got.N-1 {
				at = rows - 1
			}
			if k := got.Cols[0].Text(i); k != fmt.Sprintf("%06d", at) || chunk.Values[int64](&got.Cols[1])[i] != int64(at) {
				t.Fatalf("step %d: sample %d is row %q, want row %d", step, i, k, at)
			}
			if j := got.Cols[5].Text(i); j != strings.Repeat("y", min(at, markText+1)) {
				t.Fatalf("step %d: sample %d: %d bytes of a text of %d", step, i, len(j), at)
			}
			if got.Cols[2].Text(i) != "" || got.Cols[3].Text(i) != "" || got.Cols[4].Text(i) != "" || got.Cols[4].IsNull(i) {
				t.Fatalf("step %d: sample %d: text %q, list %q, list that is never null %q", step, i, got.Cols[2].Text(i), got.Cols[3].Text(i), got.Cols[4].Text(i))
			}
		}
	}
	freePages(task, g.pages)
}
