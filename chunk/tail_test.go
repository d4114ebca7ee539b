package chunk_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/optest"
)

// write appends all rows of m through Reserve and what follows it.
func write(b *chunk.Builder, s dtype.Schema, m *chunk.Batch) error {
	vec := func(k dtype.Kind) bool { return k == dtype.Bool || k == dtype.Null }
	for i := range m.Cols {
		v, err := &m.Cols[i], error(nil)
		switch k := s[i].Type.Kind; {
		case vec(k):
			err = b.ReserveVec(i, v)
		case k.IsVar():
			err = b.Reserve(i, m.N, int(v.Off[m.N]-v.Off[0])+16, v.Valid != nil)
		default:
			err = b.Reserve(i, m.N, 0, v.Valid != nil)
		}
		if err != nil {
			return err
		}
	}
	for i := range m.Cols {
		v := &m.Cols[i]
		switch k := s[i].Type.Kind; {
		case vec(k):
			b.Put(i, v)
			continue
		case k.IsVar():
			idx := make([]uint32, m.N)
			for i := range idx {
				idx[i] = uint32(i)
			}
			off, str := b.Text(i, m.N)
			chunk.GatherText(off, str, v.Off, v.Str, idx)
			b.SetText(i, m.N)
		default:
			copy(b.Fixed(i), v.Data)
		}
		b.SetValid(i, m.N, v.Valid)
	}
	b.Commit(m.N)
	return nil
}

// Rows written in place and rows appended make the same batch, also where memory
// was refused on the way.
func TestWrittenInPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for round := range effort.Of(60, 14) {
		pool := mem.NewPool(int64(round%2) * 300 << 10)
		b := chunk.NewBuilder(schema, pool)
		var want [][]any
		refused := false
		for range 40 {
			rows := random(r, 1+r.IntN(400), 0.2*float64(r.IntN(2)))
			m := optest.Rows(schema, rows, 0).Batches[0]
			add := b.Append
			if r.IntN(3) > 0 {
				add = func(m *chunk.Batch) error { return write(b, schema, m) }
			}
			if err := add(m); errors.Is(err, mem.ErrBudget) {
				refused = true
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			want = append(want, rows...)
		}
		if refused != (round%2 == 1) {
			t.Fatalf("limit %d: refused %v", pool.Limit(), refused)
		}
		got := b.Flush()
		same(t, "written in place", []*chunk.Batch{got}, want)
		got.Release()
		b.Close()
		if pool.Used() != 0 {
			t.Fatalf("%d bytes were not freed", pool.Used())
		}
	}
}

// A column that holds codes is decoded when plain text is written behind them.
func TestWrittenBehindCodes(t *testing.T) {
	s := dtype.Schema{{Name: "s", Type: dtype.Of(dtype.Utf8)}}
	d := chunk.NewDict(optest.Rows(s, [][]any{{"a"}, {"bb"}}, 0).Batches[0].Cols[0])
	b := chunk.NewBuilder(s, mem.Heap)
	if err := b.Append(&chunk.Batch{N: 3, Cols: []chunk.Vec{{Type: s[0].Type, N: 3, Data: chunk.Bytes([]uint32{1, 0, 1}), Dict: d}}}); err != nil {
		t.Fatal(err)
	}
	if err := write(b, s, optest.Rows(s, [][]any{{"plain"}, {""}}, 0).Batches[0]); err != nil {
		t.Fatal(err)
	}
	same(t, "behind codes", []*chunk.Batch{b.Flush()}, [][]any{{"bb"}, {"a"}, {"bb"}, {"plain"}, {""}})
}

func TestGatherText(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 3000 {
		n, most := 1+r.IntN(40), r.IntN(40)
		from, src := []int32{int32(r.IntN(3))}, make([]byte, 3)
		src = src[:from[0]]
		for range n {
			for range r.IntN(most + 1) {
				src = append(src, byte(r.Uint32()))
			}
			from = append(from, int32(len(src)))
		}
		src = slices.Clip(src)
		idx, valid := make([]uint32, r.IntN(60)), []uint64{r.Uint64()}
		var all, some []string
		for i := range idx {
			idx[i] = uint32(r.IntN(n))
			all = append(all, string(src[from[idx[i]]:from[idx[i]+1]]))
			some = append(some, strings.Repeat(all[i], int(valid[0]>>i&1)))
		}
		for name, c := range map[string]struct {
			want []string
			f    func(off []int32, str []byte)
		}{
			"all":  {all, func(off []int32, str []byte) { chunk.GatherText(off, str, from, src, idx) }},
			"some": {some, func(off []int32, str []byte) { chunk.GatherTextSome(off, str, from, src, idx, valid) }},
		} {
			off, head := make([]int32, len(idx)+1), r.IntN(20)
			off[0] = int32(head)
			str := slices.Repeat([]byte{'#'}, head+len(strings.Join(c.want, ""))+16*r.IntN(2))
			str = slices.Clip(str)
			c.f(off, str)
			for i, w := range c.want {
				if got := string(str[off[i]:off[i+1]]); got != w {
					t.Fatalf("%s: text %d is %q, want %q", name, i, got, w)
				}
			}
			if string(str[:head]) != strings.Repeat("#", head) {
				t.Fatalf("%s: wrote to the front", name)
			}
		}
	}
}

// Offsets that a user got wrong stop, and nothing outside of the buffers is
// touched.
func TestGatherTextOfWrongOffsets(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	stopped := 0
	for range 2000 {
		src, from := make([]byte, 8+r.IntN(40)), make([]int32, 12)
		for i := range from {
			from[i] = int32(r.IntN(len(src) + 1))
			if r.IntN(8) == 0 {
				from[i] = int32(r.Uint32())
			}
		}
		whole := slices.Repeat([]byte{'#'}, 96)
		str := whole[32:64:64]
		for _, f := range []func(off []int32, idx []uint32){
			func(off []int32, idx []uint32) { chunk.GatherText(off, str, from, src, idx) },
			func(off []int32, idx []uint32) {
				chunk.GatherTextSome(off, str, from, src, idx, []uint64{^uint64(0)})
			},
		} {
			func() {
				defer func() {
					if recover() != nil {
						stopped++
					}
				}()
				f(make([]int32, 12), []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
			}()
		}
		if strings.Trim(string(whole[:32])+string(whole[64:]), "#") != "" {
			t.Fatal("wrote outside of the buffer")
		}
	}
	if stopped < 1000 {
		t.Errorf("only %d of 4000 were stopped", stopped)
	}
}

// BenchmarkGatherText is of texts of about so many bytes: go test ./chunk -run - -bench GatherText
func BenchmarkGatherText(b *testing.B) {
	for _, size := range []int{6, 14, 18, 28, 60} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			r := rand.New(rand.NewPCG(8, 8))
			from, src := []int32{0}, make([]byte, 0, 4096*(size+3))
			for range 4096 {
				from = append(from, from[len(from)-1]+int32(size-2+r.IntN(5)))
			}
			src = src[:from[4096]]
			idx, off := make([]uint32, 4096), make([]int32, 4097)
			for i := range idx {
				idx[i] = uint32(r.IntN(4096))
			}
			str := make([]byte, 4096*(size+3)+16)
			for b.Loop() {
				chunk.GatherText(off, str, from, src, idx)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/text")
		})
	}
}
