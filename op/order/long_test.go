package order

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// A row that is longer than what the budget has left is taken all the same by who
// must go on, also when the budget has room for a page without its text.
func TestLongRowGoesOn(t *testing.T) {
	for _, text := range []int{10, 2 * pageBytes, 16 * pageBytes} {
		s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8)}}
		b := &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: s[0].Type, N: 1, Off: []int32{0, int32(text)}, Str: []byte(strings.Repeat("x", text))}}}
		task := &fakeTask{Pool: mem.NewPool(8 * pageBytes), threads: 1}
		g := gatherer{schema: s, t: task}
		n, err := g.add(b, 0, false)
		if err != nil || (n == 1) != (text < 8*pageBytes) {
			t.Fatalf("%d bytes: %d rows, %v", text, n, err)
		}
		if n == 0 {
			freePages(task, g.pages)
			g.pages, g.must = nil, true
			if n, err = g.add(b, 0, false); err != nil || n != 1 {
				t.Fatalf("%d bytes, must go on: %d rows, %v", text, n, err)
			}
		}
		if v := g.pages[0].b.Cols[0]; int(v.Off[1]) != text || v.Str[text-1] != 'x' {
			t.Errorf("%d bytes: %d were kept", text, v.Off[1])
		}
		freePages(task, g.pages)
		if used := task.Used(); used != 0 {
			t.Errorf("%d bytes: %d bytes are not given back", text, used)
		}
	}
}

// Pages do not keep dictionaries that are large beside their rows, but for the last one,
// and what is sorted of them neither.
func TestPagesOfManyDictionaries(t *testing.T) {
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	task := &fakeTask{Pool: mem.NewPool(64 << 20), threads: 1}
	g := gatherer{schema: s, t: task}
	const parts, rows = 20, 900
	var want []string
	for k := range parts {
		d := chunk.Vec{Type: s[0].Type, N: rows, Off: []int32{0}}
		codes, valid := make([]uint32, rows), make([]uint64, chunk.Words(rows))
		for i := range rows {
			d.Str = fmt.Appendf(d.Str, "%d of part %d", i, k)
			d.Off = append(d.Off, int32(len(d.Str)))
		}
		for i := range codes {
			if codes[i] = uint32(rows - 1 - i); i%3 != 0 {
				valid[i>>6] |= 1 << (i & 63)
				want = append(want, d.Text(rows-1-i))
			} else {
				want = append(want, "")
			}
		}
		b := &chunk.Batch{N: rows, Cols: []chunk.Vec{{Type: s[0].Type, N: rows, Valid: valid, Data: chunk.Bytes(codes), Dict: chunk.NewDict(d)}}}
		if n, err := g.add(b, 0, false); n != rows || err != nil {
			t.Fatal(n, err)
		}
	}
	at := 0
	var es []entry
	for i, p := range g.pages {
		if v := &p.b.Cols[0]; (v.Dict != nil) != (i == len(g.pages)-1) {
			t.Errorf("page %d of %d has a dictionary: %v", i, len(g.pages), v.Dict != nil)
		}
		for j := range p.b.N {
			if v := &p.b.Cols[0]; v.IsNull(j) != (want[at] == "") || want[at] != "" && v.Text(j) != want[at] {
				t.Fatalf("page %d, row %d: %q, want %q", i, j, v.Text(j), want[at])
			}
			es, at = append(es, entry{id: uint32(i)<<pageBits | uint32(j)}), at+1
		}
	}
	if at != len(want) {
		t.Errorf("%d rows, want %d", at, len(want))
	}
	last := g.pages[len(g.pages)-1:]
	out, err := newWriter(s, last, task).gather(es[:rows])
	if err != nil || out.Cols[0].Dict != nil {
		t.Errorf("a sorted block keeps a large dictionary: %v, %v", out.Cols[0].Dict != nil, err)
	}
	out.Release()
	freePages(task, g.pages)
	if used := task.Used(); used != 0 {
		t.Errorf("%d bytes are not given back", used)
	}
}
