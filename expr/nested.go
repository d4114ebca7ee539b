package expr

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// appendNested words a list or struct: [1, null, "text"], {name: value}.
func appendNested(dst []byte, t dtype.Type, rec []byte) []byte {
	if t.Kind == dtype.List {
		elem := t.Elem()
		l := chunk.ViewList(elem.Kind, rec)
		dst = append(dst, '[')
		for i := range l.N {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			switch {
			case l.IsNull(i):
				dst = append(dst, "null"...)
			case elem.Kind.IsVar():
				dst = appendPart(dst, elem, l.Var(i))
			default:
				dst = appendPart(dst, elem, l.Fixed(i))
			}
		}
		return append(dst, ']')
	}
	shape := chunk.ShapeOf(t)
	dst = append(dst, '{')
	for i, f := range t.Fields() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(strconv.AppendQuote(dst, f.Name), ": "...)
		switch {
		case shape.IsNull(rec, i):
			dst = append(dst, "null"...)
		case f.Type.Kind.IsVar():
			dst = appendPart(dst, f.Type, shape.Var(rec, i))
		default:
			dst = appendPart(dst, f.Type, shape.Fixed(rec, i))
		}
	}
	return append(dst, '}')
}

// appendPart words a value inside of a list or struct; all that is neither a
// number nor a bool is quoted.
func appendPart(dst []byte, t dtype.Type, b []byte) []byte {
	switch k := t.Kind; {
	case k.IsNested():
		return appendNested(dst, t, b)
	case k == dtype.Utf8 || k == dtype.Binary && utf8.Valid(b):
		return strconv.AppendQuote(dst, string(b))
	case k == dtype.Binary:
		return strconv.AppendQuoteToASCII(dst, string(b))
	case k == dtype.Decimal128:
		return appendDecimal(dst, [16]byte(b), int(t.Scale))
	case k.IsNumeric() || k == dtype.Bool:
		l := partOf(t, b)
		return appendScalar(dst, k, l.I, l.F)
	}
	s, err := textOf(partOf(t, b))
	if err != nil {
		return append(dst, '?')
	}
	return strconv.AppendQuote(dst, s)
}

// partOf reads a value of fixed width, or text, out of a record.
func partOf(t dtype.Type, b []byte) Literal {
	l := Literal{Type: t}
	switch k := t.Kind; {
	case k.IsFloat():
		l.F = partFloat(k, b)
	case k == dtype.Decimal128:
		l.S = decimalText(loadDecimal([16]byte(b)), t)
	case k.IsVar():
		l.S = string(b)
	default:
		l.I = partInt(k, b)
	}
	return l
}

// partInt reads a bool, integer or time of kind k out of a record; uint64 keeps
// its bits.
func partInt(k dtype.Kind, b []byte) int64 {
	switch k {
	case dtype.Bool, dtype.Uint8:
		return int64(b[0])
	case dtype.Int8:
		return int64(int8(b[0]))
	case dtype.Int16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case dtype.Uint16:
		return int64(binary.LittleEndian.Uint16(b))
	case dtype.Int32, dtype.Date:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case dtype.Uint32:
		return int64(binary.LittleEndian.Uint32(b))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// partFloat reads a float of kind k out of a record.
func partFloat(k dtype.Kind, b []byte) float64 {
	if k == dtype.Float32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// list converts the elements of lists, as one column.
func (c caster) list() (code, error) {
	if c.Out.Kind != dtype.List {
		return nil, errNotHere
	}
	in := sig{In: []dtype.Type{c.In[0].Elem()}, Out: c.Out.Elem(), Args: []operand{{T: c.In[0].Elem(), Null: true}}}
	inner, err := bindCast(c.strict)(&binding{sig: &in, fn: "cast", node: c.node, asVec: []bool{true}})
	if err != nil {
		return nil, err
	}
	var parts vector
	return func(f *frame) error {
		off, child := chunk.UnpackLists(f.in[0])
		g := frame{n: child.N, in: []*chunk.Vec{&child}, out: &parts, most: f.most}
		parts.reset(in.Out, child.N)
		parts.Valid = child.Valid
		if f.check != nil { // elements matter where their list does
			g.check = make([]uint64, chunk.Words(child.N))
			for i := range f.n {
				for k := off[i]; k < off[i+1] && f.checked(i); k++ {
					g.check[k>>6] |= 1 << (uint(k) & 63)
				}
			}
		}
		if err := inner(&g); err != nil {
			f.long, f.made = f.n/2, g.made
			return err
		}
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			return chunk.AppendList(dst, &parts.Vec, int(off[i]), int(off[i+1])), nil
		})
	}, nil
}

// AppendText appends value i of v, which is not null, as the text that a cast to
// utf8 gives; bytes that are not UTF-8 stay as they are.
//
// Errors: a zone that this machine does not know.
func AppendText(dst []byte, v *chunk.Vec, i int) ([]byte, error) {
	switch k := v.Type.Kind; {
	case k.IsNested():
		return appendNested(dst, v.Type, []byte(v.Text(i))), nil
	case k.IsVar():
		return append(dst, v.Text(i)...), nil
	case k == dtype.Decimal128:
		return appendDecimal(dst, chunk.Values[[16]byte](v)[i], int(v.Type.Scale)), nil
	case k.IsInt(), k == dtype.Date:
		return appendScalar(dst, k, intAt(v, i), 0), nil
	}
	return appendPlain(dst, literalAt(v, i))
}
