package rows

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// A Stacked is an output column of rows.stack: of output row k of an input row it
// is column From[k].
type Stacked struct {
	Name string
	From []string
}

// StackParams are the parameters of rows.stack. Label is the name of the column
// that tells the output rows of an input row apart; Labels are its values.
type StackParams struct {
	Keep   []string // columns repeated in all rows
	Label  string
	Labels []string
	Values []Stacked
}

// Stack makes len(Labels) rows of every row: columns become rows.
//
// Order: the rows made of one row follow each other, in the order of Labels.
// Types:   the columns that make one output column have one type.
// Memory:  a morsel of the output.
var Stack op.Op[StackParams]

func init() {
	Stack = op.Register(op.Spec[StackParams]{
		Name: "rows.stack", Version: 1, Class: op.RowWise,
		Doc:   "makes several rows of every row: columns become rows",
		Infer: inferStack,
		Text: func(p StackParams) string {
			return fmt.Sprintf("%s in %s", strings.Join(p.Labels, ", "), p.Label)
		},
		Pipe: bindStack,
		Rules: op.Rules[StackParams]{
			Uses: func(p StackParams, _ []op.Meta, cols []string) [][]string {
				var need []string
				for _, c := range p.Keep {
					if slices.Contains(cols, c) {
						need = append(need, c)
					}
				}
				for _, v := range p.Values {
					if slices.Contains(cols, v.Name) {
						need = union(need, v.From)
					}
				}
				return [][]string{need}
			},
			Project: func(p StackParams, cols []string) StackParams {
				out := StackParams{Label: p.Label, Labels: p.Labels}
				for _, c := range p.Keep {
					if slices.Contains(cols, c) {
						out.Keep = append(out.Keep, c)
					}
				}
				for _, v := range p.Values {
					if slices.Contains(cols, v.Name) {
						out.Values = append(out.Values, v)
					}
				}
				return out
			},
		},
	})
}

func inferStack(p StackParams, in []op.Meta) (op.Meta, error) {
	s := in[0].Schema
	m := op.Meta{Rows: in[0].Rows, Bytes: in[0].Bytes}
	if len(p.Labels) == 0 {
		return m, fmt.Errorf("no columns to make rows of")
	}
	from, err := p.from(s)
	if err != nil {
		return m, err
	}
	for k := range p.Keep {
		m.Schema = append(m.Schema, s[from[k][0]])
	}
	m.Schema = append(m.Schema, dtype.Field{Name: p.Label, Type: dtype.Of(dtype.Utf8)})
	for k, v := range p.Values {
		out := dtype.Field{Name: v.Name}
		for j, i := range from[len(p.Keep)+1+k] {
			if j == 0 {
				out.Type = s[i].Type
			}
			if s[i].Type != out.Type {
				return m, fmt.Errorf("column %q is %s and %q is %s: cast one of them, or they cannot be one column", v.From[0], out.Type, s[i].Name, s[i].Type)
			}
			out.Nullable = out.Nullable || s[i].Nullable
		}
		m.Schema = append(m.Schema, out)
	}
	if m.Rows > 0 {
		m.Rows *= float64(len(p.Labels))
	}
	if m.Bytes > 0 {
		m.Bytes *= float64(len(p.Keep)*len(p.Labels)+2*len(p.Labels)) / float64(len(s)+1)
	}
	return m, m.Schema.Unique()
}

func bindStack(p StackParams, in op.Meta) (op.Pipe, error) {
	labels := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(p.Labels), Off: []int32{0}}
	for _, l := range p.Labels {
		labels.Str = append(labels.Str, l...)
		labels.Off = append(labels.Off, int32(len(labels.Str)))
	}
	dict := chunk.NewDict(labels)
	dict.Whole = true
	from, err := p.from(in.Schema)
	if err != nil {
		return nil, err
	}
	return pipe(func() op.Local {
		return &stacking{k: len(p.Labels), dict: dict, from: from, cols: make([]stackCol, len(from))}
	}), nil
}

// from returns for each output column the columns of s that its rows come from, in
// the order of the labels; nil is the label.
func (p StackParams) from(s dtype.Schema) (from [][]int, err error) {
	at := s.Places()
	find := func(name string) (i int) {
		i, ok := at[name]
		if !ok && err == nil {
			_, err = s.Find(name)
		}
		return i
	}
	for _, c := range p.Keep {
		from = append(from, slices.Repeat([]int{find(c)}, len(p.Labels)))
	}
	from = append(from, nil)
	for _, v := range p.Values {
		if len(v.From) != len(p.Labels) {
			return nil, fmt.Errorf("column %q is made of %d columns and there are %d labels", v.Name, len(v.From), len(p.Labels))
		}
		list := make([]int, len(v.From))
		for k, c := range v.From {
			list[k] = find(c)
		}
		from = append(from, list)
	}
	return from, err
}

type stacking struct {
	k    int
	dict *chunk.Dict
	from [][]int
	cols []stackCol
	out  chunk.Batch
}

// A stackCol is the scratch of an output column.
type stackCol struct {
	valid []uint64
	data  []uint64
	off   []int32
	str   []byte
	srcs  []*chunk.Vec
}

// stackRows is about how many rows are made at a time.
const stackRows = 8192

// Push implements op.Local.
func (l *stacking) Push(m *chunk.Batch, out op.Sink) error {
	step := max(64, stackRows/l.k&^63)
	for lo := 0; lo < m.N; lo += step {
		part := m
		if m.N > step {
			part = m.Slice(lo, min(m.N, lo+step))
		}
		l.out.Cols = l.out.Cols[:0]
		l.out.Follow(m)
		l.out.N = part.N * l.k
		for c, from := range l.from {
			v := l.column(&l.cols[c], part, from)
			if v.N == 0 && part.N > 0 {
				return fmt.Errorf("more than 2 GiB of text in %d rows of one column", part.N*l.k)
			}
			l.out.Cols = append(l.out.Cols, v)
		}
		if err := out.Push(&l.out); err != nil {
			return err
		}
	}
	return nil
}

func (l *stacking) Close(op.Sink, bool) error { return nil }

// column interleaves the columns of a morsel that make one output column. It is
// empty when their text is too much for one vector.
func (l *stacking) column(c *stackCol, m *chunk.Batch, from []int) chunk.Vec {
	n := m.N * l.k
	if from == nil {
		v := chunk.Vec{Type: dtype.Of(dtype.Utf8), N: n, Dict: l.dict, Data: chunk.Bytes(scratch64(&c.data, (n+1)/2))[:4*n]}
		codes := chunk.Values[uint32](&v)
		for i := range codes {
			codes[i] = uint32(i % l.k)
		}
		return v
	}
	c.srcs = c.srcs[:0]
	nulls, dict := false, m.Cols[from[0]].Dict
	for _, i := range from {
		v := &m.Cols[i]
		c.srcs = append(c.srcs, v)
		nulls = nulls || v.Valid != nil
		if dict != nil && (v.Dict == nil || v.Dict.ID != dict.ID) {
			dict = nil
		}
	}
	out := chunk.Vec{Type: c.srcs[0].Type, N: n, Dict: dict}
	if nulls {
		out.Valid = scratch64(&c.valid, chunk.Words(n))
		c.bits(out.Valid, m.N, func(v *chunk.Vec) []uint64 { return v.Valid })
	}
	switch k := out.Type.Kind; {
	case k == dtype.Null:
	case dict != nil:
		out.Data = fixedColumn[uint32](c, m.N)
	case k.IsVar():
		if !c.text(&out, m.N) {
			out.N = 0
		}
	case k == dtype.Bool:
		words := scratch64(&c.data, chunk.Words(n))
		c.bits(words, m.N, (*chunk.Vec).Bits)
		out.Data = chunk.Bytes(words)
	default:
		switch out.Type.Width() {
		case 1:
			out.Data = fixedColumn[uint8](c, m.N)
		case 2:
			out.Data = fixedColumn[uint16](c, m.N)
		case 4:
			out.Data = fixedColumn[uint32](c, m.N)
		case 8:
			out.Data = fixedColumn[uint64](c, m.N)
		case 16:
			out.Data = fixedColumn[[16]byte](c, m.N)
		}
	}
	return out
}

// scratch64 returns w words that may be over-written by 64 bytes.
func scratch64(buf *[]uint64, w int) []uint64 {
	if cap(*buf) < w+8 {
		*buf = make([]uint64, w+w/4+8)
	}
	return (*buf)[:w]
}

func fixedColumn[T chunk.Fixed](c *stackCol, rows int) []byte {
	var z T
	k := len(c.srcs)
	width := len(chunk.Bytes([]T{z}))
	dst := chunk.Slice[T](chunk.Bytes(scratch64(&c.data, (rows*k*width+7)/8)), rows*k)
	for j, v := range c.srcs {
		for i, x := range chunk.Values[T](v) {
			dst[i*k+j] = x
		}
	}
	return chunk.Bytes(dst)
}

// bits interleaves bitmaps; a nil one is all ones.
func (c *stackCol) bits(dst []uint64, rows int, of func(*chunk.Vec) []uint64) {
	clear(dst)
	k := len(c.srcs)
	for j, v := range c.srcs {
		src := of(v)
		for i := range rows {
			if src == nil || src[i>>6]>>(uint(i)&63)&1 != 0 {
				p := i*k + j
				dst[p>>6] |= 1 << (uint(p) & 63)
			}
		}
	}
}

func (c *stackCol) text(out *chunk.Vec, rows int) bool {
	n := rows * len(c.srcs)
	if cap(c.off) < n+1 {
		c.off = make([]int32, n+n/4+1)
	}
	c.off, c.str = c.off[:n+1], c.str[:0]
	c.off[0] = 0
	at := 1
	for i := range rows {
		for _, v := range c.srcs {
			if !v.IsNull(i) {
				c.str = append(c.str, v.Text(i)...)
			}
			if len(c.str) > math.MaxInt32 {
				return false
			}
			c.off[at] = int32(len(c.str))
			at++
		}
	}
	out.Off, out.Str = c.off, c.str
	return true
}
