package group

import (
	"math"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// TestCalmMoments: small integers, then some that are not, and groups that are few, then many.
func TestCalmMoments(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	r := newRand(5)
	const rows, early = 120_000, 40_000
	tab := &refTable{n: rows, cols: make([][]any, 3)}
	for _, name := range []string{"k", "x", "y"} {
		tab.schema = append(tab.schema, dtype.Field{Name: name, Type: dtype.Of(dtype.Int64), Nullable: name != "k"})
	}
	for i := range rows {
		k, most := int64(r.IntN(500)), int64(calmValue)
		if i > early {
			k = int64(i - early)
		}
		if i > early && r.IntN(2000) == 0 {
			most = 1 << 40
		}
		x, y := any(r.Int64N(2*most)-most), any(r.Int64N(2*most)-most)
		if r.IntN(9) == 0 {
			y = nil
		}
		tab.cols[0], tab.cols[1], tab.cols[2] = append(tab.cols[0], k), append(tab.cols[1], x), append(tab.cols[2], y)
	}
	p := Params{Keys: []string{"k"}, Aggs: []Agg{{Fn: Corr, Col: "x", Col2: "y", As: "c"}, {Fn: Var, Col: "x", As: "v"}}}
	check(t, p, tab, nil, 5000, config{threads: 1, morsel: 4096}, config{threads: 2, blocks: 3, morsel: 4096})
}

// TestCalmMomentsSettle: small integers go to the sums before they could run over, and a sum is both
// wherever they are.
func TestCalmMomentsSettle(t *testing.T) {
	task := newFakeTask(t, 0, 1)
	x := newTable(&plan{args: []argument{{t: dtype.Of(dtype.Int64)}, {t: dtype.Of(dtype.Int32)}}, parts: []partSpec{{kind: partComoments, a: 0, b: 1}}}, task)
	defer x.free()
	p := x.parts[0].(*momentsPart)
	if !x.grow(1) {
		t.Fatal("memory was refused")
	}
	v := chunk.Vec{Type: dtype.Of(dtype.Int64), N: 1, Data: chunk.Bytes([]int64{-calmValue})}
	w := chunk.Vec{Type: dtype.Of(dtype.Int32), N: 1, Data: chunk.Bytes([]int32{calmValue - 1})}
	b, s := p.base()
	const a, c = -calmValue, calmValue - 1
	for round := range int64(4) {
		if round == 2 {
			p.calm = calmRows
		}
		if !p.updateCalm(&v, &w, []uint32{0}) {
			t.Fatal("small integers were refused")
		}
		n := round + 1
		calm := n
		if round >= 2 {
			calm = n - 2
		}
		for k, x := range [5]int64{a, c, a * a, c * c, a * c} {
			if got, want := bigFixed(p.sum(0, k)).Int64(), n*x; got != want || *int64At(b, s, 0, 1+uintptr(k)) != calm*x {
				t.Errorf("sum %d of %d rows is %d, want %d, of it small %d, want %d", k, n, got, want, *int64At(b, s, 0, 1+uintptr(k)), calm*x)
			}
		}
		if p.word(0, 0) != n {
			t.Errorf("%d rows, want %d", p.word(0, 0), n)
		}
	}
	if p.calm != 2 {
		t.Errorf("%d rows since the sums were settled, want 2", p.calm)
	}
	for _, x := range []int64{calmValue, -calmValue - 1, math.MaxInt64, math.MinInt64} {
		v.Data = chunk.Bytes([]int64{x})
		if p.updateCalm(&v, &w, []uint32{0}) {
			t.Errorf("%d is taken for small", x)
		}
	}
}
