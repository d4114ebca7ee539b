package parquet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
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
}

// A described file is what its footer says.
type described struct {
	file   File
	keys   []key // that its path gives
	schema dtype.Schema
	names  []string // of all its columns
	groups []Group
	stats  [][]guard.Stats // by group and column of schema
}

type key struct {
	name, value string
	null        bool
}

// Describe expands paths, reads the footers and returns the parameters and the schema.
//
// A path is a file, a pattern such as "data/*.parquet", or a folder, of which all files are read whose names and
// folders do not begin with "." or "_"; a wildcard does not stand for these either. Parts key=value of the paths below the folder, or from the first wildcard of a
// pattern on, become columns behind those of the files: integers or dates if all values are, else text;
// __HIVE_DEFAULT_PARTITION__ is null. They take the place of columns of the same name in the files.
//
// The table has the columns of all files, in the order in which they are met first. Integers are widened to larger
// ones of the same sign (or to signed ones that hold them), floats to float64, decimals to more digits of the same
// scale, timestamps to the finer unit; any other difference is an error that names both files.
func Describe(ctx context.Context, paths []string, o Options) (ReadParams, dtype.Schema, error) {
	var p ReadParams
	found, err := store.Find(ctx, paths, true, "*.parquet")
	if err != nil {
		return p, nil, err
	}
	var all []described
	for _, x := range found {
		if err := ctx.Err(); err != nil {
			return p, nil, err
		}
		d, err := describe(ctx, x, o)
		if err != nil {
			return p, nil, err
		}
		all = append(all, d)
	}
	if p.Schema, err = unite(all, o); err != nil {
		return p, nil, err
	}
	keys, err := pathColumns(all, o)
	if err != nil {
		return p, nil, err
	}
	p.Schema = slices.DeleteFunc(p.Schema, func(f dtype.Field) bool { return keys.Index(f.Name) >= 0 })
	p.Schema, p.Keys = append(p.Schema, keys...), int32(len(keys))
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
func describe(ctx context.Context, x store.Place, o Options) (d described, err error) {
	f, err := open(ctx, x.Info)
	if err != nil {
		return d, err
	}
	defer f.Close()
	d.file = File{Info: x.Info}
	if !o.NoKeys {
		d.keys = keysOf(x.Path[x.Base:])
	}
	for i := range f.Fields() {
		d.names = append(d.names, f.Fields()[i].Name)
	}
	leaves, err := d.columns(f, o)
	if err != nil {
		return d, fmt.Errorf("%s: %w", store.Name(x.Path), err)
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

// keysOf returns the parts key=value of a path but for its last element.
func keysOf(path string) (out []key) {
	parts := strings.Split(filepath.ToSlash(path), "/")
	for _, x := range parts[:len(parts)-1] {
		name, value, ok := strings.Cut(x, "=")
		if !ok || name == "" {
			continue
		}
		null := value == hiveNull
		if u, err := url.PathUnescape(name); err == nil {
			name = u
		}
		if u, err := url.PathUnescape(value); err == nil {
			value = u
		}
		out = append(out, key{name, value, null})
	}
	return out
}

// columns finds the columns of a file that are asked for, and the leaves of each.
func (d *described) columns(f *guard.File, o Options) (leaves [][]int, err error) {
	for i := range f.Fields() {
		n := &f.Fields()[i]
		if o.Columns != nil && !slices.Contains(o.Columns, n.Name) {
			continue
		}
		t, x, err := fieldType(f, n)
		if err != nil {
			return nil, err
		}
		d.schema = append(d.schema, dtype.Field{Name: n.Name, Type: t, Nullable: n.Optional || n.Repeated || t.Kind == dtype.Null || t.Kind.IsNested()})
		if x != nil {
			leaves = append(leaves, x.leaves(nil))
		} else {
			leaves = append(leaves, []int{n.Leaf})
		}
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
				return nil, fmt.Errorf("%s has a column %q, %s has none (option Same)", d.file.Path, f.Name, all[0].file.Path)
			case i < 0:
				f.Nullable = f.Nullable || n > 0
				s = append(s, f)
				first[f.Name] = d.file.Path
				continue
			case s[i].Type != f.Type && o.Same:
				return nil, fmt.Errorf("column %q is %s in %s and %s in %s (option Same)", f.Name, s[i].Type, first[f.Name], f.Type, d.file.Path)
			}
			if s[i].Type, err = wider(s[i].Type, f.Type); err != nil {
				return nil, fmt.Errorf("column %q of %s and %s: %w", f.Name, first[f.Name], d.file.Path, err)
			}
			s[i].Nullable = s[i].Nullable || f.Nullable
		}
		for i := range s {
			if d.schema.Index(s[i].Name) >= 0 {
				continue
			}
			if o.Same {
				return nil, fmt.Errorf("%s has no column %q, %s has one (option Same)", d.file.Path, s[i].Name, first[s[i].Name])
			}
			s[i].Nullable = true
		}
	}
	return s, nil
}

// wider returns the type that holds the values of both types without loss.
func wider(a, b dtype.Type) (dtype.Type, error) {
	if a == b {
		return a, nil
	}
	if a.Kind == dtype.Decimal128 && b.Kind == dtype.Decimal128 && a.Scale == b.Scale {
		return dtype.DecimalOf(max(a.Precision, b.Precision), a.Scale), nil
	}
	t, err := dtype.Promote(a, b)
	bad := err != nil || a.Kind == dtype.Date || b.Kind == dtype.Date
	for _, x := range []dtype.Type{a, b} {
		bad = bad || t.Kind == dtype.Float64 && x.Kind.IsInt() && x.Width() == 8 || t.Kind == dtype.Float32 && x.Kind.IsInt()
	}
	if bad {
		return t, fmt.Errorf("no type holds both %s and %s without loss", a, b)
	}
	return t, nil
}

// hiveNull stands for null in paths.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// pathColumns returns the columns that the paths give and sets their values in the files.
func pathColumns(all []described, o Options) (s dtype.Schema, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	for _, k := range all[0].keys {
		if o.Columns == nil || slices.Contains(o.Columns, k.name) {
			s = append(s, dtype.Field{Name: k.name})
		}
	}
	values := make([][]key, len(s))
	for _, d := range all {
		if len(d.keys) != len(all[0].keys) {
			return nil, fmt.Errorf("%s gives %d columns by its path, %s gives %d: read them apart, or with the option NoKeys", d.file.Path, len(d.keys), all[0].file.Path, len(all[0].keys))
		}
		for i := range s {
			at := slices.IndexFunc(d.keys, func(k key) bool { return k.name == s[i].Name })
			if at < 0 {
				return nil, fmt.Errorf("the path of %s does not give column %q, that of %s does: read them apart, or with the option NoKeys", d.file.Path, s[i].Name, all[0].file.Path)
			}
			values[i] = append(values[i], d.keys[at])
		}
	}
	for i := range s {
		var lits []expr.Literal
		s[i].Type, s[i].Nullable, lits = typed(values[i])
		for n := range all {
			all[n].file.Keys = append(all[n].file.Keys, lits[n])
		}
	}
	return s, s.Unique()
}

// typed finds the type of the values of a path column.
func typed(values []key) (t dtype.Type, nulls bool, lits []expr.Literal) {
	for _, k := range []dtype.Kind{dtype.Int64, dtype.Date, dtype.Utf8} {
		t, lits, nulls = dtype.Of(k), lits[:0], false
		some := false
		for _, x := range values {
			v := x.value
			l, ok := expr.Literal{Type: t, S: v}, true
			switch {
			case x.null:
				l, nulls = expr.Literal{Type: t, Null: true}, true
			case k == dtype.Int64:
				n, err := strconv.ParseInt(v, 10, 64)
				l, ok, some = expr.Literal{Type: t, I: n}, err == nil && strconv.FormatInt(n, 10) == v, true
			case k == dtype.Date:
				d, err := time.Parse(time.DateOnly, v)
				l, ok, some = expr.Literal{Type: t, I: d.Unix() / 86400}, err == nil, true
			}
			if !ok {
				break
			}
			lits = append(lits, l)
		}
		if len(lits) == len(values) && (some || k == dtype.Utf8) {
			return t, nulls, lits
		}
	}
	return t, nulls, lits
}

// asked reports columns that were asked for and are not there.
func asked(s dtype.Schema, all []described, o Options) error {
	for _, c := range o.Columns {
		if s.Index(c) < 0 {
			return fmt.Errorf("option Columns: no column %q; %s has %s", c, all[0].file.Path, strings.Join(all[0].names, ", "))
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
