package array

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A Piece is a block that a function reads or writes: its elements in row-major
// order.
type Piece struct {
	Kind  elem.Kind
	Shape []int64
	Data  []byte
}

// A Function computes a block of the output from blocks of the inputs. at is the
// position of the block along each axis. out has its shape and zeros.
type Function func(ctx context.Context, at []int64, in []Piece, out Piece) error

var functions = struct {
	sync.RWMutex
	last  uint64
	named map[string]Function
	local map[uint64]Function
}{named: map[string]Function{}, local: map[uint64]Function{}}

// Name registers a function of the program. It panics on an empty name and on one
// that is taken.
func Name(name string, f Function) {
	functions.Lock()
	defer functions.Unlock()
	if _, dup := functions.named[name]; dup || name == "" {
		panic(fmt.Sprintf("array: function name %q is empty or used twice", name))
	}
	functions.named[name] = f
}

// Lend makes a closure callable in this process, until Forget.
func Lend(f Function) (id uint64) {
	functions.Lock()
	defer functions.Unlock()
	functions.last++
	functions.local[functions.last] = f
	return functions.last
}

// Forget drops a closure.
func Forget(id uint64) { functions.Lock(); delete(functions.local, id); functions.Unlock() }

// called finds a function.
func called(name string, id uint64) (Function, error) {
	functions.RLock()
	defer functions.RUnlock()
	f := functions.named[name]
	if name == "" {
		f = functions.local[id]
	}
	switch {
	case f != nil:
		return f, nil
	case name == "":
		return nil, fmt.Errorf("a closure of another process: register the function by a name")
	}
	return nil, fmt.Errorf("unknown function %q: this binary does not register it", name)
}

// MapParams are the parameters of array.map: a function of the blocks of inputs
// with as many axes as the output. With a Halo an input is longer than the output
// by twice the depth along each axis, and a block reads so much more of it.
type MapParams struct {
	Name  string // of a registered function, or
	ID    uint64 // of a closure of this process
	In    []grid.Grid
	Kinds []elem.Kind
	Halo  [][]int64 // of each input the depth along each axis
	Out   grid.Grid
	Kind  elem.Kind
	// Bare says that inputs are as long as the output, and that blocks at the ends of an
	// axis read no more than there is.
	Bare bool
}

// need is what a chunk [lo, hi) of the output reads along axis j of input i.
func (p *MapParams) need(i, j int, lo, hi int64) (int64, int64) {
	h := p.Halo[i][j]
	if p.Bare && h > 0 { // which is 0 along an axis of which the length is not known
		return max(lo-h, 0), min(hi+h, p.In[i][j].Len())
	}
	return lo, hi + 2*h
}

// longer is how much longer input i is along axis j than the output.
func (p *MapParams) longer(i, j int) int64 {
	if p.Bare {
		return 0
	}
	return 2 * p.Halo[i][j]
}

// Wire returns the wiring of input i.
func (p *MapParams) Wire(i int) grid.Wiring {
	x := &grid.Box{Out: p.Out.Counts()}
	for j, a := range p.In[i] {
		n := int32(a.Blocks())
		if p.Halo[i][j] == 0 && a.Equal(p.Out[j]) {
			x.In = append(x.In, grid.BoxAxis{Blocks: n, Axis: int32(j), Step: 1, N: 1})
			continue
		}
		in, out := a.Lookup(), p.Out[j].Lookup()
		b := grid.BoxAxis{Blocks: n, Axis: int32(j), Table: []int32{}}
		for c := range p.Out[j].Blocks() {
			lo, hi := out.Bounds(c)
			if lo, hi = p.need(i, j, lo, hi); lo == hi {
				b.Table = append(b.Table, 0, 0)
			} else {
				b.Table = append(b.Table, int32(in.Find(lo)), int32(in.Find(hi-1)+1))
			}
		}
		x.In = append(x.In, b)
	}
	return x.Wiring()
}

func (p *MapParams) check() error {
	if _, err := p.Out.Loose(); err != nil {
		return err
	}
	if len(p.Kinds) != len(p.In) || len(p.Halo) != len(p.In) || !p.Kind.Valid() {
		return fmt.Errorf("%d inputs, %d types, %d halos", len(p.In), len(p.Kinds), len(p.Halo))
	}
	for i, g := range p.In {
		if _, err := g.Loose(); err != nil {
			return err
		}
		if len(g) != len(p.Out) || len(p.Halo[i]) != len(g) || !p.Kinds[i].Valid() {
			return fmt.Errorf("input %d has %d axes, the output %d", i, len(g), len(p.Out))
		}
		for j, a := range g {
			if !p.Out[j].Known() && (p.Halo[i][j] != 0 || !a.Equal(p.Out[j])) {
				return fmt.Errorf("input %d: axis %d: %w", i, j, grid.ErrUnknown)
			}
			if h := p.Halo[i][j]; h < 0 || h > 1<<40 || a.Len() != p.Out[j].Len()+p.longer(i, j) {
				return fmt.Errorf("input %d is %s, the output %s: axis %d does not fit", i, grid.Tuple(g.Shape()), grid.Tuple(p.Out.Shape()), j)
			}
		}
	}
	return nil
}

// long is how many elements a block of the output has along the axis whose chunk sizes are not
// known, as all its inputs have.
func (p *MapParams) long(at []int64, in []op.In) (int64, error) {
	loose, err := p.Out.Loose()
	if err != nil {
		return 0, err
	}
	long, out := int64(-1), lookups(p.Out)
	for i, g := range p.In {
		axes := seen(lookups(g), loose, at[loose])
		blocks := region{}
		for j, a := range axes {
			if j == loose {
				blocks.lo[j], blocks.hi[j] = at[j], at[j]+1
				continue
			}
			lo, hi := out[j].Bounds(at[j])
			if lo, hi = p.need(i, j, lo, hi); lo < hi {
				blocks.lo[j], blocks.hi[j] = a.Find(lo), a.Find(hi-1)+1
			}
		}
		n, err := lengthOf(axes, &blocks, ofEdge(in, i), blockRows)
		if err == nil && long >= 0 && n >= 0 {
			err = belong(n, long)
		}
		if err != nil {
			return 0, err
		}
		long = max(long, n)
	}
	return long, nil
}

// ofEdge are the blocks that came through input i.
func ofEdge(in []op.In, i int) []op.In {
	return slices.DeleteFunc(slices.Clone(in), func(x op.In) bool { return x.Edge != i })
}

// region bounds the bytes that a task reads of input i.
func (p *MapParams) region(i int) int64 {
	n := int64(p.Kinds[i].Width())
	for j, a := range p.Out {
		n *= a.Max() + 2*p.Halo[i][j]
	}
	return mem.Size(int(n))
}

func (p *MapParams) made() (grid.Grid, elem.Kind) { return p.Out, p.Kind }

// nameOf is how a function of the user is shown.
func nameOf(registered string) string {
	if registered == "" {
		return "closure"
	}
	return registered
}

// Map computes blocks by a function.
var Map = declare(declaration[MapParams]{
	name: "array.map",
	doc:  "computes blocks by a function of the user",
	room: func(p *MapParams) (n int64) {
		for i := range p.In {
			n += p.region(i)
		}
		return n
	},
	text:   func(p *MapParams) string { return nameOf(p.Name) },
	impure: true,
	long:   (*MapParams).long,
	fill: func(p *MapParams) (filler, error) {
		f, err := called(p.Name, p.ID)
		m := &mapping{p: p, f: f, out: lookups(p.Out)}
		m.loose, _ = p.Out.Loose()
		for _, g := range p.In {
			m.axes = append(m.axes, lookups(g))
		}
		return m.fill, err
	},
})

type mapping struct {
	p    *MapParams
	f    Function
	out  []*grid.Lookup
	axes [][]*grid.Lookup

	loose int // the axis whose chunk sizes are not known, or -1
}

// fill lends the function buffers of the task, which are gone when it returns.
func (m *mapping) fill(t op.Task, at []int64, in []op.In, out Piece) error {
	lo := make([]int64, len(at))
	for i, a := range m.out {
		if i != m.loose { // where a block begins at 0
			lo[i], _ = a.Bounds(at[i])
		}
	}
	clear(out.Data)
	pieces := make([]Piece, len(m.p.In))
	for i := range m.p.In {
		axes := m.axes[i]
		if m.loose >= 0 {
			axes = found(axes, m.loose, at[m.loose], out.Shape[m.loose])
		}
		done, err := m.read(t, i, axes, lo, out.Shape, ofEdge(in, i), &pieces[i])
		defer done()
		if err != nil {
			return err
		}
	}
	return m.f(t.Context(), at, pieces, out)
}

// read brings what a block reads of input i together. The function may write to
// it, so that it is always a copy.
func (m *mapping) read(t op.Task, i int, axes []*grid.Lookup, lo, shape []int64, in []op.In, p *Piece) (func(), error) {
	var need, first region
	p.Kind, p.Shape = m.p.Kinds[i], make([]int64, len(shape))
	for j := range shape {
		need.lo[j], need.hi[j] = m.p.need(i, j, lo[j], lo[j]+shape[j])
		p.Shape[j] = need.hi[j] - need.lo[j]
		first.lo[j], first.hi[j] = axes[j].Find(need.lo[j]), axes[j].Find(need.hi[j]-1)+1
	}
	if p.Data = t.Alloc(int(product(p.Shape)) * p.Kind.Width()); p.Data == nil {
		return func() {}, fmt.Errorf("array: what a function reads of input %d: %w", i, mem.ErrBudget)
	}
	return func() { t.Free(p.Data) }, gather(t.Context(), p.Data, axes, 0, p.Kind.Width(), &need, &first, in)
}

// Apply computes the blocks of an array by a function of the blocks of another.
var Apply = define("array.apply", "computes blocks by a function of the user, of other shapes", procedure{
	room: func(p *CallParams) int64 { return p.reads(0) * int64(p.In[0].Kind.Width()) },
	run: func(c *Call) error {
		f, err := called(c.P.Func, c.P.ID)
		if err != nil {
			return err
		}
		in := c.In[0]
		own, err := room[byte](c, len(in.Data)) // the function may write to it
		if err != nil {
			return err
		}
		copy(own, in.Data)
		in.Data = own
		clear(c.Out[0].Data)
		return f(c.Context(), c.At, []Piece{in}, c.Out[0])
	},
})
