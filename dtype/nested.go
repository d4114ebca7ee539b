package dtype

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// ListOf returns the type of lists of elem.
func ListOf(elem Type) Type { return Type{Kind: List, Inner: elem.String()} }

// StructOf returns the type of structs with the given fields. Whether a field is
// nullable is not kept: every field may be null.
func StructOf(fields Schema) Type {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		if plainName(f.Name) {
			b.WriteString(f.Name)
		} else {
			b.WriteString(strconv.Quote(f.Name))
		}
		b.WriteString(" " + f.Type.String())
	}
	return Type{Kind: Struct, Inner: b.String()}
}

// plainName reports whether a field name needs no quotes.
func plainName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) || r == unicode.ReplacementChar {
			return false
		}
	}
	return s != ""
}

// inners remembers what the Inner of types stands for: it is asked for per chunk.
var inners sync.Map // Type → Schema

// inner returns the fields of a struct, or the one nameless field of a list.
func (t Type) inner() Schema {
	if s, ok := inners.Load(t); ok {
		return s.(Schema)
	}
	s, err := t.parseInner()
	if err != nil {
		return nil
	}
	inners.Store(t, s)
	return s
}

func (t Type) parseInner() (Schema, error) {
	switch t.Kind {
	case List:
		e, rest, err := parseType(t.Inner, 1)
		if err == nil && rest != "" {
			err = fmt.Errorf("unexpected %q behind the type of the elements", rest)
		}
		return Schema{{Type: e, Nullable: true}}, err
	case Struct:
		s, rest, err := parseFields(t.Inner, 1)
		if err == nil && rest != "" {
			err = fmt.Errorf("unexpected %q behind the fields", rest)
		}
		return s, err
	}
	return nil, fmt.Errorf("%s is neither a list nor a struct", t)
}

// Elem returns the type of the elements of a list, the zero Type of other types.
func (t Type) Elem() Type {
	if s := t.inner(); t.Kind == List && len(s) == 1 {
		return s[0].Type
	}
	return Type{}
}

// Fields returns the fields of a struct, none of other types. It is shared: do
// not change it.
func (t Type) Fields() Schema {
	if t.Kind != Struct {
		return nil
	}
	return t.inner()
}

// Check returns an error when t is no type that a column can have: unknown kinds
// or units, precisions and scales out of range, properties of another kind,
// malformed contents.
func (t Type) Check() error {
	plain := Of(t.Kind)
	switch {
	case t.Kind == Invalid || t.Kind > Struct:
		return fmt.Errorf("unknown type %s", t.Kind)
	case t.Kind == Timestamp || t.Kind == Time || t.Kind == Duration:
		plain.Unit = t.Unit
		if t.Kind == Timestamp {
			plain.Zone = t.Zone
		}
		if t.Unit > Nano {
			return fmt.Errorf("unknown unit %d of a %s", t.Unit, t.Kind)
		}
	case t.Kind == Decimal128:
		plain.Precision, plain.Scale = t.Precision, t.Scale
		if t.Precision < 1 || t.Precision > 38 || t.Scale > int8(t.Precision) || t.Scale < 0 {
			return fmt.Errorf("decimal(%d, %d): want a precision of 1 to 38 and a scale of 0 to the precision", t.Precision, t.Scale)
		}
	case t.Kind.IsNested():
		plain.Inner = t.Inner
		s, err := t.parseInner()
		if err == nil {
			err = checkInner(t, s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	if t != plain {
		return fmt.Errorf("%s with properties of another type: %#v", t.Kind, t)
	}
	return nil
}

// checkInner holds the contents of a nested type to their one spelling.
func checkInner(t Type, s Schema) error {
	for _, f := range s {
		if err := f.Type.Check(); err != nil {
			return err
		}
	}
	if t.Kind == List {
		if ListOf(s[0].Type) != t {
			return errors.New("is spelt otherwise")
		}
		return nil
	}
	if StructOf(s) != t {
		return errors.New("is spelt otherwise")
	}
	return s.Unique()
}

// maxNest is how deeply types may be nested.
const maxNest = 64

// Parse reads the text form of a type: "int64", "timestamp[us, Europe/Berlin]",
// "decimal(10, 2)", "list(utf8)", "struct(a int64, \"b c\" list(float64))".
func Parse(s string) (Type, error) {
	t, n, err := ParsePrefix(s)
	if err == nil && n < len(s) {
		err = fmt.Errorf("unexpected %q behind the type %s", s[n:], t)
	}
	return t, err
}

// ParsePrefix reads a type at the beginning of s and returns how long it is.
func ParsePrefix(s string) (Type, int, error) {
	t, rest, err := parseType(s, 0)
	if err == nil {
		err = t.Check()
	}
	return t, len(s) - len(rest), err
}

// kindByName finds kinds by their names.
var kindByName = func() map[string]Kind {
	m := map[string]Kind{}
	for k := Null; int(k) < len(kindNames); k++ {
		m[kindNames[k]] = k
	}
	return m
}()

func parseType(s string, depth int) (t Type, rest string, err error) {
	if depth > maxNest {
		return t, s, fmt.Errorf("types nested more than %d deep", maxNest)
	}
	n := 0
	for n < len(s) && (s[n] >= 'a' && s[n] <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	k, ok := kindByName[s[:n]]
	if !ok {
		return t, s, fmt.Errorf(`unexpected %q, want a type like "int64"`, s)
	}
	t, rest = Of(k), s[n:]
	switch k {
	case Timestamp, Time, Duration:
		return parseUnit(t, rest)
	case Decimal128:
		return parseDecimal(rest)
	case List:
		if rest, err = cutByte(rest, '('); err != nil {
			return t, rest, err
		}
		var e Type
		if e, rest, err = parseType(rest, depth+1); err != nil {
			return t, rest, err
		}
		rest, err = cutByte(rest, ')')
		return ListOf(e), rest, err
	case Struct:
		if rest, err = cutByte(rest, '('); err != nil {
			return t, rest, err
		}
		var f Schema
		if f, rest, err = parseFields(rest, depth+1); err != nil {
			return t, rest, err
		}
		rest, err = cutByte(rest, ')')
		return StructOf(f), rest, err
	}
	return t, rest, nil
}

func cutByte(s string, c byte) (string, error) {
	if s == "" || s[0] != c {
		return s, fmt.Errorf("unexpected %q, want %q", s, string(c))
	}
	return s[1:], nil
}

// parseUnit reads [unit] or [unit, zone].
func parseUnit(t Type, s string) (Type, string, error) {
	rest, err := cutByte(s, '[')
	if err != nil {
		return t, s, fmt.Errorf(`unexpected %q, want the unit of the %s like "[us]"`, s, t.Kind)
	}
	inner, rest, ok := strings.Cut(rest, "]")
	if !ok {
		return t, s, errors.New(`a "[" without "]"`)
	}
	name, zone, _ := strings.Cut(inner, ", ")
	t.Zone = zone
	for u := Second; u <= Nano; u++ {
		if u.String() == name {
			t.Unit = u
			return t, rest, nil
		}
	}
	return t, s, fmt.Errorf("unknown unit %q, want s, ms, us or ns", name)
}

func parseDecimal(s string) (Type, string, error) {
	args, rest, ok := strings.Cut(s, ")")
	p, q, two := strings.Cut(strings.TrimPrefix(args, "("), ",")
	precision, err1 := strconv.Atoi(strings.TrimSpace(p))
	scale, err2 := strconv.Atoi(strings.TrimSpace(q))
	if !ok || !two || args[0] != '(' || err1 != nil || err2 != nil || precision < 1 || precision > 38 || scale < 0 || scale > 38 {
		return Type{}, s, errors.New("want (precision, scale) of the decimal")
	}
	return DecimalOf(uint8(precision), int8(scale)), rest, nil
}

// parseFields reads "a int64, b utf8" up to a closing bracket or the end.
func parseFields(s string, depth int) (out Schema, rest string, err error) {
	for s != "" && s[0] != ')' {
		if len(out) > 0 {
			if !strings.HasPrefix(s, ", ") {
				return nil, s, fmt.Errorf(`unexpected %q, want ", "`, s)
			}
			s = s[2:]
		}
		f := Field{Nullable: true}
		if strings.HasPrefix(s, `"`) {
			q, err := strconv.QuotedPrefix(s)
			if err != nil {
				return nil, s, errors.New("a field name that does not end")
			}
			f.Name, _ = strconv.Unquote(q)
			s = s[len(q):]
		} else {
			name, _, _ := strings.Cut(s, " ")
			if !plainName(name) {
				return nil, s, fmt.Errorf("unexpected %q, want the name of a field", name)
			}
			f.Name, s = name, s[len(name):]
		}
		if s, err = cutByte(s, ' '); err != nil {
			return nil, s, err
		}
		if f.Type, s, err = parseType(s, depth); err != nil {
			return nil, s, err
		}
		out = append(out, f)
	}
	return out, s, nil
}
