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
		return f.Name + " " + f.Type.String() + "?"
	}
	return f.Name + " " + f.Type.String()
}

// A Schema is the ordered list of a table's columns. Names are unique.
type Schema []Field

// Index returns the position of the column called name, or -1.
func (s Schema) Index(name string) int {
	return slices.IndexFunc(s, func(f Field) bool { return f.Name == name })
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
// schema, as the tail of an error message.
func (s Schema) nearest(name string) string {
	if len(s) == 0 {
		return " (the table has no columns)"
	}
	names := s.Names()
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
		return fmt.Sprintf("; the table has %d columns: %s, …", len(names), strings.Join(s.Names()[:12], ", "))
	}
	return "; columns: " + strings.Join(s.Names(), ", ")
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
