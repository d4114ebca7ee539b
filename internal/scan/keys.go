package scan

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/store"
)

// An Ask says which files are to be found, and which columns their paths may give.
type Ask struct {
	Paths  []string
	NoKeys bool                  // paths give none: the option NoKeys of readers
	Only   []string              // the columns that are wanted, nil for all
	Types  map[string]dtype.Type // of columns of the files: the option Types of readers
}

// Found are the files of an Ask, and the columns that their paths give.
type Found struct {
	Files  []store.Place
	Keys   dtype.Schema
	Values [][]expr.Literal // by file and key
}

// Find lists the files of paths, see store.Find, and takes columns from their paths, see Keys. These take the place of columns
// of the same name in the files: see Behind.
func Find(ctx context.Context, a Ask) (f Found, err error) {
	if f.Files, err = store.Find(ctx, a.Paths); err != nil {
		return f, err
	}
	if a.NoKeys {
		f.Values = make([][]expr.Literal, len(f.Files))
		return f, nil
	}
	if f.Keys, f.Values, err = Keys(f.Files, a.Only); err != nil {
		return f, fmt.Errorf("%w (the option NoKeys leaves paths alone)", err)
	}
	for _, k := range f.Keys {
		if _, typed := a.Types[k.Name]; typed {
			return f, fmt.Errorf("option Types: column %q is given by paths, as %s", k.Name, k.Type)
		}
	}
	return f, nil
}

// Behind is the schema of the table: the columns of the files, without those that paths give, and these behind them.
func (f *Found) Behind(files dtype.Schema) dtype.Schema {
	files = slices.DeleteFunc(files, func(x dtype.Field) bool { return f.Keys.Index(x.Name) >= 0 })
	return append(files, f.Keys...)
}

// A key is a part key=value of a path.
type key struct {
	name, value string
	null        bool
}

// HiveNull stands for null in paths.
const HiveNull = "__HIVE_DEFAULT_PARTITION__"

// Keys returns the columns that the paths of files give, and for each file their values in that order. They are the parts
// key=value of what was found: below a folder, or from the first wildcard of a pattern on; the name of the file is none.
// Names and values are percent-decoded. A column is int64 or date if all its values are, else utf8; the value
// HiveNull is null. only names the columns that are wanted, nil for all. All paths must give the same columns.
func Keys(found []store.Place, only []string) (s dtype.Schema, values [][]expr.Literal, err error) {
	all := make([][]key, len(found))
	for n, x := range found {
		all[n] = keysOf(store.Name(x.Path)[x.Base:])
	}
	values = make([][]expr.Literal, len(found))
	if len(all) == 0 {
		return nil, values, nil
	}
	for _, k := range all[0] {
		if only == nil || slices.Contains(only, k.name) {
			s = append(s, dtype.Field{Name: k.name})
		}
	}
	texts := make([][]key, len(s))
	first := store.Name(found[0].Path)
	for n, keys := range all {
		if len(keys) != len(all[0]) {
			return nil, nil, fmt.Errorf("%s gives %d columns by its path, %s gives %d: read them apart", store.Name(found[n].Path), len(keys), first, len(all[0]))
		}
		for i := range s {
			at := slices.IndexFunc(keys, func(k key) bool { return k.name == s[i].Name })
			if at < 0 {
				return nil, nil, fmt.Errorf("the path of %s does not give column %q, that of %s does: read them apart", store.Name(found[n].Path), s[i].Name, first)
			}
			texts[i] = append(texts[i], keys[at])
		}
	}
	for i := range s {
		var lits []expr.Literal
		s[i].Type, s[i].Nullable, lits = typed(texts[i])
		for n := range values {
			values[n] = append(values[n], lits[n])
		}
	}
	return s, values, s.Unique()
}

// keysOf returns the parts key=value of a path but for its last element.
func keysOf(path string) (out []key) {
	parts := strings.Split(filepath.ToSlash(path), "/")
	for _, x := range parts[:len(parts)-1] {
		name, value, ok := strings.Cut(x, "=")
		if !ok || name == "" {
			continue
		}
		null := value == HiveNull
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

// A Given is a column that has one value in all rows of a file. Its zero value with a Value is ready; it is for one thread.
type Given struct {
	Value expr.Literal // of int64, date or utf8, or null
	v     chunk.Vec    // as many as were asked for so far
}

// GivenOf makes columns of the values that the path of a file gives.
func GivenOf(values []expr.Literal) []Given {
	out := make([]Given, len(values))
	for i, v := range values {
		out[i].Value = v
	}
	return out
}

// Vec returns n times the value. Later vectors share its memory, so it must not be changed.
func (g *Given) Vec(n int) chunk.Vec {
	if g.v.N < n || g.v.Type != g.Value.Type {
		g.v = repeat(g.Value, n)
	}
	return g.v.Slice(0, n)
}

func repeat(x expr.Literal, n int) chunk.Vec {
	v := chunk.Vec{Type: x.Type, N: n}
	switch x.Type.Kind {
	case dtype.Utf8:
		v.Data = make([]byte, 4*n) // codes of the only text
		v.Dict = chunk.NewDict(chunk.Vec{Type: x.Type, N: 1, Off: []int32{0, int32(len(x.S))}, Str: []byte(x.S)})
	case dtype.Date:
		v.Data = chunk.Bytes(slices.Repeat([]int32{int32(x.I)}, n))
	default:
		v.Data = chunk.Bytes(slices.Repeat([]int64{x.I}, n))
	}
	if x.Null {
		v.Valid = make([]uint64, chunk.Words(n))
	}
	return v
}
