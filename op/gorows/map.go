package gorows

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op"
)

// MapParams are the parameters of rows.map and rows.mapbatch: a registered
// function, or one of this process, whose plan cannot leave it.
type MapParams struct {
	Fn string
	ID uint64 // of a closure; 0 if there is a name
}

// Map gives the result of a function for every row, in order. The function must
// depend on its argument alone: it may be called more than once for a row.
var Map = register("rows.map", "applies a function to every row", false)

// MapBatch gives the rows that a function makes of the rows of a morsel. How rows
// are divided into morsels is not defined.
var MapBatch = register("rows.mapbatch", "applies a function to some rows at a time", true)

func register(name, doc string, batch bool) op.Op[MapParams] {
	return op.Register(op.Spec[MapParams]{
		Name: name, Version: 1, Class: op.RowWise, Doc: doc,
		Infer: func(p MapParams, in []op.Meta) (op.Meta, error) {
			m, err := p.bind(in[0], batch)
			if err != nil {
				return op.Meta{}, err
			}
			out := op.Meta{Schema: slices.Clone(m.out.Schema), Rows: in[0].Rows, Bytes: -1}
			if batch {
				out.Rows = -1
			}
			return out, nil
		},
		Text: MapParams.text,
		Pipe: func(p MapParams, in op.Meta) (op.Pipe, error) { return p.bind(in, batch) },
		Rules: op.Rules[MapParams]{
			Uses: func(p MapParams, in []op.Meta, _ []string) [][]string {
				m, err := p.bind(in[0], batch)
				if err != nil {
					return [][]string{in[0].Schema.Names()}
				}
				return [][]string{m.in.Schema.Names()}
			},
			LimitThrough: func(MapParams) bool { return !batch },
		},
	})
}

func (p MapParams) text() string {
	if p.Fn == "" {
		return "a function without a name"
	}
	return p.Fn
}

var closures = struct {
	sync.RWMutex
	last uint64
	byID map[uint64]any
}{byID: map[uint64]any{}}

// Keep makes a closure callable by rows.map and rows.fold until Drop.
func Keep(f op.Typed) MapParams { return keep(f) }

func keep(f any) MapParams {
	closures.Lock()
	defer closures.Unlock()
	closures.last++
	closures.byID[closures.last] = f
	return MapParams{ID: closures.last}
}

// kept returns what keep was given.
func kept[F any](id uint64) (F, error) {
	closures.RLock()
	defer closures.RUnlock()
	f, ok := closures.byID[id].(F)
	if !ok {
		return f, fmt.Errorf("a function without a name is not in this process: register it")
	}
	return f, nil
}

// function finds the function and how to call it in messages.
func (p MapParams) function() (name string, f op.Typed, err error) {
	if p.ID == 0 {
		f, err = op.TypedByName(p.Fn)
		return p.Fn, f, err
	}
	f, err = kept[op.Typed](p.ID)
	return "without a name", f, err
}

// Drop forgets a closure.
func Drop(id uint64) { closures.Lock(); delete(closures.byID, id); closures.Unlock() }

// A mapping is a bound function.
type mapping struct {
	name    string
	f       op.Typed
	batch   bool
	in, out *Shape
	reader  *Reader
}

func (p MapParams) bind(in op.Meta, batch bool) (*mapping, error) {
	m := &mapping{batch: batch}
	var err error
	if m.name, m.f, err = p.function(); err != nil {
		return nil, err
	}
	a, r := m.f.Arg, m.f.Result
	if batch {
		if a.Kind() != reflect.Slice || r.Kind() != reflect.Slice {
			return nil, fmt.Errorf("function %s takes %s and gives %s: want slices of structs", m.name, a, r)
		}
		a, r = a.Elem(), r.Elem()
	}
	if m.in, err = ShapeOf(a); err != nil {
		return nil, fmt.Errorf("function %s: argument: %w", m.name, err)
	}
	if m.out, err = ShapeOf(r); err != nil {
		return nil, fmt.Errorf("function %s: result: %w", m.name, err)
	}
	if m.reader, err = NewReader(m.in, in.Schema); err != nil {
		return nil, fmt.Errorf("function %s: %w", m.name, err)
	}
	return m, nil
}

func (m *mapping) Close() error { return nil }
func (m *mapping) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return mapStage{m, t.Context()}, nil
}

type mapStage struct {
	*mapping
	ctx context.Context
}

func (s mapStage) Local() (op.Local, error) {
	return &mapLocal{mapStage: s, w: NewWriter(s.out), x: reflect.New(s.mapping.in.Type).Elem()}, nil
}
func (s mapStage) Drain() (op.Feed, error) { return nil, nil }
func (s mapStage) Finish(op.Out) error     { return nil }

type mapLocal struct {
	mapStage
	w *Writer
	x reflect.Value
}

func (l *mapLocal) Close(op.Sink, bool) error { return nil }

// Push implements op.Local.
func (l *mapLocal) Push(m *chunk.Batch, out op.Sink) error {
	if err := l.apply(m); err != nil {
		return err
	}
	b := l.w.Flush()
	b.Seq, b.Sub = m.Seq, m.Sub
	return out.Push(b)
}

func (l *mapLocal) apply(m *chunk.Batch) error {
	if l.batch {
		return l.applyBatch(m)
	}
	for i := range m.N {
		if i&255 == 0 && l.ctx.Err() != nil {
			return l.ctx.Err()
		}
		if err := l.reader.Read(m, i, l.x); err != nil {
			return fmt.Errorf("function %s: %w", l.name, err)
		}
		r, err := l.f.Call(l.ctx, l.x)
		if err == nil {
			err = l.w.Add(r)
		}
		if err != nil {
			return fmt.Errorf("function %s: %w", l.name, err)
		}
	}
	return nil
}

func (l *mapLocal) applyBatch(m *chunk.Batch) error {
	list := reflect.MakeSlice(reflect.SliceOf(l.mapping.in.Type), m.N, m.N)
	for i := range m.N {
		if err := l.reader.Read(m, i, list.Index(i)); err != nil {
			return fmt.Errorf("function %s: %w", l.name, err)
		}
	}
	if list.Type() != l.f.Arg {
		list = list.Convert(l.f.Arg)
	}
	r, err := l.f.Call(l.ctx, list)
	if err != nil {
		return fmt.Errorf("function %s: %w", l.name, err)
	}
	for i := range r.Len() {
		if err := l.w.Add(r.Index(i)); err != nil {
			return fmt.Errorf("function %s: %w", l.name, err)
		}
	}
	return nil
}
