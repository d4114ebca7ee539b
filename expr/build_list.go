package expr

import (
	"strings"

	"github.com/weft-data/weft/dtype"
)

// Lists is the functions of lists; see Expr.List.
type Lists struct{ e Expr }

// List gives the functions of lists.
func (e Expr) List() Lists { return Lists{e} }

// ListOf makes a list of the values, whose types must have a common one.
func ListOf(vs ...any) Expr { return call("list.of", vs...) }

// ListRange is the list of the whole numbers from the first on that are below the
// second.
func ListRange(from, to any) Expr { return call("list.range", from, to) }

// Len counts the elements, nulls included.
func (l Lists) Len() Expr { return call("list.len", l.e) }

// Get is element i, from 0, or from the end when i is negative; null beyond.
func (l Lists) Get(i any) Expr { return call("list.get", l.e, i) }

// Contains is true when an element equals v.
func (l Lists) Contains(v any) Expr { return call("list.contains", l.e, v) }

// IndexOf is the place of the first element that equals v, or -1.
func (l Lists) IndexOf(v any) Expr { return call("list.index_of", l.e, v) }

// Sum is the sum of the elements that are not null; null when there are none.
func (l Lists) Sum() Expr { return call("list.sum", l.e) }

// Mean is the mean of the elements that are not null; null when there are none.
func (l Lists) Mean() Expr { return call("list.mean", l.e) }

// Min is the least element that is not null.
func (l Lists) Min() Expr { return call("list.min", l.e) }

// Max is the greatest element that is not null.
func (l Lists) Max() Expr { return call("list.max", l.e) }

// Sort is the elements in ascending order, nulls last.
func (l Lists) Sort() Expr { return call("list.sort", l.e) }

// Unique is the first of equal elements each.
func (l Lists) Unique() Expr { return call("list.unique", l.e) }

// Reverse is the elements in the other order.
func (l Lists) Reverse() Expr { return call("list.reverse", l.e) }

// DropNulls is the elements that are not null.
func (l Lists) DropNulls() Expr { return call("list.drop_nulls", l.e) }

// Slice is n elements from place start on; a negative start counts from the end.
func (l Lists) Slice(start, n any) Expr { return call("list.slice", l.e, start, n) }

// Join is the texts that are not null with sep between them.
func (l Lists) Join(sep any) Expr { return call("list.join", l.e, sep) }

// Concat is the elements of all lists one after the other.
func (l Lists) Concat(vs ...any) Expr { return call("list.concat", append([]any{l.e}, vs...)...) }

// StructOf makes a struct of expressions, whose output names are those of the
// fields and must not hold commas.
func StructOf(fields ...Expr) Expr {
	names := make([]string, len(fields))
	args := make([]any, len(fields)+1)
	for i, f := range fields {
		names[i], args[i+1] = f.OutName(), f
		if strings.Contains(names[i], ",") {
			return bad("StructOf: the field name %q holds a comma; name it with As", names[i])
		}
	}
	args[0] = strings.Join(names, ",")
	return call("struct.of", args...)
}

// Field is the field of a struct called name.
func (e Expr) Field(name string) Expr { return call("struct.get", e, name).As(name) }

// Unnest is the fields of the struct e of type t, each with its name.
func (e Expr) Unnest(t dtype.Type) []Expr {
	out := make([]Expr, len(t.Fields()))
	for i, f := range t.Fields() {
		out[i] = e.Field(f.Name)
	}
	return out
}
