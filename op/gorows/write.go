package gorows

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A Writer makes batches of structs. They belong to the garbage collector.
type Writer struct {
	s    *Shape
	n    int
	cols []writeCol
}

type writeCol struct {
	data  []byte // values, or text
	off   []int32
	bits  []uint64
	valid []uint64
	nulls bool
}

// NewWriter returns an empty writer.
func NewWriter(s *Shape) *Writer {
	w := &Writer{s: s}
	w.clear()
	return w
}

func (w *Writer) clear() {
	w.n, w.cols = 0, make([]writeCol, len(w.s.fields))
	for i := range w.cols {
		w.cols[i].off = []int32{0}
	}
}

// Len returns the rows that were added since the last Flush.
func (w *Writer) Len() int { return w.n }

// Add appends a struct of the shape's type.
//
// Errors: a time outside of the years 1678 to 2261, a string that is not UTF-8, more than 2 GiB of text.
func (w *Writer) Add(v reflect.Value) error {
	word := w.n >> 6
	for i := range w.s.fields {
		f, c := &w.s.fields[i], &w.cols[i]
		if word == len(c.valid) {
			c.valid, c.bits = append(c.valid, 0), append(c.bits, 0)
		}
		x := v.Field(f.index)
		null := f.ptr && x.IsNil() || f.elem == bytesType && !f.ptr && x.IsNil()
		if f.ptr && !null {
			x = x.Elem()
		}
		if null {
			c.nulls = true
			x = reflect.Zero(f.elem)
		} else {
			c.valid[word] |= 1 << (uint(w.n) & 63)
		}
		if err := c.add(f, x, w.n, null); err != nil {
			return fmt.Errorf("row %d, column %q: %w", w.n, w.s.Schema[i].Name, err)
		}
	}
	w.n++
	return nil
}

func (c *writeCol) add(f *field, x reflect.Value, row int, null bool) error {
	le := binary.LittleEndian
	switch f.kind {
	case dtype.Bool:
		if x.Bool() {
			c.bits[row>>6] |= 1 << (uint(row) & 63)
		}
	case dtype.Utf8:
		text := x.String()
		if !utf8.ValidString(text) {
			return fmt.Errorf("%q is not valid UTF-8: convert it, or make it a []byte", excerpt(text))
		}
		c.data = append(c.data, text...)
	case dtype.Binary:
		c.data = append(c.data, x.Bytes()...)
	case dtype.Int8:
		c.data = append(c.data, byte(x.Int()))
	case dtype.Int16:
		c.data = le.AppendUint16(c.data, uint16(x.Int()))
	case dtype.Int32:
		c.data = le.AppendUint32(c.data, uint32(x.Int()))
	case dtype.Int64, dtype.Duration:
		c.data = le.AppendUint64(c.data, uint64(x.Int()))
	case dtype.Uint8:
		c.data = append(c.data, byte(x.Uint()))
	case dtype.Uint16:
		c.data = le.AppendUint16(c.data, uint16(x.Uint()))
	case dtype.Uint32:
		c.data = le.AppendUint32(c.data, uint32(x.Uint()))
	case dtype.Uint64:
		c.data = le.AppendUint64(c.data, x.Uint())
	case dtype.Float32:
		c.data = le.AppendUint32(c.data, math.Float32bits(float32(x.Float())))
	case dtype.Float64:
		c.data = le.AppendUint64(c.data, math.Float64bits(x.Float()))
	case dtype.Timestamp:
		n, err := nanos(x.Interface().(time.Time), null)
		if err != nil {
			return err
		}
		c.data = le.AppendUint64(c.data, uint64(n))
	}
	if f.kind.IsVar() {
		if len(c.data) > math.MaxInt32 {
			return fmt.Errorf("more than 2 GiB of text in one block")
		}
		c.off = append(c.off, int32(len(c.data)))
	}
	return nil
}

// excerpt is the part of a text where it is not UTF-8.
func excerpt(s string) string {
	const around = 20
	at := strings.IndexRune(s, utf8.RuneError)
	from, to := max(0, at-around), min(len(s), at+around)
	for from > 0 && !utf8.RuneStart(s[from]) {
		from++
	}
	for to < len(s) && !utf8.RuneStart(s[to]) {
		to--
	}
	return s[from:to]
}

// nanos counts nanoseconds since 1970.
func nanos(t time.Time, null bool) (int64, error) {
	if null {
		return 0, nil
	}
	if y := t.UTC().Year(); y < 1678 || y > 2261 {
		return 0, fmt.Errorf("the time %v is outside of the years 1678 to 2261 that nanoseconds can tell", t)
	}
	return t.UnixNano(), nil
}

// Flush returns the rows as a batch and leaves the writer empty.
func (w *Writer) Flush() *chunk.Batch {
	b := &chunk.Batch{N: w.n, Cols: make([]chunk.Vec, len(w.cols))}
	for i := range w.cols {
		c, v := &w.cols[i], &b.Cols[i]
		*v = chunk.Vec{Type: w.s.Schema[i].Type, N: w.n}
		if c.nulls {
			v.Valid = c.valid
		}
		switch k := w.s.fields[i].kind; {
		case k == dtype.Bool:
			v.Data = chunk.Bytes(c.bits)
		case k.IsVar():
			v.Off, v.Str = c.off, c.data
		default:
			v.Data = c.data
		}
	}
	w.clear()
	return b
}
