package rows_test

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
)

// blockOf is a task of which only the number of its block is asked.
type blockOf struct {
	op.Task
	n int
}

func (b blockOf) Block() int { return b.n }

// The blocks of a table in memory are its own buffers, cut where its splits are and where batches
// would be large.
func TestTablesStandInMemory(t *testing.T) {
	s := dtype.Schema{{Name: "n", Type: dtype.Of(dtype.Int64)}, {Name: "long", Type: dtype.Of(dtype.Utf8)}}
	var batches []*chunk.Batch
	total := 0
	for _, n := range []int{300_000, 0, 1, 131_072} {
		nums, off := make([]int64, n), make([]int32, n+1)
		str := make([]byte, 0, n*60)
		for i := range n {
			nums[i] = int64(total + i)
			str = fmt.Appendf(str, "%060d", total+i)
			off[i+1] = int32(len(str))
		}
		total += n
		batches = append(batches, &chunk.Batch{N: n, Cols: []chunk.Vec{
			{Type: s[0].Type, N: n, Data: chunk.Bytes(nums)}, {Type: s[1].Type, N: n, Off: off, Str: str}}})
	}
	p := rows.Keep(s, batches)
	defer rows.Drop(p.ID)
	p.Schema, p.Cols, p.Blocks = dtype.Schema{s[1], s[0]}, []int{1, 0}, 2
	seen, cut := int64(0), false
	for block := range p.Blocks {
		f, err := rows.Over(p, batches).Open(blockOf{n: block}, nil)
		if err != nil {
			t.Fatal(err)
		}
		v := f.(op.Standing).Stand()
		if v.Runs() != f.Splits() {
			t.Fatalf("%d runs of %d splits", v.Runs(), f.Splits())
		}
		for run := range v.Runs() {
			n := 0
			err := chunk.Each(v, run, func(b *chunk.Batch) error {
				if b.Owned() || b.Bytes() > 5<<20 {
					t.Errorf("a batch of %d bytes, owned: %v", b.Bytes(), b.Owned())
				}
				for i, x := range chunk.Values[int64](&b.Cols[1]) {
					if x != seen || b.Cols[0].Text(i) != fmt.Sprintf("%060d", seen) {
						t.Fatalf("row %d is %d, %s", seen, x, b.Cols[0].Text(i))
					}
					seen++
				}
				n++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			cut = cut || n > 1
		}
		if b := v.(chunk.Resident).Batches(0)[0]; block == 0 && unsafe.SliceData(b.Cols[1].Data) != unsafe.SliceData(batches[0].Cols[0].Data) {
			t.Error("the first batch is a copy")
		}
		v.Release()
	}
	if seen != int64(total) || !cut {
		t.Errorf("%d rows of %d, some split in several batches: %v", seen, total, cut)
	}
}

// sink counts what is pushed.
type sink struct {
	most int
	seen int64
	t    *testing.T
}

func (s *sink) Push(m *chunk.Batch) error {
	s.most = max(s.most, m.N)
	for _, x := range chunk.Values[int64](&m.Cols[0]) {
		if x != s.seen {
			s.t.Fatalf("row %d is %d", s.seen, x)
		}
		s.seen++
	}
	return nil
}

// TestWiden holds that a table in memory gives morsels as large as it is told, and every row once.
func TestWiden(t *testing.T) {
	nums := make([]int64, 300_001)
	for i := range nums {
		nums[i] = int64(i)
	}
	batches := []*chunk.Batch{{N: len(nums), Cols: []chunk.Vec{{Type: dtype.Of(dtype.Int64), N: len(nums), Data: chunk.Bytes(nums)}}}}
	p := rows.Keep(dtype.Schema{{Name: "n", Type: dtype.Of(dtype.Int64)}}, batches)
	defer rows.Drop(p.ID)
	for _, c := range []struct{ told, want int }{{0, 4096}, {100, 4096}, {10_000, 9984}, {1 << 20, 1 << 17}} {
		f, err := rows.Over(p, batches).Open(blockOf{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.told > 0 {
			f.(op.Widening).Widen(c.told)
		}
		r, err := f.Reader()
		if err != nil {
			t.Fatal(err)
		}
		s := &sink{t: t}
		for split := range f.Splits() {
			if err := r.Read(split, s); err != nil {
				t.Fatal(err)
			}
		}
		if s.most != c.want || s.seen != int64(len(nums)) {
			t.Errorf("told %d rows: morsels have up to %d, want %d; %d rows", c.told, s.most, c.want, s.seen)
		}
	}
}
