package main

import (
	"reflect"
	"strings"

	"github.com/weft-data/weft/array"
)

// families are the types, in the order and by the names of the page.
var families = []struct {
	name  string
	types []array.DType
}{
	{"bool", []array.DType{array.Bool}},
	{"int", []array.DType{array.Int8, array.Int16, array.Int32, array.Int64}},
	{"uint", []array.DType{array.Uint8, array.Uint16, array.Uint32, array.Uint64}},
	{"float", []array.DType{array.Float32, array.Float64}},
	{"complex", []array.DType{array.Complex64, array.Complex128}},
}

// shapes are those that verbs are tried with: a matrix that is square and positive
// definite, a vector.
var shapes = [][]int{{2, 2}, {4}}

// chosen are verbs whose argument is an array of conditions or positions, which says
// nothing of the types of x.
const chosen = " Select Compress AssignWhere Gather TakeAlong "

// accepted says what a method does with arrays of each type, nothing if it has
// arguments that are not made up here, or refuses them for all types.
func accepted(method string) string {
	if strings.Contains(chosen, " "+method+" ") {
		return ""
	}
	var parts []string
	for _, f := range families {
		var out []string
		same := true
		for _, k := range f.types {
			r, ok := tried(method, k)
			if !ok {
				continue
			}
			same = same && r == k
			out = append(out, r.String())
		}
		switch {
		case len(out) == 0:
		case same && len(out) == len(f.types):
			parts = append(parts, f.name)
		default:
			parts = append(parts, f.name+" → "+merged(out))
		}
	}
	return strings.Join(parts, ", ")
}

// merged lists results, each once.
func merged(types []string) string {
	var out []string
	for _, t := range types {
		if len(out) == 0 || out[len(out)-1] != t {
			out = append(out, t)
		}
	}
	return strings.Join(out, " ")
}

// tried is the type of what a method makes of arrays of type k.
func tried(method string, k array.DType) (array.DType, bool) {
	for _, shape := range shapes {
		x := array.Ones(shape, array.Of(k))
		m := reflect.ValueOf(x).MethodByName(method)
		args, ok := arguments(m.Type(), x)
		if !ok {
			return k, false
		}
		if y, ok := m.Call(args)[0].Interface().(*array.Array); ok && y.Err() == nil {
			return y.DType(), true
		}
	}
	return k, false
}

// arguments makes some up: for verbs of arrays x itself, the first axis, a half.
func arguments(m reflect.Type, x *array.Array) (args []reflect.Value, ok bool) {
	if m.NumOut() == 0 || m.Out(0) != reflect.TypeFor[*array.Array]() {
		return nil, false
	}
	n := m.NumIn()
	if m.IsVariadic() {
		n--
	}
	for i := range n {
		var v any
		switch t := m.In(i); {
		case t == reflect.TypeFor[*array.Array]() || t.Kind() == reflect.Interface && t.NumMethod() == 0:
			v = x
		case t.Kind() == reflect.Int:
			v = 0
		case t.Kind() == reflect.Bool:
			v = false
		case t.Kind() == reflect.Float64:
			v = 0.5
		default:
			return nil, false
		}
		args = append(args, reflect.ValueOf(v))
	}
	return args, true
}
