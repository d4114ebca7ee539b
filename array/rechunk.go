package array

import (
	"math"
	"slices"

	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// Rechunk cuts the array anew: see Chunks for what specs may be. An axis whose spec is nil is
// left as it is, one whose chunk sizes are not known cannot be cut in another way.
func (x *Array) Rechunk(specs ...any) *Array {
	if x.err != nil {
		return x
	}
	if len(specs) == 1 && specs[0] == nil {
		return x
	}
	o := options{chunks: slices.Clone(specs), limit: DefaultBytes, kind: x.kind}
	shape := make([]int, len(x.grid))
	for i, a := range x.grid {
		a = a.AtMost()
		if shape[i] = int(a.Len()); i >= len(specs) || specs[i] != nil {
			continue
		}
		sizes := make([]int, 0, a.Blocks())
		for _, n := range a.All() {
			sizes = append(sizes, int(n))
		}
		o.chunks[i] = sizes
	}
	g, err := o.grid(shape)
	if err != nil {
		return fail("Rechunk", "%w", err)
	}
	for i, a := range x.grid {
		if i < len(specs) && specs[i] == nil {
			g[i] = a
		} else if !a.Known() {
			return x.loose("Rechunk")
		}
	}
	return x.cut("Rechunk", g)
}

// Beyond so many bytes an array of which every new block needs many old ones, and
// the other way round, is cut into pieces and joined, so that what is on disk is
// read once. Below that, and where few blocks meet, new blocks read the old ones
// as they are. The numbers are constants, so that plans do not depend on the
// machine.
var pieceBytes int64 = 64 << 20

const meetings = 4

// What cutting and joining costs, in seconds: for each byte, which is written and read
// once, and for each piece, which is an entry in a table and a seek.
const byteCost, pieceCost = 2.0 / (1 << 30), 20e-6

// wantedPiece is how large pieces are to be, in bytes: finding one costs a twelfth of
// moving it. Blocks of which an array has smaller pieces are first brought together.
var wantedPiece int64 = 128 << 10

// broad joins neighbouring blocks of g along axes along which those of to are longer, as
// long as they have at most so many elements: an array has larger pieces of them in common
// with to. Each block of g lies in one of them. Fewer than four are not worth a copy.
func broad(g, to grid.Grid, most int64) grid.Grid {
	out, block := slices.Clone(g), max(g.MaxBlock(), 1)
	for i := range g {
		chunk := max(g[i].Max(), 1)
		if n := min(to[i].Max()/chunk, most/block); n >= 4 {
			out[i] = neighbours(g[i], n*chunk)
			block *= n
		}
	}
	return out
}

// neighbours are the chunks of an axis, those beside each other together as long as they have at most so
// many elements.
func neighbours(a grid.Axis, most int64) (out grid.Axis) {
	n := int64(0)
	for _, k := range a.All() {
		if n > 0 && n+k > most {
			out, n = out.Append(n, 1), 0
		}
		n += k
	}
	return out.Append(n, 1)
}

// steps are the grids through which an array of so many bytes is cut anew, the last of
// them to: as many as cost least. Those between have chunks between the old and the new
// ones, by equal factors, so that blocks stay as large and each meets few others.
func steps(from, to grid.Grid, bytes int64) []grid.Grid {
	var best []grid.Grid
	least := math.Inf(1)
	for n := 1; n <= 4; n++ {
		way, at, cost := make([]grid.Grid, 0, n), from, 0.0
		for k := 1; k <= n; k++ {
			next := to
			if k < n {
				next = between(from, to, float64(k)/float64(n))
			}
			cost += float64(bytes)*byteCost + pieces(at, next)*pieceCost
			way, at = append(way, next), next
		}
		if cost < least {
			best, least = way, cost
		}
	}
	return best
}

// pieces is how many parts two ways to cut an array have together.
func pieces(a, b grid.Grid) float64 {
	n := 1.0
	for i := range a {
		n *= float64(grid.Refine(a[i], b[i]).Blocks())
	}
	return n
}

// between are chunks whose lengths lie a part of the way, by factors, from one grid to
// another.
func between(from, to grid.Grid, part float64) grid.Grid {
	g := make(grid.Grid, len(from))
	for i := range g {
		a, b := float64(max(from[i].Max(), 1)), float64(max(to[i].Max(), 1))
		g[i] = grid.Uniform(from[i].Len(), max(int64(a*math.Pow(b/a, part)), 1))
	}
	return g
}

// cut gives the array other chunks; with the same ones it is x itself.
func (x *Array) cut(verb string, g grid.Grid) *Array {
	if x.err != nil || x.grid.Equal(g) {
		return x
	}
	if loose, _ := x.grid.Loose(); loose >= 0 {
		if !g[loose].Equal(x.grid[loose]) {
			return x.loose(verb)
		}
		return x.again(verb, g)
	}
	many := float64(max(x.grid.Blocks(), g.Blocks()))
	var y *Array
	if bytes := x.NBytes(); bytes < pieceBytes || pieces(x.grid, g) <= meetings*many {
		y = x.again(verb, g)
	} else {
		most := min(DefaultBytes, int64(math.Sqrt(float64(bytes)*float64(wantedPiece)))) / int64(x.kind.Width())
		near, far := broad(x.grid, g, most), broad(g, x.grid, most)
		y = x.again(verb, near)
		for _, next := range steps(near, far, bytes) {
			y = y.apart(verb, next)
		}
		y = y.again(verb, g)
	}
	if y.err == nil {
		if y.uncut = x.uncut; y.uncut == nil {
			y.uncut = x
		}
	}
	return y
}

// again is x seen in other chunks: a block reads those of x that it meets.
func (x *Array) again(verb string, g grid.Grid) *Array {
	if x.err != nil || x.grid.Equal(g) {
		return x
	}
	return x.seen(verb, g, straight(len(g)))
}

// apart cuts x into pieces and joins them.
func (x *Array) apart(verb string, g grid.Grid) *Array {
	if x.err != nil || x.grid.Equal(g) {
		return x
	}
	p := ops.RechunkParams{From: x.grid, To: g, Kind: x.kind}
	y := add(verb, ops.Split, ops.SplitParams{Cut: p}, x.grid, x.kind, link{x.n, grid.Wiring{One: true}})
	if y.err != nil {
		return y
	}
	return add(verb, ops.Join, p, g, x.kind, link{y.n, p.Wire()})
}
