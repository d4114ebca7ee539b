package ndjson

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/cell"
)

// A column gathers the values of a column, an element or a field.
type column struct {
	name   string // of the field
	path   string // names it to users: a.b is a field, a[] an element
	under  string // what the paths of its fields begin with
	typ    dtype.Type
	n      int
	nulls  bool
	valid  []uint64
	bits   []uint64
	words  []uint64 // int64, uint64 and float64
	off    []int32
	str    []byte
	kids   []*column
	byName map[string]int
	next   int // the field that is expected
}

// newColumn makes a column of a table; an error names a type that JSON is not read as.
func newColumn(name string, t dtype.Type) (*column, error) { return newAt(name, name, t) }

func newAt(path, name string, t dtype.Type) (*column, error) {
	c := &column{name: name, path: path, under: path + ".", typ: t}
	var kids dtype.Schema
	switch t.Kind {
	case dtype.Null, dtype.Bool, dtype.Int64, dtype.Uint64, dtype.Float64, dtype.Utf8:
	case dtype.List:
		kids = dtype.Schema{{Type: t.Elem()}}
	case dtype.Struct:
		kids = t.Fields()
	default:
		return nil, fmt.Errorf("column %q: JSON is read as bool, int64, uint64, float64, utf8, lists and structs of them, not as %s: "+
			"declare it utf8, which keeps values as they are written, and cast that", path, t)
	}
	c.byName = map[string]int{}
	for i, f := range kids {
		at := c.under + f.Name
		if t.Kind == dtype.List {
			at = path + "[]"
		}
		k, err := newAt(at, f.Name, f.Type)
		if err != nil {
			return nil, err
		}
		c.kids, c.byName[f.Name] = append(c.kids, k), i
	}
	c.reset()
	return c, nil
}

// reset forgets the values.
func (c *column) reset() {
	c.n, c.nulls, c.next = 0, false, 0
	c.valid, c.bits, c.words, c.str = c.valid[:0], c.bits[:0], c.words[:0], c.str[:0]
	c.off = append(c.off[:0], 0)
	for _, k := range c.kids {
		k.reset()
	}
}

// push counts a value.
func (c *column) push(valid bool) {
	if c.n&63 == 0 {
		c.valid, c.bits = append(c.valid, 0), append(c.bits, 0)
	}
	if valid {
		c.valid[c.n>>6] |= 1 << (c.n & 63)
	} else {
		c.nulls = true
	}
	c.n++
}

// null appends a null.
func (c *column) null() {
	switch c.typ.Kind {
	case dtype.Int64, dtype.Uint64, dtype.Float64:
		c.words = append(c.words, 0)
	case dtype.Utf8:
		c.off = append(c.off, int32(len(c.str)))
	case dtype.List:
		c.off = append(c.off, int32(c.kids[0].n))
	case dtype.Struct:
		for _, k := range c.kids {
			k.null()
		}
	}
	c.push(false)
}

// value appends the value at i and returns the place behind it.
func (c *column) value(b []byte, i, depth int) (end int, err error) {
	if b[i] == 'n' {
		end, err := word(b, i, "null")
		if err == nil {
			c.null()
		}
		return end, err
	}
	first := b[i]
	number := first == '-' || first >= '0' && first <= '9'
	switch k := c.typ.Kind; {
	case k == dtype.Utf8:
		return c.text(b, i, depth)
	case k == dtype.Bool && first == 't':
		if end, err = word(b, i, "true"); err == nil {
			c.push(true)
			c.bits[(c.n-1)>>6] |= 1 << ((c.n - 1) & 63)
		}
		return end, err
	case k == dtype.Bool && first == 'f':
		if end, err = word(b, i, "false"); err == nil {
			c.push(true)
		}
		return end, err
	case number && (k == dtype.Int64 || k == dtype.Uint64 || k == dtype.Float64):
		return c.number(b, i)
	case k == dtype.List && first == '[':
		if depth > maxDepth {
			return skip(b, i, depth)
		}
		end, err = array(b, i, func(at int) (int, error) { return c.kids[0].value(b, at, depth+1) })
		if err == nil {
			c.off = append(c.off, int32(c.kids[0].n))
			c.push(true)
		}
		return end, err
	case k == dtype.Struct && first == '{':
		if depth > maxDepth {
			return skip(b, i, depth)
		}
		if end, err = c.fields(b, i, depth); err == nil {
			c.push(true)
		}
		return end, err
	}
	if end, err = skip(b, i, depth); err != nil {
		return 0, err
	}
	return 0, &misfit{fmt.Sprintf("column %q is %s, not %s", c.path, c.typ, cell.Cut(string(b[i:end]), 40))}
}

// A misfit is a value that the sample did not foresee.
type misfit struct{ what string }

func (m *misfit) Error() string {
	return m.what + ": a larger sample (option SampleBytes) or a type (option Types) would have told"
}

// text appends a string, or another value as it is written.
func (c *column) text(b []byte, i, depth int) (end int, err error) {
	from := len(c.str)
	if b[i] != '"' {
		if end, err = skip(b, i, depth); err != nil {
			return 0, err
		}
		c.str = append(c.str, b[i:end]...)
	} else {
		var escaped bool
		if end, escaped, err = stringEnd(b, i); err != nil {
			return 0, err
		}
		str, err := appendString(c.str, b[i:end], escaped)
		if err != nil {
			return 0, fmt.Errorf("column %q: %w", c.path, err)
		}
		c.str = str
	}
	if !utf8.Valid(c.str[from:]) {
		return 0, fmt.Errorf("column %q: %q is not valid UTF-8 (convert the file)", c.path, show(c.str[from:]))
	}
	c.off = append(c.off, int32(len(c.str)))
	c.push(true)
	return end, nil
}

func (c *column) number(b []byte, i int) (int, error) {
	end, whole := numberEnd(b, i)
	if end == len(b) {
		return 0, errMore
	}
	s := string(b[i:end])
	var w uint64
	var err error
	switch c.typ.Kind {
	case dtype.Int64:
		var n int64
		n, err = strconv.ParseInt(s, 10, 64)
		w = uint64(n)
	case dtype.Uint64:
		if whole = whole && b[i] != '-'; whole {
			w, err = strconv.ParseUint(s, 10, 64)
		}
	default:
		var f float64
		f, err = strconv.ParseFloat(s, 64)
		w, whole = math.Float64bits(f), true
	}
	if !whole || c.typ.Kind != dtype.Float64 && errors.Is(err, strconv.ErrRange) {
		return 0, &misfit{fmt.Sprintf("column %q is %s, %s does not fit", c.path, c.typ, cell.Cut(s, 40))}
	}
	if err != nil {
		return 0, fmt.Errorf("column %q: %q is no number", c.path, cell.Cut(s, 40))
	}
	c.words = append(c.words, w)
	c.push(true)
	return end, nil
}

// fields appends the values of the object at i to the fields of c.
func (c *column) fields(b []byte, i, depth int) (int, error) {
	row := c.n
	end, err := object(b, i, func(key []byte, at int) (int, error) {
		k := c.find(key[1 : len(key)-1])
		if k < 0 {
			name, err := keyName(key)
			if err != nil {
				return 0, err
			}
			if k = c.lookUp(name); k < 0 {
				return 0, &misfit{fmt.Sprintf("the key %q is not in the sample", c.under+name)}
			}
		}
		if k >= len(c.kids) { // nobody reads it
			return skip(b, at, depth+1)
		}
		if c.kids[k].n > row {
			return 0, fmt.Errorf("the key %q is there twice", c.kids[k].path)
		}
		return c.kids[k].value(b, at, depth+1)
	})
	if err != nil {
		return 0, err
	}
	for _, k := range c.kids {
		if k.n == row {
			k.null()
		}
	}
	return end, nil
}

// find returns the field of a key without escapes: mostly the one after the last.
func (c *column) find(key []byte) int {
	if c.next < len(c.kids) && c.kids[c.next].name == string(key) {
		c.next++
		return c.next - 1
	}
	for _, x := range key {
		if x == '\\' {
			return -1
		}
	}
	return c.lookUp(string(key))
}

func (c *column) lookUp(name string) int {
	k, ok := c.byName[name]
	if !ok {
		return -1
	}
	if c.next = k + 1; k >= len(c.kids)-1 {
		c.next = 0
	}
	return k
}

// vec returns the values as a vector that borrows from c.
func (c *column) vec() (v chunk.Vec, err error) {
	v = chunk.Vec{Type: c.typ, N: c.n}
	if c.nulls && c.typ.Kind != dtype.Null {
		v.Valid = c.valid
	}
	switch c.typ.Kind {
	case dtype.Bool:
		v.Data = chunk.Bytes(c.bits)
	case dtype.Int64, dtype.Uint64, dtype.Float64:
		v.Data = chunk.Bytes(c.words)
	case dtype.Utf8:
		v.Off, v.Str = c.off, c.str
	case dtype.List:
		kid, err := c.kids[0].vec()
		if err != nil {
			return v, err
		}
		if v, err = chunk.PackLists(make([]byte, 0, chunk.ListsBytes(c.off, &kid)), c.off, v.Valid, &kid); err != nil {
			return v, err
		}
		v.Type = c.typ
	case dtype.Struct:
		kids := make([]*chunk.Vec, len(c.kids))
		for i, k := range c.kids {
			kid, err := k.vec()
			if err != nil {
				return v, err
			}
			kids[i] = &kid
		}
		return chunk.PackStructs(make([]byte, 0, chunk.StructsBytes(c.n, kids)), c.typ, c.n, v.Valid, kids)
	}
	return v, nil
}
