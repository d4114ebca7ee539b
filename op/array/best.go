package array

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// The first few elements of lines that lie beside each other are found by a network of comparisons, each of which is of two rows of
// elements of many lines: there is no branch that depends on elements.

// MostBest is how many elements array.best finds at most, and FewLines how many lines of a block it is for: of fewer a
// comparison of rows is mostly its call.
const MostBest, FewLines = fewBest, 64

// What array.best reads and makes, its Ints[3].
const (
	BestElements = iota // elements of elements
	BestPlaces          // places, see below, of elements
	BestAgain           // places of places
)

// Placed reports whether a word holds an element of a kind and its position on an axis of so many: the key of the element is its
// upper half, the position the lower one. The last position stands for no element.
func Placed(k elem.Kind, n int64) bool { return k.Width() <= 4 && n < math.MaxUint32 }

// Best keeps the first elements along an axis, of blocks one after the other: the least keys, of equal ones the first. Ints are the
// axis, how many, 1 for the largest first, and what it reads and makes. Of fewer elements all are kept.
var Best = define("array.best", "the first few elements along an axis, of many lines beside each other", procedure{
	room: func(p *CallParams) int64 {
		o, axis := &p.In[0], p.Ints[0]
		n := int64(1)
		for j, a := range o.Grid {
			if int64(j) != axis {
				n *= a.Max()
			}
		}
		return n * int64(newNetwork(int(p.Ints[1])).rows()+1) * int64(bestWidth(p))
	},
	run: func(c *Call) error {
		k, down := c.P.In[0].Kind, c.P.Ints[2] == 1
		switch {
		case c.P.Ints[3] == BestPlaces:
			return bestOf(c, withPlaces(ordered[uint32](k, down)))
		case c.P.Ints[3] == BestAgain:
			return bestOf(c, ordered[uint64](elem.Uint64, false))
		case bestWidth(c.P) == 8:
			return bestOf(c, ordered[uint64](k, down))
		}
		return bestOf(c, ordered[uint32](k, down))
	},
})

// bestWidth is the bytes of a word that array.best compares.
func bestWidth(p *CallParams) int {
	if p.Ints[3] != BestElements || p.In[0].Kind.Width() == 8 {
		return 8
	}
	return 4
}

// bestOf runs array.best with words of one size.
func bestOf[W uint32 | uint64](c *Call, words words[W]) error {
	axis := int(c.P.Ints[0])
	outer, length, inner := split(c.Out[0].Shape, axis)
	if outer*inner == 0 {
		return nil
	}
	tiles, err := tilesOf[W](c, newNetwork(int(c.P.Ints[1])), outer*inner)
	if err != nil {
		return err
	}
	err = c.each(0, false, func(lo []int64, p Piece) error {
		block := &lineBlock[W]{words, p.Data, p.Shape[axis], inner}
		return forkTiles(c, tiles, func(t *bestTile[W]) error { return t.push(c.Context(), block, lo[axis]) })
	})
	if err != nil {
		return err
	}
	return forkTiles(c, tiles, func(t *bestTile[W]) error {
		t.write(words, c.Out[0].Data, length, inner)
		return c.Context().Err()
	})
}

// forkTiles calls f for every tile, on the threads of the task.
func forkTiles[W uint32 | uint64](c *Call, tiles []bestTile[W], f func(t *bestTile[W]) error) error {
	parts := min(len(tiles), max(1, c.Threads()))
	return c.Fork(parts, func(i int) error {
		for k := len(tiles) * i / parts; k < len(tiles)*(i+1)/parts; k++ {
			if err := f(&tiles[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

// A bestTile is some lines beside each other. Of its rows the first net.batch are elements that came since the
// network ran, have of them, and the others the least ones that came before, in order; none is the largest word.
type bestTile[W uint32 | uint64] struct {
	net         *network
	least, most func(dst, x, y []W)
	from, to    int64 // the lines
	rows        [][]W
	spare       []W
	next        [][]W // room for another order of rows
	have        int
	begun       bool
}

// tileBytes is the rows of a tile: they stay in the first-level cache.
const tileBytes = 32 << 10

func tilesOf[W uint32 | uint64](c *Call, net *network, lines int64) ([]bestTile[W], error) {
	rows := net.rows()
	width := max(FewLines, tileBytes/int64((rows+1)*widthOf[W]())&^63)
	data, err := room[W](c, int(lines)*(rows+1))
	if err != nil {
		return nil, err
	}
	tiles := make([]bestTile[W], (lines+width-1)/width)
	least, most := vec.Binary[W](vec.Min), vec.Binary[W](vec.Max)
	for i := range tiles {
		t := &tiles[i]
		*t = bestTile[W]{net: net, least: least, most: most, from: int64(i) * width, to: min(int64(i+1)*width, lines), next: make([][]W, rows)}
		n := int(t.to - t.from)
		for range rows {
			t.rows, data = append(t.rows, data[:n:n]), data[n:]
		}
		t.spare, data = data[:n:n], data[n:]
	}
	return tiles, nil
}

// fill sets rows to the largest word.
func (t *bestTile[W]) fill(rows [][]W) {
	for _, r := range rows {
		for i := range r {
			r[i] = ^W(0)
		}
	}
}

// A lineBlock is elements of lines: n of each line, inner apart, and inner lines beside each other.
type lineBlock[W uint32 | uint64] struct {
	words    words[W]
	data     []byte
	n, inner int64
}

// push adds the elements of a block, the first of which is at a position of the axis.
func (t *bestTile[W]) push(ctx context.Context, b *lineBlock[W], pos int64) error {
	if !t.begun {
		t.begun = true
		t.fill(t.rows[t.net.batch:])
	}
	for i := range b.n {
		t.each(b.n, b.inner, i, func(lo, hi, at, step int64) { b.words.to(t.rows[t.have][lo:hi], b.data, at, step, pos+i) })
		if t.have++; t.have < t.net.batch {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		t.run()
	}
	return nil
}

// each calls f for parts of element i of the lines: lines lo to hi of the tile, and where their elements are, step apart.
func (t *bestTile[W]) each(n, inner, i int64, f func(lo, hi, at, step int64)) {
	if inner == 1 {
		f(0, t.to-t.from, t.from*n+i, n)
		return
	}
	for l := t.from; l < t.to; {
		o, j := l/inner, l%inner
		k := min(inner-j, t.to-l)
		f(l-t.from, l-t.from+k, (o*n+i)*inner+j, 1)
		l += k
	}
}

// write writes the first n elements of each line.
func (t *bestTile[W]) write(words words[W], dst []byte, n, inner int64) {
	if t.have > 0 {
		t.fill(t.rows[t.have:t.net.batch])
		t.run()
	}
	for i := range n {
		row := t.rows[t.net.batch+int(i)]
		t.each(n, inner, i, func(lo, hi, at, step int64) { words.from(dst, at, step, row[lo:hi]) })
	}
}

// run merges what came with what was there.
func (t *bestTile[W]) run() {
	rows := t.rows
	for _, s := range t.net.steps {
		a, b := rows[s.a], rows[s.b]
		switch {
		case s.least && s.most:
			t.least(t.spare, a, b)
			t.most(b, a, b)
			rows[s.a], t.spare = t.spare, a
		case s.least:
			t.least(a, a, b)
		default:
			t.most(b, a, b)
		}
	}
	for i, r := range t.net.order {
		t.next[i] = rows[r]
	}
	t.rows, t.next, t.have = t.next, rows, 0
}

// A network finds the least k words of those that it had and of a batch: it sorts the batch, as Batcher says, takes the
// lesser ones of the first that it had and the last of the batch and so on, and sorts these, which rise and then fall. Rows of the
// batch come first, then those it had.
type network struct {
	batch, k int
	steps    []comparison
	order    []int // where the rows are after the steps
}

// A comparison puts the lesser words in row a and the others in row b; what is not needed is left out.
type comparison struct {
	a, b        int
	least, most bool
}

func (n *network) rows() int { return n.batch + n.k }

func newNetwork(k int) *network {
	p := 1 << bits.Len(uint(k-1))
	n := &network{batch: p, k: k}
	at := make([]int, 2*p) // the rows of the words; beyond the k-th there are none, as if they were the largest
	for i := range at {
		at[i] = i
	}
	compare := func(x, y int) {
		switch none := p + k; {
		case at[y] >= none:
		case at[x] >= none:
			at[x], at[y] = at[y], at[x]
		default:
			n.steps = append(n.steps, comparison{at[x], at[y], false, false})
		}
	}
	for t := 1; t < p; t *= 2 {
		for d := t; d > 0; d /= 2 {
			for j := d % t; j+d < p; j += 2 * d {
				for i := j; i < min(j+d, p-d); i++ {
					if i/(2*t) == (i+d)/(2*t) {
						compare(i, i+d)
					}
				}
			}
		}
	}
	for i := range p {
		compare(p+i, p-1-i)
	}
	for d := p / 2; d > 0; d /= 2 {
		for i := range p {
			if i&d == 0 {
				compare(p+i, p+i+d)
			}
		}
	}
	n.prune(at[p : p+k])
	return n
}

// prune leaves out what the rows kept do not depend on.
func (n *network) prune(kept []int) {
	needed := make([]bool, n.rows())
	for _, r := range kept {
		needed[r] = true
	}
	for r := range needed {
		if !needed[r] {
			n.order = append(n.order, r)
		}
	}
	n.order = append(n.order, kept...)
	for i := len(n.steps) - 1; i >= 0; i-- {
		s := &n.steps[i]
		if s.least, s.most = needed[s.a], needed[s.b]; s.least || s.most {
			needed[s.a], needed[s.b] = true, true
		}
	}
	n.steps = slices.DeleteFunc(n.steps, func(s comparison) bool { return !s.least && !s.most })
}

// words turn elements into words whose order is that in which elements are looked for, and back. NaN is the largest.
type words[W uint32 | uint64] struct {
	// to makes the words of elements at, at+step, … of src, at one position of their lines.
	to func(dst []W, src []byte, at, step, pos int64)
	// from makes elements of words.
	from func(dst []byte, at, step int64, src []W)
}

// withPlaces are words with positions, of the words of elements.
func withPlaces(words32 words[uint32]) words[uint64] {
	return words[uint64]{to: func(dst []uint64, src []byte, at, step, pos int64) {
		var part [256]uint32
		for i := 0; i < len(dst); i += len(part) {
			d := dst[i:min(i+len(part), len(dst))]
			words32.to(part[:len(d)], src, at+int64(i)*step, step, 0)
			for j := range d {
				d[j] = uint64(part[j])<<32 | uint64(pos)
			}
		}
	}, from: ordered[uint64](elem.Uint64, false).from}
}

// ordered are the words of elements of a type that are no wider.
func ordered[W uint32 | uint64](k elem.Kind, down bool) words[W] {
	switch k {
	case elem.Bool, elem.Uint8:
		return wholeWords[uint8, W](down)
	case elem.Int8:
		return wholeWords[int8, W](down)
	case elem.Int16:
		return wholeWords[int16, W](down)
	case elem.Uint16:
		return wholeWords[uint16, W](down)
	case elem.Int32:
		return wholeWords[int32, W](down)
	case elem.Uint32:
		return wholeWords[uint32, W](down)
	case elem.Int64:
		return wholeWords[int64, W](down)
	case elem.Uint64:
		return wholeWords[uint64, W](down)
	case elem.Float32:
		return floatWords(W(math.Float32bits(float32(math.Inf(1)))), W(math.Float32bits(float32(math.NaN()))), down)
	}
	inf, nan := math.Float64bits(math.Inf(1)), math.Float64bits(math.NaN())
	return floatWords(W(inf), W(nan), down)
}

func wholeWords[T vec.Integer, W uint32 | uint64](down bool) words[W] {
	var z T
	flip := W(0)
	if z-1 < z {
		flip = ^(^W(0) >> 1)
	}
	if down {
		flip = ^flip
	}
	return words[W]{
		to: func(dst []W, src []byte, at, step, _ int64) {
			s := strip.View[T](src, len(src)/widthOf[T]())
			if step == 1 {
				s = s[at : at+int64(len(dst))]
				for i := range dst {
					dst[i] = W(int64(s[i])) ^ flip
				}
				return
			}
			for i := range dst {
				dst[i] = W(int64(s[at])) ^ flip
				at += step
			}
		},
		from: func(dst []byte, at, step int64, src []W) {
			d := strip.View[T](dst, len(dst)/widthOf[T]())
			for _, w := range src {
				d[at] = T(w ^ flip)
				at += step
			}
		},
	}
}

// floatWords are those of floats that are as wide as the words, of which the bits of infinity and of NaN are given.
func floatWords[W uint32 | uint64](inf, nan W, down bool) words[W] {
	sign, turn := ^(^W(0) >> 1), W(0)
	if down {
		turn = ^turn
	}
	return words[W]{
		to: func(dst []W, src []byte, at, step, _ int64) {
			s := strip.View[W](src, len(src)/widthOf[W]())[at:]
			if step == 1 {
				s = s[:len(dst)]
				for i, b := range s {
					dst[i] = floatWord(b, sign, inf, turn)
				}
				return
			}
			for i, at := 0, 0; i < len(dst); i, at = i+1, at+int(step) {
				dst[i] = floatWord(s[at], sign, inf, turn)
			}
		},
		from: func(dst []byte, at, step int64, src []W) {
			d := strip.View[W](dst, len(dst)/widthOf[W]())
			for _, w := range src {
				b := w ^ turn ^ sign
				if w^turn < sign {
					b = ^(w ^ turn)
				}
				if w == ^W(0) {
					b = nan
				}
				d[at] = b
				at += step
			}
		},
	}
}

// floatWord is the word of a float of bits b.
func floatWord[W uint32 | uint64](b, sign, inf, turn W) W {
	w := b ^ sign
	if b >= sign {
		w = ^b
	}
	if w ^= turn; b&^sign > inf {
		w = ^W(0)
	}
	return w
}
