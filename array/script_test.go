package array_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/script"
	"github.com/weft-data/weft/sched/local"
)

// A room is a way to run the scripts that must not change their answers.
type room struct {
	name    string
	threads int
	pool    int64
	off     []string
	far     bool // no line is brought together
}

var rooms = []room{
	{"plain", 2, 256 << 20, nil, false},
	{"thread", 1, 256 << 20, nil, false},
	{"crowd", 8, 256 << 20, nil, true},
	{"cramped", 3, 1 << 20, nil, false},
	{"without-weld", 2, 256 << 20, []string{"weld"}, false},
	{"without-all", 2, 256 << 20, []string{"cull", "merge", "remerge", "weld", "fuse", "order", "memory"}, false},
}

// TestScripts runs testdata/*.txt in every room. The commands are
//
//	run      lines "name = expression"; the last line's value is printed: shape, type, chunks, elements
//	error    as run, but a mistake
//	explain  as run, but the plan as it would run; in the first room
//
// Expressions are those of Go, on methods of Array and the functions below.
func TestScripts(t *testing.T) {
	for _, m := range effort.Some(1, rooms) {
		t.Run(m.name, func(t *testing.T) {
			if script.Rewriting() && m.name != "plain" {
				t.Skip("answers are written by the first room")
			}
			if m.far {
				defer array.LineBytes(0)()
			}
			r := local.New(local.Options{Threads: m.threads, Pool: m.pool, SpillDir: t.TempDir()})
			defer func() {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}()
			script.RunEach(t, filepath.Join("testdata", "*.txt"), func(t *testing.T) script.Handler {
				h := &hall{room: m, r: r}
				return h.stanza
			})
		})
	}
}

// addUp adds the elements of blocks of int64.
var addUp = array.Register("array_test/addUp", func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
	o := array.Elements[int64](out)
	for _, b := range in {
		for i, v := range array.Elements[int64](b) {
			o[i] += v
		}
	}
	return nil
})

// neighbours adds the elements two to the left and one to the right in each row.
var neighbours = array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
	x, o := array.Elements[int64](in[0]), array.Elements[float64](out)
	n, w := out.Shape[len(out.Shape)-1], in[0].Shape[len(in[0].Shape)-1]
	for i := range o {
		at := i/n*w + i%n // the halo is 2 on both sides
		o[i] = float64(x[at] + x[at+3])
	}
	return nil
})

// lengths are how many elements the function got, at every place.
var lengths = array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
	o := array.Elements[int64](out)
	for i := range o {
		o[i] = int64(len(array.Elements[int64](in[0])))
	}
	return nil
})

// products multiplies matrices (…, i, j) by vectors (…, j), or matrices by matrices.
var products = array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
	x, y, o := array.Elements[int64](in[0]), array.Elements[int64](in[1]), array.Elements[int64](out)
	n := in[0].Shape[len(in[0].Shape)-1]
	cols := 1
	if len(in[1].Shape) == len(in[0].Shape) {
		cols = in[1].Shape[len(in[1].Shape)-1]
	}
	for i := range o {
		row, col := i/cols, i%cols
		page := 0
		if rows := in[0].Shape[len(in[0].Shape)-2]; rows > 0 {
			page = row / rows
		}
		for j := range n {
			o[i] += x[row*n+j] * y[(page*n+j)*cols+col]
		}
		x[0] += 0 // operands belong to the function
	}
	return nil
})

// places writes the position of the chunk: its digits.
var places = array.Closure(func(_ context.Context, at []int, _ []*array.Block, out *array.Block) error {
	n := 0
	for _, k := range at {
		n = 10*n + k
	}
	o := array.Elements[float64](out)
	for i := range o {
		o[i] = float64(n)
	}
	return nil
})

var broken = array.Closure(func(_ context.Context, at []int, _ []*array.Block, _ *array.Block) error {
	return fmt.Errorf("broken in %d axes", len(at))
})

// known has its chunk sizes computed, by the runner of the scripts.
func known(x *array.Array) *array.Array {
	if x.Err() != nil {
		return x
	}
	r := local.New(local.Options{Threads: 2, Pool: 16 << 20})
	defer r.Close()
	y, err := x.ComputeChunkSizes(context.Background(), r)
	check(err)
	return y
}

type hall struct {
	room
	r *local.Runner
}

var position = regexp.MustCompile(`[a-z_]+\.go:\d+`)

// needs is the column of memory in an explained plan.
var needs = regexp.MustCompile(`memory +|[0-9.]+ [KM]?i?B\.\.[0-9.]+ [KM]?i?B +`)

func (h *hall) stanza(t *testing.T, d *script.Stanza) string {
	x, err := evaluate(d.Input)
	if err != nil {
		return "error: " + position.ReplaceAllString(err.Error(), "FILE:LINE")
	}
	if d.Cmd == "explain" || d.Cmd == "operators" {
		if h.name != "plain" {
			return d.Want
		}
		rep, err := x.Explain(context.Background(), h.r)
		if err != nil {
			t.Fatal(err)
		}
		if d.Cmd == "operators" { // without their memory, which is another with every level of the processor
			rep.After = needs.ReplaceAllString(rep.After, "")
		}
		return position.ReplaceAllString(rep.After, "FILE:LINE")
	}
	res, err := x.Compute(context.Background(), h.r, array.Without(h.off...))
	if err != nil {
		return "error: " + position.ReplaceAllString(err.Error(), "FILE:LINE")
	}
	return fmt.Sprintf("%s %s %s\n%s", tuple(res.Shape), x.DType(), chunks(x), elements(res))
}

func tuple(s []int) string {
	w := make([]string, len(s))
	for i, n := range s {
		w[i] = strconv.Itoa(n)
	}
	if len(w) == 1 {
		return "(" + w[0] + ",)"
	}
	return "(" + strings.Join(w, ",") + ")"
}

func chunks(x *array.Array) string {
	s := x.String()
	s = s[strings.Index(s, "chunks ")+7:]
	return s[:strings.LastIndex(s, ", ")]
}

// elements prints the elements, a line per row.
func elements(r *array.Result) string {
	v := r.All()
	var b strings.Builder
	row := len(v)
	if n := len(r.Shape); n > 0 && row > 0 {
		row = r.Shape[n-1]
	}
	for i := range v {
		if i > 0 {
			b.WriteString(map[bool]string{true: "\n", false: " "}[i%row == 0])
		}
		b.WriteString(word(v[i]))
	}
	return b.String()
}

func word(v any) string {
	switch v := v.(type) {
	case float32:
		return strings.Replace(strconv.FormatFloat(float64(v), 'g', 6, 32), "e+0", "e+", 1)
	case float64:
		return strings.Replace(strconv.FormatFloat(v, 'g', 12, 64), "e+0", "e+", 1)
	}
	return fmt.Sprint(v)
}

// evaluate computes the last line's array.
func evaluate(text string) (x *array.Array, err error) {
	defer func() {
		if p := recover(); p != nil {
			x, err = nil, fmt.Errorf("%v", p)
		}
	}()
	vars := map[string]*array.Array{}
	for line := range strings.Lines(text) {
		name, expr, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			name, expr = "", strings.TrimSpace(line)
		}
		e, err := parser.ParseExpr(expr)
		if err != nil {
			return nil, err
		}
		x = value(e, vars).Interface().(*array.Array)
		if err := x.Err(); err != nil {
			return nil, err
		}
		vars[name] = x
	}
	return x, nil
}

var kinds = map[string]array.DType{"boolean": array.Bool, "i1": array.Int8, "i2": array.Int16, "i4": array.Int32, "i8": array.Int64, "u1": array.Uint8, "u2": array.Uint16,
	"u4": array.Uint32, "u8": array.Uint64, "f4": array.Float32, "f8": array.Float64, "c8": array.Complex64, "c16": array.Complex128}

var functions = map[string]any{
	"Arange": array.Arange, "Linspace": array.Linspace, "Zeros": array.Zeros, "Ones": array.Ones, "Full": array.Full, "Eye": array.Eye,
	"TrilIndices": array.TrilIndices, "TriuIndices": array.TriuIndices, "Groups": func(groups ...[]int) [][]int { return groups },
	"Random": array.Random, "ZerosLike": array.ZerosLike, "OnesLike": array.OnesLike,
	"Where": array.Where, "Chunks": array.Chunks, "ChunkBytes": array.ChunkBytes, "Of": array.Of,
	"F": func(v ...float64) []float64 { return v }, "L": func(v ...int) []int { return v }, "N": func(v ...int64) []int64 { return v },
	"A":      func(v []float64, shape []int, o ...array.Option) *array.Array { return array.FromSlice(v, shape, o...) },
	"Z":      func(re, im float64) complex128 { return complex(re, im) },
	"B":      func(v int) bool { return v != 0 },
	"Concat": array.Concat, "Known": known, "Blockwise": array.Blockwise, "FromBlocks": array.FromBlocks, "Mapper": func() array.Mapper { return array.Mapper{} }, "GUFunc": array.GUFunc, "Named": func(x *array.Array, axes string) array.Named { return array.Named{X: x, Axes: axes} },
	"Sizes": func(name string, n int) map[string]int { return map[string]int{name: n} }, "Axis": func(name string, n int) map[rune]int { return map[rune]int{rune(name[0]): n} }, "FullLike": array.FullLike, "Indices": array.Indices, "FromFunction": array.FromFunction, "Meshgrid": array.Meshgrid, "Tri": array.Tri,
	"BroadcastArrays": array.BroadcastArrays, "UnifyChunks": array.UnifyChunks, "HStack": array.HStack, "VStack": array.VStack, "DStack": array.DStack,
	"Mosaic": array.Mosaic, "Piecewise": array.Piecewise, "Outer": array.Outer[any], "OuterOfBools": array.Outer[*array.Array], "Sub": (*array.Array).Sub, "Hypot": (*array.Array).Hypot, "Atan2": (*array.Array).Atan2, "Lt": (*array.Array).Lt, "And": (*array.Array).LogicalAnd,
	"sums": func(x *array.Array, y any) *array.Array { return x.Add(y).Sum(0) }, "Sum": (*array.Array).Sum, "Mean": (*array.Array).Mean, "Max": (*array.Array).Max,
	"Nth": func(xs []*array.Array, i int) *array.Array { return xs[i] }, "Arrays": func(xs ...*array.Array) []*array.Array { return xs },
	"Rows": func(rows ...[]*array.Array) [][]*array.Array { return rows }, "Values": func(v ...any) []any { return v },
	"tenfold": func(at []*array.Array) *array.Array { return at[0].Mul(10).Add(at[1]) }, "S": array.S, "I": array.I, "Stack": array.Stack, "Constant": array.Constant, "Ramp": array.Ramp, "Level": array.Level, "Median": (*array.Array).Median, "Min": (*array.Array).Min, "MapBlocks": array.MapBlocks,
}

// result is one of the results of a verb that has several.
func result(x *array.Array, verb string, i int) *array.Array {
	return reflect.ValueOf(x).MethodByName(verb).Call(nil)[i].Interface().(*array.Array)
}

// value evaluates an expression.
func value(e ast.Expr, vars map[string]*array.Array) reflect.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		switch e.Kind {
		case token.INT:
			n, err := strconv.Atoi(e.Value)
			check(err)
			return reflect.ValueOf(n)
		case token.FLOAT:
			f, err := strconv.ParseFloat(e.Value, 64)
			check(err)
			return reflect.ValueOf(f)
		}
		s, err := strconv.Unquote(e.Value)
		check(err)
		return reflect.ValueOf(s)
	case *ast.UnaryExpr:
		v := value(e.X, vars)
		if v.CanInt() {
			return reflect.ValueOf(-int(v.Int()))
		}
		return reflect.ValueOf(-v.Float())
	case *ast.Ident:
		if x, ok := vars[e.Name]; ok {
			return reflect.ValueOf(x)
		}
		if k, ok := kinds[e.Name]; ok {
			return reflect.ValueOf(k)
		}
		if f, ok := functions[e.Name]; ok {
			return reflect.ValueOf(f)
		}
		switch e.Name {
		case "nan":
			return reflect.ValueOf(math.NaN())
		case "inf":
			return reflect.ValueOf(math.Inf(1))
		case "Reflect":
			return reflect.ValueOf(array.Reflect)
		case "Periodic":
			return reflect.ValueOf(array.Periodic)
		case "Nearest":
			return reflect.ValueOf(array.Nearest)
		case "Mirror":
			return reflect.ValueOf(array.Mirror)
		case "NoBoundary":
			return reflect.ValueOf(array.None)
		case "lengths":
			return reflect.ValueOf(lengths)
		case "products":
			return reflect.ValueOf(products)
		case "addUp":
			return reflect.ValueOf(addUp)
		case "neighbours":
			return reflect.ValueOf(neighbours)
		case "places":
			return reflect.ValueOf(places)
		case "broken":
			return reflect.ValueOf(broken)
		case "All":
			return reflect.ValueOf(array.All)
		case "NewAxis":
			return reflect.ValueOf(array.NewAxis)
		case "Rest":
			return reflect.ValueOf(array.Rest)
		case "Auto":
			return reflect.ValueOf(array.Auto)
		case "None":
			return reflect.Zero(reflect.TypeFor[any]())
		}
		panic("no variable " + e.Name)
	case *ast.CallExpr:
		return call(e, vars)
	}
	panic(fmt.Sprintf("no expression %T", e))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func call(e *ast.CallExpr, vars map[string]*array.Array) reflect.Value {
	var f reflect.Value
	switch fun := e.Fun.(type) {
	case *ast.SelectorExpr:
		f = value(fun.X, vars).MethodByName(fun.Sel.Name)
	case *ast.Ident:
		f = reflect.ValueOf(functions[fun.Name])
	}
	if !f.IsValid() {
		panic(fmt.Sprintf("no function at %d", e.Pos()))
	}
	var args []reflect.Value
	for i, a := range e.Args {
		v := value(a, vars)
		to := f.Type().In(min(i, f.Type().NumIn()-1))
		if f.Type().IsVariadic() && i >= f.Type().NumIn()-1 {
			to = to.Elem()
		}
		if v.Kind() == reflect.Interface && v.IsNil() && (to.Kind() == reflect.Slice || to.Kind() == reflect.Map) {
			v = reflect.Zero(to)
		}
		if to.Kind() != reflect.Interface && v.Type() != to && v.CanConvert(to) {
			v = v.Convert(to)
		}
		args = append(args, v)
	}
	return f.Call(args)[0]
}
