package expr

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/weft-data/weft/dtype"
)

// Infer types e against the columns of s: name, type and whether nulls may
// occur.
//
// Errors: a mistake made while building, an unknown column (with the nearest
// names), arguments that a function does not take (with the types and what it
// would take), nesting beyond MaxDepth.
func Infer(e Expr, s dtype.Schema) (dtype.Field, error) {
	if e.None() {
		return dtype.Field{}, errors.New("expr: no expression")
	}
	if err := e.Err(); err != nil {
		return dtype.Field{}, err
	}
	o, err := infer(e.N, s, 0)
	if err != nil {
		return dtype.Field{}, fmt.Errorf("expr: %w", err)
	}
	return dtype.Field{Name: e.OutName(), Type: o.T, Nullable: o.Null}, nil
}

// InferBool is Infer for predicates: the type must be bool.
func InferBool(e Expr, s dtype.Schema) error {
	f, err := Infer(e, s)
	if err == nil && f.Type != tBool && f.Type != tNull {
		return fmt.Errorf("expr: %s is %s, want a predicate (bool)", brief(e.N), f.Type)
	}
	return err
}

func infer(n Node, s dtype.Schema, depth int) (operand, error) {
	if depth >= MaxDepth {
		return operand{}, fmt.Errorf("nested more than %d deep", MaxDepth)
	}
	all := func(ns []Node) ([]operand, error) {
		out := make([]operand, len(ns))
		for i, k := range ns {
			var err error
			if out[i], err = infer(k, s, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch n := n.(type) {
	case Column:
		return inferColumn(n, s)
	case Literal:
		return inferLit(n)
	case Bad:
		return operand{}, errors.New(n.Err)
	case nil:
		return operand{}, errors.New("a node is missing")
	case When:
		if len(n.If) != len(n.Then) || len(n.If) == 0 {
			return operand{}, fmt.Errorf("case has %d conditions and %d values", len(n.If), len(n.Then))
		}
	}
	in, err := all(kids(n))
	if err != nil {
		return operand{}, err
	}
	t, err := typeOf(n, in)
	if err != nil {
		return operand{}, err
	}
	return t.result(n), nil
}

// result is what is known of a call: also its value, if all arguments are
// constant. Typing treats computed constants like written ones, so that computing
// them early changes no type.
func (s *sig) result(n Node) operand {
	if l, ok := s.evaluate(n); ok {
		return operand{T: s.Out, Null: l.Null, Lit: &l}
	}
	return operand{T: s.Out, Null: s.Null}
}

// typeOf types one inner node whose children are typed.
func typeOf(n Node, in []operand) (*sig, error) {
	var s *sig
	var err error
	switch n := n.(type) {
	case Func:
		f := lookup(n.Fn)
		if f == nil {
			return nil, fmt.Errorf("unknown function %q%s", n.Fn, nearestFunction(n.Fn))
		}
		s, err = f.apply(in)
	case Cast:
		s, err = castRule(n, in[0])
	case When:
		s, err = whenRule(in)
	case Member:
		s, err = memberRule(n, in[0])
	default:
		return nil, fmt.Errorf("%T is no expression", n)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", brief(n), err)
	}
	return s, nil
}

// brief is the text of n, shortened for messages.
func brief(n Node) string {
	t := []rune(Expr{N: n}.String())
	if len(t) > 120 {
		return string(t[:117]) + "..."
	}
	return string(t)
}

func nearestFunction(name string) string {
	var s dtype.Schema
	for _, f := range Functions() {
		s = append(s, dtype.Field{Name: f.Name})
	}
	_, err := s.Find(name)
	if err == nil {
		return ""
	}
	if _, tail, ok := strings.Cut(err.Error(), "; nearest: "); ok {
		return "; nearest: " + tail
	}
	return "; see expr.Functions"
}

func inferColumn(c Column, s dtype.Schema) (operand, error) {
	i, err := s.Find(c.Name)
	if err != nil {
		return operand{}, err
	}
	return fieldOperand(s[i]), nil
}

func fieldOperand(f dtype.Field) operand {
	return operand{T: f.Type, Null: f.Nullable || f.Type.Kind == dtype.Null}
}

func inferLit(l Literal) (operand, error) {
	if err := checkLit(l); err != nil {
		return operand{}, fmt.Errorf("constant: %w", err)
	}
	return operand{T: l.Type, Null: l.Null, Lit: &l}, nil
}

// checkType refuses types that no column can have.
func checkType(t dtype.Type) error {
	if err := t.Check(); err != nil {
		return err
	}
	if t.Kind == dtype.Timestamp {
		_, err := Location(t.Zone)
		return err
	}
	for _, f := range t.Fields() {
		if err := checkType(f.Type); err != nil {
			return fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	if t.Kind == dtype.List {
		return checkType(t.Elem())
	}
	return nil
}

// checkLit holds literals to their documented form.
func checkLit(l Literal) error {
	if err := checkType(l.Type); err != nil {
		return err
	}
	k := l.Type.Kind
	zero := Literal{Type: l.Type, Null: l.Null}
	switch {
	case l.Null || k == dtype.Null:
		zero.Null = true
	case k == dtype.Decimal128:
		zero.S = l.S
		if x, err := parseDecimal([]byte(l.S), int(l.Type.Scale)); err != nil || x.abs().cmp(pow10(int(l.Type.Precision))) >= 0 || decimalText(x, l.Type) != l.S {
			return fmt.Errorf("%q is not a %s with all its digits", l.S, l.Type)
		}
	case k.IsNested():
		return fmt.Errorf("a %s is no constant", k)
	case k.IsVar():
		zero.S = l.S
	case k.IsFloat():
		zero.F = l.F
		if k == dtype.Float32 && float64(float32(l.F)) != l.F && l.F == l.F {
			return fmt.Errorf("%v is not a float32", l.F)
		}
	default:
		zero.I = l.I
		if lo, hi := intRange(k); l.I < lo || l.I > hi {
			return fmt.Errorf("%d is not a %s", l.I, k)
		}
		if k == dtype.Time && (l.I < 0 || l.I >= secondsPerDay*l.Type.Unit.PerSecond()) {
			return fmt.Errorf("%d %s is not a time of day", l.I, l.Type.Unit)
		}
	}
	if zero.Null != l.Null || zero.I != l.I || zero.S != l.S || math.Float64bits(zero.F) != math.Float64bits(l.F) {
		return fmt.Errorf("a %s literal with a value of another type", l.Type)
	}
	return nil
}

// intRange bounds what a kind keeps in Literal.I; uint64 uses all bits.
func intRange(k dtype.Kind) (lo, hi int64) {
	switch k {
	case dtype.Bool:
		return 0, 1
	case dtype.Int8:
		return math.MinInt8, math.MaxInt8
	case dtype.Int16:
		return math.MinInt16, math.MaxInt16
	case dtype.Int32, dtype.Date:
		return math.MinInt32, math.MaxInt32
	case dtype.Uint8:
		return 0, math.MaxUint8
	case dtype.Uint16:
		return 0, math.MaxUint16
	case dtype.Uint32:
		return 0, math.MaxUint32
	}
	return math.MinInt64, math.MaxInt64
}

// places are the zones that were found by name: reading one takes tens of microseconds, and there are some hundreds.
var places sync.Map // string → *time.Location

// Location finds a time zone by its name, or by its hours and minutes east of UTC, as in "+02:00"; "" is UTC.
func Location(zone string) (*time.Location, error) {
	if at, err := time.Parse("-07:00", zone); err == nil && len(zone) == len("-07:00") {
		_, east := at.Zone()
		return time.FixedZone(zone, east), nil
	}
	if zone == "" || zone == "UTC" {
		return time.UTC, nil
	}
	if zone == "Local" {
		return nil, errors.New(`zone "Local" means another place on every machine; name it`)
	}
	if l, ok := places.Load(zone); ok {
		return l.(*time.Location), nil
	}
	l, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q", zone)
	}
	places.Store(zone, l)
	return l, nil
}

func whenRule(in []operand) (*sig, error) {
	s := &sig{In: make([]dtype.Type, len(in)), Args: in}
	var values []operand
	for i, a := range in {
		if i%2 == 1 || i == len(in)-1 {
			values = append(values, a)
			s.Null = s.Null || a.Null
			continue
		}
		if a.T != tBool && a.T != tNull {
			return nil, fmt.Errorf("condition %d is %s, want bool", i/2+1, a.T)
		}
		s.In[i] = tBool
	}
	t, err := unify(values)
	if err != nil {
		return nil, err
	}
	for i := range in {
		if i%2 == 1 || i == len(in)-1 {
			s.In[i] = t
		}
	}
	s.Out, s.Null = t, s.Null || len(in)%2 == 0
	return s, nil
}

func memberRule(m Member, x operand) (*sig, error) {
	for _, l := range m.In {
		o, err := inferLit(l)
		if err == nil {
			_, err = cmpType(x, o)
		}
		if err != nil {
			return nil, err
		}
	}
	return &sig{In: []dtype.Type{x.T}, Out: tBool, Null: x.Null, Args: []operand{x}}, nil
}
