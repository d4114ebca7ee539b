package group

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

// TestStatesOfAnySize: lists, joined texts and modes of tables, of rows that are passed on from the middle of a
// block, and of both when memory is short, by few and by many keys.
func TestStatesOfAnySize(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	old := limits
	t.Cleanup(func() { limits = old })
	happened := map[string]int64{}
	for seed := range effort.Of[uint64](30, 6) {
		limits = old
		if seed%3 > 0 {
			limits.watchRows, limits.listGroups, limits.tallyBytes = 700, 60, 8<<10
		}
		if seed%2 == 0 { // most states come as several
			limits.stateBytes = 100
		}
		r := newRand(seed + 77)
		types := []dtype.Type{dtype.Of(dtype.Int32), allTypes[seed%uint64(len(allTypes))], dtype.Of(dtype.Utf8), dtype.Of(dtype.Float64)}
		null := []float64{0, 0.3}[seed&1]
		tab := randTable(r, 6000, types, []int{[]int{1, 5, 300, 5000}[r.IntN(4)], 2000, 50, 100}, []float64{0.01, null, null, 0})
		p := Params{Keys: []string{"c0"}}
		for i, fn := range []string{List, StringJoin, Mode, ArgMin, First, Max} {
			for _, c := range []string{"c1", "c2"} {
				a := Agg{Fn: fn, Col: c, As: fmt.Sprint(fn, c), Sep: "; "}
				if fn == ArgMin {
					a.Col2 = "c3"
				}
				if _, err := a.field(tab.schema, false); err == nil && (i < 3 || r.IntN(3) == 0) {
					p.Aggs = append(p.Aggs, a)
				}
			}
		}
		t.Run(fmt.Sprint(seed, types[1]), func(t *testing.T) {
			ref, err := reference(t, p, tab)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []config{{threads: 1, morsel: 512}, {threads: 3, morsel: 192}, {threads: 2, blocks: 3, morsel: 1024},
				{threads: 1, morsel: 4096, budget: 1 << 20}, {threads: 2, blocks: 2, morsel: 192, budget: 2 << 20}} {
				task, got, err := runGroup(t, p, tab.schema, tab.batches(3000, nil), c)
				if err != nil {
					t.Fatalf("%+v: %v", c, err)
				}
				diff(t, fmt.Sprintf("%s %+v", p.text(), c), rowsOf(tab.schema, got), ref)
				for k, n := range task.counts {
					happened[k] += n
				}
			}
		})
	}
	for _, what := range []string{"rows passed on", "tables spilled"} {
		if happened[what] == 0 {
			t.Errorf("%s: never", what)
		}
	}
}

// TestSlabs: pieces keep what is written to them while others come and go, and those that are as large as a buffer go
// back to the budget.
func TestSlabs(t *testing.T) {
	pool := mem.NewPool(1 << 30)
	defer pool.Trim()
	type piece struct {
		at uint32
		n  int
		b  byte
	}
	var s slabs
	r := newRand(3)
	var live []piece
	for i := range 20_000 {
		if len(live) > 0 && r.IntN(3) == 0 {
			k := r.IntN(len(live))
			x := live[k]
			if b := s.at(x.at)[:x.n]; !bytes.Equal(b, bytes.Repeat([]byte{x.b}, x.n)) {
				t.Fatalf("a piece of %d bytes has changed", x.n)
			}
			s.give(pool, x.at, x.n)
			live[k] = live[len(live)-1]
			live = live[:len(live)-1]
			continue
		}
		n := 1 + r.IntN(300)
		switch r.IntN(3) {
		case 0:
			n = 8 << r.IntN(12)
		case 1:
			if i%4000 == 0 {
				n = slabMost << r.IntN(2)
			}
		}
		at, ok := s.alloc(pool, n)
		if !ok || at == 0 {
			t.Fatalf("no piece of %d bytes: %d, %t", n, at, ok)
		}
		x := piece{at, n, byte(i)}
		for j := range s.at(at)[:n] {
			s.at(at)[j] = x.b
		}
		live = append(live, x)
	}
	before := pool.Used()
	at, ok := s.alloc(pool, 3*slabMost)
	if !ok || pool.Used() < before+3*slabMost {
		t.Fatal("no room for a large piece")
	}
	if s.give(pool, at, 3*slabMost); pool.Used() != before {
		t.Errorf("%d bytes are held, want %d", pool.Used(), before)
	}
	s.reset(pool)
	if _, ok := s.alloc(pool, 100); !ok || pool.Used() > slabMost {
		t.Errorf("%d bytes are held after a reset", pool.Used())
	}
	if s.release(pool); pool.Used() != 0 {
		t.Errorf("%d bytes are still held", pool.Used())
	}
	small := mem.NewPool(64 << 10)
	defer small.Trim()
	if _, ok := s.alloc(small, 1<<20); ok {
		t.Error("a piece of 1 MiB of a budget of 64 KiB")
	}
}

// TestHugeRepeatedText: the rows of a lap may name more text of a dictionary than counters of 32 bits
// hold. A table refuses it.
func TestHugeRepeatedText(t *testing.T) {
	s := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "s", Type: dtype.Of(dtype.Utf8)}}
	for size, want := range map[int]bool{1 << 10: true, 1<<21 - 4: false, 1 << 21: false} { // 2 MiB, 4 GiB, and 8 KiB more, with their lengths
		text := chunk.Vec{Type: s[1].Type, N: 1, Off: []int32{0, int32(size)}, Str: bytes.Repeat([]byte("x"), size)}
		m := &chunk.Batch{N: lapRows, Cols: []chunk.Vec{
			{Type: s[0].Type, N: lapRows, Data: chunk.Bytes(make([]int64, lapRows))},
			{Type: s[1].Type, N: lapRows, Data: chunk.Bytes(make([]uint32, lapRows)), Dict: &chunk.Dict{ID: uint64(size), Values: text}}}}
		for _, fn := range []string{List, StringJoin} {
			pl, err := newPlan(Params{Keys: []string{"k"}, Aggs: []Agg{{Fn: fn, Col: "s", As: "l", Sep: ","}}}, s)
			if err != nil {
				t.Fatal(err)
			}
			x := newTable(pl, newFakeTask(t, 0, 1))
			x.lap.take(pl, m, 0, lapRows)
			if got := x.take(x.lap); got != want {
				t.Errorf("%s of %d texts of %d bytes: taken is %v, want %v", fn, lapRows, size, got, want)
			}
			x.free()
		}
	}
}

// TestRunsAreBroken: what a table takes after rows of another one were merged does not go on with what
// it took before, nor with these, though all are of one morsel.
func TestRunsAreBroken(t *testing.T) {
	s := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "v", Type: dtype.Of(dtype.Int64)}}
	pl, err := newPlan(Params{Keys: []string{"k"}, Aggs: []Agg{{Fn: List, Col: "v", As: "l"}}}, s)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]int64, 192)
	for i := range v {
		v[i] = int64(i)
	}
	m := &chunk.Batch{N: len(v), Cols: []chunk.Vec{
		{Type: s[0].Type, N: len(v), Data: chunk.Bytes(make([]int64, len(v)))}, {Type: s[1].Type, N: len(v), Data: chunk.Bytes(v)}}}
	var of [2]*collectPart
	var take [2]func(from, to int)
	for i := range of {
		x := newTable(pl, newFakeTask(t, 0, 1))
		defer x.free()
		take[i] = func(from, to int) {
			x.lap.take(pl, m, from, to)
			if !x.take(x.lap) {
				t.Fatal("memory was refused")
			}
		}
		for _, p := range x.parts {
			if c, ok := p.(*collectPart); ok {
				of[i] = c
			}
		}
	}
	take[0](64, 128)
	take[1](0, 64)
	extra := of[1].extra(0, nil)
	if !of[0].prepare(0, extra) {
		t.Fatal("memory was refused")
	}
	if err := of[0].mergeExtra(0, nil, extra); err != nil {
		t.Fatal(err)
	}
	take[0](128, 192)
	at := int64(0)
	for _, r := range of[0].segments(0) {
		g := of[0].segment(r)
		for range g.n {
			if b, _ := of[0].next(&g); getInt64(b) != at {
				t.Fatalf("value %d is %d", at, getInt64(b))
			}
			at++
		}
	}
	if at != int64(len(v)) {
		t.Errorf("%d values, want %d", at, len(v))
	}
}

// TestDamagedTexts: of a packed segment of texts in which a byte is another one the values can be read, or it is
// refused.
func TestDamagedTexts(t *testing.T) {
	s := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "v", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	pl, err := newPlan(Params{Keys: []string{"k"}, Aggs: []Agg{{Fn: List, Col: "v", As: "l"}}}, s)
	if err != nil {
		t.Fatal(err)
	}
	v := chunk.Vec{Type: s[1].Type, N: 4, Off: []int32{0, 3, 3, 3, 8}, Str: []byte("onethree"), Valid: []uint64{0b1011}}
	m := &chunk.Batch{N: v.N, Cols: []chunk.Vec{{Type: s[0].Type, N: v.N, Data: chunk.Bytes(make([]int64, v.N))}, v}}
	collected := func(rows int) (*table, *collectPart) {
		x := newTable(pl, newFakeTask(t, 0, 1))
		x.lap.take(pl, m, 0, rows)
		if !x.take(x.lap) {
			t.Fatal("memory was refused")
		}
		i := slices.IndexFunc(x.parts, func(p part) bool { _, ok := p.(*collectPart); return ok })
		return x, x.parts[i].(*collectPart)
	}
	x, from := collected(v.N)
	whole := slices.Clone(from.extra(0, nil))
	x.free()
	refused := 0
	for at := range whole {
		for _, flip := range []byte{1, 4, 0x80, 0xff} {
			x, into := collected(1)
			b := slices.Clone(whole)
			b[at] ^= flip
			if into.prepare(0, b) && into.mergeExtra(0, nil, b) == nil {
				for _, r := range into.segments(0) {
					for g := into.segment(r); g.n > 0; g.n-- {
						into.next(&g)
					}
				}
			} else {
				refused++
			}
			x.free()
		}
	}
	if refused < 4*4*3 { // the lengths of three texts
		t.Errorf("%d of %d damaged states were refused", refused, 4*len(whole))
	}
}

// TestLargeStates: the states of groups with megabytes of values are given in pieces, whatever states are beside them, and their values
// are made in memory of the budget, one at a time.
func TestLargeStates(t *testing.T) {
	const rows, width = 2000, 3000
	tab := &refTable{schema: dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "s", Type: dtype.Of(dtype.Utf8)}, {Name: "x", Type: dtype.Of(dtype.Float64)}}, cols: make([][]any, 3), n: rows}
	for i := range rows {
		tab.cols[0] = append(tab.cols[0], int64(i%2))
		tab.cols[1] = append(tab.cols[1], strings.Repeat(string(rune('a'+i%26)), width))
		tab.cols[2] = append(tab.cols[2], float64(i))
	}
	p := Params{Keys: []string{"k"}, Aggs: []Agg{{Fn: StringJoin, Col: "s", As: "j", Sep: "; "}, {Fn: List, Col: "s", As: "l"}, {Fn: List, Col: "x", As: "lx"},
		{Fn: Last, Col: "s", As: "last"}, {Fn: Std, Col: "x", As: "std"}, {Fn: Count, Col: "s", As: "n"}}}
	pl, err := newPlan(p, tab.schema)
	if err != nil {
		t.Fatal(err)
	}
	task := newFakeTask(t, 0, 1)
	from, into := newTable(pl, task), newTable(pl, task)
	defer from.free()
	defer into.free()
	for _, m := range tab.batches(500, nil) {
		from.lap.take(pl, m, 0, m.N)
		if !from.take(from.lap) {
			t.Fatal("memory was refused")
		}
	}
	batches := 0
	err = (&spreader{}).groups(from, 0, func(_ int, b *chunk.Batch) error {
		batches++
		if n := len(b.Cols[len(b.Cols)-1].Str); n > int(limits.stateBytes)+2*width {
			t.Errorf("states of %d bytes are one batch", n)
		}
		_, err := into.takePacked(b, 0, b.N)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if least := 2 * rows * width >> 20; batches < least {
		t.Errorf("%d batches, want at least %d", batches, least)
	}
	before := task.Used()
	out, large := &fakeOut{schema: pl.schema()}, int64(rows/2*width)
	err = newFinisher(pl, task).give(into, func(b *chunk.Batch) error {
		if b.N != 1 || task.Used() < before+2*large {
			t.Errorf("%d groups at a time, and %d bytes for their values, want %d", b.N, task.Used()-before, 2*large)
		}
		return out.Put(0, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	if used := task.Used(); used > before+large { // which segments there are is known until the table is freed
		t.Errorf("%d bytes were kept", used-before)
	}
	if n := task.counts["bytes beyond the budget"]; n > 0 {
		t.Errorf("%d bytes beyond a budget that has no end", n)
	}
	ref, err := reference(t, p, tab)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, p.text(), rowsOf(pl.schema(), out.runs[0]), ref)
}
