package array

import (
	"encoding/binary"
	"slices"

	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// A Builder makes programs in which equal leaves and equal steps exist once.
type Builder struct {
	Leaves []Leaf
	Steps  []strip.Step
	Layers []int // of each leaf of kind Input, in order: what it reads
	seen   map[string]int32
}

// Leaf adds a leaf. layer tells inputs apart; leaves of other kinds ignore it.
func (b *Builder) Leaf(l Leaf, layer int) int32 {
	key, err := canon.Append([]byte{'l'}, l)
	if err != nil {
		panic("array: " + err.Error()) // leaves are plain data
	}
	if l.Kind == Input {
		key = binary.LittleEndian.AppendUint64(key, uint64(layer))
	}
	return b.once(key, func() int32 {
		b.Leaves = append(b.Leaves, l)
		if l.Kind == Input {
			b.Layers = append(b.Layers, layer)
		}
		return strip.Leaf(len(b.Leaves) - 1)
	})
}

// Step adds a step whose operands are values of the builder.
func (b *Builder) Step(s strip.Step) int32 {
	key := []byte{'s', byte(s.Op), byte(s.In), byte(s.Out)}
	for _, v := range []int32{s.A, s.B, s.C} {
		key = binary.LittleEndian.AppendUint32(key, uint32(v))
	}
	return b.once(key, func() int32 {
		b.Steps = append(b.Steps, s)
		return int32(len(b.Steps) - 1)
	})
}

func (b *Builder) once(key []byte, make func() int32) int32 {
	if v, ok := b.seen[string(key)]; ok {
		return v
	}
	v := make()
	if b.seen == nil {
		b.seen = map[string]int32{}
	}
	b.seen[string(key)] = v
	return v
}

// Links returns the inputs of the layer that runs the program over a space.
func (b *Builder) Links(space grid.Grid) (links []op.Link) {
	for i := range b.Leaves {
		if l := &b.Leaves[i]; l.Kind == Input {
			links = append(links, op.Link{Layer: b.Layers[len(links)], Wiring: l.Wire(space)})
		}
	}
	return links
}

// Bounds of programs: beyond them chains are cut into several layers, so that the
// registers of a program stay in the second-level cache.
const maxSteps, maxLeaves = 192, 48

// take makes one program of p and of a program that p reads: its leaves are seen
// through the views that p has of it. Work is done twice only where that costs less than
// what it spares, see again: else what others read too, or what p sees repeated by
// broadcasting, is taken in only if it is a mere view of something else.
func take(p StripsParams, in []int, layer int, below op.Call, belowIn []int, others op.Others) (StripsParams, []op.Link, bool) {
	if below.Op != stripsName {
		return p, nil, false
	}
	var q StripsParams
	if canon.Decode([]byte(below.Params), &q) != nil || q.Fold != nil || q.Stay {
		return p, nil, false
	}
	free := q.free()
	if others != op.NoOthers && !free && (others != op.OthersLater || !q.again()) || len(p.Steps)+len(q.Steps) > maxSteps || len(p.Leaves)+len(q.Leaves) > maxLeaves {
		return p, nil, false
	}
	b := &Builder{}
	value := make([]int32, len(p.Leaves))
	edge := 0
	for i, l := range p.Leaves {
		from := -1
		if l.Kind == Input {
			from = in[edge]
			edge++
		}
		if from != layer {
			value[i] = b.Leaf(l, from)
			continue
		}
		if !l.Grid.Equal(q.Space) || !free && !grid.Injective(p.Space, l.View) || !q.apart(p.Space, l.View) {
			return p, nil, false
		}
		value[i] = b.inline(&q, belowIn, l.View)
	}
	outs := b.steps(p.Steps, value, p.Outs)
	if len(b.Leaves) > maxLeaves {
		return p, nil, false
	}
	p.Leaves, p.Steps, p.Outs = b.Leaves, b.Steps, outs
	return p, b.Links(p.Space), true
}

// free reports whether a program computes nothing: it is a view, or a constant.
func (p *StripsParams) free() bool {
	return len(p.Steps) == 0 && p.Leaves[0].Kind != Random && p.Leaves[0].Kind != Stored
}

// Resident reports whether a call is a view of elements that lie in the memory of this process
// in the order of its space: a task of any shape reads them where they are.
func Resident(c op.Call) bool {
	var p StripsParams
	if c.Op != stripsName || canon.Decode([]byte(c.Params), &p) != nil {
		return false
	}
	if p.Fold != nil || p.Stay || len(p.Steps) > 0 || len(p.Leaves) != 1 {
		return false
	}
	l := &p.Leaves[0]
	return l.Kind == Memory && slices.Equal(l.View, grid.Straight(len(p.Space)))
}

// maxAgain is how many steps are made again rather than stored. With what they read of a cache, each costs an eighth of a
// nanosecond per element; to write four bytes of it to disk and to read them again, two.
const maxAgain = 12

// again reports whether to make a program's elements again costs less than to store them for long: its steps are few and
// quick, it reads no more bytes than it makes, and files are of this machine and soon decoded.
func (p *StripsParams) again() bool {
	kinds, err := p.columns()
	if err != nil || len(p.Steps) > maxAgain || slices.ContainsFunc(p.Steps, func(s strip.Step) bool { return s.Op.Slow() }) {
		return false
	}
	reads := int64(0)
	for i := range p.Leaves {
		switch l := &p.Leaves[i]; l.Kind {
		case Random:
			return false
		case Input:
			reads += l.Grid.Elements() * int64(l.Type.Width())
		case Stored:
			if !l.File.soon() {
				return false
			}
		}
	}
	makes := p.Space.Elements() * int64(kindsWidth(kinds))
	return reads <= makes+makes/4
}

// soon reports whether elements are read sooner from the file than from a spilled block: from a disk of this machine, and
// not through a codec of the family of deflate, which takes several times as long as a disk.
func (f *File) soon() bool {
	if store.IsRemote(f.Path) || f.Packed != nil {
		return false
	}
	return f.Zarr == nil || !f.Zarr.Deflated()
}

// apart reports whether a program, taken in by one over a space that sees it
// through views, decodes no chunk of a file twice.
func (p *StripsParams) apart(space grid.Grid, views []grid.View) bool {
	for i := range p.Leaves {
		if l := &p.Leaves[i]; l.Kind == Stored && l.File.cells() {
			through := slices.Clone(l.View)
			for j, v := range through {
				through[j] = v.Through(views)
			}
			if !l.File.apart(space, through) {
				return false
			}
		}
	}
	return true
}

// inline adds the program of q, seen through a view.
func (b *Builder) inline(q *StripsParams, layers []int, view []grid.View) int32 {
	value := make([]int32, len(q.Leaves))
	edge := 0
	for i, l := range q.Leaves {
		from := -1
		if l.Kind == Input {
			from = layers[edge]
			edge++
		}
		l.View = slices.Clone(l.View)
		for j, v := range l.View {
			l.View[j] = v.Through(view)
		}
		value[i] = b.Leaf(l, from)
	}
	return b.steps(q.Steps, value, q.Outs)[0]
}

// steps adds steps, given what became of the leaves, and returns what became of
// the outputs.
func (b *Builder) steps(steps []strip.Step, leaf []int32, outs []int32) []int32 {
	made := make([]int32, len(steps))
	value := func(v int32) int32 {
		if v < 0 {
			return leaf[-1-v]
		}
		return made[v]
	}
	for i, s := range steps {
		n := s.Op.Arity()
		s.A = value(s.A)
		if n > 1 {
			s.B = value(s.B)
		}
		if n > 2 {
			s.C = value(s.C)
		}
		made[i] = b.Step(s)
	}
	out := make([]int32, len(outs))
	for i, v := range outs {
		out[i] = value(v)
	}
	return out
}
