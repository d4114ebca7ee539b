package canon

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"
)

// form is how a type is written. Several Go kinds share a form.
type form uint8

const (
	formBool form = iota
	formInt
	formUint
	formFloat64
	formFloat32
	formString
	formBytes     // slice of a type of kind uint8
	formByteArray // array of a type of kind uint8
	formArray
	formStruct
	formSlice
	formPointer
	formSum
)

// plan says how values of one type are written. A plan is immutable once it is in the cache, and may contain itself.
type plan struct {
	t      reflect.Type
	form   form
	min    int     // fewest bytes a value has; at least 1 for the elements of slices and arrays
	elem   *plan   // of slice, array, pointer
	fields []field // of struct
}

type field struct {
	name string
	plan *plan
}

var (
	plans    sync.Map   // reflect.Type → *plan, complete plans only
	planMu   sync.Mutex // one builder at a time, so that recursive types are built once
	timeType = reflect.TypeFor[time.Time]()
)

// Check reports why values of type t cannot be encoded, or nil. Members of interfaces are not looked at: they were
// checked by Register.
func Check(t reflect.Type) error {
	_, err := planOf(t)
	return err
}

func planOf(t reflect.Type) (*plan, error) {
	if p, ok := plans.Load(t); ok {
		return p.(*plan), nil
	}
	if t == nil {
		return nil, errors.New("canon: no type")
	}
	planMu.Lock()
	defer planMu.Unlock()
	b := builder{}
	p, err := b.plan(t)
	if err != nil {
		return nil, fmt.Errorf("canon: %w", at(t.String(), err))
	}
	if err := b.measure(); err != nil {
		return nil, fmt.Errorf("canon: %w", err)
	}
	// Publish only when the whole tree is good: a plan in the cache is never half-built.
	for t, p := range b {
		plans.Store(t, p)
	}
	return p, nil
}

// builder holds the plans under construction; a type found in it again is recursive.
type builder map[reflect.Type]*plan

var scalarForms = map[reflect.Kind]form{
	reflect.Bool: formBool,
	reflect.Int:  formInt, reflect.Int8: formInt, reflect.Int16: formInt, reflect.Int32: formInt, reflect.Int64: formInt,
	reflect.Uint: formUint, reflect.Uint8: formUint, reflect.Uint16: formUint, reflect.Uint32: formUint, reflect.Uint64: formUint,
	reflect.Float64:   formFloat64,
	reflect.Float32:   formFloat32,
	reflect.String:    formString,
	reflect.Interface: formSum,
}

func (b builder) plan(t reflect.Type) (*plan, error) {
	if p, ok := plans.Load(t); ok {
		return p.(*plan), nil
	}
	if p, ok := b[t]; ok {
		return p, nil
	}
	p := &plan{t: t}
	b[t] = p
	if f, ok := scalarForms[t.Kind()]; ok {
		p.form = f
		return p, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		p.form = formPointer
		return p, b.elems(p, "*")
	case reflect.Slice:
		p.form = formSlice
		if t.Elem().Kind() == reflect.Uint8 {
			p.form = formBytes
		}
		return p, b.elems(p, "[]")
	case reflect.Array:
		p.form = formArray
		if t.Elem().Kind() == reflect.Uint8 {
			p.form = formByteArray
		}
		return p, b.elems(p, "[]")
	case reflect.Struct:
		p.form = formStruct
		return p, b.structFields(p)
	}
	return nil, fmt.Errorf("values of kind %s have no canonical bytes", t.Kind())
}

func (b builder) elems(p *plan, step string) error {
	elem, err := b.plan(p.t.Elem())
	p.elem = elem
	return at(step, err)
}

func (b builder) structFields(p *plan) error {
	if p.t == timeType {
		return errors.New("time.Time is not supported, use int64 nanoseconds")
	}
	for i := range p.t.NumField() {
		f := p.t.Field(i)
		// Leaving a field out would give unequal values equal bytes.
		if !f.IsExported() {
			return at("."+f.Name, errors.New("unexported fields have no canonical bytes"))
		}
		fp, err := b.plan(f.Type)
		if err != nil {
			return at("."+f.Name, err)
		}
		p.fields = append(p.fields, field{f.Name, fp})
	}
	return nil
}

// measure sets the minimum of every plan, which needs the whole tree: a struct may hold a slice of itself.
func (b builder) measure() error {
	for _, p := range b {
		p.min = p.fewest()
	}
	for _, p := range b {
		// Without bytes for each element, a length could not be checked against the bytes left.
		if (p.form == formSlice || p.form == formArray) && p.elem.min == 0 {
			return fmt.Errorf("%s: elements of type %s have no bytes", p.t, p.elem.t)
		}
	}
	return nil
}

// fewest ends, since a Go type contains itself only through the forms that are measured without their elements.
func (p *plan) fewest() int {
	switch p.form {
	case formBool, formPointer, formSum:
		return 1
	case formFloat32:
		return 4
	case formByteArray:
		return p.t.Len()
	case formArray:
		return satMul(p.t.Len(), p.elem.fewest())
	case formStruct:
		n := 0
		for _, f := range p.fields {
			n = satAdd(n, f.plan.fewest())
		}
		return n
	}
	return 8
}

// satAdd and satMul saturate, so that a type with absurd arrays is refused for lack of input and not by overflow.
func satAdd(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func satMul(a, b int) int {
	if b != 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}
