package guard

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// part is an array of one schema node for a batch of rows, with the levels of one leaf below it: they say
// where the lists and nulls of its ancestors are.
type part struct {
	arr      arrow.Array
	def, rep []int16
}

// build decodes n rows of all leaves below the node and assembles them (the record assembly of the Dremel
// paper, section 4, in columns).
func (r *groupReader) build(node *pqarrow.SchemaField, n int64) (part, error) {
	if len(node.Children) == 0 {
		l := r.leaves[node.ColIndex]
		p, err := l.load(n)
		if err != nil {
			return part{}, &Error{RowGroup: r.rg, Column: l.path, Err: err}
		}
		return p, nil
	}
	kids := make([]part, len(node.Children))
	for i := range node.Children {
		var err error
		if kids[i], err = r.build(&node.Children[i], n); err != nil {
			return part{}, err
		}
	}
	typ := typeOf(node)
	out := shallowest(kids)
	err := caught("assembling "+typ.String(), func() (err error) {
		if typ.ID() == arrow.STRUCT {
			out.arr, err = assembleStruct(typ, node.LevelInfo, kids)
		} else {
			out.arr, err = assembleList(typ, node.LevelInfo, kids[0])
		}
		return err
	})
	if err != nil {
		return part{}, &Error{RowGroup: r.rg, Column: node.Field.Name, Err: err}
	}
	return out, nil
}

// load decodes n rows of a leaf.
func (l *leafReader) load(n int64) (p part, err error) {
	err = caught("decoding", func() error {
		if err := l.col.LoadBatch(n); err != nil {
			return err
		}
		chunks, err := l.col.BuildArray(n)
		if err != nil {
			return err
		}
		if l.stream.leaf.MaxDef > 0 {
			if p.def, err = l.col.GetDefLevels(); err != nil {
				return err
			}
		}
		if l.stream.leaf.MaxRep > 0 {
			if p.rep, err = l.col.GetRepLevels(); err != nil {
				return err
			}
		}
		p.arr, err = single(chunks, l.field.Type)
		return err
	})
	switch {
	case l.stream.err != nil:
		err = l.stream.err // the reason; what Arrow says is how it noticed
	case err != nil && !errors.Is(err, ErrCorrupt):
		err = fmt.Errorf("%w: %w", ErrCorrupt, err) // the bytes are in memory: it cannot be the file's reader
	}
	return p, err
}

// single makes one array of what Arrow decoded. It is more than one where a builder was full.
func single(c *arrow.Chunked, typ arrow.DataType) (arrow.Array, error) {
	switch len(c.Chunks()) {
	case 0:
		return array.MakeArrayOfNull(memory.DefaultAllocator, typ, 0), nil
	case 1:
		return c.Chunk(0), nil
	}
	return array.Concatenate(c.Chunks(), memory.DefaultAllocator)
}

// assembleList builds a list or map array. A level pair belongs to this list unless it repeats something
// deeper; it starts a slot when it repeats something further out, and the slot exists only when the closest
// repeated ancestor is not empty.
func assembleList(typ arrow.DataType, info file.LevelInfo, kid part) (arrow.Array, error) {
	if len(kid.def) != len(kid.rep) {
		return nil, corrupt("%d definition and %d repetition levels", len(kid.def), len(kid.rep))
	}
	offsets := make([]int32, 1, len(kid.def)+1)
	valid := newBitmap(len(kid.def))
	total, open := int32(0), false
	for i, rep := range kid.rep {
		def := kid.def[i]
		if rep > info.RepLevel || def < info.RepeatedAncestorDefLevel {
			continue
		}
		if rep == info.RepLevel {
			if !open || def < info.DefLevel {
				return nil, corrupt("a repeated value outside a list")
			}
			total++
			offsets[len(offsets)-1] = total
			continue
		}
		if open = def >= info.DefLevel; open {
			total++
		}
		valid.add(def >= info.DefLevel-1)
		offsets = append(offsets, total)
	}
	if int(total) != kid.arr.Len() {
		return nil, corrupt("lists of %d elements in all over %d values", total, kid.arr.Len())
	}
	buffers := []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}
	data := array.NewData(typ, len(offsets)-1, buffers, []arrow.ArrayData{kid.arr.Data()}, valid.nulls, 0)
	return array.MakeFromData(data), nil
}

func assembleStruct(typ arrow.DataType, info file.LevelInfo, kids []part) (arrow.Array, error) {
	n := kids[0].arr.Len()
	data := make([]arrow.ArrayData, len(kids))
	for i := range kids {
		if kids[i].arr.Len() != n {
			return nil, corrupt("the fields of the struct have %d and %d values", n, kids[i].arr.Len())
		}
		data[i] = kids[i].arr.Data()
	}
	valid := newBitmap(n)
	lv := shallowest(kids)
	for i, def := range lv.def {
		if def < info.RepeatedAncestorDefLevel || lv.rep != nil && lv.rep[i] > info.RepLevel {
			continue
		}
		valid.add(def >= info.DefLevel)
	}
	if lv.def != nil && valid.n != n {
		return nil, corrupt("levels of %d structs over %d values", valid.n, n)
	}
	return array.MakeFromData(array.NewData(typ, n, []*memory.Buffer{valid.buffer()}, data, valid.nulls, 0)), nil
}

// shallowest gives the levels that are the quickest to walk; those of any child say the same of the parent.
func shallowest(kids []part) part {
	best := kids[0]
	for _, k := range kids[1:] {
		if len(k.def) < len(best.def) {
			best = k
		}
	}
	return best
}

// bitmap is a validity bitmap in the making.
type bitmap struct {
	bits     []byte
	n, nulls int
}

func newBitmap(n int) *bitmap { return &bitmap{bits: make([]byte, 0, (n+7)/8)} }

func (b *bitmap) add(valid bool) {
	if b.n%8 == 0 {
		b.bits = append(b.bits, 0)
	}
	if valid {
		b.bits[b.n/8] |= 1 << (b.n % 8)
	} else {
		b.nulls++
	}
	b.n++
}

func (b *bitmap) buffer() *memory.Buffer {
	if b.nulls == 0 {
		return nil
	}
	return memory.NewBufferBytes(b.bits)
}

// typeOf is the Arrow type of a node as build makes it: Arrow's, with fixed-size lists as lists.
func typeOf(n *pqarrow.SchemaField) arrow.DataType {
	t := n.Field.Type
	if len(n.Children) == 0 {
		return t
	}
	kid := fieldOf(&n.Children[0])
	switch t := t.(type) {
	case *arrow.StructType:
		fields := make([]arrow.Field, len(n.Children))
		for i := range fields {
			fields[i] = fieldOf(&n.Children[i])
		}
		return arrow.StructOf(fields...)
	case *arrow.MapType:
		if st, ok := kid.Type.(*arrow.StructType); ok && st.NumFields() == 2 && !kid.Nullable {
			m := arrow.MapOf(st.Field(0).Type, st.Field(1).Type)
			m.SetItemNullable(st.Field(1).Nullable)
			m.KeysSorted = t.KeysSorted
			return m
		}
		return arrow.ListOfField(kid)
	case *arrow.ListType, *arrow.FixedSizeListType:
		return arrow.ListOfField(kid)
	}
	panic(fmt.Sprintf("nested column of type %s", t))
}

func fieldOf(n *pqarrow.SchemaField) arrow.Field {
	f := *n.Field
	f.Type = typeOf(n)
	return f
}
