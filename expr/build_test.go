package expr

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
)

// TestBuildersNameFunctions calls every method that builds an expression with
// arguments of the right kinds and holds it to a function of the registry with as
// many parameters.
func TestBuildersNameFunctions(t *testing.T) {
	e := Col("x")
	for _, recv := range []any{e, e.Str(), e.Dt(), e.Dur(), e.List(), e.Bin()} {
		v := reflect.ValueOf(recv)
		for i := range v.NumMethod() {
			m, typ := v.Method(i), v.Method(i).Type()
			if typ.NumOut() != 1 || typ.Out(0) != reflect.TypeFor[Expr]() {
				continue
			}
			var args []reflect.Value
			for k := range typ.NumIn() {
				in := typ.In(k)
				if typ.IsVariadic() && k == typ.NumIn()-1 {
					in = in.Elem()
				}
				switch in.Kind() {
				case reflect.String:
					args = append(args, reflect.ValueOf("day"))
				case reflect.Int:
					args = append(args, reflect.ValueOf(2))
				case reflect.Interface:
					args = append(args, reflect.ValueOf(1))
				default:
					args = append(args, reflect.Zero(in))
				}
			}
			out := m.Call(args)[0].Interface().(Expr)
			f, ok := out.N.(Func)
			if !ok {
				continue // casts, in, as
			}
			fn := lookup(f.Fn)
			if fn == nil {
				t.Errorf("%s.%s builds the unknown function %q", v.Type(), v.Type().Method(i).Name, f.Fn)
				continue
			}
			if len(f.Args) < len(fn.Params) || len(f.Args) > len(fn.Params) && !fn.Variadic {
				t.Errorf("%s.%s builds %s with %d arguments", v.Type(), v.Type().Method(i).Name, fn.Function, len(f.Args))
			}
		}
	}
}

func TestBuildNested(t *testing.T) {
	s := dtype.Schema{{Name: "a", Type: tInt64}, {Name: "b", Type: tText, Nullable: true}}
	st := StructOf(Col("a"), Col("b").Str().Upper().As("up"))
	f, err := Infer(st, s)
	if err != nil || f.Type.String() != "struct(a int64, up utf8)" {
		t.Fatal(f, err)
	}
	for i, u := range st.Unnest(f.Type) {
		g, err := Infer(u, s)
		if err != nil || g.Name != f.Type.Fields()[i].Name || g.Type != f.Type.Fields()[i].Type || !g.Nullable {
			t.Errorf("%v, %v", g, err)
		}
	}
	if err := StructOf(Col("a,b")).Err(); err == nil {
		t.Error("a comma in a field name is taken")
	}
	d, err := Infer(Lit(90*time.Second), nil)
	if err != nil || d.Type != dtype.DurationOf(dtype.Micro) {
		t.Error(d, err)
	}
	c, err := Infer(If(Col("a").Gt(1)).Then(1).When(Col("a").Lt(0)).Then(2).Otherwise(nil), s)
	if err != nil || c.Type != tInt64 {
		t.Error(c, err)
	}
}

// TestCastTypes holds Cast and TryCast to their three ways of naming a type and
// to saying what is wrong with any other.
func TestCastTypes(t *testing.T) {
	for _, c := range []struct {
		to   any
		want string // the type, or what the error says
	}{
		{dtype.Int64, "int64"},
		{dtype.Of(dtype.Date), "date"},
		{"decimal(12, 2)", "decimal(12, 2)"},
		{" timestamp[us, UTC]", `" timestamp`},
		{dtype.TimestampOf(dtype.Micro, "UTC"), "timestamp[us, UTC]"},
		{dtype.Timestamp, "a timestamp has parameters: want a dtype.Type or its text"},
		{dtype.Decimal128, "a decimal has parameters"},
		{dtype.List, "a list has parameters"},
		{dtype.Kind(200), "has parameters"},
		{"integer", `"integer"`},
		{nil, "<nil> names no type"},
		{7, "int names no type"},
	} {
		for _, e := range []Expr{Col("x").Cast(c.to), Col("x").TryCast(c.to)} {
			if cast, ok := e.N.(Cast); ok && cast.To.String() != c.want || !ok && (e.Err() == nil || !strings.Contains(e.Err().Error(), c.want)) {
				t.Errorf("Cast(%v): %v, %v, want %q", c.to, e, e.Err(), c.want)
			}
		}
	}
}
