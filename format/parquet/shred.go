package parquet

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/op"
)

// A shred is a column, or a part of a nested one, on its way into leaves: the inverse of a nest. Lists are written as
// LogicalTypes.md says (a group LIST around a repeated group "list" of "element"), structs as groups; every part of
// a nested column may be null.
type shred struct {
	name string
	typ  dtype.Type
	opt  bool // values may be null
	def  int  // level of a value that is there
	rep  int
	kids []*shred
	stored
	leaf *leafWriter // of a leaf

	at []uint32 // of a leaf: the values of the rows being added
}

func shredOf(f dtype.Field, depth int) (x *shred, err error) {
	x = &shred{name: f.Name, typ: f.Type, opt: depth > 0 || nullable(f)}
	if x.opt {
		x.def = 1
	}
	return x, x.build()
}

// build makes what is below x, whose levels are set.
func (x *shred) build() (err error) {
	var kids dtype.Schema
	switch x.typ.Kind {
	case dtype.List:
		kids = dtype.Schema{{Name: "element", Type: x.typ.Elem()}}
	case dtype.Struct:
		if kids = x.typ.Fields(); len(kids) == 0 {
			return fmt.Errorf("%w: a struct without fields has no place in Parquet", guard.ErrUnsupported)
		}
	default:
		x.stored, err = storedAs(x.typ)
		return err
	}
	if x.def > 200 {
		return fmt.Errorf("%w: %d levels of nesting", guard.ErrLimit, x.def)
	}
	for _, f := range kids {
		k := &shred{name: f.Name, typ: f.Type, opt: true, def: x.def + 1, rep: x.rep}
		if x.typ.Kind == dtype.List {
			k.def, k.rep = x.def+2, x.rep+1
		}
		if err := k.build(); err != nil {
			return fmt.Errorf("field %q: %w", f.Name, err)
		}
		x.kids = append(x.kids, k)
	}
	return nil
}

// leavesOf calls f for every leaf, in the order of the file.
func (x *shred) leavesOf(path []string, f func(path []string, leaf *shred)) {
	path = append(slices.Clip(path), x.name)
	if x.typ.Kind == dtype.List {
		path = append(path, "list")
	}
	for _, k := range x.kids {
		k.leavesOf(path, f)
	}
	if x.kids == nil {
		f(slices.Clone(path), x)
	}
}

// nodes is the number of elements of the schema.
func (x *shred) nodes() int {
	n := 1
	if x.typ.Kind == dtype.List {
		n = 2
	}
	for _, k := range x.kids {
		n += k.nodes()
	}
	return n
}

// Repetitions of fields (parquet.thrift, FieldRepetitionType).
const (
	fieldRequired = iota
	fieldOptional
	fieldRepeated
)

// describe appends the elements of the schema.
func (x *shred) describe(t *thriftWriter) {
	repetition := fieldRequired
	if x.opt {
		repetition = fieldOptional
	}
	t.begin()
	if x.kids == nil {
		t.i32(1, int(x.physical))
		if x.length > 0 {
			t.i32(2, x.length)
		}
	}
	t.i32(3, repetition)
	t.bytes(4, []byte(x.name))
	switch x.typ.Kind {
	case dtype.List:
		t.i32(5, 1)
		t.i32(6, 3) // the older annotation
		t.structure(10, func() { t.structure(3, func() {}) })
		t.end()
		t.begin()
		t.i32(3, fieldRepeated)
		t.bytes(4, []byte("list"))
		t.i32(5, 1)
	case dtype.Struct:
		t.i32(5, len(x.kids))
	default:
		x.annotate(t)
	}
	t.end()
	for _, k := range x.kids {
		k.describe(t)
	}
}

// annotate says what the values mean, in the older form where there is one and in the newer.
func (s *stored) annotate(t *thriftWriter) {
	l := s.logical
	unit := func() { t.structure(2, func() { t.structure(int16(l.Unit+1), func() {}) }) }
	switch l.Kind {
	case guard.TextValues:
		t.i32(6, 0)
		t.structure(10, func() { t.structure(1, func() {}) })
	case guard.DecimalValues:
		t.i32(6, 5)
		t.i32(7, l.Scale)
		t.i32(8, l.Precision)
		t.structure(10, func() { t.structure(5, func() { t.i32(1, l.Scale); t.i32(2, l.Precision) }) })
	case guard.DateValues:
		t.i32(6, 6)
		t.structure(10, func() { t.structure(6, func() {}) })
	case guard.TimeValues:
		if l.Unit < 2 && l.UTC { // the older form says UTC
			t.i32(6, 7+l.Unit)
		}
		t.structure(10, func() { t.structure(7, func() { t.bool(1, l.UTC); unit() }) })
	case guard.TimestampValues:
		if l.Unit < 2 && l.UTC {
			t.i32(6, 9+l.Unit)
		}
		t.structure(10, func() { t.structure(8, func() { t.bool(1, l.UTC); unit() }) })
	case guard.IntValues:
		older := 11
		if l.Signed {
			older = 15
		}
		for b := l.Bits; b > 8; b /= 2 {
			older++
		}
		t.i32(6, older)
		t.structure(10, func() { t.structure(10, func() { t.i8(1, l.Bits); t.bool(2, l.Signed) }) })
	case guard.NullValues:
		t.structure(10, func() { t.structure(11, func() {}) })
	}
}

// add takes the values of a column.
func (x *shred) add(t op.Task, v *chunk.Vec) error {
	if x.kids == nil {
		return x.leaf.addColumn(v)
	}
	e := entries{defs: make([]byte, v.N), reps: make([]byte, v.N), at: make([]int32, v.N)}
	for i := range e.at {
		e.at[i] = int32(i)
	}
	return x.down(t, v, &e, v.N)
}

// entries are the places of some rows at one depth: their levels so far, and where their value is, -1 if the levels
// say already that there is none.
type entries struct {
	defs, reps []byte
	at         []int32
}

// down takes the values of x at the places of e.
func (x *shred) down(t op.Task, v *chunk.Vec, e *entries, rows int) error {
	for i, at := range e.at {
		switch {
		case at < 0:
		case v.IsNull(int(at)):
			e.at[i], e.defs[i] = -1, byte(x.def-1)
		default:
			e.defs[i] = byte(x.def)
		}
	}
	switch x.typ.Kind {
	case dtype.Struct:
		cols := chunk.UnpackStructs(v)
		for i, k := range x.kids {
			own := *e
			if i < len(x.kids)-1 {
				own = entries{slices.Clone(e.defs), e.reps, slices.Clone(e.at)}
			}
			if err := k.down(t, &cols[i], &own, rows); err != nil {
				return err
			}
		}
		return nil
	case dtype.List:
		off, child := chunk.UnpackLists(v)
		var next entries
		for i, at := range e.at {
			if at < 0 || off[at] == off[at+1] {
				next.defs, next.reps, next.at = append(next.defs, e.defs[i]), append(next.reps, e.reps[i]), append(next.at, -1)
				continue
			}
			for k := off[at]; k < off[at+1]; k++ {
				rep := byte(x.rep + 1)
				if k == off[at] {
					rep = e.reps[i]
				}
				next.defs, next.reps, next.at = append(next.defs, byte(x.def+1)), append(next.reps, rep), append(next.at, k)
			}
		}
		return x.kids[0].down(t, &child, &next, rows)
	}
	return x.place(t, v, e, rows)
}

// place hands the values of a leaf, those that are there, to its writer.
func (x *shred) place(t op.Task, v *chunk.Vec, e *entries, rows int) error {
	x.at = x.at[:0]
	for _, at := range e.at {
		if at >= 0 {
			x.at = append(x.at, uint32(at))
		}
	}
	b := chunk.NewBuilder(dtype.Schema{{Name: x.name, Type: x.typ}}, t)
	if err := b.AppendRows(&chunk.Batch{Cols: []chunk.Vec{*v}, N: v.N}, x.at); err != nil {
		b.Close()
		return x.leaf.fail(err)
	}
	own := b.Flush()
	defer own.Release()
	return x.leaf.addEntries(e.defs, e.reps, rows, &own.Cols[0])
}
