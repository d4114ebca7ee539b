package parquet

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/store"
)

// joins holds that readers take the rows that will be added to a folder together with those that are there: its paths
// give the same columns, and of every column one type holds all values. Columns that only one side has are null in the
// rows of the other. Only files *.parquet count, as these are what is added, and of them those that can be read.
func (p *FolderParams) joins(ctx context.Context, s dtype.Schema, there []store.Place) error {
	if err := p.check(s); err != nil {
		return err
	}
	there = slices.DeleteFunc(there, func(x store.Place) bool { return path.Ext(store.Name(x.Path)) != ".parquet" })
	if len(there) == 0 {
		return nil
	}
	keys, _, err := scan.Keys(there, nil)
	if err != nil {
		return fmt.Errorf("folder %s cannot be read as one table as it is: %w", store.Name(p.Dir), err)
	}
	had, by := keys.Names(), slices.Clone(p.Options.By)
	slices.Sort(had)
	slices.Sort(by)
	if !slices.Equal(had, by) {
		return fmt.Errorf("option Append: the files of folder %s are %s, option By asks for files %s: readers want all of them alike",
			store.Name(p.Dir), keyed(had), keyed(by))
	}
	return p.holds(ctx, newFolderPipe(*p, s).schema, there)
}

// keyed says by which columns files are divided.
func keyed(names []string) string {
	if len(names) == 0 {
		return "by no keys"
	}
	return fmt.Sprintf("by %q", names)
}

// holds finds a type for every column of s and those of the same names in files.
func (p *FolderParams) holds(ctx context.Context, s dtype.Schema, files []store.Place) error {
	var all []described
	for _, x := range files {
		d, err := describe(ctx, File{Info: x.Info}, Options{Columns: s.Names()})
		switch {
		case errors.Is(err, guard.ErrCorrupt) || errors.Is(err, guard.ErrUnsupported): // of no reader's table
			continue
		case err != nil:
			return err
		}
		all = append(all, d)
	}
	have, err := unite(all, Options{})
	if err != nil {
		return fmt.Errorf("folder %s cannot be read as one table as it is: %w", store.Name(p.Dir), err)
	}
	for _, f := range s {
		i := have.Index(f.Name)
		if i < 0 {
			continue
		}
		if _, err := wider(have[i].Type, readBack(f.Type)); err != nil {
			return fmt.Errorf("option Append: column %q is %s in the files of folder %s and %s in the rows that are to be added: %w",
				f.Name, have[i].Type, store.Name(p.Dir), f.Type, err)
		}
	}
	return nil
}

// readBack is the type that readers find where t was written: Parquet has no unit of seconds.
func readBack(t dtype.Type) dtype.Type {
	switch t.Kind {
	case dtype.Timestamp, dtype.Time:
		t.Unit = max(t.Unit, dtype.Milli)
	case dtype.List:
		return dtype.ListOf(readBack(t.Elem()))
	case dtype.Struct:
		fields := slices.Clone(t.Fields())
		for i := range fields {
			fields[i].Type = readBack(fields[i].Type)
		}
		return dtype.StructOf(fields)
	}
	return t
}
