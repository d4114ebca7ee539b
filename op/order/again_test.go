package order

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
)

// A numbered task is that of one block.
type numbered struct {
	*fakeTask
	block int
}

func (t numbered) Block() int { return t.block }

// A keptOut is a fakeOut that takes a whole value too.
type keptOut struct {
	*fakeOut
	v chunk.Value
}

// A pushed sink is a function.
type pushed func(*chunk.Batch) error

func (f pushed) Push(m *chunk.Batch) error { return f(m) }

func (o *keptOut) PutValue(v chunk.Value) error { o.v = v; return nil }

// runsOnce makes a block of order.runs of batches, each a split. Two threads read them, in morsels of any length, and spill at
// random, one of so many times; 0: never.
func runsOnce(t *testing.T, s dtype.Schema, keys []op.SortKey, bs []*chunk.Batch, r *rand.Rand, spills int) chunk.Value {
	k, err := bindKeys(keys, s)
	if err != nil {
		t.Fatal(err)
	}
	st := &runsStage{runsPipe: &runsPipe{runsParams{Keys: keys}, k, s}, t: newFakeTask(t)}
	var locals [2]*runsLocal
	last := [2]int{-1, -1}
	for i := range locals {
		l, err := st.Local()
		if err != nil {
			t.Fatal(err)
		}
		locals[i] = l.(*runsLocal)
	}
	for i, b := range bs {
		at := r.IntN(len(locals))
		l := locals[at]
		if last[at] != i-1 {
			l.Jump()
		}
		last[at] = i
		for lo := 0; lo < b.N; {
			n := min(b.N-lo, 64*(1+r.IntN(40)))
			m := b.Slice(lo, lo+n)
			m.Seq = uint64(i)<<32 | uint64(lo)
			if err := l.Push(m, nil); err != nil {
				t.Fatal(err)
			}
			if lo += n; spills > 0 && r.IntN(spills) == 0 {
				if err := l.spill(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, l := range locals {
		if err := l.Close(nil, false); err != nil {
			t.Fatal(err)
		}
	}
	out := &keptOut{fakeOut: newFakeOut()}
	if err := st.Finish(out); err != nil {
		t.Fatal(err)
	}
	if out.v != nil {
		return out.v
	}
	return chunk.NewBlock(out.runs)
}

// TestBlocksAreMadeAgain: each task of order.merge reads blocks of order.runs that were made anew, in one run or in many. All
// together give each row once, in order, and each gives the same rows in the same splits whatever it reads.
func TestBlocksAreMadeAgain(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	const tasks = 8
	for _, c := range effort.Some(2, []struct {
		cols   []string
		keys   []op.SortKey
		blocks int
		few    int // of so many spills, or more
	}{
		{[]string{"f64", "text"}, []op.SortKey{{Col: "f64", Desc: true}}, 6, 4},
		{[]string{"id", "i64"}, []op.SortKey{{Col: "id"}, {Col: "i64", Desc: true}}, 3, 4},
		{[]string{"few", "rand"}, []op.SortKey{{Col: "few", NullsFirst: true}}, 5, 4},
		{[]string{"long", "dec"}, []op.SortKey{{Col: "long", Desc: true}, {Col: "dec"}}, 4, 1}, // more runs than are merged at once
		{[]string{"cut", "id"}, []op.SortKey{{Col: "cut", Desc: true}, {Col: "id"}}, 3, 2},
	}) {
		t.Run(fmt.Sprint(c.cols), func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			s, rows := table(8, effort.Of(60_000, 20_000), 9, c.cols...)
			want := refSort(s, rows, c.keys)
			var blocks [][]*chunk.Batch
			for lo := 0; lo < len(rows); lo += len(rows) / c.blocks {
				blocks = append(blocks, optest.Rows(s, rows[lo:min(len(rows), lo+len(rows)/c.blocks)], 1500).Batches)
			}
			keys, err := bindKeys(c.keys, s)
			if err != nil {
				t.Fatal(err)
			}
			src := mergeSource{keys: keys, schema: s}
			read := func(b int, in []op.In) (splits [][][]any) {
				f, err := src.Open(numbered{newFakeTask(t), b}, in)
				if err != nil {
					t.Fatal(err)
				}
				rd, err := f.Reader()
				if err != nil {
					t.Fatal(err)
				}
				for i := range f.Splits() {
					var got [][]any
					if err := rd.Read(i, pushed(func(m *chunk.Batch) (err error) {
						got, err = optest.Read(got, chunk.NewBlock([][]*chunk.Batch{{m}}))
						return err
					})); err != nil {
						t.Fatal(err)
					}
					splits = append(splits, got)
				}
				return splits
			}
			blocksAgain := func(spills func() int) (in []op.In) {
				for _, bs := range blocks {
					in = append(in, op.In{Value: runsOnce(t, s, c.keys, bs, r, spills()), Hi: mergeRuns / tasks})
				}
				return in
			}
			once := blocksAgain(func() int { return 0 })
			var got [][]any
			some := 0
			for b := range tasks {
				first := read(b, once)
				again := read(b, blocksAgain(func() int { return r.IntN(2) * (1 + r.IntN(c.few)) }))
				if len(first) != len(again) {
					t.Fatalf("task %d: %d splits, and then %d", b, len(first), len(again))
				}
				for i := range first {
					same(t, again[i], first[i])
					got = append(got, again[i]...)
				}
				if len(got) > 0 && len(got) < len(want) {
					some++
				}
			}
			same(t, got, want)
			if some < tasks/2 {
				t.Error("the rows are all in a few tasks")
			}
		})
	}
}

// TestGrowFails: a page with two columns of long text, of which one got more room and the other did not, still has its rows.
func TestGrowFails(t *testing.T) {
	s, rows := table(1, 2, 0, "long", "bin")
	b := optest.Rows(s, rows, 0).Batches[0]
	a := &failing{}
	p := blankPage(s, b, 64, a)
	if !p.buffers(s, b, 0) {
		t.Fatal("no page")
	}
	p.copy(b, 0, 2)
	for i := range 2 {
		p.cols[i].str = p.cols[i].str[:p.cols[i].used] // both are full
	}
	a.fail = 2
	if p.grow(b, 0) {
		t.Fatal("there was no room for the second one")
	}
	got, err := optest.Read(nil, chunk.NewBlock([][]*chunk.Batch{{&p.b}}))
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, rows)
}

// failing is an allocator that spoils what is freed, and refuses once: the fail-th buffer from when that is set.
type failing struct{ fail int }

func (a *failing) Alloc(n int) []byte {
	if a.fail--; a.fail == 0 {
		return nil
	}
	return mem.Heap.Alloc(n)
}

func (a *failing) Free(b []byte) {
	for i := range b {
		b[i] = 0xee
	}
}
