package order

import (
	"fmt"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/radix"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
)

func TestSpilling(t *testing.T) {
	n := effort.Of(150_000, 40_000)
	for _, c := range effort.Some(4, []struct {
		cols []string
		keys []op.SortKey
	}{
		{[]string{"i64"}, []op.SortKey{{Col: "i64"}}},
		{[]string{"f64", "text"}, []op.SortKey{{Col: "f64", Desc: true}}},
		{[]string{"few", "id"}, []op.SortKey{{Col: "few", NullsFirst: true}, {Col: "id", Desc: true}}},
		{[]string{"one", "bool"}, []op.SortKey{{Col: "one"}}},
		{[]string{"long", "dec", "f32"}, []op.SortKey{{Col: "long"}, {Col: "dec"}}},
		{[]string{"cut", "few"}, []op.SortKey{{Col: "cut"}, {Col: "few"}}},
	}) {
		s, rows := table(9, n, 9, c.cols...)
		want := refSort(s, rows, c.keys)
		for _, sh := range effort.Some(2, shapes) {
			for _, pool := range effort.Some(1, []int64{1 << 20, 6 << 20}) {
				t.Run(fmt.Sprintf("%v/%v/%d", c.cols, sh, pool>>20), func(t *testing.T) {
					in := optest.Rows(s, rows, 5000)
					in.Blocks = sh.blocks
					got, rep, err := optest.Run(t, optest.Options{Threads: sh.threads, Pool: pool, Off: []string{"memory"}}, []optest.Table{in}, sorted(c.keys))
					if err != nil {
						t.Fatal(err)
					}
					same(t, got, want)
					if pool == 1<<20 && rep.Spilled == 0 {
						t.Error("nothing was spilled")
					}
				})
			}
		}
	}
}

func TestTopKSpilling(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	s, rows := table(4, 50_000, 5, "few", "text", "f64")
	keys := []op.SortKey{{Col: "few"}, {Col: "text", Desc: true}}
	want := refSort(s, rows, keys)
	for _, sh := range effort.Some(2, shapes) {
		for _, n := range effort.Some(3, []int64{1, 5000, 30_000, 1 << 40}) {
			in := optest.Rows(s, rows, 1000)
			in.Blocks = sh.blocks
			got, _, err := optest.Run(t, optest.Options{Threads: sh.threads, Pool: 2 << 20, Off: []string{"memory"}}, []optest.Table{in}, top(keys, n))
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, want[:min(n, int64(len(want)))])
		}
	}
}

func TestDictionaries(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	dict := func(id uint64, words ...string) *chunk.Dict {
		v := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(words), Off: []int32{0}}
		for _, w := range words {
			v.Str = append(v.Str, w...)
			v.Off = append(v.Off, int32(len(v.Str)))
		}
		return &chunk.Dict{ID: id, Values: v}
	}
	dicts := []*chunk.Dict{dict(1<<60, "b", "common prefix", "a", ""), dict(1<<60+1, "common prefix 2", "a", "zzz"), nil}
	r := rand.New(rand.NewPCG(1, 1))
	schema := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}, {Name: "pos", Type: dtype.Of(dtype.Int64)}}
	for _, mix := range []int{1, 3} {
		var rows [][]any
		in := optest.Table{Schema: schema}
		for range 40 {
			n := 1 + r.IntN(700)
			part := make([][]any, n)
			codes := make([]uint32, n)
			d := dicts[r.IntN(mix)]
			for i := range part {
				w := fmt.Sprint("plain ", r.IntN(9))
				if d != nil {
					codes[i] = uint32(r.IntN(d.Values.N))
					w = d.Values.Text(int(codes[i]))
				}
				part[i] = []any{w, int64(len(rows) + i)}
				if r.IntN(5) == 0 {
					part[i][0] = nil
				}
			}
			b := optest.Rows(schema, part, 0).Batches[0]
			if d != nil {
				b.Cols[0].Dict, b.Cols[0].Data, b.Cols[0].Off, b.Cols[0].Str = d, chunk.Bytes(codes), nil, nil
			}
			in.Batches = append(in.Batches, b)
			rows = append(rows, part...)
		}
		for _, k := range directions("s") {
			want := refSort(schema, rows, []op.SortKey{k})
			for _, sh := range effort.Some(2, shapes) {
				for _, pool := range []int64{0, 300 << 10} {
					in.Blocks = sh.blocks
					got, _, err := optest.Run(t, optest.Options{Threads: sh.threads, Pool: pool, Off: []string{"memory"}}, []optest.Table{in}, sorted([]op.SortKey{k}))
					if err != nil {
						t.Fatal(err)
					}
					same(t, got, want)
				}
			}
		}
	}
}

// distributions are keys of every shape a radix sort may trip over.
var distributions = map[string]func(r *rand.Rand, i int) uint64{
	"random":    func(r *rand.Rand, _ int) uint64 { return r.Uint64() },
	"equal":     func(*rand.Rand, int) uint64 { return 42 },
	"two":       func(r *rand.Rand, _ int) uint64 { return r.Uint64() & (1 << 40) },
	"ascending": func(_ *rand.Rand, i int) uint64 { return uint64(i) },
	"falling":   func(_ *rand.Rand, i int) uint64 { return uint64(-i) },
	"low bits":  func(r *rand.Rand, _ int) uint64 { return r.Uint64()&7<<61 | r.Uint64()&0xffff },
	"skewed":    func(r *rand.Rand, _ int) uint64 { return r.Uint64() >> (r.Uint64() & 63) },
	"one far":   func(r *rand.Rand, i int) uint64 { return r.Uint64()&0xff | uint64((i+1)/(i+2))<<63 },
	"outlier": func(r *rand.Rand, i int) uint64 {
		if i == 77 {
			return 1 << 63
		}
		return r.Uint64() & 0xfffff
	},
}

func TestRadix(t *testing.T) {
	for name, gen := range distributions {
		r := rand.New(rand.NewPCG(8, 8))
		for _, n := range []int{0, 1, 2, 31, 33, 200, 257, 1000, 8192, 8193, 70_000, effort.Of(300_000, 100_000)} {
			a := make([]entry, n)
			for i := range a {
				a[i] = entry{k: gen(r, i), id: uint32(i)}
			}
			want := slices.Clone(a)
			slices.SortStableFunc(want, func(x, y entry) int {
				switch {
				case x.k < y.k:
					return -1
				case x.k > y.k:
					return 1
				}
				return 0
			})
			for _, threads := range []int{1, 3} {
				x := slices.Clone(a)
				if err := radix.SortAll(forker(threads), x, make([]entry, n)); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(x, want) {
					t.Fatalf("%s, %d keys, %d threads: wrong or not stable", name, n, threads)
				}
			}
			x, y := slices.Clone(a), make([]entry, n)
			if radix.Sort(x, y, true); !slices.Equal(y, want) {
				t.Fatalf("%s, %d keys into the other: wrong or not stable", name, n)
			}
		}
	}
}

// TestManyRuns merges in several passes.
func TestManyRuns(t *testing.T) {
	task := newFakeTask(t)
	s, rows := table(6, 30_000, 7, "few", "text")
	sk := []op.SortKey{{Col: "few", Desc: true}, {Col: "text"}}
	keys, err := bindKeys(sk, s)
	if err != nil {
		t.Fatal(err)
	}
	st := &runsStage{runsPipe: &runsPipe{runsParams{Keys: sk, Complete: true}, keys, s}, t: task}
	per := 30_000 / 200
	for i, b := range optest.Rows(s, rows, per).Batches {
		g := gatherer{schema: s, t: task}
		b.Seq = uint64(i) << 32
		marks := newMarker(s, keys)
		if err := marks.take(b); err != nil {
			t.Fatal(err)
		}
		st.marks = append(st.marks, marks)
		if n, err := g.add(b, 0, false); n != b.N || err != nil {
			t.Fatal(n, err)
		}
		if err := st.spill(g.pages); err != nil {
			t.Fatal(err)
		}
	}
	if st.runs != 200 {
		t.Fatal(st.runs, "runs")
	}
	out := newFakeOut()
	if err := st.Finish(out); err != nil {
		t.Fatal(err)
	}
	same(t, out.rows(t), refSort(s, rows, sk))
	if task.counts["merge passes"] != 1 {
		t.Error("200 runs were not merged in two passes")
	}
}
