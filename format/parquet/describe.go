package parquet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/store"
)

// Options are what the user says about Parquet files. The zero value is good.
type Options struct {
	// Columns are the columns to read, nil for all. Files with columns of types
	// that frames do not store can be read by naming others.
	Columns []string
	// Same asks that all files have the same columns of the same types. Otherwise
	// columns that a file lacks are null in its rows, and types are widened.
	Same bool
	// NoKeys leaves the parts key=value of paths alone.
	NoKeys bool
	// Int96 is the unit of the timestamps that Impala, Hive and Spark store in 96 bits: "ns", the default, "us" or "ms". Those
	// that do not fit are an error; nanoseconds reach from 1677 to 2262.
	Int96 string
}

// A described file is what its footer says.
type described struct {
	file   File
	schema dtype.Schema
	names  []string // of all its columns
	groups []Group
	stats  [][]guard.Stats // by group and column of schema
}

// Describe expands paths, reads the footers and returns the parameters and the schema.
//
// A path is a file, a folder, or a pattern such as "data/*.parquet": see store.Find. Parts key=value of the paths below a
// folder, or from the first wildcard of a pattern on, become columns behind those of the files, see scan.Find.
//
// The table has the columns of all files, in the order in which they are met first. Integers are widened to larger
// ones of the same sign (or to signed ones that hold them), floats to float64, decimals to more digits of the same
// scale, timestamps to the finer unit; any other difference is an error that names both files.
func Describe(ctx context.Context, paths []string, o Options) (ReadParams, dtype.Schema, error) {
	p := ReadParams{Int96: o.Int96}
	if _, ok := int96Units[o.Int96]; !ok {
		return p, nil, fmt.Errorf("option Int96: %q is no unit, want ns, us or ms", o.Int96)
	}
	found, err := scan.Find(ctx, scan.Ask{Paths: paths, NoKeys: o.NoKeys, Only: o.Columns})
	if err != nil {
		return p, nil, err
	}
	var all []described
	for i, x := range found.Files {
		if err := ctx.Err(); err != nil {
			return p, nil, err
		}
		d, err := describe(ctx, File{Info: x.Info, Keys: found.Values[i]}, o)
		if err != nil {
			return p, nil, err
		}
		all = append(all, d)
	}
	if p.Schema, err = unite(all, o); err != nil {
		return p, nil, err
	}
	p.Schema, p.Keys = found.Behind(p.Schema), int32(len(found.Keys))
	if err := asked(p.Schema, all, o); err != nil {
		return p, nil, err
	}
	for _, d := range all {
		p.add(d)
	}
	for i := range p.Schema {
		p.Cols = append(p.Cols, int32(i))
	}
	p.cut()
	return p, p.Schema, nil
}

// describe reads the footer of one file.
func describe(ctx context.Context, x File, o Options) (d described, err error) {
	f, err := open(ctx, x.Info)
	if err != nil {
		return d, err
	}
	defer f.Close()
	d.file = x
	for i := range f.Fields() {
		d.names = append(d.names, f.Fields()[i].Name)
	}
	leaves, err := d.columns(f, o)
	if err != nil {
		return d, store.Named(x.Path, err)
	}
	for i := range f.NumRowGroups() {
		g := f.RowGroup(i)
		stats, size := make([]guard.Stats, len(leaves)), int64(0)
		for k, ls := range leaves {
			if stats[k].NullCount = -1; !d.schema[k].Type.Kind.IsNested() {
				stats[k] = g.Chunks[ls[0]].Stats
			}
			for _, l := range ls {
				size += g.Chunks[l].Uncompressed
			}
		}
		d.groups, d.stats = append(d.groups, Group{0, int32(i), g.Rows, size}), append(d.stats, stats)
	}
	return d, nil
}

// columns finds the columns of a file that are asked for, and the leaves of each.
func (d *described) columns(f *guard.File, o Options) (leaves [][]int, err error) {
	for i := range f.Fields() {
		n := &f.Fields()[i]
		if o.Columns != nil && !slices.Contains(o.Columns, n.Name) {
			continue
		}
		t, x, err := fieldType(f, n, o.Int96)
		if err != nil {
			return nil, err
		}
		d.schema = append(d.schema, dtype.Field{Name: n.Name, Type: t, Nullable: n.Optional || n.Repeated || t.Kind == dtype.Null || t.Kind.IsNested()})
		below := []int{n.Leaf}
		if x != nil {
			below = below[:0]
			for _, l := range x.leaves(nil) {
				below = append(below, l.leaf)
			}
		}
		leaves = append(leaves, below)
	}
	return leaves, d.schema.Unique()
}

// unite returns the columns of all files.
func unite(all []described, o Options) (s dtype.Schema, err error) {
	first := map[string]string{} // column → file that has it
	for n, d := range all {
		for _, f := range d.schema {
			i := s.Index(f.Name)
			switch {
			case i < 0 && n > 0 && o.Same:
				return nil, fmt.Errorf("%s has a column %q, %s has none (option Same)", store.Name(d.file.Path), f.Name, store.Name(all[0].file.Path))
			case i < 0:
				f.Nullable = f.Nullable || n > 0
				s = append(s, f)
				first[f.Name] = store.Name(d.file.Path)
				continue
			case s[i].Type != f.Type && o.Same:
				return nil, fmt.Errorf("column %q is %s in %s and %s in %s (option Same)", f.Name, s[i].Type, first[f.Name], f.Type, store.Name(d.file.Path))
			}
			if s[i].Type, err = wider(s[i].Type, f.Type); err != nil {
				return nil, fmt.Errorf("column %q of %s and %s: %w", f.Name, first[f.Name], store.Name(d.file.Path), err)
			}
			s[i].Nullable = s[i].Nullable || f.Nullable
		}
		for i := range s {
			if d.schema.Index(s[i].Name) >= 0 {
				continue
			}
			if o.Same {
				return nil, fmt.Errorf("%s has no column %q, %s has one (option Same)", store.Name(d.file.Path), s[i].Name, first[s[i].Name])
			}
			s[i].Nullable = true
		}
	}
	return s, nil
}

// wider returns the type that holds the values of both types without loss.
func wider(a, b dtype.Type) (dtype.Type, error) {
	t, ok := common(a, b)
	if !ok {
		return t, fmt.Errorf("no type holds both %s and %s without loss", a, b)
	}
	return t, nil
}

func common(a, b dtype.Type) (t dtype.Type, ok bool) {
	switch {
	case a == b || b.Kind == dtype.Null:
		return a, true
	case a.Kind == dtype.Null:
		return b, true
	case a.Kind == dtype.Decimal128 && b.Kind == dtype.Decimal128 && a.Scale == b.Scale:
		return dtype.DecimalOf(max(a.Precision, b.Precision), a.Scale), true
	case a.Kind == dtype.List && b.Kind == dtype.List:
		if t, ok = common(a.Elem(), b.Elem()); ok {
			t = dtype.ListOf(t)
		}
		return t, ok
	}
	t, err := dtype.Promote(a, b)
	bad := err != nil || a.Kind == dtype.Date || b.Kind == dtype.Date
	for _, x := range []dtype.Type{a, b} {
		bad = bad || t.Kind == dtype.Float64 && x.Kind.IsInt() && x.Width() == 8 || t.Kind == dtype.Float32 && x.Kind.IsInt()
		if d, ok := dtype.AsDecimal(x); ok && t.Kind == dtype.Decimal128 {
			bad = bad || int(d.Precision)-int(d.Scale) > int(t.Precision)-int(t.Scale)
		}
	}
	return t, !bad
}

// asked reports columns that were asked for and are not there.
func asked(s dtype.Schema, all []described, o Options) error {
	for _, c := range o.Columns {
		if s.Index(c) < 0 {
			return fmt.Errorf("option Columns: no column %q; %s has %s", c, store.Name(all[0].file.Path), strings.Join(all[0].names, ", "))
		}
	}
	if o.Columns != nil && len(s) == 0 {
		return errors.New("option Columns: name a column at least")
	}
	return nil
}

// add takes a file into the parameters.
func (p *ReadParams) add(d described) {
	n := int32(len(p.Files))
	p.Files = append(p.Files, d.file)
	for i, g := range d.groups {
		g.File = n
		p.Groups = append(p.Groups, g)
		out := make([]Bounds, len(p.Schema))
		for c, f := range p.Schema {
			if k := c - (len(p.Schema) - int(p.Keys)); k >= 0 {
				v := d.file.Keys[k]
				out[c] = Bounds{Known: true, Min: v, Max: v, Nulls: v.Null}
				continue
			}
			at := d.schema.Index(f.Name)
			if at < 0 {
				null := expr.Literal{Type: f.Type, Null: true}
				out[c] = Bounds{Known: true, Min: null, Max: null, Nulls: true}
			} else if t := d.schema[at].Type; t == f.Type || t.Kind.IsSigned() && f.Type.Kind.IsSigned() || t.Kind.IsUnsigned() && f.Type.Kind.IsUnsigned() {
				out[c] = boundsOf(d.stats[i][at], f.Type)
			}
		}
		p.Bounds = append(p.Bounds, out)
	}
}

func boundsOf(s guard.Stats, t dtype.Type) Bounds {
	b := Bounds{Nulls: s.NullCount != 0}
	lo, ok1 := literal(s.Min, t)
	hi, ok2 := literal(s.Max, t)
	b.Known, b.Min, b.Max = ok1 && ok2, lo, hi
	if t.Kind == dtype.Utf8 && b.Known { // a dictionary has the length of each text before it
		b.Distinct = s.Dict / int64(4+(len(lo.S)+len(hi.S))/2)
	}
	return b
}

func literal(v any, t dtype.Type) (expr.Literal, bool) {
	switch x := v.(type) {
	case int64:
		return expr.Literal{Type: t, I: x}, t.Kind.IsSigned() || t.Kind == dtype.Date || t.Kind == dtype.Timestamp
	case uint64:
		return expr.Literal{Type: t, I: int64(x)}, t.Kind.IsUnsigned()
	case float64:
		return expr.Literal{Type: t, F: x}, t.Kind.IsFloat()
	case string:
		return expr.Literal{Type: t, S: x}, t.Kind == dtype.Utf8
	}
	return expr.Literal{}, false
}
