package group

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

var allTypes = []dtype.Type{
	dtype.Of(dtype.Bool), dtype.Of(dtype.Int8), dtype.Of(dtype.Int16), dtype.Of(dtype.Int32), dtype.Of(dtype.Int64),
	dtype.Of(dtype.Uint8), dtype.Of(dtype.Uint16), dtype.Of(dtype.Uint32), dtype.Of(dtype.Uint64), dtype.Of(dtype.Float32), dtype.Of(dtype.Float64),
	dtype.Of(dtype.Utf8), dtype.Of(dtype.Binary), dtype.Of(dtype.Date), dtype.TimestampOf(dtype.Micro, "UTC"), dtype.TimeOf(dtype.Nano), dtype.DurationOf(dtype.Milli), dtype.DecimalOf(20, 3), dtype.Of(dtype.Null),
}

// randValue makes a value of about `card` different ones.
func randValue(r *rand.Rand, t dtype.Type, card int) any {
	i := int64(r.IntN(card))
	switch k := t.Kind; {
	case k == dtype.Bool:
		return i&1 == 0
	case k == dtype.Null:
		return nil
	case k.IsVar():
		switch i % 5 {
		case 0:
			return fmt.Sprintf("a longer text that shares its beginning, number %d", i)
		case 1:
			return strings.Repeat("x", int(i)%20)
		}
		return fmt.Sprintf("k%d", i)
	case k == dtype.Decimal128:
		x := big.NewInt(i - int64(card/2))
		return x.Mul(x, big.NewInt(1_000_000_007))
	case k.IsFloat():
		return randFloat(r, i)
	case k == dtype.Uint64 && i%7 == 3:
		return math.MaxUint64 - uint64(i)
	case k.IsUnsigned():
		return uint64(i) & (1<<(8*t.Width()-1) - 1)
	case k == dtype.Int64 && i%11 == 5:
		return math.MinInt64/1024 + i
	}
	sh := 64 - 8*t.Width()
	return (i - int64(card/2)) << sh >> sh
}

func randFloat(r *rand.Rand, i int64) float64 {
	switch r.IntN(40) {
	case 0:
		return math.NaN()
	case 1:
		return math.Copysign(0, -1)
	case 2:
		return 0
	case 3:
		if r.IntN(8) == 0 {
			return math.Inf(int(i&1)*2 - 1)
		}
	case 4:
		return float64(float32(math.Ldexp(float64(i), int(r.IntN(100)-50))))
	}
	return float64(i) * 0.25
}

func randTable(r *rand.Rand, n int, types []dtype.Type, cards []int, nulls []float64) *refTable {
	t := &refTable{n: n}
	for c, ty := range types {
		t.schema = append(t.schema, dtype.Field{Name: fmt.Sprintf("c%d", c), Type: ty, Nullable: nulls[c] > 0})
		col := make([]any, n)
		for i := range col {
			if r.Float64() >= nulls[c] {
				col[i] = randValue(r, ty, cards[c])
			}
		}
		t.cols = append(t.cols, col)
	}
	return t
}

// aggsFor returns every aggregate that is defined on a column.
func aggsFor(schema dtype.Schema, holistic bool) (out []Agg) {
	out = append(out, Agg{Fn: Len, As: "n"})
	for _, f := range schema {
		for _, fn := range functions[1:] {
			a := Agg{Fn: fn, Col: f.Name, Col2: f.Name, As: fn + "_" + f.Name, Q: 0.3, Sep: ", "}
			if !holistic && (fn == Median || fn == Quantile || fn == CountDistinct) || fn == Skew || fn == Kurtosis { // see TestShape
				continue
			}
			if pairParts[fn] != 0 {
				for _, g := range schema {
					if g.Type.Kind.IsNumeric() && g.Name != f.Name {
						a.Col2 = g.Name
					}
				}
			} else {
				a.Col2 = ""
			}
			if _, err := a.field(schema, false); err == nil {
				out = append(out, a)
			}
		}
	}
	return out
}

var configs = []config{
	{threads: 1, morsel: 4096},
	{threads: 3, morsel: 512},
	{threads: 1, blocks: 1, morsel: 192},
	{threads: 2, blocks: 3, morsel: 1024},
}

func check(t *testing.T, p Params, r *refTable, dict map[string]bool, rows int, cs ...config) {
	t.Helper()
	want, wantErr := reference(t, p, r)
	for _, c := range effort.Some(2, cs) {
		_, got, err := runGroup(t, p, r.schema, r.batches(rows, dict), c)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%+v: error %v, want %v", c, err, wantErr)
		}
		if err != nil {
			continue
		}
		diff(t, fmt.Sprintf("%s %+v", p.text(), c), rowsOf(r.schema, got), want)
	}
}

func diff(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	n := 0
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w && n < 3 {
			t.Errorf("%s\nrow %d is\n  %s\nwant\n  %s", what, i, g, w)
			n++
		}
	}
	t.Fatalf("%d rows, want %d", len(got), len(want))
}

func TestAgainstReference(t *testing.T) {
	for seed := range effort.Of[uint64](100, 20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkSeed(t, seed) })
	}
}

// checkSeed compares a random query on a random table with the reference.
func checkSeed(t *testing.T, seed uint64) {
	r := newRand(seed)
	nk, na := r.IntN(4), 1+r.IntN(3)
	var types []dtype.Type
	var cards []int
	var nulls []float64
	dict := map[string]bool{}
	var keys []string
	for i := range nk + na {
		ty := allTypes[r.IntN(len(allTypes))]
		types = append(types, ty)
		cards = append(cards, []int{1, 3, 20, 400, 100000}[r.IntN(5)])
		nulls = append(nulls, []float64{0, 0, 0.1, 0.9, 1}[r.IntN(5)])
		if i < nk {
			keys = append(keys, fmt.Sprintf("c%d", i))
		}
		if ty.Kind.IsVar() && r.IntN(2) == 0 {
			dict[fmt.Sprintf("c%d", i)] = true
		}
	}
	n := []int{0, 1, 2, 700, 3000}[r.IntN(5)]
	tab := randTable(r, n, types, cards, nulls)
	p := Params{Keys: keys, Aggs: aggsFor(tab.schema[nk:], r.IntN(3) == 0)}
	check(t, p, tab, dict, 1+r.IntN(2000), configs...)
}

func FuzzAgainstReference(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(checkSeed)
}

// FuzzPacked: packed rows and states that were damaged give an error or a wrong
// result, and never a panic.
func FuzzPacked(f *testing.F) {
	f.Add(uint64(1), 3, byte(255))
	f.Add(uint64(2), 0, byte(7))
	f.Add(uint64(3), 40, byte(1))
	f.Fuzz(func(t *testing.T, seed uint64, at int, flip byte) {
		r := newRand(seed)
		types := []dtype.Type{allTypes[3], allTypes[r.IntN(16)], allTypes[r.IntN(16)]}
		tab := randTable(r, 50, types, []int{5, 20, 20}, []float64{0.1, 0.1, 0.1})
		pl, err := newPlan(Params{Keys: []string{"c0"}, Aggs: aggsFor(tab.schema[1:], false)}, tab.schema)
		if err != nil {
			t.Fatal(err)
		}
		task := newFakeTask(t, 0, 1)
		from, into := newTable(pl, task), newTable(pl, task)
		l := from.lap
		l.take(pl, tab.batches(50, nil)[0], 0, 50)
		if seed%2 == 0 {
			if !from.take(l) {
				t.Fatal("refused")
			}
			gid := make([]uint32, from.live)
			for i := range gid {
				gid[i] = uint32(i)
			}
			b := from.give(gid)
			damage(&b.Cols[1], at, flip)
			_, _ = into.takePacked(b, 0, b.N)
		} else {
			var o outVec
			pl.packRows(l, &o)
			b := &chunk.Batch{N: 50, Cols: []chunk.Vec{l.keys[0], o.vec()}}
			damage(&b.Cols[1], at, flip)
			_, _ = into.takePacked(b, 0, 50)
		}
	})
}

func damage(v *chunk.Vec, at int, flip byte) {
	if n := len(v.Str); n > 0 {
		v.Str[(at%n+n)%n] ^= flip
	}
}

func TestLongTextsThatCollide(t *testing.T) {
	longHash = func(b []byte) xxh3.Uint128 { return xxh3.Uint128{Lo: uint64(len(b))} }
	t.Cleanup(func() { longHash = xxh3.Hash128 })
	r := newRand(2)
	tab := randTable(r, 3000, []dtype.Type{allTypes[11], allTypes[4]}, []int{200, 100}, []float64{0.1, 0})
	p := Params{Keys: []string{"c0"}, Aggs: []Agg{{Fn: Sum, Col: "c1", As: "s"}, {Fn: CountDistinct, Col: "c0", As: "d"}}}
	check(t, p, tab, nil, 700, configs...)
	check(t, p, tab, map[string]bool{"c0": true}, 700, configs...)
	p.Aggs = p.Aggs[:1]
	check(t, p, tab, nil, 700, configs...)
}

func TestDistinct(t *testing.T) {
	r := newRand(5)
	tab := randTable(r, 20000, []dtype.Type{allTypes[3], allTypes[11], allTypes[10]}, []int{50, 30, 20}, []float64{0.1, 0.1, 0})
	check(t, Params{Keys: []string{"c0", "c1", "c2"}}, tab, nil, 3000, configs...)
	check(t, Params{Keys: []string{"c1"}}, tab, map[string]bool{"c1": true}, 3000, configs...)
}

func TestTop(t *testing.T) {
	for seed, ty := range effort.Some(3, []dtype.Type{allTypes[10], allTypes[3], allTypes[0], allTypes[8], allTypes[9], allTypes[14]}) {
		r := newRand(uint64(seed))
		tab := randTable(r, 9000, []dtype.Type{allTypes[2], ty, allTypes[11], allTypes[15]}, []int{60, 300, 50, 9}, []float64{0.1, 0.1, 0.2, 0.1})
		for _, n := range effort.Some(2, []int64{1, 2, 7, 1000}) {
			p := Params{Keys: []string{"c0"}, Top: &Top{By: "c1", N: n, Smallest: seed%2 == 1}}
			check(t, p, tab, nil, 2000, configs...)
			p.Keys = nil
			check(t, p, tab, nil, 2000, configs...)
		}
	}
}
