package array

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A Chosen is a selection along an axis: Start, Start+Step, …, Count of them; or
// the positions of List.
type Chosen struct {
	Start, Step, Count int64
	List               []int64
}

// Len is the number of positions.
func (c *Chosen) Len() int64 {
	if c.List != nil {
		return int64(len(c.List))
	}
	return c.Count
}

// At is position number k.
func (c *Chosen) At(k int64) int64 {
	if c.List != nil {
		return c.List[k]
	}
	return c.Start + c.Step*k
}

// within returns the numbers [a, z) around all positions in [lo, hi); of a List
// others may lie between them.
func (c *Chosen) within(lo, hi int64) (a, z int64) {
	if c.List != nil {
		a, z = math.MaxInt64, 0
		for k, p := range c.List {
			if p >= lo && p < hi {
				a, z = min(a, int64(k)), int64(k)+1
			}
		}
		return min(a, z), z
	}
	if c.Step > 0 {
		a, z = (lo-c.Start+c.Step-1)/c.Step, (hi-c.Start+c.Step-1)/c.Step
		if lo <= c.Start {
			a = 0
		}
		if hi <= c.Start {
			z = 0
		}
	} else {
		a, z = (c.Start-hi)/-c.Step+1, (c.Start-lo)/-c.Step+1
		if hi > c.Start {
			a = 0
		}
		if lo > c.Start {
			z = 0
		}
	}
	a, z = max(a, 0), min(z, c.Count)
	return min(a, z), z
}

// AssignParams are the parameters of array.assign: input 0, but where Sel selects
// along all axes the elements of input 1, which has as many axes; along those where
// it has one element, that one is repeated.
type AssignParams struct {
	In, Value grid.Grid
	Sel       []Chosen
	Kind      elem.Kind
}

// Wire returns the wiring of the value.
func (p *AssignParams) Wire() grid.Wiring {
	x := &grid.Box{Out: p.In.Counts()}
	for i, a := range p.In {
		l, v := a.Lookup(), p.Value[i].Lookup()
		b := grid.BoxAxis{Blocks: int32(p.Value[i].Blocks()), Axis: int32(i), Table: make([]int32, 0, 2*a.Blocks())}
		for c := range a.Blocks() {
			lo, hi := p.need(i, l, c)
			if lo == hi {
				b.Table = append(b.Table, 0, 0)
			} else {
				b.Table = append(b.Table, int32(v.Find(lo)), int32(v.Find(hi-1)+1))
			}
		}
		x.In = append(x.In, b)
	}
	return x.Wiring()
}

// need is what chunk c of axis i reads of the value.
func (p *AssignParams) need(i int, l *grid.Lookup, c int64) (lo, hi int64) {
	lo, hi = p.Sel[i].within(l.Bounds(c))
	if lo < hi && p.Value[i].Len() == 1 {
		return 0, 1
	}
	return lo, hi
}

func (p *AssignParams) check() error {
	if err := p.In.Check(); err != nil {
		return err
	}
	if err := p.Value.Check(); err != nil {
		return err
	}
	if len(p.Value) != len(p.In) || len(p.Sel) != len(p.In) || !p.Kind.Valid() {
		return fmt.Errorf("%d selections and a value of %d axes for %d", len(p.Sel), len(p.Value), len(p.In))
	}
	for i := range p.Sel {
		s, n, v := &p.Sel[i], p.In[i].Len(), p.Value[i].Len()
		if k := s.Len(); v != k && v != 1 {
			return fmt.Errorf("axis %d: %d values for %d positions", i, v, k)
		}
		for k := range int64(len(s.List)) {
			if s.List[k] < 0 || s.List[k] >= n {
				return fmt.Errorf("index %d is out of range: axis %d has %d", s.List[k], i, n)
			}
		}
		if s.List != nil || s.Count == 0 {
			continue
		}
		if s.Count < 0 || s.Count > n || s.Step == 0 || s.Step < -1<<56 || s.Step > 1<<56 || s.Start < 0 || s.Start >= n || s.At(s.Count-1) < 0 || s.At(s.Count-1) >= n {
			return fmt.Errorf("axis %d: %d positions from %d by %d of %d", i, s.Count, s.Start, s.Step, n)
		}
	}
	return nil
}

func (p *AssignParams) made() (grid.Grid, elem.Kind) { return p.In, p.Kind }

// Assign writes a value into a part of an array.
var Assign = declare(declaration[AssignParams]{
	name: "array.assign",
	doc:  "makes an array anew with other elements where it is selected",
	room: func(p *AssignParams) int64 {
		v := int64(p.Kind.Width())
		for i, a := range p.In {
			k := min(p.Value[i].Len(), a.Max())
			if p.Sel[i].List != nil { // what lies between positions is read too
				k = p.Value[i].Len()
			}
			v *= k
		}
		return mem.Size(int(v))
	},
	text: func(p *AssignParams) string {
		shape := make([]int64, len(p.Sel))
		for i := range p.Sel {
			shape[i] = p.Sel[i].Len()
		}
		return grid.Tuple(shape)
	},
	fill: func(p *AssignParams) (filler, error) {
		return (&assigning{p, lookups(p.In), lookups(p.Value)}).fill, nil
	},
})

type assigning struct {
	p         *AssignParams
	in, value []*grid.Lookup
}

func (g *assigning) fill(t op.Task, at []int64, in []op.In, out Piece) error {
	if err := copyAll(t.Context(), out, in[0]); err != nil || len(in) == 1 {
		return err
	}
	return g.assign(t, at, in[1:], out.Data)
}

// assign writes the value into a block.
func (g *assigning) assign(t op.Task, at []int64, in []op.In, dst []byte) error {
	var need, first region
	d, size := len(at), int64(1)
	for i := range d {
		need.lo[i], need.hi[i] = g.p.need(i, g.in[i], at[i])
		first.lo[i], first.hi[i] = g.value[i].Find(need.lo[i]), g.value[i].Find(need.hi[i]-1)+1
		size *= need.hi[i] - need.lo[i]
	}
	w := g.p.Kind.Width()
	buf := t.Alloc(int(size) * w)
	if buf == nil {
		return fmt.Errorf("array: %d elements that are assigned: %w", size, mem.ErrBudget)
	}
	defer t.Free(buf)
	if err := gather(t.Context(), buf, g.value, 0, w, &need, &first, in); err != nil {
		return err
	}
	// where elements go along each axis, and where they come from
	to, from := make([][]int64, d), make([][]int64, d)
	rowTo, rowFrom := int64(1), int64(1)
	for i := d - 1; i >= 0; i-- {
		lo, hi := g.in[i].Bounds(at[i])
		a, z := g.p.Sel[i].within(lo, hi)
		for k := a; k < z; k++ {
			if (k-a)%stretch == stretch-1 {
				if err := t.Context().Err(); err != nil {
					return err
				}
			}
			if p := g.p.Sel[i].At(k); p >= lo && p < hi {
				source := k
				if g.p.Value[i].Len() == 1 {
					source = 0
				}
				to[i] = append(to[i], (p-lo)*rowTo)
				from[i] = append(from[i], (source-need.lo[i])*rowFrom)
			}
		}
		rowTo *= hi - lo
		rowFrom *= need.hi[i] - need.lo[i]
	}
	return scatter(t, dst, buf, to, from, int64(w))
}

// scatter copies elements to the sums of a position of each list of to, from the
// sums of those of from.
func scatter(t op.Task, dst, src []byte, to, from [][]int64, w int64) error {
	if len(to) == 0 {
		copy(dst, src[:w])
		return nil
	}
	d := len(to) - 1
	idx := make([]int, d)
	for left := stretch; ; left-- { // looks at whether the task goes on come after so many rows or elements
		p, q := int64(0), int64(0)
		for i, k := range idx {
			p, q = p+to[i][k], q+from[i][k]
		}
		for k, a := range to[d] {
			if left--; left <= 0 {
				if err := t.Context().Err(); err != nil {
					return err
				}
				left = stretch
			}
			copy(dst[(p+a)*w:][:w], src[(q+from[d][k])*w:])
		}
		i := d - 1
		for ; i >= 0; i-- {
			if idx[i]++; idx[i] < len(to[i]) {
				break
			}
			idx[i] = 0
		}
		if i < 0 {
			return nil
		}
	}
}
