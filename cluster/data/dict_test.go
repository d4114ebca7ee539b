package data

import (
	"context"
	"fmt"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// TestManyDictionaries: a stream may have any number of dictionaries. Both ends forget them now and then, and those that are used on and on
// are sent again.
func TestManyDictionaries(t *testing.T) {
	two := dtype.Schema{{Name: "same", Type: dtype.Of(dtype.Utf8)}, {Name: "own", Type: dtype.Of(dtype.Utf8)}}
	dict := func(text string) chunk.Vec {
		d := chunk.NewDict(chunk.Vec{Type: two[0].Type, N: 1, Off: []int32{0, int32(len(text))}, Str: []byte(text)})
		return chunk.Vec{Type: two[0].Type, N: 1, Data: chunk.Bytes(make([]uint64, 1))[:4], Dict: d}
	}
	same, run := dict("same"), []*chunk.Batch(nil)
	for i := range mostDicts + 1000 {
		run = append(run, &chunk.Batch{N: 1, Cols: []chunk.Vec{same, dict(fmt.Sprint(i))}})
	}
	addr, p := serve(t, &shelf{v: chunk.NewBlock([][]*chunk.Batch{run})})
	c := &catcher{}
	if err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Hi: -1}}}, []dtype.Schema{two}, c); err != nil {
		t.Fatal(err)
	}
	for i, got := range c.got[0] {
		if want := fmt.Sprintf("%v %q|%v %q|", two[0].Type, "same", two[0].Type, fmt.Sprint(i)); got != want {
			t.Fatalf("row %d is %s, want %s", i, got, want)
		}
	}
	if len(c.got[0]) != len(run) {
		t.Errorf("%d rows, want %d", len(c.got[0]), len(run))
	}
}
