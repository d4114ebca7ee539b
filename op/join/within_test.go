package join

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// TestShelf finds the intervals around points in a table of one key that has many rows and one that
// has few: short ones, some among them that reach over all others, equal ones, and bounds that lie closely together.
func TestShelf(t *testing.T) {
	const n, few = 5000, longChain - 1
	r := rand.New(rand.NewPCG(11, 12))
	short := func() (a, b float64) { a = r.Float64() * 1e6; return a, a + r.Float64()*1e3 }
	for name, draw := range map[string]func(i int) (a, b float64){
		"short": func(int) (float64, float64) { return short() },
		"long": func(i int) (float64, float64) {
			if i%1000 == 17 {
				return -1, 2e6
			}
			return short()
		},
		"any":     func(int) (float64, float64) { return r.Float64() * 1e6, r.Float64() * 1e6 },
		"equal":   func(int) (float64, float64) { return 5e5, 6e5 },
		"close":   func(i int) (float64, float64) { return math.Exp(-float64(i % 700)), math.Exp(float64(i % 13)) },
		"special": func(int) (float64, float64) { return special(r.IntN(8)) * 1e5, special(r.IntN(8)) * 1e5 },
	} {
		f := dtype.Of(dtype.Float64)
		schema := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "a", Type: f, Nullable: true}, {Name: "b", Type: f}}
		k, from, to := make([]int64, n+few), make([]float64, n+few), make([]float64, n+few)
		valid := make([]uint64, chunk.Words(n+few))
		for i := range k {
			if from[i], to[i] = draw(i); i >= n {
				k[i] = 1
			}
			if r.IntN(50) > 0 {
				valid[i>>6] |= 1 << (i & 63)
			}
		}
		rows := &chunk.Batch{N: n + few, Cols: []chunk.Vec{
			{Type: schema[0].Type, N: n + few, Data: chunk.Bytes(k)}, {Type: f, N: n + few, Data: chunk.Bytes(from), Valid: valid}, {Type: f, N: n + few, Data: chunk.Bytes(to)}}}
		task := newTask(t, 0, 1)
		tab := &table{alloc: task, schema: schema, keys: 1, chain: true,
			edges: edges([]Bound{{"k", GreaterOrEqual, "a"}, {"k", Less, "b"}}, schema, schema)}
		all := [runs][]*chunk.Batch{{rows}}
		if !tab.rows.arrange(&all) {
			t.Fatal("not arranged")
		}
		if err := tab.build(serially); err != nil || tab.shelf == nil {
			t.Fatal(err)
		}
		s := tab.shelf
		if len(s.spans) != 1 {
			t.Fatalf("%s: %d keys are on the shelf", name, len(s.spans))
		}
		for range 400 {
			x := (r.Float64()*1.2 - 0.1) * 1e6
			if name == "close" {
				x = math.Exp(r.Float64()*720 - 705)
			}
			var want, got []uint32
			for i := range n {
				if rows.Cols[1].IsNull(i) || !(notLess(x, from[i]) && !notLess(x, to[i])) {
					continue
				}
				want = append(want, uint32(i))
			}
			at := [1]uint64{}
			v := chunk.Vec{Type: f, N: 1, Data: chunk.Bytes([]float64{x})}
			s.edges[0].places(&v, at[:])
			end := s.spans[0].upTo(s.first, at[0])
			if s.edges[1].places(&v, at[:]); at[0] == 0 {
				t.Fatal("no place is less")
			}
			for i := s.last(s.spans[0].lo, end-1, at[0]-1); i >= s.spans[0].lo; i = s.last(s.spans[0].lo, i-1, at[0]-1) {
				got = append(got, s.ids[i])
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Fatalf("%s: around %v are %d rows, want %d", name, x, len(got), len(want))
			}
		}
		tab.rows.owned = nil
		tab.release()
		if used := task.Used(); used != 0 {
			t.Errorf("%s: %d bytes are still in use", name, used)
		}
	}
}

// notLess compares as sorts do: NaN is the greatest value.
func notLess(a, b float64) bool { return a != a || a >= b }
