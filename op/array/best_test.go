package array

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// TestNetwork: a network that finds the least of zeros and ones does so of all words, as it only compares; it runs for 64 batches at a
// time, a bit of each row for one of them. Up to 16 rows these are all there are, and more are drawn.
func TestNetwork(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for k := 1; k <= MostBest; k++ {
		n := newNetwork(k)
		if n.batch < k || n.batch >= 2*k && k > 1 {
			t.Fatalf("batches of %d for %d", n.batch, k)
		}
		all := n.batch <= 16
		rounds := 4
		if all {
			rounds = (1<<n.batch + 63) / 64
		}
		for round := range rounds {
			batch := make([]uint64, n.batch)
			for lane := range uint64(64) {
				word := uint64(round)*64 + lane
				if !all {
					word = r.Uint64()
				}
				for i := range batch {
					batch[i] |= word >> i & 1 << lane
				}
			}
			for zeros := range k + 1 {
				rows := slices.Clone(batch)
				for i := range k { // zeros come first of those that it had
					rows = append(rows, map[bool]uint64{true: 0, false: ^uint64(0)}[i < zeros])
				}
				for _, s := range n.steps {
					a, b := rows[s.a], rows[s.b]
					if s.least {
						rows[s.a] = a & b
					}
					if s.most {
						rows[s.b] = a | b
					}
				}
				for lane := range 64 {
					want := zeros
					for _, b := range batch {
						want += int(1 - b>>lane&1)
					}
					for i := range k {
						if one := rows[n.order[n.batch+i]]>>lane&1 == 1; one != (i >= want) {
							t.Fatalf("the least %d of %d zeros: element %d is %v", k, want, i, one)
						}
					}
				}
			}
		}
		if left := slices.Sorted(slices.Values(n.order)); len(left) != n.rows() || slices.ContainsFunc(left, func(i int) bool { return left[i] != i }) {
			t.Errorf("for %d the rows are %v", k, n.order)
		}
	}
}

// TestBestTile: rows that are pushed in any numbers leave the least words of each line in order, around the lengths of vectors.
func TestBestTile(t *testing.T) {
	bestTiles[uint32](t)
	bestTiles[uint64](t)
}

func bestTiles[W uint32 | uint64](t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	same := words[W]{
		to: func(dst []W, src []byte, at, step, _ int64) {
			for i := range dst {
				dst[i] = values[W](Piece{Data: src})[at+int64(i)*step]
			}
		},
	}
	for range 300 {
		k, lines := 1+r.IntN(20), 1+r.IntN(70)
		net := newNetwork(k)
		tile := &bestTile[W]{net: net, least: vec.Binary[W](vec.Min), most: vec.Binary[W](vec.Max), to: int64(lines), spare: make([]W, lines), next: make([][]W, net.rows())}
		for range net.rows() {
			tile.rows = append(tile.rows, make([]W, lines))
		}
		sorted := make([][]W, lines)
		for range r.IntN(6) {
			rows := r.IntN(40)
			data := make([]W, rows*lines)
			for i := range data {
				data[i] = W(r.Uint64()) >> r.IntN(bits.Len64(uint64(^W(0))))
				sorted[i%lines] = append(sorted[i%lines], data[i])
			}
			if err := tile.push(t.Context(), &lineBlock[W]{same, strip.Raw(data), int64(rows), int64(lines)}, 0); err != nil {
				t.Fatal(err)
			}
		}
		n := min(k, len(sorted[0]))
		got := make([][]W, 0, n)
		same.from = func(_ []byte, at, step int64, src []W) {
			got = append(got, slices.Clone(src))
		}
		tile.write(same, nil, int64(n), int64(lines))
		for l := range lines {
			slices.Sort(sorted[l])
			for i := range n {
				if got[i][l] != sorted[l][i] {
					t.Fatalf("element %d of %d of line %d is %d, not %d", i, n, l, got[i][l], sorted[l][i])
				}
			}
		}
	}
}
