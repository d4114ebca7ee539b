package order

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
)

// maker makes one random value of a column.
type maker struct {
	typ dtype.Type
	gen func(r *rand.Rand) any
}

var words = []string{"", "a", "a\x00", "ab", "abc", "common prefix 1", "common prefix 12", "common prefix 1\x00", "common prefix 2 and more text", "zz", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\xff"}

var makers = map[string]maker{
	"bool": {dtype.Of(dtype.Bool), func(r *rand.Rand) any { return r.IntN(2) == 0 }},
	"i8":   {dtype.Of(dtype.Int8), func(r *rand.Rand) any { return int8(r.Uint32()) }},
	"i16":  {dtype.Of(dtype.Int16), func(r *rand.Rand) any { return int16(r.Uint32()) }},
	"i32":  {dtype.Of(dtype.Int32), func(r *rand.Rand) any { return int32(r.Uint32()) }},
	"i64":  {dtype.Of(dtype.Int64), func(r *rand.Rand) any { return int64(r.Uint64()) }},
	"few":  {dtype.Of(dtype.Int64), func(r *rand.Rand) any { return int64(r.IntN(5)) - 2 }},
	"u8":   {dtype.Of(dtype.Uint8), func(r *rand.Rand) any { return uint8(r.Uint32()) }},
	"u16":  {dtype.Of(dtype.Uint16), func(r *rand.Rand) any { return uint16(r.Uint32()) }},
	"u32":  {dtype.Of(dtype.Uint32), func(r *rand.Rand) any { return r.Uint32() }},
	"u64":  {dtype.Of(dtype.Uint64), func(r *rand.Rand) any { return r.Uint64() }},
	"one":  {dtype.Of(dtype.Uint64), func(r *rand.Rand) any { return uint64(7) }},
	"date": {dtype.Of(dtype.Date), func(r *rand.Rand) any { return int32(r.IntN(20000)) - 10000 }},
	"time": {dtype.TimestampOf(dtype.Micro, ""), func(r *rand.Rand) any { return r.Int64N(1e15) - 5e14 }},
	"f32":  {dtype.Of(dtype.Float32), func(r *rand.Rand) any { return float32(float(r)) }},
	"f64":  {dtype.Of(dtype.Float64), func(r *rand.Rand) any { return float(r) }},
	"rand": {dtype.Of(dtype.Float64), func(r *rand.Rand) any { return r.NormFloat64() }},
	"dec": {dtype.DecimalOf(30, 2), func(r *rand.Rand) any {
		var d [16]byte
		x := r.Int64N(1e6) - 5e5
		for i := range 8 {
			d[i], d[i+8] = byte(x>>(8*i)), byte(x>>63)
		}
		if r.IntN(3) == 0 {
			d[9] = byte(r.Uint32())
		}
		return d
	}},
	"text": {dtype.Of(dtype.Utf8), func(r *rand.Rand) any { return words[r.IntN(len(words)-2)] }},
	"id":   {dtype.Of(dtype.Utf8), func(r *rand.Rand) any { return fmt.Sprintf("id%010d", r.IntN(5000)) }},
	"long": {dtype.Of(dtype.Utf8), func(r *rand.Rand) any { return strings.Repeat("x", r.IntN(40)) + fmt.Sprint(r.IntN(20)) }},
	"cut": {dtype.Of(dtype.Utf8), func(r *rand.Rand) any { // marks and samples have the beginning of some
		b := []byte(strings.Repeat("k", markText-3+r.IntN(5)))
		for range r.IntN(5) {
			b = append(b, "ak~"[r.IntN(3)])
		}
		b[r.IntN(3)] = "jkl"[r.IntN(3)]
		return string(b)
	}},
	"bin":  {dtype.Of(dtype.Binary), func(r *rand.Rand) any { return words[r.IntN(len(words))] }},
	"null": {dtype.Of(dtype.Null), func(r *rand.Rand) any { return nil }},
}

func float(r *rand.Rand) float64 {
	switch r.IntN(12) {
	case 0:
		return math.NaN()
	case 1:
		return math.Copysign(0, -1)
	case 2:
		return 0
	case 3:
		return math.Inf(1 - 2*r.IntN(2))
	case 4:
		return math.Float64frombits(0xfff8000000000001)
	case 5:
		return float64(r.IntN(3)) - 1
	}
	return r.NormFloat64()
}

// table makes n rows of the named columns and a row number called "pos".
func table(seed uint64, n, nulls int, cols ...string) (dtype.Schema, [][]any) {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	s := dtype.Schema{}
	for _, c := range cols {
		s = append(s, dtype.Field{Name: c, Type: makers[c].typ, Nullable: nulls > 0})
	}
	s = append(s, dtype.Field{Name: "pos", Type: dtype.Of(dtype.Int64)})
	rows := make([][]any, n)
	for i := range rows {
		for _, c := range cols {
			x := makers[c].gen(r)
			if nulls > 0 && r.IntN(nulls) == 0 {
				x = nil
			}
			rows[i] = append(rows[i], x)
		}
		rows[i] = append(rows[i], int64(i))
	}
	return s, rows
}

// refCompare compares two values as the documentation says, without the
// package's own comparing.
func refCompare(k op.SortKey, a, b any) int {
	if a == nil || b == nil {
		switch {
		case a == nil && b == nil:
			return 0
		case (a == nil) == k.NullsFirst:
			return -1
		}
		return 1
	}
	c := refValue(a, b)
	if k.Desc {
		c = -c
	}
	return c
}

func refValue(a, b any) int {
	order := func(less, more bool) int {
		switch {
		case less:
			return -1
		case more:
			return 1
		}
		return 0
	}
	switch x := a.(type) {
	case bool:
		y := b.(bool)
		return order(!x && y, x && !y)
	case int8:
		return order(x < b.(int8), x > b.(int8))
	case int16:
		return order(x < b.(int16), x > b.(int16))
	case int32:
		return order(x < b.(int32), x > b.(int32))
	case int64:
		return order(x < b.(int64), x > b.(int64))
	case uint8:
		return order(x < b.(uint8), x > b.(uint8))
	case uint16:
		return order(x < b.(uint16), x > b.(uint16))
	case uint32:
		return order(x < b.(uint32), x > b.(uint32))
	case uint64:
		return order(x < b.(uint64), x > b.(uint64))
	case float32:
		return refValue(float64(x), float64(b.(float32)))
	case float64:
		y := b.(float64)
		if x != x || y != y {
			return order(x == x && y != y, x != x && y == y)
		}
		return order(x < y, x > y)
	case string:
		return strings.Compare(x, b.(string))
	case [16]byte:
		y := b.([16]byte)
		if c := int(int8(x[15])) - int(int8(y[15])); c != 0 {
			return c
		}
		for i := 14; i >= 0; i-- {
			if c := int(x[i]) - int(y[i]); c != 0 {
				return c
			}
		}
		return 0
	}
	panic(fmt.Sprintf("%T", a))
}

func refSort(s dtype.Schema, rows [][]any, keys []op.SortKey) [][]any {
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b []any) int {
		for _, k := range keys {
			i := s.Index(k.Col)
			if c := refCompare(k, a[i], b[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

func sorted(keys []op.SortKey) func(in []op.Meta) (op.Call, op.Meta, error) {
	return func(in []op.Meta) (op.Call, op.Meta, error) { return Sort.Call(SortParams{Keys: keys}, in...) }
}

func top(keys []op.SortKey, n int64) func(in []op.Meta) (op.Call, op.Meta, error) {
	return func(in []op.Meta) (op.Call, op.Meta, error) { return TopK.Call(TopKParams{Keys: keys, N: n}, in...) }
}

// same compares rows in order.
func same(t *testing.T, got, want [][]any) {
	t.Helper()
	g, w := optest.Text(got), optest.Text(want)
	if len(g) != len(w) {
		t.Fatalf("%d rows, want %d", len(g), len(w))
	}
	for i := range g {
		if g[i] != w[i] {
			t.Fatalf("row %d of %d is\n  %s\nwant\n  %s", i, len(w), g[i], w[i])
		}
	}
}

// shapes are the ways to run a sort.
var shapes = []struct{ threads, blocks int }{{1, 1}, {3, 1}, {1, 3}, {3, 3}}

func directions(col string) (out []op.SortKey) {
	for _, desc := range []bool{false, true} {
		for _, first := range []bool{false, true} {
			out = append(out, op.SortKey{Col: col, Desc: desc, NullsFirst: first})
		}
	}
	return out
}

func TestEveryType(t *testing.T) {
	for name := range makers {
		t.Run(name, func(t *testing.T) {
			for i, k := range directions(name) {
				n := []int{0, 1, 700, 2500}[i]
				for _, nulls := range effort.Some(2, []int{0, 1, 4}) {
					s, rows := table(uint64(i), n, nulls, name)
					keys := []op.SortKey{k}
					want := refSort(s, rows, keys)
					for _, sh := range effort.Some(2, shapes) {
						in := optest.Rows(s, rows, 300)
						in.Blocks = sh.blocks
						got, _, err := optest.Run(t, optest.Options{Threads: sh.threads}, []optest.Table{in}, sorted(keys))
						if err != nil {
							t.Fatal(err)
						}
						same(t, got, want)
						got, _, err = optest.Run(t, optest.Options{Threads: sh.threads}, []optest.Table{in}, top(keys, 33))
						if err != nil {
							t.Fatal(err)
						}
						same(t, got, want[:min(len(want), 33)])
					}
				}
			}
		})
	}
}

func TestSeveralKeys(t *testing.T) {
	all := make([]string, 0, len(makers))
	for n := range makers {
		all = append(all, n)
	}
	slices.Sort(all)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range effort.Of(60, 20) {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		cols := all[:2+r.IntN(4)]
		var keys []op.SortKey
		for _, c := range cols[:1+r.IntN(len(cols))] {
			keys = append(keys, op.SortKey{Col: c, Desc: r.IntN(2) == 0, NullsFirst: r.IntN(2) == 0})
		}
		if r.IntN(2) == 0 {
			keys = slices.Insert(keys, 0, op.SortKey{Col: "few", Desc: r.IntN(2) == 0})
			keys = slices.CompactFunc(keys, func(a, b op.SortKey) bool { return a.Col == b.Col })
			if !slices.Contains(cols, "few") {
				cols = append(slices.Clone(cols), "few")
			} else if slices.ContainsFunc(keys[1:], func(k op.SortKey) bool { return k.Col == "few" }) {
				keys = keys[1:]
			}
		}
		s, rows := table(uint64(i), 1+r.IntN(3000), 6*r.IntN(2), cols...)
		want := refSort(s, rows, keys)
		sh := shapes[i%len(shapes)]
		in := optest.Rows(s, rows, 257)
		in.Blocks = sh.blocks
		got, _, err := optest.Run(t, optest.Options{Threads: sh.threads}, []optest.Table{in}, sorted(keys))
		if err != nil {
			t.Fatal(keys, err)
		}
		same(t, got, want)
		n := int64(r.IntN(200))
		if got, _, err = optest.Run(t, optest.Options{Threads: sh.threads}, []optest.Table{in}, top(keys, n)); err != nil {
			t.Fatal(keys, err)
		}
		same(t, got, want[:min(int(n), len(want))])
	}
}

func TestLimit(t *testing.T) {
	s, rows := table(1, 20000, 3, "i64", "text")
	for _, n := range []int64{0, 1, 10, 299, 300, 5000, 19999, 20000, 30000} {
		for _, sh := range shapes {
			in := optest.Rows(s, rows, 300)
			in.Blocks = sh.blocks
			got, _, err := optest.Run(t, optest.Options{Threads: sh.threads}, []optest.Table{in}, func(in []op.Meta) (op.Call, op.Meta, error) {
				return Limit.Call(LimitParams{N: n}, in...)
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, rows[:min(int(n), len(rows))])
		}
	}
}

func TestBadParams(t *testing.T) {
	s, _ := table(1, 0, 0, "i64")
	m := op.Meta{Schema: s}
	for _, c := range []struct {
		keys []op.SortKey
		want string
	}{
		{nil, "no sort key"},
		{[]op.SortKey{{Col: "i65"}}, `no column "i65"`},
		{[]op.SortKey{{Col: "i64"}, {Col: "i64"}}, "twice"},
	} {
		if _, _, err := Sort.Call(SortParams{Keys: c.keys}, m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Error(err, c.want)
		}
		if _, _, err := TopK.Call(TopKParams{Keys: c.keys, N: 1}, m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Error(err, c.want)
		}
	}
	if _, _, err := TopK.Call(TopKParams{Keys: []op.SortKey{{Col: "i64"}}, N: -1}, m); err == nil {
		t.Error("a negative number of rows was taken")
	}
	if _, _, err := Limit.Call(LimitParams{N: -1}, m); err == nil {
		t.Error("a negative number of rows was taken")
	}
}
