package ndjson

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/numeral"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// WriteParams are the parameters of ndjson.write.
type WriteParams struct {
	Path string // compressed if it ends in .gz, .zst, .zstd, .lz4, .snappy or .sz
}

// Write is the operator ndjson.write: it writes its one input block to one file of an object per line, which appears
// under its name when it is complete. Its output is one row: the number of rows written.
//
// Every key stands in every object. Null is null; so are NaN and infinities, for which JSON has no word. Floats have
// the fewest digits that read back as the same number and always a point or exponent; decimals are numbers with all
// their digits; dates, times, timestamps and durations are the text of a cast to utf8; lists are arrays, structs
// objects. Binary columns are refused.
var Write = op.Register(op.Spec[WriteParams]{
	Name: "ndjson.write", Version: 1, Class: op.Writing,
	Doc: "writes JSON, an object per line",
	Infer: func(p WriteParams, in []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: op.WrittenSchema, Rows: 1, Bytes: 8}, p.check(in[0].Schema)
	},
	Mem:  func(WriteParams, op.Meta) op.Need { return op.Need{Floor: 4 << 20, Want: 16 << 20} },
	Text: func(p WriteParams) string { return fmt.Sprintf("%q", store.Name(p.Path)) },
	Pipe: func(p WriteParams, in op.Meta) (op.Pipe, error) {
		return op.WritesText(p.Path, nil, func() op.TextFormat { return newRowFormat(in.Schema).rows }), nil
	},
})

func (p *WriteParams) check(s dtype.Schema) error {
	if p.Path == "" {
		return errors.New("ndjson: no path to write to")
	}
	if len(s) == 0 {
		return errors.New("ndjson: no columns to write")
	}
	for _, f := range s {
		if err := writable(f.Type); err != nil {
			return fmt.Errorf("ndjson: column %q: %w", f.Name, err)
		}
	}
	return nil
}

// writable refuses types that JSON has no form for.
func writable(t dtype.Type) error {
	switch t.Kind {
	case dtype.Binary:
		return errors.New("JSON has no form for binary: cast it to utf8")
	case dtype.List:
		return writable(t.Elem())
	case dtype.Struct:
		for _, f := range t.Fields() {
			if err := writable(f.Type); err != nil {
				return fmt.Errorf("field %q: %w", f.Name, err)
			}
		}
	}
	return nil
}

// A part is a column, or a part of a nested one, with what goes before its values.
type part struct {
	key  []byte // a comma, but of the first, and the name
	vec  *chunk.Vec
	off  []int32 // of a list
	kids []*part
	own  []chunk.Vec // what vec of the kids points to
}

// A rowFormat turns rows into text.
type rowFormat struct{ cols []*part }

func newRowFormat(s dtype.Schema) *rowFormat { return &rowFormat{partsOf(s)} }

func partsOf(s dtype.Schema) (out []*part) {
	for i, f := range s {
		var key []byte
		if i > 0 {
			key = append(key, ',')
		}
		p := &part{key: append(appendQuoted(key, f.Name), ':')}
		switch f.Type.Kind {
		case dtype.List:
			p.kids = partsOf(dtype.Schema{{Type: f.Type.Elem()}})
		case dtype.Struct:
			p.kids = partsOf(f.Type.Fields())
		}
		out = append(out, p)
	}
	return out
}

// set unpacks a column of a morsel.
func (p *part) set(v *chunk.Vec) {
	p.vec = v
	switch v.Type.Kind {
	case dtype.List:
		off, child := chunk.UnpackLists(v)
		p.off, p.own = off, append(p.own[:0], child)
	case dtype.Struct:
		p.own = chunk.UnpackStructs(v)
	}
	for i, k := range p.kids {
		k.set(&p.own[i])
	}
}

// rows implements op.TextFormat.
func (f *rowFormat) rows(dst []byte, m *chunk.Batch) (_ []byte, err error) {
	for c, p := range f.cols {
		p.set(&m.Cols[c])
	}
	for i := range m.N {
		dst = append(dst, '{')
		for _, p := range f.cols {
			if dst, err = p.append(append(dst, p.key...), i); err != nil {
				return dst, err
			}
		}
		dst = append(dst, '}', '\n')
	}
	return dst, nil
}

// append appends value i.
func (p *part) append(dst []byte, i int) (_ []byte, err error) {
	v := p.vec
	if v.IsNull(i) {
		return append(dst, "null"...), nil
	}
	switch v.Type.Kind {
	case dtype.Utf8:
		return appendQuoted(dst, v.Text(i)), nil
	case dtype.Int64:
		return numeral.AppendInt(dst, chunk.Values[int64](v)[i]), nil
	case dtype.Int32:
		return numeral.AppendInt(dst, int64(chunk.Values[int32](v)[i])), nil
	case dtype.Float64:
		return appendFloat(dst, chunk.Values[float64](v)[i], 64), nil
	case dtype.Float32:
		return appendFloat(dst, float64(chunk.Values[float32](v)[i]), 32), nil
	case dtype.Bool, dtype.Int8, dtype.Int16, dtype.Uint8, dtype.Uint16, dtype.Uint32, dtype.Uint64, dtype.Decimal128:
		return expr.AppendText(dst, v, i)
	case dtype.List:
		dst = append(dst, '[')
		for k := p.off[i]; k < p.off[i+1]; k++ {
			if k > p.off[i] {
				dst = append(dst, ',')
			}
			if dst, err = p.kids[0].append(dst, int(k)); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case dtype.Struct:
		dst = append(dst, '{')
		for _, k := range p.kids {
			if dst, err = k.append(append(dst, k.key...), i); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
	dst, err = expr.AppendText(append(dst, '"'), v, i)
	return append(dst, '"'), err
}

func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return numeral.AppendFloat(dst, v, bits)
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends a string of JSON; bytes that are not UTF-8 become the replacement character.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		case c == '"' || c == '\\':
			dst = append(append(dst, s[from:i]...), '\\', c)
			from = i + 1
		case c == '\n':
			dst = append(append(dst, s[from:i]...), '\\', 'n')
			from = i + 1
		case c < ' ':
			dst = append(append(dst, s[from:i]...), '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			from = i + 1
		}
		i++
	}
	return append(append(dst, s[from:]...), '"')
}
