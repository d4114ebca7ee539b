package join

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

// numbers makes n values of a kind from a place in its domain on, a step apart, a share of them
// anywhere.
func numbers(r *rand.Rand, k dtype.Kind, n int, place uint64, step int, far, nulls float64) chunk.Vec {
	t := dtype.Of(k)
	v := chunk.Vec{Type: t, N: n, Data: chunk.Bytes(make([]uint64, n+1))[:n*max(1, t.Width())]}
	if k == dtype.Bool {
		v.Data = chunk.Bytes(make([]uint64, chunk.Words(n)))
	}
	v.Valid = make([]uint64, chunk.Words(n))
	for i := range n {
		x := place + uint64(r.IntN(200)*step)
		if r.Float64() < far {
			x = r.Uint64()
		}
		switch k {
		case dtype.Bool:
			v.Data[i>>3] |= byte(x) & 1 << (i & 7)
		case dtype.Float64:
			x = math.Float64bits(float64(int64(x)))
			fallthrough
		default:
			for b := range t.Width() {
				v.Data[i*t.Width()+b] = byte(x >> (8 * b))
			}
		}
		if r.Float64() >= nulls {
			v.Valid[i>>6] |= 1 << (i & 63)
		}
	}
	return v
}

// keyTexts are the keys of rows, equal where keys are; "" where part of one is null.
func keyTexts(m *chunk.Batch) []string {
	out := make([]string, m.N)
	for c := range m.Cols {
		v, words := &m.Cols[c], make([]uint64, m.N)
		canonical(v, words)
		for i, w := range words {
			if v.IsNull(i) || c > 0 && out[i] == "" {
				out[i] = ""
			} else {
				out[i] += fmt.Sprint(w, " ")
			}
		}
	}
	return out
}

// A sieve keeps every row that has a match, and of one column no other, whether it looks rows up or asks
// bitmaps: for all kinds, at the ends of their domains, close and far apart, with nulls.
func TestSieveKeepsWhatMatches(t *testing.T) {
	kinds := []dtype.Kind{dtype.Bool, dtype.Int8, dtype.Int16, dtype.Int32, dtype.Int64, dtype.Uint8, dtype.Uint16, dtype.Uint32,
		dtype.Uint64, dtype.Float64, dtype.Date, dtype.Timestamp, dtype.Time, dtype.Duration}
	places := []uint64{0, 1 << 63, 1<<63 - 100, 1 << 31, 1<<31 - 100, 1 << 15, 1 << 7, math.MaxUint64 - 99, 1 << 32, 12345}
	asked := map[dtype.Kind]bool{}
	for seed := range effort.Of(uint64(80), 20) {
		r := rand.New(rand.NewPCG(seed, 8))
		step, scattered := []int{1, 1, 3, 50, 1 << 17}[r.IntN(5)], float64(seed%4/3)/8
		var schema dtype.Schema
		var place []uint64
		for range 1 + r.IntN(2) {
			schema = append(schema, dtype.Field{Type: dtype.Of(kinds[r.IntN(len(kinds))])})
			place = append(place, places[r.IntN(len(places))])
		}
		batch := func(n int, far, nulls float64) *chunk.Batch {
			m := &chunk.Batch{N: n}
			for c, f := range schema {
				m.Cols = append(m.Cols, numbers(r, f.Type.Kind, n, place[c], step, far, nulls))
			}
			return m
		}
		pool := mem.NewPool(0)
		tab := &table{alloc: pool, schema: schema, keys: len(schema)}
		want := map[string]bool{}
		var in [runs][]*chunk.Batch
		for range 3 {
			b := batch(1+r.IntN(20), scattered, 0)
			for c := range b.Cols {
				b.Cols[c].Valid = nil
			}
			for _, s := range keyTexts(b) {
				want[s] = true
			}
			in[0] = append(in[0], b)
		}
		if !tab.rows.arrange(&in) {
			t.Fatal("not arranged")
		}
		tab.alone = true
		if err := tab.build(serially); err != nil {
			t.Fatal(err)
		}
		sieve := newKeySieve(tab)
		for lap := range 12 {
			n := 4096
			if lap == 5 || lap == 11 {
				n = 1 + r.IntN(200)
			}
			m := batch(n, 0.1, float64(seed%3)/5)
			mask, kept := sieve.Sift(m)
			if sieve.there != nil && sieve.quick {
				asked[schema[0].Type.Kind] = true
			}
			sum := 0
			for i, s := range keyTexts(m) {
				match, in := want[s], mask[i>>6]>>(i&63)&1 == 1
				if in {
					sum++
				}
				if match && !in || in && !match && len(schema) == 1 {
					t.Fatalf("seed %d, lap %d: row %d of %v, %s: match %v, kept %v", seed, lap, i, schema, s, match, in)
				}
			}
			if sum != kept {
				t.Fatalf("seed %d: %d rows in the mask, %d told", seed, sum, kept)
			}
		}
		for i, f := range schema {
			checkMeets(t, r, tab, i, f.Type)
		}
		tab.release()
		if n := pool.Used(); n != 0 {
			t.Errorf("seed %d: %d bytes are left", seed, n)
		}
	}
	if len(asked) < effort.Of(len(kinds)-2, 4) { // a bool is there or not, and floats lie far apart
		t.Errorf("bitmaps were asked for %v only", asked)
	}
}

// checkMeets asks a table about bounds around its values, and about any: where words order as values do the answer
// is exact.
func checkMeets(t *testing.T, r *rand.Rand, tab *table, i int, typ dtype.Type) {
	t.Helper()
	var all []int64
	for _, s := range tab.rows.segs {
		words := make([]uint64, s.N)
		canonical(&s.Cols[i], words)
		for _, w := range words {
			all = append(all, int64(w))
		}
	}
	less := func(a, b int64) bool { return a < b }
	if typ.Kind.IsUnsigned() {
		less = func(a, b int64) bool { return uint64(a) < uint64(b) }
	}
	_, ordered := flipOf(typ.Kind)
	for range 200 {
		lo, hi := all[r.IntN(len(all))]+int64(r.IntN(7)-3), all[r.IntN(len(all))]+int64(r.IntN(7)-3)
		if r.IntN(4) == 0 {
			lo = int64(r.Uint64())
		}
		if less(hi, lo) {
			lo, hi = hi, lo
		}
		want := slices.ContainsFunc(all, func(x int64) bool { return !less(x, lo) && !less(hi, x) })
		got := tab.meets(i, expr.Literal{Type: typ, I: lo}, expr.Literal{Type: typ, I: hi})
		if want && !got || got && !want && ordered && tab.fields != nil {
			t.Fatalf("values of %v between %d and %d: told %v, want %v", typ, lo, hi, got, want)
		}
	}
}
