package frame

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op/gorows"
)

// structRows is how many structs become a batch.
const structRows = 1 << 17

// FromStructs makes a frame of structs: a column for every exported field, with
// its name or that of its tag `weft:"name"` (package gorows lists the types). Strings
// must be UTF-8; other bytes are a []byte. The values are copied; else it is as FromRecords.
func FromStructs[T any](list []T) *Frame {
	s, err := gorows.ShapeOf(reflect.TypeFor[T]())
	if err != nil {
		return fail("FromStructs", err)
	}
	w := gorows.NewWriter(s)
	var batches []*chunk.Batch
	all := reflect.ValueOf(list)
	for i := range list {
		if err := w.Add(all.Index(i)); err != nil {
			return fail("FromStructs", err)
		}
		if w.Len() == structRows {
			batches = append(batches, w.Flush())
		}
	}
	batches = append(batches, w.Flush())
	return inMemory(append(dtype.Schema(nil), s.Schema...), batches, nil)
}

// Decode runs the plan of a frame and returns its rows as structs: every exported
// field takes the column of its name, other columns are left out.
//
// Errors: a field without a column or of a type that cannot hold it; a null for a
// field that is no pointer; a number that does not fit.
func Decode[T any](ctx context.Context, r graph.Runner, f *Frame, opts ...Option) ([]T, error) {
	if f.Err() != nil {
		return nil, f.Err()
	}
	s, err := gorows.ShapeOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, fmt.Errorf("frame: Decode: %w", err)
	}
	if _, err := gorows.NewReader(s, f.Schema()); err != nil {
		return nil, fmt.Errorf("frame: Decode: %w", err)
	}
	t, err := f.Select(anys(s.Schema.Names())...).Collect(ctx, r, opts...) // nothing else is computed
	if err != nil {
		return nil, err
	}
	return decode[T](t, s)
}

// DecodeTable returns the rows of a table as structs, as Decode does.
func DecodeTable[T any](t *Table) ([]T, error) {
	s, err := gorows.ShapeOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, fmt.Errorf("frame: DecodeTable: %w", err)
	}
	return decode[T](t, s)
}

func decode[T any](t *Table, s *gorows.Shape) ([]T, error) {
	if t == nil {
		return nil, errors.New("frame: decode: no table")
	}
	r, err := gorows.NewReader(s, t.Schema)
	if err != nil {
		return nil, fmt.Errorf("frame: decode: %w", err)
	}
	out := make([]T, t.NumRows())
	all, at := reflect.ValueOf(out), 0
	for _, rec := range t.Records {
		b, err := chunk.FromRecord(rec)
		if err != nil {
			return nil, fmt.Errorf("frame: decode: %w", err)
		}
		for i := range b.N {
			if err := r.Read(b, i, all.Index(at)); err != nil {
				return nil, fmt.Errorf("frame: decode: row %d: %w", at, err)
			}
			at++
		}
	}
	return out, nil
}

// A single is one column as a struct.
type single[T any] struct {
	Value T `weft:"value"`
}

// Column returns a column of a table as a slice, without looking at the others. T
// is a type that a field of Decode has: a pointer where there may be nulls.
func Column[T any](t *Table, name string) ([]T, error) {
	if t == nil {
		return nil, errors.New("frame: Column: no table")
	}
	c, err := t.Schema.Find(name)
	if err != nil {
		return nil, fmt.Errorf("frame: Column: %w", err)
	}
	s, err := gorows.ShapeOf(reflect.TypeFor[single[T]]())
	if err != nil {
		return nil, fmt.Errorf("frame: Column: %w", err)
	}
	one := dtype.Schema{{Name: "value", Type: t.Schema[c].Type, Nullable: true}}
	r, err := gorows.NewReader(s, one)
	if err != nil {
		return nil, fmt.Errorf("frame: Column %q: %w", name, err)
	}
	out := make([]T, 0, t.NumRows())
	x := reflect.New(reflect.TypeFor[single[T]]()).Elem()
	for _, rec := range t.Records {
		v, err := chunk.FromArray(rec.Column(c))
		if err != nil {
			return nil, fmt.Errorf("frame: Column %q: %w", name, err)
		}
		b := chunk.Batch{N: v.N, Cols: []chunk.Vec{v}}
		for i := range b.N {
			if err := r.Read(&b, i, x); err != nil {
				return nil, fmt.Errorf("frame: Column %q: row %d: %w", name, len(out), err)
			}
			out = append(out, x.Interface().(single[T]).Value)
		}
	}
	return out, nil
}
