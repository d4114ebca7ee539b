package ndjson

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/weft-data/weft/dtype"
)

// A shape is what values of a column the sample has.
type shape struct {
	bools, ints, floats, texts, lists, objects bool
	negative, large                            bool // of ints: some are below 0; some are beyond int64, but not beyond uint64
	elem                                       *shape
	names                                      []string
	fields                                     map[string]*shape
}

// field returns the shape of a key.
func (s *shape) field(name string) *shape {
	f := s.fields[name]
	if f == nil {
		if s.fields == nil {
			s.fields = map[string]*shape{}
		}
		f = &shape{}
		s.fields[name], s.names = f, append(s.names, name)
	}
	return f
}

// add takes the value at i and returns the place behind it.
func (s *shape) add(b []byte, i, depth int) (int, error) {
	if i >= len(b) || depth > maxDepth {
		return skip(b, i, depth)
	}
	switch c := b[i]; {
	case c == '"':
		s.texts = true
	case c == '{':
		s.objects = true
		return object(b, i, func(key []byte, at int) (int, error) {
			name, err := keyName(key)
			if err != nil {
				return 0, err
			}
			return s.field(name).add(b, at, depth+1)
		})
	case c == '[':
		s.lists = true
		if s.elem == nil {
			s.elem = &shape{}
		}
		return array(b, i, func(at int) (int, error) { return s.elem.add(b, at, depth+1) })
	case c == 't' || c == 'f':
		s.bools = true
	case c == '-' || c >= '0' && c <= '9':
		end, whole := numberEnd(b, i)
		s.number(string(b[i:end]), whole)
	}
	return skip(b, i, depth)
}

// number takes a number, which may be an integer.
func (s *shape) number(text string, whole bool) {
	if whole {
		n, err := strconv.ParseInt(text, 10, 64)
		s.negative = s.negative || n < 0
		if err != nil {
			_, err = strconv.ParseUint(text, 10, 64)
			s.large = s.large || err == nil
		}
		whole = err == nil
	}
	if whole {
		s.ints = true
	} else {
		s.floats = true
	}
}

func keyName(key []byte) (string, error) {
	_, escaped, err := stringEnd(key, 0)
	if err != nil {
		return "", err
	}
	name, err := appendString(nil, key, escaped)
	if err == nil && !utf8.Valid(name) {
		err = fmt.Errorf("the key %q is not valid UTF-8 (convert the file)", show(name))
	}
	return string(name), err
}

// typ is the type by the rules of the package.
func (s *shape) typ() dtype.Type {
	kinds := 0
	for _, k := range []bool{s.bools, s.ints || s.floats, s.texts, s.lists, s.objects} {
		if k {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return dtype.Of(dtype.Null)
	case kinds > 1 || s.texts:
		return dtype.Of(dtype.Utf8)
	case s.bools:
		return dtype.Of(dtype.Bool)
	case s.floats, s.large && s.negative:
		return dtype.Of(dtype.Float64)
	case s.large:
		return dtype.Of(dtype.Uint64)
	case s.ints:
		return dtype.Of(dtype.Int64)
	case s.lists:
		return dtype.ListOf(s.elem.typ())
	case len(s.names) == 0:
		return dtype.Of(dtype.Utf8)
	}
	t := dtype.StructOf(s.schema())
	if t.Check() != nil { // a key that no field can be called
		return dtype.Of(dtype.Utf8)
	}
	return t
}

// schema has a field for every key.
func (s *shape) schema() dtype.Schema {
	var out dtype.Schema
	for _, n := range s.names {
		out = append(out, dtype.Field{Name: n, Type: s.fields[n].typ(), Nullable: true})
	}
	return out
}
