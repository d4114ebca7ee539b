package op

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"

	"github.com/weft-data/weft/internal/canon"
)

// A Fn is a user's function with one argument and one result. A named one can
// run wherever the same program runs; one without a name stays in this process.
type Fn[A, R any] struct{ *function[A, R] }

// A function is what every call of it refers to: there may be hundreds of thousands.
type function[A, R any] struct {
	name string
	f    func(context.Context, A) (R, error)
}

// A remoteFn runs a named function on canonical bytes.
type remoteFn struct {
	schema string // of argument and result
	call   func(ctx context.Context, dst, arg []byte) ([]byte, error)
	typed  Typed
}

// A Typed is a function whose types are known by reflection: what an operator
// needs that makes its arguments itself.
type Typed struct {
	Arg, Result reflect.Type
	Call        func(ctx context.Context, arg reflect.Value) (reflect.Value, error)
}

// Typed returns the function with its types.
func (f Fn[A, R]) Typed() Typed {
	return Typed{reflect.TypeFor[A](), reflect.TypeFor[R](), func(ctx context.Context, arg reflect.Value) (reflect.Value, error) {
		r, err := f.f(ctx, arg.Interface().(A))
		return reflect.ValueOf(&r).Elem(), err
	}}
}

// TypedByName returns a registered function with its types.
func TypedByName(name string) (Typed, error) {
	bookMu.RLock()
	defer bookMu.RUnlock()
	f, ok := funcs[name]
	if !ok {
		return Typed{}, fmt.Errorf("op: unknown function %q: this binary does not register it", name)
	}
	return f.typed, nil
}

var funcs = map[string]remoteFn{}

// Func registers a function under a name, for example "myapp/clean". Call it
// from a package-level var. It panics on a duplicate name and on argument or
// result types that have no canonical bytes (functions, channels, unexported
// fields): those can only be used with Closure.
func Func[A, R any](name string, f func(context.Context, A) (R, error)) Fn[A, R] {
	fn := Fn[A, R]{&function[A, R]{name, f}}
	a, r := reflect.TypeFor[A](), reflect.TypeFor[R]()
	for _, t := range []reflect.Type{a, r} {
		if err := canon.Check(t); err != nil {
			panic(fmt.Sprintf("op: function %q: %v", name, err))
		}
	}
	bookMu.Lock()
	defer bookMu.Unlock()
	if _, dup := funcs[name]; dup || name == "" {
		panic(fmt.Sprintf("op: function name %q is empty or used twice", name))
	}
	funcs[name] = remoteFn{canon.Schema(a) + " → " + canon.Schema(r), func(ctx context.Context, dst, arg []byte) ([]byte, error) {
		var x A
		if err := canon.Decode(arg, &x); err != nil {
			return nil, fmt.Errorf("function %s: argument: %w", name, err)
		}
		y, err := f(ctx, x)
		if err != nil {
			return nil, err
		}
		return canon.Append(dst, y)
	}, fn.Typed()}
	return fn
}

// Closure makes a function of a closure. It cannot leave this process.
func Closure[A, R any](f func(context.Context, A) (R, error)) Fn[A, R] {
	return Fn[A, R]{&function[A, R]{f: f}}
}

// None reports whether f is no function: its zero value, or one made of nil.
func (f Fn[A, R]) None() bool { return f.function == nil || f.f == nil }

// ErrNoFunction is the error of calls of a Fn that is none.
var ErrNoFunction = errors.New("op: the function is nil: make it with Func or Closure")

// ErrExit is the error of a task whose function has ended its goroutine. Nothing can keep the goroutine then, not even
// recover: what is to be done after a call of a user's function must be deferred.
var ErrExit = errors.New("a function ended its goroutine (runtime.Goexit, which t.Fatal, t.FailNow and t.Skip of a test call): return an error instead")

// Name returns the registered name, empty for a local function.
func (f Fn[A, R]) Name() string { return f.name }

// Describe returns the registered name, or for a local function where it was
// written: package and function.
func (f Fn[A, R]) Describe() string {
	if f.name != "" {
		return f.name
	}
	if at := runtime.FuncForPC(reflect.ValueOf(f.f).Pointer()); at != nil {
		return at.Name()
	}
	return "a function without a name"
}

// Call runs the function here.
func (f Fn[A, R]) Call(ctx context.Context, a A) (r R, err error) {
	if f.None() {
		return r, ErrNoFunction
	}
	return f.f(ctx, a)
}

// CallByName runs a registered function on canonical bytes and appends those of its result to dst.
func CallByName(ctx context.Context, name string, dst, arg []byte) ([]byte, error) {
	bookMu.RLock()
	f, ok := funcs[name]
	bookMu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("op: unknown function %q: this binary does not register it", name)
	}
	return f.call(ctx, dst, arg)
}
