package group

import (
	"fmt"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// wideTable has columns of all types, so many that their codes need more than 64 bits;
// every row is there two times or more, one of them as another row with the same floats:
// the other zero.
func wideTable(r uint64, n, card int, nulls float64) (tab *refTable, keys []string, dict map[string]bool) {
	rnd := newRand(r)
	cards, none := make([]int, len(allTypes)), make([]float64, len(allTypes))
	dict = map[string]bool{}
	for i, t := range allTypes {
		keys = append(keys, fmt.Sprintf("c%d", i))
		if cards[i] = card; rnd.IntN(2) == 0 {
			none[i] = nulls
		}
		dict[keys[i]] = t.Kind.IsVar() && rnd.IntN(2) == 0
	}
	tab = randTable(rnd, n/2, allTypes, cards, none)
	for c := range tab.cols {
		for i := range n / 2 {
			tab.cols[c] = append(tab.cols[c], tab.cols[c][(i*7)%(n/2)])
		}
	}
	tab.n = n / 2 * 2
	return tab, keys, dict
}

// Keys of many columns are whole rows: in one task and in several, in tables that pass
// rows on, are joined, spilled, and refused memory.
func TestKeysAreRows(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if seed%3 == 1 {
				lowLimits(t)
			}
			n := []int{0, 1, 2, 900, 6000}[seed%5]
			tab, keys, dict := wideTable(seed, n, 1000, []float64{0, 0.1, 1}[seed%3])
			p := Params{Keys: keys}
			if seed%2 == 0 {
				p.Aggs = []Agg{{Fn: Len, As: "n"}, {Fn: Sum, Col: "c4", As: "s"}, {Fn: Last, Col: "c11", As: "l"}, {Fn: Any, Col: "c0", As: "a"}}
			}
			check(t, p, tab, dict, 700, configs...)
		})
	}
}

func TestKeysAreRowsUnderPressure(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	tab, keys, dict := wideTable(3, 40000, 20000, 0.05)
	p := Params{Keys: keys, Aggs: []Agg{{Fn: Len, As: "n"}, {Fn: Max, Col: "c4", As: "m"}}}
	forced(t, p, tab, 4<<20, "tables spilled")
	ref, err := reference(t, p, tab)
	if err != nil {
		t.Fatal(err)
	}
	done, seeds := 0, effort.Of(12, 4)
	for seed := range uint64(seeds) {
		c := config{threads: 1 + int(seed%3), morsel: 1024, blocks: int(seed % 2 * 2), budget: 64 << 20}
		c.moody = &moody{rand: newRand(seed), one: 16 << (seed % 6)}
		_, got, err := runGroup(t, p, tab.schema, tab.batches(2048, dict), c)
		if err == nil {
			diff(t, fmt.Sprintf("seed %d", seed), rowsOf(tab.schema, got), ref)
			done++
		}
	}
	if done < seeds/2 {
		t.Errorf("%d of %d runs ended with an answer", done, seeds)
	}
}

// Groups keep their numbers when keys become rows, and those have them again.
func TestKeysBecomeRows(t *testing.T) {
	i64 := dtype.Of(dtype.Int64)
	task := newFakeTask(t, 0, 1)
	k := newKeyset([]dtype.Type{i64, i64, i64, i64, i64}, task)
	defer k.free()
	gid, first := make([]uint32, lapRows+1), uint32(0)
	for lap := range 20 {
		x := make([]int64, lapRows)
		for i := range x {
			x[i] = int64(lap*lapRows + i)
		}
		keys := make([]chunk.Vec, 5)
		for c := range keys {
			keys[c] = chunk.Vec{Type: i64, N: lapRows, Data: chunk.Bytes(x)}
		}
		for range 2 {
			if !k.code(keys, lapRows, gid) {
				t.Fatal("refused")
			}
			for i, g := range gid[:lapRows] {
				if g != first+uint32(i) {
					t.Fatalf("lap %d: row %d has number %d, want %d", lap, i, g, first+uint32(i))
				}
			}
		}
		first += lapRows
	}
	if k.rows == nil {
		t.Error("the keys of five columns of 40,960 values are no rows")
	}
}

// Rows with equal hashes, or with equal halves of them, are told apart, and what was
// refused for want of memory can be asked for again.
func TestRowsThatCollide(t *testing.T) {
	i64, text := dtype.Of(dtype.Int64), dtype.Of(dtype.Utf8)
	for name, blur := range map[string]uint64{"none": 0, "three bits": 7, "few tags": 3 << 40, "tags and places": 31<<32 | 255} {
		t.Run(name, func(t *testing.T) {
			task := newFakeTask(t, 0, 1)
			task.moody = &moody{rand: newRand(4), one: 3}
			k := newKeyRows([]dtype.Type{i64, text}, task)
			hash := k.hashOf
			k.hashOf = func(cols []chunk.Vec, n int) []uint64 {
				h := hash(cols, n)
				for i := range h {
					h[i] &= blur
				}
				return h
			}
			r, seen, gid, refused := newRand(5), map[string]uint32{}, make([]uint32, lapRows+1), 0
			for range 12 {
				tab := randTable(r, 150, []dtype.Type{i64, text}, []int{30, 20}, []float64{0.1, 0.1})
				b := tab.batches(150, nil)[0]
				for !k.code(b.Cols, b.N, gid) {
					refused++
				}
				for i, g := range gid[:b.N] {
					key := fmt.Sprint(tab.cols[0][i], "|", tab.cols[1][i])
					if was, ok := seen[key]; ok && was != g {
						t.Fatalf("%s has the numbers %d and %d", key, was, g)
					}
					seen[key] = g
				}
			}
			if k.n != len(seen) {
				t.Errorf("%d numbers for %d rows", k.n, len(seen))
			}
			if refused == 0 {
				t.Error("nothing was refused")
			}
			if k.free(); task.Used() != 0 {
				t.Errorf("%d bytes are still handed out", task.Used())
			}
		})
	}
}
