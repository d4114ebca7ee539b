package array

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
)

// PointsParams are the parameters of array.points: point p is what lies at Index[i][p]
// along Axes[i] for all i. Points are the first axis of the output, cut as Cut says;
// the axes that are not indexed follow as they are.
type PointsParams struct {
	In    grid.Grid
	Axes  []int32 // ascending
	Index [][]int64
	Cut   grid.Axis
	Kind  elem.Kind
}

// rest lists the axes that are not indexed.
func (p *PointsParams) rest() (axes []int) {
	for i := range p.In {
		if !slices.Contains(p.Axes, int32(i)) {
			axes = append(axes, i)
		}
	}
	return axes
}

// Out returns the grid of the output.
func (p *PointsParams) Out() grid.Grid {
	out := grid.Grid{p.Cut}
	for _, i := range p.rest() {
		out = append(out, p.In[i])
	}
	return out
}

// hulls returns for each indexed axis the first chunk that a chunk of points meets
// and the one after the last, as a wiring has them.
func (p *PointsParams) hulls() [][]int32 {
	out := make([][]int32, len(p.Axes))
	cut := p.Cut.Lookup()
	for i, a := range p.Axes {
		in := p.In[a].Lookup()
		for c := range p.Cut.Blocks() {
			lo, hi := cut.Bounds(c)
			if lo == hi {
				out[i] = append(out[i], 0, 0)
				continue
			}
			list := p.Index[i][lo:hi]
			out[i] = append(out[i], int32(in.Find(slices.Min(list))), int32(in.Find(slices.Max(list))+1))
		}
	}
	return out
}

// Wire returns the wiring.
func (p *PointsParams) Wire() grid.Wiring {
	x := &grid.Box{Out: p.Out().Counts()}
	hulls, next := p.hulls(), int32(1)
	for i, a := range p.In {
		n := int32(a.Blocks())
		if k := slices.Index(p.Axes, int32(i)); k >= 0 {
			x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: 0, Table: hulls[k]})
			continue
		}
		x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: next, Step: 1, N: 1})
		next++
	}
	return x.Wiring()
}

func (p *PointsParams) check() error {
	if err := p.In.Check(); err != nil {
		return err
	}
	if len(p.Axes) == 0 || len(p.Index) != len(p.Axes) || !p.Kind.Valid() || p.Cut.Check() != nil {
		return fmt.Errorf("%d lists of positions along %d axes of %s", len(p.Index), len(p.Axes), p.Kind)
	}
	for i, a := range p.Axes {
		if a < 0 || int(a) >= len(p.In) || i > 0 && a <= p.Axes[i-1] || int64(len(p.Index[i])) != p.Cut.Len() {
			return fmt.Errorf("%d positions along axis %d of %d, %d points", len(p.Index[i]), a, len(p.In), p.Cut.Len())
		}
		n := p.In[a].Len()
		for _, k := range p.Index[i] {
			if k < 0 || k >= n {
				return fmt.Errorf("index %d is out of range: axis %d has %d", k, a, n)
			}
		}
	}
	return p.Out().Check()
}

func (p *PointsParams) made() (grid.Grid, elem.Kind) { return p.Out(), p.Kind }

// Points selects points.
var Points = declare(declaration[PointsParams]{
	name: "array.points",
	doc:  "selects points by their positions along several axes",
	room: func(p *PointsParams) int64 { return blockBytes(p.In, p.Kind) + 12*p.Cut.Max() },
	text: func(p *PointsParams) string { return fmt.Sprintf("%d along %s", p.Cut.Len(), axes(p.Axes)) },
	fill: func(p *PointsParams) (filler, error) {
		return (&pointing{p: p, cut: p.Cut.Lookup(), hulls: p.hulls(), rest: p.rest(), lookups: lookups(p.In)}).fill, nil
	},
})

type pointing struct {
	p       *PointsParams
	cut     *grid.Lookup
	hulls   [][]int32
	rest    []int
	lookups []*grid.Lookup
}

// fill reads blocks in which points lie, one at a time.
func (k *pointing) fill(t op.Task, at []int64, in []op.In, out Piece) error {
	lo, hi := k.cut.Bounds(at[0])
	order, first := k.sort(lo, hi, int(at[0]))
	inner, w := product(out.Shape[1:]), int64(k.p.Kind.Width())
	for i, x := range in {
		points := order[first[i]:first[i+1]]
		if len(points) == 0 {
			continue
		}
		if err := t.Context().Err(); err != nil {
			return err
		}
		box := k.block(i, at)
		size := int64(1)
		for j := range k.p.In {
			size *= box.hi[j] - box.lo[j]
		}
		data, done, err := contiguous(t, x, 0, size, int(w))
		if err != nil {
			done()
			return err
		}
		for _, p := range points {
			k.copy(out.Data[int64(p)*inner*w:][:inner*w], data, &box, lo+int64(p))
		}
		done()
	}
	return nil
}

// sort lists the points [lo, hi) by the input block of the task that they lie in.
func (k *pointing) sort(lo, hi int64, chunk int) (order []int32, first []int32) {
	blocks := int32(1)
	for i := range k.p.Axes {
		blocks *= k.hulls[i][2*chunk+1] - k.hulls[i][2*chunk]
	}
	of := make([]int32, hi-lo)
	first = make([]int32, blocks+1)
	for p := range of {
		b := int32(0)
		for i, a := range k.p.Axes {
			from, to := k.hulls[i][2*chunk], k.hulls[i][2*chunk+1]
			b = b*(to-from) + int32(k.lookups[a].Find(k.p.Index[i][lo+int64(p)])) - from
		}
		of[p] = b
		first[b+1]++
	}
	for b := range blocks {
		first[b+1] += first[b]
	}
	order = make([]int32, hi-lo)
	next := slices.Clone(first)
	for p, b := range of {
		order[next[b]] = int32(p)
		next[b]++
	}
	return order, first
}

// block is the box of input block i of a task.
func (k *pointing) block(i int, at []int64) (box region) {
	next := len(k.rest)
	for j := len(k.p.In) - 1; j >= 0; j-- {
		c := int64(0)
		if a := slices.Index(k.p.Axes, int32(j)); a >= 0 {
			from, to := k.hulls[a][2*at[0]], k.hulls[a][2*at[0]+1]
			c = int64(from) + int64(i)%int64(to-from)
			i /= int(to - from)
		} else {
			c = at[next]
			next--
		}
		box.lo[j], box.hi[j] = k.lookups[j].Bounds(c)
	}
	return box
}

// copy copies what lies at a point of a block.
func (k *pointing) copy(dst, data []byte, box *region, point int64) {
	d, w := len(k.p.In), k.p.Kind.Width()
	part, to := *box, *box
	for i, a := range k.p.Axes {
		part.lo[a] = k.p.Index[i][point]
		part.hi[a] = part.lo[a] + 1
		to.lo[a], to.hi[a] = part.lo[a], part.hi[a]
	}
	copyPart(dst, &to, data, box, &part, d, w)
}
