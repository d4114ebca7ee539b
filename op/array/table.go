package array

import (
	"fmt"
	"math"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// OfTable is the type of the elements that a column of a table has in an array;
// Invalid for columns that are no numbers and no bools.
func OfTable(t dtype.Type) elem.Kind {
	for _, k := range elem.Kinds {
		if !k.IsComplex() && ToTable(k).Kind == t.Kind {
			return k
		}
	}
	return elem.Invalid
}

// ToTable is the type of the column of a table that holds elements of an array.
func ToTable(k elem.Kind) dtype.Type {
	switch {
	case k == elem.Bool:
		return dtype.Of(dtype.Bool)
	case k.IsComplex():
		return dtype.Type{}
	}
	return k.Storage()
}

// FromTableParams are the parameters of array.fromtable: the columns of the input,
// all of type Kind, are those of a matrix, or with Vector the only one is a vector.
// A null of floats is NaN, any other an error.
type FromTableParams struct {
	Kind   elem.Kind
	Vector bool
}

// FromTable makes an array of a table.
var FromTable = op.Register(op.Spec[FromTableParams]{
	Name: "array.fromtable", Version: 1, Class: op.Opaque,
	Doc: "makes a block of an array of the rows of a table",
	Infer: func(p FromTableParams, in []op.Meta) (op.Meta, error) {
		if !p.Kind.Valid() || len(in) != 1 || len(in[0].Schema) == 0 || p.Vector && len(in[0].Schema) != 1 {
			return op.Meta{}, fmt.Errorf("%d tables for an array of %s", len(in), p.Kind)
		}
		for _, f := range in[0].Schema {
			if OfTable(f.Type) != p.Kind {
				return op.Meta{}, fmt.Errorf("column %q is %s, the array %s", f.Name, f.Type, p.Kind)
			}
		}
		n := max(in[0].Rows, 0) * float64(len(in[0].Schema))
		return op.Meta{Schema: Schema(p.Kind), Rows: n, Bytes: n * float64(p.Kind.Width())}, nil
	},
	Mem: func(p FromTableParams, in op.Meta) op.Need {
		n := mem.Size(int(max(in.Bytes, 0))) // bools become larger: the rest is asked for when it is needed
		return op.Need{Floor: n, Want: n}
	},
	Text:  func(p FromTableParams) string { return p.Kind.String() },
	Block: func(p FromTableParams) (op.Block, error) { return fromTable{p}, nil },
	Rules: op.Rules[FromTableParams]{Pure: true},
})

type fromTable struct{ p FromTableParams }

// Run implements op.Block.
func (f fromTable) Run(t op.Task, in []op.In, out op.Out) (err error) {
	var b *chunk.Batch
	defer func() {
		if err != nil && b != nil {
			b.Release()
		}
	}()
	at, w := 0, f.p.Kind.Width()
	for _, x := range in {
		err = chunk.EachOfAll(x.Value, func(rows *chunk.Batch) (err error) {
			if err := t.Context().Err(); err != nil {
				return err
			}
			cols := len(rows.Cols)
			if b == nil {
				n := int64(0)
				for _, x := range in {
					n += x.Rows()
				}
				if b, err = newBatch(t, []elem.Kind{f.p.Kind}, n*int64(cols)); err != nil {
					return err
				}
			}
			for j := range rows.Cols {
				if err := f.column(b.Cols[0].Data[(at+j)*w:], &rows.Cols[j], cols); err != nil {
					return fmt.Errorf("column %d: %w", j, err)
				}
			}
			at += rows.N * cols
			return nil
		})
		if err != nil {
			return err
		}
	}
	if b == nil {
		return nil
	}
	full := b
	b = nil // out owns it, also when it fails
	return out.Put(0, full)
}

// column writes a column to every stride-th element.
func (f fromTable) column(dst []byte, v *chunk.Vec, stride int) error {
	k, w := f.p.Kind, f.p.Kind.Width()
	if v.Nulls() > 0 && !k.IsFloat() {
		return fmt.Errorf("%d of %d values are null, and no %s stands for that: take FillNull, or make it a float", v.Nulls(), v.N, k)
	}
	if k == elem.Bool {
		for i := range v.N {
			dst[i*stride] = 0
			if v.Bool(i) {
				dst[i*stride] = 1
			}
		}
		return nil
	}
	if stride == 1 {
		copy(dst, v.Data[:v.N*w])
	} else {
		for i := range v.N {
			copy(dst[i*stride*w:][:w], v.Data[i*w:])
		}
	}
	if v.Valid == nil {
		return nil
	}
	nan := make([]byte, 8)
	PutNumber(k, nan, []uint64{math.Float64bits(math.NaN())})
	for i := range v.N {
		if v.IsNull(i) {
			copy(dst[i*stride*w:][:w], nan)
		}
	}
	return nil
}

// ToTableParams are the parameters of array.totable: an array of one axis, or of two
// the second of which is one chunk, becomes a table of named columns.
type ToTableParams struct {
	In    grid.Grid
	Kind  elem.Kind
	Names []string
}

func (p *ToTableParams) check() error {
	if _, err := p.In.Loose(); err != nil {
		return err
	}
	cols := int64(1)
	if len(p.In) == 2 && p.In[1].Blocks() == 1 {
		cols = p.In[1].Len()
	}
	if len(p.In) != 1 && len(p.In) != 2 || cols != int64(len(p.Names)) || ToTable(p.Kind).Kind == dtype.Invalid {
		return fmt.Errorf("%d columns of an array of %s and shape %s", len(p.Names), p.Kind, grid.Tuple(p.In.Shape()))
	}
	return nil
}

// IntoTable makes a table of an array.
var IntoTable = op.Register(op.Spec[ToTableParams]{
	Name: "array.totable", Version: 1, Class: op.Opaque,
	Doc: "makes the rows of a table of a block of an array",
	Infer: func(p ToTableParams, _ []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		m := op.Meta{Rows: float64(p.In[0].AtMost().Len()), Bytes: float64(p.In.Elements()) * float64(p.Kind.Width())}
		for _, n := range p.Names {
			m.Schema = append(m.Schema, dtype.Field{Name: n, Type: ToTable(p.Kind)})
		}
		return m, nil
	},
	Mem: func(p ToTableParams, _ op.Meta) op.Need {
		n := 2 * mem.Size(int(p.In.MaxBlock())*p.Kind.Width())
		return op.Need{Floor: n, Want: n}
	},
	Text: func(p ToTableParams) string {
		if len(p.Names) > 8 {
			return fmt.Sprintf("%s … %d columns", strings.Join(p.Names[:8], ", "), len(p.Names))
		}
		return strings.Join(p.Names, ", ")
	},
	Block: func(p ToTableParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		return toTable{p}, nil
	},
	Rules: op.Rules[ToTableParams]{Pure: true},
})

type toTable struct{ p ToTableParams }

// tableRows is how many rows the batches of a table have.
const tableRows = 1 << 16

// Run implements op.Block.
func (f toTable) Run(t op.Task, in []op.In, out op.Out) error {
	cols, w := len(f.p.Names), f.p.Kind.Width()
	n := in[0].Rows() / int64(max(cols, 1)) * int64(cols)
	if f.p.In[0].Known() {
		n = product(blockShape(f.p.In, int32(t.Block())))
	}
	if err := full(in[0], n); err != nil {
		return err
	}
	data, done, err := contiguous(t, in[0], 0, n, w)
	defer done()
	if err != nil || n == 0 {
		return err
	}
	rows := int(n) / cols
	for from := 0; from < rows; from += tableRows {
		if err := t.Context().Err(); err != nil {
			return err
		}
		k := min(tableRows, rows-from)
		b, err := f.batch(t, data[from*cols*w:], k)
		if err == nil {
			err = out.Put(0, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// batch makes a batch of k rows.
func (f toTable) batch(t op.Task, data []byte, k int) (*chunk.Batch, error) {
	cols, w := len(f.p.Names), f.p.Kind.Width()
	b := &chunk.Batch{N: k, Cols: make([]chunk.Vec, cols)}
	var bufs [][]byte
	size := k * w
	if f.p.Kind == elem.Bool {
		size = chunk.Words(k) * 8
	}
	for j := range b.Cols {
		buf := t.Alloc(size)
		if buf == nil {
			for _, x := range bufs {
				t.Free(x)
			}
			return nil, fmt.Errorf("%d rows of %d columns: %w", k, cols, mem.ErrBudget)
		}
		bufs = append(bufs, buf)
		b.Cols[j] = chunk.Vec{Type: ToTable(f.p.Kind), N: k, Data: buf}
		if f.p.Kind != elem.Bool {
			pick(buf, data, int64(j), int64(cols), k, w)
			continue
		}
		clear(buf)
		words := strip.View[uint64](buf, chunk.Words(k))
		for i := range k {
			words[i>>6] |= uint64(data[i*cols+j]) << (i & 63)
		}
	}
	b.Own(t, bufs)
	return b, nil
}
