package expr

//go:generate go run github.com/weft-data/weft/internal/refgen ../docs/functions.md

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
)

// A Function is one entry of the registry: what a Func node may name.
type Function struct {
	Name    string
	Doc     string  // one sentence
	Params  []Param // the arguments
	Result  string  // the type of the result, in words
	Nulls   string  // "" when a null argument gives null
	Errors  string  // what fails at run time; "" when nothing does
	Example string  // in text form: Parse reads it
	Gives   string  // what the example gives, as text; null, and text in quotes

	Variadic bool // the last parameter may be repeated
	Volatile bool // equal arguments may give different results
}

// A Param is one argument of a Function.
type Param struct {
	Name string
	// Type is what is taken: any, number, integer, float64 (any number, converted), int64 (any
	// integer, converted), bool, text, time (a date or timestamp), instant (a timestamp), moment (a date,
	// timestamp or time of day), duration, amount (a number or duration), bytes (text or binary), binary, list
	// or struct.
	Type  string
	Const bool // a constant is wanted
}

// fn is a Function with its typing rule and its code.
type fn struct {
	Function
	// result sets s.Out, and may change s.In and s.Null, which hold the types that the
	// arguments are converted to and whether any of them can be null.
	result func(s *sig, in []operand) error
	// lazy functions see nulls; for all others a null argument means a null result,
	// which the evaluator arranges.
	lazy bool
	// bind makes the code for one call.
	bind binder
	// fails reports whether a call can fail on some row.
	fails func(s *sig) bool
}

// A sig is how a function is applied to its arguments in one place.
type sig struct {
	In   []dtype.Type // what the arguments are converted to
	Out  dtype.Type
	Null bool // the result can be null
	Args []operand
}

// An operand is what is known of an expression: its type, whether nulls may occur,
// and its value if constant. Null constants are not told apart from other nulls in
// typing.
type operand struct {
	T    dtype.Type
	Null bool
	Lit  *Literal
}

var registry = map[string]*fn{}

// The tables are joined in init, because their code refers back to the registry.
func init() {
	for _, table := range [][]fn{arithmeticFns(), comparisonFns(), logicFns(), mathFns(), textFns(), textBuildFns(), patternFns(), dateFns(),
		dateBuildFns(), clockFns(), integerFns(), choiceFns(), bytesFns(), listFns(), structFns()} {
		for i := range table {
			f := &table[i]
			if registry[f.Name] != nil {
				panic("expr: duplicate function " + f.Name)
			}
			registry[f.Name] = f
		}
	}
}

func lookup(name string) *fn { return registry[name] }

// Functions returns the registry, sorted by name.
func Functions() []Function {
	out := make([]Function, 0, len(registry))
	for _, f := range registry {
		out = append(out, f.Function)
	}
	slices.SortFunc(out, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// String words the function as it is called: "str.replace(x text, old text, new text)".
func (f Function) String() string {
	var b strings.Builder
	b.WriteString(f.Name + "(")
	for i, p := range f.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name + " ")
		if p.Const {
			b.WriteString("constant ")
		}
		b.WriteString(p.Type)
	}
	if f.Variadic {
		b.WriteString("…")
	}
	return b.String() + ")"
}

// params reads "x number, digits const int64" and "x any…".
func params(s string) (ps []Param, variadic bool) {
	s, variadic = strings.CutSuffix(s, "…")
	for part := range strings.SplitSeq(s, ", ") {
		w := strings.Fields(part)
		ps = append(ps, Param{Name: w[0], Type: w[len(w)-1], Const: len(w) == 3})
	}
	return ps, variadic
}

// define starts the entry of a function; the example is "expression => result".
func define(name, args, result, doc, example string) fn {
	f := fn{Function: Function{Name: name, Doc: doc, Result: result}}
	f.Example, f.Gives, _ = strings.Cut(example, " => ")
	f.Params, f.Variadic = params(args)
	return f
}

func (f fn) rule(r func(s *sig, in []operand) error) fn { f.result = r; return f }
func (f fn) code(b binder) fn                           { f.bind = b; return f }
func (f fn) seesNulls(doc string) fn                    { f.lazy, f.Nulls = true, doc; return f }

// canFail says what fails at run time, and for which calls (nil: for all).
func (f fn) canFail(doc string, when func(s *sig) bool) fn {
	if when == nil {
		when = func(*sig) bool { return true }
	}
	f.Errors, f.fails = doc, when
	return f
}

// gives is the rule of a function with one result type.
func (f fn) gives(t dtype.Type) fn {
	return f.rule(func(s *sig, in []operand) error { s.Out = t; return nil })
}

// param returns what argument i is checked against.
func (f *fn) param(i int) Param { return f.Params[min(i, len(f.Params)-1)] }

// apply types a call of f with the given arguments.
func (f *fn) apply(in []operand) (*sig, error) {
	least := len(f.Params)
	if len(in) < least || len(in) > least && !f.Variadic {
		return nil, fmt.Errorf("%d arguments, want %s", len(in), f)
	}
	s := &sig{In: make([]dtype.Type, len(in)), Args: in}
	for i, a := range in {
		p := f.param(i)
		t, ok := p.accept(a)
		if !ok {
			return nil, fmt.Errorf("argument %d (%s) is %s, want %s", i+1, p.Name, a.T, p.words())
		}
		if p.Const && (a.Lit == nil || a.Lit.Null) {
			return nil, fmt.Errorf("argument %d (%s) must be a constant", i+1, p.Name)
		}
		s.In[i] = t
		s.Null = s.Null || a.Null
	}
	if err := f.result(s, in); err != nil {
		return nil, err
	}
	return s, nil
}

func (p Param) words() string {
	switch p.Type {
	case "time":
		return "a date or timestamp"
	case "instant":
		return "a timestamp"
	case "moment":
		return "a date, timestamp or time of day"
	case "float64":
		return "a number"
	case "integer":
		return "an integer"
	case "amount":
		return "a number or duration"
	case "int64":
		return "an integer that fits int64"
	}
	return p.Type
}

// accept returns the type that an argument is converted to.
func (p Param) accept(a operand) (dtype.Type, bool) {
	k := a.T.Kind
	null := k == dtype.Null
	switch p.Type {
	case "number":
		return a.T, k.IsNumeric() || k == dtype.Decimal128 || null
	case "amount":
		return a.T, k.IsNumeric() || k == dtype.Decimal128 || k == dtype.Duration || null
	case "integer":
		return a.T, k.IsInt() || null
	case "float64":
		return dtype.Of(dtype.Float64), k.IsNumeric() || k == dtype.Decimal128 || null
	case "int64":
		return dtype.Of(dtype.Int64), k.IsInt() && k != dtype.Uint64 || null || isSmallUint(a)
	case "bool":
		return dtype.Of(dtype.Bool), k == dtype.Bool || null
	case "text":
		return dtype.Of(dtype.Utf8), k == dtype.Utf8 || null
	case "bytes":
		return a.T, k == dtype.Utf8 || k == dtype.Binary || null
	case "time":
		return a.T, k == dtype.Date || k == dtype.Timestamp || null
	case "instant":
		return a.T, k == dtype.Timestamp || null
	case "moment":
		return a.T, k == dtype.Date || k == dtype.Timestamp || k == dtype.Time || null
	case "duration":
		return a.T, k == dtype.Duration || null
	case "binary":
		return a.T, k == dtype.Binary || null
	case "list":
		return a.T, k == dtype.List || null
	case "struct":
		return a.T, k == dtype.Struct || null
	}
	return a.T, true
}

func isSmallUint(a operand) bool {
	return a.T.Kind == dtype.Uint64 && a.Lit != nil && !a.Lit.Null && a.Lit.I >= 0
}
