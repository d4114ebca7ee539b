package frame_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
)

// nothings are the argument lists of zero values for a function: with nothing in the place of
// its list, and with one zero value.
func nothings(t reflect.Type) (out [][]reflect.Value) {
	var args []reflect.Value
	for i := range t.NumIn() {
		if t.IsVariadic() && i == t.NumIn()-1 {
			out = append(out, args)
			return append(out, append(args[:len(args):len(args)], reflect.Zero(t.In(i).Elem())))
		}
		args = append(args, reflect.Zero(t.In(i)))
	}
	return append(out, args)
}

// quietly calls a function; a panic is its result.
func quietly(f reflect.Value, args []reflect.Value) (out []reflect.Value, panicked any) {
	defer func() { panicked = recover() }()
	return f.Call(args), nil
}

// held calls every method of a value, and of what these return, with zero values: none panics,
// and a frame that comes of a broken one is broken, with the line of the call in its message.
func held(t *testing.T, name string, v reflect.Value, broken bool, deep int) {
	for i := range v.NumMethod() {
		m := v.Method(i)
		for _, args := range nothings(m.Type()) {
			call := fmt.Sprintf("%s.%s%v", name, v.Type().Method(i).Name, args)
			out, panicked := quietly(m, args)
			if panicked != nil {
				t.Errorf("%s: panics: %v", call, panicked)
				continue
			}
			for _, x := range out {
				checkNothing(t, call, x, broken, deep)
			}
		}
	}
}

func checkNothing(t *testing.T, call string, x reflect.Value, broken bool, deep int) {
	switch f := x.Interface().(type) {
	case *frame.Frame:
		switch {
		case f == nil:
			t.Errorf("%s: gives a nil frame", call)
		case f.Err() != nil && !strings.Contains(f.Err().Error(), ".go:"):
			t.Errorf("%s: no line: %v", call, f.Err())
		case f.Err() == nil && broken:
			t.Errorf("%s: nothing is wrong", call)
		}
	case *frame.Grouped, frame.Aggregate, frame.WindowFunc:
		if deep > 0 && !(x.Kind() == reflect.Pointer && x.IsNil()) {
			held(t, call, x, broken, deep-1)
		}
	}
}

// Arguments that are nil or zero values are mistakes, not the end of the program.
func TestNothing(t *testing.T) {
	good := reflect.ValueOf(frame.FromColumns(frame.Values("x", []int64{1, 2})))
	held(t, "good", good, false, 1)
	held(t, "zero", reflect.ValueOf(&frame.Frame{}), true, 1)
	held(t, "nil", reflect.ValueOf((*frame.Frame)(nil)), true, 1)
	held(t, "expr", reflect.ValueOf(expr.Expr{}), false, 0)
	for name, f := range map[string]any{
		"FromArray": frame.FromArray, "FromColumns": frame.FromColumns, "FromMatrix": frame.FromMatrix, "FromRecords": frame.FromRecords,
		"FromStructs": frame.FromStructs[struct{ X int }], "Decode": frame.Decode[struct{ X int }], "DecodeTable": frame.DecodeTable[struct{ X int }],
		"Column": frame.Column[int64], "ReadCSV": frame.ReadCSV, "ReadParquet": frame.ReadParquet, "ReadArrow": frame.ReadArrow, "ReadJSON": frame.ReadJSON,
		"MapRows": frame.MapRows[int, int], "MapBatches": frame.MapBatches[int, int], "Fold": frame.Fold[int, int, int], "RecordFunction": frame.RecordFunction,
		"Sum": frame.Sum, "Mean": frame.Mean, "Quantile": frame.Quantile, "ArgMin": frame.ArgMin, "Count": frame.Count, "Cov": frame.Cov, "StringJoin": frame.StringJoin,
		"Lag": frame.Lag, "NTile": frame.NTile, "FillForward": frame.FillForward, "Values": frame.Values[any],
		"Col": frame.Col, "Lit": frame.Lit, "If": frame.If, "Asc": frame.Asc,
	} {
		for _, args := range nothings(reflect.TypeOf(f)) {
			call := fmt.Sprint(name, args)
			out, panicked := quietly(reflect.ValueOf(f), args)
			if panicked != nil {
				t.Errorf("%s: panics: %v", call, panicked)
			}
			for _, x := range out {
				checkNothing(t, call, x, false, 1)
			}
		}
	}
}

// A nil context, or none that runs plans, is a mistake where it is given.
func TestNoContext(t *testing.T) {
	f := frame.FromColumns(frame.Values("x", []int64{1, 2}))
	r := runner(t)
	var none context.Context
	if _, err := f.Collect(none, r); err == nil || !strings.Contains(err.Error(), "context") {
		t.Errorf("Collect: %v", err)
	}
	for _, err := range f.Iterate(none, r) {
		if err == nil || !strings.Contains(err.Error(), "context") {
			t.Errorf("Iterate: %v", err)
		}
	}
	if _, err := f.Filter(expr.Expr{}).Collect(t.Context(), r); err == nil || !strings.Contains(err.Error(), "_test.go:") || !strings.Contains(err.Error(), "no expression") {
		t.Errorf("Filter: %v", err)
	}
	if err := f.Join(nil, frame.Inner, "x").Err(); err == nil || !strings.Contains(err.Error(), "nothing_test.go:") {
		t.Errorf("Join: %v", err)
	}
}
