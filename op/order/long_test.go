package order

import (
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
