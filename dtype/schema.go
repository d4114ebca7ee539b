package dtype

import (
	"fmt"
	"slices"
	"strings"
)

// A Field is a named column of a schema. Nullable says that nulls may occur;
// false is a promise of the producer that none do.
type Field struct {
	Name     string
	Type     Type
	Nullable bool
}

func (f Field) String() string {
	if f.Nullable {
		return Shown(f.Name) + " " + f.Type.String() + "?"
	}
	return Shown(f.Name) + " " + f.Type.String()
}

// Hidden reports that a name is that of a column that a verb makes for a while: it has a zero byte in front, the rest
// says what the column holds.
func Hidden(name string) bool { return strings.HasPrefix(name, "\x00") }

// Shown is a name for people, in plans and errors.
func Shown(name string) string {
	if Hidden(name) {
		return strings.ReplaceAll(name, "\x00", "")
	}
	return name
}

// A Schema is the ordered list of a table's columns. Names are unique.
type Schema []Field

// Index returns the position of the column called name, or -1.
func (s Schema) Index(name string) int {
	for i := range s { // fields are large: a loop over values would copy each
		if x := s[i].Name; len(x) == len(name) && (name == "" || x[len(x)-1] == name[len(name)-1] && x == name) {
			return i
		}
	}
	return -1
}

// Places returns the positions of all columns, to find many of them.
func (s Schema) Places() map[string]int {
	at := make(map[string]int, len(s))
	for i, f := range s {
		at[f.Name] = i
	}
	return at
}

// Names returns the column names in order.
func (s Schema) Names() []string {
	n := make([]string, len(s))
	for i, f := range s {
		n[i] = f.Name
	}
	return n
}

// Pick returns the fields at the given positions.
func (s Schema) Pick(cols []int) Schema {
	out := make(Schema, len(cols))
	for i, c := range cols {
		out[i] = s[c]
	}
	return out
}

// Find returns the position of the column called name, or an error that lists
// the nearest names.
func (s Schema) Find(name string) (int, error) {
	if i := s.Index(name); i >= 0 {
		return i, nil
	}
	return -1, fmt.Errorf("no column %q%s", name, s.nearest(name))
}

// Unique returns an error when two columns share a name.
func (s Schema) Unique() error {
	seen := make(map[string]bool, len(s))
	for _, f := range s {
		if seen[f.Name] {
			return fmt.Errorf("two columns are called %q", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

func (s Schema) String() string {
	parts := make([]string, len(s))
	for i, f := range s {
		parts[i] = f.String()
	}
	return strings.Join(parts, ", ")
}

// nearest words the names closest to name by edit distance, or all of a short
// schema, as the tail of an error message. No user knows the hidden ones.
func (s Schema) nearest(name string) string {
	if len(s) == 0 {
		return " (the table has no columns)"
	}
	all := slices.DeleteFunc(s.Names(), Hidden)
	names := slices.Clone(all)
	slices.SortStableFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
	near := names[:0:0]
	for _, n := range names[:min(3, len(names))] {
		if distance(name, n) <= max(2, len(name)/2) {
			near = append(near, fmt.Sprintf("%q", n))
		}
	}
	if len(near) > 0 {
		return "; nearest: " + strings.Join(near, ", ")
	}
	if len(names) > 12 {
		return fmt.Sprintf("; the table has %d columns: %s, …", len(names), strings.Join(all[:12], ", "))
	}
	return "; columns: " + strings.Join(all, ", ")
}

// distance is the Levenshtein distance of the lower-cased words.
func distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, c := range x {
		diag := row[0]
		row[0] = i + 1
		for j, d := range y {
			cost := diag
			if c != d {
				cost = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], cost
		}
	}
	return row[len(y)]
}
